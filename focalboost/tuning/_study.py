"""The user's Optuna study: whether this objective may go on with it, and trials that were left behind."""

from __future__ import annotations

import logging
import os
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from focalboost import _validation

logger = logging.getLogger("focalboost")

RECORD = "focalboost"
REPORTS = "focalboost_reports"
REPORT_CHOICES = ("auto", "mean", "fold")
ROLE, BASELINE = "role", "baseline"
WORKER = "worker"
_OF_GRID = ("search_space", "grid_id")
RETRIES = "retries_of"  # numbers of the trials that this one repeats


def load_optuna() -> Any:
    """Optuna, or an error that names the extra."""
    try:
        import optuna  # noqa: PLC0415  # an extra, imported where it is needed
    except ModuleNotFoundError as error:
        raise ImportError("focalboost.tuning needs Optuna: pip install 'focalboost[optuna]'.") from error
    return optuna


# ---------------------------------------------------------------------- one study, one objective
def check_directions(study: Any, n_objectives: int) -> None:
    """All that is scored is to be maximized, which a study that minimizes would turn into its opposite."""
    found = [direction.name.lower() for direction in study.directions]
    expected = ["maximize"] * n_objectives
    if found != expected:
        what = "direction" if n_objectives == 1 else "directions"
        raise ValueError(
            f"study.directions == {found!r}, must be {expected!r}: create the study with "
            f"optuna.create_study({what}=objective.{what})."
        )


def check_record(study: Any, record: Mapping[str, Any]) -> None:
    """Refuse a study whose trials were judged by other data, folds or metrics; note these in a new one."""
    stored = study.user_attrs.get(RECORD)
    if stored is None:
        state = load_optuna().trial.TrialState
        if study.get_trials(deepcopy=False, states=(state.COMPLETE, state.PRUNED)):
            raise ValueError(
                "the study has finished trials of another objective, must have none: their values cannot be "
                "compared with this one's. Begin a new study."
            )
        study.set_user_attr(RECORD, dict(record))
        return
    for name, value in record.items():
        if stored.get(name) != value:
            raise ValueError(
                f"the study's trials have {name} == {stored.get(name)!r}, must have {value!r} as this "
                "objective: values from different data, folds or settings cannot be compared (of data, "
                "dtypes and column names count too). Resume with what the study was begun with, or begin a "
                "new one."
            )


def what_to_report(study: Any, asked: str) -> str:
    """What the study's pruner is told after a fold, "mean" or "fold", the same for all its trials.

    Optuna stores no pruner: a study that is loaded without one has another than it had.
    """
    pruners = load_optuna().pruners
    wanted = asked
    if asked == "auto":
        wanted = "fold" if _compares_folds(study.pruner) else "mean"
    stored = study.user_attrs.get(REPORTS)
    if stored is None:
        study.set_user_attr(REPORTS, wanted)
        return wanted
    if asked == "auto" and isinstance(study.pruner, pruners.NopPruner):
        return str(stored)
    if stored != wanted:
        raise ValueError(
            f"the study's trials have report == {stored!r}, must have {wanted!r} for "
            f"{type(study.pruner).__name__} and report={asked!r}: no pruner can compare scores of single "
            "folds with running means. Load the study with the pruner that it had (Optuna stores none), pass "
            f"report={stored!r} if the pruner can do with it, or begin a new study."
        )
    return wanted


def _compares_folds(pruner: Any) -> bool:
    """Whether it is Optuna's WilcoxonPruner, also inside a PatientPruner."""
    wilcoxon = load_optuna().pruners.WilcoxonPruner
    while pruner is not None and not isinstance(pruner, wilcoxon):
        pruner = getattr(pruner, "_wrapped_pruner", None)
    return pruner is not None


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


def versions(*packages: str) -> dict[str, str]:
    """Installed versions; XGBoost is found under either of its names."""
    found = {}
    for package in packages:
        for name in (package, f"{package}-cpu"):
            try:
                found[package] = version(name)
                break
            except PackageNotFoundError:
                continue
    return found


def baseline_trial(study: Any) -> Any:
    """The finished baseline of a study: plain log loss, judged on the same folds as every other trial.

    Parameters
    ----------
    study : optuna.Study
        In which `CrossValidatedObjective.enqueue_baseline` put it.

    Returns
    -------
    optuna.trial.FrozenTrial

    Raises
    ------
    ValueError
        If the study has none, or it has not finished.
    """
    complete = load_optuna().trial.TrialState.COMPLETE
    for trial in study.get_trials(deepcopy=False, states=(complete,)):
        if trial.user_attrs.get(ROLE) == BASELINE:
            return trial
    raise ValueError(
        "the study has no finished baseline, must have one: call objective.enqueue_baseline(study) before "
        "study.optimize."
    )


def has_baseline(study: Any) -> bool:
    """Whether a baseline has finished, runs or waits; one that failed does not count."""
    state = load_optuna().trial.TrialState
    trials = study.get_trials(deepcopy=False, states=(state.COMPLETE, state.RUNNING, state.WAITING))
    # Of a waiting trial Optuna shows what enqueue_trial was given.
    return any(trial.user_attrs.get(ROLE) == BASELINE for trial in trials)


# ---------------------------------------------------------------------- trials whose process is gone
def this_worker() -> dict[str, Any]:
    """What tells this process from every other, also from one that has its number later."""
    pid = os.getpid()
    return {**_machine(), "pid": pid, "started": _started(pid)}


@lru_cache(maxsize=1)
def _machine() -> dict[str, Any]:
    """Machine, its boot, and the name space that process numbers belong to (containers have their own)."""

    def read(path: str) -> str:
        return Path(path).read_text(encoding="ascii").strip() if Path(path).exists() else ""

    namespace = Path("/proc/self/ns/pid")
    return {
        "host": f"{platform.node()} {read('/etc/machine-id')}".strip(),
        "boot": read("/proc/sys/kernel/random/boot_id"),
        "namespace": namespace.stat().st_ino if namespace.exists() else 0,
    }


def _started(pid: int) -> float | None:
    """When a process began: on Linux in clock ticks since boot, which setting the clock does not change."""
    import psutil  # noqa: PLC0415  # of the extra that brings Optuna

    stat = Path(f"/proc/{pid}/stat")
    try:
        # Field 22; the second is the command in parentheses, which may have blanks.
        ticks = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19]
        return float(ticks)
    except OSError:
        if stat.parent.parent.joinpath("self").exists():
            return None
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return None


def _is_gone(worker: Any) -> bool | None:
    """Whether a process has ended; None where that cannot be seen from here."""
    here = _machine()
    if not isinstance(worker, Mapping) or worker.get("host") != here["host"]:
        return None
    if worker.get("boot") != here["boot"]:
        return True
    if worker.get("namespace") != here["namespace"]:
        return None
    return bool(_started(int(worker["pid"])) != worker["started"])


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
    gone = _is_gone(trial.user_attrs.get(WORKER))
    if gone is not None:
        return gone
    limits = [older_than, None if WORKER in trial.user_attrs else unclaimed_after]
    seconds = [limit for limit in limits if limit is not None]
    if not seconds or trial.datetime_start is None:
        return False
    # Optuna gives local time without a zone.
    now = datetime.now()  # noqa: DTZ005
    return bool(now - trial.datetime_start > timedelta(seconds=min(seconds)))
