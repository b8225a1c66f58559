"""Studies over time: killed workers, several workers, one objective each, other people's tuners."""

import json
import os
import signal
import subprocess
import sys
import time
import warnings
from fractions import Fraction
from functools import partial

import numpy as np
import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FixedTrial, TrialState
from sklearn.metrics import average_precision_score, make_scorer
from sklearn.model_selection import StratifiedKFold, cross_val_score

from focalboost._classifier.record import plain
from focalboost.tuning import _study, baseline_trial, retry_stale_trials, suggest_focal
from tests.tuning.helpers import BINARY, WEIGHT, X, make, study_of

WAIT = 600  # seconds until a worker that hangs fails the test; they take five, on a busy machine sixty

# A worker as a user writes one: it retries, enqueues and works until so many trials are finished. When it has
# scored as many folds as it is told it waits to be killed.
SETUP = """
import sys
import optuna
from optuna.study import MaxTrialsCallback
from optuna.trial import TrialState
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from sklearn.datasets import make_classification
from sklearn.metrics import average_precision_score
from focalboost.tuning import CrossValidatedObjective, retry_stale_trials, suggest_focal

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
storage = JournalStorage(JournalFileBackend(url)) if url.endswith(".log") else url
objective = CrossValidatedObjective(
    X, y, cv=3, scoring=metric, space=suggest_focal, num_boost_round=3, early_stopping_rounds=None, n_jobs=1
)
study = optuna.create_study(
    storage=storage, study_name="s", direction=objective.direction, load_if_exists=True,
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
    storage = JournalStorage(JournalFileBackend(url)) if url.endswith(".log") else url
    return optuna.load_study(storage=storage, study_name="s")


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
    return {**_study.this_worker(), "pid": process.pid}


def test_running_trials_of_live_and_of_unseen_processes_are_left_alone():
    study = optuna.create_study()
    running(study, _study.this_worker())
    running(study, {**_study.this_worker(), "host": "another machine"})
    running(study, None)
    assert retry_stale_trials(study) == []
    time.sleep(0.02)
    # Older than that, those which cannot be seen are given up; the live one is not.
    assert retry_stale_trials(study, older_than=0.01) == [1, 2]
    assert states(study) == ["RUNNING", "FAIL", "FAIL", "WAITING", "WAITING"]


def test_a_process_number_that_was_given_again_is_another_process():
    study = optuna.create_study()
    worker = _study.this_worker()
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
    here = _study.this_worker()
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


# ---------------------------------------------------------------------- one study, one objective
def test_a_study_that_minimizes_is_refused():
    objective = make()
    for study in (optuna.create_study(), optuna.create_study(directions=["maximize"] * 2)):
        with pytest.raises(ValueError, match=r"study.directions == \[.*\], must be \['maximize'\]: create"):
            study.optimize(objective, n_trials=1)
        with pytest.raises(ValueError, match=r"optuna.create_study\(direction=objective.direction\)"):
            objective.enqueue_baseline(study)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("data", {"data": X + 1e-3}),
        ("data", {"y": 1 - BINARY}),
        ("data", {"sample_weight": WEIGHT}),
        ("folds", {"cv": 4}),
        ("folds", {"cv": StratifiedKFold(3, shuffle=True, random_state=0)}),
        ("scoring", {"scoring": "roc_auc"}),
        ("fixed", {"fixed": {"max_depth": 4}}),
        ("num_boost_round", {"num_boost_round": 13}),
        ("early_stopping_rounds", {"early_stopping_rounds": None}),
        ("stop_by", {"stop_by": "score"}),
        ("scoring", {"scoring": partial(average_precision_score, pos_label=1)}),
        ("classes", {"y": BINARY * 2 - 1}),
    ],
)
def test_a_study_is_not_resumed_with_other_data_or_settings(name, options):
    study = study_of(make())
    study.optimize(make(), n_trials=1)
    study.optimize(make(), n_trials=1)
    with pytest.raises(
        ValueError, match=rf"the study's trials have {name} == .*, must have .* begin a new one"
    ):
        study.optimize(make(**options), n_trials=1)
    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "COMPLETE", "FAIL"]
    # Nor is anything put in its queue, or refitted with its rounds.
    with pytest.raises(ValueError, match=rf"the study's trials have {name} == "):
        make(**options).enqueue_baseline(study)
    with pytest.raises(ValueError, match=r"trial \d was scored by another objective, must be one of this"):
        make(**options).refit(study.best_trial)
    assert len(study.trials) == 3


def test_a_study_of_others_is_not_taken_over():
    study = optuna.create_study(direction="maximize")
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    with pytest.raises(
        ValueError, match=r"the study has finished trials of another objective, must have none"
    ):
        study.optimize(make(), n_trials=1)


def constant(value):
    return lambda y_true, y_score: value


@pytest.mark.parametrize(
    "scorings",
    [
        ({"score": "average_precision"}, {"score": "roc_auc"}),
        (make_scorer(lambda y_true, y_pred: 0.0), make_scorer(lambda y_true, y_pred: 1.0)),
        (constant(0.0), constant(1.0)),
    ],
    ids=["dict", "make_scorer", "closure"],
)
def test_a_study_is_not_resumed_with_another_metric_of_one_name(scorings):
    first, second = (make(scoring=scoring) for scoring in scorings)
    study = study_of(first)
    study.optimize(first, n_trials=1)
    with pytest.raises(ValueError, match=r"the study's trials have scoring == "):
        study.optimize(second, n_trials=1)


def test_threads_device_and_cache_may_change_on_resume():
    study = study_of(make())
    study.optimize(make(), n_trials=1)
    study.optimize(make(n_jobs=2, cache=False, device="cpu"), n_trials=1)
    assert len(study.trials) == 2


# ---------------------------------------------------------------------- what is stored
def test_plain_makes_json_of_anything():
    values = {
        "a": np.float32(0.5),
        "b": (1, [np.int64(2)]),
        "c": np.arange(2),
        "d": {"e": None},
        "f": float("nan"),
    }
    values |= {"g": np.inf, "h": True, "i": object(), "j": np.array(["x"]), "k": Fraction(1, 4)}
    found = plain(values)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found == {
        "a": 0.5,
        "b": [1, [2]],
        "c": [0, 1],
        "d": {"e": None},
        "f": "nan",
        "g": "inf",
        "h": True,
        "i": "builtins.object",
        "j": ["x"],
        "k": 0.25,
    }


def test_versions_names_xgboost_whatever_its_distribution():
    assert set(_study.versions("xgboost", "numpy", "no-such-package")) == {"xgboost", "numpy"}


# ---------------------------------------------------------------------- other objectives, other tuners
@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("booster", ["xgboost", "lightgbm"])
def test_optuna_search_cv_tunes_the_classifiers(booster):
    from optuna.distributions import FloatDistribution
    from optuna_integration import OptunaSearchCV
    from sklearn.datasets import make_classification

    from focalboost.lightgbm import FocalLGBMClassifier
    from focalboost.xgboost import FocalXGBClassifier

    X, y = make_classification(600, 6, weights=[0.9], random_state=0)
    options = {"n_estimators": 10, "n_jobs": 1}
    model = (
        FocalXGBClassifier(**options)
        if booster == "xgboost"
        else FocalLGBMClassifier(**options, verbosity=-1)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        search = OptunaSearchCV(
            model,
            {"focal_gamma": FloatDistribution(0, 5), "focal_alpha_power": FloatDistribution(-0.25, 1)},
            n_trials=3,
            scoring="average_precision",
            cv=3,
            random_state=0,
        ).fit(X, y)
    assert set(search.best_params_) == {"focal_gamma", "focal_alpha_power"}
    assert search.best_score_ > 2 * y.mean()
    best = model.set_params(**search.best_params_)
    scores = cross_val_score(best, X, y, cv=3, scoring="average_precision")
    assert search.best_score_ == pytest.approx(scores.mean(), abs=1e-12)
    np.testing.assert_array_equal(search.predict_proba(X), best.fit(X, y).predict_proba(X))


def test_suggest_focal_in_an_objective_of_ones_own():
    from sklearn.datasets import make_classification

    from focalboost.xgboost import FocalXGBClassifier

    X, y = make_classification(400, 6, weights=[0.9], random_state=0)

    def objective(trial):
        model = FocalXGBClassifier(**suggest_focal(trial), n_estimators=5, n_jobs=1)
        return cross_val_score(model, X, y, cv=3, scoring="average_precision").mean()

    study = optuna.create_study(direction="maximize")
    study.optimize(objective, n_trials=2)
    assert objective(FixedTrial(study.best_params)) == study.best_value
