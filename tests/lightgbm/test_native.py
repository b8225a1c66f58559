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


@pytest.mark.parametrize(
    ("n_classes", "n", "n_values"), [(2, 800, 3), (4, 300, 12), (4, 800, 12), (6, 800, 3)]
)
@pytest.mark.parametrize("weighted", [False, True])
def test_gamma_zero_trains_the_builtin_model_where_gains_tie(n_classes, n, n_values, weighted):
    """Columns that are one another's copies in another order, few values, no L2 penalty.

    Many gains are exact ties, and the last bit of a gradient decides: computed in float32 three of the four
    models of several classes parted, by up to .7 in the margins.
    """
    rng = np.random.default_rng(n)
    X = rng.integers(0, n_values, (n, 8)).astype(float)
    X[:, 4:] = (X[:, :4] + 1) % n_values
    score = X[:, 0] - X[:, 1] + X[:, 2] * X[:, 3] + rng.normal(0, 1, n)
    shares = [0.9] if n_classes == 2 else [0.02, 0.05, 0.3, 0.6, 0.9][: n_classes - 1]
    y = np.digitize(score, np.quantile(score, shares))
    weight = rng.uniform(0.5, 2, n).astype("f4") if weighted else None
    params = {**PARAMS, "num_leaves": 31, "lambda_l2": 0.0, "force_col_wise": True}
    params |= {"num_class": n_classes} if n_classes > 2 else {}
    loss, name = (BinaryFocalLoss, "binary") if n_classes == 2 else (MulticlassFocalLoss, "multiclass")
    builtin = lgb.train({**params, "objective": name}, lgb.Dataset(X, y, weight=weight), 40)
    loss = loss(0.0).for_labels(y, weight)
    focal = lgb.train(
        {**params, "objective": loss}, lgb.Dataset(X, y, weight=weight), 40, callbacks=[start(loss)]
    )
    expected, margins = (model.predict(X, raw_score=True) for model in (builtin, focal))
    difference = margins - expected
    if n_classes > 2:  # what all classes share changes no probability
        difference -= difference.mean(axis=1, keepdims=True)
    assert np.abs(difference).max() < 1e-13
    structures = [model.trees_to_dataframe()[["split_feature", "threshold"]] for model in (builtin, focal)]
    assert structures[0].equals(structures[1])


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
