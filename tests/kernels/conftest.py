"""What the tests of kernels share: CUDA asked for anew, as if it were missing, and in small grids."""

import pytest

from focalboost._kernels import backend as _backend
from focalboost._kernels import cuda as _cuda


@pytest.fixture
def asked_anew():
    caches = _cuda._tried, _backend._say_once
    for cached in caches:
        cached.cache_clear()
    yield
    for cached in caches:
        cached.cache_clear()


@pytest.fixture
def without_extra(monkeypatch, asked_anew):
    find = _cuda.importlib.util.find_spec
    monkeypatch.setattr(
        _cuda.importlib.util, "find_spec", lambda name: None if name == "numba_cuda" else find(name)
    )


@pytest.fixture
def tiny_grid(monkeypatch):
    """Four threads a block, so that a few dozen rows cross every edge."""
    monkeypatch.setattr(_cuda, "THREADS", 4)
    monkeypatch.setattr(_cuda, "BLOCKS_A_MULTIPROCESSOR", 2)
    monkeypatch.setattr(_cuda, "FEWEST_BLOCKS", 1)
