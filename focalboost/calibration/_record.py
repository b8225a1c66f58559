"""The text of a record, taken apart: format, loss, and what a classifier keeps of itself."""

from __future__ import annotations

import math
import re
from typing import Any, Final, Literal, NamedTuple

import numpy as np

from focalboost._typing import Array
from focalboost.calibration._schema import (
    LARGEST,
    check_keys,
    damaged,
    is_number,
    is_whole,
    no_record,
    parse,
    show,
)

FORMAT: Final = 1  # a change that an older focalboost would misread adds 1
ESTIMATOR: Final = "estimator"  # where a classifier keeps its own part
TASKS: Final[dict[str, Literal["binary", "multiclass", "multilabel"]]] = {
    "BinaryFocalLoss": "binary",
    "MulticlassFocalLoss": "multiclass",
    "MultilabelFocalLoss": "multilabel",
}
PARAMETERS: Final = (
    "focal_gamma",
    "focal_alpha",
    "focal_alpha_power",
    "focal_hessian",
    "focal_label_smoothing",
    "focal_sampling_rate",
    "focal_probability",
)
PROBABILITIES: Final = ("posterior", "closed_form", "focal")
_KEYS = ("task", "classes", "dtype", "missing", "parameters")
_WHERE = " of its estimator"
_INFINITE = {"inf": math.inf, "-inf": -math.inf}  # JSON has no word for them
# Of booleans, whole numbers, floats, text, and text in an array of objects: what `read_target` lets through.
_DTYPE = re.compile(r"\|(b1|[iu]1|O)|[<>]([iu][248]|f[248]|U[1-9]\d{0,7})")


class Estimator(NamedTuple):
    """What a classifier keeps in its model besides the loss."""

    classes: Array
    missing: float
    parameters: dict[str, Any]


def split(text: Any) -> tuple[Any, dict[str, Any], dict[str, Any] | None]:
    """Name of the loss, its values, and what a classifier kept of itself, not yet looked at."""
    values = parse(text)
    if "format" not in values:
        raise no_record(text)
    found = values.pop("format")
    if not is_whole(found) or found < 1:
        raise damaged(f"format == {show(found)}, must be {FORMAT}")
    if found > FORMAT:
        raise ValueError(
            f"the stored loss has format {show(found)}, must be at most {FORMAT}: a newer focalboost "
            "wrote it. pip install --upgrade focalboost."
        )
    name, estimator = values.pop("loss", None), None
    if ESTIMATOR in values:
        estimator = values.pop(ESTIMATOR)
        if not isinstance(estimator, dict):
            raise damaged(f"{ESTIMATOR} == {show(estimator)}, must be an object")
    return name, values, estimator


def check_estimator(estimator: dict[str, Any], name: str, listed: str, n_outputs: int | None) -> Estimator:
    """What is kept of a classifier whose loss has that name, and the keys of the listed one."""
    check_keys(estimator, dict.fromkeys(_KEYS), _WHERE)
    task = TASKS[listed]
    if estimator["task"] != task:
        raise damaged(f"task == {show(estimator['task'])}{_WHERE}, must be {task!r} of a {name}")
    classes = _read_classes(estimator["classes"], estimator["dtype"])
    n_classes = 2 if task == "binary" else n_outputs
    if n_classes is not None and n_classes != len(classes):
        raise damaged(f"{len(classes)} classes{_WHERE}, must have {n_classes} as the loss")
    if task == "multilabel" and classes.tolist() != list(range(len(classes))):
        raise damaged(f"classes == {show(estimator['classes'])}{_WHERE}, must be the numbers of the columns")
    parameters = estimator["parameters"]
    if not isinstance(parameters, dict):
        raise damaged(f"parameters == {show(parameters)}{_WHERE}, must be an object")
    check_keys(parameters, dict.fromkeys(PARAMETERS), " among the parameters")
    return Estimator(classes, _read_missing(estimator["missing"]), parameters)


def missing_kept(missing: float) -> float | str | None:
    """XGBoost's `missing` as JSON."""
    if math.isnan(missing):
        return None
    return missing if math.isfinite(missing) else str(missing)


def _read_missing(value: Any) -> float:
    if value is None:
        return math.nan
    if isinstance(value, str) and value in _INFINITE:
        return _INFINITE[value]
    if not is_number(value) or float(value) != value:
        raise damaged(f"missing == {show(value)}{_WHERE}, must be null, a number, 'inf' or '-inf'")
    return float(value)


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
