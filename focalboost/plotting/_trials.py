"""What a search found, trial by trial or over a parameter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from focalboost._typing import Array
from focalboost.plotting._style import axes_for, styles, write_legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_trials(
    scores: Mapping[str, ArrayLike],
    *,
    over: Mapping[str, Any] | None = None,
    score_name: str = "score on the folds",
    parameter: str = "value",
    higher_is_better: bool = True,
    order: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Scores of each contender's trials, by their number with the best so far, or over a parameter.

    The axis is cut where scores are far below the median, so that bad trials do not hide the good ones:
    those are marked at its edge.

    Parameters
    ----------
    scores : dict of name: array-like of shape (n_trials,)
        Of each contender, its trials' scores in order; NaN for a trial without one.
    over : dict of name: array-like of shape (n_trials,), optional
        The parameter in each trial: numbers, or words. By default the trial's number.
    score_name : str, default="score on the folds"
        Label of the axis.
    parameter : str, default="value"
        Label of the other axis, with `over`.
    higher_is_better : bool, default=True
        Which way the scores go.
    order : sequence of names, optional
        All contenders in the order of other figures, so that each looks as it does there. By default those of
        `scores`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there is no finite score, `over` does not have a value for each, or a name is missing in `order`.
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> from focalboost.plotting import plot_trials
    >>> ax = plot_trials({"focal loss": [0.7, 0.68, 0.74]})
    >>> ax.lines[0].get_ydata()
    array([0.7 , 0.7 , 0.74])
    """
    found = {str(name): np.asarray(values, np.float64) for name, values in scores.items()}
    everything = np.concatenate([np.empty(0), *(values[np.isfinite(values)] for values in found.values())])
    if not everything.size:
        raise ValueError("scores has no finite score, must have one at least: a trial that was completed.")
    places, words = _places(found, over)
    ax = axes_for(ax, "plot_trials")
    edge = _edge(everything, higher_is_better)
    looks, handles = styles(found, order), {}
    for (name, values), x in zip(found.items(), places.values(), strict=True):
        look, has = looks[name], np.isfinite(values)
        if not has.any():
            continue
        if over is None:
            so_far = (np.fmax if higher_is_better else np.fmin).accumulate(values)
            (handles[name],) = ax.plot(
                x[np.isfinite(so_far)], so_far[np.isfinite(so_far)], drawstyle="steps-post", **look.line()
            )
        beyond = has & (values < edge if higher_is_better else values > edge)
        shown = has & ~beyond
        faint: dict[str, Any] = {
            "linestyle": "none",
            "color": look.color,
            "alpha": 0.6,
            "markeredgecolor": "white",
        }
        (dots,) = ax.plot(x[shown], values[shown], marker=look.marker, markersize=6, **faint)
        if beyond.any():  # an unclipped line without points would reach to the figure's corner
            ax.plot(
                x[beyond], np.full(beyond.sum(), edge), marker="v" if higher_is_better else "^",
                markersize=6, clip_on=False, **{**faint, "markeredgecolor": look.color},
            )  # fmt: skip
        handles.setdefault(name, dots)
        if over is not None:
            best = int(np.nanargmax(values) if higher_is_better else np.nanargmin(values))
            (star,) = ax.plot(
                x[best], values[best], look.marker, color=look.color, markersize=10, markeredgecolor="black"
            )
            handles.setdefault(f"best of {name}" if len(found) > 1 else "best", star)
    if words is not None:
        ax.set_xticks(range(len(words)), words)
        ax.set_xlim(-0.5, len(words) - 0.5)
    if (everything < edge if higher_is_better else everything > edge).any():
        ax.set_ylim(*((edge, None) if higher_is_better else (None, edge)))
    if over is None:
        from matplotlib.ticker import MaxNLocator  # noqa: PLC0415  # an extra

        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set(xlabel="Trial" if over is None else parameter, ylabel=score_name)
    better = "higher" if higher_is_better else "lower"
    ax.set_title(
        f"What tuning gained: best so far, {better} is better"
        if over is None
        else f"Trials: {better} is better",
        loc="left",
        fontsize="medium",
    )
    write_legend(ax, handles, loc="best")
    return ax


def _edge(scores: Array, higher_is_better: bool) -> float:
    """Three times as far from the best as the median, or all of them."""
    sign = 1.0 if higher_is_better else -1.0
    best, middle = (sign * scores).max(), np.median(sign * scores)
    return float(sign * max((sign * scores).min(), best - 3.0 * (best - middle)))


def _places(
    found: dict[str, Array], over: Mapping[str, Any] | None
) -> tuple[dict[str, Array], list[str] | None]:
    """Where on the axis; the words that 0, 1, ... stand for, if the parameter has words."""
    if over is None:
        return {name: np.arange(1.0, values.size + 1.0) for name, values in found.items()}, None
    values = {}
    for name, score in found.items():
        if name not in over:
            raise ValueError(f"over has no {name!r}, must have each contender of scores.")
        values[name] = np.asarray(over[name])
        if values[name].shape != score.shape:
            raise ValueError(
                f"over[{name!r}] has shape {values[name].shape}, must be {score.shape} as its scores."
            )
    if all(np.issubdtype(value.dtype, np.number) for value in values.values()):
        return {name: value.astype(np.float64) for name, value in values.items()}, None
    words = list(dict.fromkeys(str(word) for value in values.values() for word in value.tolist()))
    numbers = {word: float(k) for k, word in enumerate(words)}
    placed = {}
    for name, value in values.items():
        middle = np.array([numbers[str(word)] for word in value.tolist()])
        # Side by side within a word, in order, so that equal scores do not hide each other.
        placed[name] = middle + np.linspace(-0.3, 0.3, value.size)
    return placed, words
