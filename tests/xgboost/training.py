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


# The diagonal Hessian of XGBoost's own softmax: 2 p (1 - p) up to 3.4, as MulticlassFocalLoss has it;
# abs(p - y) from 3.5 (dmlc/xgboost#12537), where gamma = 0 is not the built-in model any more.
SOFTMAX_HESSIAN = "2p(1-p)" if tuple(map(int, xgb.__version__.split(".")[:2])) < (3, 5) else "abs(p-y)"


def softmax(hessian):
    """XGBoost's softmax in NumPy, with one Hessian or the other."""

    def objective(raw, data):
        y = np.eye(raw.shape[1])[data.get_label().astype(int)]
        p = np.exp(raw - raw.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        second = 2 * p * (1 - p) if hessian == "2p(1-p)" else np.abs(p - y)
        weight = data.get_weight()[:, None] if data.get_weight().size else 1.0
        return (p - y) * weight, np.maximum(second * weight, 1e-16)

    return objective


def margins(booster, data):
    return booster.predict(data, output_margin=True)
