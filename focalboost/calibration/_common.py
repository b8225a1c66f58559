"""What two classes and several have in common: log phi, the shift, checks."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import log_softmax

from focalboost._kernels.sigmoid import fill_log_focal_slope
from focalboost._typing import Array

# Margins beyond it are infinite to the closed form: products of them with gamma leave float64.
INFINITE = 1e300


def log_focal_slope(s: Array, gamma: Array) -> Array:
    """log phi of the signed margin s, `formulas.log_focal_slope`, over broadcast float64 arrays."""
    shape = np.broadcast_shapes(np.shape(s), np.shape(gamma))
    # Copies: a broadcast array is read-only or warns when it is asked whether it is.
    flat_s, flat_gamma = (np.array(np.broadcast_to(a, shape), np.float64).reshape(-1) for a in (s, gamma))
    out = np.empty(flat_s.size)
    fill_log_focal_slope(flat_s, flat_gamma, out)
    return out.reshape(shape)


def parameters(gamma: ArrayLike, alpha: ArrayLike) -> tuple[Array, Array]:
    """gamma and the logarithm of alpha."""
    gammas, weights = np.asarray(gamma, float), np.asarray(alpha, float)
    if not (np.isfinite(gammas) & (gammas >= 0.0)).all():
        raise ValueError(f"gamma == {gamma!r}, must be >= 0 and finite.")
    if not (np.isfinite(weights) & (weights > 0.0)).all():
        raise ValueError(f"alpha == {alpha!r}, must be > 0 and finite.")
    return gammas, np.log(weights)


def refuse_nan(margins: Array) -> None:
    bad = np.argwhere(np.isnan(margins))
    if len(bad):
        index = tuple(map(int, bad[0]))
        raise ValueError(
            f"{place('raw_prediction', index)} == nan, must be a number: the model has diverged. Train it "
            "anew with a lower learning_rate, or with reg_lambda > 0."
        )


def shifted(score: Array, logit_shift: ArrayLike) -> Array:
    """Log-odds with what calibration in the large adds to them."""
    return np.asarray(score + np.asarray(logit_shift, float))


def shifted_softmax(log_posterior: Array, logit_shift: ArrayLike) -> Array:
    """The same for logarithms of probabilities of classes, whose sum is 1 again."""
    shift = np.asarray(logit_shift, float)
    return np.asarray(log_softmax(log_posterior + shift, axis=-1)) if shift.any() else log_posterior


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
