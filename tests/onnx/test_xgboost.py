"""Forms of XGBoost's trees, each against XGBoost."""

import json

import numpy as np
import pytest

for needed in ("onnx", "onnxruntime", "xgboost", "lightgbm"):
    pytest.importorskip(needed)
import focalboost.xgboost  # noqa: E402  # after the check
from focalboost import BinaryFocalLoss  # noqa: E402
from tests.classifier.models import xgb_model  # noqa: E402
from tests.onnx.models import TASKS, Data, N, check, missing, run, to_onnx, xgb  # noqa: E402

CATEGORY = np.random.default_rng(2).integers(0, 40, N).astype(float)
HIT = ((CATEGORY % 3 == 1) ^ (Data.score > 2.0)).astype(int)
WITH_CATEGORY = np.column_stack([Data.X, np.where(np.arange(N) % 9, CATEGORY, np.nan)])
DEPRECATED = pytest.mark.filterwarnings("ignore:.*deprecated:UserWarning")  # the boosters' names, XGBoost 3.4
KINDS = {"feature_types": ["q"] * 4 + ["c"], "enable_categorical": True}


@DEPRECATED
@pytest.mark.parametrize("task", TASKS)
def test_dart(task):
    model = xgb_model(booster="dart", rate_drop=0.5, random_state=1, n_estimators=25)
    model.fit(Data.X, getattr(Data, task))
    # XGBoost multiplies a leaf by its tree's weight as it adds, in one rounding or two.
    check(model, Data.X, rtol=5e-6)


@pytest.mark.parametrize("task", TASKS)
def test_several_trees_a_round(task):
    model = xgb_model(num_parallel_tree=3, subsample=0.6, colsample_bynode=0.5, n_estimators=8)
    check(model.fit(missing(Data.X), getattr(Data, task)), missing(Data.X))


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_leaves_that_are_vectors(task):
    model = xgb_model(multi_strategy="multi_output_tree", tree_method="hist")
    check(model.fit(missing(Data.X), getattr(Data, task)), missing(Data.X))


def test_trees_with_pruned_nodes():
    model = xgb_model(focal_gamma=1.5, tree_method="exact", gamma=1.5, max_depth=8, n_estimators=5)
    model.fit(Data.X, Data.binary)
    assert any(tree["tree_param"]["num_deleted"] != "0" for tree in _trees(model))
    check(model, Data.X)


def _trees(model):
    document = json.loads(bytes(model.get_booster().save_raw("json")))
    return document["learner"]["gradient_booster"]["model"]["trees"]


@pytest.mark.parametrize("value", [0.0, -999.0])
def test_number_that_stands_for_missing(value):
    X = np.where(np.isnan(missing(Data.X, 0.3)), value, Data.X)
    for dtype in ("float32", "float64"):
        check(xgb_model(missing=value).fit(X, Data.binary), X, dtype=dtype)


@pytest.mark.parametrize("options", [{}, {"max_cat_to_onehot": 50}], ids=["sets", "one-hot"])
def test_categories(options):
    model = xgb_model(max_depth=5, **KINDS, **options).fit(WITH_CATEGORY, HIT)
    assert any(tree["categories"] for tree in _trees(model))
    check(model, WITH_CATEGORY)
    unknown = WITH_CATEGORY[:60].copy()
    unknown[:, 4] = np.tile([41.0, 1e6, 3.7], 20)
    check(model, unknown)


def test_categories_of_a_frame_are_in_the_metadata():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(Data.X[:, :1], columns=["amount"])
    frame["kind"] = pd.Categorical(np.array(["a", "bb", ""])[CATEGORY.astype(int) % 3])
    frame["code"] = pd.Categorical(CATEGORY.astype(int) % 4 * 10)
    model = xgb_model(enable_categorical=True).fit(frame, HIT)
    exported = to_onnx(model)
    found = {entry.key: entry.value for entry in exported.metadata_props}
    kept = json.loads(found["focalboost.categories"])
    assert kept == {"1": ["", "a", "bb"], "2": [0, 10, 20, 30]}
    codes = frame.assign(kind=frame["kind"].cat.codes, code=frame["code"].cat.codes)
    np.testing.assert_allclose(run(exported, codes)[1], model.predict_proba(frame), rtol=1e-6)


def test_categories_beyond_ascii_are_not_in_the_metadata():
    """XGBoost 3.1 to 3.3 cut off the ends of their names: none is better than a wrong one."""
    pd = pytest.importorskip("pandas")
    kinds = [np.array(names)[CATEGORY.astype(int) % 3] for names in (["über", "b", "c"], ["u", "v", "w"])]
    frame = pd.DataFrame({"kind": pd.Categorical(kinds[0]), "other": pd.Categorical(kinds[1])})
    model = xgb_model(enable_categorical=True).fit(frame, HIT)
    exported = to_onnx(model)
    kept = {entry.key: entry.value for entry in exported.metadata_props}
    assert json.loads(kept["focalboost.categories"]) == {"1": ["u", "v", "w"]}
    found = run(exported, frame.apply(lambda column: column.cat.codes))[1]
    np.testing.assert_allclose(found, model.predict_proba(frame), rtol=1e-6)


def test_model_without_rounds():
    booster = focalboost.xgboost.train(BinaryFocalLoss(), {}, xgb.DMatrix(Data.X, Data.binary), 0)
    margins = booster.predict(xgb.DMatrix(Data.X), output_margin=True)
    loss = focalboost.xgboost.stored_loss(booster)
    np.testing.assert_allclose(run(to_onnx(booster), Data.X)[1][:, 1], loss.posterior(margins), rtol=1e-6)


@DEPRECATED
def test_linear_model_is_refused():
    model = xgb_model(booster="gblinear", max_depth=None)
    model.fit(Data.X, Data.binary)
    with pytest.raises(ValueError, match=r"booster == 'gblinear', must be 'gbtree' or 'dart'.*Train one of"):
        to_onnx(model)


def test_booster_of_another_objective_is_refused():
    booster = xgb_model().fit(Data.X, Data.binary).get_booster()
    booster.set_param({"objective": "reg:squarederror"})
    with pytest.raises(ValueError, match="must be"):
        to_onnx(booster)


def test_booster_without_a_loss_is_refused():
    plain = xgb.train({"objective": "binary:logistic"}, xgb.DMatrix(Data.X, Data.binary), 2)
    with pytest.raises(ValueError, match="model has no stored loss, must have one"):
        to_onnx(plain)
