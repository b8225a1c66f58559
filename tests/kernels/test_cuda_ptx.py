"""The CUDA kernels compile for an H200, in single precision, wherever NVIDIA's compilers are installed."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numba_cuda")
SCRIPT = Path(__file__).parents[2] / "benchmarks" / "ptx.py"


def test_float32_kernels_have_no_double_precision():
    # A process of its own: the script tells Numba of a GPU that is not there.
    result = subprocess.run([sys.executable, str(SCRIPT)], capture_output=True, text=True, check=False)
    if result.returncode == 2:
        pytest.skip("no NVIDIA compilers, which `pip install 'numba-cuda[cu12]'` brings")
    if "no attribute 'row_stack'" in result.stderr:
        pytest.skip("numba-cuda 0.30 compiles nothing with NumPy 2.5")
    assert result.returncode == 0, f"{result.stdout}\n{result.stderr}"
    assert "| softmax, shared memory " in result.stdout
