"""benchmarks/when_it_pays/: small tables through the command, the rule on made-up results, the headline."""

import importlib
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

for module in ("pandas", "pyarrow", "xgboost", "lightgbm", "matplotlib"):
    pytest.importorskip(module)
import pandas as pd  # noqa: E402  # after the checks

from focalboost.datasets import make_transactions  # noqa: E402

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SCRIPT = BENCHMARKS / "when_it_pays" / "when_it_pays.py"
RESULTS = BENCHMARKS / "results" / "when_it_pays.parquet"


@pytest.fixture(scope="module")
def pays():
    """The modules: scripts beside each other, which import by plain names."""
    names = ("pays_arms", "pays_jobs", "pays_tables")
    with pytest.MonkeyPatch.context() as patch:
        for folder in (BENCHMARKS / "study", BENCHMARKS, SCRIPT.parent):
            patch.syspath_prepend(folder)
        yield SimpleNamespace(**{name.removeprefix("pays_"): importlib.import_module(name) for name in names})
    for name in (*names, "harness", "sets", "ranks", "measures"):
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A binary set, one of several labels, and frauds like PaySim's, made up."""
    path, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)

    def frame(n):
        return pd.DataFrame(rng.normal(size=(n, 4)).astype(np.float32), columns=list("abcd"))

    table = frame(600)
    table["target"] = (table.a + 0.5 * rng.normal(size=600) > 1.4).astype(np.int8)
    table.to_parquet(path / "imb_wine_quality.parquet")
    table = frame(400)
    for label in range(3):
        table[f"target_{label}"] = (table[list("abc")[label]] > label / 2).astype(np.int8)
    table["target_rare"] = (table["d"] > 1.6).astype(np.int8)
    table.to_parquet(path / "ml_emotions.parquet")
    log = make_transactions(8_000, imbalance_ratio=5, random_state=0, as_frame=True).frame
    log = log.drop(columns=["nameOrig", "nameDest", "isFraud"]).assign(
        target=log["isFraud"].to_numpy(),
        type=log["type"].astype("category"),
        oldbalanceDest=np.arange(8_000.0),  # so that no two rows are the same
    )
    log.to_parquet(path / "fraud_paysim_sample.parquet")
    return path


def rows(rng, n=400, ratio=0.1):
    X = rng.normal(size=(n, 3)).astype(np.float32)
    return X, (X[:, 0] + rng.normal(size=n) > np.quantile(X[:, 0], 1 - ratio) + 0.5).astype(np.float32)


# ---------------------------------------------------------------------- rows
def test_labels_are_turned_over_in_their_shares(pays):
    y = np.repeat([0.0, 1.0], 20_000).astype(np.float32)
    found = pays.jobs.noisy(pays.arms.Rows(y[:, None], y), (0.05, 0.3), np.random.default_rng(0)).y
    assert found.dtype == np.float32
    assert found[y == 0].mean() == pytest.approx(0.05, abs=0.01)
    assert found[y == 1].mean() == pytest.approx(0.7, abs=0.01)


def test_noise_is_not_in_the_rows_that_judge(pays, folder, monkeypatch):
    judged = []
    monkeypatch.setattr(
        pays.jobs, "compared", lambda setting, _, test: judged.append(test.y) or {"setting": setting}
    )
    monkeypatch.setattr(pays.jobs, "chosen", lambda _: {})
    seen = []
    monkeypatch.setattr(
        pays.jobs, "both", lambda trees, valid, **_: seen.append((trees._y.mean(), valid.y.mean()))
    )
    job = pays.jobs.Job(pays.jobs.NOISE, "wine_low", "xgboost", 0, folder)
    assert [row["setting"] for row in pays.jobs.run(job)] == list(pays.jobs.NOISES)
    for y in judged[1:]:
        np.testing.assert_array_equal(y, judged[0])
    clean, missed = seen[0], seen[-1]
    assert 0 < missed[0] < 0.8 * clean[0]
    assert 0 < missed[1] < 0.8 * clean[1]


def test_draws_share_no_fraud_that_is_trained_on(pays, folder, monkeypatch):
    monkeypatch.setattr(pays.jobs, "HELD", 10)
    parts = [pays.jobs.drawn(folder, 1000, repeat) for repeat in range(3)]
    frauds = [{tuple(row) for part in draw[:2] for row in part.X[part.y == 1]} for draw in parts]
    kept = {tuple(row) for row in parts[0].test.X[parts[0].test.y == 1]}
    for k, own in enumerate(frauds):
        assert own
        assert not own & kept
        assert all(not own & other for other in frauds[k + 1 :])
    for draw in parts:
        y, weight = draw.test.y, draw.test.weight
        assert (weight * (y == 0)).sum() / (weight * (y == 1)).sum() == pytest.approx(1000)
    columns = pd.read_parquet(folder / "fraud_paysim_sample.parquet").columns
    assert parts[0].train.X.shape[1] == len(columns) - 3  # target, time, the leak


def test_simulated_logs_have_the_ratio(pays):
    parts = pays.jobs.simulated(500, 0, 5_010)
    assert parts.train.y.sum() == parts.valid.y.sum() == 10
    assert not np.array_equal(parts.train.X, parts.valid.X)
    y, weight = parts.test.y, parts.test.weight
    assert (weight * (y == 0)).sum() / (weight * (y == 1)).sum() == pytest.approx(500, rel=0.05)


# ---------------------------------------------------------------------- the two sides
@pytest.mark.parametrize("booster", ["xgboost", "lightgbm"])
def test_both_sides_have_as_many_candidates_and_differ(pays, booster):
    rng = np.random.default_rng(0)
    X, y = rows(rng, 2_000, 0.05)
    trees = pays.arms.Trees(booster, X, y, 0)
    valid = pays.arms.Rows(*rows(rng, 1_000, 0.05))
    found = pays.jobs.both(trees, valid, rates=(0.3, 1.5), stages=(3, 20), depth=3)
    assert len(found["log_loss"]) == len(found["focal"]) == 12
    scores = [c.scores(X, c.rounds) for side in found.values() for c in side if c.rounds == 20 and c.rate > 1]
    assert len(scores) == 6
    for k, first in enumerate(scores):
        for other in scores[k + 1 :]:
            assert np.abs((first - first.mean()) - (other - other.mean())).max() > 1e-2
    best = pays.jobs.chosen(found)
    assert best["default"].way == pays.arms.DEFAULT
    for side in ("log_loss", "focal"):
        assert best[side].precision == max(c.precision for c in found[side])
    assert best["log_loss"].precision >= best["default"].precision


@pytest.mark.parametrize("booster", ["xgboost", "lightgbm"])
def test_fewer_rounds_are_the_first_ones(pays, booster):
    X, y = rows(np.random.default_rng(0))
    trees = pays.arms.Trees(booster, X, y, 0)
    for way in (pays.arms.LOG_LOSS[2], pays.arms.FOCAL[1]):
        long, short = (trees.fit(way, depth=3, rate=0.3, rounds=n, share=None) for n in (20, 5))
        np.testing.assert_allclose(long(X, 5), short(X, 5), rtol=1e-5, atol=1e-6)


def test_work_is_what_goss_does(pays):
    """All rows in the first 1 / learning_rate rounds, a share of them after these."""
    X, y = rows(np.random.default_rng(0), 2_000)
    trees = pays.arms.Trees("lightgbm", X, y, 0)
    for way in (pays.arms.LOG_LOSS[0], pays.arms.FOCAL[1]):
        whole, drawn = (trees.fit(way, depth=3, rate=0.3, rounds=6, share=share) for share in (None, 0.3))
        np.testing.assert_array_equal(drawn(X, 3), whole(X, 3))
        assert np.abs(drawn(X, 4) - whole(X, 4)).max() > 1e-4
    assert trees.work(10, 0.3, 0.1) == pytest.approx(3 + 0.7)
    assert pays.arms.Trees("xgboost", X, y, 0).work(10, 0.3, 0.1) == pytest.approx(1.0)


def test_xgboost_draws_rows_by_gradient(pays):
    if not pays.arms.samples_by_gradient():
        pytest.skip("this XGBoost draws rows by their gradients on a GPU only")
    X, y = rows(np.random.default_rng(0), 2_000)
    trees = pays.arms.Trees("xgboost", X, y, 0)
    for way in (pays.arms.LOG_LOSS[0], pays.arms.FOCAL[1]):
        whole, drawn = (trees.fit(way, depth=3, rate=0.3, rounds=3, share=share) for share in (None, 0.1))
        assert np.abs(drawn(X, 3) - whole(X, 3)).max() > 1e-4


def test_precision_of_labels_leaves_out_those_without_positives(pays):
    y = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 0]], np.float32)
    scores = np.array([[3.0, 1.0, 1.0], [1.0, 2.0, 0.0], [2.0, 3.0, 2.0]])
    found = pays.arms.average_precisions(pays.arms.Rows(y, y), scores)
    np.testing.assert_allclose(found, [1.0, 0.5, np.nan])


# ---------------------------------------------------------------------- the rule
def made_up(part="sampling", gain=0.02, noise=0.002, setting="5 % of the rows", work=1.0):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "part": part, "set": [f"set {k // 2}" for k in range(24)], "booster": "xgboost",
            "repeat": np.arange(24) % 2, "setting": setting, "unit": "", "positives": 50, "default": 0.5,
            "log_loss": 0.6, "focal": 0.6 + gain + noise * rng.standard_normal(24), "work_default": 10.0,
            "work_log_loss": 10.0, "work_focal": 10.0 * work * np.exp(noise * rng.standard_normal(24)),
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    ("gain", "noise", "verdict"),
    [(0.02, 0.002, "pays"), (0.004, 0.0005, ""), (0.02, 0.1, ""), (-0.02, 0.002, "costs"), (0.0, 0.0, "")],
)
def test_the_rule_for_precision(pays, gain, noise, verdict):
    (found,) = pays.tables.judge(made_up(gain=gain, noise=noise))
    assert found.verdict == verdict
    assert len(found.comparison.units) == 12
    assert found.gain.low <= found.gain.mean <= found.gain.high


@pytest.mark.parametrize(
    ("work", "gain", "verdict"),
    [(0.8, 0.0, "pays"), (0.95, 0.0, ""), (0.8, -0.01, ""), (1.3, 0.0, "costs")],
)
def test_the_rule_for_work(pays, work, gain, verdict):
    (found,) = pays.tables.judge(made_up(setting=pays.jobs.WORK, work=work, gain=gain))
    assert found.verdict == verdict
    assert np.exp(-found.gain.mean) == pytest.approx(work, rel=0.01)


def test_the_rule_counts_all_comparisons(pays):
    """What is clear alone is not among sixty."""
    rng = np.random.default_rng(0)
    alone = made_up(gain=0.02, noise=0.03)
    (found,) = pays.tables.judge(alone)
    assert found.holm == found.gain.p < 0.05
    many = [
        made_up("few trees", 0.0, 0.04, f"depth {depth}, {n} trees").assign(
            focal=0.6 + 0.04 * rng.standard_normal(24)
        )
        for depth in pays.jobs.DEPTHS for n in pays.jobs.TREES
    ]  # fmt: skip
    judged = pays.tables.judge(pd.concat([alone, *many]))
    assert len(judged) == 16
    assert judged[-1].gain == found.gain
    assert judged[-1].holm > 0.05
    assert pays.tables.answer(judged) == "Of 16 comparisons focal loss pays in 0 and costs in 0."


def test_without_the_farthest(pays):
    assert pays.tables.without_farthest(pd.Series([1.0, 2.0, -30.0])) == 1.5


# ---------------------------------------------------------------------- the command
def test_a_killed_run_goes_on(folder, tmp_path, monkeypatch):
    # Compiled once for both runs.
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    results = tmp_path / "results.parquet"

    def command(*options):
        line = [sys.executable, str(SCRIPT), *options, "--results", str(results)]
        return subprocess.run(line, check=True, capture_output=True, text=True, timeout=600).stdout

    names = ("wine_low", "emotions", "birds", "fraud_paysim_sample", "simulator")
    train = (str(folder), "--sets", *names, "--repeats", "1", "--rows", "6000")
    first = command(*train)
    assert "birds: left out, its file is not in" in first
    assert "| depth 4, 40 trees " in first
    assert "| PaySim, 1 : 5,000 " in first
    assert "| rare labels " in first
    partial = results.with_suffix(".partial.csv")
    lines = partial.read_text().splitlines(keepends=True)
    partial.write_text("".join(line for line in lines if not line.startswith("few trees,wine_low,lightgbm")))
    again = command(*train)
    assert "1/1: few trees, wine_low, lightgbm, 0" in again
    # The same rows, so the same tables.
    assert again[again.index("few trees, XGBoost") :] == first[first.index("few trees, XGBoost") :]
    picture = tmp_path / "picture.png"
    tables = command("--tables", "--figure", str(picture))
    assert tables.strip() == again[again.index("few trees, XGBoost") :].strip()
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_folder_or_tables_is_asked_for(tmp_path):
    line = [sys.executable, str(SCRIPT), str(tmp_path / "none")]
    found = subprocess.run(line, check=False, capture_output=True, text=True, timeout=300)
    assert found.returncode == 2
    assert "must be a folder with Parquet files, or give --tables." in found.stderr


# ---------------------------------------------------------------------- what was found
@pytest.fixture(scope="module")
def found(pays):
    return pays.tables.read(RESULTS)


def test_the_answer_is_that_of_the_committed_results(pays, found):
    judged = pays.tables.judge(found)
    assert pays.tables.answer(judged) == "Of 60 comparisons focal loss pays in 0 and costs in 0."
    # Holm's p of the smallest, and the largest mean gain.
    assert min(j.holm for j in judged) == pytest.approx(0.13, abs=0.005)
    gains = [j.gain for j in judged if not j.comparison.is_work]
    assert [sum(gain.low > 0 for gain in gains), sum(gain.high < 0 for gain in gains)] == [0, 7]
    halves = [(gain.high - gain.low) / 2 for gain in gains]
    np.testing.assert_allclose(
        [np.median(halves), min(halves), max(halves)], [0.009, 0.003, 0.088], atol=5e-4
    )
    largest = max((j for j in judged if not j.comparison.is_work), key=lambda j: j.gain.mean)
    assert largest.comparison.place == "easy negatives: simulator, 1 : 1,000"
    assert str(largest.gain) == "+.010 [-.007, +.026]"


@pytest.mark.parametrize(
    ("part", "units", "well_started", "without", "default"),
    [
        ("few trees", 16, "-.003 [-.005, -.001]", "-.003", "+.013 [+.004, +.023]"),
        ("label noise", 15, "+.001 [-.002, +.003]", "-.000", "+.022 [+.002, +.042]"),
        ("easy negatives", 18, "-.023 [-.044, -.002]", "-.015", "+.228 [+.197, +.258]"),
        ("labels", 24, "-.002 [-.011, +.007]", "-.005", "+.002 [-.006, +.010]"),
        ("sampling", 16, "-.000 [-.003, +.002]", "-.001", "+.037 [+.003, +.070]"),
    ],
)
def test_headline_of_each_part(pays, found, part, units, well_started, without, default):
    tables = pays.tables
    of_part = tables.pooled(found, part)
    assert len(of_part) == units
    assert str(tables.interval(of_part["precision"])) == well_started
    assert tables.signed(tables.without_farthest(of_part["precision"])) == without
    assert str(tables.interval(of_part["beside_default"])) == default


def test_headline_of_work(pays, found):
    works = {j.comparison.booster: j for j in pays.tables.judge(found) if j.comparison.is_work}
    ratios = {
        name: [round(float(np.exp(-x)), 2) for x in (j.gain.mean, j.gain.high, j.gain.low)]
        for name, j in works.items()
    }
    assert ratios == {"xgboost": [1.04, 0.69, 1.57], "lightgbm": [0.86, 0.66, 1.13]}


def test_committed_results_are_whole(pays, found):
    """Small, of all jobs, and without a path."""
    assert RESULTS.stat().st_size < 200_000
    jobs = found[["part", "set", "booster", "repeat"]].drop_duplicates()
    assert jobs.groupby("part").size().to_dict() == {
        "few trees": 64, "label noise": 60, "easy negatives": 36, "labels": 15, "sampling": 64,
    }  # fmt: skip
    assert found[["default", "log_loss", "focal"]].notna().to_numpy().all()
    assert set(found["set"]) == {
        *pays.jobs.BINARY, *pays.jobs.SEVERAL, pays.jobs.SIMULATOR, pays.jobs.PAYSIM
    }  # fmt: skip
