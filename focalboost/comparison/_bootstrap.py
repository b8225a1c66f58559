"""What the bootstrap draws, and how often each held-out row is in a draw."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from focalboost.comparison._measures import Booleans
from focalboost.comparison._types import Floats, Integers, Judgement, Task

SECONDS_PER_DAY = 86_400.0
LEAST_UNITS = 20  # of days or groups: intervals from fewer are known to be too narrow
N_REPLICATES = 1_000
MOST_WEIGHTS = 1_000_000  # at once, 8 MB: several arrays of this size are at work
MOST_TRIES = 1_000


@dataclass(frozen=True)
class Units:
    """Rows that are drawn together, since what happens to one tells of the others."""

    kind: Literal["rows", "days", "groups"]
    code: Integers  # of each held-out row, 0 to number - 1
    number: int
    sentences: list[str]


def days_of(task: Task, rows: Integers) -> Integers | None:
    """Number of the day of each row, where time is given as dates."""
    if task.when is None or not task.when_is_date:
        return None
    return np.floor(task.when[rows] / SECONDS_PER_DAY).astype(np.int64)


def units_of(task: Task, rows: Integers) -> Units:
    """Groups where there are any, else days where there are enough, else rows."""
    sentences = []
    days = days_of(task, rows)
    n_days = 0 if days is None else len(np.unique(days))
    if task.groups is not None:
        code, number = _codes(task.groups[rows])
        name = f"groups ({task.group_name})" if task.group_name else "groups"
        if number >= LEAST_UNITS or (number > 1 and n_days < LEAST_UNITS):
            said = f"Intervals come from drawing the {number:,} held-out {name} anew, all contenders alike."
            if number < LEAST_UNITS:
                said += " So few groups say little: intervals are wide, and still may be too narrow."
            return Units("groups", code, number, [said])
        sentences.append(f"There are only {number:,} held-out {name}: intervals do not draw them.")
    if days is not None and n_days >= LEAST_UNITS:
        code, number = _codes(days)
        sentences.append(
            f"Intervals come from drawing the {number:,} held-out days anew, all contenders alike."
        )
        return Units("days", code, number, sentences)
    if days is not None:
        sentences.append(
            f"There are {n_days:,} held-out days, fewer than {LEAST_UNITS}: intervals draw rows, not days, "
            "and are too narrow if a day's positive rows belong together."
        )
    sentences.append(
        f"Intervals come from drawing the {len(rows):,} held-out rows anew, all contenders alike."
    )
    return Units("rows", np.arange(len(rows)), len(rows), sentences)


def _codes(values: Integers) -> tuple[Integers, int]:
    unique, code = np.unique(values, return_inverse=True)
    return np.asarray(code.ravel(), np.int64), len(unique)


def draws(units: Units, positive: Booleans, n: int, rng: np.random.Generator) -> Iterator[Floats]:
    """How often each row is drawn, (some draws, n_rows) at a time; each draw has rows of both classes."""
    size = max(1, MOST_WEIGHTS // len(units.code))
    for begin in range(0, n, size):
        counts = _counts(units, positive, min(size, n - begin), rng)
        yield counts if units.kind == "rows" else np.take(counts, units.code, axis=1)


def _counts(units: Units, positive: Booleans, n: int, rng: np.random.Generator) -> Floats:
    """(n, number of units); draws without one of the classes are drawn anew."""
    both = np.array(
        [np.bincount(units.code[each], minlength=units.number) > 0 for each in (positive, ~positive)], float
    )
    counts = np.zeros((n, units.number))
    empty = np.arange(n)
    for _ in range(MOST_TRIES):
        counts[empty] = _multinomial(len(empty), units.number, rng)
        empty = empty[(counts[empty] @ both.T == 0).any(axis=1)]
        if not empty.size:
            return counts
    raise ValueError(
        f"{MOST_TRIES} draws of {units.number} {units.kind} had rows of one class only: hold out more rows, "
        "by a larger test_size."
    )


def _multinomial(n: int, number: int, rng: np.random.Generator) -> Floats:
    # Generator.multinomial draws a binomial for each cell and takes several times as long.
    cells = rng.integers(0, number, size=(n, number))
    cells += number * np.arange(n)[:, np.newaxis]
    return np.bincount(cells.ravel(), minlength=n * number).reshape(n, number).astype(np.float64)


def intervals(judgement: Judgement, level: float = 0.95) -> tuple[Floats, Floats]:
    """Ends of the interval of each value, (n_contenders, n_measures) each; NaN where there is none.

    Percentiles of the replicates, moved by what the replicates are off on average: rows drawn twice are tied
    with themselves, and average precision of drawn rows is too high by that.
    """
    replicates, values = judgement.replicates, judgement.values
    finite = np.isfinite(replicates)
    known = finite.mean(axis=0) > 0.9
    filled = np.where(known & np.isfinite(values), np.where(finite, replicates, np.nan), 0.0)
    tails = [(1.0 - level) / 2.0, (1.0 + level) / 2.0]
    low, high = np.nanquantile(filled, tails, axis=0) - np.nanmean(filled, axis=0) + values
    for end in (low, high):
        end[~known] = np.nan
    return low, high
