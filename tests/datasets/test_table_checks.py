"""Ids, thousands of codes, numbers beyond float32, leaks and copies are said before any training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from focalboost.datasets import load_table
from focalboost.datasets._table_checks import SingleAUC, auc, identical_columns

pd = pytest.importorskip("pandas")
pytest.importorskip("pyarrow")

if TYPE_CHECKING:
    from pathlib import Path

N = 2000
RNG = np.random.default_rng(0)
Y = (RNG.random(N) < 0.1).astype(int)
NOISE = RNG.normal(size=N)


def warnings(folder: Path, **columns: Any) -> dict[str, tuple[str, ...]]:
    frame = pd.DataFrame({"noise": NOISE, **columns, "y": Y})
    frame.to_parquet(folder / "cards.parquet")
    found = load_table(folder / "cards.parquet", "y")
    assert set(found.feature_names) == {"noise", *columns}  # nothing is dropped
    return {column.name: column.warnings for column in found.report.columns}


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("x", np.zeros(N), "the same value in every row"),
        ("x", np.where(NOISE > 0, 1.0, np.nan), r"one value, or none in 1,0\d\d rows"),
        ("x", np.full(N, np.nan), "no value in any row"),
        ("x", RNG.permutation(N), "2,000 values in 2,000 rows: an id?"),
        ("x", [f"C{k:05}" for k in RNG.permutation(N)], "2,000 values in 2,000 rows: an id?"),
        ("customer_id", RNG.integers(0, 9, N), "by its name an id"),
        ("customerID", RNG.integers(0, 9, N), "by its name an id"),
        ("IBAN", RNG.integers(0, 9, N), "by its name an id"),
        ("nameDest", RNG.integers(0, 900, N), "by its name an id"),
        ("terminal", RNG.integers(0, 900, N), "by its name an id"),
        ("id_shop", RNG.integers(0, 900, N), "by its name an id"),
        ("shop", [f"S{k}" for k in RNG.integers(0, 900, N)], r"\d\d\d categories as codes in their order"),
        ("x", 2**24 + RNG.integers(0, 200, N),
         r"200 values, of which float32, .*, tells 1\d\d apart: whole numbers"),
        ("x", 20_240_100 + RNG.integers(1, 29, N),
         r"looks like dates, 20240101 to 20240128: dates=\{'x': '%Y%m%d'\}"),
        ("x", Y * 0.3, r"tells the classes apart alone \(AUC 1\.000\)"),
        ("x", np.where(Y == 1, np.nan, NOISE), r"tells the classes apart alone \(AUC 1\.000\)"),
        ("x", np.where(Y == 1, 0.0, np.sign(NOISE) * (1 + abs(NOISE))),
         r"tells the classes apart alone \(AUC"),
        ("x", np.where(Y == 1, "b", np.where(NOISE > 0, "a", "c")),
         r"tells the classes apart alone \(AUC 1\.000\)"),
        ("x", NOISE, "the same as 'noise' in every row"),
    ],
)  # fmt: skip
def test_a_warning(tmp_path: Path, name: str, values: Any, message: str) -> None:
    found = warnings(tmp_path, **{name: values})
    assert any(pytest.importorskip("re").match(message, text) for text in found[name]), found[name]
    assert found["noise"] == found["y"] == ()


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("paid", RNG.integers(0, 9, N)),
        ("id_n", RNG.integers(0, 900, N)),
        ("customer_days", RNG.integers(0, 900, N)),
        ("dest_earlier_rows", RNG.integers(0, 900, N)),
        ("CUSTOMER_ID_NB_TX_7DAY_WINDOW", RNG.integers(0, 900, N)),
        (
            "amount",
            np.round(np.exp(RNG.normal(size=N)) * 1e5, 2),
        ),  # near a value of its own each, but no whole ones
        ("big", 2**24 + 4 * RNG.integers(0, 200, N)),  # exact in float32
        ("seen", pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(N) * 60, unit="s")),
        ("kind", [f"K{k}" for k in RNG.integers(0, 200, N)]),
        ("flag", RNG.random(N) < 0.5),
        ("strong", Y + 0.5 * RNG.normal(size=N)),  # AUC about .92
    ],
)
def test_no_warning(tmp_path: Path, name: str, values: Any) -> None:
    assert not any(warnings(tmp_path, **{name: values}).values())


def test_cents_that_float32_merges(tmp_path: Path) -> None:
    from decimal import Decimal

    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    cells = [Decimal(20_000_000 + k) / 100 + 16_000_000 for k in range(100)]
    pq.write_table(
        pa.table({"x": pa.array(cells, pa.decimal128(12, 2)), "y": [0, 1] * 50}), tmp_path / "a.parquet"
    )
    (warning,) = load_table(tmp_path / "a.parquet").report.columns[0].warnings
    assert warning == "100 values, of which float32, all that XGBoost stores, tells 2 apart"


def test_a_unique_text_id_does_not_pass_for_a_leak() -> None:
    """Its categories are learned on one half of the rows and judged on the other."""
    assert SingleAUC(Y.astype(np.int8))(np.arange(float(N)), coded=True) == pytest.approx(0.5)
    assert SingleAUC(np.int8([0] * 50 + [1] * 9))(np.arange(59.0), coded=False) is None  # too few to say


def test_auc_is_that_of_scikit_learn() -> None:
    score = np.round(NOISE + Y, 1)  # with ties
    assert auc(score, Y) == pytest.approx(roc_auc_score(Y, score), rel=1e-12)
    assert SingleAUC(Y.astype(np.int8))(-score, coded=False) == pytest.approx(
        roc_auc_score(Y, score), abs=0.03
    )


def test_identical_columns() -> None:
    a = np.float32([0.0, 1.0, np.nan])
    assert identical_columns(np.stack([a, a[::-1], a, -a, a * np.float32(-1) * -1], axis=1)) == {2: 0, 4: 0}
    assert identical_columns(np.float32([[0.0, -0.0], [1, 1]])) == {1: 0}
