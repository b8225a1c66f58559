"""What fraud teams ask of a model and scikit-learn lacks: metrics, thresholds, and scorers of the metrics.

    value_recall_at_alert_rate(y, model.predict_proba(X)[:, 1], value=amount, alert_rate=0.01)
    alert = p > threshold_for_cost(cost_alarm=10, cost_missed=amount)
    cross_validate(model, X, y, scoring=expected_cost_scorer(10, None), params={"cost_missed": amount})

All are for two classes; `pos_label` is the rare one. Labels come first, scores second, what else is known of
a row (`day`, `groups`, `value`, costs) by name. Scorers get that by scikit-learn's metadata routing.
"""

from focalboost.metrics._costs import expected_cost
from focalboost.metrics._per_day import precision_at_alerts_per_day, recall_at_alerts_per_day
from focalboost.metrics._ranking import (
    recall_at_alert_rate,
    recall_at_precision,
    value_recall_at_alert_rate,
)
from focalboost.metrics._scorers import (
    _expected_cost_by_row,
    expected_cost_scorer,
    precision_at_alerts_per_day_scorer,
    recall_at_alert_rate_scorer,
    recall_at_alerts_per_day_scorer,
    recall_at_precision_scorer,
    value_recall_at_alert_rate_scorer,
)
from focalboost.metrics._thresholds import AlertThreshold, threshold_for_alert_rate, threshold_for_cost

__all__ = [
    "AlertThreshold",
    "expected_cost",
    "expected_cost_scorer",
    "precision_at_alerts_per_day",
    "precision_at_alerts_per_day_scorer",
    "recall_at_alert_rate",
    "recall_at_alert_rate_scorer",
    "recall_at_alerts_per_day",
    "recall_at_alerts_per_day_scorer",
    "recall_at_precision",
    "recall_at_precision_scorer",
    "threshold_for_alert_rate",
    "threshold_for_cost",
    "value_recall_at_alert_rate",
    "value_recall_at_alert_rate_scorer",
]

# Pickles name the public path, whatever file a thing moves to. The last is in those of scorers.
for _name in (*__all__, _expected_cost_by_row.__name__):
    globals()[_name].__module__ = __name__
