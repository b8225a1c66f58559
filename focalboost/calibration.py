"""From margins to true class probabilities and back, in closed form.

Focal loss is classification-calibrated but not proper: at its minimum, sigmoid(margin) is not the probability
of the class. The posterior comes back exactly (Charoenphakdee et al., CVPR 2021), here with a
gamma and a class weight for each class:

    posterior_k  proportional to  p_k / (alpha_k phi_k(p_k)),
    phi_k(p) = (1 - p)^gamma_k + gamma_k p (1 - p)^(gamma_k - 1) (-log p)

Pure functions of arrays: serving code needs nothing else of this package.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.optimize.elementwise import bracket_root, find_root
from scipy.special import expit, logit, logsumexp, softmax

from focalboost._kernels.sigmoid import fill_log_focal_slope
from focalboost._typing import Array

__all__ = ["binary_margin", "binary_posterior", "multiclass_margin", "multiclass_posterior"]

# Beyond this margin sigmoid is 0 or 1 to the last bit of a float64 (exp(-745) is the last one above 0).
_LARGEST_MARGIN = 745.0


def log_focal_slope(s: Array, gamma: Array) -> Array:
    """log phi of the signed margin s, `formulas.log_focal_slope`, over broadcast float64 arrays."""
    shape = np.broadcast_shapes(np.shape(s), np.shape(gamma))
    # Copies: a broadcast array is read-only or warns when it is asked whether it is.
    flat_s, flat_gamma = (np.array(np.broadcast_to(a, shape), np.float64).reshape(-1) for a in (s, gamma))
    out = np.empty(flat_s.size)
    fill_log_focal_slope(flat_s, flat_gamma, out)
    return out.reshape(shape)


def _parameters(gamma: ArrayLike, alpha: ArrayLike) -> tuple[Array, Array]:
    """gamma and the logarithm of alpha."""
    gammas, weights = np.asarray(gamma, float), np.asarray(alpha, float)
    if not (np.isfinite(gammas) & (gammas >= 0.0)).all():
        raise ValueError(f"gamma == {gamma!r}, must be >= 0 and finite.")
    if not (np.isfinite(weights) & (weights > 0.0)).all():
        raise ValueError(f"alpha == {alpha!r}, must be > 0 and finite.")
    return gammas, np.log(weights)


def _class_pairs(gamma: ArrayLike, alpha: ArrayLike) -> tuple[Array, Array]:
    """The same for class 0 and class 1 in the last axis."""
    gammas, log_alpha = _parameters(gamma, alpha)
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
    evidence = log_focal_slope(-x, gamma[..., 0]) - log_focal_slope(x, gamma[..., 1])
    logits: Array = x + (log_alpha[..., 0] - log_alpha[..., 1]) + evidence
    return logits


def binary_posterior(raw_prediction: ArrayLike, *, gamma: ArrayLike, alpha: ArrayLike = (1.0, 1.0)) -> Array:
    """Probability of class 1 from margins trained with binary focal loss.

    logit posterior = x + log alpha_0 - log alpha_1 + log phi_0(sigmoid(-x)) - log phi_1(sigmoid(x)).

    Parameters
    ----------
    raw_prediction : array-like of shape (n_samples,) or (n_samples, n_labels)
        Margins (XGBoost) or raw scores (LightGBM), any finite number.
    gamma : float, or array-like of shape (2,) or (n_labels, 2)
        Focusing parameter >= 0 as used in training: one, or that of class 0 and that of class 1.
    alpha : array-like of shape (2,) or (n_labels, 2), default=(1.0, 1.0)
        Class weights > 0 of class 0 and class 1, as used in training.

    Returns
    -------
    ndarray of the shape of `raw_prediction`, float64
        Strictly increasing in the margin, so ranking is unchanged.

    Raises
    ------
    ValueError
        If gamma or alpha is out of range, or alpha has not one number for each class.

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
    gammas, log_alpha = _class_pairs(gamma, alpha)
    return np.asarray(expit(_posterior_logit(np.asarray(raw_prediction, np.float64), gammas, log_alpha)))


def binary_margin(probability: ArrayLike, *, gamma: ArrayLike, alpha: ArrayLike = (1.0, 1.0)) -> Array:
    """Margin whose `binary_posterior` is `probability`: the inverse, by a bracketed root.

    At the class frequency it is the constant that minimises the focal loss, the right intercept.

    Parameters
    ----------
    probability : array-like of shape () or (n_labels,)
        In (0, 1).
    gamma, alpha : array-like of shape (2,) or (n_labels, 2)
        As in `binary_posterior`.

    Returns
    -------
    ndarray of the shape of `probability`, float64

    Examples
    --------
    >>> from focalboost.calibration import binary_margin, binary_posterior
    >>> margin = binary_margin(0.001, gamma=2.0)
    >>> round(float(margin), 4), round(float(binary_posterior(margin, gamma=2.0)), 6)
    (-2.5452, 0.001)
    """
    gammas, log_alpha = _class_pairs(gamma, alpha)
    target = np.asarray(logit(np.asarray(probability, float)))
    parameters = np.broadcast_arrays(
        target, gammas[..., 0], gammas[..., 1], log_alpha[..., 0], log_alpha[..., 1]
    )

    def excess(x: Array, t: Array, g0: Array, g1: Array, a0: Array, a1: Array) -> Array:
        return _posterior_logit(x, np.stack([g0, g1], -1), np.stack([a0, a1], -1)) - t

    bracket = bracket_root(excess, -1.0, 1.0, args=tuple(parameters)).bracket
    root = find_root(excess, bracket, args=tuple(parameters), tolerances={"xatol": 1e-13, "xrtol": 1e-15})
    return np.asarray(root.x)


def _class_evidence(s: Array, gamma: Array, log_alpha: Array) -> Array:
    """log of p / (alpha phi(p)) at the one-against-rest margin s."""
    evidence: Array = -np.logaddexp(0.0, -s) - log_alpha - log_focal_slope(s, gamma)
    return evidence


def multiclass_posterior(raw_prediction: ArrayLike, *, gamma: ArrayLike, alpha: ArrayLike = 1.0) -> Array:
    """Class probabilities from margins trained with multi-class (softmax) focal loss.

    Parameters
    ----------
    raw_prediction : array-like of shape (n_samples, n_classes)
        Margins, any finite numbers.
    gamma, alpha : array-like of shape () or (n_classes,)
        Focusing parameter >= 0 and class weight > 0, as used in training.

    Returns
    -------
    ndarray of shape (n_samples, n_classes), float64
        Rows sum to 1.

    Examples
    --------
    >>> from focalboost.calibration import multiclass_posterior
    >>> multiclass_posterior([[0.0, 1.0, 3.0]], gamma=2.0).round(4)
    array([[0.0029, 0.0076, 0.9895]])
    """
    z = np.asarray(raw_prediction, np.float64)
    # Only differences count; rounded at the size of a common offset they would lose their digits.
    z = z - z.max(axis=-1, keepdims=True)
    # log sum over j != k of exp z_j is log sum + log(1 - p_k). Only the largest class can have p_k > 1/2,
    # where that cancels: its others are summed anew.
    largest = z.argmax(axis=-1)[..., None]
    others = np.zeros_like(z)
    np.put_along_axis(others, largest, -np.inf, axis=-1)
    rest = logsumexp(z + others, axis=-1, keepdims=True)
    p = softmax(z, axis=-1)
    np.put_along_axis(p, largest, 0.0, axis=-1)
    others = logsumexp(z, axis=-1, keepdims=True) + np.log1p(-p)
    np.put_along_axis(others, largest, rest, axis=-1)
    return np.asarray(softmax(_class_evidence(z - others, *_parameters(gamma, alpha)), axis=-1))


def multiclass_margin(probability: ArrayLike, *, gamma: ArrayLike, alpha: ArrayLike = 1.0) -> Array:
    """Margins (of mean zero) whose `multiclass_posterior` is `probability`.

    With p_k / (alpha_k phi_k(p_k)) = t probability_k, every p_k increases with the one unknown t, and the sum
    of the p_k is 1 at one t.

    Parameters
    ----------
    probability : array-like of shape (n_classes,)
        Positive, sum 1.
    gamma, alpha : array-like of shape () or (n_classes,)
        As in `multiclass_posterior`.

    Returns
    -------
    ndarray of shape (n_classes,), float64

    Examples
    --------
    >>> from focalboost.calibration import multiclass_margin, multiclass_posterior
    >>> margin = multiclass_margin([0.7, 0.2, 0.1], gamma=(2, 1, 3), alpha=(1, 2, 0.5))
    >>> multiclass_posterior(margin, gamma=(2, 1, 3), alpha=(1, 2, 0.5)).round(8)
    array([0.7, 0.2, 0.1])
    """
    log_probability = np.log(np.asarray(probability, float))
    gammas, log_alpha = np.broadcast_arrays(*_parameters(gamma, alpha), log_probability)[:2]
    ends = np.full_like(log_probability, _LARGEST_MARGIN)

    def excess(s: Array, g: Array, a: Array, target: Array) -> Array:
        return _class_evidence(s, g, a) - target

    def margins(log_t: float) -> Array:
        target = log_probability + log_t
        s = np.where(excess(ends, gammas, log_alpha, target) < 0.0, ends, -ends)
        # Of the same sign at both ends: the root lies beyond one, where sigmoid is 0 or 1 to the last bit.
        ends_differ = excess(-ends, gammas, log_alpha, target) * excess(ends, gammas, log_alpha, target)
        inside = np.asarray(ends_differ < 0.0)
        arguments = (gammas[inside], log_alpha[inside], target[inside])
        if inside.any():
            found = find_root(
                excess,
                (-ends[inside], ends[inside]),
                args=arguments,
                tolerances={"xatol": 1e-13, "xrtol": 1e-15},
            )
            s[inside] = found.x
        return np.asarray(s)

    def surplus(log_t: float) -> float:
        return float(expit(margins(log_t)).sum()) - 1.0

    low, high = -1.0, 1.0
    while surplus(low) > 0.0:
        low *= 2.0
    while surplus(high) < 0.0:
        high *= 2.0
    s = margins(float(brentq(surplus, low, high, xtol=1e-13)))
    z: Array = -np.logaddexp(0.0, -s)
    return np.asarray(z - z.mean())
