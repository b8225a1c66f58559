"""Scores of one trial: its share of the threads, trials side by side, and where training stops."""

import numpy as np
import optuna
import pytest
from optuna.trial import FixedTrial

from focalboost.tuning._evaluation import median_rounds
from tests.tuning.helpers import BOOSTERS, POINTS, focal_only, make, study_of


@pytest.mark.parametrize("booster", BOOSTERS)
def test_trials_in_threads_score_as_one_after_another(booster):
    objective = make(booster)
    points = [{**POINTS[booster], "focal_gamma": gamma} for gamma in np.linspace(0, 5, 8).tolist()]
    alone = [make(booster)(FixedTrial(point)) for point in points]
    assert len(set(alone)) == len(alone)  # otherwise trials that took each other's place would not show
    study = study_of(objective, pruner=optuna.pruners.NopPruner())
    for point in points:
        study.enqueue_trial(point)
    study.optimize(objective, n_trials=len(points), n_jobs=4)
    assert [trial.value for trial in study.trials] == alone


def test_threads_are_divided_among_running_trials():
    evaluation = make(n_jobs=8)._evaluation
    with evaluation.counted():
        assert evaluation._threads() == 8
        with evaluation.counted(), evaluation.counted():
            assert evaluation._threads() == 2
    assert evaluation._threads() == 8


def test_a_trial_that_fails_gives_its_threads_back():
    objective = make(n_jobs=8, scoring=lambda y, p: float("nan"), space=focal_only)
    point = {"focal_gamma": 1.0, "focal_alpha_power": 0.0}
    for call in (lambda: objective(FixedTrial(point)), lambda: objective.refit(point)):
        with pytest.raises(ValueError, match=r"scoring gave .* == nan in fold 0"):
            call()
    assert objective._evaluation._threads() == 8


@pytest.mark.parametrize("booster", BOOSTERS)
def test_stopping_by_the_score_finds_the_best_round(booster):
    most, patience = 25, 6
    point = {"focal_gamma": 1.0, "focal_alpha_power": 0.0}

    def attributes(num_boost_round, early_stopping_rounds, stop_by):
        trial = FixedTrial(point)
        objective = make(
            booster,
            num_boost_round=num_boost_round,
            early_stopping_rounds=early_stopping_rounds,
            stop_by=stop_by,
            space=focal_only,
        )
        objective(trial)
        return trial.user_attrs

    every = [attributes(rounds, None, "loss")["fold_scores"] for rounds in range(1, most + 1)]
    best, trained = [], []
    for scores in zip(*every, strict=True):
        so_far, rounds = 1, 1
        while rounds < most and rounds - so_far < patience:
            rounds += 1
            if scores[rounds - 1] > scores[so_far - 1]:
                so_far = rounds
        best.append(so_far)
        trained.append(rounds)
    found = attributes(most, patience, "score")
    assert found["fold_rounds"] == best
    assert found["rounds_trained"] == sum(trained)
    assert found["fold_scores"] == pytest.approx([every[r - 1][k] for k, r in enumerate(best)], abs=1e-12)
    assert attributes(most, patience, "loss")["fold_rounds"] != best


@pytest.mark.parametrize("booster", BOOSTERS)
def test_stopping_by_the_score_may_go_on_to_a_better_one(booster):
    options = {"num_boost_round": 40, "early_stopping_rounds": 10, "space": focal_only}
    trial = FixedTrial({"focal_gamma": 1.0, "focal_alpha_power": 0.0})
    by_score = make(booster, stop_by="score", **options)(trial)
    rounds = trial.user_attrs["fold_rounds"]
    assert trial.user_attrs["rounds_trained"] == sum(min(best + 10, 40) for best in rounds)
    by_loss = make(booster, **options)(trial)
    assert trial.user_attrs["fold_rounds"] != rounds
    assert by_score >= by_loss


def test_the_median_round_is_a_whole_number_from_one():
    assert [median_rounds(rounds) for rounds in ([3, 9, 5], [1, 4], [0, 0, 7], [2])] == [5, 2, 1, 2]


@pytest.mark.parametrize("booster", BOOSTERS)
def test_rounds_are_the_median_of_the_folds(booster):
    objective = make(booster, num_boost_round=40)
    trial = FixedTrial(POINTS[booster])
    objective(trial)
    rounds = trial.user_attrs["fold_rounds"]
    assert len(set(rounds)) == 3
    params = objective._folds.complete(trial.params)
    assert objective._evaluation.rounds(params) == sorted(rounds)[1]
    assert trial.user_attrs["num_boost_round"] == sorted(rounds)[1]
