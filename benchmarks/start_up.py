"""From the start of a process to its first gradient: without machine code on disk, and with it.

Each process imports NumPy and focalboost, resolves a loss for 10,000 labels and computes gradients. The table
has the median of seconds on the clock from before a process to its end, of its processor time, which a busy
machine moves less, and the least. Below stands where the time of the fastest goes.

Run with `python benchmarks/start_up.py` (a minute) on a quiet machine.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from statistics import median
from typing import Any

from harness import parser, print_environment, print_table, save

BEGIN = """
import json, time; begin = time.perf_counter(); parts = []
def part(name):
    global begin
    parts.append((name, time.perf_counter() - begin)); begin = time.perf_counter()
import numpy as np; part("import numpy")
import focalboost; loss = focalboost.{loss}(2.0); part("import focalboost, make a loss")
rng = np.random.default_rng(0)
y, margins = rng.integers(0, {classes}, 10_000).astype("f4"), rng.normal(size={shape}).astype("f4")
import numba; part("import numba")
loss = loss.for_labels(y); part("for_labels")
loss.gradient_hessian(y, margins); part("first gradient")
loss.gradient_hessian(y, margins); part("second gradient")
print(json.dumps(parts))
"""
TASKS = {
    "binary": {"loss": "BinaryFocalLoss", "classes": 2, "shape": 10_000},
    "softmax, K = 5": {"loss": "MulticlassFocalLoss", "classes": 5, "shape": (10_000, 5)},
}


def once(task: str, folder: str) -> dict[str, Any]:
    """One process with that folder as its cache."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", BEGIN.format(**TASKS[task])],
        capture_output=True, text=True, check=True, env={**os.environ, "NUMBA_CACHE_DIR": folder},
    )  # fmt: skip
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": seconds, "processor": processor, "parts": json.loads(done.stdout)}


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--processes", type=int, default=5)
    arguments = options.parse_args()
    found = print_environment()
    results: dict[str, Any] = {task: {"no cache": [], "cache": []} for task in TASKS}
    for _ in range(arguments.processes):
        for task in TASKS:
            with tempfile.TemporaryDirectory() as folder:
                results[task]["no cache"].append(once(task, folder))
                results[task]["cache"].append(once(task, folder))
    rows, parts = [], []
    for task, kinds in results.items():
        for kind, runs in kinds.items():
            whole = [f"{median(run[what] for run in runs):.2f}" for what in ("seconds", "processor")]
            least = f"{min(run['seconds'] for run in runs):.2f}"
            rows.append([f"{task}, {kind}", *whole, least])
            fastest = min(runs, key=lambda run: run["seconds"])
            inside = sum(seconds for _, seconds in fastest["parts"])
            steps = [("Python, begin and end", fastest["seconds"] - inside), *fastest["parts"]]
            parts.append([f"{task}, {kind}", *(f"{seconds:.3f}" for _, seconds in steps)])
    print_table("a process", ("process", "seconds", "processor seconds", "least seconds"), rows)
    head = ("seconds of the fastest", *(name for name, _ in steps))
    print_table("where its time goes", head, parts)
    save(arguments.json, found, results)


if __name__ == "__main__":
    main()
