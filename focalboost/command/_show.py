"""What the command prints: the table, the split, the measures, the verdict. From 60 columns on."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from focalboost.command._console import hanging, heading, sentences, warnings
from focalboost.command._options import in_options
from focalboost.comparison import Measure, Split, Task
from focalboost.comparison._figures import in_order
from focalboost.comparison._page import Cell, table
from focalboost.comparison._verdict import BASE, LEVEL

MARKS = ("▲", "▼")
LEAK = "tells the classes apart alone"  # how the report's warning of it begins
DIRECTIONS = "↑ higher is better, ↓ lower is better, → 1 best is 1"


# ---------------------------------------------------------------------- the table
def show_task(console: Console, task: Task) -> None:
    """What each column is used as, and what to look at before the model is trusted."""
    heading(console, "The table")
    console.print(Text(task.report.summary))
    head = ("column", "in the file", "used as", "chosen by", "missing", "distinct", "notes")
    # Of a narrow terminal the columns that can best be done without.
    shown = (
        [0, 1, 2, 3, 4, 5, 6]
        if console.width >= 100
        else [0, 2, 3, 4, 6]
        if console.width >= 70
        else [0, 2, 4]
    )
    columns = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for place in shown:
        right = head[place] in ("missing", "distinct")
        columns.add_column(head[place], justify="right" if right else "left", overflow="fold")
    for line in task.report._lines():
        cells = (*line[:3], in_options(line[3]), *line[4:])  # "drop=" is --drop here
        columns.add_row(*(Text(cells[place]) for place in shown))
    console.print(columns)
    warnings(console, [*task.report.warnings, *task.warnings])


def show_leaks(console: Console, task: Task) -> None:
    """In one line, for --quiet: columns with which any verdict is of no use."""
    names = [
        repr(column.name)
        for column in task.report.columns
        if any(text.startswith(LEAK) for text in column.warnings)
    ]
    if names:
        tell = "tells" if len(names) == 1 else "tell"
        text = f"{', '.join(names)} {tell} the classes apart alone: known only afterwards? Then --drop it."
        console.print(Text("warning: ", style="yellow").append(text, style="default"), soft_wrap=True)


def show_split(console: Console, split: Split) -> None:
    heading(console, "The split")
    sentences(console, split.sentences)
    warnings(console, split.warnings)


# ---------------------------------------------------------------------- what was found
def show_result(console: Console, comparison: Any) -> None:
    """The same numbers and words as on the page."""
    rows, judgement = table(comparison), comparison.judgement
    contenders = [trained.contender for trained in in_order(comparison)]
    names = [contender.name for contender in contenders]
    heading(console, "On the held-out rows")
    sentences(console, judgement.sentences)
    values = _new_table("", *names)
    for row in rows:
        values.add_row(_label(row.measure), *(cell.value for cell in row.cells))
    console.print(values)
    console.print(Text(DIRECTIONS, style="dim"))

    heading(
        console,
        f"Difference from log loss: {LEVEL:.0f} % interval that allows for the number of lines",
    )
    others = [k for k, contender in enumerate(contenders) if contender.key != BASE]
    told = [[_difference(row.cells[k]) for k in others] for row in rows]
    widest = max(len(f"{difference} {interval}") for line in told for difference, interval in line)
    longest = max(len(row.measure.name) for row in rows)
    between = " " if console.width >= longest + 4 + (widest + 3) * len(others) else "\n"
    differences = _new_table("", *(names[k] for k in others))
    for row, line in zip(rows, told, strict=True):
        differences.add_row(_label(row.measure), *(between.join(filter(None, parts)) for parts in line))
    console.print(differences)
    decide = ", ".join(row.measure.name for row in rows if row.primary)
    console.print(
        Text(f"▲ shown to be better, ▼ shown to be worse. ▲ decides only in {decide}; ▼ in all.", style="dim")
    )

    verdict = comparison.verdict
    console.print()
    style = "green" if verdict.beats_log_loss else "blue"
    console.print(
        Panel(Text(verdict.sentence, style="bold"), title="Verdict", title_align="left", style=style)
    )
    for reason in verdict.reasons:
        hanging(console, Text("-"), Text(reason))
    if comparison.thresholds:
        heading(console, "From which score on a row is an alert")
        for threshold in comparison.thresholds:
            hanging(console, Text("-"), Text(threshold.says))
            if threshold.probability is not None:
                margin = "" if threshold.margin is None else f", margin {threshold.margin:.6g}"
                hanging(
                    console, Text(" "), Text(f"probability {threshold.probability:.6g}{margin}", style="bold")
                )


def _new_table(*heads: str) -> Table:
    new = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for place, head in enumerate(heads):
        new.add_column(head, justify="right" if place else "left", overflow="fold")
    return new


def _difference(cell: Cell) -> tuple[str, str]:
    """The number, and its interval."""
    mark = f"{cell.sign} " if cell.sign in MARKS else ""
    return f"{mark}{cell.difference}", cell.interval


def _label(measure: Measure) -> str:
    if measure.target is not None:
        return f"{measure.name} → {measure.target:g}"
    return f"{measure.name} {'↑' if measure.higher_is_better else '↓'}"


def show_files(console: Console, written: Iterable[tuple[str, Path]]) -> None:
    for option, path in written:
        console.print(Text(f"{option.removeprefix('--'):<6} {path}"), soft_wrap=True)
