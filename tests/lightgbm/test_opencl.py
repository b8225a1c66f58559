"""LightGBM's OpenCL learner, wherever there is a device: a GPU, or a processor with PoCL.

PoCL compiles the kernels at first use, some ten seconds, and keeps them in POCL_CACHE_DIR (~/.cache/pocl).
"""

import numpy as np
import pytest

from focalboost import BinaryFocalLoss, MulticlassFocalLoss

lgb = pytest.importorskip("lightgbm")
from focalboost.lightgbm import FocalLGBMClassifier, train  # noqa: E402  # needs lightgbm

N = 5000
# At most 63 bins everywhere, for LightGBM has kernels of their own for 15, 63 and 255.
SETTINGS = {"verbosity": -1, "num_threads": 1, "num_leaves": 15, "max_bin": 63, "seed": 3}


@pytest.fixture(scope="module", autouse=True)
def _opencl():
    data = lgb.Dataset(np.arange(1000.0)[:, None], np.arange(1000) % 2)
    try:
        lgb.train({**SETTINGS, "device_type": "gpu", "objective": "binary"}, data, 1)
    except lgb.basic.LightGBMError as error:
        # Builds without OpenCL say "GPU Tree Learner was not enabled in this build".
        if not any(text in str(error) for text in ("No OpenCL device found", "was not enabled")):
            raise
        pytest.skip(f"LightGBM: {error}")


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(11)
    X = rng.normal(size=(N, 6))
    score = X @ [1.0, -0.7, 0.5, 0.3, 0.0, 0.0] + rng.normal(size=N)
    return X, (score > 2.6).astype(int), np.digitize(score, [-1.5, 1.5, 2.6])


def margins(loss, X, y, device):
    booster = train(loss, {**SETTINGS, "device_type": device}, lgb.Dataset(X, y), 20)
    return booster.predict(X, raw_score=True)


@pytest.mark.parametrize("gamma", [0.0, 2.0])
@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_opencl_agrees_with_the_processor(table, task, gamma):
    X, binary, multiclass = table
    y = binary if task == "binary" else multiclass
    loss = (BinaryFocalLoss if task == "binary" else MulticlassFocalLoss)(gamma).for_labels(y)
    cpu, gpu = (margins(loss, X, y, device) for device in ("cpu", "gpu"))
    assert np.ptp(cpu) > 2
    # OpenCL adds histograms up in float32.
    np.testing.assert_allclose(gpu, cpu, rtol=0, atol=1e-5)


def test_the_classifier_trains_with_opencl(table):
    X, y, _ = table
    settings = {"n_estimators": 10, "num_leaves": 15, "max_bin": 63, "n_jobs": 1, "verbosity": -1}
    cpu, gpu = (
        FocalLGBMClassifier(device_type=device, **settings).fit(X, y).predict_proba(X)
        for device in ("cpu", "gpu")
    )
    np.testing.assert_allclose(gpu, cpu, rtol=0, atol=1e-5)
