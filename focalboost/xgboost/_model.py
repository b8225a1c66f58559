"""Models of XGBoost: which loss they were trained with."""

from __future__ import annotations

from typing import Any

import xgboost

from focalboost._boosters.configuration import ATTRIBUTE, learner_config
from focalboost.losses._base import FocalLoss
from focalboost.losses._record import from_json


def stored_loss(booster: Any) -> FocalLoss:
    """The loss that a booster was trained with, from the attributes that its file keeps.

    Parameters
    ----------
    booster : xgboost.Booster, scikit-learn model or path
        Trained with `callbacks=[loss.start()]`, in this process or loaded from a file.

    Returns
    -------
    the loss, with gamma, alpha, intercept and scale as numbers

    Raises
    ------
    ValueError
        If the booster has no stored loss, or a damaged one.

    Examples
    --------
    >>> import numpy as np, xgboost as xgb
    >>> from focalboost import BinaryFocalLoss
    >>> from focalboost.xgboost import stored_loss
    >>> X, y = np.arange(100.0)[:, None], np.arange(100) >= 95
    >>> loss = BinaryFocalLoss(gamma=2.0).for_labels(y)
    >>> booster = xgb.train({}, xgb.DMatrix(X, y), 3, obj=loss, callbacks=[loss.start()])
    >>> stored_loss(booster)
    BinaryFocalLoss(gamma=2.0, alpha=None, intercept=-1.09749)
    """
    text = as_booster(booster).attr(ATTRIBUTE)
    if text is None:
        raise ValueError(
            f"booster.attr({ATTRIBUTE!r}) == None, must be a stored loss: train with "
            "callbacks=[loss.start()], or pass the loss yourself."
        )
    return from_json(text)  # type: ignore[no-any-return]


def from_best_round(booster: xgboost.Booster) -> xgboost.Booster:
    """A model that new trees can be added to: without best_iteration, and without the trees after it.

    Those were found to make it worse, and as long as the attribute stands predict leaves out all trees after
    it, the new ones too. A linear model has no rounds to cut.
    """
    best = booster.attr("best_iteration")
    if best is None:
        return booster
    n_rounds = int(best) + 1
    linear = learner_config(booster)["gradient_booster"]["name"] == "gblinear"
    cut = booster.copy() if linear or n_rounds >= booster.num_boosted_rounds() else booster[:n_rounds]
    cut.set_attr(best_iteration=None, best_score=None)
    return cut


def as_booster(model: Any) -> xgboost.Booster:
    """A Booster of a Booster, a scikit-learn model or a file."""
    if isinstance(model, xgboost.XGBModel):
        return model.get_booster()
    return model if isinstance(model, xgboost.Booster) else xgboost.Booster(model_file=model)
