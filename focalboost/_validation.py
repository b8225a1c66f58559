"""Checks, and error texts in one voice: the name and value, the rule, the cure."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Sequence
from decimal import Decimal
from numbers import Integral, Real
from typing import Any, NamedTuple, cast

import numpy as np

from focalboost._dask import refuse_collection
from focalboost._kernels import flags as _flags
from focalboost._typing import Array

Numbers = float | tuple[float, ...]
BALANCED = "balanced"
# Of a row with p_t = 1/2 the focal weight is 2^-gamma, and scale is as large as that is small: from 127 on
# float32 holds neither.
LARGEST_GAMMA = 100.0
# Both sides of what `_kernels.interface` can multiply, as numbers that a person types.
LEAST_ALPHA, MOST_ALPHA = 1e-30, 1e30
LEAST_SMOOTHING = 1e-30  # half of it, times 2^-24 of a weight, is a normal float32
FURTHEST_SHIFT = 1000.0
FLOAT32 = np.finfo(np.float32)
FLOAT32_RANGE = float(FLOAT32.tiny), float(FLOAT32.max)
HESSIANS = ("guarded", "exact", "reweighted")
LONGEST_TEXT = 200  # of a value in an error
DEVICES = ("auto", "cpu", "cuda")


def show(value: object) -> str:
    """A value as a user would type it: no np.float64(...) around numbers, and not hundreds of digits."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, int) and abs(value) >= 10**20:
        return f"{'-' if value < 0 else ''}10**{math.log10(abs(value)):.0f}"
    try:
        text = repr(value)
    except ValueError:  # Python writes no integer of more than 4,300 digits
        text = f"a {type(value).__name__} of more than 4300 digits"
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 3]}..."


def is_sequence(value: object) -> bool:
    """Whether a parameter was given per class or label."""
    if isinstance(value, np.ndarray):
        return value.ndim > 0
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray)


def by_key(value: Any) -> Any:
    """A pandas Series as the dict that it stands for; all else as it is."""
    if getattr(value, "ndim", None) != 1 or not (hasattr(value, "index") and hasattr(value, "to_dict")):
        return value
    if not value.index.is_unique:
        raise ValueError(f"{value.index.tolist()!r} is the index of a Series, must have each class once.")
    return value.to_dict()


def is_named(alpha: object) -> bool:
    """Whether class weights are none or to be found from labels; any other word is an error."""
    if isinstance(alpha, str) and alpha != BALANCED:
        raise ValueError(f"alpha == {alpha!r}, must be None, a number, one number per class or 'balanced'.")
    return alpha is None or isinstance(alpha, str)


def number(name: str, value: object, rule: str, *, low: float, strict: bool) -> float:
    """A finite float >= low (> low if strict), of any number that Python has."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    # The first: mypy knows that a bool cannot be a Decimal.
    is_flag = isinstance(value, bool | np.bool_)
    if is_flag or not isinstance(value, Real | Decimal):
        text = f" It is a {type(value).__name__}: pass a number." if isinstance(value, str) else ""
        raise TypeError(f"{name} == {show(value)}, must be {rule}.{text}")
    try:
        result = float(value)
    except (OverflowError, ValueError):  # an int or Fraction beyond 1e308, a Decimal that signals NaN
        result = math.nan
    # Not the float: -1 / 10**400 is one that is not below 0. NaN is not finite.
    if not math.isfinite(result) or cast("float", value) < low or (strict and result == low):
        raise ValueError(f"{name} == {show(value)}, must be {rule}.")
    return result + 0.0  # of -0.0, which a record would keep, 0.0


def check_gamma(gamma: object, name: str = "gamma") -> Numbers:
    """gamma >= 0, or a tuple of them."""
    rule = ">= 0 and finite"

    def one(label: str, value: object, rule: str) -> float:
        result = number(label, value, rule, low=0.0, strict=False)
        if result > LARGEST_GAMMA:
            raise ValueError(
                f"{label} == {show(value)}, must be at most {LARGEST_GAMMA:g}: beyond, gradients leave "
                "float32's range. Useful are 0 to 5."
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
    values = enumerate(cast("Iterable[object]", alpha))
    return tuple(
        _within_alpha(
            f"{name}[{k}]", value, number(f"{name}[{k}]", value, "> 0 and finite", low=0.0, strict=True)
        )
        for k, value in values
    )


def _within_alpha(name: str, value: object, weight: float) -> float:
    if not LEAST_ALPHA <= weight <= MOST_ALPHA:
        raise ValueError(
            f"{name} == {show(value)}, must be from {LEAST_ALPHA:g} to {MOST_ALPHA:g}: beyond, gradients "
            "leave float32's range. Only the ratio of the class weights counts."
        )
    return weight


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
    return _within_alpha(name, alpha, share(name, alpha, zero=False, one=False, why=why))


def check_rate(name: str, value: object) -> float:
    """A share in (0, 1] of the rows of a class that was kept."""
    why = ": the share of the rows of a class that was kept for training. Where 1 in 20 was kept pass 0.05"
    return share(name, value, zero=False, why=why)


def check_shift(name: str, value: object) -> float:
    """What is added to log-odds, as far as a record keeps it."""
    result = number(name, value, "finite", low=-math.inf, strict=False)
    if abs(result) > FURTHEST_SHIFT:
        raise ValueError(
            f"{name} == {show(value)}, must be from {-FURTHEST_SHIFT:g} to {FURTHEST_SHIFT:g}: a probability "
            "of 1e-300 has log-odds of -691."
        )
    return result


def check_smoothing(value: object) -> float:
    """label_smoothing, in [0, 1), 0 or large enough that float32 holds its products."""
    result = share("label_smoothing", value, one=False)
    if 0.0 < result < LEAST_SMOOTHING:
        raise ValueError(
            f"label_smoothing == {show(value)}, must be 0 or at least {LEAST_SMOOTHING:g}: less leaves "
            "float32's range."
        )
    return result


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
    """Row weights of shape (n_samples,), or None.

    Values are checked by the kernels, those that kernels and boosters would round to float32 here.
    """
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
    if weight.dtype != np.float32:
        raise_for_bad_weight(weight)
    return weight


def weighted_mean(values: Array, weight: Array | None) -> Array:
    """Mean over rows in float64: NumPy sums float32 labels with float32 weights in float32."""
    weights = None
    if weight is not None:
        weights = weight.astype(np.float64)
        # Weights of 1e-300 or 1e300 would leave float64's range in products and sums.
        weights /= weights.max(initial=0.0) or 1.0
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


def raise_for_bad_weight(weight: Array | None, bounds: tuple[float, float] = FLOAT32_RANGE) -> None:
    """Name the first weight that is neither 0 nor within the bounds."""
    if weight is None or weight.size == 0:
        return
    least, most = bounds
    lowest, highest = weight.min(), weight.max()
    # Of most data nothing more is looked at; a NaN is neither.
    if lowest >= least and highest <= most:
        return
    # float32 weights are compared as float64, or NumPy would round the bounds.
    values = weight if weight.dtype != np.float32 else weight.astype(np.float64)
    good = ((values >= least) & (values <= most)) | (values == 0)
    if not good.all():
        index = _first(~good)
        raise ValueError(weight_error(f"sample_weight[{_where(index)}]", weight[index], bounds))


def weight_error(name: str, value: Any, bounds: tuple[float, float]) -> str:
    text = f"{name} == {show(value)}, must be "
    if not value >= 0 or not np.isfinite(value):
        also = " A booster reads a number above 3.4e38, the largest float32, as inf." if value > 0 else ""
        return f"{text}>= 0 and finite.{also}"
    least, most = bounds
    return (
        f"{text}0 or from {least:.3g} to {most:.3g}: products of it with class weights leave the range of "
        "float32, in which boosters read weights and gradients. Divide all weights by their mean."
    )


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

    def check_rounding(self, labels: Array) -> None:
        """Name the first label that the kernels, which read float32, would take for another."""
        if labels.dtype.kind != "f" or labels.dtype.itemsize <= FLOAT32.dtype.itemsize:
            return
        # A block at a time: the kernels need no memory that grows with the rows, nor does this.
        for start in range(0, len(labels), _BLOCK):
            block = labels[start : start + _BLOCK]
            rounded = block.astype(np.float32)
            bad = ((rounded == 0.0) | (rounded == 1.0)) & (block != rounded)
            if not bad.any():
                continue
            self.check(labels)
            first, *others = _first(bad)
            index = (start + first, *others)
            raise ValueError(
                f"y_true[{_where(index)}] == {show(labels[index])}, must be 0, 1 or a share that float32 "
                f"tells from them: gradients are computed in it. Pass {np.float32(labels[index]):g}."
            )


_BLOCK = 65_536

SHARES = Labels(1, whole=False, text="in [0, 1]: 0 or 1, or a share between them")


def classes(n_classes: int) -> Labels:
    return Labels(n_classes - 1, whole=True, text=f"a whole number from 0 to {n_classes - 1}")


def raise_for_flags(
    flags: int,
    y_true: Array,
    raw: Array,
    weight: Array | None,
    labels: Labels,
    weight_bounds: tuple[float, float] = FLOAT32_RANGE,
) -> None:
    """Name the first bad value that the kernels noticed; does nothing for good input."""
    if flags & _flags.BAD_MARGIN:
        largest = FLOAT32_RANGE[1]
        index = _first(~(np.abs(raw.astype(np.float64)) <= largest))
        rule = f"at most {largest:.3g} in size" if np.isfinite(raw[index]) else "finite"
        raise ValueError(
            f"raw_prediction[{_where(index)}] == {show(raw[index])}, must be {rule}. The model has "
            "diverged or was given NaN: lower learning_rate, set reg_lambda > 0 or max_delta_step, and "
            "leave hessian='guarded'."
        )
    if flags & _flags.BAD_LABEL:
        labels.check(y_true)
    if flags & _flags.BAD_WEIGHT:
        raise_for_bad_weight(weight, weight_bounds)


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """A sentence with the name that is most like `name`, or ""; capitals, blanks and marks do not count."""
    plain = {_plain(each): each for each in reversed(list(names))}
    near = difflib.get_close_matches(_plain(name), plain, 1, cutoff=0.75)
    return f" Did you mean {plain[near[0]]!r}?" if near else ""


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum()) or name
