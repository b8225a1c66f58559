"""Recall at a budget of alerts and at a precision."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import precision_recall_curve

from focalboost import _validation
from focalboost._typing import Array
from focalboost.metrics import _common


def recall_at_alert_rate(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    alert_rate: float = 0.01,
    pos_label: Any = 1,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Share of the positive rows among the `alert_rate` of all rows with the highest scores.

    Recall of a team that can review 1 % of the rows. The budget counts rows: of n rows, alert_rate * n are
    looked at, and a last row in part if that is no whole number. Rows tied at the cut-off share the room
    that is left there, so their order makes no difference.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels.
    y_score : array-like of shape (n_samples,)
        Any finite score that rises with the probability of `pos_label`.
    alert_rate : float in (0, 1], default=0.01
        Share of the rows that are looked at: at least one row.
    pos_label : default=1
        The label to find.
    sample_weight : array-like of shape (n_samples,), optional
        Weights >= 0: what finding each row counts, money for instance. The result is then the weight that is
        found over the weight of all positive rows. Weights do not change the budget, whatever they are: a row
        of weight 2 takes the room of one alert, and so does a row of weight 0. Weights of negative rows
        therefore make no difference. Where a weight says how often a row occurs, as after dropping negative
        rows, repeat the rows instead: ``numpy.repeat(y_true, times)``, and the scores likewise.

    Returns
    -------
    float in [0, 1]

    Raises
    ------
    ValueError
        If alert_rate is not in (0, 1] or less than one row, a score is not finite, one of the classes does
        not occur, or no positive row has weight.

    See Also
    --------
    value_recall_at_alert_rate : The same for money.
    threshold_for_alert_rate : The threshold that keeps to such a budget on later rows.

    Examples
    --------
    >>> from focalboost.metrics import recall_at_alert_rate
    >>> recall_at_alert_rate([0, 0, 1, 0, 1], [0.1, 0.4, 0.9, 0.2, 0.3], alert_rate=0.4)
    0.5

    The one that is found counts three times as much as the other:

    >>> recall_at_alert_rate(
    ...     [0, 0, 1, 0, 1], [0.1, 0.4, 0.9, 0.2, 0.3], alert_rate=0.4, sample_weight=[1, 1, 3, 1, 1]
    ... )
    0.75
    """
    positive = _common.positives(y_true, pos_label)
    room = _common.rows_of(alert_rate, positive.size)
    score = _common.scores("y_score", y_score, positive.size)
    weight = _common.weights(sample_weight, positive.size)
    if weight is None:
        weight = np.ones(positive.size)
    _common.refuse_nothing("sample_weight", weight, positive, pos_label)
    return _found(positive, score, room, weight)


def value_recall_at_alert_rate(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    value: ArrayLike,
    alert_rate: float = 0.01,
    pos_label: Any = 1,
) -> float:
    """Share of the value of the positive rows that is in the `alert_rate` of all rows scored highest.

    The share of the money lost to fraud that a team finds if it can review 1 % of the rows: the budget counts
    rows, what is found counts its value. Rows tied at the cut-off share the room that is left there.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels.
    y_score : array-like of shape (n_samples,)
        Any finite score: the probability of `pos_label`, or that times the value, which puts large
        amounts first.
    value : array-like of shape (n_samples,)
        Amount of each row, >= 0, in any unit.
    alert_rate : float in (0, 1], default=0.01
        Share of the rows that are looked at: at least one row.
    pos_label : default=1
        The label to find.

    Returns
    -------
    float in [0, 1]

    Raises
    ------
    ValueError
        If a value is negative, NaN or infinite (the first such row is named), all positive rows have value
        0, alert_rate is not in (0, 1] or less than one row, a score is not finite, or one of the classes does
        not occur.

    Examples
    --------
    >>> from focalboost.metrics import value_recall_at_alert_rate
    >>> value_recall_at_alert_rate(
    ...     [0, 0, 1, 0, 1], [0.1, 0.4, 0.9, 0.2, 0.3], value=[12, 0, 300, 45, 100], alert_rate=0.2
    ... )
    0.75
    """
    positive = _common.positives(y_true, pos_label)
    room = _common.rows_of(alert_rate, positive.size)
    score = _common.scores("y_score", y_score, positive.size)
    amount = _common.amounts("value", value, positive.size)
    _common.refuse_nothing("value", amount, positive, pos_label)
    return _found(positive, score, room, amount)


def _found(positive: Array, score: Array, room: float, worth: Array) -> float:
    part = _common.looked_at(score, room)
    return float(_validation.weighted_mean(part[positive], worth[positive]))


def recall_at_precision(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    precision: float = 0.5,
    pos_label: Any = 1,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Largest share of the positive rows found by a threshold with at least this precision; 0 if none has.

    Parameters
    ----------
    y_true, y_score, pos_label
        As for `recall_at_alert_rate`.
    precision : float in (0, 1], default=0.5
        Lowest acceptable precision.
    sample_weight : array-like of shape (n_samples,), optional
        Weights >= 0, in recall and in precision: a row of weight 2 counts as two rows.

    Returns
    -------
    float in [0, 1]

    Raises
    ------
    ValueError
        If precision is not in (0, 1], a score is not finite, one of the classes does not occur, or no
        positive row has weight.

    Examples
    --------
    >>> from focalboost.metrics import recall_at_precision
    >>> recall_at_precision([0, 0, 1, 0, 1], [0.1, 0.4, 0.9, 0.2, 0.3], precision=0.6)
    1.0
    """
    least = _validation.share("precision", precision, zero=False)
    positive = _common.positives(y_true, pos_label)
    score = _common.scores("y_score", y_score, positive.size)
    weight = _common.weights(sample_weight, positive.size)
    if weight is not None:
        _common.refuse_nothing("sample_weight", weight, positive, pos_label)
    precisions, recalls, _ = precision_recall_curve(positive, score, sample_weight=weight)
    # The curve ends at precision 1 and recall 0: there is always a point.
    return float(recalls[precisions >= least].max())
