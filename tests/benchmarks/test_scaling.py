"""benchmarks/scaling.py: tables of made-up figures, a run of the smallest size, the committed figures."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest

from tests.benchmarks.scripts import FOLDER, cells, load, tables_of

pytest.importorskip("xgboost")
pytest.importorskip("lightgbm")
scaling = load("scaling")
OPTIONS = SimpleNamespace(worker_memory=64.0, network=10.0)


def row(what, classes, rows, seconds, size, booster="", objective="focal"):
    return {
        "what": what, "booster": booster, "objective": objective, "classes": classes, "rows": rows,
        "features": 10, "threads": 2, "repetitions": 3, "seconds": seconds, "bytes": size,
    }  # fmt: skip


def test_the_tables_of_known_growth():
    """Time as n^1.1, memory as n: the exponents, costs of a row and machines by hand."""
    rows = [row("gradients", 20, n, 1e-9 * n**1.1, 160 * n + 1000) for n in (10_000, 100_000, 1_000_000)]
    for objective, seconds in (("focal", 2e-8), ("built-in", 1e-8)):
        rows += [
            row("training", 2, n, seconds * n, 70 * n, "xgboost", objective) for n in (100_000, 10_000_000)
        ]
    [gradients] = scaling.gradient_table(rows)
    assert gradients[0] == "20"
    assert gradients[5:] == ["1.100", "8.00", "1.000", "0.0"]
    [training] = scaling.training_table(rows)
    assert training == ["xgboost", "2", "1e+07", "0.20", "2.00", "1.00", "1.00", "70", "70", "1.00"]
    [capacity] = scaling.capacity_table(rows, OPTIONS)
    # 64 GB x 0.7 / 70 bytes = 6.4e8 rows, of 2e-8 s each.
    assert capacity[1:6] == ["70", "6.4e+08", "13", "2", "10"]


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_a_run_of_the_smallest_sizes(tmp_path):
    path = tmp_path / "scaling.csv"
    command = [sys.executable, FOLDER / "scaling.py", "--results", path, "--largest", "10000"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    [found] = scaling.read(path)
    assert (found["what"], found["classes"], found["rows"]) == ("gradients", 20, 10_000)
    # Gradient and Hessian, and a constant.
    assert 8 * 200_000 * 0.9 < found["bytes"] < 8 * 200_000 + 2_000_000
    assert "rows on one machine" in result.stdout
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    assert scaling.read(path) == [found]
    assert "'what'" not in again.stderr


def test_the_committed_figures_are_those_that_readme_shows():
    rows = scaling.read(scaling.RESULTS)
    assert {r["rows"] for r in rows if r["what"] == "gradients" and r["classes"] == 2} >= {
        100_000,
        10_000_000,
    }
    shown = [cells(line) for line in tables_of("Growth")]
    tables = (
        scaling.gradient_table(rows), scaling.training_table(rows), scaling.capacity_table(rows, OPTIONS)
    )  # fmt: skip
    for table in tables:
        assert table
        for line in table:
            assert line in shown
    for line in scaling.gradient_table(rows):
        assert float(line[7]) <= 1.02  # memory, which no busy machine disturbs
