"""For what serves a model: a threshold as a margin, the closed form as a table."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from focalboost._typing import Array
from focalboost.calibration._binary import binary_posterior, binary_posterior_logit
from focalboost.calibration._common import (
    check_flag,
    check_probability,
    is_real,
    numbers,
    shown,
)
from focalboost.calibration._functions import expit

# In units of 1 + |margin| the float64 closed form was out of order over 2.3e-16 at most, in 1e5 random losses
# (gamma to 8, weights from 1e-3 to 1e3).
_ROUNDING = 1e-14
# This far beyond log(1 + gamma) the log-odds are straight lines: what bends them is below exp(-50).
_BEND = 50.0
# Points at least where the error of a table's line is looked at, and points in a unit of the margin.
# Between them it was larger by .02 % at most (gamma 0 to 100, max_error 1e-6 to .1): room of 1 % is left.
_POINTS, _DENSITY, _TOLERANCE = 64, 20.0, 0.99

# Losses take 100; a table of 1e4 and 0 for the two classes takes 4 s.
_LARGEST_GAMMA = 1e4


def margin_threshold(
    probability: ArrayLike,
    *,
    gamma: ArrayLike,
    alpha: ArrayLike = (1.0, 1.0),
    logit_shift: ArrayLike = 0.0,
    sampling_rate: ArrayLike = 1.0,
    or_equal: bool = False,
    dtype: DTypeLike = np.float32,
) -> Array:
    """The margin t for which `margin > t` decides as `binary_posterior(margin) > probability`.

    It is the largest number of `dtype` whose posterior is not above `probability`, found by bisection over
    all numbers of that type. So it decides the same for margins that lie on the threshold, as many rows do
    where trees have few leaves. The root of `binary_margin` rounded to float32 may lie on their other side.

    Parameters
    ----------
    probability : float, or array-like of shape (n_labels,)
        Threshold of the probability of class 1, in (0, 1).
    gamma, alpha, logit_shift, sampling_rate
        As in `binary_posterior`; for several labels a row, one row of parameters for each label.
    or_equal : bool, default=False
        Whether `margin > t` is to decide as `binary_posterior(margin) >= probability`, the rule of
        scikit-learn's FixedThresholdClassifier.
    dtype : numpy.float32 or numpy.float64, default=numpy.float32
        Type of the margins that are compared: float32 of XGBoost, treelite and ONNX, float64 of LightGBM.

    Returns
    -------
    ndarray of shape () or (n_labels,), of `dtype`
        Of float64 the closed form itself has rounding: t is `1e-14 (1 + |t|)` higher, or lower with
        `or_equal`, so that rows whose score is the threshold are on the right side. Rows that are nearer, of
        another score, are taken for equal.

    Raises
    ------
    ValueError
        If a probability is not above 0 and below 1, a parameter is out of range, or `dtype` is another.

    Examples
    --------
    >>> import numpy as np
    >>> from focalboost.calibration import binary_posterior, margin_threshold
    >>> threshold = margin_threshold(0.02, gamma=2.0, alpha=(1.0, 10.0))
    >>> threshold
    array(-0.5934097, dtype=float32)
    >>> margins = np.float32([-2.0, threshold, np.nextafter(threshold, np.float32(1.0))])
    >>> margins > threshold, binary_posterior(margins, gamma=2.0, alpha=(1.0, 10.0)) > 0.02
    (array([False, False,  True]), array([False, False,  True]))
    """
    check_flag("or_equal", or_equal)
    kind = _kind(dtype)
    if kind is None or kind not in {np.dtype(np.float32), np.dtype(np.float64)}:
        raise ValueError(f"dtype == {dtype!r}, must be numpy.float32 or numpy.float64, that of the margins.")
    wanted = numbers("probability", probability)
    check_probability(wanted, (wanted > 0.0) & (wanted < 1.0), "np.clip(probability, 1e-7, 1 - 1e-7)")

    def is_above(margins: Array) -> Array:
        score = binary_posterior(
            margins, gamma=gamma, alpha=alpha, logit_shift=logit_shift, sampling_rate=sampling_rate
        )
        return np.asarray(score >= wanted if or_equal else score > wanted)

    # The bits of a float, read as a whole number with the float's sign, are in the order of the floats.
    whole = np.int32 if kind.itemsize == 4 else np.int64

    def floats(order: Array) -> Array:
        magnitude = np.abs(order).astype(whole).view(kind)
        return np.asarray(np.copysign(magnitude, np.where(order < 0, -1.0, 1.0).astype(kind)))

    infinite = int(np.array(np.inf, kind).view(whole))
    shape = is_above(np.zeros(wanted.shape)).shape
    # Of -inf the posterior is 0, of inf 1.
    low, high = np.full(shape, -infinite, np.int64), np.full(shape, infinite, np.int64)
    while (high > low + 1).any():
        middle = low // 2 + high // 2 + (low % 2 + high % 2) // 2
        above = is_above(floats(middle))
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    found = floats(low)
    if kind.itemsize == 8:
        rounding = _ROUNDING * (1.0 + np.abs(found))
        found = found - rounding if or_equal else found + rounding
    return np.asarray(found)


def lookup_table(
    *,
    gamma: ArrayLike,
    alpha: ArrayLike = (1.0, 1.0),
    logit_shift: float = 0.0,
    sampling_rate: ArrayLike = 1.0,
    max_error: float = 1e-4,
    output: Literal["log_odds", "probability"] = "log_odds",
) -> tuple[Array, Array]:
    """Rows between which straight lines are `binary_posterior`, for SQL, Java or a rule engine.

    Parameters
    ----------
    gamma, alpha, logit_shift, sampling_rate
        As in `binary_posterior`, of one label: each of several labels has a table of its own.
    max_error : float in [1e-7, 0.1], default=1e-4
        The largest error. Of log-odds it is the relative error of the odds (and nearly that of a small
        probability), and the probability is off by at most a quarter of it. Of "probability" it is absolute.
    output : {"log_odds", "probability"}, default="log_odds"
        "log_odds" for margins from -1000 to 1000, outside of which the last two rows go on as a line; the
        probability is 1 / (1 + exp(-log_odds)). "probability" needs no exp, but says nothing of a probability
        below `max_error`; outside of the table the probability is that of its end.

    Returns
    -------
    margins, values : ndarray of shape (n_rows,)
        Both strictly increasing, so that interpolation keeps the order. As few rows as can be that lie on the
        curve: each line is as long as its error allows.

    Raises
    ------
    ValueError
        If a parameter is out of range or is of several labels.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.special import expit
    >>> from focalboost.calibration import binary_posterior, lookup_table
    >>> margins, log_odds = lookup_table(gamma=2.0, max_error=0.01)
    >>> len(margins)
    14
    >>> x = np.linspace(-8.0, 8.0, 10_001)
    >>> off = expit(np.interp(x, margins, log_odds)) / binary_posterior(x, gamma=2.0) - 1
    >>> bool(abs(off).max() < 0.01)
    True
    """
    if not is_real(max_error) or not 1e-7 <= max_error <= 0.1:
        raise ValueError(f"max_error == {shown(max_error)}, must be a number from 1e-7 to 0.1.")
    if not isinstance(output, str) or output not in {"log_odds", "probability"}:
        raise ValueError(f"output == {shown(output)}, must be 'log_odds' or 'probability'.")
    of_odds = output == "log_odds"

    def curve(x: Array) -> Array:
        log_odds = binary_posterior_logit(
            x, gamma=gamma, alpha=alpha, logit_shift=logit_shift, sampling_rate=sampling_rate
        )
        return log_odds if of_odds else np.asarray(expit(log_odds))

    if curve(np.zeros(())).ndim:
        raise ValueError(
            f"gamma == {shown(gamma)}, alpha == {shown(alpha)}, logit_shift == {shown(logit_shift)}, "
            f"sampling_rate == {shown(sampling_rate)}, must be those of one label: make a table for each."
        )
    # exp(d) - 1 and 1 - exp(-d) are the relative errors of the odds for an error d of their logarithm.
    tolerance = _TOLERANCE * (math.log1p(max_error) if of_odds else max_error)
    first, last = -1000.0, 1000.0
    if not of_odds:
        ends = np.array([0.5 * max_error, 1.0 - 0.5 * max_error])
        first, last = margin_threshold(
            ends,
            gamma=gamma,
            alpha=alpha,
            logit_shift=logit_shift,
            sampling_rate=sampling_rate,
            dtype=np.float64,
        ).tolist()
    largest = float(np.max(gamma))
    if largest > _LARGEST_GAMMA:
        raise ValueError(
            f"gamma == {shown(gamma)}, must be at most {_LARGEST_GAMMA:g} for a table. Useful are 0 to 5."
        )
    # The probability rises within 1 / (1 + gamma), wherever shift, weights and rates put that.
    density, bend = (
        (_DENSITY, _BEND + math.log1p(largest)) if of_odds else (_DENSITY * (1.0 + largest), math.inf)
    )

    def error(start: float, end: float) -> float:
        low, high = max(start, min(-bend, end)), min(end, max(bend, start))
        points = np.linspace(low, high, max(_POINTS, math.ceil(density * (high - low))))
        at_start, at_end = curve(np.array([start, end]))
        line = at_start + (points - start) / (end - start) * (at_end - at_start)
        return float(np.abs(line - curve(points)).max())

    rows, guess = [first], last - first
    while rows[-1] < last:
        rows.append(_end_of_line(error, rows[-1], guess, last, tolerance))
        guess = rows[-1] - rows[-2]
    margins = np.array(rows)
    return margins, curve(margins)


def _kind(dtype: DTypeLike) -> np.dtype[Any] | None:
    try:
        return np.dtype(dtype)
    except TypeError:
        return None


def _end_of_line(
    error: Callable[[float, float], float], start: float, guess: float, last: float, tolerance: float
) -> float:
    """The farthest end of a line from `start` that stays within the tolerance, to a thousandth."""
    good, bad, end = start, math.inf, min(start + guess, last)
    while bad - good > 1e-3 * (good - start):
        off = error(start, end)
        if off <= tolerance:
            good = end
            if end == last or off > 0.998 * tolerance:
                break
        else:
            bad = end
        # Errors of lines grow with the square of their length.
        factor = math.sqrt(0.999 * tolerance / off) if off > 0.0 else math.inf
        end = min(start + min(factor, 4.0) * (end - start), last)
        if not good < end < bad:
            end = 0.5 * (good + bad)
    return good
