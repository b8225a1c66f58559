"""Every option that Numba compiles with, and where machine code is kept on disk, in one place."""

from __future__ import annotations

import gc
import hashlib
import logging
from collections.abc import Callable
from contextlib import suppress
from functools import cache, wraps
from importlib import resources
from pathlib import Path
from types import FunctionType
from typing import Any, ParamSpec, TypeVar, cast

import llvmlite
import llvmlite.binding as llvm
import numba
from numba.extending import overload, register_jitable

P = ParamSpec("P")
R = TypeVar("R")

# "contract" lets LLVM fuse a*b + c, which is faster and rounds once. No other fast-math flag is set:
# "nnan" and "ninf" would let a NaN margin come out as a number.
FAST_MATH = {"contract"}
# error_model="numpy": a division that can raise ZeroDivisionError stops the loop vectoriser.
# forceinline: LLVM leaves a function of this size as a call, which stops it too (29 against 2 ns a row).
SCALAR_OPTIONS = {"error_model": "numpy", "fastmath": FAST_MATH, "forceinline": True}
logger = logging.getLogger("focalboost")


def scalar(function: Callable[P, R]) -> Callable[P, R]:
    """A scalar function that kernels may call; it is compiled with them, and inlined by LLVM.

    Called from Python it is the function itself, which is slow and does not round as machine code does. It is
    not cached on its own: the kernels that inline it are.
    """
    # No wrappers for calls from Python and C: of the 1.6 s of processor time to a first gradient, 0.3 s.
    if numba.config.ENABLE_CUDASIM:
        # Numba's simulator of a GPU runs kernels in Python, which call this.
        return cast("Callable[P, R]", numba.njit(**SCALAR_OPTIONS)(function))
    return cast("Callable[P, R]", register_jitable(**SCALAR_OPTIONS, no_cfunc_wrapper=True)(function))


def chosen_by_type(choose: Callable[..., Callable[..., R]]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A scalar function of which machine code has only the branch for the types it is called with.

    `choose` is given Numba's types of the arguments and returns the Python function to compile, whose
    arguments have the same names. From Python the decorated function itself is called. An `isinstance` inside
    a scalar function is pruned too late: both branches are compiled, which cost 0.5 s of a first gradient.
    """

    def decorated(function: Callable[P, R]) -> Callable[P, R]:
        overload(function, jit_options={**SCALAR_OPTIONS, "no_cfunc_wrapper": True})(choose)
        return function

    return decorated


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a loop over rows that releases the GIL, cached on disk where a folder can be written.

    Numba keys a cached kernel by its module and qualified name, the time and size of its file, the argument
    types and the processor. A kernel also has the code of the scalar functions in it, which stand in other
    files: the name gets a digest of all of them, so that after an upgrade no kernel holds an old formula.
    """
    if numba.config.DISABLE_JIT:
        return function
    function.__qualname__ = f"{function.__qualname__}_{source_digest()}"
    dispatcher = numba.njit(error_model="numpy", fastmath=FAST_MATH, nogil=True)(function)
    dispatcher.compile = _without_collections(dispatcher.compile)
    try:
        dispatcher.enable_caching()
    except RuntimeError:
        # "no locator available": neither the package's folder nor the user's cache can be written
        # (a read-only image without a home). The dispatcher is left as it is, without a cache.
        logger.info("no folder to cache %s in", function.__name__)
    else:
        dispatcher._cache = CacheByTypes(function, dispatcher._cache.cache_path)
    return cast("Callable[P, R]", dispatcher)


def _without_collections(function: Callable[P, R]) -> Callable[P, R]:
    """The function with Python's garbage collector off.

    Numba builds millions of objects for a kernel, none of them garbage yet: the collector takes a tenth.
    """

    @wraps(function)
    def called(*args: P.args, **named: P.kwargs) -> R:
        was_on = gc.isenabled()
        gc.disable()
        try:
            return function(*args, **named)
        finally:
            if was_on:
                gc.enable()

    return called


@cache
def source_digest() -> str:
    """8 hexadecimal digits that change with any source file of this wing, and with the compiler."""
    digest = hashlib.sha256(f"{numba.__version__} {llvmlite.__version__}".encode())
    # Files of the package's folder or zip archive.
    for source in sorted(resources.files(__package__).iterdir(), key=lambda item: item.name):
        if source.name.endswith(".py"):
            digest.update(source.read_bytes())
    return digest.hexdigest()[:8]


@cache
def _processor() -> str:
    """What Numba compiles for; nodes of a cluster may share a cache and differ."""
    chosen = numba.config.CPU_NAME, numba.config.CPU_FEATURES, numba.config.ENABLE_AVX
    return f"{llvm.get_host_cpu_name()} {llvm.get_host_cpu_features().flatten()} {chosen}"


class CacheByTypes:
    """Numba's cache of a kernel, with files of their own for each tuple of argument types.

    Numba keeps all of them in files 1, 2, 3 and an index, which it reads, changes and writes without a lock:
    of two processes that compile at once both may take number 1, and the index then gives a call with weights
    the machine code for none. Here a name stands for one content, and it does not matter who writes it last.

    A file that cannot be read is compiled again; one that cannot be written is not needed.
    """

    def __init__(self, function: Callable[..., Any], cache_path: str) -> None:
        self.cache_path = cache_path
        self._function = function

    def load_overload(self, types: tuple[Any, ...], target_context: Any) -> Any:
        """The machine code, or None if it is to be compiled."""
        name = self._name(types)
        try:
            return self._cache(name).load_overload(types, target_context)
        # What unpickling a damaged file raises has no common class.
        except Exception as error:  # noqa: BLE001
            logger.warning(
                "the cached machine code of %s in %s is damaged (%s: %s) and is compiled again. If this "
                "is said again, delete that folder.",
                self._function.__name__, self.cache_path, type(error).__name__, error,
            )  # fmt: skip
        for path in Path(self.cache_path).glob(f"*{name}*"):
            with suppress(OSError):
                path.unlink(missing_ok=True)
        return None

    def save_overload(self, types: tuple[Any, ...], compiled: Any) -> None:
        """For the next process."""
        try:
            self._cache(self._name(types)).save_overload(types, compiled)
        # A full disk, a folder that is gone, a damaged index that stays: the code is in memory all the same.
        except Exception as error:  # noqa: BLE001
            logger.info("%s was not cached (%s: %s)", self._function.__name__, type(error).__name__, error)

    def _name(self, types: tuple[Any, ...]) -> str:
        key = hashlib.sha256(f"{types!r} {_processor()}".encode()).hexdigest()
        return f"{self._function.__qualname__}_{key[:16]}"

    def _cache(self, name: str) -> Any:
        """Numba's own, for a function of that name."""
        copy = FunctionType(self._function.__code__, self._function.__globals__, self._function.__name__)
        copy.__qualname__ = name
        dispatcher = numba.njit(copy)
        dispatcher.enable_caching()
        return dispatcher._cache
