"""benchmarks/arms.py: the sum of the trees is the model, and files of results survive a kill."""

from __future__ import annotations

import numpy as np
import pytest

from tests.benchmarks.scripts import load

for needed in ("xgboost", "lightgbm", "pandas"):
    pytest.importorskip(needed)

arms = load("arms")


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2_000, 4)).astype(np.float32)
    return X, (X[:, 0] + rng.normal(size=2_000) > 2.8).astype(np.int8)


@pytest.mark.parametrize("booster", arms.BOOSTERS)
@pytest.mark.parametrize("zero", [False, True])
@pytest.mark.parametrize("gamma", [None, 1.0, 2.0])
def test_steps_add_up_to_the_margin_from_the_start_that_the_arm_names(rows, booster, zero, gamma):
    X, y = rows
    model = arms.train(booster, arms.Arm("", gamma, zero), X, y, {"max_depth": 3, "learning_rate": 0.3}, 12)
    steps = model.steps(model.leaves(X))
    assert steps.shape == (2_000, 12)
    start = model.start(X)
    np.testing.assert_allclose(start + steps.sum(axis=1), model.margin(X), atol=1e-5)
    best = arms.BinaryFocalLoss(gamma or 0.0).for_labels(y).intercept
    assert start == pytest.approx(0.0 if zero else best, abs=2e-5)
    # Not the same trees: the start counts.
    other = arms.train(
        booster, arms.Arm("", gamma, not zero), X, y, {"max_depth": 3, "learning_rate": 0.3}, 12
    )
    assert np.abs(other.margin(X) - model.margin(X)).mean() > 1e-3


@pytest.mark.parametrize("booster", arms.BOOSTERS)
def test_the_largest_step_is_the_booster_s_own_parameter(rows, booster):
    X, y = rows
    params = {"max_depth": 3, "learning_rate": 0.5}
    free, capped = (
        arms.train(booster, arm, X, y, params, 3).steps(arms.train(booster, arm, X, y, params, 3).leaves(X))
        for arm in (arms.LOG_ODDS, arms.STEP_1)
    )
    assert np.abs(free).max() > 1.0
    assert np.abs(capped).max() == pytest.approx(0.5, abs=1e-6)


def test_log_odds_are_the_posterior_s(rows):
    X, y = rows
    model = arms.train("XGBoost", arms.focal(2), X, y, {}, 3)
    margin = model.margin(X)
    posterior = model.loss.posterior(margin)
    np.testing.assert_allclose(model.log_odds(margin), np.log(posterior / (1 - posterior)), rtol=1e-9)
    expected = -np.log(np.where(y == 1, posterior, 1 - posterior)).mean()
    assert arms.log_loss(y, model.log_odds(margin)) == pytest.approx(expected)


def test_a_job_that_was_cut_off_leaves_the_file_and_is_done_again(tmp_path):
    path, job = tmp_path / "new" / "results.csv", ["name", "split"]

    def row(split, part):
        return {"name": "a", "split": split, "part": part, "value": 1 / 3}

    for split in range(3):
        arms.append(path, [row(split, part) for part in "xy"])
    assert len(arms.read(path, job, 2)) == 6
    whole = path.read_text()
    assert "0.333333\n" in whole
    for cut in (1, 5, len(whole.splitlines()[-1]) + 1):
        path.write_text(whole[:-cut])
        found = arms.read(path, job, 2)
        assert set(found["split"]) == {0, 1}
        wanted = [("a", split) for split in range(3)]
        assert arms.missing(wanted, found, job) == [("a", 2)]
        arms.append(path, [row(2, part) for part in "xy"])
        assert path.read_text() == whole
    assert arms.missing(wanted, arms.read(tmp_path / "none.csv", job, 2), job) == wanted


def test_intervals():
    values = np.random.default_rng(0).normal(1.0, 2.0, 100)
    half = arms.half_interval(values)
    assert half == pytest.approx(1.984 * values.std(ddof=1) / 10, rel=1e-3)  # t of 99 degrees of freedom
    assert arms.half_interval(values, shared=0.25) == pytest.approx(half * np.sqrt(26))
    middle, low, high = arms.over_sets(values, np.mean)
    assert middle == values.mean()
    assert (high - low) / 2 == pytest.approx(half, rel=0.05)
    assert arms.over_sets(values)[0] == np.median(values)


def test_a_missing_folder_is_named(tmp_path, capsys):
    parser = arms.options("", tmp_path / "none.csv")
    for argv, message in (
        ([], "folder is missing"),
        ([str(tmp_path)], r"must hold table\.parquet"),
        (["--tables"], r"none\.csv'?, must be a file"),
    ):
        with pytest.raises(SystemExit, match="2"):
            arms.folder_of(parser, parser.parse_args(argv), "table")
        assert __import__("re").search(message, capsys.readouterr().err)
