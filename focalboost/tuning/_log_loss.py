"""Folds trained with the booster's own log loss: what focal loss is to be compared with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import expit

from focalboost._classifier.target import Target
from focalboost._typing import Array

# Parameters that cannot act beside a custom objective, and do beside log loss.
ACTING = ("base_score", "scale_pos_weight", "boost_from_average", "is_unbalance", "pos_bagging_fraction")
OBJECTIVES = {"xgboost": "binary:logistic", "lightgbm": "binary"}


def check_target(target: Target) -> None:
    """Two classes, numbered as the boosters' own classifiers want them."""
    if target.task != "binary" or target.classes.tolist() != [0, 1]:
        raise ValueError(
            f"loss == 'log_loss' with labels {target.classes.tolist()!r}, must be 0 and 1: two classes, of "
            "which 1 is the one to look for. Number them, or use loss='focal' with focal_gamma fixed to 0."
        )


def acting(params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters without those that a custom objective could not have."""
    return {name: value for name, value in params.items() if name not in ACTING}


class LogLossModel:
    """A classifier of log loss with the predictions that scores ask for; margins are log-odds."""

    def __init__(self, estimator: Any, target: Target) -> None:
        self.estimator, self.target = estimator, target

    @property
    def classes_(self) -> Array:
        return self.target.classes

    def get_params(self) -> dict[str, Any]:
        params: dict[str, Any] = self.estimator.get_params()
        return params

    def _fitted_target(self) -> Target:
        return self.target

    def _probabilities(self, margins: Array) -> Array:
        p = np.asarray(expit(np.asarray(margins, np.float64)))
        return np.stack([1.0 - p, p], axis=1)

    def _decisions(self, margins: Array) -> Array:
        return np.asarray(margins, np.float64)

    def _decide(self, probabilities: Array) -> Array:
        return np.asarray(self.target.classes[probabilities.argmax(axis=1)])


def mean_log_loss(labels: Array, probability: Array, weight: Array | None) -> float:
    """Of float64 probabilities as LightGBM hands them over; bounded as in its own metric."""
    p = np.where(labels > 0, probability, 1.0 - probability)
    return float(np.average(-np.log(np.maximum(p, 1e-15)), weights=weight))


def log_odds(probability: Array) -> Array:
    """In float64; finite, as a margin is."""
    p = np.asarray(probability, np.float64)
    tiny = np.finfo(np.float64).tiny
    return np.log(np.maximum(p, tiny)) - np.log(np.maximum(1.0 - p, np.finfo(np.float64).eps / 2))
