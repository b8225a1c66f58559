"""A loss as the objective of XGBClassifier itself."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import average_precision_score
from sklearn.model_selection import cross_val_predict

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss
from tests.xgboost.training import BINARY, BOOSTER, SOFTMAX, SOFTMAX_HESSIAN, Data, margins, train, xgb


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("labels", "loss"),
    [
        ("binary", BinaryFocalLoss(2.0)),
        ("multiclass", MulticlassFocalLoss(2.0)),
        ("multilabel", MultilabelFocalLoss(2.0)),
    ],
)
def test_the_classifier_takes_the_loss_as_objective(labels, loss, weighted):
    y, weight = getattr(Data, labels), Data.weight if weighted else None
    loss = loss.for_labels(y, weight)
    data = xgb.DMatrix(Data.X, y, weight=weight)
    model = xgb.XGBClassifier(objective=loss, n_estimators=10, callbacks=[loss.start()], **BOOSTER)
    model.fit(Data.X, y, sample_weight=weight)
    native = train({}, data, 10, loss)
    np.testing.assert_allclose(
        model.get_booster().predict(data, output_margin=True), margins(native, data), atol=1e-6
    )
    probability = model.predict_proba(Data.X)
    expected = native.predict(data)
    expected = np.stack([1 - expected, expected], axis=1) if labels == "binary" else expected
    np.testing.assert_allclose(probability, expected, atol=1e-6)
    assert clone(model).objective is loss


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("labels", "loss", "objective"),
    [
        ("binary", BinaryFocalLoss(0.0), BINARY),
        ("multiclass", MulticlassFocalLoss(0.0), SOFTMAX),
        ("multilabel", MultilabelFocalLoss(0.0), BINARY),
    ],
)
def test_gamma_zero_trains_the_model_of_the_builtin_objective(labels, loss, objective, weighted):
    """The wrapper passes float32 arrays and no matrix: that XGBoost calls is seen from the stack."""
    y, weight = getattr(Data, labels), Data.weight if weighted else None
    loss = loss.for_labels(y, weight)
    focal = xgb.XGBClassifier(objective=loss, n_estimators=20, callbacks=[loss.start()], **BOOSTER)
    base_score = list(loss.base_score) if labels != "binary" else loss.base_score
    builtin = xgb.XGBClassifier(objective=objective, base_score=base_score, n_estimators=20, **BOOSTER)
    found, expected = (
        model.fit(Data.X, y, sample_weight=weight).predict(Data.X, output_margin=True)
        for model in (focal, builtin)
    )
    if labels == "multiclass" and SOFTMAX_HESSIAN != "2p(1-p)":
        assert np.abs(found - expected).max() > 0.01
    else:
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_cross_validation_with_the_classifier():
    loss = BinaryFocalLoss(2.0)
    model = xgb.XGBClassifier(objective=loss, n_estimators=20, **BOOSTER)
    p = cross_val_predict(model, Data.X, Data.binary, cv=3, method="predict_proba")[:, 1]
    assert average_precision_score(Data.binary, p) > 5 * Data.binary.mean()


def test_objectives_are_deep_copied_without_harm():
    loss = BinaryFocalLoss(2.0)
    model = xgb.XGBClassifier(objective=loss)
    assert clone(model).get_params()["objective"] is loss


def test_metric_as_eval_metric_of_the_classifier():
    loss = BinaryFocalLoss(2.0)
    model = xgb.XGBClassifier(objective=loss, eval_metric=loss.metric, n_estimators=5, **BOOSTER)
    model.fit(Data.X, Data.binary, eval_set=[(Data.X, Data.binary)], verbose=False)
    *_, values = model.evals_result()["validation_0"].values()  # after the built-in one
    data = xgb.DMatrix(Data.X, Data.binary)
    raw = model.get_booster().predict(data, output_margin=True)
    assert values[-1] == pytest.approx(loss.metric(raw, data)[1], abs=1e-6)
