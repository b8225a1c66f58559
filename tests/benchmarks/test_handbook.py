"""benchmarks/handbook.py: the protocol by hand, a run on made-up payments, and the committed figures."""

from __future__ import annotations

import numpy as np
import pytest

from focalboost.comparison._judgement import judge
from tests.benchmarks.scripts import cells, load, tables_of
from tests.comparison import judged

for needed in ("xgboost", "lightgbm", "pandas", "pyarrow"):
    pytest.importorskip(needed)
import pandas as pd  # noqa: E402  # after the checks

handbook = load("handbook")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """28 days of 60 made-up payments, of which some are frauds."""
    path, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    n = 28 * 60
    table = pd.DataFrame(rng.normal(size=(n, 3)).astype(np.float32), columns=["a", "b", "c"])
    table["day"], table["seconds"] = np.repeat(np.arange(28), 60), np.tile(np.arange(60), 28)
    table["customer"], table["terminal"] = rng.integers(200, size=n), 0
    table["target"] = (table.a + rng.normal(size=n) > 2.5).astype(np.int8)
    table.to_parquet(path / "fraud_handbook_6w.parquet")
    return path


@pytest.fixture
def small(monkeypatch):
    """Few rounds and the two starts that 28 days have."""
    monkeypatch.setattr(handbook, "STARTS", (0, 7))
    monkeypatch.setattr(handbook, "SETTINGS", ((3, 0.3), (4, 0.1)))
    monkeypatch.setattr(
        handbook, "PUBLISHED", ((2, 0.3, "AUC", 0.5), (3, 0.3, "AP", 0.5), (4, 0.1, "AP", 0.5))
    )


def test_known_compromised_customers_are_left_out():
    def pay(day, customer, fraud=0):
        return {"day": day, "customer": customer, "target": fraud}

    frame = pd.DataFrame(
        [
            pay(3, 1, 1),  # in the training days: known
            pay(6, 2),
            pay(8, 3, 1),  # known a week and a day later: from day 16 on
            pay(20, 4, 1),  # a test day's own fraud is not known
            *(pay(day, customer) for day in (13, 14, 15, 16, 20, 21) for customer in (1, 2, 3, 4)),
        ]
    )
    train, test = handbook.split(frame, 0)
    assert sorted(train["day"]) == [3, 6]
    found = {day: sorted(part["customer"]) for day, part in test.groupby("day")}
    assert found == {14: [2, 3, 4], 15: [2, 3, 4], 16: [2, 4], 20: [2, 4, 4]}


def test_card_precision_by_hand():
    frame = pd.DataFrame(
        {
            "day": [1, 1, 1, 1, 2, 2, 2, 2],
            "customer": [1, 1, 2, 3, 1, 2, 3, 4],
            "target": [1, 0, 0, 1, 1, 0, 0, 1],
        }
    )
    score = np.array([0.1, 0.9, 0.8, 0.2, 0.99, 0.5, 0.4, 0.3])
    # Day 1: customers 1 (its highest score, its fraud on another payment) and 2. Day 2: 1 is out, so 2 and 3.
    assert handbook.card_precision(frame, score, top=2) == (1 / 2 + 0) / 2
    assert handbook.card_precision(frame, score, top=3) == pytest.approx((2 / 3 + 1 / 3) / 2)


def slow_card_precision(frame, score, top):
    """As the book's code counts."""
    scored = frame.assign(score=score)
    found, shares = set(), []
    for _, today in scored.groupby("day", sort=True):
        rest = today[~today["customer"].isin(found)]
        best = rest.groupby("customer")[["score", "target"]].max().sort_values("score", ascending=False)
        hit = best.head(top).query("target == 1").index
        shares.append(len(hit) / top)
        found.update(hit)
    return np.mean(shares)


@pytest.mark.parametrize("top", [1, 3, 20])
def test_card_precision_is_that_of_the_book_and_of_a_comparison(top):
    rng = np.random.default_rng(top)
    n = 2000
    frame = pd.DataFrame({"day": np.sort(rng.integers(7, size=n)), "customer": rng.integers(80, size=n)})
    score = rng.permutation(n) / n  # without ties
    frame["target"] = (rng.random(n) < score**3 / 2).astype(int)
    found = handbook.card_precision(frame, score, top=top)
    assert found == pytest.approx(slow_card_precision(frame, score, top), rel=1e-12)
    assert found > frame["target"].mean()
    task = judged.task(frame["target"], when=judged.DAY * frame["day"], groups=frame["customer"])
    contenders = [judged.trained(key, score) for key in ("log_loss", "focal")]
    budget = judged.settings(alert_rate=None, alerts_per_day=float(top))
    table = judge(task, judged.split(task), budget, contenders)
    keys = [measure.key for measure in table.measures]
    value = table.values[0, keys.index("precision_at_alerts_per_day")]  # noqa: PD011  # an array of numbers
    assert value == pytest.approx(found, rel=1e-12)


def test_run_resume_and_tables(folder, small, tmp_path, capsys):
    results = tmp_path / "results.csv"
    handbook.main([str(folder), "--results", str(results)])
    text = capsys.readouterr().out
    frame = pd.read_csv(results)
    n_arms = sum(len(of_booster) for of_booster in handbook.ARMS.values())
    assert len(frame) == len(handbook.jobs()) == 2 * (2 * n_arms + 1)
    shares = frame[["AUC", "AP", "card precision"]].to_numpy()
    assert ((shares >= 0) & (shares <= 1)).all()
    assert np.isfinite(frame["log loss"]).all()
    lines = results.read_text().splitlines(keepends=True)
    results.write_text("".join(lines[:-2]) + lines[-2][:7])
    handbook.main([str(folder), "--results", str(results)])
    assert capsys.readouterr().out == text
    pd.testing.assert_frame_equal(pd.read_csv(results), frame, rtol=1e-4)
    handbook.main(["--tables", "--results", str(results)])
    assert capsys.readouterr().out == text
    assert "| 2 rounds, eta 0.3: AUC" in text


# ---------------------------------------------------------------------- what was published
@pytest.fixture(scope="module")
def committed():
    frame = pd.read_csv(handbook.RESULTS)
    assert sorted(frame[handbook.JOB].itertuples(index=False, name=None)) == sorted(handbook.jobs())
    return frame


def test_the_book_s_figures_are_reproduced(committed):
    missed = handbook.published(committed)["missed by"]
    assert missed.abs().max() < 0.00125
    assert (missed.abs() > handbook.TOLERANCE).sum() == 0


def test_headlines(committed):
    def means(booster, rounds, eta, measure):
        part = handbook.of(committed, booster, rounds, eta)
        return part.groupby("arm")[measure].mean()

    def differs(booster, rounds, eta, arm, other, measure="AP"):
        mean, half = handbook.difference(handbook.of(committed, booster, rounds, eta), arm, other, measure)
        return round(mean, 3), round(half, 3)

    odds, half, step, gamma_2 = (
        "log loss, log-odds",
        "log loss, from 0.5",
        "log loss, max_delta_step 3",
        "focal, gamma 2",
    )
    xgboost = means("XGBoost", 50, 0.3, "AP")
    assert xgboost[[odds, half, step, gamma_2]].round(3).tolist() == [0.581, 0.650, 0.654, 0.649]
    assert differs("XGBoost", 50, 0.3, gamma_2, odds) == (0.068, 0.072)
    assert differs("XGBoost", 50, 0.3, gamma_2, half) == (-0.001, 0.007)
    assert differs("XGBoost", 50, 0.3, "log loss, exact, log-odds", handbook.BOOK.name) == (-0.046, 0.033)
    lightgbm = means("LightGBM", 50, 0.3, "AP")
    assert lightgbm[[odds, half, step, gamma_2]].round(3).tolist() == [0.199, 0.569, 0.646, 0.640]
    assert differs("LightGBM", 50, 0.3, gamma_2, odds) == (0.440, 0.110)
    assert differs("LightGBM", 50, 0.3, gamma_2, step) == (-0.007, 0.019)
    assert means("LightGBM", 50, 0.3, "log loss")[odds] > 20
    for booster in handbook.ARMS:  # slower steps: no loss is apart from another
        for other in (half, step):
            mean, width = handbook.difference(handbook.of(committed, booster, 100, 0.1), gamma_2, other, "AP")
            assert abs(mean) < width


def test_tables_of_the_documentation(committed, capsys):
    handbook.print_tables(committed)
    printed = {tuple(cells(line)) for line in capsys.readouterr().out.splitlines() if line.startswith("|")}
    rows = tables_of("Fraud Detection Handbook")
    assert rows
    for row in rows:
        assert tuple(cells(row)) in printed
