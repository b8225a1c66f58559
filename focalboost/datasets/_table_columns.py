"""From a column of a file to numbers, dates or categories, or an error that names column, row and cure."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, NoReturn, TypeAlias

import numpy as np
from numpy.typing import NDArray

from focalboost.datasets._optional import pandas_for
from focalboost.datasets._table_files import Raw, TextFormat

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

Floats: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]
Integers: TypeAlias = NDArray[np.int64]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LARGEST = float(np.finfo(np.float32).max)
# Words for a missing value, in text: those of pandas.read_csv.
MISSING_WORDS = frozenset(
    [
        *("#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>"),
        *("N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
    ]
)
BOOLEANS = {"true": True, "false": False}

_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_TIME_AND_ZONE = r"[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?: ?(?:Z|UTC|[+-]\d\d(?::?\d\d)?))?"
ISO_DATE = re.compile(rf"\s*\d{{4}}-(?:0\d|1[0-2])(?:-\d\d(?:{_TIME_AND_ZONE})?)?\s*")
OTHER_DATE = re.compile(
    rf"\s*(?:\d{{1,2}}([/.-])\d{{1,2}}\1(?:\d{{4}}|\d\d)|\d{{4}}([/.])\d{{1,2}}\2\d{{1,2}}"
    rf"|\d{{1,2}}[ -]{_MONTH}[ -]\d{{2,4}}|{_MONTH} \d{{1,2}},? \d{{4}})(?:[ T,].*)?\s*",
    re.IGNORECASE,
)
CLOCK = re.compile(r"\s*(\d{1,2}):([0-5]\d)(?::([0-5]\d(?:\.\d+)?))?\s*")
_UNIT = (
    r"(?:[$€£¥₹%]|AUD|BRL|CAD|CHF|CNY|CZK|DKK|EUR|GBP|HKD|HUF|INR|JPY|KRW|MXN|NOK|NZD|PLN|RUB|SEK|SGD|TRY"
    r"|USD|ZAR)"
)
# A number as people write it, with groups, a decimal comma, a unit or brackets.
_GAP = "[ \u00a0\u202f]?"
NUMBER_LIKE = re.compile(
    rf"\s*\(?[+-]?{_GAP}(?:{_UNIT}{_GAP})?[+-]?"
    r"(?P<number>\d{1,3}(?P<group>[.,'\u2019 \u00a0\u202f])\d{3}(?:(?P=group)\d{3})*(?:[.,]\d+)?"
    r"|\d+(?:[.,]\d+)?)"
    rf"(?:{_GAP}{_UNIT})?-?\)?\s*",
    re.ASCII,
)


class Ready(NamedTuple):
    """A column as a booster takes it, in float64 before it is rounded to float32."""

    used_as: Literal["number", "category", "date"]
    numbers: Floats  # NaN where missing; dates in seconds since 1970
    n_distinct: int
    categories: list[Any] | None = None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    orders: bool = False  # whether rows may be ordered by it


class Cells(NamedTuple):
    """The distinct texts of a column, in order of appearance, without missing ones."""

    text: list[str]
    code: Integers  # of each row; -1 where missing
    n_rows: Integers  # of each text
    first: Integers  # row of each text
    notes: tuple[str, ...]

    def share(self, chosen: Flags) -> float:
        """Of the cells or of the distinct texts, whichever is more."""
        return max(float(self.n_rows[chosen].sum() / self.n_rows.sum()), float(chosen.mean()) - 1e-9)

    def rows(self, values: Floats) -> Floats:
        """A number for each text to one for each row."""
        return np.append(values, np.nan)[self.code]


def convert(raw: Raw, text: TextFormat, *, as_category: bool, date_format: str | None) -> Ready:
    """Numbers, dates or categories."""
    if raw.form == "unusable":
        _unusable(raw)
    if date_format is not None:
        return _formatted_dates(raw, text, date_format)
    if as_category or raw.form == "category":
        return _categories(raw, text)
    if raw.form == "text":
        return _text(raw, text)
    values = _not_missing(raw.cells, text)
    n_distinct = int(values.nunique())
    floats = values.to_numpy(dtype=np.float64, na_value=np.nan)
    if raw.form == "boolean":
        return Ready("number", floats, n_distinct)
    _check_finite(raw.name, floats)
    if raw.form == "date":
        return _dates(floats, zone=raw.zone)
    notes = {"clock": ("seconds since midnight",), "duration": ("seconds",)}.get(raw.form, ())
    return Ready("number", floats, n_distinct, notes=notes, orders=raw.form != "clock")


def label_values(raw: Raw, text: TextFormat) -> pd.Series[Any]:
    """A column of classes, with missing words as missing."""
    if raw.form in ("unusable", "index"):
        _unusable(raw)
    values = _not_missing(raw.cells, text)
    if raw.form == "text":
        values = values.mask(values.isin([*MISSING_WORDS]))
    return values


def refuse(name: str, row: int, value: object, rule: str, cure: str) -> NoReturn:
    """Rows are counted from 1, below the line of names."""
    raise ValueError(
        f"column == {name!r}, must hold {rule}; row {row + 1} (the first is 1) holds {value!r}: {cure}."
    )


def _unusable(raw: Raw) -> NoReturn:
    nested = re.match(r"(large_)?(list|fixed_size_list|struct|map)", raw.kind)
    cure = "write its parts as columns of their own" if nested else "write it as text, numbers or dates"
    raise ValueError(
        f"column == {raw.name!r}, must hold numbers, dates or text; it holds {raw.kind[:80]}: {cure}, or "
        f"pass drop=[{raw.name!r}]."
    )


def _not_missing(values: pd.Series[Any], text: TextFormat) -> pd.Series[Any]:
    """With what the caller named as missing taken out, as text or as number."""
    if not text.na_values:
        return values
    numbers = [float(word) for word in text.na_values if _is_float(word)]
    chosen = values.isin(text.na_values)
    if pandas_for("load_table").api.types.is_numeric_dtype(values):
        chosen |= values.isin(numbers)
    return values.mask(chosen)


def _is_float(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _check_finite(name: str, values: Floats) -> None:
    bad = np.flatnonzero(np.isinf(values) | (np.abs(values) > LARGEST))
    if bad.size:
        refuse(
            name,
            int(bad[0]),
            float(values[bad[0]]),
            "finite numbers within float32 (3.4e38) or missing values",
            "clip such cells or leave them empty",
        )


# ---------------------------------------------------------------------- text
def _cells(raw: Raw, text: TextFormat) -> Cells:
    pandas = pandas_for("load_table")
    code, found = pandas.factorize(raw.cells.astype(object))
    words = [str(word) for word in found]
    size = len(words)
    count = np.bincount(code[code >= 0], minlength=size)
    first = np.zeros(size, dtype=np.int64)
    known = np.flatnonzero(code >= 0)[::-1]
    first[code[known]] = known  # the earliest is written last
    missing = np.array(
        [word in MISSING_WORDS or word.strip() == "" or word in text.na_values for word in words], dtype=bool
    )
    notes = tuple(
        f"{count[k]:,} cells {words[k]!r} count as missing"
        for k in np.flatnonzero(missing)
        if words[k].strip()
    )
    place = np.cumsum(~missing) - 1
    code = np.append(np.where(missing, -1, place), -1)[code]
    kept = np.flatnonzero(~missing)
    for k in kept:
        if "\0" in words[k]:
            refuse(raw.name, int(first[k]), words[k], "text", "the file is damaged; copy it again")
    return Cells([words[k] for k in kept], code, count[kept], first[kept], notes)


def _matches(cells: Cells, pattern: re.Pattern[str]) -> Flags:
    return np.array([pattern.fullmatch(word) is not None for word in cells.text], dtype=bool)


def _text(raw: Raw, text: TextFormat) -> Ready:  # noqa: PLR0911  # one for each kind
    """What a person would call it; what most cells are and others are not is an error."""
    cells = _cells(raw, text)
    if not cells.text:
        return Ready("number", np.full(cells.code.size, np.nan), 0, notes=cells.notes)
    lower = {word.strip().lower() for word in cells.text}
    if lower <= set(BOOLEANS):
        values = np.array([float(BOOLEANS[word.strip().lower()]) for word in cells.text])
        return Ready("number", cells.rows(values), len(lower), notes=cells.notes)
    plain = _matches(cells, _plain_number(text))
    like = plain | _matches(cells, NUMBER_LIKE)
    if cells.share(like) >= 0.5:
        return _text_numbers(raw, cells, plain, text)
    iso = _matches(cells, ISO_DATE)
    dates = iso | _matches(cells, OTHER_DATE)
    if cells.share(dates) >= 0.5:
        return _text_dates(raw, cells, iso)
    clock = _matches(cells, CLOCK)
    if cells.share(clock) >= 0.5:
        return _text_clock(raw, cells, clock)
    ready = _text_categories(cells)
    some = np.flatnonzero(like | dates | clock)
    if some.size:
        n_cells, k = int(cells.n_rows[some].sum()), some[0]
        told = (
            f"{n_cells:,} cells are numbers, dates or times, as {cells.text[k]!r} in row "
            f"{cells.first[k] + 1}; as most are not, all became categories"
        )
        return ready._replace(warnings=(*ready.warnings, told))
    return ready


def _first(cells: Cells, wrong: Flags) -> tuple[int, str]:
    """Row and text of the first cell that is wrong."""
    chosen = np.flatnonzero(wrong)
    k = chosen[np.argmin(cells.first[chosen])]
    return int(cells.first[k]), cells.text[k]


def _plain_number(text: TextFormat) -> re.Pattern[str]:
    mark = re.escape(text.decimal)
    whole = r"\d+"
    if text.thousands is not None:
        whole = rf"(?:\d{{1,3}}(?:{_group(text.thousands)}\d{{3}})+|\d+)"
    number = rf"(?:{whole}(?:{mark}\d*)?|{mark}\d+)(?:[eE][+-]?\d+)?"
    # ASCII: float() takes no other white space.
    return re.compile(rf"\s*[+-]?(?:{number}|[iI]nf(?:inity)?)\s*", re.ASCII)


def _group(thousands: str) -> str:
    return {" ": "[ \u00a0\u202f]", "'": "['\u2019]"}.get(thousands, re.escape(thousands))


def _text_numbers(raw: Raw, cells: Cells, plain: Flags, text: TextFormat) -> Ready:
    if not plain.all():
        row, value = _first(cells, ~plain)
        refuse(raw.name, row, value, "numbers only", _number_cure(raw.name, value))
    words = cells.text
    if text.thousands is not None:
        group = re.compile(_group(text.thousands))
        words = [group.sub("", word) for word in words]
    if text.decimal != ".":
        words = [word.replace(text.decimal, ".") for word in words]
    values = np.array([float(word) for word in words])
    found = cells.rows(values)
    _check_finite(raw.name, found)
    return Ready("number", found, int(np.unique(values).size), notes=cells.notes, orders=True)


def _number_cure(name: str, value: str) -> str:
    like = NUMBER_LIKE.fullmatch(value)
    if like is None:
        return (
            f"pass na_values=[{value!r}] if it means that there is none, categories=[{name!r}] if the "
            "numbers are codes, or mend the cell"
        )
    number, group = like["number"], like["group"]
    if number != value.strip().lstrip("+-"):
        return "take unit and brackets off, so that only the number is left"
    mark = "," if "," in number else "."
    if group is None:  # no groups: there is one mark, and it is not the decimal one that was named
        return f"pass decimal={mark!r}"
    thousands = {"\u00a0": " ", "\u202f": " ", "\u2019": "'"}.get(group, group)
    rest = number[number.rindex(group) + 4 :]
    if rest[:1] == ",":
        return f"pass thousands={thousands!r}, decimal=','"
    if rest or number.count(group) > 1 or thousands not in ".,":
        return f"pass thousands={thousands!r}"
    return f"pass thousands={thousands!r}, or decimal={thousands!r} if it is the decimal mark"


def _text_categories(cells: Cells) -> Ready:
    order = sorted(range(len(cells.text)), key=lambda k: cells.text[k])
    place = np.empty(len(order))
    place[order] = np.arange(len(order))
    warnings: tuple[str, ...] = ()
    broken = [k for k, word in enumerate(cells.text) if "\n" in word]
    if broken:
        warnings = (
            f"a cell with a line break in row {cells.first[broken[0]] + 1}: a quote that is not closed?",
        )
    notes = (*cells.notes, "codes in the order of the text")
    return Ready("category", cells.rows(place), len(order), [cells.text[k] for k in order], notes, warnings)


def _categories(raw: Raw, text: TextFormat) -> Ready:
    """Of a column that the file or the caller calls one of categories."""
    if raw.form == "text":
        return _text_categories(_cells(raw, text))
    values = _not_missing(raw.cells.astype("category"), text).cat.remove_unused_categories()
    found = values.cat.categories.tolist()
    codes = values.cat.codes.to_numpy()
    order = "file" if raw.form == "category" else "numbers"
    return Ready(
        "category",
        np.where(codes < 0, np.nan, codes.astype(np.float64)),
        len(found),
        found,
        (f"codes in the order of the {order}",),
    )


# ---------------------------------------------------------------------- dates
def _dates(values: Floats, *, zone: bool, notes: tuple[str, ...] = ()) -> Ready:
    n_distinct = int(np.unique(values[~np.isnan(values)]).size)
    if not zone:
        notes = (*notes, "no time zone: read as UTC")
    return Ready("date", values, n_distinct, notes=notes, orders=True)


def _text_dates(raw: Raw, cells: Cells, iso: Flags) -> Ready:
    rule = "dates in one form"
    moments = _moments(cells, iso, _iso_moment)
    wrong = np.array([moment is None for moment in moments])
    if wrong.any():
        row, value = _first(cells, wrong)
        cure = (
            f"pass na_values=[{value!r}] if it means that there is none, categories=[{raw.name!r}] if the "
            "column is one of codes, or mend the cell"
        )
        if OTHER_DATE.fullmatch(value):
            cure = f"write it as 2024-01-31, or pass dates={{{raw.name!r}: {_guessed_format(value)}}}"
        refuse(raw.name, row, value, rule, cure)
    return _moment_dates(raw, cells, moments)


def _iso_moment(cell: str) -> datetime:
    cell = re.sub(r" ?UTC$", "+00:00", cell.strip())
    cell = re.sub(r"(:\d\d(?:[.,]\d+)?) ([+-Z])", r"\1\2", cell)
    return datetime.fromisoformat(cell + "-01" if len(cell) == 7 else cell)


def _moments(cells: Cells, chosen: Flags, of: Callable[[str], datetime]) -> list[datetime | None]:
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
        row, value = _first(cells, zone != zone[np.argmin(cells.first)])
        refuse(raw.name, row, value, "dates all with a time zone, or all without", "write the zone into all")
    seconds = [((m if m.tzinfo else m.replace(tzinfo=UTC)) - EPOCH).total_seconds() for m in known]
    return _dates(cells.rows(np.array(seconds)), zone=bool(zone.all()), notes=cells.notes)


def _guessed_format(value: str) -> str:
    value = value.strip()
    year_first = re.match(r"\d{4}([/.])", value)
    if year_first:
        return repr("%Y{0}%m{0}%d".format(year_first[1]))
    day_first = re.match(r"\d{1,2}([/.-])\d{1,2}[/.-](\d+)", value)
    if day_first is None:
        return "'%d %b %Y' or as it is written"
    mark, year = day_first[1], "%Y" if len(day_first[2]) == 4 else "%y"
    return f"'%d{mark}%m{mark}{year}' (or '%m{mark}%d{mark}{year}')"


def _formatted_dates(raw: Raw, text: TextFormat, date_format: str) -> Ready:
    """Dates of the form that the caller named, of text or of whole numbers like 20240131."""
    if raw.form not in ("text", "number", "category"):
        raise ValueError(
            f"dates == {{{raw.name!r}: {date_format!r}}}, must name columns of text or numbers; it is "
            f"{raw.kind} and needs no format."
        )
    values = raw.cells
    if raw.form == "number":
        values = values.map(lambda v: f"{v:.0f}" if v % 1 == 0 else v, na_action="ignore")
    cells = _cells(raw._replace(cells=values), text)

    def parse(cell: str) -> datetime:
        return datetime.strptime(cell.strip(), date_format)  # noqa: DTZ007  # %z is the caller's

    moments = _moments(cells, np.ones(len(cells.text), dtype=bool), parse)
    wrong = np.array([moment is None for moment in moments], dtype=bool)
    if wrong.any():
        row, value = _first(cells, wrong)
        cure = f"mend it or the format, or pass na_values=[{value!r}]"
        refuse(raw.name, row, value, f"dates of the form {date_format!r}", cure)
    return _moment_dates(raw, cells, moments)


def _text_clock(raw: Raw, cells: Cells, clock: Flags) -> Ready:
    if not clock.all():
        row, value = _first(cells, ~clock)
        cure = f"pass na_values=[{value!r}] if it means that there is none, or mend the cell"
        refuse(raw.name, row, value, "times of day only", cure)
    parts = [CLOCK.fullmatch(word) for word in cells.text]
    values = np.array([int(m[1]) * 3600 + int(m[2]) * 60 + float(m[3] or 0) for m in parts if m])
    notes = (*cells.notes, "seconds since midnight")
    return Ready("number", cells.rows(values), int(np.unique(values).size), notes=notes)
