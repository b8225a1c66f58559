"""From a file to its columns as they are there, or an error that names the path and the cure."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import re
import warnings
import zipfile
import zlib
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, NamedTuple, NoReturn

from focalboost.datasets._optional import listed, pandas_for, pyarrow_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

Form = Literal["number", "boolean", "text", "category", "date", "clock", "duration", "index", "unusable"]
COMPRESSED = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zip": "ZIP"}
SEPARATORS = (",", ";", "\t", "|")
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
BROKEN = (OSError, EOFError, RuntimeError, zlib.error, lzma.LZMAError, zipfile.BadZipFile)


class TextFormat(NamedTuple):
    """How numbers and missing values are written, and for a CSV file how cells are."""

    sep: str | None
    encoding: str | None
    decimal: str
    thousands: str | None
    na_values: tuple[str, ...]


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


def read(file: Path, text: TextFormat) -> list[Raw]:
    """All columns, in the order of the file."""
    if file.is_dir():
        raise IsADirectoryError(
            f"path == {str(file)!r}, must be one file; it is a folder of "
            f"{listed(sorted(entry.name for entry in file.iterdir()), 3)}. Name one of its files, or write "
            "them into one: pandas.read_parquet(folder).to_parquet(file)."
        )
    if not file.is_file():
        raise FileNotFoundError(
            f"path == {str(file)!r}, must be a file; the current folder is {str(Path.cwd())!r}."
        )
    suffixes = [suffix.lower() for suffix in file.suffixes[-2:]]
    if suffixes[-1:] in ([".parquet"], [".pq"]):
        columns = _parquet(file, text)
    elif suffixes[-1:] == [".csv"] or (suffixes[:1] == [".csv"] and suffixes[-1] in COMPRESSED):
        columns = _csv(file, text)
    else:
        raise ValueError(
            f"path == {str(file)!r}, must be a CSV or Parquet file; save the table as .csv, "
            ".csv.gz or .parquet."
        )
    if not columns or len(columns[0].cells) == 0:
        raise ValueError(f"path == {str(file)!r}, must hold at least one row; it has none.")
    return columns


# ---------------------------------------------------------------------- CSV
def _csv(file: Path, text: TextFormat) -> list[Raw]:
    pandas = pandas_for("load_table")
    expected = COMPRESSED.get(file.suffix.lower(), "")
    _check_kind(file, file.open("rb"), expected)
    sep = "," if text.sep is None else text.sep
    encoding = "utf-8-sig" if text.encoding is None else text.encoding  # without the mark that Excel writes
    try:
        if expected:
            _check_kind(file, _open(file), "")
        _check_text(file, text)
        names = _check_header(file, sep, encoding)
        with _open(file) as packed, warnings.catch_warnings():
            handle = _ZeroBytes(packed)
            # More cells than names: pandas would cut them off.
            warnings.simplefilter("error", pandas.errors.ParserWarning)
            frame = pandas.read_csv(
                io.BufferedReader(handle),
                sep=sep,
                encoding=encoding,
                # "1.234" is no number where the decimal mark is a comma: `_table_columns` reads it.
                dtype=str if text.decimal != "." or text.thousands == "." else None,
                index_col=False,
                keep_default_na=False,
                na_values=["", *text.na_values],
                low_memory=False,
            )
        if handle.found and b"\0" not in ",".encode(encoding):
            raise ValueError(f"path == {str(file)!r}, must be text; it holds zero bytes: copy it again.")
        if frame.size and frame[frame.columns[-1]].isna().any():
            _check_short_rows(file, sep, encoding, len(names))
    except UnicodeError:
        _wrong_encoding(file, text.encoding)
    except (pandas.errors.ParserError, pandas.errors.ParserWarning, csv.Error) as error:
        reason = str(error).strip().removeprefix("Error tokenizing data. C error: ")
        raise ValueError(
            f"path == {str(file)!r}, must have as many cells in each line as names in the first, with quotes "
            f"in pairs; pandas says: {reason} Mend the line, put cells that hold {sep!r} into quotes, "
            "or pass sep=."
        ) from error
    except BROKEN as error:
        raise ValueError(
            f"path == {str(file)!r}, must be a whole {expected or 'CSV'} file; reading stopped with: {error}."
            " Copy or download it again."
        ) from error
    return [_csv_column(str(name), frame[name]) for name in frame.columns]


def _csv_column(name: str, values: pd.Series[Any]) -> Raw:
    types = pandas_for("load_table").api.types
    if types.is_bool_dtype(values):
        return Raw(name, "bool", "boolean", values)
    if types.is_numeric_dtype(values):
        return Raw(name, str(values.dtype), "number", values)
    inferred = types.infer_dtype(values, skipna=True)
    if inferred == "boolean":  # with gaps
        return Raw(name, "bool", "boolean", values.astype("boolean"))
    if inferred == "integer":  # beyond 64 bits
        return Raw(name, "int", "number", values.astype("float64"))
    return Raw(name, "text", "text", values)


class _ZeroBytes(io.RawIOBase):
    """Bytes as they are read, and whether there was a 0 among them, as a full disk or a broken copy leaves.

    Pandas 2 ends a cell there without a word.
    """

    def __init__(self, handle: IO[bytes]) -> None:
        self.handle, self.found = handle, False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self.handle.read(len(buffer))
        buffer[: len(data)] = data
        self.found = self.found or b"\0" in data
        return len(data)


@contextmanager
def _open(file: Path) -> Iterator[IO[bytes]]:
    """The bytes of the text, whatever they are packed in."""
    kind = COMPRESSED.get(file.suffix.lower())
    if kind == "ZIP":
        with zipfile.ZipFile(file) as archive:
            members = [name for name in archive.namelist() if not re.match(r"__MACOSX/|.*/$", name)]
            if len(members) != 1:
                raise RuntimeError(f"it holds {len(members)} files, must hold one: {listed(members, 3)}")
            with archive.open(members[0]) as handle:
                yield handle
        return
    openers: dict[str, Any] = {"gzip": gzip.open, "bzip2": bz2.open, "xz": lzma.open}
    with openers.get(str(kind), open)(file, "rb") as handle:
        yield handle


def _check_kind(file: Path, opened: Any, expected: str) -> None:
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


def _check_text(file: Path, text: TextFormat) -> None:
    with _open(file) as handle:
        head = handle.read(HEAD)
    if not head.strip():
        raise ValueError(f"path == {str(file)!r}, must hold a line of names and rows; it is empty.")
    if text.encoding is None and b"\0" in head:
        # Every second byte of UTF-16 is 0 where the text is English.
        cure = (
            "pass encoding='utf-16'" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "save the table as .csv"
        )
        raise ValueError(f"path == {str(file)!r}, must be text in UTF-8; it holds zero bytes: {cure}.")


def _check_header(file: Path, sep: str, encoding: str) -> list[str]:
    with _open(file) as handle, io.TextIOWrapper(handle, encoding=encoding, newline="") as lines:
        names: list[str] = next((row for row in csv.reader(lines, delimiter=sep) if row), [])
    line = sep.join(names)
    other = max((mark for mark in SEPARATORS if mark != sep), key=line.count)
    if len(names) == 1 and other in line:
        raise ValueError(
            f"path == {str(file)!r}, must have its names in the first line, with {sep!r} between them; "
            f"that line is {line[:80]!r}: pass sep={other!r}."
        )
    _check_names(file, [name for name in names if name])
    numbers = [name for name in names if re.fullmatch(r"\s*-?\d+(\.\d*)?([eE][+-]?\d+)?\s*", name)]
    if len(numbers) == len(names) and names not in ([str(k + s) for k in range(len(names))] for s in (0, 1)):
        raise ValueError(
            f"path == {str(file)!r}, must have names in its first line; there are numbers: "
            f"{listed(names, 5)}. Write a line of names above them."
        )
    return names


def _check_names(file: Path, names: list[str]) -> None:
    doubled = [f"{name!r} ({count} times)" for name, count in Counter(names).items() if count > 1]
    if doubled:
        raise ValueError(
            f"path == {str(file)!r}, must have a name of its own for each column; doubled are "
            f"{', '.join(doubled[:5])}. Rename or remove all but one."
        )


def _check_short_rows(file: Path, sep: str, encoding: str, n_names: int) -> None:
    """Pandas fills up rows that end too early, as the last one of a cut file does."""
    with _open(file) as handle, io.TextIOWrapper(handle, encoding=encoding, newline="") as lines:
        rows = csv.reader(lines, delimiter=sep)
        for row in rows:
            if len(row) < n_names and any(map(str.strip, row)):
                raise ValueError(
                    f"path == {str(file)!r}, must have {n_names} cells in each line; line {rows.line_num} "
                    f"has {len(row)}: {sep.join(row)[:80]!r}. Mend it; if it is the last, the file was cut: "
                    "copy it again."
                )


def _wrong_encoding(file: Path, encoding: str | None) -> NoReturn:
    name = encoding or "utf-8"
    with _open(file) as handle:
        for number, line in enumerate(handle, 1):
            try:
                line.decode(name)
            except UnicodeError as error:
                bad = line[getattr(error, "start", 0) :][:1]
                cure = "pass encoding='cp1252' (Windows, Western Europe), 'latin-1' or what it was written in"
                raise ValueError(
                    f"path == {str(file)!r}, must be text in {name}; line {number} holds the byte {bad!r}: "
                    f"{cure}."
                ) from error
    raise ValueError(f"path == {str(file)!r}, must be text in {name}; pass the encoding it was written in.")


# ---------------------------------------------------------------------- Parquet
def _parquet(file: Path, text: TextFormat) -> list[Raw]:
    pandas_for("load_table")
    parquet = pyarrow_for("load_table of a Parquet file")
    for parameter in ("sep", "encoding"):
        if getattr(text, parameter) is not None:
            raise ValueError(
                f"{parameter} == {getattr(text, parameter)!r}, must be None for a Parquet file, which says "
                "that itself."
            )
    _check_kind(file, file.open("rb"), "Parquet")
    with _arrow_errors(file):
        # Spark's 96 bits in nanoseconds would make a wrong year of 9999.
        opened = parquet.ParquetFile(file, coerce_int96_timestamp_unit="us")
    with opened:
        with _arrow_errors(file):
            schema = opened.schema_arrow
            names = list(schema.names)
            index = _pandas_index(schema)
        _check_names(file, names)
        with _arrow_errors(file):
            table = opened.read()
            table.validate(full=True)  # text that is none, codes beyond their dictionary
    names.sort(key=lambda name: name not in index)  # as reset_index() puts them
    return [_parquet_column(name, table.column(name), name in index) for name in names]


@contextmanager
def _arrow_errors(file: Path) -> Iterator[None]:
    import pyarrow as pa  # noqa: PLC0415  # an extra; loaded by now

    try:
        yield
    except (pa.ArrowException, OSError, UnicodeError, json.JSONDecodeError) as error:
        raise ValueError(
            f"path == {str(file)!r}, must be a whole Parquet file; pyarrow says: {error}. Copy it or write "
            "it again."
        ) from error


def _pandas_index(schema: Any) -> set[str]:
    """Columns that were the index of the frame that was written."""
    written = json.loads((schema.metadata or {}).get(b"pandas", b"{}")).get("index_columns", [])
    return {name for name in written if isinstance(name, str) and name in schema.names}


def _parquet_column(name: str, column: Any, is_index: bool) -> Raw:  # noqa: PLR0911  # one for each kind
    import pyarrow as pa  # noqa: PLC0415  # an extra; loaded by now

    kind, types = str(column.type), pa.types
    if is_index and re.fullmatch(r"__index_level_\d+__", name):
        return Raw(name, kind, "index", column.to_pandas())
    of = column.type
    if types.is_dictionary(of) and _is_text(of.value_type):  # pyarrow restores those of text only
        return Raw(name, f"dictionary of {of.value_type}", "category", column.to_pandas())
    if types.is_boolean(of):
        return Raw(name, kind, "boolean", column.to_pandas().astype("boolean"))
    if types.is_integer(of) or types.is_floating(of):
        return Raw(name, kind, "number", column.to_pandas())
    if types.is_decimal(of) or types.is_null(of):
        return Raw(name, kind, "number", column.cast(pa.float64()).to_pandas())
    if _is_text(of):
        return Raw(name, kind, "text", column.to_pandas())
    form: Form = "unusable"
    if types.is_date(of) or types.is_timestamp(of):
        form = "date"
    elif types.is_time(of):
        form = "clock"
    elif types.is_duration(of):
        form = "duration"
    if form == "unusable":
        return Raw(name, kind, form, column)
    per_second = 1 / 86_400
    if not types.is_date32(of):
        per_second = {"s": 1, "ms": 1e3, "us": 1e6, "ns": 1e9}["ms" if types.is_date64(of) else of.unit]
    ticks = column.cast(pa.int32() if of.bit_width == 32 else pa.int64())
    seconds = ticks.cast(pa.float64(), safe=False).to_pandas() / per_second
    return Raw(name, kind, form, seconds, zone=types.is_timestamp(of) and of.tz is not None)


def _is_text(kind: Any) -> bool:
    import pyarrow as pa  # noqa: PLC0415  # an extra; loaded by now

    types = pa.types
    is_view = getattr(types, "is_string_view", None)  # pyarrow 16
    return bool(types.is_string(kind) or types.is_large_string(kind) or (is_view and is_view(kind)))
