"""Trainings by LightGBM's native API: parity with its own objectives, and each known trap."""

import copy

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss

lgb = pytest.importorskip("lightgbm")
from focalboost.lightgbm import start  # noqa: E402  # needs lightgbm
from tests.lightgbm.training import DART, LOSSES, PARAMS, Data, N, dataset, train, width  # noqa: E402


# ---------------------------------------------------------------------- parity
def both(labels, objective, loss, weight, params):
    """A booster with the built-in objective, one with the loss, and the resolved loss."""
    loss = loss.for_labels(getattr(Data, labels), weight)
    builtin_params = {**PARAMS, "objective": objective, **width(loss), **params}
    builtin = lgb.train(builtin_params, dataset(labels, weight), 50)
    return builtin, train(loss, dataset(labels, weight), 50, **params), loss


SAME = [
    {},
    {"linear_tree": True},
    {"use_quantized_grad": True},
    {"data_sample_strategy": "goss"},
    {"feature_fraction": 0.5},
    {"feature_fraction_bynode": 0.5},
    {"extra_trees": True},
]
SAMPLING = [
    {"bagging_fraction": 0.5, "bagging_freq": 1},
    {"num_leaves": 63, "min_data_in_leaf": 1},
]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("params", SAME, ids=str)
@pytest.mark.parametrize(
    ("labels", "objective", "loss"),
    [
        ("binary", "binary", BinaryFocalLoss(0.0)),
        ("multiclass", "multiclass", MulticlassFocalLoss(0.0)),
    ],
)
def test_gamma_zero_trains_the_builtin_model(labels, objective, loss, params, weighted):
    weight = Data.weight if weighted else None
    builtin, focal, _ = both(labels, objective, loss, weight, params)
    expected = builtin.predict(Data.X, raw_score=True)
    atol = 1e-5 if "use_quantized_grad" in params else 1e-6
    np.testing.assert_allclose(focal.predict(Data.X, raw_score=True), expected, rtol=0, atol=atol)
    np.testing.assert_allclose(focal.predict(Data.X), builtin.predict(Data.X), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("labels", "objective", "loss"),
    [
        ("binary", "binary", BinaryFocalLoss(0.0)),
        ("multiclass", "multiclass", MulticlassFocalLoss(0.0)),
    ],
)
def test_gamma_zero_trains_the_builtin_model_of_dart(labels, objective, loss):
    """With the start as init_score: LightGBM's own intercept is dropped together with its first tree."""
    y = getattr(Data, labels)
    loss = loss.for_labels(y)
    start_margins = loss.start_margins()
    rows = np.tile(start_margins, (N, 1)) if labels == "multiclass" else np.full(N, start_margins[0])
    params = {**PARAMS, **DART, **width(loss), "objective": objective, "boost_from_average": False}
    builtin = lgb.train(params, dataset(labels).set_init_score(rows), 20)
    expected = builtin.predict(Data.X, raw_score=True) + start_margins
    focal = train(loss, dataset(labels), 20, **DART)
    np.testing.assert_allclose(focal.predict(Data.X, raw_score=True), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("params", SAMPLING, ids=str)
@pytest.mark.parametrize(
    ("labels", "objective", "loss"),
    [
        ("binary", "binary", BinaryFocalLoss(0.0)),
        ("multiclass", "multiclass", MulticlassFocalLoss(0.0)),
    ],
)
def test_gamma_zero_trains_as_good_a_model_where_splits_tie(labels, objective, loss, params):
    """LightGBM rounds its gradients from double, the kernels compute in float32.

    On few rows a leaf two splits can tie, or an estimated row count lie between two numbers, and the last bit
    then decides: the models may differ, their losses may not.
    """
    builtin, focal, loss = both(labels, objective, loss, None, params)
    expected, margins = (model.predict(Data.X, raw_score=True) for model in (builtin, focal))
    y = getattr(Data, labels)
    assert loss.loss(y, margins).mean() == pytest.approx(loss.loss(y, expected).mean(), rel=0.02)
    assert np.corrcoef(margins.ravel(), expected.ravel())[0, 1] > 0.99


def test_multilabel_equals_independent_binaries():
    loss = MultilabelFocalLoss((2.0, 0.5, 0.0), (0.25, (1.0, 4.0), 0.5)).for_labels(Data.multilabel)
    together = train(loss, dataset("multilabel"))
    for label, (gamma, alpha) in enumerate([(2.0, 0.25), (0.5, (1.0, 4.0)), (0.0, 0.5)]):
        y = Data.multilabel[:, label]
        one = BinaryFocalLoss(gamma, alpha).for_labels(y)
        alone = train(one, lgb.Dataset(Data.X, y))
        got = together.predict(Data.X, raw_score=True)[:, label]
        np.testing.assert_array_equal(got, alone.predict(Data.X, raw_score=True))
        np.testing.assert_allclose(together.predict(Data.X)[:, label], alone.predict(Data.X), rtol=1e-15)


# ---------------------------------------------------------------------- entry points
def test_cv_and_subsets():
    loss = LOSSES["binary"]
    params, options = {**PARAMS, "objective": loss}, {"nfold": 3, "feval": loss.metric}
    history = lgb.cv(params, dataset(), 15, callbacks=[start(loss)], **options)
    (values,) = [history[key] for key in history if key.endswith("focal_loss-mean")]
    assert values[-1] < values[0] < 1.0
    part = dataset().construct().subset(range(0, N, 2))
    sub_loss = BinaryFocalLoss(2.0).for_labels(Data.binary[::2])
    final = train(sub_loss, part, 10)
    assert average_precision_score(Data.binary[1::2], final.predict(Data.X[1::2])) > 0.4


def test_params_are_copied_without_copying_the_loss():
    loss = LOSSES["binary"]
    assert copy.deepcopy({"objective": loss})["objective"] is loss


# ---------------------------------------------------------------------- traps
def test_random_forests_are_refused_by_lightgbm(capfd):
    params = {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}
    with pytest.raises(lgb.basic.LightGBMError, match="RF mode do not support custom objective"):
        lgb.train({**PARAMS, "objective": BinaryFocalLoss(), **params}, dataset(), 1)


def test_a_nan_score_stops_training():
    scores = np.zeros(N)
    scores[5] = np.inf  # NaN would not do: LightGBM turns NaN init scores into zero
    data = lgb.Dataset(Data.X, Data.binary, init_score=scores)
    with pytest.raises(ValueError, match=r"raw_prediction\[5\] == .*must be at most 3"):
        lgb.train({**PARAMS, "objective": BinaryFocalLoss()}, data, 1)


@pytest.mark.parametrize("gamma", [1.0, 2.0, 5.0])
def test_a_loss_learns_from_a_log_odds_start(gamma):
    rate = Data.binary.mean()
    data = lgb.Dataset(Data.X, Data.binary, init_score=np.full(N, np.log(rate / (1 - rate))))
    booster = lgb.train({**PARAMS, "objective": BinaryFocalLoss(gamma)}, data, 30)
    assert average_precision_score(Data.binary, booster.predict(Data.X, raw_score=True)) > 0.6


@pytest.mark.parametrize("gamma", [0.0, 2.0, 5.0])
def test_leaves_hold_the_rows_that_were_asked_for(gamma):
    """min_data_in_leaf is estimated from Hessian shares: focal loss skews them, the scale keeps the size."""
    loss = BinaryFocalLoss(gamma, "balanced").for_labels(Data.binary)
    booster = train(loss, dataset(), 20, min_data_in_leaf=200)
    leaves = booster.predict(Data.X, pred_leaf=True)
    smallest = min(np.unique(column, return_counts=True)[1].min() for column in leaves.T)
    assert smallest >= 20
