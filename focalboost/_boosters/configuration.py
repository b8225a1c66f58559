"""What the configuration of an XGBoost booster says: new or continued, and whether anything moved.

All that starts and checks trainings of XGBoost asks here, with the callback of `start` and without.
"""

from __future__ import annotations

import json
import logging
from typing import Any

import numpy as np

from focalboost._boosters.continuing import check_agrees, go_on, no_record

logger = logging.getLogger("focalboost")
ATTRIBUTE = "focalboost"  # of a booster, where the record of the loss is kept
# Updaters that make no trees, for process_type="update".
_OF_UPDATE = {"refresh", "prune", "sync"}


def learner_config(booster: Any) -> Any:
    """The part of the configuration that all of this package reads; asking configures the booster."""
    return json.loads(booster.save_config())["learner"]


def base_scores(learner: Any) -> np.ndarray:
    """base_score as a configuration has it: "5E-1" or "[5E-1,2E-1]", by version."""
    return np.atleast_1d(np.array(json.loads(learner["learner_model_param"]["base_score"]), float))


def forgotten(learner: Any) -> dict[str, Any]:
    """What XGBoost would forget when any parameter is set after its first configuration.

    The updater that the user named, and all parameters of a linear booster's updater.
    """
    kind = learner["gradient_booster"]
    if kind["name"] == "gblinear":
        updater = kind["updater"]
        return {**updater["linear_train_param"], **updater.get("coordinate_param", {})}
    if _trees(learner).get("specified_updater"):
        return {"updater": ",".join(_updaters(learner))}
    return {}


def _trees(learner: Any) -> Any:
    """The configuration of the trees, which dart keeps one level down in XGBoost 3.1 and 3.2."""
    kind = learner["gradient_booster"]
    return kind.get("gbtree", kind)


def _updaters(learner: Any) -> list[str]:
    found = _trees(learner).get("updater", [])
    return [item["name"] for item in found] if isinstance(found, list) else list(found)


def shown(scores: np.ndarray) -> str:
    values = [f"{value:.6g}" for value in scores]
    return values[0] if len(values) == 1 else f"[{', '.join(values)}]"


def check_new(booster: Any, learner: Any) -> None:
    """Refuse a model with trees, or with trees to update, of which no loss is known."""
    updaters = set(_updaters(learner))
    if booster.num_boosted_rounds() > 0 or (updaters and updaters <= _OF_UPDATE):
        raise no_record("xgb_model")


def check_stored(stored: Any, booster: Any, name: str) -> None:
    """An error where a booster's record is that of another model."""
    learner = learner_config(booster)
    sizes = learner["learner_model_param"]
    n_outputs = max(1, int(sizes["num_class"]), int(sizes["num_target"]))
    objective = learner["learner_train_param"]["objective"]
    check_agrees(stored, name, n_outputs, objective, stored.objective, {"binary:logistic", "multi:softprob"})


def check_continued(asked: Any, booster: Any) -> Any:
    """The loss that a model with a record goes on with; an error where it or its parameters moved."""
    # First of all, as XGBoost's own errors of other sizes name no cure.
    loss = go_on(asked, asked.from_json(booster.attr(ATTRIBUTE)), "xgb_model")
    learner = learner_config(booster)
    found = learner["learner_train_param"]["objective"]
    scores = base_scores(learner)
    # Of a loss that was not resolved the start is not known: XGBoost's own.
    wanted = scores if loss.intercept is None else np.atleast_1d(loss.base_score)
    if found != loss.objective:
        raise ValueError(
            f"objective == {found!r} in params, must be left out: the continued model has "
            f"{loss.objective!r}, and predict would transform its margins in another way."
        )
    if scores.size != wanted.size or not np.allclose(scores, wanted, rtol=1e-6):
        raise ValueError(
            f"base_score == {shown(scores)} in params, must be left out: the continued model has "
            f"{shown(wanted)}, and all its predictions would move."
        )
    _forget_best_round(booster)
    return loss


def _forget_best_round(booster: Any) -> None:
    """Of a model that was stopped early: inherited, it would keep predict from the new trees."""
    best = booster.attr("best_iteration")
    if best is None:
        return
    logger.warning(
        "xgb_model was stopped early at round %s: training goes on from all its %d rounds, and predict uses "
        "all. focalboost.xgboost.train goes on from the best round.",
        best,
        booster.num_boosted_rounds(),
    )
    booster.set_attr(best_iteration=None, best_score=None)
