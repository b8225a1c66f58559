"""The class of two that scores look for."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from focalboost import _validation
from focalboost._classifier.target import Target
from focalboost._typing import Array

logger = logging.getLogger("focalboost")

NOTHING = object()


class Positive(NamedTuple):
    """The class of two that is looked for."""

    label: Any
    column: int
    """Its place among the sorted classes."""

    def flags(self, y: Array) -> Array:
        """1 for it, 0 for the other."""
        return np.asarray(y == self.label).astype(np.int64)


def positive_class(pos_label: Any, target: Target, encoded: Array) -> Positive | None:
    """`pos_label`, or else 1 or True as scikit-learn has it, or the rarer class; None for other labels."""
    classes = target.classes.tolist()
    if target.task != "binary":
        if pos_label is None:
            return None
        several = f"classes {classes!r}" if target.task == "multiclass" else f"{len(classes)} labels a row"
        raise ValueError(
            f"pos_label == {_validation.show(pos_label)}, must be None: y has {several}, and pos_label is "
            "for two classes."
        )
    if pos_label is not None:
        for index, label in enumerate(classes):
            if np.ndim(pos_label) == 0 and label == pos_label:
                return Positive(label, index)
        raise ValueError(
            f"pos_label == {_validation.show(pos_label)}, must be one of the classes of y, {classes!r}: "
            "spell it as there, or leave it out for the rarer one."
        )
    if all(isinstance(label, bool | int | float) for label in classes) and (
        set(classes) in ({0, 1}, {-1, 1})  # False == 0 and True == 1
    ):
        return Positive(classes[1], 1)
    counts = np.bincount(encoded, minlength=2)
    index = 0 if counts[0] < counts[1] else 1
    why = "the rarer of two" if counts[0] != counts[1] else "the last of two that are as frequent"
    logger.info("positive class: %r, %s; pass pos_label for the other", classes[index], why)
    return Positive(classes[index], index)


def bound_pos_label(scoring: Any) -> Any:
    """The pos_label that partial objects set."""
    while isinstance(scoring, partial):
        if "pos_label" in scoring.keywords:
            return scoring.keywords["pos_label"]
        scoring = scoring.func
    return NOTHING
