"""Groups and amounts: columns that say whose a row is and what is at stake."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from focalboost.datasets import load_table

pd = pytest.importorskip("pandas")
pytest.importorskip("pyarrow")

if TYPE_CHECKING:
    from pathlib import Path

    from sklearn.utils import Bunch

    from focalboost.datasets import Column

BIG = 2**53  # from here on float64 skips numbers


def csv(folder: Path, cells: list[Any], **options: Any) -> Bunch:
    file = folder / "cards.csv"
    lines = [f"{'' if cell is None else cell},{k},{k % 2}" for k, cell in enumerate(cells)]
    file.write_text("\n".join(["g,x,y", *lines]))
    return load_table(file, "y", group="g", **options)


def frame(folder: Path, cells: Any, **options: Any) -> Bunch:
    n = len(cells)
    return load_table(pd.DataFrame({"g": cells, "x": range(n), "y": np.arange(n) % 2}), group="g", **options)


def group_column(found: Bunch) -> Column:
    return next(column for column in found.report.columns if column.used_as == "group")


@pytest.mark.parametrize(
    ("cells", "groups"),
    [
        ([7, 9, 7, 8], [0, 1, 0, 2]),
        (["b", "a", "b", "c"], [0, 1, 0, 2]),
        ([BIG + 1, BIG, BIG + 1, 2**60 + 1], [0, 1, 0, 2]),  # card numbers, which float64 merges
        ([2**24 + 1, 2**24, 7, 7], [0, 1, 2, 2]),
        ([BIG + 1, BIG, None, BIG + 1, None], [0, 1, 2, 0, 3]),  # who is not known is alone
        (["b", None, None, "b", "a"], [0, 2, 3, 0, 1]),
        (["b", "NA", "n/a", " ", "b", "a"], [0, 2, 3, 4, 0, 1]),
        (["b", " b", "b ", "B"], [0, 0, 0, 1]),
        (["007", "7", "07", "007"], [0, 1, 2, 0]),
    ],
)
@pytest.mark.parametrize("read", [csv, frame])
def test_groups_are_told_apart_as_they_are_written(
    tmp_path: Path, read: Any, cells: list[Any], groups: list[int]
) -> None:
    if read is frame and None in cells and isinstance(cells[0], int):
        cells = pd.array(cells, dtype="Int64")
    found = read(tmp_path, cells)
    assert found.groups.dtype == np.int64
    assert found.groups.tolist() == groups
    assert found.feature_names == ["x"]
    column = group_column(found)
    assert (column.chosen_by, column.auc, column.warnings) == ("group=", None, ())
    assert column.n_distinct + column.n_missing == max(groups) + 1
    assert ("a row without a value is a group of its own" in column.notes) == (column.n_missing > 0)


@pytest.mark.parametrize(
    ("cells", "groups"),
    [
        ([Decimal(10**30 + 1), Decimal(10**30), Decimal(10**30 + 1)], [0, 1, 0]),
        (np.uint64([2**64 - 1, 2**64 - 2, 2**64 - 1]), [0, 1, 0]),
        (pd.array([2**64 - 1, 2**64 - 2, None], dtype="UInt64"), [0, 1, 2]),
        (pd.array([100, None, 100], dtype="Int8"), [0, 1, 0]),
        (pd.Categorical(["b", "a", "b"]), [0, 1, 0]),
        (pd.Categorical([7, 5, None]), [0, 1, 2]),
        (pd.to_datetime(["2024-01-02", "2024-01-01", "2024-01-02"]), [0, 1, 0]),
        ([True, False, True], [0, 1, 0]),
        ([1.5, np.nan, 1.5], [0, 2, 0]),
    ],
)
def test_groups_of_any_kind(tmp_path: Path, cells: Any, groups: list[int]) -> None:
    found = frame(tmp_path, cells)
    # Numbers of groups without a value come last.
    assert (
        np.unique(found.groups, return_inverse=True)[1].tolist()
        == np.unique(groups, return_inverse=True)[1].tolist()
    )


def test_missing_values_of_groups_by_the_callers_words(tmp_path: Path) -> None:
    assert csv(tmp_path, ["-1", "5", "-1", "5"], na_values="-1").groups.tolist() == [1, 0, 2, 0]
    assert frame(tmp_path, [-1, 5, -1, 5], na_values="-1").groups.tolist() == [1, 0, 2, 0]


def test_the_report_says_whose_rows_are(tmp_path: Path) -> None:
    found = csv(tmp_path, ["b", "a", "b", ""])
    assert found.report.summary.endswith("time column: None; group column: g.")
    assert "g       text         group     group=           1         2  2 groups, the largest of 2" in str(
        found.report
    ).replace("group    group=", "group     group=")
    assert csv(tmp_path, ["b"] * 3).report.warnings == ["g: one group: there is no other to be judged on"]
    assert csv(tmp_path, ["a", "b", "c"]).report.warnings == [
        "g: no value stands in two rows: there is nothing to keep together"
    ]
    assert load_table(pd.DataFrame({"x": [1, 2], "y": [0, 1]})).groups is None


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1.5", "0", "1e3"], [1.5, 0, 1000]),
        (["16777217.25", "2", "3"], [16777217.25, 2, 3]),  # beyond float32
        ([Decimal("12345678.91"), Decimal(0), Decimal(1)], [12345678.91, 0, 1]),
    ],
)
@pytest.mark.parametrize("drop", [(), ("x",)])
def test_amounts(tmp_path: Path, cells: Any, expected: list[float], drop: Any) -> None:
    table = pd.DataFrame({"x": cells, "z": [1, 2, 3], "y": [0, 1, 0]})
    table.to_csv(tmp_path / "cards.csv", index=False)
    for source in (table, tmp_path / "cards.csv"):
        found = load_table(source, "y", amount="x", drop=drop)
        assert found.amount.dtype == np.float64
        assert found.amount.tolist() == expected
        assert ("x" in found.feature_names) == (not drop)  # it is known of a row, and a feature
        assert "the amount of a row" in found.report.columns[0].notes
    assert load_table(table, "y").amount is None


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (
            ["1", "-5", "2"],
            r"1 of 3 rows have an amount below 0, the first is row 2, which holds -5: set them",
        ),
        (
            ["1", "", ""],
            r"2 of 3 rows have no amount, the first is row 2, which holds nothing: set them to 0",
        ),
        (["a", "b", "c"], r"must hold numbers >= 0; it holds text or codes \(text\)"),
        (["2024-01-01", "2024-01-02", "2024-01-03"], r"must hold numbers >= 0; it holds dates \(text\)"),
        (["9:30", "9:31", "9:32"], r"must hold numbers >= 0; it holds none \(text\)"),
        (["True", "False", "True"], r"must hold numbers >= 0; it holds none \(bool\)"),
        (["inf", "1", "2"], r"must hold finite numbers"),
    ],
)
def test_amounts_that_are_none(tmp_path: Path, cells: list[str], message: str) -> None:
    file = tmp_path / "cards.csv"
    file.write_text("x,z,y\n" + "".join(f"{cell},{k},{k % 2}\n" for k, cell in enumerate(cells)))
    with pytest.raises(ValueError, match=rf"(amount|column) == 'x', .*{message}"):
        load_table(file, "y", amount="x")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"group": "q"}, "group == 'q', must be a column of DataFrame; its columns are 'a', 'b', 'c', 'y'"),
        ({"amount": "q"}, "amount == 'q', must be a column of DataFrame"),
        ({"group": "y"}, "group == 'y', must not be the target"),
        ({"amount": "y"}, "amount == 'y', must not be the target"),
        ({"group": "a", "time": "a"}, "group == 'a', must not be the time column too"),
        ({"amount": "a", "time": "a"}, "amount == 'a', must not be the time column too"),
        ({"group": "a", "drop": "a"}, "drop == 'a', must not be the column of groups too"),
        ({"group": "a", "categories": "a"}, "categories == 'a', must not be the column of groups too"),
        ({"group": "a", "dates": {"a": "%Y"}}, "dates == 'a', must not be the column of groups too"),
        ({"group": "a", "amount": "a"}, "amount == 'a', must not be the column of groups too"),
        ({"group": "c"}, "group == 'c', must hold whose the rows are; it has no value in any row"),
    ],
)
def test_columns_have_one_role(options: dict[str, Any], message: str) -> None:
    table = pd.DataFrame({"a": [1, 2], "b": [3, 4], "c": [None, None], "y": [0, 1]})
    with pytest.raises(ValueError, match=message):
        load_table(table, "y", **options)


def test_a_group_is_never_the_target_or_the_time_by_its_place() -> None:
    table = pd.DataFrame({"a": [1, 2, 3], "y": [0, 1, 0], "step": [5, 5, 6]})
    found = load_table(table, group="step")
    assert found.feature_names == ["a"]
    assert (found.step, found.groups.tolist()) == (None, [0, 0, 1])


def test_lists_are_no_groups() -> None:
    table = pd.DataFrame({"a": [[1], [2]], "b": [1, 2], "y": [0, 1]})
    with pytest.raises(ValueError, match=r"column == 'a', must hold numbers, dates or text; it holds list"):
        load_table(table, group="a")
