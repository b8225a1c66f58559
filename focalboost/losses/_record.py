"""A loss as saved models keep it: plain JSON with a format number."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

FORMAT = 1  # a change that an older focalboost would misread adds 1
# What belongs to the machine, not to the model.
NOT_KEPT = {"device", "n_jobs"}
# What `for_labels` finds, and no constructor takes.
RESOLVED = ("intercept", "scale", "balanced")
CLASSES: dict[str, Any] = {}  # by name; each loss enters itself


def as_record(loss: Any) -> dict[str, Any]:
    """What a saved model keeps: format, class name and every number of the loss."""
    values = {item.name: getattr(loss, item.name) for item in fields(loss) if item.name not in NOT_KEPT}
    return {"format": FORMAT, "loss": type(loss).__name__, **values}


def to_json(loss: Any, **others: Any) -> str:
    """The record as text, with what else the model is to keep; floats survive exactly."""
    return json.dumps({**as_record(loss), **others})


def from_json(text: str) -> Any:
    """The loss that `to_json` wrote."""
    return read_record(text)[0]


def read_record(text: str) -> tuple[Any, dict[str, Any]]:
    """The loss, and what else stands in the record."""
    try:
        values = _tuples(json.loads(text))
        found = int(values.pop("format"))
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise _damaged(text) from error
    if found > FORMAT:
        raise ValueError(
            f"the stored loss has format {found}, must be at most {FORMAT}: a newer focalboost wrote it. "
            "pip install --upgrade focalboost."
        )
    try:
        cls = CLASSES[values.pop("loss")]
        resolved = {name: values.pop(name) for name in RESOLVED}
        others = {name: values.pop(name) for name in list(values) if name not in cls.__dataclass_fields__}
        loss = cls(**values)
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise _damaged(text) from error
    loss._set(**resolved)
    return loss, others


def _damaged(text: str) -> ValueError:
    return ValueError(
        f"the stored loss is {text[:80]!r}, must be a record written by focalboost: the model file was "
        "edited or damaged. Pass the loss yourself."
    )


def _tuples(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _tuples(item) for name, item in value.items()}
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
