"""What all tests share."""

import os
import tempfile
from pathlib import Path

# Beside the package the cache would be part of what other tests copy and build.
os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(tempfile.gettempdir()) / "focalboost-numba"))
# XGBoost's idle threads spin, which slows tests that run side by side tenfold.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np  # after the variables
import pytest


@pytest.fixture
def rng():
    return np.random.default_rng(0)
