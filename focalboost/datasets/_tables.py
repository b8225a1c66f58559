"""Tables of your own: a CSV or Parquet file as a binary classification task."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import Bunch

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable
    from types import ModuleType

    import pandas as pd
    from numpy.typing import NDArray

TIME_NAMES = ("step", "time", "Time", "timestamp", "date")


def load_table(path: str | os.PathLike[str], target: str | None = None, *, time: str | None = None) -> Bunch:
    r"""Read a CSV or Parquet file as a binary classification task.

    Numbers and booleans stay what they are; date columns (a CSV has none: its dates are strings)
    become seconds since their first date; all other columns become the codes 0, 1, ... of their
    sorted distinct values.

    Parameters
    ----------
    path : path
        `.parquet`, `.pq`, `.csv`, or a compressed `.csv.gz`, `.csv.bz2`, `.csv.xz`, `.csv.zip`.
    target : str or None, default=None
        Column with the two classes; None is the last one. 0 and 1 (or false and true) keep their
        meaning; of any other two values the rarer becomes 1, of two equally rare ones the later
        by name.
    time : str or None, default=None
        Column that orders the rows: numbers, dates, or ISO 8601 strings, none missing. None takes
        the first of 'step', 'time', 'Time', 'timestamp', 'date' that is such a column, if any.

    Returns
    -------
    sklearn.utils.Bunch
        Rows are in the order of the file.

        - data : float32 array of shape (n_samples, n_features), NaN where a value is missing;
          neither the target nor the time column is in it
        - feature_names : list of str
        - target : int8 array of shape (n_samples,)
        - target_names : list of the two values that became 0 and 1
        - step : float64 array of shape (n_samples,): the time column's numbers, or seconds since
          1970 for dates; None without such a column
        - categories : dict from a coded column to the values its codes stand for
        - frame : None
        - DESCR : str

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such file, column, or pair of classes; the message names the cure.
    ImportError
        If pandas (for Parquet: or pyarrow) is not installed.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from focalboost.datasets import load_table
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "cards.csv")
    ...     _ = file.write_text("step,shop,sum,fraud\n1,web,9.5,no\n2,bar,3,no\n3,web,,yes\n")
    ...     cards = load_table(file, "fraud")
    >>> cards.data
    array([[1. , 9.5],
           [0. , 3. ],
           [1. , nan]], dtype=float32)
    >>> cards.target.tolist(), cards.target_names, cards.step.tolist(), cards.categories
    ([0, 0, 1], ['no', 'yes'], [1.0, 2.0, 3.0], {'shop': ['bar', 'web']})
    """
    file = Path(path)
    frame = _read(file)
    have = f"its columns are {listed(frame.columns)}."
    target = str(frame.columns[-1]) if target is None else target
    for parameter, name in (("target", target), ("time", time)):
        if name is not None and name not in frame:
            raise ValueError(f"{parameter} == {name!r}, must be a column of {file.name}; {have}")
    if time == target:
        raise ValueError(f"time == {time!r}, must not be the target of {file.name} too; {have}")
    labels, target_names = _two_classes(frame[target])
    time, step = _time(frame.drop(columns=target), time)
    names = [name for name in frame.columns if name not in (target, time)]
    if not names:
        raise ValueError(f"target == {target!r}, must leave a feature in {file.name}; {have}")
    data = np.empty((len(frame), len(names)), dtype=np.float32)
    categories: dict[str, list[Any]] = {}
    for place, name in enumerate(names):
        values, found = _numbers(frame[name])
        if np.isinf(values).any():
            raise ValueError(
                f"column == {name!r}, must hold finite numbers within float32 (3.4e38) or missing "
                "values; clip them, or leave the cells empty."
            )
        data[:, place] = values
        if found is not None:
            categories[str(name)] = found
    return Bunch(
        data=data,
        feature_names=[str(name) for name in names],
        target=labels,
        target_names=target_names,
        step=step,
        categories=categories,
        frame=None,
        DESCR=(
            f"{file.name}: {len(frame):,} rows, {int(labels.sum()):,} of them with {target} == "
            f"{target_names[1]!r}; time column: {time}."
        ),
    )


def listed(names: Iterable[object], most: int = 20) -> str:
    """Names for an error text."""
    shown = [repr(name) for name in names]
    return ", ".join(shown[:most] + ["..."] * (len(shown) > most))


def pandas_for(wanted_by: str) -> ModuleType:
    try:
        import pandas as pd  # noqa: PLC0415  # optional: a loss needs no tables
    except ImportError as error:
        raise ImportError(
            f"{wanted_by} needs pandas, which is not installed; run: pip install pandas pyarrow"
        ) from error
    return pd


def _read(file: Path) -> pd.DataFrame:
    pandas = pandas_for("load_table")
    if not file.is_file():
        raise FileNotFoundError(
            f"path == {str(file)!r}, must be a file; the current folder is {str(Path.cwd())!r}."
        )
    if file.suffix.lower() in (".parquet", ".pq"):
        frame: pd.DataFrame = pandas.read_parquet(file)
    elif ".csv" in (suffix.lower() for suffix in file.suffixes[-2:]):
        frame = pandas.read_csv(file, low_memory=False)
    else:
        raise ValueError(
            f"path == {str(file)!r}, must be a CSV or Parquet file; save the table as .csv, "
            ".csv.gz or .parquet."
        )
    if frame.empty:
        raise ValueError(f"path == {str(file)!r}, must hold at least one row; it has none.")
    return frame


def _two_classes(column: pd.Series[Any]) -> tuple[NDArray[np.int8], list[Any]]:
    """0 and 1 for each row, and the values they stand for."""
    n_missing = int(column.isna().sum())
    if n_missing:
        raise ValueError(
            f"target == {column.name!r}, must have a class in every row; {n_missing} of "
            f"{len(column)} have none: label or drop them."
        )
    counts = column.astype(object).value_counts()
    values = sorted(counts.index, key=lambda value: (-counts[value], str(value)))
    if len(values) != 2:
        raise ValueError(
            f"target == {column.name!r}, must have two classes; it has {len(values)}: "
            f"{listed(values, 5)}. Name another column, or map this one to 0 and 1."
        )
    if {str(value) for value in values} in ({"0", "1"}, {"0.0", "1.0"}, {"False", "True"}):
        values.sort(key=str)
    return (column == values[1]).to_numpy(dtype=np.int8), values


def _time(frame: pd.DataFrame, name: str | None) -> tuple[str | None, NDArray[np.float64] | None]:
    """The asked-for time column, or the first well-known one that can be read, or none."""
    for candidate in TIME_NAMES if name is None else (name,):
        step = _seconds(frame[candidate]) if candidate in frame else None
        if step is not None:
            return candidate, step
    if name is not None:
        raise ValueError(
            f"time == {name!r}, must hold a number, a date or an ISO 8601 string in every row; "
            "fill the gaps, or name another column."
        )
    return None, None


def _seconds(column: pd.Series[Any]) -> NDArray[np.float64] | None:
    """Numbers as they are, dates as seconds since 1970, None if any row is neither."""
    pandas = pandas_for("load_table")
    types = pandas.api.types
    if types.is_bool_dtype(column):
        return None
    if types.is_timedelta64_dtype(column):
        column = column.dt.total_seconds()
    elif not types.is_numeric_dtype(column):
        dates = pandas.to_datetime(column, errors="coerce", format="ISO8601", utc=True)
        column = (dates - pandas.Timestamp(0, tz="UTC")) / pandas.Timedelta(seconds=1)
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    return values if np.isfinite(values).all() else None


def _numbers(column: pd.Series[Any]) -> tuple[NDArray[np.float32], list[Any] | None]:
    """A feature as float32, NaN where missing, and the values behind its codes if it is coded."""
    types = pandas_for("load_table").api.types
    found = None
    if types.is_datetime64_any_dtype(column) or types.is_timedelta64_dtype(column):
        # From the first one: counted from 1970, float32 would round to two minutes.
        column = (column - column.min()).dt.total_seconds()
    elif not types.is_numeric_dtype(column):  # booleans are numeric here
        column = column.astype("category").cat.remove_unused_categories()
        found = column.cat.categories.tolist()
        column = column.cat.codes.where(column.notna())
    with np.errstate(over="ignore"):  # the caller refuses the infinities this makes
        return column.to_numpy(dtype=np.float64, na_value=np.nan).astype(np.float32), found
