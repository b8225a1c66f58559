"""Scores of one trial's parameters on each fold, with the threads that are its share."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing, contextmanager, nullcontext
from contextvars import copy_context
from importlib import import_module
from typing import Any

import numpy as np

from focalboost._classifier.estimator import FocalEstimator
from focalboost._kernels.threads import thread_count
from focalboost._typing import Array
from focalboost.tuning._fold_model import FoldModel
from focalboost.tuning._folds import Bins, Folds, Trained, Turn
from focalboost.tuning._scoring import Scoring, average_precision
from focalboost.tuning._splits import n_values, take_rows

# Numbers in the training rows of a fold that are not worth a second thread. 60 rounds of two folds of
# 24,000 x 30 took XGBoost .56 s on one thread, .54 s on two, and side by side on one each .34 s.
FEW = 1_000_000


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

    # ------------------------------------------------------------------ folds, several at once
    def _side_by_side(self) -> int:
        """How many folds are trained at once, on a thread each or more."""
        settings = self.folds.settings
        if settings.device not in (None, "cpu"):
            return 1  # one device for all
        # Data that is not kept is there for as many folds as are trained: for one more than without.
        return min(len(settings.splits), self._threads(), len(settings.splits) if settings.cache else 2)

    def _worth(self, fold: int, n_threads: int) -> int:
        """Threads for a fold that could have so many."""
        numbers = n_values(self.folds.X) / len(self.y) * len(self.folds.settings.splits[fold][0])
        return 1 if numbers <= FEW else n_threads

    def scores(self, params: Mapping[str, Any]) -> Generator[tuple[list[float], Trained]]:
        """All scores of each fold in turn, and what was trained; to be closed, which ends what still runs.

        What comes out is the same, whatever is trained at once. Of 5 folds in pairs the first is trained
        alone, with all threads: most trials that are pruned are so after it, and the last of an odd number
        would have half of them.
        """
        bins = self.folds.bins()
        n_folds = len(self.folds.settings.splits)
        at_once = self._side_by_side()
        if at_once == 1:
            for fold in range(n_folds):
                share = self._worth(fold, self._threads())
                yield self._scored(fold, *self._train(fold, params, bins, Turn(share), nullcontext()))
            return
        stop, one_by_one, settings = threading.Event(), threading.Lock(), self.folds.thread_settings()

        def train(fold: int, threads: int, beside: int) -> tuple[Any, Trained]:
            with self.folds.as_in_thread(settings):
                share = self._worth(fold, max(1, threads // beside))
                turn = Turn(share, stop=stop, bin_jobs=self._worth(fold, threads))
                # A scorer of the user's need not be made for threads.
                return self._train(fold, params, bins, turn, one_by_one)

        first = n_folds % at_once
        # One pool for all: what a thread has freed serves its next fold.
        pool = ThreadPoolExecutor(at_once, thread_name_prefix="focalboost-fold")
        try:
            for part in (range(first), range(first, n_folds)):
                threads, beside = self._threads(), min(at_once, len(part))
                running = [pool.submit(copy_context().run, train, k, threads, beside) for k in part]
                # In the order of the folds: an error of a later one may never be seen.
                for fold, future in zip(part, running, strict=True):
                    while wait([future], timeout=0.5).not_done:
                        pass  # on Windows an interrupt is seen between two waits, and not in one
                    with one_by_one:
                        scored = self._scored(fold, *future.result())
                    yield scored
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)

    def _train(
        self, fold: int, params: Mapping[str, Any], bins: Bins, turn: Turn, judging: Any
    ) -> tuple[Any, Trained]:
        """The estimator, and its margins of the validation rows."""
        positive = self.scoring.positive
        if self.scoring.ranks and positive is not None:
            flags = positive.flags(self.y[self.folds.settings.splits[fold][1]]) == 1

        def judge(estimator: FocalEstimator, margins: Array) -> float:
            if self.scoring.ranks and positive is not None:
                return average_precision(flags, margins if positive.column == 1 else -margins)
            with judging:
                return self._score(fold, estimator, margins, slice(1))[0]

        by_score = self.folds.settings.stop_by == "score"
        estimator = self.folds.resolve(params, self.folds.settings.splits[fold][0], turn.n_jobs)
        turn = turn._replace(judge=judge if by_score else None)
        return estimator, self.folds.run(fold, estimator, bins, turn)

    # ------------------------------------------------------------------ scores
    def _scored(self, fold: int, estimator: Any, trained: Trained) -> tuple[list[float], Trained]:
        return self._score(fold, estimator, trained.margins, slice(None)), trained

    def _score(self, fold: int, estimator: Any, margins: Array, which: slice) -> list[float]:
        """Some of the scores of a fold."""
        valid = self.folds.settings.splits[fold][1]
        weight = None if self.weight is None else self.weight[valid]
        model = FoldModel(estimator, margins, lambda: take_rows(self.folds.X, valid))
        return self.scoring(model, self.y[valid], weight, fold, which)

    def rounds(self, params: Mapping[str, Any]) -> int:
        """The median of the folds' best rounds, found by training them."""
        with self.counted(), closing(self.scores(params)) as folds:
            return median_rounds([trained.rounds for _, trained in folds])

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
