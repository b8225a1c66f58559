"""Columns that are no features: classes, times, owners, amounts, and those that were dropped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from focalboost.datasets._optional import listed, pandas_for
from focalboost.datasets._table_cells import MISSING_WORDS, Ready, cells_of, not_missing, refuse_kind
from focalboost.datasets._table_checks import date_numbers
from focalboost.datasets._table_dates import NO_ZONE
from focalboost.datasets._table_raw import Raw, TextFormat
from focalboost.datasets._table_report import Column

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

TIME_NAMES = ("step", "time", "Time", "timestamp", "date")
IN_UTC = "its time zones became UTC, and days are those of UTC"
# Two values that keep their meaning even if the second is the common one, in lower case.
MEANINGS = (("0", "1"), ("0.0", "1.0"), ("false", "true"), ("f", "t"), ("no", "yes"), ("n", "y"))


class Time(NamedTuple):
    """What orders the rows."""

    column: Column
    step: NDArray[np.float64]
    is_date: bool


def target_of(
    raw: Raw, text: TextFormat, positive: object, chosen_by: str
) -> tuple[Column, NDArray[np.int8], list[Any]]:
    """0 and 1 for each row, and the values they stand for."""
    if raw.form in ("unusable", "index"):
        refuse_kind(raw)
    column = not_missing(raw.cells, text)
    if raw.form == "text":
        column = column.mask(column.isin([*MISSING_WORDS]))
    missing = np.flatnonzero(column.isna())
    if missing.size:
        raise ValueError(
            f"target == {raw.name!r}, must have a class in every row; {missing.size:,} of {len(column):,} "
            f"have none, the first is row {missing[0] + 1}: label or remove them."
        )
    values = _two_classes(raw.name, column, positive)
    labels = (column == values[1]).to_numpy(dtype=np.int8)
    rate, warnings = float(labels.mean()), []
    if rate > 0.5:
        warnings.append(
            f"{values[1]!r}, which is 1, is the commoner class ({rate:.1%} of the rows); "
            f"positive={values[0]!r} would make the other one 1"
        )
    return (
        Column(
            name=raw.name,
            kind=raw.kind,
            used_as="target",
            chosen_by=chosen_by,
            n_missing=0,
            n_distinct=2,
            notes=(f"{values[0]!r} is 0, {values[1]!r} is 1",),
            warnings=tuple(warnings),
        ),
        labels,
        values,
    )


def _two_classes(name: str, column: pd.Series[Any], positive: object) -> list[Any]:
    counts = column.astype(object).value_counts()
    values = sorted(counts.index, key=lambda value: (-counts[value], str(value)))
    if len(values) != 2:
        raise ValueError(
            f"target == {name!r}, must have two classes; it has {len(values)}: "
            f"{listed(values, 5)}. Name another column, or map this one to 0 and 1."
        )
    if positive is not None:
        chosen = [value for value in values if value == positive or _as_text(value) == _as_text(positive)]
        if len(chosen) != 1:
            raise ValueError(f"positive == {positive!r}, must be a value of {name!r}: {listed(values)}.")
        values.sort(key=lambda value: value == chosen[0])
    elif tuple(sorted(str(value).lower() for value in values)) in MEANINGS:
        values.sort(key=lambda value: str(value).lower())
    return values


def _as_text(value: object) -> str:
    """1 for 1.0 too."""
    return str(value).removesuffix(".0")


def time_of(
    raws: Mapping[str, Raw],
    usable: Iterable[str],
    target: str,
    time: str | Literal[False] | None,
    convert_named: Callable[[Raw], Ready],
) -> Time | None:
    """The asked-for time column, or the first well-known one of numbers or dates, or none."""
    candidates = TIME_NAMES if time is None else (time,) if time else ()
    for name in candidates:
        if name not in usable or name == target:
            continue
        raw, ready = raws[name], convert_named(raws[name])
        if not ready.orders:
            if time is None:
                continue
            raise ValueError(
                f"time == {name!r}, must hold numbers, dates or ISO 8601 text; it holds {raw.kind}, which "
                f"orders no rows. Name another column, or pass dates={{{name!r}: format}}."
            )
        missing = np.flatnonzero(np.isnan(ready.numbers))
        if missing.size:
            raise ValueError(
                f"time == {name!r}{', by its name' if time is None else ''}, must hold a time in every row; "
                f"{missing.size:,} of {ready.numbers.size:,} have none, the first is row {missing[0] + 1}: "
                f"fill or remove them, pass time=False to make it a feature, or drop=[{name!r}]."
            )
        back = np.flatnonzero(np.diff(ready.numbers) < 0)
        order = "rows are in its order"
        if back.size:
            order = (
                f"rows are not in its order (row {back[0] + 2} is the first that is earlier): split by `step`"
            )
        unit: tuple[str, ...] = ("seconds since 1970",) if ready.used_as == "date" else ()
        if unit and NO_ZONE not in ready.notes:
            unit = (*unit, IN_UTC)
        told = date_numbers(name, ready.numbers)
        column = Column(
            name=name,
            kind=raw.kind,
            used_as="time",
            chosen_by="its name" if time is None else "time=",
            n_missing=0,
            n_distinct=ready.n_distinct,
            notes=(*ready.notes, *unit, order),
            warnings=() if told is None or ready.used_as == "date" else (told,),
        )
        return Time(column, ready.numbers, is_date=ready.used_as == "date")
    return None


def group_of(raw: Raw, text: TextFormat) -> tuple[Column, NDArray[np.int64]]:
    """A number for each owner, from the values as they are written; who is not known is alone."""
    if raw.form in ("unusable", "index"):
        refuse_kind(raw)
    cells = cells_of(raw._replace(cells=not_missing(raw.cells, text)), text)
    owner, found = pandas_for("load_table").factorize(np.array([word.strip() for word in cells.text], object))
    groups = np.append(owner, -1)[cells.code].astype(np.int64)
    size, missing = len(found), np.flatnonzero(groups < 0)
    if size == 0:
        raise ValueError(
            f"group == {raw.name!r}, must hold whose the rows are; it has no value in any row: name another "
            "column, or leave group out."
        )
    largest = int(np.bincount(groups[groups >= 0]).max())
    groups[missing] = size + np.arange(missing.size)
    notes = [*cells.notes, f"{size:,} groups, the largest of {largest:,} rows"]
    if missing.size:
        notes.append("a row without a value is a group of its own")
    warnings = []
    if size == 1:
        warnings.append("one group: there is no other to be judged on")
    elif size == groups.size - missing.size:
        warnings.append("no value stands in two rows: there is nothing to keep together")
    column = Column(
        name=raw.name,
        kind=raw.kind,
        used_as="group",
        chosen_by="group=",
        n_missing=missing.size,
        n_distinct=size,
        notes=tuple(notes),
        warnings=tuple(warnings),
    )
    return column, groups


def amount_of(raw: Raw, ready: Ready) -> NDArray[np.float64]:
    """What is at stake in each row."""
    if ready.used_as != "number" or not ready.orders or raw.form == "duration":
        used = {"category": "text or codes", "date": "dates"}.get(ready.used_as, "none")
        raise ValueError(f"amount == {raw.name!r}, must hold numbers >= 0; it holds {used} ({raw.kind}).")
    values = ready.numbers
    for bad, has in ((np.isnan(values), "no amount"), (values < 0, "an amount below 0")):
        rows = np.flatnonzero(bad)
        if rows.size:
            first = f"{values[rows[0]]:g}" if has.startswith("an") else "nothing"
            raise ValueError(
                f"amount == {raw.name!r}, must hold a number >= 0 in every row; {rows.size:,} of "
                f"{values.size:,} rows have {has}, the first is row {rows[0] + 1}, which holds {first}: set "
                "them to 0 or to what is at stake, remove them, or leave amount out."
            )
    return values


def dropped(raw: Raw, *, by_caller: bool) -> Column:
    is_arrow = raw.form == "unusable"
    return Column(
        name=raw.name,
        kind=raw.kind,
        used_as="dropped",
        chosen_by="drop=" if by_caller else "its kind",
        n_missing=int(raw.cells.null_count if is_arrow else raw.cells.isna().sum()),
        n_distinct=None,
        notes=() if by_caller else ("the index of a pandas frame",),
    )
