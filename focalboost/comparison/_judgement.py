"""Contenders judged on the held-out rows: every line of the table, and the same of bootstrap draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from focalboost.comparison._bootstrap import N_REPLICATES, Units, days_of, draws, units_of
from focalboost.comparison._measures import (
    Booleans,
    Daily,
    Ranking,
    Slope,
    log_loss_of_rows,
)
from focalboost.comparison._types import Floats, Integers, Judgement, Measure, Settings, Split, Task, Trained
from focalboost.metrics import threshold_for_cost

NEARLY_ALL = 0.9995  # a cap that rounds to 100 % is none
# What `Settings.measure` may be called, and its line here.
TUNED = {
    "average_precision": "average_precision",
    "roc_auc": "roc_auc",
    "neg_log_loss": "log_loss",
    "neg_brier_score": "brier_score",
}


def judge(task: Task, split: Split, settings: Settings, trained: Sequence[Trained]) -> Judgement:
    """Measures of all contenders on the rows of `split.test`, and on the same bootstrap draws of them."""
    check(task, split, settings)
    held = _Held.of(task, split, settings)
    contenders = [_Scored(held, each) for each in trained]
    ones = np.ones((1, len(held.y)))
    computed = np.stack([contender(ones)[0] for contender in contenders])
    # A line that no contender has is none.
    kept = ~np.isnan(computed).all(axis=0)
    replicates = [
        np.stack([contender(weights) for contender in contenders], axis=1)
        for weights in draws(held.units, held.y, N_REPLICATES, np.random.default_rng(settings.seed))
    ]
    measures = [
        replace(measure, digits=_digits(measure, column))
        for measure, column, keep in zip(held.measures, computed.T, kept, strict=True)
        if keep
    ]
    least = np.zeros((len(trained), len(trained), len(kept)))
    for k in [k for k, measure in enumerate(held.measures) if measure.key == "expected_cost"]:
        least[:, :, k] = [[_least_error(held, one, other) for other in trained] for one in trained]
    return Judgement(
        measures=measures,
        keys=[each.contender.key for each in trained],
        values=computed[:, kept],
        replicates=np.concatenate(replicates)[:, :, kept],
        resampled=held.units.kind,
        n_resampled=held.units.number,
        sentences=held.sentences,
        n_rows=len(held.y),
        n_positive=int(held.y.sum()),
        n_informative=len(np.unique(held.units.code[held.y])),
        least_errors=least[:, :, kept],
    )


def check(task: Task, split: Split, settings: Settings) -> None:
    """What cannot be judged is refused: call before any training."""
    if settings.measure not in TUNED:
        raise ValueError(f"measure == {settings.measure!r}, must be one of {', '.join(TUNED)}.")
    positive = task.y[split.test] == 1
    if not positive.any() or positive.all():
        what = "no row" if not positive.any() else "every row"
        raise ValueError(
            f"Of the {len(positive):,} held-out rows, {what} has {task.target_name} == "
            f"{task.target_names[1]!r}, must have rows of both classes: hold out more rows, by a larger "
            "test_size."
        )
    if settings.alert_rate is not None and settings.alert_rate * len(positive) < 1.0:
        raise ValueError(
            f"alert_rate == {settings.alert_rate:g} of the {len(positive):,} held-out rows is less than one "
            f"row, must be at least {1.0 / len(positive):.2g}."
        )
    if settings.alerts_per_day is not None:
        if task.when is None or not task.when_is_date:
            raise ValueError(
                f"alerts_per_day == {settings.alerts_per_day:g}, must have days: pass a column of dates as "
                "time, or alert_rate instead."
            )
        if settings.alerts_per_day < 1.0:
            raise ValueError(f"alerts_per_day == {settings.alerts_per_day:g}, must be >= 1.")


@dataclass(frozen=True)
class _Held:
    """The held-out rows, without any score."""

    y: Booleans
    units: Units
    rate: float | None  # the budget as a share of rows; None where it is alerts a day
    first: float | None  # alerts a day, or in all where there are no days: of groups where there are any
    day: Integers | None  # of each row
    row_of_day: Integers  # a row of each day
    groups: Integers | None  # of each row
    value: Floats | None  # amounts, if any positive row has one above 0
    cost_alarm: float | None
    cost_missed: Floats | float | None
    measures: list[Measure]
    sentences: list[str]

    @classmethod
    def of(cls, task: Task, split: Split, settings: Settings) -> _Held:
        rows = split.test
        y = task.y[rows] == 1
        day, groups = days_of(task, rows), None if task.groups is None else task.groups[rows]
        if groups is not None and np.unique(groups).size < 2:
            groups = None
        amount = None if task.amount is None else np.asarray(task.amount[rows], np.float64)
        row_of_day = np.zeros(1, np.int64) if day is None else np.unique(day, return_index=True)[1]
        first = settings.alerts_per_day
        if settings.alert_rate is not None and (day is not None or groups is not None):
            # As many as the budget has on a mean day, or of groups.
            entries = (
                len(y) / len(row_of_day) if groups is None or day is not None else np.unique(groups).size
            )
            first = max(1.0, float(np.round(settings.alert_rate * entries)))
        held = cls(
            y=y,
            units=units_of(task, rows),
            rate=settings.alert_rate,
            first=first,
            day=day,
            row_of_day=row_of_day,
            groups=groups,
            value=None if amount is None or not amount[y].sum() > 0.0 else amount,
            cost_alarm=settings.cost_alarm,
            cost_missed=_cost_missed(amount, settings),
            measures=[],
            sentences=[],
        )
        held.measures.extend(_measures(held, task, settings))
        held.sentences.extend(_sentences(held, task))
        return held

    def cap(self, worth: Floats) -> float:
        """No one finds a larger share of `worth`: that of the best rows that the budget has room for."""
        part, room = np.zeros(len(self.y), np.int64), 0.0
        if self.rate is not None:
            room = self.rate * len(self.y)
        elif self.day is not None and self.first is not None:
            part, room = np.unique(self.day, return_inverse=True)[1].ravel(), self.first
        best = 0.0
        for k in range(int(part.max()) + 1):
            ordered = np.sort(worth[self.y & (part == k)])[::-1]
            best += float(ordered @ np.clip(room - np.arange(len(ordered)), 0.0, 1.0))
        return min(1.0, best / float(worth[self.y].sum()))


def _cost_missed(amount: Floats | None, settings: Settings) -> Floats | float | None:
    return amount if settings.cost_missed == "amount" else settings.cost_missed


class _Scored:
    """A contender's measures, by the weights of the rows."""

    def __init__(self, held: _Held, trained: Trained) -> None:
        self.held = held
        log_odds = np.asarray(trained.log_odds, np.float64)
        p = np.asarray(trained.probability, np.float64)
        if log_odds.shape != held.y.shape or p.shape != held.y.shape:
            raise ValueError(
                f"{trained.contender.name} has scores of shapes {log_odds.shape} and {p.shape}, must have "
                f"one for each of the {len(held.y)} held-out rows."
            )
        self.lost = bool(np.isnan(log_odds).any() or np.isnan(p).any())
        if self.lost:
            return
        self.ranking = Ranking(log_odds, held.y, held.value)
        self.slope, self.exact_slope = Slope(log_odds, held.y), Slope(log_odds, held.y, width=0.0)
        self.daily = None
        if held.first is not None:
            day = np.zeros(len(held.y), np.int64) if held.day is None else held.day
            self.daily = Daily(log_odds, held.y, held.value, day, held.groups, held.first)
            self.once = self.daily(np.ones((1, len(held.y))))
        columns = [log_loss_of_rows(log_odds, held.y), (p - held.y) ** 2, p, held.y.astype(np.float64)]
        if held.cost_alarm is not None:
            columns.append(_costs(held, p))
        self.columns = np.column_stack(columns)

    def __call__(self, weights: Floats) -> Floats:
        """(n_draws, n_measures)."""
        held, n_draws = self.held, len(weights)
        if self.lost:
            return np.full((n_draws, len(held.measures)), np.nan)
        found = self.ranking(weights)
        with np.errstate(invalid="ignore"):  # an infinite log loss of a row that was not drawn
            means = (weights @ self.columns) / weights.sum(axis=1, keepdims=True)
        by_key: dict[str, Floats] = {
            "average_precision": found.average_precision(),
            "log_loss": means[:, 0],
            "brier_score": means[:, 1],
            "calibration_ratio": means[:, 2] / means[:, 3],
            "calibration_slope": (self.slope if n_draws > 1 else self.exact_slope)(weights),
        }
        if held.cost_alarm is not None:
            by_key["expected_cost"] = means[:, 4]
        if held.rate is not None:
            by_key["recall_at_alert_rate"] = found.recall(held.rate)
            by_key["value_recall_at_alert_rate"] = found.value_recall(held.rate)
        by_key |= self._by_day(weights)
        if any(measure.key == "roc_auc" for measure in held.measures):
            by_key["roc_auc"] = found.roc_auc()
        return np.column_stack([by_key[measure.key] for measure in held.measures])

    def _by_day(self, weights: Floats) -> dict[str, Floats]:
        if self.daily is None:
            return {}
        held = self.held
        assert held.first is not None
        if held.units.kind == "days":
            # What was found on a day counts as often as the day was drawn.
            times, per_day = weights[:, held.row_of_day], self.once
        else:
            times, per_day = np.ones((len(weights), len(held.row_of_day))), self.daily(weights)

        def total(of_days: Floats) -> Floats:
            return np.asarray((times * of_days).sum(axis=1))

        precision = total(per_day.found) / (held.first * times.sum(axis=1))
        with np.errstate(invalid="ignore"):  # days without a positive row may be all that were drawn
            return {
                "precision_at_alerts_per_day": precision,
                "precision_at_groups": precision,
                "recall_at_alerts_per_day": total(per_day.found) / total(per_day.there),
                "value_recall_at_alerts_per_day": total(per_day.value) / total(per_day.value_there),
            }


def _alert(held: _Held, p: Floats) -> Booleans:
    """By the threshold that a true probability gives."""
    assert held.cost_alarm is not None
    assert held.cost_missed is not None
    return np.asarray(p > threshold_for_cost(cost_alarm=held.cost_alarm, cost_missed=held.cost_missed))


def _least_error(held: _Held, one: Trained, other: Trained) -> float:
    """Standard error of the difference in mean cost, from probabilities instead of labels.

    Two contenders differ in cost on the rows that one alerts and the other lets pass: often hundreds, of
    which few or none are positive at hand. Then the one with fewer alerts saves false alarms, the bootstrap
    has not seen what it will miss, and its error is far too small: where probabilities were too low by 0.4 in
    log-odds, which costs more, they were recommended in 20 of 60 comparisons (the last scenario of
    benchmarks/compare_verdict.py); with this error in 0 of 100. So the labels of those rows count with their
    probability, the mean of both contenders, whatever came true.
    """
    assert held.cost_alarm is not None
    assert held.cost_missed is not None
    p, q = np.asarray(one.probability, np.float64), np.asarray(other.probability, np.float64)
    if np.isnan(p).any() or np.isnan(q).any():
        return 0.0
    here = _alert(held, p)
    apart = here != _alert(held, q)
    p = (p + q) / 2.0
    missed, alarm = held.cost_missed, held.cost_alarm
    saved = np.where(apart, np.where(here, 1.0, -1.0) * (p * missed - (1.0 - p) * alarm), 0.0)
    of_labels = np.where(apart, p * (1.0 - p) * (missed + alarm) ** 2, 0.0)
    return float(np.sqrt((of_labels.mean() + saved.var()) / len(p)))


def _costs(held: _Held, p: Floats) -> Floats:
    """Of each row."""
    alert = _alert(held, p)
    assert held.cost_alarm is not None
    assert held.cost_missed is not None
    missed, alarm = held.cost_missed, held.cost_alarm
    return np.asarray(np.where(held.y, np.where(alert, 0.0, missed), np.where(alert, alarm, 0.0)), np.float64)


def _measures(held: _Held, task: Task, settings: Settings) -> list[Measure]:
    lines = [
        Measure(
            "average_precision",
            "average precision",
            True,
            3,
            "Share of alerts that are right, averaged over all thresholds, each by what it finds more.",
        )
    ]
    if TUNED[settings.measure] == "roc_auc":
        says = "Probability that a positive row has a higher score than another row."
        lines.append(Measure("roc_auc", "area under the ROC curve", True, 3, says))
    lines += _at_budget(held, task)
    if held.cost_alarm is not None:
        named = task.amount_name or "its amount"
        missed = named if settings.cost_missed == "amount" else f"{held.cost_missed:,.6g}"
        says = (
            f"Mean cost of a row: {held.cost_alarm:,.6g} for a false alarm and {missed} for a missed "
            "positive row, with an alert where by its probability letting the row pass would lose more."
        )
        lines.append(Measure("expected_cost", "cost of a row", False, 3, says))
    return [
        *lines,
        Measure(
            "log_loss",
            "log loss of the probabilities",
            False,
            4,
            "How far the probabilities are from what happened; 0 is best.",
        ),
        Measure(
            "brier_score", "Brier score", False, 5, "Mean squared error of the probabilities; 0 is best."
        ),
        Measure(
            "calibration_ratio",
            "mean probability / rate",
            False,
            2,
            "Calibration in the large: below 1 probabilities are too low on average, above 1 too high.",
            target=1.0,
        ),
        Measure(
            "calibration_slope",
            "calibration slope",
            False,
            2,
            "Slope of a logistic regression on the log-odds: below 1 high probabilities are too high and low "
            "ones too low, above 1 the other way round.",
            target=1.0,
        ),
    ]


def _at_budget(held: _Held, task: Task) -> list[Measure]:
    """Recall, precision a day, value found."""
    positive = f"{task.target_name} = {task.target_names[1]}"
    group = None if held.groups is None else task.group_name or "group"
    lines = []
    cap: float | None
    if held.rate is not None:
        shown = f"at {100.0 * held.rate:.6g} % alerts"
        best = f"the {100.0 * held.rate:.6g} % of all rows with the highest scores"
        says = f"Share of the positive rows ({positive}) among {best}."
        cap = held.cap(np.ones(len(held.y)))
        lines.append(Measure("recall_at_alert_rate", f"recall {shown}", True, 3, says, cap=cap))
        if held.value is not None:
            says = f"Share of the {task.amount_name or 'amount'} of the positive rows that is in {best}."
            cap = held.cap(held.value)
            lines.append(
                Measure("value_recall_at_alert_rate", f"value found {shown}", True, 3, says, cap=cap)
            )
    if held.first is None:
        return lines
    days = "" if held.day is None else " a day"
    rows = counted(held.first, "row" if group is None else f"value of {group}", alone="")
    first = f"the {rows}{days}"
    best = f"{first} with the highest score{'' if held.first == 1.0 else 's'}"
    known = "" if group is None or held.day is None else " Those found are left out of later days."
    if held.rate is None:
        shown = f"at {counted(held.first, 'alert')} a day"
        what = "positive rows" if group is None else f"values of {group} that have positive rows"
        says = f"Share of the {what} ({positive}) that are found by looking at {best}.{known}"
        # Where groups are counted, each with several days, how many can be found is no simple sum.
        cap = held.cap(np.ones(len(held.y))) if group is None else None
        lines.append(Measure("recall_at_alerts_per_day", f"recall {shown}", True, 3, says, cap=cap))
        if held.value is not None:
            amount = task.amount_name or "amount"
            says = f"Share of the {amount} of the positive rows that is found by looking at {best}."
            if group is not None:
                says += f" Of a value of {group} that was found, later rows count as found."
            cap = held.cap(held.value) if group is None else None
            key = "value_recall_at_alerts_per_day"
            lines.append(Measure(key, f"value found {shown}", True, 3, says, cap=cap))
    says = f"Of {best}, the share that has a positive row.{known}"
    key = "precision_at_groups" if held.day is None else "precision_at_alerts_per_day"
    lines.append(Measure(key, f"precision of the first {rows}{days}", True, 3, says))
    return lines


def counted(number: float, what: str, alone: str = "1 ") -> str:
    """As "1 alert", "2.5 alerts", "1,000 values of card"."""
    if number == 1.0:
        return f"{alone}{what}"
    first, *rest = what.split(" ")
    return " ".join((f"{number:,.6g}", f"{first}s", *rest))


def _digits(measure: Measure, values: Floats) -> int:
    """So many that losses and costs show three figures."""
    if measure.key not in ("log_loss", "brier_score", "expected_cost"):
        return measure.digits
    positive = values[np.isfinite(values) & (values > 0.0)]
    return int(np.clip(2 - np.floor(np.log10(positive.min())), 0, 12)) if positive.size else measure.digits


def _sentences(held: _Held, task: Task) -> list[str]:
    n, n_positive = len(held.y), int(held.y.sum())
    share = 100.0 * n_positive / n
    which = f"({task.target_name} = {task.target_names[1]})"
    said = [f"Of the {n:,} held-out rows, {n_positive:,} are positive {which}, {share:.3g} %."]
    budget = (
        f"{100.0 * held.rate:.6g} % of the rows"
        if held.rate is not None
        else f"{counted(float(held.first or 0.0), 'row')} a day"
    )
    for measure in held.measures:
        if measure.cap is not None and measure.cap < NEARLY_ALL:
            what = "the positive rows" if measure.key.startswith("recall") else "their value"
            said.append(
                f"The budget is {budget}: nobody can find more than {100.0 * measure.cap:.3g} % of {what}."
            )
    if task.amount is not None and held.value is None:
        said.append("No positive row has an amount above 0: the share of value found cannot be computed.")
    return said + held.units.sentences
