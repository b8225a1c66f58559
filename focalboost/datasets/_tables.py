"""Tables of your own: a CSV or Parquet file, or a DataFrame, as a binary classification task."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from sklearn.utils import Bunch

from focalboost import _validation
from focalboost.datasets._optional import listed
from focalboost.datasets._table_cells import Ready
from focalboost.datasets._table_checks import SingleAUC, column_warnings, identical_columns
from focalboost.datasets._table_columns import convert
from focalboost.datasets._table_files import as_source, read
from focalboost.datasets._table_raw import AsWritten, Raw, TextFormat
from focalboost.datasets._table_report import Column, TableReport
from focalboost.datasets._table_roles import amount_of, dropped, group_of, target_of, time_of

if TYPE_CHECKING:
    import os

    import pandas as pd
    from numpy.typing import NDArray

THOUSANDS = (",", ".", " ", "'", "_")


def load_table(
    path: str | os.PathLike[str] | pd.DataFrame,
    target: str | None = None,
    *,
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
) -> Bunch:
    r"""Read a table as a binary classification task, and say what became of each column.

    Each column becomes what a person would call it, or an error names the column, the row, the value and
    the cure. Nothing is dropped but the index of a pandas frame; what looks wrong is a warning in `report`.

    - Numbers, also DECIMAL ones and numbers written as text, stay what they are; booleans are 0 and 1.
    - Dates, also ISO 8601 text, become seconds since the column's earliest; without a time zone they are
      read as UTC. Times of day become seconds since midnight, durations seconds.
    - Text becomes the codes 0, 1, ... of its sorted distinct values; a column that the file calls one of
      categories (pandas categories, Arrow dictionaries) those of the file's own order.
    - Where half of the cells, or more than half of the distinct ones, are numbers (dates, times of day) and
      others are not, it is an error: a stray cell would make codes of all of them. Empty cells, and words
      such as NA, null or n/a in text, are missing values.
    - Digits of all scripts are digits. Cells with zeros in front, such as 007, are numbers with a warning;
      they stay as they are in `categories`, `dates` and `group`.
    - Lists, structs and bytes are refused, and so are infinite numbers.

    Parameters
    ----------
    path : path or pandas.DataFrame
        `.parquet`, `.pq`, `.csv`, or a compressed `.csv.gz`, `.csv.bz2`, `.csv.xz`, `.csv.zip`. A DataFrame
        becomes what the Parquet file would that it is written to.
    target : str or None, default=None
        Column with the two classes; None is the last one that is not dropped.
    time : str, False or None, default=None
        Column that orders the rows: numbers or dates, none missing. None takes the first of 'step', 'time',
        'Time', 'timestamp', 'date' that holds numbers or dates, if any; False takes none.
    group : str or None, default=None
        Column that says whose a row is: the customer, the card. It is no feature. Values are told apart as
        they are written, not as numbers; each row without one is a group of its own.
    amount : str or None, default=None
        Column of the money at stake: numbers >= 0, none missing. It stays a feature unless it is dropped.
    positive : object, default=None
        The value of `target` that becomes 1, itself or as text. None: 1 of 0 and 1, and so for false and
        true, no and yes and their first letters; of any other two values the rarer, of two equally rare ones
        the later by name.
    drop : str or iterable of str, default=()
        Columns that are no features.
    categories : str or iterable of str, default=()
        Columns of numbers or text that are codes: they become categories whatever they look like.
    dates : dict or None, default=None
        From columns to the format of their dates, as in `datetime.strptime`: {"booked": "%d.%m.%Y"}. For
        dates that are not ISO 8601, and for numbers such as 20240131 ("%Y%m%d").
    na_values : str or iterable of str, default=()
        More words, or numbers, that stand for a missing value.
    sep, encoding : str or None, default=None
        Of a CSV file only: what stands between cells (None: a comma), how characters are written (None:
        UTF-8).
    decimal : {".", ","}, default="."
        Decimal mark of numbers that are written as text.
    thousands : {",", ".", " ", "'", "_"} or None, default=None
        What stands between groups of three digits.

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
        - step_is_date : bool, whether they are seconds since 1970
        - groups : int64 array of shape (n_samples,), a number from 0 for each group; None without `group`
        - amount : float64 array of shape (n_samples,); None without `amount`
        - categories : dict from a coded column to the values its codes stand for
        - report : TableReport, what was done with each column, and warnings
        - frame : None
        - DESCR : str

    Raises
    ------
    FileNotFoundError, IsADirectoryError, ValueError
        If there is no such file, column, or pair of classes, if the file is damaged, or if a column or cell
        cannot be used. Rows are counted from 1, below the line of names.
    TypeError
        If `path` is neither a path nor a DataFrame of pandas.
    ImportError
        If pandas (for Parquet and a DataFrame: or pyarrow) is not installed; both come with the extra
        `tables`.

    Notes
    -----
    Codes and the origin of dates come from this file: another file may have others.

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
    >>> print(cards.report)
    cards.csv: 3 rows, 1 of them with fraud == 'yes'; time column: step.
    <BLANKLINE>
    column  in the file  used as   chosen by  missing  distinct  notes
    step    int64        time      its name         0         3  rows are in its order
    shop    text         category  its kind         0         2  codes in the order of the text
    sum     float64      number    its kind         1         2
    fraud   text         target    target=          0         2  'no' is 0, 'yes' is 1
    <BLANKLINE>
    warnings: none
    """
    text = _text_format(sep, encoding, decimal, thousands, _names(na_values))
    unused, coded, formats = set(_names(drop)), set(_names(categories)), dict(dates or {})
    source = as_source(path)
    file = source.name if isinstance(source, Path) else "DataFrame"
    exact = {*formats} | ({group} if group is not None else set())
    as_written = AsWritten(frozenset(exact), frozenset(coded), frozenset(unused))
    raws = {raw.name: raw for raw in read(source, text, as_written)}
    usable = [name for name, raw in raws.items() if raw.form != "index" and name not in unused | {group}]
    have = f"its columns are {listed(raws)}."
    target_by = "the last column" if target is None else "target="
    target = usable[-1] if target is None and usable else target
    if target is None:
        raise ValueError(f"drop == {listed(_names(drop))}, must leave a target in {file}; {have}")
    named = [("target", target), ("time", time or None), ("group", group), ("amount", amount)]
    named += [("drop", name) for name in _names(drop)]
    named += [*(("categories", name) for name in _names(categories)), *(("dates", name) for name in formats)]
    for parameter, name in named:
        if name is None:
            continue
        if name not in raws:
            near = _validation.did_you_mean(str(name), raws)
            raise ValueError(f"{parameter} == {name!r}, must be a column of {file}; {have}{near}")
        if name == target and parameter != "target":
            raise ValueError(f"{parameter} == {name!r}, must not be the target of {file} too; {have}")
        if name == time and parameter in ("drop", "categories", "group", "amount"):
            raise ValueError(f"{parameter} == {name!r}, must not be the time column too; {have}")
        if name == group and parameter in ("drop", "categories", "dates", "amount"):
            raise ValueError(f"{parameter} == {name!r}, must not be the column of groups too; {have}")
        if name in unused and parameter in ("categories", "dates"):
            raise ValueError(f"{parameter} == {name!r}, must not be dropped from {file} too; {have}")
    target_column, labels, target_names = target_of(raws[target], text, positive, target_by)

    def convert_named(raw: Raw) -> Ready:
        return convert(raw, text, as_category=raw.name in coded, date_format=formats.get(raw.name))

    when = time_of(raws, usable, target, time, convert_named)
    names = [name for name in usable if name != target and (when is None or name != when.column.name)]
    if not names:
        raise ValueError(f"target == {target!r}, must leave a feature in {file}; {have}")

    columns = {target: target_column}
    if when is not None:
        columns[when.column.name] = when.column
    groups = None
    if group is not None:
        columns[group], groups = group_of(raws[group], text)
    amounts = None if amount is None else amount_of(raws[amount], convert_named(raws[amount]))
    for name, raw in raws.items():
        if name in unused or raw.form == "index":
            columns[name] = dropped(raw, by_caller=name in unused)
    data = np.empty((labels.size, len(names)), dtype=np.float32)
    found: dict[str, list[Any]] = {}
    alone = SingleAUC(labels)
    for place, name in enumerate(names):
        ready = convert_named(raws[name])
        chosen_by = "dates=" if name in formats else "categories=" if name in coded else "its kind"
        columns[name], data[:, place] = _feature(raws[name], ready, chosen_by, alone)
        if ready.categories is not None:
            found[name] = ready.categories
    for place, first in identical_columns(data).items():
        column = columns[names[place]]
        if column.n_distinct and column.n_distinct > 1:  # constant ones are alike, and have been named
            told = (*column.warnings, f"the same as {names[first]!r} in every row")
            columns[column.name] = replace(column, warnings=told)
    if amount is not None:
        told = (*columns[amount].notes, "the amount of a row")
        columns[amount] = replace(columns[amount], notes=told)
    report = TableReport(
        file=file,
        n_samples=labels.size,
        n_positive=int(labels.sum()),
        target_names=(target_names[0], target_names[1]),
        columns=tuple(columns[name] for name in raws),
    )
    return Bunch(
        data=data,
        feature_names=names,
        target=labels,
        target_names=target_names,
        step=None if when is None else when.step,
        step_is_date=when is not None and when.is_date,
        groups=groups,
        amount=amounts,
        categories=found,
        report=report,
        frame=None,
        DESCR=report.summary,
    )


def _names(names: str | Iterable[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(str(name) for name in names)


def _text_format(
    sep: str | None, encoding: str | None, decimal: str, thousands: str | None, na_values: tuple[str, ...]
) -> TextFormat:
    if sep is not None and (not isinstance(sep, str) or len(sep) != 1):
        raise ValueError(f"sep == {sep!r}, must be one character, such as ';' or '\\t'.")
    if decimal not in (".", ","):
        raise ValueError(f"decimal == {decimal!r}, must be '.' or ','.")
    if thousands is not None and thousands not in THOUSANDS:
        raise ValueError(f"thousands == {thousands!r}, must be None or one of {listed(THOUSANDS)}.")
    if decimal == thousands:
        raise ValueError(f"thousands == {thousands!r}, must differ from decimal == {decimal!r}.")
    if encoding is not None:
        try:
            codecs.lookup(encoding)
        except LookupError as error:
            raise ValueError(
                f"encoding == {encoding!r}, must be one that Python knows, such as 'cp1252' or 'utf-16'."
            ) from error
    return TextFormat(sep, encoding, decimal, thousands, na_values)


def _feature(raw: Raw, ready: Ready, chosen_by: str, alone: SingleAUC) -> tuple[Column, NDArray[np.float64]]:
    values, notes, known = ready.numbers, ready.notes, ~np.isnan(ready.numbers)
    if ready.used_as == "date" and known.any():
        # From the first one: counted from 1970, float32 would round to two minutes.
        start = values[known].min()
        values = values - start
        notes = (*notes, f"seconds since {np.datetime64(int(start), 's')}".replace("T", " "))
        step = float(np.spacing(np.float32(values[known].max())))
        if step > 1:
            notes = (*notes, f"float32 keeps them to {step:g} s")
    area = alone(values, coded=ready.used_as == "category")
    found = column_warnings(raw.name, values, ready.used_as, raw.kind, ready.n_distinct, area)
    column = Column(
        name=raw.name,
        kind=raw.kind,
        used_as=ready.used_as,
        chosen_by=chosen_by,
        n_missing=int((~known).sum()),
        n_distinct=ready.n_distinct,
        auc=area,
        notes=notes,
        warnings=(*ready.warnings, *found),
    )
    return column, values
