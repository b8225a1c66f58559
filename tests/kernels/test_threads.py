"""Threads, forks and worker processes: how the kernels live with their surroundings."""

import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import joblib
import numpy as np
import pytest

from focalboost import BinaryFocalLoss
from focalboost._kernels import threads as _threads

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


def test_threads_share_a_loss(rng):
    y, raw = rng.integers(0, 2, 200_000), rng.normal(0, 2, 200_000).astype("f4")
    loss = BinaryFocalLoss(2.0, n_jobs=2)
    expected = loss.gradient_hessian(y, raw)[0]
    results = [None] * 6

    def work(i):
        results[i] = loss.gradient_hessian(y, raw)[0]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        np.testing.assert_array_equal(result, expected)


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
