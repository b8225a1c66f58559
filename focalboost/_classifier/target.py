"""The labels of a classifier: which task they are, how they are numbered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from sklearn.preprocessing import LabelEncoder
from sklearn.utils import assert_all_finite, column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from focalboost import _validation
from focalboost._dask import refuse_collection
from focalboost._typing import Array

Task = Literal["binary", "multiclass", "multilabel"]


def read_target(name: str, y: Any) -> tuple[Array, bool]:
    """Labels as an array, and whether they are a matrix of several labels a row."""
    if y is None:
        raise ValueError(f"requires y to be passed, but the target {name} is None")  # scikit-learn's words
    refuse_collection(name, y)
    array = plain_labels(name, y.toarray() if hasattr(y, "toarray") else np.asarray(y))
    if array.dtype.kind == "U" and isinstance(y, list | tuple):
        # NumPy makes ["a", nan, 1] the texts "a", "nan" and "1".
        plain_labels(name, np.asarray(y, object))
    assert_all_finite(array, input_name=name)
    check_classification_targets(array)
    kind = type_of_target(array, input_name=name)
    if kind == "multilabel-indicator":
        _validation.check_indicator(name, array, "there is a column per label.")
        return array.astype(np.uint8), True
    if array.ndim == 2 and array.shape[1] > 1:
        raise ValueError(
            f"{name} has shape {array.shape}, must be (n_samples,), or (n_samples, n_labels) with 0 and 1: "
            "for several targets of several classes use sklearn.multioutput.MultiOutputClassifier."
        )
    return column_or_1d(array, warn=True), False


_STORABLE = "text, whole numbers or booleans, which a model file gives back exactly"


def plain_labels(name: str, labels: Array) -> Array:
    """Labels as they are, if a model file can give them back exactly; an error for all others."""
    kind = labels.dtype.kind
    if kind in "biuU" or (kind == "f" and labels.dtype.itemsize <= 8):
        return labels
    if kind not in "OT":  # T: NumPy's text of variable length
        if kind == "c":
            raise ValueError(
                f"{name} has dtype {labels.dtype}, must be {_STORABLE}. Complex data not supported."
            )
        cure = {"S": "numpy.char.decode", "f": "astype(float)"}.get(
            kind, "astype(str), or number the classes"
        )
        raise TypeError(f"{name} has dtype {labels.dtype}, must be {_STORABLE}. Use {cure}.")
    objects = labels.astype(object)
    kinds = {type(label) for label in objects.ravel().tolist()}
    if all(issubclass(kind, str) for kind in kinds):
        return objects
    for index, label in np.ndenumerate(objects):
        if _is_missing(label):
            raise ValueError(
                f"{name}[{', '.join(map(str, index))}] is {label}, must be a label: Input contains NaN. "
                "Leave these rows out."
            )
    names = " and ".join(sorted(kind.__name__ for kind in kinds))
    cure = names if names in {"int", "bool", "float"} else "str"
    raise TypeError(
        f"Unknown label type: {name} has {names}, must be {_STORABLE}. Use astype({cure}), or number the "
        "classes."
    )


def _is_missing(label: Any) -> bool:
    """None, NaN, and what pandas has in their place, which is no number."""
    if label is None or type(label).__name__ in {"NAType", "NaTType"}:
        return True
    return isinstance(label, float | np.floating) and bool(np.isnan(label))


@dataclass(frozen=True)
class Target:
    """How the labels of the training set are numbered."""

    task: Task
    classes: Array
    """Sorted class labels; for several labels a row, the numbers of the columns."""

    @classmethod
    def of(cls, labels: Array, *, multilabel: bool) -> Target:
        if multilabel:
            return cls("multilabel", np.arange(labels.shape[1]))
        classes = LabelEncoder().fit(labels).classes_
        if len(classes) < 2:
            raise ValueError(
                f"y has {len(classes)} class, {', '.join(map(repr, classes.tolist()))}, must have 2 or more: "
                "there is nothing to tell apart."
            )
        return cls("binary" if len(classes) == 2 else "multiclass", classes)

    @property
    def n_outputs(self) -> int:
        return 1 if self.task == "binary" else len(self.classes)

    def knows(self, labels: Array) -> Array:
        """Which labels are classes: the text "1" is not the number 1, which NumPy takes for the same."""
        if (labels.dtype.kind in "UO") != (self.classes.dtype.kind in "UO"):
            return np.zeros(labels.shape, bool)
        return np.isin(labels, self.classes)

    def encode(self, name: str, y: Any) -> Array:
        """0, 1, ... for the classes; the matrix itself for several labels a row."""
        labels, multilabel = read_target(name, y)
        if multilabel != (self.task == "multilabel") or (multilabel and labels.shape[1] != len(self.classes)):
            wanted = f"(n_samples, {len(self.classes)})" if self.task == "multilabel" else "(n_samples,)"
            raise ValueError(f"{name} has shape {labels.shape}, must be {wanted} as y of the training set.")
        if multilabel:
            return labels
        unknown = ~self.knows(labels)
        if unknown.any():
            raise ValueError(
                f"{name} has class {_validation.show(labels[unknown][0])}, must be one of y: "
                f"{self.classes.tolist()!r}. Leave its rows out, or have some of them in the training set."
            )
        return np.searchsorted(self.classes, labels)
