"""A loss as plain JSON, the form in which saved models keep it."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

from focalboost import losses
from focalboost._loss import FocalLoss

# What belongs to the machine, not to the model.
_NOT_KEPT = {"device", "n_jobs"}


def to_json(loss: FocalLoss) -> str:
    """Class name and every number of the loss; floats survive exactly."""
    values = {f.name: getattr(loss, f.name) for f in fields(loss) if f.name not in _NOT_KEPT}
    return json.dumps({"loss": type(loss).__name__, **values})


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def from_json(text: str) -> FocalLoss:
    """The loss that `to_json` wrote."""
    try:
        values = {name: _tuples(value) for name, value in json.loads(text).items()}
        cls = getattr(losses, values.pop("loss"))
        resolved = {name: values.pop(name) for name in ("intercept", "scale")}
        loss: FocalLoss = cls(**values)
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise ValueError(
            f"the stored loss is {text[:80]!r}, must be a record written by focalboost: the model file was "
            "edited or made by another version. Pass the loss yourself."
        ) from error
    loss._set(**resolved)
    return loss
