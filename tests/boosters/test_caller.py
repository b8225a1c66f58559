"""Which Booster is calling, and where its trees are."""

import json

import numpy as np
import pytest

from focalboost import BinaryFocalLoss
from focalboost._boosters import caller

xgb = pytest.importorskip("xgboost")

X = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
Y = (X[:, 0] > 0.5).astype(np.float32)


class Booster:
    """A booster as far as its device is concerned."""

    def __init__(self, device):
        self.device, self.asked = device, 0

    def save_config(self):
        self.asked += 1
        return json.dumps({"learner": {"generic_param": {"device": self.device}}})


@pytest.mark.parametrize(
    ("device", "ordinal"),
    [("cpu", None), ("cuda", 0), ("cuda:0", 0), ("cuda:1", 1), ("gpu:2", 2), ("sycl", None)],
)
def test_the_device_of_a_booster_is_read_once(device, ordinal):
    booster = Booster(device)
    assert [caller.cuda_ordinal(booster) for _ in range(3)] == [ordinal] * 3
    assert booster.asked == 1


def test_the_booster_and_its_matrix_are_found_from_every_entry_point(monkeypatch):
    found, calling_update = [], caller.calling_update

    def recorded(*asked, **more):
        update = calling_update(*asked, **more)
        found.append(update)
        return update

    monkeypatch.setattr(caller, "calling_update", recorded)
    data, loss = xgb.DMatrix(X, Y), BinaryFocalLoss(2.0)
    params = {"max_depth": 2, "objective": "binary:logistic", "base_score": 0.5}
    xgb.train(params, data, 1, obj=loss)
    xgb.XGBClassifier(objective=loss, n_estimators=1).fit(X, Y)
    xgb.cv(params, data, 1, nfold=2, obj=loss)
    assert found
    assert all(isinstance(update.booster, xgb.Booster) for update in found)
    assert all(isinstance(update.matrix, xgb.DMatrix) for update in found)
    assert found[0].matrix is data
    assert caller.cuda_ordinal(found[0].booster) is None


@pytest.mark.parametrize("entry", ["train", "cv", "LGBMClassifier"])
def test_lightgbm_is_found_from_every_entry_point(entry):
    lgb = pytest.importorskip("lightgbm")
    found, options = [], {"verbosity": -1, "min_data_in_leaf": 5}

    def objective(first, second):
        found.append(caller.calling_update())
        return BinaryFocalLoss(2.0)(first, second)

    if entry == "LGBMClassifier":
        lgb.LGBMClassifier(objective=objective, n_estimators=1, verbosity=-1).fit(X, Y)
    else:
        getattr(lgb, entry)({**options, "objective": objective}, lgb.Dataset(X, Y), 1)
    assert found
    assert all(isinstance(update.booster, lgb.Booster) for update in found)
    assert {(update.library, update.matrix) for update in found} == {("lightgbm", None)}


def test_nobody_calls_in_a_users_own_code():
    assert caller.calling_update() is None
    booster = xgb.train({"max_depth": 2}, xgb.DMatrix(X, Y), 1)
    assert booster.num_boosted_rounds() == 1
    assert caller.calling_update() is None, "a Booster that is there, but does not call"


def test_a_callback_of_the_user_is_his_own_code():
    """Boosters call callbacks between their rounds: what a callback computes is for the user."""
    lgb = pytest.importorskip("lightgbm")
    loss, seen = BinaryFocalLoss(2.0), []

    def look():
        seen.append((caller.calling_update(), type(loss.metric(Y, X[:, 0]))))

    class Look(xgb.callback.TrainingCallback):
        def after_iteration(self, model, epoch, evals_log):
            look()
            return False

    params = {"max_depth": 2, "objective": "binary:logistic", "base_score": 0.5}
    xgb.train(params, xgb.DMatrix(X, Y), 1, obj=loss, callbacks=[Look()])
    lgb.train({"verbosity": -1, "objective": loss}, lgb.Dataset(X, Y), 1, callbacks=[lambda env: look()])
    assert seen == [(None, float)] * 2
