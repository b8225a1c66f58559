"""From which score on a row is an alert: from costs, or from a budget."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import beta

from focalboost import _validation
from focalboost._typing import Array
from focalboost.metrics import _common

_TAIL = 0.025  # on either side of the 95 % interval


def threshold_for_cost(*, cost_alarm: ArrayLike, cost_missed: ArrayLike) -> float | Array:
    """The probability above which letting a row pass is expected to lose more than a false alarm.

    A row that passes loses p * cost_missed on average, an alert (1 - p) * cost_alarm: raise it where
    p > cost_alarm / (cost_alarm + cost_missed) [1]_. Right where the probabilities are; no data are needed.

    cost_alarm is that of a false alarm: what is lost when a good row is stopped, or looked at for nothing. A
    true alarm costs nothing here. Where each look costs c, at good and bad rows alike, and a miss loses L,
    pass cost_alarm=c and cost_missed=max(L - c, 0): the threshold is then c / L.

    Parameters
    ----------
    cost_alarm : float or array-like of shape (n_samples,)
        Cost of a false alarm: a number > 0, or one >= 0 for each row.
    cost_missed : float or array-like of shape (n_samples,)
        Cost of a positive row without an alert: a number > 0, or one >= 0 for each row, such as the amount at
        stake.

    Returns
    -------
    float, or ndarray of shape (n_samples,) if a cost differs by row
        In [0, 1]. A row with cost_missed 0 has the threshold 1, which no probability is above: it is never an
        alert, also if its cost_alarm is 0.

    Raises
    ------
    ValueError
        If a cost is negative, NaN or infinite (the first such row is named), or a number for all rows is 0.

    References
    ----------
    .. [1] Elkan, "The Foundations of Cost-Sensitive Learning", IJCAI 2001, eq. 2.

    Examples
    --------
    >>> from focalboost.metrics import threshold_for_cost
    >>> threshold_for_cost(cost_alarm=10, cost_missed=990)
    0.01
    >>> threshold_for_cost(cost_alarm=10, cost_missed=[0, 90, 990])
    array([1.  , 0.1 , 0.01])

    Each look costs 10, a miss 1000:

    >>> threshold_for_cost(cost_alarm=10, cost_missed=1000 - 10)
    0.01
    """
    alarm = costs("cost_alarm", cost_alarm)
    missed = costs("cost_missed", cost_missed)
    if alarm.ndim and missed.ndim and alarm.shape != missed.shape:
        raise ValueError(
            f"cost_missed has shape {missed.shape}, must have that of cost_alarm, {alarm.shape}, or "
            "be a number."
        )
    cut = cut_of(alarm, missed)
    return cut if cut.ndim else float(cut)


def costs(name: str, cost: ArrayLike, n_samples: int | None = None) -> Array:
    """A cost for all rows, or one for each."""
    if np.ndim(cost) == 0:
        return np.asarray(_validation.number(name, cost, "> 0 and finite", low=0.0, strict=True))
    values = np.asarray(cost)
    size = np.size(cost) if n_samples is None else n_samples
    if values.shape not in ((size,), (size, 1)):
        raise ValueError(f"{name} has shape {values.shape}, must be a number or ({size},), one per row.")
    return _common.amounts(name, values, size)


def cut_of(alarm: Array, missed: Array) -> Array:
    """alarm / (alarm + missed); 1 where missed is 0."""
    # Not that formula, whose sum of two costs of 1e308 is infinite.
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        return np.asarray(np.where(missed == 0.0, 1.0, 1.0 / (1.0 + missed / alarm)))


@dataclass(frozen=True)
class AlertThreshold:
    """A threshold that keeps to a budget of alerts, and how well it can be expected to.

    Parameters
    ----------
    threshold : float
        A row is an alert if its score is above.
    rate : float
        Share of the given rows that are.
    expected : float
        Share of later rows of the same kind to expect: (m + 1) / (n + 1) if m of the n given rows are alerts,
        and `rate` if several rows tie at the threshold.
    low, high : float
        95 % interval of the share of later rows of the same kind.

    Examples
    --------
    >>> from focalboost.metrics import AlertThreshold
    >>> AlertThreshold(threshold=0.31, rate=0.01, expected=0.011, low=0.005, high=0.019).rate
    0.01
    """

    threshold: float
    rate: float
    expected: float
    low: float
    high: float


def threshold_for_alert_rate(y_score: ArrayLike, *, alert_rate: float = 0.01) -> AlertThreshold:
    """The lowest score that at most `alert_rate` of the rows are above, and what share of later rows will be.

    Give the scores of held-out rows: of rows that a model was trained on, or stopped early on, scores are
    further apart than of later ones.

    The threshold is an order statistic of n scores. If m of them are above it, the share of all later rows
    above it has the distribution Beta(m + 1, n - m) if they are drawn as these were [1]_: the mean is
    (m + 1) / (n + 1), a little above the budget, and the interval is wide if m is small. If several rows tie
    at the threshold, all of them stay below it and `rate` may be much less than `alert_rate`; the interval is
    then that of Clopper and Pearson for m of n.

    The interval holds for rows of the same kind only. It knows nothing of a drift: scores of later weeks may
    be higher as a whole. A threshold for 1 % of a week of the Fraud Detection Handbook's simulated payments
    gave 1.06, 1.08 and 1.11 % in the three weeks that followed (interval: 0.93 to 1.08 %); on other
    transactions, split in time, it gave 2.2 %. Watch the share that later rows really have, and set the
    threshold anew.

    Parameters
    ----------
    y_score : array-like of shape (n_samples,)
        Finite scores, probabilities or margins, of held-out rows.
    alert_rate : float in (0, 1), default=0.01
        Largest share of the rows that are alerts: at least one row.

    Returns
    -------
    AlertThreshold
        With `threshold`, `rate`, `expected`, `low` and `high`.

    Raises
    ------
    ValueError
        If alert_rate is not in (0, 1) or less than one row, a score is not finite, or more rows than that are
        tied at the highest score.

    References
    ----------
    .. [1] David and Nagaraja, "Order Statistics", 3rd edition, Wiley 2003, section 7.2.
    .. [2] Clopper and Pearson, "The Use of Confidence or Fiducial Limits Illustrated in the Case of the
       Binomial", Biometrika 26, 1934.

    Examples
    --------
    >>> import numpy as np
    >>> from focalboost.metrics import threshold_for_alert_rate
    >>> found = threshold_for_alert_rate(np.arange(1000) / 1000, alert_rate=0.01)
    >>> found.threshold, found.rate
    (0.989, 0.01)
    >>> print(f"{found.expected:.4f}, from {found.low:.4f} to {found.high:.4f}")
    0.0110, from 0.0055 to 0.0183
    """
    n = np.shape(y_score)[0] if np.ndim(y_score) else 1
    if n == 0:
        raise ValueError("y_score is empty, must have one score per row.")
    score = np.sort(_common.scores("y_score", y_score, n))[::-1]
    most = int(_common.rows_of(alert_rate, n, one=False))
    threshold = score[most]
    alerts = int(np.count_nonzero(score > threshold))
    if alerts == 0:
        raise ValueError(
            f"y_score has its highest value, {threshold:g}, in {np.count_nonzero(score == threshold)} of {n} "
            f"rows, must have it in at most {most}, which alert_rate == {alert_rate:g} is: pass margins, "
            "which have fewer ties than probabilities, or raise alert_rate."
        )
    tied = np.count_nonzero(score == threshold) > 1
    # Tied: the score may be one that many later rows have, so the row above it, not it, bounds the share.
    low = beta.ppf(_TAIL, *((alerts, n - alerts + 1) if tied else (alerts + 1, n - alerts)))
    high = beta.ppf(1.0 - _TAIL, alerts + 1, n - alerts)
    expected = alerts / n if tied else (alerts + 1) / (n + 1)
    return AlertThreshold(float(threshold), alerts / n, expected, float(low), float(high))
