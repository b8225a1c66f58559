"""What fraud teams ask of a model and scikit-learn lacks: metrics, and scorers made of them.

All are for two classes; `pos_label` is the rare one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import make_scorer, precision_recall_curve, roc_curve
from sklearn.utils import check_array, check_consistent_length, column_or_1d

from focalboost import _validation

__all__ = [
    "expected_cost",
    "expected_cost_scorer",
    "recall_at_alert_rate",
    "recall_at_alert_rate_scorer",
    "recall_at_precision",
    "recall_at_precision_scorer",
]

Scorer = Callable[..., float]

# The margin first, as for scikit-learn's own ranking scorers: it has no ties where probabilities round to 1.
_RANKING = ("decision_function", "predict_proba")


def _positives(y_true: ArrayLike, pos_label: Any) -> Any:
    positive = column_or_1d(y_true) == pos_label
    if not positive.any() or positive.all():
        what = "no row" if not positive.any() else "every row"
        raise ValueError(
            f"y_true has pos_label == {pos_label!r} in {what}, must have rows of both classes. "
            "Pass pos_label, or take a larger or stratified part of the data."
        )
    return positive


def recall_at_alert_rate(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    alert_rate: float = 0.01,
    pos_label: Any = 1,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Share of the positive rows among the `alert_rate` of all rows with the highest scores.

    Recall of a team that can review 1 % of the rows. Rows tied at the cut-off share the remaining room.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels.
    y_score : array-like of shape (n_samples,)
        Any score that rises with the probability of `pos_label`.
    alert_rate : float in (0, 1], default=0.01
        Share of the rows (of their weight) that are looked at.
    pos_label : default=1
        The label to find.
    sample_weight : array-like of shape (n_samples,), optional
        Weights >= 0.

    Returns
    -------
    float in [0, 1]

    Raises
    ------
    ValueError
        If alert_rate is not in (0, 1], or one of the classes does not occur.

    Examples
    --------
    >>> from focalboost.metrics import recall_at_alert_rate
    >>> recall_at_alert_rate([0, 0, 1, 0, 1], [0.1, 0.4, 0.9, 0.2, 0.3], alert_rate=0.4)
    0.5
    """
    rate = _validation.share("alert_rate", alert_rate, zero=False)
    positive = _positives(y_true, pos_label)
    weights = _weights(sample_weight, len(positive))
    false_alarms, recall, _ = roc_curve(positive, y_score, sample_weight=weights, drop_intermediate=False)
    share = float(_validation.weighted_mean(positive, weights))
    return float(np.interp(rate, (1.0 - share) * false_alarms + share * recall, recall))


def _weights(sample_weight: ArrayLike | None, n_samples: int) -> Any:
    return _validation.check_weight_shape(sample_weight, n_samples)


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
    y_true, y_score, pos_label, sample_weight
        As for `recall_at_alert_rate`.
    precision : float in (0, 1], default=0.5
        Lowest acceptable precision.

    Returns
    -------
    float in [0, 1]

    Raises
    ------
    ValueError
        If precision is not in (0, 1], or one of the classes does not occur.

    Examples
    --------
    >>> from focalboost.metrics import recall_at_precision
    >>> recall_at_precision([0, 0, 1, 0, 1], [0.1, 0.4, 0.9, 0.2, 0.3], precision=0.6)
    1.0
    """
    least = _validation.share("precision", precision, zero=False)
    positive = _positives(y_true, pos_label)
    weights = _weights(sample_weight, len(positive))
    precisions, recalls, _ = precision_recall_curve(positive, y_score, sample_weight=weights)
    # The curve ends at precision 1 and recall 0: there is always a point.
    return float(recalls[precisions >= least].max())


def expected_cost(
    y_true: ArrayLike,
    y_proba: ArrayLike,
    *,
    cost_fp: ArrayLike = 1.0,
    cost_fn: ArrayLike = 100.0,
    threshold: float | None = None,
    pos_label: Any = 1,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Mean cost of a row when alerts are raised where that is expected to be cheaper.

    A row is an alert if its probability is above cost_fp / (cost_fp + cost_fn): right if the probabilities
    are, which makes this a measure of calibration as well as of ranking.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels.
    y_proba : array-like of shape (n_samples,)
        Probability of `pos_label`.
    cost_fp, cost_fn : float or array-like of shape (n_samples,), defaults 1 and 100
        Cost of a false alert, and of a missed positive: numbers > 0, or one for each row, such as the amount
        at stake.
    threshold : float in [0, 1], optional
        Raise alerts above this probability instead.
    pos_label, sample_weight
        As for `recall_at_alert_rate`.

    Returns
    -------
    float >= 0
        In the unit of the costs.

    Raises
    ------
    ValueError
        If a cost is not > 0, a probability not in [0, 1], or one of the classes does not occur.

    References
    ----------
    .. [1] Elkan, "The Foundations of Cost-Sensitive Learning", IJCAI 2001, eq. 2.

    Examples
    --------
    >>> from focalboost.metrics import expected_cost
    >>> expected_cost([0, 0, 1, 1], [0.001, 0.2, 0.004, 0.9], cost_fp=1, cost_fn=100)
    25.25
    """
    positive = _positives(y_true, pos_label)
    p = column_or_1d(check_array(y_proba, ensure_2d=False, dtype=np.float64, input_name="y_proba"))
    check_consistent_length(positive, p)
    if p.min() < 0.0 or p.max() > 1.0:
        raise ValueError(
            f"y_proba goes from {p.min():g} to {p.max():g}, must be in [0, 1]: use predict_proba, not the "
            "margin."
        )
    fp, fn = (_costs(name, cost, p.size) for name, cost in (("cost_fp", cost_fp), ("cost_fn", cost_fn)))
    # Not fp / (fp + fn), whose sum of two costs of 1e308 is infinite.
    with np.errstate(over="ignore"):
        cut = 1.0 / (1.0 + fn / fp)
    cut = cut if threshold is None else _validation.share("threshold", threshold)
    alert = p > cut
    cost = np.where(positive, np.where(alert, 0.0, fn), np.where(alert, fp, 0.0))
    return float(_validation.weighted_mean(cost, _weights(sample_weight, p.size)))


def _costs(name: str, cost: ArrayLike, n_samples: int) -> Any:
    values = np.asarray(cost, np.float64)
    if values.ndim and values.shape != (n_samples,):
        raise ValueError(f"{name} has shape {values.shape}, must be a number or ({n_samples},), one per row.")
    if not (np.isfinite(values) & (values > 0)).all():
        raise ValueError(f"{name} == {_validation.show(cost)}, must be > 0 and finite.")
    return np.broadcast_to(values, (n_samples,))


def recall_at_alert_rate_scorer(alert_rate: float = 0.01, *, pos_label: Any = 1) -> Scorer:
    """`recall_at_alert_rate` as a scorer, for `scoring=` of scikit-learn and of `focalboost.tuning`.

    Parameters
    ----------
    alert_rate, pos_label
        As for `recall_at_alert_rate`.

    Returns
    -------
    scorer, callable (estimator, X, y)

    Examples
    --------
    >>> from focalboost.metrics import recall_at_alert_rate_scorer
    >>> recall_at_alert_rate_scorer(0.005)
    make_scorer(recall_at_alert_rate, response_method=('decision_function', 'predict_proba'), \
alert_rate=0.005, pos_label=1)
    """
    rate = _validation.share("alert_rate", alert_rate, zero=False)
    scorer: Scorer = make_scorer(
        recall_at_alert_rate, response_method=_RANKING, alert_rate=rate, pos_label=pos_label
    )
    return scorer


def recall_at_precision_scorer(precision: float = 0.5, *, pos_label: Any = 1) -> Scorer:
    """`recall_at_precision` as a scorer.

    Parameters
    ----------
    precision, pos_label
        As for `recall_at_precision`.

    Returns
    -------
    scorer, callable (estimator, X, y)
    """
    least = _validation.share("precision", precision, zero=False)
    scorer: Scorer = make_scorer(
        recall_at_precision, response_method=_RANKING, precision=least, pos_label=pos_label
    )
    return scorer


def expected_cost_scorer(cost_fp: float = 1.0, cost_fn: float = 100.0, *, pos_label: Any = 1) -> Scorer:
    """`expected_cost` as a scorer: minus the cost, since scorers are to be maximized.

    Costs are two numbers. For amounts that differ from row to row write a scorer of your own,
    `lambda estimator, X, y: -expected_cost(y, estimator.predict_proba(X)[:, 1], cost_fn=X["amount"])`.

    Parameters
    ----------
    cost_fp, cost_fn, pos_label
        As for `expected_cost`.

    Returns
    -------
    scorer, callable (estimator, X, y)
    """
    rule = "> 0 and finite, one number for all rows"
    costs = {
        "cost_fp": _validation.number("cost_fp", cost_fp, rule, low=0.0, strict=True),
        "cost_fn": _validation.number("cost_fn", cost_fn, rule, low=0.0, strict=True),
    }
    scorer: Scorer = make_scorer(
        expected_cost, response_method="predict_proba", greater_is_better=False, pos_label=pos_label, **costs
    )
    return scorer
