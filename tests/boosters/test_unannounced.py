"""Trainings without the callback: what is right goes on, what would be wrong is refused in round 0."""

import numpy as np
import pytest

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss
from tests.lightgbm import training as of_lightgbm
from tests.xgboost import training as of_xgboost

lgb, xgb = of_lightgbm.lgb, of_xgboost.xgb
X, Y = of_xgboost.Data.X, of_xgboost.Data.binary
UNRESOLVED = BinaryFocalLoss(2.0)
RESOLVED = UNRESOLVED.for_labels(Y)
LOGISTIC = {**of_xgboost.BOOSTER, "objective": "binary:logistic"}


# ---------------------------------------------------------------------- XGBoost
@pytest.mark.parametrize(
    ("params", "loss", "found", "wanted"),
    [
        (of_xgboost.BOOSTER, UNRESOLVED, "0.5", "0"),
        (of_xgboost.BOOSTER, RESOLVED, "0.5", "-1.03"),
        ({**LOGISTIC, "base_score": 0.2}, UNRESOLVED, "-1.38", "0"),
        ({**LOGISTIC, "base_score": 0.5}, RESOLVED, "-?0.0", "-1.03"),
    ],
)
def test_another_start_is_refused_before_a_tree(params, loss, found, wanted):
    text = (
        rf"^training starts at margin {found}.*, must start at {wanted}.*focalboost\.xgboost\.train\(loss, "
    )
    for run in (xgb.train, lambda *args, obj: xgb.cv(*args, nfold=2, obj=obj)):
        with pytest.raises(ValueError, match=text):
            run(params, xgb.DMatrix(X, Y), 2, obj=loss)


def test_the_right_start_without_the_callback_trains_the_same_model():
    data = xgb.DMatrix(X, Y)
    params = {**LOGISTIC, "base_score": RESOLVED.base_score}
    found = xgb.train(params, data, 5, obj=RESOLVED)
    expected = of_xgboost.train({}, data, 5, RESOLVED)
    margins = (booster.predict(data, output_margin=True) for booster in (found, expected))
    np.testing.assert_allclose(*margins, rtol=0, atol=1e-6)
    assert found.attr("focalboost") is None


@pytest.mark.parametrize(
    ("labels", "loss", "params"),
    [
        ("binary", BinaryFocalLoss(2.0), {"objective": "binary:logistic", "base_score": 0.5}),
        ("multiclass", MulticlassFocalLoss(2.0), {"objective": "multi:softprob", "num_class": 4}),
        ("multilabel", MultilabelFocalLoss(2.0), {"objective": "binary:logistic", "base_score": 0.5}),
    ],
)
def test_a_loss_that_is_not_resolved_starts_at_zero(labels, loss, params):
    data = xgb.DMatrix(X, getattr(of_xgboost.Data, labels))
    assert xgb.train({**of_xgboost.BOOSTER, **params}, data, 2, obj=loss).num_boosted_rounds() == 2


def test_a_start_of_the_user_goes_on():
    data = xgb.DMatrix(X, Y, base_margin=np.full(len(Y), 0.7, np.float32))
    assert xgb.train(LOGISTIC, data, 2, obj=UNRESOLVED).num_boosted_rounds() == 2
    # scikit-learn's interface passes arrays on: the matrix is found with the booster.
    model = xgb.XGBClassifier(objective=UNRESOLVED, n_estimators=2, **of_xgboost.BOOSTER)
    model.fit(X, Y, base_margin=np.full(len(Y), 0.7))


def test_a_users_own_updates_are_looked_at_too():
    booster = xgb.Booster(of_xgboost.BOOSTER, [data := xgb.DMatrix(X, Y)])
    with pytest.raises(ValueError, match=r"^training starts at margin 0\.5, must start at"):
        booster.update(data, 0, RESOLVED)
    booster = xgb.Booster({**LOGISTIC, "base_score": RESOLVED.base_score}, [data])
    for epoch in range(3):
        booster.update(data, epoch, RESOLVED)
    assert booster.num_boosted_rounds() == 3


# ---------------------------------------------------------------------- LightGBM
def test_lightgbm_starts_at_zero_and_nowhere_else():
    params = {**of_lightgbm.PARAMS, "objective": of_lightgbm.LOSSES["binary"]}
    text = r"^training starts at score 0, must start at -.*Use focalboost\.lightgbm\.train\(loss, params, tra"
    for run in (lgb.train, lambda *args: lgb.cv(*args, nfold=2)):
        with pytest.raises(ValueError, match=text):
            run(params, of_lightgbm.dataset(), 2)
    booster = lgb.train({**params, "objective": UNRESOLVED}, of_lightgbm.dataset(), 2)
    assert booster.num_trees() == 2


@pytest.mark.parametrize("labels", list(of_lightgbm.LOSSES))
def test_a_start_of_the_user_goes_on_in_lightgbm(labels):
    booster, shift = of_lightgbm.by_hand(of_lightgbm.LOSSES[labels], labels, 2)
    assert booster.num_trees() == 2 * shift.size


@pytest.mark.parametrize("before", ["focal", "log loss"])
def test_a_model_of_lightgbm_is_continued_with_the_callback_only(before):
    loss = of_lightgbm.LOSSES["binary"]
    if before == "focal":
        model = of_lightgbm.train(loss, of_lightgbm.dataset(), 2)
    else:
        model = lgb.train({**of_lightgbm.PARAMS, "objective": "binary"}, of_lightgbm.dataset(), 2)
    params = {**of_lightgbm.PARAMS, "objective": loss}
    with pytest.raises(
        ValueError, match=r"^init_model is continued without start\(loss\), must be continued w"
    ):
        lgb.train(params, of_lightgbm.dataset(), 2, init_model=model)


@pytest.mark.parametrize("gamma", [11.0, (0.0, 50.0)])
def test_a_loss_that_no_labels_resolved_has_a_gamma_with_which_trees_can_split(gamma):
    loss = BinaryFocalLoss(gamma)
    message = r"^gamma == (11|50) of a loss that no labels resolved, must be at most 10.*for_labels\(y\)"
    data = of_lightgbm.dataset()
    with pytest.raises(ValueError, match=message):
        lgb.train({**of_lightgbm.PARAMS, "objective": loss}, data, 1)
    rows = of_xgboost.Data
    with pytest.raises(ValueError, match=message):
        xgb.train({"objective": "binary:logistic"}, xgb.DMatrix(rows.X, rows.binary), 1, obj=loss)
