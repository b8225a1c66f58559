"""loss.margin, the inverse of loss.posterior, and what a new model makes of an old one's probabilities."""

import numpy as np
import pytest
from hypothesis import given, settings

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss
from tests.instances import ALL, BINARY, MULTICLASS, MULTILABEL
from tests.strategies import losses


def probabilities(loss, n_samples, rng, lowest=1e-6):
    shape = {"BinaryFocalLoss": (n_samples,), "MulticlassFocalLoss": (n_samples, loss._n_outputs() or 3)}.get(
        type(loss).__name__, (n_samples, loss._n_outputs() or 3)
    )
    p = np.exp(rng.uniform(np.log(lowest), -lowest, shape))
    return p / p.sum(axis=1, keepdims=True) if isinstance(loss, MulticlassFocalLoss) else p


def resolved(loss):
    if loss.alpha != "balanced":
        return loss
    if isinstance(loss, BinaryFocalLoss):
        return loss.for_labels([0, 0, 0, 1])
    if isinstance(loss, MulticlassFocalLoss):
        return loss.for_labels(np.arange(loss.n_classes))
    return loss.for_labels([[0] * loss.n_labels, [1] * loss.n_labels, [0] * loss.n_labels])


@pytest.mark.parametrize("loss", ALL, ids=repr)
def test_margin_is_the_inverse_of_posterior(loss, rng):
    p = probabilities(loss, 300, rng)
    margin = loss.margin(p)
    assert margin.shape == p.shape
    assert margin.dtype == np.float64
    np.testing.assert_allclose(loss.posterior(margin), p, rtol=1e-9)


@settings(max_examples=60, deadline=None)
@given(losses())
def test_any_loss_goes_there_and_back(loss):
    loss = resolved(loss)
    p = probabilities(loss, 20, np.random.default_rng(0))
    np.testing.assert_allclose(loss.posterior(loss.margin(p)), p, rtol=1e-9)


@pytest.mark.parametrize("loss", MULTICLASS, ids=repr)
def test_margins_of_classes_have_mean_zero(loss, rng):
    np.testing.assert_allclose(loss.margin(probabilities(loss, 50, rng)).mean(axis=1), 0.0, atol=1e-12)


def test_the_margin_of_the_rate_is_the_intercept():
    loss = BinaryFocalLoss(2.0, (1.0, 9.0)).for_labels([0] * 97 + [1] * 3)
    assert loss.margin([0.03])[0] == pytest.approx(loss.intercept, rel=1e-12)
    many = MulticlassFocalLoss((2.0, 0.0, 1.0)).for_labels([0] * 6 + [1] * 3 + [2])
    np.testing.assert_allclose(many.margin([[0.6, 0.3, 0.1]])[0], many.intercept, rtol=1e-9)


def test_columns_series_and_float32_are_taken(rng):
    loss = BinaryFocalLoss(2.0)
    p = rng.uniform(0.1, 0.9, 20)
    np.testing.assert_array_equal(loss.margin(p[:, None]), loss.margin(p))
    np.testing.assert_allclose(loss.margin(p.astype(np.float32)), loss.margin(p), rtol=1e-4)
    pandas = pytest.importorskip("pandas")
    np.testing.assert_array_equal(loss.margin(pandas.Series(p, index=range(20, 40))), loss.margin(p))
    assert loss.margin([]).shape == (0,)


def test_dask_collections_are_mapped_lazily(rng):
    array = pytest.importorskip("dask.array")
    frame = pytest.importorskip("dask.dataframe")
    pandas = pytest.importorskip("pandas")
    for loss in (BINARY[1], MULTILABEL[1], MULTICLASS[2]):
        p = probabilities(loss, 30, rng)
        lazy = loss.margin(array.from_array(p, chunks=(7,) if p.ndim == 1 else (7, 2)))
        assert isinstance(lazy, array.Array)
        np.testing.assert_allclose(lazy.compute(scheduler="sync"), loss.margin(p), rtol=1e-12, atol=1e-12)
    series = pandas.Series(rng.uniform(0.1, 0.9, 30), name="old")
    lazy = frame.from_pandas(series, npartitions=3)
    with pytest.raises(
        TypeError,
        match=r"^probability is a Dask Series, must be an Array: probability\.to_dask_array\(length",
    ):
        BINARY[1].margin(lazy)
    lazy = BINARY[1].margin(lazy.to_dask_array(lengths=True))
    np.testing.assert_allclose(lazy.compute(scheduler="sync"), BINARY[1].margin(series), rtol=1e-12)
    bad = BINARY[1].margin(array.from_array(np.array([0.5, 1.0]), chunks=1))
    with pytest.raises(ValueError, match=r"^probability\[0\] == 1\.0, must be in \(0, 1\)"):
        bad.compute(scheduler="sync")


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda: BinaryFocalLoss().margin([0.2, 1.0]),
            ValueError,
            r"^probability\[1\] == 1\.0, must be in \(0, 1\): .* Clip before: np\.clip\(probability, 1e-7, ",
        ),
        (lambda: BinaryFocalLoss().margin([0.2, np.nan]), ValueError, r"probability\[1\] == nan, must be in"),
        (
            lambda: BinaryFocalLoss().margin([0, 1]),
            ValueError,
            r"probability\[0\] == 0\.0 \(and 1 more\), mu",
        ),
        (
            lambda: BinaryFocalLoss().margin(np.full((4, 2), 0.5)),
            ValueError,
            r"^probability has shape \(4, 2\), must be \(n_samples,\), that of class 1: pass probability",
        ),
        (lambda: BinaryFocalLoss().margin(["a"]), TypeError, r"^probability has dtype <U1, must be numbers"),
        (lambda: BinaryFocalLoss(2, "balanced").margin([0.5]), ValueError, r"use loss\.for_labels\(y\)"),
        (
            lambda: MulticlassFocalLoss(2.0).margin([[0.5, 0.5, 0.0]]),
            ValueError,
            r"^probability\[0, 2\] == 0\.0, must be in \(0, 1\): .* p / p\.sum\(axis=-1, keepdims=True\)",
        ),
        (
            lambda: MulticlassFocalLoss(2.0).margin([[0.5, 0.6]]),
            ValueError,
            r"\[0\] has the sum 1\.1, must b",
        ),
        (
            lambda: MulticlassFocalLoss(n_classes=3).margin([[0.5, 0.5]]),
            ValueError,
            r"^probability has shape \(1, 2\), must be \(n_samples, 3\): the loss has 3 classes",
        ),
        (lambda: MulticlassFocalLoss().margin([0.5]), ValueError, r"^probability has shape \(1,\), must be"),
        (
            lambda: MultilabelFocalLoss((1, 2)).margin([[0.5]]),
            ValueError,
            r"^probability has shape \(1, 1\), must be \(n_samples, 2\), a column per label\. For one lab",
        ),
        (lambda: MultilabelFocalLoss().margin([[0.5, 1]]), ValueError, r"^probability\[0, 1\] == 1\.0, must"),
    ],
)
def test_what_has_no_margin_is_refused(call, error, text):
    with pytest.raises(error, match=text):
        call()


@pytest.mark.parametrize("loss", [BinaryFocalLoss(2.0, (1.0, 20.0)), MulticlassFocalLoss((2.0, 1.0, 3.0))])
def test_xgboost_goes_on_from_the_probabilities_of_log_loss(loss, rng):
    xgboost = pytest.importorskip("xgboost")
    x = rng.normal(size=(1500, 3))
    score = x @ np.array([1.0, -1.0, 0.5]) + rng.logistic(size=1500)
    binary = isinstance(loss, BinaryFocalLoss)
    y = (score > 2).astype(int) if binary else np.digitize(score, [0.0, 2.0])
    objective = (
        {"objective": "binary:logistic"} if binary else {"objective": "multi:softprob", "num_class": 3}
    )
    params = {"max_depth": 3, "eta": 0.1, "nthread": 1}
    old = xgboost.train(objective | params, xgboost.DMatrix(x, y), 10)
    p = old.predict(xgboost.DMatrix(x))
    loss = loss.for_labels(y)
    data = xgboost.DMatrix(x, y, base_margin=loss.margin(p))
    new = xgboost.train(params, data, 10, obj=loss, callbacks=[loss.start()])
    # Before the first tree it says what the old model says, afterwards it is better.
    begun = loss.posterior(new.predict(data, output_margin=True, iteration_range=(0, 1)))
    ended = loss.posterior(new.predict(data, output_margin=True))

    def log_loss(q):
        return -np.log(np.where(y == 1, q, 1 - q) if binary else q[np.arange(y.size), y]).mean()

    assert np.abs(begun - p).mean() < 0.02
    assert log_loss(ended) < log_loss(p) - 0.02


def test_lightgbm_goes_on_from_the_probabilities_of_log_loss(rng):
    lightgbm = pytest.importorskip("lightgbm")
    x = rng.normal(size=(1500, 3))
    y = (x @ np.array([1.0, -1.0, 0.5]) + rng.logistic(size=1500) > 2).astype(int)
    params = {"num_leaves": 5, "verbosity": -1, "num_threads": 1}
    old = lightgbm.train({"objective": "binary"} | params, lightgbm.Dataset(x, y), 10)
    p = old.predict(x)
    loss = BinaryFocalLoss(2.0, (1.0, 20.0)).for_labels(y)
    start = loss.margin(p)
    new = lightgbm.train({"objective": loss} | params, lightgbm.Dataset(x, y, init_score=start), 10)
    q = loss.posterior(start + new.predict(x, raw_score=True))
    assert -np.log(np.where(y == 1, q, 1 - q)).mean() < -np.log(np.where(y == 1, p, 1 - p)).mean() - 0.02
