"""The code of docs/serving.md: Java, SQL and Python run and give the numbers of `predict_proba`."""

import re
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit, logit

from focalboost.calibration import (
    binary_posterior,
    binary_posterior_logit,
    lookup_table,
    multiclass_log_posterior,
)

PAGE = (Path(__file__).parents[2] / "docs" / "serving.md").read_text(encoding="utf-8")
(JAVA,) = re.findall(r"```java\n(.*?)```", PAGE, re.DOTALL)
BINARY_SQL, MULTICLASS_SQL, LOOKUP_SQL = re.findall(r"```sql\n(WITH .*?)```", PAGE, re.DOTALL)
NUMBERS = "SELECT 2e0 AS gamma_0, 2e0 AS gamma_1, 1e0 AS alpha_0, 1e0 AS alpha_1, 0e0 AS logit_shift"
# Both tails as far as the log-odds say more than 0 and 1, and next to 0.
MARGINS = np.concatenate([np.linspace(-300, 300, 601), np.linspace(-12, 12, 480), [0.0, -1e-9, 1e-9]])
CASES = [
    {"gamma": (2.0, 2.0), "alpha": (1.0, 1.0), "logit_shift": 0.0},
    {"gamma": (0.0, 3.5), "alpha": (1.0, 40.0), "logit_shift": -0.7},
    {"gamma": (1e-7, 0.0), "alpha": (0.7, 0.3), "logit_shift": 1.25},
]
SEVERAL = {"gamma": (2.0, 0.0, 1.5, 4.0), "alpha": (1.0, 8.0, 0.1, 2.0), "logit_shift": (0.1, -0.4, 0.0, 0.3)}


@pytest.fixture(scope="module")
def rows_of_several():
    rng = np.random.default_rng(0)
    return np.concatenate([rng.normal(0.0, size, (50, 4)) for size in (0.1, 1.0, 5.0, 40.0)])


def agree(found, log_odds):
    """Log-odds to 1e-12 of their size, where a probability says them; else to the last bit of 1."""
    found, expected = np.asarray(found, float), expit(log_odds)
    np.testing.assert_allclose(found, expected, rtol=0.0, atol=1e-15)
    told = (log_odds < 0.0) & (log_odds > -690.0)
    assert told.any()
    off = np.abs(logit(found[told]) - log_odds[told])
    assert (off <= 1e-12 * np.maximum(1.0, np.abs(log_odds[told]))).all(), off.max()


# ---------------------------------------------------------------------- Java
def java_array(values):
    return f"new double[] {{{', '.join(map(repr, map(float, values)))}}}"


@pytest.mark.skipif(shutil.which("java") is None, reason="needs Java 11 or newer")
def test_java(tmp_path, rows_of_several):
    calls = [
        f"FocalPosterior.binary(x, {java_array(case['gamma'])}, {java_array(case['alpha'])},"
        f" {case['logit_shift']!r})"
        for case in CASES
    ]
    several = ", ".join(java_array(SEVERAL[name]) for name in ("gamma", "alpha", "logit_shift"))
    harness = f"""
        import java.nio.file.*;

        class Harness {{
            public static void main(String[] args) throws Exception {{
                for (String line : Files.readAllLines(Path.of(args[0]))) {{
                    double x = Double.parseDouble(line);
                    System.out.println({' + " " + '.join(calls)});
                }}
                for (String line : Files.readAllLines(Path.of(args[1]))) {{
                    String[] cells = line.split(" ");
                    double[] x = java.util.Arrays.stream(cells).mapToDouble(Double::parseDouble).toArray();
                    for (double p : FocalPosterior.multiclass(x, {several})) System.out.print(p + " ");
                    System.out.println();
                }}
            }}
        }}
        """
    (tmp_path / "Harness.java").write_text(harness + JAVA)
    np.savetxt(tmp_path / "margins", MARGINS, fmt="%.17g")
    np.savetxt(tmp_path / "rows", rows_of_several, fmt="%.17g")
    done = subprocess.run(
        ["java", "Harness.java", "margins", "rows"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    binary = np.array([line.split() for line in lines[: len(MARGINS)]], float)
    for column, case in zip(binary.T, CASES, strict=True):
        agree(column, binary_posterior_logit(MARGINS, **case))
    found = np.array([line.split() for line in lines[len(MARGINS) :]], float)
    check_several(found, rows_of_several)


def check_several(found, rows):
    logs = multiclass_log_posterior(rows, **SEVERAL)
    np.testing.assert_allclose(found, np.exp(logs), rtol=0.0, atol=4e-15)
    told = logs > -690.0
    np.testing.assert_allclose(np.log(found[told]), logs[told], rtol=1e-12, atol=1e-12)


# ---------------------------------------------------------------------- SQL
@pytest.fixture(params=["sqlite", "duckdb"])
def database(request):
    if request.param == "duckdb":
        connection = pytest.importorskip("duckdb").connect()
    else:
        connection = sqlite3.connect(":memory:")
    # From Python 3.13 on a connection that nobody closed is a warning.
    with closing(connection):
        try:
            connection.execute("SELECT exp(1), ln(2), LEAD(1) OVER ()")
        except sqlite3.OperationalError as error:
            pytest.skip(f"SQLite {sqlite3.sqlite_version}: {error}")
        yield connection


def fill(database, name, columns, rows):
    names = [column.split()[0] for column in columns]
    database.execute(f"CREATE TABLE {name} ({', '.join(columns)})")
    marks = ", ".join("?" * len(names))
    database.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)


def answer(database, sql, order="id"):
    rows = database.execute(f"SELECT * FROM ({sql}) AS found ORDER BY {order}").fetchall()
    return np.array([row[-1] for row in rows], float)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_sql_of_two_classes(database, case):
    fill(database, "scores", ["id INTEGER", "margin DOUBLE PRECISION"], list(enumerate(MARGINS.tolist())))
    values = [*case["gamma"], *case["alpha"], case["logit_shift"]]
    names = ["gamma_0", "gamma_1", "alpha_0", "alpha_1", "logit_shift"]
    assert NUMBERS in BINARY_SQL
    numbers = ", ".join(f"{value:.17e} AS {name}" for value, name in zip(values, names, strict=True))
    agree(
        answer(database, BINARY_SQL.replace(NUMBERS, f"SELECT {numbers}")),
        binary_posterior_logit(MARGINS, **case),
    )


def test_sql_of_two_classes_as_it_stands(database):
    fill(
        database,
        "scores",
        ["id INTEGER", "margin REAL"],
        [(0, -2.0), (1, 0.0), (2, 2.0), (3, 1e5), (4, -1e5)],
    )
    found = answer(database, BINARY_SQL)
    np.testing.assert_allclose(found[:3], binary_posterior([-2.0, 0.0, 2.0], gamma=2.0), rtol=1e-12)
    assert found[3:].tolist() == [1.0, 0.0]


def test_sql_of_several_classes(database, rows_of_several):
    columns = ["id INTEGER", "class INTEGER", "margin DOUBLE PRECISION"]
    rows = [(i, k, x) for i, row in enumerate(rows_of_several.tolist()) for k, x in enumerate(row)]
    fill(database, "scores", columns, rows)
    numbers = [(k, *map(float, row)) for k, row in enumerate(zip(*SEVERAL.values(), strict=True))]
    doubles = [f"{name} DOUBLE PRECISION" for name in SEVERAL]
    fill(database, "loss", ["class INTEGER", *doubles], numbers)
    found = answer(database, MULTICLASS_SQL, "id, class").reshape(rows_of_several.shape)
    check_several(found, rows_of_several)


def test_sql_of_a_lookup_table(database):
    margins, log_odds = lookup_table(**CASES[1], max_error=1e-4)
    rows = list(zip(margins.tolist(), log_odds.tolist(), strict=True))
    fill(database, "lookup", ["margin DOUBLE PRECISION", "log_odds DOUBLE PRECISION"], rows)
    x = np.concatenate([np.linspace(-200, 12, 3_000), [-1e4]])
    fill(database, "scores", ["id INTEGER", "margin DOUBLE PRECISION"], list(enumerate(x.tolist())))
    found = answer(database, LOOKUP_SQL)
    assert np.isnan(found[-1])
    true = binary_posterior_logit(x[:-1], **CASES[1])
    told = (true < 20.0) & (true > -690.0)
    assert np.abs(np.expm1(logit(found[:-1][told]) - true[told])).max() < 1e-4
    np.testing.assert_allclose(found[:-1], expit(true), atol=0.25e-4, rtol=1e-4)


# ---------------------------------------------------------------------- Python
@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
def test_python(code, tmp_path, monkeypatch):
    pytest.importorskip("xgboost")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "docs/serving.md", "exec"), {})
