"""Who is compared: estimators of scikit-learn's interface, their search spaces, and their staged predictions.

xgboost, lightgbm
    log loss   the booster's own objective
    weighted   the same with class weights n_k^-power, power searched: `scale_pos_weight`, or weights of the
               rows of several classes; probabilities as they come
    focal 0    focalboost with gamma 0 and the same weights searched; the posterior takes them back
    focal      focalboost, gamma and weights searched; the posterior
catboost (binary sets)
    log loss   Logloss
    focal      its own Focal, gamma and alpha searched; probabilities as they come

With several labels a row `log loss` is focalboost at gamma 0 with both boosters (LightGBM has no objective
for them; gamma 0 trains the built-in's model to 1e-6), and there is no `weighted`.

All search the booster's parameters in the same space, and the first trial of each is log loss with the
booster's defaults (of CatBoost's Focal, which refuses gamma 0, the paper's gamma 2 and alpha 0.25).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from focalboost.tuning import class_weights, suggest_booster, suggest_focal

Array = NDArray[Any]

# Where a model is looked at: the number of rounds is searched among these, by the mean over the folds.
STAGES = (5, 10, 15, 20, 30, 40, 50, 70, 90, 110, 130, 150)

LOG_LOSS, WEIGHTED, FOCAL_0, FOCAL = "log loss", "weighted", "focal 0", "focal"

# Log loss with the booster's defaults, in the spaces below.
DEFAULTS: dict[str, dict[str, float]] = {
    "xgboost": {
        "learning_rate": 0.3, "max_depth": 6, "min_child_weight": 1.0, "reg_lambda": 1.0, "subsample": 1.0,
        "colsample_bytree": 1.0,
    },
    "lightgbm": {
        "learning_rate": 0.1, "num_leaves": 31, "min_child_samples": 20, "min_child_weight": 1e-3,
        "reg_lambda": 1e-3, "subsample": 1.0, "colsample_bytree": 1.0,
    },
    "catboost": {"learning_rate": 0.1, "depth": 6, "l2_leaf_reg": 3.0, "subsample": 0.8, "rsm": 1.0},
}  # fmt: skip
NO_FOCUS = {"focal_gamma": 0.0, "focal_alpha_power": 0.0}
PAPER = {"focal_gamma": 2.0, "focal_alpha": 0.25}


def contenders(booster: str, task: str) -> tuple[str, ...]:
    """Who takes part."""
    if booster == "catboost":
        return (LOG_LOSS, FOCAL) if task == "binary" else ()
    if task == "multilabel":
        return (LOG_LOSS, FOCAL_0, FOCAL)
    return (LOG_LOSS, WEIGHTED, FOCAL_0, FOCAL)


def first_trial(booster: str, contender: str) -> dict[str, float]:
    """Where every search begins."""
    if booster == "catboost":
        return DEFAULTS[booster] | (PAPER if contender == FOCAL else {})
    searched = {WEIGHTED: ("focal_alpha_power",), FOCAL_0: ("focal_alpha_power",), FOCAL: tuple(NO_FOCUS)}
    return DEFAULTS[booster] | dict.fromkeys(searched.get(contender, ()), 0.0)


def suggest(trial: Any, booster: str, contender: str) -> dict[str, float]:
    """The parameters of one trial."""
    params: dict[str, float] = {}
    if booster == "catboost":
        params["learning_rate"] = trial.suggest_float("learning_rate", 0.02, 0.3, log=True)
        params["depth"] = trial.suggest_int("depth", 3, 8)
        params["l2_leaf_reg"] = trial.suggest_float("l2_leaf_reg", 0.3, 30.0, log=True)
        params["subsample"] = trial.suggest_float("subsample", 0.5, 1.0)
        params["rsm"] = trial.suggest_float("rsm", 0.4, 1.0)
        if contender == FOCAL:
            params["focal_gamma"] = trial.suggest_float("focal_gamma", 0.05, 5.0)
            params["focal_alpha"] = trial.suggest_float("focal_alpha", 0.05, 0.95)
        return params
    params.update(suggest_booster(trial, booster))
    if contender in {WEIGHTED, FOCAL_0}:
        # The range of suggest_focal's.
        params["focal_alpha_power"] = trial.suggest_float("focal_alpha_power", -0.25, 1.0)
    elif contender == FOCAL:
        params.update(suggest_focal(trial))
    return params


def fit(
    booster: str, contender: str, params: dict[str, float], X: Array, y: Array, *, rounds: int, seed: int
) -> Any:
    """The fitted estimator, on one thread: the processes of the study take the cores."""
    params = dict(params)
    if booster == "catboost":
        return _catboost(params, rounds, seed).fit(X, y)
    plain = contender in {LOG_LOSS, WEIGHTED} and y.ndim == 1
    power = params.pop("focal_alpha_power", 0.0)
    gamma = params.pop("focal_gamma", 0.0)
    options: dict[str, Any] = {**params, "n_estimators": rounds, "random_state": seed, "n_jobs": 1}
    if not plain:
        options |= {"focal_gamma": gamma, "focal_alpha_power": power}
    weight = None
    if contender == WEIGHTED:
        weights = np.asarray(class_weights(y, power))
        if len(weights) == 2:
            options["scale_pos_weight"] = float(weights[1] / weights[0])
        else:
            weight = weights[y]
    if booster == "xgboost":
        from xgboost import XGBClassifier  # noqa: PLC0415  # CatBoost runs without it

        from focalboost.xgboost import FocalXGBClassifier  # noqa: PLC0415

        model = (XGBClassifier if plain else FocalXGBClassifier)(tree_method="hist", **options)
    else:
        from lightgbm import LGBMClassifier  # noqa: PLC0415  # as above

        from focalboost.lightgbm import FocalLGBMClassifier  # noqa: PLC0415

        # Bagging needs both; LightGBM ignores subsample without the other.
        options |= {"subsample_freq": 1, "verbosity": -1}
        model = (LGBMClassifier if plain else FocalLGBMClassifier)(**options)
    return model.fit(X, y, sample_weight=weight)


def _catboost(params: dict[str, float], rounds: int, seed: int) -> Any:
    from catboost import CatBoostClassifier  # noqa: PLC0415  # not in the project's environment

    loss = "Logloss"
    if "focal_gamma" in params:
        gamma, alpha = params.pop("focal_gamma"), params.pop("focal_alpha")
        loss = f"Focal:focal_alpha={alpha};focal_gamma={gamma}"
    return CatBoostClassifier(
        loss_function=loss, iterations=rounds, random_seed=seed, thread_count=1, bootstrap_type="Bernoulli",
        # CatBoost's default of small sets, Ordered, takes three times as long.
        boosting_type="Plain", allow_writing_files=False, verbose=False, **params,
    )  # fmt: skip


def staged(booster: str, model: Any, X: Array, stages: tuple[int, ...]) -> Iterator[Array]:
    """Probabilities after each number of rounds: of class 1 if binary, of all classes or labels if not."""
    for stage in stages:
        if booster == "xgboost":
            p = model.predict_proba(X, iteration_range=(0, stage))
        elif booster == "lightgbm":
            p = model.predict_proba(X, num_iteration=stage)
        else:
            p = model.predict_proba(X, ntree_end=stage)
        p = np.asarray(p, float)
        one_label = np.ndim(model.classes_) == 1 and len(model.classes_) == 2 and p.shape[1] == 2
        yield p[:, 1] if one_label else p
