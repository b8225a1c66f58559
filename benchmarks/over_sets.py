"""Statistics over sets: a set is one draw, the mean of its splits; those that share rows count as one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent / "study"))

import numpy as np
import pandas as pd
from ranks import FAMILIES

SAMPLES = 5000


class Interval(NamedTuple):
    """A statistic over sets and its 95 % interval from a bootstrap of the sets."""

    value: float
    low: float
    high: float

    @property
    def holds_0(self) -> bool:
        return self.low <= 0.0 <= self.high

    def text(self, digits: int = 1, factor: float = 1.0) -> str:
        middle, low, high = (f"{factor * value:+.{digits}f}" for value in self)
        return f"{middle} [{low}, {high}]"


def by_set(values: Any) -> Any:
    """The mean of each set over its splits, then over the sets that share rows."""
    means = values.groupby(level="set").mean()
    return means.groupby(means.index.map(lambda name: FAMILIES.get(name, name))).mean()


def statistic(values: Any, of: str = "median") -> Interval:
    """The median or mean of sets, with its interval."""
    found = np.asarray(values, float)
    found = found[~np.isnan(found)]
    if not found.size:
        return Interval(np.nan, np.nan, np.nan)
    function = np.median if of == "median" else np.mean
    drawn = np.random.default_rng(0).choice(found, (SAMPLES, found.size))
    low, high = np.quantile(function(drawn, axis=1), (0.025, 0.975))
    return Interval(float(function(found)), float(low), float(high))


def without_outlier(values: Any) -> tuple[str, float]:
    """The set that is furthest from the median, and the mean without it."""
    series = pd.Series(values).dropna()
    name = (series - series.median()).abs().idxmax()
    return str(name), float(series.drop(name).mean())
