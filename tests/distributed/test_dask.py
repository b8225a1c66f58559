"""Dask: statistics of labels over all partitions, and training on two workers as on one machine."""

import pickle
from functools import partial

import numpy as np
import pytest

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss

pytest.importorskip("distributed")
da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")
import dask.bag  # noqa: E402  # after the check
import pandas as pd  # noqa: E402

N, PARTITIONS = 4_000, 4
WAIT = 600  # seconds until a worker that hangs fails the test
BOOSTER = {"max_depth": 4, "learning_rate": 0.3, "tree_method": "hist", "disable_default_eval_metric": True}


class Data:
    """Features of 40 values each, so that workers that see some of the rows find the same bins."""

    rng = np.random.default_rng(3)
    X = rng.integers(0, 40, (N, 6)).astype(np.float32)
    score = (X @ np.array([1.0, -0.7, 0.5, 0.3, 0.0, 0.0]) - 22) / 12 + rng.normal(0, 0.7, N)
    binary = (score > 1.7).astype(np.float32)
    soft = np.clip(0.7 * binary + 0.2 * rng.random(N), 0, 1).astype(np.float32)
    multiclass = np.digitize(score, [-1.0, 1.0, 1.9]).astype(np.float32)
    multilabel = np.stack([binary, score > 1, X[:, 0] + rng.normal(size=N) > 34], axis=1).astype(np.float32)
    weight = rng.uniform(0.2, 3.0, N).astype(np.float32)


LOSSES = [
    ("binary", BinaryFocalLoss(2.0, "balanced")),
    ("soft", BinaryFocalLoss((1.0, 2.0), label_smoothing=0.05)),
    ("multiclass", MulticlassFocalLoss(2.0, "balanced")),
    ("multilabel", MultilabelFocalLoss(2.0, "balanced")),
]


def as_array(values):
    return da.from_array(values, chunks=(N // PARTITIONS, *values.shape[1:]))


def as_frame(values):
    frame = pd.Series(values) if values.ndim == 1 else pd.DataFrame(values).rename(columns=str)
    return dd.from_pandas(frame, npartitions=PARTITIONS)


def with_unknown_sizes(values):
    """Partitions of a size that Dask does not know; one of them has no rows."""
    array = da.concatenate([as_array(values), da.full(values[:5].shape, -1.0, dtype=values.dtype)])
    return array[(array if values.ndim == 1 else array[:, 0]) >= 0]


# ---------------------------------------------------------------------- statistics, without a cluster
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("collection", [as_array, as_frame, with_unknown_sizes])
@pytest.mark.parametrize(("labels", "loss"), LOSSES)
def test_a_loss_is_resolved_for_all_partitions(labels, loss, collection, weighted):
    y, weight = getattr(Data, labels), Data.weight if weighted else None
    expected = loss.for_labels(y, weight)
    found = loss.for_labels(collection(y), collection(weight) if weighted else None)
    for name in ("intercept", "scale", "base_score"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=1e-12), name
    if loss.alpha == "balanced":
        np.testing.assert_allclose(found.alpha, expected.alpha, rtol=1e-12)
    assert isinstance(found.intercept, type(expected.intercept))


def test_labels_that_are_sorted_over_the_partitions():
    """Partitions of one class only, of no row, and of fewer classes than there are."""
    y = np.sort(Data.multiclass)
    assert MulticlassFocalLoss().for_labels(as_array(y)) == MulticlassFocalLoss().for_labels(y)
    y = np.sort(Data.binary)
    assert BinaryFocalLoss().for_labels(as_array(y)) == BinaryFocalLoss().for_labels(y)


def test_every_partition_is_loaded_once_for_labels_and_weights():
    loaded = []

    def load(block, block_info=None):
        loaded.append(block_info[0]["chunk-location"])
        return block

    table = as_array(np.stack([Data.binary, Data.weight], axis=1)).map_blocks(load, dtype=np.float32)
    loss = BinaryFocalLoss()
    with dask.config.set(scheduler="synchronous"):
        loaded.clear()
        found = loss.for_labels(table[:, 0], table[:, 1])
    assert sorted(loaded) == [(i, 0) for i in range(PARTITIONS)]
    assert found.intercept == pytest.approx(loss.for_labels(Data.binary, Data.weight).intercept)


@pytest.mark.parametrize(
    ("error", "message", "y", "weight"),
    [
        (TypeError, r"y is a Dask Bag, must be an Array", lambda: dask.bag.from_sequence([0, 1]), None),
        (TypeError, r"y is a Dask Delayed.*, must be an Array", lambda: dask.delayed([0, 1]), None),
        (
            TypeError,
            r"sample_weight is of type ndarray, must be a Dask collection as y: dask.array.from_array",
            lambda: as_array(Data.binary),
            lambda: Data.weight,
        ),
        (
            ValueError,
            r"sample_weight has 2 partitions, must have 4 as y. Use sample_weight.rechunk\(y.chunks\)",
            lambda: as_array(Data.binary),
            lambda: as_array(Data.weight).rechunk(N // 2),
        ),
        (
            ValueError,
            r"partition \d of y: sample_weight has shape \(\d+,\), must be \(1000,\), one weight per row",
            lambda: as_array(Data.binary),
            lambda: as_array(Data.weight).rechunk(((500, 1500, 1000, 1000),)),
        ),
        (
            ValueError,
            r"partition 2 of y: y\[0\] == 2.0, must be in \[0, 1\]",
            lambda: as_array(np.where(np.arange(N) == 2000, np.float32(2), Data.binary)),
            None,
        ),
        (
            ValueError,
            r"partition 3 of y: sample_weight\[999\] == -1.0, must be >= 0 and finite",
            lambda: as_array(Data.binary),
            lambda: as_array(np.where(np.arange(N) == N - 1, np.float32(-1), Data.weight)),
        ),
        (ValueError, r"y == 0 in all rows with weight", lambda: as_array(0 * Data.binary), None),
        (ValueError, r"y has no rows", lambda: as_array(Data.binary)[:0], None),
        (
            ValueError,
            r"sample_weight == 0 in all rows, must be > 0",
            lambda: as_array(Data.binary),
            lambda: as_array(0 * Data.weight),
        ),
    ],
)
def test_errors_name_the_partition_and_the_cure(error, message, y, weight):
    with pytest.raises(error, match=message):
        BinaryFocalLoss().for_labels(y(), None if weight is None else weight())


@pytest.mark.parametrize(
    "call",
    [
        lambda y, raw, w: BinaryFocalLoss().loss(y, raw.compute()),
        lambda y, raw, w: BinaryFocalLoss().gradient_hessian(y.compute(), raw),
        lambda y, raw, w: BinaryFocalLoss().loss(y.compute(), raw.compute(), w),
        lambda y, raw, w: BinaryFocalLoss()(y, raw),
        lambda y, raw, w: pytest.importorskip("focalboost.xgboost").FocalXGBClassifier().fit(Data.X, y),
    ],
)
@pytest.mark.parametrize("collection", [as_array, as_frame])
def test_what_needs_all_rows_in_memory_says_so(call, collection):
    arguments = [collection(values) for values in (Data.binary, Data.score, Data.weight)]
    with pytest.raises(TypeError, match=r"is a Dask (Array|Series), must be in memory: .*\.compute\(\)"):
        call(*arguments)


@pytest.mark.parametrize("collection", [as_array, as_frame, with_unknown_sizes])
@pytest.mark.parametrize(("labels", "loss"), LOSSES)
def test_the_posterior_of_a_collection_is_lazy(labels, loss, collection):
    y = getattr(Data, labels)
    loss = loss.for_labels(y)
    raw = np.abs(np.random.default_rng(0).normal(size=(N, 4) if labels == "multiclass" else y.shape))
    margins = collection(raw)
    probability = loss.posterior(margins)
    assert type(probability) is type(margins)
    found = probability.compute()
    if collection is as_frame:
        assert found.index.equals(margins.compute().index)
    np.testing.assert_array_equal(np.asarray(found), loss.posterior(raw))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("collection", [as_array, as_frame])
@pytest.mark.parametrize(("labels", "loss"), LOSSES)
def test_a_collection_is_calibrated_as_arrays_are(labels, loss, collection, weighted):
    y, weight = getattr(Data, labels), Data.weight if weighted else None
    n_columns = y.shape[1:] if y.ndim == 2 else ((4,) if labels == "multiclass" else ())
    raw = np.random.default_rng(0).normal(size=(N, *n_columns))
    loss = loss.for_labels(y)
    lazy = None if weight is None else collection(weight)
    found = loss.calibrated(collection(y), collection(raw), lazy)
    np.testing.assert_allclose(found.logit_shift, loss.calibrated(y, raw, weight).logit_shift, rtol=1e-9)


def test_a_collection_of_other_partitions_is_refused():
    loss, raw = BinaryFocalLoss(2.0), as_array(Data.score)
    with pytest.raises(ValueError, match=r"^y_true has 1 partitions, must have 4 as raw_prediction"):
        loss.calibrated(da.from_array(Data.binary, chunks=N), raw)


def test_a_loss_travels_light():
    loss = MulticlassFocalLoss(2.0, "balanced").for_labels(Data.multiclass)
    text = pickle.dumps(loss)
    assert len(text) < 2_000
    assert pickle.loads(text) == loss
    assert pickle.loads(text).intercept == loss.intercept


# ---------------------------------------------------------------------- two workers
@pytest.fixture(scope="module")
def client():
    from distributed import Client, LocalCluster

    options = {"processes": True, "dashboard_address": "127.0.0.1:0", "host": "127.0.0.1", "silence_logs": 50}
    with LocalCluster(n_workers=2, threads_per_worker=1, **options) as cluster, Client(cluster) as client:
        client.wait_for_workers(2, timeout=WAIT)
        yield client


def shards(client, collection, sizes=(N // 2, N // 2)):
    """Persisted rows, a partition for each worker."""
    from distributed import wait

    # Not scheduler_info(): its cache is emptied of workers by a periodic call between request and answer.
    workers = sorted(client.nthreads())
    bounds = np.cumsum([0, *sizes])
    parts = [
        client.scatter(collection[start:stop], workers=[worker], hash=False)
        for start, stop, worker in zip(bounds, bounds[1:], workers, strict=False)
    ]
    shape = collection.shape[1:]
    # Dask would leave a part out whose size it knows to be 0.
    arrays = [da.from_delayed(part, (np.nan, *shape), collection.dtype) for part in parts]
    rows = da.concatenate(arrays, allow_unknown_chunksizes=True).persist()
    wait(rows)
    assert [len(found) for found in client.who_has(rows).values()] == [1, 1]
    assert len(set(client.who_has(rows).values())) == 2
    return rows


def margins(booster):
    xgb = pytest.importorskip("xgboost")
    return booster.predict(xgb.DMatrix(Data.X), output_margin=True)


def train_both(client, y, loss, *, weight=None, sizes=(N // 2, N // 2), matrix="DaskDMatrix", rounds=20):
    """The booster of two workers and that of one machine."""
    xgb = pytest.importorskip("xgboost")
    from xgboost import dask as dxgb

    spread = partial(shards, client, sizes=sizes)
    dy, dw = spread(y), None if weight is None else spread(weight)
    loss = loss.for_labels(dy, dw)
    dtrain = getattr(dxgb, matrix)(client, spread(Data.X), dy, weight=dw)
    options = {"num_boost_round": rounds, "obj": loss}
    theirs = dxgb.train(client, BOOSTER, dtrain, callbacks=[loss.start()], **options)["booster"]
    alone = xgb.QuantileDMatrix(Data.X, y, weight=weight)
    ours = xgb.train({**BOOSTER, "nthread": 1}, alone, callbacks=[loss.start()], **options)
    return theirs, ours, loss


def check_shift(two, one):
    """The posterior's mean is that of the rows of all workers."""
    from focalboost.xgboost import stored_loss

    found, expected = (stored_loss(booster).logit_shift for booster in (two, one))
    assert expected is not None
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("labels", "loss"), LOSSES)
def test_two_workers_train_the_model_of_one_machine(client, labels, loss, weighted):
    weight = Data.weight if weighted else None
    two, one, _ = train_both(client, getattr(Data, labels), loss, weight=weight)
    np.testing.assert_allclose(margins(two), margins(one), rtol=0, atol=1e-5)
    check_shift(two, one)


@pytest.mark.parametrize("matrix", ["DaskDMatrix", "DaskQuantileDMatrix"])
@pytest.mark.parametrize(("labels", "loss"), LOSSES)
def test_a_worker_without_rows(client, labels, loss, matrix):
    two, one, _ = train_both(client, getattr(Data, labels), loss, sizes=(N, 0), matrix=matrix)
    np.testing.assert_allclose(margins(two), margins(one), rtol=0, atol=1e-5)
    check_shift(two, one)


@pytest.mark.parametrize("labels", ["binary", "multiclass"])
def test_gamma_zero_is_the_builtin_model_of_two_workers(client, labels):
    """With continuous features the bins of two workers are not those of one; they are the same for both."""
    pytest.importorskip("xgboost")
    from xgboost import dask as dxgb

    X = Data.X + np.random.default_rng(0).normal(size=Data.X.shape).astype(np.float32)
    y = shards(client, getattr(Data, labels))
    loss = (BinaryFocalLoss if labels == "binary" else MulticlassFocalLoss)(0.0).for_labels(y)
    params = {**BOOSTER, "objective": loss.objective}
    params |= {"num_class": 4} if labels == "multiclass" else {}
    params["base_score"] = loss.base_score if labels == "binary" else list(loss.base_score)
    dtrain = dxgb.DaskDMatrix(client, shards(client, X), y)
    builtin = dxgb.train(client, params, dtrain, 20)["booster"]
    focal = dxgb.train(client, BOOSTER, dtrain, 20, obj=loss, callbacks=[loss.start()])["booster"]
    np.testing.assert_allclose(margins(focal), margins(builtin), rtol=0, atol=1e-5)


@pytest.mark.parametrize(("labels", "loss"), [LOSSES[0], *LOSSES[2:]])
def test_the_classifier_of_xgboost_on_dask(client, labels, loss):
    pytest.importorskip("xgboost")
    from xgboost import dask as dxgb

    y = getattr(Data, labels)
    # The classifier looks at y for its classes, for which Dask has to know the sizes.
    dX, dy = as_array(Data.X), as_array(y)
    loss = loss.for_labels(dy)
    _, one, _ = train_both(client, y, loss)
    options = {"max_depth": 4, "learning_rate": 0.3, "tree_method": "hist", "n_estimators": 20}
    model = dxgb.DaskXGBClassifier(
        objective=loss, callbacks=[loss.start()], eval_metric=loss.metric, **options
    )
    model.client = client
    model.fit(dX, dy, eval_set=[(dX, dy)], verbose=False)
    values = model.evals_result()["validation_0"]["metric"]
    xgb = pytest.importorskip("xgboost")
    expected = loss.metric(margins(one), xgb.DMatrix(Data.X, y))[1]
    assert values[-1] == pytest.approx(expected, abs=2e-6)
    np.testing.assert_allclose(margins(model.get_booster()), margins(one), rtol=0, atol=1e-5)
    raw = model.predict(dX, output_margin=True) if labels != "multiclass" else None
    raw = dxgb.predict(client, model.get_booster(), dX, output_margin=True) if raw is None else raw
    np.testing.assert_allclose(
        np.asarray(loss.posterior(raw)), loss.posterior(margins(one)), rtol=0, atol=1e-5
    )


@pytest.mark.parametrize("frame", [False, True])
def test_margins_of_dask_become_the_posterior_lazily(client, frame):
    pytest.importorskip("xgboost")
    from xgboost import dask as dxgb

    two, _, loss = train_both(client, Data.binary, BinaryFocalLoss(2.0), rounds=5)
    X = as_frame(Data.X) if frame else as_array(Data.X)
    two.feature_names = None
    probability = loss.posterior(dxgb.predict(client, two, X, output_margin=True, validate_features=False))
    assert isinstance(probability, dd.Series if frame else da.Array)
    np.testing.assert_array_equal(probability.compute(), loss.posterior(margins(two)))


@pytest.mark.parametrize(
    ("weighted", "sizes"), [(False, (100, N - 100)), (True, (100, N - 100)), (False, (N, 0))]
)
@pytest.mark.parametrize(("labels", "loss"), LOSSES)
def test_the_metric_is_that_of_all_rows(client, labels, loss, weighted, sizes):
    """XGBoost averages its workers as if they had the same rows: here 100, of one class, and 3,900."""
    xgb = pytest.importorskip("xgboost")
    from xgboost import dask as dxgb

    order = np.argsort(getattr(Data, labels), axis=0, kind="stable")
    order = order if order.ndim == 1 else order[:, 0]
    X, y, weight = Data.X[order], getattr(Data, labels)[order], Data.weight[order] if weighted else None
    spread = partial(shards, client, sizes=sizes)
    loss = loss.for_labels(y, weight)
    options = {"num_boost_round": 5, "obj": loss, "custom_metric": loss.metric, "verbose_eval": False}
    dtrain = dxgb.DaskDMatrix(client, spread(X), spread(y), weight=spread(weight) if weighted else None)
    found = dxgb.train(
        client, BOOSTER, dtrain, evals=[(dtrain, "train")], callbacks=[loss.start()], **options
    )["history"]
    alone, expected = xgb.QuantileDMatrix(X, y, weight=weight), {}
    xgb.train(
        {**BOOSTER, "nthread": 1},
        alone,
        evals=[(alone, "train")],
        evals_result=expected,
        callbacks=[loss.start()],
        **options,
    )
    np.testing.assert_allclose(found["train"]["focal_loss"], expected["train"]["focal_loss"], atol=2e-6)


@pytest.mark.parametrize(("labels", "loss"), LOSSES)
def test_gradients_send_nothing_and_the_metric_two_numbers(labels, loss, monkeypatch):
    xgb = pytest.importorskip("xgboost")
    sent = []
    monkeypatch.setattr(xgb.collective, "is_distributed", lambda: True)
    monkeypatch.setattr(xgb.collective, "allreduce", lambda data, op: sent.append(data.nbytes) or data)
    y = getattr(Data, labels)
    loss, data = loss.for_labels(y), xgb.DMatrix(Data.X, y)
    raw = np.zeros((N, 4) if labels == "multiclass" else y.shape, np.float32)
    loss(raw, data)
    assert sent == []
    loss.metric(raw, data)
    assert sent == [16]


def test_early_stopping_by_the_focal_loss(client):
    pytest.importorskip("xgboost")
    from xgboost import dask as dxgb

    X, y, rows = (shards(client, values) for values in (Data.X, Data.binary, Data.X + 1))
    loss = BinaryFocalLoss(2.0).for_labels(y)
    dtrain, other = dxgb.DaskDMatrix(client, X, y), dxgb.DaskDMatrix(client, rows, y)
    result = dxgb.train(
        client,
        {**BOOSTER, "learning_rate": 1.0},
        dtrain,
        200,
        obj=loss,
        custom_metric=loss.metric,
        evals=[(other, "other")],
        early_stopping_rounds=3,
        callbacks=[loss.start()],
        verbose_eval=False,
    )
    values = result["history"]["other"]["focal_loss"]
    assert len(values) < 200
    assert result["booster"].best_iteration == int(np.argmin(values)) == len(values) - 4


def test_a_worker_without_the_objective_says_so(client):
    pytest.importorskip("xgboost")
    from xgboost import dask as dxgb

    y = shards(client, Data.binary)
    loss = BinaryFocalLoss(2.0).for_labels(y)
    dtrain = dxgb.DaskDMatrix(client, shards(client, Data.X), y)
    with pytest.raises(RuntimeError, match=r"obj must be BinaryFocalLoss.*: a round was trained without it"):
        dxgb.train(client, BOOSTER, dtrain, 3, callbacks=[loss.start()])


def test_threads_are_those_of_the_worker(client, monkeypatch):
    from distributed import Client, LocalCluster

    from focalboost._kernels.threads import thread_count

    assert client.submit(thread_count, None).result(timeout=WAIT) == 1
    assert client.submit(thread_count, 3).result(timeout=WAIT) == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert thread_count(None) == 7
    options = {"processes": False, "dashboard_address": "127.0.0.1:0", "silence_logs": 50}
    with (
        LocalCluster(n_workers=1, threads_per_worker=2, **options) as cluster,
        Client(cluster, set_as_default=False) as here,
    ):
        assert here.submit(thread_count, None, pure=False).result(timeout=WAIT) == 2
        monkeypatch.setenv("FOCALBOOST_NUM_THREADS", "5")
        assert here.submit(thread_count, None, pure=False).result(timeout=WAIT) == 5


# ---------------------------------------------------------------------- LightGBM
def train_lightgbm(client, estimator, X, y, loss, **options):
    lgb = pytest.importorskip("lightgbm")
    from focalboost.lightgbm import start

    model = getattr(lgb, estimator)(
        client=client, objective=loss, n_estimators=30, num_leaves=15, verbosity=-1, **options
    )
    return model.fit(X, y, callbacks=[start(loss)])


ESTIMATORS = [
    ("DaskLGBMClassifier", "binary", BinaryFocalLoss(2.0), {}),
    ("DaskLGBMRegressor", "binary", BinaryFocalLoss(2.0, "balanced"), {}),
    ("DaskLGBMClassifier", "multiclass", MulticlassFocalLoss(2.0), {}),
    (
        "DaskLGBMRegressor",
        "multiclass",
        MulticlassFocalLoss(2.0, "balanced"),
        {"num_class": 4, "metric": "None"},
    ),
]


@pytest.mark.filterwarnings("ignore:Parameter n_jobs will be ignored:UserWarning")
@pytest.mark.parametrize(("estimator", "labels", "loss", "options"), ESTIMATORS)
def test_lightgbm_on_dask_gives_a_model_that_lives_alone(client, estimator, labels, loss, options):
    lgb = pytest.importorskip("lightgbm")
    from focalboost.lightgbm import stored_loss, train

    y = getattr(Data, labels)
    dX, dy = shards(client, Data.X), shards(client, y)
    loss = loss.for_labels(dy)
    model = train_lightgbm(client, estimator, dX, dy, loss, **options)
    booster = model.booster_
    assert stored_loss(booster).with_shift(None) == loss
    assert type(booster) is lgb.Booster
    alone = train(loss, {"num_leaves": 15, "verbosity": -1, **options}, lgb.Dataset(Data.X, y), 30)
    found, expected = (b.predict(Data.X, raw_score=True) for b in (booster, alone))
    # Workers share out the features to be binned and sum histograms of their own.
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.98
    probability = loss.posterior(found)
    if labels == "binary":
        own = model.predict(as_array(Data.X), raw_score=True)
        np.testing.assert_allclose(np.asarray(own), found, rtol=0, atol=1e-12)
        local = model.to_local().predict(Data.X, raw_score=True)
        np.testing.assert_allclose(local, found, rtol=0, atol=1e-12)
    # With several outputs Dask asks the estimator for classes; the booster itself goes to the parts.
    shape = {"drop_axis": 1} if found.ndim == 1 else {"chunks": (as_array(Data.X).chunks[0], (4,))}
    lazy = as_array(Data.X).map_blocks(booster.predict, raw_score=True, dtype=float, meta=found[:0], **shape)
    np.testing.assert_allclose(loss.posterior(lazy).compute(), probability, rtol=0, atol=1e-12)
    np.testing.assert_allclose(
        probability.mean(axis=0), loss.posterior(expected).mean(axis=0), rtol=0.03, atol=0.003
    )


@pytest.mark.filterwarnings("ignore:Parameter n_jobs will be ignored:UserWarning")
@pytest.mark.parametrize(("estimator", "labels", "loss", "options"), ESTIMATORS)
def test_every_worker_of_lightgbm_starts_at_the_intercept(client, estimator, labels, loss, options):
    """The start is that of all rows, though one worker has few of them."""
    sizes = (500, N - 500)
    dX, dy = (shards(client, values, sizes) for values in (Data.X, getattr(Data, labels)))
    loss = loss.for_labels(dy)
    booster = train_lightgbm(client, estimator, dX, dy, loss, learning_rate=1e-9, **options).booster_
    found = booster.predict(Data.X[:3], raw_score=True)
    np.testing.assert_allclose(found, np.broadcast_to(loss.start_margins().squeeze(), found.shape), atol=1e-6)


@pytest.mark.filterwarnings("ignore:Parameter n_jobs will be ignored:UserWarning")
def test_the_metric_of_lightgbm_on_dask(client):
    """Each worker has the focal loss of its own rows, with the start in the margins."""
    lgb = pytest.importorskip("lightgbm")
    from focalboost.lightgbm import start

    dX, dy = shards(client, Data.X), shards(client, Data.binary)
    loss = BinaryFocalLoss(2.0).for_labels(dy)
    model = lgb.DaskLGBMRegressor(
        client=client, objective=loss, n_estimators=10, num_leaves=15, verbosity=-1, metric="None"
    )
    new = tuple(map(int, lgb.__version__.split(".")[:2])) >= (4, 7)  # where eval_set is deprecated
    held_out = {"eval_X": (dX,), "eval_y": (dy,)} if new else {"eval_set": [(dX, dy)]}
    model.fit(dX, dy, **held_out, eval_metric=loss.metric, callbacks=[start(loss)])
    (values,) = [result["focal_loss"] for result in model.evals_result_.values()]
    whole = loss.metric(Data.binary, model.booster_.predict(Data.X, raw_score=True))
    assert values[-1] < values[0] < 1.0
    assert values[-1] == pytest.approx(whole, rel=0.2)


@pytest.mark.filterwarnings("ignore:Parameter n_jobs will be ignored:UserWarning")
def test_lightgbm_numbers_the_classes_of_each_worker_but_not_in_the_regressor(client):
    """Why README says DaskLGBMRegressor: a worker with rows of class 1 only calls it 0."""
    order = np.argsort(Data.binary)
    n_positive = int(Data.binary.sum())
    spread = partial(shards, client, sizes=(N - n_positive, n_positive))
    X, y = spread(Data.X[order]), spread(Data.binary[order])
    loss = BinaryFocalLoss(2.0).for_labels(y)
    mean = {}
    for estimator in ("DaskLGBMClassifier", "DaskLGBMRegressor"):
        booster = train_lightgbm(client, estimator, X, y, loss).booster_
        probability = loss.posterior(booster.predict(Data.X, raw_score=True))
        mean[estimator] = probability[Data.binary == 1].mean()
    assert mean["DaskLGBMRegressor"] > 0.5
    assert mean["DaskLGBMClassifier"] < 0.2
