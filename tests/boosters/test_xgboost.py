"""The callback that starts XGBoost's training at the best constant."""

import json
import re

import numpy as np
import pytest

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss

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
    assert stored_loss(booster).with_shift(None) == loss


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


# ---------------------------------------------------------------------- a version that takes no parameters
STARTED = {
    "binary": BinaryFocalLoss(2.0).for_labels(Data.binary),
    "multiclass": MulticlassFocalLoss(2.0).for_labels(Data.multiclass),
    "multilabel": MultilabelFocalLoss(2.0).for_labels(Data.multilabel),
}


@pytest.fixture
def deaf(monkeypatch):
    """Makes boosters that ignore parameters of these names once they are made."""

    def ignore(*names):
        heard = xgb.Booster.set_param

        def set_param(booster, params, value=None):
            if isinstance(params, dict) and "base_score" in params:  # of the callback
                params = {name: value for name, value in params.items() if name not in names}
            heard(booster, params, value)

        monkeypatch.setattr(xgb.Booster, "set_param", set_param)

    return ignore


@pytest.mark.parametrize("run", ["train", "cv"])
@pytest.mark.parametrize(
    ("task", "ignored", "message"),
    [
        ("binary", ["objective"], r"has objective == 'reg:squarederror' after set_param\(objective='binary:"),
        ("multiclass", ["objective"], r"has objective == 'multi:softmax' after set_param\(objective='multi:"),
        ("binary", ["base_score"], r"starts at margin \S+ and not at -1\.\d+"),
        ("multiclass", ["base_score"], r"starts at margin \[.*\] and not at \[.*\]"),
        ("multilabel", ["base_score"], r"starts at margin \[.*\] and not at \[-"),
        ("multilabel", ["objective", "base_score"], r"has objective == 'reg:squarederror' after"),
    ],
)
def test_a_start_that_xgboost_does_not_take_is_an_error(deaf, run, task, ignored, message):
    """XGBoost 3.5 moves the learner's parameters out of the model."""
    loss = STARTED[task]
    params = {**BOOSTER, "num_class": 4} if task == "multiclass" else BOOSTER
    data = xgb.DMatrix(Data.X, getattr(Data, task))
    deaf(*ignored)
    with pytest.raises(RuntimeError, match=rf"^XGBoost {re.escape(xgb.__version__)} {message}"):
        getattr(xgb, run)(params, data, 2, obj=loss, callbacks=[loss.start()])


@pytest.mark.parametrize("name", ["learner_train_param", "learner_model_param", "gradient_booster"])
def test_a_configuration_that_moved_is_an_error(monkeypatch, name):
    config = xgb.Booster.save_config

    def moved(booster):
        found = json.loads(config(booster))
        found["learner"]["moved"] = found["learner"].pop(name)
        return json.dumps(found)

    monkeypatch.setattr(xgb.Booster, "save_config", moved)
    loss = STARTED["binary"]
    with pytest.raises(RuntimeError, match=rf"^XGBoost .* has no '{name}' in save_config\(\)"):
        xgb.train(BOOSTER, xgb.DMatrix(Data.X, Data.binary), 1, obj=loss, callbacks=[loss.start()])


@pytest.mark.parametrize("rate", [1e-6, 1e-4, 0.5, 1 - 1e-4, 1 - 1e-5])
@pytest.mark.parametrize("gamma", [0.0, 2.0])
def test_every_rate_can_be_started_at(rate, gamma):
    """float32 has few numbers below 1: what is read back is not what was set, and that is no error."""
    loss = BinaryFocalLoss(gamma).for_labels(np.array([0.0, 1.0]), sample_weight=[1 - rate, rate])
    data = xgb.DMatrix(Data.X[:50], np.arange(50) % 2, weight=np.where(np.arange(50) % 2, rate, 1 - rate))
    booster = xgb.train(BOOSTER, data, 1, obj=loss, callbacks=[loss.start()])
    assert booster.num_boosted_rounds() == 1


@pytest.mark.parametrize("n_features", [1, 300])
@pytest.mark.parametrize("matrix", ["DMatrix", "QuantileDMatrix"])
def test_the_row_that_is_predicted_before_training_has_the_features_of_the_data(n_features, matrix):
    X = np.random.default_rng(0).normal(size=(200, n_features))
    names = [f"feature {i}" for i in range(n_features)]
    types = ["c" if i % 7 == 6 else "float" for i in range(n_features)]
    X[:, 6::7] = X[:, 6::7] > 0
    loss = BinaryFocalLoss(2.0).for_labels(X[:, 0] > 1)
    data = getattr(xgb, matrix)(
        X, X[:, 0] > 1, feature_names=names, feature_types=types, enable_categorical=True
    )
    assert train({}, data, 3, loss).feature_names == names
