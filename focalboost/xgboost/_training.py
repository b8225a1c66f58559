"""What XGBoost's training is given for the classifier: parameters, the model to continue, metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import xgboost

from focalboost._boosters.call import read_call
from focalboost._classifier.estimator import PARAMETERS, predicted, split_metrics, takes
from focalboost._classifier.target import Target
from focalboost._typing import Array
from focalboost.losses._base import FocalLoss


class Training(xgboost.XGBClassifier):
    """XGBClassifier as it trains, but with any number of callable metrics, where it takes one."""

    custom_metric: Callable[..., Any]

    def _configure_fit(self, *args: Any, **kwargs: Any) -> Any:
        model, _, *rest = super()._configure_fit(*args, **kwargs)
        return (model, self.custom_metric, *rest)


def training_of(params: dict[str, Any], loss: FocalLoss, target: Target) -> Training:
    """What trains a classifier of these parameters: by the loss, from its start, with all metrics."""
    builtin, functions = split_metrics(params["eval_metric"])
    own = {n: v for n, v in params.items() if n not in PARAMETERS and n != "eval_metric"}
    if not builtin:
        # Log loss of the focal confidence would be the default.
        own["disable_default_eval_metric"] = True
    training = Training(**own, objective=loss, eval_metric=builtin or None)
    training.callbacks = [*(params["callbacks"] or []), loss.start()]
    training.custom_metric = all_metrics(loss, target, params["probability"], functions)
    return training


def all_metrics(
    loss: FocalLoss, target: Target, probability: str, functions: list[Callable[..., Any]]
) -> Callable[..., list[tuple[str, float]]]:
    """One metric for XGBoost that has the values of all."""

    def metrics(margins: Array, data: Any) -> list[tuple[str, float]]:
        values: list[tuple[str, float]] = []
        if functions:
            call = read_call(margins, data, None)
            seen = predicted(loss, target, probability, call.raw_prediction)
            weight = {} if call.sample_weight is None else {"sample_weight": call.sample_weight}
            for function in functions:
                options = weight if takes(function, "sample_weight") else {}
                values.append((function.__name__, float(function(call.y_true, seen, **options))))
        # The last metric is the one that early stopping follows.
        return [*values, loss.metric(margins, data)]

    return metrics
