"""Rows, labels, times, groups and amounts, from a file, from arrays, simulated; and what is refused."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from focalboost.datasets import make_transactions

pd = pytest.importorskip("pandas")
pytest.importorskip("pyarrow")
pytest.importorskip("optuna")

from focalboost.comparison._task import simulated_task, task_from_arrays, task_from_file  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

N = 60
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 3))
Y = (np.arange(N) % 6 == 0).astype(int)
FRAME = pd.DataFrame(
    {
        "paid": np.arange(N) / 4,
        "shop": np.resize(["web", "bar", "kiosk"], N),
        "card": np.resize(range(20), N),
        "date": pd.date_range("2024-01-01", periods=N, freq="h"),
        "fraud": np.where(Y, "yes", "no"),
    }
)


def test_a_file(tmp_path: Path) -> None:
    file = tmp_path / "cards.csv"
    FRAME.to_csv(file, index=False)
    task = task_from_file(file, target="fraud", time="date", group="card", amount="paid", drop=["shop"])
    assert (task.source, task.report.file) == ("cards.csv", "cards.csv")
    assert (task.target_name, task.target_names) == ("fraud", ("no", "yes"))
    assert (task.time_name, task.group_name, task.amount_name) == ("date", "card", "paid")
    assert task.feature_names == ["paid"]
    np.testing.assert_array_equal(task.X[:, 0], np.float32(FRAME["paid"]))
    np.testing.assert_array_equal(task.y, Y)
    assert task.when_is_date
    np.testing.assert_array_equal(task.when, 1_704_067_200 + 3_600 * np.arange(N))
    np.testing.assert_array_equal(task.groups, FRAME["card"])
    np.testing.assert_array_equal(task.amount, FRAME["paid"])
    assert task.warnings == []


def test_arguments_of_files_are_those_of_load_table(tmp_path: Path) -> None:
    file = tmp_path / "cards.csv"
    text = "booked;sum;code;fraud\n01.02.2024;1.234,5;007;0\n02.02.2024;-;7;1\n".encode("utf-16")
    file.write_bytes(text)
    task = task_from_file(
        file, sep=";", encoding="utf-16", decimal=",", thousands=".", na_values="-", time="booked",
        categories="code", dates={"booked": "%d.%m.%Y"}, positive="0",
    )  # fmt: skip
    np.testing.assert_array_equal(task.X, np.float32([[1234.5, 0], [np.nan, 1]]))
    assert task.categories == {"code": ["007", "7"]}
    assert (np.diff(task.when).tolist(), task.y.tolist()) == ([86_400], [1, 0])
    task = task_from_file(
        file, sep=";", encoding="utf-16", decimal=",", thousands=".", na_values="-", time=False,
        dates={"booked": "%d.%m.%Y"},
    )  # fmt: skip
    (warning,) = task.warnings
    assert warning.startswith("No column orders the rows, so they are split at random")
    assert warning.endswith("'booked' holds dates: name the time column to hold out later rows.")


def test_names_of_columns_and_arrays_beside_them_are_one() -> None:
    features = FRAME[["shop"]]
    beside = task_from_arrays(
        features, FRAME["fraud"], time=FRAME["date"], groups=FRAME["card"], amount=FRAME["paid"]
    )
    named = task_from_arrays(FRAME, "fraud", time="date", groups="card", amount="paid", drop="paid")
    for task in (beside, named):
        assert task.feature_names == ["shop"]
        assert (task.time_name, task.group_name, task.amount_name) == ("date", "card", "paid")
    for name in ("X", "y", "when", "groups", "amount"):
        np.testing.assert_array_equal(getattr(beside, name), getattr(named, name))
    assert FRAME.columns.tolist() == ["paid", "shop", "card", "date", "fraud"]  # is left as it is
    # A named amount stays a feature.
    named = task_from_arrays(FRAME, "fraud", amount="paid")
    assert named.feature_names == ["paid", "shop", "card", "date"]


@pytest.mark.parametrize(
    "kind", [np.asarray, lambda x: x.tolist(), lambda x: pd.Series(x, index=range(5, 5 + N))]
)
def test_arrays_of_any_kind(kind: Any) -> None:
    task = task_from_arrays(
        X, kind(Y), time=kind(np.arange(N)[::-1]), groups=kind(np.arange(N) // 2), amount=kind(np.ones(N))
    )
    np.testing.assert_array_equal(task.X, np.float32(X))
    np.testing.assert_array_equal(task.y, Y)
    np.testing.assert_array_equal(task.when, np.arange(N)[::-1])
    np.testing.assert_array_equal(task.groups, np.arange(N) // 2)
    np.testing.assert_array_equal(task.amount, np.ones(N))
    assert (task.feature_names, task.source, task.when_is_date) == (["x0", "x1", "x2"], "arrays", False)
    assert (task.target_name, task.time_name, task.group_name, task.amount_name) == (
        "y", "time", "group", "amount"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("times", "is_date"),
    [
        (np.arange(N).astype("datetime64[D]"), True),
        (pd.date_range("1970-01-01", periods=N).to_pydatetime(), True),
        (pd.date_range("1970-01-01", periods=N, tz="UTC"), True),
        ([str(day) for day in np.arange(N).astype("datetime64[D]")], True),
        (np.arange(N) * 86_400, False),
        (np.arange(N) * 86_400.0, False),
    ],
)
def test_times_of_any_kind(times: Any, is_date: bool) -> None:
    task = task_from_arrays(X, Y, time=times)
    assert task.when_is_date == is_date
    np.testing.assert_array_equal(task.when, np.arange(N) * 86_400.0)


def test_without_time_no_column_is_the_time_whatever_its_name() -> None:
    for time in (None, False):
        task = task_from_arrays(FRAME, "fraud", time=time)
        assert (task.feature_names[-1], task.when, task.time_name) == ("date", None, None)
        assert "'date' holds dates: name the time column" in task.warnings[0]
    frame = pd.DataFrame({"time": X[:, 0], "step": X[:, 1]})
    task = task_from_arrays(frame, Y)
    assert (task.feature_names, task.when) == (["time", "step"], None)
    (warning,) = task.warnings
    assert warning.endswith("If it says when a row was, pass time='time' to hold out later rows.")
    assert task_from_arrays(frame, Y, time=False).warnings == []
    assert task_from_arrays(frame, Y, time="step").warnings == []
    named_alike = pd.DataFrame({"y": np.arange(N), "time": X[:, 0], "y_": X[:, 1]})
    task = task_from_arrays(named_alike, Y, time=np.arange(N))
    assert (task.feature_names, task.target_name, task.time_name) == (["y", "time", "y_"], "y__", "time_")
    np.testing.assert_array_equal(task.when, np.arange(N))


def test_an_index_is_no_feature_and_rows_are_matched_by_place() -> None:
    frame = pd.DataFrame(X, columns=["a", "b", "c"], index=pd.Index(np.arange(N) + 100, name="date"))
    task = task_from_arrays(frame, pd.Series(Y))
    assert (task.feature_names, task.when) == (["a", "b", "c"], None)
    np.testing.assert_array_equal(task.y, Y)
    shuffled = pd.Series(Y, index=frame.index).sample(frac=1, random_state=0)
    with pytest.raises(
        ValueError, match=r"y has the index of X in another order, .* pass y\.loc\[X\.index\]"
    ):
        task_from_arrays(frame, shuffled)
    with pytest.raises(ValueError, match=r"amount has the index of X in another order"):
        task_from_arrays(frame, Y, amount=pd.Series(np.ones(N), index=frame.index).iloc[::-1])


def test_tables_of_other_libraries() -> None:
    polars = pytest.importorskip("polars")
    table = polars.DataFrame({"a": X[:, 0], "shop": FRAME["shop"].tolist()})
    task = task_from_arrays(table, polars.Series("fraud", Y))
    np.testing.assert_array_equal(task.X[:, 0], np.float32(X[:, 0]))
    assert (task.feature_names, task.categories, task.target_name) == (
        ["a", "shop"], {"shop": ["bar", "kiosk", "web"]}, "fraud"
    )  # fmt: skip
    mixed = np.array([[1.5, "a"], [2.5, "b"], [None, "a"]], dtype=object)
    task = task_from_arrays(mixed, [0, 1, 0])
    np.testing.assert_array_equal(task.X, np.float32([[1.5, 0], [2.5, 1], [np.nan, 0]]))


@pytest.mark.parametrize(
    ("x", "y", "options", "error", "message"),
    [
        (X, Y[:-1], {}, ValueError, "y has 59 values and X 60 rows, must have one for each row"),
        (X, Y, {"time": np.arange(9)}, ValueError, "time has 9 values and X 60 rows, must have one"),
        (X, Y, {"groups": np.arange(9)}, ValueError, "groups has 9 values and X 60 rows, must have one"),
        (X, Y, {"amount": np.arange(9)}, ValueError, "amount has 9 values and X 60 rows, must have one"),
        (X, np.eye(N), {}, ValueError, r"y has shape \(60, 60\), must have one value for each row"),
        (X, Y, {"amount": 3.0}, ValueError, r"amount has shape \(\), must have one value for each row"),
        (X[:, 0], Y, {}, ValueError, r"X has shape \(60,\), must have rows and columns"),
        (X[:0], [], {}, ValueError, r"X has shape \(0, 3\), must have at least one row and one column"),
        (X, np.zeros(N), {}, ValueError, "target == 'y', must have two classes; it has 1: 0"),
        (X, np.arange(N), {}, ValueError, "target == 'y', must have two classes; it has 60"),
        (X, Y, {"positive": 2}, ValueError, "positive == 2, must be a value of 'y': 0, 1"),
        (X, np.where(np.arange(N) == 7, np.nan, Y), {}, ValueError,
         "target == 'y', must have a class in every row; 1 of 60 have none, the first is row 8"),
        (X, Y, {"time": np.where(np.arange(N) == 7, np.nan, Y)}, ValueError,
         "time == 'time', must hold a time in every row; 1 of 60 have none, the first is row 8"),
        (X, Y, {"time": np.resize(["a", "b"], N)}, ValueError, "time == 'time', must hold numbers, dates"),
        (X, Y, {"amount": np.arange(N) - 3.0}, ValueError,
         "3 of 60 rows have an amount below 0, the first is row 1, which holds -3"),
        (X, Y, {"amount": np.where(np.arange(N) == 7, np.nan, 1)}, ValueError,
         "1 of 60 rows have no amount, the first is row 8"),
        (X, Y, {"amount": ["a"] * N}, ValueError, "amount == 'amount', must hold numbers >= 0; .* text"),
        (X, Y, {"groups": [None] * N}, ValueError, "group == 'group', must hold whose the rows are"),
        (X, Y, {"time": "when"}, ValueError,
         "time == 'when', must be a column of X, or an array .*; the columns are 'x0', 'x1', 'x2'"),
        (X, Y, {"groups": "card"}, ValueError, "groups == 'card', must be a column of X, or an array"),
        (X, Y, {"amount": "paid"}, ValueError, "amount == 'paid', must be a column of X, or an array"),
        (X, "fraud", {}, ValueError, "y == 'fraud', must be a column of X, or an array"),
        (X, Y, {"drop": ["x0", "x1", "x2"]}, ValueError, "target == 'y', must leave a feature"),
        (X, Y, {"drop": "x7"}, ValueError, "drop == 'x7', must be a column of DataFrame"),
        (np.where(X > 2, np.inf, X), Y, {}, ValueError, r"column == 'x\d', must hold finite numbers"),
    ],
)  # fmt: skip
def test_bad_input_ends_before_any_training(
    x: Any, y: Any, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        task_from_arrays(x, y, **options)


@pytest.mark.parametrize(
    ("cells", "cure"),
    [
        (["25/07/2018 10:00"], r"pandas\.to_datetime\(X\[.day's.\], format='%d/%m/%Y %H:%M'\)\.$"),
        (["1,5", "2,5"], r"read the file by pandas\.read_csv with decimal=','\.$"),
        (["1", "2", "3", "4", "none yet"],
         r"pass X\.replace\('none yet', None\) if it .*, X\[.day's.\]\.astype\('category'\) if the"),
    ],
)  # fmt: skip
def test_cures_are_what_compare_can_do(cells: list[str], cure: str) -> None:
    name = "day's"
    frame = pd.DataFrame({"x": X[:, 0], name: np.resize(cells, N)})
    with pytest.raises(ValueError, match=cure) as raised:
        task_from_arrays(frame, Y)
    cures = re.findall(r"pandas\.to_datetime\(.*?\)|X\.replace\(.*?\)|X\[.*?category'\)", str(raised.value))
    assert cures or "read_csv" in cure
    for expression in cures:
        cured = eval(expression, {"X": frame, "pandas": pd})
        mended = cured if "replace" in expression else frame.assign(**{name: cured})
        assert task_from_arrays(mended, Y).feature_names == ["x", name]


def test_cures_name_what_stands_beside_x() -> None:
    with pytest.raises(ValueError, match=r"pass pandas\.to_datetime\(time, format='%d\.%m\.%Y'\)"):
        task_from_arrays(X, Y, time=np.resize(["25.07.2018", "26.07.2018"], N))
    numbers = np.resize([20240131.0, 20240228.0, 20240301.0], N)
    task = task_from_arrays(pd.DataFrame({"x": X[:, 0], "day": numbers}), Y)
    told = [each for column in task.report.columns for each in column.warnings]
    assert any("pandas.to_datetime(X['day'], format='%Y%m%d') reads them as such" in each for each in told)


def test_columns_that_are_meant_are_named() -> None:
    frame = pd.DataFrame(X, columns=["AMT_EUR", "Card No", "b"])
    for parameter, name, meant in (("amount", "amt_eur", "AMT_EUR"), ("groups", "card_no", "Card No")):
        with pytest.raises(ValueError, match=rf"'b'\. Did you mean '{meant}'\?$"):
            task_from_arrays(frame, Y, **{parameter: name})


def test_sparse_matrices_are_told_how() -> None:
    from scipy.sparse import csr_array

    with pytest.raises(TypeError, match=r"X == a sparse matrix, must be .*: pass X\.toarray\(\)"):
        task_from_arrays(csr_array(X), Y)


@pytest.mark.parametrize("names", [["a", "a", "b"], [1, "1", "b"]])
def test_doubled_columns_are_named_as_those_of_x(names: list[Any]) -> None:
    with pytest.raises(
        ValueError, match=r"^X == a DataFrame, must have a name .* doubled are '[a1]' \(2 times"
    ):
        task_from_arrays(pd.DataFrame(X, columns=names), Y)


def test_sparse_columns_are_columns() -> None:
    frame = pd.DataFrame({"a": pd.arrays.SparseArray(X[:, 0] * (X[:, 1] > 0)), "b": X[:, 1]})
    task = task_from_arrays(frame, Y)
    np.testing.assert_array_equal(task.X[:, 0], np.float32(X[:, 0] * (X[:, 1] > 0)))
    np.testing.assert_array_equal(task.X[:, 1], np.float32(X[:, 1]))
    assert isinstance(frame["a"].dtype, pd.SparseDtype)  # is left as it is


def test_amounts_that_say_nothing_are_told() -> None:
    (warning,) = task_from_arrays(X, Y, amount=1.0 - Y).warnings
    assert warning.startswith("The amount is 0 in every positive row")
    some = np.where(np.arange(N) < 40, 1.0 - Y, 1.0)
    (warning,) = task_from_arrays(X, Y, amount=some).warnings
    assert warning.startswith("The amount is 0 in 70% of the positive rows")
    assert task_from_arrays(X, Y, amount=Y).warnings == []


def test_simulated_transactions() -> None:
    task = simulated_task(3, 4_000, imbalance_ratio=49)
    log = make_transactions(4_000, imbalance_ratio=49, random_state=3)
    kept = [k for k, name in enumerate(log.feature_names) if name != "dest_is_merchant"]
    np.testing.assert_array_equal(task.X, log.data[:, kept])
    np.testing.assert_array_equal(task.y, log.target)
    np.testing.assert_array_equal(task.amount, log.columns["amount"])
    np.testing.assert_array_equal(np.diff(task.when), 3_600.0 * np.diff(log.step))
    assert (task.source, task.report.file, task.target_name) == (
        "simulated transactions", "simulated transactions", "fraud"
    )  # fmt: skip
    assert (task.when_is_date, task.groups, task.warnings) == (True, None, [])
    assert task.report.warnings == []
    assert {column.chosen_by for column in task.report.columns} == {"its kind", "the simulation"}
    assert [c.name for c in task.report.columns if c.chosen_by == "the simulation"] == [
        "fraud",
        "time",
        "amount",
    ]


@pytest.mark.parametrize("missing", ["pandas", "pyarrow.parquet"])
def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    file = tmp_path / "cards.parquet"
    FRAME.to_parquet(file)
    monkeypatch.setitem(sys.modules, missing, None)
    for call in (
        lambda: task_from_file(file), lambda: task_from_arrays(X, Y), lambda: simulated_task(0, 1_000),
    ):  # fmt: skip
        with pytest.raises(
            ImportError, match=rf"needs {missing.partition('.')[0]}, .* pip install 'focalboost\[compare\]'"
        ):
            call()
