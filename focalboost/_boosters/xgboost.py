"""The callback around a training of XGBoost: the start of a new model, the check of a continued one."""

from __future__ import annotations

from typing import Any

import numpy as np
import xgboost
from xgboost.callback import TrainingCallback

from focalboost._boosters.call import check_version
from focalboost._boosters.caller import calls_counted, enter, leave
from focalboost._boosters.configuration import (
    ATTRIBUTE,
    base_scores,
    check_continued,
    check_new,
    forgotten,
    learner_config,
    shown,
)
from focalboost._boosters.parameters import check_xgboost_parameters

check_version("xgboost", xgboost.__version__)

# XGBoost's own choice where params name none, the second with num_class.
_DEFAULT_OBJECTIVES = {"reg:squarederror", "multi:softmax"}


class Start(TrainingCallback):
    """Starts new models at the best constant, checks continued ones, and keeps the loss in both.

    A new model has neither a record of a loss nor trees.
    """

    def __init__(self, loss: Any, record: str | None = None) -> None:
        super().__init__()
        self.loss, self.record = loss, record
        self._n_classes: int | None = getattr(loss, "n_classes", None)
        self._losses: dict[int, Any] = {}  # that boosters in training go on with, by their id
        self._calls: int | None = None  # before the first round

    # ------------------------------------------------------------------ before the first round
    def before_training(self, model: Any) -> Any:
        for booster, _ in _boosters(model):
            self._losses[id(booster)] = self._begin(booster)
        self._calls = calls_counted()
        return model

    def _begin(self, booster: xgboost.Booster) -> Any:
        if booster.attr(ATTRIBUTE) is not None:
            loss = check_continued(self.loss, booster)
            check_xgboost_parameters(booster, self._n_classes)
            if self.record is not None:
                booster.set_attr(**{ATTRIBUTE: self.record})
            return loss
        learner = learner_config(booster)
        check_xgboost_parameters(booster, self._n_classes)
        check_new(booster, learner)
        self._check_new(learner)
        booster.set_param(forgotten(learner) | self._parameters())
        booster.set_attr(**{ATTRIBUTE: self.record or self.loss.to_json()})
        return self.loss

    def _check_new(self, learner: Any) -> None:
        """Parameters that would move the start or the transform of the margins."""
        found = learner["learner_train_param"]["objective"]
        if found not in {*_DEFAULT_OBJECTIVES, self.loss.objective}:
            raise ValueError(
                f"objective == {found!r} in params, must be left out or {self.loss.objective!r}: it is the "
                "transform of the margins, and focal loss has this one."
            )
        wanted, scores = np.atleast_1d(self.loss.base_score), base_scores(learner)
        # "boost_from_average" is 0 where the user named a base_score.
        named = learner["learner_model_param"]["boost_from_average"] == "0"
        if named and not (scores.size == wanted.size and np.allclose(scores, wanted, rtol=1e-6)):
            raise ValueError(
                f"base_score == {shown(scores)} in params, must be left out: training starts at the best "
                f"constant, {shown(wanted)}. For a start of your own give the data set a base_margin."
            )

    def _parameters(self) -> dict[str, Any]:
        score = self.loss.base_score
        parameters: dict[str, Any] = {"objective": self.loss.objective}
        # A list of np.float64 reaches XGBoost as text that it cannot parse; these are Python floats.
        parameters["base_score"] = list(score) if isinstance(score, tuple) else score
        if self._n_classes is not None:
            parameters["num_class"] = self._n_classes
        return parameters

    # ------------------------------------------------------------------ every round
    def before_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """The loss finds its booster by what is entered here."""
        for booster, matrix in _boosters(model):
            enter("xgboost", booster, self.loss, self._losses[id(booster)], matrix)
        return False

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """XGBoost on Spark takes `obj`, which its documentation does not name: a version may ignore it."""
        for booster, _ in _boosters(model):
            leave(booster)
        if self._calls is not None and self._calls == calls_counted():
            raise RuntimeError(
                f"obj must be {self.loss!r}: a round was trained without it. Pass obj=loss to train, cv or "
                "SparkXGBClassifier, objective=loss to XGBClassifier or DaskXGBClassifier. If you did, "
                f"XGBoost {xgboost.__version__} does not hand it on: use another version."
            )
        self._calls = None
        return False


def _boosters(model: Any) -> list[tuple[xgboost.Booster, Any]]:
    """The booster, or those of the folds of cv with what they train on."""
    if hasattr(model, "cvfolds"):
        return [(fold.bst, fold.dtrain) for fold in model.cvfolds]
    return [(model, None)]
