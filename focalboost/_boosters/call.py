"""What a booster asks of an objective or a metric: who calls, with which margins, labels and weights."""

from __future__ import annotations

import re
import sys
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from focalboost._boosters import caller
from focalboost._boosters.caller import Library, Update
from focalboost._boosters.dmatrix import labels_and_weights
from focalboost._kernels.backend import Placement
from focalboost._typing import Array
from focalboost._validation import numeric

# XGBoost 3.1.0 predicts wrongly for data frames with categories.
OLDEST = {"xgboost": (3, 1, 1), "lightgbm": (4, 6)}


class Call(NamedTuple):
    """What a booster asks of an objective or a metric; a user's own call where `library` is None."""

    library: Library | None
    y_true: Array
    raw_prediction: Array
    sample_weight: Array | None
    dataset: Any = None  # DMatrix or Dataset; None where called as scikit-learn does, with arrays
    update: Update | None = None  # the Booster, where one is found

    @property
    def placement(self) -> Placement:
        """Where the booster wants its gradients, and the data set that buffers may live as long as."""
        if self.library == "lightgbm":
            # LightGBM takes outputs one after the other: `grad.ravel(order="F")` copies any other layout.
            return Placement(None, self.dataset, "F")
        if self.update is None:
            return Placement(None, self.dataset)
        # A wrapper of the scikit-learn interface passes arrays on and not the matrix.
        owner = self.update.matrix if self.dataset is None else self.dataset
        return Placement(caller.cuda_ordinal(self.update.booster), owner)


def _is(value: object, module: str, name: str) -> bool:
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(value, getattr(loaded, name))


@lru_cache(maxsize=4)
def check_version(library: Library, version: str) -> None:
    """Refuse versions whose behaviour was not measured."""
    oldest = OLDEST[library]
    # "3.2.0rc1" and "3.2.0+cu12" count as 3.2.0.
    found = tuple(int(part) for part in re.findall(r"\d+", version)[:3])
    if found < oldest:
        minimum = ".".join(map(str, oldest))
        raise RuntimeError(
            f"{library}.__version__ == {version!r}, must be >= {minimum}: "
            f"pip install --upgrade '{library}>={minimum}'."
        )


def shaped_like(y_true: Array, raw: Array) -> Array:
    """XGBoost 3.1 flattens the labels of a multi-label matrix."""
    if raw.ndim == 2 and y_true.ndim == 1 and raw.size and y_true.size == raw.size:
        return y_true.reshape(raw.shape)
    return y_true


def read_call(asked: Any, first: Any, second: Any, sample_weight: Any) -> Call:
    """Tell the calling conventions of the loss `asked` apart.

    - XGBoost: `(margins, DMatrix)`, LightGBM: `(raw scores, Dataset)`.
    - scikit-learn wrappers: `(y_true, y_pred[, weight])`, called by a Booster.
    - a user's own call: the same arrays, called by none.
    """
    if _is(second, "xgboost", "DMatrix"):
        check_version("xgboost", sys.modules["xgboost"].__version__)
        raw = np.asarray(first)
        label, weight = labels_and_weights(second, raw)
        update = caller.calling_update(asked, second)
        return Call("xgboost", shaped_like(label, raw), raw, weight, second, update)
    if _is(second, "lightgbm", "Dataset"):
        check_version("lightgbm", sys.modules["lightgbm"].__version__)
        label = np.asarray(second.get_label())
        update = caller.calling_update(asked, second)
        return Call("lightgbm", label, np.asarray(first), second.get_weight(), second, update)
    raw = numeric("raw_prediction", second)
    y_true = numeric("y_true", first)
    weight = None if sample_weight is None else np.asarray(sample_weight)
    update = caller.calling_update(asked)
    if update is not None:
        y_true = shaped_like(y_true, raw)
    return Call(update.library if update else None, y_true, raw, weight, None, update)
