"""Tables of your own: a CSV or Parquet file as a binary classification task."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from sklearn.utils import Bunch

from focalboost.datasets._optional import listed
from focalboost.datasets._table_checks import SingleAUC, column_warnings, date_numbers, identical_columns
from focalboost.datasets._table_columns import Ready, convert, label_values
from focalboost.datasets._table_files import Raw, TextFormat, read
from focalboost.datasets._table_report import Column, TableReport

if TYPE_CHECKING:
    import os

    import pandas as pd
    from numpy.typing import NDArray

TIME_NAMES = ("step", "time", "Time", "timestamp", "date")
# Two values that keep their meaning even if the second is the common one, in lower case.
MEANINGS = (("0", "1"), ("0.0", "1.0"), ("false", "true"), ("f", "t"), ("no", "yes"), ("n", "y"))
THOUSANDS = (",", ".", " ", "'", "_")


def load_table(
    path: str | os.PathLike[str],
    target: str | None = None,
    *,
    time: str | Literal[False] | None = None,
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
    r"""Read a CSV or Parquet file as a binary classification task, and say what became of each column.

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
    - Lists, structs and bytes are refused, and so are infinite numbers.

    Parameters
    ----------
    path : path
        `.parquet`, `.pq`, `.csv`, or a compressed `.csv.gz`, `.csv.bz2`, `.csv.xz`, `.csv.zip`.
    target : str or None, default=None
        Column with the two classes; None is the last one that is not dropped.
    time : str, False or None, default=None
        Column that orders the rows: numbers or dates, none missing. None takes the first of 'step', 'time',
        'Time', 'timestamp', 'date' that holds numbers or dates, if any; False takes none.
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
        Of a CSV file: what stands between cells (None: a comma), how characters are written (None: UTF-8).
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
        - categories : dict from a coded column to the values its codes stand for
        - report : TableReport, what was done with each column, and warnings
        - frame : None
        - DESCR : str

    Raises
    ------
    FileNotFoundError, IsADirectoryError, ValueError
        If there is no such file, column, or pair of classes, if the file is damaged, or if a column or cell
        cannot be used. Rows are counted from 1, below the line of names.
    ImportError
        If pandas (for Parquet: or pyarrow) is not installed; both come with the extra `tables`.

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
    dropped, coded, formats = set(_names(drop)), set(_names(categories)), dict(dates or {})
    file = Path(path)
    raws = {raw.name: raw for raw in read(file, text)}
    usable = [name for name, raw in raws.items() if raw.form != "index" and name not in dropped]
    have = f"its columns are {listed(raws)}."
    target_by = "the last column" if target is None else "target="
    target = usable[-1] if target is None and usable else target
    if target is None:
        raise ValueError(f"drop == {listed(_names(drop))}, must leave a target in {file.name}; {have}")
    named = [("target", target), ("time", time or None), *(("drop", name) for name in _names(drop))]
    named += [*(("categories", name) for name in _names(categories)), *(("dates", name) for name in formats)]
    for parameter, name in named:
        if name is not None and name not in raws:
            raise ValueError(f"{parameter} == {name!r}, must be a column of {file.name}; {have}")
        if name == target and parameter != "target":
            raise ValueError(f"{parameter} == {name!r}, must not be the target of {file.name} too; {have}")
        if name == time and parameter in ("drop", "categories"):
            raise ValueError(f"{parameter} == {name!r}, must not be the time column too; {have}")
        if name in dropped and parameter in ("categories", "dates"):
            raise ValueError(f"{parameter} == {name!r}, must not be dropped from {file.name} too; {have}")
    target_column, labels, target_names = _target(raws[target], text, positive, target_by)

    def convert_named(raw: Raw) -> Ready:
        return convert(raw, text, as_category=raw.name in coded, date_format=formats.get(raw.name))

    time_column, step = _time(raws, usable, target, time, convert_named)
    names = [name for name in usable if name != target and (time_column is None or name != time_column.name)]
    if not names:
        raise ValueError(f"target == {target!r}, must leave a feature in {file.name}; {have}")

    columns = {target: target_column}
    if time_column is not None:
        columns[time_column.name] = time_column
    for name, raw in raws.items():
        if name in dropped or raw.form == "index":
            columns[name] = _dropped(raw, by_caller=name in dropped)
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
    report = TableReport(
        file=file.name,
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
        step=step,
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


def _target(
    raw: Raw, text: TextFormat, positive: object, chosen_by: str
) -> tuple[Column, NDArray[np.int8], list[Any]]:
    """0 and 1 for each row, and the values they stand for."""
    column = label_values(raw, text)
    missing = np.flatnonzero(column.isna())
    if missing.size:
        raise ValueError(
            f"target == {raw.name!r}, must have a class in every row; {missing.size:,} of {len(column):,} "
            f"have none, the first is row {missing[0] + 1}: label or remove them."
        )
    values = _two_classes(raw.name, column, positive)
    labels = (column == values[1]).to_numpy(dtype=np.int8)
    rate, warnings = float(labels.mean()), []
    if rate > 0.5:
        warnings.append(
            f"{values[1]!r}, which is 1, is the commoner class ({rate:.1%} of the rows); "
            f"positive={values[0]!r} would make the other one 1"
        )
    return (
        Column(
            name=raw.name,
            kind=raw.kind,
            used_as="target",
            chosen_by=chosen_by,
            n_missing=0,
            n_distinct=2,
            notes=(f"{values[0]!r} is 0, {values[1]!r} is 1",),
            warnings=tuple(warnings),
        ),
        labels,
        values,
    )


def _two_classes(name: str, column: pd.Series[Any], positive: object) -> list[Any]:
    counts = column.astype(object).value_counts()
    values = sorted(counts.index, key=lambda value: (-counts[value], str(value)))
    if len(values) != 2:
        raise ValueError(
            f"target == {name!r}, must have two classes; it has {len(values)}: "
            f"{listed(values, 5)}. Name another column, or map this one to 0 and 1."
        )
    if positive is not None:
        chosen = [value for value in values if value == positive or _as_text(value) == _as_text(positive)]
        if len(chosen) != 1:
            raise ValueError(f"positive == {positive!r}, must be a value of {name!r}: {listed(values)}.")
        values.sort(key=lambda value: value == chosen[0])
    elif tuple(sorted(str(value).lower() for value in values)) in MEANINGS:
        values.sort(key=lambda value: str(value).lower())
    return values


def _as_text(value: object) -> str:
    """1 for 1.0 too."""
    return str(value).removesuffix(".0")


def _time(
    raws: Mapping[str, Raw],
    usable: Iterable[str],
    target: str,
    time: str | Literal[False] | None,
    convert_named: Callable[[Raw], Ready],
) -> tuple[Column | None, NDArray[np.float64] | None]:
    """The asked-for time column, or the first well-known one of numbers or dates, or none."""
    candidates = TIME_NAMES if time is None else (time,) if time else ()
    for name in candidates:
        if name not in usable or name == target:
            continue
        raw, ready = raws[name], convert_named(raws[name])
        if not ready.orders:
            if time is None:
                continue
            raise ValueError(
                f"time == {name!r}, must hold numbers, dates or ISO 8601 text; it holds {raw.kind}, which "
                f"orders no rows. Name another column, or pass dates={{{name!r}: format}}."
            )
        missing = np.flatnonzero(np.isnan(ready.numbers))
        if missing.size:
            raise ValueError(
                f"time == {name!r}{', by its name' if time is None else ''}, must hold a time in every row; "
                f"{missing.size:,} of {ready.numbers.size:,} have none, the first is row {missing[0] + 1}: "
                f"fill or remove them, pass time=False to make it a feature, or drop=[{name!r}]."
            )
        back = np.flatnonzero(np.diff(ready.numbers) < 0)
        order = "rows are in its order"
        if back.size:
            order = (
                f"rows are not in its order (row {back[0] + 2} is the first that is earlier): split by `step`"
            )
        unit = ("seconds since 1970",) if ready.used_as == "date" else ()
        told = date_numbers(name, ready.numbers)
        column = Column(
            name=name,
            kind=raw.kind,
            used_as="time",
            chosen_by="its name" if time is None else "time=",
            n_missing=0,
            n_distinct=ready.n_distinct,
            notes=(*ready.notes, *unit, order),
            warnings=() if told is None or ready.used_as == "date" else (told,),
        )
        return column, ready.numbers
    return None, None


def _dropped(raw: Raw, *, by_caller: bool) -> Column:
    is_arrow = raw.form == "unusable"
    return Column(
        name=raw.name,
        kind=raw.kind,
        used_as="dropped",
        chosen_by="drop=" if by_caller else "its kind",
        n_missing=int(raw.cells.null_count if is_arrow else raw.cells.isna().sum()),
        n_distinct=None,
        notes=() if by_caller else ("the index of a pandas frame",),
    )


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
