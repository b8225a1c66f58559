"""What may stand in a record: JSON read strictly, and each key of each loss with its type and shape.

Ranges of what a constructor takes (gamma, alpha, label_smoothing) are those of `_validation`, which the
constructors check by; those of what `for_labels` finds stand here. With NumPy alone, for what serves a model.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import numpy as np

from focalboost import _validation
from focalboost._kernels.interface import LEAST_FACTOR, MOST_FACTOR
from focalboost._typing import Array

LARGEST: Final = 4_000_000  # characters; a loss of 20,000 classes with weights and names has about 2 million
DEEPEST: Final = (
    8  # levels; class weights as a dict of dicts among a classifier's parameters are the deepest, at 7
)
LONGEST_NUMBER: Final = 40  # characters; of a float64 at most 24 are written, of a label in uint64 20
FLOAT32_MAX: Final = 3.4028234663852886e38  # kernels refuse margins beyond it
MOST_OUTPUTS: Final = 2**31 - 1  # what boosters count with

_STRING = re.compile(r'"[^"\\]*+(?:\\.?[^"\\]*+)*+"?', re.DOTALL)
_OPENING = re.compile(r"[ \t\n\r]*([{\[]|\Z)")
_BRACKET = re.compile(r"[\[\]{}]")
CURE = (
    "The record was edited or damaged: save the model again where it was trained, or pass the loss yourself."
)
WHERE = (
    "A record is booster.attr('focalboost') of XGBoost, the JSON in the line [focalboost: {...}] of a "
    "LightGBM model's text, or loss.to_json(). One from there was edited or damaged: save the model again "
    "where it was trained."
)


def shorten(text: str, most: int = 80) -> str:
    """A text with its end left out."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def show(value: object) -> str:
    """A value for an error text."""
    return shorten(repr(value))


def of_constructor(error: Exception) -> ValueError:
    """The error of values that a constructor refused: with its rule, and not its cure."""
    value, found, rule = str(error).rpartition(", must ")
    return damaged(f"{shorten(value)}{found}{rule.partition(': ')[0]}")


def damaged(what: str) -> ValueError:
    """The one error of a record that nobody wrote so: `what` has key, value and rule."""
    return ValueError(f"the stored loss has {what.rstrip('.')}. {CURE}")


def no_record(text: object) -> ValueError:
    """Of what is no record at all: damaged, or something else, such as a file's name or its whole text."""
    cure = CURE if isinstance(text, str) and _OPENING.match(text) else WHERE
    return ValueError(f"the stored loss is {show(text)}, must be a record written by focalboost. {cure}")


# ---------------------------------------------------------------------- JSON
def parse(text: object) -> dict[str, Any]:
    """The object that the text is, with lists as tuples; an error for all that JSON leaves open."""
    # The text of a LightGBM model may have more characters than a record: it is not called too long.
    if not isinstance(text, str) or not _OPENING.match(text):
        raise no_record(text)
    if len(text) > LARGEST:
        raise damaged(f"{len(text)} characters, must have at most {LARGEST}")
    _check_depth(text)
    try:
        values = json.loads(
            text,
            object_pairs_hook=_without_doubles,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_whole,
        )
    except json.JSONDecodeError as error:
        raise no_record(text) from error
    if not isinstance(values, dict):
        raise no_record(text)
    return {name: _tuples(value) for name, value in values.items()}


def _check_depth(text: str) -> None:
    """Before the parser, which calls itself for each level."""
    depth = 0
    for bracket in _BRACKET.finditer(_STRING.sub("", text)):
        depth += 1 if bracket.group() in "[{" else -1
        if depth > DEEPEST:
            raise damaged(f"more than {DEEPEST} levels of brackets, must have at most {DEEPEST}")


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise damaged(f"the key {show(name)} twice, must have it once")
        found[name] = value
    return found


def _refuse_constant(word: str) -> Any:
    raise damaged(f"the number {word}, must have finite numbers")


def _finite(digits: str) -> float:
    value = float(digits)
    # Nobody writes more digits than tell a float64 from the next, and 1e999 is infinite.
    if len(digits) > LONGEST_NUMBER or not math.isfinite(value):
        raise damaged(f"the number {shorten(digits)}, must have finite numbers as float64 is written")
    return value


def _whole(digits: str) -> int:
    # Python refuses more than 4,300 digits in words of its own.
    if len(digits) > LONGEST_NUMBER:
        raise damaged(f"the number {shorten(digits)}, must have numbers of at most {LONGEST_NUMBER} digits")
    return int(digits)


def _tuples(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _tuples(item) for name, item in value.items()}
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


# ---------------------------------------------------------------------- keys
class Key(NamedTuple):
    """What a value must be, in words and as a test of it and the number of classes or labels."""

    rule: str
    holds: Callable[[Any, int | None], bool]


def check_keys(values: Mapping[str, Any], known: Mapping[str, Any], where: str = "") -> None:
    """All the known keys, and no others."""
    for name in values:
        if name not in known:
            raise damaged(f"the unknown key {show(name)}{where}, must have only {', '.join(known)}")
    for name in known:
        if name not in values:
            raise damaged(f"no key {name!r}{where}, must have it")


def is_number(value: object) -> bool:
    """No text, and no True."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_whole(value: object) -> bool:
    """No text, no True, no 2.0."""
    return isinstance(value, int) and not isinstance(value, bool)


def _is_positive(value: Any) -> bool:
    return is_number(value) and value > 0


def _is_margin(value: Any) -> bool:
    return is_number(value) and abs(value) <= FLOAT32_MAX


def _all(test: Callable[[Any], bool], value: Any, n: int | None, least: int = 1) -> bool:
    """A list of n entries, or of some where their number stands nowhere."""
    size_fits = isinstance(value, tuple) and (len(value) == n if n is not None else len(value) >= least)
    return size_fits and all(map(test, value))


def _is_pair(value: Any) -> bool:
    return _all(is_number, value, 2)


def _is_side(value: Any) -> bool:
    return is_number(value) or _is_pair(value)


_POSITIVE = Key("a number > 0", lambda value, _: _is_positive(value))
_HESSIAN = Key(
    f"one of {', '.join(map(repr, _validation.HESSIANS))}",
    lambda value, _: isinstance(value, str) and value in _validation.HESSIANS,
)
_SMOOTHING = Key("a number in [0, 1)", lambda value, _: is_number(value) and 0 <= value < 1)
_BOOLEAN = Key("true or false", lambda value, _: isinstance(value, bool))


def _count(low: int) -> Key:
    return Key(
        f"null or a whole number >= {low}",
        lambda value, _: value is None or (is_whole(value) and low <= value <= MOST_OUTPUTS),
    )


def _gamma(unit: str, least: int) -> Key:
    return Key(
        f"a number or a list of one per {unit}",
        lambda value, n: is_number(value) or _all(is_number, value, n, least),
    )


def _shift(unit: str, least: int) -> Key:
    return Key(
        f"null or a list of one number per {unit}, from -1000 to 1000",
        lambda value, n: value is None or _all(_is_shift, value, n, least),
    )


def _is_shift(value: Any) -> bool:
    return is_number(value) and abs(value) <= _validation.FURTHEST_SHIFT


def _is_named(value: Any) -> bool:
    return value is None or value == _validation.BALANCED


def _is_rate(value: Any) -> bool:
    return is_number(value) and 0 < value <= 1


def _is_side_of_rate(value: Any) -> bool:
    return _is_rate(value) or _all(_is_rate, value, 2)


_OF_ALL = {"hessian": _HESSIAN, "balanced": _BOOLEAN}
# By loss, every key that it has beside its format and name.
KEYS: dict[str, dict[str, Key]] = {
    "BinaryFocalLoss": {
        "gamma": _gamma("class", 2),
        "alpha": Key(
            "null, 'balanced', a number or a list of two",
            lambda value, _: _is_named(value) or is_number(value) or _is_pair(value),
        ),
        **_OF_ALL,
        "sampling_rate": Key(
            "null, a number in (0, 1] or a list of two",
            lambda value, _: value is None or _is_side_of_rate(value),
        ),
        "scale": _POSITIVE,
        "intercept": Key(
            "null or a number in the range of float32", lambda value, _: value is None or _is_margin(value)
        ),
        "logit_shift": Key(
            "null or a number from -1000 to 1000", lambda value, _: value is None or _is_shift(value)
        ),
        "label_smoothing": _SMOOTHING,
    },
    "MulticlassFocalLoss": {
        "gamma": _gamma("class", 2),
        "alpha": Key(
            "null, 'balanced' or a list of one number per class",
            lambda value, n: _is_named(value) or _all(is_number, value, n, 2),
        ),
        **_OF_ALL,
        "sampling_rate": Key(
            "null or a list of one number in (0, 1] per class",
            lambda value, n: value is None or _all(_is_rate, value, n, 2),
        ),
        "scale": _POSITIVE,
        "intercept": Key(
            "null or a list of one number per class in the range of float32",
            lambda value, n: value is None or _all(_is_margin, value, n, 2),
        ),
        "logit_shift": _shift("class", 2),
        "n_classes": _count(2),
    },
    "MultilabelFocalLoss": {
        "gamma": _gamma("label", 1),
        "alpha": Key(
            "null, 'balanced', a number, or a list of one number or pair per label",
            lambda value, n: _is_named(value) or is_number(value) or _all(_is_side, value, n),
        ),
        **_OF_ALL,
        "sampling_rate": Key(
            "null, a number in (0, 1], or a list of one number or pair per label",
            lambda value, n: value is None or _is_rate(value) or _all(_is_side_of_rate, value, n),
        ),
        "scale": Key(
            "1 or a list of one number > 0 per label",
            lambda value, n: (is_number(value) and value == 1) or _all(_is_positive, value, n),
        ),
        "intercept": Key(
            "null or a list of one number per label in the range of float32",
            lambda value, n: value is None or _all(_is_margin, value, n),
        ),
        "logit_shift": _shift("label", 1),
        "label_smoothing": _SMOOTHING,
        "n_labels": _count(1),
    },
}
SIZES = {"MulticlassFocalLoss": "n_classes", "MultilabelFocalLoss": "n_labels"}


def check_loss(name: str, values: Mapping[str, Any]) -> None:
    """Each key of a loss by itself and beside the others."""
    keys = KEYS[name]
    check_keys(values, keys)
    size = SIZES.get(name)
    if size is not None:
        _check_key(size, keys[size], values[size], None)
    n: int | None = 2 if size is None else values[size]
    for key, rule in keys.items():
        _check_key(key, rule, values[key], n)
    _check_together(values, size)
    _check_ranges(values)


def _check_key(name: str, key: Key, value: Any, n: int | None) -> None:
    if not key.holds(value, n):
        of_n = f" ({n})" if n is not None and "per" in key.rule else ""
        raise damaged(f"{name} == {show(value)}, must be {key.rule}{of_n}")


def _check_together(values: Mapping[str, Any], size: str | None) -> None:
    """Numbers that `for_labels` finds are there together or not at all."""
    alpha, balanced = values["alpha"], values["balanced"]
    if values["intercept"] is None:
        if values["scale"] != 1 or balanced:
            raise damaged(
                f"intercept == None with scale == {show(values['scale'])} and balanced == {balanced}, "
                "must have 1 and False: what labels resolve is there together or not at all"
            )
        return
    if alpha == _validation.BALANCED:
        raise damaged("alpha == 'balanced' with an intercept, must be numbers")
    if balanced and not isinstance(alpha, tuple):
        raise damaged(f"balanced == True with alpha == {show(alpha)}, must have the class weights")
    if size is not None and values[size] is None:
        raise damaged(f"{size} == None with an intercept, must be its number of entries")
    if size == "n_labels" and not isinstance(values["scale"], tuple):
        raise damaged(f"scale == {values['scale']} with intercepts, must be a list of one per label")


def _check_ranges(values: Mapping[str, Any]) -> None:
    """What the constructors refuse, and numbers that are not those of any float64."""
    alpha = values["alpha"]
    of_labels = "n_labels" in values and isinstance(alpha, tuple)
    try:
        _validation.check_gamma(values["gamma"])
        if of_labels:
            for label, entry in enumerate(alpha):
                _check_alpha(entry, f"alpha[{label}]")
        else:
            _check_alpha(alpha, "alpha")
        _validation.check_smoothing(values.get("label_smoothing", 0.0))
    except (ValueError, TypeError) as error:
        raise of_constructor(error) from error
    for name, value in values.items():
        if name not in SIZES.values() and _as_float(value) != value:
            raise damaged(f"{name} == {show(value)}, must be {show(_as_float(value))} beside the rest")


def _check_alpha(alpha: Any, name: str) -> None:
    if isinstance(alpha, tuple):
        _validation.check_weights(alpha, name)
    elif is_number(alpha):
        _validation.check_alpha_share(alpha, name)


def _as_float(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_as_float, value))
    return float(value) if is_whole(value) else value


# ---------------------------------------------------------------------- what an entry stands for
def class_pair(alpha: Any) -> tuple[float, float]:
    """Weights of class 0 and class 1 that one entry of `alpha` stands for."""
    if alpha is None:
        return 1.0, 1.0
    if isinstance(alpha, tuple):
        return alpha[0], alpha[1]
    return 1.0 - alpha, alpha


def rate_pair(rate: Any) -> tuple[float, float]:
    """Shares of class 0 and class 1 that one entry of `sampling_rate` stands for."""
    return rate if isinstance(rate, tuple) else (rate, 1.0)


def fits(factors: Array) -> bool:
    """Whether the kernels can multiply with them; NaN does not fit."""
    return bool(np.all((factors >= LEAST_FACTOR) & (factors <= MOST_FACTOR)))


def scaled(alpha: Array, scale: Array) -> Array:
    """Class weights times scale, checked."""
    with np.errstate(over="ignore"):  # refused in words
        factors = alpha * scale
    check_factors(factors)
    return factors


def check_factors(factors: Array) -> None:
    """Of class weights times scale in a file: `for_labels` lets no other through."""
    if not fits(factors):
        raise ValueError(
            f"scale times alpha == {factors.tolist()!r}, must be from {LEAST_FACTOR:.3g} to "
            f"{MOST_FACTOR:.3g}: the record of the loss was edited or damaged. Resolve the loss anew with "
            "for_labels(y)."
        )
