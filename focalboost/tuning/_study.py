"""One study, one objective: whether this objective may go on with the user's study, and its baseline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from focalboost._classifier.record import plain
from focalboost.tuning._folds import Folds
from focalboost.tuning._optuna import load_optuna
from focalboost.tuning._scoring import Scoring
from focalboost.tuning._splits import fingerprint

RECORD = "focalboost"
REPORTS = "focalboost_reports"
REPORT_CHOICES = ("auto", "mean", "fold")
ROLE, BASELINE = "role", "baseline"


def new_record(booster: str, loss: str, folds: Folds, scoring: Scoring) -> dict[str, Any]:
    """What makes the values of two trials comparable."""
    settings = folds.settings
    record = {
        "booster": booster,
        "loss": loss,
        "classes": plain(folds.target.classes),
        "pos_label": plain(None if scoring.positive is None else scoring.positive.label),
        "data": fingerprint(folds.X, folds.encoded, folds.weight),
        "folds": fingerprint(*(part for split in settings.splits for part in split)),
        "scoring": scoring.identities,
        "fixed": plain(folds.fixed),
        "num_boost_round": settings.num_boost_round,
        "early_stopping_rounds": settings.early_stopping_rounds,
        "stop_by": settings.stop_by,
    }
    return {**record, "name": fingerprint(repr(sorted(record.items())))}


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
