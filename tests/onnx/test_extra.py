"""What is loaded, and the error without the extra: all in one fresh process."""

import subprocess
import sys

import pytest

pytest.importorskip("onnx")
pytest.importorskip("xgboost")

SCRIPT = """
import sys
import numpy as np

for package in ("onnx", "skl2onnx"):
    sys.modules[package] = None
    try:
        import focalboost.onnx
        focalboost.onnx.register_converters()
    except ImportError as error:
        print(error)
    del sys.modules[package]

from focalboost.onnx import to_onnx
from focalboost.xgboost import FocalXGBClassifier

X = np.arange(100.0)[:, None]
to_onnx(FocalXGBClassifier(n_estimators=2, n_jobs=1).fit(X, X[:, 0] > 90))
print(sorted({"skl2onnx", "lightgbm", "onnxruntime", "focalboost.lightgbm"} & set(sys.modules)))
"""
MISSING = "focalboost.onnx needs {}, which is not installed; run: pip install 'focalboost[onnx]'"


def test_errors_name_the_extra_and_nothing_is_loaded_that_is_not_needed():
    found = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert found.stdout.splitlines() == [MISSING.format("onnx"), MISSING.format("skl2onnx"), "[]"]
