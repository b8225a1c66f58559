"""A comparison as one HTML file: verdict first, no network, no script, for a screen, a phone and paper."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import Any

import numpy as np

from focalboost.comparison import _verdict
from focalboost.comparison._extra import extra
from focalboost.comparison._figures import Compared, in_order, trials_of
from focalboost.comparison._judgement import NEARLY_ALL
from focalboost.comparison._pictures import pictures
from focalboost.comparison._types import Measure, Settings, Threshold
from focalboost.comparison._verdict import BASE, LEVEL, UNTUNED, is_primary
from focalboost.comparison._verdict import _compare as compare_lines

TEMPLATE = "page.html.jinja"
# Of a name: control characters are no HTML, lone surrogates no UTF-8.
UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
NOTHING = "\u2013"  # where there is no number
MOST_WARNINGS = 8  # before the figures; all are with the columns


@dataclass(frozen=True)
class Cell:
    """A contender in a measure."""

    value: str
    difference: str  # from log loss, "" of log loss itself
    interval: str
    word: str  # "better", "worse", "not shown to differ", "" of log loss itself
    sign: str


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    measure: Measure
    primary: bool
    direction: str
    cells: list[Cell]


def render(comparison: Compared) -> str:
    """One HTML file as text.

    Parameters
    ----------
    comparison : Comparison
        What `compare` found.

    Returns
    -------
    str
        Needs no network and has no script. All names of the table are text there, whatever they say.

    Raises
    ------
    ImportError
        If the extra `compare` is not installed.
    """
    jinja2 = extra("jinja2")
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=printable,
    )
    environment.filters["number"] = lambda value: f"{value:,}"
    template = environment.from_string(files(__package__).joinpath(TEMPLATE).read_text(encoding="utf-8"))
    markup = extra("markupsafe").Markup
    page: str = template.render(
        verdict=comparison.verdict,
        task=comparison.task,
        split=comparison.split,
        settings=comparison.settings,
        judgement=comparison.judgement,
        thresholds=[threshold_cells(threshold) for threshold in comparison.thresholds],
        trained=in_order(comparison),
        chosen=next(t for t in comparison.trained if t.contender.key == comparison.verdict.use),
        booster={"xgboost": "XGBoost", "lightgbm": "LightGBM"}[comparison.settings.booster],
        rows=table(comparison),
        level=f"{LEVEL:.0f}",
        nearly_all=NEARLY_ALL,
        parts=parts(comparison),
        warnings=warnings_of(comparison),
        most_warnings=MOST_WARNINGS,
        parameters=parameters(comparison),
        figures=[{**asdict(p), "svg": markup(p.svg)} for p in pictures(comparison)],
        versions=comparison.versions,
        took=duration(comparison.seconds),
        command=comparison.command,
        asked=asked(comparison.settings),
    )
    return page


def printable(value: Any) -> Any:
    """What a template writes: text without characters that are none."""
    return UNPRINTABLE.sub("\ufffd", value) if type(value) is str else value


def warnings_of(comparison: Compared) -> list[str]:
    """All of them: of the table, its columns and the split."""
    task = comparison.task
    return list(dict.fromkeys([*task.warnings, *comparison.split.warnings, *task.report.warnings]))


def parts(comparison: Compared) -> list[tuple[str, int, int, str]]:
    """Rows, positive rows and their rate in each part of the split."""
    y, split = comparison.task.y, comparison.split
    found = []
    for name, rows in (
        ("tuned and trained on", split.train),
        ("held out to judge", split.test),
        ("left out", split.left_out),
    ):
        if len(rows):
            positive = int(y[rows].sum())
            found.append((name, len(rows), positive, f"{100.0 * positive / len(rows):.3g} %"))
    return found


# ---------------------------------------------------------------------- the table
def table(comparison: Compared) -> list[Row]:
    """Values, and differences from log loss with the intervals that the verdict looks at."""
    judgement, settings = comparison.judgement, comparison.settings
    others = [key for key in judgement.keys if key not in (BASE, UNTUNED)]
    lines = compare_lines(judgement, settings, [(key, BASE) for key in others])
    if UNTUNED in judgement.keys:
        lines |= compare_lines(judgement, settings, [(UNTUNED, BASE)])
    rows = []
    for m, measure in enumerate(judgement.measures):
        cells = []
        for key in (trained.contender.key for trained in in_order(comparison)):
            value = _number(judgement.values[judgement.keys.index(key), m], measure.digits)
            cells.append(Cell(value, "", "", "", "") if key == BASE else _cell(value, lines[key], m))
        rows.append(Row(measure, is_primary(measure, settings), _direction(measure), cells))
    return rows


def _cell(value: str, compared: Any, m: int) -> Cell:
    line = compared.lines[m]
    measure: Measure = line.measure
    sign, digits = (1.0 if measure.target is not None or measure.higher_is_better else -1.0), measure.digits
    if not np.isfinite(line.gain):
        return Cell(value, NOTHING, "", "cannot be compared", "?")

    def show(difference: float) -> str:
        if measure.target is None:
            return signed(difference, digits)
        size = f"{abs(difference):,.{digits}f}"
        if measure.key == "calibration_ratio":  # whose distance from 1 is that of logarithms
            size = f"\u00d7{np.exp(abs(difference)):,.{digits}f}"
        return f"{size} {'nearer' if difference >= 0.0 else 'further'}"

    # What chooses a contender is one family of lines, what speaks against it or stands beside it another.
    times = compared.times(line)
    word = compared.mark(line) or "not shown to differ"
    mark = {"better": "▲", "worse": "▼"}.get(word, "=")
    interval = ""
    if line.known and np.isfinite(times):
        ends = sorted(sign * line.gain + np.array([-1.0, 1.0]) * times * line.error)
        interval = f"{show(ends[0])} to {show(ends[1])}"
    return Cell(value, show(sign * line.gain), interval, word, mark)


def _direction(measure: Measure) -> str:
    if measure.target is not None:
        return f"best is {measure.target:g}"
    return "higher is better" if measure.higher_is_better else "lower is better"


def _number(value: float, digits: int) -> str:
    """With a minus that lines up with the plus."""
    if np.isnan(value):
        return NOTHING
    if np.isinf(value):
        return "∞" if value > 0 else "\u2212∞"
    return f"{value:,.{digits}f}".replace("-", "\u2212")


def signed(value: float, digits: int) -> str:
    return NOTHING if np.isnan(value) else _verdict.signed(value, digits).replace("-", "\u2212")


# ---------------------------------------------------------------------- the rest
def threshold_cells(threshold: Threshold) -> dict[str, str]:
    """As text, with as many digits as a service needs to decide alike."""
    numbers = []
    if threshold.probability is not None:
        numbers.append(f"probability above {threshold.probability:.6g}")
    if threshold.margin is not None:
        numbers.append(f"margin above {threshold.margin:.6g}".replace("-", "\u2212"))
    return {
        "purpose": {"cost": "For the stated costs", "budget": "For the budget"}[threshold.purpose],
        "numbers": ", or ".join(numbers),
        "says": threshold.says,
    }


def parameters(comparison: Compared) -> dict[str, Any]:
    """A line for each parameter that any contender was given, a column for each contender."""
    trained = in_order(comparison)
    names = list(dict.fromkeys(name for each in trained for name in each.params))
    rows = [
        (name, [_plain(each.params[name]) if name in each.params else NOTHING for each in trained])
        for name in names
    ]
    about = [
        ("rounds of boosting", [f"{each.rounds:,}" for each in trained]),
        ("trials", [str(len(trials_of(comparison, each))) for each in trained]),
        (
            "mean score of the folds",
            [NOTHING if each.fold_scores is None else f"{np.mean(each.fold_scores):.4f}" for each in trained],
        ),
        ("time", [duration(each.seconds) for each in trained]),
    ]
    return {"rows": rows, "about": about}


def _plain(value: Any) -> str:
    if value is None:
        return "default"
    if isinstance(value, float | np.floating):
        return f"{value:.4g}"
    return str(value)


def duration(seconds: float) -> str:
    if seconds < 99.5:
        return f"{seconds:.3g} s"
    if seconds < 5400.0:
        return f"{seconds / 60.0:.0f} min"
    return f"{seconds / 3600.0:.1f} h"


def asked(settings: Settings) -> dict[str, str]:
    """What the user asked for, in words of the arguments."""
    return {name: str(value) for name, value in asdict(settings).items() if value is not None}
