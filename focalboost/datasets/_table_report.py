"""What was done with each column of a table, as an object and as plain text."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import chain, groupby
from typing import TYPE_CHECKING, Any, Literal

from focalboost.datasets._optional import pandas_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

MOST_LINES = 40  # columns from which those with nothing to tell share a line


@dataclass(frozen=True)
class Column:
    """What `load_table` did with one column.

    Parameters
    ----------
    name : str
        As in the file.
    kind : str
        In the file's own words: "int64", "text", "decimal128(12, 2)", ...
    used_as : {"number", "category", "date", "target", "time", "group", "dropped"}
        A category is its code 0, 1, ... in `data`, a date its seconds since the column's earliest.
    chosen_by : str
        Who decided it and why: an argument of `load_table`, such as "drop=", or a property of the column,
        such as "its kind".
    n_missing : int
        Rows without a value.
    n_distinct : int or None
        Different values; of a group column without those of rows that have none. None of a column that
        was dropped.
    auc : float or None
        Area under the ROC curve of the column alone, at least about .5: of its values as they are, or of the
        share of positives in 64 bins (for categories: of each), learned on other rows, whichever is
        more. From at most 20,000 rows of each class. None without 10 rows of each, and of what is no feature.
    notes : tuple of str
        What was done to read it.
    warnings : tuple of str
        What to look at before a model is trusted. Nothing is dropped for it.

    Examples
    --------
    >>> from focalboost.datasets import Column
    >>> Column("sum", "decimal128(12, 2)", "number", "its kind", n_missing=3, n_distinct=7).used_as
    'number'
    """

    name: str
    kind: str
    used_as: Literal["number", "category", "date", "target", "time", "group", "dropped"]
    chosen_by: str
    n_missing: int
    n_distinct: int | None
    auc: float | None = None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class TableReport:
    r"""What `load_table` did with a file; `str()` of it is a plain table.

    Parameters
    ----------
    file : str
        Name of the file, or "DataFrame".
    n_samples : int
        Rows.
    n_positive : int
        Rows of the positive class.
    target_names : tuple of two values
        What became 0 and 1.
    columns : tuple of Column
        In the order of the file.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from focalboost.datasets import load_table
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "cards.csv")
    ...     _ = file.write_text("card_id,sum,fraud\n7,9.5,0\n8,3,0\n9,,1\n")
    ...     report = load_table(file).report
    >>> report.warnings
    ['card_id: by its name an id: a model learns whom it knows, and nothing of those who come']
    >>> report.to_frame()["used_as"].tolist()
    ['number', 'number', 'target']
    """

    file: str
    n_samples: int
    n_positive: int
    target_names: tuple[Any, Any]
    columns: tuple[Column, ...]

    @property
    def warnings(self) -> list[str]:
        """The columns' warnings, each with the name in front."""
        return [f"{column.name}: {text}" for column in self.columns for text in column.warnings]

    @property
    def summary(self) -> str:
        """The table in a sentence."""
        target = next(column.name for column in self.columns if column.used_as == "target")
        time = next((column.name for column in self.columns if column.used_as == "time"), None)
        group = next((f"; group column: {c.name}" for c in self.columns if c.used_as == "group"), "")
        return (
            f"{self.file}: {self.n_samples:,} rows, {self.n_positive:,} of them with {target} == "
            f"{self.target_names[1]!r}; time column: {time}{group}."
        )

    def to_frame(self) -> pd.DataFrame:
        """What is known of the columns, as a table.

        Returns
        -------
        DataFrame
            One row for each column, the fields of `Column` as columns, notes and warnings joined by "; ".
        """
        rows = [
            {**asdict(column), "notes": "; ".join(column.notes), "warnings": "; ".join(column.warnings)}
            for column in self.columns
        ]
        frame: pd.DataFrame = pandas_for("TableReport.to_frame").DataFrame(rows)
        return frame.astype({"n_distinct": "Int64", "auc": "float64"})

    def __str__(self) -> str:
        lines = [
            ("column", "in the file", "used as", "chosen by", "missing", "distinct", "notes"),
            *self._lines(),
        ]
        *widths, _ = (max(map(len, cells)) for cells in zip(*lines, strict=True))
        form = "{:{}}  {:{}}  {:{}}  {:{}}  {:>{}}  {:>{}}  "  # counts stand to the right
        text = [
            (form.format(*chain(*zip(line[:-1], widths, strict=True))) + line[-1]).rstrip() for line in lines
        ]
        warned = self.warnings
        head = f"warnings: {len(warned)}" if warned else "warnings: none"
        return "\n".join([self.summary, "", *text, "", head, *(f"- {warning}" for warning in warned)])

    def _lines(self) -> Iterator[tuple[str, ...]]:
        def alike(column: Column) -> tuple[object, ...]:
            if len(self.columns) <= MOST_LINES or column.notes or column.warnings or column.n_missing:
                return (column.name,)
            return column.kind, column.used_as, column.chosen_by

        for _, group in groupby(self.columns, alike):
            columns = list(group)
            first, last = columns[0], columns[-1]
            distinct = [column.n_distinct for column in columns if column.n_distinct is not None]
            low, high = min(distinct, default=None), max(distinct, default=None)
            name = first.name if first is last else f"{first.name} to {last.name} ({len(columns)})"
            yield (
                name,
                first.kind,
                first.used_as,
                first.chosen_by,
                f"{first.n_missing:,}",
                "-" if low is None else f"{low:,}" if low == high else f"{low:,} to {high:,}",
                "; ".join(first.notes),
            )
