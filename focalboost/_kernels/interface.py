"""What a loss hands to the kernels, and what the kernels must be able to ask of labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from focalboost._kernels.elementary import HEADROOM_FACTOR, TINY
from focalboost._typing import Array

Hessian = Literal["guarded", "exact", "reweighted"]

# Lowest and highest excess of the exact over the reweighted Hessian, and the floor of the sum. The floor is
# the smallest normal float32: strictly positive, and below any true value that float32 can hold.
BOUNDS = {
    "guarded": np.array([0.0, np.inf, TINY], np.float32),
    "exact": np.array([-np.inf, np.inf, -np.inf], np.float32),
    "reweighted": np.array([0.0, 0.0, TINY], np.float32),
}
GAMMA_HEAD_BITS = np.int32(-0x1000)  # keeps 12 significant bits


def kernel_table(gamma: Array, alpha: Array) -> Array:
    """float32 rows (gamma, head, rest, 2^-24 alpha) as the kernels read them; see `formulas.fast_terms`."""
    table = np.empty((*gamma.shape, 4), np.float32)
    table[..., 0] = gamma
    table[..., 1] = (table[..., 0].view(np.int32) & GAMMA_HEAD_BITS).view(np.float32)
    table[..., 2] = gamma - table[..., 1]
    table[..., 3] = alpha / HEADROOM_FACTOR
    return table


@dataclass(frozen=True)
class Parameters:
    """Gamma and class weights in float64, and how they are used.

    gamma and alpha have shape (n_labels, 2) for sigmoids, class 0 and class 1 of each label, and (n_classes,)
    for a softmax. alpha has the scale of the loss in it.
    """

    gamma: Array
    alpha: Array
    hessian: Hessian = "guarded"
    smoothing: float = 0.0  # of labels; sigmoids only
    hessian_factor: float = 1.0  # of the diagonal; softmax only

    @property
    def table(self) -> Array:
        """gamma and alpha for the float32 kernels."""
        return kernel_table(self.gamma, self.alpha)

    @property
    def bounds(self) -> Array:
        """Lowest and highest excess and the floor of the Hessian, float32."""
        return BOUNDS[self.hessian]


class LabelColumns(Protocol):
    """Labels of shape (n_samples, n_labels) that are not an array."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(n_samples, n_labels)."""

    def column(self, rows: slice, label: int) -> Array:
        """One label of some rows as float32; NaN, which the kernels refuse, where it is not valid."""

    def unpack(self) -> Array:
        """All of them as an array."""
