"""Precision and recall, with the budget of a team marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import PrecisionRecallDisplay

from focalboost import _validation
from focalboost.metrics import recall_at_alert_rate
from focalboost.plotting._style import (
    REFERENCE,
    axes_for,
    check_labels,
    check_scores,
    share_text,
    styles,
    write_legend,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_precision_recall(
    y_true: ArrayLike,
    y_score: Mapping[str, ArrayLike],
    *,
    alert_rate: float | None = None,
    order: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    r"""Precision over recall of each contender; a dot where the budget ends.

    Where a share r of the rows is reviewed, precision = recall * prevalence / r: all contenders' dots lie on
    one line through the origin, the higher the better. The curves are those of scikit-learn's
    PrecisionRecallDisplay.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels 0 and 1; 1 is the class to find.
    y_score : dict of name: array-like of shape (n_samples,)
        Of each contender, any score that rises with the probability of class 1.
    alert_rate : float in (0, 1], optional
        Share of the rows that can be reviewed.
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
        If labels, scores or the rate are not valid, or a contender is missing in `order`.
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> from focalboost.plotting import plot_precision_recall
    >>> scores = {"log loss": [0.1, 0.4, 0.9, 0.2], "focal loss": [0.2, 0.1, 0.8, 0.7]}
    >>> ax = plot_precision_recall([0, 0, 1, 1], scores, alert_rate=0.25)
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['log loss (AP 0.833)', 'focal loss (AP 1.000)', '25\xa0% of the rows reviewed']
    """
    y = check_labels(y_true)
    scores = check_scores("y_score", y_score, y.size)
    rate = None if alert_rate is None else _validation.share("alert_rate", alert_rate, zero=False)
    ax = axes_for(ax, "plot_precision_recall")
    handles = {}
    looks = styles(scores, order)
    dots = []
    for name, score in scores.items():
        # A point for each score that changes recall is all that a picture can show.
        display = PrecisionRecallDisplay.from_predictions(y, score, name=name, drop_intermediate=True, ax=ax)
        display.line_.set(**looks[name].line())
        handles[f"{name} (AP {display.average_precision:.3f})"] = display.line_
        if rate is not None:
            dots.append((name, recall_at_alert_rate(y, score, alert_rate=rate)))
    if rate is not None:
        slope = y.mean() / rate
        (ray,) = ax.plot((0, min(1.0, 1.0 / slope)), (0, min(1.0, slope)), color=REFERENCE, linewidth=1.2)
        ray.set(zorder=1)
        handles[f"{share_text(rate)} of the rows reviewed"] = ray
        for (name, recall), size in zip(dots, np.linspace(11, 7, len(dots)), strict=True):
            look = looks[name]
            ax.plot(
                recall, recall * slope, look.marker, color=look.color, markersize=size,
                markeredgecolor="white", zorder=4,
            )  # fmt: skip
    ax.set(xlim=(0, 1.02), ylim=(0, 1.02), aspect="auto")
    ax.set(xlabel="Recall: share of the positives found", ylabel="Precision: share of positives among alerts")
    ax.set_title("Ranking: the higher curve finds more", loc="left", fontsize="medium")
    write_legend(ax, handles, loc="best")
    return ax
