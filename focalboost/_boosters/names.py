"""Which parameters a booster knows, and an error for those that nobody does.

Both libraries ignore a name that they do not know, XGBoost with a line of its log, LightGBM at verbosity -1
without one.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np

from focalboost._boosters.caller import Library
from focalboost._validation import show

FOCAL_LOSS = "focal_loss"  # the metric of the losses themselves

# What XGBoost takes and no configuration lists.
_OF_XGBOOST = {"eval_metric", "verbosity", "validate_parameters", "nthread", "seed", "updater", "device"} | {
    "use_rmm"
}
# Of the configuration, but no parameter of training.
_NO_PARAMETERS = {"name", "num_feature", "num_trees", "num_target", "boost_from_average", "specified_updater"}
_PROBES: tuple[dict[str, Any], ...] = (
    {"booster": "gbtree"},
    {"booster": "gbtree", "tree_method": "approx"},
    {"booster": "gbtree", "tree_method": "exact"},
    {"booster": "dart"},
    {"booster": "gblinear"},
    {"booster": "gblinear", "updater": "coord_descent"},
)


@cache
def known_parameters(library: Library) -> frozenset[str]:
    """All names and aliases of parameters of training."""
    return _xgboost_names() if library == "xgboost" else _lightgbm_names()


def _xgboost_names() -> frozenset[str]:
    """The keys of the configurations of small boosters of each kind, 5 ms once."""
    import xgboost  # noqa: PLC0415  # an extra

    tiny = xgboost.DMatrix(np.array([[0.0], [1.0]]), np.array([0.0, 1.0]))
    found = set(_OF_XGBOOST)
    for params in _PROBES:
        # Not xgboost.train, which tools patch and would log. A tree booster without trees has no updater.
        # The verbosity of a booster is that of the whole process.
        with xgboost.config_context(verbosity=0):
            booster = xgboost.Booster({**params, "nthread": 1}, [tiny])
            booster.update(tiny, 0)
        found |= set(_keys(json.loads(booster.save_config())["learner"]))
    return frozenset(found - _NO_PARAMETERS)


def _keys(config: Any) -> Iterator[str]:
    if isinstance(config, list):
        for item in config:
            yield from _keys(item)
    elif isinstance(config, dict):
        for name, value in config.items():
            if isinstance(value, dict | list):
                yield from _keys(value)
            else:
                yield name


def _lightgbm_names() -> frozenset[str]:
    """LightGBM's own table of aliases."""
    from lightgbm.basic import _ConfigAliases  # noqa: PLC0415  # an extra; no public name has the table

    table = _ConfigAliases._get_all_param_aliases()
    return frozenset(table).union(*table.values())


def lightgbm_aliases(name: str) -> frozenset[str]:
    """A parameter of LightGBM and all its aliases."""
    from lightgbm.basic import _ConfigAliases  # noqa: PLC0415

    return frozenset(_ConfigAliases.get(name))


# What people type for focal loss's own parameters, and is none of the booster's.
_OF_FOCAL = {
    "gamma": "focal_gamma",
    "focal_loss_gamma": "focal_gamma",
    "alpha": "focal_alpha",
    "class_weight": "focal_alpha",
    "class_weights": "focal_alpha",
    "label_smoothing": "focal_label_smoothing",
    "sampling_rate": "focal_sampling_rate",
    "hessian": "focal_hessian",
    "probability": "focal_probability",
}


def refuse_unknown(
    library: Library, owner: str, params: Iterable[str] | Mapping[str, Any], own: Collection[str] = ()
) -> None:
    """Raise for a name that neither the booster nor we know, with the nearest known one.

    `own` are the names that the caller takes itself.
    """
    known = known_parameters(library) | set(own)
    for name in params:
        if name in known:
            continue
        value = f" == {show(params[name])}" if isinstance(params, Mapping) else ""
        focal = name if name in _OF_FOCAL.values() else _OF_FOCAL.get(name)
        if focal is not None and focal in own:
            cure = f"For focal loss pass {focal}."
        elif focal is not None:
            cure = f"Pass {focal.removeprefix('focal_')} to the loss."
        else:
            near = difflib.get_close_matches(name, sorted(known), 1, cutoff=0.6)
            cure = f"Did you mean {near[0]!r}?" if near else "Leave it out."
        raise ValueError(
            f"{name}{value} is no parameter of {owner}, must be one: it would be ignored. {cure}"
        )


def metrics_of_user(found: Any) -> list[Any]:
    """What a metric of the user's gives, as a list; refused under the name of the loss's own metric."""
    values = found if isinstance(found, list) else [found]
    for value in values:
        if isinstance(value, tuple) and value and value[0] == FOCAL_LOSS:
            raise ValueError(
                f"a metric is named {FOCAL_LOSS!r}, must have another name: the loss's own metric has it, "
                "and the two would be mixed. Rename yours, or leave it out: the focal loss is evaluated "
                "without being asked for."
            )
    return values
