"""The metrics that XGBoost's training is given for the classifier."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from focalboost._boosters.call import read_call
from focalboost._boosters.names import metrics_of_user
from focalboost._classifier.estimator import predicted, takes
from focalboost._classifier.target import Target
from focalboost._typing import Array
from focalboost.losses._base import FocalLoss


def all_metrics(
    loss: FocalLoss, target: Target, probability: str, functions: list[Callable[..., Any]]
) -> Callable[..., list[tuple[str, float]]]:
    """One metric for XGBoost that has the values of all."""

    def metrics(margins: Array, data: Any) -> list[tuple[str, float]]:
        values: list[tuple[str, float]] = []
        if functions:
            call = read_call(loss, margins, data, None)
            seen = predicted(loss.of_kept_rows(), target, probability, call.raw_prediction)
            weight = {} if call.sample_weight is None else {"sample_weight": call.sample_weight}
            for function in functions:
                options = weight if takes(function, "sample_weight") else {}
                value = function.__name__, float(function(call.y_true, seen, **options))
                values += metrics_of_user(value)
        # The last metric is the one that early stopping follows.
        return [*values, loss.metric(margins, data)]

    return metrics
