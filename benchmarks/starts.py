"""Log loss with its start and its step tuned beside focal loss: what is left of a gain.

    python benchmarks/starts.py FOLDER             train what is missing, then print the tables
    python benchmarks/starts.py --tables           the tables from the committed results

The binary sets of `study/sets.py` that FOLDER has, XGBoost and LightGBM, REPEATS splits as in `defaults.py`.
At each of POINTS + 1 points (the booster's defaults, then random ones, the same for all) every arm trains at
most 150 rounds, patience 30; rounds are chosen by the log loss of the posterior on the rows to stop by. What
is tuned is chosen from the same number of trials of each contender, by average precision on these rows.

arms         log loss from the log-odds (what both boosters do), from 0, with max_delta_step 1 and 3, with
             rows capped at a step of 3 and of 10 (`hessian = max(guarded, |gradient| / s)`); focal loss,
             gamma 0.5, 1 and 2 from its best constant, gamma 2 from 0, gamma 2 with rows capped at 3
untuned      the booster's defaults
random       the mean over the random points: people who take parameters from elsewhere
tuned        contenders, all with POINTS + 1 trials, of which the first is log loss at the defaults:
             "log loss" (the random points), "log loss, start and step" (at each random point one of the first
             four arms, drawn), "focal loss" (likewise one of gamma 0.5, 1, 2)

Rule, written before the run: rows capped become a parameter of the losses only if they beat max_delta_step
of the same size in average precision, untuned, with an interval that leaves out 0, with both boosters.
A set is the unit; intervals as in `defaults.py`.
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
from defaults import percent, split
from harness import pack, print_table, read_rows, run_jobs
from rounds import BOOSTERS, Variant, log_loss, probability_rule, train
from scipy.special import expit
from sklearn.metrics import average_precision_score

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "starts.parquet"
REPEATS, ROUNDS, POINTS = 2, 150, 4
UNTUNED: dict[str, dict[str, float]] = {
    "xgboost": {"max_depth": 6, "learning_rate": 0.3},
    "lightgbm": {"num_leaves": 31, "learning_rate": 0.1},
}


def _step(size: float) -> tuple[tuple[str, float], ...]:
    return (("max_delta_step", size),)


ARMS = {
    "log loss": Variant(),
    "from 0": Variant(start="zero"),
    "max_delta_step 1": Variant(params=_step(1.0)),
    "max_delta_step 3": Variant(params=_step(3.0)),
    "rows capped at 3": Variant(0.0, cap=3.0),
    "rows capped at 10": Variant(0.0, cap=10.0),
    "gamma 0.5": Variant(0.5),
    "gamma 1": Variant(1.0),
    "gamma 2": Variant(2.0),
    "gamma 2 from 0": Variant(2.0, start="zero"),
    "gamma 2, rows capped at 3": Variant(2.0, cap=3.0),
}
STARTS = ("log loss", "from 0", "max_delta_step 1", "max_delta_step 3")
GAMMAS = ("gamma 0.5", "gamma 1", "gamma 2")
FIELDS = (
    "set", "booster", "repeat", "point", "arm", "rounds", "valid_average_precision", "valid_log_loss",
    "average_precision", "log_loss", "mean_p_over_rate",
)  # fmt: skip


class Job(NamedTuple):
    """One set, booster and split."""

    folder: Path
    name: str
    booster: str
    repeat: int


def points(booster: str, repeat: int) -> list[dict[str, float]]:
    """The booster's defaults, then random parameters, the same for all sets and arms."""
    rng = np.random.default_rng(repeat)
    found = [UNTUNED[booster]]
    for _ in range(POINTS):
        rate, columns, rows = (
            float(10 ** rng.uniform(-1.5, -0.5)),
            rng.uniform(0.4, 1.0),
            rng.uniform(0.5, 1.0),
        )
        size, child, reg = (
            rng.uniform(0.0, 1.0),
            float(10 ** rng.uniform(-1.0, 1.0)),
            float(10 ** rng.uniform(-1.0, 1.3)),
        )
        params = {
            "learning_rate": rate, "colsample_bytree": columns, "subsample": rows, "min_child_weight": child,
            "reg_lambda": reg,
        }  # fmt: skip
        if booster == "xgboost":
            params["max_depth"] = int(3 + round(5 * size))
        else:
            params["num_leaves"] = int(2 ** (3 + 3 * size))
        found.append(params)
    return found


def run(job: Job) -> list[dict[str, Any]]:
    table = sets.load(job.folder, job.name)
    parts = split(table, job.repeat)
    rows = []
    for point, params in enumerate(points(job.booster, job.repeat)):
        for arm, variant in ARMS.items():
            trained = train(
                job.booster,
                "binary",
                variant,
                parts,
                params,
                ROUNDS,
                {"log loss": probability_rule},
                seed=job.repeat,
            )
            chosen = trained.chosen["log loss"]
            valid, test = (trained.loss.posterior_logit(margin) for margin in (chosen.valid, chosen.test))
            found = {
                "valid_average_precision": average_precision_score(parts.valid[1], valid),
                "valid_log_loss": log_loss(parts.valid[1], valid),
                "average_precision": average_precision_score(parts.test[1], test),
                "log_loss": log_loss(parts.test[1], test),
                "mean_p_over_rate": expit(test).mean() / parts.test[1].mean(),
            }
            rows.append({
                "set": job.name, "booster": job.booster, "repeat": job.repeat, "point": point, "arm": arm,
                "rounds": chosen.rounds, **{name: f"{value:.6g}" for name, value in found.items()},
            })  # fmt: skip
    return rows


def jobs(folder: Path, repeats: int, path: Path) -> Iterator[Job]:
    done = {(row["set"], row["booster"], int(row["repeat"])) for row in read_rows(path)}
    for repeat, (name, source), booster in product(range(repeats), sets.ALL.items(), BOOSTERS):
        if source.task == "binary" and (name, booster, repeat) not in done and sets.available(folder, name):
            yield Job(folder, name, booster, repeat)


# ---------------------------------------------------------------------- statistics
class Found(NamedTuple):
    """A contender beside log loss from the log-odds, over sets."""

    average_precision: over_sets.Interval  # mean difference
    without: tuple[str, float]  # the outlier, and the mean without it
    better: int  # sets, by more than 0.002
    worse: int
    log_loss: over_sets.Interval  # median of the logarithm of the ratio


def load(path: Path) -> Any:
    frame = pd.read_parquet(path)
    frame = frame.astype(dict.fromkeys(frame.select_dtypes("category").columns, str))
    return frame.assign(log_loss=np.log(frame["log_loss"].astype(float)))


def _options(frame: Any, options: Sequence[str]) -> Any:
    """At each point but the first, which is log loss at the defaults, one arm, drawn."""
    rng = np.random.default_rng(0)
    keys = (
        frame[["set", "booster", "repeat", "point"]]
        .drop_duplicates()
        .sort_values(["set", "booster", "repeat", "point"])
    )
    drawn = keys.assign(arm=np.array(options)[rng.integers(len(options), size=len(keys))])
    drawn.loc[drawn["point"] == 0, "arm"] = "log loss"
    return frame.merge(drawn, on=[*keys.columns, "arm"])


def _best(frame: Any) -> Any:
    """The trial with the best average precision on the rows to stop by."""
    return frame.loc[frame.groupby(["set", "booster", "repeat"])["valid_average_precision"].idxmax()]


def settings(frame: Any) -> dict[str, dict[str, Any]]:
    """For each setting its contenders: a row a set, booster and split."""
    values = ["average_precision", "log_loss", "mean_p_over_rate"]
    keys = ["set", "booster", "repeat"]

    def of(part: Any) -> dict[str, Any]:
        return {arm: rows.groupby(keys)[values].mean() for arm, rows in part.groupby("arm")}

    tuned = {
        "log loss": _options(frame, ("log loss",)),
        "log loss, start and step": _options(frame, STARTS),
        "focal loss": _options(frame, GAMMAS),
    }
    return {
        "untuned": of(frame[frame["point"] == 0]),
        "random": of(frame[frame["point"] > 0]),
        "tuned": {name: _best(part).set_index(keys)[values] for name, part in tuned.items()},
    }


def against(one: Any, other: Any, booster: str) -> Found:
    apart = (one - other).xs(booster, level="booster")
    precision = over_sets.by_set(apart["average_precision"])
    return Found(
        over_sets.statistic(precision, "mean"), over_sets.without_outlier(precision),
        int((precision > 0.002).sum()), int((precision < -0.002).sum()),
        over_sets.statistic(over_sets.by_set(apart["log_loss"])),
    )  # fmt: skip


HEAD = (
    "average precision: mean [95 %]", "without the outlier", "better / worse", "log loss, %: median [95 %]",
    "mean p / rate",
)  # fmt: skip


def print_tables(frame: Any) -> None:
    for (setting, contenders), booster in product(settings(frame).items(), BOOSTERS):
        rows = []
        for name in (*ARMS, "log loss, start and step", "focal loss"):
            if name not in contenders or name == "log loss":
                continue
            found = against(contenders[name], contenders["log loss"], booster)
            ratio = over_sets.by_set(
                contenders[name]["mean_p_over_rate"].xs(booster, level="booster")
            ).median()
            rows.append([
                name, found.average_precision.text(4), f"{found.without[1]:+.4f} ({found.without[0]})",
                f"{found.better} / {found.worse}",
                percent(found.log_loss), f"{ratio:.2f}",
            ])  # fmt: skip
        n_sets = len(over_sets.by_set(contenders["log loss"]["log_loss"].xs(booster, level="booster")))
        print_table(
            f"{setting}, {booster}, {n_sets} sets: less log loss from the log-odds; rounds by log loss",
            ("contender", *HEAD), rows,
        )  # fmt: skip
    both = settings(frame)["tuned"]
    for booster in BOOSTERS:
        found = against(both["focal loss"], both["log loss, start and step"], booster)
        print(
            f"\n{booster}, tuned: focal loss less log loss with start and step: "
            f"{found.average_precision.text(4)}"
        )


SUMMARY = (
    ("untuned", "from 0"), ("untuned", "max_delta_step 3"), ("untuned", "rows capped at 10"),
    ("untuned", "gamma 1"), ("untuned", "gamma 2"), ("random", "from 0"), ("random", "max_delta_step 3"),
    ("random", "gamma 1"), ("random", "gamma 2"), ("tuned", "log loss, start and step"),
    ("tuned", "focal loss"),
)  # fmt: skip
SUMMARY_HEAD = (
    "less log loss from the log-odds", "XGBoost: average precision", "without the outlier", "log loss, %",
    "LightGBM: average precision", "without the outlier", "log loss, %",
)  # fmt: skip


def summary(frame: Any) -> list[list[str]]:
    """What stands in benchmarks/README.md."""
    found, rows = settings(frame), []
    for setting, name in SUMMARY:
        row = [f"{setting}: {name}"]
        for booster in BOOSTERS:
            one = against(found[setting][name], found[setting]["log loss"], booster)
            row += [one.average_precision.text(3), f"{one.without[1]:+.3f}", percent(one.log_loss)]
        rows.append(row)
    return rows


def capping_wins(frame: Any) -> bool:
    """What the rule says of rows capped."""
    untuned = settings(frame)["untuned"]
    return all(
        against(untuned["rows capped at 3"], untuned["max_delta_step 3"], booster).average_precision.low > 0.0
        for booster in BOOSTERS
    )


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
    frame = load(arguments.results)
    print_table("In short", SUMMARY_HEAD, summary(frame))
    print_tables(frame)
    print(f"\nRows capped become a parameter: {capping_wins(frame)}")


if __name__ == "__main__":
    main()
