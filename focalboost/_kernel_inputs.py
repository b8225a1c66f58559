"""Gamma, class weights and the choice of Hessian in the form that kernels read."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from focalboost._elementary import HEADROOM_FACTOR, TINY

Array = NDArray[Any]

# Lowest and highest excess of the exact over the reweighted Hessian, and the floor of the sum. The floor is
# the smallest normal float32: strictly positive, and below any true value that float32 can hold.
BOUNDS = {
    "guarded": np.array([0.0, np.inf, TINY], np.float32),
    "exact": np.array([-np.inf, np.inf, -np.inf], np.float32),
    "reweighted": np.array([0.0, 0.0, TINY], np.float32),
}
GAMMA_HEAD_BITS = np.int32(-0x1000)  # keeps 12 significant bits


def kernel_table(gamma: Array, alpha: Array) -> Array:
    """float32 rows (gamma, head, rest, 2^-24 alpha) as the kernels read them; see `_pointwise.fast_terms`."""
    table = np.empty((*gamma.shape, 4), np.float32)
    table[..., 0] = gamma
    table[..., 1] = (table[..., 0].view(np.int32) & GAMMA_HEAD_BITS).view(np.float32)
    table[..., 2] = gamma - table[..., 1]
    table[..., 3] = alpha / HEADROOM_FACTOR
    return table
