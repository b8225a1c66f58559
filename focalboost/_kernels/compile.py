"""Every option that Numba compiles with, and where machine code is kept on disk, in one place."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable
from functools import cache, update_wrapper
from importlib import resources
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import numba

P = ParamSpec("P")
R = TypeVar("R")

# "contract" lets LLVM fuse a*b + c, which is faster and rounds once. No other fast-math flag is set:
# "nnan" and "ninf" would let a NaN margin come out as a number.
FAST_MATH = {"contract"}
logger = logging.getLogger("focalboost")


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

    Numba keys a cached kernel by its module and qualified name, the time and size of its file, the argument
    types and the processor. A kernel also has the code of the scalar functions in it, which stand in other
    files: the name gets a digest of all of them, so that after an upgrade no kernel holds an old formula.
    """
    if numba.config.DISABLE_JIT:
        return function
    function.__qualname__ = f"{function.__qualname__}_{source_digest()}"
    return cast("Callable[P, R]", Kernel(function))


@cache
def source_digest() -> str:
    """8 hexadecimal digits that change with any source file of this wing."""
    digest = hashlib.sha256()
    # Files of the package's folder or zip archive.
    for source in sorted(resources.files(__package__).iterdir(), key=lambda item: item.name):
        if source.name.endswith(".py"):
            digest.update(source.read_bytes())
    return digest.hexdigest()[:8]


class Kernel:
    """A compiled kernel that compiles itself again if its file in the cache is damaged."""

    def __init__(self, function: Callable[..., Any]) -> None:
        update_wrapper(self, function)
        self.function = function
        self.dispatcher = self._compile(cached=True)
        self._lock = threading.Lock()

    def _compile(self, *, cached: bool) -> Any:
        dispatcher = numba.njit(error_model="numpy", fastmath=FAST_MATH, nogil=True)(self.function)
        try:
            if cached:
                dispatcher.enable_caching()
        except RuntimeError:
            # "no locator available": neither the package's folder nor the user's cache can be written
            # (a read-only image without a home). The dispatcher is left as it is, without a cache.
            logger.info("no folder to cache %s in", self.function.__name__)
        return dispatcher

    def __call__(self, *arguments: Any) -> Any:
        dispatcher = self.dispatcher
        try:
            return dispatcher(*arguments)
        except numba.NumbaError:
            raise
        # Kernels raise nothing themselves; what unpickling a damaged file raises has no common class.
        except Exception as error:  # noqa: BLE001
            return self._compile_again(dispatcher, error)(*arguments)

    def _compile_again(self, damaged: Any, error: Exception) -> Any:
        with self._lock:
            if self.dispatcher is damaged:  # else another thread was faster
                folder = damaged.stats.cache_path
                logger.warning(
                    "the cached machine code of %s in %s is damaged (%s: %s) and is compiled again. If this "
                    "is said again, delete that folder.",
                    self.function.__name__, folder, type(error).__name__, error,
                )  # fmt: skip
                files = Path(folder).glob(f"*{self.function.__qualname__}*") if folder else ()
                removed = [_remove(path) for path in files]
                self.dispatcher = self._compile(cached=all(removed))
            return self.dispatcher


def _remove(path: Path) -> bool:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return False
    return True
