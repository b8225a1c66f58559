"""Labels of a multi-label row as the bits of one number, which is how a LightGBM data set holds them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from focalboost._validation import Labels

Array = NDArray[Any]

MAX_PACKED_LABELS = 24  # whole numbers below 2^24 are exact in the float32 of a label


class PackedLabels:
    """Read like a matrix of shape (n_samples, n_labels), a column of a block of rows at a time."""

    def __init__(self, packed: Array, n_labels: int) -> None:
        self.packed = packed
        self.shape = (packed.shape[0], n_labels)
        self.valid = Labels(
            2**n_labels - 1,
            whole=True,
            text=f"a whole number below 2^{n_labels}, as focalboost.lightgbm.pack_labels makes of a row",
        )

    def column(self, rows: slice, label: int) -> Array:
        """One label as float32; NaN, which the kernels refuse, where the number packs no labels."""
        numbers = self.packed[rows]
        bad = self.valid.bad(numbers)
        bit = np.where(bad, 0, numbers).astype(np.int32) >> label & 1
        return np.where(bad, np.nan, bit).astype(np.float32)

    def unpack(self) -> Array:
        """All labels, shape (n_samples, n_labels), uint8."""
        self.valid.check(self.packed)
        whole = slice(0, self.shape[0])
        columns = [self.column(whole, label).astype(np.uint8) for label in range(self.shape[1])]
        return np.stack(columns, axis=1)
