"""Every option that Numba compiles with, in one place."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

import numba

P = ParamSpec("P")
R = TypeVar("R")

# "contract" lets LLVM fuse a*b + c, which is faster and rounds once. No other fast-math flag is set:
# "nnan" and "ninf" would let a NaN margin come out as a number.
FAST_MATH = {"contract"}


def scalar(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a scalar function; it is inlined by LLVM into the loops that call it.

    Scalar functions are not cached on their own: the kernels that inline them are.
    """
    # error_model="numpy": a division that can raise ZeroDivisionError stops the loop vectoriser.
    # forceinline: LLVM leaves a function of this size as a call, which stops it too (29 against 2 ns a row).
    compiled = numba.njit(error_model="numpy", fastmath=FAST_MATH, forceinline=True)(function)
    return cast("Callable[P, R]", compiled)


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a loop over rows that releases the GIL, cached on disk where a folder can be written.

    Numba keys its cache by the kernel's source file, the argument types and the processor, so a
    cache that travels to another machine is not used there.
    """
    compiled = numba.njit(error_model="numpy", fastmath=FAST_MATH, nogil=True)(function)
    try:
        compiled.enable_caching()
    except RuntimeError:
        # "no locator available": neither the package's folder nor the user's cache can be written
        # (a read-only image without a home). The dispatcher is left as it is, without a cache.
        logging.getLogger(__name__).info("no folder to cache %s in", function.__name__)
    return cast("Callable[P, R]", compiled)
