"""A loss as saved models keep it: plain JSON with a format number."""

from __future__ import annotations

import json
from typing import Any

from focalboost.losses._base import FORMAT, FocalLoss
from focalboost.losses._binary import BinaryFocalLoss
from focalboost.losses._multiclass import MulticlassFocalLoss
from focalboost.losses._multilabel import MultilabelFocalLoss

LOSSES: dict[str, type[FocalLoss]] = {
    "binary": BinaryFocalLoss,
    "multiclass": MulticlassFocalLoss,
    "multilabel": MultilabelFocalLoss,
}
_BY_NAME = {cls.__name__: cls for cls in LOSSES.values()}


def from_json(text: str) -> FocalLoss:
    """The loss that `FocalLoss.to_json` wrote."""
    return read_record(text)[0]


def read_record(text: str) -> tuple[FocalLoss, dict[str, Any]]:
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
        cls = _BY_NAME[values.pop("loss")]
        resolved = {name: values.pop(name) for name in ("intercept", "scale")}
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
