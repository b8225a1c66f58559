"""What LightGBM's training is given for the classifier: parameters, labels, eval sets, metrics."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from lightgbm import LGBMModel
from sklearn.utils.class_weight import compute_sample_weight

from focalboost._boosters.lightgbm import LAMBDA_OF_SEVERAL
from focalboost._boosters.names import lightgbm_aliases, metrics_of_user
from focalboost._boosters.packed import PackedLabels, pack_labels
from focalboost._classifier.estimator import pairs, predicted, split_metrics
from focalboost._classifier.parameters import check_weight
from focalboost._classifier.target import Target, read_target
from focalboost._typing import Array
from focalboost.losses._base import FocalLoss

_METRIC = ("metric", "metrics", "metric_types")
_NO_METRIC = {"", "none", "na", "null", "custom"}
# LightGBM hands its metrics raw scores when the objective is not its own; these look at the order only.
_RANKING = {
    "binary": ("auc", "average_precision"),
    "multiclass": ("auc_mu",),
    "multilabel": (),
}
_EVAL_XY = "eval_X" in inspect.signature(LGBMModel.fit).parameters  # LightGBM 4.7, which deprecates eval_set


# ---------------------------------------------------------------------- parameters
def check_boosting(params: Mapping[str, Any]) -> None:
    """Refuse the kind of boosting that takes no objective but LightGBM's."""
    for name in ("boosting_type", "boosting", "boost"):
        if str(params.get(name)).lower() in ("rf", "random_forest"):
            raise ValueError(
                f"{name} == {params[name]!r}, must be 'gbdt' or 'dart': LightGBM's random forest takes "
                "no custom objective."
            )


def objective_is_none() -> Callable[[Any], None]:
    """A callback that spares LightGBM the reset of its parameters before the first tree.

    The reset makes training fail where no feature can be split, where LightGBM's own objectives return a
    constant, and draws other columns for colsample_bytree. The objective is "none" without it.
    """

    def callback(env: Any) -> None:
        vars(env.model)["_Booster__set_objective_to_none"] = True

    callback.before_iteration = True  # type: ignore[attr-defined]  # LightGBM's way to mark it
    return callback


def regularization(estimator: Any, target: Target) -> dict[str, float]:
    """reg_lambda where the user leaves it open."""
    others = estimator._other_params
    named = any(others.get(name) is not None for name in lightgbm_aliases("lambda_l2"))
    if estimator.reg_lambda is not None or named:
        return {}
    return {"reg_lambda": LAMBDA_OF_SEVERAL if target.task == "multiclass" else 0.0}


def for_parent(estimator: Any, focal: Any, target: Target, builtin: list[str]) -> dict[str, Any]:
    """What LGBMModel's fit reads of the estimator, so that it trains focal loss."""
    metric_names = lightgbm_aliases("metric")
    others = {name: value for name, value in estimator._other_params.items() if name not in metric_names}
    return {
        "_objective": focal,
        "class_weight": None,  # in the row weights already
        **regularization(estimator, target),
        "_class_weight": None,
        "_n_classes": 2,  # num_class is set in _process_params
        "_other_params": {**others, "metric": builtin or "None"},
    }


# ---------------------------------------------------------------------- what training is given
def row_weights(sample_weight: Any, class_weight: Any, labels: Array) -> Array | None:
    """Row weights times class weights, which are by class label."""
    weight = check_weight(sample_weight, len(labels))
    if class_weight is None:
        return weight
    by_class = np.asarray(compute_sample_weight(class_weight, labels))
    return by_class if weight is None else weight * by_class


def as_stored(encoded: Array, target: Target) -> Array:
    """Labels as a Dataset holds them: one number a row."""
    return pack_labels(encoded) if target.task == "multilabel" else encoded


def objective(loss: FocalLoss, encoded: Array, target: Target) -> Callable[..., Any]:
    if target.task != "multilabel":
        return loss

    # Training asks for the gradient of all rows: the matrix need not be unpacked every round.
    def of_matrix(_: Array, y_pred: Array, weight: Array | None) -> tuple[Array, Array]:
        return loss(encoded, y_pred, weight)

    return of_matrix


class Evaluation:
    """Eval sets with encoded labels and combined weights."""

    def __init__(self, X: Any, y: Any, stored: Array, target: Target) -> None:
        self.X, self.y, self.stored, self.target = X, y, stored, target
        self.sets: list[tuple[Any, Array]] = []
        self.weights: list[Array | None] = []

    def add(self, eval_set: Any, eval_X: Any, eval_y: Any, weights: Any, class_weights: Any) -> None:
        if eval_set is not None and (eval_X is not None or eval_y is not None):
            raise ValueError("eval_set and eval_X are both given, must be one of them.")
        if (eval_X is None) != (eval_y is None):
            raise ValueError("eval_X and eval_y must be given together.")
        if eval_X is not None:
            several = isinstance(eval_X, tuple)
            eval_set = list(zip(eval_X, eval_y, strict=True)) if several else [(eval_X, eval_y)]
        for i, (X, y) in enumerate(pairs(eval_set) if eval_set is not None else ()):
            name = f"y of eval set {i}"
            labels = None
            if X is self.X and y is self.y:
                # LightGBM knows the training set by its objects, and does not make it a second time.
                self.sets.append((X, self.stored))
            else:
                labels = self.target.encode(name, y)
                self.sets.append((X, as_stored(labels, self.target)))
            weight = _item(weights, i)
            class_weight = _item(class_weights, i)
            n_samples = len(self.sets[-1][1])
            self.weights.append(
                check_weight(weight, n_samples)
                if class_weight is None
                else row_weights(weight, class_weight, read_target(name, y)[0])
            )

    def arguments(self) -> dict[str, Any]:
        if not self.sets:
            return {}
        given: dict[str, Any] = {}
        if any(weight is not None for weight in self.weights):
            given["eval_sample_weight"] = self.weights
        if _EVAL_XY:
            given["eval_X"], given["eval_y"] = map(tuple, zip(*self.sets, strict=True))
        else:
            given["eval_set"] = self.sets
        return given


def _item(collection: Any, i: int) -> Any:
    if collection is None:
        return None
    return collection.get(i) if isinstance(collection, dict) else collection[i]


# ---------------------------------------------------------------------- metrics
def metrics_asked(
    params: dict[str, Any], eval_metric: Any, target: Target
) -> tuple[list[str], list[Callable[..., Any]]]:
    """Built-in metrics and callables of `eval_metric` and of the parameter `metric`, which is taken out."""
    builtin, functions = split_metrics(eval_metric)
    for name in _METRIC:
        value = params.pop(name, None)
        builtin += split_metrics(value.split(",") if isinstance(value, str) else value)[0]
    asked = [metric.strip() for metric in builtin if metric.strip().lower() not in _NO_METRIC]
    allowed = _RANKING[target.task]
    for metric in asked:
        if metric not in allowed:
            names = ", ".join(map(repr, allowed))
            raise ValueError(
                f"eval_metric == {metric!r}, must be {names + ' or ' if names else ''}a callable (y_true, "
                "probability): LightGBM hands its other metrics raw scores when the objective is not its "
                "own. The focal loss is evaluated without being asked for."
            )
    return list(dict.fromkeys(asked)), functions


def all_metrics(
    loss: FocalLoss, target: Target, probability: str, functions: list[Callable[..., Any]]
) -> Callable[..., Any]:
    """One metric for LightGBM that has the values of all, the focal loss first."""
    n_arguments = [len(inspect.signature(function).parameters) for function in functions]

    def metrics(y_true: Array, y_pred: Array, weight: Array | None) -> list[tuple[str, float, bool]]:
        labels = y_true
        if target.task == "multilabel":
            labels = PackedLabels(y_true, target.n_outputs).unpack()
        values: list[tuple[str, float, bool]] = [loss.metric(labels, y_pred, weight)]
        if functions:
            seen = predicted(loss.of_kept_rows(), target, probability, y_pred)
            for function, n in zip(functions, n_arguments, strict=True):
                result = function(labels, seen, weight) if n > 2 else function(labels, seen)
                values += metrics_of_user(result)
        return values

    return metrics
