"""What holds for every example: it is short, and --help neither trains nor writes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.py"))
NEEDS = {
    "distributed_dask": ("xgboost", "distributed"),
    "explain": ("xgboost", "shap"),
    "fraud_detection": ("xgboost", "optuna", "pandas"),
    "multiclass": ("xgboost",),
    "multilabel": ("xgboost", "lightgbm"),
    "serve_mlflow": ("xgboost", "mlflow", "skops", "pandas"),
    "serve_onnx": ("xgboost", "onnx", "onnxruntime"),
    "serve_without_focalboost": ("xgboost",),
    "threshold_for_cost": ("xgboost", "pandas"),
    "tune_with_optuna": ("xgboost", "optuna"),
}
# Fails where a training begins, or a matrix of either booster is made.
GUARD = """
import runpy, sys

class Trained(BaseException):
    pass

def refuse(*args, **kwargs):
    raise Trained

for name, attributes in (("xgboost", ("DMatrix", "train")), ("lightgbm", ("Dataset", "train"))):
    try:
        module = __import__(name)
    except ImportError:
        continue
    for attribute in attributes:
        owner = getattr(module, attribute)
        if isinstance(owner, type):
            owner.__init__ = refuse
        else:
            setattr(module, attribute, refuse)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )


def test_each_is_known():
    assert sorted(NEEDS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_is_short(name):
    lines = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8").splitlines()
    assert len(lines) < 120


@pytest.mark.parametrize("name", NAMES)
def test_help_trains_nothing_and_writes_nothing(name, tmp_path):
    for needed in NEEDS[name]:
        pytest.importorskip(needed)
    found = run(tmp_path, "-c", GUARD, str(EXAMPLES / f"{name}.py"), "--help")
    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith(f"usage: {name}.py")
    assert "--rows" in found.stdout
    assert "pip install" in found.stdout or f"python examples/{name}.py" in found.stdout
    assert not list(tmp_path.iterdir())
