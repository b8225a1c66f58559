"""Gradient and Hessian arrays whose memory one training uses again every round.

A fresh array of some megabytes costs a page fault for each 4 KiB: with a million rows and five classes, 25 ms
a round, more than the softmax kernel itself.

Each call hands out new arrays over memory that is kept with the data set, and the memory comes back when
nothing can reach them any more. This rests on two promises, and counts nothing: a weak reference calls back
when its object is gone, and who reads an `__array_interface__` keeps its object (NumPy's base, which every
view, memoryview or DLPack capsule keeps in turn).
"""

from __future__ import annotations

import math
import weakref
from collections import deque
from typing import Any, Literal

import numpy as np

from focalboost._typing import Array

Pair = tuple[Array, Array]

MOST_KEPT = 2  # gradient and Hessian of one training; more than that come from arrays that a user collected


class Shelf:
    """Memory of one data set that nobody uses now: NumPy arrays, or arrays on a device."""

    def __init__(self) -> None:
        # A deque, as its append and pop are safe between threads: a callback may interrupt any line of any
        # thread, so that a lock here could wait for itself. Beyond maxlen the oldest is let go.
        self._idle: deque[Any] = deque(maxlen=MOST_KEPT)

    def take(self, shape: tuple[int, ...]) -> Any | None:
        """Memory of that shape, or None. Other shapes are let go: they would not be asked for again."""
        try:
            while True:
                memory = self._idle.pop()
                if memory.shape == shape:
                    return memory
        except IndexError:
            return None

    def lend(self, memory: Any, holder: object) -> None:
        """Take the memory back when `holder`, which all who use it keep alive, is gone."""
        # A weak reference here too: an array that is held keeps its own memory, not what is idle.
        weakref.finalize(holder, _give_back, weakref.ref(self._idle), memory).atexit = False


def _give_back(idle: weakref.ref[deque[Any]], memory: Any) -> None:
    kept = idle()
    if kept is not None:  # else the data set died first
        kept.append(memory)


class _Holder:
    """What a handed-out array has as its base."""

    def __init__(self, memory: Array) -> None:
        self.__array_interface__ = memory.__array_interface__


_shelves: weakref.WeakKeyDictionary[Any, Shelf] = weakref.WeakKeyDictionary()


def take(owner: Any | None, shape: tuple[int, ...], order: Literal["C", "F"]) -> Pair:
    """Two float32 arrays to be written, over memory that lives no longer than `owner` and they do."""
    if owner is None:
        return np.empty(shape, np.float32, order), np.empty(shape, np.float32, order)
    # Of two threads that come first at once one could be left with a shelf of its own, which is only slower.
    shelf = _shelves.setdefault(owner, Shelf())
    return _array(shelf, shape, order), _array(shelf, shape, order)


def _array(shelf: Shelf, shape: tuple[int, ...], order: Literal["C", "F"]) -> Array:
    size = math.prod(shape)
    memory = shelf.take((size,))
    if memory is None:
        memory = np.empty(size, np.float32)
    holder = _Holder(memory)
    shelf.lend(memory, holder)
    return np.asarray(holder).reshape(shape, order=order)
