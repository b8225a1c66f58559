"""Focal loss from the textbook formula, differentiated by mpmath at 50 digits; no code of the package."""

import mpmath as mp
import numpy as np

mp.mp.dps = 50
TINY = float(np.finfo(np.float32).tiny)


def binary_loss(y, x, gamma, alpha):
    """-alpha_t (1 - p_t)^gamma log p_t; gamma and alpha are (class 0, class 1); y may be soft."""

    def side(label):
        s = x if label else -x
        # p_t is 1 - exp(-s) far out: it takes s / log(10) digits to tell it from 1.
        with mp.workdps(mp.mp.dps + int(abs(s))):
            p_t, rest = 1 / (1 + mp.exp(-s)), 1 / (1 + mp.exp(s))
            return -mp.mpf(alpha[label]) * rest ** mp.mpf(gamma[label]) * mp.log(p_t)

    y = mp.mpf(y)
    return (y * side(1) if y else 0) + ((1 - y) * side(0) if y != 1 else 0)


def binary_derivatives(y, x, gamma, alpha):
    """Gradient, exact and reweighted Hessian of a hard or soft label at the float x."""
    x = mp.mpf(float(x))

    def f(value):
        return binary_loss(y, value, gamma, alpha)

    reweighted = mp.mpf(0)
    for label, share in ((0, 1 - mp.mpf(y)), (1, mp.mpf(y))):
        s = x if label else -x
        p, q = 1 / (1 + mp.exp(-s)), 1 / (1 + mp.exp(s))
        g = mp.mpf(gamma[label])
        reweighted += share * mp.mpf(alpha[label]) * q**g * p * (g * p * -mp.log(p) + q)
    # Far out the loss is flat to 50 digits: differentiate with more.
    with mp.workdps(50 + int(abs(x) * 2)):
        gradient, exact = mp.diff(f, x), mp.diff(f, x, 2)
    return gradient, exact, reweighted


def multiclass_loss(t, z, gamma, alpha):
    spread = int(max(z) - min(z))
    with mp.workdps(mp.mp.dps + spread):
        total = mp.fsum(mp.exp(value) for value in z)
        rest = mp.fsum(mp.exp(value) for k, value in enumerate(z) if k != t) / total
        return -mp.mpf(alpha[t]) * rest ** mp.mpf(gamma[t]) * mp.log(mp.exp(z[t]) / total)


def multiclass_derivatives(t, z, gamma, alpha):
    """Gradient, exact and reweighted diagonal Hessian of one row."""
    z = [mp.mpf(float(value)) for value in z]
    n_classes = len(z)
    gradient, exact, reweighted = [], [], []
    total = mp.fsum(mp.exp(value) for value in z)
    p = [mp.exp(value) / total for value in z]
    q = mp.fsum(p[k] for k in range(n_classes) if k != t)
    g = mp.mpf(gamma[t])
    factor = mp.mpf(alpha[t]) * (q**g + g * p[t] * -mp.log(p[t]) * q ** (g - 1))
    with mp.workdps(max(120, mp.mp.dps)):
        for k in range(n_classes):

            def f(value, k=k):
                return multiclass_loss(t, [*z[:k], value, *z[k + 1 :]], gamma, alpha)

            gradient.append(mp.diff(f, z[k]))
            exact.append(mp.diff(f, z[k], 2))
            others = mp.fsum(p[j] for j in range(n_classes) if j != k)
            reweighted.append(factor * p[k] * others)
    return gradient, exact, reweighted


def hessian_of(kind, exact, reweighted):
    return {"exact": exact, "reweighted": reweighted, "guarded": max(exact, reweighted)}[kind]


def relative_error(value, true, size=None):
    """|value - true| / |true|, or / size where the truth crosses zero; 0 below float32's normal range."""
    size = abs(true) if size is None else size
    if size < TINY:
        return 0.0
    return float(abs(mp.mpf(float(value)) - true) / size)
