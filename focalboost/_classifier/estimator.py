"""What the two classifiers share: probabilities, decisions, the record in the model."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
from scipy.special import expit, log_softmax, softmax
from sklearn.exceptions import NotFittedError

from focalboost import _validation
from focalboost._classifier.parameters import Asked, read_classifier
from focalboost._classifier.record import Record, write_record
from focalboost._classifier.target import Target, Task
from focalboost._typing import Array
from focalboost.calibration._record import PARAMETERS, PROBABILITIES
from focalboost.losses._base import FocalLoss
from focalboost.losses._record import from_json


def predicted(loss: FocalLoss, target: Target, probability: str, margins: Any) -> Array:
    """Probability of class 1 (binary), of each class, or of each label."""
    _validation.check_choice("focal_probability", probability, PROBABILITIES)
    raw = np.asarray(margins, np.float64)
    if probability != "focal":
        return _said_by(loss, probability).posterior(raw)
    return np.asarray(softmax(raw, axis=1) if target.task == "multiclass" else expit(raw))


def _said_by(loss: FocalLoss, probability: str) -> FocalLoss:
    return loss if probability == "posterior" else loss.with_shift(None)


def decided(loss: FocalLoss, target: Target, probability: str, margins: Any) -> Array:
    """The logit of `predicted`, for several classes its logarithm: above 0 where predict says class 1."""
    _validation.check_choice("focal_probability", probability, PROBABILITIES)
    raw = np.asarray(margins, np.float64)
    if probability != "focal":
        return _said_by(loss, probability).posterior_logit(raw)
    return np.asarray(log_softmax(raw, axis=1)) if target.task == "multiclass" else raw


class FocalEstimator:
    """Mixin over XGBClassifier and LGBMClassifier; the subclass knows how to train and to get margins."""

    focal_gamma: Any
    focal_alpha: Any
    focal_alpha_power: Any
    focal_hessian: Any
    focal_label_smoothing: Any
    focal_sampling_rate: Any
    focal_probability: Any
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

    def _asked(self, target: Target) -> Asked:
        return Asked(self, target)

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """After an error, a stop by the user too, the estimator is as it was before."""
        before = self.__dict__.copy()
        try:
            yield
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise

    @contextmanager
    def _lent(self, **values: Any) -> Iterator[None]:
        """For the time of the parent's fit: attributes that it reads, in the place of the user's.

        That fit is the public one, which tools patch and watch. A pickle that such a tool makes of the
        estimator in the meantime has the user's values.
        """
        users = {name: self.__dict__[name] for name in values if name in self.__dict__}
        self.__dict__.update(values, _users=(tuple(values), users))
        yield
        state = _with_users(self.__dict__)
        self.__dict__.clear()
        self.__dict__.update(state)

    def __getstate__(self) -> Any:
        state: Any = super().__getstate__()
        return _with_users(state) if "_users" in state else state

    def __copy__(self) -> Self:
        """As it is at this moment: LightGBM reads parameters from a copy."""
        copy = type(self).__new__(type(self))
        copy.__dict__.update(self.__dict__)
        return copy

    # ------------------------------------------------------------------ prediction
    def _probabilities(self, margins: Any) -> Array:
        """(n_samples, n_classes), or (n_samples, n_labels)."""
        values = predicted(self.loss_, self._fitted_target(), self.focal_probability, margins)
        return values if values.ndim == 2 else np.stack([1.0 - values, values], axis=1)

    def _decisions(self, margins: Any) -> Array:
        """(n_samples,) for two classes, else as `_probabilities`."""
        return decided(self.loss_, self._fitted_target(), self.focal_probability, margins)

    def _decide(self, probabilities: Array) -> Array:
        target = self._fitted_target()
        if target.task == "multilabel":
            return (probabilities > 0.5).astype(np.int64)
        return np.asarray(target.classes[probabilities.argmax(axis=1)])

    # ------------------------------------------------------------------ the record in the model
    def _take_shift(self, record: str | None) -> None:
        """What training found, for the loss of this estimator, which has its threads."""
        if record is not None:
            self.loss_ = self.loss_.with_shift(from_json(record).logit_shift)

    def _missing(self) -> float:
        """What the estimator takes for a missing value, NaN but in XGBoost."""
        return np.nan

    def _model_record(self) -> str:
        parameters = {name: getattr(self, name) for name in PARAMETERS}
        return write_record(self.loss_, self._fitted_target(), parameters, self._missing())

    def _record_to_save(self, record: str | None) -> str | None:
        """That of the training, with focal_probability and missing of now, which each prediction reads."""
        found = None if record is None else read_classifier(record)
        if found is None:
            return record
        _validation.check_choice("focal_probability", self.focal_probability, PROBABILITIES)
        parameters = {**found.parameters, "focal_probability": self.focal_probability}
        return write_record(found.loss, found.target, parameters, self._missing())

    def _restore(self, record: str | None) -> Record:
        """Loss, classes and focal parameters from a record, which is returned."""
        found = None if record is None else read_classifier(record)
        if found is None:
            raise ValueError(
                f"the model was not saved by a {type(self).__name__}, must be one: its classes are unknown. "
                "Use stored_loss(booster) and its posterior."
            )
        self.loss_, self._target = found.loss, found.target
        for name in PARAMETERS:
            setattr(self, name, found.parameters[name])
        return found


def _with_users(state: Mapping[str, Any]) -> dict[str, Any]:
    """A state with the user's values in the place of those that were lent."""
    lent, users = state["_users"]
    left_out = {*lent, "_users", "_encoding", "_metrics"}
    return {**{name: value for name, value in state.items() if name not in left_out}, **users}


def warn_of_names(params: Mapping[str, Any], names: Mapping[str, tuple[str, str]]) -> None:
    """Warn where the booster's own parameter was given, of a name that focal loss has too, and no focal one.

    `names` has what the booster means by it, and focal loss's name.
    """
    if not all(_is_default(params[name], default) for name, default in DEFAULTS.items()):
        return
    for name, (meaning, focal) in names.items():
        if params.get(name) is not None:
            warnings.warn(
                f"{name} == {params[name]!r} is {meaning}. For focal loss pass {focal}.",
                UserWarning,
                stacklevel=4,
            )


def _is_default(value: Any, default: Any) -> bool:
    """Of an array the comparison would be one too."""
    return isinstance(value, int | float | str | None) and value == default


DEFAULTS: dict[str, Any] = {
    "focal_gamma": 2.0,
    "focal_alpha": None,
    "focal_alpha_power": None,
    "focal_hessian": "guarded",
    "focal_label_smoothing": 0.0,
    "focal_sampling_rate": None,
    "focal_probability": "posterior",
}


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
