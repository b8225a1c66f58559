"""Each private name of another library that focalboost uses, as CONTRIBUTING.md lists them.

A test here fails when a new version of that library moves or changes what is relied on.
"""

import inspect
import json
import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import get_scorer, make_scorer

lgb = pytest.importorskip("lightgbm")
xgb = pytest.importorskip("xgboost")
from lightgbm.sklearn import LGBMModel  # noqa: E402  # needs LightGBM

X = np.arange(40.0)[:, None]
Y = np.arange(40) >= 30
QUIET = {"verbosity": -1, "min_data_in_leaf": 1}
CONTRIBUTING = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text()


def test_every_test_here_is_listed_and_the_other_way_round():
    here = {name for name in globals() if name.startswith("test_") and "listed" not in name}
    listed = set(re.findall(r"`(test_\w+)`", CONTRIBUTING.partition("## Private names")[2]))
    assert here == listed


# ---------------------------------------------------------------------- XGBoost
def test_xgboost_configure_fit():
    """Returns the model to continue, the metric, the parameters and more, in this order."""
    model = xgb.XGBClassifier(eval_metric=lambda y, p: 0.0)
    result = model._configure_fit(None, {"nthread": 1}, None)
    assert result[0] is None
    assert callable(result[1])
    assert isinstance(result[2], dict)


def test_xgboost_booster_attribute():
    model = xgb.XGBClassifier(n_estimators=1).fit(X, Y)
    assert model._Booster is model.get_booster()


def test_xgboost_save_config():
    booster = xgb.train({"objective": "binary:logistic", "scale_pos_weight": 3}, xgb.DMatrix(X, Y), 1)
    learner = json.loads(booster.save_config())["learner"]
    assert float(learner["objective"]["reg_loss_param"]["scale_pos_weight"]) == 3
    assert learner["learner_model_param"]["num_class"] == "0"
    assert learner["generic_param"]["device"] == "cpu"
    booster = xgb.train({"booster": "gblinear", "updater": "coord_descent"}, xgb.DMatrix(X, Y), 1)
    linear = json.loads(booster.save_config())["learner"]["gradient_booster"]
    assert linear["name"] == "gblinear"
    assert {"linear_train_param", "coordinate_param"} <= set(linear["updater"])


def test_xgboost_frames_of_update():
    """The objective's callers: a method of Booster, whose matrix is named dtrain."""
    found = []

    def objective(margins, data):
        frame = inspect.currentframe().f_back
        while not isinstance(frame.f_locals.get("self"), xgb.Booster):
            frame = frame.f_back
        found.append(frame.f_locals.get("dtrain"))
        return np.zeros(len(margins)), np.ones(len(margins))

    data = xgb.DMatrix(X, Y)
    xgb.train({}, data, 1, obj=objective)
    assert found[0] is data


def test_xgboost_cvfolds():
    class Look(xgb.callback.TrainingCallback):
        def before_training(self, model):
            assert all(isinstance(fold.bst, xgb.Booster) for fold in model.cvfolds)
            return model

    xgb.cv({}, xgb.DMatrix(X, Y), 1, nfold=2, callbacks=[Look()])


# ---------------------------------------------------------------------- LightGBM
def test_lightgbm_process_params():
    model = lgb.LGBMClassifier(n_estimators=1, verbosity=-1).fit(X, Y)
    assert "num_leaves" in model._process_params("predict")


def test_lightgbm_fitted_attributes():
    """What LGBMClassifier looks up in order to predict."""
    names = vars(lgb.LGBMClassifier(n_estimators=1, verbosity=-1).fit(X, Y))
    needed = ["_Booster", "_classes", "_n_classes", "_objective", "_n_features", "_n_features_in"]
    for name in [*needed, "_best_iteration", "_best_score", "_evals_result", "_other_params", "fitted_"]:
        assert name in names
    source = inspect.getsource(LGBMModel)
    assert "_fitted_with_feature_names" in source or "_n_features_in" in source


def test_lightgbm_set_objective_to_none():
    """Without it `update` resets the parameters before the first tree."""
    found = []

    def objective(scores, data):
        return np.zeros(len(scores)), np.ones(len(scores))

    lgb.train(
        {**QUIET, "objective": objective}, lgb.Dataset(X, Y), 1, callbacks=[lambda env: found.append(env)]
    )
    assert vars(found[0].model)["_Booster__set_objective_to_none"] is True


def test_lightgbm_used_indices():
    whole = lgb.Dataset(X, Y, params=QUIET, free_raw_data=False).construct()
    part = whole.subset([0, 1, 2])
    assert list(part.used_indices) == [0, 1, 2]
    part.construct().used_indices = None
    assert part.num_data() == 3


# ---------------------------------------------------------------------- the others
def test_sklearn_scorer_class():
    """One class for what get_scorer and make_scorer return."""
    kinds = {type(get_scorer("accuracy")), type(get_scorer("roc_auc")), type(make_scorer(max))}
    assert len(kinds) == 1


def test_optuna_fixed_params():
    optuna = pytest.importorskip("optuna")
    study = optuna.create_study()
    study.enqueue_trial({"x": 1.0})
    assert study.get_trials()[0].system_attrs["fixed_params"] == {"x": 1.0}


def test_numba_cache_of_a_dispatcher():
    """`enable_caching`, `stats.cache_path`, and the qualified name in the names of files."""
    from focalboost._kernels import sigmoid

    kernel = sigmoid.sigmoid_hard
    kernel(np.zeros(1), np.zeros(1, np.float32), None, np.ones((2, 4), np.float32),
           np.zeros(3, np.float32), np.empty(1, np.float32), np.empty(1, np.float32))  # fmt: skip
    folder = Path(kernel.dispatcher.stats.cache_path)
    assert list(folder.glob(f"*{kernel.__qualname__}*.nbi"))


def test_distributed_worker_threads():
    distributed = pytest.importorskip("distributed")
    with pytest.raises(ValueError, match="No worker found"):
        distributed.get_worker()
    assert "nthreads" in inspect.signature(distributed.worker_state_machine.WorkerState).parameters
