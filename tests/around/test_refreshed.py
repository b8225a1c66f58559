"""XGBoost's process_type="update": trees that are there get other leaves, or lose some."""

import numpy as np
import pytest

from focalboost import BinaryFocalLoss
from tests.around.ways import (
    X1,
    X2,
    X_FORGOTTEN,
    X_PARAMS,
    X_WAYS,
    Y1,
    Y2,
    dmatrix,
    fxgb,
    x_margins,
    x_native,
    x_sklearn,
    x_sklearn_alone,
    x_train,
    xgb,
)

REFRESH = {"process_type": "update", "updater": "refresh", "refresh_leaf": True}
PRUNE = {"process_type": "update", "updater": "prune", "min_split_loss": 3.0}
WAYS = [*X_WAYS, *X_FORGOTTEN]
# The QuantileDMatrix of XGBClassifier cannot be refreshed; by this method it takes a DMatrix.
EXACT = {"tree_method": "exact"}


def more(way, params):
    return {**params, **EXACT} if way in (x_sklearn, x_sklearn_alone) else params


def built_in(params, old):
    base = {**X_PARAMS, "objective": "binary:logistic", **params}
    return xgb.train(base, dmatrix(X2, Y2), 6, xgb_model=old)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "params", [REFRESH, PRUNE, {**REFRESH, "updater": "refresh,prune", "min_split_loss": 3.0}], ids=str
)
def test_gamma_0_does_what_the_built_in_does(way, params):
    base = {**X_PARAMS, "objective": "binary:logistic", "base_score": float(Y1.mean())}
    plain = built_in(params, xgb.train(base, dmatrix(X1, Y1), 6))
    loss = BinaryFocalLoss(0.0).for_labels(Y1)
    old = x_train(loss, X1, Y1, 6)
    found = way(loss, X2, Y2, 6, old, more(way, params))
    assert np.abs(x_margins(found, X2) - x_margins(plain, X2)).max() < 5e-6
    assert np.abs(x_margins(found, X2) - x_margins(old, X2)).max() > 0.01


@pytest.mark.parametrize("way", WAYS)
def test_the_models_own_start_stays(way):
    loss = BinaryFocalLoss(2.0).for_labels(Y1)
    old = x_train(loss, X1, Y1, 6)
    found = way(loss, X2, Y2, 6, old, more(way, REFRESH))
    assert fxgb.stored_loss(found).intercept == loss.intercept
    assert np.abs(x_margins(found, X2) - x_margins(x_native(loss, X2, Y2, 6, old, REFRESH), X2)).max() < 1e-5
    p = fxgb.stored_loss(found).posterior(x_margins(found, X2))
    assert p.mean() == pytest.approx(Y2.mean(), abs=0.03)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("params", [REFRESH, PRUNE])
def test_a_plain_model_is_refused(way, params):
    base = {**X_PARAMS, "objective": "binary:logistic"}
    for start in ({}, {"base_score": 0.5}):
        plain = xgb.train({**base, **start}, dmatrix(X1, Y1), 6)
        with pytest.raises(ValueError, match=r"xgb_model has no stored loss"):
            way(BinaryFocalLoss(2.0), X2, Y2, 6, plain, params)


@pytest.mark.parametrize("way", WAYS)
def test_another_loss_is_refused(way):
    old = x_train(BinaryFocalLoss(2.0), X1, Y1, 6)
    with pytest.raises(ValueError, match=r"must have the same gamma"):
        way(BinaryFocalLoss(1.0).for_labels(Y2), X2, Y2, 6, old, REFRESH)


@pytest.mark.parametrize("way", X_WAYS)
def test_a_refreshed_model_goes_on(way):
    """It counts 0 rounds, and is no new model for that."""
    loss = BinaryFocalLoss(2.0).for_labels(Y1)
    old = x_train(loss, X1, Y1, 6)
    once = way(loss, X2, Y2, 6, old, more(way, REFRESH))
    twice = way(loss, X2, Y2, 6, once, more(way, REFRESH))
    assert np.abs(x_margins(twice, X2) - x_margins(once, X2)).max() < 1.0
    on = way(loss, X2, Y2, 3, once, EXACT)
    assert fxgb.stored_loss(on).intercept == loss.intercept
    assert np.abs(x_margins(on, X2) - x_margins(once, X2)).max() < 3.0


def test_a_new_model_cannot_be_refreshed():
    with pytest.raises((ValueError, xgb.core.XGBoostError), match="xgb_model has no stored loss"):
        x_train(BinaryFocalLoss(2.0), X1, Y1, 2, None, REFRESH)


def test_xgboosts_classifier_refuses_its_own_matrix():
    loss = BinaryFocalLoss(2.0).for_labels(Y1)
    with pytest.raises(xgb.core.XGBoostError, match=r"Not implemented for `QuantileDMatrix`"):
        x_sklearn(loss, X2, Y2, 6, x_train(loss, X1, Y1, 6), REFRESH)
