"""Figures for the page: inline SVG with a heading, a caption that says what to see, and alternative text."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import numpy as np

from focalboost.comparison import _figures
from focalboost.comparison._extra import extra
from focalboost.comparison._figures import Compared
from focalboost.comparison._types import Trained
from focalboost.metrics import expected_cost, recall_at_alert_rate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
SIZE = (5.4, 4.9)  # inches: at a phone's width letters are still 11 pixels high
STYLE = {
    "font.size": 11.5,
    "axes.titleweight": "bold",
    "svg.fonttype": "none",  # letters stay letters: small, found by a search, read aloud
    "svg.hashsalt": "focalboost",  # the same file for the same comparison
    "font.family": ["DejaVu Sans"],
}
FONTS = "DejaVu Sans, Verdana, Segoe UI, Roboto, Helvetica, Arial, sans-serif"
REFERENCE = re.compile(r"url\(#([^)]+)\)")
FONT = re.compile(r"'DejaVu Sans'")
# Heading, and what to see.
SAYS = {
    "focal_gamma": (
        "Which gamma?",
        "At 0 it is log loss with class weights. If markers far from 0 are no higher, focusing adds nothing.",
    ),
    "focal_alpha_power": (
        "Which class weights?",
        "0 is none, 1 makes both classes count alike, below 0 the rare class counts less.",
    ),
    "start": (
        "Which start?",
        "A rare class can gain as much from where log loss starts as from another loss.",
    ),
}


@dataclass(frozen=True)
class Picture:
    """A figure of the page."""

    key: str
    heading: str
    svg: str
    alt: str
    caption: str


def pictures(comparison: Compared) -> Iterator[Picture]:
    """In the order of the page."""
    if _figures.drawn(comparison):
        yield _ranking(comparison)
        yield from _reliability(comparison)
        if comparison.settings.cost_alarm is not None:
            yield _cost(comparison)
    if any(_figures.trials_of(comparison, trained) for trained in comparison.trained):
        yield _tuning(comparison)
    for parameter in _figures.SEARCHED:
        who = [each for each in comparison.trained if parameter in _figures.searched(comparison, each)]
        if who:
            yield _searched(comparison, parameter, who)


def _ranking(comparison: Compared) -> Picture:
    rate = _figures.reviewed(comparison)
    found = _found(comparison, rate)
    by_day = comparison.settings.alerts_per_day is not None
    return _picture(
        "ranking",
        "Who finds more?",
        partial(_figures.precision_recall, comparison),
        f"Precision over recall of each contender on the held-out rows. {found}",
        "Each curve runs from few alerts (left) to many (right): the higher, the fewer alerts are wasted. "
        f"The markers on the grey line show where {_percent(rate)} of the rows are reviewed. {found}"
        + (
            " Here the budget is taken over all days at once; the table counts it day by day."
            if by_day
            else ""
        ),
    )


def _reliability(comparison: Compared) -> Iterator[Picture]:
    means = _calibration(comparison)
    yield _picture(
        "before",
        "What does the booster itself say?",
        partial(_figures.reliability_before, comparison),
        f"Frequency of positives over the booster's own output, on logarithmic axes. {means}",
        "Before any correction. A marker below the grey line: the booster said a higher probability than "
        "came true. Class weights and focal loss distort its output by design, so they may be far off here.",
    )
    yield _picture(
        "after",
        "Can the probabilities be believed?",
        partial(_figures.reliability, comparison),
        f"Frequency of positives over the predicted probability, on logarithmic axes. {means}",
        "After the correction for class weights and focal loss. On the grey line, what was predicted came "
        "true as often; upright bars are 95\u00a0% intervals, without a marker where no row was positive. "
        "Rows with similar predictions share a marker. "
        f"A threshold that comes from costs is right only where these markers are near the line. {means}",
    )


def _cost(comparison: Compared) -> Picture:
    paid = _paid(comparison)
    by_row = comparison.settings.cost_missed == "amount"
    threshold = (
        "As a missed row costs its amount, each row has a threshold of its own: what that comes to is the "
        "thin level line of each contender. The curves are for one threshold for all."
        if by_row
        else "The upright line is the threshold that the costs name. Where the probabilities can be "
        "believed, it meets each curve near its lowest point."
    )
    return _picture(
        "cost",
        "What does it cost?",
        partial(_figures.cost, comparison),
        f"Cost per 1,000 rows over the threshold, for each contender. {paid}",
        f"Far left nearly every row is an alert, far right none. {threshold} {paid}",
    )


def _tuning(comparison: Compared) -> Picture:
    gained = _gained(comparison)
    return _picture(
        "tuning",
        "What did tuning find?",
        partial(_figures.tuning, comparison),
        f"Best score on the folds so far of each contender, by trial. {gained}",
        "Lines are the best so far, faint markers the trials that ran to their end, those far below at the "
        f"edge. {gained} These scores chose the trial and so are too good: only the held-out rows judge.",
    )


def _searched(comparison: Compared, parameter: str, who: list[Trained]) -> Picture:
    heading, caption = SAYS[parameter]
    best = "; ".join(_best_of(comparison, trained, parameter) for trained in who)
    return _picture(
        parameter.replace("_", "-"),
        heading,
        partial(_figures.tuning_over, comparison, parameter),
        f"Score on the folds over {_figures.SEARCHED[parameter]}, a marker for each trial. Best: {best}.",
        f"Each marker is a trial, the large one the best. {caption} Best: {best}.",
    )


# ---------------------------------------------------------------------- numbers for captions
def _percent(share: float) -> str:
    return f"{100.0 * share:.3g}\u00a0%"


def _money(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100.0 else f"{value:.3g}"


def _found(comparison: Compared, rate: float) -> str:
    y = _figures.held_out(comparison)
    shares = [
        f"{trained.contender.name} {_percent(recall_at_alert_rate(y, trained.log_odds, alert_rate=rate))}"
        for trained in _figures.drawn(comparison)
    ]
    return f"Share of the positives found there: {'; '.join(shares)}."


def _calibration(comparison: Compared) -> str:
    y = _figures.held_out(comparison)
    means = [
        f"{trained.contender.name} {_percent(float(trained.probability.mean()))}"
        for trained in _figures.drawn(comparison)
    ]
    return f"Mean probability: {'; '.join(means)}. Rate of positives: {_percent(float(y.mean()))}."


def _paid(comparison: Compared) -> str:
    y, costs = _figures.held_out(comparison), _figures.costs(comparison)
    paid = [
        f"{trained.contender.name} {_money(1000.0 * expected_cost(y, trained.probability, **costs))}"
        for trained in _figures.drawn(comparison)
    ]
    nothing = 1000.0 * float(np.mean(costs["cost_missed"] * y))
    return f"Cost per 1,000 rows there: {'; '.join(paid)}; without any alert {_money(nothing)}."


def _gained(comparison: Compared) -> str:
    best = []
    for trained in _figures.in_order(comparison):
        scores = np.array([_figures.score(trial) for trial in _figures.trials_of(comparison, trained)])
        if np.isfinite(scores).any():
            best.append(f"{trained.contender.name} {np.nanmax(scores):.4g}")
    return f"Best of each: {'; '.join(best)}."


def _best_of(comparison: Compared, trained: Trained, parameter: str) -> str:
    trials = [t for t in _figures.trials_of(comparison, trained) if parameter in t.params]
    best = trials[int(np.nanargmax([_figures.score(trial) for trial in trials]))].params[parameter]
    return (
        f"{trained.contender.name} {best:.3g}"
        if isinstance(best, float)
        else f"{trained.contender.name} {best}"
    )


# ---------------------------------------------------------------------- SVG
def _picture(key: str, heading: str, draw: Callable[[Axes], Any], alt: str, caption: str) -> Picture:
    matplotlib = extra("matplotlib")
    with matplotlib.rc_context(STYLE):
        figure: Figure = extra("matplotlib.figure").Figure(figsize=SIZE, layout="constrained")
        ax = figure.subplots()
        draw(ax)
        legend_below(ax)
        svg = to_svg(figure, f"figure-{key}", alt)
    return Picture(key, heading, svg, alt, caption)


def legend_below(ax: Axes) -> None:
    """Where it hides no data, however the curves run."""
    legend = ax.get_legend()
    if legend is None:
        return
    handles = [handle for handle in legend.legend_handles if handle is not None]
    texts = [text.get_text() for text in legend.get_texts()]
    long = max(map(len, texts)) > 28
    below = ax.legend(
        handles, ["."] * len(texts), loc="upper left", bbox_to_anchor=(-0.12, -0.16), frameon=False,
        ncols=1 if long and len(texts) < 3 else 2, fontsize="small", borderaxespad=0.0, columnspacing=1.2,
        handlelength=3.0,
    )  # fmt: skip
    for text, name in zip(below.get_texts(), texts, strict=True):
        text.set_parse_math(False)
        text.set_text(name)


def to_svg(figure: Figure, prefix: str, alt: str) -> str:
    """As an element for HTML: scales with the page, shares no id with another figure, is read as `alt`."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    ET.register_namespace("", SVG)
    ET.register_namespace("xlink", XLINK)
    root = ET.fromstring(buffer.getvalue())  # noqa: S314  # written by matplotlib just now
    for element in list(root):
        if element.tag == f"{{{SVG}}}metadata":
            root.remove(element)
    for element in root.iter():
        for name, value in element.attrib.items():
            if name == "id":
                element.set(name, f"{prefix}-{value}")
            elif name in ("href", f"{{{XLINK}}}href") and value.startswith("#"):
                element.set(name, f"#{prefix}-{value[1:]}")
            else:
                element.set(name, FONT.sub(FONTS, REFERENCE.sub(rf"url(#{prefix}-\1)", value)))
    for size in ("width", "height"):
        root.attrib.pop(size)  # the view box has them
    root.set("role", "img")
    root.set("aria-label", alt)
    return ET.tostring(root, encoding="unicode")
