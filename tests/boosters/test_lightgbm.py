"""The callback that starts LightGBM's training at the best constant."""

import numpy as np
import pytest

from focalboost import BinaryFocalLoss

lgb = pytest.importorskip("lightgbm")
from focalboost.lightgbm import start, stored_loss  # noqa: E402  # needs lightgbm
from tests.lightgbm.training import LOSSES, PARAMS, Data, N, dataset, train, width  # noqa: E402


@pytest.mark.parametrize("labels", list(LOSSES))
def test_start_sets_intercept_and_objective_and_keeps_the_loss(labels):
    loss = LOSSES[labels]
    booster = train(loss, dataset(labels), 1, learning_rate=1e-9)
    margins = booster.predict(Data.X, raw_score=True)
    expected = np.broadcast_to(loss.start_margins().squeeze(), margins.shape)
    np.testing.assert_allclose(margins, expected, rtol=0, atol=1e-6)
    assert stored_loss(booster).with_shift(None) == loss
    text = booster.model_to_string()
    assert f"\nobjective={loss.lightgbm_objective(np.size(loss.intercept))}\n" in text


@pytest.mark.parametrize(
    "run",
    [
        lambda params, begin: lgb.train(params, dataset(), 2, callbacks=[begin]),
        lambda params, begin: lgb.cv(params, dataset(), 2, nfold=2, callbacks=[begin]),
        lambda params, begin: lgb.LGBMClassifier(**params).fit(Data.X, Data.binary, callbacks=[begin]),
    ],
)
@pytest.mark.parametrize("objective", [{}, {"objective": "binary"}])
def test_a_start_without_the_objective_is_an_error(run, objective):
    """It would be a model of another loss, with the intercept of focal loss and the loss in its text."""
    text = r"^objective must be BinaryFocalLoss\(.*\).*Pass params=\{'objective': loss\}"
    with pytest.raises(RuntimeError, match=text):
        run({"verbosity": -1, **objective}, start(LOSSES["binary"]))


@pytest.mark.parametrize("through", ["call", "gradient_hessian"])
def test_an_objective_around_the_loss_may_start_with_it(through):
    loss = LOSSES["binary"]

    def objective(raw, data):
        if through == "call":
            return loss(raw, data)
        return loss.gradient_hessian(data.get_label(), raw)

    params = {**PARAMS, "objective": objective}
    booster = lgb.train(params, dataset(), 3, callbacks=[start(loss)])
    expected = train(loss, dataset(), 3).predict(Data.X, raw_score=True)
    np.testing.assert_allclose(booster.predict(Data.X, raw_score=True), expected, rtol=0, atol=1e-6)


def test_the_callback_serves_several_trainings():
    begin, loss = start(LOSSES["binary"]), LOSSES["binary"]
    params = {**PARAMS, "objective": loss}
    first, second = (lgb.train(params, dataset(), 3, callbacks=[begin]) for _ in range(2))
    np.testing.assert_array_equal(first.predict(Data.X), second.predict(Data.X))


@pytest.mark.parametrize("estimator", [lgb.LGBMClassifier, lgb.LGBMRegressor])
@pytest.mark.parametrize("labels", ["binary", "multiclass"])
def test_the_scikit_learn_interface_takes_the_callback(estimator, labels):
    loss, y = LOSSES[labels], getattr(Data, labels)
    options = {"n_estimators": 10, "num_leaves": 15, "verbosity": -1, "n_jobs": 1, **width(loss)}
    # LGBMRegressor names a metric of its own, which LightGBM does not compute for several outputs.
    options |= {"metric": "None"} if estimator is lgb.LGBMRegressor else {}
    model = estimator(objective=loss, **options).fit(Data.X, y, callbacks=[start(loss)])
    expected = train(loss, dataset(labels), 10).predict(Data.X, raw_score=True)
    found = model.booster_.predict(Data.X, raw_score=True)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    assert stored_loss(model.booster_).with_shift(None) == loss


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"num_leave": 3}, r"^num_leave == 3 is no parameter of LightGBM, must be one"),
        ({"scale_pos_weight": 3}, r"^scale_pos_weight == 3, must be 1: LightGBM ignores it"),
        ({"metric": "binary_logloss"}, r"^metric == 'binary_logloss' in params, must be one of 'auc'"),
    ],
)
def test_parameters_are_refused(params, text):
    loss = LOSSES["binary"]
    params = {**PARAMS, "objective": loss, **params}
    with pytest.raises(ValueError, match=text):
        lgb.train(params, dataset(), 2, valid_sets=[dataset()], callbacks=[start(loss)])


def test_a_metric_that_nothing_is_evaluated_by_is_no_error():
    """LGBMClassifier names one of its own."""
    loss = LOSSES["binary"]
    booster = train(loss, dataset(), 2, metric="binary_logloss")
    assert booster.num_trees() == 2


def test_a_table_that_nothing_can_be_split_by_has_the_rate():
    y = np.arange(N) < 500
    loss = BinaryFocalLoss(2.0).for_labels(y)
    params = {**PARAMS, "objective": loss}
    booster = lgb.train(params, lgb.Dataset(np.zeros((N, 2)), y), 3, callbacks=[start(loss)])
    found = loss.posterior(booster.predict(np.zeros((1, 2)), raw_score=True))
    np.testing.assert_allclose(found, 0.1, rtol=1e-6)


@pytest.mark.parametrize("n", [1, 2])
def test_a_model_of_rounds_in_the_middle_is_without_the_intercept(n):
    """As LightGBM's own models are: the first trees have it."""
    loss, parts = LOSSES["binary"], {}

    def look(env):
        if env.iteration == 3:
            parts["first"] = lgb.Booster(model_str=env.model.model_to_string(num_iteration=n))
            parts["rest"] = lgb.Booster(model_str=env.model.model_to_string(start_iteration=n))

    final = train(loss, dataset(), 4, callbacks=[look])
    total = sum(part.predict(Data.X, raw_score=True) for part in parts.values())
    np.testing.assert_allclose(total, final.predict(Data.X, raw_score=True), rtol=0, atol=1e-12)


def test_learning_rates_of_a_callback_act():
    loss = LOSSES["binary"]
    rates = lgb.reset_parameter(learning_rate=[0.5, 0.1, 0.01])
    found = train(loss, dataset(), 3, callbacks=[rates]).predict(Data.X, raw_score=True)
    data = dataset().set_init_score(np.full(N, loss.intercept))
    by_hand = lgb.train({**PARAMS, "objective": loss}, data, 3, callbacks=[rates])
    expected = by_hand.predict(Data.X, raw_score=True) + loss.intercept
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
