"""Loops over rows with one sigmoid each, around the formulae of `_pointwise`, compiled for the CPU.

A kernel reads a contiguous run of rows once, writes its outputs and returns flags. `table` holds a float32
row for each of the two classes: gamma, its 12-bit head, the rest of it, 2^-24 alpha times scale.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from focalboost._elementary import ONE, ZERO
from focalboost._flags import (
    BAD_LABEL,
    NO_FLAG,
    label_flag,
    margin_flag,
    positive_hessian,
    weight_flag,
)
from focalboost._jit import kernel, scalar
from focalboost._pointwise import derivatives, fast_terms, focal_loss, log_focal_slope, precise_terms

Array = NDArray[Any]

HALF = np.float32(0.5)


@scalar
def split_margin(x: Any) -> tuple[np.float32, np.float32]:
    """A float64 margin as two float32, so that no digit that matters is lost; a float32 one unchanged."""
    high = np.float32(x)
    if isinstance(x, np.float32):
        return high, ZERO
    return high, np.float32(x - high)


@kernel
def sigmoid_hard(
    raw: Array,
    y: Array,
    weight: Array | None,
    table: Array,
    bounds: Array,
    gradient: Array,
    hessian: Array,
) -> int:
    """One sigmoid output, labels 0 and 1; `bounds` is lowest and highest excess and the Hessian's floor."""
    gamma_0, head_0, rest_0, alpha_0 = table[0, 0], table[0, 1], table[0, 2], table[0, 3]
    gamma_1, head_1, rest_1, alpha_1 = table[1, 0], table[1, 1], table[1, 2], table[1, 3]
    lowest, highest, floor = bounds[0], bounds[1], bounds[2]
    flags = NO_FLAG
    for i in range(raw.shape[0]):
        x, y_i = raw[i], y[i]
        flags = np.int32(flags | label_flag(y_i) | margin_flag(x))
        positive = y_i > HALF
        high, low = split_margin(x if positive else -x)
        p, _, r, log_term, b, main, tail = fast_terms(
            high, low, head_1 if positive else head_0, rest_1 if positive else rest_0
        )
        gamma = gamma_1 if positive else gamma_0
        slope, reweighted, excess = derivatives(p, r, log_term, b, main, tail, gamma, lowest, highest)
        weight_i = ONE
        if weight is not None:
            weight_i = weight[i]
            flags = np.int32(flags | weight_flag(weight_i))
        factor = weight_i * (alpha_1 if positive else alpha_0)
        gradient[i] = (-slope if positive else slope) * factor
        hessian[i] = positive_hessian((reweighted + excess) * factor, weight_i, floor)
    return int(flags)


@kernel
def sigmoid_soft(
    raw: Array,
    y: Array,
    weight: Array | None,
    table: Array,
    bounds: Array,
    smoothing: np.float32,
    gradient: Array,
    hessian: Array,
) -> int:
    """One sigmoid output, labels in [0, 1]: the mixture y l(1) + (1 - y) l(0), both sides of each margin."""
    gamma_0, head_0, rest_0, alpha_0 = table[0, 0], table[0, 1], table[0, 2], table[0, 3]
    gamma_1, head_1, rest_1, alpha_1 = table[1, 0], table[1, 1], table[1, 2], table[1, 3]
    lowest, highest, floor = bounds[0], bounds[1], bounds[2]
    flags = NO_FLAG
    for i in range(raw.shape[0]):
        x, y_i = raw[i], y[i]
        flags = np.int32(flags | (label_flag(y_i) & BAD_LABEL) | margin_flag(x))
        y_i = y_i + smoothing * (HALF - y_i)
        weight_i = ONE
        if weight is not None:
            weight_i = weight[i]
            flags = np.int32(flags | weight_flag(weight_i))
        high, low = split_margin(x)
        p, _, r, log_term, b, main, tail = fast_terms(high, low, head_1, rest_1)
        slope, reweighted, excess = derivatives(p, r, log_term, b, main, tail, gamma_1, lowest, highest)
        factor = weight_i * alpha_1 * y_i
        g, h = -slope * factor, (reweighted + excess) * factor
        p, _, r, log_term, b, main, tail = fast_terms(-high, -low, head_0, rest_0)
        slope, reweighted, excess = derivatives(p, r, log_term, b, main, tail, gamma_0, lowest, highest)
        factor = weight_i * alpha_0 * (ONE - y_i)
        gradient[i] = g + slope * factor
        hessian[i] = positive_hessian(h + (reweighted + excess) * factor, weight_i, floor)
    return int(flags)


@kernel
def sigmoid_loss(
    raw: Array,
    y: Array,
    gamma: Array,
    alpha: Array,
    smoothing: float,
    out: Array,
) -> int:
    """Loss of one sigmoid output per row in float64, labels in [0, 1]; gamma and alpha of class 0 and 1."""
    flags = NO_FLAG
    for i in range(raw.shape[0]):
        x, y_i = np.float64(raw[i]), np.float64(y[i])
        flags |= NO_FLAG if (y_i >= 0.0) & (y_i <= 1.0) else BAD_LABEL
        flags = np.int32(flags | margin_flag(x))
        y_i += smoothing * (0.5 - y_i)
        value = 0.0
        # A side with no share in the label is left out: 0 times a margin of 1e308 would still be computed.
        if y_i > 0.0:
            value += y_i * alpha[1] * focal_loss(x, gamma[1])
        if y_i < 1.0:
            value += (1.0 - y_i) * alpha[0] * focal_loss(-x, gamma[0])
        out[i] = value
    return int(flags)


@kernel
def sigmoid_mean_hessian(
    rate: float, margin: float, gamma: Array, alpha: Array, lowest: float, highest: float
) -> float:
    """Mean Hessian of rows that share one margin, a share `rate` of them with label 1, in float64."""
    mean = 0.0
    for label in range(2):
        s, part = (margin, rate) if label == 1 else (-margin, 1.0 - rate)
        p, _, r, log_term, b, main, tail = precise_terms(s, gamma[label])
        _, reweighted, excess = derivatives(p, r, log_term, b, main, tail, gamma[label], lowest, highest)
        mean += part * alpha[label] * (reweighted + excess)
    return mean


@kernel
def log_focal_slopes(s: Array, gamma: Array, out: Array) -> None:
    """`log_focal_slope` over one-dimensional arrays of equal length."""
    for i in range(s.shape[0]):
        out[i] = log_focal_slope(s[i], gamma[i])
