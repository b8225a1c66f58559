"""The CUDA kernels and what is around them, beside the CPU's: on a GPU, or in Numba's simulator.

`tests/test_cuda_simulator.py` runs this file in a process of its own with NUMBA_ENABLE_CUDASIM=1, which has
to be set before Numba is imported.
"""

import gc
import json
import weakref
from dataclasses import replace

import numpy as np
import pytest
from instances import ALL, example

from focalboost import (
    BinaryFocalLoss,
    MulticlassFocalLoss,
    MultilabelFocalLoss,
    _cuda,
    _cuda_memory,
    _interop,
)
from focalboost._kernel_inputs import BOUNDS, kernel_table

# Numba warns of grids that are too small to be fast.
pytestmark = [pytest.mark.gpu, pytest.mark.filterwarnings("ignore:Grid size")]
if _cuda.problem() is not None:
    pytest.skip(_cuda.problem()[1], allow_module_level=True)
RTOL = 2e-6


@pytest.fixture(autouse=True)
def _tiny_grid(monkeypatch):
    """Four threads a block, so that a few dozen rows cross every edge."""
    monkeypatch.setattr(_cuda, "THREADS", 4)
    monkeypatch.setattr(_cuda, "BLOCKS_A_MULTIPROCESSOR", 2)
    monkeypatch.setattr(_cuda, "FEWEST_BLOCKS", 1)


def on(device, loss):
    """The same loss, resolved as it is, on another device."""
    moved = replace(loss, device=device)
    moved._set(intercept=loss.intercept, scale=loss.scale)
    return moved


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


# ---------------------------------------------------------------------- gradients
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


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
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


# ---------------------------------------------------------------------- between a booster and the device
class Uploads:
    """Names of the arrays that are copied to the device."""

    def __init__(self, monkeypatch):
        self.names, upload = [], _cuda_memory.Resident.upload

        def recorded(resident, name, host):
            self.names.append(name)
            return upload(resident, name, host)

        monkeypatch.setattr(_cuda_memory.Resident, "upload", recorded)

    def count(self, name):
        return self.names.count(name)


@pytest.fixture
def booster_on_gpu(monkeypatch):
    """XGBoost trains on the CPU here and is told nothing; the losses see a booster on a GPU."""
    monkeypatch.setattr(_interop, "cuda_ordinal", lambda booster: 0)
    return pytest.importorskip("xgboost")


def through_the_host(loss, seen=None):
    """An objective for a booster without CUDA: the device arrays, copied."""

    def objective(margins, data):
        pair = loss(margins, data)
        assert all(isinstance(array, _cuda_memory.DeviceArray) for array in pair)
        if seen is not None:
            seen.append([array.__cuda_array_interface__["data"][0] for array in pair])
        return tuple(array.copy_to_host() for array in pair)

    return objective


def table(n_classes=2, n=41):
    rng = np.random.default_rng(n_classes)
    X = rng.normal(size=(n, 3)).astype(np.float32)
    score = X[:, 0] + rng.normal(size=n)
    return X, np.digitize(score, np.quantile(score, np.arange(1, n_classes) / n_classes)).astype(np.float32)


@pytest.mark.parametrize("matrix", ["DMatrix", "QuantileDMatrix"])
@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
def test_training_uploads_what_does_not_change_once(task, matrix, booster_on_gpu, monkeypatch):
    xgb, uploads, seen = booster_on_gpu, Uploads(monkeypatch), []
    X, y = table(3 if task == "multiclass" else 2)
    params = {"max_depth": 2, "num_class": 3} if task == "multiclass" else {"max_depth": 2}
    if task == "multilabel":
        y = np.stack([y, 1 - y], axis=1)
    kind = {"binary": BinaryFocalLoss, "multiclass": MulticlassFocalLoss, "multilabel": MultilabelFocalLoss}
    loss = kind[task](2.0).for_labels(y)
    data = getattr(xgb, matrix)(X, y, weight=np.linspace(0.5, 2, len(y)))
    models = [
        xgb.train(params, data, 4, obj=objective, callbacks=[loss.start()]).predict(data, output_margin=True)
        for objective in (on("cpu", loss), through_the_host(loss, seen))
    ]
    np.testing.assert_allclose(models[1], models[0], rtol=0, atol=1e-5)
    assert [uploads.count(name) for name in ("raw", "y", "weight", "table")] == [4, 1, 1, 1]
    assert seen[1:] == seen[:1] * 3, "gradient buffers are written again"


def test_a_scikit_learn_wrapper_keeps_labels_on_the_device_too(booster_on_gpu, monkeypatch):
    uploads, seen = Uploads(monkeypatch), []
    X, y = table()

    def objective(y_true, y_pred):
        return through_the_host(BinaryFocalLoss(2.0), seen)(y_true, y_pred)

    booster_on_gpu.XGBClassifier(objective=objective, n_estimators=3, max_depth=2).fit(X, y)
    assert [uploads.count(name) for name in ("raw", "y")] == [3, 1]
    assert seen[2] == seen[0]


@pytest.mark.parametrize("change", ["label", "weight"])
def test_a_changed_label_or_weight_is_noticed(change, booster_on_gpu):
    xgb = booster_on_gpu
    X, y = table()
    data = xgb.DMatrix(X, y, weight=np.ones(len(y)))
    booster = xgb.Booster({"max_depth": 2}, [data])
    found = []

    def objective(margins, matrix):
        pair = through_the_host(BinaryFocalLoss(2.0))(np.zeros_like(margins), matrix)
        found.append((pair[0], BinaryFocalLoss(2.0, device="cpu")(np.zeros_like(margins), matrix)[0].copy()))
        return pair

    booster.update(data, 0, fobj=objective)
    if change == "label":
        y[-1] = 1 - y[-1]
        data.set_label(y)
    else:
        data.set_weight(np.r_[np.ones(len(y) - 1), 3.0])
    booster.update(data, 1, fobj=objective)
    for gpu, cpu in found:
        np.testing.assert_allclose(gpu, cpu, rtol=RTOL)
    assert found[0][0][-1] != found[1][0][-1]


def test_arrays_that_someone_holds_are_not_written_again(booster_on_gpu):
    xgb, held = booster_on_gpu, []
    X, y = table()

    def objective(margins, data):
        held.append(BinaryFocalLoss(2.0)(margins, data))
        return tuple(array.copy_to_host() for array in held[-1])

    xgb.train({"max_depth": 2}, xgb.DMatrix(X, y), 2, obj=objective)
    first, second = (np.asarray(gradient) for gradient, _ in held)
    assert not np.array_equal(first, second)


def test_device_arrays_say_where_they_are_in_plain_numbers(booster_on_gpu):
    xgb, seen = booster_on_gpu, []
    X, y = table(3)

    def objective(margins, data):
        gradient, hessian = MulticlassFocalLoss(2.0)(margins, data)
        for array in (gradient, hessian):
            assert array.shape == margins.shape
            assert array.dtype == np.float32
            seen.append(json.loads(json.dumps(array.__cuda_array_interface__)))
        np.testing.assert_array_equal(np.asarray(gradient), gradient.copy_to_host())
        with pytest.raises(ValueError, match="copy == False, must be None or True"):
            gradient.__array__(copy=False)
        return np.asarray(gradient), np.asarray(hessian)

    xgb.train({"num_class": 3, "max_depth": 2}, xgb.DMatrix(X, y), 1, obj=objective)
    for interface in seen:
        pointer, read_only = interface.pop("data")
        assert pointer > 0
        assert read_only is False
        assert interface == {
            "shape": [41, 3],
            "typestr": "<f4",
            "strides": None,
            "version": 3,
            "stream": None,
        }


def test_what_is_on_the_device_dies_with_the_matrix(booster_on_gpu, monkeypatch):
    xgb, residents, init = booster_on_gpu, [], _cuda_memory.Resident.__init__

    def recorded(self, ordinal):
        init(self, ordinal)
        residents.append(weakref.ref(self))

    monkeypatch.setattr(_cuda_memory.Resident, "__init__", recorded)
    X, y = table()
    data = xgb.DMatrix(X, y)
    xgb.train({"max_depth": 2}, data, 2, obj=through_the_host(BinaryFocalLoss(2.0)))
    gc.collect()
    assert [resident() is None for resident in residents] == [False]
    del data
    gc.collect()
    assert residents[0]() is None
    assert not _cuda_memory.shelves


def test_bad_margins_in_training_leave_nothing_behind(booster_on_gpu):
    """The flag of the bad round must not be seen by the next one."""
    xgb = booster_on_gpu
    X, y = table()
    data = xgb.DMatrix(X, y)
    loss = through_the_host(BinaryFocalLoss(2.0))

    def bad(margins, matrix):
        return loss(np.full_like(margins, np.nan), matrix)

    with pytest.raises(ValueError, match=r"raw_prediction\[0\] == nan, must be finite"):
        xgb.train({"max_depth": 2}, data, 1, obj=bad)
    assert xgb.train({"max_depth": 2}, data, 1, obj=loss).num_boosted_rounds() == 1


def test_two_losses_take_turns_on_one_matrix(booster_on_gpu):
    xgb = booster_on_gpu
    X, y = table()
    data = xgb.DMatrix(X, y)
    losses = [BinaryFocalLoss(gamma) for gamma in (0.0, 3.0)]
    booster = xgb.Booster({"max_depth": 2}, [data])
    for i in range(4):
        loss = losses[i % 2]

        def objective(margins, matrix, loss=loss):
            pair = through_the_host(loss)(margins, matrix)
            cpu = on("cpu", loss)(margins, matrix)
            np.testing.assert_allclose(pair[0], cpu[0], rtol=RTOL)
            return pair

        booster.update(data, i, fobj=objective)


def test_of_two_calls_at_once_each_has_its_own_buffers(booster_on_gpu, monkeypatch):
    """Two trainings on one matrix: the second call comes while the kernel of the first runs."""
    data, inner = booster_on_gpu.DMatrix(*table()), []
    outer, found_flags = _cuda.Cuda(0, 1, data, "C"), _cuda_memory.Resident.found_flags
    arguments = np.float32([0, 1]), np.float32([0.5, 0.5]), None

    def call(backend):
        tables = kernel_table(np.full((1, 2), 2.0), np.ones((1, 2)))
        return backend.sigmoid(*arguments, tables=tables, bounds=BOUNDS["guarded"], smoothing=0.0)

    def interrupted(resident):
        monkeypatch.setattr(_cuda_memory.Resident, "found_flags", found_flags)
        inner.append((resident, call(outer)))
        return found_flags(resident)

    call(outer)
    monkeypatch.setattr(_cuda_memory.Resident, "found_flags", interrupted)
    again = call(outer)
    np.testing.assert_equal(inner[0][1], again)
    assert again[2] == 0
    assert len(set(map(id, _cuda_memory.shelf_of(data)))) == 2


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
def test_lightgbm_gets_host_arrays(task):
    """Its gradients are host arrays by design: the CPU serves unless the loss insists."""
    lgb = pytest.importorskip("lightgbm")
    from focalboost.lightgbm import pack_labels

    X, y = table(3 if task == "multiclass" else 2, n=60)
    loss, label = BinaryFocalLoss(2.0), y
    params = {"verbosity": -1, "min_data_in_leaf": 5, "num_leaves": 4}
    if task == "multiclass":
        loss, params = MulticlassFocalLoss(2.0), {**params, "num_class": 3}
    elif task == "multilabel":
        label = pack_labels(np.stack([y, 1 - y], axis=1))
        loss, params = MultilabelFocalLoss(2.0), {**params, "num_class": 2}
    cpu, gpu = (
        lgb.train({**params, "objective": on(device, loss)}, lgb.Dataset(X, label), 3).predict(
            X, raw_score=True
        )
        for device in ("auto", "cuda")
    )
    np.testing.assert_allclose(gpu, cpu, rtol=0, atol=1e-5)


def test_no_rows():
    loss = BinaryFocalLoss(device="cuda")
    assert [array.shape for array in loss.gradient_hessian([], [])] == [(0,), (0,)]
