"""What `focalboost.xgboost.train` and `cv` make of parameters and data sets."""

import numpy as np
import pytest

from focalboost import BinaryFocalLoss, MulticlassFocalLoss

xgb = pytest.importorskip("xgboost")
from focalboost.xgboost import FocalXGBClassifier, cv, start, stored_loss, train  # noqa: E402  # needs xgboost

rng = np.random.default_rng(0)
X = rng.normal(size=(1000, 3))
Y = (X[:, 0] + rng.normal(size=1000) > 1.5).astype(int)
DATA = xgb.DMatrix(X, Y)
LOSS = BinaryFocalLoss(2.0)
QUIET = {"verbose_eval": False}


def test_the_verbosity_of_the_process_stays():
    from focalboost._boosters.names import known_parameters

    known_parameters.cache_clear()
    with xgb.config_context(verbosity=2):
        train(LOSS, {}, DATA, 1)
        assert xgb.get_config()["verbosity"] == 2


@pytest.mark.parametrize("how", [train, cv])
def test_early_stopping_minimizes(how):
    with pytest.raises(ValueError, match=r"maximize == True, must be left out: .* metric_name=\.\.\."):
        how(LOSS, {}, DATA, 5, early_stopping_rounds=2, maximize=True)


def test_a_list_of_pairs_may_repeat_a_metric():
    found = {}
    pairs = [("eval_metric", "auc"), ("max_depth", 2), ("eval_metric", "aucpr")]
    train(LOSS, pairs, DATA, 2, evals=[(DATA, "t")], evals_result=found, **QUIET)
    assert list(found["t"]) == ["auc", "aucpr", "focal_loss"]


def test_no_metric_is_that_of_the_confidence():
    found = {}
    train(LOSS, {"eval_metric": []}, DATA, 2, evals=[(DATA, "t")], evals_result=found, **QUIET)
    assert list(found["t"]) == ["focal_loss"]


def test_one_margin_has_no_classes():
    with pytest.raises(ValueError, match=r"num_class == 2 in params, must be left out: BinaryFocalLoss"):
        train(LOSS, {"num_class": 2}, DATA, 1)
    many = xgb.DMatrix(X, rng.integers(0, 3, 1000))
    assert stored_loss(train(MulticlassFocalLoss(), {"num_class": 3}, many, 1)).n_classes == 3


def test_a_model_is_not_continued_on_bins_without_a_word():
    old = train(LOSS, {}, DATA, 3)
    bins = xgb.QuantileDMatrix(X, Y)
    with pytest.warns(UserWarning, match=r"dtrain is a QuantileDMatrix, should be a DMatrix where a model"):
        train(LOSS, {}, bins, 1, xgb_model=old)
    train(LOSS, {}, bins, 1)


def test_objective_and_start_are_of_one_loss():
    mine, other = (BinaryFocalLoss(gamma).for_labels(Y) for gamma in (1.0, 2.0))
    with pytest.raises(ValueError, match=r"the objective is .*gamma=1\.0.*must be the loss of start\(\)"):
        xgb.train({}, DATA, 1, obj=mine, callbacks=[start(other)])


def test_parameters_of_a_classifier_may_be_arrays():
    alpha, gamma = (1.0, 5.0), (1.0, 2.0)
    model, same = (
        FocalXGBClassifier(focal_alpha=of(alpha), focal_gamma=of(gamma), n_estimators=2)
        for of in (np.array, tuple)
    )
    np.testing.assert_array_equal(model.fit(X, Y).predict_proba(X), same.fit(X, Y).predict_proba(X))
