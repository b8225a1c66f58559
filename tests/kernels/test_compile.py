"""Machine code on disk is never stale, a damaged file of it is made anew, and loops are vectorised."""

import gc
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import textwrap
import venv
from pathlib import Path

import llvmlite.binding as llvm
import numba
import numpy as np
import pytest

from focalboost._kernels import sigmoid, softmax, softmax_precise
from focalboost._kernels.compile import FAST_MATH, kernel, source_digest
from focalboost._kernels.interface import Parameters, kernel_bounds, kernel_table
from tests.structure import PACKAGE

GRADIENT = (
    "from focalboost import BinaryFocalLoss\n"
    "print(BinaryFocalLoss(2.0, n_jobs=1).gradient_hessian([1.0], [0.5])[0][0])"
)


FORMULA = "return weight * core, "


def without_numba():
    """The environment without what the tests tell Numba."""
    return {name: value for name, value in os.environ.items() if not name.startswith("NUMBA")}


def run(code, folder, **environment):
    """In a process of its own, with the package of that folder and no cache but its own."""
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, check=False, cwd=folder,
        env={**without_numba(), "PYTHONPATH": str(folder), **environment},
    )  # fmt: skip


def call(command, folder):
    result = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, env=without_numba()
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def replace(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.fixture
def copy(tmp_path):
    """The package beside its own cache."""
    shutil.copytree(PACKAGE, tmp_path / "focalboost", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def cached(folder, ending):
    return sorted(
        (folder / "focalboost" / "_kernels" / "__pycache__").glob(f"sigmoid.sigmoid_hard*.{ending}")
    )


def test_a_changed_formula_gives_changed_numbers(copy):
    """The formula stands in another file than the kernel, whose own file stays as it is."""
    before = float(run(GRADIENT, copy).stdout)
    assert cached(copy, "nbc")
    formulas = copy / "focalboost" / "_kernels" / "formulas.py"
    replace(formulas, FORMULA, FORMULA.replace("core", "(core + core)"))
    assert float(run(GRADIENT, copy).stdout) == pytest.approx(2 * before, rel=1e-6)


def test_an_installed_upgrade_gives_the_new_numbers(tmp_path):
    """Two versions, built as wheels and installed one over the other with pip."""
    pytest.importorskip("hatchling")
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    site = Path(sysconfig.get_path("purelib", vars={"base": str(tmp_path / "venv")}))
    # NumPy, Numba and the rest are those of this environment.
    site.joinpath("libraries.pth").write_text(sysconfig.get_path("purelib"))
    found = []
    for version, core in (("0.1.0", "core"), ("0.1.1", "(core + core)")):
        source = tmp_path / version
        shutil.copytree(PACKAGE, source / "focalboost", ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(PACKAGE.parent / name, source)
        replace(source / "pyproject.toml", 'version = "0.1.0"', f'version = "{version}"')
        replace(source / "focalboost" / "_kernels" / "formulas.py", FORMULA, FORMULA.replace("core", core))
        build = "from hatchling.build import build_wheel; print(build_wheel('.'))"
        built = call([sys.executable, "-c", build], source)
        pip = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check"]
        call([*pip, "install", "--quiet", "--no-deps", "--no-index", built.split()[-1]], source)
        code = f"import focalboost; assert focalboost.__version__ == {version!r}\n{GRADIENT}"
        found.append(float(call([str(python), "-c", code], tmp_path)))
    assert found[1] == pytest.approx(2 * found[0], rel=1e-6)


@pytest.mark.parametrize("ending", ["nbi", "nbc"])
@pytest.mark.parametrize("content", ["", "half", "text"])
def test_a_damaged_file_of_the_cache_is_made_anew(copy, ending, content):
    expected = run(GRADIENT, copy).stdout
    for path in cached(copy, ending):
        whole = path.read_bytes()
        path.write_bytes({"": b"", "half": whole[: len(whole) // 2], "text": b"no pickle"}[content])
    result = run(GRADIENT, copy)
    assert result.stdout == expected
    assert result.stderr.startswith("the cached machine code of sigmoid_hard in ")
    assert "delete that folder" in result.stderr
    again = run(GRADIENT, copy)
    assert (again.stdout, again.stderr) == (expected, "")


@pytest.mark.parametrize("ending", ["nbi", "nbc"])
def test_a_damaged_file_that_cannot_be_removed_is_only_slower(copy, ending):
    expected = run(GRADIENT, copy).stdout
    for path in cached(copy, ending):
        path.unlink()
        path.mkdir()
        (path / "in the way").touch()
    result = run(GRADIENT, copy)
    assert (result.returncode, result.stdout) == (0, expected)


def test_a_cache_that_cannot_be_written_any_more_is_only_slower(copy):
    """A full disk: Numba's own caching lets the call fail."""
    code = (
        "import numba.core.caching as caching\n"
        "def refuse(*arguments):\n"
        "    raise OSError(28, 'No space left on device')\n"
        "caching.IndexDataCacheFile._save_data = refuse\n"
    )
    result = run(code + GRADIENT, copy)
    assert result.stderr == ""
    assert not cached(copy, "nbc")
    assert result.stdout == run(GRADIENT, copy).stdout


# Weights or none, both dtypes of margins: one kernel, four tuples of argument types.
SIGNATURES = """
import json, sys
import numpy as np
from focalboost import BinaryFocalLoss
found = []
for case in map(int, sys.argv[1]):
    raw = np.linspace(-2, 2, 6).astype([np.float32, np.float64][case % 2])
    weight = [None, np.arange(1.0, 7.0)][case // 2 % 2]
    loss = BinaryFocalLoss(2.0, n_jobs=1)
    pair = loss.gradient_hessian(np.arange(6) % 2, raw, weight)
    found.append([array.tolist() for array in pair])
print(json.dumps(found))
"""


def start(code, folder, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder,
        env={**without_numba(), "PYTHONPATH": str(folder)},
    )  # fmt: skip


def finished(processes):
    results = [process.communicate(timeout=240) for process in processes]
    for process, (_, errors) in zip(processes, results, strict=True):
        assert (process.returncode, errors) == (0, "")
    return [json.loads(output) for output, _ in results]


def test_processes_that_compile_at_once_get_and_leave_the_right_code(copy):
    """Four processes on an empty cache, each with the calls in another order; then one that reads it all."""
    orders = ["0123", "3210", "2031", "1302"]
    without_compiler = "import os; os.environ['NUMBA_DISABLE_JIT'] = '1'\n"
    plain = finished([start(without_compiler + SIGNATURES, copy, orders[0])])
    at_once = finished([start(SIGNATURES, copy, order) for order in orders])
    after = finished([start(SIGNATURES, copy, orders[0])])
    for order, found in zip([*orders, orders[0]], [*at_once, *after], strict=True):
        for case, arrays in zip(map(int, order), found, strict=True):
            for array, expected in zip(arrays, plain[0][case], strict=True):
                np.testing.assert_allclose(array, expected, rtol=2e-6, atol=1e-7)


# Two processes whose writing is interleaved as badly as can be: both have read an empty index before the
# first writes it, and the first writes its machine code last.
INTERLEAVED = """
import sys, time
from pathlib import Path
import numba.core.caching as caching
role, files = sys.argv[2], caching.IndexDataCacheFile
save_index, save_data = files._save_index, files._save_data
def step(name, after):
    deadline = time.monotonic() + 120
    while after is not None and not Path(after).exists():
        assert time.monotonic() < deadline, f"{role} waits for {after}"
        time.sleep(0.01)
    yield
    Path(name).touch()
def in_step(function, name, after):
    def wrapped(self, *arguments):
        if "sigmoid_hard" not in self._index_name:
            return function(self, *arguments)
        for _ in step(name, after):
            return_value = function(self, *arguments)
        return return_value
    return wrapped
def index(self, overloads):
    if "sigmoid_hard" in self._index_name:
        Path(f"{role} has read").touch()
        for _ in step(f"{role} has met", {"first": "second has read", "second": "first has read"}[role]):
            pass
    after = {"first": None, "second": "first index"}[role]
    return in_step(save_index, f"{role} index", after)(self, overloads)
files._save_index = index
files._save_data = in_step(save_data, f"{role} data", {"first": "second data", "second": None}[role])
"""


def test_writing_that_is_interleaved_gives_no_call_the_code_of_another(copy):
    without, with_weights = "0", "2"
    finished([
        start(INTERLEAVED + SIGNATURES, copy, case, role)
        for case, role in ((without, "first"), (with_weights, "second"))
    ])  # fmt: skip
    ((gradient, *_), (weighted, *_)) = finished([start(SIGNATURES, copy, without + with_weights)])[0]
    np.testing.assert_allclose(weighted, np.multiply(gradient, np.arange(1.0, 7.0)), rtol=1e-6)
    assert len(cached(copy, "nbi")) == 2


def test_without_the_compiler_the_numbers_are_the_same(tmp_path):
    """NUMBA_DISABLE_JIT=1: for debugging; plain Python rounds each operation, compiled code fuses some."""
    code = """
import llvmlite.binding as llvm
import numba
import numpy as np
from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss
rng = np.random.default_rng(0)
raw, found = rng.normal(0, 5, (40, 3)), []
for loss, y in [
    (BinaryFocalLoss(1.5, 0.25), rng.integers(0, 2, 40)),
    (BinaryFocalLoss((2.0, 0.5)), rng.random(40)),
    (MultilabelFocalLoss(2.0), rng.integers(0, 2, (40, 3))),
    (MulticlassFocalLoss((2.0, 0.5, 1.0), (1.0, 2.0, 0.5)), rng.integers(0, 3, 40)),
]:
    loss = loss.for_labels(y)
    x = raw[:, 0] if isinstance(loss, BinaryFocalLoss) else raw
    for margins in (x, x.astype(np.float32)):
        found += [*loss.gradient_hessian(y, margins), loss.loss(y, margins), loss.posterior(margins)]
np.savez(PATH, *found)
"""
    for name, environment in (("jit", {}), ("plain", {"NUMBA_DISABLE_JIT": "1"})):
        path = tmp_path / f"{name}.npz"
        script = code.replace("PATH", repr(str(path)))
        result = run(
            "import warnings; warnings.simplefilter('error')\n" + script, PACKAGE.parent, **environment
        )
        assert result.returncode == 0, result.stderr
    with np.load(tmp_path / "jit.npz") as jit, np.load(tmp_path / "plain.npz") as plain:
        assert len(jit.files) == 32
        for name in jit.files:
            # Of a soft label's gradient two sides cancel.
            np.testing.assert_allclose(jit[name], plain[name], rtol=2e-6, atol=1e-7)


def test_the_digest_is_in_the_name_of_every_cached_kernel():
    kernel = sigmoid.sigmoid_hard
    assert kernel.py_func.__qualname__ == f"sigmoid_hard_{source_digest()}"
    assert Path(kernel.stats.cache_path).exists()


def test_kernels_compile_where_no_cache_can_be_written():
    """A read-only installation in an account without a home: no cache, but no failure."""
    code = (
        "import numba.core.caching as caching\n"
        "def refuse(self):\n"
        "    raise OSError('read-only file system')\n"
        "caching._CacheLocator.ensure_cache_path = refuse\n"
        "from focalboost import BinaryFocalLoss\n"
        "print(BinaryFocalLoss(0.0).gradient_hessian([0, 1], [0.0, 0.0])[0].tolist())"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "[0.5, -0.5]"


def test_the_loops_are_vectorised():
    """A loop that falls back to one row at a time costs ten times as much and nothing else would show it."""
    n = 64
    x, y = np.zeros(n, np.float32), np.zeros(n, np.float32)
    out = np.zeros(n, np.float32), np.zeros(n, np.float32)
    table = kernel_table(np.array([2.0, 2.0]), np.array([1.0, 1.0]))
    z = np.zeros((n, 2), np.float32)
    bounds, one = kernel_bounds("guarded", np.ones(1)), np.float32(1)
    calls = {
        sigmoid.sigmoid_hard: (x, y, None, table, bounds, *out),
        sigmoid.sigmoid_soft: (x, y, None, table, bounds, one, *out),
        softmax.softmax_hard: (z, y, None, table, bounds, one, z.copy(), z.copy()),
        sigmoid.sigmoid_interleaved: (x, y, y, table[None], bounds, *out),
    }
    wide = Parameters(np.array([2.0, 2.0]), np.array([1.0, 1.0])).precise_table
    x, wide_z = x.astype(np.float64), z.astype(np.float64)
    in_float64 = {
        sigmoid.sigmoid_hard: (x, y, None, wide, bounds, *out),
        sigmoid.sigmoid_soft: (x, y, None, wide, bounds, one, *out),
        softmax_precise.softmax_precise: (wide_z, y, None, wide, bounds, 1.0, z.copy(), z.copy()),
    }

    features = llvm.get_host_cpu_features()
    if not features.get("avx2"):
        pytest.skip("the register names below are those of AVX2")
    for compiled, arguments in [*calls.items(), *in_float64.items()]:
        # Numba does not show the machine code of a kernel that came from its cache: compile it anew.
        fresh = numba.njit(error_model="numpy", fastmath=FAST_MATH, nogil=True)(compiled.py_func)
        fresh(*arguments)
        for assembly in fresh.inspect_asm().values():
            wide = [line for line in assembly.splitlines() if "ymm" in line or "zmm" in line]
            packed = [line for line in wide if re.search(r"mulp[sd]|fmadd\w*p[sd]", line)]
            assert len(packed) > 20


@pytest.mark.parametrize("was_on", [True, False])
def test_the_collector_is_off_while_a_kernel_compiles_and_then_as_it_was(was_on):
    seen = []

    def function(x):
        return x + 1

    compiled = kernel(function)
    inner = compiled._cache.load_overload
    compiled._cache.load_overload = lambda *types: seen.append(gc.isenabled()) or inner(*types)
    (gc.enable if was_on else gc.disable)()
    try:
        assert compiled(1.0) == 2.0
        assert seen == [False]
        assert gc.isenabled() is was_on
        with pytest.raises(TypeError, match="missing"):
            compiled.compile()
        assert gc.isenabled() is was_on
    finally:
        gc.enable()


def test_a_first_gradient_compiles_one_kernel_and_loads_no_more_than_it_needs():
    """Of a booster on the CPU; labels are resolved without machine code."""
    pytest.importorskip("xgboost")
    code = """
        import sys
        import numpy as np
        import xgboost as xgb
        from focalboost import BinaryFocalLoss
        from focalboost._kernels import rows, sigmoid
        from focalboost.xgboost import train
        X, y = np.arange(100.0)[:, None], np.arange(100) >= 90
        loss = BinaryFocalLoss(2.0).for_labels(y)
        compiled = lambda: [
            name for name, kernel in vars(sigmoid).items() if getattr(kernel, "signatures", None)
        ]
        assert compiled() == [], compiled()
        found = []
        objective = lambda margins, data: found.append(compiled()) or loss(margins, data)
        xgb.train({"nthread": 1}, xgb.DMatrix(X, y), 2, obj=objective, callbacks=[loss.start()])
        assert found == [[], ["sigmoid_hard"]], found
        assert len(sigmoid.sigmoid_hard.signatures) == 1
        for name in ("focalboost._kernels.cuda", "numba.cuda"):
            assert name not in sys.modules, name
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


def test_a_call_compiles_the_functions_of_its_own_precision():
    code = """
        import tempfile, numba
        from numba.core import event
        numba.config.CACHE_DIR = tempfile.mkdtemp()
        import numpy as np
        from focalboost import BinaryFocalLoss
        single, double = "fast_terms", "precise_terms"
        for dtype, wanted, other in (("f4", single, double), ("f8", double, single)):
            with event.install_recorder("numba:compile") as recorder:
                BinaryFocalLoss(2.0).gradient_hessian([0.0, 1.0], np.zeros(2, dtype))
            names = {found.data["dispatcher"].py_func.__name__ for _, found in recorder.buffer}
            assert wanted in names, names
            assert other not in names, names
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True, text=True, check=False, env=without_numba(),
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
