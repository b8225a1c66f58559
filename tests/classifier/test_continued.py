"""Continued training."""

import numpy as np
import pytest

from tests.classifier.models import TASKS, Data, lgb, lgbm_model, margins_of, xgb, xgb_model


@pytest.mark.parametrize("form", ["estimator", "booster", "file"])
@pytest.mark.parametrize("task", TASKS)
def test_continued_training_is_straight_training(make, task, form, tmp_path):
    y = getattr(Data, task)
    first = make(n_estimators=7).fit(Data.X, y)
    before = first
    if form == "booster":
        before = first.get_booster() if make is xgb_model else first.booster_
    if form == "file":
        before = str(tmp_path / "model.json")
        first.save_model(before)
    fit = {"xgb_model": before} if make is xgb_model else {"init_model": before}
    both = make(n_estimators=8).fit(Data.X, y, **fit)
    straight = make(n_estimators=15).fit(Data.X, y)
    np.testing.assert_allclose(margins_of(both, Data.X), margins_of(straight, Data.X), rtol=0, atol=1e-5)


def test_a_model_of_other_classes_is_not_continued(make):
    before = make().fit(Data.X, Data.named)
    fit = {"xgb_model": before} if make is xgb_model else {"init_model": before}
    name = next(iter(fit))
    text = rf"{name} has the classes \['fraud', 'good'\] \(binary\), y has \[0, 1\], must have no others"
    with pytest.raises(ValueError, match=text):
        make().fit(Data.X, Data.binary, **fit)


def continuing(make, before):
    return {"xgb_model": before} if make is xgb_model else {"init_model": before}


@pytest.mark.parametrize(
    "other", [{"focal_gamma": 1.0}, {"focal_alpha": 0.25}, {"focal_label_smoothing": 0.1}], ids=str
)
def test_a_model_of_other_focal_parameters_is_not_continued(make, other):
    before = make().fit(Data.X, Data.named)
    fit = continuing(make, before)
    name = next(iter(fit))
    text = rf"^{name} was trained with BinaryFocalLoss\(.*\), must have the same gamma, class weights, lab"
    with pytest.raises(ValueError, match=text):
        make(**other).fit(Data.X, Data.named, **fit)


def test_a_model_of_log_loss_is_not_continued(make):
    if make is xgb_model:
        before = xgb.XGBClassifier(n_estimators=2, n_jobs=1).fit(Data.X, Data.binary)
    else:
        before = lgb.LGBMClassifier(n_estimators=2, n_jobs=1, verbosity=-1).fit(Data.X, Data.binary)
    fit = continuing(make, before)
    text = rf"^{next(iter(fit))} has no stored loss, must be a model trained with focalboost"
    with pytest.raises(ValueError, match=text):
        make().fit(Data.X, Data.binary, **fit)


@pytest.mark.parametrize("params", [{"focal_alpha": "balanced"}, {"focal_alpha_power": 0.5}], ids=str)
@pytest.mark.parametrize("task", ["named", "multiclass"])
def test_the_stored_numbers_stand_on_other_rows(make, task, params):
    """Also where a class does not occur this time."""
    y = getattr(Data, task)
    before = make(**params).fit(Data.X, y)
    some = y != np.unique(y)[0]
    model = make(**params, n_estimators=3).fit(Data.X[some], y[some], **continuing(make, before))
    assert model.loss_.with_shift(None) == before.loss_.with_shift(None)
    np.testing.assert_array_equal(model.classes_, before.classes_)
    assert model.predict_proba(Data.X).shape == before.predict_proba(Data.X).shape
    rows = model.predict_proba(Data.X[some])[:, 0].mean()
    assert rows < before.predict_proba(Data.X[some])[:, 0].mean()


def test_a_model_is_handed_from_the_functions_to_the_classifier():
    """What train made, a classifier continues: its classes are 0, 1, ..."""
    from focalboost.lightgbm import train as train_lightgbm
    from focalboost.losses import BinaryFocalLoss
    from focalboost.xgboost import train as train_xgboost

    loss, y = BinaryFocalLoss(2.0), Data.binary
    before = train_xgboost(loss, {"max_depth": 3}, xgb.DMatrix(Data.X, y), 7)
    both = xgb_model(n_estimators=8).fit(Data.X, y, xgb_model=before)
    straight = xgb_model().fit(Data.X, y)
    np.testing.assert_allclose(margins_of(both, Data.X), margins_of(straight, Data.X), rtol=0, atol=1e-5)
    with pytest.raises(
        ValueError, match=r"^xgb_model was trained without a classifier, y must have its class"
    ):
        xgb_model().fit(Data.X, Data.named, xgb_model=before)
    params = {"num_leaves": 7, "verbosity": -1, "num_threads": 1}
    before = train_lightgbm(loss, params, lgb.Dataset(Data.X, y), 7)
    both = lgbm_model(n_estimators=8).fit(Data.X, y, init_model=before)
    straight = lgbm_model().fit(Data.X, y)
    np.testing.assert_allclose(margins_of(both, Data.X), margins_of(straight, Data.X), rtol=0, atol=1e-5)
