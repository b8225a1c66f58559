"""XGBoost and the losses on a real GPU; skipped where there is none, in the simulator too."""

import gc
import logging

import numba
import numpy as np
import pytest

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss
from focalboost._kernels import backend as _backend
from focalboost._kernels import cuda as _cuda
from focalboost._kernels import cuda_memory as _cuda_memory

xgb = pytest.importorskip("xgboost")
from focalboost.xgboost import FocalXGBClassifier  # noqa: E402  # needs xgboost

# XGBoost warns where it predicts host arrays with a model on the device, as the classifier does.
pytestmark = [pytest.mark.gpu, pytest.mark.filterwarnings("ignore:.*mismatched devices:UserWarning")]
if _cuda.problem() is not None:
    pytest.skip(_cuda.problem().reason, allow_module_level=True)
if numba.config.ENABLE_CUDASIM or not xgb.build_info().get("USE_CUDA"):
    pytest.skip("the simulator, or a build of XGBoost without CUDA", allow_module_level=True)
N = 20_000
BOOSTER = {"max_depth": 4, "learning_rate": 0.1}
MIB = 2**20


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(7)
    X = rng.normal(size=(N, 6)).astype(np.float32)
    score = X @ np.array([1.0, -0.7, 0.5, 0.3, 0.0, 0.0]) + rng.normal(0, 1.0, N)
    binary = (score > 2.6).astype(np.float32)
    return {
        "X": X,
        "binary": binary,
        "multiclass": np.digitize(score, [-1.5, 1.5, 2.6]).astype(np.float32),
        "multilabel": np.stack([binary, score > 1], axis=1).astype(np.float32),
        "weight": rng.uniform(0.2, 3.0, N).astype(np.float32),
    }


LOSSES = {"binary": BinaryFocalLoss, "multiclass": MulticlassFocalLoss, "multilabel": MultilabelFocalLoss}
OBJECTIVES = {"binary": "binary:logistic", "multiclass": "multi:softprob", "multilabel": "binary:logistic"}


def params(task, device="cuda"):
    classes = {"num_class": 4} if task == "multiclass" else {}
    return {**BOOSTER, **classes, "objective": OBJECTIVES[task], "device": device}


def train(task, matrix, rounds=30, loss=None, device="cuda", **more):
    callbacks = [] if loss is None else [loss.start()]
    return xgb.train({**params(task, device), **more}, matrix, rounds, obj=loss, callbacks=callbacks)


def margins(booster, X):
    return booster.predict(xgb.DMatrix(X), output_margin=True)


def assert_nearly_all_equal(found, expected):
    # Where two splits gain the same to the last bit another is taken, which moves the margins below it.
    assert np.ptp(expected) > 1
    assert np.mean(np.abs(found - expected) > 1e-4) < 1e-2


@pytest.mark.parametrize("n", [1_000, 1_000_003])
@pytest.mark.parametrize("n_outputs", [1, 2, 5, 17, 200])
def test_gradients_in_grids_as_they_are_launched(n, n_outputs, rng):
    n = min(n, 40_000_000 // n_outputs // 40)
    raw = rng.normal(0, 5, (n, n_outputs)).astype(np.float32)
    weight = rng.uniform(0.1, 3, n).astype(np.float32)
    kinds = [(MultilabelFocalLoss, rng.integers(0, 2, raw.shape))]
    if n_outputs > 1:
        kinds.append((MulticlassFocalLoss, rng.integers(0, n_outputs, n)))
    for kind, y in kinds:
        pairs = (kind(2.0, device=device).gradient_hessian(y, raw, weight) for device in ("cpu", "cuda"))
        for cpu, gpu in zip(*pairs, strict=True):
            np.testing.assert_allclose(gpu, cpu, rtol=2e-6, atol=2.0**-126)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("task", list(LOSSES))
def test_gamma_zero_trains_the_builtin_model(data, task, weighted):
    y, weight = data[task], data["weight"] if weighted else None
    matrix = xgb.QuantileDMatrix(data["X"], y, weight=weight)
    loss = LOSSES[task](0.0).for_labels(y, weight)
    more = {"base_score": list(loss.base_score)} if task == "multiclass" else {}
    found, expected = train(task, matrix, loss=loss), train(task, matrix, **more)
    assert_nearly_all_equal(margins(found, data["X"]), margins(expected, data["X"]))


@pytest.mark.parametrize("task", list(LOSSES))
def test_device_and_cpu_kernels_train_the_same_model(data, task):
    matrix = xgb.QuantileDMatrix(data["X"], data[task])
    models = []
    for device in ("cuda", "cpu"):
        loss = LOSSES[task](2.0, device=device).for_labels(data[task])
        models.append(margins(train(task, matrix, loss=loss), data["X"]))
    assert_nearly_all_equal(*models)


def test_auto_hands_device_arrays_to_a_booster_on_a_gpu_only(data):
    matrix, loss = xgb.DMatrix(data["X"], data["binary"]), BinaryFocalLoss(2.0)
    kinds = []

    def objective(raw, dtrain):
        pair = loss(raw, dtrain)
        kinds.append(type(pair[0]))
        return pair

    for device in ("cuda", "cuda:0", "cpu"):
        xgb.train({**BOOSTER, "objective": "binary:logistic", "device": device}, matrix, 1, obj=objective)
    assert kinds == [_cuda_memory.DeviceArray, _cuda_memory.DeviceArray, np.ndarray]


def test_auto_says_nothing_where_the_device_serves(data, caplog):
    _backend._say_once.cache_clear()
    with caplog.at_level(logging.INFO, "focalboost"):
        train(
            "binary", xgb.DMatrix(data["X"], data["binary"]), 2, BinaryFocalLoss().for_labels(data["binary"])
        )
    assert not [record for record in caplog.records if record.name == "focalboost"]


def test_a_booster_on_the_cpu_takes_gradients_of_the_gpu(data):
    matrix = xgb.DMatrix(data["X"], data["binary"])
    cpu, gpu = (BinaryFocalLoss(2.0, device=device).for_labels(data["binary"]) for device in ("cpu", "cuda"))
    models = [margins(train("binary", matrix, loss=loss, device="cpu"), data["X"]) for loss in (gpu, cpu)]
    assert_nearly_all_equal(*models)


@pytest.mark.parametrize("matrix", ["DMatrix", "QuantileDMatrix"])
def test_tables_that_are_on_the_device_already(data, matrix):
    cupy = pytest.importorskip("cupy")
    make = getattr(xgb, matrix)
    there = make(cupy.asarray(data["X"]), cupy.asarray(data["binary"]), weight=cupy.asarray(data["weight"]))
    # A QuantileDMatrix of host arrays is cut where the CPU's sketch says, which is not where the GPU's does.
    bins = {} if matrix == "DMatrix" else {"ref": there}
    here = make(data["X"], data["binary"], weight=data["weight"], **bins)
    loss = BinaryFocalLoss(2.0).for_labels(data["binary"], data["weight"])
    models = [margins(train("binary", table, loss=loss), data["X"]) for table in (there, here)]
    assert_nearly_all_equal(*models)


def test_the_second_gpu(data):
    from focalboost._kernels.cuda_import import cuda

    if len(cuda.gpus) < 2:
        pytest.skip("one GPU")
    matrix, loss = xgb.DMatrix(data["X"], data["binary"]), BinaryFocalLoss(2.0).for_labels(data["binary"])
    models = [margins(train("binary", matrix, loss=loss, device=f"cuda:{i}"), data["X"]) for i in (0, 1)]
    assert_nearly_all_equal(*models)


def test_the_classifier(data):
    # CPU and GPU sketch quantiles each in its own way: of some 80 different values all are cuts in both.
    X = np.round(data["X"], 1)
    cpu, gpu = (
        FocalXGBClassifier(n_estimators=20, device=device).fit(X, data["binary"]).predict_proba(X)
        for device in ("cpu", "cuda")
    )
    # Histograms of the GPU are sums of rounded numbers.
    assert np.mean(np.abs(gpu - cpu) > 1e-3) < 1e-2


def free_memory():
    from focalboost._kernels.cuda_import import cuda

    gc.collect()
    with cuda.gpus[0]:
        cuda.synchronize()
        return cuda.current_context().get_memory_info().free


def assert_nothing_stays(once):
    """A leak is there every time; memory that other processes take of the same device is not."""
    left = []
    while not left or (len(left) < 3 and left[-1] >= 16 * MIB):
        before = free_memory()
        once()
        left.append(before - free_memory())
    assert left[-1] < 16 * MIB, left


def test_device_memory_is_given_back_with_the_matrix():
    n = 8_000_000  # 32 MiB for each of labels, weights, margins, gradient and Hessian
    X = np.zeros((n, 1), np.float32)
    X[: n // 2] = 1
    y = np.arange(n, dtype=np.float32) % 2

    def once():
        matrix = xgb.QuantileDMatrix(X, y, weight=np.ones(n, np.float32))
        train("binary", matrix, 2, BinaryFocalLoss(2.0).for_labels(y))

    once()
    assert_nothing_stays(once)


def test_a_hundred_trainings_in_one_process(data):
    loss = BinaryFocalLoss(2.0).for_labels(data["binary"])

    def once():
        train("binary", xgb.DMatrix(data["X"], data["binary"]), 3, loss)

    def hundred():
        for _ in range(100):
            once()

    for _ in range(5):
        once()
    assert_nothing_stays(hundred)
    gc.collect()
    assert not _cuda_memory._idle
