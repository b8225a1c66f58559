"""Gradient and Hessian arrays that one training uses again every round.

A fresh array of some megabytes costs a page fault for each 4 KiB: with a million rows and five classes, 25 ms
a round, more than the softmax kernel itself.
"""

from __future__ import annotations

import sys
from typing import Any, Literal
from weakref import WeakKeyDictionary

import numpy as np

from focalboost._typing import Array

Pair = tuple[Array, Array]

_kept: WeakKeyDictionary[Any, list[Array]] = WeakKeyDictionary()

# The list, the name in `all_free`, and the argument of getrefcount.
_REFERENCES_OF_A_FREE_ARRAY = 3


def all_free(arrays: list[Any]) -> bool:
    """Whether nobody else holds one of these arrays or a view of it: they may be written again."""
    return all(sys.getrefcount(array) <= _REFERENCES_OF_A_FREE_ARRAY for array in arrays)


def take(owner: Any | None, shape: tuple[int, ...], order: Literal["C", "F"]) -> Pair:
    """Two float32 arrays to be written: those of the last round of `owner`, if nobody holds them any more."""
    # pop: of two threads that train on one data set, one gets the arrays and the other makes its own.
    pair = [] if owner is None else _kept.pop(owner, [])
    if pair and all_free(pair) and all(array.shape == shape and array.flags[order] for array in pair):
        return pair[0], pair[1]
    return np.empty(shape, np.float32, order=order), np.empty(shape, np.float32, order=order)


def keep(owner: Any | None, pair: Pair) -> None:
    """Offer the arrays to the next round; they live no longer than the data set that owns them."""
    if owner is not None:
        # A list of its own: holding the pair that was returned is holding the arrays.
        _kept[owner] = list(pair)
