"""Loops over rows around the formulae of `_pointwise`, compiled for the CPU.

A kernel reads a contiguous run of rows once, writes its outputs and returns a set of flags, so that bad input
is noticed without a second pass over the data. `table` holds a float32 row per class:
gamma, its 12-bit head, the rest of it, alpha times scale.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from focalboost._elementary import (
    HUGE,
    ONE,
    ZERO,
    difference,
    exp_negative,
    log1p_positive,
)
from focalboost._jit import kernel, scalar
from focalboost._pointwise import (
    fast_terms,
    log_focal_slope,
    other_gradient,
    other_hessian,
    precise_terms,
    slope_and_excess,
)

Array = NDArray[Any]

SOFT_LABEL = np.int32(1)  # a label inside (0, 1): the caller repeats the block with the soft kernel
BAD_LABEL = np.int32(2)
BAD_MARGIN = np.int32(4)
BAD_WEIGHT = np.int32(8)
NO_FLAG = np.int32(0)
HALF = np.float32(0.5)


@scalar
def split_margin(x: Any) -> tuple[np.float32, np.float32]:
    """A float64 margin as two float32, so that no digit that matters is lost; a float32 one unchanged."""
    high = np.float32(x)
    if isinstance(x, np.float32):
        return high, ZERO
    return high, np.float32(x - high)


@scalar
def label_flag(y: np.float32) -> np.int32:
    inside = (y >= ZERO) & (y <= ONE)
    hard = (y == ZERO) | (y == ONE)
    return NO_FLAG if hard else (SOFT_LABEL if inside else BAD_LABEL)


@scalar
def margin_flag(x: float) -> np.int32:
    return NO_FLAG if abs(x) <= HUGE else BAD_MARGIN


@scalar
def weight_flag(weight: np.float32) -> np.int32:
    return NO_FLAG if (weight >= ZERO) & (weight <= HUGE) else BAD_WEIGHT


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
        gamma = gamma_1 if positive else gamma_0
        p, q, loss, w = fast_terms(high, low, head_1 if positive else head_0, rest_1 if positive else rest_0)
        w *= alpha_1 if positive else alpha_0
        slope, excess = slope_and_excess(p, q, loss, w, gamma, lowest, highest)
        g = -slope if positive else slope
        h = p * slope + excess
        if weight is not None:
            weight_i = weight[i]
            flags = np.int32(flags | weight_flag(weight_i))
            g *= weight_i
            h *= weight_i
            h = floor if (h < floor) & (weight_i > ZERO) else h
        else:
            h = floor if h < floor else h
        gradient[i] = g
        hessian[i] = h
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
    lowest, highest, floor = bounds[0], bounds[1], bounds[2]
    flags = NO_FLAG
    for i in range(raw.shape[0]):
        x, y_i = raw[i], y[i]
        flags = np.int32(flags | (label_flag(y_i) & BAD_LABEL) | margin_flag(x))
        y_i = y_i + smoothing * (HALF - y_i)
        high, low = split_margin(x)
        p, q, loss, w = fast_terms(high, low, table[1, 1], table[1, 2])
        slope_1, excess_1 = slope_and_excess(p, q, loss, w * table[1, 3], table[1, 0], lowest, highest)
        hessian_1 = p * slope_1 + excess_1
        p, q, loss, w = fast_terms(-high, -low, table[0, 1], table[0, 2])
        slope_0, excess_0 = slope_and_excess(p, q, loss, w * table[0, 3], table[0, 0], lowest, highest)
        hessian_0 = p * slope_0 + excess_0
        g = (ONE - y_i) * slope_0 - y_i * slope_1
        h = (ONE - y_i) * hessian_0 + y_i * hessian_1
        if weight is not None:
            weight_i = weight[i]
            flags = np.int32(flags | weight_flag(weight_i))
            g *= weight_i
            h *= weight_i
            h = floor if (h < floor) & (weight_i > ZERO) else h
        else:
            h = floor if h < floor else h
        gradient[i] = g
        hessian[i] = h
    return int(flags)


# Rows per tile of the softmax kernel, a constant so that LLVM sees that scratch rows are disjoint (it gives
# up on a loop that needs more than eight overlap checks); 128 rows of a few classes fit the L1 cache.
TILE = 128
TARGET, OTHER, REMAINDER, HIGH, LOW, GAMMA, HEAD, REST, ALPHA = 0, 1, 2, 3, 4, 5, 6, 7, 8
P, Q, SLOPE, EXCESS, INVERSE, FLOOR = 3, 4, 5, 6, 7, 8
SCRATCH_ROWS = 9


@scalar
def softmax_margins(raw: Array, y: Array, z: Array, largest: Array, share: Array, row: Array) -> int:
    """Reduce a tile of rows to their signed margins.

    Transposes the rows into z (n_classes, TILE); leaves in `largest` the largest margin that is not the
    target's, in `share` exp(z_k - largest), and in `row` TARGET, OTHER (whose margin is the largest),
    REMAINDER = sum of the shares over all classes but those two, and the signed margin HIGH + LOW =
    z_t - largest - log(1 + remainder).
    """
    rows, n_classes = raw.shape
    flags = NO_FLAG
    for k in range(n_classes):
        z_k = z[k]
        for i in range(rows):
            z_k[i] = raw[i, k]
    for i in range(rows):
        y_i = np.float32(y[i])
        inside = (y_i >= ZERO) & (y_i < np.float32(n_classes))
        flags |= NO_FLAG if inside & (np.floor(y_i) == y_i) else BAD_LABEL
        row[TARGET, i] = y_i if inside else ZERO
        row[REMAINDER, i] = ZERO
        largest[i] = -np.inf
    for k in range(n_classes):
        z_k = z[k]
        name = np.float32(k)
        for i in range(rows):
            x, so_far, other = z_k[i], largest[i], row[OTHER, i]
            flags = np.int32(flags | margin_flag(x))
            larger = (x > so_far) & (row[TARGET, i] != name)
            largest[i] = x if larger else so_far
            row[OTHER, i] = name if larger else other
    for k in range(n_classes):
        z_k, share_k = z[k], share[k]
        name = np.float32(k)
        for i in range(rows):
            high, low = difference(z_k[i], largest[i])
            target_high, target_low = row[HIGH, i], row[LOW, i]
            is_target, is_other = row[TARGET, i] == name, row[OTHER, i] == name
            row[HIGH, i] = high if is_target else target_high
            row[LOW, i] = low if is_target else target_low
            # The target may lie above the largest other; its own share is not used.
            e = exp_negative(ZERO if is_target else high, ZERO if is_target else low)
            share_k[i] = e
            row[REMAINDER, i] += ZERO if is_target | is_other else e
    for i in range(rows):
        row[LOW, i] -= log1p_positive(row[REMAINDER, i])
    return int(flags)


@kernel
def softmax_hard(
    raw: Array,
    y: Array,
    weight: Array | None,
    table: Array,
    bounds: Array,
    factor: np.float32,
    gradient: Array,
    hessian: Array,
) -> int:
    """Softmax over K >= 2 classes, integer labels; `factor` multiplies the diagonal of the Hessian.

    Works on tiles that fit the cache, transposed so that each inner loop runs over rows.
    """
    n_samples, n_classes = raw.shape
    lowest, highest, floor = bounds[0], bounds[1], bounds[2]
    z = np.empty((n_classes, TILE), raw.dtype)
    largest = np.empty(TILE, raw.dtype)
    share = np.empty((n_classes, TILE), np.float32)
    curvature = np.empty((n_classes, TILE), np.float32)
    row = np.zeros((SCRATCH_ROWS, TILE), np.float32)
    flags = NO_FLAG
    for start in range(0, n_samples, TILE):
        stop = min(start + TILE, n_samples)
        rows = stop - start
        flags |= softmax_margins(raw[start:stop], y[start:stop], z, largest, share, row)
        for i in range(rows):
            t = int(row[TARGET, i])
            row[GAMMA, i] = table[t, 0]
            row[HEAD, i] = table[t, 1]
            row[REST, i] = table[t, 2]
            row[ALPHA, i] = table[t, 3]
        for i in range(rows):
            gamma = row[GAMMA, i]
            p, q, loss, w = fast_terms(row[HIGH, i], row[LOW, i], row[HEAD, i], row[REST, i])
            slope, excess = slope_and_excess(p, q, loss, w * row[ALPHA, i], gamma, lowest, highest)
            row[P, i], row[Q, i], row[SLOPE, i], row[EXCESS, i] = p, q, slope, excess
            row[INVERSE, i] = ONE / (ONE + row[REMAINDER, i])
            row[FLOOR, i] = floor
        if weight is not None:
            weights = weight[start:stop]
            for i in range(rows):
                weight_i = weights[i]
                flags = np.int32(flags | weight_flag(weight_i))
                row[SLOPE, i] *= weight_i
                row[EXCESS, i] *= weight_i
                row[FLOOR, i] = floor if weight_i > ZERO else -HUGE
        for k in range(n_classes):
            share_k, curvature_k = share[k], curvature[k]
            name = np.float32(k)
            for i in range(rows):
                p, q, slope, excess = row[P, i], row[Q, i], row[SLOPE, i], row[EXCESS, i]
                inverse, lowest_h = row[INVERSE, i], row[FLOOR, i]
                is_target, is_other = row[TARGET, i] == name, row[OTHER, i] == name
                pi = share_k[i] * inverse
                rest = row[REMAINDER, i] * inverse
                h_other = other_hessian(p, q, slope, excess, pi, rest if is_other else ONE - pi)
                h_target = p * slope + excess
                h = factor * (h_target if is_target else h_other)
                g_other = other_gradient(slope, pi)
                curvature_k[i] = lowest_h if h < lowest_h else h
                share_k[i] = -slope if is_target else g_other
        gradient_rows, hessian_rows = gradient[start:stop], hessian[start:stop]
        for k in range(n_classes):
            share_k, curvature_k = share[k], curvature[k]
            for i in range(rows):
                gradient_rows[i, k] = share_k[i]
                hessian_rows[i, k] = curvature_k[i]
    return int(flags)


@kernel
def sigmoid_loss(
    raw: Array,
    y: Array,
    gamma_0: float,
    gamma_1: float,
    alpha_0: float,
    alpha_1: float,
    smoothing: float,
    out: Array,
) -> int:
    """Loss of one sigmoid output per row in float64, labels in [0, 1]."""
    flags = NO_FLAG
    for i in range(raw.shape[0]):
        x, y_i = np.float64(raw[i]), np.float64(y[i])
        flags |= NO_FLAG if (y_i >= 0.0) & (y_i <= 1.0) else BAD_LABEL
        flags = np.int32(flags | margin_flag(x))
        y_i += smoothing * (0.5 - y_i)
        value = 0.0
        # A side with no share in the label is left out: 0 times a margin of 1e308 would still be computed.
        if y_i > 0.0:
            _, _, loss, w = precise_terms(x, gamma_1)
            value += y_i * alpha_1 * w * loss
        if y_i < 1.0:
            _, _, loss, w = precise_terms(-x, gamma_0)
            value += (1.0 - y_i) * alpha_0 * w * loss
        out[i] = value
    return int(flags)


@kernel
def softmax_loss(raw: Array, y: Array, gamma: Array, alpha: Array, out: Array) -> int:
    """Softmax loss per row in float64, integer labels; `gamma` and `alpha` have one number per class."""
    n_samples, n_classes = raw.shape
    flags = NO_FLAG
    for i in range(n_samples):
        y_i = np.float64(y[i])
        inside = (y_i >= 0.0) & (y_i < n_classes)
        t = int(y_i) if inside else 0
        flags |= NO_FLAG if inside & (t == y_i) else BAD_LABEL
        other = 1 if t == 0 else 0
        for k in range(n_classes):
            flags |= margin_flag(np.float64(raw[i, k]))
            if k != t and raw[i, k] > raw[i, other]:
                other = k
        largest = np.float64(raw[i, other])
        remainder = 0.0
        for k in range(n_classes):
            if k not in (t, other):
                remainder += np.exp(np.float64(raw[i, k]) - largest)
        s = (np.float64(raw[i, t]) - largest) - np.log1p(remainder)
        _, _, loss, w = precise_terms(s, gamma[t])
        out[i] = alpha[t] * w * loss
    return int(flags)


@kernel
def log_focal_slopes(s: Array, gamma: Array, out: Array) -> None:
    """`log_focal_slope` over one-dimensional arrays of equal length."""
    for i in range(s.shape[0]):
        out[i] = log_focal_slope(s[i], gamma[i])
