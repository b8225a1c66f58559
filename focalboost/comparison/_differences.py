"""Differences between two contenders, with intervals that hold for all lines of a family together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from focalboost.comparison._types import Floats, Judgement, Measure

LEAST_KNOWN = 0.95  # share of the replicates that must have a value
EPSILON = 1e-12  # of the values: a spread below is rounding
LEAST_INFORMATIVE = 20
N_DRAWS = 50_000  # the quantile is then good for 0.01


@dataclass(frozen=True, eq=False)  # arrays have no single answer to ==
class Line:
    """A contender less another in one measure; above 0 is better, whatever the measure."""

    one: str  # keys
    other: str
    measure: Measure
    value: float  # of the one
    other_value: float
    gain: float  # NaN where one of them cannot be computed
    error: float  # its standard error, of the bootstrap; of costs that of `_judgement._least_error` if larger
    deviations: Floats  # of the replicates from their mean, in standard errors; empty where there is no error

    @property
    def known(self) -> bool:
        return bool(np.isfinite(self.gain) and self.deviations.size)


def goodness(measure: Measure, values: Floats) -> Floats:
    """A number that rises with how good a value is, in the measure's unit.

    Of a measure with a best value it is minus the distance from there; ratios count as many times too low
    as too high, which is the distance of logarithms.
    """
    if measure.key == "calibration_ratio":
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(-np.abs(np.log(values)))
    if measure.target is not None:
        return np.asarray(-np.abs(values - measure.target))
    return np.asarray(values if measure.higher_is_better else -values)


def line(judgement: Judgement, one: str, other: str, index: int) -> Line:
    """`one` less `other` in the measure at `index`."""
    measure = judgement.measures[index]
    a, b = judgement.keys.index(one), judgement.keys.index(other)
    value, other_value = judgement.values[a, index], judgement.values[b, index]
    with np.errstate(invalid="ignore"):
        gain = float(goodness(measure, value) - goodness(measure, other_value))
        replicates = goodness(measure, judgement.replicates[:, a, index]) - goodness(
            measure, judgement.replicates[:, b, index]
        )
    known = np.isfinite(replicates)
    error, deviations = np.nan, np.empty(0)
    if known.mean() >= LEAST_KNOWN:
        mean = replicates[known].mean()
        error = float(np.sqrt(np.mean((replicates[known] - mean) ** 2)))
        # Relative, as costs come in any unit.
        if error > EPSILON * max(abs(value), abs(other_value)):
            # Replicates without a value count as no deviation: there are few.
            deviations = np.where(known, replicates - mean, 0.0) / error
            if judgement.least_errors is not None:
                error = max(error, float(judgement.least_errors[a, b, index]))
    return Line(one, other, measure, float(value), float(other_value), gain, error, deviations)


def multiplier(lines: Sequence[Line], n_informative: int, tail: float) -> float:
    """Standard errors above 0 that the largest gain of `lines` has by chance in `tail` of cases.

    The quantile of the largest of as many normal numbers that are correlated as the bootstrap's deviations
    are: lines that rise and fall together cost less than Bonferroni's or Holm's correction asks. The largest
    deviation of the bootstrap itself has a longer tail, from draws of single rows that count much, which
    gains in standard errors have not: with equal contenders it asks for 2.51 where 2.44 was exceeded in 2 %
    of 200 comparisons (60 positive rows), and for 2.57 where 2.42 was in 3 % of 150 (20 positive rows).

    Of fewer than `LEAST_INFORMATIVE` rows, days or groups with a positive row the numbers have the
    t-distribution, since standard errors of few are not known well.
    """
    known = [each.deviations for each in lines if each.known]
    if not known or n_informative < 2:
        return np.inf
    rng = np.random.default_rng(0)
    correlation = np.atleast_2d(np.corrcoef(known))
    drawn = rng.multivariate_normal(np.zeros(len(known)), correlation, N_DRAWS, method="eigh")
    degrees = n_informative - 1
    if n_informative < LEAST_INFORMATIVE:
        drawn /= np.sqrt(rng.chisquare(degrees, (N_DRAWS, 1)) / degrees)
    # The bootstrap's variance of a mean is that of the sample, too small by this.
    return float(np.quantile(drawn.max(axis=1), 1.0 - tail) * np.sqrt(n_informative / degrees))
