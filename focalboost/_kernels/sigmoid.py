"""Loops over rows with one sigmoid each, around the formulae of `formulas`, compiled for the CPU.

A kernel reads a contiguous run of rows once, writes its outputs and returns flags. `table` holds a row for
each of the two classes: gamma, its 12-bit head, the rest of it, 2^-24 alpha times scale, in float32; a
float64 table (`Parameters.precise_table`) has the same kernel compute in float64.
"""

from __future__ import annotations

import numpy as np

from focalboost._kernels.compile import kernel
from focalboost._kernels.elementary import ONE
from focalboost._kernels.flags import BAD_LABEL, NO_FLAG, SOFT_LABEL
from focalboost._kernels.formulas import derivatives, focal_loss, precise_terms
from focalboost._kernels.rows import (
    HALF,
    either,
    hard_row,
    label_bit,
    label_flag,
    margin_flag,
    shares,
    soft_row,
    weight_flag,
)
from focalboost._typing import Array

# Numbers of a tile: with their parameters they fit the L1 cache. A constant, and parameters in one array, so
# that LLVM sees that they are disjoint (see `softmax.TILE`).
TILE = 512
CLASS_0, CLASS_1, WEIGHT, PARAMETER_ROWS = 0, 4, 8, 9  # four parameters of each class, in a table's order


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
def sigmoid_interleaved(
    raw: Array,
    y: Array,
    weight: Array | None,
    tables: Array,
    bounds: Array,
    gradient: Array,
    hessian: Array,
) -> int:
    """C-contiguous rows of at most TILE sigmoids with parameters of their own, labels 0 and 1.

    Margins, labels and outputs come flat, weights are of rows. The parameters stand beside the margins, as
    many times as a tile has rows, so that the loop over all of them has no stride.
    """
    n_labels = tables.shape[0]
    size = TILE // n_labels * n_labels
    row = np.empty((PARAMETER_ROWS, TILE), tables.dtype)
    for i in range(size):
        for c in range(4):
            row[CLASS_0 + c, i] = tables[i % n_labels, 0, c]
            row[CLASS_1 + c, i] = tables[i % n_labels, 1, c]
        row[WEIGHT, i] = ONE
    lowest, highest, floor, least, most = bounds[0], bounds[1], bounds[2], bounds[3], bounds[4]
    flags = NO_FLAG
    for start in range(0, raw.shape[0], size):
        x, label = raw[start : start + size], y[start : start + size]
        g, h = gradient[start : start + size], hessian[start : start + size]
        if weight is not None:
            first = start // n_labels
            for j in range(x.shape[0] // n_labels):
                for k in range(n_labels):
                    row[WEIGHT, j * n_labels + k] = weight[first + j]
        for i in range(x.shape[0]):
            flags = np.int32(flags | label_flag(label[i]) | margin_flag(x[i]))
            flags = np.int32(flags | weight_flag(row[WEIGHT, i], least, most))
            positive = label[i] > HALF
            gamma_0, gamma_1 = row[CLASS_0, i], row[CLASS_1, i]
            head_0, head_1 = row[CLASS_0 + 1, i], row[CLASS_1 + 1, i]
            rest_0, rest_1 = row[CLASS_0 + 2, i], row[CLASS_1 + 2, i]
            alpha_0, alpha_1 = row[CLASS_0 + 3, i], row[CLASS_1 + 3, i]
            g[i], h[i] = hard_row(
                x[i],
                positive,
                row[WEIGHT, i],
                either(positive, gamma_1, gamma_0),
                either(positive, head_1, head_0),
                either(positive, rest_1, rest_0),
                either(positive, alpha_1, alpha_0),
                lowest,
                highest,
                floor,
            )
    return int(flags)


@kernel
def sigmoid_matrix(
    raw: Array,
    y: Array,
    weight: Array | None,
    tables: Array,
    bounds: Array,
    smoothing: np.float32,
    gradient: Array,
    hessian: Array,
) -> int:
    """Sigmoids of shape (n_samples, n_labels) in any layout; y the same, or the labels of a row as bits.

    A tile of one label after the other goes through contiguous scratch rows, all within one call: if Python
    hands them over one by one, threads wait for its lock.
    """
    n_samples, n_labels = raw.shape
    x, label = np.empty(TILE, raw.dtype), np.empty(TILE, np.float32)
    g, h = np.empty(TILE, np.float32), np.empty(TILE, np.float32)
    soft = np.full(n_labels, smoothing > np.float32(0.0))
    flags = NO_FLAG
    for start in range(0, n_samples, TILE):
        stop = min(start + TILE, n_samples)
        rows = stop - start
        weights = weight
        if weight is not None:
            weights = weight[start:stop]
        for k in range(n_labels):
            for i in range(rows):
                x[i] = raw[start + i, k]
            if y.ndim == 1:
                for i in range(rows):
                    label[i] = label_bit(y[start + i], k, n_labels)
            else:
                for i in range(rows):
                    label[i] = y[start + i, k]
            found = 0
            if not soft[k]:
                found = sigmoid_hard(x[:rows], label[:rows], weights, tables[k], bounds, g[:rows], h[:rows])
                soft[k] = (found & SOFT_LABEL) != 0
            if soft[k]:
                found = sigmoid_soft(
                    x[:rows], label[:rows], weights, tables[k], bounds, smoothing, g[:rows], h[:rows]
                )
            flags = np.int32(flags | found)
            for i in range(rows):
                gradient[start + i, k] = g[i]
                hessian[start + i, k] = h[i]
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
    gamma_0, gamma_1, alpha_0, alpha_1 = gamma[0], gamma[1], alpha[0], alpha[1]
    flags = NO_FLAG
    for i in range(raw.shape[0]):
        x, y_i = np.float64(raw[i]), y[i]
        flags = np.int32(flags | (NO_FLAG if (y_i >= 0.0) & (y_i <= 1.0) else BAD_LABEL) | margin_flag(x))
        rest = 1.0 - y_i
        share_0, share_1 = rest + smoothing * (0.5 - rest), y_i + smoothing * (0.5 - y_i)
        # Both sides of hard labels too: they share an exponential and a logarithm, and the loop no branch.
        value_1 = share_1 * alpha_1 * focal_loss(x, gamma_1)
        out[i] = value_1 + share_0 * alpha_0 * focal_loss(-x, gamma_0)
    return int(flags)


def sigmoid_mean_hessian(
    rates: Array, margin: float, gamma: Array, alpha: Array, lowest: float, highest: float
) -> float:
    """Mean Hessian of rows that share one margin, shares `rates` of them with label 0 and 1, in float64.

    Of two rows; not compiled, which would take 0.2 s.
    """
    mean = 0.0
    for label in range(2):
        terms = precise_terms(margin if label == 1 else -margin, gamma[label])
        _, reweighted, excess = derivatives(terms, gamma[label], lowest, highest)
        mean += rates[label] * alpha[label] * (reweighted + excess)
    return mean
