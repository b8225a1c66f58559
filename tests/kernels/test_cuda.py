"""What is said where the kernels for CUDA are insisted on and cannot run.

What they compute is in test_cuda_kernels.py, what a booster is handed in test_cuda_memory.py: both need a
GPU, or the simulator that test_cuda_simulator.py starts. Trainings on a GPU are in test_cuda_device.py.
"""

import numpy as np
import pytest

from focalboost import BinaryFocalLoss, MulticlassFocalLoss
from focalboost._kernels import cuda as _cuda

xgb = pytest.importorskip("xgboost")

X = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
Y = (X[:, 0] > 0.5).astype(np.float32)
MISSING = (
    r"^device == 'cuda', must be 'auto' or 'cpu': numba-cuda is not installed. "
    r"pip install 'focalboost\[cuda\]'.$"
)


def test_cuda_insists_and_names_the_extra(without_extra):
    loss = BinaryFocalLoss(2.0, device="cuda")
    with pytest.raises(ImportError, match=MISSING):
        loss.gradient_hessian([0, 1], [0.0, 0.0])
    with pytest.raises(ImportError, match=MISSING):
        xgb.train({"max_depth": 2, "objective": "binary:logistic"}, xgb.DMatrix(X, Y), 1, obj=loss)


@pytest.mark.usefixtures("asked_anew")
def test_cuda_insists_and_names_the_driver(monkeypatch):
    pytest.importorskip("numba_cuda")
    from numba import cuda

    monkeypatch.setattr(cuda, "is_available", lambda: False)
    with pytest.raises(
        RuntimeError, match=r"no NVIDIA driver or no GPU was found. Install the driver; nvidia-smi"
    ):
        MulticlassFocalLoss(device="cuda").gradient_hessian([0], [[0.0, 0.0]])


@pytest.mark.usefixtures("asked_anew")
def test_cuda_insists_and_says_why_nothing_compiles(monkeypatch):
    pytest.importorskip("numba_cuda")
    from numba import cuda

    def fail(*_, **__):
        raise OSError("libnvvm.so:\n not found")

    monkeypatch.setattr(cuda, "is_available", lambda: True)
    monkeypatch.setattr(_cuda.Cuda, "sigmoid", fail)
    text = r"do not compile or run \(OSError: libnvvm.so: not found\). pip install --upgrade 'focalboost"
    with pytest.raises(RuntimeError, match=text):
        BinaryFocalLoss(device="cuda").gradient_hessian([0], [0.0])
