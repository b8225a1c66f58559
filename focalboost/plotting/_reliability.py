"""How often what was predicted came true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logit
from scipy.stats import binomtest

from focalboost._typing import Array
from focalboost.plotting._style import (
    REFERENCE,
    axes_for,
    check_labels,
    check_probabilities,
    log_shares,
    styles,
    write_legend,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEAST_EXPECTED = 5.0  # positives in a bin, as predicted: fewer, and the interval spans decades


class Reliability(NamedTuple):
    """A line of the figure, by bin; low and high are of a 95 % interval of the frequency."""

    predicted: Array
    frequency: Array
    low: Array
    high: Array
    n_samples: Array


def plot_reliability(
    y_true: ArrayLike,
    y_proba: Mapping[str, ArrayLike],
    *,
    binned_by: Mapping[str, ArrayLike] | None = None,
    order: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Frequency of class 1 over its predicted probability, on logarithmic axes.

    A bin is half a decade of the odds, joined with the next until five positives are predicted in it: bins of
    equal counts would have all rows of a rare class in the last one, bins of equal width all rows in the
    first. Bars are Wilson's 95 % intervals; a bin without a positive is a bar without a marker.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels 0 and 1.
    y_proba : dict of name: array-like of shape (n_samples,)
        Of each contender, the probability of class 1.
    binned_by : dict of name: array-like of shape (n_samples,), optional
        Probabilities to make the bins from, for two figures with the same rows in each bin: before a
        correction and after. By default `y_proba`.
    order : sequence of names, optional
        All contenders in the order of other figures, so that each looks as it does there. By default those
        that are drawn.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If labels or probabilities are not valid, or a contender is missing in `binned_by` or `order`.
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from focalboost.plotting import plot_reliability
    >>> p = np.repeat([0.01, 0.2], 1000)
    >>> ax = plot_reliability(np.random.default_rng(0).random(2000) < p, {"log loss": p})
    >>> ax.lines[-1].get_xdata()
    array([0.01, 0.2 ])
    """
    y = check_labels(y_true)
    after = check_probabilities("y_proba", y_proba, y.size)
    bins = after if binned_by is None else check_probabilities("binned_by", binned_by, y.size)
    if absent := [name for name in after if name not in bins]:
        raise ValueError(f"binned_by has no {absent[0]!r}, must have each contender of y_proba.")
    ax = axes_for(ax, "plot_reliability")
    curves = {name: reliability(y, p, bins[name]) for name, p in after.items()}
    lowest = min(
        min(curve.predicted.min(), curve.frequency[curve.frequency > 0.0].min(initial=1.0))
        for curve in curves.values()
    )
    lowest = 10.0 ** np.floor(np.log10(max(lowest, 1e-9)))
    (diagonal,) = ax.plot((lowest, 1.0), (lowest, 1.0), color=REFERENCE, linewidth=1.2, zorder=1)
    looks, handles = styles(curves, order), {}
    for name, curve in curves.items():
        look = looks[name]
        ax.vlines(
            curve.predicted, np.maximum(curve.low, lowest / 10), curve.high, color=look.color, alpha=0.7
        )
        seen = np.where(curve.frequency > 0.0, curve.frequency, np.nan)
        (handles[name],) = ax.plot(
            curve.predicted, seen, marker=look.marker, markeredgecolor="white", markersize=7, **look.line()
        )
    handles["as predicted"] = diagonal
    ax.set(xscale="log", yscale="log", xlim=(lowest, 1.4), ylim=(lowest, 1.4))
    log_shares(ax.xaxis)
    log_shares(ax.yaxis)
    ax.set(xlabel="Predicted probability, mean of the bin", ylabel="Frequency of positives")
    ax.set_title("Probabilities: nearer to the grey line is better", loc="left", fontsize="medium")
    write_legend(ax, handles, loc="best")
    return ax


def reliability(y: Array, predicted: Array, binned_by: Array) -> Reliability:
    bins = rare_class_bins(binned_by)
    count = np.bincount(bins)
    positive = np.bincount(bins, y).astype(np.int64)
    intervals = [
        binomtest(int(k), int(n)).proportion_ci(0.95, method="wilson")
        for k, n in zip(positive, count, strict=True)
    ]
    return Reliability(
        np.bincount(bins, predicted) / count,
        positive / count,
        np.array([interval.low for interval in intervals]),
        np.array([interval.high for interval in intervals]),
        count,
    )


def rare_class_bins(probability: Array) -> Array:
    """Numbers 0, 1, ... in the order of the probability, from predictions alone: labels would bias them."""
    with np.errstate(divide="ignore"):
        half_decade = np.round(np.clip(logit(probability) / np.log(10.0), -9.0, 9.0) * 2.0)
    bins = np.unique(half_decade, return_inverse=True)[1]
    expected = np.bincount(bins, probability)
    joined, total, number = np.empty(expected.size, np.int64), 0.0, 0
    for k, value in enumerate(expected):
        joined[k], total = number, total + value
        if total >= LEAST_EXPECTED:
            number, total = number + 1, 0.0
    # Too few at the end go to the bin before.
    return np.asarray(np.minimum(joined, max(number - 1, 0))[bins])
