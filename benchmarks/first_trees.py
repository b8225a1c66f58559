"""Why focal loss seems to help: the first trees of log loss and of focal loss, looked at one by one.

    python benchmarks/first_trees.py FOLDER [--figure FILE]    train what is missing, print tables, draw
    python benchmarks/first_trees.py --tables [--figure FILE]  from the committed results

Sets: every binary set of `study/sets.py`, thinned out and split as there, with at most 5 % of positive rows
and at least 40 of them (two splits each), and the Fraud Detection Handbook (`handbook.py`, four starts; its
file is fraud_handbook_6w.parquet). XGBoost at depth 6, LightGBM with 31 leaves, learning rate 0.3 and 0.1,
100 trees, all else untuned: what most people run. Nothing is chosen, so nothing needs validation rows.

After each tree of TREES:

AP, log loss   of the test rows; focal loss's probability is the closed-form posterior
step           how far a tree moves the log-odds of a leaf's probability, as applied, learning rate in it:
               mean over the leaf's training rows, of the absolute value; of log loss this is the leaf's
               value. Median over the leaves and largest
overshoot      a leaf overshoots if its own training loss (the loss that is trained, without penalty) is
               already rising again where the step ends: the derivative of its sum over the leaf's training
               rows at the new margins, times the sign of the step, is above 0. The step lies beyond the value
               that minimises the leaf's loss in the direction of its Newton step. A leaf of positive rows
               only has no finite minimum and never overshoots. Given are the shares of training rows, and
               of the positive ones, in such leaves
worse          the same shares of leaves whose training loss is larger after the step than before
worse on test  the shares of test rows, and of the positive ones, in leaves whose loss on their test rows is
               larger after the step: it sees the leaves of positive rows only, too

Rules, written before the run. A set is the unit: the mean over its splits; sets that share their rows count
as one (`study/ranks.py`). Intervals are 95 %, bootstrap over sets, the Handbook one of them.
1. Log loss from the log-odds overshoots if, in the first five trees, its share of positive training rows in
   leaves that overshoot is larger than that of focal loss with gamma 2: interval of the median above 0.
2. The start and the step explain focal loss's gain, if there is one: gamma 2 is better in AP than log loss
   from the log-odds after 100 trees (interval of the mean above 0), and not better than log loss from 0.5 or
   with max_delta_step 3 (intervals hold 0 or lie below it).

Added after the run: the rank correlation, over the sets, of the share of positive rows in leaves of log loss
from the log-odds that overshoot in the first five trees, and of gamma 2's gain in AP over it after 100 trees.
"""

from __future__ import annotations

import sys
from itertools import product
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent / "study"))

import arms
import handbook
import numpy as np
import pandas as pd
from arms import BOOSTERS, HALF, LOG_ODDS, STEP_3, Array, Row, focal
from harness import print_table
from matplotlib.figure import Figure
from overshoot import look
from ranks import FAMILIES
from sets import SETS, available, load

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "first_trees.parquet"
IMAGE = HERE.parent / "docs" / "images" / "first_trees.png"
HANDBOOK = "handbook"
MOST_POSITIVE, FEWEST_POSITIVE = 0.05, 40
REPEATS = 2
TREES = (1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 50, 70, 100)
FIRST = (1, 2, 3, 4, 5)
ETAS = (0.3, 0.1)
PARAMS = {"XGBoost": {"max_depth": 6}, "LightGBM": {"num_leaves": 31}}
ARMS = (LOG_ODDS, HALF, STEP_3, focal(1), focal(2))
Interval = tuple[float, float, float]  # a statistic and the ends of its interval
JOB = ["set", "split", "booster", "eta"]
ROWS_OF_JOB = len(ARMS) * len(TREES)
GAMMA_2 = focal(2).name
TITLE = (
    "Untuned, learning rate 0.3: from the log-odds of a rare class log loss's first trees step too far;\n"
    "with a largest step it ends where focal loss with gamma 2 does"
)
# Okabe and Ito's colours, which the colour-blind can tell apart.
COLORS = dict(
    zip((arm.name for arm in ARMS), ("#D55E00", "#E69F00", "#009E73", "#56B4E9", "#0072B2"), strict=True)
)
STYLES = dict(zip(COLORS, ("-", "--", "-.", ":", "-"), strict=True))


# ---------------------------------------------------------------------- sets
def chosen(folder: Path) -> list[str]:
    """The sets by the rule of the docstring, the rarest first, and the Handbook."""
    rates = {}
    for name, source in SETS.items():
        if source.task == "binary" and available(folder, name):
            y = load(folder, name).y
            if y.mean() <= MOST_POSITIVE and y.sum() >= FEWEST_POSITIVE:
                rates[name] = float(y.mean())
    names = sorted(rates, key=lambda name: rates[name])
    return names + ([HANDBOOK] if (folder / f"{handbook.NAME}.parquet").is_file() else [])


def parts(folder: Path, name: str, split: int) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Training and test rows."""
    if name == HANDBOOK:
        payments = handbook.split(handbook.load(folder), handbook.STARTS[split])
        train, test = (handbook.arrays(part) for part in payments)
        return train, test
    table = load(folder, name)
    rows, test_rows = table.split(split)
    return (table.X[rows], table.y[rows]), (table.X[test_rows], table.y[test_rows])


def score(folder: Path, name: str, split: int, booster: str, eta: float) -> list[Row]:
    """All arms on one split."""
    train, test = parts(folder, name, split)
    found: list[Row] = []
    job = dict(zip(JOB, (name, split, booster, eta), strict=True)) | {"rate": float(train[1].mean())}
    for arm in ARMS:
        params = {**PARAMS[booster], "learning_rate": eta}
        model = arms.train(booster, arm, *train, params, TREES[-1])
        found += [job | {"arm": arm.name} | row for row in look(model, train, test, TREES)]
    return found


# ---------------------------------------------------------------------- tables
def means(frame: pd.DataFrame) -> pd.DataFrame:
    """A row a set, booster, learning rate, arm and tree: the mean over splits and sets of the same rows."""
    keys = ["set", "booster", "eta", "arm", "tree"]
    families = frame.assign(set=[FAMILIES.get(name, name) for name in frame["set"]])
    found = families.astype({"booster": str, "arm": str}).groupby(keys, sort=False).mean(numeric_only=True)
    return found.drop(columns="split").reset_index()


def by_set(
    frame: pd.DataFrame, booster: str, eta: float, trees: tuple[int, ...], measure: str
) -> pd.DataFrame:
    """Sets by arms, the mean over some trees."""
    part = frame[(frame["booster"] == booster) & (frame["eta"] == eta) & frame["tree"].isin(trees)]
    table = part.pivot_table(index="set", columns="arm", values=measure, aggfunc="mean")
    return table[[arm.name for arm in ARMS]]


def gain(frame: pd.DataFrame, booster: str, eta: float, tree: int, arm: str, other: str) -> pd.Series[float]:
    """AP of an arm less that of another, by set."""
    table = by_set(frame, booster, eta, (tree,), "AP")
    return table[arm] - table[other]


def overshoot_gap(frame: pd.DataFrame, booster: str, eta: float) -> pd.Series[float]:
    """Rule 1, by set."""
    table = by_set(frame, booster, eta, FIRST, "overshoot, positive")
    return table[LOG_ODDS.name] - table[GAMMA_2]


PAIRS = (
    (HALF.name, LOG_ODDS.name), (STEP_3.name, LOG_ODDS.name), (focal(1).name, LOG_ODDS.name),
    (GAMMA_2, LOG_ODDS.name), (GAMMA_2, HALF.name), (GAMMA_2, STEP_3.name),
)  # fmt: skip
SHOWN = (1, 2, 3, 5, 10, 30, 100)
MANY = 0.1  # of the positive rows
TIE = 0.002  # a difference in AP of this size or less is none


def cell(found: Interval, digits: int, factor: float = 1.0) -> str:
    middle, low, high = (f"{factor * value:+.{digits}f}" for value in found)
    return f"{middle} [{low}, {high}]"


def print_sets(frame: pd.DataFrame) -> None:
    table = frame.groupby(frame["set"].astype(str)).agg({"rate": "mean", "split": "nunique"})
    table = table.sort_values("rate")
    rows = [(str(name), f"{100 * row['rate']:.2f}", f"{row['split']:.0f}") for name, row in table.iterrows()]
    print_table("Sets, the rarest first", ("", "positive training rows, %", "splits"), rows)


def print_steps(frame: pd.DataFrame, booster: str, eta: float) -> None:
    rows = []
    for arm in (arm.name for arm in ARMS):
        cells = []
        for tree in (1, 2, 3, 10):
            largest = by_set(frame, booster, eta, (tree,), "largest step")[arm]
            cells.append(f"{largest.median():.1f} ({largest.max():.1f})")
        cells.append(f"{by_set(frame, booster, eta, (1,), 'median step')[arm].median():.2f}")
        first = by_set(frame, booster, eta, (1,), "overshoot, positive")[arm]
        cells += [f"{100 * first.median():.1f}", f"{(first > MANY).sum()} of {len(first)}"]
        for measure in ("overshoot, positive", "overshoot", "worse on test, positive"):
            cells.append(f"{100 * by_set(frame, booster, eta, FIRST, measure)[arm].median():.1f}")
        rows.append((arm, *cells))
    head = (
        "", *(f"largest step, tree {tree}" for tree in (1, 2, 3, 10)), "median step, tree 1",
        "positive rows that overshoot, tree 1, %", f"sets with more than {100 * MANY:.0f} %",
        "trees 1 to 5, %", "all rows, trees 1 to 5, %", "positive test rows that get worse, trees 1 to 5, %",
    )  # fmt: skip
    title = (
        f"{booster}, eta {eta:g}: steps in log-odds, median over sets (and the largest of all), and shares "
    )
    print_table(title + "of rows in leaves that overshoot or get worse, median over sets", head, rows)


def print_gains(frame: pd.DataFrame, booster: str, eta: float) -> None:
    rows = []
    for arm, other in PAIRS:
        cells = []
        for tree in (5, 10, 30, 100):
            values = gain(frame, booster, eta, tree, arm, other)
            cells.append(cell(arms.over_sets(values, np.mean), 3))
        outlier = values.abs().idxmax()
        cells += [f"{values.drop(outlier).mean():+.3f} ({outlier})", f"{values.median():+.3f}"]
        cells += [f"{(values > TIE).sum()}, {(values < -TIE).sum()}"]
        cells.append(f"{values[HANDBOOK]:+.3f}" if HANDBOOK in values else "")
        rows.append((f"{arm} - {other}", *cells))
    head = (
        "", *(f"tree {tree}" for tree in (5, 10, 30, 100)), "tree 100 without the set that differs most",
        "its median over all", f"sets better, worse by {TIE:g}", HANDBOOK,
    )  # fmt: skip
    print_table(f"{booster}, eta {eta:g}: difference in test AP, mean over sets [95 %]", head, rows)


def log_loss_ratio(frame: pd.DataFrame, booster: str, eta: float, tree: int, arm: str) -> pd.Series[float]:
    """Log loss in % of that of log loss from the log-odds, above it, by set."""
    table = by_set(frame, booster, eta, (tree,), "log loss")
    return 100 * (table[arm] / table[LOG_ODDS.name] - 1)


def print_log_losses(frame: pd.DataFrame, booster: str, eta: float) -> None:
    rows = []
    for arm in ARMS[1:]:
        ratios = (log_loss_ratio(frame, booster, eta, tree, arm.name) for tree in SHOWN)
        rows.append((arm.name, *(cell(arms.over_sets(ratio), 1) for ratio in ratios)))
    title = (
        f"{booster}, eta {eta:g}: test log loss less that of log loss from the log-odds, %, median over sets"
    )
    print_table(title, ("", *(f"tree {tree}" for tree in SHOWN)), rows)


def agreement(frame: pd.DataFrame, booster: str, eta: float) -> float:
    """Whether focal loss gains where log loss overshoots: Spearman's correlation over sets, or NaN."""
    share = by_set(frame, booster, eta, FIRST, "overshoot, positive")[LOG_ODDS.name]
    if share.nunique() < 2:
        return float("nan")
    return float(share.corr(gain(frame, booster, eta, TREES[-1], GAMMA_2, LOG_ODDS.name), "spearman"))


class Verdict(NamedTuple):
    """The two rules for one booster and learning rate; statistics with their intervals."""

    gap: Interval  # of the shares of positive rows that overshoot, log-odds less gamma 2
    gains: tuple[Interval, ...]  # of gamma 2 in AP over log loss: from the log-odds, from 0.5, step 3

    @property
    def overshoots(self) -> bool:
        return self.gap[1] > 0

    @property
    def focal_gains(self) -> bool:
        return self.gains[0][1] > 0

    @property
    def explained(self) -> bool:
        """Asked only where there is a gain."""
        return all(low <= 0 for _, low, _ in self.gains[1:])


def verdict(frame: pd.DataFrame, booster: str, eta: float) -> Verdict:
    others = (LOG_ODDS.name, HALF.name, STEP_3.name)
    gains = (gain(frame, booster, eta, TREES[-1], GAMMA_2, other) for other in others)
    gap = arms.over_sets(overshoot_gap(frame, booster, eta))
    return Verdict(gap, tuple(arms.over_sets(of_gain, np.mean) for of_gain in gains))


def print_verdicts(frame: pd.DataFrame) -> None:
    rows = []
    for booster, eta in product(BOOSTERS, ETAS):
        found = verdict(frame, booster, eta)
        explained = ("yes" if found.explained else "no") if found.focal_gains else "no gain to explain"
        rows.append((
            f"{booster}, eta {eta:g}", cell(found.gap, 1, factor=100), "yes" if found.overshoots else "no",
            *(cell(of_gain, 3) for of_gain in found.gains), "yes" if found.focal_gains else "no", explained,
            f"{agreement(frame, booster, eta):+.2f}",
        ))  # fmt: skip
    head = (
        "", "points of overshoot, log-odds - gamma 2", "1: overshoots", "AP, gamma 2 - log-odds",
        "- from 0.5", "- max_delta_step 3", "2: focal loss gains", "by start or step",
        "rank correlation of overshoot and gain",
    )  # fmt: skip
    print_table(
        "The rules: trees 1 to 5, median over sets [95 %]; AP after 100 trees, mean over sets", head, rows
    )


def print_tables(frame: pd.DataFrame) -> None:
    """All tables, from the results alone."""
    print_sets(frame)
    frame = means(frame)
    print_verdicts(frame)
    for booster, eta in product(BOOSTERS, ETAS):
        print_steps(frame, booster, eta)
        print_gains(frame, booster, eta)
        print_log_losses(frame, booster, eta)


# ---------------------------------------------------------------------- figure
PANELS = (
    ("largest step", "largest step of the tree\n(log-odds)"),
    ("overshoot, positive", "positive training rows in\nleaves that overshoot (%)"),
    ("AP", "test AP less that of\nlog loss from the log-odds"),
)
AP_TICKS = (-0.3, -0.1, -0.05, 0, 0.05, 0.1, 0.3)


def curve(frame: pd.DataFrame, booster: str, arm: str, measure: str, *, handbook_only: bool) -> Array:
    """Of each tree the median over the open sets, or the Handbook's value."""
    part = frame[(frame["set"] == HANDBOOK) == handbook_only]
    values = []
    for tree in TREES:
        table = by_set(part, booster, ETAS[0], (tree,), measure)
        of_arm = table[arm] - table[LOG_ODDS.name] if measure == "AP" else table[arm]
        values.append(of_arm.median() * (100 if "overshoot" in measure else 1))
    return np.array(values)


def draw(frame: pd.DataFrame, path: Path) -> None:
    """Boosters and data side by side, what the trees do from top to bottom."""
    n_sets = frame["set"].nunique() - (HANDBOOK in set(frame["set"]))
    columns = [
        (booster, only)
        for booster, only in product(BOOSTERS, (False, True))
        if ((frame["set"] == HANDBOOK) == only).any()
    ]
    figure = Figure(figsize=(3.2 * len(columns) + 0.8, 8.6), layout="constrained")
    axes = figure.subplots(len(PANELS), len(columns), sharex=True, sharey="row", squeeze=False)
    for row, (measure, label) in zip(axes, PANELS, strict=True):
        row[0].set_ylabel(label)
        for panel, (booster, only) in zip(row, columns, strict=True):
            for arm in (arm.name for arm in ARMS):
                values = curve(frame, booster, arm, measure, handbook_only=only)
                panel.plot(
                    TREES, values, STYLES[arm], color=COLORS[arm], label=arm, marker="o", markersize=2.5,
                    linewidth=2,
                )  # fmt: skip
            panel.set_xscale("log")
            panel.set_xticks((1, 3, 10, 30, 100), ("1", "3", "10", "30", "100"))
            panel.set_xticks((), minor=True)
            panel.grid(color="0.92")
            if measure == "AP":
                panel.set_yscale("symlog", linthresh=0.1, linscale=1.5)
                panel.set_yticks(AP_TICKS, [f"{tick:+g}" if tick else "0" for tick in AP_TICKS])
                panel.set_yticks((), minor=True)
            if measure == "largest step":
                panel.set_yscale("log")
                panel.set_title(
                    f"{booster}, " + ("Fraud Handbook" if only else f"median of {n_sets} sets"), fontsize=11
                )
    for panel in axes[-1]:
        panel.set_xlabel("number of the tree")
    figure.suptitle(TITLE, fontsize=12.5)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    figure.savefig(path, dpi=100)


# ---------------------------------------------------------------------- main
def results(path: Path) -> pd.DataFrame:
    """What is there of both files: the packed one and that of a run that goes on."""
    frames = [pd.read_parquet(path)] if path.exists() else []
    frames.append(arms.read(path.with_suffix(".csv"), JOB, ROWS_OF_JOB))
    return pd.concat([frame for frame in frames if len(frame)] or frames, ignore_index=True)


def pack(frame: pd.DataFrame, path: Path) -> None:
    """Four digits, in one small file; the CSV file that jobs were appended to goes."""
    frame = frame.sort_values([*JOB, "tree"], kind="stable", ignore_index=True)
    for name in set(frame.select_dtypes("float")) - {"eta"}:
        frame[name] = [float(f"{value:.4g}") for value in frame[name]]
        frame[name] = frame[name].astype(np.float32)
    frame.astype(dict.fromkeys(("set", "booster", "arm"), "category")).to_parquet(
        path, compression="zstd", compression_level=19, index=False
    )
    path.with_suffix(".csv").unlink()


def main(argv: list[str] | None = None) -> None:
    """Train what is missing, print the tables, draw."""
    parser = arms.options(__doc__, RESULTS)
    parser.add_argument("--repeats", type=int, default=REPEATS, help="splits of a set")
    parser.add_argument(
        "--figure", type=Path, metavar="FILE", help=f"draw there; the published one: {IMAGE.name}"
    )
    arguments = parser.parse_args(argv)
    folder = arms.folder_of(parser, arguments)
    if folder is not None:
        splits = dict.fromkeys(chosen(folder), arguments.repeats)
        if HANDBOOK in splits:
            splits[HANDBOOK] = len(handbook.STARTS)
        jobs = [
            (name, split, booster, eta)
            for name, n_splits in splits.items()
            for split, booster, eta in product(range(n_splits), BOOSTERS, ETAS)
        ]
        left = arms.missing(jobs, results(arguments.results), JOB)
        print(f"{len(left)} of {len(jobs)} jobs to do, of {len(ARMS)} trainings each", file=sys.stderr)
        working = arguments.results.with_suffix(".csv")
        arms.run(score, ((folder, *job) for job in left), working, arguments.jobs)
        if working.exists():
            pack(results(arguments.results), arguments.results)
    frame = results(arguments.results)
    print_tables(frame)
    if arguments.figure is not None:
        draw(means(frame), arguments.figure)


if __name__ == "__main__":
    main()
