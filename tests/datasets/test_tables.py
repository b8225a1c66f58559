"""Tables of your own: CSV and Parquet, classes, times, and every error text."""

from __future__ import annotations

import gzip
import sys
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
import pytest

from focalboost.datasets import fetch_creditcard, load_table, make_transactions

if TYPE_CHECKING:
    from pathlib import Path

CSV = """when,amount,shop,member,seen,label
2024-01-01,1.5,web,True,2024-02-01T00:00:00,ok
2024-01-02,,kiosk,False,2024-02-01T00:01:00,ok
2024-01-03,3,,True,2024-02-02T00:00:00,bad
2024-01-04,4.25,web,True,2024-02-01T00:00:01,ok
"""


def table(folder: Path, text: str, name: str = "cards.csv") -> Path:
    file = folder / name
    file.write_text(text)
    return file


def test_csv_round_trip(tmp_path: Path) -> None:
    found = load_table(table(tmp_path, CSV), "label", time="when")
    assert found.feature_names == ["amount", "shop", "member", "seen"]
    assert found.data.dtype == np.float32
    assert found.data.flags.c_contiguous
    np.testing.assert_array_equal(found.data[:, 0], np.float32([1.5, np.nan, 3, 4.25]))
    np.testing.assert_array_equal(found.data[:, 1], np.float32([1, 0, np.nan, 1]))
    np.testing.assert_array_equal(found.data[:, 2], [1, 0, 1, 1])
    assert found.categories["shop"] == ["kiosk", "web"]
    assert found.target.dtype == np.int8
    assert found.target.tolist() == [0, 0, 1, 0]
    assert found.target_names == ["ok", "bad"]
    np.testing.assert_array_equal(np.diff(found.step), 86_400)
    assert found.step[0] == 1_704_067_200  # 2024-01-01 in seconds since 1970
    assert "4 rows, 1 of them with label == 'bad'; time column: when" in found.DESCR


def test_compressed_csv_and_last_column_as_target(tmp_path: Path) -> None:
    plain = load_table(table(tmp_path, CSV), "label")
    packed = tmp_path / "cards.CSV.gz"
    packed.write_bytes(gzip.compress(CSV.encode()))
    found = load_table(str(packed))
    np.testing.assert_array_equal(found.data, plain.data)
    np.testing.assert_array_equal(found.target, plain.target)
    assert found.step is None  # no well-known time column: 'when' stays a feature
    assert found.feature_names[0] == "when"


def test_parquet_round_trip_keeps_types(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    frame = pandas.DataFrame(
        {
            "fraud": pandas.array([True, False, False], dtype="boolean"),
            "date": pandas.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03"]),
            "shop": pandas.Categorical(["b", "a", None], categories=["unused", "b", "a"]),
            "n": pandas.array([1, None, 3], dtype="Int64"),
            "seen": pandas.to_datetime(["2024-05-01T00:00:01", None, "2024-05-01T00:00:00"], utc=True),
            "wait": pandas.to_timedelta([2, 3, None], unit="s"),
        }
    )
    file = tmp_path / "cards.parquet"
    frame.to_parquet(file)
    found = load_table(file, "fraud")
    assert found.feature_names == ["shop", "n", "seen", "wait"]
    expected = [[0, 1, 1, 2], [1, np.nan, np.nan, 3], [np.nan, 3, 0, np.nan]]
    np.testing.assert_array_equal(found.data, np.float32(expected))
    assert found.categories == {"shop": ["b", "a"]}  # the file's own order
    assert found.target.tolist() == [1, 0, 0]
    np.testing.assert_array_equal(np.diff(found.step), 86_400)


def test_simulated_log_survives_both_formats(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    log = make_transactions(2_000, imbalance_ratio=99, random_state=0, as_frame=True)
    log.frame.to_csv(tmp_path / "log.csv", index=False)
    log.frame.to_parquet(tmp_path / "log.parquet")
    one = load_table(tmp_path / "log.csv", "isFraud")
    other = load_table(tmp_path / "log.parquet", "isFraud")
    np.testing.assert_array_equal(one.data, other.data)
    np.testing.assert_array_equal(one.target, log.target)
    np.testing.assert_array_equal(one.step, log.step)
    assert "step" not in one.feature_names


@pytest.mark.parametrize(
    ("classes", "target", "names"),
    [
        ("1 1 1 0", [1, 1, 1, 0], [0, 1]),  # 0 and 1 keep their meaning even if 1 is common
        ("1.0 0.0 1.0 1.0", [1, 0, 1, 1], [0.0, 1.0]),
        ("True True False True", [1, 1, 0, 1], [False, True]),
        ("-1 1 1 1", [1, 0, 0, 0], [1, -1]),
        ("-1 1 1 -1", [0, 1, 1, 0], [-1, 1]),  # a tie
        ("2 1 1 1", [1, 0, 0, 0], [1, 2]),
        ("yes no no no", [1, 0, 0, 0], ["no", "yes"]),
        ("yes no yes yes", [1, 0, 1, 1], ["no", "yes"]),  # so do these, however common
        ("FALSE TRUE TRUE TRUE", [0, 1, 1, 1], [False, True]),
        ("N Y Y Y", [0, 1, 1, 1], ["N", "Y"]),
        ("good bad good good", [0, 1, 0, 0], ["good", "bad"]),
        ("1,0 good good good", [1, 0, 0, 0], ["good", "1,0"]),  # classes are not numbers that went wrong
    ],
)
def test_rarer_class_is_one(tmp_path: Path, classes: str, target: list[int], names: list[object]) -> None:
    rows = "\n".join(f'{i},"{value}"' for i, value in enumerate(classes.split()))
    found = load_table(table(tmp_path, f"x,y\n{rows}\n"), "y")
    assert found.target.tolist() == target
    assert found.target_names == names


@pytest.mark.parametrize(
    ("classes", "positive", "target", "names"),
    [
        ("1 1 1 0", 0, [0, 0, 0, 1], [1, 0]),
        ("1 1 1 0", "1", [1, 1, 1, 0], [0, 1]),
        ("good bad good good", "good", [1, 0, 1, 1], ["bad", "good"]),
        ("True False True True", "False", [0, 1, 0, 0], [True, False]),
        ("1.0 0.0 1.0 1.0", "0", [0, 1, 0, 0], [1.0, 0.0]),
    ],
)
def test_positive_class_by_name(
    tmp_path: Path, classes: str, positive: object, target: list[int], names: list[object]
) -> None:
    rows = "\n".join(f"{i},{value}" for i, value in enumerate(classes.split()))
    found = load_table(table(tmp_path, f"x,y\n{rows}\n"), "y", positive=positive)
    assert found.target.tolist() == target
    assert found.target_names == names
    common = [text for text in found.report.warnings if "is the commoner class (75.0% of the rows)" in text]
    assert len(common) == (sum(target) == 3)


def test_decimal_classes(tmp_path: Path) -> None:
    """As Oracle's NUMBER(1) comes out."""
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    classes = pa.array([Decimal(0), Decimal(1), Decimal(1)], pa.decimal128(1, 0))
    pq.write_table(pa.table({"x": [1, 2, 3], "y": classes}), tmp_path / "cards.parquet")
    found = load_table(tmp_path / "cards.parquet")
    assert found.target.tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    ("header", "cells", "step"),
    [
        ("step", ("3", "7"), [3, 7]),
        ("timestamp", ("1970-01-01T00:00:05Z", "1970-01-01T01:00:00+01:00"), [5, 0]),
        ("time", ("09:30", "10:00"), None),  # a time of day orders nothing
        ("date", ("spring", "autumn"), None),
        ("date", ("True", "False"), None),
        ("Step", ("1", "2"), None),  # not a well-known name
    ],
)
def test_well_known_time_columns(
    tmp_path: Path, header: str, cells: tuple[str, str], step: list[float] | None
) -> None:
    text = f"{header},x,y\n{cells[0]},1,0\n{cells[1]},2,1\n"
    found = load_table(table(tmp_path, text), "y")
    if step is None:
        assert found.step is None
        assert found.feature_names == [header, "x"]
    else:
        assert found.step.tolist() == step
        assert found.feature_names == ["x"]


def test_time_is_what_the_caller_says(tmp_path: Path) -> None:
    file = table(tmp_path, "step,when,x,y\n1,20240102,5,0\n2,20240101,6,1\n,20240103,7,0\n")
    assert load_table(file, time=False).feature_names == ["step", "when", "x"]
    found = load_table(file, time="when", drop="step")
    assert found.step.tolist() == [20240102, 20240101, 20240103]
    assert (
        "when: looks like dates, 20240101 to 20240103: dates={'when': '%Y%m%d'}" in found.report.warnings[0]
    )
    found = load_table(file, time="when", drop="step", dates={"when": "%Y%m%d"})
    assert np.diff(found.step).tolist() == [-86_400, 2 * 86_400]
    assert found.report.warnings == []


def test_last_column_that_is_not_dropped_is_the_target(tmp_path: Path) -> None:
    found = load_table(table(tmp_path, "x,y,note\n1,0,a\n2,1,b\n"), drop="note")
    assert found.feature_names == ["x"]
    assert [column.used_as for column in found.report.columns] == ["number", "target", "dropped"]


@pytest.mark.parametrize(
    ("text", "parameters", "message"),
    [
        ("a,b\n1,0\n2,1\n", {"target": "fraud"},
         r"target == 'fraud', must be a column of cards\.csv; its columns are 'a', 'b'\."),
        ("a,b\n1,0\n2,1\n", {"time": "t"},
         r"time == 't', must be a column of cards\.csv; its columns are 'a', 'b'\.$"),
        ("AMT_EUR,Booking Date,b\n1,1,0\n2,2,1\n", {"amount": "amt_eur"},
         r"'Booking Date', 'b'\. Did you mean 'AMT_EUR'\?$"),
        ("AMT_EUR,Booking Date,b\n1,1,0\n2,2,1\n", {"time": "booking_date"},
         r"Did you mean 'Booking Date'\?$"),
        ("AMT_EUR,Booking Date,b\n1,1,0\n2,2,1\n", {"drop": ["AMT_ERU"]}, r"Did you mean 'AMT_EUR'\?$"),
        ("a,b\n1,0\n2,1\n", {"drop": ["t"]}, r"drop == 't', must be a column of cards\.csv; its columns are"),
        ("a,b\n1,0\n2,1\n", {"categories": "t"}, r"categories == 't', must be a column of cards\.csv"),
        ("a,b\n1,0\n2,1\n", {"dates": {"t": "%Y"}}, r"dates == 't', must be a column of cards\.csv"),
        ("a,b\n1,0\n2,1\n", {"drop": "b", "target": "b"},
         r"drop == 'b', must not be the target of cards\.csv"),
        ("a,b\n1,0\n2,1\n", {"categories": "b"}, r"categories == 'b', must not be the target of cards\.csv"),
        ("a,b\n1,0\n2,1\n", {"dates": {"b": "%Y"}}, r"dates == 'b', must not be the target of cards\.csv"),
        ("a,b,c\n1,1,0\n2,1,1\n", {"drop": "a", "time": "a"},
         r"drop == 'a', must not be the time column too"),
        ("a,b,c\n1,1,0\n2,1,1\n", {"drop": "a", "categories": "a"},
         r"categories == 'a', must not be dropped"),
        ("a,b\n1,0\n2,1\n", {"drop": ["a", "b"]}, r"drop == 'a', 'b', must leave a target in cards\.csv"),
        ("a,b\n1,0\n2,1\n", {"positive": "yes"}, r"positive == 'yes', must be a value of 'b': 0, 1\."),
        ("a,b\n1,0\n2,1\n", {"sep": "; "}, r"sep == '; ', must be one character"),
        ("a,b\n1,0\n2,1\n", {"decimal": ";"}, r"decimal == ';', must be '\.' or ','\."),
        ("a,b\n1,0\n2,1\n", {"thousands": "-"},
         r"thousands == '-', must be None or one of ',', '\.', ' ', \"'\", '_'\."),
        ("a,b\n1,0\n2,1\n", {"thousands": "."}, r"thousands == '\.', must differ from decimal == '\.'\."),
        ("a,b\n1,0\n2,1\n", {"encoding": "utf-99"}, r"encoding == 'utf-99', must be one that Python knows"),
        ("a,b\n1,0\n2,1\n", {"time": "b"}, r"time == 'b', must not be the target of cards\.csv"),
        ("a,b\n1,0\n2,1\n3,2\n", {}, r"target == 'b', must have two classes; it has 3: 0, 1, 2"),
        ("a,b\n1,x\n2,x\n", {}, r"must have two classes; it has 1: 'x'\. Name another column"),
        ("a,b\n1,0\n2,\n3,1\n", {},
         r"must have a class in every row; 1 of 3 have none, the first is row 2: label"),
        ("a,b\n1,no\n2,NA\n3,yes\n", {}, r"target == 'b', must have a class in every row; 1 of 3 have"),
        ("a,b\n1,0\nx,1\n", {"time": "a"}, r"column == 'a', must hold numbers only; row 2 .* holds 'x'"),
        ("a,b\nu,0\nx,1\n", {"time": "a"},
         r"time == 'a', must hold numbers, dates or ISO 8601 text; it holds text"),
        ("a,b\n9:30,0\n9:31,1\n", {"time": "a"},
         r"time == 'a', must hold numbers, dates .* which orders no rows"),
        ("a,b,c\n1,1,0\n,1,1\n", {"time": "a"},
         r"time == 'a', must hold a time in every row; 1 of 2 have none, the first is row 2: fill or"),
        ("date,b,c\n,1,0\n2024-01-01,1,1\n", {},
         r"time == 'date', by its name, must hold a time in every row; .* the first is row 1: .*time=False"),
        ("step,b\n1,0\n2,1\n", {}, r"target == 'b', must leave a feature in cards\.csv"),
        ("a,b\n1e39,0\n2,1\n", {}, r"column == 'a', must hold finite numbers within float32"),
        ("a,b\ninf,0\n2,1\n", {}, r"column == 'a', must hold finite numbers"),
        ("a,b\n", {}, r"must hold at least one row; it has none"),
        (",".join(f"c{i}" for i in range(30)) + "\n" + "0," * 29 + "0", {"target": "fraud"},
         r"'c18', 'c19', \.\.\.\.$"),
    ],
)  # fmt: skip
def test_table_errors(tmp_path: Path, text: str, parameters: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_table(table(tmp_path, text), **parameters)


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("nowhere.csv", FileNotFoundError, r"nowhere\.csv', must be a file; the current folder"),
        ("cards.xlsx", ValueError, r"cards\.xlsx', must be a CSV or Parquet file; save"),
    ],
)
def test_path_errors(tmp_path: Path, name: str, error: type[Exception], message: str) -> None:
    table(tmp_path, "", "cards.xlsx")
    with pytest.raises(error, match=message):
        load_table(tmp_path / name)


def test_without_pandas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert make_transactions(1_000, random_state=0).frame is None
    with pytest.raises(
        ImportError, match=r"as_frame=True needs pandas.* run: pip install 'focalboost\[tables\]'"
    ):
        make_transactions(1_000, as_frame=True)
    with pytest.raises(
        ImportError, match=r"load_table needs pandas.* run: pip install 'focalboost\[tables\]'"
    ):
        load_table(table(tmp_path, CSV))
    with pytest.raises(
        ImportError, match=r"fetch_creditcard needs pandas.* run: pip install 'focalboost\[tables\]'"
    ):
        fetch_creditcard()
