"""benchmarks/brfss.py: a run on made-up answers, and the committed figures."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from tests.benchmarks.scripts import FOLDER, cells, load, tables_of

for needed in ("xgboost", "lightgbm", "pandas", "pyarrow", "matplotlib"):
    pytest.importorskip(needed)
import pandas as pd  # noqa: E402  # after the checks

brfss = load("brfss")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(1_500, 3)).astype(np.float32), columns=["a", "b", "c"])
    table["target"] = (table.a + rng.normal(size=1_500) > 1.6).astype(np.int8)
    pd.concat([table, table.head(100)]).to_parquet(path / "health_brfss_diabetes.parquet")
    return path


def test_shift_is_the_intercept_with_the_log_odds_as_offset():
    rng = np.random.default_rng(0)
    odds = rng.normal(-2, 1, 5_000)
    p = 1 / (1 + np.exp(-(odds + 0.7)))
    y = (rng.random(5_000) < p).astype(int)
    found = brfss.shift(y, odds)
    assert (1 / (1 + np.exp(-(odds + found)))).mean() == pytest.approx(y.mean())
    assert found == pytest.approx(0.7, abs=0.15)


def test_rounds_are_those_with_the_smallest_loss(folder):
    X, y = brfss.load(folder)
    assert len(y) == 1_500  # answers that repeat others are dropped
    for booster in brfss.BOOSTERS:
        model = brfss.arms.train(booster, brfss.focal(2), X[:700], y[:700], {"learning_rate": 0.3}, 30)
        chosen = brfss.choose(model, X[700:], y[700:], 30)
        margins = brfss.after(model, X[700:], list(range(1, 31)))
        np.testing.assert_allclose(margins[30], model.margin(X[700:]), atol=1e-5)
        focal = [model.loss.loss(y[700:], margin).mean() for margin in margins.values()]
        assert chosen["own loss"] == np.argmin(focal) + 1 < 30
        posterior = [model.loss.posterior(margin) for margin in margins.values()]
        loss = [-np.log(np.where(y[700:] == 1, p, 1 - p)).mean() for p in posterior]
        assert chosen["log loss"] == np.argmin(loss) + 1
        assert chosen["all"] == 30


def test_run_resume_and_tables(folder, tmp_path, capsys):
    results = tmp_path / "results.csv"
    argv = [str(folder), "--results", str(results), "--splits", "2", "--rounds", "12"]
    brfss.main(argv)
    text = capsys.readouterr().out
    frame = pd.read_csv(results)
    assert len(frame) == 2 * 2 * brfss.ROWS_OF_JOB
    assert set(frame["rounds by"]) == set(brfss.RULES)
    # What is trained is what is read: log loss has one probability, focal loss two of the same ranking.
    keys = ["split", "booster", "arm", "rounds by"]
    for (_, _, arm, _), part in frame.groupby(keys):
        assert len(part) == (1 if arm in brfss.LOG_LOSSES else 2)
        assert len(part["AP"].unique()) == 1
    lines = results.read_text().splitlines(keepends=True)
    results.write_text("".join(lines[:-5]))
    brfss.main(argv)
    assert capsys.readouterr().out == text
    brfss.main(["--tables", "--results", str(results)])
    assert capsys.readouterr().out == text
    assert "| cancer after lung transplant, as published |" in text


def test_two_processes(folder, tmp_path):
    """As users call it."""
    results = tmp_path / "results.csv"
    options = ["--results", str(results), "--splits", "2", "--rounds", "5", "--jobs", "2"]
    command = [sys.executable, str(FOLDER / "brfss.py"), str(folder), *options]
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    found = pd.read_csv(results)
    assert len(found) == 2 * 2 * brfss.ROWS_OF_JOB
    assert len(found[brfss.JOB].drop_duplicates()) == 4


# ---------------------------------------------------------------------- what was published
@pytest.fixture(scope="module")
def committed():
    frame = pd.read_csv(brfss.RESULTS)
    assert len(frame) == brfss.SPLITS * 2 * brfss.ROWS_OF_JOB
    return frame


def test_the_closed_form_holds(committed):
    """The first rule, and the slopes that the text gives."""
    for booster in brfss.BOOSTERS:
        for arm in (arm.name for arm in brfss.ARMS if arm.gamma is not None):
            raw, posterior = (
                np.log(brfss.of_arm(committed, booster, "own loss", arm, kind)["slope"].mean())
                for kind in ("raw", "posterior")
            )
            assert abs(posterior) < abs(raw)


def test_headlines(committed):
    slopes = {
        "XGBoost": ((1.787, 0.997), (2.664, 0.992), (4.531, 0.987)),
        "LightGBM": ((1.791, 1.000), (2.671, 0.995), (4.577, 0.997)),
    }
    for booster, of_booster in slopes.items():
        for gamma, (raw, posterior) in zip((1, 2, 4), of_booster, strict=True):
            arm = brfss.focal(gamma).name
            parts = [brfss.of_arm(committed, booster, "own loss", arm, kind) for kind in ("raw", "posterior")]
            assert [round(part["slope"].mean(), 3) for part in parts] == [raw, posterior]
            assert parts[1]["mean p / rate"].mean() == pytest.approx(0.99, abs=0.006)
            # The second rule: as good as the best log loss, where the raw confidence costs 11 to 51 %.
            mean, half = brfss.excess(committed, booster, "own loss", arm, "posterior")
            assert abs(mean) < half
            assert abs(mean) <= 0.051
            assert 11 < brfss.excess(committed, booster, "own loss", arm, "raw")[0] < 51


def test_tables_of_the_documentation(committed, capsys):
    brfss.print_tables(committed)
    printed = {tuple(cells(line)) for line in capsys.readouterr().out.splitlines() if line.startswith("|")}
    rows = tables_of("A health survey")
    assert rows
    for row in rows:
        assert tuple(cells(row)) in printed
