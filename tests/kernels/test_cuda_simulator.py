"""Runs test_cuda_kernels.py, test_cuda_memory.py and benchmarks/gpu.py with Numba's CUDA simulator."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("xgboost")
FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
# Fewer tests than these would mean that a file skips itself or some of them.
FEWEST = {"test_cuda_kernels.py": 110, "test_cuda_memory.py": 25}


@pytest.mark.parametrize("name", list(FEWEST))
def test_the_kernels_in_the_simulator(name):
    # Numba reads the variable when it is imported: a process of its own.
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    result = subprocess.run(
        [*command, str(FOLDER / name)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "NUMBA_ENABLE_CUDASIM": "1"},
        cwd=ROOT,
    )
    passed = re.search(r"(\d+) passed", result.stdout)
    if result.returncode != 0 or passed is None or int(passed[1]) < FEWEST[name]:
        pytest.fail(f"{result.stdout}\n{result.stderr}")


def test_the_benchmark_in_the_simulator(tmp_path):
    script, results = ROOT / "benchmarks" / "gpu.py", tmp_path / "gpu.json"
    command = [
        sys.executable,
        str(script),
        "--simulate",
        "--depths",
        "2",
        "--rounds",
        "1",
        "--skip",
        "numpy",
        "--json",
        str(results),
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"{result.stdout}\n{result.stderr}"
    found = json.loads(results.read_text())
    assert found["simulated"] is True
    assert found["failures"] == {}
    assert found["left_out"] == []
    entries = [found[f"{task}, 40 rows, depth 2"] for task in ("binary", "K = 5")]
    for entry in entries:
        assert len(entry["seconds"]["gamma 0, device"]) == 1
        assert len(entry["seconds"]["gamma 0, precomputed"]) == 1
        assert "gamma 2, NumPy" not in entry["seconds"]
        assert "margins to the host" in entry["parts"]
    # The simulator has no times: that of a copy and of the kernel is the same.
    assert found["K = 5, 40 rows, bandwidth"]["share"] == 1
