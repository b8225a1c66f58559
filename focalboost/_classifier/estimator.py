"""What the two classifiers share: the loss that the parameters ask for, probabilities, the record."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from numbers import Integral
from typing import Any

import numpy as np
from scipy.special import expit, softmax
from sklearn.exceptions import NotFittedError

from focalboost import _validation
from focalboost._classifier.record import read_estimator, write_record
from focalboost._classifier.target import Target, Task
from focalboost._typing import Array
from focalboost.losses._base import FocalLoss
from focalboost.losses._record import LOSSES

PARAMETERS = (
    "focal_gamma",
    "focal_alpha",
    "focal_alpha_power",
    "focal_hessian",
    "label_smoothing",
    "probability",
)
PROBABILITIES = ("posterior", "focal")


# ---------------------------------------------------------------------- parameters
def power_weights(labels: Array, weight: Array | None, power: float, target: Target) -> Any:
    """Class weights proportional to frequency^-power; their mean over the rows is 1."""

    def weights(share: Array) -> tuple[float, ...]:
        if not share.all():
            raise ValueError(
                "focal_alpha_power needs rows with weight of every class: frequency 0 has no finite weight. "
                "Pass numbers as focal_alpha."
            )
        raw = share**-power
        return tuple((raw / np.sum(share * raw)).tolist())

    if target.task == "multilabel":
        rates = _validation.weighted_mean(labels, weight)
        return tuple(weights(np.array([1.0 - rate, rate])) for rate in rates)
    counts = np.bincount(labels, weight, minlength=len(target.classes))
    return weights(counts / counts.sum())


def check_weight(sample_weight: Any, n_samples: int) -> Array | None:
    """Row weights as float64, or None."""
    if sample_weight is None:
        return None
    weight = _validation.check_weight_shape(np.asarray(sample_weight, float), n_samples)
    if weight is not None and not weight.any():
        raise ValueError("sample_weight is zero in all rows, must be > 0 in at least one.")
    return weight


def predicted(loss: FocalLoss, target: Target, probability: str, margins: Any) -> Array:
    """Probability of class 1 (binary), of each class, or of each label."""
    raw = np.asarray(margins, np.float64)
    if probability == "posterior":
        return loss.posterior(raw)
    return np.asarray(softmax(raw, axis=1) if target.task == "multiclass" else expit(raw))


class FocalEstimator:
    """Mixin over XGBClassifier and LGBMClassifier; the subclass knows how to train and to get margins."""

    focal_gamma: Any
    focal_alpha: Any
    focal_alpha_power: Any
    focal_hessian: Any
    label_smoothing: Any
    probability: Any
    n_jobs: Any
    loss_: FocalLoss
    _labels: tuple[Task, Array]

    @property
    def classes_(self) -> Array:
        """Class labels in sorted order; for several labels a row, the numbers of the columns."""
        return self._fitted_target().classes

    @property
    def _target(self) -> Target:
        return Target(*self._labels)

    @_target.setter
    def _target(self, target: Target) -> None:
        # Kept as plain values: pickles name no private class.
        self._labels = target.task, target.classes

    def _fitted_target(self) -> Target:
        target: Target | None = getattr(self, "_target", None)
        if target is None:
            raise NotFittedError(f"This {type(self).__name__} is not fitted: call fit or load_model first.")
        return target

    # ------------------------------------------------------------------ training
    def _resolve_loss(self, labels: Array, weight: Array | None, target: Target) -> FocalLoss:
        """The loss of the estimator's parameters for these labels."""
        _validation.check_choice("probability", self.probability, PROBABILITIES)
        options: dict[str, Any] = {"hessian": self.focal_hessian}
        if isinstance(self.n_jobs, Integral) and self.n_jobs != 0:
            options["n_jobs"] = int(self.n_jobs)
        if target.task == "multiclass":
            refuse_smoothing(self.label_smoothing)
            options["n_classes"] = len(target.classes)
        else:
            options["label_smoothing"] = self.label_smoothing
            if target.task == "multilabel":
                options["n_labels"] = len(target.classes)
        alpha = self._alpha(labels, weight, target)
        try:
            loss = LOSSES[target.task](self.focal_gamma, alpha, **options)
            return loss.for_labels(labels, weight)
        except (ValueError, TypeError) as error:
            # The losses name their parameters without the prefix that the estimators need.
            if str(error).startswith(("gamma", "alpha", "hessian")):
                raise type(error)(f"focal_{error}") from error
            raise

    def _alpha(self, labels: Array, weight: Array | None, target: Target) -> Any:
        if self.focal_alpha_power is None:
            return self.focal_alpha
        if self.focal_alpha is not None:
            raise ValueError(
                f"focal_alpha == {self.focal_alpha!r} and focal_alpha_power == {self.focal_alpha_power!r}, "
                "must be None in one of the two: both set the class weights."
            )
        power = _validation.number(
            "focal_alpha_power", self.focal_alpha_power, "finite", low=-np.inf, strict=False
        )
        return power_weights(labels, weight, power, target)

    # ------------------------------------------------------------------ prediction
    def _probabilities(self, margins: Any) -> Array:
        """(n_samples, n_classes), or (n_samples, n_labels)."""
        values = predicted(self.loss_, self._fitted_target(), self.probability, margins)
        return values if values.ndim == 2 else np.stack([1.0 - values, values], axis=1)

    def _decide(self, probabilities: Array) -> Array:
        target = self._fitted_target()
        if target.task == "multilabel":
            return (probabilities > 0.5).astype(np.int64)
        return np.asarray(target.classes[probabilities.argmax(axis=1)])

    # ------------------------------------------------------------------ the record in the model
    def _model_record(self) -> str:
        return write_record(
            self.loss_, self._fitted_target(), {name: getattr(self, name) for name in PARAMETERS}
        )

    def _restore(self, record: str | None) -> None:
        """Loss, classes and focal parameters from a record."""
        found = read_estimator(record)
        if found is None:
            raise ValueError(
                f"the model was not saved by a {type(self).__name__}, must be one: its classes are unknown. "
                "Use stored_loss(booster) and its posterior."
            )
        self.loss_, self._target, parameters = found
        for name, value in parameters.items():
            setattr(self, name, value)


def refuse_smoothing(label_smoothing: object) -> None:
    if label_smoothing != 0:
        raise ValueError(
            f"label_smoothing == {_validation.show(label_smoothing)}, must be 0 for more than two classes: "
            "it is for binary and multi-label targets."
        )


def stored_target(record: str | None) -> Target | None:
    """The classes in a record; None where there is none, or one of a loss without an estimator."""
    found = read_estimator(record)
    return None if found is None else found[1]


# ---------------------------------------------------------------------- metrics
def split_metrics(eval_metric: Any) -> tuple[list[str], list[Callable[..., Any]]]:
    """Names of built-in metrics, and callables."""
    if eval_metric is None:
        return [], []
    metrics = [eval_metric] if isinstance(eval_metric, str) or callable(eval_metric) else list(eval_metric)
    for metric in metrics:
        if not isinstance(metric, str) and not callable(metric):
            raise TypeError(f"eval_metric has {metric!r}, must be names and callables.")
    return [m for m in metrics if isinstance(m, str)], [m for m in metrics if callable(m)]


def takes(function: Callable[..., Any], name: str) -> bool:
    """Whether a metric has a parameter of this name."""
    return name in inspect.signature(function).parameters


def pairs(eval_set: Any) -> Iterable[tuple[Any, Any]]:
    """The (X, y) of an eval_set, also of one that is a single pair."""
    return [eval_set] if isinstance(eval_set, tuple) else list(eval_set)
