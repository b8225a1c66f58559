"""Labels and weights of a DMatrix, read where XGBoost keeps them.

`DMatrix.get_label` and `get_weight` copy, and take 30 microseconds before they do. The C function that all
versions have hands out the address. It is asked for in every call, so that labels set anew between two rounds
are those of the next one.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from focalboost._typing import Array

Reader = Callable[..., int]
_CALL = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_char_p,
    ctypes.POINTER(ctypes.c_uint64),
    ctypes.POINTER(ctypes.c_void_p),
)


_FLOAT32 = np.dtype(np.float32).str
_NOTHING = np.empty(0, np.float32)


class _Memory:
    """What an array over a matrix's memory has as its base: it keeps the matrix alive."""

    def __init__(self, matrix: Any, address: int, size: int) -> None:
        self.matrix = matrix
        # Not read-only: Numba would compile each kernel once more for arrays that are.
        self.__array_interface__ = {
            "version": 3,
            "shape": (size,),
            "typestr": _FLOAT32,
            "data": (address, False),
        }


def labels_and_weights(matrix: Any, raw: Array) -> tuple[Array, Array | None]:
    """Labels, one for each row or margin, and row weights or None; to be read in this call only.

    Where `set_label` or `set_weight` is called the arrays are no longer valid.
    """
    labels = _field(matrix, b"label", raw)
    weights = _field(matrix, b"weight", raw)
    if labels is None:
        labels = matrix.get_label()
    if weights is None:
        weights = matrix.get_weight()
    n_rows = matrix.num_row()
    if labels.size == raw.size and n_rows not in (0, raw.shape[0]):
        # Margins of other rows: several labels a row would be taken for one label of more rows.
        labels = labels.reshape(n_rows, -1)
    return labels, weights if weights.size else None


def _field(matrix: Any, name: bytes, raw: Array) -> Array | None:
    """The memory of a field, or None where XGBoost's own function is to be asked."""
    read = _reader()
    if read is None:
        return None
    size, address = ctypes.c_uint64(), ctypes.c_void_p()
    if read(matrix.handle, name, ctypes.byref(size), ctypes.byref(address)):
        return None
    if size.value == 0:
        return _NOTHING
    # Of another size XGBoost says in which shape, and an error names it.
    if address.value is None or size.value not in (raw.shape[0], raw.size):
        return None
    return np.asarray(_Memory(matrix, address.value, size.value))


@cache
def _reader() -> Reader | None:
    try:
        return _CALL(("XGDMatrixGetFloatInfo", sys.modules["xgboost"].core._LIB))
    except AttributeError:
        return None  # a version that no longer has one of these names
