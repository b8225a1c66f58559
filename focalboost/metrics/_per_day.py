"""What a team finds that looks at so many rows, cards or customers a day."""

from __future__ import annotations

import datetime as dt
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from focalboost import _validation
from focalboost._typing import Array
from focalboost.metrics import _common


def precision_at_alerts_per_day(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    day: ArrayLike,
    alerts_per_day: float = 100,
    groups: ArrayLike | None = None,
    drop_found: bool = True,
    pos_label: Any = 1,
) -> float:
    """Share of a day's alerts that find a positive row, or a group with one; mean over the days.

    Each day the `alerts_per_day` rows with the highest scores are looked at: precision top-k of the Fraud
    Detection Handbook [1]_. With `groups` it is its card precision top-k: looked at are groups, such as cards
    or customers. A group's score on a day is the highest of its rows of that day, and it is positive if one
    of them is. A group that was found is known from then on, and is left out of the days that follow.

    As in the Handbook a day's precision is what is found over `alerts_per_day`, also on a day with fewer rows
    or groups than that. Rows (groups) tied at the cut-off share the room that is left there, as if each were
    looked at in part, so the order of rows makes no difference.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels.
    y_score : array-like of shape (n_samples,)
        Any finite score that rises with the probability of `pos_label`.
    day : array-like of shape (n_samples,)
        Day of each row: whole numbers, dates, or times, of which the date counts (in their own time zone).
        Days without rows are not counted.
    alerts_per_day : float >= 1, default=100
        How many rows, or groups, are looked at on each day.
    groups : array-like of shape (n_samples,), optional
        Card, customer or account of each row.
    drop_found : bool, default=True
        Whether groups found on an earlier day are left out. Without `groups` it has no meaning.
    pos_label : default=1
        The label to find.

    Returns
    -------
    float in [0, 1]

    Raises
    ------
    ValueError
        If alerts_per_day is below 1, a score is not finite, a day or a group is missing, or one of the
        classes does not occur.
    TypeError
        If days are neither whole numbers nor dates.

    References
    ----------
    .. [1] Le Borgne, Siblini, Lebichot and Bontempi, "Reproducible Machine Learning for Credit Card Fraud
       Detection", 2022, section 4.4.

    Examples
    --------
    >>> from focalboost.metrics import precision_at_alerts_per_day
    >>> y, score = [1, 0, 0, 1, 1, 0], [0.9, 0.8, 0.1, 0.7, 0.9, 0.2]
    >>> day = [1, 1, 1, 2, 2, 2]
    >>> precision_at_alerts_per_day(y, score, day=day, alerts_per_day=2)
    0.75

    Card "a" is found on day 1, so that on day 2 there are two others to look at:

    >>> card = ["a", "b", "c", "b", "a", "c"]
    >>> precision_at_alerts_per_day(y, score, day=day, alerts_per_day=2, groups=card)
    0.5
    """
    alerts = check_alerts(alerts_per_day)
    found = _found(y_true, y_score, day, alerts, groups, drop_found, pos_label)
    return min(1.0, float(found.per_day.mean() / alerts))  # parts of groups do not add up to 1 exactly


def recall_at_alerts_per_day(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    day: ArrayLike,
    alerts_per_day: float = 100,
    groups: ArrayLike | None = None,
    drop_found: bool = True,
    pos_label: Any = 1,
) -> float:
    """Share of the positive rows, or groups, that a team finds with so many alerts on each day.

    What is looked at is as in `precision_at_alerts_per_day`. The share is of all days together: days without
    a positive row take no part in it.

    Parameters
    ----------
    y_true, y_score, day, alerts_per_day, groups, pos_label
        As for `precision_at_alerts_per_day`.
    drop_found : bool, default=True
        Whether groups found on an earlier day are left out. The share is then that of the groups with a
        positive row on any day that are found on some day; without it each day of a group counts.

    Returns
    -------
    float in [0, 1]

    Raises
    ------
    ValueError, TypeError
        As `precision_at_alerts_per_day`.

    Examples
    --------
    >>> from focalboost.metrics import recall_at_alerts_per_day
    >>> y, score = [1, 0, 0, 1, 1, 0], [0.9, 0.8, 0.1, 0.7, 0.6, 0.2]
    >>> day = [1, 1, 1, 2, 2, 2]
    >>> round(recall_at_alerts_per_day(y, score, day=day, alerts_per_day=1), 3)
    0.667
    >>> recall_at_alerts_per_day(y, score, day=day, alerts_per_day=1, groups=["a", "b", "c", "b", "a", "c"])
    1.0
    """
    found = _found(y_true, y_score, day, check_alerts(alerts_per_day), groups, drop_found, pos_label)
    return min(1.0, float(found.per_day.sum() / found.there))


class _Found(NamedTuple):
    per_day: Array  # how many positive rows or groups
    there: int  # how many could be found


def check_alerts(alerts_per_day: object) -> float:
    return _validation.number("alerts_per_day", alerts_per_day, ">= 1 and finite", low=1.0, strict=False)


def _found(
    y_true: ArrayLike,
    y_score: ArrayLike,
    day: ArrayLike,
    alerts: float,
    groups: ArrayLike | None,
    drop_found: bool,
    pos_label: Any,
) -> _Found:
    positive = _common.positives(y_true, pos_label)
    score = _common.scores("y_score", y_score, positive.size)
    days = np.unique(_days(day, positive.size), return_inverse=True)[1]
    who = np.arange(positive.size) if groups is None else _groups(groups, positive.size)
    n_who = int(who.max()) + 1
    # A unit is a group on a day; units are sorted by day.
    unit, place = np.unique(days * n_who + who, return_inverse=True)
    order = np.argsort(place, kind="stable")
    first = np.searchsorted(place[order], np.arange(unit.size))
    best = np.maximum.reduceat(score[order], first)
    hit = np.logical_or.reduceat(positive[order], first)
    when, who = np.divmod(unit, n_who)
    left = np.ones(n_who)  # the share of each group that was not found yet
    per_day = np.zeros(int(when[-1]) + 1)
    ends = np.searchsorted(when, np.arange(per_day.size + 1))
    for number, today in enumerate(map(slice, ends[:-1], ends[1:])):
        size = left[who[today]]
        found = hit[today] * size * _common.looked_at(best[today], alerts, size)
        per_day[number] = found.sum()
        if drop_found:
            left[who[today]] -= found
    return _Found(per_day, np.unique(who[hit]).size if drop_found else int(hit.sum()))


def _groups(groups: ArrayLike, n_samples: int) -> Array:
    """A number for each group."""
    values = _common.one_per_row("groups", groups, n_samples)
    _common.refuse_missing("groups", values)
    try:
        return np.asarray(np.unique(values, return_inverse=True)[1])
    except TypeError as error:  # "'<' not supported between instances of 'str' and 'int'"
        raise TypeError(
            f"groups has values of several types, must be all numbers or all text: {error}."
        ) from error


def _days(day: ArrayLike, n_samples: int) -> Array:
    """Numbers or dates, which sort as the days do."""
    values = _common.one_per_row("day", day, n_samples)
    _common.refuse_missing("day", values)
    if values.dtype.kind == "O":
        values = _of_objects(values)
    if values.dtype.kind == "M":
        return values.astype("datetime64[D]")
    if values.dtype.kind not in "fiub":
        raise TypeError(
            f"day has dtype {values.dtype}, must be whole numbers, dates or times: text sorts by its "
            "letters. Use pandas.to_datetime(day)."
        )
    if values.dtype.kind == "f":
        rule = "a whole number: a row's day, not its time. Use numpy.floor(day)"
        _common.refuse_outside("day", values, np.isfinite(values) & (np.floor(values) == values), rule)
    return values


def _of_objects(values: Array) -> Array:
    """Dates of Python and pandas, also with a time zone, and numbers, that NumPy holds as objects."""
    if all(isinstance(value, dt.date) for value in values):
        dates = [v.date() if isinstance(v, dt.datetime) else v for v in values]
        return np.asarray(dates, "datetime64[D]")
    if all(isinstance(value, Real) for value in values):
        return _common.floats("day", values)
    return values
