"""Imports point one way, by wing; no file is unlisted, no circle is left."""

from collections import Counter

import pytest

from tests.structure import PACKAGE, WINGS, arrows, arrows_up, circles, floors, modules, wing

GRAPH = arrows(PACKAGE)


def test_every_file_belongs_to_a_listed_wing():
    assert {wing(name) for name in modules(PACKAGE)} <= set(WINGS)
    assert len(WINGS) <= 19


def test_no_arrow_points_up():
    assert arrows_up(GRAPH) == []


def test_no_circle_is_left():
    assert circles(GRAPH) == []
    assert max(floors(GRAPH).values()) > 1


def test_private_modules_of_a_public_wing_stay_inside_it():
    """But for the few that a wing above is made of."""
    known = {
        # The loss as a type, and read from a model, also by a classifier, which has keys of its own there.
        *("calibration._record", "calibration._schema", "losses._base", "losses._record"),
        # The folds of tuning train as the classifiers do.
        *("xgboost._model", "lightgbm._model", "lightgbm._training"),
    }
    public = {
        "calibration",
        "comparison",
        "datasets",
        "losses",
        "metrics",
        "onnx",
        "plotting",
        "tuning",
        "xgboost",
        "lightgbm",
    }
    reached = {
        target
        for name, targets in GRAPH.items()
        for target in targets
        if wing(target) in public
        and "._" in target
        and wing(name) != wing(target)
        # The command is a thin face over the comparison, made of its parts.
        and (wing(name), wing(target)) != ("command", "comparison")
    }
    assert reached <= known


def test_no_file_is_crowded():
    lines = {name: len(path.read_text().splitlines()) for name, path in modules(PACKAGE).items()}
    crowded = {name for name, size in lines.items() if size > 450}
    assert not crowded
    assert Counter(map(wing, lines)).most_common(1)[0][1] <= 20


@pytest.fixture
def package(tmp_path):
    """A small package with a wing that is listed and one that is not."""
    root = tmp_path / "focalboost"
    for name, text in {
        "__init__": "",
        "_kernels.cpu": "",
        "_kernels.__init__": "",
        "metrics": "from focalboost import _kernels\n",
        "report": "from focalboost import metrics\n",
    }.items():
        path = root.joinpath(*name.split(".")).with_suffix(".py")
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    "text",
    [
        "from focalboost import metrics\n",
        "import focalboost.metrics\n",
        "def late():\n    from focalboost.metrics import recall\n",
        "if TYPE_CHECKING:\n    from focalboost.metrics import recall\n",
        "from importlib import import_module\nimport_module('focalboost.metrics')\n",
    ],
)
def test_an_import_upwards_is_seen_wherever_it_stands(package, text):
    package.joinpath("_kernels", "cpu.py").write_text(text)
    graph = arrows(package)
    assert ("_kernels.cpu", "metrics") in arrows_up(graph)


def test_an_unlisted_wing_is_seen(package):
    assert {wing(name) for name in modules(package)} - set(WINGS) == {"report"}
    # What it imports counts as upwards, too.
    assert ("report", "metrics") in arrows_up(arrows(package))


def test_a_circle_is_seen(package):
    package.joinpath("metrics.py").write_text("from focalboost import report\n")
    assert circles(arrows(package)) == [["metrics", "report"]]


def test_relative_imports_are_refused(package):
    package.joinpath("metrics.py").write_text("from . import report\n")
    with pytest.raises(ValueError, match=r"metrics.py: relative import, must be absolute"):
        arrows(package)
