"""Two classes: from a margin to the log-odds of class 1 and back."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from focalboost._typing import Array
from focalboost.calibration._common import (
    INFINITE,
    check_found,
    check_probability,
    check_together,
    evidence_slope,
    focal_terms,
    log_focal_slope,
    log_rates,
    numbers,
    parameters,
    refuse_nan,
    shifts,
    shown,
)
from focalboost.calibration._functions import expit, logit

# Rows at a time: what is computed on the way stays in the processor's cache (2.3 times as fast).
_BLOCK = 8192
# Newton steps of `margin_of_log_odds`, with bisection where one leaves the bracket.
_MOST_STEPS = 200


def binary_posterior(
    raw_prediction: ArrayLike,
    *,
    gamma: ArrayLike,
    alpha: ArrayLike = (1.0, 1.0),
    logit_shift: ArrayLike = 0.0,
    sampling_rate: ArrayLike = 1.0,
) -> Array:
    """Probability of class 1 from margins trained with binary focal loss.

    logit posterior = x + log alpha_0 - log alpha_1 + log phi_0(sigmoid(-x)) - log phi_1(sigmoid(x)).

    Parameters
    ----------
    raw_prediction : array-like of shape (n_samples,) or (n_samples, n_labels)
        Margins (XGBoost) or raw scores (LightGBM); of -inf and inf the posterior is 0 and 1.
    gamma : float, or array-like of shape (2,) or (n_labels, 2)
        Focusing parameter >= 0 as used in training: one, or that of class 0 and that of class 1.
    alpha : array-like of shape (2,) or (n_labels, 2), default=(1.0, 1.0)
        Class weights > 0 of class 0 and class 1, as used in training.
    logit_shift : float, or array-like of shape (n_labels,), default=0.0
        Added to the log-odds: `stored_loss(booster).logit_shift`, unless that is None.
    sampling_rate : float, or array-like of shape (2,) or (n_labels, 2), default=1.0
        Share in (0, 1] of the rows of class 0 that was kept for training, or that of class 0 and that of
        class 1; of two labels a pair for each, as (a, b) could be one number for each. The probability is
        that of all rows: its log-odds get log rate_0 - log rate_1 [2]_.

    Returns
    -------
    ndarray of the shape of `raw_prediction`, float64
        Strictly increasing in the margin, so ranking is unchanged.

    Raises
    ------
    ValueError
        If a margin is NaN, a parameter is out of range, or alpha has not one number for each class.

    References
    ----------
    .. [1] Charoenphakdee et al., "On Focal Loss for Class-Posterior Probability Estimation: A Theoretical
       Perspective", CVPR 2021, arXiv:2011.09172; there for one gamma and no class weights.
    .. [2] Dal Pozzolo, Caelen, Johnson and Bontempi, "Calibrating Probability with Undersampling for
       Unbalanced Classification", IEEE SSCI 2015, eq. 4.

    Examples
    --------
    >>> from focalboost.calibration import binary_posterior
    >>> binary_posterior([-2.0, 0.0, 2.0], gamma=2.0).round(4)
    array([0.0045, 0.5   , 0.9955])
    >>> binary_posterior([0.0, 2.0], gamma=2.0, sampling_rate=0.05).round(4)
    array([0.0476, 0.917 ])
    """
    logits = binary_posterior_logit(
        raw_prediction, gamma=gamma, alpha=alpha, logit_shift=logit_shift, sampling_rate=sampling_rate
    )
    return expit(logits)


def binary_posterior_logit(
    raw_prediction: ArrayLike,
    *,
    gamma: ArrayLike,
    alpha: ArrayLike = (1.0, 1.0),
    logit_shift: ArrayLike = 0.0,
    sampling_rate: ArrayLike = 1.0,
) -> Array:
    """Log-odds of `binary_posterior`, which keep their digits where the probability is next to 0 or 1.

    Parameters
    ----------
    raw_prediction, gamma, alpha, logit_shift, sampling_rate
        As in `binary_posterior`.

    Returns
    -------
    ndarray of the shape of `raw_prediction`, float64

    Examples
    --------
    >>> from focalboost.calibration import binary_posterior_logit
    >>> binary_posterior_logit([-2.0, 0.0, 2.0], gamma=2.0).round(4)
    array([-5.3984,  0.    ,  5.3984])
    """
    gammas, log_alpha = _class_pairs(gamma, alpha)
    margins = numbers("raw_prediction", raw_prediction)
    refuse_nan(margins)
    added = _added(logit_shift, sampling_rate)
    _check_shapes(
        "raw_prediction",
        margins,
        gamma=gamma,
        alpha=alpha,
        logit_shift=logit_shift,
        sampling_rate=sampling_rate,
    )
    # A margin of 1e308 has a logit beyond float64.
    with np.errstate(over="ignore"):
        if margins.ndim and len(margins) > _BLOCK and max(gammas.ndim, log_alpha.ndim) <= margins.ndim:
            logits = np.empty(margins.shape)
            for start in range(0, len(margins), _BLOCK):
                rows = slice(start, start + _BLOCK)
                logits[rows] = _posterior_logit(margins[rows], gammas, log_alpha)
        else:
            logits = _posterior_logit(margins, gammas, log_alpha)
        return np.asarray(logits + added)


def binary_margin(
    probability: ArrayLike,
    *,
    gamma: ArrayLike,
    alpha: ArrayLike = (1.0, 1.0),
    logit_shift: ArrayLike = 0.0,
    sampling_rate: ArrayLike = 1.0,
) -> Array:
    """Margin whose `binary_posterior` is `probability`: the inverse, by Newton's method in a bracket.

    At the class frequency of the training rows (no shift, all rows kept) it is the constant that minimises
    the focal loss, the right intercept.

    Parameters
    ----------
    probability : array-like of shape (), (n_samples,), (n_labels,) or (n_samples, n_labels)
        In (0, 1), without the ends, whose margins are infinite.
    gamma : float, or array-like of shape (2,) or (n_labels, 2)
        As in `binary_posterior`.
    alpha : array-like of shape (2,) or (n_labels, 2), default=(1.0, 1.0)
        As in `binary_posterior`.
    logit_shift, sampling_rate
        As in `binary_posterior`.

    Returns
    -------
    ndarray of the shape of `probability`, float64

    Raises
    ------
    ValueError
        If a probability is not above 0 and below 1, or a parameter is out of range.

    Examples
    --------
    >>> from focalboost.calibration import binary_margin, binary_posterior
    >>> margin = binary_margin(0.001, gamma=2.0)
    >>> round(float(margin), 4), round(float(binary_posterior(margin, gamma=2.0)), 6)
    (-2.5452, 0.001)
    """
    shares = numbers("probability", probability)
    check_probability(shares, (shares > 0.0) & (shares < 1.0), "np.clip(probability, 1e-7, 1 - 1e-7)")
    _class_pairs(gamma, alpha)
    added = _added(logit_shift, sampling_rate)
    _check_shapes(
        "probability",
        shares,
        gamma=gamma,
        alpha=alpha,
        logit_shift=logit_shift,
        sampling_rate=sampling_rate,
    )
    log_odds = logit(shares) - added
    return margin_of_log_odds(log_odds, gamma=gamma, alpha=alpha, probability=shares)


def margin_of_log_odds(log_odds: Array, *, gamma: ArrayLike, alpha: ArrayLike, probability: Array) -> Array:
    """`binary_margin` of probabilities next to 1, too, which keep their digits as log-odds."""
    gammas, log_alpha = _class_pairs(gamma, alpha)
    log_ratio = log_alpha[..., 0] - log_alpha[..., 1]
    arguments = np.broadcast_arrays(log_odds - log_ratio, gammas[..., 0], gammas[..., 1])
    target, gamma_0, gamma_1 = (np.array(argument, np.float64).reshape(-1) for argument in arguments)
    margins, found = _root(target, gamma_0, gamma_1)
    shape = arguments[0].shape
    check_found(found.reshape(shape), np.broadcast_to(probability, shape), gamma)
    return margins.reshape(shape)


def _root(target: Array, gamma_0: Array, gamma_1: Array) -> tuple[Array, Array]:
    """Where x + evidence is the target, of one-dimensional arrays, and whether it was found.

    The slope is 1 + gamma_1 far to the right, 1 + gamma_0 far to the left, and there no other step is needed.
    """
    x = target / (1.0 + np.where(target > 0.0, gamma_1, gamma_0))
    low, high = np.full(x.shape, -np.inf), np.full(x.shape, np.inf)
    last = np.full(x.shape, np.inf)
    rows = np.arange(x.size)
    for _ in range(_MOST_STEPS):
        if not rows.size:
            break
        at, g0, g1 = x[rows], gamma_0[rows], gamma_1[rows]
        # What overflows is not finite, and not found.
        with np.errstate(over="ignore", invalid="ignore"):
            excess = at + _evidence(at, g0, g1) - target[rows]
            step = -excess / (evidence_slope(at, g1) + evidence_slope(-at, g0))
        low[rows] = np.where(excess < 0.0, at, low[rows])
        high[rows] = np.where(excess > 0.0, at, high[rows])
        new = at + step
        inside = (new > low[rows]) & (new < high[rows])
        # Newton's method may go to and fro: then the error is not halved.
        slow = np.abs(excess) > 0.5 * last[rows]
        last[rows] = np.abs(excess)
        with np.errstate(invalid="ignore"):
            middle = 0.5 * (low[rows] + high[rows])
        near = np.abs(step) <= 1e-12 * (1.0 + np.abs(at))
        halved = ~near & (~inside | slow) & np.isfinite(middle)
        x[rows] = np.where(halved, middle, new)
        # Steps square their error: after this one nothing is left to do.
        rows = rows[~near]
    found = np.isfinite(x)
    found[rows] = False
    return x, found


def _added(logit_shift: ArrayLike, sampling_rate: ArrayLike) -> Array:
    """What the log-odds of the closed form get: the shift, and what turns the kept rows into all rows."""
    shift, log_rate = shifts(logit_shift), log_rates(sampling_rate)
    if log_rate.ndim and log_rate.shape[-1] != 2:
        raise ValueError(
            f"sampling_rate == {shown(sampling_rate)}, must be one number, that of class 0, or that of class "
            "0 and that of class 1; of several labels a pair for each."
        )
    of_rows = np.asarray(log_rate[..., 0] - log_rate[..., 1] if log_rate.ndim else log_rate)
    check_together(("logit_shift", logit_shift, shift.shape), ("sampling_rate", sampling_rate, of_rows.shape))
    return np.asarray(shift + of_rows)


def _check_shapes(name: str, rows: Array, **given: ArrayLike) -> None:
    """Refuse parameters of another number of labels, and those of two labels that may mean two things."""
    shapes = {key: np.shape(value) for key, value in given.items()}
    of_label = ((key, given[key], own if key == "logit_shift" else own[:-1]) for key, own in shapes.items())
    check_together((name, rows.shape, rows.shape), *of_label)
    if rows.ndim < 2 or rows.shape[-1] != 2:
        return
    # The losses read a pair as one entry for each of two labels: in alpha as shares in (0, 1).
    for key in ("gamma", "alpha", "sampling_rate"):
        pair = np.asarray(given[key], float)
        if pair.shape != (2,):
            continue
        same = {"gamma": pair[0] == pair[1], "alpha": pair.max() >= 1.0, "sampling_rate": pair.min() == 1.0}
        if same[key]:
            continue
        zero, one = pair.tolist()
        raise ValueError(
            f"{key} == {shown(given[key])} beside two labels, must be a pair (label absent, label present) "
            "for each label: whether it is one pair or one number per label is not said. For one pair "
            f"of both pass {[[zero, one]] * 2}."
        )


def _class_pairs(gamma: ArrayLike, alpha: ArrayLike) -> tuple[Array, Array]:
    """The same for class 0 and class 1 in the last axis."""
    gammas, log_alpha = parameters(gamma, alpha)
    if log_alpha.shape[-1:] != (2,):
        raise ValueError(
            f"alpha == {shown(alpha)}, must have the weights of class 0 and class 1: for a loss with "
            "alpha=0.25 they are (0.75, 0.25)."
        )
    if gammas.ndim == 0:
        gammas = np.stack([gammas, gammas])
    if gammas.shape[-1] != 2:
        raise ValueError(
            f"gamma == {shown(gamma)}, must be one number, or that of class 0 and that of class 1."
        )
    return gammas, log_alpha


def _posterior_logit(x: Array, gamma: Array, log_alpha: Array) -> Array:
    """Log-odds of class 1; gamma and log_alpha hold class 0 and class 1 in their last axis."""
    # An infinite margin has an infinite logit, whatever finite evidence is added to it.
    s = np.clip(x, -INFINITE, INFINITE)
    logits: Array = x + (log_alpha[..., 0] - log_alpha[..., 1]) + _evidence(s, gamma[..., 0], gamma[..., 1])
    return logits


def _evidence(s: Array, gamma_0: Array, gamma_1: Array) -> Array:
    of_1, of_0 = focal_terms(s)
    return log_focal_slope(of_0, gamma_0) - log_focal_slope(of_1, gamma_1)
