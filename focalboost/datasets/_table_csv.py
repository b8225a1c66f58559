"""From a CSV file to its columns as they are there, or an error that names the path and the cure."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import re
import warnings
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NoReturn

from focalboost.datasets._optional import listed, pandas_for
from focalboost.datasets._table_raw import (
    HEAD,
    PADDED,
    AsWritten,
    Padded,
    Raw,
    TextFormat,
    check_kind,
    check_names,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

COMPRESSED = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zip": "ZIP"}
SEPARATORS = (",", ";", "\t", "|")
BROKEN = (OSError, EOFError, RuntimeError, zlib.error, lzma.LZMAError, zipfile.BadZipFile)


def read_csv(file: Path, text: TextFormat, as_written: AsWritten) -> list[Raw]:
    pandas = pandas_for("load_table")
    expected = COMPRESSED.get(file.suffix.lower(), "")
    check_kind(file, file.open("rb"), expected)
    sep = "," if text.sep is None else text.sep
    encoding = "utf-8-sig" if text.encoding is None else text.encoding  # without the mark that Excel writes
    try:
        if expected:
            check_kind(file, _open(file), "")
        _check_text(file, text)
        names = _check_header(file, sep, encoding)
        with _open(file) as packed, warnings.catch_warnings():
            handle = _ZeroBytes(packed)
            # More cells than names: pandas would cut them off.
            warnings.simplefilter("error", pandas.errors.ParserWarning)
            # "1.234" is no number where the decimal mark is a comma: `_table_columns` reads it.
            is_text = text.decimal != "." or text.thousands == "."
            types = str if is_text else dict.fromkeys(as_written.exact & set(names), str)
            frame = _frame(io.BufferedReader(handle), sep, encoding, text, dtype=types)
        padded = _padded(file, sep, encoding, text, frame)
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
            f"in pairs; pandas says: {reason.rstrip('.')}. Mend the line, remove lines above the names, put "
            f"cells that hold {sep!r} into quotes, or pass sep=."
        ) from error
    except BROKEN as error:
        raise ValueError(
            f"path == {str(file)!r}, must be a whole {expected or 'CSV'} file; reading stopped with: {error}."
            " Copy or download it again."
        ) from error
    columns = [_column(str(name), frame[name]) for name in frame.columns]
    return [_as_written(raw, padded[raw.name], as_written) if raw.name in padded else raw for raw in columns]


def _frame(handle: Any, sep: str, encoding: str, text: TextFormat, **options: Any) -> pd.DataFrame:
    frame: pd.DataFrame = pandas_for("load_table").read_csv(
        handle,
        sep=sep,
        encoding=encoding,
        index_col=False,
        keep_default_na=False,
        na_values=["", *text.na_values],
        low_memory=False,
        **options,
    )
    return frame


def _padded(
    file: Path, sep: str, encoding: str, text: TextFormat, frame: pd.DataFrame
) -> dict[str, pd.Series[Any]]:
    """Columns that pandas read as numbers and that have cells such as 007, as they are written."""
    types = pandas_for("load_table").api.types
    whole = [
        name
        for name in frame.columns
        if types.is_integer_dtype(frame[name])
        or (types.is_float_dtype(frame[name]) and _are_whole(frame[name].dropna()))
    ]
    if not whole or not _zeros_lead(file, sep, encoding):
        return {}
    with _open(file) as handle:
        written = _frame(handle, sep, encoding, text, usecols=whole, dtype=str)
    return {name: written[name] for name in whole if written[name].str.fullmatch(PADDED, na=False).any()}


def _are_whole(values: pd.Series[Any]) -> bool:
    return bool(values.size) and bool((values % 1 == 0).all())


def _zeros_lead(file: Path, sep: str, encoding: str) -> bool:
    """Whether any cell begins like 007."""
    begins = re.compile(rf"(?:^|[{re.escape(sep)}\"])[ \t]*[+-]?0[0-9]", re.MULTILINE)
    rest = ""  # of a line that was read in part
    with _open(file) as handle, io.TextIOWrapper(handle, encoding=encoding) as text:
        for some in iter(lambda: text.read(2**20), ""):
            whole = rest + some
            if begins.search(whole):
                return True
            rest = whole[whole.rfind("\n") + 1 :]
    return False


def _as_written(raw: Raw, written: pd.Series[Any], as_written: AsWritten) -> Raw:
    """Of numbers with zeros in front: the text where they are codes, else a word on it."""
    if raw.name in as_written.codes:
        return Raw(raw.name, "text", "text", written)
    found = written.str.fullmatch(PADDED, na=False).to_numpy(dtype=bool)
    row = int(found.argmax())
    return raw._replace(padded=Padded(int(found.sum()), row, str(written.iloc[row]).strip()))


def _column(name: str, values: pd.Series[Any]) -> Raw:
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
        rows = (row for row in csv.reader(lines, delimiter=sep) if row)
        names, second = next(rows, []), next(rows, [])
    line = sep.join(names)
    of_excel = re.fullmatch(r"sep=(.)", line, re.IGNORECASE)
    if of_excel:
        raise ValueError(
            f"path == {str(file)!r}, must have its names in the first line; that line is {line!r}, which "
            f"only Excel understands: remove it, and pass sep={of_excel[1]!r}."
        )
    other = max((mark for mark in SEPARATORS if mark != sep), key=line.count)
    if len(names) == 1 and other in line:
        raise ValueError(
            f"path == {str(file)!r}, must have its names in the first line, with {sep!r} between them; "
            f"that line is {line[:80]!r}: pass sep={other!r}."
        )
    n_second = max(_n_full(sep.join(second).split(mark)) for mark in {sep, *SEPARATORS})
    if names and names[0].strip() and _n_full(names) == 1 < n_second:  # a title, or a date of export
        raise ValueError(
            f"path == {str(file)!r}, must have its names in the first line; that line is {line[:80]!r}, and "
            f"the next one {sep.join(second)[:80]!r}: remove what stands above the names."
        )
    check_names(f"path == {str(file)!r}", [name for name in names if name])
    numbers = [name for name in names if re.fullmatch(r"\s*-?\d+(\.\d*)?([eE][+-]?\d+)?\s*", name)]
    if len(numbers) == len(names) and names not in ([str(k + s) for k in range(len(names))] for s in (0, 1)):
        raise ValueError(
            f"path == {str(file)!r}, must have names in its first line; there are numbers: "
            f"{listed(names, 5)}. Write a line of names above them."
        )
    return names


def _n_full(cells: list[str]) -> int:
    return sum(1 for cell in cells if cell.strip())


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
