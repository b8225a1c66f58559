"""The softmax of `softmax` in float64, compiled for the CPU: for LightGBM, whose margins are float64.

float64 has room for the exponentials as they are, so that they are taken against the largest margin of a row,
as LightGBM does, and nothing is scaled. Why the same last bits matter is told in `formulas`. The loss is
computed here whatever the margins are.
"""

from __future__ import annotations

import numpy as np

from focalboost._kernels.compile import kernel, scalar
from focalboost._kernels.elementary import precise_exp, precise_log
from focalboost._kernels.flags import BAD_LABEL, NO_FLAG
from focalboost._kernels.formulas import (
    complement,
    derivatives,
    focal_loss,
    other_gradient,
    other_hessian,
    precise_logs,
    weighted_terms,
)
from focalboost._kernels.rows import margin_flag, positive_hessian, weight_flag
from focalboost._kernels.softmax import TILE
from focalboost._typing import Array

# Scratch rows of a tile. OWN is the target's exponential, MARGIN its margin less the largest, TOP the class
# with the largest, REST the sum of the exponentials of all classes but that one, later their share.
TARGET, LARGEST, TOP, MARGIN, OWN, REST, TOTAL, FACTOR, GAMMA = 0, 1, 2, 3, 4, 5, 6, 7, 8
SLOPE, EXCESS, OWN_HESSIAN, INVERSE, SCRATCH_ROWS = 9, 10, 11, 12, 13


@scalar
def softmax_shares(raw: Array, y: Array, e: Array, row: Array) -> int:
    """exp(z_k - largest) of a tile of rows, transposed into e (n_classes, TILE), and rows TARGET to TOTAL."""
    rows, n_classes = raw.shape
    flags = NO_FLAG
    for i in range(rows):
        y_i = np.float64(y[i])
        inside = (y_i >= 0.0) & (y_i < n_classes)
        flags |= NO_FLAG if inside & (np.floor(y_i) == y_i) else BAD_LABEL
        row[TARGET, i] = y_i if inside else 0.0
        row[LARGEST, i], row[REST, i], row[TOTAL, i] = -np.inf, 0.0, 0.0
    for k in range(n_classes):
        z_k = e[k]
        name = np.float64(k)
        for i in range(rows):
            x, so_far, top = np.float64(raw[i, k]), row[LARGEST, i], row[TOP, i]
            flags = np.int32(flags | margin_flag(x))
            larger = x > so_far
            z_k[i] = x
            row[LARGEST, i] = x if larger else so_far
            row[TOP, i] = name if larger else top
    for k in range(n_classes):
        e_k = e[k]
        name = np.float64(k)
        for i in range(rows):
            below = e_k[i] - row[LARGEST, i]
            e_i = precise_exp(below)
            is_target = row[TARGET, i] == name
            margin, own = row[MARGIN, i], row[OWN, i]
            row[MARGIN, i] = below if is_target else margin
            row[OWN, i] = e_i if is_target else own
            row[REST, i] += 0.0 if row[TOP, i] == name else e_i
            # In LightGBM's order: of 1 - p with p next to 1 the last bit of the total is many.
            row[TOTAL, i] += e_i
            e_k[i] = e_i
    return int(flags)


@scalar
def signed_margin(below: float, own: float, rest: float, is_top: bool) -> float:
    """Of the target, whose margin is `below` the largest: rows MARGIN, OWN and REST of `softmax_shares`."""
    others = rest if is_top else 1.0 + (rest - own)
    return below - precise_log(others)


@kernel
def softmax_precise(
    raw: Array,
    y: Array,
    weight: Array | None,
    table: Array,
    bounds: Array,
    hessian_factor: float,
    gradient: Array,
    hessian: Array,
) -> int:
    """Softmax over K >= 2 classes of float64 margins, as `softmax.softmax_hard`, with a float64 table."""
    n_samples, n_classes = raw.shape
    lowest, highest, floor, least, most = bounds[0], bounds[1], bounds[2], bounds[3], bounds[4]
    share = np.empty((n_classes, TILE), np.float64)
    g, h = np.empty((n_classes, TILE), np.float32), np.empty((n_classes, TILE), np.float32)
    row = np.zeros((SCRATCH_ROWS, TILE), np.float64)
    flags = NO_FLAG
    for start in range(0, n_samples, TILE):
        stop = min(start + TILE, n_samples)
        rows = stop - start
        flags |= softmax_shares(raw[start:stop], y[start:stop], share, row)
        for i in range(rows):
            t = int(row[TARGET, i])
            row[GAMMA, i] = table[t, 0]
            row[FACTOR, i] = table[t, 3]
        if weight is not None:
            weights = weight[start:stop]
            for i in range(rows):
                weight_i = weights[i]
                flags = np.int32(flags | weight_flag(weight_i, least, most))
                row[FACTOR, i] *= weight_i
        for i in range(rows):
            gamma, own, rest, total = row[GAMMA, i], row[OWN, i], row[REST, i], row[TOTAL, i]
            s = signed_margin(row[MARGIN, i], own, rest, row[TARGET, i] == row[TOP, i])
            # Only the largest share comes next to 1, and the rest is what it lacks.
            rest /= total
            p = own / total
            q = complement(p, rest)
            _, log_term, log_q = precise_logs(s)
            terms = weighted_terms(p, q, log_term, log_q, gamma)
            slope, reweighted, excess = derivatives(terms, gamma, lowest, highest)
            row[REST, i], row[INVERSE, i] = rest, 1.0 / q
            row[SLOPE, i], row[EXCESS, i], row[OWN_HESSIAN, i] = slope, excess, reweighted + excess
        for k in range(n_classes):
            share_k, g_k, h_k = share[k], g[k], h[k]
            name = np.float64(k)
            for i in range(rows):
                slope, excess, own_hessian = row[SLOPE, i], row[EXCESS, i], row[OWN_HESSIAN, i]
                total, inverse, rest, factor = row[TOTAL, i], row[INVERSE, i], row[REST, i], row[FACTOR, i]
                is_target = row[TARGET, i] == name
                p = share_k[i] / total
                pi = p * inverse
                h_other = other_hessian(slope * complement(p, rest), excess, pi)
                h_i = (own_hessian if is_target else h_other) * hessian_factor
                g_k[i] = (-slope if is_target else other_gradient(slope, pi)) * factor
                h_k[i] = positive_hessian(h_i * factor, factor, floor)
        gradient_rows, hessian_rows = gradient[start:stop], hessian[start:stop]
        for k in range(n_classes):
            g_k, h_k = g[k], h[k]
            for i in range(rows):
                gradient_rows[i, k] = g_k[i]
                hessian_rows[i, k] = h_k[i]
    return int(flags)


@kernel
def softmax_loss(raw: Array, y: Array, gamma: Array, alpha: Array, out: Array) -> int:
    """Softmax loss per row in float64, integer labels; `gamma` and `alpha` have one number per class."""
    n_samples, n_classes = raw.shape
    share = np.empty((n_classes, TILE), np.float64)
    row = np.zeros((SCRATCH_ROWS, TILE), np.float64)
    flags = NO_FLAG
    for start in range(0, n_samples, TILE):
        stop = min(start + TILE, n_samples)
        flags |= softmax_shares(raw[start:stop], y[start:stop], share, row)
        for i in range(stop - start):
            t = int(row[TARGET, i])
            row[GAMMA, i] = gamma[t]
            row[FACTOR, i] = alpha[t]
        values = out[start:stop]
        for i in range(stop - start):
            s = signed_margin(row[MARGIN, i], row[OWN, i], row[REST, i], row[TARGET, i] == row[TOP, i])
            values[i] = row[FACTOR, i] * focal_loss(s, row[GAMMA, i])
    return int(flags)
