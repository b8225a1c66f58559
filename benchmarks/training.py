"""Time of a boosting round: the built-in objective, ours and a textbook NumPy focal loss.

A million rows of 20 float32 features. XGBoost: depth 6, hist, QuantileDMatrix; LightGBM: 31 and 255 leaves.
One booster for each objective lives in one process and they take turns, round by round, in an order that
rotates. Ours trains as `focalboost.xgboost.train` does, with its callback. The table has the median of the
rounds after the first, the median and quartiles of the ratio to the built-in's round in the same turn, and
the first round, which loads or compiles the kernel and allocates.

Other losses grow other trees, and trees are most of a round. gamma = 0 grows the built-in's own trees: that
row compares the objectives alone (below the table: the share of margins in which the two models differ, as
they do where two splits gain the same to the last bit). "precomputed" hands over the same gradients as arrays
that were computed before the clock started: what a booster itself takes for any objective of one's own
(copies of margins and gradients), and so the floor. "/ floor" is the ratio to the floor of the same gamma in
the same turn, "least" the fastest round by the floor's fastest, which a busy machine moves least.

Run with `python benchmarks/training.py` (minutes) on a quiet machine. `--rows` takes several sizes, of which
smaller ones have more rounds. `--threads` is the boosters' number of threads; it should not exceed the idle
cores, because OpenMP threads spin while they wait. They may still spin when the objective is called, so
`--jobs`, our n_jobs, is an option of its own.
"""

from __future__ import annotations

import time
from statistics import median
from typing import Any

import numpy as np
from boosters import BOOSTERS
from harness import parser, print_environment, print_table, quartiles, save
from numpy.typing import NDArray
from textbook import binary_focal, booster_objective, softmax_focal

from focalboost import BinaryFocalLoss, MulticlassFocalLoss

Array = NDArray[Any]
FEATURES, CLASSES = 20, 5
SAMPLE = 100_000  # rows whose margins are compared
FLOORS = {"gamma 2": "gamma 2, precomputed", "textbook NumPy, gamma 2": "gamma 2, precomputed"}
FLOOR = "gamma 0, precomputed"  # of the others
MOST_ROUNDS = 300
SIZES: dict[str, dict[str, dict[str, Any]]] = {
    "xgboost": {"depth 6": {"max_depth": 6}},
    "lightgbm": {"31 leaves": {"num_leaves": 31}, "255 leaves": {"num_leaves": 255}},
}


def make_data(n: int, n_classes: int, features: int = FEATURES) -> tuple[Array, Array]:
    """Normal features and labels that depend on them: 3 % positives, or five classes of 47 % to 4 %."""
    rng = np.random.default_rng(n_classes)
    X = rng.standard_normal((n, features), np.float32)
    score = X[:, 0] + X[:, 1] * X[:, 2] + np.sin(2 * X[:, 3]) + rng.logistic(0, 0.5, n).astype(np.float32)
    shares = (0.97,) if n_classes == 2 else (0.47, 0.75, 0.88, 0.96)
    return X, np.digitize(score, np.quantile(score, shares)).astype(np.float32)


def losses(y: Array, n_classes: int, n_jobs: int) -> dict[str, Any]:
    """The built-in objective, which is None, and those that stand beside it."""
    ours, textbook = (
        (BinaryFocalLoss, binary_focal) if n_classes == 2 else (MulticlassFocalLoss, softmax_focal)
    )
    zero, two = (ours(gamma, n_jobs=n_jobs).for_labels(y) for gamma in (0.0, 2.0))
    return {
        "built-in": None,
        "gamma 0": zero,
        FLOOR: zero,
        "gamma 2": two,
        FLOORS["gamma 2"]: two,
        "textbook NumPy, gamma 2": booster_objective(textbook, 2.0),
    }


def round_times(
    adapter: Any, entries: dict[str, Any], size: dict[str, Any], rounds: int, sample: Array
) -> tuple[dict[str, list[float]], float]:
    """Seconds of each round by objective, and the share of margins in which the first two boosters differ."""
    boosters = {name: adapter.booster(loss, size) for name, loss in entries.items()}
    times: dict[str, list[float]] = {name: [] for name in entries}
    names = list(entries)
    for i in range(rounds + 1):
        for name in names[i % len(names) :] + names[: i % len(names)]:
            objective = entries[name]
            if name.endswith("precomputed"):
                ready = adapter.gradients(boosters[name], objective)

                def objective(*_: Any, ready: Any = ready) -> Any:
                    return ready

            start = time.perf_counter()
            adapter.update(boosters[name], i, objective)
            times[name].append(time.perf_counter() - start)
    first, second = (adapter.margins(boosters[name], entries[name], sample) for name in names[:2])
    return times, float(np.mean(np.abs(first - second) > 1e-4))


def show(title: str, times: dict[str, list[float]]) -> None:
    rows = []
    later = {name: values[1:] for name, values in times.items()}
    for name, values in later.items():
        floor = later[FLOORS.get(name, name if name.endswith("precomputed") else FLOOR)]
        of_builtin, of_floor = (
            [ours / theirs for ours, theirs in zip(values, other, strict=True)]
            for other in (later["built-in"], floor)
        )
        low, middle, high = quartiles(of_builtin)
        row = [name, f"{1e3 * median(values):.2f}", f"{middle:.3f}", f"{low:.2f} to {high:.2f}"]
        row += [f"{median(of_floor):.3f}", f"{min(values) / min(floor):.3f}", f"{1e3 * times[name][0]:.0f}"]
        rows.append(row)
    head = ("objective", "ms a round", "/ built-in", "quartiles", "/ floor", "least", "first round, ms")
    print_table(title, head, rows)


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--booster", choices=(*BOOSTERS, "both"), default="both")
    options.add_argument("--rows", type=int, nargs="+", default=[1_000_000])
    options.add_argument("--features", type=int, default=FEATURES)
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--jobs", type=int, help="as --threads by default")
    options.add_argument("--rounds", type=int, default=20, help="of the binary boosters at a million rows")
    options.add_argument("--class-rounds", type=int, default=8, help="of the five-class boosters; 0: none")
    arguments = options.parse_args()
    found = print_environment()
    threads, n_jobs = arguments.threads, arguments.jobs or arguments.threads
    results: dict[str, Any] = {}
    for n_classes, asked in ((2, arguments.rounds), (CLASSES, arguments.class_rounds)):
        for n in arguments.rows if asked else ():
            X, y = make_data(n, n_classes, arguments.features)
            rounds = max(asked, min(MOST_ROUNDS, asked * 1_000_000 // n))
            for booster in BOOSTERS if arguments.booster == "both" else (arguments.booster,):
                adapter: Any = BOOSTERS[booster](X, y, threads, n_classes)
                for size, params in SIZES[booster].items():
                    entries = losses(y, n_classes, n_jobs)
                    times, difference = round_times(adapter, entries, params, rounds, X[:SAMPLE])
                    name = f"{booster}, {'binary' if n_classes == 2 else f'K = {n_classes}'}, {size}"
                    what = f"{n} rows of {arguments.features}, {rounds} rounds"
                    show(f"{name}: {what}, {threads} threads, n_jobs {n_jobs}", times)
                    print(f"\ngamma 0 and built-in: {difference:.2%} of the margins differ by more than 1e-4")
                    results[f"{name}, {n} rows"] = {
                        "share_of_margins_that_differ": difference, "rounds": rounds, "seconds": times,
                    }  # fmt: skip
    save(
        arguments.json,
        found,
        {"features": arguments.features, "threads": threads, "n_jobs": n_jobs, **results},
    )


if __name__ == "__main__":
    main()
