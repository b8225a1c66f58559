"""One table with labels of every kind, and small classifiers of both boosters."""

import numpy as np
import pytest

xgb = pytest.importorskip("xgboost")
lgb = pytest.importorskip("lightgbm")
from focalboost.lightgbm import FocalLGBMClassifier  # noqa: E402  # needs lightgbm
from focalboost.xgboost import FocalXGBClassifier  # noqa: E402  # needs xgboost

N = 1500


class Data:
    """One table with labels of every kind."""

    rng = np.random.default_rng(5)
    X = rng.normal(size=(N, 4))
    score = X @ np.array([1.0, -0.7, 0.5, 0.0]) + rng.normal(0, 1.0, N)
    binary = (score > 2.0).astype(int)
    named = np.where(binary == 1, "fraud", "good")
    multiclass = np.array(["a", "b", "c"])[np.digitize(score, [0.0, 1.8])]
    multilabel = np.stack([score > 1.5, X[:, 0] + rng.normal(size=N) > 1, X[:, 1] > 1.0], axis=1).astype(int)
    weight = rng.uniform(0.2, 3.0, N)


TASKS = ["binary", "multiclass", "multilabel"]


def xgb_model(**params):
    return FocalXGBClassifier(**{"n_estimators": 15, "max_depth": 3, "n_jobs": 1, **params})


def lgbm_model(**params):
    fixed = {"n_estimators": 15, "num_leaves": 7, "n_jobs": 1, "verbosity": -1, "random_state": 0}
    return FocalLGBMClassifier(**{**fixed, **params})


MAKERS = {"xgboost": xgb_model, "lightgbm": lgbm_model}


def margins_of(model, X, **options):
    """What the trees add up to; decision_function is the logit of predict_proba."""
    name = "output_margin" if isinstance(model, xgb.XGBClassifier) else "raw_score"
    return model.predict(X, **{name: True}, **options)


def quiet(model):
    """Arguments of fit that keep XGBoost from printing every round."""
    return {"verbose": False} if isinstance(model, xgb.XGBClassifier) else {}
