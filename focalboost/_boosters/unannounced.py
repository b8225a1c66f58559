"""Trainings without the callback of `start`: what is right goes on, what would be wrong is refused.

Without the callback a loss sees its booster only when it is first asked for gradients, and can set nothing.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from focalboost._boosters.call import Call
from focalboost._boosters.caller import announced
from focalboost._boosters.configuration import ATTRIBUTE, check_continued, check_new, learner_config
from focalboost._boosters.continuing import go_on
from focalboost._boosters.parameters import (
    check_lightgbm_parameters,
    check_metrics,
    check_xgboost_parameters,
)
from focalboost._typing import Array

_LARGEST_GAMMA = 10
# Boosters that were looked at, and the loss that asked for it: once each.
_seen: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()


def check_first_call(call: Call, loss: Any, raw: Array) -> None:
    """Look at the calling booster the first time; does nothing where a callback entered the training."""
    update = call.update
    if update is None or update.loss is not None:
        return
    other = announced(update.booster)
    if other is not None and not other.same_meaning(loss):
        raise ValueError(
            f"the objective is {loss!r}, must be the loss of start(), {other!r}: pass one loss to both."
        )
    before = _seen.get(update.booster)
    if before is loss:
        return
    _check_gamma(loss)
    if before is not None:
        go_on(loss, before, "the booster")
    elif update.library == "xgboost":
        matrix = call.dataset if call.dataset is not None else update.matrix
        _check_xgboost(update.booster, matrix, loss, raw)
    else:
        _check_lightgbm(update.booster, call.dataset, loss, raw)
    _seen[update.booster] = loss


def _check_gamma(loss: Any) -> None:
    """The Hessian of an unresolved loss is about 2^-gamma of log loss's: no leaf has min_child_weight."""
    largest = float(np.max(loss.gamma))
    if loss.intercept is None and largest > _LARGEST_GAMMA:
        raise ValueError(
            f"gamma == {largest:g} of a loss that no labels resolved, must be at most {_LARGEST_GAMMA}: its "
            "Hessians are so small that min_child_weight may leave no split. Use loss.for_labels(y), whose "
            "scale makes up for it."
        )


def _check_xgboost(booster: Any, matrix: Any, loss: Any, raw: Array) -> None:
    check_xgboost_parameters(booster)
    if booster.attr(ATTRIBUTE) is not None:
        stored = check_continued(loss, booster)
        if stored.balanced and loss.alpha != stored.alpha:
            raise ValueError(
                f"alpha == {loss.alpha!r} is 'balanced' for other labels than those of xgb_model, must be "
                f"{stored.alpha!r} as there: its margins would be read as other probabilities. Use "
                "focalboost.xgboost.train(loss, params, dtrain, xgb_model=model), or pass "
                "callbacks=[focalboost.xgboost.start(loss)]: both go on with the stored numbers."
            )
        return
    check_new(booster, learner_config(booster))
    if matrix is not None and matrix.get_base_margin().size > 0:
        return  # the user's own start
    if not loss.starts_at(raw):
        wanted = 0 if loss.intercept is None else loss.intercept
        raise ValueError(
            f"training starts at margin {np.asarray(raw[0]).tolist()}, must start at {wanted}: XGBoost is "
            "told neither objective nor base_score, and predict would return margins. Use "
            "focalboost.xgboost.train(loss, params, dtrain), or pass "
            "callbacks=[focalboost.xgboost.start(loss)] with a loss that for_labels has resolved."
        )


def _check_lightgbm(booster: Any, dataset: Any, loss: Any, raw: Array) -> None:
    if booster.current_iteration() > 0:
        raise ValueError(
            "init_model is continued without start(loss), must be continued with it: which loss it was "
            "trained with cannot be checked otherwise. Use focalboost.lightgbm.train(loss, params, "
            "train_set, init_model=model), or callbacks=[focalboost.lightgbm.start(loss)]."
        )
    check_lightgbm_parameters(booster.params)
    if booster.valid_sets:
        check_metrics(booster.params)  # also LGBMClassifier's own, binary_logloss: it would stop training
    dataset = booster.train_set if dataset is None else dataset
    if loss.starts_at(raw) or np.any(dataset.get_init_score()):
        return
    raise ValueError(
        f"training starts at score 0, must start at {loss.intercept}: LightGBM estimates no start for a "
        "custom objective. Use focalboost.lightgbm.train(loss, params, train_set), or pass "
        "callbacks=[focalboost.lightgbm.start(loss)]."
    )
