"""Damaged files, and files that are something else: the path and the cure."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import sys
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from focalboost.datasets import load_table

pd = pytest.importorskip("pandas")
pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CSV = b"amount,shop,label\n1.5,web,0\n2,bar,1\n3,web,0\n"
LONG = b"amount,shop,label\n" + b"".join(b"%d,shop %d,%d\n" % (k * 7919, k % 911, k % 2) for k in range(5000))


def zipped(text: bytes, *names: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in names:
            archive.writestr(name, text)
    return packed.getvalue()


def parquet(table: Any = None, **options: Any) -> bytes:
    packed = io.BytesIO()
    table = (
        pa.table({"a": range(5000), "b": ["web", "bar"] * 2500, "y": [0, 1] * 2500})
        if table is None
        else table
    )
    pq.write_table(table, packed, **options)
    return packed.getvalue()


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("cards.csv", bytes),
        ("CARDS.CSV", bytes),
        ("cards.csv.gz", gzip.compress),
        ("cards.csv.bz2", bz2.compress),
        ("cards.csv.xz", lzma.compress),
        ("cards.csv.zip", lambda text: zipped(text, "cards.csv")),
        ("cards.csv.zip", lambda text: zipped(text, "cards.csv", "__MACOSX/._cards.csv")),
    ],
)
def test_csv_plain_and_packed(tmp_path: Path, name: str, pack: Callable[[bytes], bytes]) -> None:
    file = tmp_path / name
    file.write_bytes(pack(CSV))
    found = load_table(file)
    np.testing.assert_array_equal(found.data, np.float32([[1.5, 1], [2, 0], [3, 1]]))
    assert found.target.tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("text", "options"),
    [
        (b"\xef\xbb\xbf" + CSV, {}),
        (CSV.replace(b"\n", b"\r\n"), {}),
        (b"\n" + CSV.replace(b"\n", b"\n\n"), {}),
        (CSV.replace(b",", b";"), {"sep": ";"}),
        (CSV.replace(b",", b"\t"), {"sep": "\t"}),
        (CSV.decode().encode("utf-16"), {"encoding": "utf-16"}),
        (CSV.replace(b"web", "über".encode("latin-1")), {"encoding": "latin-1"}),
        (CSV.replace(b"shop", b'"the, shop"'), {}),
    ],
)
def test_csv_as_others_write_it(tmp_path: Path, text: bytes, options: dict[str, str]) -> None:
    file = tmp_path / "cards.csv"
    file.write_bytes(text)
    found = load_table(file, **options)
    np.testing.assert_array_equal(found.data, np.float32([[1.5, 1], [2, 0], [3, 1]]))
    assert found.feature_names[0] == "amount"


@pytest.mark.parametrize(
    ("name", "content", "options", "message"),
    [
        ("a.csv", b"", {}, "must hold a line of names and rows; it is empty"),
        ("a.csv", b" \n\n", {}, "must hold a line of names and rows; it is empty"),
        ("a.csv.gz", gzip.compress(b""), {}, "must hold a line of names and rows; it is empty"),
        ("a.csv", b"a,b\n", {}, "must hold at least one row; it has none"),
        ("a.csv", CSV.replace(b",", b";"), {},
         r"with ',' between them; that line is 'amount;shop;label': pass sep=';'"),
        ("a.csv", CSV.replace(b",", b"\t"), {}, r"pass sep='\\t'\."),
        ("a.csv", b"a;b;c\n1,5;2,5;0\n", {}, r"pass sep=';'\."),
        ("a.csv", CSV, {"sep": ";"}, r"must have its names .* with ';' between them; .* pass sep=','\."),
        ("a.csv", b"1.5,2,0\n3,4,1\n", {},
         "must have names in its first line; there are numbers: '1.5', '2', '0'"),
        ("a.csv", b"a,b,a\n1,0,1\n", {}, r"doubled are 'a' \(2 times\)\. Rename or remove all but one"),
        ("a.csv", b"a,b\n1,0\n1,2,3\n", {}, "Expected 2 fields in line 3, saw 3. Mend the line"),
        ("a.csv", b"a,b\n1,2,0\n1,2,1\n", {}, "must have as many cells in each line as names in the first"),
        ("a.csv", b"a,b,c\n1,2,0\n1,2\n3,4,1\n", {},
         r"must have 3 cells in each line; line 3 has 2: '1,2'\. Mend it"),
        ("a.csv", LONG[:-40].rpartition(b",")[0], {}, r"line 4999 has 2: .*the file was cut: copy it again"),
        ("a.csv", b"sep=;\na;b\n1;0\n2;1\n", {},
         "first line; that line is 'sep=;', which only Excel understands: remove it, and pass sep=';'"),
        ("a.csv", b"sep=;\na;b\n1;0\n2;1\n", {"sep": ";"}, "which only Excel understands: remove it"),
        ("a.csv", b"Export of May\n\na;b\n1;0\n2;1\n", {},
         "that line is 'Export of May', and the next one 'a;b': remove what stands above the names"),
        ("a.csv", b"May;;\na;b;c\n1;0;1\n2;1;0\n", {"sep": ";"},
         "that line is 'May;;', and the next one 'a;b;c'"),
        ("a.csv", b'a,b\n"1,0\n2,1\n', {}, "with quotes in pairs; pandas says: EOF inside string"),
        ("a.csv", CSV.replace(b"web", "über".encode("latin-1")), {},
         r"must be text in utf-8; line 2 holds the byte b'\\xfc': pass encoding='cp1252'"),
        ("a.csv", LONG + "1,über,0".encode("latin-1"), {}, r"line 5002 holds the byte b'\\xfc'"),
        ("a.csv", CSV.replace(b"web", "über".encode("latin-1")), {"encoding": "ascii"},
         "must be text in ascii; line 2"),
        ("a.csv", CSV, {"encoding": "utf-16"}, "must be text in utf-16"),
        ("a.csv", CSV.decode().encode("utf-16"), {}, "holds zero bytes: pass encoding='utf-16'"),
        ("a.csv", b"\x00\x01\x02\x03" * 100, {}, "holds zero bytes: save the table as .csv"),
        ("a.csv", b"<!DOCTYPE html><html></html>", {}, "it is a web page: download the file itself"),
        ("a.csv", b'{"a": 1}', {}, "it is JSON: save the table as .csv"),
        ("a.csv", parquet(), {},
         r"must be CSV as its name says; by its first bytes it is Parquet: name it \.parquet"),
        ("a.csv", gzip.compress(CSV), {}, r"it is gzip: name it \.csv\.gz"),
        ("a.csv", zipped(CSV, "x"), {}, "it is ZIP: save the table as .csv if it is an Excel workbook"),
        ("a.csv.gz", CSV, {},
         r"must be gzip as its name says; its first bytes are b'amount,s'\. Name it \.csv"),
        ("a.csv.gz", b"", {}, "must be gzip as its name says; its first bytes are b''"),
        ("a.csv.gz", gzip.compress(parquet()), {}, "it is Parquet"),
        ("a.csv.gz", gzip.compress(LONG)[:-5000], {},
         "must be a whole gzip file; .*Copy or download it again"),
        ("a.csv.gz", gzip.compress(LONG)[:500] + b"x" * 500, {}, "must be a whole gzip file"),
        ("a.csv.bz2", bz2.compress(LONG)[:-500], {}, "must be a whole bzip2 file"),
        ("a.csv.xz", lzma.compress(LONG)[:-500], {}, "must be a whole xz file"),
        ("a.csv.zip", zipped(LONG, "a.csv")[:-30], {}, "must be a whole ZIP file"),
        ("a.csv.zip", zipped(CSV, "a.csv", "b.csv"), {}, "it holds 2 files, must hold one: 'a.csv', 'b.csv'"),
        ("a.parquet", b"", {}, r"must be Parquet as its name says; its first bytes are b''"),
        ("a.parquet", CSV, {}, r"must be Parquet as its name says; its first bytes are b'amount,s'"),
        ("a.parquet", gzip.compress(CSV), {},
         "must be Parquet as its name says; by its first bytes it is gzip"),
        ("a.parquet", parquet()[:-200], {},
         "must be a whole Parquet file; pyarrow says: .*Copy it or write it again"),
        ("a.parquet", b"PAR1", {}, "must be a whole Parquet file; pyarrow says"),
        ("a.parquet", parquet(pa.Table.from_arrays([pa.array([1, 2])] * 3, ["a", "b", "a"])), {},
         r"doubled are 'a' \(2"),
        ("a.parquet", parquet(pa.table({"a": pa.array([], pa.int8())})), {},
         "must hold at least one row; it has none"),
        ("a.parquet", parquet(pa.table({})), {}, "must hold at least one row; it has none"),
        ("a.parquet", parquet(), {"sep": ";"}, "sep == ';', must be None for a Parquet file"),
        ("a.parquet", parquet(), {"encoding": "latin-1"},
         "encoding == 'latin-1', must be None for a Parquet file"),
        ("a.xlsx", CSV, {}, "must be a CSV or Parquet file; save"),
        ("a.csv.zst", CSV, {}, "must be a CSV or Parquet file; save"),
        ("csv", CSV, {}, "must be a CSV or Parquet file; save"),
    ],
)  # fmt: skip
def test_damaged_and_foreign_files(
    tmp_path: Path, name: str, content: bytes, options: dict[str, str], message: str
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    start = rf"^path == {re.escape(repr(str(file)))}, "
    if message.startswith(("sep", "encoding")):
        start = "^"
    elif not message.startswith("must"):
        start += ".*"
    with pytest.raises(ValueError, match=start + message):
        load_table(file, **options)


def test_folders_and_missing_files(tmp_path: Path) -> None:
    (tmp_path / "part-0.parquet").write_bytes(parquet())
    with pytest.raises(
        IsADirectoryError, match=r"must be one file; it is a folder of 'part-0\.parquet'\. Name one"
    ):
        load_table(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"nowhere\.csv', must be a file; the current folder is '"):
        load_table(tmp_path / "nowhere.csv")


@pytest.mark.parametrize("compression", ["none", "snappy", "zstd"])
def test_flipped_bytes_of_parquet_end_in_an_error_or_a_table(tmp_path: Path, compression: str) -> None:
    """Never in an error of pyarrow's own, which names no path."""
    content, rng = parquet(compression=compression), np.random.default_rng(0)
    file = tmp_path / "cards.parquet"
    told = []
    for _ in range(60):
        damaged = np.frombuffer(content, np.uint8).copy()
        damaged[rng.integers(4, damaged.size, 8)] = rng.integers(0, 256, 8)
        file.write_bytes(damaged.tobytes())
        try:
            load_table(file)
        except ValueError as error:
            told.append(str(error))
    assert len(told) > 10
    assert all(re.match(r"(path|column|target) == ", text) for text in told)


def test_names_of_zeros_and_ones_are_names(tmp_path: Path) -> None:
    """As NumPy's arrays get them from pandas."""
    file = tmp_path / "a.csv"
    file.write_bytes(b"0,1,2\n1.5,2,0\n3,4,1\n")
    assert load_table(file).feature_names == ["0", "1"]


def test_an_index_of_pandas(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1.5, 2, 3], "y": [0, 1, 0]})
    file = tmp_path / "a.parquet"
    frame.to_parquet(file)
    assert load_table(file).feature_names == ["a"]
    frame.set_index(pd.Index([7, 9, 8])).to_parquet(file)
    found = load_table(file)
    assert found.feature_names == ["a"]
    assert next((c.name, c.used_as, c.notes) for c in found.report.columns) == (
        "__index_level_0__", "dropped", ("the index of a pandas frame",)
    )  # fmt: skip
    # A named one is data, and comes first, as from reset_index().
    frame.set_index(
        pd.Index(pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03"]), name="date")
    ).to_parquet(file)
    found = load_table(file)
    assert found.report.columns[0].used_as == "time"
    assert found.report.columns[-1].used_as == "target"


def test_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.parquet"
    file.write_bytes(parquet())
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(
        ImportError, match=r"a Parquet file needs pyarrow, .* pip install 'focalboost\[tables\]'"
    ):
        load_table(file)
