"""Forms of LightGBM's trees, each against LightGBM."""

import json
import re

import numpy as np
import pytest

from tests.classifier.models import lgbm_model
from tests.onnx.models import TASKS, Data, check, lgb, missing, run, to_onnx
from tests.onnx.test_xgboost import CATEGORY, HIT, WITH_CATEGORY

# LightGBM takes up to 1e-35 for 0.
ZEROS = np.where(np.abs(Data.X) < 0.4, np.where(Data.X > 0, 0.0, -9e-36), Data.X)
SMALL_GROUPS = {"min_data_per_group": 1, "cat_smooth": 1.0, "max_cat_to_onehot": 1}


@pytest.mark.parametrize("X", [ZEROS, missing(ZEROS)], ids=["zeros", "and NaN"])
@pytest.mark.parametrize("options", [{"zero_as_missing": True}, {"use_missing": False}, {}], ids=str)
def test_what_is_missing(X, options):
    model = lgbm_model(n_estimators=30, num_leaves=31, **options).fit(X, Data.binary)
    check(model, X)
    check(model, missing(ZEROS))


def test_trees_that_differ_in_what_is_missing():
    """A continued model may have both kinds."""
    first = lgbm_model(zero_as_missing=True).fit(ZEROS, Data.binary)
    model = lgbm_model().fit(missing(ZEROS), Data.binary, init_model=first)
    check(model, missing(ZEROS))


@pytest.mark.parametrize("task", TASKS)
def test_dart(task):
    check(lgbm_model(boosting_type="dart", drop_rate=0.5).fit(Data.X, getattr(Data, task)), Data.X)


@pytest.mark.parametrize("options", [SMALL_GROUPS, {"max_cat_to_onehot": 50}], ids=["sets", "one-hot"])
def test_categories(options):
    model = lgbm_model(n_estimators=25, **options)
    model.fit(WITH_CATEGORY, HIT, categorical_feature=[4])
    assert "cat_threshold=" in model.booster_.model_to_string()
    check(model, WITH_CATEGORY)
    # Unknown ones, and numbers that LightGBM cuts: -0.5 is category 0.
    odd = WITH_CATEGORY[:80].copy()
    odd[:, 4] = np.tile([41.0, 1e6, 3.7, -0.5, -3.0, 0.0, 33.0, np.nan], 10)
    check(model, odd)


def test_categories_of_a_frame_are_in_the_metadata():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(Data.X[:, :1], columns=["amount"])
    frame["kind"] = pd.Categorical(np.array(["a", "b", "c"])[CATEGORY.astype(int) % 3])
    model = lgbm_model(**SMALL_GROUPS).fit(frame, HIT)
    exported = to_onnx(model)
    found = {entry.key: entry.value for entry in exported.metadata_props}
    assert json.loads(found["focalboost.categories"]) == {"1": ["a", "b", "c"]}
    codes = frame.assign(kind=frame["kind"].cat.codes)
    np.testing.assert_allclose(run(exported, codes)[1], model.predict_proba(frame), rtol=1e-6)


@pytest.mark.parametrize(
    "ordered", [{}, {"categorical_feature": ["kind", "code"]}], ids=["found", "named by the user"]
)
def test_categories_of_unknown_columns_are_not_in_the_metadata(ordered):
    """LightGBM keeps lists of ordered columns too, and not whose they are."""
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(Data.X[:, :1], columns=["amount"])
    frame["kind"] = pd.Categorical(np.array(["a", "b", "c"])[CATEGORY.astype(int) % 3])
    frame["code"] = CATEGORY.astype(int) % 4
    frame["size"] = pd.Categorical(np.where(Data.X[:, 1] > 0.0, "big", "small"), ordered=True)
    model = lgbm_model(**SMALL_GROUPS).fit(frame, HIT, **ordered)
    exported = to_onnx(model)
    assert "focalboost.categories" not in {entry.key for entry in exported.metadata_props}
    codes = frame.assign(kind=frame["kind"].cat.codes, size=frame["size"].cat.codes)
    np.testing.assert_allclose(run(exported, codes)[1], model.predict_proba(frame), rtol=1e-6)


@pytest.mark.parametrize("value", [True, "true", "+"])
def test_predictions_that_stop_early_are_refused(value):
    stops = {"pred_early_stop": value, "pred_early_stop_freq": 2, "pred_early_stop_margin": 0.5}
    model = lgbm_model(n_estimators=40, **stops).fit(Data.X, Data.binary)
    stopped = model.predict_proba(Data.X)
    with pytest.raises(ValueError, match=rf"pred_early_stop == '?{re.escape(str(value))}'?, must be False"):
        to_onnx(model)
    check(model.set_params(pred_early_stop=False), Data.X)
    assert np.abs(model.predict_proba(Data.X) - stopped).max() > 0.1
    check(model.set_params(pred_early_stop="false"), Data.X)


@pytest.mark.parametrize("task", TASKS)
def test_trees_of_one_leaf(task):
    """Of rows that cannot be split."""
    X = np.zeros_like(Data.X)
    check(lgbm_model(n_estimators=3).fit(X, getattr(Data, task)), X)


def test_linear_trees_are_refused():
    model = lgbm_model(linear_tree=True).fit(Data.X, Data.binary)
    with pytest.raises(ValueError, match=r"linear_tree == True, must be False.*Train without it"):
        to_onnx(model)


def test_random_forest_is_refused():
    params = {
        "objective": "binary",
        "boosting": "rf",
        "bagging_fraction": 0.5,
        "bagging_freq": 1,
        "verbosity": -1,
    }
    forest = lgb.train(params, lgb.Dataset(Data.X, Data.binary), 2)
    with pytest.raises(ValueError, match="boosting == 'rf', must be 'gbdt' or 'dart'"):
        to_onnx(forest)


def test_booster_without_a_loss_is_refused():
    plain = lgb.train({"objective": "binary", "verbosity": -1}, lgb.Dataset(Data.X, Data.binary), 2)
    with pytest.raises(ValueError, match="model has no stored loss, must have one"):
        to_onnx(plain)
