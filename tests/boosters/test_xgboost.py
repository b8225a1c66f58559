"""The callback that starts XGBoost's training at the best constant."""

import json

import numpy as np
import pytest

from focalboost import BinaryFocalLoss

xgb = pytest.importorskip("xgboost")
from focalboost.xgboost import stored_loss  # noqa: E402  # needs xgboost
from tests.xgboost.training import BINARY, BOOSTER, Data, margins, train  # noqa: E402


def test_start_sets_intercept_and_objective_and_keeps_the_loss():
    loss = BinaryFocalLoss(2.0, "balanced", label_smoothing=0.01).for_labels(Data.binary)
    data = xgb.DMatrix(Data.X, Data.binary)
    first = margins(train({}, data, 0, loss), data)
    np.testing.assert_allclose(first, loss.intercept, rtol=1e-5)
    booster = train({}, data, 5, loss)
    assert json.loads(booster.save_config())["learner"]["objective"]["name"] == BINARY
    assert stored_loss(booster) == loss


def test_continued_training_equals_training_in_one_go():
    loss = BinaryFocalLoss(2.0).for_labels(Data.binary)
    data = xgb.DMatrix(Data.X, Data.binary)
    whole = train({}, data, 20, loss)
    half = train({}, data, 10, loss)
    # Another intercept in the callback must not replace that of the trees.
    other = BinaryFocalLoss(2.0).for_labels([0, 1])
    continued = xgb.train(BOOSTER, data, 10, obj=loss, callbacks=[other.start()], xgb_model=half)
    np.testing.assert_allclose(margins(continued, data), margins(whole, data), atol=1e-6)


@pytest.mark.filterwarnings("ignore:.*gblinear. is deprecated:UserWarning")  # by XGBoost 3.4
@pytest.mark.parametrize(
    "selection", [{"feature_selector": "cyclic"}, {"feature_selector": "greedy", "top_k": 2}]
)
def test_a_linear_booster_keeps_its_parameters(selection):
    # XGBoost resets those of the updater when another one is set, as start() does.
    params = {"booster": "gblinear", "updater": "coord_descent", "reg_alpha": 0.02, "reg_lambda": 0.01}
    params |= {"learning_rate": 0.3, "nthread": 1, "objective": BINARY, **selection}
    dtrain, loss = xgb.DMatrix(Data.X, Data.binary), BinaryFocalLoss(0.0).for_labels(Data.binary)
    builtin = xgb.train({**params, "base_score": loss.base_score}, dtrain, 10)
    booster = xgb.train(params, dtrain, 10, obj=loss, callbacks=[loss.start()])
    assert np.abs(margins(builtin, dtrain)).max() < 6  # the penalties bite: without them, 9
    np.testing.assert_allclose(margins(booster, dtrain), margins(builtin, dtrain), atol=1e-4)


@pytest.mark.parametrize(
    "run",
    [
        lambda data, start: xgb.train(BOOSTER, data, 2, callbacks=[start]),
        lambda data, start: xgb.cv(BOOSTER, data, 2, nfold=2, callbacks=[start]),
        lambda data, start: xgb.XGBClassifier(**BOOSTER, callbacks=[start]).fit(Data.X, Data.binary),
    ],
)
def test_a_start_without_the_objective_is_an_error(run):
    """It would be a model of log loss, with the intercept of focal loss and the loss in its file."""
    loss = BinaryFocalLoss(2.0).for_labels(Data.binary)
    with pytest.raises(
        RuntimeError, match=r"obj must be BinaryFocalLoss\(.*\): a round was trained without it"
    ):
        run(xgb.DMatrix(Data.X, Data.binary), loss.start())


@pytest.mark.parametrize("through", ["call", "gradient_hessian"])
def test_an_objective_around_the_loss_may_start_with_it(through):
    loss = BinaryFocalLoss(2.0).for_labels(Data.binary)
    data = xgb.DMatrix(Data.X, Data.binary)

    def objective(raw, matrix):
        if through == "call":
            return loss(raw, matrix)
        return loss.gradient_hessian(matrix.get_label(), raw)

    booster = xgb.train(BOOSTER, data, 3, obj=objective, callbacks=[loss.start()])
    np.testing.assert_array_equal(margins(booster, data), margins(train({}, data, 3, loss), data))
