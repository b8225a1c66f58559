"""Focal loss, its derivatives and its posterior in 50-digit arithmetic, from the textbook formulae.

Shares nothing with the package. The derivatives are closed forms, for one target probability p_t (a sigmoid)
and for a whole row (a softmax); `check` compares both with mpmath's numerical differentiation of
`-alpha_t (1 - p_t)^gamma log p_t`.

Not a benchmark: `python benchmarks/reference.py` runs `check`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any, NamedTuple

from mpmath import mp  # type: ignore[import-untyped]

DIGITS = 50
mp.dps = DIGITS

Real = Any  # an mpmath.mpf, or a number that mpmath takes
Pair = tuple[float, float]


class Derivatives(NamedTuple):
    """Derivatives by one margin, and the size of the parts that the gradient is the sum of."""

    gradient: Real
    gradient_size: Real
    exact: Real
    reweighted: Real
    guarded: Real

    @property
    def exact_size(self) -> Real:
        """The exact Hessian crosses zero where its parts do not."""
        return max(abs(self.exact), self.reweighted)


# ---------------------------------------------------------------------------- one sigmoid
def sigmoid_terms(s: Real) -> tuple[Real, Real, Real]:
    """p = sigmoid(s), 1 - p and -log p, none of them from another."""
    e = mp.exp(-abs(s))
    large, small, log1p_e = 1 / (1 + e), e / (1 + e), mp.log1p(e)
    return (large, small, log1p_e) if s >= 0 else (small, large, log1p_e - s)


def binary_loss(y: float, x: float, gamma: Pair, alpha: Pair) -> Real:
    """y l_1 + (1 - y) l_0, l_k = alpha_k (1 - p_t)^gamma_k (-log p_t); pairs are (class 0, class 1)."""
    total = mp.mpf(0)
    for k, share in ((0, 1 - mp.mpf(y)), (1, mp.mpf(y))):
        if share:
            _, q, loss = sigmoid_terms(mp.mpf(x if k else -x))
            total += share * mp.mpf(alpha[k]) * mp.power(q, gamma[k]) * loss
    return total


def binary_derivatives(y: float, x: float, gamma: Pair, alpha: Pair) -> Derivatives:
    """Derivatives of `binary_loss` by x; a soft label guards each side on its own."""
    sums = [mp.mpf(0)] * 5
    for k, share in ((0, 1 - mp.mpf(y)), (1, mp.mpf(y))):
        if share:
            p, q, loss = sigmoid_terms(mp.mpf(x if k else -x))
            g = mp.mpf(gamma[k])
            w = share * mp.mpf(alpha[k]) * mp.power(q, g)
            slope = w * (g * p * loss + q)
            exact = w * p * (q * (1 + 2 * g) + g * loss * (g * p - q))
            parts = (-slope if k else slope, slope, exact, p * slope, max(exact, p * slope))
            sums = [total + part for total, part in zip(sums, parts, strict=True)]
    return Derivatives(*sums)


def focal_slope(p: Real, q: Real, loss: Real, gamma: float) -> Real:
    """phi(p) = q^gamma + gamma p q^(gamma - 1) (-log p), with q = 1 - p and loss = -log p."""
    g = mp.mpf(gamma)
    return mp.power(q, g) + g * p * mp.power(q, g - 1) * loss


def binary_posterior(x: float, gamma: Pair, alpha: Pair) -> Real:
    """Probability of class 1; the probability of class k is proportional to p_k / (alpha_k phi_k(p_k))."""
    share = []
    for k, s in ((0, mp.mpf(-x)), (1, mp.mpf(x))):
        p, q, loss = sigmoid_terms(s)
        share.append(p / (mp.mpf(alpha[k]) * focal_slope(p, q, loss, gamma[k])))
    return share[1] / (share[0] + share[1])


# ---------------------------------------------------------------------------- softmax
def softmax_terms(z: Sequence[Real]) -> list[tuple[Real, Real, Real]]:
    """p_k, 1 - p_k (from the other classes alone) and -log p_k for each margin of a row."""
    margins = [mp.mpf(value) for value in z]
    terms = []
    for k, z_k in enumerate(margins):
        odds = mp.fsum(mp.exp(z_j - z_k) for j, z_j in enumerate(margins) if j != k)
        terms.append((1 / (1 + odds), odds / (1 + odds), mp.log1p(odds)))
    return terms


def softmax_loss(t: int, z: Sequence[Real], gamma: Sequence[float], alpha: Sequence[float]) -> Real:
    """alpha_t (1 - p_t)^gamma_t (-log p_t)."""
    _, q, loss = softmax_terms(z)[t]
    return mp.mpf(alpha[t]) * mp.power(q, gamma[t]) * loss


def softmax_derivatives(
    t: int, z: Sequence[Real], gamma: Sequence[float], alpha: Sequence[float]
) -> list[Derivatives]:
    """Derivatives of `softmax_loss` by each margin; the Hessian's diagonal."""
    terms = softmax_terms(z)
    p, q, loss = terms[t]
    g, w = mp.mpf(gamma[t]), mp.mpf(alpha[t]) * mp.power(q, gamma[t])
    first = w * (1 + g * p * loss / q)  # G of d loss / d z_k = G (p_k - [k = t])
    second = w * g * p * ((2 - loss) / q + (g - 1) * p * loss / q**2)  # C of its second derivative
    result = []
    for k, (p_k, rest_k, _) in enumerate(terms):
        move = -q if k == t else p_k
        reweighted = first * p_k * rest_k
        exact = reweighted + second * move**2
        result.append(Derivatives(first * move, first * abs(move), exact, reweighted, max(exact, reweighted)))
    return result


def softmax_posterior(z: Sequence[Real], gamma: Sequence[float], alpha: Sequence[float]) -> list[Real]:
    """Class probabilities, proportional to p_k / (alpha_k phi_k(p_k))."""
    share = [
        p / (mp.mpf(alpha[k]) * focal_slope(p, q, loss, gamma[k]))
        for k, (p, q, loss) in enumerate(softmax_terms(z))
    ]
    return [value / mp.fsum(share) for value in share]


# ---------------------------------------------------------------------------- the closed forms themselves
def textbook(p_t: Real, gamma: float) -> Real:
    return -mp.power(1 - p_t, gamma) * mp.log(p_t)


def check() -> float:
    """Largest relative difference between the closed forms and numerical derivatives of `textbook`."""
    worst = mp.mpf(0)

    def compare(found: Derivatives, f: Any, x: float) -> None:
        nonlocal worst
        first, second = mp.diff(f, x), mp.diff(f, x, 2)
        worst = max(worst, abs(found.gradient / first - 1), abs(found.exact - second) / found.exact_size)

    with mp.workdps(3 * DIGITS):
        for gamma, x, y in product((0.0, 0.25, 1.0, 2.0, 5.0), (-30.0, -2.75, 0.0, 1.5, 12.0), (0, 1)):

            def sigmoid_side(v: Real, y: int = y, gamma: float = gamma) -> Real:
                return textbook(1 / (1 + mp.exp(-v if y else v)), gamma)

            compare(binary_derivatives(y, x, (gamma, gamma), (1.0, 1.0)), sigmoid_side, x)
        rows = ((0.5, -1.25, 2.0), (9.0, -9.0, 0.0), (-20.0, 1.0, 1.5))
        for gamma, z, t in product((0.0, 0.25, 1.0, 2.0, 5.0), rows, range(3)):
            for k, found in enumerate(softmax_derivatives(t, z, [gamma] * 3, [1.0] * 3)):

                def softmax_side(v: Real, z: Any = z, k: int = k, t: int = t, gamma: float = gamma) -> Real:
                    e = [mp.exp(v if j == k else z_j) for j, z_j in enumerate(z)]
                    return textbook(e[t] / mp.fsum(e), gamma)

                compare(found, softmax_side, z[k])
    return float(worst)


if __name__ == "__main__":
    print(f"closed forms against numerical derivatives: {check():.1e}")
