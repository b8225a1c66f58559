"""A column as a file has it, and what all formats of files share."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, Literal, NamedTuple

Form = Literal["number", "boolean", "text", "category", "date", "clock", "duration", "index", "unusable"]
PADDED = r"\s*[+-]?0[0-9]+\s*"  # a number with zeros in front, that may be a code
HEAD = 4096  # bytes that tell what kind of file it is
# What files of other kinds begin with, and what to do with them.
BEGINNINGS: tuple[tuple[bytes, str, str], ...] = (
    (b"PAR1", "Parquet", "name it .parquet"),
    (b"\x1f\x8b", "gzip", "name it .csv.gz"),
    (b"BZh", "bzip2", "name it .csv.bz2"),
    (b"\xfd7zXZ", "xz", "name it .csv.xz"),
    (b"PK\x03\x04", "ZIP", "save the table as .csv if it is an Excel workbook, else name it .csv.zip"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "save the table as .csv"),
    (b"ARROW1", "Arrow", "write it as .parquet"),
    (b"SQLite format 3", "SQLite", "write its table as .csv or .parquet"),
    (b"%PDF", "PDF", "save the table as .csv"),
    (b"version https://git-lfs", "a pointer of Git LFS", "run: git lfs pull"),
    (b"<!doctype", "a web page", "download the file itself"),
    (b"<html", "a web page", "download the file itself"),
    (b"<?xml", "XML", "save the table as .csv"),
    (b'{"', "JSON", "save the table as .csv"),
    (b"[{", "JSON", "save the table as .csv"),
)


class TextFormat(NamedTuple):
    """How numbers and missing values are written, and for a CSV file how cells are."""

    sep: str | None
    encoding: str | None
    decimal: str
    thousands: str | None
    na_values: tuple[str, ...]


class AsWritten(NamedTuple):
    """Columns whose values must not be rounded or merged, as 007 and 7 are among numbers."""

    exact: frozenset[str] = frozenset()  # whatever they look like
    codes: frozenset[str] = frozenset()  # where zeros stand in front
    unused: frozenset[str] = frozenset()


class Padded(NamedTuple):
    """Cells such as 007 of a column that was read as numbers."""

    n_cells: int
    row: int
    cell: str


class Raw(NamedTuple):
    """A column as the file has it.

    `cells` is a pandas Series: numbers, booleans, text or categories; of a date, a time of day and a
    duration its seconds, dates since 1970, as float64.
    """

    name: str
    kind: str
    form: Form
    cells: Any
    zone: bool = False  # whether the dates say their time zone
    padded: Padded | None = None


def check_kind(file: Path, opened: Any, expected: str) -> None:
    """Against a file of another kind behind the suffix; `expected` is "" for text."""
    with opened as handle:
        head = handle.read(HEAD).lstrip(b"\xef\xbb\xbf \r\n").lower()
    for beginning, kind, cure in BEGINNINGS:
        if head.startswith(beginning.lower()):
            if kind == expected:
                return
            raise ValueError(
                f"path == {str(file)!r}, must be {expected or 'CSV'} as its name says; by its first bytes it "
                f"is {kind}: {cure}."
            )
    if expected:
        raise ValueError(
            f"path == {str(file)!r}, must be {expected} as its name says; its first bytes are {head[:8]!r}. "
            "Name it .csv if it is text, or copy it again."
        )


def check_names(source: str, names: list[str]) -> None:
    """`source` is the argument and its value."""
    doubled = [f"{name!r} ({count} times)" for name, count in Counter(names).items() if count > 1]
    if doubled:
        raise ValueError(
            f"{source}, must have a name of its own for each column; doubled are "
            f"{', '.join(doubled[:5])}. Rename or remove all but one."
        )
