"""What alerts and missed positives cost."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from focalboost import _validation
from focalboost._typing import Array
from focalboost.metrics import _common, _thresholds


def expected_cost(
    y_true: ArrayLike,
    y_proba: ArrayLike,
    *,
    cost_alarm: ArrayLike = 1.0,
    cost_missed: ArrayLike = 100.0,
    threshold: ArrayLike | None = None,
    pos_label: Any = 1,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Mean cost of a row when alerts are raised where letting the row pass is expected to lose more.

    A row is an alert if its probability is above cost_alarm / (cost_alarm + cost_missed) [1]_, see
    `threshold_for_cost`: right if the probabilities are, which makes this a measure of calibration as well as
    of ranking. A negative row with an alert costs cost_alarm, a positive one without cost_missed, all others
    nothing.

    Where each look costs c, at good and bad rows alike, and a miss loses L, pass cost_alarm=c and
    cost_missed=max(L - c, 0): alerts are raised where p > c / L. The c of each positive row, found or missed,
    is then left out: where all L are above c, add c times the rate of positive rows.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels.
    y_proba : array-like of shape (n_samples,)
        Probability of `pos_label`.
    cost_alarm, cost_missed : float or array-like of shape (n_samples,), defaults 1 and 100
        Cost of a false alarm, and of a missed positive: a number > 0, or one >= 0 for each row, such as the
        amount at stake. A row with cost_missed 0 is never an alert, also if its cost_alarm is 0.
    threshold : float or array-like of shape (n_samples,), optional
        Raise alerts above these probabilities, in [0, 1], instead.
    pos_label : default=1
        The label to find.
    sample_weight : array-like of shape (n_samples,), optional
        Weights >= 0 of the mean: a row of weight 2 counts as two rows. A cost by row is no weight: it also
        decides which rows are alerts.

    Returns
    -------
    float >= 0
        In the unit of the costs.

    Raises
    ------
    ValueError
        If a cost is negative, NaN or infinite (the first such row is named), a number for all rows is 0, a
        probability is not in [0, 1], one of the classes does not occur, or no row has weight.

    References
    ----------
    .. [1] Elkan, "The Foundations of Cost-Sensitive Learning", IJCAI 2001, eq. 2.

    Examples
    --------
    >>> from focalboost.metrics import expected_cost
    >>> expected_cost([0, 0, 1, 1], [0.001, 0.2, 0.004, 0.9], cost_alarm=1, cost_missed=100)
    25.25

    A missed fraud costs its amount, a false alarm 5. Only the last row is worth an alert:

    >>> amount = [20, 0, 100, 400]
    >>> expected_cost([0, 0, 1, 1], [0.001, 0.2, 0.004, 0.9], cost_alarm=5, cost_missed=amount)
    25.0
    """
    positive = _common.positives(y_true, pos_label)
    p = _common.scores("y_proba", y_proba, positive.size)
    if p.min() < 0.0 or p.max() > 1.0:
        raise ValueError(
            f"y_proba goes from {p.min():g} to {p.max():g}, must be in [0, 1]: use predict_proba, not the "
            "margin."
        )
    alarm = _thresholds.costs("cost_alarm", cost_alarm, p.size)
    missed = _thresholds.costs("cost_missed", cost_missed, p.size)
    cut = _thresholds.cut_of(alarm, missed) if threshold is None else _threshold(threshold, p.size)
    alert = p > cut
    cost = np.where(positive, np.where(alert, 0.0, missed), np.where(alert, alarm, 0.0))
    weight = _common.weights(sample_weight, p.size)
    if weight is not None and not weight.any():
        raise ValueError("sample_weight is 0 in every row, must be > 0 in one.")
    return float(_validation.weighted_mean(cost, weight))


def _threshold(threshold: ArrayLike, n_samples: int) -> Array:
    if np.ndim(threshold) == 0:
        return np.asarray(_validation.share("threshold", threshold))
    values = _common.floats("threshold", _common.one_per_row("threshold", threshold, n_samples))
    _common.refuse_outside("threshold", values, (values >= 0.0) & (values <= 1.0), "in [0, 1]")
    return values
