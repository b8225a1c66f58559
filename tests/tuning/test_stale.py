"""Killed workers, several workers, and which running trials are taken for stale."""

import os
import signal
import subprocess
import sys
import time

import optuna
import pytest
from optuna.trial import TrialState

from focalboost.tuning import baseline_trial, open_storage, retry_stale_trials, suggest_focal
from focalboost.tuning._workers import this_worker

WAIT = 600  # seconds until a worker that hangs fails the test; they take five, on a busy machine sixty

# A worker as a user writes one: it retries, enqueues and works until so many trials are finished. When it has
# scored as many folds as it is told it waits to be killed.
SETUP = """
import sys
import optuna
from optuna.study import MaxTrialsCallback
from optuna.trial import TrialState
from sklearn.datasets import make_classification
from sklearn.metrics import average_precision_score
from focalboost.tuning import CrossValidatedObjective, open_storage, retry_stale_trials, suggest_focal

optuna.logging.set_verbosity(optuna.logging.WARNING)
X, y = make_classification(400, 5, weights=[0.9], random_state=0)
folds = 0


def metric(y_true, y_score):
    global folds
    folds += 1
    if folds == stop_at:
        print("waiting", flush=True)
        sys.stdin.read()
    return average_precision_score(y_true, y_score)


url, n_trials, stop_at = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
objective = CrossValidatedObjective(
    X, y, cv=3, scoring=metric, space=suggest_focal, num_boost_round=3, early_stopping_rounds=None, n_jobs=1
)
study = optuna.create_study(
    storage=open_storage(url), study_name="s", direction=objective.direction, load_if_exists=True,
    sampler=optuna.samplers.RandomSampler(), pruner=optuna.pruners.NopPruner(),
)
retry_stale_trials(study)
objective.enqueue_baseline(study)
done = (TrialState.COMPLETE, TrialState.PRUNED)
if len(study.get_trials(states=done)) < n_trials:
    study.optimize(objective, callbacks=[MaxTrialsCallback(n_trials, states=done)])
print("done", flush=True)
"""


def start_worker(url, n_trials, stop_at=0):
    command = [sys.executable, "-c", SETUP, url, str(n_trials), str(stop_at)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def kill_when_waiting(worker, meanwhile=lambda: None):
    try:
        assert worker.stdout.readline() == "waiting\n"
        meanwhile()
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.communicate(timeout=WAIT)


def load(url):
    return optuna.load_study(storage=open_storage(url), study_name="s")


def states(study):
    return [trial.state.name for trial in study.trials]


def finished(study):
    return {t.number: (t.value, t.params) for t in study.trials if t.state == TrialState.COMPLETE}


@pytest.mark.parametrize("kind", ["journal", "sqlite"])
def test_after_kill_9_finished_trials_are_there_and_the_stale_one_is_tried_again(kind, tmp_path):
    url = str(tmp_path / "study.log") if kind == "journal" else f"sqlite:///{tmp_path / 'study.db'}"
    # Trials 0, the baseline, and 1 have three folds each; the worker dies in the second fold of trial 2.
    kill_when_waiting(start_worker(url, 5, stop_at=8))
    before = load(url)
    assert states(before) == ["COMPLETE", "COMPLETE", "RUNNING"]
    assert len(before.trials[2].user_attrs["fold_scores"]) == 1
    kept, stale = finished(before), before.trials[2].params
    worker = start_worker(url, 5)
    assert worker.communicate(timeout=WAIT)[0] == "done\n"
    assert worker.returncode == 0
    after = load(url)
    assert states(after) == ["COMPLETE", "COMPLETE", "FAIL", "COMPLETE", "COMPLETE", "COMPLETE"]
    assert kept.items() <= finished(after).items()
    assert after.trials[3].params == stale
    assert after.trials[3].user_attrs["retries_of"] == [2]
    assert len(after.trials[3].user_attrs["fold_scores"]) == 3
    assert baseline_trial(after).number == 0
    # A finished study is left as it is.
    worker = start_worker(url, 5)
    assert worker.communicate(timeout=WAIT)[0] == "done\n"
    assert len(load(url).trials) == 6


def test_a_killed_baseline_is_tried_again_as_baseline(tmp_path):
    url = str(tmp_path / "study.log")
    kill_when_waiting(start_worker(url, 2, stop_at=2))
    assert states(load(url)) == ["RUNNING"]
    assert start_worker(url, 2).communicate(timeout=WAIT)[0] == "done\n"
    study = load(url)
    assert states(study) == ["FAIL", "COMPLETE", "COMPLETE"]
    assert baseline_trial(study).number == 1


def test_workers_share_a_study_and_one_may_die(tmp_path):
    url = str(tmp_path / "study.log")
    first = start_worker(url, 1)
    assert first.communicate(timeout=WAIT)[0] == "done\n"
    others = []

    def work_beside_it():
        others.extend(start_worker(url, 12) for _ in range(2))
        deadline = time.monotonic() + WAIT
        while len(finished(load(url))) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)

    # The others begin when the victim is in its trial: they might be done before it has started.
    kill_when_waiting(start_worker(url, 12, stop_at=2), work_beside_it)
    for worker in others:
        assert worker.communicate(timeout=WAIT)[0] == "done\n"
    study = load(url)
    assert len(finished(study)) >= 12
    assert sum(trial.user_attrs.get("role") == "baseline" for trial in study.trials) == 1
    # The survivors left the dead worker's trial alone, or found it when they began.
    assert len(retry_stale_trials(study)) + states(study).count("FAIL") >= 1
    assert "RUNNING" not in states(study)


# ---------------------------------------------------------------------- which trials are stale
def running(study, worker, **attributes):
    trial = study.ask()
    suggest_focal(trial)
    for name, value in {"worker": worker, **attributes}.items():
        if value is not None:
            trial.set_user_attr(name, value)
    return trial


def ended_process():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return {**this_worker(), "pid": process.pid}


def test_running_trials_of_live_and_of_unseen_processes_are_left_alone():
    study = optuna.create_study()
    running(study, this_worker())
    running(study, {**this_worker(), "host": "another machine"})
    running(study, None)
    assert retry_stale_trials(study) == []
    time.sleep(0.02)
    # Older than that, those which cannot be seen are given up; the live one is not.
    assert retry_stale_trials(study, older_than=0.01) == [1, 2]
    assert states(study) == ["RUNNING", "FAIL", "FAIL", "WAITING", "WAITING"]


def test_a_process_number_that_was_given_again_is_another_process():
    study = optuna.create_study()
    worker = this_worker()
    running(study, {**worker, "started": worker["started"] - 100.0})
    assert retry_stale_trials(study) == [0]
    running(study, {**worker, "pid": os.getpid()})
    assert retry_stale_trials(study) == []


def test_a_worker_that_died_before_it_asked_loses_no_parameters():
    study = optuna.create_study()
    point = {"focal_gamma": 0.0, "focal_alpha_power": 0.0}
    study.enqueue_trial(point, user_attrs={"role": "baseline"})
    trial = study.ask()
    trial.set_user_attr("worker", ended_process())
    assert retry_stale_trials(study) == [0]
    trial = study.ask()
    suggest_focal(trial)
    assert trial.params == point
    assert trial.user_attrs["role"] == "baseline"


def test_other_machines_boots_and_containers():
    here = this_worker()
    dead = ended_process()
    study = optuna.create_study()
    running(study, {**dead, "host": "another"})
    running(study, {**dead, "namespace": -1})
    assert retry_stale_trials(study) == []
    # After a reboot no process is left, whatever its number.
    running(study, {**here, "boot": "the boot before"})
    assert retry_stale_trials(study) == [2]


def test_parameters_that_kill_every_time_are_given_up():
    study = optuna.create_study()
    gone = ended_process()
    trial = running(study, gone, role="baseline")
    for _ in range(3):
        assert retry_stale_trials(study, max_retry=2) == [trial.number]
        last, trial = trial, study.ask()
        trial.set_user_attr("worker", gone)
        if trial.user_attrs.get("retries_of") is None:
            break
        suggest_focal(trial)
        assert trial.params == last.params
        assert trial.user_attrs["role"] == "baseline"
    assert [t.user_attrs.get("retries_of") for t in study.trials] == [None, [0], [0, 1], None]
    assert retry_stale_trials(study, max_retry=0) == [3]
    assert "WAITING" not in states(study)


def test_options_of_retry():
    study = optuna.create_study()
    with pytest.raises(ValueError, match=r"older_than == 0, must be > 0 and finite"):
        retry_stale_trials(study, older_than=0)
    with pytest.raises(ValueError, match=r"max_retry == -1, must be None or a whole number >= 0"):
        retry_stale_trials(study, max_retry=-1)


def test_a_trial_that_another_worker_failed_first_is_not_enqueued_twice():
    study = optuna.create_study()
    running(study, ended_process())
    trials = study.get_trials()

    class Late:
        """Sees the trial as it was before the other worker came."""

        def __getattr__(self, name):
            return getattr(study, name)

        def get_trials(self, **_):
            return trials

    assert retry_stale_trials(study) == [0]
    assert retry_stale_trials(Late()) == []
    assert states(study) == ["FAIL", "WAITING"]
