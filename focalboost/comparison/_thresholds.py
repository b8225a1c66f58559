"""From which score on a row is an alert: for the stated costs, and for the budget."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit, logit

from focalboost.comparison._bootstrap import days_of
from focalboost.comparison._judgement import counted
from focalboost.comparison._measures import Daily
from focalboost.comparison._types import Floats, Settings, Split, Task, Threshold, Trained
from focalboost.metrics import threshold_for_alert_rate, threshold_for_cost

WHY = "there the expected loss of letting it pass is larger than that of a false alarm."


def thresholds(
    task: Task, split: Split, settings: Settings, trained: Trained, model: Any = None
) -> list[Threshold]:
    """Of the contender `trained`; margins are of `model`, the one that will be used (default: its own)."""
    used = trained.model if model is None else model
    found = []
    if settings.cost_alarm is not None and settings.cost_missed is not None:
        found.append(_for_costs(task, split, settings, trained, used))
    return [*found, _for_budget(task, split, settings, trained, used)]


def margin_of(model: Any, probability: float) -> float:
    """What the booster itself predicts where the probability is `probability`.

    Focal losses and class weights: the inverse of the closed form, with the shift of this training. Else the
    log-odds.
    """
    loss = getattr(model, "loss_", None)
    if loss is None:
        return float(logit(probability))
    return float(np.ravel(loss.margin(np.array([probability])))[0])


def _for_costs(task: Task, split: Split, settings: Settings, trained: Trained, model: Any) -> Threshold:
    assert settings.cost_alarm is not None
    alarm = f"{settings.cost_alarm:,.6g}"
    if settings.cost_missed == "amount":
        amount = task.amount_name or "amount"
        says = (
            f"Look at a row where its probability is above {alarm} / ({alarm} + {amount}): {WHY} Each row "
            f"has its own threshold. {_alerts(task, split, settings, trained)}"
        )
        return Threshold("cost", None, None, says)
    assert settings.cost_missed is not None
    p = float(threshold_for_cost(cost_alarm=settings.cost_alarm, cost_missed=settings.cost_missed))
    says = (
        f"Look at a row where its probability is above {alarm} / ({alarm} + {settings.cost_missed:,.6g}) = "
        f"{p:.6g}: {WHY} {_alerts(task, split, settings, trained)}"
    )
    return Threshold("cost", p, margin_of(model, p), says)


def _alerts(task: Task, split: Split, settings: Settings, trained: Trained) -> str:
    """How many held-out rows are above the threshold for costs, to be held against the budget."""
    assert settings.cost_alarm is not None
    rows = split.test
    cost: Any = settings.cost_missed
    if cost == "amount":
        assert task.amount is not None
        cost = task.amount[rows]
    alert = trained.probability > threshold_for_cost(cost_alarm=settings.cost_alarm, cost_missed=cost)
    n_alerts, n_right = int(np.count_nonzero(alert)), int(np.count_nonzero(task.y[rows][alert] == 1))
    day, a_day, verb = days_of(task, rows), "", "is" if n_alerts == 1 else "are"
    if day is not None:
        a_day = f", {n_alerts / len(np.unique(day)):,.3g} a day"
    return (
        f"Of the {len(rows):,} held-out rows {n_alerts:,} {verb} above it "
        f"({100.0 * n_alerts / len(rows):.3g} %{a_day}), {n_right:,} of them positive."
    )


def _for_budget(task: Task, split: Split, settings: Settings, trained: Trained, model: Any) -> Threshold:
    # Log-odds, as probabilities near 1 tie by rounding.
    score, rows, per_day = trained.log_odds, "rows", None
    if settings.alerts_per_day is None:
        assert settings.alert_rate is not None
        rate, stated = settings.alert_rate, f"{100.0 * settings.alert_rate:.6g} % alerts"
    else:
        score, n_days = _scores_of_days(task, split, score)
        per_day = len(score) / n_days
        rate = settings.alerts_per_day / per_day
        stated = f"{counted(settings.alerts_per_day, 'alert')} a day"
        if task.groups is not None:
            rows = f"values of {task.group_name or 'the group'}, each with its highest score of a day,"
    if rate >= 1.0:
        return Threshold(
            "budget", 0.0, None, f"{stated[:1].upper()}{stated[1:]} reach every row: no threshold is needed."
        )
    try:
        found = threshold_for_alert_rate(score, alert_rate=rate)
    except ValueError as error:  # after hours of training, no reason to lose them
        return Threshold(
            "budget", None, None, f"There is no threshold for {stated}: {_why_none(score, error)}"
        )
    p = float(expit(found.threshold))
    says = (
        f"For {stated}: look at a row where its probability is above {p:.6g}. Of later {rows} of the same "
        f"kind {100.0 * found.low:.3g} % to {100.0 * found.high:.3g} % will be above it (95 % interval, "
        f"{100.0 * found.expected:.3g} % expected)"
    )
    if per_day is not None:
        says += (
            f", {found.low * per_day:,.3g} to {found.high * per_day:,.3g} a day on average; single days have "
            "more or fewer"
        )
    says += ". Where rows drift, so does the share: count alerts, and set the threshold anew."
    margin = margin_of(model, p) if 0.0 < p < 1.0 else None
    return Threshold("budget", p, margin, says, found.low, found.high)


def _why_none(score: Floats, error: ValueError) -> str:
    if not np.isfinite(score).all():
        return str(error)
    tied = int(np.count_nonzero(score == score.max()))
    return (
        f"{tied:,} of the {len(score):,} held-out scores are the highest, more than the budget has room for, "
        "and nothing says which of them come first. Train more rounds, which tell them apart, or allow a "
        "larger budget."
    )


def _scores_of_days(task: Task, split: Split, score: Floats) -> tuple[Floats, int]:
    """What a team looks at: rows, or groups with the highest score of each of their days; number of days."""
    day = days_of(task, split.test)
    assert day is not None
    groups = None if task.groups is None else task.groups[split.test]
    daily = Daily(score, task.y[split.test] == 1, None, day, groups, 1.0)
    return daily.score, len(daily.days)
