"""Dates and times of day of a column, or an error that names row and cure."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from focalboost.datasets._table_cells import Cells, Flags, Floats, Ready, cells_of, first_of, matches, refuse
from focalboost.datasets._table_raw import Raw, TextFormat

if TYPE_CHECKING:
    from collections.abc import Callable

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_GUESSED = 5000  # distinct cells that a guessed format is tried on, 10 microseconds each
NO_ZONE = "no time zone: read as UTC"
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_TIME_AND_ZONE = r"[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?: ?(?:Z|UTC|[+-]\d\d(?::?\d\d)?))?"
ISO_DATE = re.compile(rf"\s*\d{{4}}-(?:0\d|1[0-2])(?:-\d\d(?:{_TIME_AND_ZONE})?)?\s*")
OTHER_DATE = re.compile(
    rf"\s*(?:\d{{1,2}}([/.-])\d{{1,2}}\1(?:\d{{4}}|\d\d)|\d{{4}}([/.])\d{{1,2}}\2\d{{1,2}}"
    rf"|\d{{1,2}}[ -]{_MONTH}[ -]\d{{2,4}}|{_MONTH} \d{{1,2}},? \d{{4}})(?:[ T,].*)?\s*",
    re.IGNORECASE,
)
CLOCK = re.compile(r"\s*(\d{1,2}):([0-5]\d)(?::([0-5]\d(?:\.\d+)?))?\s*")


def dates(values: Floats, *, zone: bool, notes: tuple[str, ...] = ()) -> Ready:
    n_distinct = int(np.unique(values[~np.isnan(values)]).size)
    if not zone:
        notes = (*notes, NO_ZONE)
    return Ready("date", values, n_distinct, notes=notes, orders=True)


def text_dates(raw: Raw, cells: Cells, iso: Flags) -> Ready:
    rule = "dates in one form"
    moments = _parsed(cells, iso, _iso_moment)
    wrong = np.array([moment is None for moment in moments])
    if wrong.any():
        row, value = first_of(cells, wrong)
        cure = (
            f"pass na_values=[{value!r}] if it means that there is none, categories=[{raw.name!r}] if the "
            "column is one of codes, or mend the cell"
        )
        if OTHER_DATE.fullmatch(value):
            cure = (
                f"write it as 2024-01-31, or {_cure_of_format(raw.name, cells, matches(cells, OTHER_DATE))}"
            )
        refuse(raw.name, row, value, rule, cure)
    return _moment_dates(raw, cells, moments)


def _iso_moment(cell: str) -> datetime:
    cell = re.sub(r" ?UTC$", "+00:00", cell.strip())
    cell = re.sub(r"(:\d\d(?:[.,]\d+)?) ([+-Z])", r"\1\2", cell)
    return datetime.fromisoformat(cell + "-01" if len(cell) == 7 else cell)


def _parsed(cells: Cells, chosen: Flags, of: Callable[[str], datetime]) -> list[datetime | None]:
    """None where there is no such date, as on 30 February."""
    found: list[datetime | None] = []
    for word, usable in zip(cells.text, chosen, strict=True):
        try:
            found.append(of(word) if usable else None)
        except ValueError:
            found.append(None)
    return found


def _moment_dates(raw: Raw, cells: Cells, moments: list[datetime | None]) -> Ready:
    """Seconds since 1970, if all or none say their time zone."""
    known = [moment for moment in moments if moment is not None]
    zone = np.array([moment.tzinfo is not None for moment in known])
    if zone.any() and not zone.all():
        row, value = first_of(cells, zone != zone[np.argmin(cells.first)])
        refuse(raw.name, row, value, "dates all with a time zone, or all without", "write the zone into all")
    seconds = [((m if m.tzinfo else m.replace(tzinfo=UTC)) - EPOCH).total_seconds() for m in known]
    return dates(cells.rows(np.array(seconds)), zone=bool(zone.all()), notes=cells.notes)


def _cure_of_format(name: str, cells: Cells, other: Flags) -> str:
    """The argument with the formats that fit all such cells, the day before the month first."""
    found = [form for form in _guessed_formats(first_of(cells, other)[1]) if _fits(cells, other, form)]
    if not found:
        return f"pass dates={{{name!r}: format}} with the format in which it is written"
    first, *others = (f"dates={{{name!r}: {form!r}}}" for form in found)
    return f"pass {first}" + "".join(f" (or {other})" for other in others)


def _guessed_formats(value: str) -> list[str]:
    words = value.strip()
    year_first = re.match(r"\d{4}([/.])\d", words)
    in_numbers = re.match(r"\d{1,2}([/.-])\d{1,2}[/.-](\d+)", words)
    if year_first:
        days = ["%Y{0}%m{0}%d".format(year_first[1])]
    elif in_numbers:
        mark, year = in_numbers[1], "%Y" if len(in_numbers[2]) == 4 else "%y"
        days = [f"%d{mark}%m{mark}{year}", f"%m{mark}%d{mark}{year}"]
    else:
        days = [f"{day} {year}" for day in ("%d %b", "%d %B") for year in ("%Y", "%y")]
        days += ["%d-%b-%Y", "%d-%b-%y", "%b %d, %Y", "%b %d %Y", "%B %d, %Y", "%B %d %Y"]
    clock = re.search(r"(,? |T)\d\d?:\d\d(:\d\d)?(\.\d+)?( [AP]M)?$", words, re.IGNORECASE)
    if clock is None:
        return days
    hour = "%I" if clock[4] else "%H"
    end = f"{clock[1]}{hour}:%M{':%S' if clock[2] else ''}{'.%f' if clock[3] else ''}{' %p' * bool(clock[4])}"
    return [day + end for day in days]


def _fits(cells: Cells, chosen: Flags, form: str) -> bool:
    """Whether it reads all of these cells, or the first thousands of them."""
    some = chosen & (np.cumsum(chosen) <= MOST_GUESSED)
    moments = _parsed(cells, some, lambda cell: datetime.strptime(cell.strip(), form))  # noqa: DTZ007
    return all(moment is not None for moment, so in zip(moments, some, strict=True) if so)


def formatted_dates(raw: Raw, text: TextFormat, date_format: str) -> Ready:
    """Dates of the form that the caller named, of text or of whole numbers like 20240131."""
    if raw.form not in ("text", "number", "category"):
        raise ValueError(
            f"dates == {{{raw.name!r}: {date_format!r}}}, must name columns of text or numbers; it is "
            f"{raw.kind} and needs no format."
        )
    values = raw.cells
    if raw.form == "number":
        values = values.map(lambda v: f"{v:.0f}" if v % 1 == 0 else v, na_action="ignore")
    cells = cells_of(raw._replace(cells=values), text)

    def parse(cell: str) -> datetime:
        return datetime.strptime(cell.strip(), date_format)  # noqa: DTZ007  # %z is the caller's

    moments = _parsed(cells, np.ones(len(cells.text), dtype=bool), parse)
    wrong = np.array([moment is None for moment in moments], dtype=bool)
    if wrong.any():
        row, value = first_of(cells, wrong)
        cure = f"mend it or the format, or pass na_values=[{value!r}]"
        refuse(raw.name, row, value, f"dates of the form {date_format!r}", cure)
    return _moment_dates(raw, cells, moments)


def text_clock(raw: Raw, cells: Cells, clock: Flags) -> Ready:
    if not clock.all():
        row, value = first_of(cells, ~clock)
        cure = f"pass na_values=[{value!r}] if it means that there is none, or mend the cell"
        refuse(raw.name, row, value, "times of day only", cure)
    parts = [CLOCK.fullmatch(word) for word in cells.text]
    values = np.array([int(m[1]) * 3600 + int(m[2]) * 60 + float(m[3] or 0) for m in parts if m])
    notes = (*cells.notes, "seconds since midnight")
    return Ready("number", cells.rows(values), int(np.unique(values).size), notes=notes)
