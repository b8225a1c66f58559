"""One table with labels of every kind, and trainings on it by XGBoost's native API."""

import numpy as np
import pytest

xgb = pytest.importorskip("xgboost")

N = 6000
BOOSTER = {"max_depth": 4, "learning_rate": 0.1, "nthread": 1}
BINARY, SOFTMAX = "binary:logistic", "multi:softprob"


class Data:
    """One table with labels of every kind."""

    rng = np.random.default_rng(7)
    X = rng.normal(size=(N, 6)).astype(np.float32)
    score = X @ np.array([1.0, -0.7, 0.5, 0.3, 0.0, 0.0]) + rng.normal(0, 1.0, N)
    binary = (score > 2.6).astype(np.float32)
    soft = np.clip(0.7 * binary + 0.2 * rng.random(N), 0, 1).astype(np.float32)
    multiclass = np.digitize(score, [-1.5, 1.5, 2.6]).astype(np.float32)
    multilabel = np.stack([binary, score > 1, X[:, 0] + rng.normal(size=N) > 2], axis=1).astype(np.float32)
    weight = rng.uniform(0.2, 3.0, N).astype(np.float32)


def train(params, dtrain, rounds=50, loss=None, **kwargs):
    callbacks = [loss.start()] if loss is not None and loss.intercept is not None else []
    return xgb.train({**BOOSTER, **params}, dtrain, rounds, obj=loss, callbacks=callbacks, **kwargs)


def margins(booster, data):
    return booster.predict(data, output_margin=True)
