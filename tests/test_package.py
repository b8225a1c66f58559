"""What importing costs, what is public and by which name, and what missing extras say."""

import inspect
import pickle
import pydoc
import re
import shutil
import subprocess
import sys
import threading
import tomllib
from pathlib import Path

import pytest

import focalboost

PACKAGE = Path(focalboost.__file__).parent


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_import_loads_no_booster_and_no_extra():
    extras = ["xgboost", "lightgbm", "optuna", "dask", "cupy", "matplotlib", "pandas", "numba.cuda", "cuda"]
    code = f"import sys, focalboost; print([m for m in {extras!r} if m in sys.modules])"
    result = run(code)
    assert result.stdout.strip() == "[]", result.stderr


# The training stack is missing: any import of it is an error.
WITHOUT = '''
import sys
REFUSED = {"numba", "llvmlite", "scipy", "sklearn", "joblib", "xgboost", "lightgbm"}
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in REFUSED:
            raise ImportError(name)
sys.meta_path.insert(0, Refuse())
RECORD = """{"format": 1, "loss": "BinaryFocalLoss", "gamma": 2.0, "alpha": 0.25, "hessian": "guarded",
"sampling_rate": 0.5, "scale": 1.0, "intercept": null, "balanced": false, "logit_shift": null,
"label_smoothing": 0.0}"""
'''
SERVED = {
    "binary": """
from focalboost.calibration import binary_margin, binary_posterior
margin = binary_margin(0.2, gamma=2.0, sampling_rate=0.5)
print(binary_posterior(margin, gamma=2.0, sampling_rate=0.5).round(9))""",
    "multiclass": """
from focalboost.calibration import multiclass_margin, multiclass_posterior
print(multiclass_posterior(multiclass_margin([0.1, 0.7, 0.2], gamma=2.0), gamma=2.0).round(9)[2])""",
    "record": """
from focalboost.calibration import served_loss
print((served_loss(RECORD).posterior([0.0]) / 3).round(9)[0])""",
    "posterior": """
from focalboost import posterior
print((posterior([0.0], gamma=2.0, alpha=0.2) / 4).round(9)[0])""",
    "loss": """
from focalboost import BinaryFocalLoss
loss = BinaryFocalLoss.from_json(BinaryFocalLoss(2.0, 0.2).to_json())
print(loss.posterior(loss.margin([0.2])).round(9)[0])""",
    "version": """
import focalboost
print(0.2 if focalboost.__version__[0].isdigit() else focalboost.__version__)""",
}


@pytest.mark.parametrize("what", SERVED)
def test_probabilities_need_numpy_only(what):
    result = run(WITHOUT + SERVED[what])
    assert result.stdout.strip() == "0.2", result.stderr


def test_numba_is_imported_by_what_computes():
    code = (
        "import sys; from focalboost import BinaryFocalLoss; before = 'numba' in sys.modules\n"
        "BinaryFocalLoss().gradient_hessian([0, 1], [0.0, 0.0]); print(before, 'numba' in sys.modules)"
    )
    assert run(code).stdout.strip() == "False True"


@pytest.mark.parametrize("call", ["loss.start()", "__import__('focalboost.xgboost')"])
def test_a_missing_booster_names_the_extra(call):
    code = (
        "import sys; sys.modules['xgboost'] = None\n"
        "from focalboost import BinaryFocalLoss\n"
        "loss = BinaryFocalLoss().for_labels([0, 1, 1])\n"
        f"{call}"
    )
    result = run(code)
    assert "needs XGBoost: pip install 'focalboost[xgboost]'" in result.stderr


def test_old_versions_are_refused():
    from focalboost._boosters.call import check_version

    with pytest.raises(RuntimeError, match=r"xgboost.__version__ == '3.0.5', must be >= 3.1.1: pip install"):
        check_version("xgboost", "3.0.5")
    with pytest.raises(RuntimeError, match=r"xgboost.__version__ == '3.1.0', must be >= 3.1.1"):
        check_version("xgboost", "3.1.0")
    with pytest.raises(RuntimeError, match=r"lightgbm.__version__ == '4.5.0', must be >= 4.6"):
        check_version("lightgbm", "4.5.0")
    check_version("xgboost", "3.4.1")
    for version in ("3.1.1", "4.0.0rc1", "3.2.0+cu12", "4.0"):
        check_version("xgboost", version)


def test_the_package_is_typed_and_has_a_version():
    assert (PACKAGE / "py.typed").exists()
    assert focalboost.__version__[0].isdigit()
    assert set(focalboost.__all__) <= set(dir(focalboost))


# Run from a tree that nobody installed, as on a machine to which only the tree was copied.
BARE = """
import importlib.metadata, sys
def version(name, find=importlib.metadata.version):
    if name == "focalboost":
        raise importlib.metadata.PackageNotFoundError(name)
    return find(name)
importlib.metadata.version = version
import focalboost
"""


@pytest.mark.parametrize(
    "code",
    [
        "print(focalboost.__version__)",
        "from focalboost.comparison._result import versions; print(versions('xgboost')['focalboost'])",
        (
            "from typer.testing import CliRunner; from focalboost.command import _app\n"
            "print(CliRunner().invoke(_app.app, ['--version']).stdout.splitlines()[0].split()[1])"
        ),
    ],
)
def test_a_tree_that_is_not_installed_has_the_version_of_its_project_file(code):
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())["project"]
    result = run(BARE + code)
    assert result.stdout.strip() == project["version"], result.stderr


@pytest.mark.parametrize("other", [None, "[tool.other]\n", '[project]\nname = "scoring"\nversion = "3.1"\n'])
def test_a_package_without_its_tree_has_no_version_that_could_be_wrong(other, tmp_path):
    (tmp_path / "focalboost").mkdir()
    shutil.copy(PACKAGE / "__init__.py", tmp_path / "focalboost")
    if other is not None:
        (tmp_path / "pyproject.toml").write_text(other)
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{BARE}\nprint(focalboost.__version__)"
    assert run(code).stdout.strip() == "0+unknown"


def test_submodules_are_loaded_when_asked_for():
    code = (
        "import sys, focalboost\n"
        "before = [m for m in ('focalboost.metrics', 'focalboost.tuning', 'xgboost') if m in sys.modules]\n"
        "print(before, focalboost.metrics.expected_cost.__name__, focalboost.tuning.class_weights([0, 1], 0))"
    )
    result = run(code)
    assert result.stdout.strip() == "[] expected_cost (1.0, 1.0)", result.stderr


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"module 'focalboost' has no attribute 'metric'"):
        _ = focalboost.metric


# Threads change places after each microsecond, so that one sees what another has half imported.
THREADS = """
import sys, threading
import focalboost
sys.setswitchinterval(1e-6)
names = ["posterior", "calibration", "BinaryFocalLoss", "__version__", "metrics", "losses", "datasets"] * 2
uses = {
    "posterior": lambda function: function([0.0], gamma=2.0),
    "calibration": lambda module: module.binary_posterior(0.0, gamma=2.0),
}
faults, all_there = [], threading.Barrier(len(names))
def first_use(name):
    try:
        all_there.wait()
        uses.get(name, repr)(getattr(focalboost, name))
    except BaseException as error:
        faults.append(f"{name}: {type(error).__name__}: {error}")
threads = [threading.Thread(target=first_use, args=(name,)) for name in names]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join(60)
print(faults, sum(thread.is_alive() for thread in threads))
"""


def test_threads_may_ask_for_all_of_it_at_once():
    for _ in range(2):
        result = run(THREADS)
        assert result.stdout.strip() == "[] 0", result.stdout + result.stderr


def test_one_thread_imports_at_a_time(monkeypatch):
    """While a name is being loaded a second thread waits, and the first may ask again."""
    asked, go_on, loaded = threading.Event(), threading.Event(), focalboost._loaded

    def slow(name):
        if name == "metrics":
            asked.set()
            assert go_on.wait(60)
            focalboost.__getattr__("losses")
        return loaded(name)

    monkeypatch.setattr(focalboost, "_loaded", slow)
    found = []
    first = threading.Thread(target=lambda: found.append(focalboost.__getattr__("metrics")))
    second = threading.Thread(target=lambda: found.append(focalboost.__getattr__("datasets")))
    first.start()
    assert asked.wait(60)
    second.start()
    second.join(0.1)
    assert second.is_alive()
    go_on.set()
    first.join(60)
    second.join(60)
    assert [module.__name__ for module in found] == ["focalboost.metrics", "focalboost.datasets"]


def test_every_public_wing_can_be_asked_for():
    public = {path.parent.name for path in PACKAGE.glob("[a-z]*/__init__.py")} - {"command"}
    assert set(focalboost._SUBMODULES) == public
    assert public <= set(dir(focalboost))
    for name in ("plotting", "calibration"):
        assert getattr(focalboost, name).__name__ == f"focalboost.{name}"


def test_help_begins_with_what_is_public():
    """pydoc prints the docstring, then the modules of the folder, private ones among them."""
    top = pydoc.render_doc(focalboost, renderer=pydoc.plaintext).partition("PACKAGE CONTENTS")[0]
    assert len(top.splitlines()) < 50
    assert not re.findall(r"\b_[a-z]+", top)
    split = [line.split(maxsplit=1) for line in top.splitlines()]
    listed = dict(pair for pair in split if len(pair) == 2)
    assert set(focalboost.__all__) <= set(listed)
    for name in focalboost._SUBMODULES:
        assert f"focalboost.{name}" in listed
    # These lines begin with names of things.
    for name in ("xgboost", "lightgbm", "tuning", "comparison", "datasets"):
        module = pytest.importorskip(f"focalboost.{name}", exc_type=ImportError)
        assert re.match(r"\w+", listed[f"focalboost.{name}"]).group() in module.__all__


def test_a_type_checker_knows_the_names_and_no_others(tmp_path, monkeypatch):
    mypy = pytest.importorskip("mypy.api")
    path = tmp_path / "use.py"
    path.write_text(
        "import focalboost\n"
        "reveal_type(focalboost.calibration.served_loss)\n"
        "reveal_type(focalboost.plotting)\n"
        "focalboost.nope\n"
    )
    options = ["--follow-imports=silent", "--ignore-missing-imports", "--no-site-packages"]
    monkeypatch.setenv("MYPYPATH", str(PACKAGE.parent))
    out, _, _ = mypy.run([str(path), "--cache-dir", str(tmp_path), *options])
    assert "-> focalboost.calibration._served.ServedLoss" in out
    assert 'Revealed type is "types.ModuleType"' in out
    assert out.count("error:") == 1
    assert 'Module has no attribute "nope"' in out


WINGS = ("calibration", "datasets", "lightgbm", "losses", "metrics", "tuning", "xgboost")


@pytest.mark.parametrize("name", WINGS)
def test_public_things_are_named_by_their_public_path(name):
    pytest.importorskip("xgboost")
    pytest.importorskip("lightgbm")
    module = getattr(focalboost, name)
    assert module.__all__ == sorted(module.__all__)
    where = "focalboost" if name == "losses" else f"focalboost.{name}"
    for item in module.__all__:
        thing = getattr(module, item)
        assert thing.__module__ == where
        assert inspect.getdoc(thing)
        # A pickle holds the path, and no file that may move.
        assert pickle.loads(pickle.dumps(thing)) is thing
        assert b"._" not in pickle.dumps(thing)


def test_public_docstrings_are_complete():
    """numpydoc: parameters and what is returned or raised, and an example that runs for each class."""
    for name in WINGS:
        module = getattr(focalboost, name)
        for item in module.__all__:
            thing = getattr(module, item)
            text = inspect.getdoc(thing) or ""
            assert "Parameters\n----------" in text, f"{name}.{item}"
            if inspect.isclass(thing):
                assert "Examples\n--------" in text, f"{name}.{item}"
            else:
                assert "Returns\n-------" in text or "Raises\n------" in text, f"{name}.{item}"
