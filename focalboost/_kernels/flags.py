"""What kernels notice of their input on the way, so that bad input costs no second pass over the data."""

from __future__ import annotations

import numpy as np

from focalboost._kernels.compile import scalar
from focalboost._kernels.elementary import HUGE, ONE, ZERO

SOFT_LABEL = np.int32(1)  # a label inside (0, 1): the caller repeats the block with the soft kernel
BAD_LABEL = np.int32(2)
BAD_MARGIN = np.int32(4)
BAD_WEIGHT = np.int32(8)
NO_FLAG = np.int32(0)


@scalar
def label_flag(y: np.float32) -> np.int32:
    inside = (y >= ZERO) & (y <= ONE)
    hard = (y == ZERO) | (y == ONE)
    return NO_FLAG if hard else (SOFT_LABEL if inside else BAD_LABEL)


@scalar
def margin_flag(x: float) -> np.int32:
    return NO_FLAG if abs(x) <= HUGE else BAD_MARGIN


@scalar
def weight_flag(weight: np.float32, least: np.float32, most: np.float32) -> np.int32:
    """A weight is 0 or within `interface.weight_range`, where no product of it under- or overflows."""
    return NO_FLAG if (weight == ZERO) | ((weight >= least) & (weight <= most)) else BAD_WEIGHT


@scalar
def positive_hessian(h: np.float32, weight: np.float32, floor: np.float32) -> np.float32:
    """The Hessian of a row with weight is at least the floor, that of a row without is 0."""
    return floor if (h < floor) & (weight > ZERO) else h
