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
from scipy.optimize.elementwise import bracket_root, find_root
from scipy.special import expit, log_expit, log_softmax, logit, logsumexp, softmax

from focalboost._kernels.sigmoid import fill_log_focal_slope
from focalboost._typing import Array

__all__ = [
    "binary_margin",
    "binary_posterior",
    "binary_posterior_logit",
    "multiclass_log_posterior",
    "multiclass_margin",
    "multiclass_posterior",
]

# Newton steps of `multiclass_margin`. Without a limit some rows overshoot for good where gamma is 100 for one
# class and 0 for another; with it none did, of 16,000 rows with gamma to 1e6 and probabilities to 1e-300.
_LARGEST_STEP = 3.0
_MOST_STEPS = 1000


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
    return np.asarray(expit(binary_posterior_logit(raw_prediction, gamma=gamma, alpha=alpha)))


def binary_posterior_logit(
    raw_prediction: ArrayLike, *, gamma: ArrayLike, alpha: ArrayLike = (1.0, 1.0)
) -> Array:
    """Log-odds of `binary_posterior`, which keep their digits where the probability is next to 0 or 1.

    Parameters
    ----------
    raw_prediction, gamma, alpha
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
    return _posterior_logit(np.asarray(raw_prediction, np.float64), gammas, log_alpha)


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
    gammas, log_alpha = _class_pairs(gamma, alpha)
    shares = np.asarray(probability, float)
    _check_probability(shares, (shares > 0.0) & (shares < 1.0), "np.clip(probability, 1e-7, 1 - 1e-7)")
    target = np.asarray(logit(shares))
    parameters = np.broadcast_arrays(
        target, gammas[..., 0], gammas[..., 1], log_alpha[..., 0], log_alpha[..., 1]
    )

    def excess(x: Array, t: Array, g0: Array, g1: Array, a0: Array, a1: Array) -> Array:
        return _posterior_logit(x, np.stack([g0, g1], -1), np.stack([a0, a1], -1)) - t

    bracket = bracket_root(excess, -1.0, 1.0, args=tuple(parameters)).bracket
    root = find_root(excess, bracket, args=tuple(parameters), tolerances={"xatol": 1e-13, "xrtol": 1e-15})
    _check_found(np.asarray(root.success), shares, gamma)
    return np.asarray(root.x)


def _place(name: str, index: tuple[int, ...]) -> str:
    return f"{name}[{', '.join(map(str, index))}]" if index else name


def _check_probability(values: Array, inside: Array, clipped: str) -> None:
    """Name the first probability that has no finite margin."""
    bad = np.argwhere(~inside)
    if not len(bad):
        return
    index = tuple(map(int, bad[0]))
    value = float(values[index])
    others = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
    what = f"{_place('probability', index)} == {value!r}{others}, must be in (0, 1)"
    if value in {0.0, 1.0}:
        raise ValueError(f"{what}: the margin of 0 and of 1 is infinite. Clip before: {clipped}.")
    raise ValueError(
        f"{what}: a probability. Pass what the old model's predict_proba gives, not its margins, and no NaN."
    )


def _check_found(found: Array, probability: Array, gamma: ArrayLike) -> None:
    """No margin is better than one that stands for another probability."""
    if not found.all():
        index = tuple(map(int, np.argwhere(~found)[0]))
        raise ValueError(
            f"{_place('probability', index)} == {probability[index]} has no margin that float64 can find for "
            f"gamma == {gamma!r}, must have one. Use a smaller gamma (useful are 0 to 5), or clip the "
            "probabilities."
        )


def _class_evidence(s: Array, gamma: Array, log_alpha: Array) -> Array:
    """log of p / (alpha phi(p)) at the one-against-rest margin s."""
    evidence: Array = log_expit(s) - log_alpha - log_focal_slope(s, gamma)
    return evidence


def _evidence_slope(s: Array, gamma: Array) -> Array:
    """Derivative of `_class_evidence` by s: 1 at its far left, gamma at its far right.

    With L = -log p and r = p L / q it is q + gamma p (2 - L + (gamma - 1) r) / (1 + gamma r).
    """
    p, q, cross_entropy = expit(s), expit(-s), -log_expit(s)
    # p / q is exp(s), and L is exp(-s) to the last bit from 40 on.
    ratio = np.where(s > 40.0, 1.0, np.exp(np.minimum(s, 40.0)) * cross_entropy)
    slope: Array = q + gamma * p * (2.0 - cross_entropy + (gamma - 1.0) * ratio) / (1.0 + gamma * ratio)
    return slope


def _against_rest(z: Array) -> tuple[Array, Array]:
    """Margin of each class against all others together, and the place of the largest class."""
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
    return np.asarray(z - others), largest


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
    return np.asarray(np.exp(multiclass_log_posterior(raw_prediction, gamma=gamma, alpha=alpha)))


def multiclass_log_posterior(raw_prediction: ArrayLike, *, gamma: ArrayLike, alpha: ArrayLike = 1.0) -> Array:
    """Logarithm of `multiclass_posterior`, which keeps its digits where a probability is next to 0.

    Parameters
    ----------
    raw_prediction, gamma, alpha
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
    margins, _ = _against_rest(np.asarray(raw_prediction, np.float64))
    return np.asarray(log_softmax(_class_evidence(margins, *_parameters(gamma, alpha)), axis=-1))


def multiclass_margin(probability: ArrayLike, *, gamma: ArrayLike, alpha: ArrayLike = 1.0) -> Array:
    """Margins (of mean zero) whose `multiclass_posterior` is `probability`.

    With p_k / (alpha_k phi_k(p_k)) = t probability_k, every p_k increases with the one unknown t, and the sum
    of the p_k is 1 at one t. Found by Newton's method in t and the p_k of all rows at once, from the
    solution for gamma = 0, p_k proportional to alpha_k probability_k.

    Parameters
    ----------
    probability : array-like of shape (n_classes,) or (n_samples, n_classes)
        Above 0; each row of sum 1, which may be off by rounding, up to 0.01.
    gamma, alpha : array-like of shape () or (n_classes,)
        As in `multiclass_posterior`.

    Returns
    -------
    ndarray of the shape of `probability`, float64

    Raises
    ------
    ValueError
        If a probability is not above 0, a row has another sum than 1, or gamma or alpha is out of range.

    Examples
    --------
    >>> from focalboost.calibration import multiclass_margin, multiclass_posterior
    >>> margin = multiclass_margin([0.7, 0.2, 0.1], gamma=(2, 1, 3), alpha=(1, 2, 0.5))
    >>> multiclass_posterior(margin, gamma=(2, 1, 3), alpha=(1, 2, 0.5)).round(8)
    array([0.7, 0.2, 0.1])
    """
    shares = np.asarray(probability, float)
    if shares.ndim not in {1, 2} or shares.shape[-1] < 2:
        raise ValueError(
            f"probability has shape {shares.shape}, must be (n_classes,) or (n_samples, n_classes) with 2 or "
            "more classes: for the probability of one class use binary_margin."
        )
    _check_probability(
        shares,
        (shares > 0.0) & (shares <= 1.0),
        "p = np.clip(probability, 1e-7, None), then p / p.sum(axis=-1, keepdims=True)",
    )
    sums = shares.sum(axis=-1)
    off = np.argwhere(np.abs(sums - 1.0) > 0.01)
    if len(off):
        index = tuple(map(int, off[0]))
        raise ValueError(
            f"{_place('probability', index)} has the sum {sums[index]:g}, must be 1: pass a column for every "
            "class, or divide by probability.sum(axis=-1, keepdims=True)."
        )
    gammas, log_alpha = _parameters(gamma, alpha)
    log_shares = np.log(shares).reshape(-1, shares.shape[-1])
    s = _margins_against_rest(log_shares + log_alpha, np.broadcast_to(gammas, log_shares.shape))
    z = log_expit(s)
    z -= z.mean(axis=-1, keepdims=True)
    # NaN is not less than anything.
    error = np.abs(multiclass_log_posterior(z, gamma=gamma, alpha=alpha) - log_softmax(log_shares, axis=-1))
    _check_found((error < 1e-6).reshape(shares.shape), shares, gamma)
    return np.asarray(z.reshape(shares.shape))


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
    p, slope = expit(s), _evidence_slope(s, gamma)
    excess = _class_evidence(s, gamma, np.zeros(())) - target
    p_top, slope_top, excess_top, s_top = (np.take_along_axis(a, top, -1) for a in (p, slope, excess, s))
    log_rest = np.where(np.arange(s.shape[-1]) == top, -np.inf, log_expit(s))
    log_sum = logsumexp(log_rest, axis=-1, keepdims=True)
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
