"""What the parts of a comparison hand to each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from focalboost.datasets import TableReport

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Task:
    """A table as rows, labels and what is known of each row besides."""

    X: NDArray[np.float32]  # (n_samples, n_features), categories as codes, NaN where missing
    y: NDArray[np.int8]  # 1 is the positive class
    feature_names: list[str]
    categories: dict[str, list[Any]]  # of coded columns, the values that 0, 1, ... stand for
    target_name: str
    target_names: tuple[Any, Any]  # the values that became 0 and 1
    source: str  # "cards.csv", "DataFrame", "simulated transactions"
    when: Floats | None  # numbers, or seconds since 1970
    when_is_date: bool
    time_name: str | None
    groups: Integers | None  # a number for each group
    group_name: str | None
    amount: Floats | None  # >= 0
    amount_name: str | None
    report: TableReport
    warnings: list[str] = field(default_factory=list)  # of the table as a whole; the report has the columns'


@dataclass(frozen=True)
class Split:
    """Which rows are tuned and trained on, and which judge."""

    kind: Literal["time", "groups", "time and groups", "stratified"]
    train: Integers  # row numbers
    test: Integers
    left_out: Integers  # in the gap, or of groups that would be on both sides
    folds: list[tuple[Integers, Integers]]  # positions in `train`
    sentences: list[str]  # what was done, with dates and counts
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Settings:
    """What the user asked for, checked."""

    booster: Literal["xgboost", "lightgbm"] = "xgboost"
    trials: int = 30
    folds: int = 3
    test_size: float = 0.25
    gap: float = 0.0  # in the unit of `Task.when`
    measure: str = "average_precision"
    alert_rate: float | None = 0.01  # None where alerts_per_day is given
    alerts_per_day: float | None = None
    cost_alarm: float | None = None  # None: no costs were stated
    cost_missed: float | Literal["amount"] | None = None
    num_boost_round: int = 500
    early_stopping_rounds: int = 30
    storage: str | None = None
    n_jobs: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class Contender:
    """One way of training."""

    key: Literal["untuned", "log_loss", "class_weights", "focal"]
    name: str  # as tables and figures call it
    tuned: bool
    says: str  # what is searched, in a sentence


CONTENDERS = (
    Contender("untuned", "log loss, untuned", False, "The booster's defaults, as most people run it."),
    Contender(
        "log_loss",
        "log loss",
        True,
        "The booster's own log loss; searched: the start (log-odds or 0.5) and the booster's parameters.",
    ),
    Contender(
        "class_weights",
        "class weights",
        True,
        "Log loss with class weights, probabilities corrected; searched: the weights and the booster's "
        "parameters.",
    ),
    Contender(
        "focal",
        "focal loss",
        True,
        "Focal loss, probabilities in closed form; searched: gamma, the class weights and the booster's "
        "parameters.",
    ),
)


@dataclass
class Trained:
    """A contender after its trials: the model of its best trial, fitted on the rows of `Split.train`."""

    contender: Contender
    model: Any  # a fitted classifier of scikit-learn's interface
    params: dict[str, Any]  # of the best trial, by scikit-learn's names; {} of the untuned one
    rounds: int
    fold_scores: list[float] | None  # of the best trial; None of the untuned one
    study: Any | None  # optuna.Study
    log_odds: Floats  # of the held-out rows
    probability: Floats  # of the held-out rows
    confidence: Floats  # the booster's own output before the closed form; the probability for log loss
    seconds: float


@dataclass(frozen=True)
class Measure:
    """A line of the table."""

    key: str  # "average_precision"
    name: str  # "average precision"
    higher_is_better: bool
    digits: int
    says: str  # what it means, in a sentence for a manager
    target: float | None = None  # the best value where neither 0 nor 1 is: slope 1, calibration ratio 1
    cap: float | None = None  # the largest value that the budget lets anyone reach


@dataclass(frozen=True)
class Judgement:
    """Measures of the contenders on the held-out rows, and of paired bootstrap replicates."""

    measures: list[Measure]
    keys: list[str]  # of the contenders, in order
    values: Floats  # (n_contenders, n_measures); NaN where it cannot be computed
    replicates: Floats  # (n_replicates, n_contenders, n_measures)
    resampled: str  # "rows", "days", "groups": what the bootstrap draws
    n_resampled: int
    sentences: list[str] = field(default_factory=list)  # e.g. that the budget caps recall
    n_rows: int = 0  # held out
    n_positive: int = 0
    n_informative: int = 0  # of what is drawn, those with a positive row
    # (n_contenders, n_contenders, n_measures): what the error of a difference is at least; None: 0.
    least_errors: Floats | None = None


@dataclass(frozen=True)
class Verdict:
    """What to use."""

    use: str  # key of the contender
    sentence: str  # one sentence, comes first on the page
    reasons: list[str]  # a sentence for each measure that decided, or that spoke against
    rule: str  # how it was decided, with the error rate
    beats_log_loss: bool


@dataclass(frozen=True)
class Threshold:
    """From which score on a row is an alert."""

    purpose: Literal["cost", "budget"]
    probability: float | None  # None where the cost differs from row to row
    margin: float | None  # the same for what the booster itself predicts as margin
    says: str
    low: float | None = None  # of the budget: the share of later rows above it is from here ...
    high: float | None = None  # ... to here


class Progress(Protocol):
    """Told of what goes on; all numbers are of the whole comparison."""

    def split(self, split: Split) -> None:
        """The rows are split, nothing is trained yet."""

    def begin(self, contender: Contender, done: int, total: int) -> None:
        """A contender's trials begin; `done` of `total` were found in the storage."""

    def trial(self, contender: Contender, done: int, best: float | None) -> None:
        """A trial has finished."""

    def end(self, contender: Contender) -> None:
        """The contender is trained."""


Notify = Callable[[str], None]
