"""What the benchmark of tuning makes of its runs."""

import argparse

import pytest

from tests.benchmarks.scripts import load


@pytest.fixture(scope="module")
def tuning():
    return load("tuning")


RUN = {
    "seconds": [1.0, 2.0, 3.0],
    "cpu": [2.0, 4.0, 6.0],
    "scores": [0.4, 0.6, None],
    "rounds": [10, 20, 5],
    "peak": 7,
    "best": 0.6,
    "best_trial": 1,
}


def test_a_study_of_fewer_trials_is_the_first_of_more(tuning):
    first = tuning.first_trials(RUN, 1)
    assert (first["best"], first["best_trial"], first["peak"]) == (0.4, 0, 7)
    assert (first["seconds"], first["cpu"], first["rounds"]) == ([1.0], [2.0], [10])
    assert tuning.first_trials(RUN, 3) == RUN


def test_a_few_trials_are_projected_to_all_by_what_all_took(tuning):
    few = {**RUN, "seconds": [3.0], "cpu": [3.0]}
    results = {tuning.UNPRUNED: [RUN], tuning.TEXTBOOK: [few], tuning.BOTH: [RUN]}
    assert tuning.full_cost(results, tuning.TEXTBOOK, "seconds") == 3.0 * (1.0 + 2.0 + 3.0) / 1.0
    assert tuning.full_cost(results, tuning.BOTH, "seconds") == 6.0


def test_a_size_is_rows_trials_and_few(tuning):
    assert tuning.size("30000:60:6") == (30_000, 60, 6)
    with pytest.raises(argparse.ArgumentTypeError, match="FEW == 7, must be from 1 to TRIALS, 6"):
        tuning.size("100:6:7")


def test_contenders_and_settings_of_an_objective(tuning):
    X, y = tuning.make_data(3000)
    splits = [(list(range(0, 3000, 2)), list(range(1, 3000, 2)))]
    settings = argparse.Namespace(rounds=3, patience=2, threads=1)
    found = {
        name: tuning.make_objective(X, y, splits, "xgboost", name, settings)._folds.settings
        for name in (tuning.BOTH, tuning.BY_SCORE, tuning.UNCACHED)
    }
    assert [found[name].stop_by for name in found] == ["loss", "score", "loss"]
    assert [found[name].cache for name in found] == [True, True, False]
