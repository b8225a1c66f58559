"""The start at the best constant, and the loss kept in the model."""

from __future__ import annotations

import json
from typing import Any

import xgboost
from xgboost.callback import TrainingCallback

from focalboost._interop import calls_counted, check_version, check_xgboost_parameters
from focalboost._loss import FocalLoss
from focalboost._record import from_json, to_json

check_version("xgboost", xgboost.__version__)

ATTRIBUTE = "focalboost"


def _linear_parameters(booster: xgboost.Booster) -> dict[str, Any]:
    """Parameters of a linear booster's updater, which XGBoost 3 resets whenever any parameter is set."""
    found = json.loads(booster.save_config())["learner"]["gradient_booster"]
    if found["name"] != "gblinear":
        return {}
    updater = found["updater"]
    return {**updater["linear_train_param"], **updater.get("coordinate_param", {})}


class _Start(TrainingCallback):
    """Sets objective and base_score before round 0 of a new model; stores the loss in the model."""

    def __init__(self, loss: FocalLoss) -> None:
        super().__init__()
        self.loss = loss
        self._calls: int | None = None  # before the first round

    def _parameters(self) -> dict[str, Any]:
        score = self.loss.base_score
        parameters: dict[str, Any] = {"objective": self.loss.objective}
        # A list of np.float64 reaches XGBoost as text that it cannot parse; these are Python floats.
        parameters["base_score"] = list(score) if isinstance(score, tuple) else score
        n_classes = getattr(self.loss, "n_classes", None)
        if n_classes is not None:
            parameters["num_class"] = n_classes
        return parameters

    def before_training(self, model: Any) -> Any:
        boosters = [fold.bst for fold in model.cvfolds] if hasattr(model, "cvfolds") else [model]
        for booster in boosters:
            # Before the objective is set: the check reads what the user's params made of it.
            if booster.num_boosted_rounds() == 0:
                check_xgboost_parameters(booster, getattr(self.loss, "n_classes", None))
                # A base_score given to a continued model would replace the intercept of its trees.
                booster.set_param(_linear_parameters(booster) | self._parameters())
            booster.set_attr(**{ATTRIBUTE: to_json(self.loss)})
        self._calls = calls_counted()
        return model

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """XGBoost on Spark takes `obj` through a door that is not documented, and may be closed."""
        if self._calls is not None and self._calls == calls_counted():
            raise RuntimeError(
                f"obj must be {self.loss!r}: a round was trained without it. Pass obj=loss to train, cv or "
                "SparkXGBClassifier, objective=loss to XGBClassifier or DaskXGBClassifier. If you did, "
                f"XGBoost {xgboost.__version__} does not hand it on: use another version."
            )
        self._calls = None
        return False


def start_callback(loss: FocalLoss) -> TrainingCallback:
    """The callback behind `loss.start()`."""
    return _Start(loss)


def stored_loss(booster: xgboost.Booster) -> FocalLoss:
    """The loss that a booster was trained with, from the attributes that its file keeps.

    Parameters
    ----------
    booster : xgboost.Booster
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
    BinaryFocalLoss(gamma=2.0, alpha=None)
    """
    text = booster.attr(ATTRIBUTE)
    if text is None:
        raise ValueError(
            f"booster.attr({ATTRIBUTE!r}) == None, must be a stored loss: train with "
            "callbacks=[loss.start()], or pass the loss yourself."
        )
    return from_json(text)
