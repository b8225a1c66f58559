"""From a Parquet file or a DataFrame to its columns as they are there, or an error with the cure."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from focalboost.datasets._optional import pandas_for, pyarrow_for
from focalboost.datasets._table_raw import (
    AsWritten,
    Form,
    Raw,
    TextFormat,
    check_kind,
    check_names,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd


def read_parquet(file: Path, text: TextFormat, as_written: AsWritten) -> list[Raw]:
    pandas_for("load_table")
    parquet = pyarrow_for("load_table of a Parquet file")
    _check_format(text, "a Parquet file, which says that itself")
    check_kind(file, file.open("rb"), "Parquet")
    with _arrow_errors(file):
        # Spark's 96 bits in nanoseconds would make a wrong year of 9999.
        opened = parquet.ParquetFile(file, coerce_int96_timestamp_unit="us")
    with opened:
        with _arrow_errors(file):
            names = list(opened.schema_arrow.names)
        check_names(f"path == {str(file)!r}", names)
        with _arrow_errors(file):
            table = opened.read()
            table.validate(full=True)  # text that is none, codes beyond their dictionary
            return _columns(table, as_written)


def read_frame(frame: pd.DataFrame, text: TextFormat, as_written: AsWritten) -> list[Raw]:
    """By way of Parquet, in memory: a DataFrame and the file that it is written to become the same."""
    pandas, parquet = pandas_for("load_table"), pyarrow_for("load_table of a DataFrame")
    import pyarrow as pa  # noqa: PLC0415  # an extra; loaded by now

    _check_format(text, "a DataFrame, which has cells already")
    if len(frame) == 0 or len(frame.columns) == 0:
        raise ValueError(
            f"path == a DataFrame of shape {frame.shape}, must hold at least one row and column."
        )
    frame = frame.set_axis([str(name) for name in frame.columns], axis=1)
    check_names("path == a DataFrame", list(frame.columns))
    for name in frame.columns:  # Arrow has no sparse columns, and a booster is given none
        if isinstance(frame[name].dtype, pandas.SparseDtype):
            frame[name] = frame[name].astype(frame[name].dtype.subtype)  # type: ignore[union-attr]  # is sparse
    for name in as_written.unused & set(frame.columns):
        if not _fits(frame[name]):
            frame[name] = frame[name].map(str, na_action="ignore")
    sink = pa.BufferOutputStream()
    try:
        parquet.write_table(pa.Table.from_pandas(frame), sink, compression="none")
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise _unwritable(frame, error) from error
    return _columns(parquet.read_table(pa.BufferReader(sink.getvalue())), as_written)


def _fits(column: pd.Series[Any]) -> bool:
    """Whether Arrow has a type for all of its cells; none has for numbers and text."""
    import pyarrow as pa  # noqa: PLC0415  # an extra; loaded by now

    try:
        pa.Array.from_pandas(column)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return False
    return True


def _unwritable(frame: pd.DataFrame, error: Exception) -> ValueError:
    for name in frame.columns:
        if not _fits(frame[name]):
            kinds = sorted({type(cell).__name__ for cell in frame[name].dropna()})
            return ValueError(
                f"column == {name!r}, must hold cells of one kind; it holds {', '.join(kinds[:5])}: convert "
                f"it, as with .astype(str), or pass drop=[{name!r}]."
            )
    return ValueError(f"path == a DataFrame, must be one that Parquet can hold; pyarrow says: {error}.")


def _check_format(text: TextFormat, source: str) -> None:
    for parameter in ("sep", "encoding"):
        if getattr(text, parameter) is not None:
            raise ValueError(f"{parameter} == {getattr(text, parameter)!r}, must be None for {source}.")


def _columns(table: Any, as_written: AsWritten) -> list[Raw]:
    said = json.loads((table.schema.metadata or {}).get(b"pandas", b"{}"))
    # The index of the frame that was written, and columns of categories that are no text.
    index = {name for name in said.get("index_columns", []) if name in table.column_names}
    coded = {
        column.get("field_name")
        for column in said.get("columns", [])
        if column.get("pandas_type") == "categorical"
    }
    # The index first, as reset_index() puts it.
    names = sorted(table.column_names, key=lambda name: name not in index)
    columns = [_column(name, table.column(name), name in index, as_written) for name in names]
    return [
        raw._replace(form="category") if raw.name in coded and raw.form in ("number", "boolean") else raw
        for raw in columns
    ]


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


def _column(name: str, column: Any, is_index: bool, as_written: AsWritten) -> Raw:  # noqa: PLR0911  # one for each kind
    import pyarrow as pa  # noqa: PLC0415  # an extra; loaded by now

    kind, types = str(column.type), pa.types
    if is_index and re.fullmatch(r"__index_level_\d+__", name):
        return Raw(name, kind, "index", column.to_pandas())
    of = column.type
    if types.is_dictionary(of) and _is_text(of.value_type):  # pyarrow restores those of text only
        return Raw(name, f"dictionary of {of.value_type}", "category", column.to_pandas())
    if types.is_boolean(of):
        return Raw(name, kind, "boolean", column.to_pandas().astype("boolean"))
    if name in as_written.exact and types.is_integer(of) and column.null_count:
        pandas = pandas_for("load_table")  # whole numbers above 2**53 stay what they are
        if types.is_uint64(of):
            return Raw(name, kind, "number", column.to_pandas(types_mapper={of: pandas.UInt64Dtype()}.get))
        cells = column.cast(pa.int64()).to_pandas(types_mapper={pa.int64(): pandas.Int64Dtype()}.get)
        return Raw(name, kind, "number", cells)
    if name in as_written.exact and types.is_decimal(of) and of.scale == 0:
        return Raw(name, kind, "text", column.cast(pa.string()).to_pandas())
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
