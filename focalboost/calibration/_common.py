"""What two classes and several have in common: log phi, shift and sampling, checks."""

from __future__ import annotations

from numbers import Real
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from focalboost._typing import Array
from focalboost.calibration._functions import expit, log_expit

# Margins beyond it are infinite to the closed form: products of them with gamma leave float64.
INFINITE = 1e300


class Terms(NamedTuple):
    """Of a margin s, with p = sigmoid(s), q = 1 - p and L = -log p: what log phi is made of."""

    odds_loss: Array  # p L / q, from 0 at the far left to 1 at the far right
    softplus: Array  # -log q


def focal_terms(s: Array) -> tuple[Terms, Terms]:
    """The terms of the margins s and -s, of the same exponentials."""
    size = np.abs(s)
    # p L / q is log1p(e) / e to the right, 1 to the last bit long before e is as small as this.
    e = np.maximum(np.exp(-size), 1e-300)
    log1p_e = np.log1p(e)
    right, left = log1p_e / e, e * (log1p_e + size)
    positive = s > 0.0
    return (
        Terms(np.where(positive, right, left), log1p_e + np.maximum(s, 0.0)),
        Terms(np.where(positive, left, right), log1p_e + np.maximum(-s, 0.0)),
    )


def log_focal_slope(terms: Terms, gamma: Array) -> Array:
    """log phi(p), phi = (1-p)^gamma + gamma p (1-p)^(gamma-1) (-log p).

    Charoenphakdee et al., CVPR 2021: the class posterior is proportional to p / phi(p).
    """
    return np.asarray(np.log1p(gamma * terms.odds_loss) - gamma * terms.softplus)


def evidence_slope(s: Array, gamma: Array) -> Array:
    """Derivative of log p - log phi(p) by s: 1 at its far left, gamma at its far right.

    With L = -log p and r = p L / q it is q + gamma p (2 - L + (gamma - 1) r) / (1 + gamma r).
    """
    p, q, cross_entropy = expit(s), expit(-s), -log_expit(s)
    # p / q is exp(s), and L is exp(-s) to the last bit from 40 on.
    ratio = np.where(s > 40.0, 1.0, np.exp(np.minimum(s, 40.0)) * cross_entropy)
    slope: Array = q + gamma * p * (2.0 - cross_entropy + (gamma - 1.0) * ratio) / (1.0 + gamma * ratio)
    return slope


def numbers(name: str, value: ArrayLike) -> Array:
    """An argument as float64. NumPy reads some texts as numbers, and drops the imaginary part of others."""
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "SUTcmM":
            return np.asarray(array, float)
    except (TypeError, ValueError):
        pass  # a list of lists of other lengths, or of objects
    raise TypeError(f"{name} == {shown(value)}, must be numbers.")


def shown(value: object) -> str:
    """A value for an error text."""
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:197]}..."


def is_real(value: object) -> bool:
    """Whether it is one number, and no True."""
    return isinstance(value, Real) and not isinstance(value, bool)


def check_flag(name: str, value: object) -> None:
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} == {shown(value)}, must be True or False.")


def parameters(gamma: ArrayLike, alpha: ArrayLike) -> tuple[Array, Array]:
    """gamma and the logarithm of alpha."""
    gammas, weights = numbers("gamma", gamma), numbers("alpha", alpha)
    if not (np.isfinite(gammas) & (gammas >= 0.0)).all():
        raise ValueError(f"gamma == {shown(gamma)}, must be >= 0 and finite.")
    if not (np.isfinite(weights) & (weights > 0.0)).all():
        raise ValueError(f"alpha == {shown(alpha)}, must be > 0 and finite.")
    return gammas, np.log(weights)


def shifts(logit_shift: ArrayLike) -> Array:
    """What is added to log-odds; the first that is not finite is named."""
    array = numbers("logit_shift", logit_shift)
    good = np.isfinite(array)
    if not good.all():
        index = tuple(map(int, np.argwhere(~good)[0]))
        cure = " Pass 0.0 where the stored loss has None." if logit_shift is None else ""
        raise ValueError(f"{place('logit_shift', index)} == {array[index]}, must be finite.{cure}")
    return array


def check_together(*named: tuple[str, object, tuple[int, ...]]) -> None:
    """Refuse the first shape that does not go together with those before it."""
    shape: tuple[int, ...] = ()
    before = ""
    for name, value, own in named:
        if own in {(), shape}:
            continue
        if not shape:
            shape, before = own, name
            continue
        try:
            shape = np.broadcast_shapes(shape, own)
        except ValueError as error:
            raise ValueError(
                f"{name} == {shown(value)} is for {own[-1]} labels beside {before}, which is for "
                f"{shape[-1]}, must have one entry, or one for each label."
            ) from error


def log_rates(sampling_rate: ArrayLike) -> Array:
    """Logarithm of the shares of rows that were kept."""
    rates = numbers("sampling_rate", sampling_rate)
    if not ((rates > 0.0) & (rates <= 1.0)).all():
        raise ValueError(
            f"sampling_rate == {shown(sampling_rate)}, must be in (0, 1]: the share of the rows of a class "
            "that was kept for training. Where 1 in 20 was kept pass 0.05."
        )
    return np.asarray(np.log(rates))


def refuse_nan(margins: Array) -> None:
    bad = np.isnan(margins)
    if bad.any():
        index = tuple(map(int, np.argwhere(bad)[0]))
        raise ValueError(
            f"{place('raw_prediction', index)} == nan, must be a number: the model has diverged. Train it "
            "anew with a lower learning_rate, or with reg_lambda > 0."
        )


def place(name: str, index: tuple[int, ...]) -> str:
    return f"{name}[{', '.join(map(str, index))}]" if index else name


def check_probability(values: Array, inside: Array, clipped: str) -> None:
    """Name the first probability that has no finite margin."""
    bad = np.argwhere(~inside)
    if not len(bad):
        return
    index = tuple(map(int, bad[0]))
    value = float(values[index])
    others = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
    what = f"{place('probability', index)} == {value!r}{others}, must be in (0, 1)"
    if value in {0.0, 1.0}:
        raise ValueError(f"{what}: the margin of 0 and of 1 is infinite. Clip before: {clipped}.")
    raise ValueError(
        f"{what}: a probability. Pass what the old model's predict_proba gives, not its margins, and no NaN."
    )


def check_found(found: Array, probability: Array, gamma: ArrayLike) -> None:
    """No margin is better than one that stands for another probability."""
    if not found.all():
        index = tuple(map(int, np.argwhere(~found)[0]))
        raise ValueError(
            f"{place('probability', index)} == {probability[index]} has no margin that float64 can find for "
            f"gamma == {gamma!r}, must have one. Use a smaller gamma (useful are 0 to 5), or clip the "
            "probabilities."
        )
