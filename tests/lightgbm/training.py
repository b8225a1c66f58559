"""One table with labels of every kind, and trainings on it by LightGBM's native API."""

import numpy as np
import pytest

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss

lgb = pytest.importorskip("lightgbm")
from focalboost.lightgbm import pack_labels, start  # noqa: E402  # needs lightgbm

N = 5000
PARAMS = {"verbosity": -1, "num_threads": 1, "num_leaves": 15, "metric": "None", "seed": 3}


# All trees in each round. With a chance between 0 and 1 LightGBM's DART trains one of two models with any
# objective but its own: it draws a number before the first round or not, by a flag that it never set.
DART = {"boosting": "dart", "drop_rate": 1.0, "skip_drop": 0.0, "uniform_drop": True}


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


def train(loss, train_set, rounds=30, *, init_model=None, callbacks=(), **params):
    """By LightGBM's own function, with the callback that starts."""
    params = {**PARAMS, "objective": loss, **width(loss), **params}
    callbacks = [start(loss), *callbacks]
    return lgb.train(params, train_set, rounds, init_model=init_model, callbacks=callbacks)


def by_hand(loss, labels="binary", rounds=30, **params):
    """A booster that knows nothing of its start, and the start: without the callback, on init scores."""

    def no_reset(env):  # which draws other columns for feature_fraction
        vars(env.model)["_Booster__set_objective_to_none"] = True

    no_reset.before_iteration = True  # LightGBM's way to mark it
    shift = loss.start_margins()
    data = dataset(labels)
    data.set_init_score(np.tile(shift, (N, 1)) if shift.size > 1 else np.full(N, shift[0]))
    params = {**PARAMS, "objective": loss, **width(loss), **params}
    return lgb.train(params, data, rounds, callbacks=[no_reset]), shift


LOSSES = {
    "binary": BinaryFocalLoss(2.0, 0.25).for_labels(Data.binary),
    "multiclass": MulticlassFocalLoss(2.0, "balanced").for_labels(Data.multiclass),
    "multilabel": MultilabelFocalLoss((2.0, 1.0, 0.0)).for_labels(Data.multilabel),
}
