"""The three losses, one for each of scikit-learn's words: binary, multiclass, multilabel.

Start with `BinaryFocalLoss`. All three are also at the top of `focalboost`, as is `posterior`, the
probabilities of a saved model.
"""

from __future__ import annotations

from typing import Any, Literal

from numpy.typing import ArrayLike

from focalboost import _validation
from focalboost._typing import Array
from focalboost.losses._base import FocalLoss
from focalboost.losses._binary import BinaryFocalLoss
from focalboost.losses._multiclass import MulticlassFocalLoss
from focalboost.losses._multilabel import MultilabelFocalLoss

__all__ = ["BinaryFocalLoss", "MulticlassFocalLoss", "MultilabelFocalLoss", "posterior"]


LOSSES: dict[str, type[FocalLoss]] = {
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
    logit_shift: Any = None,
    sampling_rate: Any = None,
) -> Array:
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
    logit_shift : None, float, or one per class or label, default=None
        That of the stored loss, which puts the mean over the training rows at their rate.
    sampling_rate
        As the loss of that task takes it: share of the rows that was kept for training. The probabilities are
        those of all rows.

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
    _validation.check_choice("task", task, LOSSES)
    loss = LOSSES[task](gamma, alpha, sampling_rate=sampling_rate)
    return loss.with_shift(logit_shift).posterior(raw_prediction)


for _name in __all__:
    globals()[_name].__module__ = "focalboost"  # pickles name the public path, whatever file a thing moves to
