"""What a loss hands to the kernels, and what the kernels must be able to ask of labels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Protocol

import numpy as np

from focalboost._typing import Array

TINY = np.float32(np.finfo(np.float32).tiny)
HUGE = np.float32(np.finfo(np.float32).max)
HEADROOM_FACTOR = np.float32(2.0**24)  # 2 to the `elementary.HEADROOM`
Hessian = Literal["guarded", "exact", "reweighted"]

# Lowest and highest excess of the exact over the reweighted Hessian, and the floor of the sum. The floor is
# the smallest normal float32: strictly positive, and below any true value that float32 can hold.
BOUNDS = {
    "guarded": np.array([0.0, np.inf, TINY], np.float32),
    "exact": np.array([-np.inf, np.inf, -np.inf], np.float32),
    "reweighted": np.array([0.0, 0.0, TINY], np.float32),
}
# Class weights times scale: 2^-24 of them and 16 times them are normal float32, with room for row weights.
LEAST_FACTOR, MOST_FACTOR = 2.0**-100, 2.0**100
# No slope, Hessian or excess is larger than this times class weight, scale and row weight, for gamma up
# to 100 and the boosters' factors of a softmax's Hessian (tests/kernels/test_interface.py).
LARGEST_TERM = 16.0
GAMMA_HEAD_BITS = np.int32(-0x1000)  # keeps 12 significant bits


def kernel_table(gamma: Array, alpha: Array) -> Array:
    """float32 rows (gamma, head, rest, 2^-24 alpha) as the kernels read them; see `formulas.fast_terms`."""
    table = np.empty((*gamma.shape, 4), np.float32)
    table[..., 0] = gamma
    table[..., 1] = (table[..., 0].view(np.int32) & GAMMA_HEAD_BITS).view(np.float32)
    table[..., 2] = gamma - table[..., 1]
    table[..., 3] = alpha / HEADROOM_FACTOR
    return table


def weight_range(factors: Array) -> tuple[float, float]:
    """Row weights, apart from 0, whose products with the factors (alpha times scale) are float32 numbers.

    2^-24 of a product is to be normal, and a gradient or Hessian of such a row to be finite.
    """
    tiny, huge = float(TINY), float(HUGE)
    least = tiny * float(HEADROOM_FACTOR) / float(np.min(factors))
    return max(least, tiny), min(huge / LARGEST_TERM / float(np.max(factors)), huge)


def kernel_bounds(hessian: Hessian, factors: Array) -> Array:
    """Lowest and highest excess, the floor of the Hessian, and the weight range, float32."""
    return np.array([*BOUNDS[hessian], *weight_range(factors)], np.float32)


@dataclass(frozen=True)
class Parameters:
    """Gamma and class weights in float64, and how they are used. A loss keeps them for the rounds to come.

    gamma and alpha have shape (n_labels, 2) for sigmoids, class 0 and class 1 of each label, and (n_classes,)
    for a softmax. alpha has the scale of the loss in it.
    """

    gamma: Array
    alpha: Array
    hessian: Hessian = "guarded"
    smoothing: float = 0.0  # of labels; sigmoids only
    hessian_factor: float = 1.0  # of the diagonal; softmax only

    @cached_property
    def table(self) -> Array:
        """gamma and alpha for the float32 kernels."""
        return kernel_table(self.gamma, self.alpha)

    @cached_property
    def precise_table(self) -> Array:
        """The same for those of float64: nothing is split, nothing scaled."""
        gamma, alpha = np.broadcast_arrays(self.gamma, self.alpha)
        return np.stack([gamma, gamma, np.zeros_like(gamma), alpha], axis=-1).astype(np.float64)

    def table_for(self, margins: np.dtype[Any]) -> Array:
        """In the precision of what the margins are read as."""
        return self.table if margins == np.float32 else self.precise_table

    @cached_property
    def bounds(self) -> Array:
        """As `kernel_bounds`."""
        return kernel_bounds(self.hessian, self.alpha)

    @cached_property
    def weight_range(self) -> tuple[float, float]:
        """Row weights apart from 0 that the float32 kernels take."""
        return weight_range(self.alpha)


class LabelBits(Protocol):
    """Labels of shape (n_samples, n_labels) that are not an array."""

    packed: Array  # (n_samples,), the sum of y_l 2^l of each row

    @property
    def shape(self) -> tuple[int, ...]:
        """(n_samples, n_labels)."""

    def unpack(self) -> Array:
        """All of them as an array."""
