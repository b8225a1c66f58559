"""What a classifier keeps in its model besides the loss: task, classes, parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np

from focalboost._classifier.target import Target
from focalboost.losses._base import FocalLoss
from focalboost.losses._record import read_record, to_json

ESTIMATOR = "estimator"


def plain(value: Any) -> Any:
    """A parameter as JSON and any storage of a study can hold it, and as it reads in the next process."""
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):  # NumPy's numbers and arrays
        return plain(value.tolist())
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, Real):
        number = float(value)
        # NaN is no JSON to PostgreSQL.
        return number if math.isfinite(number) else repr(number)
    return f"{type(value).__module__}.{type(value).__qualname__}"


def write_record(loss: FocalLoss, target: Target, parameters: Mapping[str, Any]) -> str:
    """The loss, the classes and the focal parameters as one line of JSON."""
    estimator = {
        "task": target.task,
        "classes": target.classes.tolist(),
        "dtype": target.classes.dtype.str,
        "parameters": {name: plain(value) for name, value in parameters.items()},
    }
    return to_json(loss, **{ESTIMATOR: estimator})


def read_estimator(text: str | None) -> tuple[FocalLoss, Target, dict[str, Any]] | None:
    """Loss, classes and focal parameters; None without a record, or where a loss alone was stored."""
    if text is None:
        return None
    loss, others = read_record(text)
    estimator = others.get(ESTIMATOR)
    if estimator is None:
        return None
    classes = np.array(list(estimator["classes"]), np.dtype(estimator["dtype"]))
    return loss, Target(estimator["task"], classes), dict(estimator["parameters"])
