"""Runs tests/test_cuda_kernels.py with Numba's CUDA simulator."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent


def test_the_kernels_in_the_simulator():
    # Numba reads the variable when it is imported: a process of its own.
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    result = subprocess.run(
        [*command, str(TESTS / "test_cuda_kernels.py")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "NUMBA_ENABLE_CUDASIM": "1"},
        cwd=TESTS.parent,
    )
    passed = re.search(r"(\d+) passed", result.stdout)
    if result.returncode != 0 or passed is None or int(passed[1]) < 50:
        pytest.fail(f"{result.stdout}\n{result.stderr}")
