"""Blocks of rows of whatever layout and dtype arrives, in the form that kernels read.

Contiguous float32 or float64 margins and contiguous float32 labels are read in place. All else goes through
scratch memory of a few thousand rows, so that no call needs memory that grows with the rows but its outputs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from focalboost._typing import Array

# Rows of a block that is read in place (0.1 ms of the binary kernel), and of one that goes through scratch
# memory (fits the L2 cache).
DIRECT_ROWS = 65_536
SCRATCH_ROWS = 8_192
FLOAT32 = (np.dtype(np.float32),)
FLOAT64 = (np.dtype(np.float64),)
MARGIN_DTYPES = (*FLOAT32, *FLOAT64)


def matrix_block(n_outputs: int) -> int:
    """Rows of a block of several outputs.

    About 0.1 ms of work, beside which handing over a block is nothing; no block is larger than scratch.
    """
    return max(1024, min(SCRATCH_ROWS, 8 * SCRATCH_ROWS // n_outputs))


class Column:
    """One column of an input or output, handed to kernels as contiguous blocks."""

    def __init__(self, array: Array, dtypes: tuple[np.dtype[Any], ...]) -> None:
        self.array = array
        self.direct = array.dtype in dtypes and array.flags.aligned and bool(array.flags.c_contiguous)
        # A dtype that no kernel reads is read as the last one of the list, the widest.
        self.dtype = array.dtype if array.dtype in dtypes else dtypes[-1]
        self._scratch = None if self.direct else np.empty(SCRATCH_ROWS, self.dtype)

    def block(self, rows: slice, *, load: bool = True) -> Array:
        if self._scratch is None:
            return self.array[rows]
        scratch = self._scratch[: rows.stop - rows.start]
        if load:
            np.copyto(scratch, self.array[rows], casting="unsafe")
        return scratch

    def store(self, rows: slice, block: Array) -> None:
        if self._scratch is not None:
            self.array[rows] = block


class NoWeights:
    """Rows without weights, read like a `Column`: the kernels are compiled without them."""

    direct = True

    def block(self, rows: slice) -> None:
        return None


def weight_column(weight: Array | None) -> Column | NoWeights:
    return NoWeights() if weight is None else Column(weight, FLOAT32)


class Rows:
    """Rows of a matrix in a dtype that kernels read; layouts are theirs to handle."""

    def __init__(self, array: Array, dtypes: tuple[np.dtype[Any], ...]) -> None:
        readable = array.dtype in dtypes and array.flags.aligned
        self.array = array
        self._scratch = None if readable else np.empty((SCRATCH_ROWS, array.shape[1]), dtypes[-1])

    def block(self, rows: slice) -> Array:
        if self._scratch is None:
            return self.array[rows]
        scratch = self._scratch[: rows.stop - rows.start]
        np.copyto(scratch, self.array[rows], casting="unsafe")
        return scratch
