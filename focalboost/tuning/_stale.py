"""Running trials whose process is gone: failed, and their parameters tried again."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from focalboost import _validation
from focalboost.tuning._optuna import load_optuna
from focalboost.tuning._study import RECORD, ROLE
from focalboost.tuning._workers import WORKER, is_gone

logger = logging.getLogger("focalboost")

_OF_GRID = ("search_space", "grid_id")
RETRIES = "retries_of"  # numbers of the trials that this one repeats


@contextmanager
def must_run(trial: Any) -> Iterator[None]:
    """An error in words if another process has failed the trial, before anything is stored in vain.

    `study.optimize` then raises an error of its own, "Cannot tell a FAIL trial", so this one is logged too.
    """
    try:
        yield
    except RuntimeError as error:
        # Optuna 4.0 has no class of its own for it.
        if "has already finished and can not be updated" not in str(error):
            raise
        text = (
            f"trial {trial.number} has finished already, must be running: another process took it for stale "
            "and enqueued its parameters again, so what this one finds would be lost. Pass a greater "
            "unclaimed_after (or older_than) to retry_stale_trials there."
        )
        logger.error(text)  # noqa: TRY400  # the traceback is that of the error that is raised
        raise RuntimeError(text) from error


def retry_stale_trials(
    study: Any,
    *,
    older_than: float | None = None,
    unclaimed_after: float | None = 60.0,
    max_retry: int = 2,
) -> list[int]:
    """Fail the running trials whose process is gone, and enqueue their parameters again.

    A worker that is killed (out of memory, kill -9, power) leaves its trial RUNNING for ever: its parameters
    are lost, and TPESampler keeps away from them. Call this before `study.optimize` when resuming; any number
    of workers may, also after every trial: `callbacks=[lambda study, _: retry_stale_trials(study)]`. Finished
    trials are never touched. A storage with heartbeat (`optuna.storages.RDBStorage`) does the same by itself,
    and for workers on other machines too.

    Parameters
    ----------
    study : optuna.Study
        Tuned with CrossValidatedObjective, which notes machine and process in each trial.
    older_than : float, optional
        Seconds. Fail also the running trials that began longer ago and of whose process nothing can be seen
        from here: on another machine, or of another objective. None leaves those alone.
    unclaimed_after : float or None, default=60
        Seconds. In a study of CrossValidatedObjective fail also the running trials that began longer ago and
        that no process has claimed, the first thing that the objective does: their process died while
        Optuna chose the parameters, or just after. None leaves those alone. A sampler that takes longer than
        this to choose, or work of your own between `study.ask` and the objective, needs a greater number: a
        live process whose trial was failed stops with an error before it trains.
    max_retry : int, default=2
        How often one trial is enqueued again: parameters that run out of memory do so every time.

    Returns
    -------
    list of int
        Numbers of the trials that were failed.

    Raises
    ------
    ValueError
        If older_than or unclaimed_after is not > 0, or max_retry is below 0.

    Examples
    --------
    >>> import optuna
    >>> from focalboost.tuning import retry_stale_trials
    >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
    >>> retry_stale_trials(optuna.create_study())
    []
    """
    state = load_optuna().trial.TrialState
    if older_than is not None:
        older_than = _validation.number("older_than", older_than, "> 0 and finite", low=0.0, strict=True)
    if unclaimed_after is not None:
        unclaimed_after = _validation.number(
            "unclaimed_after", unclaimed_after, "> 0 and finite", low=0.0, strict=True
        )
    retries = _validation.check_count("max_retry", max_retry, 0) or 0
    if study.user_attrs.get(RECORD) is None:
        unclaimed_after = None  # trials of other objectives are claimed by nobody
    failed = []
    for trial in study.get_trials(deepcopy=False, states=(state.RUNNING,)):
        if not _is_stale(trial, older_than, unclaimed_after):
            continue
        if WORKER not in trial.user_attrs and not _is_stale(_now(study, trial), older_than, unclaimed_after):
            continue  # claimed while the others were looked at
        try:
            study.tell(trial.number, state=state.FAIL)
        except (ValueError, RuntimeError):
            continue  # another worker was faster
        failed.append(trial.number)
        history = [*trial.user_attrs.get(RETRIES, []), trial.number]
        if len(history) <= retries:
            _enqueue_again(study, trial, history)
    return failed


def _now(study: Any, trial: Any) -> Any:
    """The trial as it is at this moment; Optuna's numbers are places in the list."""
    return study.get_trials(deepcopy=False)[trial.number]


def _enqueue_again(study: Any, trial: Any, history: list[int]) -> None:
    """As `study.enqueue_trial` does, with what a sampler noted of its choice.

    GridSampler's point is a number in the trial until the objective asks for parameters.
    """
    role = {ROLE: trial.user_attrs[ROLE]} if ROLE in trial.user_attrs else {}
    of_grid = _OF_GRID if "grid_id" in trial.system_attrs else ()
    grid = {name: trial.system_attrs[name] for name in of_grid}
    # A worker may die before it has asked for all: what was enqueued is known to the trial alone.
    point = {**trial.system_attrs.get("fixed_params", {}), **trial.params}
    optuna_trial = load_optuna().trial
    study.add_trial(
        optuna_trial.create_trial(
            state=optuna_trial.TrialState.WAITING,
            user_attrs={**role, RETRIES: history},
            system_attrs={**grid, "fixed_params": point},
        )
    )


def _is_stale(trial: Any, older_than: float | None, unclaimed_after: float | None) -> bool:
    if trial.state.is_finished():
        return False
    gone = is_gone(trial.user_attrs.get(WORKER))
    if gone is not None:
        return gone
    limits = [older_than, None if WORKER in trial.user_attrs else unclaimed_after]
    seconds = [limit for limit in limits if limit is not None]
    if not seconds or trial.datetime_start is None:
        return False
    # Optuna gives local time without a zone.
    now = datetime.now()  # noqa: DTZ005
    return bool(now - trial.datetime_start > timedelta(seconds=min(seconds)))
