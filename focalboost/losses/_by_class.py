"""Parameters given as a dict by class or label, and what to do where a class has no rows."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np

from focalboost import _validation

CURES_OF_ABSENCE = (
    "To continue a model use its own loss, stored_loss(model) of focalboost.xgboost or focalboost.lightgbm; "
    "train(..., xgb_model=) and train(..., init_model=) do it. For a new model give the counts of a longer "
    "period as weights: loss.for_labels({labels}, sample_weight=counts)"
)


def in_order(name: str, value: Any, n: int | None, unit: str = "class") -> Any:
    """A dict, or Series, with the keys 0, 1, ..., n - 1 as a tuple in their order; all else as it is.

    Without n, the largest key tells it.
    """
    value = _validation.by_key(value)
    if not isinstance(value, Mapping):
        return value
    numbers = [key for key in value if _is_whole(key)]
    size = n if n is not None else max([1 if unit == "label" else 2, *(int(key) + 1 for key in numbers)])
    rule = f"must have the keys 0 to {size - 1}, one for each {unit}"
    for key in value:
        if unit == "class" and not numbers:
            # Of the names of classes, which a loss does not know.
            last = (n if n is not None else max(size, len(value))) - 1
            raise ValueError(
                f"{name} has the key {_validation.show(key)}, must have the keys 0 to {last}, one for each "
                f"{unit}: a loss knows the numbers of the labels only. Use those numbers, or "
                "FocalXGBClassifier and FocalLGBMClassifier, whose focal_alpha and focal_gamma take names "
                "of classes."
            )
        if key not in numbers or not 0 <= key < size:
            raise ValueError(f"{name} has the key {_validation.show(key)}, {rule}. Take it out.")
    for k in range(size):
        if k not in value:
            raise ValueError(f"{name} has no key {k}, {rule}. Give {unit} {k} a value, too.")
    return tuple(value[k] for k in range(size))


def _is_whole(key: object) -> bool:
    """Also False and True, and the 0.0 and 1.0 of float labels: as keys they are 0 and 1."""
    return isinstance(key, np.bool_) or (isinstance(key, Real) and float(key).is_integer())
