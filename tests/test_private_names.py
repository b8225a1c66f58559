"""Each private name of another library that focalboost uses, as CONTRIBUTING.md lists them.

A test here fails when a new version of that library moves or changes what is relied on.
"""

import inspect
import json
import re
import sys
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


def test_xgboost_create_dmatrix():
    """fit makes its matrices by it, with `ref` and what a DMatrix takes by name."""
    made = []

    class Watched(xgb.XGBClassifier):
        def _create_dmatrix(self, ref, **kwargs):
            made.append((ref, xgb.DMatrix(**kwargs, nthread=1)))
            return made[-1][1]

    Watched(n_estimators=1, tree_method="hist").fit(X, Y, eval_set=[(X[:20], Y[:20])], verbose=False)
    assert [matrix.num_row() for _, matrix in made] == [40, 20]
    assert made[1][0] is made[0][1]


def test_xgboost_kwargs():
    """Parameters that the constructor does not name: get_xgb_params adds them."""
    model = xgb.XGBClassifier(disable_default_eval_metric=True)
    assert model.kwargs == {"disable_default_eval_metric": True}
    plain = xgb.XGBClassifier()
    plain.kwargs = {"max_cached_hist_node": 7}
    assert plain.get_xgb_params()["max_cached_hist_node"] == 7


@pytest.mark.filterwarnings("ignore:.*gblinear. is deprecated:UserWarning")  # by XGBoost 3.4
def test_xgboost_save_config():
    booster = xgb.train({"objective": "binary:logistic", "scale_pos_weight": 3}, xgb.DMatrix(X, Y), 1)
    learner = json.loads(booster.save_config())["learner"]
    assert float(learner["objective"]["reg_loss_param"]["scale_pos_weight"]) == 3
    assert learner["learner_model_param"]["num_class"] == "0"
    assert learner["generic_param"]["device"] == "cpu"
    booster = xgb.train({"booster": "gblinear", "updater": "coord_descent"}, xgb.DMatrix(X, Y), 1)
    learner = json.loads(booster.save_config())["learner"]
    assert learner["learner_train_param"]["objective"] == "reg:squarederror"
    assert learner["learner_model_param"]["boost_from_average"] in ("0", "1")
    assert float(json.loads(learner["learner_model_param"]["base_score"].strip("[]"))) > 0
    linear = learner["gradient_booster"]
    assert linear["name"] == "gblinear"
    assert {"linear_train_param", "coordinate_param"} <= set(linear["updater"])


def test_xgboost_memory_of_a_field():
    """`core._LIB` has the C function, `handle` is what it takes, and it hands out an address."""
    from focalboost._boosters import dmatrix

    assert dmatrix._reader() is not None
    data = xgb.DMatrix(X, Y)
    labels = dmatrix._field(data, b"label", np.zeros(40, np.float32))
    assert labels is not None
    np.testing.assert_array_equal(labels, data.get_label())
    assert dmatrix._field(data, b"weight", labels).size == 0


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
            assert all(isinstance(fold.dtrain, xgb.DMatrix) for fold in model.cvfolds)
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


def test_lightgbm_what_fit_reads():
    """LGBMModel.fit trains by these attributes of the estimator, not by the parameters of the same name."""
    calls = []

    def objective(y_true, y_pred, weight):
        calls.append(weight)
        return np.zeros_like(y_pred), np.ones_like(y_pred)

    model = lgb.LGBMClassifier(n_estimators=1, verbosity=-1, min_child_samples=1)
    assert {"_objective", "_class_weight", "_n_classes", "_other_params"} <= set(vars(model))
    model._objective, model._class_weight = objective, {0: 1.0, 1: 3.0}
    model._n_classes, model._other_params = 2, {"num_class": 1, "max_bin": 7}
    LGBMModel.fit(model, X, Y.astype(int))
    assert set(calls[0]) == {1.0, 3.0}
    assert model._Booster.params["max_bin"] == 7
    copy = lgb.LGBMClassifier(max_bin=7)
    assert copy._other_params == {"max_bin": 7}
    # Where it is None, fit takes the parameter class_weight.
    model._class_weight, model.class_weight = None, None
    LGBMModel.fit(model, X, Y.astype(int))
    assert calls[-1] is None


def test_lightgbm_config_aliases():
    from lightgbm.basic import _ConfigAliases

    assert {"metric", "metrics"} <= _ConfigAliases.get("metric")
    table = _ConfigAliases._get_all_param_aliases()
    assert "num_leaf" in table["num_leaves"]
    assert table["linear_tree"] is not None, "those without an alias are listed too"


def test_lightgbm_class_of_a_live_booster():
    """`train` and `cv` ask the booster itself for each round, and `train` ends with model_from_string."""
    called = []

    class Watched(lgb.Booster):
        def update(self, train_set=None, fobj=None):
            called.append(("update", fobj is not None))
            return super().update(train_set, fobj)

        def eval_valid(self, feval=None):
            called.append(("eval_valid", feval is not None, self.name_valid_sets))
            return super().eval_valid(feval)

        def model_from_string(self, model_str):
            called.append(("model_from_string", type(model_str)))
            object.__setattr__(self, "__class__", lgb.Booster)
            return self.model_from_string(model_str)

    def watch(env):
        for booster in getattr(env.model, "boosters", [env.model]):
            booster.__class__ = Watched

    watch.before_iteration = True

    def objective(scores, data):
        return np.zeros(len(scores)), np.ones(len(scores))

    params = {**QUIET, "objective": objective, "metric": "None"}
    data = lgb.Dataset(X, Y)
    feval = {"feval": lambda scores, data: ("zero", 0.0, False)}
    valid = {"valid_sets": [lgb.Dataset(X, Y, reference=data)], "valid_names": ["one"]}
    booster = lgb.train(params, data, 1, callbacks=[watch], **valid, **feval)
    expected = [("update", True), ("eval_valid", True, ["one"]), ("model_from_string", str)]
    assert called == expected
    assert type(booster) is lgb.Booster
    called.clear()
    lgb.cv(params, lgb.Dataset(X, Y), 1, nfold=2, callbacks=[watch], **feval)
    assert called == [("update", True)] * 2 + [("eval_valid", True, ["valid"])] * 2


def test_lightgbm_name_valid_sets():
    """Empty where nothing is evaluated, though train calls eval_valid."""
    found = []
    data = lgb.Dataset(X, Y)
    params = {**QUIET, "objective": "binary"}
    lgb.train(params, data, 1, callbacks=[lambda env: found.append(env.model.name_valid_sets)])
    valid = {"valid_sets": [lgb.Dataset(X, Y, reference=data)], "valid_names": ["one"]}
    lgb.train(params, data, 1, **valid, callbacks=[lambda env: found.append(env.model.name_valid_sets)])
    assert found == [[], ["one"]]
    lgb.train(params, data, 1, **valid, callbacks=[lambda env: found.append(env.model.valid_sets)])
    assert found[2] == valid["valid_sets"]


def test_lightgbm_predictor():
    """The model that a training continues, which only its handle leads to."""
    params, found = {**QUIET, "objective": "binary"}, []
    before = lgb.train(params, lgb.Dataset(X, Y), 2)

    def look(env):
        predictor = env.model.train_set._predictor
        assert type(predictor).__name__ == "_InnerPredictor"
        shadow = lgb.Booster.__new__(lgb.Booster)
        shadow._handle, shadow.best_iteration, shadow.pandas_categorical = predictor._handle, 0, None
        found.append(shadow.model_to_string())
        shadow._handle = None

    lgb.train(params, lgb.Dataset(X, Y), 1, init_model=before, callbacks=[look])
    trees = before.model_to_string().partition("end of trees")[0].partition("Tree=0")[2]
    assert trees
    assert trees == found[0].partition("end of trees")[0].partition("Tree=0")[2]
    lgb.train(params, data := lgb.Dataset(X, Y), 1)
    assert data._predictor is None


def test_lightgbm_set_objective_to_none():
    """Without it `update` resets the parameters before the first tree."""
    found = []

    def objective(scores, data):
        return np.zeros(len(scores)), np.ones(len(scores))

    lgb.train(
        {**QUIET, "objective": objective}, lgb.Dataset(X, Y), 1, callbacks=[lambda env: found.append(env)]
    )
    booster = found[0].model
    assert vars(booster)["_Booster__set_objective_to_none"] is True
    with pytest.raises(lgb.basic.LightGBMError, match="Cannot refit due to null objective function"):
        booster.refit(X, Y)


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


def test_sklearn_scorer_parts():
    """`_score_func` and `_kwargs`: which metric a scorer is of, and whether it has a pos_label."""
    scorer = make_scorer(max, pos_label="fraud")
    assert scorer._score_func is max
    assert scorer._kwargs == {"pos_label": "fraud"}


def test_optuna_fixed_params():
    optuna = pytest.importorskip("optuna")
    study = optuna.create_study()
    study.enqueue_trial({"x": 1.0})
    assert study.get_trials()[0].system_attrs["fixed_params"] == {"x": 1.0}


def test_numba_cache_of_a_dispatcher():
    """`enable_caching` sets `_cache`, which `compile` asks before and after; names of files; `stats`."""
    from focalboost._kernels import sigmoid
    from focalboost._kernels.compile import CacheByTypes

    kernel = sigmoid.sigmoid_hard
    kernel(np.zeros(1), np.zeros(1, np.float32), None, np.ones((2, 4), np.float32),
           np.zeros(3, np.float32), np.empty(1, np.float32), np.empty(1, np.float32))  # fmt: skip
    folder = Path(kernel.stats.cache_path)
    assert list(folder.glob(f"*{kernel.py_func.__qualname__}_*.nbi"))
    assert isinstance(kernel._cache, CacheByTypes)
    asked = re.findall(r"self\._cache\.(\w+)\(", inspect.getsource(type(kernel).compile))
    assert asked == ["load_overload", "save_overload"]


def test_numba_options_of_a_scalar():
    """Machine code without the wrapper for calls from C, which an option leaves out."""
    import numba

    def code(**options):
        function = numba.njit(**options)(lambda x: x + 1)
        function(1.0)
        return next(iter(function.inspect_llvm().values()))

    assert "@cfunc." in code()
    assert "@cfunc." not in code(no_cfunc_wrapper=True)


def test_numba_compile_of_a_dispatcher():
    """A call with new types goes to the dispatcher's own `compile`, where one was set."""
    import numba

    seen = []
    function = numba.njit(lambda x: x + 1)
    original = function.compile
    function.compile = lambda types: seen.append(types) or original(types)
    assert function(1.0) == 2.0
    assert function(2.0) == 3.0
    assert seen == [(numba.float64,)]


def test_distributed_worker_threads():
    distributed = pytest.importorskip("distributed")
    with pytest.raises(ValueError, match="No worker found"):
        distributed.get_worker()
    assert "nthreads" in inspect.signature(distributed.worker_state_machine.WorkerState).parameters


def test_numba_cuda_arrayobj():
    """The file that needs numpy.row_stack, and the word that tells numba-cuda from an older Numba's own."""
    pytest.importorskip("numba_cuda")
    from focalboost._kernels.cuda_import import cuda

    assert cuda.implementation == "NVIDIA"
    assert sys.modules["numba.cuda.np.arrayobj"].impl_np_vstack


def test_numba_cuda_deallocations():
    """What Numba will give back later, of a context; `clear` does it now."""
    pytest.importorskip("numba_cuda")
    from focalboost._kernels import cuda_import  # noqa: F401  # loads it

    driver = sys.modules["numba.cuda.cudadrv.driver"]
    assert "self.deallocations" in inspect.getsource(driver.Context.__init__)
    assert callable(driver._PendingDeallocs.clear)
