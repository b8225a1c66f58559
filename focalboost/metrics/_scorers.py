"""The metrics as scorers of scikit-learn."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike
from sklearn import config_context
from sklearn.metrics import make_scorer

from focalboost import _validation
from focalboost.metrics._common import Scorer
from focalboost.metrics._costs import expected_cost
from focalboost.metrics._per_day import (
    check_alerts,
    precision_at_alerts_per_day,
    recall_at_alerts_per_day,
)
from focalboost.metrics._ranking import (
    recall_at_alert_rate,
    recall_at_precision,
    value_recall_at_alert_rate,
)

# The margin first, as for scikit-learn's own ranking scorers: it has no ties where probabilities round to 1.
_RANKING = ("decision_function", "predict_proba")


def _asking(scorer: Any, **requests: bool | None) -> Scorer:
    """The scorer, which asks for what it needs of each row.

    None, as for weights: if they are passed to the fit, it is an error until the user says whether scores
    count them.
    """
    with config_context(enable_metadata_routing=True):  # or scikit-learn does not let us say so
        asking: Scorer = scorer.set_score_request(**requests)
    return asking


def recall_at_alert_rate_scorer(alert_rate: float = 0.01, *, pos_label: Any = 1) -> Scorer:
    """`recall_at_alert_rate` as a scorer, for `scoring=` of scikit-learn and of `focalboost.tuning`.

    With metadata routing, ``scorer.set_score_request(sample_weight=True)`` makes it count weights.

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
    scorer = make_scorer(recall_at_alert_rate, response_method=_RANKING, alert_rate=rate, pos_label=pos_label)
    return _asking(scorer, sample_weight=None)


def value_recall_at_alert_rate_scorer(alert_rate: float = 0.01, *, pos_label: Any = 1) -> Scorer:
    """`value_recall_at_alert_rate` as a scorer: the value of each row comes by metadata routing.

    Turn scikit-learn's metadata routing on and pass ``params={"value": amount}`` to `cross_validate`, or
    ``value=amount`` to `fit` of `GridSearchCV`: each fold gets its own rows of it. To pass it by another
    name say so, ``scorer.set_score_request(value="amount")``.

    Parameters
    ----------
    alert_rate, pos_label
        As for `value_recall_at_alert_rate`.

    Returns
    -------
    scorer, callable `(estimator, X, y, *, value)`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn import config_context
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import cross_validate
    >>> from focalboost.metrics import value_recall_at_alert_rate_scorer
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(900, 2))
    >>> y = X[:, 0] + rng.normal(size=900) > 2
    >>> amount = rng.gamma(2, 50, 900)
    >>> with config_context(enable_metadata_routing=True):
    ...     scores = cross_validate(
    ...         LogisticRegression(), X, y, cv=3, params={"value": amount},
    ...         scoring=value_recall_at_alert_rate_scorer(0.1),
    ...     )["test_score"]
    >>> scores.round(2)
    array([0.53, 0.53, 0.2 ])
    """
    rate = _validation.share("alert_rate", alert_rate, zero=False)
    scorer = make_scorer(
        value_recall_at_alert_rate, response_method=_RANKING, alert_rate=rate, pos_label=pos_label
    )
    return _asking(scorer, value=True)


def precision_at_alerts_per_day_scorer(
    alerts_per_day: float = 100, *, drop_found: bool = True, pos_label: Any = 1
) -> Scorer:
    """`precision_at_alerts_per_day` as a scorer: the day of each row comes by metadata routing.

    With scikit-learn's metadata routing, ``params={"day": day}`` of `cross_validate`. For groups say so,
    ``scorer.set_score_request(day=True, groups=True)``, and pass both: ``groups`` may be meant for the
    folds alone, so until it is said what they are for, scikit-learn raises.

    Parameters
    ----------
    alerts_per_day, drop_found, pos_label
        As for `precision_at_alerts_per_day`. A fold of a random split has fewer rows of each day than the
        stream: split in time, by whole days.

    Returns
    -------
    scorer, callable `(estimator, X, y, *, day, groups)`
    """
    alerts = check_alerts(alerts_per_day)
    scorer = make_scorer(
        precision_at_alerts_per_day,
        response_method=_RANKING,
        alerts_per_day=alerts,
        drop_found=drop_found,
        pos_label=pos_label,
    )
    return _asking(scorer, day=True, groups=None)


def recall_at_alerts_per_day_scorer(
    alerts_per_day: float = 100, *, drop_found: bool = True, pos_label: Any = 1
) -> Scorer:
    """`recall_at_alerts_per_day` as a scorer: the day of each row comes by metadata routing.

    Parameters
    ----------
    alerts_per_day, drop_found, pos_label
        As for `precision_at_alerts_per_day_scorer`.

    Returns
    -------
    scorer, callable `(estimator, X, y, *, day, groups)`
    """
    alerts = check_alerts(alerts_per_day)
    scorer = make_scorer(
        recall_at_alerts_per_day,
        response_method=_RANKING,
        alerts_per_day=alerts,
        drop_found=drop_found,
        pos_label=pos_label,
    )
    return _asking(scorer, day=True, groups=None)


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
    scorer = make_scorer(recall_at_precision, response_method=_RANKING, precision=least, pos_label=pos_label)
    return _asking(scorer, sample_weight=None)


def expected_cost_scorer(
    cost_alarm: float | None = 1.0, cost_missed: float | None = 100.0, *, pos_label: Any = 1
) -> Scorer:
    """`expected_cost` as a scorer: minus the cost, since scorers are to be maximized.

    A cost that is None comes by row, through scikit-learn's metadata routing: pass
    ``params={"cost_missed": amount}`` to `cross_validate`, or ``cost_missed=amount`` to `fit` of
    `GridSearchCV`. To pass it by another name say so, ``scorer.set_score_request(cost_missed="amount")``.
    `focalboost.tuning` routes nothing: there write a scorer of your own,
    ``lambda estimator, X, y: -expected_cost(y, estimator.predict_proba(X)[:, 1], cost_missed=X["amount"])``.

    Parameters
    ----------
    cost_alarm, cost_missed : float > 0, or None for costs by row, defaults 1 and 100
        As for `expected_cost`.
    pos_label : default=1
        The label to find.

    Returns
    -------
    scorer, callable `(estimator, X, y, *, cost_alarm, cost_missed, sample_weight)`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn import config_context
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import cross_validate
    >>> from focalboost.metrics import expected_cost_scorer
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(900, 2))
    >>> y = X[:, 0] + rng.normal(size=900) > 2
    >>> amount = rng.gamma(2, 50, 900)
    >>> with config_context(enable_metadata_routing=True):
    ...     scores = cross_validate(
    ...         LogisticRegression(), X, y, cv=3, params={"cost_missed": amount},
    ...         scoring=expected_cost_scorer(10, None),
    ...     )["test_score"]
    >>> scores.round(2)
    array([-2.33, -4.05, -4.29])
    """
    rule = "> 0 and finite, one number for all rows, or None for costs by row"
    given = {"cost_alarm": cost_alarm, "cost_missed": cost_missed}
    costs = {
        name: _validation.number(name, cost, rule, low=0.0, strict=True)
        for name, cost in given.items()
        if cost is not None
    }
    by_row = dict.fromkeys((name for name in given if name not in costs), True)
    scorer = make_scorer(
        _expected_cost_by_row if by_row else expected_cost,
        response_method="predict_proba",
        greater_is_better=False,
        pos_label=pos_label,
        **costs,
    )
    return _asking(scorer, **by_row, sample_weight=None)


def _expected_cost_by_row(
    y_true: ArrayLike,
    y_proba: ArrayLike,
    *,
    cost_alarm: ArrayLike | None = None,
    cost_missed: ArrayLike | None = None,
    pos_label: Any = 1,
    sample_weight: ArrayLike | None = None,
) -> float:
    """`expected_cost` whose costs have no default: one that was not passed on is no 100."""
    if cost_alarm is None or cost_missed is None:
        name = "cost_alarm" if cost_alarm is None else "cost_missed"
        raise TypeError(
            f"{name} of the rows was not passed, must be: with sklearn.config_context("
            f"enable_metadata_routing=True) pass params={{{name!r}: ...}} to cross_validate, or {name}=... "
            f"to fit of a search. For one number for all rows: expected_cost_scorer({name}=...)."
        )
    return expected_cost(
        y_true,
        y_proba,
        cost_alarm=cost_alarm,
        cost_missed=cost_missed,
        pos_label=pos_label,
        sample_weight=sample_weight,
    )
