"""Loops over rows with a softmax each, around the formulae of `formulas`, compiled for the CPU.

A kernel reads a run of rows once, in any layout, writes its outputs and returns flags. `table` holds a
float32 row for each class: gamma, its 12-bit head, the rest of it, 2^-24 alpha times scale.
"""

from __future__ import annotations

import numpy as np

from focalboost._kernels.compile import kernel, scalar
from focalboost._kernels.elementary import (
    HEADROOM_INVERSE,
    ONE,
    ZERO,
    difference,
    log1p_positive,
    scaled_exp_negative,
)
from focalboost._kernels.flags import BAD_LABEL, NO_FLAG
from focalboost._kernels.formulas import (
    derivatives,
    fast_terms,
    other_curvature,
    other_hessian,
    precise_terms,
)
from focalboost._kernels.rows import (
    class_derivatives,
    inverse_total,
    margin_flag,
    weight_flag,
)
from focalboost._typing import Array

# Rows per tile of the softmax kernel, a constant so that LLVM sees that scratch rows are disjoint (it gives
# up on a loop that needs more than eight overlap checks); 128 rows of a few classes fit the L1 cache.
TILE = 128
TARGET, OTHER, REMAINDER, FACTOR, WEIGHT, HIGH, LOW, GAMMA, HEAD, REST = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9
Q, SLOPE, REWEIGHTED, EXCESS, INVERSE = 5, 6, 7, 8, 9  # after the margins have been used
SCRATCH_ROWS = 10
# Five scratch rows serve twice, and the names say in which half:
#
#     row   while margins are reduced   after `fast_terms` has read them
#      5    HIGH                        Q
#      6    LOW                         SLOPE
#      7    GAMMA                       REWEIGHTED
#      8    HEAD                        EXCESS
#      9    REST                        INVERSE
#
# With rows of their own a tile of few classes would leave the L1 cache.


@scalar
def softmax_margins(raw: Array, y: Array, z: Array, largest: Array, share: Array, row: Array) -> int:
    """Reduce a tile of rows to their signed margins.

    Transposes the rows into z (n_classes, TILE); leaves in `largest` the largest margin that is not the
    target's, in `share` 2^24 exp(z_k - largest), and in `row` TARGET, OTHER (whose margin is the largest),
    REMAINDER = sum of the shares over all classes but those two, and the signed margin HIGH + LOW =
    z_t - largest - log(1 + remainder / 2^24).
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
            e = scaled_exp_negative(ZERO if is_target else high, ZERO if is_target else low)
            share_k[i] = e
            row[REMAINDER, i] += ZERO if is_target | is_other else e
    for i in range(rows):
        row[LOW, i] -= log1p_positive(row[REMAINDER, i] * HEADROOM_INVERSE)
    return int(flags)


@kernel
def softmax_hard(
    raw: Array,
    y: Array,
    weight: Array | None,
    table: Array,
    bounds: Array,
    hessian_factor: np.float32,
    gradient: Array,
    hessian: Array,
) -> int:
    """Softmax over K >= 2 classes, integer labels; `hessian_factor` multiplies the diagonal of the Hessian.

    Works on tiles that fit the cache, transposed so that each inner loop runs over rows.
    """
    n_samples, n_classes = raw.shape
    lowest, highest, floor, least, most = bounds[0], bounds[1], bounds[2], bounds[3], bounds[4]
    z = np.empty((n_classes, TILE), raw.dtype)
    largest = np.empty(TILE, raw.dtype)
    share = np.empty((n_classes, TILE), np.float32)
    curvature = np.empty((n_classes, TILE), np.float32)
    row = np.zeros((SCRATCH_ROWS, TILE), np.float32)
    row[WEIGHT] = ONE
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
            row[FACTOR, i] = table[t, 3]
        if weight is not None:
            weights = weight[start:stop]
            for i in range(rows):
                weight_i = weights[i]
                flags = np.int32(flags | weight_flag(weight_i, least, most))
                row[WEIGHT, i] = weight_i
                row[FACTOR, i] *= weight_i
        for i in range(rows):
            gamma, rest = row[GAMMA, i], row[REST, i]
            terms = fast_terms(row[HIGH, i], row[LOW, i], row[HEAD, i], rest)
            slope, reweighted, excess = derivatives(terms, gamma, lowest, highest)
            row[Q, i], row[SLOPE, i], row[REWEIGHTED, i], row[EXCESS, i] = terms[1], slope, reweighted, excess
            row[INVERSE, i] = inverse_total(row[REMAINDER, i])
        for k in range(n_classes):
            share_k, curvature_k = share[k], curvature[k]
            name = np.float32(k)
            for i in range(rows):
                q, slope, reweighted, excess = row[Q, i], row[SLOPE, i], row[REWEIGHTED, i], row[EXCESS, i]
                inverse, factor, weight_i = row[INVERSE, i], row[FACTOR, i], row[WEIGHT, i]
                is_target, is_other = row[TARGET, i] == name, row[OTHER, i] == name
                share_k[i], curvature_k[i] = class_derivatives(
                    is_target, is_other, share_k[i], row[REMAINDER, i], inverse, q, slope, reweighted, excess,
                    factor, weight_i, hessian_factor, floor,
                )  # fmt: skip
        gradient_rows, hessian_rows = gradient[start:stop], hessian[start:stop]
        for k in range(n_classes):
            share_k, curvature_k = share[k], curvature[k]
            for i in range(rows):
                gradient_rows[i, k] = share_k[i]
                hessian_rows[i, k] = curvature_k[i]
    return int(flags)


def softmax_mean_hessian(
    rates: Array, margins: Array, gamma: Array, alpha: Array, lowest: float, highest: float
) -> float:
    """Mean trace of the Hessian of rows that share their margins, with class shares `rates`, in float64.

    Of as many rows as classes; not compiled, which would take 0.7 s.
    """
    mean = 0.0
    for t, rate in enumerate(rates):
        shares = np.exp(margins - margins[t])
        shares[t] = 0.0
        others = shares.sum()
        shares /= others
        terms = precise_terms(-np.log(others), gamma[t])
        slope, reweighted, excess = derivatives(terms, gamma[t], lowest, highest)
        curvature = other_curvature(terms[1], slope, reweighted, 1.0 - shares)
        trace = reweighted + excess + np.sum(other_hessian(curvature, excess, shares))
        mean += rate * alpha[t] * trace
    return float(mean)
