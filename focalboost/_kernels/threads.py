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

from focalboost._dask import worker_threads

R = TypeVar("R")

# Handing a chunk to another thread costs about 20 microseconds, 10,000 rows of the binary kernel.
ROWS_WORTH_A_THREAD = 32_768

_lock = threading.Lock()
_pool: ThreadPoolExecutor | None = None


@lru_cache(maxsize=1)
def _cores() -> int:
    """Cores given to this process: affinity and container limits counted, as joblib does."""
    return int(joblib.cpu_count())


def thread_count(n_jobs: int | None) -> int:
    """Threads to use: `n_jobs` (negative counts from the cores), else what was given to this process."""
    if n_jobs is not None:
        return n_jobs if n_jobs > 0 else max(1, _cores() + 1 + n_jobs)
    return (
        _from_environment("FOCALBOOST_NUM_THREADS")
        or worker_threads()
        or _from_environment("OMP_NUM_THREADS")
        or _cores()
    )


def _from_environment(name: str) -> int | None:
    # OMP_NUM_THREADS may be a list, "4,2": one number for each nesting level.
    first = os.environ.get(name, "").split(",")[0].strip()
    return int(first) if first.isdecimal() and int(first) > 0 else None


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


def map_blocks(
    worker: Callable[[], Callable[[int, int], R]],
    n_samples: int,
    block: int,
    n_jobs: int | None,
    row_cost: int = 1,
) -> list[R]:
    """`function(start, stop)` over blocks of rows; the calling thread works until none is left.

    `worker()` makes the function for one thread, with whatever scratch memory it keeps from block to block.

    Threads take block after block, so that one whose core is busy (a booster's OpenMP threads spin for
    milliseconds after their work) holds up nothing; one that has not begun by then is not waited for.
    `row_cost` says how many binary rows one row is worth, so that wide rows are shared out earlier.
    """
    starts = iter(range(0, max(n_samples, 1), block))
    results: list[R] = []

    def work() -> None:
        function = worker()
        # next() of a range iterator and what extend() does for one item are atomic under the GIL.
        results.extend(function(start, min(start + block, n_samples)) for start in starts)

    n_blocks = -(-n_samples // block)
    worth = n_samples * row_cost // ROWS_WORTH_A_THREAD
    n_threads = max(1, min(thread_count(n_jobs), worth, n_blocks))
    others = [_shared_pool().submit(work) for _ in range(n_threads - 1)]
    try:
        work()
    finally:
        for other in others:
            if not other.cancel():
                other.result()
    return results
