"""What was done with each column: as text, as a frame, as an object."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import numpy as np
import pytest

from focalboost.datasets import Column, TableReport, load_table

pd = pytest.importorskip("pandas")

if TYPE_CHECKING:
    from pathlib import Path

CSV = """date,amount,shop,customer_id,note,label
2024-01-01,1.5,web,1,a,ok
2024-01-02,,kiosk,2,b,ok
2024-01-04,3,,3,c,bad
2024-01-03,4.25,web,4,d,ok
"""
TEXT = """\
cards.csv: 4 rows, 1 of them with label == 'bad'; time column: date.

column       in the file  used as   chosen by  missing  distinct  notes
date         text         time      its name         0         4  NOTES
amount       float64      number    its kind         1         3
shop         text         category  its kind         1         2  codes in the order of the text
customer_id  int64        number    its kind         0         4
note         text         dropped   drop=            0         -
label        text         target    target=          0         2  'ok' is 0, 'bad' is 1

warnings: 1
- customer_id: by its name an id: a model learns whom it knows, and nothing of those who come"""
NOTES = (
    "no time zone: read as UTC; seconds since 1970; rows are not in its order (row 4 is the first that is "
    "earlier): split by `step`"
)


@pytest.fixture
def report(tmp_path: Path) -> TableReport:
    file = tmp_path / "cards.csv"
    file.write_text(CSV)
    return load_table(file, "label", drop=["note"]).report


def test_as_text(report: TableReport) -> None:
    assert str(report) == TEXT.replace("NOTES", NOTES)
    assert report.warnings == [TEXT.rpartition("\n- ")[2]]


def test_as_a_frame(report: TableReport) -> None:
    frame = report.to_frame()
    assert list(frame.columns) == [
        "name", "kind", "used_as", "chosen_by", "n_missing", "n_distinct", "auc", "notes", "warnings",
    ]  # fmt: skip
    assert frame["name"].tolist() == CSV.partition("\n")[0].split(",")
    assert frame["n_missing"].tolist() == [0, 1, 1, 0, 0, 0]
    assert frame["n_distinct"].isna().tolist() == [False] * 4 + [True, False]
    assert frame["auc"].isna().all()  # one positive row says nothing
    assert frame["warnings"].str.startswith("by its name an id").tolist() == [False] * 3 + [
        True,
        False,
        False,
    ]


def test_as_an_object(report: TableReport) -> None:
    assert pickle.loads(pickle.dumps(report)) == report
    assert report.columns[2] == Column(
        "shop", "text", "category", "its kind", 1, 2, None, ("codes in the order of the text",)
    )
    assert (report.n_samples, report.n_positive, report.target_names) == (4, 1, ("ok", "bad"))


def test_columns_with_nothing_to_tell_share_a_line_in_a_wide_table(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(200, 60)), columns=[f"V{k}" for k in range(60)]).round(2)
    frame.loc[3, "V40"] = np.nan
    frame["y"] = rng.integers(0, 2, 200)
    frame.to_csv(tmp_path / "wide.csv", index=False)
    text = str(load_table(tmp_path / "wide.csv").report)
    lines = [line.split("  ")[0] for line in text.splitlines()]
    assert lines[3:7] == ["V0 to V39 (40)", "V40", "V41 to V59 (19)", "y"]
