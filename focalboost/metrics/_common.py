"""What the metrics share: checks that name the row, and a budget that tied rows share."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import column_or_1d

from focalboost import _validation
from focalboost._dask import refuse_collection
from focalboost._typing import Array

Scorer = Callable[..., float]

# Of rate * n: 0.29 * 100 is 28.999999999999996, and 29 rows are meant.
_DIGITS = 9


def positives(y_true: ArrayLike, pos_label: Any) -> Array:
    """Whether each row is of pos_label; an error unless there are rows of both classes."""
    refuse_collection("y_true", y_true)
    labels = np.asarray(column_or_1d(y_true))
    refuse_missing("y_true", labels)
    positive = np.asarray(labels == pos_label)
    if not positive.any() or positive.all():
        what = "no row" if not positive.any() else "every row"
        raise ValueError(
            f"y_true has pos_label == {_validation.show(pos_label)} in {what}, must have rows of both "
            "classes. Pass pos_label, or take a larger or stratified part of the data."
        )
    return positive


def refuse_nothing(name: str, counted: Array, positive: Array, pos_label: Any) -> None:
    """A share of nothing is no number."""
    if not counted[positive].any():
        raise ValueError(
            f"{name} is 0 in every row of pos_label == {_validation.show(pos_label)}, must be > 0 in one: "
            "there is nothing to find."
        )


def refuse_missing(name: str, values: Array) -> None:
    """NaN equals no label, and all of NaN would be one group."""
    bad = _missing(values)
    if bad.any():
        place = int(np.flatnonzero(bad)[0])
        raise ValueError(f"{name}[{place}] is missing, must be known: leave such rows out.")


def _missing(values: Array) -> Array:
    if values.dtype.kind in "fc":
        return np.asarray(np.isnan(values))
    if values.dtype.kind in "mM":
        return np.asarray(np.isnat(values))
    if values.dtype.kind != "O":
        return np.zeros(values.shape, bool)
    pandas = sys.modules.get("pandas")
    if pandas is not None:  # loaded by whoever has its NA among the values
        return np.asarray(pandas.isna(values))
    # Of what is not a number only NaN differs from itself.
    flat = [value is None or bool(value != value) for value in values.ravel()]  # noqa: PLR0124
    return np.asarray(flat, bool).reshape(values.shape)


def one_per_row(name: str, values: ArrayLike, n_samples: int, cure: str = "") -> Array:
    """As an array of shape (n_samples,)."""
    refuse_collection(name, values)
    array = np.asarray(values)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.shape != (n_samples,):
        raise ValueError(f"{name} has shape {array.shape}, must be ({n_samples},), one per row{cure}.")
    return array


def floats(name: str, array: Array) -> Array:
    """As float64, NaN where a value is missing."""
    if array.dtype.kind == "O":
        try:
            return np.where(_missing(array), np.nan, array).astype(np.float64)
        except (TypeError, ValueError):
            pass
    elif array.dtype.kind in "fiub":
        return array.astype(np.float64)
    raise TypeError(f"{name} has dtype {array.dtype}, must be numbers.")


def refuse_outside(name: str, values: Array, good: Array, rule: str) -> None:
    """Name the first value that is not good."""
    if not good.all():
        place = int(np.flatnonzero(~good)[0])
        raise ValueError(f"{name}[{place}] == {_validation.show(values[place])}, must be {rule}.")


def scores(name: str, values: ArrayLike, n_samples: int) -> Array:
    """Finite scores, one per row."""
    cure = ""
    if np.ndim(values) == 2:
        cure = (
            ": pass the column of pos_label, as in predict_proba(X)[:, list(model.classes_).index(pos_label)]"
        )
    found = floats(name, one_per_row(name, values, n_samples, cure))
    refuse_outside(name, found, np.isfinite(found), "finite")
    return found


def amounts(name: str, values: ArrayLike, n_samples: int) -> Array:
    """Amounts >= 0, one per row."""
    found = floats(name, one_per_row(name, values, n_samples))
    rule = ">= 0 and finite: leave refunds out, or count them as 0"
    refuse_outside(name, found, np.isfinite(found) & (found >= 0.0), rule)
    return found


def weights(sample_weight: ArrayLike | None, n_samples: int) -> Array | None:
    """Weights >= 0, one per row."""
    weight = _validation.check_weight_shape(sample_weight, n_samples)
    _validation.raise_for_bad_weight(weight)
    return weight


def rows_of(alert_rate: object, n_samples: int, *, one: bool = True) -> float:
    """How many rows a share of them is."""
    rate = _validation.share("alert_rate", alert_rate, zero=False, one=one)
    rows = round(rate * n_samples, _DIGITS)
    if rows < 1.0:
        raise ValueError(
            f"alert_rate == {rate:g} of {n_samples} rows is less than one row, must be at least "
            f"1/{n_samples}: raise it, or judge more rows."
        )
    return rows


def looked_at(score: Array, room: float, size: Array | None = None) -> Array:
    """Which share of each row is looked at, highest scores first, if there is room for `room` of them.

    Rows tied at the cut-off share what room is left: the mean over all orders of them. A row of size s takes
    the room of s rows.
    """
    level, place = np.unique(-score, return_inverse=True)
    held = np.bincount(place, size, minlength=level.size)
    before = np.cumsum(held) - held
    part = np.divide(room - before, held, out=np.zeros(level.size), where=held > 0)
    return np.asarray(np.clip(part, 0.0, 1.0)[place])
