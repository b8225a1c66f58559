"""What a user asks of a comparison, checked before anything is trained."""

from __future__ import annotations

import math
from importlib import import_module
from typing import Any, Literal

from sklearn.metrics import get_scorer_names

from focalboost import _validation
from focalboost.comparison._gap import parse_gap
from focalboost.comparison._types import Settings, Task

# Measures of a ranking or of probabilities; those that need a threshold say nothing of rare classes.
MEASURES = ("average_precision", "roc_auc", "neg_log_loss", "neg_brier_score")
# Costs beyond are a slip, and thresholds and margins of such ratios are lost in rounding.
COSTS = (1e-6, 1e12)
LARGEST_RATIO = 1e9


def check_settings(
    task: Task,
    *,
    booster: str = "xgboost",
    trials: int = 30,
    folds: int = 3,
    test_size: float = 0.25,
    gap: str | float | None = None,
    measure: str = "average_precision",
    alert_rate: float | None = None,
    alerts_per_day: float | None = None,
    cost_alarm: float | None = None,
    cost_missed: float | Literal["amount"] | None = None,
    num_boost_round: int = 500,
    early_stopping_rounds: int = 30,
    storage: Any = None,
    n_jobs: int | None = None,
    seed: int = 0,
) -> Settings:
    """All rules in one place, for the function and for the command."""
    chosen: Any = _validation.check_choice("booster", booster, ("xgboost", "lightgbm"))
    import_module(f"focalboost.{chosen}")  # which says what to install where the booster is missing
    _check_budget(task, alert_rate, alerts_per_day)
    _check_costs(task, cost_alarm, cost_missed)
    return Settings(
        booster=chosen,
        trials=_count("trials", trials),
        folds=_count("folds", folds),
        test_size=_share("test_size", test_size),
        gap=_gap(task, gap),
        measure=_measure(measure),
        alert_rate=0.01 if alert_rate is None and alerts_per_day is None else alert_rate,
        alerts_per_day=alerts_per_day,
        cost_alarm=cost_alarm,
        cost_missed=cost_missed,
        num_boost_round=_count("num_boost_round", num_boost_round),
        early_stopping_rounds=_count("early_stopping_rounds", early_stopping_rounds),
        storage=storage,
        n_jobs=_validation.check_n_jobs(n_jobs),
        seed=_seed(seed),
    )


def _seed(seed: Any) -> int:
    number = _validation.check_count("seed", seed, 0) or 0
    if number >= 2**31:
        raise ValueError(f"seed == {seed!r}, must be < 2**31: LightGBM takes no larger one.")
    return number


def _count(name: str, value: Any) -> int:
    if value is None:
        raise ValueError(f"{name} == None, must be a whole number >= 1.")
    return _validation.check_count(name, value, 1) or 1


def _share(name: str, value: Any) -> float:
    share = _validation.share(name, value, zero=False)
    if share > 0.9:
        raise ValueError(f"{name} == {value!r}, must be at most 0.9: the other rows are trained on.")
    return share


def _measure(measure: Any) -> str:
    if measure not in MEASURES:
        known = measure in get_scorer_names() if isinstance(measure, str) else False
        why = ": the others judge labels, which need a threshold" if known else ""
        raise ValueError(
            f"measure == {_validation.show(measure)}, must be one of {', '.join(map(repr, MEASURES))}{why}."
        )
    return str(measure)


def _gap(task: Task, gap: str | float | None) -> float:
    if gap is None:
        return 0.0
    if task.when is None:
        raise ValueError(
            f"gap == {gap!r}, must be left out where rows have no time: name the time column with time=."
        )
    return parse_gap(gap, when_is_date=task.when_is_date)


def _check_budget(task: Task, alert_rate: Any, alerts_per_day: Any) -> None:
    if alert_rate is not None and alerts_per_day is not None:
        raise ValueError(
            f"alert_rate == {alert_rate!r} and alerts_per_day == {alerts_per_day!r}, must be one of them: "
            "both are the budget of alerts."
        )
    if alert_rate is not None:
        _validation.share("alert_rate", alert_rate, zero=False)
    if alerts_per_day is not None:
        number = _validation.number(
            "alerts_per_day", alerts_per_day, ">= 1 and finite", low=1.0, strict=False
        )
        if not math.isfinite(number):
            raise ValueError(f"alerts_per_day == {alerts_per_day!r}, must be >= 1 and finite.")
        if task.when is None or not task.when_is_date:
            raise ValueError(
                f"alerts_per_day == {alerts_per_day!r}, must be left out where rows have no dates: name the "
                "column of dates with time=, or pass alert_rate, the share of rows that are looked at."
            )


def _check_costs(task: Task, cost_alarm: Any, cost_missed: Any) -> None:
    if (cost_alarm is None) != (cost_missed is None):
        given, missing = (
            ("cost_alarm", "cost_missed") if cost_missed is None else ("cost_missed", "cost_alarm")
        )
        raise ValueError(f"{given} is given, must be with {missing}: one cost alone decides nothing.")
    if cost_alarm is None:
        return
    alarm = _cost("cost_alarm", cost_alarm)
    if not isinstance(cost_missed, str):
        missed = _cost("cost_missed", cost_missed)
        if not 1.0 / LARGEST_RATIO <= missed / alarm <= LARGEST_RATIO:
            raise ValueError(
                f"cost_alarm == {cost_alarm!r} and cost_missed == {cost_missed!r}, must differ by a "
                f"factor of {LARGEST_RATIO:g} at most: no model is asked for a probability so near 0 or 1."
            )
    elif cost_missed != "amount":
        raise ValueError(
            f"cost_missed == {cost_missed!r}, must be a number > 0 or 'amount', whatever the column is "
            "called: name it with amount=."
        )
    elif task.amount is None:
        raise ValueError(
            "cost_missed == 'amount', must be a number where rows have no amount: name its column with "
            "amount=."
        )
    elif task.amount.max() > COSTS[1]:
        raise ValueError(
            f"cost_missed == 'amount', of which the largest is {task.amount.max():g}, must be at most "
            f"{COSTS[1]:g}: state amounts and cost_alarm in a larger unit."
        )


def _cost(name: str, value: Any) -> float:
    number = _positive(name, value)
    if not COSTS[0] <= number <= COSTS[1]:
        raise ValueError(
            f"{name} == {value!r}, must be from {COSTS[0]:g} to {COSTS[1]:g}: state all costs in another "
            "unit."
        )
    return number


def _positive(name: str, value: Any) -> float:
    number = _validation.number(name, value, "> 0 and finite", low=0.0, strict=True)
    if not math.isfinite(number):
        raise ValueError(f"{name} == {value!r}, must be > 0 and finite.")
    return number
