"""Calibration in the large: the shift of the posterior's logit that makes its mean the rate of the labels.

Log loss at its minimum has the mean probability of the training rows at their rate. Focal loss has another
sum at 0, and the mean of its posterior is a few per cent too low. One number for each label, or K - 1 for K
classes, puts it right and leaves the order of the scores as it is.

Rows may be on several workers or in several partitions: all that is asked of them are sums.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from focalboost import _validation
from focalboost._typing import Array
from focalboost.calibration import expit, log_softmax, logit

# `total(function)` is the sum over all rows of function(score, labels, weight), an array.
Total = Callable[[Callable[[Array, Array, Any], Array]], Array]

# Relative; what Newton's method leaves at ordinary margins is 1e-9.
_NEAR = 1e-4


def _out_of_reach(mean: float, rate: float) -> ValueError:
    return ValueError(
        f"the posterior has a mean of {mean:g} where the rate is {rate:g}, must be within reach of a shift "
        "of its logit: the margins have diverged. Lower learning_rate."
    )


def sigmoid_shift(total: Total) -> Array:
    """For each label the shift b with which the weighted mean of sigmoid(score + b) is that of the label.

    `score` has shape (n, n_labels). NaN for a label that all rows have, or none.
    """

    def first(score: Array, labels: Array, weight: Any) -> Array:
        share = _weights(weight, len(score))
        return np.stack([np.full(score.shape[1], share.sum()), share @ labels, share @ expit(score)])

    sums = total(first)
    shifts = np.full(sums.shape[1], np.nan)
    for label, (weight, positive, predicted) in enumerate(sums.T.tolist()):
        if 0.0 < positive < weight:
            shifts[label] = _root(total, label, positive / weight, predicted / weight, weight)
    return shifts


def _root(total: Total, label: int, rate: float, mean: float, weight: float) -> float:
    from scipy.optimize import toms748  # noqa: PLC0415  # takes 0.2 s, and only the end of a training needs it

    def excess(shift: float) -> float:
        def of_rows(score: Array, _: Array, weights: Any) -> Array:
            return np.atleast_1d(_weights(weights, len(score)) @ expit(score[:, label] + shift))

        return float(total(of_rows)[0]) / weight - rate

    if abs(mean - rate) <= 1e-12 * rate:
        return 0.0
    # Of rows that are all alike this is the shift; else it lies beyond, by a little.
    near, far = 0.0, float(np.diff(logit(np.array([mean, rate])))[0])
    while excess(far) * np.sign(far) < 0.0:
        near, far = far, 1.5 * far
        if abs(far) > _validation.FURTHEST_SHIFT:
            raise _out_of_reach(mean, rate)
    return float(toms748(excess, min(near, far), max(near, far), xtol=1e-11, rtol=1e-11))


def softmax_shift(total: Total) -> Array | None:
    """For each class the shift with which the weighted mean of softmax(score + shift) is its rate.

    `score` is the logarithm of the posterior, (n, n_classes); the shifts have mean zero. They minimize the
    mean log loss of the shifted posterior, which is convex: Newton's method in a trust region. None where a
    class has no rows: its rate of 0 is no rate that a shift can reach.
    """
    from scipy.optimize import minimize  # noqa: PLC0415  # as above

    counts = total(_class_weights)
    if not counts.all():
        return None
    rates = counts / counts.sum()
    known: dict[bytes, _Sums] = {}

    def at(shift: Array) -> _Sums:
        # Value and second derivative are asked for one after the other.
        key = shift.tobytes()
        if key not in known:
            known.clear()
            # Only differences count: the last class is held.
            known[key] = _softmax_sums(total, np.append(shift, 0.0))
        return known[key]

    def value(shift: Array) -> tuple[float, Array]:
        found = at(shift)
        return found.log_sum - float(rates[:-1] @ shift), (found.probability - rates)[:-1]

    def hessian(shift: Array) -> Array:
        found = at(shift)
        return (np.diag(found.probability) - found.products)[:-1, :-1]

    # One step of iterative scaling: near enough for Newton's method.
    means = at(np.zeros(len(rates) - 1)).probability
    first = np.log(rates) - np.log(np.maximum(means, np.finfo(float).tiny))
    found = minimize(
        value, (first - first[-1])[:-1], jac=True, hess=hessian, method="trust-exact", options={"gtol": 1e-12}
    )
    reached = at(found.x).probability
    worst = int(np.argmax(np.abs(reached / rates - 1.0)))
    if (
        not abs(reached[worst] / rates[worst] - 1.0) < _NEAR
        or np.abs(found.x).max() > _validation.FURTHEST_SHIFT
    ):
        raise _out_of_reach(float(means[worst]), float(rates[worst]))
    shifts = np.append(found.x, 0.0)
    return np.asarray(shifts - shifts.mean())


def _class_weights(score: Array, labels: Array, weight: Any) -> Array:
    return np.bincount(labels, weight, minlength=score.shape[1]).astype(np.float64)


class _Sums(NamedTuple):
    """Weighted means over all rows, of softmax(score + shift)."""

    log_sum: float
    probability: Array  # (n_classes,)
    products: Array  # (n_classes, n_classes), of the probabilities of two classes


def _softmax_sums(total: Total, shift: Array) -> _Sums:
    K = len(shift)

    def of_rows(score: Array, _: Array, weight: Any) -> Array:
        share = _weights(weight, len(score))
        shifted = score + shift
        log_p = log_softmax(shifted)
        p = np.exp(log_p)
        sums = share.sum(), share @ (shifted - log_p)[:, 0]
        return np.concatenate([sums, share @ p, ((p * share[:, None]).T @ p).ravel()])

    sums = total(of_rows)
    means = sums[1:] / sums[0]
    return _Sums(float(means[0]), means[1 : K + 1], means[K + 1 :].reshape(K, K))


def _weights(weight: Any, n: int) -> Array:
    return np.ones(n) if weight is None else np.asarray(weight, np.float64)
