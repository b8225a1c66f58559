"""Checks, and error texts in one voice: the name and value, the rule, the cure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from typing import Any, NamedTuple, cast

import numpy as np

from focalboost._dask import refuse_collection
from focalboost._kernels import flags as _flags
from focalboost._typing import Array

Numbers = float | tuple[float, ...]
BALANCED = "balanced"
LARGEST_GAMMA = 1e6  # from there on a hard row's focal weight differs from 0 in no float32 but at p_t = 0
HESSIANS = ("guarded", "exact", "reweighted")
DEVICES = ("auto", "cpu", "cuda")


def show(value: object) -> str:
    """A value as a user would type it: no np.float64(...) around numbers."""
    return repr(value.item() if isinstance(value, np.generic) else value)


def is_sequence(value: object) -> bool:
    """Whether a parameter was given per class or label."""
    if isinstance(value, np.ndarray):
        return value.ndim > 0
    return isinstance(value, Sequence) and not isinstance(value, str)


def is_named(alpha: object) -> bool:
    """Whether class weights are none or to be found from labels; any other word is an error."""
    if isinstance(alpha, str) and alpha != BALANCED:
        raise ValueError(f"alpha == {alpha!r}, must be None, a number, one number per class or 'balanced'.")
    return alpha is None or isinstance(alpha, str)


def number(name: str, value: object, rule: str, *, low: float, strict: bool) -> float:
    """A finite float >= low (> low if strict)."""
    is_number = isinstance(value, Real) and not isinstance(value, bool | np.bool_)
    if not is_number:
        raise TypeError(f"{name} == {show(value)}, must be {rule}.")
    result = float(value)  # type: ignore[arg-type]  # Real is a number
    if not math.isfinite(result) or result < low or (strict and result == low):
        raise ValueError(f"{name} == {show(value)}, must be {rule}.")
    return result


def check_gamma(gamma: object, name: str = "gamma") -> Numbers:
    """gamma >= 0, or a tuple of them."""
    rule = ">= 0 and finite"

    def one(label: str, value: object, rule: str) -> float:
        result = number(label, value, rule, low=0.0, strict=False)
        if result > LARGEST_GAMMA:
            raise ValueError(
                f"{label} == {show(value)}, must be at most {LARGEST_GAMMA:g}; useful are 0 to 5."
            )
        return result

    if is_sequence(gamma):
        entries = enumerate(cast("Iterable[object]", gamma))
        return tuple(one(f"{name}[{k}]", value, rule) for k, value in entries)
    return one(name, gamma, rule + ", or one number per class")


def check_weights(alpha: object, name: str = "alpha") -> tuple[float, ...]:
    """Positive class weights, one per class."""
    if not is_sequence(alpha):
        raise TypeError(
            f"{name} == {show(alpha)}, must be None, a number, one number per class or 'balanced'."
        )
    return tuple(
        number(f"{name}[{k}]", value, "> 0 and finite", low=0.0, strict=True)
        for k, value in enumerate(cast("Iterable[object]", alpha))
    )


def share(
    name: str, value: object, *, zero: bool = True, one: bool = True, most: float = 1.0, why: str = ""
) -> float:
    """A number from 0 to `most`; whether its ends are allowed."""
    rule = f"in {'[' if zero else '('}0, {most:g}{']' if one else ')'}{why}"
    result = number(name, value, rule, low=0.0, strict=not zero)
    if result > most or (result == most and not one):
        raise ValueError(f"{name} == {show(value)}, must be {rule}.")
    return result


def check_alpha_share(alpha: object, name: str = "alpha") -> float:
    """A share in (0, 1): alpha for class 1, 1 - alpha for class 0."""
    why = ": the weight of class 1, with 1 - alpha for class 0. For others pass a pair (class 0, class 1)"
    return share(name, alpha, zero=False, one=False, why=why)


def check_length(name: str, value: Numbers | tuple[Any, ...], expected: int, unit: str) -> None:
    if isinstance(value, tuple) and len(value) != expected:
        raise ValueError(
            f"{name} == {value!r} has {len(value)} entries, must have {expected}, one per {unit}, "
            "or be one number for all."
        )


def check_choice(name: str, value: object, choices: Iterable[str]) -> str:
    options = tuple(choices)
    if not isinstance(value, str) or value not in options:
        raise ValueError(f"{name} == {show(value)}, must be one of {', '.join(map(repr, options))}.")
    return value


def check_count(name: str, value: object, low: int) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} == {show(value)}, must be None or a whole number >= {low}.")
    if int(value) < low:
        raise ValueError(f"{name} == {show(value)}, must be None or a whole number >= {low}.")
    return int(value)


def check_n_jobs(n_jobs: object) -> int | None:
    if n_jobs is None:
        return None
    if isinstance(n_jobs, bool) or not isinstance(n_jobs, Integral) or int(n_jobs) == 0:
        raise ValueError(
            f"n_jobs == {show(n_jobs)}, must be a whole number other than 0, "
            "or None for FOCALBOOST_NUM_THREADS, OMP_NUM_THREADS or all cores."
        )
    return int(n_jobs)


def check_weight_shape(sample_weight: object, n_samples: int) -> Array | None:
    """Row weights of shape (n_samples,), or None; values are checked by the kernels."""
    if sample_weight is None:
        return None
    refuse_collection("sample_weight", sample_weight)
    weight = np.asarray(sample_weight)
    if weight.dtype.kind not in "fiub":
        raise TypeError(f"sample_weight has dtype {weight.dtype}, must be numbers.")
    if weight.ndim == 2 and weight.shape[1] == 1:
        weight = weight[:, 0]
    if weight.shape != (n_samples,):
        raise ValueError(
            f"sample_weight has shape {weight.shape}, must be ({n_samples},), one weight per row."
        )
    return weight


def weighted_mean(values: Array, weight: Array | None) -> Array:
    """Mean over rows in float64: NumPy sums float32 labels with float32 weights in float32."""
    weights = None if weight is None else weight.astype(np.float64)
    return np.asarray(np.average(values.astype(np.float64), axis=0, weights=weights))


def numeric(name: str, value: object) -> Array:
    """An array of real numbers, not copied where it is one already."""
    refuse_collection(name, value)
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"{name} has dtype {array.dtype}, must be numbers. Encode classes as 0, 1, ... with "
            "sklearn.preprocessing.LabelEncoder."
        )
    return array


def _first(bad: Array) -> tuple[int, ...]:
    return tuple(int(i) for i in np.argwhere(bad)[0])


def _where(index: tuple[int, ...]) -> str:
    return ", ".join(map(str, index))


def raise_for_bad_weight(weight: Array | None) -> None:
    if weight is None:
        return
    good = (weight >= 0) & np.isfinite(weight)
    if not good.all():
        index = _first(~good)
        raise ValueError(f"sample_weight[{_where(index)}] == {show(weight[index])}, must be >= 0 and finite.")


def check_indicator(name: str, labels: Array, why: str) -> None:
    """Name the first entry of a matrix of labels that is neither 0 nor 1."""
    bad = (labels != 0) & (labels != 1)
    if bad.any():
        index = _first(bad)
        raise ValueError(f"{name}[{_where(index)}] == {show(labels[index])}, must be 0 or 1: {why}")


class Labels(NamedTuple):
    """Which labels are valid: from 0 to `highest`, and whether only whole numbers are."""

    highest: int
    whole: bool
    text: str

    def bad(self, labels: Array) -> Array:
        values = labels.astype(np.float64)
        good = (values >= 0.0) & (values <= self.highest)
        return np.asarray(~(good & (np.floor(values) == values) if self.whole else good))

    def check(self, labels: Array, name: str = "y_true") -> None:
        """Name the first bad label."""
        bad = self.bad(labels)
        if bad.any():
            index = _first(bad)
            raise ValueError(f"{name}[{_where(index)}] == {show(labels[index])}, must be {self.text}.")


SHARES = Labels(1, whole=False, text="in [0, 1]: 0 or 1, or a share between them")


def classes(n_classes: int) -> Labels:
    return Labels(n_classes - 1, whole=True, text=f"a whole number from 0 to {n_classes - 1}")


def raise_for_flags(flags: int, y_true: Array, raw: Array, weight: Array | None, labels: Labels) -> None:
    """Name the first bad value that the kernels noticed; does nothing for good input."""
    if flags & _flags.BAD_MARGIN:
        largest = np.float64(np.finfo(np.float32).max)
        index = _first(~(np.abs(raw.astype(np.float64)) <= largest))
        raise ValueError(
            f"raw_prediction[{_where(index)}] == {show(raw[index])}, must be finite. The model has "
            "diverged or was given NaN: lower learning_rate, set reg_lambda > 0 or max_delta_step, and "
            "leave hessian='guarded'."
        )
    if flags & _flags.BAD_LABEL:
        labels.check(y_true)
    if flags & _flags.BAD_WEIGHT:
        raise_for_bad_weight(weight)
