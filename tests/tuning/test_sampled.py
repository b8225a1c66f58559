"""Tuning on rows of which some were left out: scores are those of all rows."""

import numpy as np
import optuna
import pytest
from sklearn.metrics import log_loss

from focalboost.lightgbm import FocalLGBMClassifier
from focalboost.tuning import CrossValidatedObjective
from focalboost.xgboost import FocalXGBClassifier

optuna.logging.set_verbosity(optuna.logging.WARNING)


@pytest.mark.parametrize("booster", ["xgboost", "lightgbm"])
def test_scores_of_sampled_rows_are_those_of_all_rows(booster):
    """The same trees, judged on the rows that were kept, and by hand on all rows."""
    rng = np.random.default_rng(3)
    n = 6000
    X = rng.normal(size=(n, 4))
    y = (X[:, 0] + rng.normal(size=n) > 2.2).astype(int)
    kept = (y == 1) | (rng.random(n) < 0.2)
    half = np.arange(n) < n // 2
    splits = [(np.flatnonzero(half[kept]), np.flatnonzero(~half[kept]))]
    settings = {
        "booster": booster,
        "cv": splits,
        "num_boost_round": 15,
        "scoring": "neg_log_loss",
        "n_jobs": 1,
    }
    fixed = {"focal_gamma": 1.0, "max_depth": 3, "learning_rate": 0.3}
    scores = {}
    for rate in (None, 0.2):
        objective = CrossValidatedObjective(
            X[kept], y[kept], space=lambda trial: {}, fixed={**fixed, "focal_sampling_rate": rate}, **settings
        )
        study = optuna.create_study(direction="maximize")
        study.optimize(objective, n_trials=1)
        scores[rate] = study.best_value
        rounds = study.best_trial.user_attrs["num_boost_round"]
    kind = {"xgboost": FocalXGBClassifier, "lightgbm": FocalLGBMClassifier}[booster]
    quiet = {"verbosity": -1} if booster == "lightgbm" else {}
    model = kind(**fixed, **quiet, n_estimators=rounds, focal_sampling_rate=0.2, n_jobs=1)
    model.fit(X[kept & half], y[kept & half])
    whole = -log_loss(y[~half], model.predict_proba(X[~half])[:, 1])
    assert scores[0.2] == pytest.approx(whole, rel=0.1)
    assert scores[None] < 2 * scores[0.2]  # the rows that were kept are harder


def test_a_sampling_rate_is_fixed_and_of_rows():
    X, y = np.zeros((60, 1)), np.arange(60) % 2
    X[:, 0] = np.arange(60)
    objective = CrossValidatedObjective(
        X, y, cv=2, space=lambda trial: {"focal_sampling_rate": 0.5}, num_boost_round=2
    )
    with pytest.raises(ValueError, match="space sets 'focal_sampling_rate', must leave it to fixed"):
        objective(optuna.trial.FixedTrial({}))
    labels = np.stack([y, 1 - y], axis=1)
    with pytest.raises(ValueError, match="fixed has focal_sampling_rate with several labels a row"):
        CrossValidatedObjective(
            X, labels, cv=2, scoring="average_precision", fixed={"focal_sampling_rate": (0.5, 1.0)}
        )
    with pytest.raises(ValueError, match="takes no sample_weight, must take it"):
        CrossValidatedObjective(
            X, y, cv=2, scoring=lambda y_true, y_score: 0.0, fixed={"focal_sampling_rate": 0.5}
        )
