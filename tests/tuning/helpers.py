"""Data, settings and small studies that the tests of tuning share."""

import numpy as np
import optuna
from sklearn.datasets import make_classification
from sklearn.metrics import average_precision_score

from focalboost.tuning import CrossValidatedObjective, suggest_focal

optuna.logging.set_verbosity(optuna.logging.WARNING)

BOOSTERS = ["xgboost", "lightgbm"]
N = 1200
X, BINARY = make_classification(N, 8, n_informative=5, weights=[0.9], class_sep=0.7, random_state=0)
X = X.astype(np.float32)
# A few values, each in many rows: any part of the rows, repeated or not, gives the same bins.
COARSE = np.clip(np.round(X), -2, 2)
MULTICLASS = np.digitize(X[:, 0] + X[:, 1], [0.0, 2.0])
MULTILABEL = np.stack([BINARY, X[:, 2] > 0.5], axis=1).astype(int)
WEIGHT = np.random.default_rng(1).uniform(0.5, 2.0, N)
ROUNDS = 12
SHORT = {"num_boost_round": ROUNDS, "early_stopping_rounds": 3, "n_jobs": 1, "cv": 3}
SMALL = {"xgboost": {"max_depth": 3}, "lightgbm": {"num_leaves": 7}}
POINT = {"focal_gamma": 1.5, "focal_alpha_power": 0.25, "learning_rate": 0.2, "min_child_weight": 0.1}
POINT |= {"reg_lambda": 1.0, "subsample": 0.8, "colsample_bytree": 0.7}
POINTS = {"xgboost": POINT, "lightgbm": {**POINT, "min_child_samples": 20}}


def make(booster="xgboost", y=BINARY, data=X, **options):
    options = {**SHORT, "fixed": SMALL[booster], **options}
    return CrossValidatedObjective(data, y, booster=booster, **options)


def study_of(objective, **options):
    options.setdefault("sampler", optuna.samplers.RandomSampler(0))
    return optuna.create_study(directions=objective.directions, **options)


def focal_only(trial):
    return suggest_focal(trial)


class Pruner(optuna.pruners.BasePruner):
    """Prunes after the fold that it is told, and notes what it saw."""

    def __init__(self, fold):
        self.fold, self.seen = fold, []

    def prune(self, study, trial):
        self.seen.append(dict(trial.intermediate_values))
        return trial.last_step >= self.fold


def some_rows(table, rows):
    return table.iloc[rows] if hasattr(table, "iloc") else table[rows]


def new_classifier(booster, **params):
    if booster == "xgboost":
        from focalboost.xgboost import FocalXGBClassifier

        return FocalXGBClassifier(n_jobs=1, **params)
    from focalboost.lightgbm import FocalLGBMClassifier

    return FocalLGBMClassifier(n_jobs=1, verbosity=-1, **params)


def fitted_scores(booster, table, splits, params, weight=None):
    """The average precision of classifiers that are fitted on each fold's training rows, all rounds long."""
    weight = np.ones(N) if weight is None else weight
    scores = []
    for train, valid in splits:
        model = new_classifier(booster, n_estimators=ROUNDS, **params)
        model.fit(some_rows(table, train), BINARY[train], sample_weight=weight[train])
        margins = model.decision_function(some_rows(table, valid))
        scores.append(average_precision_score(BINARY[valid], margins, sample_weight=weight[valid]))
    return scores
