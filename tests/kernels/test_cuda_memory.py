"""Between a booster and the device: what is uploaded, what stays there, what the booster is handed.

On a GPU, or in the simulator, where `test_cuda_simulator.py` runs this file.
"""

import contextlib
import gc
import json
import os
import sys
import weakref

import numpy as np
import pytest

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss
from focalboost._boosters import caller
from focalboost._kernels import cuda as _cuda
from focalboost._kernels import cuda_memory as _cuda_memory
from focalboost._kernels.interface import Parameters
from tests.kernels.on_device import RTOL, on

# Numba warns of grids that are too small to be fast.
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.usefixtures("tiny_grid"),
    pytest.mark.filterwarnings("ignore:Grid size"),
]
if _cuda.problem() is not None:
    pytest.skip(_cuda.problem().reason, allow_module_level=True)


class Uploads:
    """Names of the arrays that are copied to the device."""

    def __init__(self, monkeypatch):
        self.names, upload = [], _cuda_memory.DeviceCache.upload

        def recorded(cache, name, host):
            self.names.append(name)
            return upload(cache, name, host)

        monkeypatch.setattr(_cuda_memory.DeviceCache, "upload", recorded)

    def count(self, name):
        return self.names.count(name)


@pytest.fixture
def booster_on_gpu(monkeypatch):
    """XGBoost trains on the CPU here and is told nothing; the losses see a booster on a GPU."""
    monkeypatch.setattr(caller, "cuda_ordinal", lambda booster: 0)
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

    xgb.train({"max_depth": 2, "objective": "binary:logistic"}, xgb.DMatrix(X, y), 2, obj=objective)
    first, second = (np.asarray(gradient) for gradient, _ in held)
    assert not np.array_equal(first, second)


class Lazarus:
    """Comes back from the dead."""

    def __init__(self, saved):
        self.saved, self.itself = saved, self

    def __del__(self):
        self.saved.append(self.array)


def pointer(array):
    return array.__cuda_array_interface__["data"][0]


@pytest.mark.parametrize("how", ["array", "list", "cycle", "exception", "dying object"])
def test_device_memory_comes_back_when_nobody_can_reach_it(how):
    cache, saved = _cuda_memory.DeviceCache(0), []
    held = cache.outputs((7, 3))[1]
    where = pointer(held)
    if how == "list":
        held = [held]
    elif how == "cycle":
        held = [held]
        held.append(held)
    elif how == "exception":
        held = ValueError(held)
    elif how == "dying object":
        array, held = held, Lazarus(saved)
        held.array = array
        del array, held
        gc.collect()
        held = saved
        assert [pointer(array) for array in saved] == [where]
    others = [cache.outputs((7, 3)) for _ in range(3)]
    assert where not in {pointer(array) for pair in others for array in pair}
    others.clear()
    assert where not in [pointer(array) for array in cache.outputs((7, 3))]
    del held
    saved.clear()
    gc.collect()
    assert where in [pointer(array) for array in cache.outputs((7, 3))]
    assert cache.outputs((3, 7))[0].shape == (3, 7)


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
    xgb, caches, init = booster_on_gpu, [], _cuda_memory.DeviceCache.__init__

    def recorded(self, ordinal):
        init(self, ordinal)
        caches.append(weakref.ref(self))

    monkeypatch.setattr(_cuda_memory.DeviceCache, "__init__", recorded)
    X, y = table()
    data = xgb.DMatrix(X, y)
    xgb.train(
        {"max_depth": 2, "objective": "binary:logistic"}, data, 2, obj=through_the_host(BinaryFocalLoss(2.0))
    )
    gc.collect()
    assert [cache() is None for cache in caches] == [False]
    del data
    gc.collect()
    assert caches[0]() is None
    assert not _cuda_memory._idle


class Matrix:
    """Something that a data set's caches may live as long as."""


def with_a_cache():
    matrix = Matrix()
    cache = _cuda_memory.DeviceCache(0)
    cache.upload("y", np.zeros(3, np.float32))
    _cuda_memory.idle_caches(matrix).append(cache)
    return matrix, weakref.ref(cache)


class Calls:
    """Stands for `cuda.gpus` and counts how often a context is asked for, or refuses it."""

    def __init__(self, error=None):
        self.error, self.count = error, 0

    def __getitem__(self, ordinal):
        self.count += 1
        if self.error is not None:
            raise self.error
        return contextlib.nullcontext()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_a_forked_child_leaves_the_parents_memory_alone(monkeypatch):
    """In the child any call of the driver fails; the simulator has none, so calls are counted."""
    from focalboost._kernels import cuda_import

    matrix, cache = with_a_cache()
    child = os.fork()
    if child == 0:
        code = 1
        with contextlib.suppress(BaseException):
            calls = Calls()
            monkeypatch.setattr(cuda_import.cuda, "gpus", calls)
            forked = _cuda_memory.forked()
            del matrix
            gc.collect()
            # The arrays live on, or Numba would give their memory back.
            code = 0 if forked and calls.count == 0 and cache() is not None else 2
        os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert not _cuda_memory.forked()
    assert cache() is not None
    del matrix
    gc.collect()
    assert cache() is None


def test_a_context_that_cannot_be_switched_is_no_error_in_a_finalizer(monkeypatch):
    from focalboost._kernels import cuda_import

    calls, unraisable = Calls(RuntimeError("Cannot switch CUDA-context.")), []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)
    matrix, cache = with_a_cache()
    monkeypatch.setattr(cuda_import.cuda, "gpus", calls)
    del matrix
    gc.collect()
    assert calls.count == 1
    assert cache() is None
    assert not unraisable


def test_bad_margins_in_training_leave_nothing_behind(booster_on_gpu):
    """The flag of the bad round must not be seen by the next one."""
    xgb = booster_on_gpu
    X, y = table()
    data = xgb.DMatrix(X, y)
    loss = through_the_host(BinaryFocalLoss(2.0))

    def bad(margins, matrix):
        return loss(np.full_like(margins, np.nan), matrix)

    with pytest.raises(ValueError, match=r"raw_prediction\[0\] == nan, must be finite"):
        xgb.train({"max_depth": 2, "objective": "binary:logistic"}, data, 1, obj=bad)
    assert (
        xgb.train({"max_depth": 2, "objective": "binary:logistic"}, data, 1, obj=loss).num_boosted_rounds()
        == 1
    )


def test_two_losses_take_turns_on_one_matrix(booster_on_gpu):
    xgb = booster_on_gpu
    X, y = table()
    data = xgb.DMatrix(X, y)
    losses = [BinaryFocalLoss(gamma) for gamma in (0.0, 3.0)]
    boosters = [xgb.Booster({"max_depth": 2, "objective": "binary:logistic"}, [data]) for _ in losses]
    for i in range(4):
        loss = losses[i % 2]

        def objective(margins, matrix, loss=loss):
            pair = through_the_host(loss)(margins, matrix)
            cpu = on("cpu", loss)(margins, matrix)
            np.testing.assert_allclose(pair[0], cpu[0], rtol=RTOL)
            return pair

        boosters[i % 2].update(data, i // 2, fobj=objective)


def test_of_two_calls_at_once_each_has_its_own_buffers(booster_on_gpu, monkeypatch):
    """Two trainings on one matrix: the second call comes while the kernel of the first runs."""
    data, inner = booster_on_gpu.DMatrix(*table()), []
    outer, found_flags = _cuda.Cuda(0, 1, data, "C"), _cuda_memory.DeviceCache.found_flags
    arguments = np.float32([0, 1]), np.float32([0.5, 0.5]), None

    def call(backend):
        return backend.sigmoid(*arguments, Parameters(np.full((1, 2), 2.0), np.ones((1, 2))))

    def interrupted(cache):
        monkeypatch.setattr(_cuda_memory.DeviceCache, "found_flags", found_flags)
        inner.append((cache, call(outer)))
        return found_flags(cache)

    call(outer)
    monkeypatch.setattr(_cuda_memory.DeviceCache, "found_flags", interrupted)
    again = call(outer)
    np.testing.assert_equal(inner[0][1], again)
    assert again[2] == 0
    assert len(set(map(id, _cuda_memory.idle_caches(data)))) == 2


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
