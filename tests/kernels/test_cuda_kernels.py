"""The CUDA kernels beside the CPU's: on a GPU, or in Numba's simulator.

`test_cuda_simulator.py` runs this file in a process of its own with NUMBA_ENABLE_CUDASIM=1, which has to be
set before Numba is imported.
"""

from dataclasses import replace

import numpy as np
import pytest

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss
from focalboost._kernels import cuda as _cuda
from tests.instances import ALL, example
from tests.kernels.on_device import RTOL, on

# Numba warns of grids that are too small to be fast.
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.usefixtures("tiny_grid"),
    pytest.mark.filterwarnings("ignore:Grid size"),
]
if _cuda.problem() is not None:
    pytest.skip(_cuda.problem().reason, allow_module_level=True)


def sizes(loss, y, raw, weight):
    """What errors are relative to: the parts of a number where they may cancel."""
    g, h = on("cpu", loss).gradient_hessian(y, raw, weight)
    if loss.hessian == "exact":
        h = np.maximum(
            np.abs(h), on("cpu", replace(loss, hessian="reweighted")).gradient_hessian(y, raw, weight)[1]
        )
    if not isinstance(loss, MulticlassFocalLoss):
        y = np.asarray(y, float)
        y = y + loss.label_smoothing * (0.5 - y)
        plain = on("cpu", replace(loss, label_smoothing=0.0))
        plain._set(scale=loss.scale)
        sides = [np.abs(plain.gradient_hessian(np.full(y.shape, side), raw, weight)[0]) for side in (0, 1)]
        g = (1 - y) * sides[0] + y * sides[1]
    return np.abs(g), np.abs(h)


def assert_same(loss, y, raw, weight=None):
    expected = on("cpu", loss).gradient_hessian(y, raw, weight)
    found = on("cuda", loss).gradient_hessian(y, raw, weight)
    for cpu, gpu, size in zip(expected, found, sizes(loss, y, raw, weight), strict=True):
        assert isinstance(gpu, np.ndarray)
        assert gpu.dtype == np.float32
        assert gpu.shape == cpu.shape
        # Below the normal range float32 has no relative accuracy.
        assert np.all(np.abs(gpu.astype(float) - cpu) <= RTOL * size + 2.0**-126)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", ALL, ids=repr)
def test_gradients_are_those_of_the_cpu(loss, dtype, weighted, rng):
    for n in (1, 21):
        y, raw = example(loss, n, rng)
        weight = rng.uniform(0, 3, n).astype(np.float32) if weighted else None
        if weighted:
            weight[0] = 0
        assert_same(loss, y, raw.astype(dtype), weight)


@pytest.mark.parametrize("hessian", ["guarded", "exact", "reweighted"])
@pytest.mark.parametrize("n_outputs", [1, 2, 3, 17])
def test_any_number_of_outputs(n_outputs, hessian, rng, monkeypatch):
    n = 23
    raw = rng.normal(0, 4, (n, n_outputs)).astype(np.float32)
    gamma = tuple(np.linspace(0, 3, n_outputs))
    assert_same(MultilabelFocalLoss(gamma, hessian=hessian), rng.integers(0, 2, raw.shape), raw)
    if n_outputs > 1:
        loss, y = MulticlassFocalLoss(gamma, hessian=hessian), rng.integers(0, n_outputs, n)
        assert_same(loss, y, raw)
        monkeypatch.setattr(_cuda, "SHARED_BYTES", 0)
        assert_same(loss, y, raw)


def test_so_many_classes_that_shared_memory_is_too_small(rng):
    assert _cuda.SHARED_BYTES < 200 * _cuda.BYTES_A_MARGIN * _cuda.WARP
    raw = rng.normal(0, 4, (5, 200)).astype(np.float32)
    assert_same(MulticlassFocalLoss(2.0), rng.integers(0, 200, 5), raw)


@pytest.mark.parametrize("n_classes", [1, 3])
def test_all_finite_margins(n_classes, rng):
    far = np.array([0, -0.0, 1e-30, 20, 87, 88, 103, 104, 1e3, 1e20, 3.4e38], np.float32)
    margins = np.concatenate([far, -far])
    for gamma in (0.0, 0.5, 2.0, 10.0):
        if n_classes == 1:
            for label in (0, 1):
                y = np.full(margins.size, label)
                assert_same(BinaryFocalLoss(gamma, (1.0, 700.0)), y, margins)
        else:
            raw = rng.choice(margins, (60, n_classes))
            assert_same(MulticlassFocalLoss(gamma), rng.integers(0, n_classes, 60), raw)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1e-8, 1e-30])
def test_soft_labels(smoothing, rng):
    y = rng.random(37)
    y[::3] = np.round(y[::3])
    loss = BinaryFocalLoss((2.0, 1.0), (0.4, 3.0), label_smoothing=smoothing)
    assert_same(loss, y, rng.normal(0, 4, 37).astype(np.float32))


@pytest.mark.parametrize("order", ["strided", "F", "integers"])
def test_any_layout(order, rng):
    raw, y = rng.normal(0, 4, (14, 3)), rng.integers(0, 3, 14)
    if order == "strided":
        raw, y = np.repeat(raw, 2, axis=0)[::2], np.repeat(y, 3)[::3]
    elif order == "F":
        raw = np.asfortranarray(raw.astype(np.float32))
    else:
        raw = raw.astype(np.int16)
    assert_same(MulticlassFocalLoss(2.0), y, raw)


def test_no_rows():
    loss = BinaryFocalLoss(device="cuda")
    assert [array.shape for array in loss.gradient_hessian([], [])] == [(0,), (0,)]


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize(
    ("loss", "y", "raw", "weight", "text"),
    [
        (BinaryFocalLoss(), [0, 1], [0.0, np.nan], None, r"raw_prediction\[1\] == nan, must be finite"),
        (BinaryFocalLoss(), [0, 1], [-np.inf, 0.0], None, r"raw_prediction\[0\] == -inf, must be finite"),
        (BinaryFocalLoss(), [0, 2], [0.0, 0.0], None, r"y_true\[1\] == 2.*, must be in \[0, 1\]"),
        (BinaryFocalLoss(), [0, np.nan], [0.0, 0.0], None, r"y_true\[1\] == nan, must be in \[0, 1\]"),
        (BinaryFocalLoss(), [0, 1], [0.0, 0.0], [1, -2], r"sample_weight\[1\] == -2.*, must be >= 0"),
        (MultilabelFocalLoss(), [[0, 3]], [[0.0, 0.0]], None, r"y_true\[0, 1\] == 3.*, must be in \[0, 1\]"),
        (MulticlassFocalLoss(), [0.5], [[0.0, 0.0]], None, r"y_true\[0\] == 0.5, must be a whole number"),
        (MulticlassFocalLoss(), [2], [[0.0, 0.0]], None, r"y_true\[0\] == 2, must be a whole number"),
        (MulticlassFocalLoss(), [0], [[0.0, np.nan]], None, r"raw_prediction\[0, 1\] == nan, must be fin"),
        (MulticlassFocalLoss(), [0], [[0.0, 0.0]], [np.nan], r"sample_weight\[0\] == nan, must be >= 0"),
    ],
)
def test_bad_values_are_named_as_on_the_cpu(loss, y, raw, weight, text, device):
    with pytest.raises(ValueError, match=text):
        on(device, loss).gradient_hessian(np.array(y), np.array(raw, np.float32), weight)
