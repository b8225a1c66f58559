"""Kernels are compiled into a cache that is keyed by their source, and every thread count is given."""

import hashlib
import os
import tempfile
from pathlib import Path

# Numba notices a change of the file that holds a kernel, not of the files it calls.
_package = Path(__file__).parent.parent / "focalboost"
_source = b"".join(path.read_bytes() for path in sorted(_package.glob("_*.py")))
_digest = hashlib.sha256(_source).hexdigest()[:16]
os.environ["NUMBA_CACHE_DIR"] = str(Path(tempfile.gettempdir()) / f"focalboost-numba-{_digest}")
# XGBoost's idle threads spin, which slows tests that run side by side tenfold.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np  # noqa: E402  # after NUMBA_CACHE_DIR
import pytest  # noqa: E402


@pytest.fixture
def rng():
    return np.random.default_rng(0)
