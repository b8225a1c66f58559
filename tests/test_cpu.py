"""Threads, forks, memory and strides: how the kernels live with their surroundings."""

import multiprocessing
import subprocess
import sys
import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import joblib
import numpy as np
import pytest

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, _threads

N = 200_000
RNG = np.random.default_rng(0)
RAW, Y = RNG.normal(0, 3, N).astype(np.float32), (RNG.random(N) < 0.1).astype(np.float32)
LOSS = BinaryFocalLoss(2.0, n_jobs=2)


def total(loss=LOSS):
    """Sum of the gradients: in whichever process it is computed, the same number."""
    return float(loss.gradient_hessian(Y, RAW)[0].sum(dtype=np.float64))


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")  # the point here
def test_a_child_process_computes_the_same(method):
    expected = total()  # the parent has its threads now
    with multiprocessing.get_context(method).Pool(2) as pool:
        results = [pool.apply_async(total) for _ in range(4)]
        assert [result.get(timeout=120) for result in results] == [expected] * 4


def test_loky_workers_compute_the_same():
    expected = total()
    results = joblib.Parallel(n_jobs=2)(joblib.delayed(total)(LOSS) for _ in range(4))
    assert results == [expected] * 4


def test_calls_from_several_threads_at_once():
    expected = total()
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: total(), range(32))) == [expected] * 32


def test_the_gil_is_released():
    """While kernels run in a thread, this one goes on counting."""
    raw, y = np.tile(RAW, 40), np.tile(Y, 40)
    loss = BinaryFocalLoss(2.0, n_jobs=1)
    loss.gradient_hessian(y[:10], raw[:10])
    out = np.empty(raw.size, np.float32), np.empty(raw.size, np.float32)
    from focalboost import _cpu
    from focalboost._kernel_inputs import BOUNDS, kernel_table

    done = threading.Event()

    def work():
        _cpu.sigmoid_gradient_hessian(
            y[:, None],
            raw[:, None],
            None,
            tables=kernel_table(np.full((1, 2), 2.0), np.ones((1, 2))),
            bounds=BOUNDS["guarded"],
            smoothing=0.0,
            gradient_out=out[0][:, None],
            hessian_out=out[1][:, None],
            n_jobs=1,
        )
        done.set()

    previous = sys.getswitchinterval()
    sys.setswitchinterval(60.0)  # no thread is made to give up the lock
    try:
        threading.Thread(target=work).start()
        seen = 0
        while not done.is_set():
            seen += 1
            time.sleep(0)
    finally:
        sys.setswitchinterval(previous)
    # One look for each block of 131,072 rows at the least: the kernel let this thread in.
    assert seen > raw.size // 131_072


@pytest.mark.parametrize("layout", ["contiguous", "strided", "integers"])
@pytest.mark.parametrize("n_classes", [1, 5])
def test_no_memory_grows_with_the_rows_but_the_outputs(layout, n_classes):
    n = 1_000_000
    shape = (n,) if n_classes == 1 else (n, n_classes)
    raw, y = np.zeros(shape, np.float32), np.zeros(n, np.float32)
    weight = np.ones(n, np.float32)
    if layout == "strided":
        raw, y, weight = np.zeros((2 * n, *shape[1:]), np.float32)[::2], np.zeros(3 * n)[::3], weight[::-1]
    elif layout == "integers":
        raw, y = raw.astype(np.int16), y.astype(np.int64)
    loss = BinaryFocalLoss(n_jobs=2) if n_classes == 1 else MulticlassFocalLoss(n_jobs=2)
    loss.gradient_hessian(y[:10], raw[:10], weight[:10])
    loss.gradient_hessian(y, raw, weight)
    tracemalloc.start()
    try:
        g, h = loss.gradient_hessian(y, raw, weight)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # Scratch blocks of two threads: a few hundred kilobytes each, whatever n is.
    assert peak < g.nbytes + h.nbytes + 2_000_000


def test_thread_count(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delenv("FOCALBOOST_NUM_THREADS", raising=False)
    cores = joblib.cpu_count()
    assert _threads.thread_count(None) == cores
    assert _threads.thread_count(-1) == cores
    assert _threads.thread_count(3) == 3
    assert _threads.thread_count(-100) == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "5,2")
    assert _threads.thread_count(None) == 5
    monkeypatch.setenv("FOCALBOOST_NUM_THREADS", "7")
    assert _threads.thread_count(None) == 7
    monkeypatch.setenv("FOCALBOOST_NUM_THREADS", "many")
    assert _threads.thread_count(None) == 5


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_blocks_cover_every_row_once(n_jobs):
    for n in (0, 1, 7, 100_000, 1_000_003):
        parts = _threads.map_blocks(lambda: lambda start, stop: (start, stop), n, 4096, n_jobs)
        parts = sorted(parts)
        assert parts[0][0] == 0
        assert parts[-1][1] == n
        for before, after in pairwise(parts):
            assert before[1] == after[0]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_error_in_a_block_reaches_the_caller(n_jobs):
    def worker():
        def fail(start, stop):
            if start > 500_000:
                raise ZeroDivisionError("in a block")

        return fail

    with pytest.raises(ZeroDivisionError, match="in a block"):
        _threads.map_blocks(worker, 1_000_000, 4096, n_jobs)


def test_a_busy_pool_holds_nobody_up():
    """All threads of the pool sleep; the caller does the work alone and does not wait for them."""
    release = threading.Event()
    pool = _threads._shared_pool()
    sleepers = [pool.submit(release.wait, 60) for _ in range(_threads._cores() + 2)]
    try:
        assert np.isfinite(total())
        assert not release.is_set()
    finally:
        release.set()
        for sleeper in sleepers:
            sleeper.result()


def test_kernels_compile_where_no_cache_can_be_written():
    """A read-only installation in an account without a home: no cache, but no failure."""
    code = (
        "import numba.core.caching as caching\n"
        "def refuse(self):\n"
        "    raise OSError('read-only file system')\n"
        "caching._CacheLocator.ensure_cache_path = refuse\n"
        "from focalboost import BinaryFocalLoss\n"
        "print(BinaryFocalLoss(0.0).gradient_hessian([0, 1], [0.0, 0.0])[0].tolist())"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "[0.5, -0.5]"
