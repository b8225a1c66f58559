"""Cells of a column as text, and what became of the column."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, NoReturn, TypeAlias

import numpy as np
from numpy.typing import NDArray

from focalboost.datasets._optional import pandas_for
from focalboost.datasets._table_raw import Raw, TextFormat

if TYPE_CHECKING:
    import pandas as pd

Floats: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]
Integers: TypeAlias = NDArray[np.int64]

LARGEST = float(np.finfo(np.float32).max)
# Words for a missing value, in text: those of pandas.read_csv.
MISSING_WORDS = frozenset(
    [
        *("#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>"),
        *("N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
    ]
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


def refuse(name: str, row: int, value: object, rule: str, cure: str) -> NoReturn:
    """Rows are counted from 1, below the line of names."""
    raise ValueError(
        f"column == {name!r}, must hold {rule}; row {row + 1} (the first is 1) holds {value!r}: {cure}."
    )


def refuse_kind(raw: Raw) -> NoReturn:
    nested = re.match(r"(large_)?(list|fixed_size_list|struct|map)", raw.kind)
    cure = "write its parts as columns of their own" if nested else "write it as text, numbers or dates"
    raise ValueError(
        f"column == {raw.name!r}, must hold numbers, dates or text; it holds {raw.kind[:80]}: {cure}, or "
        f"pass drop=[{raw.name!r}]."
    )


def not_missing(values: pd.Series[Any], text: TextFormat) -> pd.Series[Any]:
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


def check_finite(name: str, values: Floats) -> None:
    bad = np.flatnonzero(np.isinf(values) | (np.abs(values) > LARGEST))
    if bad.size:
        refuse(
            name,
            int(bad[0]),
            float(values[bad[0]]),
            "finite numbers within float32 (3.4e38) or missing values",
            "clip such cells or leave them empty",
        )


def cells_of(raw: Raw, text: TextFormat) -> Cells:
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


def matches(cells: Cells, pattern: re.Pattern[str]) -> Flags:
    return np.array([pattern.fullmatch(word) is not None for word in cells.text], dtype=bool)


def first_of(cells: Cells, wrong: Flags) -> tuple[int, str]:
    """Row and text of the first cell that is wrong."""
    chosen = np.flatnonzero(wrong)
    k = chosen[np.argmin(cells.first[chosen])]
    return int(cells.first[k]), cells.text[k]
