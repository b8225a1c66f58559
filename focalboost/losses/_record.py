"""A loss as saved models keep it: plain JSON with a format number."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

from focalboost.calibration._record import ESTIMATOR, FORMAT, split
from focalboost.calibration._schema import KEYS, LARGEST, check_loss, damaged, of_constructor, show

# What belongs to the machine, not to the model.
NOT_KEPT = {"device", "n_jobs"}
# What `for_labels` and `calibrated` find, and no constructor takes.
RESOLVED = ("intercept", "scale", "balanced", "logit_shift")
CLASSES: dict[str, Any] = {}  # by name; each loss enters itself


def as_record(loss: Any) -> dict[str, Any]:
    """What a saved model keeps: format, class name and every number of the loss."""
    values = {item.name: getattr(loss, item.name) for item in fields(loss) if item.name not in NOT_KEPT}
    return {"format": FORMAT, "loss": type(loss).__name__, **values}


def to_json(loss: Any, estimator: dict[str, Any] | None = None) -> str:
    """The record as text, with what a classifier keeps of itself; floats survive exactly."""
    own = {} if estimator is None else {ESTIMATOR: estimator}
    text = json.dumps({**as_record(loss), **own})
    if len(text) > LARGEST:
        raise ValueError(
            f"the record of the loss has {len(text)} characters, must have at most {LARGEST} to be kept in a "
            "model: use shorter class labels, or their numbers."
        )
    return text


def record_with_shift(text: str, shift: Any) -> str:
    """A record that `to_json` wrote with another `logit_shift`."""
    return json.dumps({**json.loads(text), "logit_shift": shift})


def from_json(text: Any) -> Any:
    """The loss that `to_json` wrote."""
    return read_record(text)[0]


def read_record(text: Any) -> tuple[Any, dict[str, Any] | None]:
    """The loss, and what a classifier kept of itself.

    What is read and written again is what was read; all else is an error that begins "the stored loss".
    """
    name, values, estimator = split(text)
    cls = _class_of(name)
    check_loss(_listed(cls), values)
    try:
        loss = cls(**{name: value for name, value in values.items() if name not in RESOLVED})
        loss._set(**{name: _as_float(values[name]) for name in RESOLVED})
        if loss.intercept is not None:
            loss._parameters(loss._n_outputs())  # what the kernels are given: scale times alpha in float32
    except (ValueError, TypeError) as error:
        raise of_constructor(error) from error
    again = as_record(loss)
    for name, value in values.items():
        # A size that the entries of gamma tell, or a number that float64 does not hold.
        if again[name] != value:
            raise damaged(f"{name} == {show(value)}, must be {show(again[name])} beside the rest")
    return loss, estimator


def _class_of(name: object) -> Any:
    cls = CLASSES.get(name) if isinstance(name, str) else None
    if cls is None or _listed(cls) not in KEYS:
        raise damaged(f"loss == {show(name)}, must be one of {', '.join(map(repr, KEYS))}")
    return cls


def _listed(cls: Any) -> str:
    """The loss whose keys a class has: its own name, or that of the loss it was derived from."""
    names = (base.__name__ for base in cls.__mro__)
    return next((name for name in names if name in KEYS), "")


def _as_float(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(float, value))
    return value if value is None or isinstance(value, bool) else float(value)
