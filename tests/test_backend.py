"""Who computes: what is asked of CUDA when, what is said where it is missing, and the row of a GPU thread."""

import json
import logging

import numba
import numpy as np
import pytest

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, _backend, _cuda, _digest, _interop, _rows
from focalboost._jit import FAST_MATH
from focalboost._kernel_inputs import BOUNDS, kernel_table

xgb = pytest.importorskip("xgboost")
X = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
Y = (X[:, 0] > 0.5).astype(np.float32)
ZERO = np.uint64(0)
MISSING = (
    r"^device == 'cuda', must be 'auto' or 'cpu': numba-cuda is not installed. "
    r"pip install 'focalboost\[cuda\]'.$"
)


@pytest.fixture
def asked_anew():
    caches = _cuda.problem, _backend._say_once
    for cached in caches:
        cached.cache_clear()
    yield
    for cached in caches:
        cached.cache_clear()


@pytest.fixture
def without_extra(monkeypatch, asked_anew):
    find = _cuda.importlib.util.find_spec
    monkeypatch.setattr(
        _cuda.importlib.util, "find_spec", lambda name: None if name == "numba_cuda" else find(name)
    )


def test_cuda_insists_and_names_the_extra(without_extra):
    loss = BinaryFocalLoss(2.0, device="cuda")
    with pytest.raises(ImportError, match=MISSING):
        loss.gradient_hessian([0, 1], [0.0, 0.0])
    with pytest.raises(ImportError, match=MISSING):
        xgb.train({"max_depth": 2}, xgb.DMatrix(X, Y), 1, obj=loss)


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


def test_auto_falls_back_to_the_cpu_and_says_so_once(without_extra, monkeypatch, caplog):
    monkeypatch.setattr(_interop, "cuda_ordinal", lambda booster: 0)
    data = xgb.DMatrix(X, Y)
    with caplog.at_level(logging.INFO, "focalboost"):
        found = xgb.train({"max_depth": 2}, data, 3, obj=BinaryFocalLoss(2.0))
    expected = xgb.train({"max_depth": 2}, data, 3, obj=BinaryFocalLoss(2.0, device="cpu"))
    np.testing.assert_array_equal(found.predict(data), expected.predict(data))
    said = [record for record in caplog.records if record.name == "focalboost"]
    assert [record.levelname for record in said] == ["INFO"]
    assert said[0].getMessage() == (
        "the booster is on a GPU, focal gradients are computed on the CPU: numba-cuda is not installed. "
        "pip install 'focalboost[cuda]'."
    )


def test_nobody_asks_for_cuda_who_does_not_need_it(monkeypatch):
    def fail(ordinal=0):
        raise AssertionError("asked")

    monkeypatch.setattr(_cuda, "problem", fail)
    xgb.train({"max_depth": 2}, xgb.DMatrix(X, Y), 1, obj=BinaryFocalLoss(2.0))
    monkeypatch.setattr(_interop, "cuda_ordinal", lambda booster: 0)
    xgb.train({"max_depth": 2}, xgb.DMatrix(X, Y), 1, obj=BinaryFocalLoss(2.0, device="cpu"))
    xgb.XGBClassifier(objective=BinaryFocalLoss(device="cpu"), n_estimators=1).fit(X, Y)
    BinaryFocalLoss().gradient_hessian(Y, X[:, 0])


class Booster:
    """A booster as far as its device is concerned."""

    def __init__(self, device):
        self.device, self.asked = device, 0

    def save_config(self):
        self.asked += 1
        return json.dumps({"learner": {"generic_param": {"device": self.device}}})


@pytest.mark.parametrize(
    ("device", "ordinal"),
    [("cpu", None), ("cuda", 0), ("cuda:0", 0), ("cuda:1", 1), ("gpu:2", 2), ("sycl", None)],
)
def test_the_device_of_a_booster_is_read_once(device, ordinal):
    booster = Booster(device)
    assert [_interop.cuda_ordinal(booster) for _ in range(3)] == [ordinal] * 3
    assert booster.asked == 1


def test_the_booster_and_its_matrix_are_found_from_every_entry_point(monkeypatch):
    found, calling_update = [], _interop.calling_update

    def recorded(library):
        update = calling_update(library)
        found.append(update)
        return update

    monkeypatch.setattr(_backend._interop, "calling_update", recorded)
    data, loss = xgb.DMatrix(X, Y), BinaryFocalLoss(2.0)
    xgb.train({"max_depth": 2}, data, 1, obj=loss)
    xgb.XGBClassifier(objective=loss, n_estimators=1).fit(X, Y)
    xgb.cv({"max_depth": 2}, data, 1, nfold=2, obj=loss)
    assert found
    assert all(isinstance(update.booster, xgb.Booster) for update in found)
    assert all(isinstance(update.matrix, xgb.DMatrix) for update in found)
    assert found[0].matrix is data
    assert _interop.cuda_ordinal(found[0].booster) is None


def test_digests_notice_every_change_of_one_number_and_every_exchange():
    y = np.random.default_rng(1).integers(0, 2, 1000).astype(np.float32)
    start = _digest.digest(y, 1)
    assert _digest.digest(y.copy(), 1) == start
    assert _digest.digest(y.reshape(500, 2), 1) != start
    for i in range(1000):
        changed = y.copy()
        changed[i] = 1 - changed[i]
        assert _digest.digest(changed, 1) != start
        j = (i * 7 + 1) % 1000
        changed = y.copy()
        changed[[i, j]] = y[[j, i]]
        assert (_digest.digest(changed, 1) != start) == (y[i] != y[j])


def test_digests_do_not_depend_on_threads():
    y = np.random.default_rng(1).normal(size=2_000_000).astype(np.float32)
    assert _digest.digest(y, 1) == _digest.digest(y, 3)
    assert _digest.digest(y[:0], 1) == ((0,), 0)


@pytest.mark.parametrize("hessian", ["guarded", "exact", "reweighted"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_classes", [2, 3, 17])
def test_the_row_of_a_gpu_thread_compiled_for_the_cpu(n_classes, dtype, hessian, rng):
    """The simulator runs it as Python, whose floats have 53 bits; here they have the bits of the GPU's."""
    compiled = numba.njit(error_model="numpy", fastmath=FAST_MATH)(_rows.softmax_row)
    n = 200
    raw = rng.normal(0, 6, (n, n_classes)).astype(dtype)
    y = rng.integers(0, n_classes, n).astype(np.float32)
    loss = MulticlassFocalLoss(tuple(np.linspace(0, 4, n_classes)), hessian=hessian)
    weight = rng.uniform(0.1, 3, n).astype(np.float32)
    expected = loss.gradient_hessian(y, raw, weight)
    sizes = [np.abs(expected[0]), np.abs(expected[1])]
    if hessian == "exact":
        size = MulticlassFocalLoss(loss.gamma, hessian="reweighted").gradient_hessian(y, raw, weight)[1]
        sizes[1] = np.maximum(sizes[1], size)
    table = kernel_table(np.array(loss.gamma), np.ones(n_classes))
    found = np.empty((2, n, n_classes), np.float32)
    for i in range(n):
        inputs = raw[i], ZERO, y[i], weight[i], table, *BOUNDS[hessian], np.float32(1)
        assert compiled(*inputs, found[0, i], found[1, i], ZERO) == 0
    for numbers, cpu, size in zip(found, expected, sizes, strict=True):
        assert np.all(np.abs(numbers - cpu) <= 2e-6 * size)


def test_the_row_of_a_gpu_thread_in_place(rng):
    """In shared memory the gradient is written over the margins."""
    compiled = numba.njit(error_model="numpy", fastmath=FAST_MATH)(_rows.softmax_row)
    table = kernel_table(np.full(5, 2.0), np.ones(5))
    raw = rng.normal(0, 4, (50, 5)).astype(np.float32)
    for i, row in enumerate(raw):
        results = []
        for z in (row, row.copy()):
            gradient, hessian = (z if z is not row else np.empty(5, np.float32)), np.empty(5, np.float32)
            inputs = z, ZERO, np.float32(i % 5), np.float32(1), table, *BOUNDS["guarded"], np.float32(2)
            compiled(*inputs, gradient, hessian, ZERO)
            results.append((gradient, hessian))
        np.testing.assert_array_equal(results[0], results[1])
