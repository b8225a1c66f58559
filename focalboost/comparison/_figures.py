"""Figures of a comparison: what `focalboost.plotting` draws, of its contenders and held-out rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from focalboost.comparison._bootstrap import days_of
from focalboost.comparison._contenders import spent
from focalboost.comparison._types import (
    Floats,
    Integers,
    Judgement,
    Settings,
    Split,
    Task,
    Threshold,
    Trained,
    Verdict,
)
from focalboost.plotting import plot_cost, plot_precision_recall, plot_reliability, plot_trials

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# What is searched for a loss rather than for the booster, in the words of the axis.
SEARCHED = {
    "focal_gamma": "gamma (0: log loss)",
    "focal_alpha_power": "power of the class weights (0: none, 1: balanced)",
    "start": "start of log loss",
}


class Compared(Protocol):
    """`Comparison`, as far as figures and the page read it."""

    @property
    def task(self) -> Task: ...
    @property
    def split(self) -> Split: ...
    @property
    def settings(self) -> Settings: ...
    @property
    def trained(self) -> list[Trained]: ...
    @property
    def judgement(self) -> Judgement: ...
    @property
    def verdict(self) -> Verdict: ...
    @property
    def thresholds(self) -> list[Threshold]: ...
    @property
    def versions(self) -> dict[str, str]: ...
    @property
    def seconds(self) -> float: ...
    @property
    def command(self) -> str | None: ...


def in_order(comparison: Compared) -> list[Trained]:
    """The tuned ones first: figures of tuning have no others, and looks go by the place."""
    return sorted(comparison.trained, key=lambda trained: not trained.contender.tuned)


def drawn(comparison: Compared) -> list[Trained]:
    """Those with a score for each row: one that diverged has its dashes in the table, and no curve."""
    return [
        trained
        for trained in in_order(comparison)
        if np.isfinite([trained.log_odds, trained.probability, trained.confidence]).all()
    ]


def names(comparison: Compared) -> list[str]:
    return [trained.contender.name for trained in in_order(comparison)]


def held_out(comparison: Compared) -> Integers:
    """Labels of the rows that judge."""
    return np.asarray(comparison.task.y[comparison.split.test], np.int64)


def reviewed(comparison: Compared) -> float:
    """Share of the held-out rows that the budget reaches."""
    settings, task, rows = comparison.settings, comparison.task, comparison.split.test
    if settings.alerts_per_day is None:
        return 0.01 if settings.alert_rate is None else settings.alert_rate
    days = days_of(task, rows)
    of_day = np.array([len(rows)]) if days is None else np.unique(days, return_counts=True)[1]
    return float(np.minimum(of_day, settings.alerts_per_day).sum() / len(rows))


def precision_recall(comparison: Compared, ax: Axes | None = None) -> Axes:
    """By log-odds: probabilities round to 1, and would tie."""
    scores = {trained.contender.name: trained.log_odds for trained in drawn(comparison)}
    return plot_precision_recall(
        held_out(comparison), scores, alert_rate=reviewed(comparison), order=names(comparison), ax=ax
    )


def reliability(comparison: Compared, ax: Axes | None = None) -> Axes:
    """Of the probabilities: after the closed form."""
    ax = plot_reliability(held_out(comparison), _probabilities(comparison), order=names(comparison), ax=ax)
    ax.set_title("After: nearer to the grey line is better", loc="left", fontsize="medium")
    return ax


def reliability_before(comparison: Compared, ax: Axes | None = None) -> Axes:
    """Of the booster's own output, with the same rows in each bin as `reliability`."""
    confidence = {trained.contender.name: trained.confidence for trained in drawn(comparison)}
    binned_by = _probabilities(comparison)
    ax = plot_reliability(
        held_out(comparison), confidence, binned_by=binned_by, order=names(comparison), ax=ax
    )
    ax.set_title("Before: how far the booster itself is off", loc="left", fontsize="medium")
    ax.set_xlabel("Booster's own output, mean of the bin")
    return ax


def cost(comparison: Compared, ax: Axes | None = None) -> Axes:
    """Over the threshold."""
    return plot_cost(
        held_out(comparison), _probabilities(comparison), **costs(comparison), order=names(comparison), ax=ax
    )


def costs(comparison: Compared) -> dict[str, Any]:
    """As `expected_cost` takes them."""
    settings, task = comparison.settings, comparison.task
    if settings.cost_alarm is None or settings.cost_missed is None:
        raise ValueError("cost_alarm is None, must be a number, with cost_missed: no costs were stated.")
    missed: float | Floats
    if settings.cost_missed == "amount":
        assert task.amount is not None  # checked with the settings
        missed = task.amount[comparison.split.test]
    else:
        missed = settings.cost_missed
    return {"cost_alarm": settings.cost_alarm, "cost_missed": missed}


def tuning(comparison: Compared, ax: Axes | None = None) -> Axes:
    """The best score so far of each contender, trial by trial."""
    scores = {
        trained.contender.name: np.array([score(trial) for trial in trials_of(comparison, trained)])
        for trained in in_order(comparison)
        if trained.study is not None
    }
    return plot_trials(scores, score_name=_score_name(comparison), order=names(comparison), ax=ax)


def tuning_over(comparison: Compared, parameter: str, ax: Axes | None = None) -> Axes:
    """Scores of the trials over what a loss was given."""
    scores, values = {}, {}
    for trained in in_order(comparison):
        if parameter in searched(comparison, trained):
            trials = [t for t in trials_of(comparison, trained) if parameter in t.params]
            scores[trained.contender.name] = np.array([score(trial) for trial in trials])
            values[trained.contender.name] = np.array([trial.params[parameter] for trial in trials])
    return plot_trials(
        scores,
        over=values,
        parameter=SEARCHED[parameter],
        score_name=_score_name(comparison),
        order=names(comparison),
        ax=ax,
    )


def searched(comparison: Compared, trained: Trained) -> list[str]:
    """What of `SEARCHED` differs between this contender's trials."""
    trials = trials_of(comparison, trained)
    return [
        name
        for name in SEARCHED
        if len({trial.params[name] for trial in trials if name in trial.params and np.isfinite(score(trial))})
        > 1
    ]


def trials_of(comparison: Compared, trained: Trained) -> list[Any]:
    """Those that counted."""
    return [] if trained.study is None else spent(trained.study)[: comparison.settings.trials]


def score(trial: Any) -> float:
    """NaN of a trial that was pruned or could not be trained: its value is not of all folds."""
    complete = trial.state.name == "COMPLETE" and trial.value is not None
    return float(trial.value) if complete else float("nan")


def _score_name(comparison: Compared) -> str:
    return f"{comparison.settings.measure.replace('_', ' ')}, mean of the folds"


def _probabilities(comparison: Compared) -> dict[str, Floats]:
    return {trained.contender.name: trained.probability for trained in drawn(comparison)}
