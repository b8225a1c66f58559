"""What is compared on: a file, arrays or simulated transactions, as rows and what is known of each."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from focalboost import _validation
from focalboost.comparison._extra import extra, load_pandas
from focalboost.comparison._types import Task
from focalboost.datasets import load_table, make_transactions

if TYPE_CHECKING:
    import os

    import pandas as pd
    from sklearn.utils import Bunch

CALLED_TIME = ("step", "time", "timestamp", "date")  # by which `load_table` knows a time column of a file
SIMULATED_FROM = "2025-01-01T00"  # the simulated hours count from here
# 400 frauds, of which about 80 are held out: enough for an interval, few enough to tune on in a minute.
SIMULATED_ROWS = 30_000
SIMULATED_RATIO = 74


def task_from_file(
    path: str | os.PathLike[str],
    *,
    target: str | None = None,
    time: str | Literal[False] | None = None,
    group: str | None = None,
    amount: str | None = None,
    positive: object = None,
    drop: str | Iterable[str] = (),
    categories: str | Iterable[str] = (),
    dates: Mapping[str, str] | None = None,
    na_values: str | Iterable[str] = (),
    sep: str | None = None,
    encoding: str | None = None,
    decimal: str = ".",
    thousands: str | None = None,
) -> Task:
    """Of a CSV or Parquet file; all arguments are those of `focalboost.datasets.load_table`."""
    load_pandas()
    if Path(path).suffix.lower() in (".parquet", ".pq"):
        extra("pyarrow.parquet")
    bunch = load_table(
        path,
        target,
        time=time,
        group=group,
        amount=amount,
        positive=positive,
        drop=drop,
        categories=categories,
        dates=dates,
        na_values=na_values,
        sep=sep,
        encoding=encoding,
        decimal=decimal,
        thousands=thousands,
    )
    return _task(bunch, Path(path).name, amount)


def task_from_arrays(
    X: Any,
    y: Any,
    *,
    time: Any = None,
    groups: Any = None,
    amount: Any = None,
    positive: object = None,
    drop: str | Iterable[str] = (),
) -> Task:
    """Of a DataFrame or an array, with labels, times, groups and amounts as columns of it or beside it.

    Parameters
    ----------
    X : DataFrame or array-like of shape (n_samples, n_features)
        Its index is not looked at. Columns of an array are named x0, x1, ...
    y : array-like of shape (n_samples,), or name of a column of X
        Two classes.
    time, groups, amount : array-like of shape (n_samples,), name of a column of X, or None
        Times order the rows: numbers or dates; None or False is none, whatever columns are called. Groups
        say whose a row is. Amounts are >= 0; a column of X stays a feature.
    positive, drop
        As for `load_table`.

    Returns
    -------
    Task

    Raises
    ------
    ValueError
        If shapes or lengths differ, or a column cannot be used.
    """
    load_pandas()
    extra("pyarrow.parquet")
    frame = _frame(X)
    index = getattr(X, "index", None)
    columns = [str(name) for name in frame.columns]
    target = _placed(frame, "y", y, "y", index, columns)
    when: str | Literal[False] = False
    if time is not None and time is not False:
        when = _placed(frame, "time", time, "time", index, columns)
    group = None if groups is None else _placed(frame, "groups", groups, "group", index, columns)
    money = None if amount is None else _placed(frame, "amount", amount, "amount", index, columns)
    unused = [drop] if isinstance(drop, str) else [str(name) for name in drop]
    if money is not None and money not in columns:
        unused.append(money)  # known of the row, but not given as a feature
    beside = {target: "y", when: "time", group: "groups", money: "amount"}
    beside = {name: parameter for name, parameter in beside.items() if name not in columns}
    try:
        bunch = load_table(
            frame, target, time=when, group=group, amount=money, positive=positive, drop=unused
        )
    except ValueError as error:
        raise ValueError(_in_pandas(str(error), beside)) from error
    task = _task(bunch, "DataFrame" if hasattr(X, "columns") else "arrays", money)
    table = [
        replace(column, warnings=tuple(_in_pandas(each, beside) for each in column.warnings))
        for column in task.report.columns
    ]
    task = replace(
        task,
        report=replace(task.report, columns=tuple(table)),
        warnings=[_in_pandas(each, beside) for each in task.warnings],
    )
    if time is None:
        task.warnings.extend(_time_by_name(task))
    return task


def simulated_task(
    seed: int = 0, n_samples: int = SIMULATED_ROWS, *, imbalance_ratio: float = SIMULATED_RATIO
) -> Task:
    """Of `focalboost.datasets.make_transactions`: a month, with times and amounts."""
    pandas = load_pandas()
    log = make_transactions(n_samples, imbalance_ratio=imbalance_ratio, random_state=seed)
    hours = (log.step.astype(np.int64) - 1).astype("timedelta64[h]")
    frame = pandas.DataFrame(log.data, columns=log.feature_names)
    task = task_from_arrays(
        frame.drop(columns="dest_is_merchant"),  # where a payment goes, and nothing else
        pandas.Series(log.target, name="fraud"),
        time=pandas.Series((np.datetime64(SIMULATED_FROM) + hours).astype("datetime64[s]"), name="time"),
        amount=pandas.Series(log.columns["amount"], name="amount"),
    )
    source = "simulated transactions"
    # Nobody named a column.
    chosen = [
        c if c.chosen_by == "its kind" else replace(c, chosen_by="the simulation")
        for c in task.report.columns
    ]
    return replace(task, source=source, report=replace(task.report, file=source, columns=tuple(chosen)))


# ---------------------------------------------------------------------- arrays
def _frame(X: Any) -> pd.DataFrame:
    """A frame of its own, without the index."""
    pandas = load_pandas()
    if hasattr(X, "tocsr"):
        raise TypeError("X == a sparse matrix, must be an array or a DataFrame: pass X.toarray().")
    if hasattr(X, "to_pandas"):
        X = X.to_pandas()
    if isinstance(X, pandas.DataFrame):
        frame: pd.DataFrame = X.reset_index(drop=True)
    else:
        values = np.asarray(X)
        if values.ndim != 2:
            raise ValueError(f"X has shape {values.shape}, must have rows and columns.")
        names = [f"x{k}" for k in range(values.shape[1])]
        frame = pandas.DataFrame(values, columns=names).infer_objects()
    if frame.shape[0] == 0 or frame.shape[1] == 0:
        raise ValueError(f"X has shape {frame.shape}, must have at least one row and one column.")
    names = [str(name) for name in frame.columns]
    doubled = [f"{name!r} ({count} times)" for name, count in Counter(names).items() if count > 1]
    if doubled:
        raise ValueError(
            "X == a DataFrame, must have a name of its own for each column; doubled are "
            f"{', '.join(doubled[:5])}. Rename or remove all but one."
        )
    return frame.set_axis(names, axis=1)


_WORD = r"""('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""  # as `repr` writes it


def _in_pandas(text: str, beside: Mapping[Any, str]) -> str:
    """A text of `load_table` with what to do to X in the place of arguments that `compare` lacks.

    `beside` has the parameter of each column that is none of X.
    """

    def column(word: str) -> str:
        return beside.get(ast.literal_eval(word), f"X[{word}]")

    text = re.sub(
        rf"\bdates={{{_WORD}: ({_WORD}|format)}}",
        lambda found: f"pandas.to_datetime({column(found[1])}, format={found[2]})",
        text,
    )
    text = re.sub(rf"\bcategories=\[{_WORD}\]", lambda found: f"{column(found[1])}.astype('category')", text)
    text = re.sub(rf"\bna_values=\[{_WORD}\]", r"X.replace(\1, None)", text)
    return re.sub(
        rf"\bpass (?=(?:decimal|thousands)={_WORD})", "read the file by pandas.read_csv with ", text
    )


def _placed(
    frame: pd.DataFrame, parameter: str, values: Any, default: str, index: Any, columns: list[str]
) -> str:
    """The name of a column of the frame, where values beside it were put."""
    pandas = load_pandas()
    if isinstance(values, str):
        if values not in columns:
            raise ValueError(
                f"{parameter} == {values!r}, must be a column of X, or an array with a value for each row; "
                f"the columns are {_listed(columns)}.{_validation.did_you_mean(values, columns)}"
            )
        return values
    _check_order(parameter, values, index)
    if hasattr(values, "to_pandas") and not hasattr(values, "index"):
        values = values.to_pandas()
    name = getattr(values, "name", None)
    column = values if hasattr(values, "dtype") and hasattr(values, "shape") else np.asarray(values)
    if len(column.shape) != 1:
        raise ValueError(f"{parameter} has shape {column.shape}, must have one value for each row of X.")
    if len(column) != len(frame):
        raise ValueError(
            f"{parameter} has {len(column):,} values and X {len(frame):,} rows, must have one for each row."
        )
    place = default if name is None else str(name)
    while place in frame.columns:
        place += "_"
    series = pandas.Series(column)
    frame[place] = series.reset_index(drop=True).infer_objects()
    return place


def _check_order(parameter: str, values: Any, index: Any) -> None:
    """The same rows by their index, in another order: values would go to the wrong rows."""
    other = getattr(values, "index", None)
    if other is None or index is None or not hasattr(other, "equals") or len(other) != len(index):
        return
    if not other.equals(index) and other.is_unique and not len(other.symmetric_difference(index)):
        raise ValueError(
            f"{parameter} has the index of X in another order, must have the order of X: pass "
            f"{parameter}.loc[X.index]."
        )


def _listed(names: Iterable[str]) -> str:
    shown = [repr(name) for name in names]
    return ", ".join([*shown[:20], *(["..."] if len(shown) > 20 else [])])


# ---------------------------------------------------------------------- the whole table
def _task(bunch: Bunch, source: str, amount_name: str | None) -> Task:
    report = replace(bunch.report, file=source)
    by_use = {column.used_as: column.name for column in report.columns}
    return Task(
        X=bunch.data,
        y=bunch.target,
        feature_names=bunch.feature_names,
        categories=bunch.categories,
        target_name=by_use["target"],
        target_names=report.target_names,
        source=source,
        when=bunch.step,
        when_is_date=bunch.step_is_date,
        time_name=by_use.get("time"),
        groups=bunch.groups,
        group_name=by_use.get("group"),
        amount=bunch.amount,
        amount_name=amount_name,
        report=report,
        warnings=_warnings(bunch),
    )


def _time_by_name(task: Task) -> list[str]:
    """A file's column of such a name orders its rows; of arrays only what is passed as time does."""
    names = [
        column.name
        for column in task.report.columns
        if column.name.lower() in CALLED_TIME
        and column.used_as == "number"
        and column.name in task.feature_names
    ]
    return [
        f"No column orders the rows, so they are split at random, and {name!r} is a feature. If it says when "
        f"a row was, pass time={name!r} to hold out later rows."
        for name in names[:1]
    ]


def _warnings(bunch: Bunch) -> list[str]:
    found = []
    dates = [column.name for column in bunch.report.columns if column.used_as == "date"]
    if bunch.step is None and dates:
        found.append(
            f"No column orders the rows, so they are split at random, and a model is judged by rows from its "
            f"own time. {_listed(dates)} {'holds' if len(dates) == 1 else 'hold'} dates: name the time "
            "column to hold out later rows."
        )
    if bunch.amount is not None and not bunch.amount[bunch.target == 1].any():
        found.append(
            "The amount is 0 in every positive row: shares of value and costs by amount say nothing."
        )
    elif bunch.amount is not None:
        share = float((bunch.amount[bunch.target == 1] == 0).mean())
        if share > 0.5:
            found.append(f"The amount is 0 in {share:.0%} of the positive rows, as if they cost nothing.")
    return found
