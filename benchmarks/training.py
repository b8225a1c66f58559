"""Time of a boosting round: the built-in objective, ours and a textbook NumPy focal loss.

A million rows of 20 float32 features, depth 6, hist, QuantileDMatrix. One booster for each objective lives in
one process and they take turns, round by round, in an order that rotates. The table has the median of the
rounds after the first, and the median and quartiles of the ratio to the built-in's round in the same turn.

Other losses grow other trees, and trees are most of a round. gamma = 0 grows the built-in's own trees: that
row compares the objectives alone (below the table: the share of margins in which the two models differ, as
they do where two splits gain the same to the last bit).

Run with `python benchmarks/training.py` (less than a minute) on a quiet machine. `--threads` is XGBoost's
nthread; it should not exceed the idle cores, because XGBoost's OpenMP threads spin while they wait. They may
still spin when the objective is called, so `--jobs`, our n_jobs, is an option of its own.
"""

from __future__ import annotations

import time
from statistics import median
from typing import Any

import numpy as np
import xgboost as xgb
from harness import parser, print_environment, print_table, quartiles, save
from numpy.typing import NDArray
from textbook import binary_focal, softmax_focal, xgboost_objective

from focalboost import BinaryFocalLoss, MulticlassFocalLoss

Array = NDArray[Any]
FEATURES, CLASSES = 20, 5
Entry = tuple[dict[str, Any], Any]  # parameters besides the common ones, and the objective or None


def make_data(n: int, n_classes: int) -> tuple[Array, Array]:
    """Normal features and labels that depend on them: 3 % positives, or five classes of 47 % to 4 %."""
    rng = np.random.default_rng(n_classes)
    X = rng.standard_normal((n, FEATURES), np.float32)
    score = X[:, 0] + X[:, 1] * X[:, 2] + np.sin(2 * X[:, 3]) + rng.logistic(0, 0.5, n).astype(np.float32)
    shares = (0.97,) if n_classes == 2 else (0.47, 0.75, 0.88, 0.96)
    return X, np.digitize(score, np.quantile(score, shares)).astype(np.float32)


def binary_entries(y: Array, n_jobs: int) -> dict[str, Entry]:
    def ours(gamma: float) -> Entry:
        loss = BinaryFocalLoss(gamma, n_jobs=n_jobs).for_labels(y)
        return {"objective": loss.objective, "base_score": loss.base_score}, loss

    return {
        "built-in binary:logistic": ({"objective": "binary:logistic"}, None),
        "BinaryFocalLoss, gamma 0": ours(0.0),
        "BinaryFocalLoss, gamma 2": ours(2.0),
        "textbook NumPy, gamma 2": ({"base_score": 0.5}, xgboost_objective(binary_focal, 2.0)),
    }


def multiclass_entries(y: Array, n_jobs: int) -> dict[str, Entry]:
    def ours(gamma: float) -> Entry:
        loss = MulticlassFocalLoss(gamma, n_jobs=n_jobs).for_labels(y)
        return {"objective": loss.objective, "base_score": list(loss.base_score), "num_class": CLASSES}, loss

    builtin = {"objective": "multi:softprob", "num_class": CLASSES}
    return {
        "built-in multi:softprob": (builtin, None),
        "MulticlassFocalLoss, gamma 0": ours(0.0),
        "MulticlassFocalLoss, gamma 2": ours(2.0),
        "textbook NumPy, gamma 2": (builtin, xgboost_objective(softmax_focal, 2.0)),
    }


def round_times(
    data: xgb.QuantileDMatrix, entries: dict[str, Entry], rounds: int, threads: int
) -> tuple[dict[str, list[float]], float]:
    """Seconds of each round by objective, and the share of margins in which the first two boosters differ.

    The first round, which compiles and allocates, is left out.
    """
    common = {"tree_method": "hist", "max_depth": 6, "nthread": threads}
    boosters = {name: xgb.Booster({**common, **params}, [data]) for name, (params, _) in entries.items()}
    times: dict[str, list[float]] = {name: [] for name in entries}
    names = list(entries)
    for i in range(rounds + 1):
        for name in names[i % len(names) :] + names[: i % len(names)]:
            start = time.perf_counter()
            boosters[name].update(data, i, fobj=entries[name][1])
            times[name].append(time.perf_counter() - start)
    first, second = (boosters[name].predict(data, output_margin=True) for name in names[:2])
    return {name: values[1:] for name, values in times.items()}, float(np.mean(np.abs(first - second) > 1e-4))


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--jobs", type=int, help="as --threads by default")
    options.add_argument("--rounds", type=int, default=20, help="of the binary boosters")
    options.add_argument("--class-rounds", type=int, default=8, help="of the five-class boosters")
    arguments = options.parse_args()
    found = print_environment()
    n_jobs = arguments.jobs or arguments.threads
    results: dict[str, Any] = {}
    for title, n_classes, rounds in (
        ("binary", 2, arguments.rounds),
        (f"K = {CLASSES}", CLASSES, arguments.class_rounds),
    ):
        X, y = make_data(arguments.rows, n_classes)
        data = xgb.QuantileDMatrix(X, y, nthread=arguments.threads)
        del X
        entries = (binary_entries if n_classes == 2 else multiclass_entries)(y, n_jobs)
        times, difference = round_times(data, entries, rounds, arguments.threads)
        builtin = times[next(iter(times))]
        rows = []
        for name, values in times.items():
            ratios = [ours / theirs for ours, theirs in zip(values, builtin, strict=True)]
            low, middle, high = quartiles(ratios)
            rows.append((name, f"{1e3 * median(values):.1f}", f"{middle:.2f}", f"{low:.2f} to {high:.2f}"))
        print_table(
            f"{title}: {arguments.rows} rows, {rounds} rounds, nthread {arguments.threads}, n_jobs {n_jobs}",
            ("objective", "ms a round", "/ built-in", "quartiles"),
            rows,
        )
        print(f"\ngamma 0 and built-in: {difference:.2%} of the margins differ by more than 1e-4")
        results[title] = {"share_of_margins_that_differ": difference, "rounds": rounds, "seconds": times}
    save(
        arguments.json,
        found,
        {"rows": arguments.rows, "threads": arguments.threads, "n_jobs": n_jobs, **results},
    )


if __name__ == "__main__":
    main()
