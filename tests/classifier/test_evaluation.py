"""Eval sets, early stopping, metrics and callbacks."""

import warnings

import numpy as np
import pytest
from sklearn.metrics import log_loss

from tests.classifier.models import TASKS, Data, lgbm_model, margins_of, quiet, xgb, xgb_model


def evaluation(model):
    if isinstance(model, xgb.XGBClassifier):
        return model.evals_result()["validation_0"]
    return model.evals_result_["valid_0"]


@pytest.mark.parametrize("task", TASKS)
def test_early_stopping_on_the_focal_loss(make, task):
    y = getattr(Data, task)
    options = {"n_estimators": 400, "learning_rate": 0.4, "early_stopping_rounds": 5}
    model = make(**options)
    X_eval, y_eval = Data.X[1000:], y[1000:]
    model.fit(Data.X[:1000], y[:1000], eval_set=[(X_eval, y_eval)], **quiet(model))
    history = evaluation(model)
    assert list(history) == ["focal_loss"]
    values = history["focal_loss"]
    best = int(np.argmin(values))
    assert len(values) == best + 6 < 400
    encoded = y_eval if task == "multilabel" else np.unique(y, return_inverse=True)[1][1000:]
    got = model.loss_.metric(encoded, margins_of(model, X_eval).astype(np.float64))
    assert got == pytest.approx(values[best], abs=2e-6)


def test_lightgbm_takes_eval_sets_in_both_forms():
    first, second = (Data.X[:500], Data.named[:500]), (Data.X[500:], Data.named[500:])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pairs = lgbm_model().fit(Data.X, Data.named, eval_set=[first, second]).evals_result_
        split = lgbm_model().fit(
            Data.X, Data.named, eval_X=(first[0], second[0]), eval_y=(first[1], second[1])
        )
        own = lgbm_model().fit(Data.X, Data.named, eval_set=(Data.X, Data.named)).evals_result_
    assert pairs == split.evals_result_
    assert len(pairs) == 2
    assert list(own) == ["training"]


def half_off(y_true, probability, sample_weight=None):
    return float(np.average((probability > 0.5) != y_true, weights=sample_weight))


def log_loss_metric(y_true, probability, weight):
    return "log_loss", log_loss(y_true, probability, sample_weight=weight), False


def test_metrics_next_to_the_focal_loss():
    sets = [(Data.X[1000:], Data.named[1000:])]
    # Metrics see the closed form: the shift is found after the last round.
    model = xgb_model(eval_metric=["aucpr", half_off, log_loss], focal_probability="closed_form")
    model.fit(Data.X[:1000], Data.named[:1000], eval_set=sets, verbose=False)
    history = evaluation(model)
    assert list(history) == ["aucpr", "half_off", "log_loss", "focal_loss"]
    proba = model.predict_proba(Data.X[1000:])[:, 1]
    truth = 1 - Data.binary[1000:]  # "good" is class 1
    assert history["log_loss"][-1] == pytest.approx(log_loss(truth, proba), abs=2e-6)
    model = lgbm_model(focal_probability="closed_form").fit(
        Data.X[:1000], Data.named[:1000], eval_set=sets, eval_metric=["auc", log_loss_metric]
    )
    history = evaluation(model)
    assert list(history) == ["auc", "focal_loss", "log_loss"]
    proba = model.predict_proba(Data.X[1000:])[:, 1]
    assert history["log_loss"][-1] == pytest.approx(log_loss(truth, proba), rel=1e-6)


def test_callable_metrics_see_the_matrix_of_labels(make):
    shapes = []

    def metric(y_true, probability, weight=None):
        shapes.append((y_true.shape, probability.shape))
        return 0.0 if make is xgb_model else ("metric", 0.0, False)

    params, fit = ({"eval_metric": metric}, {}) if make is xgb_model else ({}, {"eval_metric": metric})
    model = make(n_estimators=1, **params)
    model.fit(Data.X, Data.multilabel, eval_set=[(Data.X[:99], Data.multilabel[:99])], **fit, **quiet(model))
    assert set(shapes) == {((99, 3), (99, 3))}


def test_callbacks_of_the_user_run():
    seen = []

    class Count(xgb.callback.TrainingCallback):
        def after_iteration(self, model, epoch, evals_log):
            seen.append(epoch)
            return False

    callbacks = [Count()]
    model = xgb_model(callbacks=callbacks).fit(Data.X, Data.named)
    assert seen == list(range(15))
    assert model.callbacks is callbacks
    assert len(callbacks) == 1
    iterations = []
    lgbm_model().fit(Data.X, Data.named, callbacks=[lambda env: iterations.append(env.iteration)])
    assert iterations == list(range(15))
