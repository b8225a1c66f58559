"""What is said where the kernels for CUDA are insisted on and cannot run.

What they compute is in test_cuda_kernels.py, what a booster is handed in test_cuda_memory.py: both need a
GPU, or the simulator that test_cuda_simulator.py starts. Trainings on a GPU are in test_cuda_device.py.
"""

import numpy as np
import pytest

from focalboost import BinaryFocalLoss, MulticlassFocalLoss
from focalboost._kernels import cuda as _cuda
from focalboost._kernels import cuda_memory as _cuda_memory

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
    from focalboost._kernels.cuda_import import cuda

    monkeypatch.setattr(cuda, "is_available", lambda: False)
    monkeypatch.setattr(cuda, "cuda_error", lambda: "\nno CUDA-capable\ndevice.\n", raising=False)
    text = r"no NVIDIA driver or no GPU was found \(no CUDA-capable device\). Install the driver; nvidia-smi"
    with pytest.raises(RuntimeError, match=text):
        MulticlassFocalLoss(device="cuda").gradient_hessian([0], [[0.0, 0.0]])


@pytest.mark.usefixtures("asked_anew")
def test_cuda_insists_and_says_why_nothing_compiles(monkeypatch):
    pytest.importorskip("numba_cuda")
    from focalboost._kernels.cuda_import import cuda

    def fail(*_, **__):
        raise OSError("libnvvm.so:\n not found")

    monkeypatch.setattr(cuda, "is_available", lambda: True)
    monkeypatch.setattr(_cuda.Cuda, "sigmoid", fail)
    text = r"do not compile or run \(OSError: libnvvm.so: not found\). pip install --upgrade 'focalboost"
    with pytest.raises(RuntimeError, match=text):
        BinaryFocalLoss(device="cuda").gradient_hessian([0], [0.0])


@pytest.mark.usefixtures("asked_anew")
def test_a_missing_compiler_is_not_called_a_missing_gpu(monkeypatch):
    """`cuda.is_available` is False without NVVM too."""
    pytest.importorskip("numba_cuda")
    from focalboost._kernels.cuda_import import cuda

    def fail(*_, **__):
        raise ImportError("libNVVM cannot be found.")

    monkeypatch.setattr(cuda, "is_available", lambda: False)
    monkeypatch.setattr(cuda, "cuda_error", lambda: None, raising=False)
    monkeypatch.setattr(_cuda.Cuda, "sigmoid", fail)
    text = (
        r"do not compile or run \(ImportError: libNVVM cannot be found\). pip install --upgrade 'focalboost"
    )
    with pytest.raises(RuntimeError, match=text):
        BinaryFocalLoss(device="cuda").gradient_hessian([0], [0.0])


@pytest.mark.parametrize(
    ("versions", "text"),
    [
        # nvJitLink held at an older CUDA by another package: it refuses PTX of a newer one.
        (
            {"nvidia-nvvm": "13.5.37", "nvidia-nvjitlink": "13.0.88"},
            (
                "nvidia-nvvm == 13.5, must be <= nvidia-nvjitlink, which is 13.0: "
                "pip install 'nvidia-nvvm==13.0.*'."
            ),
        ),
        (
            {"nvidia-cuda-nvcc-cu12": "12.10.1", "nvidia-nvjitlink-cu12": "12.9.86"},
            (
                "nvidia-cuda-nvcc-cu12 == 12.10, must be <= nvidia-nvjitlink-cu12, which is 12.9: "
                "pip install 'nvidia-cuda-nvcc-cu12==12.9.*'."
            ),
        ),
        ({"nvidia-nvvm": "13.0.88", "nvidia-nvjitlink": "13.5.37"}, None),
        ({"nvidia-nvvm": "13.5.37", "nvidia-nvjitlink": "13.5.1"}, None),
        ({"nvidia-nvvm": "13.5.37", "nvidia-nvjitlink-cu12": "12.9.86"}, None),
        ({}, None),
    ],
)
@pytest.mark.usefixtures("asked_anew")
def test_compilers_that_do_not_fit_are_named(versions, text, monkeypatch):
    pytest.importorskip("numba_cuda")
    from focalboost._kernels.cuda_import import cuda

    def version(package):
        if package not in versions:
            raise _cuda.metadata.PackageNotFoundError(package)
        return versions[package]

    def fail(*_, **__):
        raise RuntimeError("ERROR_PTX_COMPILE (4)")

    monkeypatch.setattr(_cuda.metadata, "version", version)
    monkeypatch.setattr(cuda, "is_available", lambda: True)
    monkeypatch.setattr(_cuda.Cuda, "sigmoid", fail)
    general = (
        "pip install --upgrade 'focalboost[cuda]' with a driver for CUDA 13, 'focalboost[cuda12]' with one "
        "for CUDA 12; nvidia-smi shows which."
    )
    assert _cuda.problem().reason == (
        f"the CUDA kernels do not compile or run (RuntimeError: ERROR_PTX_COMPILE (4)). {text or general}"
    )


@pytest.mark.usefixtures("asked_anew")
def test_a_forked_child_says_why_cuda_does_not_work_in_it(monkeypatch):
    pytest.importorskip("numba_cuda")
    monkeypatch.setattr(_cuda_memory, "_used_by", {-1})
    with pytest.raises(RuntimeError, match=r"forked from one that had used the GPU.*'spawn' or 'forkserver'"):
        BinaryFocalLoss(device="cuda").gradient_hessian([0], [0.0])


def test_a_gpu_that_is_there_serves():
    """Where it is skipped by all other tests of this wing, a broken compiler would go unnoticed."""
    pytest.importorskip("numba_cuda")
    from focalboost._kernels.cuda_import import cuda

    if not cuda.is_available() and cuda.cuda_error() is not None:
        pytest.skip("no driver or no GPU")
    assert _cuda.problem() is None
