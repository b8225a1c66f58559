"""XGBoost on a GPU: checks the CUDA kernels, then measures rounds, their parts and the kernel's bandwidth.

Needs a GPU, a build of XGBoost with CUDA and the extra `cuda`; with CuPy the table is made on the device, and
there is a row "CuPy".

First the checks: gradients of the device beside the CPU's, models trained with both, gamma = 0 beside the
built-in objective. Then, for each number of rows, task and depth (30 float32 features; binary with 3 %
positives, and five classes), one booster for each objective takes its turn round by round, in an order that
rotates:

- built-in; focal loss at gamma 0, which grows the built-in's own trees, and at gamma 2, on the device;
- gamma 0 less the time of the objective: the floor, as if gradients lay ready on the device;
- gamma 2 with the CPU's kernel, the same in NumPy (`textbook.py`), and the same expression in CuPy.

The parts of a round: the margins' way to the host (`predict`), the objective as a whole and the kernel in it,
and the rest of the round from device arrays and from host arrays, whose difference is the conversion of
gradients on the CPU. Bandwidth: bytes that the kernel reads and writes, beside a copy from device to device;
judged from 10,000,000 rows on, as smaller tables fit the device's cache.

`python benchmarks/gpu.py --json FILE`; `--rows`, `--depths`, `--skip` and `--minutes` choose less. FILE is
written anew after each table. What fails is recorded there, the rest goes on, and the script ends with 1.
`--simulate` exercises the script without a GPU: Numba's simulator, boosters on the CPU, a few dozen rows. Its
times mean nothing.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

SIMULATE = "--simulate" in sys.argv
if SIMULATE:  # Numba reads it when it is imported
    os.environ["NUMBA_ENABLE_CUDASIM"] = "1"

import numpy as np  # noqa: E402
from gpu_checks import check_gradients, check_models  # noqa: E402
from gpu_data import BUILT_IN, CLASSES, DEVICE, FEATURES, FLOOR, Task, array_module  # noqa: E402
from gpu_parts import FILLER_BYTES, bandwidth, parts, timed, timed_without  # noqa: E402
from harness import parser, print_environment, print_table, quartiles, save  # noqa: E402

from focalboost._boosters import caller  # noqa: E402
from focalboost._kernels import cuda as _cuda  # noqa: E402

ROWS = (100_000, 1_000_000, 10_000_000, 50_000_000)
SKIPPED = ("checks", "cpu", "numpy", "cupy", "parts", "bandwidth")
TARGET_ROUND, TARGET_FLOOR, TARGET_BANDWIDTH, JUDGED_ROWS = 1.10, 1.05, 0.70, 10_000_000


def require_gpu() -> None:
    """End with what is missing."""
    try:
        import xgboost as xgb  # noqa: PLC0415
    except ImportError:
        raise SystemExit("gpu.py needs XGBoost: pip install 'focalboost[xgboost]'") from None
    problem = _cuda.problem()
    if problem is not None:
        raise SystemExit(f"gpu.py needs a GPU (--simulate does without): {problem.reason}")
    if not SIMULATE and not xgb.build_info().get("USE_CUDA"):
        raise SystemExit(
            "gpu.py needs a build of XGBoost with CUDA: pip uninstall xgboost-cpu; pip install xgboost"
        )


def gpu_name() -> str:
    from focalboost._kernels.cuda_import import cuda  # noqa: PLC0415

    name = getattr(cuda.get_current_device(), "name", "simulator")
    return name.decode() if isinstance(name, bytes) else str(name)


def simulate() -> None:
    """The losses see a booster on a GPU, and XGBoost, which is on the CPU, reads host arrays."""
    caller.cuda_ordinal = lambda booster: 0  # noqa: ARG005  # a name that mypy compares
    _cuda.THREADS, _cuda.BLOCKS_A_MULTIPROCESSOR, _cuda.FEWEST_BLOCKS = 8, 2, 1


# ---------------------------------------------------------------------- what is kept, and for how long
class Run:
    """Results that are saved after each step, failures among them, and the time that is left."""

    def __init__(self, path: Path | None, environment: dict[str, Any], minutes: float | None) -> None:
        self.path, self.environment = path, environment
        self.end = None if minutes is None else time.monotonic() + 60 * minutes
        self.results: dict[str, Any] = {"gpu": gpu_name(), "simulated": SIMULATE, "features": FEATURES}
        self.results |= {"failures": {}, "left_out": []}

    def left(self) -> float:
        """Seconds."""
        return np.inf if self.end is None else self.end - time.monotonic()

    def step(self, name: str, function: Callable[[], dict[str, Any]], needs: float = 0.0) -> None:
        """Run and save a step, unless it needs more seconds than are left."""
        if self.left() <= needs:
            print(f"\nleft out, no time: {name}")
            self.results["left_out"].append(name)
        else:
            try:
                self.results |= function()
            # Out of memory at one size, a failed check: the next step may well succeed.
            except Exception as error:  # noqa: BLE001
                traceback.print_exc()
                print(f"FAIL {name}: {type(error).__name__}: {error}", flush=True)
                self.results["failures"][name] = f"{type(error).__name__}: {error}"
        save(self.path, self.environment, self.results)


def judge(title: str, value: float, limit: float) -> None:
    """Raise where a value is not at most its limit, as NaN never is."""
    if not value <= limit:
        raise ArithmeticError(f"{title}: {value:.1e}, must be <= {limit:.0e}")
    print(f"ok   {title}: {value:.1e}, at most {limit:.0e}", flush=True)


# ---------------------------------------------------------------------- measurements
def round_times(
    task: Task, depth: int, rounds: int, skip: Iterable[str], left: Callable[[], float]
) -> dict[str, list[float]]:
    """Seconds of each round by objective; the first, which compiles and allocates, is left out.

    At least one round is measured, and no more are begun when no time is left.
    """
    entries = task.entries(tuple(skip))
    boosters = {name: task.booster(depth, loss) for name, (_, loss) in entries.items()}
    times: dict[str, list[float]] = {name: [] for name in entries}
    names = list(entries)
    for i in range(rounds + 1):
        if i > 1 and left() <= 0:
            print(f"no time for more than {i - 1} of {rounds} rounds")
            break
        for name in names[i % len(names) :] + names[: i % len(names)]:
            update, objective = partial(boosters[name].update, task.data, i), entries[name][0]
            if name == FLOOR:
                times[name].append(timed_without(update, objective))
            else:
                times[name].append(timed(partial(update, fobj=objective)))
    return {name: values[1:] for name, values in times.items()}


def show_rounds(title: str, times: dict[str, list[float]]) -> None:
    rows = []
    for name, values in times.items():
        builtin, floor = (
            [ours / theirs for ours, theirs in zip(values, times[other], strict=True)]
            for other in (BUILT_IN, FLOOR)
        )
        low, middle, high = quartiles(builtin)
        row = [name, f"{1e3 * median(values):.2f}", f"{middle:.2f}", f"{low:.2f} to {high:.2f}"]
        rows.append([*row, f"{median(floor):.2f}"])
    print_table(title, ("objective", "ms a round", "/ built-in", "quartiles", "/ floor"), rows)


def table(
    task: Task, depth: int, rounds: int, rates: dict[str, float], skip: Iterable[str], run: Run
) -> dict[str, Any]:
    name = f"{task.name}, {task.n} rows, depth {depth}"
    times = round_times(task, depth, rounds, skip, run.left)
    show_rounds(name, times)
    split: dict[str, float] = {}
    if "parts" not in skip:
        booster, loss = task.booster(depth, task.gamma_2), task.handed_over(task.gamma_2)
        split = parts(booster, task.data, loss, max(3, rounds // 2))
        if rates:
            split["of the objective: kernel"] = rates["kernel_seconds"]
        print_table("parts of a round", ("part", "ms"), [[k, f"{1e3 * v:.2f}"] for k, v in split.items()])
    ours, builtin, floor = (median(times[entry]) for entry in (DEVICE, BUILT_IN, FLOOR))
    return {
        name: {
            "seconds": times, "parts": split, "ratio": ours / builtin, "target": TARGET_ROUND,
            "ratio_to_floor": ours / floor, "target_of_floor": TARGET_FLOOR,
        }
    }  # fmt: skip


def rate(task: Task, repeats: int) -> dict[str, Any]:
    rates = bandwidth(task.n, task.n_classes, repeats, 4096 if SIMULATE else FILLER_BYTES)
    share = rates["kernel"] / rates["copy"]
    print(f"\nkernel {rates['kernel'] / 1e9:.0f} GB/s, copy {rates['copy'] / 1e9:.0f} GB/s: {share:.0%}")
    # Below, the tables fit the device's cache: the share says nothing of its memory.
    judged = {"target": TARGET_BANDWIDTH} if task.n >= JUDGED_ROWS else {}
    return {f"{task.name}, {task.n} rows, bandwidth": {**rates, "share": share, **judged}}


def check(run: Run, xp: Any) -> None:
    """Each check is a step: after one that fails the others and the measurements still run."""

    def gradients() -> dict[str, Any]:
        judge(
            "gradients, device and CPU, of what is allowed", check_gradients(10 if SIMULATE else 1_000_000), 1
        )
        return {}

    def models(n_classes: int) -> dict[str, Any]:
        task = Task(40 if SIMULATE else 200_000, n_classes, xp, simulated=SIMULATE)
        # Where two splits gain the same to the last bit another may be taken, which moves the margins below;
        # among a few dozen rows that is no exception.
        limit = 1.0 if SIMULATE else 0.05
        for title, share in check_models(task, 2 if SIMULATE else 20).items():
            judge(f"{task.name}, margins that differ, {title}", share, limit)
        return {}

    run.step("check of gradients", gradients)
    for n_classes in (2, CLASSES):
        run.step(f"check of models, {n_classes} classes", partial(models, n_classes))


def measure(run: Run, arguments: Any, xp: Any) -> None:
    """Tables from the fewest rows on; none is begun in less time than the longest so far took."""
    longest = 0.0
    for n in sorted(arguments.rows):
        for n_classes in (2, CLASSES):
            longest = max(longest, measure_table(run, arguments, xp, (n, n_classes), longest))


def measure_table(run: Run, arguments: Any, xp: Any, size: tuple[int, int], needs: float) -> float:
    """All depths on one table of so many rows and classes, let go at the end; seconds of the longest."""
    n, n_classes = size
    title = f"{'binary' if n_classes == 2 else f'K = {n_classes}'}, {n} rows"
    rounds = arguments.rounds or (2 if SIMULATE else 20 if n <= 1_000_000 else 5)
    made: dict[str, Any] = {}

    def make() -> dict[str, Any]:
        made["task"] = Task(n, n_classes, xp, simulated=SIMULATE)
        return {}

    run.step(title, make, needs)
    if "task" not in made:
        return needs
    if "bandwidth" not in arguments.skip:
        run.step(f"{title}, bandwidth", partial(rate, made["task"], max(5, rounds)))
    rates = run.results.get(f"{title}, bandwidth", {})
    for depth in arguments.depths:
        start, one = time.monotonic(), partial(table, made["task"], depth, rounds, rates, arguments.skip, run)
        run.step(f"{title}, depth {depth}", one, needs)
        needs = max(needs, time.monotonic() - start)
    return needs


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--rows", type=int, nargs="+", default=list(ROWS))
    options.add_argument("--depths", type=int, nargs="+", default=[6, 10])
    options.add_argument("--rounds", type=int, help="by default 20 for up to a million rows, 5 for more")
    options.add_argument("--skip", nargs="+", choices=SKIPPED, default=[], help="not to be run")
    options.add_argument("--minutes", type=float, help="after these no table is begun, and no further round")
    options.add_argument("--simulate", action="store_true", help="no GPU: exercise the script, with few rows")
    arguments = options.parse_args()
    require_gpu()
    if SIMULATE:
        simulate()
        if arguments.rows == list(ROWS):
            arguments.rows = [40]
    run = Run(arguments.json, print_environment(), arguments.minutes)
    print(f"{gpu_name()}: the times mean nothing" if SIMULATE else gpu_name())
    xp = np if SIMULATE else array_module()
    if "checks" not in arguments.skip:
        check(run, xp)
    measure(run, arguments, xp)
    if run.results["failures"]:
        raise SystemExit("\n".join(["failed:", *run.results["failures"]]))


if __name__ == "__main__":
    main()
