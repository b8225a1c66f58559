"""From a column of a file to numbers, dates or categories, or an error that names column, row and cure."""

from __future__ import annotations

import re
import unicodedata

import numpy as np

from focalboost.datasets._optional import pandas_for
from focalboost.datasets._table_cells import (
    Cells,
    Flags,
    Ready,
    cells_of,
    check_finite,
    first_of,
    matches,
    not_missing,
    refuse,
    refuse_kind,
)
from focalboost.datasets._table_dates import (
    CLOCK,
    ISO_DATE,
    OTHER_DATE,
    dates,
    formatted_dates,
    text_clock,
    text_dates,
)
from focalboost.datasets._table_raw import PADDED, Padded, Raw, TextFormat

BOOLEANS = {"true": True, "false": False}

_UNIT = (
    r"(?:[$€£¥₹%]|AUD|BRL|CAD|CHF|CNY|CZK|DKK|EUR|GBP|HKD|HUF|INR|JPY|KRW|MXN|NOK|NZD|PLN|RUB|SEK|SGD|TRY"
    r"|USD|ZAR)"
)
# Signs and marks that are numbers' everywhere, as Unicode has them; digits are found by their meaning.
MARKS = {"\u2212": "-", "\uff0d": "-", "\uff0b": "+", "\uff0e": ".", "\uff0c": ","}
# A number as people write it, with groups (in India of two digits), a decimal comma, a unit or brackets.
_GAP = "[ \u00a0\u202f]?"
NUMBER_LIKE = re.compile(
    rf"\s*\(?[+-]?{_GAP}(?:{_UNIT}{_GAP})?[+-]?"
    r"(?P<number>\d{1,3}(?P<group>[.,'_\u2019 \u00a0\u202f])"
    r"(?:\d\d(?P=group))*\d{3}(?:(?P=group)\d{3})*(?:[.,]\d+)?"
    r"|\d+(?:[.,]\d+)?)"
    rf"(?:{_GAP}{_UNIT})?-?\)?\s*",
    re.ASCII,
)


def convert(raw: Raw, text: TextFormat, *, as_category: bool, date_format: str | None) -> Ready:
    """Numbers, dates or categories."""
    if raw.form == "unusable":
        refuse_kind(raw)
    if date_format is not None:
        return formatted_dates(raw, text, date_format)
    if as_category or raw.form == "category":
        return _categories(raw, text)
    if raw.form == "text":
        return _text(raw, text)
    values = not_missing(raw.cells, text)
    n_distinct = int(values.nunique())
    floats = values.to_numpy(dtype=np.float64, na_value=np.nan)
    if raw.form == "boolean":
        return Ready("number", floats, n_distinct)
    check_finite(raw.name, floats)
    if raw.form == "date":
        return dates(floats, zone=raw.zone)
    notes = {"clock": ("seconds since midnight",), "duration": ("seconds",)}.get(raw.form, ())
    warnings = () if raw.padded is None else (_zeros(raw.name, raw.padded),)
    orders = raw.form in ("number", "duration")
    return Ready("number", floats, n_distinct, notes=notes, warnings=warnings, orders=orders)


def _zeros(name: str, padded: Padded) -> str:
    return (
        f"{padded.n_cells:,} cells have zeros in front, as {padded.cell!r} in row {padded.row + 1}: read as "
        f"numbers; if they are codes, categories=[{name!r}] keeps them as they are"
    )


def _text(raw: Raw, text: TextFormat) -> Ready:  # noqa: PLR0911  # one for each kind
    """What a person would call it; what most cells are and others are not is an error."""
    cells = cells_of(raw, text)
    if not cells.text:
        return Ready("number", np.full(cells.code.size, np.nan), 0, notes=cells.notes)
    lower = {word.strip().lower() for word in cells.text}
    if lower <= set(BOOLEANS):
        values = np.array([float(BOOLEANS[word.strip().lower()]) for word in cells.text])
        return Ready("number", cells.rows(values), len(lower), notes=cells.notes)
    # Numbers in Arabic or full-width digits are numbers too.
    latin = cells._replace(text=[_latin(word, text) for word in cells.text])
    plain = matches(latin, _plain_number(text))
    like = plain | matches(latin, NUMBER_LIKE)
    if cells.share(like) >= 0.5:
        return _text_numbers(raw, cells, latin, plain, text)
    iso = matches(latin, ISO_DATE)
    dated = iso | matches(latin, OTHER_DATE)
    if cells.share(dated) >= 0.5:
        return text_dates(raw, latin, iso)
    clock = matches(latin, CLOCK)
    if cells.share(clock) >= 0.5:
        return text_clock(raw, latin, clock)
    ready = _text_categories(cells)
    some = np.flatnonzero(like | dated | clock)
    if some.size:
        n_cells, k = int(cells.n_rows[some].sum()), some[0]
        told = (
            f"{n_cells:,} cells are numbers, dates or times, as {cells.text[k]!r} in row "
            f"{cells.first[k] + 1}; as most are not, all became categories"
        )
        return ready._replace(warnings=(*ready.warnings, told))
    return ready


def _latin(word: str, text: TextFormat) -> str:
    """With digits 0 to 9, whatever script they are in."""
    if word.isascii():
        return word
    # The Arabic marks of decimals and thousands say which they are.
    marks = {**MARKS, "\u066b": text.decimal, "\u066c": text.thousands or (",", ".")[text.decimal == ","]}
    return "".join(
        marks.get(c, c) if (digit := unicodedata.decimal(c, None)) is None else str(digit) for c in word
    )


def _plain_number(text: TextFormat) -> re.Pattern[str]:
    mark = re.escape(text.decimal)
    whole = r"\d+"
    if text.thousands is not None:
        group = _group(text.thousands)
        whole = rf"(?:\d{{1,3}}(?:{group}\d{{3}})+|\d{{1,2}}(?:{group}\d\d)+{group}\d{{3}}|\d+)"
    number = rf"(?:{whole}(?:{mark}\d*)?|{mark}\d+)(?:[eE][+-]?\d+)?"
    # ASCII: float() takes no other white space.
    return re.compile(rf"\s*[+-]?(?:{number}|[iI]nf(?:inity)?)\s*", re.ASCII)


def _group(thousands: str) -> str:
    return {" ": "[ \u00a0\u202f]", "'": "['\u2019]"}.get(thousands, re.escape(thousands))


def _text_numbers(raw: Raw, cells: Cells, latin: Cells, plain: Flags, text: TextFormat) -> Ready:
    if not plain.all():
        row, value = first_of(cells, ~plain)
        refuse(
            raw.name, row, value, "numbers only", _number_cure(raw.name, value, first_of(latin, ~plain)[1])
        )
    words = latin.text
    if text.thousands is not None:
        group = re.compile(_group(text.thousands))
        words = [group.sub("", word) for word in words]
    if text.decimal != ".":
        words = [word.replace(text.decimal, ".") for word in words]
    values = np.array([float(word) for word in words])
    found = cells.rows(values)
    check_finite(raw.name, found)
    warnings: tuple[str, ...] = ()
    padded = matches(latin, re.compile(PADDED))
    if padded.any():
        row, value = first_of(cells, padded)
        warnings = (_zeros(raw.name, Padded(int(cells.n_rows[padded].sum()), row, value.strip())),)
    n_distinct = int(np.unique(values).size)
    return Ready("number", found, n_distinct, notes=cells.notes, warnings=warnings, orders=True)


def _number_cure(name: str, value: str, latin: str) -> str:
    like = NUMBER_LIKE.fullmatch(latin)
    if like is None:
        return (
            f"pass na_values=[{value!r}] if it means that there is none, categories=[{name!r}] if the "
            "numbers are codes, or mend the cell"
        )
    number, group = like["number"], like["group"]
    if number != latin.strip().lstrip("+-"):
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
        return _text_categories(cells_of(raw, text))
    values = not_missing(raw.cells, text)
    if pandas_for("load_table").api.types.is_float_dtype(values) and not (values.dropna() % 1).any():
        values = values.astype("Int64")  # whole numbers that have gaps
    values = values.astype("category").cat.remove_unused_categories()
    found = values.cat.categories.tolist()
    codes = values.cat.codes.to_numpy()
    categorical = pandas_for("load_table").CategoricalDtype
    order = "file" if isinstance(raw.cells.dtype, categorical) else "numbers"
    return Ready(
        "category",
        np.where(codes < 0, np.nan, codes.astype(np.float64)),
        len(found),
        found,
        (f"codes in the order of the {order}",),
    )
