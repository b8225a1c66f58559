"""Columns as a person means them, or an error that names column, row, value and cure."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from focalboost.datasets import load_table

pd = pytest.importorskip("pandas")
pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

if TYPE_CHECKING:
    from pathlib import Path

    from sklearn.utils import Bunch

NAN = np.nan


def csv(folder: Path, cells: list[str], **options: Any) -> Bunch:
    """A table of one column x, as text, beside a target."""
    lines = [f'"{cell}",{k % 2}' if cell else f",{k % 2}" for k, cell in enumerate(cells)]
    file = folder / "cards.csv"
    file.write_text("\n".join(["x,y", *lines]), encoding="utf-8")
    return load_table(file, "y", **options)


def parquet(folder: Path, values: Any, **options: Any) -> Bunch:
    values = values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values)
    file = folder / "cards.parquet"
    pq.write_table(pa.table({"x": values, "y": [k % 2 for k in range(len(values))]}), file)
    return load_table(file, "y", **options)


def check(found: Bunch, expected: list[float], used_as: str, notes: str = "") -> None:
    np.testing.assert_array_equal(found.data[:, 0], np.float32(expected))
    column = found.report.columns[0]
    assert column.used_as == used_as
    assert column.n_missing == np.isnan(expected).sum()
    assert column.n_distinct == np.unique([value for value in expected if not np.isnan(value)]).size
    assert re.search(notes, "; ".join(column.notes))
    assert ("x" in found.categories) == (used_as == "category")


# ---------------------------------------------------------------------- both formats, as text
@pytest.mark.parametrize(
    ("cells", "options", "expected", "used_as", "notes"),
    [
        (["1.5", "", "-2e3", "7"], {}, [1.5, NAN, -2000, 7], "number", ""),
        (["1.5", "n/a", "NA", "7"], {}, [1.5, NAN, NAN, 7], "number", "1 cells 'n/a' count as missing"),
        (["1", "-", "3", "-"], {"na_values": "-"}, [1, NAN, 3, NAN], "number", ""),
        (["1", "-999", "3"], {"na_values": ["-999"]}, [1, NAN, 3], "number", ""),
        (["1,234.50", "7", "1,000,000"], {"thousands": ","}, [1234.5, 7, 1e6], "number", ""),
        (["1.234,50", "7", "12,5"], {"thousands": ".", "decimal": ","}, [1234.5, 7, 12.5], "number", ""),
        (["1.234", "12.500"], {"thousands": ".", "decimal": ","}, [1234, 12500], "number", ""),
        (["1\u202f234", "12 500"], {"thousands": " "}, [1234, 12500], "number", ""),
        (["1'234", "12\u2019500"], {"thousands": "'"}, [1234, 12500], "number", ""),
        (["1_000", "2_500.5"], {"thousands": "_"}, [1000, 2500.5], "number", ""),
        (["1,23,456", "12,34,56,789", "7"], {"thousands": ","}, [123456, 123456789, 7], "number", ""),
        (["\u0661\u0662\u0663", "", "\u0664\u066b\u0665", "-\u0669"], {}, [123, NAN, 4.5, -9], "number", ""),
        (["\u0661\u066c\u0660\u0660\u0660", "5"], {"thousands": ","}, [1000, 5], "number", ""),
        (["\uff11\uff12", "\u2212\uff13\uff0e\uff15", "\uff0b7"], {}, [12, -3.5, 7], "number", ""),
        (["\u0662\u0660\u0662\u0664-\u0660\u0661-\u0660\u0662", "2024-01-01"], {}, [86400, 0], "date", ""),
        (["\u0660\u0669:\u0663\u0660", "00:00"], {}, [34200, 0], "number", "seconds since midnight"),
        (["010224", "", "311223"], {"dates": {"x": "%d%m%y"}}, [32 * 86400, NAN, 0], "date", ""),
        (["007", "7", "", "12"], {"categories": "x"}, [0, 2, NAN, 1], "category", "order of the text"),
        (["123456789012345678901234567890", "1"], {}, [123456789012345678901234567890.0, 1], "number", ""),
        (["True", "", "false", "TRUE"], {}, [1, NAN, 0, 1], "number", ""),
        (["true", "NA", "false"], {}, [1, NAN, 0], "number", ""),
        (["web", "", "bar", "web", "Zoo"], {}, [2, NAN, 1, 2, 0], "category", "order of the text"),
        (["web", "null", "bar"], {}, [1, NAN, 0], "category", "1 cells 'null' count as missing"),
        (["1", "2", "3+", "1"], {"categories": "x"}, [0, 1, 2, 0], "category", "order of the text"),
        (["5411", "7000", "", "5411"], {"categories": ["x"]}, [0, 1, NAN, 0], "category", "order of the"),
        (["", "", ""], {}, [NAN, NAN, NAN], "number", ""),
        (["2024-01-02", "", "2024-01-01"], {}, [86400, NAN, 0], "date",
         "UTC; seconds since 2024-01-01 00:00:00"),
        (["2024-01-01T00:00:01.5", "2024-01-01 00:00"], {}, [1.5, 0], "date", "no time zone"),
        (["2024-01-01T02:00:00+01:00", "2024-01-01T00:00Z"], {}, [3600, 0], "date", "^seconds since"),
        (["2024-01-01 02:00:00 UTC", "2024-01-01 00:00:00 +01"], {}, [10800, 0], "date",
         "^seconds since 2023"),
        (["2024-02", "2024-01"], {}, [31 * 86400, 0], "date", ""),
        (["9999-12-31", "9999-12-30"], {}, [86400, 0], "date", ""),
        (["2024-01-02", "0000-00-00"], {"na_values": "0000-00-00"}, [0, NAN], "date", ""),
        (["02.01.2024", "", "01.01.2024"], {"dates": {"x": "%d.%m.%Y"}}, [86400, NAN, 0], "date", ""),
        (["20240102", "", "20240101"], {"dates": {"x": "%Y%m%d"}}, [86400, NAN, 0], "date", ""),
        (["1 Jan 2024 +0100", "1 Jan 2024 +0000"], {"dates": {"x": "%d %b %Y %z"}}, [0, 3600], "date", ""),
        (["09:30", "", "00:00:01.5"], {}, [34200, NAN, 1.5], "number", "seconds since midnight"),
        (["a1", "5", "b", "c", "d", "e"], {}, [1, 0, 2, 3, 4, 5], "category", ""),
    ],
)  # fmt: skip
@pytest.mark.parametrize("read", [csv, parquet])
def test_text(
    tmp_path: Path, read: Any, cells: list[str], options: Any, expected: list[float], used_as: str, notes: str
) -> None:
    check(
        read(tmp_path, cells, **options), expected, used_as, notes if read is csv or "''" not in notes else ""
    )


@pytest.mark.parametrize(
    ("cells", "row", "value", "rule", "cure"),
    [
        (["1", "2", "unknown"], 3, "unknown", "numbers only",
         r"pass na_values=\['unknown'\] .*categories=\['x'\]"),
        (["1", "never", "never", "never", "5", "7"], 2, "never", "numbers only", "na_values"),
        (["1", "1,234.50", "2"], 2, "1,234.50", "numbers only", r"pass thousands=','\."),
        (["1,234,567", "2,000"], 1, "1,234,567", "numbers only", r"pass thousands=','\."),
        (["1,234", "2"], 1, "1,234", "numbers only", "pass thousands=',', or decimal=',' if"),
        (["1.234,50", "2"], 1, "1.234,50", "numbers only", r"pass thousands='\.', decimal=','\."),
        (["12,5", "2"], 1, "12,5", "numbers only", r"pass decimal=','\."),
        (["1 234 567", "2"], 1, "1 234 567", "numbers only", r"pass thousands=' '\."),
        (["1'234", "2"], 1, "1'234", "numbers only", r"pass thousands=\"'\"\."),
        (["1_000", "2_500"], 1, "1_000", "numbers only", r"pass thousands='_'\."),
        (["1,23,456", "7"], 1, "1,23,456", "numbers only", r"pass thousands=','\."),
        (["\u0661\u066c\u0660\u0660\u0660", "5"], 1, "\u0661\u066c\u0660\u0660\u0660", "numbers only",
         "pass thousands=','"),
        (["\u0661", "\u0662x"], 2, "\u0662x", "numbers only", "na_values=\\['\u0662x'\\]"),
        (["12 EUR", "7 EUR"], 1, "12 EUR", "numbers only", "take unit and brackets off"),
        (["7", "$12.50"], 2, "$12.50", "numbers only", "take unit and brackets off"),
        (["12\u00a0EUR", "7"], 1, "12\u00a0EUR", "numbers only", "take unit and brackets off"),
        (["12%", "7%"], 1, "12%", "numbers only", "take unit and brackets off"),
        (["(12.50)", "7"], 1, "(12.50)", "numbers only", "take unit and brackets off"),
        (["2024-01-01", "soon"], 2, "soon", "dates in one form", r"na_values=\['soon'\]"),
        (["2024-01-01", "2024-02-30"], 2, "2024-02-30", "dates in one form", "mend the cell"),
        (["01.02.2024", "02.02.2024"], 1, "01.02.2024", "dates in one form",
         r"pass dates=\{'x': '%d\.%m\.%Y'\} \(or dates=\{'x': '%m\.%d\.%Y'\}\)\.$"),
        (["01.02.2024", "13.02.2024"], 1, "01.02.2024", "dates in one form",
         r"pass dates=\{'x': '%d\.%m\.%Y'\}\.$"),
        (["1/2/2024", "1/13/2024"], 1, "1/2/2024", "dates in one form", r"pass dates=\{'x': '%m/%d/%Y'\}\.$"),
        (["13/2/2024", "2/13/2024"], 1, "13/2/2024", "dates in one form",
         r"pass dates=\{'x': format\} with the format"),
        (["13.2.24 09:30:05", "14.2.24 10:00:00"], 1, "13.2.24 09:30:05", "dates in one form",
         r"pass dates=\{'x': '%d\.%m\.%y %H:%M:%S'\}\.$"),
        (["2/13/2024 1:05 PM", "2/14/2024 2:00 AM"], 1, "2/13/2024 1:05 PM", "dates in one form",
         r"pass dates=\{'x': '%m/%d/%Y %I:%M %p'\}\.$"),
        (["2024/02/01", "2024/02/02"], 1, "2024/02/01", "dates in one form", r"dates=\{'x': '%Y/%m/%d'\}"),
        (["1/2/24 10:00", "2024-01-01"], 1, "1/2/24 10:00", "dates in one form", r"'%d/%m/%y %H:%M'"),
        (["3 Feb 2024", "4 Feb 2024"], 1, "3 Feb 2024", "dates in one form",
         r"pass dates=\{'x': '%d %b %Y'\}\.$"),
        (["Feb 3, 2024", "Feb 4, 2024"], 1, "Feb 3, 2024", "dates in one form", "'%b %d, %Y'"),
        (["3-Feb-24", "4-Feb-24"], 1, "3-Feb-24", "dates in one form", "'%d-%b-%y'"),
        (["2024-01-01", "2024-01-01T00:00Z"], 2, "2024-01-01T00:00Z", "dates all with a time zone",
         "write the zone"),
        (["09:30", "late"], 2, "late", "times of day only", "na_values"),
        (["1", "\x1d2", "3"], 2, "\x1d2", "numbers only", "mend the cell"),
        (["1", "inf"], 2, "inf", "finite numbers within float32", "clip such cells"),
        (["1e39", "2"], 1, 1e39, "finite numbers within float32", "clip"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("read", [csv, parquet])
def test_stray_text_is_refused(
    tmp_path: Path, read: Any, cells: list[str], row: int, value: Any, rule: str, cure: str
) -> None:
    value = float(value) if value == "inf" else value
    told = re.escape(f"column == 'x', must hold {rule}")
    with pytest.raises(
        ValueError, match=rf"^{told}.*; row {row} \(the first is 1\) holds {re.escape(repr(value))}: .*{cure}"
    ):
        read(tmp_path, cells)


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (csv, r"cards.csv', must be text; it holds zero bytes: copy it again"),
        (parquet, r"row 1001 \(the first is 1\) holds 'b.*b': the file is damaged; copy it"),
    ],
)
def test_zero_bytes_far_in_the_file_are_seen(tmp_path: Path, read: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(tmp_path, ["a longer text"] * 1000 + ["b\0\0b", "c"])


def test_formats_of_dates_are_checked(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"'x', must hold dates of the form '%d.%m.%Y'; row 2 .* holds '31.02.2024'"
    ):
        csv(tmp_path, ["01.02.2024", "31.02.2024"], dates={"x": "%d.%m.%Y"})
    with pytest.raises(
        ValueError, match=r"dates == \{'x': '%Y'\}, must name columns of text .*date32\[day\]"
    ):
        parquet(tmp_path, [dt.date(2024, 1, 1)] * 2, dates={"x": "%Y"})


@pytest.mark.parametrize("read", [csv, parquet])
@pytest.mark.parametrize(
    ("cells", "options", "values", "n_cells", "first"),
    [
        (["1", "007", "7", " 08"], {}, [1, 7, 7, 8], 2, "'007' in row 2"),
        (["1", "", "-07", "0"], {}, [1, NAN, -7, 0], 1, "'-07' in row 3"),
        (["1,5", "007", "7"], {"decimal": ","}, [1.5, 7, 7], 1, "'007' in row 2"),
        (["0930", "1215", "0000"], {}, [930, 1215, 0], 2, "'0930' in row 1"),
    ],
)
def test_zeros_in_front_are_said(
    tmp_path: Path, read: Any, cells: list[str], options: Any, values: list[float], n_cells: int, first: str
) -> None:
    found = read(tmp_path, cells, **options)
    np.testing.assert_array_equal(found.data[:, 0], np.float32(values))
    (warning,) = found.report.columns[0].warnings
    assert warning == (
        f"{n_cells} cells have zeros in front, as {first}: read as numbers; if they are codes, "
        "categories=['x'] keeps them as they are"
    )


@pytest.mark.parametrize("cells", [["0", "0.5", "10"], ["-0", "0", "1e05"], ["0.07", "00.5", ""]])
@pytest.mark.parametrize("read", [csv, parquet])
def test_zeros_that_are_no_codes(tmp_path: Path, read: Any, cells: list[str]) -> None:
    assert read(tmp_path, cells).report.warnings == []


@pytest.mark.parametrize(
    ("sep", "encoding"), [(";", "utf-8"), ("\t", "utf-8"), ("|", "utf-8"), (",", "utf-16")]
)
def test_zeros_in_front_are_found_in_any_csv(tmp_path: Path, sep: str, encoding: str) -> None:
    """Far down, behind dates, and beside a column without any."""
    file = tmp_path / "cards.csv"
    lines = [sep.join(["2024-01-01", str(k), str(k), str(int(k % 3 == 0))]) for k in range(3000)]
    file.write_text("\n".join([sep.join("dabz"), *lines, sep.join(["2024-01-02", "7", '"0042"', "1"])]),
                    encoding=encoding)  # fmt: skip
    found = load_table(file, sep=sep, encoding=encoding)
    assert {column.name: len(column.warnings) for column in found.report.columns if column.warnings} == {
        "a": 1, "b": 2
    }  # fmt: skip
    assert (
        found.report.columns[2].warnings[0].startswith("1 cells have zeros in front, as '0042' in row 3001")
    )


def test_whole_categories_with_gaps_have_whole_names(tmp_path: Path) -> None:
    file = tmp_path / "cards.csv"
    file.write_text("x,y\n5411,0\n,1\n12,0\n")
    assert load_table(file, "y", categories="x").categories == {"x": [12, 5411]}
    assert parquet(tmp_path, [5411, None, 12], categories="x").categories == {"x": [12, 5411]}


def test_a_few_numbers_among_categories_are_said(tmp_path: Path) -> None:
    found = csv(tmp_path, ["web", "bar", "12", "shop", "kiosk"])
    (warning,) = found.report.columns[0].warnings
    assert warning.startswith("1 cells are numbers, dates or times, as '12' in row 3; as most are not")


def test_an_unclosed_quote_is_said(tmp_path: Path) -> None:
    file = tmp_path / "cards.csv"
    file.write_text('x,y\n"web,1\nbar,0\nshop",1\nweb,0\n')
    (warning,) = load_table(file, "y").report.columns[0].warnings
    assert warning == "a cell with a line break in row 1: a quote that is not closed?"


# ---------------------------------------------------------------------- Parquet's types
UTC = dt.UTC
BERLIN = "Europe/Berlin"


@pytest.mark.parametrize(
    ("values", "expected", "used_as", "kind"),
    [
        (pa.array([Decimal("12.50"), None, Decimal("-3.25")], pa.decimal128(12, 2)), [12.5, NAN, -3.25],
         "number",
         "decimal128(12, 2)"),
        (pa.array([Decimal("12.50"), None, Decimal("10.00")], pa.decimal256(50, 2)), [12.5, NAN, 10],
         "number",
         "decimal256(50, 2)"),
        (pa.array([1, None, 3], pa.int8()), [1, NAN, 3], "number", "int8"),
        (pa.array([1, 2**64 - 1], pa.uint64()), [1, 2.0**64], "number", "uint64"),
        (pa.array([1.5, None, NAN], pa.float32()), [1.5, NAN, NAN], "number", "float"),
        (pa.array([True, None, False]), [1, NAN, 0], "number", "bool"),
        (pa.array([None, None], pa.null()), [NAN, NAN], "number", "null"),
        (pa.array([None, None], pa.string()), [NAN, NAN], "number", "string"),
        (pa.array(["b", None, "a"], pa.large_string()), [1, NAN, 0], "category", "large_string"),
        (pa.array([1, None, 0], pa.date32()), [86400, NAN, 0], "date", "date32[day]"),
        (pa.array([86_400_000, None, 0], pa.date64()), [86400, NAN, 0], "date", "date32[day]"),
        (pa.array([5000, None, 0], pa.timestamp("ms")), [5, NAN, 0], "date", "timestamp[ms]"),
        (pa.array([5, None, 0], pa.timestamp("us", BERLIN)), [5e-6, NAN, 0], "date",
         f"timestamp[us, tz={BERLIN}]"),
        (pa.array([1, None, 0], pa.time32("ms")), [1e-3, NAN, 0], "number", "time32[ms]"),
        (pa.array([60_000_000, None, 0], pa.time64("us")), [60, NAN, 0], "number", "time64[us]"),
        (pa.array([2000, None, 3000], pa.duration("ms")), [2, NAN, 3], "number", "duration[ms]"),
        (pa.array(["b", "a", None]).dictionary_encode(), [0, 1, NAN], "category", "dictionary of string"),
        (pa.array([7, 5, None]).dictionary_encode(), [7, 5, NAN], "number", "int64"),  # pyarrow's own way
        (pa.chunked_array([pa.array(["b"]).dictionary_encode(), pa.array(["a"]).dictionary_encode()]), [0, 1],
         "category", "dictionary of string"),
    ],
)  # fmt: skip
def test_parquet_types(tmp_path: Path, values: Any, expected: list[float], used_as: str, kind: str) -> None:
    found = parquet(tmp_path, values)
    check(found, expected, used_as)
    assert found.report.columns[0].kind == kind


@pytest.mark.parametrize(
    ("values", "kind", "cure"),
    [
        (pa.array([[1], [2, 3]]), "list<", "write its parts as columns of their own"),
        (pa.array([{"a": 1}, {"a": 2}]), "struct<", "write its parts as columns"),
        (pa.array([[("a", 1)], []], pa.map_(pa.string(), pa.int8())), "map<", "write its parts as columns"),
        (pa.array([b"ab", b"c"]), "binary", "write it as text, numbers or dates"),
        (pa.array([b"ab", b"cd"], pa.binary(2)), "fixed_size_binary", "write it as text"),
    ],
)
def test_nested_and_binary_columns_are_refused(tmp_path: Path, values: Any, kind: str, cure: str) -> None:
    file = tmp_path / "cards.parquet"
    pq.write_table(pa.table({"x": values, "z": [1, 2], "y": [0, 1]}), file)
    with pytest.raises(
        ValueError, match=rf"column == 'x', must hold .*it holds {kind}.*: {cure}.* drop=\['x'\]"
    ):
        load_table(file)
    found = load_table(file, drop="x")
    assert found.feature_names == ["z"]
    assert found.report.columns[0].used_as == "dropped"
    with pytest.raises(ValueError, match=rf"column == 'x', must hold .*it holds {kind}"):
        load_table(file, "x")


def test_pandas_categories_keep_their_order(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": pd.Categorical(["low", "high", None], ["low", "mid", "high"], ordered=True)})
    frame.assign(y=[0, 1, 0]).to_parquet(tmp_path / "cards.parquet")
    found = load_table(tmp_path / "cards.parquet")
    check(found, [0, 1, NAN], "category", "order of the file")
    assert found.categories == {"x": ["low", "high"]}
    # A declared category is not guessed at.
    frame = pd.DataFrame({"x": pd.Categorical(["1", "2", "x"])}).assign(y=[0, 1, 0])
    frame.to_parquet(tmp_path / "cards.parquet")
    assert load_table(tmp_path / "cards.parquet").categories == {"x": ["1", "2", "x"]}


def test_numbers_that_mean_missing_in_parquet(tmp_path: Path) -> None:
    check(parquet(tmp_path, [1, -999, 3], na_values="-999"), [1, NAN, 3], "number")
    check(parquet(tmp_path, [1.0, np.inf, 3.0], na_values=["inf"]), [1, NAN, 3], "number")


def test_spark_dates_beyond_nanoseconds(tmp_path: Path) -> None:
    """96 bits, as old Spark and Impala write them; in nanoseconds the year would come out as 1816."""
    when = [dt.datetime(9999, 12, 31, tzinfo=UTC), dt.datetime(9999, 12, 30, tzinfo=UTC)]
    file = tmp_path / "cards.parquet"
    table = pa.table({"x": pa.array(when, pa.timestamp("us")), "y": [0, 1]})
    pq.write_table(table, file, use_deprecated_int96_timestamps=True)
    check(load_table(file), [86400, 0], "date", "since 9999-12-30")
