"""What the benchmarks share: the machine they ran on, quartiles, tables and the JSON file."""

from __future__ import annotations

import argparse
import atexit
import importlib.metadata
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

PACKAGES = (
    "focalboost", "numpy", "numba", "numba-cuda", "mpmath", "scikit-learn", "optuna", "xgboost",
    "xgboost-cpu", "lightgbm", "catboost",
)  # fmt: skip

# Numba's cache notices a change in the file that holds a kernel, not in the files that the kernel calls. So
# the scripts, which import this module before focalboost, compile anew. Child processes inherit the folder.
if "NUMBA_CACHE_DIR" not in os.environ:
    os.environ["NUMBA_CACHE_DIR"] = tempfile.mkdtemp(prefix="focalboost-")
    atexit.register(shutil.rmtree, os.environ["NUMBA_CACHE_DIR"], ignore_errors=True)


def cpu_name() -> str:
    """The processor's name as the system tells it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def environment() -> dict[str, Any]:
    """Date, machine and versions, to stand beside every figure."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "date": datetime.now(tz=UTC).isoformat(timespec="seconds"),
        "cpu": cpu_name(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "system": platform.platform(),
        "versions": versions,
    }


def parser(documentation: str | None) -> argparse.ArgumentParser:
    """A parser with the options that every benchmark has."""
    result = argparse.ArgumentParser(
        description=documentation, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    result.add_argument("--json", type=Path, metavar="FILE", help="write the results there")
    return result


def quartiles(values: Iterable[float]) -> tuple[float, float, float]:
    """Lower quartile, median, upper quartile."""
    low, middle, high = np.quantile(np.fromiter(values, float), (0.25, 0.5, 0.75)).tolist()
    return low, middle, high


def print_environment() -> dict[str, Any]:
    """Print the machine and the versions, and return them."""
    found = environment()
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    print(f"{found['date']}, {found['cpu']}, {found['cores']} cores, load {found['load']:.1f}\n{versions}")
    return found


def print_table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table in Markdown, its columns aligned; all but the first are right-aligned."""
    table = [list(head), *(list(row) for row in rows)]
    widths = [max(len(row[i]) for row in table) for i in range(len(head))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    print(f"\n{title}\n")
    for row in [table[0], rule, *table[1:]]:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        print("| " + " | ".join(cells) + " |")


def save(path: Path | None, found: dict[str, Any], results: dict[str, Any]) -> None:
    """Write environment and results as JSON, if a path was given."""
    if path is not None:
        text = json.dumps({"environment": found, **results}, indent=1)
        path.write_text(text + "\n", encoding="utf-8")
