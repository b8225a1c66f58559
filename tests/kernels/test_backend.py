"""Who computes: what is asked of CUDA when, and what is said where it is missing."""

import logging
import subprocess
import sys

import numpy as np
import pytest

from focalboost import BinaryFocalLoss
from focalboost._boosters import caller
from focalboost._kernels import cuda as _cuda

xgb = pytest.importorskip("xgboost")

X = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
Y = (X[:, 0] > 0.5).astype(np.float32)


def test_auto_falls_back_to_the_cpu_and_says_so_once(without_extra, monkeypatch, caplog):
    monkeypatch.setattr(caller, "cuda_ordinal", lambda booster: 0)
    data = xgb.DMatrix(X, Y)
    with caplog.at_level(logging.INFO, "focalboost"):
        found = xgb.train({"max_depth": 2, "objective": "binary:logistic"}, data, 3, obj=BinaryFocalLoss(2.0))
    expected = xgb.train(
        {"max_depth": 2, "objective": "binary:logistic"}, data, 3, obj=BinaryFocalLoss(2.0, device="cpu")
    )
    np.testing.assert_array_equal(found.predict(data), expected.predict(data))
    said = [record for record in caplog.records if record.name == "focalboost"]
    assert [record.levelname for record in said] == ["WARNING"]
    assert said[0].getMessage() == (
        "the booster is on a GPU, focal gradients are computed on the CPU, which is slower: numba-cuda is "
        "not installed. pip install 'focalboost[cuda]'. If that is meant, device='cpu' says so."
    )


# Without `logging` being configured, as most scripts are. A booster on a GPU is one that says so.
SCRIPT = """
import importlib.util, sys
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "numba_cuda" else find(name, *rest)
import numpy as np, xgboost as xgb
from focalboost import BinaryFocalLoss
from focalboost._boosters import caller
caller.cuda_ordinal = lambda booster: 0
X = np.linspace(0, 1, 50)[:, None]
for _ in range(2):
    loss = BinaryFocalLoss(2.0, device=sys.argv[1])
    xgb.train({"objective": "binary:logistic"}, xgb.DMatrix(X, X[:, 0] > 0.5), 2, obj=loss)
"""


@pytest.mark.parametrize(("device", "lines"), [("auto", 1), ("cpu", 0)])
def test_a_script_sees_that_the_cpu_serves(device, lines):
    command = [sys.executable, "-c", SCRIPT, device]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stderr.count("focal gradients are computed on the CPU") == lines, result.stderr
    assert result.stderr.count("numba-cuda is not installed") == lines


def test_nobody_asks_for_cuda_who_does_not_need_it(monkeypatch):
    def fail(ordinal=0):
        raise AssertionError("asked")

    monkeypatch.setattr(_cuda, "problem", fail)
    xgb.train(
        {"max_depth": 2, "objective": "binary:logistic"}, xgb.DMatrix(X, Y), 1, obj=BinaryFocalLoss(2.0)
    )
    monkeypatch.setattr(caller, "cuda_ordinal", lambda booster: 0)
    xgb.train(
        {"max_depth": 2, "objective": "binary:logistic"},
        xgb.DMatrix(X, Y),
        1,
        obj=BinaryFocalLoss(2.0, device="cpu"),
    )
    xgb.XGBClassifier(objective=BinaryFocalLoss(device="cpu"), n_estimators=1).fit(X, Y)
    BinaryFocalLoss().gradient_hessian(Y, X[:, 0])
