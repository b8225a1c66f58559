"""The focal formulae, once, as scalar functions of one margin.

Every kernel (CPU threads, float64 reference, GPU) is a loop over these functions; nothing else in the package
holds focal mathematics. With the signed margin s (the margin of the target against the rest)

    p = sigmoid(s)    q = sigmoid(-s)    L = -log p    w = alpha_t q^gamma

    loss        w L                                              Lin et al., ICCV 2017, eq. 5
    slope       w (gamma p L + q)                                -d loss / d s, never negative
    exact       p slope + excess                                 d^2 loss / d s^2
    excess      w p gamma [2 q + L (gamma p - 1)]                exact minus reweighted
    reweighted  p slope                                          0 <= it, as each factor is
    guarded     p slope + max(excess, 0)

A softmax over K classes is the same function of s = z_t - log sum_{k != t} exp z_k: with the shares
pi_k = exp z_k / sum_{j != t} exp z_j of the other classes, ds/dz_t = 1 and ds/dz_k = -pi_k, so that

    gradient_t = -slope              gradient_k = slope pi_k
    hessian_t  = p slope + excess    hessian_k  = slope pi_k (1 - q pi_k) + excess pi_k^2

Two classes have pi = 1 and give the binary numbers.
"""

from __future__ import annotations

import math

import numpy as np

from focalboost._elementary import (
    LN_2,
    LOG2_E,
    ONE,
    ROUNDER,
    SMALLEST_POWER,
    ZERO,
    exp_near_zero,
    log1p_unit,
    power_of_two,
    reduce_exponent,
)
from focalboost._jit import scalar

Scalar = float | np.float32


@scalar
def fast_terms(
    high: np.float32, low: np.float32, gamma_high: np.float32, gamma_low: np.float32
) -> tuple[np.float32, np.float32, np.float32, np.float32]:
    """p, q, L and q^gamma of the signed margin s = high + low, in float32 and without branches.

    gamma = gamma_high + gamma_low, where gamma_high has at most 12 significant bits: with
    log q = n ln 2 + u, the product n gamma_high is exact, so that q^gamma keeps its relative accuracy
    (3e-7) over float32's whole range instead of losing gamma |s| roundings.
    """
    positive = high + low > ZERO
    rounded, n, rest = reduce_exponent(-high if positive else high, -low if positive else low)
    e = power_of_two(rounded) * exp_near_zero(rest)
    r = ONE / (ONE + e)
    er = e * r
    log1p_e = log1p_unit(e)
    p = r if positive else er
    q = er if positive else r
    # -log p = log1p(e) + max(-s, 0); where s < 0, -s = -(n ln 2 + rest) within the reduced range.
    loss = log1p_e if positive else log1p_e - (n * LN_2 + rest)
    u = (rest if positive else ZERO) - log1p_e
    n = n if positive else ZERO
    whole = n * gamma_high
    part = n * gamma_low + (gamma_high + gamma_low) * u * LOG2_E
    exponent = whole + part
    exponent = SMALLEST_POWER if exponent < SMALLEST_POWER else exponent
    rounded = exponent + ROUNDER
    fraction = (whole - (rounded - ROUNDER)) + part
    # Below 2^-126 the sum above was cut off and so is the fraction.
    fraction = ZERO if fraction < -ONE else fraction
    return p, q, loss, power_of_two(rounded) * exp_near_zero(fraction * LN_2)


@scalar
def precise_terms(s: float, gamma: float) -> tuple[float, float, float, float]:
    """p, q, L and q^gamma of the signed margin s, in float64: what `fast_terms` approximates."""
    e = math.exp(-abs(s))
    r = 1.0 / (1.0 + e)
    log1p_e = math.log1p(e)
    positive = s > 0.0
    p = r if positive else e * r
    q = e * r if positive else r
    loss = log1p_e if positive else log1p_e - s
    softplus = log1p_e + s if positive else log1p_e
    return p, q, loss, math.exp(-gamma * softplus)


@scalar
def slope_and_excess(
    p: Scalar, q: Scalar, loss: Scalar, w: Scalar, gamma: Scalar, lowest: Scalar, highest: Scalar
) -> tuple[Scalar, Scalar]:
    """-d loss / d s, and exact minus reweighted Hessian held within [lowest, highest].

    The bounds choose the Hessian: (-inf, inf) exact, (0, inf) guarded, (0, 0) reweighted.
    """
    gamma_loss = gamma * loss
    slope = w * (gamma_loss * p + q)
    excess = w * p * (gamma * (q + q) + gamma_loss * (gamma * p - p - q))
    excess = lowest if excess < lowest else excess
    excess = highest if excess > highest else excess
    return slope, excess


@scalar
def other_gradient(slope: Scalar, share: Scalar) -> Scalar:
    """d loss / d z_k of a class k that is not the target."""
    return slope * share


@scalar
def other_hessian(
    p: Scalar, q: Scalar, slope: Scalar, excess: Scalar, share: Scalar, complement: Scalar
) -> Scalar:
    """d^2 loss / d z_k^2 of a class k that is not the target; complement = 1 - share, without cancellation.

    1 - q share is written p + q complement.
    """
    return slope * share * (p + q * complement) + excess * share * share


@scalar
def log_focal_slope(s: float, gamma: float) -> float:
    """log phi(p), phi = (1-p)^gamma + gamma p (1-p)^(gamma-1) (-log p), p = sigmoid(s), in float64.

    Charoenphakdee et al., CVPR 2021: the class posterior is proportional to p / phi(p).
    Written as -gamma softplus(s) + log1p(gamma p L / q), where p L / q = log1p(e) / e for s > 0 tends to 1.
    """
    e = math.exp(-abs(s))
    log1p_e = math.log1p(e)
    if s > 0.0:
        # Below 1e-300 e may be subnormal, and log1p(e) / e is 1 to the last bit from 1e-16 on.
        ratio = log1p_e / e if e > 1e-300 else 1.0
        return math.log1p(gamma * ratio) - gamma * (log1p_e + s)
    return math.log1p(gamma * e * (log1p_e - s)) - gamma * log1p_e
