"""What a classifier keeps in its model besides the loss: task, classes, parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from focalboost._classifier.target import Target
from focalboost._validation import by_key
from focalboost.calibration._record import PARAMETERS, TASKS, check_estimator, missing_kept
from focalboost.calibration._schema import LARGEST, damaged, show
from focalboost.losses import LOSSES
from focalboost.losses._base import FocalLoss
from focalboost.losses._record import read_record, to_json

# A dict by class is kept as the list of its values in the order of the classes: JSON has text for keys only.
_BY_CLASS = "by_class"


class Record(NamedTuple):
    """What a classifier finds in a model."""

    loss: FocalLoss
    target: Target
    parameters: dict[str, Any]
    missing: float = math.nan


def plain(value: Any) -> Any:
    """A parameter as JSON and any storage of a study can hold it, and as it reads in the next process."""
    value = by_key(value)
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


def write_record(
    loss: FocalLoss, target: Target, parameters: Mapping[str, Any], missing: float = math.nan
) -> str:
    """The loss, the classes, the focal parameters and XGBoost's `missing` as one line of JSON."""
    classes = target.classes.tolist()
    _check_width(target.classes.dtype, len(classes))
    estimator = {
        "task": target.task,
        "classes": classes,
        "dtype": target.classes.dtype.str,
        "missing": missing_kept(missing),
        "parameters": {name: _kept(parameters[name], classes) for name in PARAMETERS},
    }
    return to_json(loss, estimator)


def _kept(value: Any, keys: Sequence[Any]) -> Any:
    """A parameter as the record has it; its entries may be dicts by side, {0: absent, 1: present}."""
    value = by_key(value)
    if isinstance(value, Mapping):
        return {_BY_CLASS: [_kept(value[key], (0, 1)) for key in keys]}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_kept(item, (0, 1)) for item in value]
    return plain(value)


def _check_width(dtype: np.dtype[Any], n_classes: int) -> None:
    """An array of text gives each entry the room of the longest that its dtype allows."""
    width = dtype.itemsize // 4 if dtype.kind == "U" else 0
    if width * n_classes > LARGEST:
        raise ValueError(
            f"y has dtype {dtype} and {n_classes} classes, must have at most {LARGEST} characters in all to "
            "be kept in a model: number the classes."
        )


# ---------------------------------------------------------------------- reading
def read_estimator(text: str) -> Record | None:
    """What `write_record` wrote; None where a loss alone was stored."""
    loss, estimator = read_record(text)
    if estimator is None:
        return None
    task = next(name for name, cls in LOSSES.items() if isinstance(loss, cls))
    kept = check_estimator(estimator, type(loss).__name__, LOSSES[task].__name__, loss._n_outputs())
    keys = kept.classes.tolist()
    parameters = {name: _asked(name, value, keys) for name, value in kept.parameters.items()}
    return Record(loss, Target(TASKS[LOSSES[task].__name__], kept.classes), parameters, kept.missing)


def _asked(name: str, value: Any, keys: Sequence[Any]) -> Any:
    """A parameter as it was passed, lists as tuples."""
    if isinstance(value, tuple):
        return tuple(_asked(name, item, (0, 1)) for item in value)
    if not isinstance(value, dict):
        return value
    entries = value.get(_BY_CLASS)
    if len(value) != 1 or not isinstance(entries, tuple) or len(entries) != len(keys):
        raise damaged(f"{name} == {show(value)}, must have under {_BY_CLASS!r} a list of {len(keys)}")
    return {key: _asked(name, item, (0, 1)) for key, item in zip(keys, entries, strict=True)}
