"""Plain JSON: a loss as saved models keep it, parameters as models and studies do."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields
from numbers import Real
from typing import Any

from focalboost import losses
from focalboost._loss import FocalLoss

# What belongs to the machine, not to the model.
_NOT_KEPT = {"device", "n_jobs"}
# Classes and parameters of the classifier, where there is one.
_ESTIMATOR = "estimator"


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


def to_json(loss: FocalLoss) -> str:
    """Class name and every number of the loss; floats survive exactly."""
    return json.dumps(_values(loss))


def add_estimator(loss: FocalLoss, estimator: dict[str, Any]) -> str:
    """The loss, and what a classifier needs besides it."""
    return json.dumps({**_values(loss), _ESTIMATOR: estimator})


def _values(loss: FocalLoss) -> dict[str, Any]:
    values = {f.name: getattr(loss, f.name) for f in fields(loss) if f.name not in _NOT_KEPT}
    return {"loss": type(loss).__name__, **values}


def _tuples(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _tuples(item) for name, item in value.items()}
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def from_json(text: str) -> FocalLoss:
    """The loss that `to_json` or `add_estimator` wrote."""
    return read_estimator(text)[0]


def read_estimator(text: str) -> tuple[FocalLoss, dict[str, Any] | None]:
    """The loss, and what `add_estimator` was given with it."""
    try:
        values = _tuples(json.loads(text))
        estimator = values.pop(_ESTIMATOR, None)
        cls = getattr(losses, values.pop("loss"))
        resolved = {name: values.pop(name) for name in ("intercept", "scale")}
        loss: FocalLoss = cls(**values)
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise ValueError(
            f"the stored loss is {text[:80]!r}, must be a record written by focalboost: the model file was "
            "edited or made by another version. Pass the loss yourself."
        ) from error
    loss._set(**resolved)
    return loss, estimator
