"""What alerts and missed positives cost together, over the threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from focalboost import _validation
from focalboost._typing import Array
from focalboost.metrics import expected_cost, threshold_for_cost
from focalboost.plotting._style import (
    REFERENCE,
    axes_for,
    check_labels,
    check_probabilities,
    log_shares,
    share_text,
    styles,
    write_legend,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROWS = 1000  # that a cost is given for
LOWEST = 1e-5  # threshold
POINTS = 401
LEVEL = 0.01  # of the axis: a curve that has moved less is level
HEADROOM = 1.3  # of the axis above the cost without an alert


def plot_cost(
    y_true: ArrayLike,
    y_proba: Mapping[str, ArrayLike],
    *,
    cost_alarm: ArrayLike = 1.0,
    cost_missed: ArrayLike = 100.0,
    threshold: float | None = None,
    order: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Cost per 1,000 rows over the threshold, with the threshold that the costs name.

    A row is an alert if its probability is above the threshold; `focalboost.metrics.expected_cost` times
    1,000. Where the costs are numbers, the probability says where the least cost is expected: at
    cost_alarm / (cost_alarm + cost_missed), marked by a line and a dot on each curve; cost_alarm is that of a
    false alarm. Where they are given for each row, so is that threshold: what it costs is a level line of the
    contender's look, below its curve if knowing the amounts pays.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels 0 and 1.
    y_proba : dict of name: array-like of shape (n_samples,)
        Of each contender, the probability of class 1.
    cost_alarm, cost_missed : float or array-like of shape (n_samples,), defaults 1 and 100
        As for `focalboost.metrics.expected_cost`.
    threshold : float in [0, 1], optional
        Mark this one instead.
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
        If labels, probabilities, costs or the threshold are not valid, or a contender is missing in `order`.
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> from focalboost.plotting import plot_cost
    >>> p = {"log loss": [0.001, 0.2, 0.004, 0.9]}
    >>> ax = plot_cost([0, 0, 1, 1], p, cost_alarm=1, cost_missed=100)
    >>> float(ax.lines[0].get_ydata()[-1])  # no alert
    50000.0
    """
    y = check_labels(y_true)
    probability = check_probabilities("y_proba", y_proba, y.size)
    costs = {"cost_alarm": cost_alarm, "cost_missed": cost_missed}
    by_row = threshold is None and any(np.ndim(cost) for cost in costs.values())
    # Checked by the metric: each cost, and its rows.
    chosen = {
        name: ROWS * expected_cost(y, p, threshold=threshold, **costs) for name, p in probability.items()
    }
    ax = axes_for(ax, "plot_cost")
    alarm, missed = (np.broadcast_to(np.asarray(cost, np.float64), y.shape) for cost in costs.values())
    nothing = ROWS * float(np.mean(missed * y))
    mark = None
    if threshold is not None:
        mark = _validation.share("threshold", threshold)
    elif not by_row:
        mark = float(threshold_for_cost(**costs))
    grid = np.unique(
        np.append(np.geomspace(min(LOWEST, mark / 10.0) if mark else LOWEST, 1.0, POINTS), mark or 1.0)
    )
    curves = {name: ROWS * cost_at(grid, y, p, alarm, missed) for name, p in probability.items()}
    # From where a curve is in sight and no longer level: alerts everywhere may cost far more than nothing.
    top = HEADROOM * nothing
    costs_at = np.array(list(curves.values()))
    moving = np.abs(costs_at - costs_at[:, :1]).max(axis=0) > LEVEL * top
    seen = grid[moving & (costs_at.min(axis=0) <= top)]
    lowest = max(grid[0], 10.0 ** np.floor(np.log10(min(seen.min(initial=1.0), mark or 1.0) / 2.0)))
    looks, handles = styles(probability, order), {}
    for name, cost in curves.items():
        look = looks[name]
        (handles[name],) = ax.plot(grid, cost, **look.line())
        if by_row:
            ax.axhline(chosen[name], **look.line(linewidth=1.0), zorder=1)
        elif mark:
            ax.plot(
                mark, chosen[name], look.marker, color=look.color, markersize=9, markeredgecolor="white",
                zorder=4,
            )  # fmt: skip
    if by_row:
        (handles["level: threshold by row"],) = ax.plot([], [], color="0.3", linewidth=1.0)
    elif mark:
        handles[f"threshold {share_text(mark)}"] = ax.axvline(mark, color=REFERENCE, linewidth=1.2, zorder=1)
    (handles["no alert at all"],) = ax.plot(
        (lowest, 1.0), (nothing, nothing), color=REFERENCE, linestyle=(0, (1, 2)), linewidth=1.2, zorder=1
    )
    ax.set(xscale="log", xlim=(lowest, 1.0), ylim=(0.0, top))
    log_shares(ax.xaxis)
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:,.12g}")
    ax.set(
        xlabel="Threshold: rows with a higher probability are alerts",
        ylabel=f"Cost per {ROWS:,} rows",
    )
    ax.set_title("Cost: lower is better", loc="left", fontsize="medium")
    write_legend(ax, handles, loc="best")
    return ax


def cost_at(thresholds: Array, y: Array, p: Array, alarm: Array, missed: Array) -> Array:
    """`expected_cost` at many thresholds, in one pass over the sorted rows."""
    order = np.argsort(p, kind="stable")
    let_through = np.searchsorted(p[order], thresholds, side="right")  # p <= threshold
    lost = np.concatenate([[0.0], np.cumsum((missed * y)[order])])
    spared = np.concatenate([[0.0], np.cumsum((alarm * (1.0 - y))[order])])
    return np.asarray((lost[let_through] + spared[-1] - spared[let_through]) / y.size)
