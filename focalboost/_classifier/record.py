"""What a classifier keeps in its model besides the loss: task, classes, parameters."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from focalboost._classifier.target import Target
from focalboost._typing import Array
from focalboost.losses import LOSSES
from focalboost.losses._base import FocalLoss
from focalboost.losses._record import read_record, to_json
from focalboost.losses._schema import LARGEST, check_keys, damaged, is_number, is_whole, show

PARAMETERS = (
    "focal_gamma",
    "focal_alpha",
    "focal_alpha_power",
    "focal_hessian",
    "focal_label_smoothing",
    "focal_sampling_rate",
    "focal_probability",
)
_KEYS = ("task", "classes", "dtype", "parameters")
# A dict by class is kept as the list of its values in the order of the classes: JSON has text for keys only.
_BY_CLASS = "by_class"
_WHERE = " of its estimator"
# Of booleans, whole numbers, floats, text, and text in an array of objects: what `read_target` lets through.
_DTYPE = re.compile(r"\|(b1|[iu]1|O)|[<>]([iu][248]|f[248]|U[1-9]\d{0,7})")


class Record(NamedTuple):
    """What a classifier finds in a model."""

    loss: FocalLoss
    target: Target
    parameters: dict[str, Any]


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
    classes = target.classes.tolist()
    _check_width(target.classes.dtype, len(classes))
    estimator = {
        "task": target.task,
        "classes": classes,
        "dtype": target.classes.dtype.str,
        "parameters": {name: _kept(parameters[name], classes) for name in PARAMETERS},
    }
    return to_json(loss, estimator)


def _kept(value: Any, keys: Sequence[Any]) -> Any:
    """A parameter as the record has it; its entries may be dicts by side, {0: absent, 1: present}."""
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
    check_keys(estimator, dict.fromkeys(_KEYS), _WHERE)
    task = estimator["task"]
    if not isinstance(task, str) or task not in LOSSES or not isinstance(loss, LOSSES[task]):
        wanted = next(name for name, cls in LOSSES.items() if isinstance(loss, cls))
        raise damaged(f"task == {show(task)}{_WHERE}, must be {wanted!r} of a {type(loss).__name__}")
    classes = _read_classes(estimator["classes"], estimator["dtype"])
    target = Target(estimator["task"], classes)
    n_classes = 2 if task == "binary" else loss._n_outputs()
    if n_classes is not None and n_classes != len(classes):
        raise damaged(f"{len(classes)} classes{_WHERE}, must have {n_classes} as the loss")
    if task == "multilabel" and classes.tolist() != list(range(len(classes))):
        raise damaged(f"classes == {show(estimator['classes'])}{_WHERE}, must be the numbers of the columns")
    parameters = estimator["parameters"]
    if not isinstance(parameters, dict):
        raise damaged(f"parameters == {show(parameters)}{_WHERE}, must be an object")
    check_keys(parameters, dict.fromkeys(PARAMETERS), " among the parameters")
    keys = classes.tolist()
    return Record(loss, target, {name: _asked(name, value, keys) for name, value in parameters.items()})


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


def _read_classes(values: Any, name: Any) -> Array:
    if not isinstance(name, str) or not _DTYPE.fullmatch(name):
        raise damaged(f"dtype == {show(name)}{_WHERE}, must be one of booleans, numbers or text")
    dtype = np.dtype(name)
    kind = dtype.kind
    if not isinstance(values, tuple) or not values or not all(_is_of(kind, value) for value in values):
        raise damaged(f"classes == {show(values)}{_WHERE}, must be a list of what dtype {name!r} holds")
    if kind in "iu":
        fits = all(np.iinfo(dtype).min <= value <= np.iinfo(dtype).max for value in values)
    elif kind == "f":
        fits = all(abs(value) <= float(np.finfo(dtype).max) for value in values)
    else:
        fits = kind != "U" or dtype.itemsize // 4 * len(values) <= LARGEST
    classes = np.array(values, dtype) if fits else np.array([])
    if classes.tolist() != list(values):
        raise damaged(f"classes == {show(values)}{_WHERE}, must fit into dtype {name!r}")
    if not (classes[:-1] < classes[1:]).all():
        raise damaged(f"classes == {show(values)}{_WHERE}, must be sorted and distinct")
    return classes


def _is_of(kind: str, value: Any) -> bool:
    if kind == "b":
        return isinstance(value, bool)
    if kind in "iu":
        return is_whole(value)
    return is_number(value) if kind == "f" else isinstance(value, str)
