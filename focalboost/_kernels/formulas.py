"""The focal formulae, once, as scalar functions of one margin.

Every kernel (CPU threads, float64 reference, GPU) is a loop over these functions; nothing else in the package
holds focal mathematics. With the signed margin s (the margin of the target against the rest)

    p = sigmoid(s)    q = sigmoid(-s)    L = -log p    w = alpha_t q^gamma

    loss        w L                                        Lin et al., ICCV 2017, eq. 5
    slope       w (gamma p L + q)                          -d loss / d s, never negative
    reweighted  p slope                                    w times cross-entropy's, never negative
    excess      w p gamma [2 q + L (gamma p - 1)]          exact minus reweighted
    exact       reweighted + excess                        d^2 loss / d s^2
    guarded     reweighted + max(excess, 0)

In both tails these are a small number times factors of size 1. With e = exp(-|s|), r = 1 / (1 + e), so that
p and q are r and e r in the order of the sign, and

    l = log1p(e) / e, b = l      for s > 0             l = L, b = e L      for s <= 0

    slope = (w e  or  w) r (1 + gamma b)    reweighted = w e r^2 (1 + gamma b)
    excess = w e r gamma [2 r + l (gamma p - 1)]

where `w e` is one exponential: in float32 nothing under- or overflows on the way to a result that does not.
float64 has the range to take the first formulae as they stand.

A softmax over K classes is the same function of s = z_t - log sum_{k != t} exp z_k: with the shares
pi_k = exp z_k / sum_{j != t} exp z_j of the other classes, ds/dz_t = 1 and ds/dz_k = -pi_k, so that

    gradient_t = -slope                  gradient_k = slope pi_k
    hessian_t  = reweighted + excess     hessian_k  = pi_k (slope (1 - p_k) + excess pi_k)

with p_k = q pi_k and slope (1 - p_k) = reweighted + slope q (1 - pi_k), which is how float32 adds it up. Two
classes have pi = 1 and give the binary numbers.

LightGBM hands float64 margins over and adds the float32 gradients up in float64. Without an L2 penalty gains
of its first trees are exact ties: another last bit, another tree. Its objectives take 1 - p by subtraction,
and so do the float64 functions here as long as digits are left. So with gamma = 0 they are LightGBM's own to
some 1e-16, and after rounding to float32 the same but for about one number in 1e8.
"""

from __future__ import annotations

import numpy as np

from focalboost._kernels.compile import scalar
from focalboost._kernels.elementary import (
    LN_2,
    LOG2_E,
    ONE,
    ROUNDER,
    SMALLEST_POWER,
    ZERO,
    exp_near_zero,
    log1p_ratio,
    power_of_two,
    precise_exp,
    precise_log1p,
    reduce_exponent,
    scaled_power_of_two,
)

Scalar = float | np.float32
# p and q; then what `derivatives` multiplies: q, p L, L and p, of which float32 leaves the factor e of a tail
# to the weights; w for the slope and w for the Hessian, in float32 with these factors and times 2^24.
Terms = tuple[Scalar, Scalar, Scalar, Scalar, Scalar, Scalar, Scalar, Scalar]
DIGITS_LEFT = 2.0**-30  # 1 - x has 24 bits from here on, all that a float32 result shows


@scalar
def fast_terms(high: np.float32, low: np.float32, gamma_head: np.float32, gamma_rest: np.float32) -> Terms:
    """`Terms` at s = high + low in float32: p, q, r, r b, l, r, and 2^24 times (w e or w) and w e.

    w is q^gamma here. gamma = gamma_head + gamma_rest, where gamma_head has at most 12 significant bits: with
    log q = n ln 2 + u, the product n gamma_head is exact, so that q^gamma keeps its relative accuracy (3e-7)
    over float32's whole range instead of losing gamma |s| roundings.
    """
    positive = high + low > ZERO
    n, rest = reduce_exponent(-high if positive else high, -low if positive else low)
    mantissa_e = exp_near_zero(rest)
    # Where e is below the normal range, all that it is added to is 1.
    e = power_of_two(SMALLEST_POWER if n < SMALLEST_POWER else n) * mantissa_e
    r = ONE / (ONE + e)
    ratio = log1p_ratio(e)
    log1p_e = e * ratio
    # -log p = log1p(e) - s for s <= 0, and -s = -(n ln 2 + rest).
    log_term = ratio if positive else log1p_e - (n * LN_2 + rest)
    b = ratio if positive else e * log_term
    # log2 of w: whole + part, a large number that is exact and a small one.
    whole = n * gamma_head if positive else ZERO
    u = (rest if positive else ZERO) - log1p_e
    part = (n * gamma_rest if positive else ZERO) + (gamma_head + gamma_rest) * u * LOG2_E
    k = ((whole + part) + ROUNDER) - ROUNDER
    mantissa_w = exp_near_zero(((whole - k) + part) * LN_2)
    scaled_weight_e = scaled_power_of_two(k + n) * (mantissa_w * mantissa_e)
    scaled_weight = scaled_weight_e if positive else scaled_power_of_two(k) * mantissa_w
    p, q = (r if positive else e * r), (e * r if positive else r)
    return p, q, r, r * b, log_term, r, scaled_weight, scaled_weight_e


@scalar
def complement(x: float, tail: float) -> float:
    """1 - x as LightGBM takes it, while digits are left of it; else `tail`, the same without cancellation."""
    rest = 1.0 - x
    return rest if rest > DIGITS_LEFT else tail


@scalar
def precise_logs(s: float) -> tuple[float, float, float]:
    """exp(-|s|), L and log q."""
    e = precise_exp(-abs(s))
    log1p_e = precise_log1p(e)
    positive = s > 0.0
    return e, (log1p_e if positive else log1p_e - s), -(log1p_e + s if positive else log1p_e)


@scalar
def weighted_terms(p: float, q: float, log_term: float, log_q: float, gamma: float) -> Terms:
    """`Terms` in float64, not scaled."""
    w = precise_exp(gamma * log_q)
    return p, q, q, p * log_term, log_term, p, w, w


@scalar
def precise_terms(s: float, gamma: float) -> Terms:
    """What `fast_terms` approximates, in float64 and not scaled, without branches."""
    e, log_term, log_q = precise_logs(s)
    r = 1.0 / (1.0 + e)
    positive = s > 0.0
    small = e * r
    return weighted_terms(
        r if positive else complement(r, small), small if positive else r, log_term, log_q, gamma
    )


@scalar
def focal_loss(s: float, gamma: float) -> float:
    """(1 - p)^gamma (-log p) of the signed margin s, in float64, without branches."""
    _, log_term, log_q = precise_logs(s)
    return precise_exp(gamma * log_q) * log_term


@scalar
def derivatives(
    terms: Terms, gamma: Scalar, lowest: Scalar, highest: Scalar
) -> tuple[Scalar, Scalar, Scalar]:
    """Slope, reweighted Hessian, and the excess of the exact one, held within the sign that the bounds allow.

    The bounds choose the Hessian: (-inf, inf) exact, (0, inf) guarded, (0, 0) reweighted.
    """
    p, _, q_part, log_part, log_term, p_part, weight, weight_of_hessian = terms
    core = q_part + gamma * log_part
    bracket: Scalar = gamma * ((q_part + q_part) + log_term * (gamma * p - ONE))
    bracket = lowest if bracket < lowest else bracket
    bracket = highest if bracket > highest else bracket
    return weight * core, weight_of_hessian * (p_part * core), weight_of_hessian * (p_part * bracket)


@scalar
def other_gradient(slope: Scalar, share: Scalar) -> Scalar:
    """d loss / d z_k of a class k that is not the target."""
    return slope * share


@scalar
def other_curvature(q: Scalar, slope: Scalar, reweighted: Scalar, complement: Scalar) -> Scalar:
    """slope (1 - p_k) of a class k that is not the target, whose share lacks `complement` to 1.

    If slope and complement come times c and reweighted times c^2, it comes times c^2.
    """
    return reweighted + slope * q * complement


@scalar
def other_hessian(curvature: Scalar, excess: Scalar, share: Scalar) -> Scalar:
    """d^2 loss / d z_k^2 of a class k that is not the target; curvature = slope (1 - p_k)."""
    return share * (curvature + excess * share)
