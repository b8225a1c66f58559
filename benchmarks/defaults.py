"""Which defaults are free: gamma, the shift at fit, the start, the stopping rule, the softmax's Hessian.

    python benchmarks/defaults.py FOLDER             train what is missing, then print the tables
    python benchmarks/defaults.py --tables           the tables from the committed results

All sets of `study/sets.py` that FOLDER has, XGBoost and LightGBM (several labels: XGBoost, LightGBM has no
log loss for them), REPEATS splits each: 30 % for testing (sets in time: the 30 % that follow), a fifth of
the others to stop by. Depth 6 or 31 leaves, learning rate 0.1, at most 300 rounds, patience 30, one thread.
One training gives several rows: rounds chosen by the focal loss or by the posterior's log loss on the rows
to stop by, and the posterior as it is, shifted so that the training rows' mean is their rate, or shifted on
the rows to stop by. Every row is in results/defaults.parquet.

Rules, written before the run. A set is the unit: the mean over its splits of log(log loss / log loss of the
booster's own objective, stopped by log loss) and of the difference in average precision (several classes or
labels: the mean of theirs). Intervals are 95 %, from 5,000 bootstrap samples of the sets; sets that share
their rows count as one.

gamma     The default is the largest of 0.5, 1 and 2 whose shifted posterior has a median log loss within 1 %
          of log loss's, with an interval that holds 0 or ends below 1 %, and whose average precision does
          not differ (the interval of the mean holds 0), for both boosters, rounds chosen by the focal loss.
shift     On, if it lowers the log loss of gamma 2 in the median with both boosters and the interval of
          neither lies above 0.
start     The best constant, unless margin 0 has a lower median log loss and a higher mean average precision
          at gamma 2, with intervals that leave out 0, with both boosters.
stop      The focal loss, unless the posterior's log loss gives a lower median log loss at gamma 2 whose
          interval leaves out 0, with both boosters.
Hessian   Of the softmax guarded, unless abs(gradient) has a lower median log loss at gamma 2 whose interval
          leaves out 0, with both boosters.
lambda    reg_lambda of LightGBM with several classes stays LightGBM's 0, unless 1 has a lower median log
          loss at gamma 2 whose interval leaves out 0.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import over_sets
import pandas as pd
import sets
from harness import pack, print_table, read_rows, run_jobs
from rounds import (
    BOOSTERS,
    Parts,
    Variant,
    focal_rule,
    log_loss,
    probability,
    probability_rule,
    train,
)
from sklearn.metrics import average_precision_score
from sklearn.model_selection import train_test_split

from focalboost.losses._posterior import total_of

Array = Any
HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "defaults.parquet"
REPEATS, ROUNDS, VALIDATION = 3, 300, 0.2
PARAMS: dict[str, dict[str, float]] = {
    "xgboost": {"max_depth": 6, "learning_rate": 0.1},
    "lightgbm": {"num_leaves": 31, "learning_rate": 0.1},
}
RULES = {"focal loss": focal_rule, "log loss": probability_rule}
LOG_LOSS = "log loss"
_GAMMAS = {f"gamma {gamma:g}": Variant(gamma) for gamma in (0.5, 1.0, 2.0)}
_SEVERAL = {LOG_LOSS: Variant(), **_GAMMAS, "gamma 2, balanced": Variant(2.0, "balanced")}
_LAMBDA = (("reg_lambda", 1.0),)
VARIANTS: dict[str, dict[str, Variant]] = {
    "binary": {
        **_SEVERAL,
        "gamma 4": Variant(4.0),
        "gamma 0, balanced": Variant(0.0, "balanced"),
        "log loss from 0": Variant(start="zero"),
        "gamma 1 from 0": Variant(1.0, start="zero"),
        "gamma 2 from 0": Variant(2.0, start="zero"),
    },
    "multiclass": {
        **_SEVERAL,
        "gamma 2, abs": Variant(2.0, absolute=True),
        "gamma 0, abs": Variant(0.0, absolute=True),
        "log loss, lambda 1": Variant(params=_LAMBDA),
        "gamma 1, lambda 1": Variant(1.0, params=_LAMBDA),
        "gamma 2, lambda 1": Variant(2.0, params=_LAMBDA),
    },
    "multilabel": _SEVERAL,
}
FIELDS = (
    "set", "task", "booster", "repeat", "contender", "stop", "shift", "rounds", "log_loss", "brier",
    "average_precision", "mean_p_over_rate", "rarest_p_over_rate",
)  # fmt: skip


class Job(NamedTuple):
    """One set, booster and split."""

    folder: Path
    name: str
    booster: str
    repeat: int


# ---------------------------------------------------------------------- training
def split(table: sets.Table, repeat: int) -> Parts:
    rows, test = table.split(repeat)
    ordered = table.source.ordered
    inner, outer = train_test_split(
        rows, test_size=VALIDATION, shuffle=not ordered, stratify=None if ordered else table.strata[rows],
        random_state=None if ordered else repeat,
    )  # fmt: skip
    y = table.y.astype(np.float32)
    return Parts(*((table.X[part], y[part]) for part in (inner, outer, test)))


def shifted(loss: Any, y: Array, margin: Array) -> Any:
    """The loss with the shift of these rows, log loss too, which `calibrated` leaves as it is."""
    return loss.with_shift(loss.found_shift(total_of(*loss._scored(y, margin, None))))


def measured(task: str, y: Array, score: Array) -> dict[str, float]:
    p = probability(task, score)
    hot = y[:, None] == np.arange(p.shape[1]) if task == "multiclass" else np.asarray(y).reshape(len(y), -1)
    p_2d = p.reshape(hot.shape)
    judged = [k for k in range(hot.shape[1]) if 0 < hot[:, k].sum() < len(hot)]
    ratio = p_2d[:, judged].mean(axis=0) / hot[:, judged].mean(axis=0)
    squared = (p_2d - hot) ** 2
    return {
        "log_loss": log_loss(y, score),
        "brier": float(squared.sum(axis=1).mean() if task == "multiclass" else squared.mean()),
        "average_precision": float(np.mean([average_precision_score(hot[:, k], p_2d[:, k]) for k in judged])),
        "mean_p_over_rate": float(np.exp(np.log(ratio).mean())),
        "rarest_p_over_rate": float(ratio[hot[:, judged].mean(axis=0).argmin()]),
    }  # fmt: skip


def run(job: Job) -> list[dict[str, Any]]:
    table = sets.load(job.folder, job.name)
    task, parts = table.source.task, split(table, job.repeat)
    rows = []
    for name, variant in VARIANTS[task].items():
        if job.booster == "xgboost" and "lambda" in name:
            continue  # XGBoost's default is 1
        trained = train(
            job.booster, task, variant, parts, PARAMS[job.booster], ROUNDS, RULES, seed=job.repeat
        )
        for stop, chosen in trained.chosen.items():
            loss, y = trained.loss, parts.test[1]
            losses = {
                "none": loss,
                "training": shifted(loss, parts.train[1], chosen.train),
                "validation": shifted(loss, parts.valid[1], chosen.valid),
            }
            for shift, said in losses.items():
                scores = measured(task, y, said.posterior_logit(chosen.test))
                rows.append({
                    "set": job.name, "task": task, "booster": job.booster, "repeat": job.repeat,
                    "contender": name, "stop": stop, "shift": shift, "rounds": chosen.rounds,
                    **{key: f"{value:.6g}" for key, value in scores.items()},
                })  # fmt: skip
    return rows


def jobs(folder: Path, repeats: int, path: Path) -> Iterator[Job]:
    done = {(row["set"], row["booster"], int(row["repeat"])) for row in read_rows(path)}
    for repeat, (name, source), booster in product(range(repeats), sets.ALL.items(), BOOSTERS):
        if source.task == "multilabel" and booster == "lightgbm":
            continue
        if (name, booster, repeat) not in done and sets.available(folder, name):
            yield Job(folder, name, booster, repeat)


# ---------------------------------------------------------------------- statistics
class Found(NamedTuple):
    """One contender beside the booster's own objective, over sets."""

    n_sets: int
    log_loss: over_sets.Interval  # median of the logarithm of the ratio
    mean: float
    without: tuple[str, float]
    worst: float
    within: int  # sets within 1 %
    average_precision: over_sets.Interval  # mean difference
    ratio: float  # median of mean p / rate


class Results:
    """results/defaults.parquet, compared."""

    def __init__(self, path: Path) -> None:
        frame = pd.read_parquet(path)
        words = frame.select_dtypes("category").columns
        self.frame = frame.astype(dict.fromkeys(words, str)).astype({"log_loss": float})
        self.keys = ["task", "booster", "contender", "stop", "shift"]
        self.groups = {key: part.set_index(["set", "repeat"]) for key, part in self.frame.groupby(self.keys)}

    def rows(self, tasks: Sequence[str], booster: str, contender: str, stop: str, shift: str) -> Any:
        parts = [self.groups.get((task, booster, contender, stop, shift)) for task in tasks]
        return pd.concat([part for part in parts if part is not None])

    def against(
        self, tasks: Sequence[str], booster: str, one: tuple[str, str, str],
        other: tuple[str, str, str] = (LOG_LOSS, "log loss", "none"),
    ) -> Found:  # fmt: skip
        """Contender, stop and shift against others, by default the booster's own objective."""
        a, b = (self.rows(tasks, booster, *which) for which in (one, other))
        apart = over_sets.by_set(np.log(a["log_loss"] / b["log_loss"]))
        precision = over_sets.by_set(a["average_precision"] - b["average_precision"])
        outlier, mean = over_sets.without_outlier(apart)
        return Found(
            len(apart), over_sets.statistic(apart), float(apart.mean()), (outlier, mean), float(apart.max()),
            int((apart < np.log(1.01)).sum()), over_sets.statistic(precision, "mean"),
            float(over_sets.by_set(a["mean_p_over_rate"]).median()),
        )  # fmt: skip


TASKS = ("binary", "multiclass", "multilabel")
GAMMAS = ("gamma 0.5", "gamma 1", "gamma 2")


def percent(interval: over_sets.Interval) -> str:
    return over_sets.Interval(*(100 * np.expm1(value) for value in interval)).text(1)


def cells(found: Found) -> list[str]:
    return [
        percent(found.log_loss), f"{100 * np.expm1(found.mean):+.1f}",
        f"{100 * np.expm1(found.without[1]):+.1f}", f"{100 * np.expm1(found.worst):+.1f}",
        f"{found.within} of {found.n_sets}", found.average_precision.text(4), f"{found.ratio:.3f}",
    ]  # fmt: skip


HEAD = (
    "log loss, %: median [95 %]", "mean", "mean without the outlier", "worst", "within 1 %",
    "average precision: mean [95 %]", "mean p / rate",
)  # fmt: skip


def print_tables(results: Results) -> None:
    for task in TASKS:
        for booster in BOOSTERS:
            if (task, booster, LOG_LOSS, "log loss", "none") not in results.groups:
                continue
            rows = []
            for name, stop, shift in product(VARIANTS[task], RULES, ("none", "training", "validation")):
                if (task, booster, name, stop, shift) in results.groups:
                    found = results.against((task,), booster, (name, stop, shift))
                    rows.append([name, stop, shift, *cells(found)])
            print_table(
                f"{task}, {booster}: less the booster's own objective, rounds by log loss",
                ("contender", "rounds by", "shift by", *HEAD), rows,
            )  # fmt: skip


SUMMARY = ("gamma 0.5", "gamma 1", "gamma 2", "gamma 2, balanced")
SUMMARY_HEAD = (
    "rounds by the focal loss, all sets", "log loss, %: as it is", "shifted", "within 1 %: as it is",
    "shifted", "mean p / rate: as it is", "shifted", "average precision",
)  # fmt: skip


def summary(results: Results) -> list[list[str]]:
    """What stands in benchmarks/README.md, over the sets of all tasks."""
    rows = []
    for booster, name in product(BOOSTERS, SUMMARY):
        plain, shifted_ = (
            results.against(TASKS, booster, (name, "focal loss", shift)) for shift in ("none", "training")
        )
        rows.append([
            f"{booster}, {name}", percent(plain.log_loss), percent(shifted_.log_loss),
            f"{plain.within} of {plain.n_sets}", f"{shifted_.within} of {shifted_.n_sets}",
            f"{plain.ratio:.3f}", f"{shifted_.ratio:.3f}", shifted_.average_precision.text(3),
        ])  # fmt: skip
    return rows


# ---------------------------------------------------------------------- the rules
def free(results: Results, gamma: str) -> bool:
    """Whether a gamma meets the rule for the default."""
    for booster in BOOSTERS:
        found = results.against(TASKS, booster, (gamma, "focal loss", "training"))
        middle, _, high = found.log_loss
        holds = found.log_loss.holds_0 or high < np.log(1.01)
        if middle > np.log(1.01) or not holds or not found.average_precision.holds_0:
            return False
    return True


def _better(
    results: Results, tasks: Sequence[str], one: Any, other: Any, boosters: Sequence[str] = BOOSTERS
) -> bool:
    """Whether the log loss of one is lower, with intervals that leave out 0, with all boosters."""
    return all(results.against(tasks, booster, one, other).log_loss.high < 0.0 for booster in boosters)


def verdicts(results: Results) -> dict[str, Any]:
    """What each rule says."""
    base = ("gamma 2", "focal loss", "training")
    zero = ("gamma 2 from 0", "focal loss", "training")
    shifted = [
        results.against(TASKS, booster, base, ("gamma 2", "focal loss", "none")).log_loss
        for booster in BOOSTERS
    ]
    ranks_better = all(
        results.against(("binary",), booster, zero, base).average_precision.low > 0.0 for booster in BOOSTERS
    )
    posterior = ("gamma 2", "log loss", "training")
    absolute, ridge = ((f"gamma 2, {name}", "focal loss", "training") for name in ("abs", "lambda 1"))
    several = ("multiclass",)
    return {
        "gamma": max((gamma for gamma in GAMMAS if free(results, gamma)), default="none"),
        "shift": all(found.value < 0.0 and found.low <= 0.0 for found in shifted),
        "start": "0" if ranks_better and _better(results, ("binary",), zero, base) else "best constant",
        "stop": "log loss" if _better(results, TASKS, posterior, base) else "focal loss",
        "Hessian": "abs" if _better(results, several, absolute, base) else "guarded",
        "lambda": "1" if _better(results, several, ridge, base, ("lightgbm",)) else "0",
    }


# ---------------------------------------------------------------------- main
def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--tables", action="store_true", help="without training")
    arguments = parser.parse_args()
    if not arguments.tables:
        if arguments.folder is None:
            parser.error("FOLDER is missing: where the sets lie, or --tables")
        todo = list(jobs(arguments.folder, arguments.repeats, arguments.results))
        run_jobs(run, todo, arguments.jobs, arguments.results, FIELDS)
        pack(arguments.results)
    results = Results(arguments.results)
    print_table("In short: less the booster's own objective", SUMMARY_HEAD, summary(results))
    print_tables(results)
    print(
        "\nWhat the rules say:",
        *(f"{name}: {value}" for name, value in verdicts(results).items()),
        sep="\n- ",
    )


if __name__ == "__main__":
    main()
