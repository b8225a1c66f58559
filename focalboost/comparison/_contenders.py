"""The contenders: each tuned on a study of its own, with the same folds, trials and rules, and refitted."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from itertools import count, islice
from threading import Event, Lock
from typing import Any
from uuid import uuid4

import numpy as np
from scipy.special import expit
from sklearn.base import clone

from focalboost._kernels.threads import thread_count
from focalboost.comparison._extra import load_optuna, load_pandas
from focalboost.comparison._types import (
    CONTENDERS,
    Contender,
    Floats,
    Progress,
    Settings,
    Split,
    Task,
    Trained,
)
from focalboost.tuning import (
    CrossValidatedObjective,
    open_storage,
    retry_stale_trials,
    suggest_booster,
    suggest_focal,
    suggest_log_loss,
)

# Attribute of a trial that runs, and who runs it: a process number may be given again.
PROCESS, THIS_PROCESS = "compared_by", uuid4().hex
_running: set[tuple[str, int]] = set()  # of this process
FAILED = "error"  # attribute of a trial that cannot be trained
PLACE = "place"  # attribute: which of the points it tries, from 0
SMALL = 3_000_000  # numbers in the rows that are trained on
N_STARTUP = 8  # trials before the pruner and the sampler look at others
# Parameters of XGBoost's and LightGBM's start, which focal loss chooses itself.
START = {"xgboost": "base_score", "lightgbm": "boost_from_average"}


class ContenderSpace:
    """The booster's parameters and the largest step for all, and what the contender has besides."""

    def __init__(self, key: str, booster: str) -> None:
        self.key, self.booster = key, booster

    def __call__(self, trial: Any) -> Mapping[str, Any]:
        start = START[self.booster]
        params = suggest_log_loss(trial, self.booster, skip=() if self.key == "log_loss" else (start,))
        if self.key == "class_weights":
            params |= suggest_focal(trial, gamma=(0.0, 0.0))
        elif self.key == "focal":
            params |= suggest_focal(trial)
        return params | suggest_booster(trial, self.booster)


def make_objective(
    contender: Contender, task: Task, split: Split, settings: Settings
) -> CrossValidatedObjective:
    """Fitted on the folds of the training rows alone."""
    return CrossValidatedObjective(
        task.X[split.train],
        task.y[split.train],
        booster=settings.booster,
        loss="log_loss" if contender.key == "log_loss" else "focal",
        cv=split.folds,
        scoring=settings.measure,
        pos_label=1,
        space=ContenderSpace(contender.key, settings.booster),
        fixed={"random_state": settings.seed},
        num_boost_round=settings.num_boost_round,
        early_stopping_rounds=settings.early_stopping_rounds,
        n_jobs=settings.n_jobs,
    )


@contextmanager
def quiet_optuna() -> Iterator[None]:
    """Without Optuna's line for each trial: `progress` is told of them."""
    logging = load_optuna().logging
    before = logging.get_verbosity()
    logging.set_verbosity(max(before, logging.WARNING))
    try:
        yield
    finally:
        logging.set_verbosity(before)


def check_measure(task: Task, split: Split, settings: Settings) -> None:
    """Refuse a measure that cannot be computed, before any training."""
    make_objective(CONTENDERS[1], task, split, settings)


def train_all(task: Task, split: Split, settings: Settings, progress: Progress | None) -> list[Trained]:
    """All contenders: side by side where there are few rows for the threads, else one after the other.

    Trees of few rows gain little from a second thread, and wait for each other where the machine is busy:
    30,000 rows with 30 trials took 80 s of CPU on one thread, and 370 s on two of a machine in use by others.
    """
    storage = open_once(settings)
    threads = thread_count(settings.n_jobs)
    small = task.X.shape[1] * len(split.train) <= SMALL
    workers = min(threads, sum(each.tuned for each in CONTENDERS)) if small else 1
    each_has = replace(settings, n_jobs=max(1, threads // workers))
    guarded, stop = None if progress is None else Guarded(progress), Event()

    def one(contender: Contender) -> Trained:
        return train(contender, task, split, each_has, storage, guarded, stop)

    with ThreadPoolExecutor(workers) as pool:
        running = [pool.submit(one, each) for each in CONTENDERS]
        try:
            return [item.result() for item in running]
        except BaseException:
            stop.set()  # or an interrupt would wait for all trials of the others
            for item in running:
                item.cancel()
            raise


class Guarded:
    """Tells of one thing at a time."""

    def __init__(self, progress: Progress) -> None:
        self.progress, self.lock = progress, Lock()

    def split(self, split: Split) -> None:
        with self.lock:
            self.progress.split(split)

    def begin(self, contender: Contender, done: int, total: int) -> None:
        with self.lock:
            self.progress.begin(contender, done, total)

    def trial(self, contender: Contender, done: int, best: float | None) -> None:
        with self.lock:
            self.progress.trial(contender, done, best)

    def end(self, contender: Contender) -> None:
        with self.lock:
            self.progress.end(contender)


def train(
    contender: Contender,
    task: Task,
    split: Split,
    settings: Settings,
    storage: Any,
    progress: Progress | None,
    stop: Event,
) -> Trained:
    """Tune and refit one contender; trials that the storage has are not run again."""
    began = time.perf_counter()
    if contender.tuned:
        objective = make_objective(contender, task, split, settings)
        study = run_trials(contender, objective, settings, storage, progress, stop)
        best = best_trial(study, settings.trials)
        model = objective.refit(best)
        params = {name: model.get_params()[name] for name in shown_names(best, settings.booster)}
        rounds, scores = int(best.user_attrs["num_boost_round"]), list(best.user_attrs["fold_scores"])
    else:
        study, params, scores = None, {}, None
        model = untuned(settings).fit(task.X[split.train], task.y[split.train])
        rounds = 100  # of both libraries
        if progress is not None:
            progress.begin(contender, 0, 0)
    log_odds, confidence = predict(model, task.X[split.test])
    if progress is not None:
        progress.end(contender)
    return Trained(
        contender=contender,
        model=model,
        params=params,
        rounds=rounds,
        fold_scores=scores,
        study=study,
        log_odds=log_odds,
        probability=np.asarray(expit(log_odds)),
        confidence=confidence,
        seconds=time.perf_counter() - began,
    )


def shown_names(trial: Any, booster: str) -> list[str]:
    """Names of the classifier's parameters that the trial chose; the study calls one of them "start"."""
    return [START[booster] if name == "start" else name for name in trial.params]


def untuned(settings: Settings) -> Any:
    """The booster's classifier as it comes."""
    if settings.booster == "xgboost":
        import xgboost  # noqa: PLC0415  # an extra

        return xgboost.XGBClassifier(random_state=settings.seed, n_jobs=settings.n_jobs)
    import lightgbm  # noqa: PLC0415  # an extra

    return lightgbm.LGBMClassifier(random_state=settings.seed, n_jobs=settings.n_jobs, verbosity=-1)


def predict(model: Any, X: Any) -> tuple[Floats, Floats]:
    """Log-odds of class 1, and what the booster itself would call its probability."""
    if hasattr(model, "get_booster"):
        margins = model.predict(X, output_margin=True)
    else:
        margins = model.booster_.predict(X, raw_score=True)
    margins = np.asarray(margins, np.float64)
    log_odds = model.decision_function(X) if hasattr(model, "loss_") else margins
    return np.asarray(log_odds, np.float64), np.asarray(expit(margins))


def refit_on(model: Any, task: Task) -> Any:
    """The same parameters and rounds, trained on all rows; the booster holds the columns' names."""
    frame = load_pandas().DataFrame(task.X, columns=names_in_models(task.feature_names))
    return clone(model).fit(frame, task.y)


def names_in_models(names: list[str]) -> list[str]:
    """As both boosters take them: without brackets, quotes, commas, colons, < and white space, each once."""
    found: list[str] = []
    for name in names:
        clean = re.sub(r"[\[\]{}<>\",:\s]", "_", name) or "_"
        number = 2
        unique = clean
        while unique in found:
            unique, number = f"{clean}_{number}", number + 1
        found.append(unique)
    return found


# ---------------------------------------------------------------------- the study
def run_trials(
    contender: Contender,
    objective: CrossValidatedObjective,
    settings: Settings,
    storage: Any,
    progress: Progress | None,
    stop: Event,
) -> Any:
    """Go on to the number of trials that were asked for."""
    optuna = load_optuna()
    study = optuna.create_study(
        study_name=study_name(contender, objective, settings),
        storage=storage,
        direction=objective.direction,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=N_STARTUP),
        load_if_exists=True,
    )
    fail_dead_trials(study)
    objective.enqueue_baseline(study)
    if progress is not None:
        progress.begin(contender, min(len(spent(study)), settings.trials), settings.trials)
    counted = Counted(objective, contender, settings.seed)
    while not stop.is_set():
        wait_for_points(study, stop)
        first = claimed(study)[: settings.trials]
        if len(first) < settings.trials:
            study.optimize(counted, n_trials=1, catch=(ValueError,))
            if progress is not None:
                done = min(len(spent(study)), settings.trials)
                progress.trial(contender, done, best_value(study, settings.trials))
        elif any(not trial.state.is_finished() for trial in first):
            # Another process is at the last ones; if it is killed they are tried here.
            stop.wait(0.5)
            fail_dead_trials(study)
        else:
            break
    return study


def fail_dead_trials(study: Any) -> None:
    """Those of processes that are gone, and of calls of this process that ended in an error.

    The sampler draws the same points again, so that none need be enqueued.
    """
    retry_stale_trials(study, max_retry=0, unclaimed_after=5.0)
    state = load_optuna().trial.TrialState
    for trial in study.get_trials(deepcopy=False, states=(state.RUNNING,)):
        mine = trial.user_attrs.get(PROCESS) == THIS_PROCESS
        if mine and (study.study_name, trial.number) not in _running:
            study.tell(trial.number, state=state.FAIL)


def wait_for_points(study: Any, stop: Event) -> None:
    """Until each trial that runs has its parameters, or is failed.

    A process that dies before it claims its trial leaves one of which nobody knows whether it lives, for 5
    seconds: the sampler would go on from other trials than it would have without the interruption.
    """
    running = (load_optuna().trial.TrialState.RUNNING,)
    while any(not trial.params for trial in study.get_trials(deepcopy=False, states=running)):
        if stop.wait(0.05):
            break
        fail_dead_trials(study)


class Counted:
    """An objective whose trials differ by their place alone, and that notes why one cannot be trained.

    Each trial has a sampler of its own, seeded by its place, the first one that no other trial has: a
    comparison that was interrupted and goes on tries the points that it would have tried, and of two
    processes on one storage each tries others.
    """

    def __init__(self, objective: CrossValidatedObjective, contender: Contender, seed: int) -> None:
        self.objective, self.seed = objective, [seed, CONTENDERS.index(contender)]

    def __call__(self, trial: Any) -> Any:
        place = place_of(trial)
        seed = int(np.random.SeedSequence([*self.seed, place]).generate_state(1)[0])
        trial.set_user_attr(PLACE, place)
        trial.set_user_attr(PROCESS, THIS_PROCESS)
        trial.study.sampler = load_optuna().samplers.TPESampler(n_startup_trials=N_STARTUP, seed=seed)
        key = trial.study.study_name, trial.number
        _running.add(key)
        try:
            return self.objective(trial)
        except ValueError as error:
            trial.set_user_attr(FAILED, str(error))  # and is spent
            raise
        finally:
            _running.discard(key)


def place_of(trial: Any) -> int:
    """The first place that is free, after those of older trials that have not noted theirs yet."""
    others = [other for other in claimed(trial.study) if other.number != trial.number]
    taken = {other.user_attrs[PLACE] for other in others if PLACE in other.user_attrs}
    older = sum(PLACE not in other.user_attrs and other.number < trial.number for other in others)
    return next(islice((place for place in count() if place not in taken), older, None))


def study_name(contender: Contender, objective: CrossValidatedObjective, settings: Settings) -> str:
    """Says all that makes trials comparable, so that one storage serves many tables."""
    return f"focalboost compare: {contender.key}, seed {settings.seed}, {objective.fingerprint}"


def spent(study: Any) -> list[Any]:
    """Trials that count, in the order of their places: finished, pruned, and those that cannot be trained."""
    state = load_optuna().trial.TrialState
    return by_place(study, (state.COMPLETE, state.PRUNED, state.FAIL))


def claimed(study: Any) -> list[Any]:
    """Those that count, and those that run, in the order of their places."""
    state = load_optuna().trial.TrialState
    return by_place(study, (state.COMPLETE, state.PRUNED, state.FAIL, state.RUNNING))


def by_place(study: Any, states: tuple[Any, ...]) -> list[Any]:
    fail = load_optuna().trial.TrialState.FAIL
    trials = [
        trial
        for trial in study.get_trials(deepcopy=False, states=states)
        if trial.state != fail or FAILED in trial.user_attrs
    ]
    return sorted(trials, key=lambda trial: (trial.user_attrs.get(PLACE, np.inf), trial.number))


def best_trial(study: Any, trials: int) -> Any:
    """Of the first `trials` ones, so that a storage with more of them favours no contender."""
    state = load_optuna().trial.TrialState
    complete = [trial for trial in spent(study)[:trials] if trial.state == state.COMPLETE]
    if not complete:
        errors = [trial.user_attrs[FAILED] for trial in spent(study)[:trials] if FAILED in trial.user_attrs]
        raise ValueError(f"no trial of {study.study_name!r} could be trained: {errors[0] if errors else '?'}")
    return max(complete, key=lambda trial: trial.value)  # the first of equal ones


def best_value(study: Any, trials: int) -> float | None:
    try:
        return float(best_trial(study, trials).value)
    except ValueError:
        return None


def open_once(settings: Settings) -> Any:
    """One storage for all contenders; None keeps their studies in memory."""
    return None if settings.storage is None else open_storage(settings.storage)
