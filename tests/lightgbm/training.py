"""One table with labels of every kind, and trainings on it by LightGBM's native API."""

import numpy as np
import pytest

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss

lgb = pytest.importorskip("lightgbm")
from focalboost.lightgbm import finalize, pack_labels, start  # noqa: E402  # needs lightgbm

N = 5000
PARAMS = {"verbosity": -1, "num_threads": 1, "num_leaves": 15, "metric": "None", "seed": 3}


class Data:
    """One table with labels of every kind."""

    rng = np.random.default_rng(11)
    X = rng.normal(size=(N, 6))
    score = X @ np.array([1.0, -0.7, 0.5, 0.3, 0.0, 0.0]) + rng.normal(0, 1.0, N)
    binary = (score > 2.6).astype(int)
    multiclass = np.digitize(score, [-1.5, 1.5, 2.6])
    multilabel = np.stack([binary, score > 1, X[:, 0] + rng.normal(size=N) > 2], axis=1).astype(int)
    weight = rng.uniform(0.2, 3.0, N)


def dataset(labels="binary", weight=None):
    y = getattr(Data, labels)
    y = pack_labels(y) if labels == "multilabel" else y
    return lgb.Dataset(Data.X, y, weight=weight, free_raw_data=False)


def width(loss):
    return {} if isinstance(loss, BinaryFocalLoss) else {"num_class": np.size(loss.intercept)}


def train(loss, train_set, rounds=30, final=True, **params):
    with start(loss, train_set):
        booster = lgb.train({**PARAMS, "objective": loss, **width(loss), **params}, train_set, rounds)
    return finalize(booster, loss) if final else booster


LOSSES = {
    "binary": BinaryFocalLoss(2.0, 0.25).for_labels(Data.binary),
    "multiclass": MulticlassFocalLoss(2.0, "balanced").for_labels(Data.multiclass),
    "multilabel": MultilabelFocalLoss((2.0, 1.0, 0.0)).for_labels(Data.multilabel),
}
