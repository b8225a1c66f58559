"""Scores of one trial: its share of the threads, trials and folds side by side, and where training stops."""

import _thread
import threading
import time

import numpy as np
import optuna
import pytest
import sklearn
from optuna.trial import FixedTrial

from focalboost.tuning import _evaluation
from focalboost.tuning._evaluation import median_rounds
from focalboost.tuning._folds import Stopped, Turn
from tests.tuning.helpers import (
    BINARY,
    BOOSTERS,
    MULTICLASS,
    MULTILABEL,
    POINTS,
    WEIGHT,
    Pruner,
    focal_only,
    make,
    study_of,
)


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


# ---------------------------------------------------------------------- folds side by side
def noted(objective, point, names=("fold_scores", "fold_rounds", "rounds_trained", "num_boost_round")):
    trial = FixedTrial(point)
    objective(trial)
    return [trial.user_attrs[name] for name in names]


def watched(objective, monkeypatch, before):
    """`before(fold, turn)` is called where a fold is trained."""
    run = objective._folds.run

    def watching(fold, estimator, bins, turn):
        before(fold, turn)
        return run(fold, estimator, bins, turn)

    monkeypatch.setattr(objective._folds, "run", watching)
    return objective


@pytest.mark.parametrize("booster", BOOSTERS)
@pytest.mark.parametrize(
    ("y", "scoring", "options"),
    [
        (BINARY, "average_precision", {"sample_weight": WEIGHT}),
        (BINARY, "neg_log_loss", {"stop_by": "score"}),
        (BINARY, "neg_log_loss", {"early_stopping_rounds": None}),
        (BINARY, "neg_log_loss", {"cache": False}),
        (MULTICLASS, "neg_log_loss", {}),
        (MULTILABEL, "roc_auc", {}),
    ],
    ids=["weights", "stop by score", "all rounds", "no cache", "multi-class", "multi-label"],
)
def test_folds_side_by_side_give_what_one_after_the_other_gives(booster, y, scoring, options):
    alone = noted(make(booster, y, n_jobs=1, scoring=scoring, **options), POINTS[booster])
    assert len(set(alone[0])) == 3
    for n_jobs in (2, 3):
        assert noted(make(booster, y, n_jobs=n_jobs, scoring=scoring, **options), POINTS[booster]) == alone


@pytest.mark.parametrize("booster", BOOSTERS)
def test_a_study_is_the_same_for_any_number_of_threads(booster):
    found = []
    for n_jobs in (1, 2):
        objective = make(booster, n_jobs=n_jobs, cv=4)
        sampler = optuna.samplers.TPESampler(seed=0, n_startup_trials=4)
        pruner = optuna.pruners.MedianPruner(n_startup_trials=2)
        study = study_of(objective, sampler=sampler, pruner=pruner)
        objective.enqueue_baseline(study)
        study.optimize(objective, n_trials=10)
        found.append(
            [(t.params, t.state, t.value, t.intermediate_values, t.user_attrs["fold_rounds"])
             for t in study.trials]
        )  # fmt: skip
    assert found[0] == found[1]
    assert {state.name for _, state, *_ in found[0]} == {"COMPLETE", "PRUNED"}


@pytest.mark.parametrize("booster", BOOSTERS)
def test_log_loss_side_by_side(booster):
    for stop_by in ("loss", "score"):
        values = []
        for n_jobs in (1, 2):
            objective = make(booster, loss="log_loss", cv=4, stop_by=stop_by, n_jobs=n_jobs)
            study = study_of(objective)
            study.optimize(objective, n_trials=2)
            values.append([(t.value, t.user_attrs["fold_rounds"]) for t in study.trials])
        assert values[0] == values[1]


def test_two_folds_are_in_training_at_once(monkeypatch):
    both = threading.Barrier(2, timeout=30)  # breaks where one waits for the other to end
    objective = watched(make(cv=2, n_jobs=2), monkeypatch, lambda fold, turn: both.wait())
    objective(FixedTrial(POINTS["xgboost"]))
    assert not both.broken


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"cv": 5, "n_jobs": 1}, [1, 1, 1, 1, 1]),
        ({"cv": 5, "n_jobs": 2}, [2, 1, 1, 1, 1]),
        ({"cv": 4, "n_jobs": 2}, [1, 1, 1, 1]),
        ({"cv": 5, "n_jobs": 3}, [1, 1, 1, 1, 1]),
        ({"cv": 5, "n_jobs": 16}, [3, 3, 3, 3, 3]),
        ({"cv": 4, "n_jobs": 8, "cache": False}, [4, 4, 4, 4]),
        ({"cv": 3, "n_jobs": 6, "device": "cpu"}, [2, 2, 2]),
    ],
)
def test_threads_of_a_fold(options, expected, monkeypatch):
    seen = {}
    objective = watched(make(**options), monkeypatch, lambda fold, turn: seen.update({fold: turn.n_jobs}))
    monkeypatch.setattr(_evaluation, "FEW", 0)
    objective(FixedTrial(POINTS["xgboost"]))
    assert [seen[fold] for fold in range(len(expected))] == expected
    monkeypatch.undo()
    objective = watched(make(**options), monkeypatch, lambda fold, turn: seen.update({fold: turn.n_jobs}))
    objective(FixedTrial(POINTS["xgboost"]))
    assert set(seen.values()) == {1}  # so few rows are not worth a second one


def test_folds_on_a_gpu_are_trained_one_after_the_other():
    assert make(device="cuda", cv=4, n_jobs=4)._evaluation._side_by_side() == 1
    assert make(device="cpu", cv=4, n_jobs=4)._evaluation._side_by_side() == 4
    assert make(cv=4, n_jobs=4, cache=False)._evaluation._side_by_side() == 2


def test_one_fold_is_binned_at_a_time(monkeypatch):
    objective = make(cv=4, n_jobs=4)
    bin_one, busy, most = objective._folds._bin, [], []

    def binning(*arguments):
        busy.append(1)
        most.append(len(busy))
        time.sleep(0.05)
        busy.pop()
        return bin_one(*arguments)

    monkeypatch.setattr(objective._folds, "_bin", binning)
    objective(FixedTrial(POINTS["xgboost"]))
    assert most == [1, 1, 1, 1]


@pytest.mark.parametrize("booster", BOOSTERS)
@pytest.mark.parametrize("loss", ["focal", "log_loss"])
def test_a_fold_that_is_not_wanted_ends_with_its_round(booster, loss):
    objective = make(booster, loss=loss, num_boost_round=10**6, early_stopping_rounds=None)
    folds, stop = objective._folds, threading.Event()
    turn = Turn(1, stop=stop)
    estimator = folds.resolve(folds.complete({}), objective.splits[0][0], 1)
    timer = threading.Timer(0.3, stop.set)
    timer.start()
    with pytest.raises(Stopped, match="not wanted any more"):
        folds.run(0, estimator, folds.bins(), turn)
    timer.join()


def no_folds_run():
    return not any(thread.name.startswith("focalboost-fold") for thread in threading.enumerate())


def test_a_pruned_trial_ends_the_other_folds(monkeypatch):
    ended = []

    def wait(fold, turn):
        if fold:
            ended.append(turn.stop.wait(30))

    objective = watched(make(cv=4, n_jobs=4), monkeypatch, wait)
    study = study_of(objective, pruner=Pruner(0))
    study.optimize(objective, n_trials=1)
    (trial,) = study.trials
    assert trial.state.name == "PRUNED"
    assert len(trial.user_attrs["fold_scores"]) == 1
    assert ended == [True] * 3
    assert no_folds_run()
    assert objective._evaluation._threads() == 4


def test_the_odd_fold_comes_first_and_alone(monkeypatch):
    trained = []
    objective = watched(make(cv=5, n_jobs=2), monkeypatch, lambda fold, turn: trained.append(fold))
    study = study_of(objective, pruner=Pruner(0))
    study.optimize(objective, n_trials=1)
    assert trained == [0]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_errors_of_folds_keep_their_text(n_jobs, monkeypatch):
    calls = []

    def scoring(y, p):
        calls.append(threading.current_thread())
        return float("nan") if len(calls) == 2 else 0.5

    objective = make(cv=4, n_jobs=n_jobs, scoring=scoring)
    with pytest.raises(ValueError, match=r"scoring gave .* == nan in fold 1, must be finite"):
        objective(FixedTrial(POINTS["xgboost"]))
    assert set(calls) == {threading.current_thread()}

    def fail(fold, turn):
        if fold == 3:
            raise ValueError("labels of fold 3, must be others")

    objective = watched(make(cv=4, n_jobs=n_jobs), monkeypatch, fail)
    trial = FixedTrial(POINTS["xgboost"])
    with pytest.raises(ValueError, match=r"^labels of fold 3, must be others$"):
        objective(trial)
    # What was finished before is noted.
    assert len(trial.user_attrs["fold_scores"]) == 3
    assert no_folds_run()
    assert objective._evaluation._threads() == n_jobs


def test_a_pruned_trial_does_not_fail_by_a_later_fold(monkeypatch):
    failed = threading.Event()

    def fail(fold, turn):
        if fold == 1:
            failed.set()
            raise ValueError("of fold 1")
        failed.wait(30)

    objective = watched(make(cv=2, n_jobs=2), monkeypatch, fail)
    study = study_of(objective, pruner=Pruner(0))
    study.optimize(objective, n_trials=1)
    assert study.trials[0].state.name == "PRUNED"


def test_an_interrupt_ends_all_folds(monkeypatch):
    ended = []

    def interrupt(fold, turn):
        if fold == 1:
            _thread.interrupt_main()
        ended.append(turn.stop.wait(30))
        turn.check()

    objective = watched(make(cv=2, n_jobs=2), monkeypatch, interrupt)
    study = study_of(objective)
    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        study.optimize(objective, n_trials=1)
    assert ended == [True, True]
    assert no_folds_run()
    assert study.trials[0].state.name == "FAIL"


def test_a_fold_has_the_settings_of_the_thread(monkeypatch):
    import xgboost

    seen = []

    def look(fold, turn):
        config = sklearn.get_config()["assume_finite"], xgboost.get_config()["verbosity"]
        seen.append((*config, np.geterr()["under"], threading.current_thread().name))

    objective = watched(make(cv=2, n_jobs=2), monkeypatch, look)
    with (
        sklearn.config_context(assume_finite=True),
        xgboost.config_context(verbosity=0),
        np.errstate(under="call"),
    ):
        objective(FixedTrial(POINTS["xgboost"]))
    assert [settings[:3] for settings in seen] == [(True, 0, "call")] * 2
    assert all(name.startswith("focalboost-fold") for *_, name in seen)


def test_scorers_that_stop_training_are_called_one_at_a_time():
    busy, most = [], []

    def scoring(y, p):
        busy.append(1)
        most.append(len(busy))
        time.sleep(0.001)
        busy.pop()
        return float(np.mean(p[y == 1]) - np.mean(p[y == 0]))

    make(cv=2, n_jobs=2, scoring=scoring, stop_by="score")(FixedTrial(POINTS["xgboost"]))
    assert max(most) == 1
