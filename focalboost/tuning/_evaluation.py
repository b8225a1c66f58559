"""Scores of one trial's parameters on each fold, with the threads that are its share."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import numpy as np

from focalboost._classifier.estimator import FocalEstimator
from focalboost._kernels.threads import thread_count
from focalboost._typing import Array
from focalboost.tuning._fold_model import FoldModel
from focalboost.tuning._folds import Bins, Folds, Trained
from focalboost.tuning._scoring import Scoring
from focalboost.tuning._splits import take_rows


def folds_of(booster: str, loss: str) -> type[Folds]:
    """The booster is an extra: imported when it is chosen."""
    import_module(f"focalboost.{booster}")  # which says what to install where the booster is missing
    if booster == "xgboost":
        from focalboost.tuning._xgboost import XGBoostFolds, XGBoostLogLossFolds  # noqa: PLC0415

        return XGBoostFolds if loss == "focal" else XGBoostLogLossFolds
    from focalboost.tuning._lightgbm import LightGBMFolds, LightGBMLogLossFolds  # noqa: PLC0415

    return LightGBMFolds if loss == "focal" else LightGBMLogLossFolds


class Evaluation:
    """Trains parameters on folds and scores the validation rows; several trials may use one at once."""

    def __init__(
        self, y: Array, folds: Folds, scoring: Scoring, n_jobs: int | None, weight: Array | None
    ) -> None:
        self.y, self.folds, self.scoring, self.n_jobs = y, folds, scoring, n_jobs
        self.weight = weight  # of the rows in scores; training has `folds.weight`
        self._start_counting()

    # ------------------------------------------------------------------ trials that run at this moment
    def _start_counting(self) -> None:
        self._running, self._lock = 0, threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in ("_running", "_lock")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._start_counting()

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Around one trial: the threads are divided by the trials that run."""
        with self._lock:
            self._running += 1
        try:
            yield
        finally:
            with self._lock:
                self._running -= 1

    def _threads(self) -> int:
        return max(1, thread_count(self.n_jobs) // max(1, self._running))

    # ------------------------------------------------------------------ scores
    def fold_scores(self, fold: int, params: Mapping[str, Any], bins: Bins) -> tuple[list[float], Trained]:
        """All scores of one fold, and what was trained."""
        folds = self.folds
        train, valid = folds.settings.splits[fold]
        weight = None if self.weight is None else self.weight[valid]

        def rows() -> Any:
            return take_rows(folds.X, valid)

        def judge(estimator: FocalEstimator, margins: Array) -> float:
            return self.scoring.one(0, FoldModel(estimator, margins, rows), self.y[valid], weight, fold)

        n_jobs = self._threads()
        estimator = folds.resolve(params, train, n_jobs)
        by_score = folds.settings.stop_by == "score"
        trained = folds.run(fold, estimator, bins, n_jobs, judge if by_score else None)
        model = FoldModel(estimator, trained.margins, rows)
        return self.scoring(model, self.y[valid], weight, fold), trained

    def rounds(self, params: Mapping[str, Any]) -> int:
        """The median of the folds' best rounds, found by training them."""
        with self.counted():
            bins = self.folds.bins()
            n_folds = len(self.folds.settings.splits)
            return median_rounds([self.fold_scores(fold, params, bins)[1].rounds for fold in range(n_folds)])

    def named(self, scores: list[list[float]]) -> Any:
        """Scores of the folds as a trial notes them: a list, or one for each name."""
        if len(self.scoring.names) == 1:
            return [score for (score,) in scores]
        columns = zip(*scores, strict=True)
        return {name: list(column) for name, column in zip(self.scoring.names, columns, strict=True)}


def population_weight(estimator: Any, encoded: Array, weight: Array | None) -> Array | None:
    """Weights with which sampled rows stand for all rows: 1 / rate of the class."""
    rates = np.asarray(getattr(estimator, "loss_", None) and estimator.loss_._rates(), float)
    if not rates.ndim or np.isnan(rates).any():  # log loss, or not sampled
        return weight
    if rates.ndim > 1:
        raise ValueError(
            "fixed has focal_sampling_rate with several labels a row, must leave it out: a row then has no "
            "one rate, and scores would not be those of all rows. Pass it to the classifier after tuning."
        )
    return 1.0 / rates[encoded.astype(np.int64)] * (1.0 if weight is None else weight)


def median_rounds(rounds: list[int]) -> int:
    return max(1, round(float(np.median(rounds))))
