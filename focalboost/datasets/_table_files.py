"""From a file or a DataFrame to its columns as they are there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from focalboost.datasets._optional import listed
from focalboost.datasets._table_csv import COMPRESSED, read_csv
from focalboost.datasets._table_parquet import read_frame, read_parquet
from focalboost.datasets._table_raw import AsWritten, Raw, TextFormat

if TYPE_CHECKING:
    import pandas as pd


def read(source: Path | pd.DataFrame, text: TextFormat, as_written: AsWritten) -> list[Raw]:
    """All columns, in the order of the file."""
    if not isinstance(source, Path):
        return read_frame(source, text, as_written)
    file = source
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
        columns = read_parquet(file, text, as_written)
    elif suffixes[-1:] == [".csv"] or (suffixes[:1] == [".csv"] and suffixes[-1] in COMPRESSED):
        columns = read_csv(file, text, as_written)
    else:
        raise ValueError(
            f"path == {str(file)!r}, must be a CSV or Parquet file; save the table as .csv, "
            ".csv.gz or .parquet."
        )
    if not columns or len(columns[0].cells) == 0:
        raise ValueError(f"path == {str(file)!r}, must hold at least one row; it has none.")
    return columns


def as_source(path: Any) -> Path | pd.DataFrame:
    """A path, or a DataFrame of pandas."""
    kind = type(path)
    if kind.__name__ == "DataFrame" and kind.__module__.partition(".")[0] == "pandas":
        return path  # type: ignore[no-any-return]
    if hasattr(path, "to_pandas"):
        raise TypeError(
            f"path == a {kind.__module__}.{kind.__name__}, must be a path or a pandas DataFrame: pass "
            "table.to_pandas()."
        )
    try:
        return Path(path)
    except TypeError as error:
        raise TypeError(
            f"path == a {kind.__module__}.{kind.__name__}, must be a path or a pandas DataFrame."
        ) from error
