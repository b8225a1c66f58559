"""Growth: time and memory of the objective and of whole training, from 1e5 to 3e7 rows and 2 to 100 classes.

Each figure is measured in a process of its own. Memory is resident memory: of the objective, its peak less
what was there before the call, which is to be gradient, Hessian and a constant; of training, the peak less
that of a process which has only imported. The exponents are slopes of straight lines through the logarithms,
in n for each number of classes and in n times outputs for all: 1 is linear. The table of clusters multiplies
the measured costs of a row up to 1e9 and 1e11 rows.

Run with `python benchmarks/scaling.py --json FILE` on a quiet Linux machine (an hour; minutes with `--largest
3e5`). What FILE has already, measured with the same options, is not measured again. Sizes that would need
more than `--memory` gigabytes are left out.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from argparse import Namespace
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from boosters import BOOSTERS
from harness import parser, print_environment, print_table, save
from numpy.typing import NDArray

Array = NDArray[Any]
SIZES = (100_000, 300_000, 1_000_000, 3_000_000, 10_000_000, 30_000_000)
CLASSES = (2, 5, 20, 100)
FEATURES, BLOCK, DEPTH, BINS = 20, 100_000, 6, 256
# Bytes a row that a size is expected to need at most, to leave out what would not fit: margins, gradient and
# Hessian of an output; features as float32 and as bins; what XGBoost holds for an output in training.
OBJECTIVE_BYTES, FEATURE_BYTES, OUTPUT_BYTES = 12, 6, 36
GB, MB = 1e9, 1e6


def outputs(n_classes: int) -> int:
    return 1 if n_classes == 2 else n_classes


# ---------------------------------------------------------------------- in a process of its own
def memory(name: str) -> int:
    """Bytes: VmRSS, resident now, or VmHWM, its peak."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status has no {name}.")


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")


def make_data(n: int, n_classes: int) -> tuple[Array, Array]:
    """Normal features and labels that depend on them, made in blocks: no other array is as long."""
    X, y = np.empty((n, FEATURES), np.float32), np.empty(n, np.float32)
    rng = np.random.default_rng(n_classes)
    cuts = np.empty(0)
    for start in range(0, n, BLOCK):
        block = X[start : start + BLOCK]
        rng.standard_normal(out=block, dtype=np.float32)
        score = block[:, 0] + block[:, 1] * block[:, 2] + rng.logistic(0, 0.5, len(block)).astype(np.float32)
        if not start:
            shares = [0.97] if n_classes == 2 else np.linspace(0.5, 1, n_classes)[:-1]
            cuts = np.quantile(score, shares)
        y[start : start + BLOCK] = np.digitize(score, cuts)
    return X, y


def make_loss(y: Array, n_classes: int, n_jobs: int) -> Any:
    from focalboost import BinaryFocalLoss, MulticlassFocalLoss  # noqa: PLC0415  # not in the parent

    loss = (
        BinaryFocalLoss(2.0, n_jobs=n_jobs)
        if n_classes == 2
        else MulticlassFocalLoss(2.0, n_classes=n_classes, n_jobs=n_jobs)
    )
    return loss.for_labels(y)


def measure_objective(rows: int, classes: int, threads: int, repetitions: int) -> dict[str, float]:
    rng = np.random.default_rng(0)
    shape = (rows,) if classes == 2 else (rows, classes)
    raw = rng.standard_normal(shape, np.float32)
    y = (np.arange(rows, dtype=np.int32) % classes).astype(np.float32)
    loss = make_loss(y[:BLOCK], classes, threads)
    loss.gradient_hessian(y[:100], raw[:100])  # compiles
    seconds, extra = [], []
    for _ in range(repetitions):
        before = memory("VmRSS")
        forget_peak()
        start = time.perf_counter()
        result = loss.gradient_hessian(y, raw)
        seconds.append(time.perf_counter() - start)
        extra.append(memory("VmHWM") - before)
        del result
    return {"seconds": median(seconds), "bytes": max(extra)}


def measure_training(
    rows: int, classes: int, threads: int, rounds: int, booster: str, objective: str
) -> dict[str, float]:
    adapter_class: Any = BOOSTERS[booster]
    small = make_data(10_000, classes)
    loss = make_loss(small[1], classes, threads)
    first = adapter_class(*small, threads, classes)
    first.update(first.booster(loss, {}), 0, loss)  # imports and compiles
    imported = memory("VmRSS")
    forget_peak()
    X, y = make_data(rows, classes)
    adapter = adapter_class(X, y, threads, classes)
    chosen = make_loss(y[:BLOCK], classes, threads) if objective == "focal" else None
    model = adapter.booster(chosen, {"max_depth": DEPTH} if booster == "xgboost" else {"num_leaves": 31})
    seconds = []
    for i in range(rounds + 1):
        start = time.perf_counter()
        adapter.update(model, i, chosen)
        seconds.append(time.perf_counter() - start)
    return {"seconds": median(seconds[1:]), "bytes": memory("VmHWM") - imported}


MEASURES: dict[str, Any] = {"objective": measure_objective, "training": measure_training}


# ---------------------------------------------------------------------- the parent
class Figures:
    """What was measured, by a name that says how; kept in the JSON file as it grows."""

    def __init__(self, options: Namespace, found: dict[str, Any]) -> None:
        self.options, self.found = options, found
        self.values: dict[str, dict[str, float]] = {}
        if options.json is not None and options.json.exists():
            self.values = json.loads(options.json.read_text(encoding="utf-8"))["figures"]

    def get(self, what: str, need: float, **settings: Any) -> dict[str, float] | None:
        """The figure, measured now if it is not there; None where it needs too much memory."""
        name = ", ".join([what, *(f"{key} {value}" for key, value in settings.items())])
        if name in self.values:
            return self.values[name]
        if need > self.options.memory * GB:
            return None
        command = [sys.executable, __file__, "--child", json.dumps({"what": what, **settings})]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            print(f"{name}: {(result.stderr.strip() or 'killed').splitlines()[-1]}", file=sys.stderr)
            return None
        self.values[name] = json.loads(result.stdout.splitlines()[-1])
        print(f"{name}: {self.values[name]}", file=sys.stderr)
        save(self.options.json, self.found, {"figures": self.values})
        return self.values[name]


def exponent(sizes: list[float], values: list[float]) -> str:
    """Slope of the straight line through the logarithms."""
    if len(sizes) < 2:
        return ""
    return f"{np.polyfit(np.log(sizes), np.log(np.maximum(values, 1e-9)), 1)[0]:.2f}"


def show_objective(figures: Figures, options: Namespace) -> None:
    rows = []
    every: list[tuple[float, float, float]] = []
    for classes in options.classes:
        k = outputs(classes)
        cells = []
        for n in options.sizes:
            figure = figures.get(
                "objective", OBJECTIVE_BYTES * n * k, rows=n, classes=classes, threads=options.threads,
                repetitions=options.repetitions,
            )  # fmt: skip
            if figure is not None:
                cells.append((float(n * k), figure["seconds"], figure["bytes"]))
        if not cells:
            continue
        every += cells
        sizes, seconds, extra = (list(column) for column in zip(*cells, strict=True))
        each = [1e9 * t / size for t, size in zip(seconds, sizes, strict=True)]
        # Beyond gradient and Hessian, 4 bytes each.
        beyond = [b - 8 * s for b, s in zip(extra, sizes, strict=True)]
        rows.append([
            str(classes), f"{sizes[-1] / k:.0e}", f"{each[0]:.2f}", f"{each[-1]:.2f}",
            exponent(sizes, seconds), f"{extra[-1] / sizes[-1]:.2f}", exponent(sizes, extra),
            f"{max(beyond) / MB:.1f}",
        ])  # fmt: skip
    sizes, seconds, extra = (list(column) for column in zip(*every, strict=True))
    rows.append(["all", "", "", "", exponent(sizes, seconds), "", exponent(sizes, extra), ""])
    head = ["classes", "largest n", "ns an output, 1e5 rows", "at the largest n", "exponent of time"]
    head += ["bytes an output", "exponent of memory", "most beyond 8 bytes an output, MB"]
    print_table(f"The objective, {options.threads} threads", head, rows)


def show_training(figures: Figures, options: Namespace, booster: str) -> dict[int, tuple[float, float]]:
    """Print the table; returns seconds and bytes a row at the largest size by number of classes."""
    rows, costs = [], {}
    for classes in options.classes:
        k = outputs(classes)
        cells: dict[str, list[tuple[float, float, float]]] = {"focal": [], "builtin": []}
        for n, objective in product(options.sizes, cells):
            figure = figures.get(
                "training", (FEATURE_BYTES * FEATURES + OUTPUT_BYTES * k) * n, rows=n, classes=classes,
                threads=options.threads, rounds=options.rounds, booster=booster, objective=objective,
            )  # fmt: skip
            if figure is not None:
                cells[objective].append((float(n), figure["seconds"], figure["bytes"]))
        if not all(cells.values()):
            continue
        (n, seconds, peak), (_, built_in, peak_built_in) = (cells[name][-1] for name in cells)
        costs[classes] = seconds / n, peak / n
        sizes, times, peaks = (list(column) for column in zip(*cells["focal"], strict=True))
        rows.append([
            str(classes), f"{n:.0e}", f"{seconds:.2f}", f"{built_in:.2f}", exponent(sizes, times),
            f"{peak / n:.0f}", f"{peak_built_in / n:.0f}",
            f"{(peak - peak_built_in) / n / k:.0f}", exponent(sizes, peaks),
        ])  # fmt: skip
    head = ["classes", "largest n", "s a round", "built-in", "exponent of time"]
    head += ["bytes a row at the peak", "built-in", "more, an output", "exponent of memory"]
    title = f"Training, {booster}, {FEATURES} features as a NumPy array, {options.threads} threads"
    print_table(title, head, rows)
    return costs


def show_clusters(costs: dict[int, tuple[float, float]], options: Namespace) -> None:
    """What the measured costs of a row come to on a cluster of workers like this machine."""
    usable = 0.7 * options.worker_memory * GB
    # Histograms are built for one of two sisters, two float64 for each bin.
    nodes = 1 + sum(2 ** (level - 1) for level in range(1, DEPTH))
    tree = 16 * nodes * FEATURES * BINS
    rows = []
    for n, (classes, (seconds, size)) in product((1e9, 1e11), costs.items()):
        workers = int(np.ceil(n * size / usable))
        network = tree * outputs(classes)
        held, took = n * size / workers / GB, n / workers * seconds
        rows.append([
            f"{n:.0e}", str(classes), str(workers), f"{held:.0f}", f"{took:.0f}", f"{network / MB:.1f}",
            f"{network / (options.network * GB / 8):.2f}", "0",
        ])  # fmt: skip
    head = ["rows", "classes", "workers", "GB a worker", "s a round", "MB of histograms a worker"]
    head += [f"s at {options.network:g} Gbit/s", "bytes of focal loss"]
    title = (
        f"Clusters, XGBoost, depth {DEPTH}, {FEATURES} features, {BINS} bins: workers of "
        f"{options.worker_memory:g} GB, 70 % used, as fast as this machine with {options.threads} threads"
    )
    print_table(title, head, rows)


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--largest", type=float, default=SIZES[-1], help="rows at most")
    options.add_argument("--classes", type=int, nargs="+", default=CLASSES)
    options.add_argument("--booster", choices=(*BOOSTERS, "both"), default="xgboost")
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--rounds", type=int, default=5, help="after the first")
    options.add_argument("--repetitions", type=int, default=5)
    options.add_argument("--memory", type=float, default=20.0, help="gigabytes that a measurement may need")
    options.add_argument(
        "--worker-memory", type=float, default=64.0, help="gigabytes of a worker of the cluster"
    )
    options.add_argument("--network", type=float, default=10.0, help="gigabits a second of the cluster")
    options.add_argument("--child", help="for the processes that measure")
    arguments = options.parse_args()
    if arguments.child is not None:
        settings = json.loads(arguments.child)
        print(json.dumps(MEASURES[settings.pop("what")](**settings)))
        return
    arguments.sizes = [n for n in SIZES if n <= arguments.largest]
    if not arguments.sizes:
        options.error(f"--largest == {arguments.largest:g}, must be at least {SIZES[0]}.")
    found = print_environment()
    figures = Figures(arguments, found)
    show_objective(figures, arguments)
    for booster in BOOSTERS if arguments.booster == "both" else (arguments.booster,):
        costs = show_training(figures, arguments, booster)
        if booster == "xgboost":
            show_clusters(costs, arguments)
    save(arguments.json, found, {"figures": figures.values})


if __name__ == "__main__":
    main()
