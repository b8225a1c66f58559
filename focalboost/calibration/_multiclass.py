"""Several classes: from margins to the logarithms of probabilities and back."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from focalboost._typing import Array
from focalboost.calibration._common import (
    INFINITE,
    check_found,
    check_probability,
    evidence_slope,
    focal_terms,
    log_focal_slope,
    log_rates,
    numbers,
    parameters,
    place,
    refuse_nan,
    shifts,
    shown,
)
from focalboost.calibration._functions import expit, log_expit, log_softmax, logsumexp, softmax

# Newton steps of `multiclass_margin`. Without a limit some rows overshoot for good where gamma is 100 for one
# class and 0 for another; with it none did, of 16,000 rows with gamma to 1e6 and probabilities to 1e-300.
_LARGEST_STEP = 3.0
_MOST_STEPS = 1000


def multiclass_posterior(
    raw_prediction: ArrayLike,
    *,
    gamma: ArrayLike,
    alpha: ArrayLike = 1.0,
    logit_shift: ArrayLike = 0.0,
    sampling_rate: ArrayLike = 1.0,
) -> Array:
    """Class probabilities from margins trained with multi-class (softmax) focal loss.

    Parameters
    ----------
    raw_prediction : array-like of shape (n_samples, n_classes)
        Margins. A class of margin -inf has posterior 0, one class of inf has 1.
    gamma, alpha : array-like of shape () or (n_classes,)
        Focusing parameter >= 0 and class weight > 0, as used in training.
    logit_shift : array-like of shape () or (n_classes,), default=0.0
        Added to the logarithms, whose exponentials then sum to 1 again: `stored_loss(booster).logit_shift`,
        unless that is None.
    sampling_rate : array-like of shape () or (n_classes,), default=1.0
        Share in (0, 1] of the rows of each class that was kept for training. The probabilities are those of
        all rows: proportional to the others divided by it. One number for all classes changes nothing.

    Returns
    -------
    ndarray of shape (n_samples, n_classes), float64
        Rows sum to 1.

    Raises
    ------
    ValueError
        If a margin is NaN, two of a row are inf, all of a row are -inf, or a parameter is out of range.

    Examples
    --------
    >>> from focalboost.calibration import multiclass_posterior
    >>> multiclass_posterior([[0.0, 1.0, 3.0]], gamma=2.0).round(4)
    array([[0.0029, 0.0076, 0.9895]])
    """
    logs = multiclass_log_posterior(
        raw_prediction, gamma=gamma, alpha=alpha, logit_shift=logit_shift, sampling_rate=sampling_rate
    )
    return np.asarray(np.exp(logs))


def multiclass_log_posterior(
    raw_prediction: ArrayLike,
    *,
    gamma: ArrayLike,
    alpha: ArrayLike = 1.0,
    logit_shift: ArrayLike = 0.0,
    sampling_rate: ArrayLike = 1.0,
) -> Array:
    """Logarithm of `multiclass_posterior`, which keeps its digits where a probability is next to 0.

    Parameters
    ----------
    raw_prediction, gamma, alpha, logit_shift, sampling_rate
        As in `multiclass_posterior`.

    Returns
    -------
    ndarray of shape (n_samples, n_classes), float64

    Examples
    --------
    >>> from focalboost.calibration import multiclass_log_posterior
    >>> multiclass_log_posterior([[0.0, 1.0, 3.0]], gamma=2.0).round(3)
    array([[-5.841, -4.883, -0.011]])
    """
    gammas, log_alpha = parameters(gamma, alpha)
    raw = numbers("raw_prediction", raw_prediction)
    if raw.ndim not in {1, 2} or raw.shape[-1] < 2:
        raise ValueError(
            f"raw_prediction has shape {raw.shape}, must be (n_classes,) or (n_samples, n_classes) with 2 or "
            "more classes: for one margin a row use binary_posterior."
        )
    _check_shapes(
        raw.shape[-1], gamma=gamma, alpha=alpha, logit_shift=logit_shift, sampling_rate=sampling_rate
    )
    added = _added(logit_shift, sampling_rate)
    z, is_zero = _without_infinite(raw)
    margins, _ = _against_rest(z)
    log_posterior = log_softmax(_class_evidence(margins, gammas, log_alpha))
    log_posterior = np.where(is_zero, -np.inf, log_posterior) if is_zero.any() else log_posterior
    return log_softmax(log_posterior + added) if added.any() else log_posterior


def multiclass_margin(
    probability: ArrayLike,
    *,
    gamma: ArrayLike,
    alpha: ArrayLike = 1.0,
    logit_shift: ArrayLike = 0.0,
    sampling_rate: ArrayLike = 1.0,
) -> Array:
    """Margins (of mean zero) whose `multiclass_posterior` is `probability`.

    With p_k / (alpha_k phi_k(p_k)) = t probability_k, every p_k increases with the one unknown t, and the sum
    of the p_k is 1 at one t. Found by Newton's method in t and the p_k of all rows at once, from the
    solution for gamma = 0, p_k proportional to alpha_k probability_k.

    Parameters
    ----------
    probability : array-like of shape (n_classes,) or (n_samples, n_classes)
        Above 0; each row of sum 1, which may be off by rounding, up to 0.01.
    gamma, alpha, logit_shift, sampling_rate
        As in `multiclass_posterior`.

    Returns
    -------
    ndarray of the shape of `probability`, float64

    Raises
    ------
    ValueError
        If a probability is not above 0, a row has another sum than 1, or a parameter is out of range.

    Examples
    --------
    >>> from focalboost.calibration import multiclass_margin, multiclass_posterior
    >>> margin = multiclass_margin([0.7, 0.2, 0.1], gamma=(2, 1, 3), alpha=(1, 2, 0.5))
    >>> multiclass_posterior(margin, gamma=(2, 1, 3), alpha=(1, 2, 0.5)).round(8)
    array([0.7, 0.2, 0.1])
    """
    shares = numbers("probability", probability)
    if shares.ndim not in {1, 2} or shares.shape[-1] < 2:
        raise ValueError(
            f"probability has shape {shares.shape}, must be (n_classes,) or (n_samples, n_classes) with 2 or "
            "more classes: for the probability of one class use binary_margin."
        )
    check_probability(
        shares,
        (shares > 0.0) & (shares <= 1.0),
        "p = np.clip(probability, 1e-7, None), then p / p.sum(axis=-1, keepdims=True)",
    )
    sums = shares.sum(axis=-1)
    off = np.argwhere(np.abs(sums - 1.0) > 0.01)
    if len(off):
        index = tuple(map(int, off[0]))
        raise ValueError(
            f"{place('probability', index)} has the sum {sums[index]:g}, must be 1: pass a column for every "
            "class, or divide by probability.sum(axis=-1, keepdims=True)."
        )
    gammas, log_alpha = parameters(gamma, alpha)
    _check_shapes(
        shares.shape[-1], gamma=gamma, alpha=alpha, logit_shift=logit_shift, sampling_rate=sampling_rate
    )
    log_shares = (np.log(shares) - _added(logit_shift, sampling_rate)).reshape(-1, shares.shape[-1])
    s = _margins_against_rest(log_shares + log_alpha, np.broadcast_to(gammas, log_shares.shape))
    z = log_expit(s)
    z -= z.mean(axis=-1, keepdims=True)
    # NaN is not less than anything.
    error = np.abs(multiclass_log_posterior(z, gamma=gamma, alpha=alpha) - log_softmax(log_shares))
    check_found((error < 1e-6).reshape(shares.shape), shares, gamma)
    return np.asarray(z.reshape(shares.shape))


def _class_evidence(s: Array, gamma: Array, log_alpha: Array) -> Array:
    """log of p / (alpha phi(p)) at the one-against-rest margin s."""
    terms, opposite = focal_terms(s)
    return np.asarray(-opposite.softplus - log_alpha - log_focal_slope(terms, gamma))


def _added(logit_shift: ArrayLike, sampling_rate: ArrayLike) -> Array:
    """What the logarithms of the closed form get: the shift, and what turns the kept rows into all rows."""
    return np.asarray(shifts(logit_shift) - log_rates(sampling_rate))


def _check_shapes(n_classes: int, **given: ArrayLike) -> None:
    for name, value in given.items():
        shape = numbers(name, value).shape
        if shape not in {(), (n_classes,)}:
            raise ValueError(
                f"{name} == {shown(value)} has shape {shape}, must be one number or {n_classes}, one per "
                "class."
            )


def _against_rest(z: Array) -> tuple[Array, Array]:
    """Margin of each class against all others together, and the place of the largest class."""
    # Only differences count; rounded at the size of a common offset they would lose their digits.
    z = z - z.max(axis=-1, keepdims=True)
    # log sum over j != k of exp z_j is log sum + log(1 - p_k). Only the largest class can have p_k > 1/2,
    # where that cancels: its others are summed anew.
    largest = z.argmax(axis=-1)[..., None]
    others = np.zeros_like(z)
    np.put_along_axis(others, largest, -np.inf, axis=-1)
    rest = logsumexp(z + others)
    p = softmax(z)
    np.put_along_axis(p, largest, 0.0, axis=-1)
    others = logsumexp(z) + np.log1p(-p)
    np.put_along_axis(others, largest, rest, axis=-1)
    return np.asarray(z - others), largest


def _without_infinite(z: Array) -> tuple[Array, Array]:
    """Finite margins, and which classes have posterior 0: those infinitely below the largest."""
    refuse_nan(z)
    if not z.size or np.abs(z).max() < INFINITE:
        return z, np.zeros(z.shape, bool)
    largest = z.max(axis=-1, keepdims=True)
    at_infinity = np.isinf(largest)[..., 0] & (((z == np.inf).sum(axis=-1) > 1) | (z == -np.inf).all(axis=-1))
    if at_infinity.any():
        row = tuple(map(int, np.argwhere(at_infinity)[0]))
        raise ValueError(
            f"{place('raw_prediction', row)} == {z[row].tolist()!r}, must have one largest margin, or "
            "finite ones: between infinite margins nothing tells which class is more probable."
        )
    with np.errstate(over="ignore", invalid="ignore"):
        below = np.where(z == largest, 0.0, z - largest)
    # exp(-1e5) is 0 in float64 for any gamma that multiplies the exponent.
    is_zero = below == -np.inf
    return np.where(is_zero, -1e5, np.maximum(below, -INFINITE)), is_zero


def _margins_against_rest(target: Array, gamma: Array) -> Array:
    """One-against-rest margins s whose evidence is the target but for a number per row, with p of sum 1."""
    s, _ = _against_rest(target) if target.size else (target.copy(), None)
    rows = np.arange(len(s))
    for _ in range(_MOST_STEPS):
        if not rows.size:
            break
        step = _newton_step(s[rows], target[rows], gamma[rows])
        s[rows] += np.clip(step, -_LARGEST_STEP, _LARGEST_STEP)
        # Steps square their error: after one of 1e-9 nothing is left to do.
        open_ = np.abs(step).max(axis=-1) > 1e-9 * (1.0 + np.abs(s[rows]).max(axis=-1))
        rows = rows[open_]
    return s


def _newton_step(s: Array, target: Array, gamma: Array) -> Array:
    """Towards evidence_k - target_k = tau for all k, and 1 - the largest p_k = the sum of the others.

    The top class's step comes from the second line: its evidence may be flat (gamma = 0, p next to 1).
    """
    top = s.argmax(axis=-1)[:, None]
    p, slope = expit(s), evidence_slope(s, gamma)
    excess = _class_evidence(s, gamma, np.zeros(())) - target
    p_top, slope_top, excess_top, s_top = (np.take_along_axis(a, top, -1) for a in (p, slope, excess, s))
    log_rest = np.where(np.arange(s.shape[-1]) == top, -np.inf, log_expit(s))
    log_sum = logsumexp(log_rest)
    gap = log_sum - log_expit(-s_top)
    # How the logarithm of the sum changes with each s but the top one.
    pull = np.exp(log_rest - log_sum) * (1.0 - p)
    flatness = slope_top / p_top
    tau = (excess_top + flatness * ((pull * excess / slope).sum(-1, keepdims=True) - gap)) / (
        1.0 + flatness * (pull / slope).sum(-1, keepdims=True)
    )
    step = (tau - excess) / slope
    of_others = np.where(pull > 0.0, pull * step, 0.0).sum(-1, keepdims=True)
    np.put_along_axis(step, top, -(gap + of_others) / p_top, axis=-1)
    return np.asarray(step)
