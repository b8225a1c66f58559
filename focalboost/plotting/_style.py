"""What the figures share: matplotlib where it is needed, lines that differ also in grey, axes, legends."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from importlib import import_module
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from focalboost import _validation
from focalboost._typing import Array

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes


class Style(NamedTuple):
    """How a contender is drawn in every figure; the keywords of `Axes.plot`."""

    color: str
    linestyle: Any
    marker: str

    def line(self, **more: Any) -> dict[str, Any]:
        return {"color": self.color, "linestyle": self.linestyle, "linewidth": 1.8, **more}


# Okabe and Ito, "Color Universal Design", 2008: told apart with any colour vision. The lines' patterns and
# the markers tell them apart in grey.
STYLES = (
    Style("#0072B2", "-", "o"),
    Style("#E69F00", "--", "s"),
    Style("#009E73", "-.", "^"),
    Style("#D55E00", ":", "D"),
    Style("black", (0, (4, 1, 1, 1, 1, 1)), "v"),
)
REFERENCE = "0.4"  # grey of what is no contender: budgets, thresholds, the diagonal


def styles(names: Collection[str], order: Collection[str] | None = None) -> dict[str, Style]:
    """Looks by the place in `order`, so that a contender looks the same in figures with other contenders."""
    known = list(names if order is None else order)
    if strange := [name for name in names if name not in known]:
        raise ValueError(f"order has no {strange[0]!r}, must have each contender that is drawn.")
    return dict(zip(known, islice(cycle(STYLES), len(known)), strict=True))


def axes_for(ax: Axes | None, wanted_by: str) -> Axes:
    """`ax`, or one in a new figure of pyplot."""
    if ax is None:
        try:
            pyplot = import_module("matplotlib.pyplot")
        except ImportError as error:
            raise ImportError(
                f"{wanted_by} needs matplotlib, which is not installed; run: pip install 'focalboost[plot]'"
            ) from error
        ax = pyplot.subplots(layout="constrained")[1]
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def write_legend(ax: Axes, handles: Mapping[str, Artist], **where: Any) -> None:
    """Every name as it is: neither formulas between dollars, nor left out for an underscore in front."""
    legend = ax.legend(list(handles.values()), ["."] * len(handles), frameon=False, fontsize="small", **where)
    for text, name in zip(legend.get_texts(), handles, strict=True):
        text.set_parse_math(False)
        text.set_text(name)


def share_text(value: float) -> str:
    """0.005 as "0.5 %"."""
    return f"{100.0 * value:.3g}\u00a0%"  # not parted at the end of a line


def log_shares(axis: Any) -> None:
    """Decades of an axis as percentages."""
    ticker = import_module("matplotlib.ticker")
    axis.set_major_locator(ticker.LogLocator(numticks=6))
    axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: share_text(value)))
    axis.set_minor_formatter(ticker.NullFormatter())


def check_labels(y_true: ArrayLike) -> Array:
    """Zeros and ones, both of them."""
    y = np.asarray(_validation.numeric("y_true", y_true))
    if y.ndim != 1:
        raise ValueError(f"y_true has shape {y.shape}, must be (n_samples,).")
    if not np.isin(y, (0, 1)).all() or y.size == 0 or y.min() == y.max():
        raise ValueError(
            f"y_true has the values {_validation.show(np.unique(y)[:5].tolist())}, must be 0 and 1, both of "
            "them: number the labels, or take a larger or stratified part of the data."
        )
    return y.astype(np.float64)


def check_scores(name: str, scores: Mapping[str, ArrayLike], n_samples: int) -> dict[str, Array]:
    """By contender; finite, one for each row."""
    if not isinstance(scores, Mapping) or not scores:
        raise ValueError(
            f"{name} == {_validation.show(scores)}, must be a dict with the predictions of each contender by "
            'name: {"focal loss": model.predict_proba(X)[:, 1]}.'
        )
    checked = {}
    for contender, values in scores.items():
        array = np.asarray(_validation.numeric(f"{name}[{contender!r}]", values), np.float64)
        if array.shape != (n_samples,):
            raise ValueError(
                f"{name}[{contender!r}] has shape {array.shape}, must be ({n_samples},), one for each label."
            )
        if not np.isfinite(array).all():
            raise ValueError(f"{name}[{contender!r}] has NaN or infinity, must be finite.")
        checked[str(contender)] = array
    return checked


def check_probabilities(name: str, scores: Mapping[str, ArrayLike], n_samples: int) -> dict[str, Array]:
    """By contender; in [0, 1]."""
    checked = check_scores(name, scores, n_samples)
    for contender, p in checked.items():
        if p.min() < 0.0 or p.max() > 1.0:
            raise ValueError(
                f"{name}[{contender!r}] goes from {p.min():g} to {p.max():g}, must be in [0, 1]: use "
                "predict_proba, not the margin."
            )
    return checked
