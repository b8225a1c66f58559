"""XGBoost on a GPU: checks the CUDA kernels, then measures rounds, their parts and the kernel's bandwidth.

Needs a GPU, a build of XGBoost with CUDA and the extra `cuda`; CuPy, where it is there, for the row "CuPy".

First the checks: gradients of the device beside the CPU's, models trained with both, gamma = 0 beside the
built-in objective. Then, for each number of rows, depth and task (30 float32 features; binary with 3 %
positives, and five classes), one booster for each objective takes its turn round by round, in an order that
rotates:

- built-in; focal loss at gamma 0, which grows the built-in's own trees, and at gamma 2, on the device;
- gamma 2 with the CPU's kernel, the same in NumPy (`textbook.py`), and the same expression in CuPy.

The parts of a round: the margins' way to the host (`predict`), the objective as a whole and the kernel in it,
and the rest of the round from device arrays and from host arrays, whose difference is the conversion of
gradients on the CPU. Bandwidth: bytes that the kernel reads and writes, beside a copy from device to device.

`python benchmarks/gpu.py --json FILE`, some minutes; `--rows` and `--depths` choose less. `--simulate`
exercises the script without a GPU: Numba's simulator, boosters on the CPU, a few dozen rows. Its times mean
nothing.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from statistics import median
from typing import Any

SIMULATE = "--simulate" in sys.argv
if SIMULATE:  # Numba reads it when it is imported
    os.environ["NUMBA_ENABLE_CUDASIM"] = "1"

import numpy as np  # noqa: E402
from gpu_parts import bandwidth, parts, timed  # noqa: E402
from harness import parser, print_environment, print_table, quartiles, save  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from textbook import binary_focal, booster_objective, softmax_focal  # noqa: E402
from training import make_data  # noqa: E402

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss  # noqa: E402
from focalboost._boosters import caller  # noqa: E402
from focalboost._kernels import cuda as _cuda  # noqa: E402

Array = NDArray[Any]
FEATURES, CLASSES = 30, 5
ROWS = (100_000, 1_000_000, 10_000_000, 50_000_000)
DEVICE = "cpu" if SIMULATE else "cuda"
TOLERANCE, MODEL_TOLERANCE = 2e-6, 1e-4
TARGET_ROUND, TARGET_BANDWIDTH = 1.10, 0.70


def require_gpu() -> None:
    """End with what is missing."""
    try:
        import xgboost as xgb  # noqa: PLC0415
    except ImportError:
        raise SystemExit("gpu.py needs XGBoost: pip install 'focalboost[xgboost]'") from None
    problem = _cuda.problem()
    if problem is not None:
        raise SystemExit(f"gpu.py needs a GPU (--simulate does without): {problem[1]}")
    if not SIMULATE and not xgb.build_info().get("USE_CUDA"):
        raise SystemExit(
            "gpu.py needs a build of XGBoost with CUDA: pip uninstall xgboost-cpu; pip install xgboost"
        )


def gpu_name() -> str:
    from numba import cuda  # noqa: PLC0415

    name = getattr(cuda.get_current_device(), "name", "simulator")
    return name.decode() if isinstance(name, bytes) else str(name)


def simulate() -> None:
    """The losses see a booster on a GPU, and XGBoost, which is on the CPU, reads host arrays."""
    caller.cuda_ordinal = lambda booster: 0  # noqa: ARG005  # a name that mypy compares
    _cuda.THREADS, _cuda.BLOCKS_A_MULTIPROCESSOR, _cuda.FEWEST_BLOCKS = 8, 2, 1


def handed_over(loss: Any) -> Any:
    """The loss, or where there is no GPU its results copied to the host."""
    if not SIMULATE:
        return loss
    return lambda margins, data: tuple(np.asarray(array) for array in loss(margins, data))


# ---------------------------------------------------------------------- data and boosters
class Task:
    """One table on the device, a loss for it, and boosters."""

    def __init__(self, n: int, n_classes: int) -> None:
        import xgboost as xgb  # noqa: PLC0415

        self.n, self.n_classes = n, n_classes
        self.name = "binary" if n_classes == 2 else f"K = {n_classes}"
        X, self.y = make_data(n, n_classes, FEATURES)
        self.data = xgb.QuantileDMatrix(X, self.y)
        kind = BinaryFocalLoss if n_classes == 2 else MulticlassFocalLoss
        self.gamma_0, self.gamma_2 = (kind(gamma).for_labels(self.y) for gamma in (0.0, 2.0))
        self._make = xgb.Booster

    def booster(self, depth: int, loss: Any) -> Any:
        params = {"tree_method": "hist", "device": DEVICE, "max_depth": depth}
        params |= {"num_class": self.n_classes} if self.n_classes > 2 else {}
        params["objective"] = "binary:logistic" if self.n_classes == 2 else "multi:softprob"
        score = (loss or self.gamma_0).base_score
        return self._make(
            {**params, "base_score": score if np.ndim(score) == 0 else list(score)}, [self.data]
        )

    def entries(self) -> dict[str, tuple[Any, Any]]:
        """Objective, and the loss whose intercept its booster starts from."""
        focal = binary_focal if self.n_classes == 2 else softmax_focal
        on_cpu = on("cpu", self.gamma_2)
        found: dict[str, tuple[Any, Any]] = {
            "built-in": (None, None),
            "gamma 0, device": (handed_over(self.gamma_0), self.gamma_0),
            "gamma 2, device": (handed_over(self.gamma_2), self.gamma_2),
            "gamma 2, CPU kernel": (on_cpu, self.gamma_2),
            "gamma 2, NumPy": (booster_objective(focal, 2.0), self.gamma_2),
        }
        if not SIMULATE and importlib.util.find_spec("cupy") is not None:
            import cupy  # type: ignore[import-not-found]  # noqa: PLC0415

            labels = cupy.asarray(self.y)

            def with_cupy(margins: Array, _: Any) -> Any:
                result = focal(labels, cupy.asarray(margins), 2.0, cupy)
                cupy.cuda.get_current_stream().synchronize()
                return result

            found["gamma 2, CuPy"] = (with_cupy, self.gamma_2)
        return found


def on(device: Any, loss: Any) -> Any:
    """The same loss, resolved as it is, on another device."""
    moved = replace(loss, device=device)
    moved._set(intercept=loss.intercept, scale=loss.scale)
    return moved


# ---------------------------------------------------------------------- checks
def check_gradients(n: int) -> float:
    """Largest relative difference of the device from the CPU."""
    rng, worst = np.random.default_rng(0), 0.0
    weight = rng.uniform(0.1, 3.0, n).astype(np.float32)
    for loss, n_outputs in (
        (BinaryFocalLoss(2.0), 0),
        (BinaryFocalLoss((0.5, 3.0), (1.0, 700.0)), 0),
        (MultilabelFocalLoss((2.0, 0.0, 1.0)), 3),
        (MulticlassFocalLoss(2.0), 2),
        (MulticlassFocalLoss(1.5), CLASSES),
        (MulticlassFocalLoss(2.0), 17),
    ):
        shape = (n, n_outputs) if n_outputs else (n,)
        labels: Any = (n, 2) if isinstance(loss, MulticlassFocalLoss) else (shape, 2)
        size, high = (n, n_outputs) if isinstance(loss, MulticlassFocalLoss) else labels
        raw, y = rng.normal(0, 6, shape).astype(np.float32), rng.integers(0, high, size)
        pairs = (on(device, loss).gradient_hessian(y, raw, weight) for device in ("cpu", "cuda"))
        for cpu, gpu in zip(*pairs, strict=True):
            worst = max(worst, float(np.max(np.abs(gpu - cpu) / np.abs(cpu))))
    return worst


def check_models(task: Task, rounds: int) -> dict[str, float]:
    """Share of margins in which models differ: device and CPU kernel, gamma 0 and built-in."""
    margins = {}
    entries = task.entries()
    for name in ("built-in", "gamma 0, device", "gamma 2, device", "gamma 2, CPU kernel"):
        objective, loss = entries[name]
        booster = task.booster(4, loss)
        for i in range(rounds):
            booster.update(task.data, i, fobj=objective)
        margins[name] = np.asarray(booster.predict(task.data, output_margin=True))

    def share(one: str, other: str) -> float:
        return float(np.mean(np.abs(margins[one] - margins[other]) > MODEL_TOLERANCE))

    return {
        "device and CPU kernel": share("gamma 2, device", "gamma 2, CPU kernel"),
        "gamma 0 and built-in": share("gamma 0, device", "built-in"),
    }


# ---------------------------------------------------------------------- measurements
def round_times(task: Task, depth: int, rounds: int) -> dict[str, list[float]]:
    """Seconds of each round by objective; the first, which compiles and allocates, is left out."""
    entries = task.entries()
    boosters = {name: task.booster(depth, loss) for name, (_, loss) in entries.items()}
    times: dict[str, list[float]] = {name: [] for name in entries}
    names = list(entries)
    for i in range(rounds + 1):
        for name in names[i % len(names) :] + names[: i % len(names)]:
            update, objective = boosters[name].update, entries[name][0]
            times[name].append(timed(partial(update, task.data, i, fobj=objective)))
    return {name: values[1:] for name, values in times.items()}


# ---------------------------------------------------------------------- report
def show_rounds(title: str, times: dict[str, list[float]]) -> None:
    rows = []
    for name, values in times.items():
        ratios = [ours / theirs for ours, theirs in zip(values, times["built-in"], strict=True)]
        low, middle, high = quartiles(ratios)
        rows.append([name, f"{1e3 * median(values):.2f}", f"{middle:.2f}", f"{low:.2f} to {high:.2f}"])
    print_table(title, ("objective", "ms a round", "/ built-in", "quartiles"), rows)


def check(title: str, value: float, limit: float) -> None:
    print(f"{'ok  ' if value <= limit else 'FAIL'} {title}: {value:.1e}, at most {limit:.0e}")
    if value > limit:
        raise SystemExit("nothing is measured: a check failed")


def measure(n: int, depths: Iterable[int], rounds: int) -> dict[str, Any]:
    results: dict[str, Any] = {}
    for n_classes in (2, CLASSES):
        task = Task(n, n_classes)
        rates = {} if SIMULATE else bandwidth(n, n_classes, max(5, rounds))
        for depth in depths:
            name = f"{task.name}, {n} rows, depth {depth}"
            times = round_times(task, depth, rounds)
            booster, loss = task.booster(depth, task.gamma_2), handed_over(task.gamma_2)
            split = parts(booster, task.data, loss, max(3, rounds // 2))
            if rates:
                split["of the objective: kernel"] = rates["kernel_seconds"]
            show_rounds(name, times)
            print_table("parts of a round", ("part", "ms"), [[k, f"{1e3 * v:.2f}"] for k, v in split.items()])
            ratio = median(times["gamma 0, device"]) / median(times["built-in"])
            results[name] = {"seconds": times, "parts": split, "ratio": ratio, "target": TARGET_ROUND}
        if rates:
            share = rates["kernel"] / rates["copy"]
            print(
                f"\nkernel {rates['kernel'] / 1e9:.0f} GB/s, copy {rates['copy'] / 1e9:.0f} GB/s: {share:.0%}"
            )
            results[f"{task.name}, {n} rows, bandwidth"] = {
                **rates,
                "share": share,
                "target": TARGET_BANDWIDTH,
            }
    return results


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--rows", type=int, nargs="+", default=list(ROWS))
    options.add_argument("--depths", type=int, nargs="+", default=[6, 10])
    options.add_argument("--rounds", type=int, help="by default 20 for up to a million rows, 5 for more")
    options.add_argument("--simulate", action="store_true", help="no GPU: exercise the script, with few rows")
    arguments = options.parse_args()
    require_gpu()
    if SIMULATE:
        simulate()
        if arguments.rows == list(ROWS):
            arguments.rows = [40]
    found = print_environment()
    print(f"{gpu_name()}: the times mean nothing" if SIMULATE else gpu_name())
    check("gradients, device and CPU", check_gradients(10 if SIMULATE else 1_000_000), TOLERANCE)
    for n_classes in (2, CLASSES):
        task = Task(40 if SIMULATE else 200_000, n_classes)
        # Where two splits gain the same to the last bit another may be taken, which moves the margins below;
        # among a few dozen rows that is no exception.
        limit = 1.0 if SIMULATE else 0.05
        for title, share in check_models(task, 2 if SIMULATE else 20).items():
            check(f"{task.name}, margins that differ, {title}", share, limit)
    results: dict[str, Any] = {"gpu": gpu_name(), "simulated": SIMULATE, "features": FEATURES}
    for n in arguments.rows:
        rounds = arguments.rounds or (2 if SIMULATE else 20 if n <= 1_000_000 else 5)
        results |= measure(n, arguments.depths, rounds)
    save(arguments.json, found, results)


if __name__ == "__main__":
    main()
