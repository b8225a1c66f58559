"""Loops over rows with one sigmoid each, around the formulae of `formulas`, compiled for the CPU.

A kernel reads a contiguous run of rows once, writes its outputs and returns flags. `table` holds a float32
row for each of the two classes: gamma, its 12-bit head, the rest of it, 2^-24 alpha times scale.
"""

from __future__ import annotations

import numpy as np

from focalboost._kernels.compile import kernel
from focalboost._kernels.elementary import ONE
from focalboost._kernels.flags import BAD_LABEL, NO_FLAG
from focalboost._kernels.formulas import derivatives, focal_loss, precise_terms
from focalboost._kernels.rows import (
    HALF,
    hard_row,
    label_flag,
    margin_flag,
    shares,
    soft_row,
    weight_flag,
)
from focalboost._typing import Array


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
    """One sigmoid output, labels 0 and 1; `bounds` as `interface.kernel_bounds` has them."""
    gamma_0, head_0, rest_0, alpha_0 = table[0, 0], table[0, 1], table[0, 2], table[0, 3]
    gamma_1, head_1, rest_1, alpha_1 = table[1, 0], table[1, 1], table[1, 2], table[1, 3]
    lowest, highest, floor, least, most = bounds[0], bounds[1], bounds[2], bounds[3], bounds[4]
    flags = NO_FLAG
    for i in range(raw.shape[0]):
        x, y_i = raw[i], y[i]
        flags = np.int32(flags | label_flag(y_i) | margin_flag(x))
        weight_i = ONE
        if weight is not None:
            weight_i = weight[i]
            flags = np.int32(flags | weight_flag(weight_i, least, most))
        positive = y_i > HALF
        gradient[i], hessian[i] = hard_row(
            x,
            positive,
            weight_i,
            gamma_1 if positive else gamma_0,
            head_1 if positive else head_0,
            rest_1 if positive else rest_0,
            alpha_1 if positive else alpha_0,
            lowest,
            highest,
            floor,
        )
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
    """One sigmoid output, labels in [0, 1] that are smoothed: both sides of each margin, in their shares."""
    gamma_0, head_0, rest_0, alpha_0 = table[0, 0], table[0, 1], table[0, 2], table[0, 3]
    gamma_1, head_1, rest_1, alpha_1 = table[1, 0], table[1, 1], table[1, 2], table[1, 3]
    lowest, highest, floor, least, most = bounds[0], bounds[1], bounds[2], bounds[3], bounds[4]
    flags = NO_FLAG
    for i in range(raw.shape[0]):
        x, y_i = raw[i], y[i]
        flags = np.int32(flags | (label_flag(y_i) & BAD_LABEL) | margin_flag(x))
        share_0, share_1 = shares(y_i, smoothing)
        weight_i = ONE
        if weight is not None:
            weight_i = weight[i]
            flags = np.int32(flags | weight_flag(weight_i, least, most))
        gradient[i], hessian[i] = soft_row(
            x, share_0, share_1, weight_i, gamma_0, head_0, rest_0, alpha_0, gamma_1, head_1, rest_1, alpha_1,
            lowest, highest, floor,
        )  # fmt: skip
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
        rest = 1.0 - y_i
        share_0, share_1 = rest + smoothing * (0.5 - rest), y_i + smoothing * (0.5 - y_i)
        value = 0.0
        # A side with no share in the label is left out: 0 times a margin of 1e308 would still be computed.
        if share_1 > 0.0:
            value += share_1 * alpha[1] * focal_loss(x, gamma[1])
        if share_0 > 0.0:
            value += share_0 * alpha[0] * focal_loss(-x, gamma[0])
        out[i] = value
    return int(flags)


@kernel
def sigmoid_mean_hessian(
    rates: Array, margin: float, gamma: Array, alpha: Array, lowest: float, highest: float
) -> float:
    """Mean Hessian of rows that share one margin, shares `rates` of them with label 0 and 1, in float64."""
    mean = 0.0
    for label in range(2):
        terms = precise_terms(margin if label == 1 else -margin, gamma[label])
        _, reweighted, excess = derivatives(terms, gamma[label], lowest, highest)
        mean += rates[label] * alpha[label] * (reweighted + excess)
    return mean
