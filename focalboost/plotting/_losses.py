"""A loss and its derivatives over the predicted probability."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logit

from focalboost import _validation
from focalboost._typing import Array
from focalboost.losses import BinaryFocalLoss
from focalboost.plotting._style import STYLES, axes_for, write_legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.lines import Line2D

KINDS = {
    "loss": ("Loss of a row", "Focal loss: larger gamma, less loss for rows that are right already"),
    "gradient": ("Gradient by the margin", "Gradient: what a row pulls at the next tree"),
    "hessian": ("Second derivative by the margin", "Hessian: what a row weighs in a leaf"),
}
DASHES = {1: "-", 0: "--"}
# Not 0 and 1, where the margin is infinite.
PROBABILITY = (0.001, 0.999, 999)


class LossCurveDisplay:
    """Loss, gradient or Hessian over the predicted probability, by gamma, for class 1 and class 0.

    Make it with `LossCurveDisplay.from_loss`. The predicted probability is the booster's own,
    p = sigmoid(margin), not the closed form that `posterior` makes of it. Values are those of the loss
    object: `loss` or `gradient_hessian` at the margin log(p / (1 - p)), the derivatives by the margin.

    Parameters
    ----------
    probability : array-like of shape (n_points,)
        Predicted probabilities of class 1, in (0, 1), in order.
    values : array-like of shape (n_losses, n_classes, n_points)
        What is drawn.
    names : list of str, length n_losses
        For the legend.
    classes : sequence of 0 and 1, length n_classes
        The labels of the rows.
    kind : {"loss", "gradient", "hessian"}, default="loss"
        What the values are.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Where it was drawn.
    figure_ : matplotlib.figure.Figure
        The figure of `ax_`.
    lines_ : ndarray of shape (n_losses, n_classes) of matplotlib.lines.Line2D
        One for each curve.

    Examples
    --------
    >>> from focalboost.plotting import LossCurveDisplay
    >>> display = LossCurveDisplay.from_loss(gammas=(0, 1, 2))
    >>> display.names
    ['gamma 0 (log loss)', 'gamma 1', 'gamma 2']
    >>> display.lines_.shape
    (3, 2)
    """

    ax_: Axes
    figure_: Figure | SubFigure
    lines_: Array

    def __init__(
        self,
        *,
        probability: ArrayLike,
        values: ArrayLike,
        names: Sequence[str],
        classes: Sequence[int] = (1, 0),
        kind: str = "loss",
    ) -> None:
        self.probability = np.asarray(probability, np.float64)
        self.values = np.asarray(values, np.float64)
        self.names = list(names)
        self.classes = tuple(classes)
        self.kind = _validation.check_choice("kind", kind, KINDS)
        expected = (len(self.names), len(self.classes), self.probability.size)
        if self.values.shape != expected:
            raise ValueError(
                f"values has shape {self.values.shape}, must be {expected}: names, classes, probabilities."
            )

    @classmethod
    def from_loss(
        cls,
        loss: BinaryFocalLoss | Iterable[BinaryFocalLoss] | None = None,
        *,
        gammas: Iterable[Any] | None = None,
        kind: str = "loss",
        classes: Sequence[int] = (1, 0),
        probability: ArrayLike | None = None,
        ax: Axes | None = None,
        line_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Compute the curves from loss objects, and draw them.

        Parameters
        ----------
        loss : BinaryFocalLoss or several of them, default=BinaryFocalLoss()
            Its class weights, Hessian, smoothing and scale are used as they are.
        gammas : iterable of gammas, optional
            Draw one loss with each of these instead of its own gamma; with neither `loss` nor `gammas` 0,
            0.5, 1, 2 and 5.
        kind : {"loss", "gradient", "hessian"}, default="loss"
            What to draw.
        classes : sequence of 0 and 1, default=(1, 0)
            Rows of which classes: 1 has solid lines, 0 dashed ones.
        probability : array-like of shape (n_points,), optional
            Where, in (0, 1); by default 999 points from 0.001 to 0.999.
        ax : matplotlib.axes.Axes, optional
            Where to draw.
        line_kw : dict, optional
            Further keywords for `Axes.plot`.

        Returns
        -------
        LossCurveDisplay

        Raises
        ------
        ValueError
            If a gamma, class, probability or kind is not valid, or `gammas` comes with several losses.
        TypeError
            If a loss is no BinaryFocalLoss.
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> from focalboost import BinaryFocalLoss
        >>> from focalboost.plotting import LossCurveDisplay
        >>> display = LossCurveDisplay.from_loss(BinaryFocalLoss(2.0, alpha=0.25), kind="gradient")
        >>> display.ax_.get_ylabel()
        'Gradient by the margin'
        """
        _validation.check_choice("kind", kind, KINDS)
        losses = _losses(loss, gammas)
        wanted = tuple(classes)
        if not wanted or not set(wanted) <= {0, 1}:
            raise ValueError(f"classes == {_validation.show(classes)}, must be of 0 and 1.")
        p = _probability(probability)
        margins = logit(p)
        values = [[_values(item, label, margins, kind) for label in wanted] for item in losses]
        display = cls(probability=p, values=values, names=_names(losses), classes=wanted, kind=kind)
        return display.plot(ax, line_kw=line_kw)

    def plot(self, ax: Axes | None = None, *, line_kw: dict[str, Any] | None = None) -> Self:
        """Draw the curves, again or elsewhere.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where; by default in a new figure.
        line_kw : dict, optional
            Further keywords for `Axes.plot`.

        Returns
        -------
        self
        """
        ax = axes_for(ax, "LossCurveDisplay")
        lines = np.empty(self.values.shape[:2], object)
        handles: dict[str, Line2D] = {}
        for k, name in enumerate(self.names):
            color = STYLES[k % len(STYLES)].color
            for c, label in enumerate(self.classes):
                look = {"color": color, "linestyle": DASHES[label], "linewidth": 1.8, **(line_kw or {})}
                (lines[k, c],) = ax.plot(self.probability, self.values[k, c], **look)
            handles[name] = lines[k, 0]
        _mark_each(lines)
        for label in self.classes if len(self.classes) > 1 else ():
            (handles[f"rows of class {label}"],) = ax.plot([], [], color="0.3", linestyle=DASHES[label])
        ylabel, title = KINDS[self.kind]
        ax.set(xlim=(0, 1), xlabel="Predicted probability of class 1, sigmoid(margin)", ylabel=ylabel)
        if self.kind == "loss":
            ax.set_ylim(0.0, max(1e-9, float(np.nanquantile(self.values, 0.98))))
        elif self.kind == "hessian":
            ax.set_ylim(top=1.4 * max(1e-9, float(np.nanmax(self.values))))  # room for the legend
        ax.set_title(title, loc="left", fontsize="medium")
        write_legend(ax, handles, loc="best")
        self.ax_, self.lines_ = ax, lines
        self.figure_ = ax.figure
        return self


def _mark_each(lines: Array) -> None:
    """Markers at places of each loss's own, so that lines differ in grey print."""
    for k, row in enumerate(lines):
        for line in row:
            n = len(line.get_xdata())
            places = range(n * (2 * k + 1) // (10 * len(lines)), n, max(1, n // 5))
            line.set(marker=STYLES[k % len(STYLES)].marker, markersize=5, markevery=list(places))


def _losses(
    loss: BinaryFocalLoss | Iterable[BinaryFocalLoss] | None, gammas: Iterable[Any] | None
) -> list[BinaryFocalLoss]:
    if loss is None:
        gammas = (0, 0.5, 1, 2, 5) if gammas is None else gammas
        loss = BinaryFocalLoss()
    losses = [loss] if isinstance(loss, BinaryFocalLoss) else list(loss)
    for item in losses:
        if not isinstance(item, BinaryFocalLoss):
            raise TypeError(f"loss has a {type(item).__name__}, must be a BinaryFocalLoss or several.")
    if gammas is not None:
        if len(losses) != 1:
            raise ValueError(f"gammas is for one loss, loss has {len(losses)}: pass one or the other.")
        losses = [replace(losses[0], gamma=gamma) for gamma in gammas]
    if not losses:
        raise ValueError("loss and gammas name no loss, must name one at least.")
    return losses


def _probability(probability: ArrayLike | None) -> Array:
    if probability is None:
        return np.linspace(*PROBABILITY)
    p = np.asarray(_validation.numeric("probability", probability), np.float64)
    if p.ndim != 1 or p.size == 0 or not ((p > 0.0) & (p < 1.0)).all():
        raise ValueError(
            f"probability == {_validation.show(probability)}, must be a list of numbers in (0, 1): at 0 and "
            "1 the margin is infinite."
        )
    return p


def _values(loss: BinaryFocalLoss, label: int, margins: Array, kind: str) -> Array:
    labels = np.full(margins.shape, label)
    if kind == "loss":
        return loss.loss(labels, margins)
    gradient, hessian = loss.gradient_hessian(labels, margins)
    return gradient if kind == "gradient" else hessian


def _names(losses: list[BinaryFocalLoss]) -> list[str]:
    """By gamma, and by what else differs among them."""
    names = []
    for loss in losses:
        gamma = loss.gamma
        text = f"gamma {gamma:g}" if isinstance(gamma, int | float) else f"gamma {_validation.show(gamma)}"
        if gamma == 0 and loss.alpha is None:
            text += " (log loss)"
        for field in ("alpha", "hessian", "label_smoothing"):
            if len({str(getattr(item, field)) for item in losses}) > 1:
                text += f", {field.replace('_', ' ')} {_validation.show(getattr(loss, field))}"
        names.append(text)
    return names
