"""Growth: time and memory of gradients and of whole training, to 1e7 rows and to 100 classes.

Each figure is measured in a process of its own. Of gradients, the time is that of a round in training, whose
arrays are used again, the best of some calls; the memory is that of a call with arrays of its own, its peak
less what was there before, which is to be gradient, Hessian and a constant. Training: the median of some
rounds, and the peak less that of a process which has only imported, features as a NumPy array. The exponents
are slopes of straight lines through the logarithms, 1 is linear. The last table multiplies the measured bytes
and seconds of a row up to what one machine holds, and to 1e9 and 1e11 rows.

Run with `python benchmarks/scaling.py --results FILE.csv` on a quiet Linux machine (7 minutes on two cores).
What FILE has already, measured with the same options, is not measured again. Sizes that would need more than
`--memory` gigabytes are left out. `--tables` prints the tables of the committed results and measures nothing.
"""

from __future__ import annotations

import csv
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
from harness import environment, parser, print_environment, print_table
from numpy.typing import NDArray

Array = NDArray[Any]
RESULTS = Path(__file__).parent / "results" / "scaling.csv"
# Rows by number of classes.
GRADIENT_SIZES = {
    2: (100_000, 300_000, 1_000_000, 3_000_000, 10_000_000, 30_000_000),
    20: (10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000),
    100: (100_000, 300_000, 1_000_000),
}
TRAINING_SIZES = {2: (100_000, 1_000_000, 10_000_000), 20: (30_000, 100_000, 300_000), 100: (30_000, 100_000)}
FEATURES, BLOCK, DEPTH, BINS = 10, 10_000, 6, 256
# Bytes a row that a size is expected to need at most, to leave out what would not fit: margins, gradient and
# Hessian of an output; features as float32 and as bins; what XGBoost holds for an output in training.
OBJECTIVE_BYTES, FEATURE_BYTES, OUTPUT_BYTES = 12, 6, 36
GB, MB = 1e9, 1e6
# How a figure was measured, and the figure.
SETTINGS = ("what", "booster", "objective", "classes", "rows", "features", "threads", "repetitions")
FIELDS = (*SETTINGS, "seconds", "bytes", "date", "cpu", "versions")
Row = dict[str, Any]


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


class Owner:
    """In whose name arrays are used again, as in that of a data set."""


def make_loss(y: Array, n_classes: int, n_jobs: int) -> Any:
    from focalboost import BinaryFocalLoss, MulticlassFocalLoss  # noqa: PLC0415  # not in the parent

    loss = (
        BinaryFocalLoss(2.0, n_jobs=n_jobs)
        if n_classes == 2
        else MulticlassFocalLoss(2.0, n_classes=n_classes, n_jobs=n_jobs)
    )
    return loss.for_labels(y)


def measure_gradients(settings: Row) -> Row:
    from focalboost._kernels.cpu import Cpu  # noqa: PLC0415  # not in the parent

    n, classes = settings["rows"], settings["classes"]
    raw = np.random.default_rng(0).standard_normal((n,) if classes == 2 else (n, classes), np.float32)
    y = (np.arange(n, dtype=np.int32) % classes).astype(np.float32)
    loss = make_loss(y[:BLOCK], classes, settings["threads"])
    loss.gradient_hessian(y[:100], raw[:100])  # compiles
    before = memory("VmRSS")
    forget_peak()
    result = loss.gradient_hessian(y, raw)
    extra = memory("VmHWM") - before
    del result
    kernels = Cpu(settings["threads"], Owner())
    call = kernels.sigmoid if classes == 2 else kernels.softmax
    parameters = loss._parameters(outputs(classes))
    seconds = []
    for _ in range(settings["repetitions"] + 1):
        start = time.perf_counter()
        call(y, raw, None, parameters)
        seconds.append(time.perf_counter() - start)
    return {"seconds": min(seconds[1:]), "bytes": extra}


def measure_training(settings: Row) -> Row:
    classes, threads = settings["classes"], settings["threads"]
    adapter_class: Any = BOOSTERS[settings["booster"]]
    small = make_data(10_000, classes)
    loss = make_loss(small[1], classes, threads)
    first = adapter_class(*small, threads, classes)
    first.update(first.booster(loss, {}), 0, loss)  # imports and compiles
    imported = memory("VmRSS")
    forget_peak()
    X, y = make_data(settings["rows"], classes)
    adapter = adapter_class(X, y, threads, classes)
    chosen = make_loss(y[:BLOCK], classes, threads) if settings["objective"] == "focal" else None
    size = {"max_depth": DEPTH} if settings["booster"] == "xgboost" else {"num_leaves": 31}
    model = adapter.booster(chosen, size)
    seconds = []
    for i in range(settings["repetitions"] + 1):
        start = time.perf_counter()
        adapter.update(model, i, chosen)
        seconds.append(time.perf_counter() - start)
    return {"seconds": median(seconds[1:]), "bytes": memory("VmHWM") - imported}


MEASURES: dict[str, Any] = {"gradients": measure_gradients, "training": measure_training}


# ---------------------------------------------------------------------- the parent
def read(path: Path) -> list[Row]:
    """Results, numbers as numbers."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        rows: list[Row] = list(csv.DictReader(file))
    for row in rows:
        for name in ("classes", "rows", "features", "threads", "repetitions", "bytes"):
            row[name] = int(row[name])
        row["seconds"] = float(row["seconds"])
    return rows


def plan(options: Namespace) -> list[Row]:
    """What is to be measured, small sizes first."""
    common = {"features": 0, "threads": options.threads}
    found = [
        {
            "what": "gradients", "booster": "", "objective": "focal", "classes": classes, "rows": rows,
            "repetitions": options.repetitions, **common,
        }
        for classes, sizes in GRADIENT_SIZES.items()
        for rows in sizes
        if OBJECTIVE_BYTES * rows * outputs(classes) < options.memory * GB
    ]  # fmt: skip
    found += [
        {
            "what": "training", "booster": booster, "objective": objective, "classes": classes, "rows": rows,
            "repetitions": options.rounds, **common, "features": FEATURES,
        }
        for booster, (classes, sizes) in product(BOOSTERS, TRAINING_SIZES.items())
        for rows, objective in product(sizes, ("focal", "built-in"))
        if (FEATURE_BYTES * FEATURES + OUTPUT_BYTES * outputs(classes)) * rows < options.memory * GB
    ]  # fmt: skip
    return sorted((row for row in found if row["rows"] <= options.largest), key=lambda row: row["rows"])


def measure(options: Namespace) -> None:
    """Measure what is missing; each figure is in the file as soon as it is there."""
    found = environment()
    versions = " ".join(f"{name} {version}" for name, version in found["versions"].items())
    about = {"date": found["date"], "cpu": found["cpu"], "versions": versions}
    there = {tuple(row[name] for name in SETTINGS) for row in read(options.results)}
    for settings in plan(options):
        if tuple(settings[name] for name in SETTINGS) in there:
            continue
        command = [sys.executable, __file__, "--child", json.dumps(settings)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            print(f"{settings}: {(result.stderr.strip() or 'killed').splitlines()[-1]}", file=sys.stderr)
            continue
        row = {**settings, **json.loads(result.stdout.splitlines()[-1]), **about}
        new = not options.results.exists()
        with options.results.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, FIELDS)
            if new:
                writer.writeheader()
            writer.writerow(row)
        print({name: row[name] for name in (*SETTINGS, "seconds", "bytes")}, file=sys.stderr)


def exponent(sizes: list[float], values: list[float]) -> float:
    """Slope of the straight line through the logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(np.maximum(values, 1e-9)), 1)[0])


def select(rows: list[Row], **wanted: Any) -> tuple[list[float], list[float], list[float]]:
    """Sizes, seconds and bytes of the rows that have these settings."""
    chosen = [row for row in rows if all(row[name] == value for name, value in wanted.items())]
    chosen.sort(key=lambda row: row["rows"])
    return tuple([float(row[name]) for row in chosen] for name in ("rows", "seconds", "bytes"))  # type: ignore[return-value]


def gradient_table(rows: list[Row]) -> list[list[str]]:
    table = []
    for classes in GRADIENT_SIZES:
        sizes, seconds, size = select(rows, what="gradients", classes=classes)
        if len(sizes) < 2:
            continue
        k = outputs(classes)
        each = [1e9 * t / (n * k) for t, n in zip(seconds, sizes, strict=True)]
        # Beyond gradient and Hessian, 4 bytes each.
        beyond = max(b - 8 * n * k for b, n in zip(size, sizes, strict=True))
        table.append([
            str(classes), f"{sizes[0]:.0e}", f"{sizes[-1]:.0e}", f"{each[0]:.2f}", f"{each[-1]:.2f}",
            f"{exponent(sizes, seconds):.3f}", f"{size[-1] / (sizes[-1] * k):.2f}",
            f"{exponent(sizes, size):.3f}", f"{beyond / MB:.1f}",
        ])  # fmt: skip
    return table


def training_table(rows: list[Row]) -> list[list[str]]:
    table = []
    for booster, classes in product(BOOSTERS, TRAINING_SIZES):
        focal, built_in = (
            select(rows, what="training", booster=booster, classes=classes, objective=objective)
            for objective in ("focal", "built-in")
        )
        if len(focal[0]) < 2 or focal[0] != built_in[0]:
            continue
        sizes, seconds, size = focal
        n, ratio = sizes[-1], seconds[-1] / built_in[1][-1]
        table.append([
            booster, str(classes), f"{n:.0e}", f"{seconds[-1]:.2f}", f"{ratio:.2f}",
            f"{exponent(sizes, seconds):.2f}", f"{exponent(*built_in[:2]):.2f}",
            f"{size[-1] / n:.0f}", f"{built_in[2][-1] / n:.0f}", f"{exponent(sizes, size):.2f}",
        ])  # fmt: skip
    return table


def capacity_table(rows: list[Row], options: Namespace) -> list[list[str]]:
    """What one machine holds, and what 1e9 and 1e11 rows take, by the bytes and seconds of a row."""
    usable = 0.7 * options.worker_memory * GB
    # Histograms are built for one of two sisters, two float64 for each bin.
    nodes = 1 + sum(2 ** (level - 1) for level in range(1, DEPTH))
    tree = 16 * nodes * FEATURES * BINS
    table = []
    for classes in TRAINING_SIZES:
        sizes, seconds, size = select(
            rows, what="training", booster="xgboost", classes=classes, objective="focal"
        )
        if not sizes:
            continue
        each, took = size[-1] / sizes[-1], seconds[-1] / sizes[-1]
        holds = usable / each
        cells = [str(classes), f"{each:.0f}", f"{holds:.1e}", f"{holds * took:.0f}"]
        for n in (1e9, 1e11):
            workers = int(np.ceil(n * each / usable))
            cells += [str(workers), f"{n / workers * took:.0f}"]
        network = tree * outputs(classes)
        cells += [f"{network / MB:.1f}", f"{network / (options.network * GB / 8):.2f}", "0"]
        table.append(cells)
    return table


def show(rows: list[Row], options: Namespace) -> None:
    first = rows[0]
    print(f"\n{first['cpu']}, {first['date']}, {first['versions']}")
    print_table(
        f"Gradients and Hessians of a round, {first['threads']} threads",
        ("classes", "rows from", "to", "ns an output, first", "last", "exponent of time", "bytes an output",
         "exponent of memory", "most beyond 8 bytes an output, MB"),
        gradient_table(rows),
    )  # fmt: skip
    print_table(
        f"Training, {FEATURES} features, {first['threads']} threads; exponents over all sizes",
        ("booster", "classes", "largest n", "s a round", "/ built-in", "exponent of time", "built-in's",
         "bytes a row at the peak", "built-in's", "exponent of memory"),
        training_table(rows),
    )  # fmt: skip
    print_table(
        f"XGBoost, depth {DEPTH}, {FEATURES} features as float32, {options.worker_memory:g} GB a machine of "
        f"which 70 % is used, as fast as this one: rows that one holds = {0.7 * options.worker_memory:.1f}e9 "
        "bytes / bytes a row",
        ("classes", "bytes a row", "rows on one machine", "s a round", "machines for 1e9 rows", "s a round",
         "for 1e11", "s a round", "MB of histograms a machine and round",
         f"s at {options.network:g} Gbit/s", "bytes of focal loss on the network"),
        capacity_table(rows, options),
    )  # fmt: skip


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--results", type=Path, metavar="FILE.csv", help="measure, and keep figures there")
    options.add_argument("--tables", action="store_true", help="print the tables of the committed results")
    options.add_argument("--largest", type=float, default=1e7, help="rows at most")
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--rounds", type=int, default=3, help="of training, after the first")
    options.add_argument("--repetitions", type=int, default=9, help="of gradients, after the first")
    options.add_argument("--memory", type=float, default=16.0, help="gigabytes that a measurement may need")
    options.add_argument("--worker-memory", type=float, default=64.0, help="gigabytes of a machine")
    options.add_argument("--network", type=float, default=10.0, help="gigabits a second of the cluster")
    options.add_argument("--child", help="for the processes that measure")
    arguments = options.parse_args()
    if arguments.child is not None:
        settings = json.loads(arguments.child)
        print(json.dumps(MEASURES[settings["what"]](settings)))
        return
    if arguments.tables == (arguments.results is not None):
        options.error("one of --results FILE.csv and --tables is needed.")
    if arguments.results is not None:
        print_environment()
        measure(arguments)
    rows = read(arguments.results or RESULTS)
    if not rows:
        options.error(f"{arguments.results or RESULTS} has no rows.")
    show(rows, arguments)


if __name__ == "__main__":
    main()
