"""Row chunks on a small pool of threads.

Numba's own `parallel=True` is not used: its OpenMP layer kills a forked child and its workqueue layer aborts
when two threads call at once. Kernels that release the GIL on ordinary threads do neither.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TypeVar

import joblib

R = TypeVar("R")

# Handing a chunk to another thread costs about 20 microseconds, 10,000 rows of the binary kernel.
ROWS_WORTH_A_THREAD = 32_768
ENVIRONMENT = ("FOCALBOOST_NUM_THREADS", "OMP_NUM_THREADS")

_lock = threading.Lock()
_pool: ThreadPoolExecutor | None = None


@lru_cache(maxsize=1)
def _cores() -> int:
    """Cores given to this process: affinity and container limits counted, as joblib does."""
    return int(joblib.cpu_count())


def thread_count(n_jobs: int | None) -> int:
    """Threads to use: `n_jobs` (negative counts from the cores), else the environment, else the cores."""
    if n_jobs is not None:
        return n_jobs if n_jobs > 0 else max(1, _cores() + 1 + n_jobs)
    for name in ENVIRONMENT:
        value = os.environ.get(name, "")
        # OMP_NUM_THREADS may be a list, "4,2": one number for each nesting level.
        first = value.split(",")[0].strip()
        if first.isdecimal() and int(first) > 0:
            return int(first)
    return _cores()


def _shared_pool() -> ThreadPoolExecutor:
    global _pool  # noqa: PLW0603  # one pool for the process, made when first used
    with _lock:
        if _pool is None:
            _pool = ThreadPoolExecutor(max(1, _cores()), thread_name_prefix="focalboost")
        return _pool


def _after_fork() -> None:
    """A forked child has none of its parent's threads, and may have inherited a held lock."""
    global _pool, _lock  # both are the parent's
    _pool, _lock = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def map_chunks(
    function: Callable[[int, int], R], n_samples: int, n_jobs: int | None, row_cost: int = 1
) -> list[R]:
    """`function(start, stop)` over contiguous chunks of rows; the calling thread works on the first.

    `row_cost` says how many binary rows one row is worth, so that wide rows are shared out earlier.
    """
    worth = n_samples * row_cost // ROWS_WORTH_A_THREAD
    n_chunks = max(1, min(thread_count(n_jobs), worth, n_samples))
    if n_chunks == 1:
        return [function(0, n_samples)]
    edges = [n_samples * i // n_chunks for i in range(n_chunks + 1)]
    pool = _shared_pool()
    others = [pool.submit(function, edges[i], edges[i + 1]) for i in range(1, n_chunks)]
    first = function(edges[0], edges[1])
    return [first, *(other.result() for other in others)]
