"""Focal-loss objectives for boosters as they are usually pasted: NumPy, float32, clipped probabilities.

A stand-in for what people use; each has the derivatives of the textbook formula, correct away from the clip.
`xp` is the array module: CuPy works as well.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Objective = Callable[[Array, Any], tuple[Array, Array]]
EPSILON = 1e-7


def binary_focal(y: Array, margin: Array, gamma: float, xp: Any = np) -> tuple[Array, Array]:
    """Gradient and Hessian of -(1 - p_t)^gamma log p_t, p = sigmoid(margin)."""
    p = xp.clip(1.0 / (1.0 + xp.exp(-margin)), EPSILON, 1.0 - EPSILON)
    p_t = xp.where(y == 1, p, 1.0 - p)
    sign = xp.where(y == 1, 1.0, -1.0).astype(np.float32)
    q, log_p = 1.0 - p_t, xp.log(p_t)
    gradient = sign * q**gamma * (gamma * p_t * log_p - q)
    hessian = q**gamma * p_t * (q * (1.0 + 2.0 * gamma) - gamma * log_p * (gamma * p_t - q))
    return gradient, xp.maximum(hessian, EPSILON)


def softmax_focal(y: Array, margin: Array, gamma: float, xp: Any = np) -> tuple[Array, Array]:
    """The same for p = softmax(margin), with XGBoost's factor 2 on the Hessian's diagonal."""
    rows, target = xp.arange(len(y)), y.astype(np.int64)
    p = xp.exp(margin - margin.max(axis=1, keepdims=True))
    p = xp.clip(p / p.sum(axis=1, keepdims=True), EPSILON, 1.0 - EPSILON)
    hot = xp.zeros_like(p)
    hot[rows, target] = 1.0
    p_t = p[rows, target][:, None]
    q, log_p = 1.0 - p_t, xp.log(p_t)
    first = q**gamma - gamma * p_t * log_p * q ** (gamma - 1.0)
    second = gamma * p_t * q**gamma * ((2.0 + log_p) / q - (gamma - 1.0) * p_t * log_p / q**2)
    hessian = first * p * (1.0 - p) + second * (p - hot) ** 2
    return first * (p - hot), xp.maximum(2.0 * hessian, EPSILON)


def booster_objective(
    function: Callable[[Array, Array, float], tuple[Array, Array]], gamma: float
) -> Objective:
    """What `Booster.update(..., fobj=...)` of XGBoost and LightGBM takes."""

    def objective(margin: Array, matrix: Any) -> tuple[Array, Array]:
        return function(matrix.get_label(), margin, gamma)

    return objective
