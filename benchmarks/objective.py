"""Time of gradient and Hessian beside XGBoost's own objectives, and of the first call.

Nanoseconds a row at a million rows, on one core and on two. Each repetition times every case once, so that a
noisy minute meets all of them. XGBoost's own figure is what its monitor (verbosity 3) reports for
`GetGradient` with nthread 1, a mean of 20 rounds, on the same margins, given to it as base_margin, in child
processes that alternate with the repetitions. Ours includes all checks and the allocation of both outputs.
The textbook rows are NumPy (`textbook.py`). Saturated margins are uniform in +-100, the others normal(-3, 3).
"/ built-in" is the ratio of medians, "best / best" that of the fastest repetitions, which a busy machine
disturbs less. Multilabel stands beside five times binary:logistic.

The last table is what a new process waits for: the import, and the first calls with an empty cache of
compiled kernels (cold) and with a filled one (warm).

Run with `python benchmarks/objective.py` (about a minute) on a quiet machine with two cores or more.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from harness import parser, print_environment, print_table, quartiles, save
from numpy.typing import NDArray
from textbook import binary_focal, softmax_focal

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss

Array = NDArray[Any]
OUTPUTS = 5  # classes, and labels
CORES = (1, 2)
BUILTIN_ROUNDS = 20

BUILTIN = """
import gc, sys
import numpy as np, xgboost as xgb
sys.path.insert(0, sys.argv[3])
from objective import labels, margins
n, rounds = int(sys.argv[1]), int(sys.argv[2])
for objective, k in (("binary:logistic", 1), ("multi:softprob", 5)):
    for saturated in (False, True):
        y, margin = labels(n, k), margins(n, k, saturated=saturated)
        data = xgb.QuantileDMatrix(np.ones((n, 1), np.float32), y, base_margin=margin)
        params = {"objective": objective, "nthread": 1, "max_depth": 1, "eta": 1e-6, "verbosity": 3}
        booster = xgb.Booster(params | ({"num_class": k} if k > 1 else {}), [data])
        for i in range(rounds):
            booster.update(data, i)
        print("BUILTIN", objective, saturated, flush=True)
        del booster  # prints the monitor
        gc.collect()
        sys.stdout.flush()
"""

FIRST_CALL = """
import time
start = time.perf_counter()
import focalboost, numpy as np
times = [time.perf_counter() - start]
y = np.arange(1000, dtype=np.float32) % {n_classes}
raw = np.zeros({shape}, np.float32)
loss = focalboost.{name}(2.0)
for call in (lambda: loss.for_labels(y), lambda: loss.gradient_hessian(y, raw), lambda: loss.loss(y, raw)):
    start = time.perf_counter()
    call()
    times.append(time.perf_counter() - start)
print(*times)
"""


class Case(NamedTuple):
    """A call to time; `builtin` and `saturated` name the run of XGBoost that it stands beside."""

    name: str
    builtin: str
    saturated: bool
    n_jobs: int
    call: Callable[[], Any]


def margins(n: int, k: int, *, saturated: bool) -> Array:
    """float32 margins of shape (n,) for k = 1, else (n, k)."""
    rng = np.random.default_rng(k)
    shape = (n,) if k == 1 else (n, k)
    values = rng.uniform(-100, 100, shape) if saturated else rng.normal(-3, 3, shape)
    return values.astype(np.float32)


def labels(n: int, k: int) -> Array:
    """One positive in ten, or k classes alike, in float32 as boosters send them."""
    rng = np.random.default_rng(10 + k)
    return (rng.random(n) < 0.1 if k == 1 else rng.integers(0, k, n)).astype(np.float32)


def cases(n: int) -> list[Case]:
    y, x, far = labels(n, 1), margins(n, 1, saturated=False), margins(n, 1, saturated=True)
    t, z = labels(n, OUTPUTS), margins(n, OUTPUTS, saturated=False)
    far_z, y_many = margins(n, OUTPUTS, saturated=True), (z > -1).astype(np.float32)
    weight = np.random.default_rng(0).uniform(0.5, 2, n).astype(np.float32)
    soft = (0.9 * y + 0.05).astype(np.float32)
    z_f, x_64, t_64 = np.asfortranarray(z), x.astype(np.float64), t.astype(np.int64)
    z_f64, y_f = z_f.astype(np.float64), np.asfortranarray(y_many)
    found: list[Case] = []

    def add(
        name: str, kind: Any, gamma: float | tuple[float, ...], *arrays: Array, saturated: bool = False
    ) -> None:
        builtin = "multi:softprob" if kind is MulticlassFocalLoss else "binary:logistic"
        losses = {n_jobs: kind(gamma, n_jobs=n_jobs) for n_jobs in CORES}
        size = f"{gamma:g}" if isinstance(gamma, float) else f"{gamma[0]:g} to {gamma[-1]:g}"
        found.extend(
            Case(
                f"{name}, gamma {size}",
                builtin,
                saturated,
                n_jobs,
                partial(loss.gradient_hessian, *arrays),
            )
            for n_jobs, loss in losses.items()
        )

    for gamma in (2.0, 1.5):
        add("binary", BinaryFocalLoss, gamma, y, x)
        add("binary, weights", BinaryFocalLoss, gamma, y, x, weight)
        add("binary, float64 margins", BinaryFocalLoss, gamma, y, x_64)
        add("binary, soft labels", BinaryFocalLoss, gamma, soft, x)
        add("binary, saturated", BinaryFocalLoss, gamma, y, far, saturated=True)
        textbook = partial(binary_focal, y, x, gamma)
        found.append(Case(f"textbook binary, gamma {gamma:g}", "binary:logistic", False, 1, textbook))
    for gamma in (2.0, 1.5):
        add("softmax", MulticlassFocalLoss, gamma, t, z)
        add("softmax, weights", MulticlassFocalLoss, gamma, t, z, weight)
        add("softmax, F order", MulticlassFocalLoss, gamma, t, z_f)
        add("softmax, F order, float64 margins", MulticlassFocalLoss, gamma, t, z_f64)
        add("softmax, int64 labels", MulticlassFocalLoss, gamma, t_64, z)
        add("softmax, saturated", MulticlassFocalLoss, gamma, t, far_z, saturated=True)
        textbook = partial(softmax_focal, t, z, gamma)
        found.append(Case(f"textbook softmax, gamma {gamma:g}", "multi:softprob", False, 1, textbook))
        add("multilabel", MultilabelFocalLoss, gamma, y_many, z)
        add("multilabel, F order", MultilabelFocalLoss, gamma, y_f, z_f)
        add("multilabel, weights", MultilabelFocalLoss, gamma, y_many, z, weight)
    own = tuple(np.linspace(0.5, 2.5, OUTPUTS).tolist())
    add("multilabel", MultilabelFocalLoss, own, y_many, z)
    add("multilabel, F order", MultilabelFocalLoss, own, y_f, z_f)
    add("multilabel, F order, float64 margins", MultilabelFocalLoss, own, y_f, z_f64)
    return found


def builtin_times(n: int) -> dict[tuple[str, bool], float]:
    """ns a row of XGBoost's GetGradient by (objective, saturated), measured in a child process."""
    folder = str(Path(__file__).parent)
    arguments = [sys.executable, "-c", BUILTIN, str(n), str(BUILTIN_ROUNDS), folder]
    output = subprocess.run(arguments, check=True, capture_output=True, text=True).stdout
    times = {}
    for part in output.split("BUILTIN ")[1:]:
        objective, saturated = part.split(maxsplit=2)[:2]
        match = re.search(r"GetGradient: ([\d.e-]+)s, (\d+) calls", part)
        if match is None:
            raise RuntimeError(f"XGBoost printed no GetGradient for {objective}:\n{part}")
        times[objective, saturated == "True"] = 1e9 * float(match[1]) / int(match[2]) / n
    return times


def first_calls() -> dict[str, list[float]]:
    """Seconds of import, for_labels, gradient_hessian and loss in a new process, cold and warm."""
    found = {}
    for name, shape, n_classes in (("BinaryFocalLoss", "1000", 2), ("MulticlassFocalLoss", "(1000, 5)", 5)):
        code = FIRST_CALL.format(name=name, shape=shape, n_classes=n_classes)
        with tempfile.TemporaryDirectory() as cache:
            for state in ("cold", "warm"):
                output = subprocess.run(
                    [sys.executable, "-c", code],
                    check=True, capture_output=True, text=True, env={**os.environ, "NUMBA_CACHE_DIR": cache},
                ).stdout  # fmt: skip
                found[f"{name}, {state}"] = [float(word) for word in output.split()]
    return found


def table_rows(
    ours: dict[Case, list[float]], builtin: dict[tuple[str, bool], list[float]]
) -> list[list[str]]:
    rows = []
    two_cores = {case.name: values for case, values in ours.items() if case.n_jobs == 2}
    for case, values in ours.items():
        if case.n_jobs == 2:
            continue
        per_output = OUTPUTS if case.name.startswith("multilabel") else 1
        theirs = [per_output * value for value in builtin[case.builtin, case.saturated]]
        low, middle, high = quartiles(values)
        row = [case.name, f"{middle:.2f}", f"{low:.2f} to {high:.2f}"]
        row += [f"{middle / median(theirs):.2f}", f"{min(values) / min(theirs):.2f}"]
        two = two_cores.get(case.name)
        row += [f"{median(two):.2f}", f"{middle / median(two):.2f}"] if two else ["", ""]
        rows.append(row)
    return rows


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--repetitions", type=int, default=20)
    options.add_argument("--alternations", type=int, default=5, help="child processes of XGBoost")
    arguments = options.parse_args()
    n, repetitions = arguments.rows, arguments.repetitions
    found = print_environment()
    ours: dict[Case, list[float]] = {case: [] for case in cases(n)}
    for case in ours:
        case.call()  # compiles
    builtin: dict[tuple[str, bool], list[float]] = {}
    for repetition in range(repetitions):
        if repetition % max(1, repetitions // arguments.alternations) == 0:
            for key, value in builtin_times(n).items():
                builtin.setdefault(key, []).append(value)
        for case, values in ours.items():
            start = time.perf_counter()
            case.call()
            values.append(1e9 * (time.perf_counter() - start) / n)
    rows = []
    for (objective, saturated), values in builtin.items():
        low, middle, high = quartiles(values)
        name = objective + (", saturated" if saturated else "")
        rows.append([name, f"{middle:.2f}", f"{low:.2f} to {high:.2f}", f"{min(values):.2f}"])
    title = f"XGBoost's GetGradient, ns a row, {n} rows, nthread 1"
    print_table(title, ("objective", "median", "quartiles", "best"), rows)
    print_table(
        f"gradient and Hessian, ns a row, {n} rows; softmax and multilabel with {OUTPUTS} outputs",
        ("case", "1 core", "quartiles", "/ built-in", "best / best", "2 cores", "speed-up"),
        table_rows(ours, builtin),
    )
    calls = first_calls()
    print_table(
        "A new process, seconds",
        ("first calls", "import", "for_labels", "gradient_hessian", "loss"),
        [(name, *(f"{value:.2f}" for value in values)) for name, values in calls.items()],
    )
    results = {
        "rows": n,
        "builtin_ns": {f"{name}, saturated={saturated}": v for (name, saturated), v in builtin.items()},
        "ours_ns": {f"{case.name}, n_jobs={case.n_jobs}": values for case, values in ours.items()},
        "first_calls_s": calls,
    }
    save(arguments.json, found, results)


if __name__ == "__main__":
    main()
