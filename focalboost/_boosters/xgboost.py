"""The callback around a training of XGBoost: the start of a new model, the check of a continued one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xgboost
from scipy.sparse import csr_matrix
from scipy.special import logit
from xgboost.callback import TrainingCallback

from focalboost._boosters.call import check_version, shaped_like
from focalboost._boosters.caller import calls_counted, enter, leave, trained_on
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
from focalboost._boosters.workers import sum_over_workers

check_version("xgboost", xgboost.__version__)

# XGBoost's own choice where params name none, the second with num_class.
_DEFAULT_OBJECTIVES = {"reg:squarederror", "multi:softmax"}


class Start(TrainingCallback):
    """Starts new models at the best constant, checks continued ones, and keeps the loss in both.

    A new model has neither a record of a loss nor trees.
    """

    def __init__(
        self,
        loss: Any,
        record: str | None = None,
        at_end: Callable[[Any], None] | None = None,
        *,
        checked: bool = False,
    ) -> None:
        super().__init__()
        self.loss, self.record = loss, record
        # Whether the names of all parameters were looked at: XGBoost is kept from warning of any.
        self._checked = checked
        # Called with the finished model. A callback of its own would not do: XGBoost 3.1.0 and 3.1.1 keep
        # callbacks in a set, and call them in any order.
        self._at_end = at_end
        self._n_classes: int | None = getattr(loss, "n_classes", None)
        self._losses: dict[int, Any] = {}  # that boosters in training go on with, by their id
        self._before: Any = None  # the shift of a continued model
        self._trained: xgboost.Booster | None = None  # a booster that a round was trained of
        self._calls: int | None = None  # before the first round

    # ------------------------------------------------------------------ before the first round
    def before_training(self, model: Any) -> Any:
        for booster, _ in _boosters(model):
            try:
                self._losses[id(booster)] = self._begin(booster)
            except KeyError as error:
                raise _unknown_version(f"has no {error} in save_config()") from error
        self._calls = calls_counted()
        return model

    def _begin(self, booster: xgboost.Booster) -> Any:
        if self._checked:
            # Before the first configuration, which warns; Booster itself sets it to True.
            booster.set_param({"validate_parameters": False})
        if booster.attr(ATTRIBUTE) is not None:
            loss = check_continued(self.loss, booster)
            check_xgboost_parameters(booster, self._n_classes)
            self._before = self.loss.from_json(booster.attr(ATTRIBUTE)).logit_shift
            record = self.record or booster.attr(ATTRIBUTE)
            booster.set_attr(**{ATTRIBUTE: loss.recorded(record, self._before)})
            return loss
        learner = learner_config(booster)
        check_xgboost_parameters(booster, self._n_classes)
        check_new(booster, learner)
        self._check_new(learner)
        parameters = self._parameters()
        booster.set_param(forgotten(learner) | parameters)
        self._check_set(booster, parameters)
        booster.set_attr(**{ATTRIBUTE: self.loss.recorded(self.record or self.loss.to_json(), None)})
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

    def _check_set(self, booster: xgboost.Booster, parameters: dict[str, Any]) -> None:
        """Read back what was set: else a change in XGBoost would give another start or transform silently."""
        learner = learner_config(booster)
        found = {"objective": learner["learner_train_param"]["objective"]}
        if self._n_classes is not None:
            found["num_class"] = int(learner["learner_model_param"]["num_class"])
        for name, value in found.items():
            if value != parameters[name]:
                raise _unknown_version(
                    f"has {name} == {value!r} after set_param({name}={parameters[name]!r})"
                )
        # And what it means: the margins of a row without features, before any tree.
        row = xgboost.DMatrix(csr_matrix((1, booster.num_features())), nthread=1)
        start = booster.predict(row, output_margin=True, validate_features=False).reshape(1, -1)
        wanted = np.atleast_2d(np.asarray(parameters["base_score"], float))
        if self._n_classes is None:
            wanted = logit(wanted)
        # float32 of the probability p and of the margin: the margin changes by 1 / (1 - p) of what p does.
        rounding = 2.0**-23 * (1.0 + np.exp(wanted)) if self._n_classes is None else 0.0
        # Several classes may be shifted by one number, which softmax does not see.
        off = self.loss._difference(start - wanted)
        if not (np.abs(off) <= 1e-5 * np.maximum(1.0, np.abs(wanted)) + rounding).all():
            raise _unknown_version(f"starts at margin {shown(start[0])} and not at {shown(wanted[0])}")

    # ------------------------------------------------------------------ every round
    def before_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """The loss finds its booster by what is entered here."""
        for booster, matrix in _boosters(model):
            if self._trained is None and self._before is not None:
                # The shift of the model so far is not that of the model to come.
                record = booster.attr(ATTRIBUTE)
                booster.set_attr(**{ATTRIBUTE: self._losses[id(booster)].recorded(record, None)})
            enter("xgboost", booster, self.loss, self._losses[id(booster)], matrix)
        return False

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """XGBoost on Spark takes `obj`, which its documentation does not name: a version may ignore it."""
        for booster, _ in _boosters(model):
            leave(booster)
            self._trained = booster
        if self._calls is not None and self._calls == calls_counted():
            raise RuntimeError(
                f"obj must be {self.loss!r}: a round was trained without it. Pass obj=loss to train, cv or "
                "SparkXGBClassifier, objective=loss to XGBClassifier or DaskXGBClassifier. If you did, "
                f"XGBoost {xgboost.__version__} does not hand it on: use another version."
            )
        self._calls = None
        return False

    # ------------------------------------------------------------------ after the last round
    def after_training(self, model: Any) -> Any:
        """The rows of the training are at hand only now: the posterior's mean is put at their rate."""
        trained, self._trained = self._trained, None
        if isinstance(model, xgboost.Booster) and trained is not None:
            # Another callback may hand on a part of the booster that was trained, which is another object.
            self._calibrate(model, self._losses[id(trained)], trained_on(trained))
        if self._at_end is not None:
            self._at_end(model)
        return model

    def _calibrate(self, booster: xgboost.Booster, loss: Any, matrix: Any) -> None:
        # All workers of a cluster sum together, or none.
        known, workers = sum_over_workers(np.array([float(matrix is not None), 1.0]))
        if known < workers:
            return
        raw = loss.margins_of(_final_margins(booster, matrix))
        labels = shaped_like(matrix.get_label(), raw)
        weight = matrix.get_weight()
        weights = weight if weight.size else None
        shift = loss.trained_shift(labels, raw, weights, sum_over_workers, self._before)
        booster.set_attr(**{ATTRIBUTE: loss.recorded(booster.attr(ATTRIBUTE), shift)})


def _final_margins(booster: xgboost.Booster, matrix: xgboost.DMatrix) -> Any:
    """Of the rows that it was trained on, after the best round."""
    best = booster.attr("best_iteration")
    rounds = 0 if best is None else int(best) + 1
    if learner_config(booster)["gradient_booster"]["name"] == "gblinear":
        rounds = 0  # it has no rounds to choose from
    return booster.predict(matrix, output_margin=True, iteration_range=(0, rounds))


def _unknown_version(what: str) -> RuntimeError:
    """For what set_param did in all versions up to now."""
    return RuntimeError(
        f"XGBoost {xgboost.__version__} {what}: this version of focalboost cannot start a model with "
        "it. Use another version of XGBoost (3.1 to 3.4 are tested), or a newer focalboost."
    )


def _boosters(model: Any) -> list[tuple[xgboost.Booster, Any]]:
    """The booster, or those of the folds of cv with what they train on."""
    if hasattr(model, "cvfolds"):
        return [(fold.bst, fold.dtrain) for fold in model.cvfolds]
    return [(model, None)]
