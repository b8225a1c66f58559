"""Two classes: from a margin to the log-odds of class 1 and back."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize.elementwise import bracket_root, find_root
from scipy.special import expit, logit

from focalboost._typing import Array
from focalboost.calibration._common import (
    INFINITE,
    check_found,
    check_probability,
    log_focal_slope,
    parameters,
    refuse_nan,
    shifted,
)


def binary_posterior(
    raw_prediction: ArrayLike,
    *,
    gamma: ArrayLike,
    alpha: ArrayLike = (1.0, 1.0),
    logit_shift: ArrayLike = 0.0,
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

    Returns
    -------
    ndarray of the shape of `raw_prediction`, float64
        Strictly increasing in the margin, so ranking is unchanged.

    Raises
    ------
    ValueError
        If a margin is NaN, gamma or alpha is out of range, or alpha has not one number for each class.

    References
    ----------
    .. [1] Charoenphakdee et al., "On Focal Loss for Class-Posterior Probability Estimation: A Theoretical
       Perspective", CVPR 2021, arXiv:2011.09172; there for one gamma and no class weights.

    Examples
    --------
    >>> from focalboost.calibration import binary_posterior
    >>> binary_posterior([-2.0, 0.0, 2.0], gamma=2.0).round(4)
    array([0.0045, 0.5   , 0.9955])
    """
    logits = binary_posterior_logit(raw_prediction, gamma=gamma, alpha=alpha, logit_shift=logit_shift)
    return np.asarray(expit(logits))


def binary_posterior_logit(
    raw_prediction: ArrayLike,
    *,
    gamma: ArrayLike,
    alpha: ArrayLike = (1.0, 1.0),
    logit_shift: ArrayLike = 0.0,
) -> Array:
    """Log-odds of `binary_posterior`, which keep their digits where the probability is next to 0 or 1.

    Parameters
    ----------
    raw_prediction, gamma, alpha, logit_shift
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
    margins = np.asarray(raw_prediction, np.float64)
    refuse_nan(margins)
    # A margin of 1e308 has a logit beyond float64.
    with np.errstate(over="ignore"):
        return shifted(_posterior_logit(margins, gammas, log_alpha), logit_shift)


def binary_margin(probability: ArrayLike, *, gamma: ArrayLike, alpha: ArrayLike = (1.0, 1.0)) -> Array:
    """Margin whose `binary_posterior` is `probability`: the inverse, by a bracketed root.

    At the class frequency it is the constant that minimises the focal loss, the right intercept.

    Parameters
    ----------
    probability : array-like of shape (), (n_samples,), (n_labels,) or (n_samples, n_labels)
        In (0, 1), without the ends, whose margins are infinite.
    gamma : float, or array-like of shape (2,) or (n_labels, 2)
        As in `binary_posterior`.
    alpha : array-like of shape (2,) or (n_labels, 2), default=(1.0, 1.0)
        As in `binary_posterior`.

    Returns
    -------
    ndarray of the shape of `probability`, float64

    Raises
    ------
    ValueError
        If a probability is not above 0 and below 1, or gamma or alpha is out of range.

    Examples
    --------
    >>> from focalboost.calibration import binary_margin, binary_posterior
    >>> margin = binary_margin(0.001, gamma=2.0)
    >>> round(float(margin), 4), round(float(binary_posterior(margin, gamma=2.0)), 6)
    (-2.5452, 0.001)
    """
    shares = np.asarray(probability, float)
    check_probability(shares, (shares > 0.0) & (shares < 1.0), "np.clip(probability, 1e-7, 1 - 1e-7)")
    return margin_of_log_odds(np.asarray(logit(shares)), gamma=gamma, alpha=alpha, probability=shares)


def margin_of_log_odds(log_odds: Array, *, gamma: ArrayLike, alpha: ArrayLike, probability: Array) -> Array:
    """`binary_margin` of probabilities next to 1, too, which keep their digits as log-odds."""
    gammas, log_alpha = _class_pairs(gamma, alpha)
    target = np.asarray(log_odds)
    arguments = np.broadcast_arrays(
        target, gammas[..., 0], gammas[..., 1], log_alpha[..., 0], log_alpha[..., 1]
    )

    def excess(x: Array, t: Array, g0: Array, g1: Array, a0: Array, a1: Array) -> Array:
        return _posterior_logit(x, np.stack([g0, g1], -1), np.stack([a0, a1], -1)) - t

    bracket = bracket_root(excess, -1.0, 1.0, args=tuple(arguments)).bracket
    root = find_root(excess, bracket, args=tuple(arguments), tolerances={"xatol": 1e-13, "xrtol": 1e-15})
    check_found(np.asarray(root.success), probability, gamma)
    return np.asarray(root.x)


def _class_pairs(gamma: ArrayLike, alpha: ArrayLike) -> tuple[Array, Array]:
    """The same for class 0 and class 1 in the last axis."""
    gammas, log_alpha = parameters(gamma, alpha)
    if log_alpha.shape[-1:] != (2,):
        raise ValueError(
            f"alpha == {alpha!r}, must have the weights of class 0 and class 1: for a loss with "
            "alpha=0.25 they are (0.75, 0.25)."
        )
    if gammas.ndim == 0:
        gammas = np.stack([gammas, gammas])
    if gammas.shape[-1] != 2:
        raise ValueError(f"gamma == {gamma!r}, must be one number, or that of class 0 and that of class 1.")
    return gammas, log_alpha


def _posterior_logit(x: Array, gamma: Array, log_alpha: Array) -> Array:
    """Log-odds of class 1; gamma and log_alpha hold class 0 and class 1 in their last axis."""
    # An infinite margin has an infinite logit, whatever finite evidence is added to it.
    s = np.clip(x, -INFINITE, INFINITE)
    evidence = log_focal_slope(-s, gamma[..., 0]) - log_focal_slope(s, gamma[..., 1])
    logits: Array = x + (log_alpha[..., 0] - log_alpha[..., 1]) + evidence
    return logits
