"""The border to the boosters: who is calling, what the labels and weights are, which layout goes back.

Neither booster is imported here: an object can only be an `xgboost.DMatrix` if xgboost was imported already.
"""

from __future__ import annotations

import json
import sys
import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from focalboost._validation import numeric

Array = NDArray[Any]
Library = Literal["xgboost", "lightgbm"]
OLDEST = {"xgboost": (3, 1), "lightgbm": (4, 4)}


@dataclass(frozen=True)
class Call:
    """What a booster asks of an objective or a metric."""

    package: Library
    y_true: Array
    raw_prediction: Array
    sample_weight: Array | None
    dataset: Any = None  # DMatrix or Dataset; None where called as scikit-learn does, with arrays


def _is(value: object, module: str, name: str) -> bool:
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(value, getattr(loaded, name))


@lru_cache(maxsize=4)
def check_version(library: Library, version: str) -> None:
    """Refuse versions whose behaviour was not measured."""
    oldest = OLDEST[library]
    found = tuple(int(part) for part in version.split(".")[:2])
    if found < oldest:
        minimum = ".".join(map(str, oldest))
        raise RuntimeError(
            f"{library}.__version__ == {version!r}, must be >= {minimum}: "
            f"pip install --upgrade '{library}>={minimum}'."
        )


def _shaped_like(y_true: Array, raw: Array) -> Array:
    """XGBoost 3.1 flattens the labels of a multi-label matrix."""
    if raw.ndim == 2 and y_true.ndim == 1 and raw.size and y_true.size == raw.size:
        return y_true.reshape(raw.shape)
    return y_true


def read_call(first: Any, second: Any, sample_weight: Any) -> Call:
    """Tell the three calling conventions apart.

    - XGBoost: `(margins, DMatrix)`, LightGBM: `(raw scores, Dataset)`.
    - scikit-learn wrappers: `(y_true, y_pred[, weight])`; XGBoost's hands float32, LightGBM's float64.
    """
    if _is(second, "xgboost", "DMatrix"):
        check_version("xgboost", sys.modules["xgboost"].__version__)
        raw = np.asarray(first)
        weight = second.get_weight()
        label = _shaped_like(second.get_label(), raw)
        return Call("xgboost", label, raw, weight if weight.size else None, second)
    if _is(second, "lightgbm", "Dataset"):
        check_version("lightgbm", sys.modules["lightgbm"].__version__)
        label = np.asarray(second.get_label())
        return Call("lightgbm", label, np.asarray(first), second.get_weight(), second)
    raw = numeric("raw_prediction", second)
    library: Library = "lightgbm" if raw.dtype == np.float64 else "xgboost"
    y_true = _shaped_like(numeric("y_true", first), raw)
    weight = None if sample_weight is None else np.asarray(sample_weight)
    return Call(library, y_true, raw, weight)


class _Calls(threading.local):
    count = 0


_calls = _Calls()


def count_call() -> None:
    """Called by every gradient, so that a callback can tell whether its training uses the loss at all."""
    _calls.count += 1


def calls_counted() -> int:
    """Gradients computed for this thread so far."""
    return _calls.count


def sum_over_workers(values: Array) -> Array:
    """The sum over the workers of an XGBoost cluster, all of which must call; `values` itself outside one."""
    collective: Any = sys.modules.get("xgboost.collective")
    if collective is None or not collective.is_distributed():
        return values
    return np.asarray(collective.allreduce(values, collective.Op.SUM))


class Update(NamedTuple):
    """Who is calling the objective."""

    booster: Any
    matrix: Any  # what it trains on, None where it is not named dtrain


def calling_update(library: Library) -> Update | None:
    """The Booster whose `update` is calling the objective, found on the stack; None elsewhere.

    An objective is not told the parameters of its booster, and both libraries drop some of them without a
    word when the objective is a callable. Only the stack of callers shows the booster.
    """
    cls = getattr(sys.modules.get(library), "Booster", None)
    frame = sys._getframe(1)
    # The loss, wrappers of the scikit-learn interface, Booster.boost or update.
    for _ in range(12):
        if cls is None or frame is None:
            return None
        # Only the library's own frames are opened: f_locals of a user's frame would keep his arrays alive.
        if str(frame.f_globals.get("__name__")).startswith(library):
            caller = frame.f_locals.get("self")
            if isinstance(caller, cls):
                return Update(caller, frame.f_locals.get("dtrain"))
        frame = frame.f_back  # type: ignore[assignment]  # None ends the stack
    return None


def check_parameters(library: Library) -> None:
    """Raise for parameters that the calling booster ignores; looked at before its first tree."""
    update = calling_update(library)
    if update is None:
        return
    booster = update.booster
    if library == "xgboost" and booster.num_boosted_rounds() == 0:
        check_xgboost_parameters(booster)
    if library == "lightgbm" and booster.current_iteration() == 0:
        check_lightgbm_parameters(booster.params)


_devices: WeakKeyDictionary[Any, str] = WeakKeyDictionary()


def cuda_ordinal(booster: Any) -> int | None:
    """Number of the GPU that an XGBoost booster is on, None for the CPU; read from its configuration once.

    A booster that moves in the middle of its training is not followed: it reads gradients from wherever they
    are.
    """
    device = _devices.get(booster)
    if device is None:
        learner = json.loads(booster.save_config())["learner"]
        device = _devices[booster] = str(learner["generic_param"]["device"])
    kind, _, number = device.partition(":")
    # "gpu" is a name of the years before "cuda".
    return int(number or 0) if kind in ("cuda", "gpu") else None


def _ignored(library: str, name: str, value: object, neutral: object, cure: str) -> ValueError:
    return ValueError(
        f"{name} == {value}, must be {neutral}: {library} ignores it with a custom objective. {cure}"
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
    value = float(learner["objective"].get("reg_loss_param", {}).get("scale_pos_weight", "1"))
    if value != 1.0:
        cure = f"Pass alpha=(1, {value:g}) to the loss, and remove scale_pos_weight."
        raise _ignored("XGBoost", "scale_pos_weight", f"{value:g}", 1, cure)


_BALANCED = "Pass alpha='balanced' to the loss, use loss.for_labels(y), and remove it."
_START = "Use `with focalboost.lightgbm.start(loss, train_set):` for the intercept, and remove it."
_BAGGING = "Use bagging_fraction and bagging_freq, or remove it."
# Name or alias: the value that changes nothing, and the cure. boost_from_average is on by default: it counts
# only where it is asked for.
LIGHTGBM_IGNORES: dict[str, tuple[float, str]] = {
    **dict.fromkeys(("is_unbalance", "unbalance", "unbalanced_sets"), (0, _BALANCED)),
    "scale_pos_weight": (1, "Pass alpha=(1, weight) to the loss, and remove it."),
    "boost_from_average": (0, _START),
    "sigmoid": (1, "The losses have sigmoid 1; remove it."),
    **dict.fromkeys(
        [
            f"{sign}_{name}"
            for sign in ("pos", "neg")
            for name in ("bagging_fraction", "sub_row", "subsample", "bagging")
        ],
        (1, _BAGGING),
    ),
}


def check_lightgbm_parameters(params: dict[str, Any]) -> None:
    """Parameters that LightGBM's own objectives read and a callable one never sees."""
    for name, (neutral, cure) in LIGHTGBM_IGNORES.items():
        value = params.get(name, neutral)
        word = str(value).lower()
        # "true" and 1 are True, "1.0" is 1, in LightGBM's parameters.
        meant = {"true": 1.0, "false": 0.0}[word] if word in ("true", "false") else float(word)
        if meant != neutral:
            raise _ignored("LightGBM", name, value, neutral, cure)
