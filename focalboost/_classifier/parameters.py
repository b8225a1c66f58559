"""From the focal parameters of a classifier to a loss."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from types import SimpleNamespace
from typing import Any

import numpy as np

from focalboost import _validation
from focalboost._boosters.continuing import go_on
from focalboost._classifier.record import Record, read_estimator
from focalboost._classifier.target import Target
from focalboost._typing import Array
from focalboost.calibration._record import PROBABILITIES
from focalboost.calibration._schema import damaged, of_constructor, shorten
from focalboost.losses import LOSSES
from focalboost.losses._base import FocalLoss
from focalboost.losses._record import from_json


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
        # A label without one of its sides is weighed as by half a row of it, as its start is.
        least = 0.5 / (len(labels) + 1.0)
        return tuple(weights(np.array([1.0 - p, p])) for p in np.clip(rates, least, 1.0 - least))
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


def in_order(name: str, value: Any, target: Target) -> Any:
    """A dict or Series by class label as a tuple in the order of the classes; all else as it is."""
    value = _validation.by_key(value)
    if not isinstance(value, Mapping):
        return value
    classes = target.classes.tolist()
    what = "label" if target.task == "multilabel" else "class"
    for key in value:
        if key not in classes:
            raise ValueError(f"{name} has {key!r}, must have a value for each {what} of y only: {classes!r}.")
    for label in classes:
        if label not in value:
            raise ValueError(
                f"{name} has no value for {what} {label!r}, must have one for each: {classes!r}."
            )
    return tuple(value[label] for label in classes)


class Asked:
    """The loss that a classifier's parameters ask for."""

    def __init__(self, estimator: Any, target: Target) -> None:
        self.target = target
        _validation.check_choice("focal_probability", estimator.focal_probability, PROBABILITIES)
        self.gamma = in_order("focal_gamma", estimator.focal_gamma, target)
        self.alpha = in_order("focal_alpha", estimator.focal_alpha, target)
        self.power = estimator.focal_alpha_power
        if self.power is not None:
            if self.alpha is not None:
                raise ValueError(
                    f"focal_alpha == {self.alpha!r} and focal_alpha_power == {self.power!r}, must be None in "
                    "one of the two: both set the class weights."
                )
            self.power = _validation.number(
                "focal_alpha_power", self.power, "finite", low=-np.inf, strict=False
            )
        self.options: dict[str, Any] = {
            "hessian": estimator.focal_hessian,
            "sampling_rate": sampling_rate(estimator.focal_sampling_rate, target),
        }
        if isinstance(estimator.n_jobs, Integral) and estimator.n_jobs != 0:
            self.options["n_jobs"] = int(estimator.n_jobs)
        if target.task == "multiclass":
            refuse_smoothing(estimator.focal_label_smoothing)
            self.options["n_classes"] = len(target.classes)
        else:
            self.options["label_smoothing"] = estimator.focal_label_smoothing
            if target.task == "multilabel":
                self.options["n_labels"] = len(target.classes)

    def _loss(self, alpha: Any) -> FocalLoss:
        try:
            return LOSSES[self.target.task](self.gamma, alpha, **self.options)
        except (ValueError, TypeError) as error:
            # The losses name their parameters without the prefix that the estimators need.
            if str(error).startswith(("gamma", "alpha", "hessian", "label_smoothing", "sampling_rate")):
                raise type(error)(f"focal_{error}") from error
            raise

    def for_labels(self, labels: Array, weight: Array | None) -> FocalLoss:
        """Of a new model."""
        alpha = self.alpha
        if self.power is not None:
            alpha = power_weights(labels, weight, self.power, self.target)
        return self._loss(alpha).for_labels(labels, weight)

    def going_on(self, record: str, name: str, labels: Array, weight: Array | None) -> FocalLoss:
        """Of a continued model: its stored loss, or an error if the parameters ask for another."""
        stored, found = from_json(record), read_classifier(record)
        alpha = self.alpha
        if self.power is not None:
            # The same power gives other numbers on other rows: those of the model stay.
            same = found is not None and found.parameters["focal_alpha_power"] == self.power
            alpha = stored.alpha if same else power_weights(labels, weight, self.power, self.target)
        loss: FocalLoss = go_on(self._loss(alpha), stored, name)
        return loss


def read_classifier(record: str) -> Record | None:
    """Loss, classes and focal parameters of a record, which ask for that loss; None where a loss alone is."""
    found = read_estimator(record)
    if found is None:
        return None
    try:
        asked = Asked(SimpleNamespace(**found.parameters, n_jobs=None), found.target)
        # The weights that a power gives depend on the labels.
        loss = asked._loss(asked.alpha if asked.power is None else found.loss.alpha)
    except (ValueError, TypeError) as error:
        raise of_constructor(error) from error
    if not loss.same_meaning(found.loss) or loss.hessian != found.loss.hessian:
        asks, has = (shorten(repr(one), 200) for one in (loss, found.loss))
        raise damaged(f"focal parameters that ask for {asks}, must be those of {has}")
    return found


def sampling_rate(value: Any, target: Target) -> Any:
    """focal_sampling_rate in the order of the classes."""
    if isinstance(value, Real) and target.task == "binary" and target.classes.dtype.kind in "UO":
        first, second = target.classes.tolist()
        raise ValueError(
            f"focal_sampling_rate == {_validation.show(value)}, must name the class of text labels: whether "
            f"it is the share of {first!r} or of {second!r} is not said. Pass {{{first!r}: ..., "
            f"{second!r}: ...}}, 1 for the one of which all rows were kept."
        )
    return in_order("focal_sampling_rate", value, target)


def refuse_smoothing(label_smoothing: object) -> None:
    if label_smoothing != 0:
        raise ValueError(
            f"focal_label_smoothing == {_validation.show(label_smoothing)}, must be 0 for more than two "
            "classes: it is for binary and multi-label targets."
        )


def continued_target(record: str, name: str, labels: Array, *, multilabel: bool) -> Target:
    """The classes of the model to continue, which the labels must be among."""
    found = read_classifier(record)
    if found is None:
        if multilabel:
            return Target.of(labels, multilabel=True)
        n_outputs = from_json(record)._n_outputs()
        n_classes = 2 if n_outputs == 1 else n_outputs
        present = np.unique(labels)
        n_found = int(present[-1]) + 1 if present.dtype.kind in "biuf" and len(present) else 0
        numbers = np.arange(max(n_classes or 0, n_found))
        # Without a 0 the numbers may be another's, from 1 or of -1 and 1.
        if not n_found or present[0] != 0 or not np.isin(present, numbers).all():
            raise ValueError(
                f"{name} was trained without a classifier, y must have its classes 0, 1, ...: which of "
                f"{present.tolist()!r} is which number is not known. Encode y as for that training."
            )
        return Target("binary" if len(numbers) == 2 else "multiclass", numbers)
    target = found.target
    if multilabel != (target.task == "multilabel") or (not multilabel and not target.knows(labels).all()):
        have = np.unique(labels).tolist() if not multilabel else f"{labels.shape[1]} labels a row"
        raise ValueError(
            f"{name} has the classes {target.classes.tolist()!r} ({target.task}), y has {have!r}, must have "
            "no others: the model has no output for them. Train a new model, or leave their rows out."
        )
    return target
