"""benchmarks/first_trees.py: overshooting by hand, a run on made-up tables, and the committed figures."""

from __future__ import annotations

import numpy as np
import pytest

from tests.benchmarks.scripts import cells, load, tables_of

for needed in ("xgboost", "lightgbm", "pandas", "pyarrow", "matplotlib"):
    pytest.importorskip(needed)
import pandas as pd  # noqa: E402  # after the checks

first_trees = load("first_trees")
arms, overshoot = first_trees.arms, load("overshoot")


class Stub:
    """A model of log loss without trees."""

    loss = arms.BinaryFocalLoss(0.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A set of the study, one that is too common, and the Handbook's 42 days, made up."""
    path, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)

    def table(n, cut):
        found = pd.DataFrame(rng.normal(size=(n, 3)).astype(np.float32), columns=["a", "b", "c"])
        found["target"] = (found.a + rng.normal(size=n) > cut).astype(np.int8)
        return found

    table(1_500, 2.4).to_parquet(path / "imb_yeast_me2.parquet")
    table(1_500, 0.5).to_parquet(path / "churn.parquet")
    days = table(42 * 50, 2.4).assign(seconds=0, terminal=0)
    days["day"], days["customer"] = np.repeat(np.arange(42), 50), rng.integers(300, size=42 * 50)
    days.to_parquet(path / "fraud_handbook_6w.parquet")
    return path


def test_a_leaf_overshoots_beyond_the_minimum_of_its_own_loss():
    # Three rows in four are positive: from margin 0 the minimum is at log 3. The second leaf holds positive
    # rows only, which have no minimum; in the third the best step is down.
    y = np.array([1, 1, 1, 0, 1, 1, 0, 0, 0, 1])
    leaf = np.array([0, 0, 0, 0, 1, 1, 2, 2, 2, 2])
    margin = np.zeros(10)
    best = np.log(3)
    for step, expected in ((0.9 * best, False), (1.1 * best, True), (5.0, True)):
        steps = np.where(leaf == 0, step, np.where(leaf == 1, step, -step))
        found = overshoot.overshooting(Stub, y, leaf, margin, steps)
        assert found.tolist() == [expected, False, expected]
    # Worse than before is further still: the loss of the first leaf is that of no step at 2.38.
    for step, expected in ((1.1 * best, False), (2.3, False), (2.5, True)):
        steps = np.where(leaf == 2, -step, step)
        assert overshoot.worsened(Stub, y, leaf, margin, steps).tolist() == [expected, False, expected]
    flags = np.array([True, False, False])
    assert overshoot.shares("s", flags, leaf, y) == {"s": 0.4, "s, positive": 0.5}


@pytest.mark.parametrize("booster", arms.BOOSTERS)
def test_looks_at_what_the_booster_predicts(booster):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4_000, 3)).astype(np.float32)
    y = (X[:, 0] + rng.normal(size=4_000) > 3.0).astype(np.int8)
    halves = (X[:2_000], y[:2_000]), (X[2_000:], y[2_000:])
    found = {}
    for arm in (first_trees.LOG_ODDS, first_trees.HALF):
        model = arms.train(booster, arm, *halves[0], {"learning_rate": 0.9}, 100)
        found[arm] = pd.DataFrame(overshoot.look(model, *halves, first_trees.TREES)).set_index("tree")
        margin = model.margin(halves[1][0])
        expected = np.logaddexp(0, np.where(halves[1][1] == 1, -margin, margin)).mean()
        assert found[arm]["log loss"][100] == pytest.approx(expected, rel=1e-3)
    # At a rate of .02 the Newton step of a leaf that is half positive is 24, its best one 3.9.
    log_odds, half = found.values()
    assert log_odds["overshoot, positive"][1] > 0.4
    assert log_odds["largest step"][1] > 5
    assert half["overshoot, positive"][1] == 0
    assert half["largest step"][1] < 2


def test_run_resume_tables_and_figure(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(first_trees, "TREES", (1, 2, 3, 5, 10, 30, 100))
    monkeypatch.setattr(first_trees, "FIRST", (1, 2))
    monkeypatch.setattr(first_trees, "ROWS_OF_JOB", 7 * len(first_trees.ARMS))
    monkeypatch.setattr(first_trees.handbook, "STARTS", (0,))
    assert first_trees.chosen(folder) == ["yeast_me2", "handbook"]
    results, figure = tmp_path / "results.parquet", tmp_path / "figure.png"
    argv = [str(folder), "--results", str(results), "--repeats", "1", "--figure", str(figure)]
    first_trees.main(argv)
    text = capsys.readouterr().out
    assert figure.read_bytes().startswith(b"\x89PNG")
    frame = pd.read_parquet(results)
    assert len(frame) == 2 * 2 * 2 * first_trees.ROWS_OF_JOB
    assert not results.with_suffix(".csv").exists()
    # A run that was killed: three jobs are in the file of results, one and a half in the other.
    keys = list(frame.groupby(first_trees.JOB, observed=True).groups)
    of_job = [frame.set_index(first_trees.JOB).loc[[key]].reset_index() for key in keys]
    pd.concat(of_job[:3]).to_parquet(results)
    pd.concat([of_job[3], of_job[4].head(9)]).to_csv(results.with_suffix(".csv"), index=False)
    first_trees.main(argv)
    assert capsys.readouterr().out == text
    again = pd.read_parquet(results)
    assert len(again) == len(frame)
    assert not again.duplicated([*first_trees.JOB, "arm", "tree"]).any()
    first_trees.main(["--tables", "--results", str(results)])
    assert capsys.readouterr().out == text
    assert "| yeast_me2 |" in text


# ---------------------------------------------------------------------- what was published
@pytest.fixture(scope="module")
def committed():
    frame = pd.read_parquet(first_trees.RESULTS)
    assert len(frame) == 112 * first_trees.ROWS_OF_JOB
    assert not frame.duplicated([*first_trees.JOB, "arm", "tree"]).any()
    return frame


def test_headlines(committed):
    frame = first_trees.means(committed)
    assert frame["set"].nunique() == 12
    odds, half, step, gamma_2 = (
        first_trees.LOG_ODDS,
        first_trees.HALF,
        first_trees.STEP_3,
        first_trees.focal(2),
    )
    others = (half.name, step.name, gamma_2.name)
    for booster, share, sets in (("XGBoost", 36.7, 8), ("LightGBM", 44.4, 12)):
        first = first_trees.by_set(frame, booster, 0.3, (1,), "overshoot, positive")
        assert round(100 * first[odds.name].median(), 1) == share
        assert (first[odds.name] > first_trees.MANY).sum() == sets
        assert first[list(others)].median().tolist() == [0, 0, 0]
    rules = {
        ("XGBoost", 0.3): ((0.064, 0.005, 0.168), (-0.001, -0.008, 0.005), (0.000, -0.004, 0.005)),
        ("XGBoost", 0.1): ((0.001, -0.008, 0.009), (0.002, -0.002, 0.009), (0.006, -0.002, 0.015)),
        ("LightGBM", 0.3): ((0.322, 0.127, 0.530), (0.031, -0.001, 0.089), (0.001, -0.009, 0.011)),
        ("LightGBM", 0.1): ((0.071, 0.006, 0.174), (0.005, -0.001, 0.013), (-0.002, -0.014, 0.010)),
    }
    for (booster, eta), gains in rules.items():
        found = first_trees.verdict(frame, booster, eta)
        np.testing.assert_allclose(found.gains, gains, atol=6e-4)
        assert found.overshoots == ((booster, eta) == ("LightGBM", 0.3))
        assert found.focal_gains == ((booster, eta) != ("XGBoost", 0.1))
        assert found.explained
    agreement = [first_trees.agreement(frame, *key) for key in rules]
    assert np.round(agreement, 2).tolist() == [0.63, 0.22, 0.82, 0.66]


def test_tables_of_the_documentation(committed, capsys):
    first_trees.print_tables(committed)
    printed = {tuple(cells(line)) for line in capsys.readouterr().out.splitlines() if line.startswith("|")}
    rows = tables_of("Why focal loss seems to help")
    assert rows
    for row in rows:
        assert tuple(cells(row)) in printed
