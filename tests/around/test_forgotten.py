"""A half that was forgotten, or a door that leads past focal loss: an error with the cure."""

import copy
import pickle

import numpy as np
import pytest

from focalboost import BinaryFocalLoss
from tests.around.ways import (
    L_PARAMS,
    L_SKLEARN,
    L_WAYS,
    X1,
    X2,
    X_FORGOTTEN,
    X_PARAMS,
    X_SKLEARN,
    X_WAYS,
    Y1,
    Y2,
    dataset,
    dmatrix,
    flgb,
    fxgb,
    l_margins,
    l_train,
    lgb,
    log_loss,
    x_train,
    xgb,
)

GAMMA = BinaryFocalLoss(2.0)
NO_REFIT = "null objective|not with focal loss"


@pytest.mark.parametrize("way", L_WAYS)
def test_refit_is_refused(way, tmp_path):
    """LightGBM would refit with log loss: the stored line says binary."""
    booster = way(GAMMA, X1, Y1, 4)
    booster.save_model(tmp_path / "m.txt")
    for model in (booster, pickle.loads(pickle.dumps(booster)), flgb.load_model(tmp_path / "m.txt")):
        with pytest.raises((lgb.basic.LightGBMError, ValueError), match=NO_REFIT):
            model.refit(X2, Y2)


def test_refit_of_the_classifiers_booster_is_refused(tmp_path):
    focal = flgb.FocalLGBMClassifier(n_estimators=4, **L_SKLEARN).fit(X1, Y1)
    focal.save_model(tmp_path / "m.txt")
    again = flgb.FocalLGBMClassifier()
    again.load_model(tmp_path / "m.txt")
    # LightGBM's own deepcopy of a Booster drops the mark, and no callback is asked.
    for model in (focal, again, pickle.loads(pickle.dumps(focal))):
        with pytest.raises((lgb.basic.LightGBMError, ValueError), match=NO_REFIT):
            model.booster_.refit(X2, Y2)


def test_refit_inside_a_training_is_refused():
    seen = []

    def look(env):
        for model in (env.model, pickle.loads(pickle.dumps(env.model)), copy.deepcopy(env.model)):
            with pytest.raises((lgb.basic.LightGBMError, ValueError), match=NO_REFIT):
                model.refit(X2, Y2)
            seen.append(model)

    l_train(GAMMA, X1, Y1, 2, callbacks=[look])
    assert len(seen) == 6


def test_plain_xgbclassifier_says_confidences():
    """Its predict_proba is the transform of the margins; the posterior is one call away."""
    plain = xgb.XGBClassifier(
        objective=(loss := GAMMA.for_labels(Y1)), callbacks=[fxgb.start(loss)], n_estimators=20, **X_SKLEARN
    ).fit(X1, Y1)
    margins = plain.predict(X1, output_margin=True)
    assert np.abs(plain.predict_proba(X1)[:, 1] - 1 / (1 + np.exp(-margins))).max() < 1e-6
    assert plain.predict_proba(X1)[:, 1].mean() > Y1.mean() + 0.05
    assert fxgb.stored_loss(plain).posterior(margins).mean() == pytest.approx(Y1.mean(), abs=0.02)


def test_early_stopping_follows_the_metric_that_starts_at_1():
    train_set = dataset(X1, Y1)
    loss, found = GAMMA.for_labels(Y1), {}
    booster = lgb.train(
        {**L_PARAMS, "objective": loss, "metric": "None"},
        train_set,
        200,
        valid_sets=[train_set.create_valid(X2, Y2)],
        feval=loss.metric,
        callbacks=[flgb.start(loss), lgb.early_stopping(5, verbose=False), lgb.record_evaluation(found)],
    )
    values = found["valid_0"]["focal_loss"]
    assert values[0] < 1
    assert len(values) < 200
    best = int(np.argmin(values)) + 1
    assert booster.num_trees() == booster.best_iteration == best
    p = loss.posterior(l_margins(booster, X2))
    assert loss.metric(Y2, l_margins(booster, X2)) == pytest.approx(min(values), rel=1e-9)
    assert log_loss(Y2, p) < log_loss(Y2, np.full(len(Y2), Y1.mean()))


@pytest.mark.parametrize(("ways", "module"), [(X_WAYS, fxgb), (L_WAYS, flgb)])
def test_a_booster_without_a_record(ways, module):
    if module is fxgb:
        plain = xgb.train({**X_PARAMS, "objective": "binary:logistic"}, dmatrix(X1, Y1), 2)
    else:
        plain = lgb.train({**L_PARAMS, "objective": "binary"}, dataset(X1, Y1), 2)
    with pytest.raises(ValueError, match=r"stored loss"):
        module.stored_loss(plain)


def test_a_damaged_record_is_refused():
    old = x_train(GAMMA, X1, Y1, 2)
    for text in ("{}", "nonsense", '{"format": 99}'):
        old.set_attr(focalboost=text)
        for way in (*X_WAYS, *X_FORGOTTEN):
            with pytest.raises(ValueError, match=r"the stored loss"):
                way(GAMMA, X1, Y1, 2, old)


def test_unlabelled_data():
    with pytest.raises(ValueError, match=r"dtrain has no labels, must have them"):
        fxgb.train(GAMMA, X_PARAMS, xgb.DMatrix(X1), 2)
