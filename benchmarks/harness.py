"""What the benchmarks share: the machine they ran on, quartiles, tables and the JSON file."""

from __future__ import annotations

import argparse
import atexit
import csv
import importlib.metadata
import io
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from multiprocessing import get_context
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
        # In one step: who is killed while writing leaves the results of before.
        new = path.with_name(f"{path.name}.new")
        new.write_text(text + "\n", encoding="utf-8")
        new.replace(path)


# ---------------------------------------------------------------------- runs that go on after a kill
def partial(path: Path) -> Path:
    """Where a run collects its rows until all are there: a CSV file beside the results."""
    return path.with_suffix(".partial.csv")


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of an unfinished run; none where there is no file."""
    if not partial(path).exists():
        return []
    with partial(path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def run_jobs(
    run: Callable[[Any], list[dict[str, Any]]], todo: Sequence[Any], processes: int, path: Path,
    fields: Sequence[str],
) -> None:  # fmt: skip
    """Run what is missing; the rows of a job are appended in one write, when it is done."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with get_context("spawn").Pool(processes, maxtasksperchild=8) as pool:
        for number, rows in enumerate(pool.imap_unordered(run, todo), 1):
            text = io.StringIO()
            writer = csv.DictWriter(text, fields)
            if not partial(path).exists():
                writer.writeheader()
            writer.writerows(rows)
            with partial(path).open("a", encoding="utf-8", newline="") as file:
                file.write(text.getvalue())
            print(
                f"{number}/{len(todo)}: {', '.join(str(value) for value in list(rows[0].values())[:4])}",
                flush=True,
            )


def pack(path: Path) -> None:
    """The rows of a run as one small Parquet file, which is committed: words as categories."""
    import pandas as pd  # noqa: PLC0415  # an extra

    frame = pd.read_csv(partial(path))
    frame = frame.sort_values(list(frame.columns[:7]), ignore_index=True)
    for name in frame.select_dtypes(["object", "string"]):
        frame[name] = frame[name].astype("category")
    frame.astype(dict.fromkeys(frame.select_dtypes("float64"), "float32")).to_parquet(
        path, compression="zstd"
    )
