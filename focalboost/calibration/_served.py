"""The record of a saved model as the numbers that scoring needs, read with NumPy alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from focalboost import _validation
from focalboost._typing import Array
from focalboost.calibration._binary import binary_posterior
from focalboost.calibration._common import log_rates
from focalboost.calibration._multiclass import multiclass_posterior
from focalboost.calibration._record import PROBABILITIES, TASKS, check_estimator, split
from focalboost.calibration._schema import (
    SIZES,
    check_loss,
    class_pair,
    damaged,
    of_constructor,
    rate_pair,
    scaled,
    show,
)
from focalboost.calibration._serving import margin_threshold


@dataclass(frozen=True, eq=False)
class ServedLoss:
    """The numbers of a stored loss that scoring needs; made by `served_loss`.

    Two of the same numbers and classes are equal. The arrays are read-only.

    Parameters
    ----------
    task : {"binary", "multiclass", "multilabel"}
        What the margins are of.
    gamma, alpha, logit_shift : ndarray
        As `binary_posterior` takes them, class 0 and class 1 in the last axis, or `multiclass_posterior`. The
        shift has in it what a sampling_rate adds.
    classes : list or None
        Class labels in the order of the probabilities, if a classifier wrote the record.

    Examples
    --------
    >>> from focalboost import BinaryFocalLoss
    >>> from focalboost.calibration import served_loss
    >>> loss = served_loss(BinaryFocalLoss(gamma=2.0, alpha=0.25).to_json())
    >>> loss.task, loss.alpha
    ('binary', array([0.75, 0.25]))
    """

    task: Literal["binary", "multiclass", "multilabel"]
    gamma: Array
    alpha: Array
    logit_shift: Array
    classes: list[Any] | None

    def __post_init__(self) -> None:
        for array in (self.gamma, self.alpha, self.logit_shift):
            array.setflags(write=False)

    def _values(self) -> tuple[Any, ...]:
        arrays = (self.gamma, self.alpha, self.logit_shift)
        # The text "1" is not the number 1, nor is True.
        names = None if self.classes is None else tuple((type(one), one) for one in self.classes)
        return self.task, *((array.shape, *array.ravel().tolist()) for array in arrays), names

    def __eq__(self, other: object) -> bool:
        return self._values() == other._values() if isinstance(other, ServedLoss) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._values())

    def posterior(self, raw_prediction: ArrayLike) -> Array:
        """True class probabilities of margins.

        Parameters
        ----------
        raw_prediction : array-like of shape (n_samples,), or a column per class or label
            Margins: what the booster predicts before sigmoid or softmax.

        Returns
        -------
        ndarray of the shape of `raw_prediction`, float64
            Of two classes the probability of class 1.

        Raises
        ------
        ValueError
            If the shape is not that of the task, or a margin is NaN.
        """
        shape = np.shape(raw_prediction)
        columns = () if self.task == "binary" else (len(self.alpha),)
        if len(shape) != 1 + len(columns) or shape[1:] != columns:
            wanted = "(n_samples,)" if not columns else f"(n_samples, {columns[0]})"
            raise ValueError(f"raw_prediction has shape {shape}, must be {wanted}: the loss is {self.task}.")
        function = multiclass_posterior if self.task == "multiclass" else binary_posterior
        return function(raw_prediction, gamma=self.gamma, alpha=self.alpha, logit_shift=self.logit_shift)

    def margin_threshold(
        self, probability: ArrayLike, *, or_equal: bool = False, dtype: DTypeLike = np.float32
    ) -> Array:
        """`margin_threshold` with the numbers of this loss, for each label its own.

        Parameters
        ----------
        probability, or_equal, dtype
            As `focalboost.calibration.margin_threshold` takes them.

        Returns
        -------
        ndarray of the shape of `probability`; of several labels with a last axis for these

        Raises
        ------
        ValueError
            If the loss is multi-class: its probabilities depend on all margins of a row.
        """
        if self.task == "multiclass":
            raise ValueError(
                "the loss is multiclass, must be binary or multilabel: a probability of several classes "
                "depends on all margins of a row. Compare posterior(margins) with the threshold."
            )
        return margin_threshold(
            probability,
            gamma=self.gamma,
            alpha=self.alpha,
            logit_shift=self.logit_shift,
            or_equal=or_equal,
            dtype=dtype,
        )


def served_loss(record: str | None) -> ServedLoss:
    """Read the record of a saved model with NumPy alone.

    Of a classifier with focal_probability="closed_form" the posterior is without the shift, as its
    predict_proba.

    Parameters
    ----------
    record : str
        XGBoost: `booster.attr("focalboost")`. LightGBM: what follows "focalboost: " in the line
        `[focalboost: {...}]` of the model's text. A loss without a model: `loss.to_json()`. It is read whole
        and as strictly as where a model is loaded.

    Returns
    -------
    ServedLoss

    Raises
    ------
    ValueError
        If the record is none, of a newer format, damaged, or of a multi-class or multi-label loss that was
        not trained; if its class weights are not numbers yet; or if it is of a classifier with
        focal_probability="focal", whose predict_proba is no posterior.

    Examples
    --------
    >>> from focalboost import BinaryFocalLoss
    >>> from focalboost.calibration import served_loss
    >>> loss = served_loss(BinaryFocalLoss(gamma=2.0, alpha=0.25).to_json())
    >>> loss.posterior([-2.0, 0.0]).round(4)
    array([0.0134, 0.75  ])
    >>> round(float(loss.margin_threshold(0.9)), 4)
    0.4104
    """
    if record is None:
        raise ValueError(
            "record == None, must be the text that a model keeps: the booster has none. Train it with "
            "focalboost.xgboost.train, focalboost.lightgbm.train, or a classifier of focalboost."
        )
    name, values, estimator = split(record)
    task = TASKS.get(name) if isinstance(name, str) else None
    if task is None:
        raise damaged(f"loss == {show(name)}, must be one of {', '.join(map(repr, TASKS))}")
    check_loss(name, values)
    alpha = values["alpha"]
    if alpha == _validation.BALANCED:
        raise _untrained("alpha == 'balanced', must be numbers")
    if task != "binary" and values["intercept"] is None:
        raise _untrained(f"intercept == None, must have one number for each of its {SIZES[name][2:]}")
    size = 1 if task == "binary" else len(values["intercept"])
    gammas, weights = _by_class(task, values["gamma"], alpha, size)
    try:
        scaled(weights, np.reshape(values["scale"], (-1, 1) if task == "multilabel" else ()))
    except ValueError as error:
        raise of_constructor(error) from error
    shift, classes = values["logit_shift"], None
    if estimator is not None:
        kept = check_estimator(estimator, name, name, size)
        probability = kept.parameters["focal_probability"]
        if probability not in PROBABILITIES:
            names = ", ".join(map(repr, PROBABILITIES))
            raise damaged(f"focal_probability == {show(probability)}, must be one of {names}")
        if probability == "focal":
            raise ValueError(
                "the stored loss has focal_probability == 'focal', must be 'posterior' or 'closed_form': "
                "predict_proba of that classifier is the sigmoid or softmax of the margin, no posterior. For "
                'the posterior save it after model.set_params(focal_probability="posterior").'
            )
        shift = None if probability == "closed_form" else shift
        classes = kept.classes.tolist()
    shape = () if task == "binary" else (size,)
    shifts = np.zeros(shape) if shift is None else np.array(shift, float)
    return ServedLoss(task, gammas, weights, shifts + _of_all_rows(task, values["sampling_rate"]), classes)


def _untrained(what: str) -> ValueError:
    return ValueError(f"the stored loss has {what}, as after training. Take the record of a trained model.")


def _by_class(task: str, gamma: Any, alpha: Any, size: int) -> tuple[Array, Array]:
    """gamma and class weights of a record as the functions of this wing take them."""
    if task == "multiclass":
        return np.full(size, gamma, float), np.full(size, 1.0 if alpha is None else alpha, float)
    if task == "binary":
        return np.full(2, gamma, float), np.array(class_pair(alpha), float)
    entries = alpha if isinstance(alpha, tuple) else (alpha,) * size
    gammas = np.full(size, gamma, float)
    return np.stack([gammas, gammas], axis=1), np.array([class_pair(entry) for entry in entries], float)


def _of_all_rows(task: str, rate: Any) -> Array:
    """What log-odds get where rows were left out of training, 0 where none was."""
    if rate is None:
        return np.zeros(())
    if task == "multiclass":
        return -log_rates(rate)
    entries = rate if task == "multilabel" and isinstance(rate, tuple) else (rate,)
    logs = log_rates([rate_pair(entry) for entry in entries])
    added = logs[:, 0] - logs[:, 1]
    return added if task == "multilabel" else np.asarray(added[0])
