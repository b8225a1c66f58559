"""The three losses, one for each of scikit-learn's words: binary, multiclass, multilabel."""

from __future__ import annotations

from typing import Any, Literal

from numpy.typing import ArrayLike, NDArray

from focalboost import _validation
from focalboost._binary import BinaryFocalLoss
from focalboost._multiclass import MulticlassFocalLoss
from focalboost._multilabel import MultilabelFocalLoss

__all__ = ["BinaryFocalLoss", "MulticlassFocalLoss", "MultilabelFocalLoss", "posterior"]

_LOSSES = {
    "binary": BinaryFocalLoss,
    "multiclass": MulticlassFocalLoss,
    "multilabel": MultilabelFocalLoss,
}


def posterior(
    raw_prediction: ArrayLike,
    *,
    gamma: Any,
    alpha: Any = None,
    task: Literal["binary", "multiclass", "multilabel"] = "binary",
) -> NDArray[Any]:
    """Class probabilities from the margins of a saved model, for code that serves it.

    Parameters
    ----------
    raw_prediction : array-like of shape (n_samples,), (n_samples, n_classes) or (n_samples, n_labels)
        `predict(..., output_margin=True)` of XGBoost, `predict(..., raw_score=True)` of LightGBM.
    gamma, alpha
        As the loss of that task takes them, with the class weights as numbers: those of
        `focalboost.xgboost.stored_loss(booster)` if the model keeps its loss.
    task : {"binary", "multiclass", "multilabel"}, default="binary"
        What the margins are of.

    Returns
    -------
    ndarray of the shape of `raw_prediction`, float64
        Binary: the probability of class 1.

    Raises
    ------
    ValueError
        If a parameter or a shape is not valid, or alpha is "balanced".

    Examples
    --------
    >>> from focalboost import posterior
    >>> posterior([-2.0, 0.0], gamma=2.0, alpha=0.25).round(4)
    array([0.0134, 0.75  ])
    """
    _validation.check_choice("task", task, _LOSSES)
    result: NDArray[Any] = _LOSSES[task](gamma, alpha).posterior(raw_prediction)
    return result
