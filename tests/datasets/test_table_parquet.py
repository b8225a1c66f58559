"""A DataFrame becomes what the Parquet file would that it is written to."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
import pytest

from focalboost.datasets import load_table

pd = pytest.importorskip("pandas")
pytest.importorskip("pyarrow")

if TYPE_CHECKING:
    from pathlib import Path

N = 6
Y = [0, 1, 0, 0, 1, 0]
COLUMNS = {
    "int": [1, 2, 3, 4, 5, 6],
    "int with gaps": pd.array([1, None, 3, 4, 5, 6], dtype="Int64"),
    "float32": np.float32([1.5, np.nan, 2, 3, 4, 5]),
    "bool": [True, False, True, True, False, True],
    "bool with gaps": pd.array([True, None, False, True, True, False], dtype="boolean"),
    "text": ["b", "a", None, "b", "c", "NA"],
    "numbers as text": ["1.5", "7", "007", None, "2", "3"],
    "pandas text": pd.array(["b", "a", None, "b", "c", "a"], dtype="string"),
    "categories": pd.Categorical(["low", "high", None, "low", "low", "high"], ["low", "mid", "high"]),
    "whole categories": pd.Categorical([5411, 7000, None, 5411, 12, 12]),
    "date": pd.date_range("2024-01-01", periods=N),
    "date with a zone": pd.date_range("2024-01-01", periods=N, tz="Europe/Berlin"),
    "day": [dt.date(2024, 1, day) for day in range(1, N + 1)],
    "clock": [dt.time(hour) for hour in range(N)],
    "wait": pd.to_timedelta(range(N), unit="min"),
    "decimal": [Decimal("1.50"), None, Decimal("3.25"), Decimal(0), Decimal(7), Decimal(1)],
    "nothing": [None] * N,
}


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("index", [None, range(3, 3 + N), pd.Index([9, 8, 7, 6, 5, 4], name="row")])
def test_a_frame_and_its_file_are_one(tmp_path: Path, name: str, index: object) -> None:
    frame = pd.DataFrame({name: COLUMNS[name], "z": range(N), "y": Y})
    if index is not None:
        frame.index = pd.Index(index)
    frame.to_parquet(tmp_path / "cards.parquet")
    found, of_file = load_table(frame, "y"), load_table(tmp_path / "cards.parquet", "y")
    np.testing.assert_array_equal(found.data, of_file.data)
    np.testing.assert_array_equal(found.target, of_file.target)
    np.testing.assert_array_equal(found.step, of_file.step)
    assert found.categories == of_file.categories
    assert found.report.file == "DataFrame"
    assert replace(found.report, file="cards.parquet") == of_file.report
    assert found.step_is_date == of_file.step_is_date == (name == "date")
    assert ("row" in found.feature_names) == (getattr(index, "name", None) == "row")


def test_a_frame_is_left_as_it_is() -> None:
    frame = pd.DataFrame({0: [1, 2, 3], "m": [1, "a", None], "y": [0, 1, 0]}, index=[7, 8, 9])
    before = frame.copy()
    found = load_table(frame, "y", drop="m")
    pd.testing.assert_frame_equal(frame, before)
    assert found.feature_names == ["0"]  # names become text
    assert [(column.name, column.used_as) for column in found.report.columns] == [
        ("__index_level_0__", "dropped"), ("0", "number"), ("m", "dropped"), ("y", "target"),
    ]  # fmt: skip
    assert found.report.columns[2].n_missing == 1


def test_whole_categories_are_categories() -> None:
    found = load_table(pd.DataFrame({"x": COLUMNS["whole categories"], "y": Y}), "y")
    assert found.categories == {"x": [12, 5411, 7000]}
    np.testing.assert_array_equal(found.data[:, 0], [1, 2, np.nan, 1, 0, 0])
    (column, _) = found.report.columns
    assert column.notes == ("codes in the order of the numbers",)


@pytest.mark.parametrize(
    ("frame", "options", "error", "message"),
    [
        (pd.DataFrame({"x": [1, "a"], "y": [0, 1]}), {}, ValueError,
         r"column == 'x', must hold cells of one kind; it holds int, str: convert .* drop=\['x'\]"),
        (pd.DataFrame({"x": [object(), object()], "y": [0, 1]}), {}, ValueError,
         r"column == 'x', must hold cells of one kind; it holds object"),
        (pd.DataFrame({"x": [[1], [2]], "y": [0, 1]}), {}, ValueError,
         r"column == 'x', must hold numbers, dates or text; it holds list<"),
        (pd.DataFrame([[1, 2, 0]], columns=["x", "x", "y"]), {}, ValueError,
         r"path == a DataFrame, must have a name of its own .* 'x' \(2 times\)"),
        (pd.DataFrame([[1, 2, 0]], columns=["1", 1, "y"]), {}, ValueError, r"doubled are '1' \(2 times\)"),
        (pd.DataFrame({"x": [], "y": []}), {}, ValueError,
         r"path == a DataFrame of shape \(0, 2\), must hold at least one row and column"),
        (pd.DataFrame(index=[1, 2]), {}, ValueError, r"a DataFrame of shape \(2, 0\), must hold at least"),
        (pd.DataFrame({"x": [1, 2], "y": [0, 1]}), {"sep": ";"}, ValueError,
         "sep == ';', must be None for a DataFrame"),
        (pd.DataFrame({"x": [1, 2], "y": [0, 1]}), {"target": "z"}, ValueError,
         "target == 'z', must be a column of DataFrame; its columns are 'x', 'y'"),
        (np.zeros((3, 2)), {}, TypeError, r"path == a numpy.ndarray, must be a path or a pandas DataFrame\."),
        (pd.Series([1]), {}, TypeError, r"path == a pandas.*Series, must be a path or a pandas DataFrame\."),
        (7, {}, TypeError, r"path == a builtins.int, must be a path or a pandas DataFrame\."),
    ],
)  # fmt: skip
def test_what_no_table_can_be_made_of(
    frame: object, options: dict[str, str], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        load_table(frame, **options)


def test_tables_of_other_libraries_are_told_how() -> None:
    polars = pytest.importorskip("polars")
    with pytest.raises(TypeError, match=r"polars\..*DataFrame, must be .*: pass table\.to_pandas\(\)"):
        load_table(polars.DataFrame({"x": [1]}))
