"""The two sides, log loss and focal loss: three ways to train each, and the choice among candidates.

A candidate is a way, a learning rate and a number of rounds. It is chosen by average precision on validation
rows; the first of equals wins. A model is trained once for the largest number of rounds and looked at
earlier: its first rounds are those of a shorter training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import lightgbm as lgb
import numpy as np
import xgboost as xgb
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

import focalboost.lightgbm
import focalboost.xgboost
from focalboost import BinaryFocalLoss, MultilabelFocalLoss

Array = NDArray[Any]
Scores = Callable[[Array, int], Array]  # of rows, after a number of rounds


class Way(NamedTuple):
    """What differs from the booster's own log loss."""

    name: str
    gamma: float | None = None  # None: the booster's own objective
    zero: bool = False  # begun at margin 0, probability 0.5, instead of the log-odds of the rate
    max_delta_step: float = 0.0


LOG_LOSS = (
    Way("from the log-odds"),
    Way("from 0.5", zero=True),
    Way("max_delta_step 3", max_delta_step=3.0),
)
FOCAL = tuple(Way(f"gamma {gamma:g}", gamma) for gamma in (0.5, 1.0, 2.0))
SIDES = {"log_loss": LOG_LOSS, "focal": FOCAL}
# What both boosters do for those who set nothing.
DEFAULT = LOG_LOSS[0].name


class Rows(NamedTuple):
    """Rows to choose or to judge by; weights restore the ratio of classes of rows that were thinned out."""

    X: Array
    y: Array
    weight: Array | None = None


class Candidate(NamedTuple):
    """A model after a number of rounds."""

    way: str
    rate: float
    rounds: int
    precision: float  # on the validation rows
    work: float  # rows looked at, in passes over all training rows
    scores: Scores

    @property
    def label(self) -> str:
        """What was chosen, for the results."""
        return f"{self.way}, rate {self.rate:g}, {self.rounds} rounds"

    def judged(self, rows: Rows) -> Array:
        """Average precision on other rows, of several labels that of each."""
        return average_precisions(rows, self.scores(rows.X, self.rounds))


def average_precisions(rows: Rows, scores: Array) -> Array:
    """Of each label, shape (n_labels,); NaN where no row has it."""
    y, scores = rows.y.reshape(len(rows.y), -1), scores.reshape(len(rows.y), -1)
    return np.array(
        [
            average_precision_score(truth, score, sample_weight=rows.weight) if truth.any() else np.nan
            for truth, score in zip(y.T, scores.T, strict=True)
        ]
    )


class Trees:
    """The training rows of one booster, put into bins once for all ways."""

    def __init__(self, booster: str, X: Array, y: Array, seed: int) -> None:
        self.booster, self.seed = booster, seed
        self._loss = BinaryFocalLoss if y.ndim == 1 else MultilabelFocalLoss
        self._y = y
        if booster == "xgboost":
            self._data: Any = xgb.QuantileDMatrix(X, y, nthread=1)
        else:
            self._data = lgb.Dataset(X, y, params={"verbosity": -1, "num_threads": 1}).construct()

    def fit(self, way: Way, *, depth: int, rate: float, rounds: int, share: float | None) -> Scores:
        """Train; `share` of the rows drawn by their gradients each round, or all."""
        params: dict[str, Any] = {"max_depth": depth, "learning_rate": rate, "seed": self.seed}
        if way.max_delta_step:
            params["max_delta_step"] = way.max_delta_step
        loss = None
        if way.gamma is not None:
            loss = self._loss(way.gamma, n_jobs=1).for_labels(self._y)
        return (self._xgboost if self.booster == "xgboost" else self._lightgbm)(
            params, loss, way.zero, rounds, share
        )

    def _xgboost(
        self, params: dict[str, Any], loss: Any, zero: bool, rounds: int, share: float | None
    ) -> Scores:
        params |= {"tree_method": "hist", "nthread": 1}
        if share is not None:
            params |= {"sampling_method": "gradient_based", "subsample": share}
        if loss is not None:
            model = focalboost.xgboost.train(loss, params, self._data, rounds)
        else:
            start = {"base_score": 0.5} if zero else {}
            model = xgb.train({**params, **start, "objective": "binary:logistic"}, self._data, rounds)

        def scores(X: Array, stage: int) -> Array:
            of = {"predict_type": "margin", "iteration_range": (0, stage)}
            return np.asarray(model.inplace_predict(X, **of))

        return scores

    def _lightgbm(
        self, params: dict[str, Any], loss: Any, zero: bool, rounds: int, share: float | None
    ) -> Scores:
        params |= {
            "num_leaves": 2 ** params["max_depth"],
            "num_threads": 1,
            "verbosity": -1,
            "deterministic": True,
            "force_row_wise": True,
        }
        if share is not None:
            # In the proportion of LightGBM's defaults, 0.2 and 0.1.
            params |= {"data_sample_strategy": "goss", "top_rate": share * 2 / 3, "other_rate": share / 3}
        if loss is not None:
            model = focalboost.lightgbm.train(loss, params, self._data, rounds)
        else:
            model = lgb.train(
                {**params, "objective": "binary", "boost_from_average": not zero}, self._data, rounds
            )

        def scores(X: Array, stage: int) -> Array:
            # Without the start, a constant that moves no rank.
            return np.asarray(model.predict(X, raw_score=True, num_iteration=stage, num_threads=1))

        return scores

    def work(self, rounds: int, rate: float, share: float | None) -> float:
        """Passes over all rows. LightGBM draws none in the first 1 / learning_rate rounds."""
        if share is None:
            return float(rounds)
        whole = min(rounds, int(1 / rate)) if self.booster == "lightgbm" else 0
        return whole + share * (rounds - whole)

    def candidates(
        self, ways: Iterable[Way], valid: Rows, *, rates: Sequence[float], stages: Sequence[int], depth: int,
        share: float | None = None,
    ) -> list[Candidate]:  # fmt: skip
        """All of them, each way and rate trained once."""
        found = []
        for way in ways:
            for rate in rates:
                scores = self.fit(way, depth=depth, rate=rate, rounds=stages[-1], share=share)
                for stage in stages:
                    precision = float(np.nanmean(average_precisions(valid, scores(valid.X, stage))))
                    work = self.work(stage, rate, share)
                    found.append(Candidate(way.name, rate, stage, precision, work, scores))
        return found


def best(candidates: Iterable[Candidate]) -> Candidate:
    """The first of those with the highest average precision on the validation rows."""
    return max(candidates, key=lambda candidate: candidate.precision)


def samples_by_gradient() -> bool:
    """Whether this XGBoost does so on a CPU: 3.2 does, 3.1 wants a GPU."""
    data = xgb.QuantileDMatrix(np.arange(8.0)[:, None], np.arange(8) > 5)
    try:
        xgb.train({"sampling_method": "gradient_based", "subsample": 0.5}, data, 1)
    except xgb.core.XGBoostError:
        return False
    return True
