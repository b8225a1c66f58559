"""Trials that were asked for and that no process has claimed: found, repeated, and never lost."""

import os
import subprocess
import sys
import time
import warnings
from datetime import timedelta

import optuna
import pytest
from optuna.trial import TrialState

from focalboost.tuning import baseline_trial, open_storage, retry_stale_trials
from focalboost.tuning._workers import this_worker
from tests.tuning.helpers import focal_only, make, study_of

SHORT = 0.01  # seconds after which a trial counts as unclaimed
POINT = {"focal_gamma": 0.0, "focal_alpha_power": 0.0}

# Dies between study.ask and the objective, as by the kernel's hand: nothing is cleaned up.
KILLED = """
import os, sys
import optuna
from focalboost.tuning import open_storage

study = optuna.load_study(storage=open_storage(sys.argv[1]), study_name="s")
study.optimize(lambda trial: os._exit(9), n_trials=1)
"""


def kill_after_asking(url):
    done = subprocess.run([sys.executable, "-c", KILLED, url], check=False, capture_output=True, timeout=300)
    assert done.returncode == 9
    time.sleep(2 * SHORT)


def states(study):
    return [trial.state.name for trial in study.trials]


def objective_of(**options):
    return make(space=focal_only, **options)


def new_study(**options):
    """A study that belongs to an objective, with nothing in it."""
    objective = objective_of()
    study = study_of(objective, **options)
    objective._check_study(study)
    return objective, study


# ---------------------------------------------------------------------- real processes
@pytest.mark.parametrize("kind", ["journal", "sqlite"])
def test_a_baseline_whose_process_died_before_its_first_word_is_repeated(kind, tmp_path):
    url = str(tmp_path / "study.log") if kind == "journal" else f"sqlite:///{tmp_path / 'study.db'}"
    objective = objective_of()
    study = study_of(objective, storage=open_storage(url), study_name="s")
    objective.enqueue_baseline(study)
    kill_after_asking(url)
    assert states(study) == ["RUNNING"]
    assert "worker" not in study.trials[0].user_attrs
    assert retry_stale_trials(study) == []  # not yet: it might be on its way
    assert retry_stale_trials(study, unclaimed_after=None, max_retry=1) == []
    assert retry_stale_trials(study, unclaimed_after=SHORT) == [0]
    objective.enqueue_baseline(study)  # waits already
    study.optimize(objective, n_trials=2)
    assert states(study) == ["FAIL", "COMPLETE", "COMPLETE"]
    assert baseline_trial(study).number == 1
    assert baseline_trial(study).params == POINT
    assert study.trials[1].user_attrs["retries_of"] == [0]


def test_a_random_trial_whose_process_died_before_its_first_word_is_repeated(tmp_path):
    url = str(tmp_path / "study.log")
    objective = objective_of()
    study = study_of(objective, storage=open_storage(url), study_name="s")
    study.optimize(objective, n_trials=1)
    kept = study.trials[0]
    for _ in range(2):
        kill_after_asking(url)
    assert states(study) == ["COMPLETE", "RUNNING", "RUNNING"]
    assert retry_stale_trials(study, unclaimed_after=SHORT) == [1, 2]
    assert retry_stale_trials(study, unclaimed_after=SHORT) == []
    study.optimize(objective, n_trials=2)
    assert states(study) == ["COMPLETE", "FAIL", "FAIL", "COMPLETE", "COMPLETE"]
    assert [trial.user_attrs.get("retries_of") for trial in study.trials[3:]] == [[1], [2]]
    assert set(study.trials[3].params) == set(kept.params)
    assert study.trials[0] == kept


def test_it_is_given_up_after_max_retry(tmp_path):
    url = str(tmp_path / "study.log")
    objective = objective_of()
    study = study_of(objective, storage=open_storage(url), study_name="s")
    objective.enqueue_baseline(study)
    for number in range(2):
        kill_after_asking(url)
        assert retry_stale_trials(study, unclaimed_after=SHORT, max_retry=1) == [number]
    assert states(study) == ["FAIL", "FAIL"]


# ---------------------------------------------------------------------- live processes that are slow
@pytest.mark.parametrize("kind", ["memory", "journal", "sqlite"])
def test_a_live_process_whose_trial_was_failed_trains_nothing(kind, tmp_path, caplog):
    url = {"journal": str(tmp_path / "study.log"), "sqlite": f"sqlite:///{tmp_path / 'study.db'}"}.get(kind)
    objective, study = new_study(storage=url and open_storage(url))
    study.enqueue_trial(POINT)
    trial = study.ask()
    time.sleep(2 * SHORT)
    assert retry_stale_trials(study, unclaimed_after=SHORT) == [0]
    objective._evaluation.scores = None  # would be called
    text = r"trial 0 has finished already, must be running: .* Pass a greater unclaimed_after"
    with pytest.raises(RuntimeError, match=text):
        objective(trial)
    assert [message[:30] for message in caplog.messages] == ["trial 0 has finished already, "]
    assert "worker" not in study.trials[0].user_attrs
    # Nothing is lost: the parameters wait.
    again = study.ask()
    objective = objective_of()
    study.tell(again, objective(again))
    assert again.params == POINT
    assert states(study) == ["FAIL", "COMPLETE"]


def test_within_optimize_the_words_are_logged(caplog):
    # Optuna then raises an error of its own.
    objective, study = new_study()

    def slow(trial):
        time.sleep(2 * SHORT)
        assert retry_stale_trials(study, unclaimed_after=SHORT) == [0]
        return objective(trial)

    with pytest.raises(ValueError, match=r"Cannot tell a FAIL trial"):
        study.optimize(slow, n_trials=1)
    assert any("trial 0 has finished already, must be running" in message for message in caplog.messages)
    assert states(study) == ["FAIL", "WAITING"]


def test_it_is_failed_between_the_claim_and_the_training():
    # The other process saw it before it was claimed.
    objective, study = new_study()
    trial = study.ask()
    read = objective._study_record

    def slow_fingerprints():
        if "worker" in trial.user_attrs and not study.trials[0].state.is_finished():
            study.tell(0, state=TrialState.FAIL)
        return read()

    objective._study_record = slow_fingerprints
    objective._evaluation.scores = None
    with pytest.raises(RuntimeError, match=r"trial 0 has finished already, must be running"):
        objective(trial)


def test_it_is_failed_while_it_trains():
    objective, study = new_study()
    trial = study.ask()
    scored, folds = objective._evaluation._scored, []

    def slow(fold, *args):
        folds.append(fold)
        if fold == 1:
            study.tell(0, state=TrialState.FAIL)
        return scored(fold, *args)

    objective._evaluation._scored = slow
    with pytest.raises(RuntimeError, match=r"trial 0 has finished already, must be running"):
        objective(trial)
    assert folds == [0, 1]
    assert len(study.trials[0].user_attrs["fold_scores"]) == 1


def test_a_trial_is_claimed_before_anything_else():
    objective, study = new_study()
    trial = study.ask()
    told = []
    objective._check_study = lambda study: told.append(dict(study.trials[0].user_attrs))
    objective(trial)
    assert told == [{"worker": this_worker()}]
    # A claimed trial is judged by its process, however old it is.
    trial = study.ask()
    trial.set_user_attr("worker", this_worker())
    time.sleep(2 * SHORT)
    assert retry_stale_trials(study, unclaimed_after=SHORT) == []


def test_a_trial_that_was_claimed_meanwhile_is_left_alone():
    _, study = new_study()
    trial = study.ask()
    time.sleep(2 * SHORT)
    before = [t for t in study.get_trials() if t.state == TrialState.RUNNING]
    trial.set_user_attr("worker", this_worker())

    class Late:
        """Sees the running trials as they were before."""

        def __getattr__(self, name):
            return getattr(study, name)

        def get_trials(self, states=None, **options):
            return before if states else study.get_trials(**options)

    assert retry_stale_trials(Late(), unclaimed_after=SHORT) == []
    assert states(study) == ["RUNNING"]
    study.tell(0, 0.5)
    assert retry_stale_trials(Late(), unclaimed_after=SHORT) == []
    assert states(study) == ["COMPLETE"]


# ---------------------------------------------------------------------- which, and which not
def test_a_minute_is_the_default():
    _, study = new_study()
    for seconds in (30, 90):
        trial = study.ask()
        stored = study._storage._get_trial(trial._trial_id)
        stored.datetime_start -= timedelta(seconds=seconds)
    assert retry_stale_trials(study) == [1]


def test_trials_of_other_objectives_are_left_alone():
    study = optuna.create_study()
    study.ask()
    time.sleep(2 * SHORT)
    assert retry_stale_trials(study, unclaimed_after=SHORT) == []
    assert retry_stale_trials(study, unclaimed_after=SHORT, older_than=SHORT) == [0]


def test_older_than_and_unclaimed_after_are_two_limits():
    _, study = new_study()
    study.ask()
    time.sleep(2 * SHORT)
    assert retry_stale_trials(study, unclaimed_after=None) == []
    assert retry_stale_trials(study, unclaimed_after=1000.0, older_than=1000.0) == []
    assert retry_stale_trials(study, unclaimed_after=1000.0, older_than=SHORT) == [0]


def test_a_point_of_a_grid_is_not_lost():
    grid = {"focal_gamma": [0.0, 2.0], "focal_alpha_power": [0.0, 0.5]}
    objective, study = new_study(sampler=optuna.samplers.GridSampler(grid, seed=0))
    study.ask()
    time.sleep(2 * SHORT)
    assert retry_stale_trials(study, unclaimed_after=SHORT) == [0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        study.optimize(objective, n_trials=4)
    points = {tuple(t.params.values()) for t in study.trials if t.state == TrialState.COMPLETE}
    assert points == {(gamma, power) for gamma in (0.0, 2.0) for power in (0.0, 0.5)}


@pytest.mark.parametrize("seconds", [0, -1.0, float("inf"), float("nan")])
def test_options(seconds):
    with pytest.raises(ValueError, match=r"unclaimed_after == .*, must be > 0 and finite"):
        retry_stale_trials(optuna.create_study(), unclaimed_after=seconds)
    with pytest.raises(TypeError, match=r"unclaimed_after == 'never', must be > 0 and finite"):
        retry_stale_trials(optuna.create_study(), unclaimed_after="never")


def test_it_can_be_called_after_every_trial():
    objective, study = new_study()
    left = study.ask()
    time.sleep(2 * SHORT)
    again = [lambda study, _: retry_stale_trials(study, unclaimed_after=SHORT)]
    study.optimize(objective, n_trials=2, callbacks=again)
    assert states(study) == ["FAIL", "COMPLETE", "COMPLETE"]
    assert study.trials[2].user_attrs["retries_of"] == [left.number]
    assert os.getpid() == study.trials[2].user_attrs["worker"]["pid"]
