"""Contenders made of arrays: no booster is trained."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logit

from focalboost.comparison._types import CONTENDERS, Judgement, Measure, Settings, Split, Task, Trained
from focalboost.datasets import TableReport

DAY = 86_400.0
BY_KEY = {each.key: each for each in CONTENDERS}


def task(y, *, when=None, when_is_date=True, groups=None, amount=None):
    y = np.asarray(y, np.int8)
    return Task(
        X=np.zeros((len(y), 1), np.float32),
        y=y,
        feature_names=["a"],
        categories={},
        target_name="is_fraud",
        target_names=(0, 1),
        source="DataFrame",
        when=None if when is None else np.asarray(when, float),
        when_is_date=when is not None and when_is_date,
        time_name=None if when is None else "date",
        groups=None if groups is None else np.asarray(groups, np.int64),
        group_name=None if groups is None else "card",
        amount=None if amount is None else np.asarray(amount, float),
        amount_name=None if amount is None else "euros",
        report=TableReport.__new__(TableReport),
    )


def split(task, test=None):
    test = np.arange(len(task.y)) if test is None else np.asarray(test)
    train = np.setdiff1d(np.arange(len(task.y)), test)
    return Split("stratified", train, test, np.arange(0), [], [])


def trained(key, log_odds, *, model=None, probability=None):
    log_odds = np.asarray(log_odds, float)
    probability = expit(log_odds) if probability is None else np.asarray(probability, float)
    return Trained(BY_KEY[key], model, {}, 1, None, None, log_odds, probability, probability, 0.0)


def settings(**kwargs):
    return Settings(**kwargs)


def binormal(n=3_000, rate=0.03, seed=0, *, distances=None, shared=0.9):
    """Labels, and for each key log-odds that are right: evidence of unit variance, `distance` apart."""
    rng = np.random.default_rng(seed)
    distances = distances or dict.fromkeys(BY_KEY, 2.0)
    y = (rng.random(n) < rate).astype(np.int8)
    common = rng.standard_normal(n)
    scores = {}
    for key, distance in distances.items():
        evidence = distance * y + np.sqrt(shared) * common + np.sqrt(1 - shared) * rng.standard_normal(n)
        scores[key] = logit(rate) + distance * evidence - distance**2 / 2
    return y, scores


MEASURES = [
    Measure("average_precision", "average precision", True, 3, ""),
    Measure("recall_at_alert_rate", "recall at 1 % alerts", True, 3, ""),
    Measure("expected_cost", "cost of a row", False, 3, ""),
    Measure("log_loss", "log loss of the probabilities", False, 4, ""),
    Measure("calibration_ratio", "mean probability / rate", False, 2, "", target=1.0),
    Measure("calibration_slope", "calibration slope", False, 2, "", target=1.0),
]
KEYS = [each.key for each in MEASURES]
BASE = {
    "average_precision": 0.5,
    "recall_at_alert_rate": 0.3,
    "expected_cost": 1.0,
    "log_loss": 0.08,
    "calibration_ratio": 1.0,
    "calibration_slope": 1.0,
}
ERRORS = {"average_precision": 0.01, "recall_at_alert_rate": 0.01, "expected_cost": 0.02, "log_loss": 0.001}


def judgement(*, n_informative=200, errors=None, **contenders):
    """Log loss at `BASE`, others by what they differ in; a replicate has independent normal errors."""
    rng = np.random.default_rng(0)
    errors = ERRORS | (errors or {})
    contenders = {"log_loss": {}} | contenders
    values = np.array(
        [[value + changes.get(key, 0.0) for key, value in BASE.items()] for changes in contenders.values()]
    )
    noise = rng.standard_normal((1_000, *values.shape)) * [errors.get(key, 0.01) for key in KEYS]
    noise[:, 0] = 0.0  # all error is that of the others
    return Judgement(
        MEASURES, list(contenders), values, values + noise, "rows", 5_000, [], 5_000, 200, n_informative
    )
