"""The callback that starts XGBoost's training at the best constant and keeps the loss in the model."""

from __future__ import annotations

import json
from typing import Any, ClassVar, Protocol

import xgboost
from xgboost.callback import TrainingCallback

from focalboost._boosters.call import check_version
from focalboost._boosters.caller import calls_counted
from focalboost._boosters.parameters import check_xgboost_parameters

check_version("xgboost", xgboost.__version__)

ATTRIBUTE = "focalboost"  # of the booster, where the record of the loss is kept


class Resolved(Protocol):
    """What the callback must know of a loss."""

    objective: ClassVar[str]

    @property
    def base_score(self) -> Any:
        """The intercept in the unit that XGBoost's base_score has."""

    def to_json(self) -> str:
        """The record that the model keeps."""


def _linear_parameters(booster: xgboost.Booster) -> dict[str, Any]:
    """Parameters of a linear booster's updater, which XGBoost 3 resets whenever any parameter is set."""
    found = json.loads(booster.save_config())["learner"]["gradient_booster"]
    if found["name"] != "gblinear":
        return {}
    updater = found["updater"]
    return {**updater["linear_train_param"], **updater.get("coordinate_param", {})}


class Start(TrainingCallback):
    """Sets objective and base_score before round 0 of a new model; stores the loss in the model."""

    def __init__(self, loss: Resolved) -> None:
        super().__init__()
        self.loss = loss
        self._n_classes: int | None = getattr(loss, "n_classes", None)
        self._calls: int | None = None  # before the first round

    def _parameters(self) -> dict[str, Any]:
        score = self.loss.base_score
        parameters: dict[str, Any] = {"objective": self.loss.objective}
        # A list of np.float64 reaches XGBoost as text that it cannot parse; these are Python floats.
        parameters["base_score"] = list(score) if isinstance(score, tuple) else score
        if self._n_classes is not None:
            parameters["num_class"] = self._n_classes
        return parameters

    def before_training(self, model: Any) -> Any:
        boosters = [fold.bst for fold in model.cvfolds] if hasattr(model, "cvfolds") else [model]
        for booster in boosters:
            # Before the objective is set: the check reads what the user's params made of it.
            if booster.num_boosted_rounds() == 0:
                check_xgboost_parameters(booster, self._n_classes)
                # A base_score given to a continued model would replace the intercept of its trees.
                booster.set_param(_linear_parameters(booster) | self._parameters())
            booster.set_attr(**{ATTRIBUTE: self.loss.to_json()})
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
