"""scikit-learn's own checks, and its tools one by one."""

import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.experimental import enable_halving_search_cv  # noqa: F401  # makes HalvingGridSearchCV importable
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.metrics import average_precision_score
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    HalvingGridSearchCV,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.fixes import parse_version

from tests.classifier.models import Data, FocalLGBMClassifier, FocalXGBClassifier, margins_of


# ---------------------------------------------------------------------- scikit-learn's own checks
# XGBClassifier itself fails 13 of them (labels that are not 0, 1, ..., parameters changed by fit, the dtype
# of multi-label predictions, weights that are all zero), LGBMClassifier 1 (weights that are all zero): none
# is expected to fail here.
@pytest.mark.filterwarnings("ignore:Unknown data type")  # XGBoost converts these itself
@parametrize_with_checks([FocalXGBClassifier(n_estimators=5, n_jobs=1)], expected_failed_checks=lambda _: {})
def test_scikit_learn_checks_of_xgboost(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore:Converting data to scipy sparse matrix")  # LightGBM converts these itself
@parametrize_with_checks([FocalLGBMClassifier(n_estimators=5, n_jobs=1)], expected_failed_checks=lambda _: {})
def test_scikit_learn_checks_of_lightgbm(estimator, check):
    check(estimator)


# ---------------------------------------------------------------------- scikit-learn's tools
def test_clone_and_parameters(make):
    model = make(focal_gamma=(1.0, 2.0), focal_alpha_power=0.5)
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    parent = type(model).__mro__[2]
    assert set(parent().get_params()) <= set(model.get_params())
    copy.set_params(focal_gamma=3.0, learning_rate=0.2)
    assert copy.get_params()["focal_gamma"] == 3.0
    assert copy.focal_gamma == 3.0
    copy.fit(Data.X, Data.named).set_params(n_jobs=2, focal_gamma=1.0)
    assert copy.loss_.gamma == 3.0
    assert "focal_gamma=3.0" in repr(make(focal_gamma=3.0))


def test_pickle_joblib_and_loky(make):
    model = make().fit(Data.X, Data.named)
    expected = model.predict_proba(Data.X)
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(loaded.predict_proba(Data.X), expected)
    calls = (joblib.delayed(model.predict_proba)(part) for part in np.array_split(Data.X, 2))
    parts = joblib.Parallel(n_jobs=2, backend="loky")(calls)
    np.testing.assert_allclose(np.concatenate(parts), expected, rtol=1e-12)


def test_pipeline_with_columns(make):
    frame = pd.DataFrame(Data.X, columns=list("abcd"))
    frame["kind"] = np.where(Data.X[:, 0] > 0, "web", "shop")
    columns = ColumnTransformer(
        [("number", StandardScaler(), list("abcd")), ("kind", OneHotEncoder(), ["kind"])]
    )
    model = make_pipeline(columns, make()).fit(frame, Data.named)
    assert (model.predict(frame) == Data.named).mean() > 0.9


def test_searches_find_gamma(make):
    grid = {"focal_gamma": [0.0, 2.0], "focal_alpha": [None, "balanced"]}
    search = GridSearchCV(make(n_estimators=5), grid, cv=2, scoring="neg_log_loss").fit(Data.X, Data.named)
    scores = search.cv_results_["mean_test_score"]
    assert len(set(scores)) == 4, "each of the four trains another model"
    assert search.best_params_ == search.cv_results_["params"][int(np.argmax(scores))]
    assert search.best_estimator_.loss_.gamma == search.best_params_["focal_gamma"]
    halving = HalvingGridSearchCV(
        make(n_estimators=5), {"focal_gamma": [0.5, 1.0, 2.0]}, cv=2, min_resources=500, random_state=0
    ).fit(Data.X, Data.named)
    assert halving.n_iterations_ == 2
    assert halving.best_estimator_.loss_.gamma == halving.best_params_["focal_gamma"]


def test_cross_validation(make):
    proba = cross_val_predict(make(), Data.X, Data.named, cv=3, method="predict_proba")
    assert average_precision_score(Data.binary, proba[:, 0]) > 0.4
    np.testing.assert_allclose(proba[:, 0].mean(), Data.binary.mean(), rtol=0.15)
    scores = cross_val_score(make(), Data.X, Data.named, cv=3, scoring="roc_auc")
    assert scores.min() > 0.8


def test_metadata_routing(make):
    with config_context(enable_metadata_routing=True):
        routed = (
            make(n_estimators=3).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        )
        search = GridSearchCV(routed, {"focal_gamma": [2.0]}, cv=2)
        search.fit(Data.X, Data.named, sample_weight=Data.weight)
    by_hand = make(n_estimators=3).fit(Data.X, Data.named, sample_weight=Data.weight)
    np.testing.assert_array_equal(search.predict_proba(Data.X), by_hand.predict_proba(Data.X))


def test_inspection(make):
    model = make().fit(Data.X, Data.named)
    importance = permutation_importance(model, Data.X, Data.named, n_repeats=2, random_state=0)
    assert importance.importances_mean[0] > importance.importances_mean[3]
    dependence = partial_dependence(model, Data.X, [0], grid_resolution=5)["average"][0]
    assert dependence[-1] < dependence[0]  # "good" is class 1
    assert np.argmax(model.feature_importances_) == 0


def test_calibration_and_thresholds(make):
    model = make(n_estimators=5)
    calibrated = CalibratedClassifierCV(model, cv=2).fit(Data.X, Data.named)
    np.testing.assert_allclose(calibrated.predict_proba(Data.X)[:, 0].mean(), Data.binary.mean(), rtol=0.2)
    tuned = TunedThresholdClassifierCV(model, scoring="balanced_accuracy", cv=2).fit(Data.X, Data.named)
    assert (tuned.predict(Data.X) == "fraud").mean() > (
        model.fit(Data.X, Data.named).predict(Data.X) == "fraud"
    ).mean()
    fixed = FixedThresholdClassifier(model, threshold=0.1, pos_label="fraud").fit(Data.X, Data.named)
    np.testing.assert_array_equal(fixed.predict(Data.X) == "fraud", model.predict_proba(Data.X)[:, 0] >= 0.1)


@pytest.mark.skipif(parse_version(sklearn.__version__) < parse_version("1.8"), reason="scikit-learn < 1.8")
@pytest.mark.parametrize("task", ["named", "multiclass"])
def test_temperature_is_of_the_probabilities(make, task):
    """It prefers decision_function: of margins with "balanced" weights the means would be .2 off."""
    y = getattr(Data, task)
    model = make(focal_alpha="balanced", n_estimators=8)
    found = CalibratedClassifierCV(model, method="temperature", cv=3).fit(Data.X, y).predict_proba(Data.X)
    shares = np.unique(y, return_counts=True)[1] / len(y)
    np.testing.assert_allclose(found.mean(axis=0), shares, atol=0.08)


@pytest.mark.filterwarnings("ignore")  # shap warns of NumPy and of LightGBM's outputs
@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_shap_values_add_up_to_the_margin(make, task):
    shap = pytest.importorskip("shap")
    model = make().fit(Data.X, getattr(Data, task))
    explainer = shap.TreeExplainer(model)
    values = np.asarray(explainer.shap_values(Data.X[:50]))
    total = values.sum(axis=1) + explainer.expected_value
    np.testing.assert_allclose(total, margins_of(model, Data.X[:50]), atol=1e-4)
