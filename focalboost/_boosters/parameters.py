"""Parameters that a booster ignores when the objective is not its own: one table for each booster."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from focalboost._boosters.names import lightgbm_aliases
from focalboost._validation import show

# LightGBM hands its metrics scores without intercept and transform; these look at the order only.
RANKING = ("auc", "average_precision", "auc_mu")
NO_METRIC = ("", "none", "na", "null", "custom")


class Ignored(NamedTuple):
    """The values that change nothing, and the cures."""

    neutral: tuple[object, ...]
    of_loss: str | None
    """What to do where a loss is the objective; None where the booster heeds the parameter."""
    of_classifier: str
    """What to do in a classifier."""


_COUNTED = "Leave it out: the classes are counted in y."
_WEIGHT = "Set focal_alpha=(1, weight), focal_alpha='balanced' or focal_alpha_power instead."
_OBJECTIVE = "Leave it out: the objective is focal loss; focal_gamma=0 is log loss."

XGBOOST = {
    "objective": Ignored((), None, _OBJECTIVE),
    "scale_pos_weight": Ignored(
        (1,), "Pass alpha=(1, {}) to the loss, and remove scale_pos_weight.", _WEIGHT
    ),
    "base_score": Ignored((), None, "Leave it out: training starts at the best constant."),
    "num_class": Ignored((), None, _COUNTED),
}

_BALANCED = Ignored(
    (False,),
    "Pass alpha='balanced' to the loss, use loss.for_labels(y), and remove it.",
    "Set focal_alpha='balanced' or focal_alpha_power instead.",
)
_BAGGING = Ignored(
    (1,),
    "Use bagging_fraction and bagging_freq, or remove it.",
    "Set subsample and subsample_freq instead.",
)
LIGHTGBM = {
    **dict.fromkeys(
        ("objective", "objective_type", "app", "application", "loss"), Ignored((), None, _OBJECTIVE)
    ),
    **dict.fromkeys(("is_unbalance", "unbalance", "unbalanced_sets"), _BALANCED),
    "scale_pos_weight": Ignored((1,), "Pass alpha=(1, weight) to the loss, and remove it.", _WEIGHT),
    # Of LightGBM's Huber and quantile losses; L1 regularisation is lambda_l1 or reg_alpha.
    "alpha": Ignored((), "Pass alpha to the loss, and remove it.", "For focal loss pass focal_alpha."),
    # On by default: it counts only where it is asked for.
    "boost_from_average": Ignored(
        (False,),
        "Use focalboost.lightgbm.train or callbacks=[focalboost.lightgbm.start(loss)], and remove it.",
        "Leave it out: training starts at the best constant.",
    ),
    "sigmoid": Ignored(
        (1,), "The losses have sigmoid 1; remove it.", "Leave it out: focal loss has sigmoid 1."
    ),
    **dict.fromkeys(("num_class", "num_classes"), Ignored((), None, _COUNTED)),
    **dict.fromkeys(
        [
            f"{sign}_{name}"
            for sign in ("pos", "neg")
            for name in ("bagging_fraction", "sub_row", "subsample", "bagging")
        ],
        _BAGGING,
    ),
}
TABLES = {"XGBoost": XGBOOST, "LightGBM": LIGHTGBM}


def _meant(value: object) -> object:
    """A value as the boosters read it: "true" and 1 are True, "1.0" is 1."""
    word = str(value).lower()
    if word in ("true", "false"):
        return float(word == "true")
    try:
        return float(word)
    except ValueError:
        return value


def _check(owner: str, name: str, value: object, neutral: tuple[object, ...], cure: str) -> None:
    """Raise for a parameter that the booster ignores when the objective is not its own."""
    if _meant(value) not in [_meant(ok) for ok in neutral]:
        rule = show(neutral[0]) if neutral else None
        raise ValueError(
            f"{name} == {show(value)}, must be {rule}: {owner} ignores it with a custom objective. {cure}"
        )


def check_xgboost_parameters(booster: Any, n_classes: int | None = None) -> None:
    """scale_pos_weight and num_class, read from the configuration, which takes about 50 microseconds."""
    learner = json.loads(booster.save_config())["learner"]
    num_class = int(learner["learner_model_param"]["num_class"])
    if n_classes is not None and num_class not in (0, n_classes):
        raise ValueError(
            f"num_class == {num_class}, must be {n_classes}: the labels that the loss was resolved for have "
            f"{n_classes} classes. Leave num_class out, or resolve the loss for all labels."
        )
    name = "scale_pos_weight"
    value = float(learner["objective"].get("reg_loss_param", {}).get(name, 1))
    rule = XGBOOST[name]
    number = int(value) if value.is_integer() else value
    _check("XGBoost", name, number, rule.neutral, str(rule.of_loss).format(number))


def check_lightgbm_parameters(params: Mapping[str, Any]) -> None:
    """Parameters that LightGBM's own objectives read and a callable one never sees."""
    for name, rule in LIGHTGBM.items():
        if rule.of_loss is not None and params.get(name) is not None:
            _check("LightGBM", name, params[name], rule.neutral, rule.of_loss)


def take_ignored(owner: str, params: dict[str, Any]) -> None:
    """Refuse parameters of a classifier that cannot act, and take those out that change nothing."""
    for name, rule in TABLES[owner].items():
        value = params.pop(name, None)
        # "Start at 0" would change something: the classifiers start at the best constant.
        neutral = () if name == "boost_from_average" else rule.neutral
        if value is not None:
            _check(owner, name, value, neutral, rule.of_classifier)


def check_metrics(params: Any) -> None:
    """Refuse LightGBM's metrics that need more than the order of the scores."""
    for name in lightgbm_aliases("metric"):
        value = params.get(name)
        asked = value if isinstance(value, list | tuple | set) else str(value or "").split(",")
        for metric in asked:
            word = str(metric).strip().lower()
            if word not in (*RANKING, *NO_METRIC):
                raise ValueError(
                    f"{name} == {metric!r} in params, must be one of {', '.join(map(repr, RANKING))}: "
                    "LightGBM hands its other metrics scores without start and transform when the objective "
                    "is not its own. Pass metric='None', loss.metric as feval or eval_metric, and others "
                    "beside it."
                )
