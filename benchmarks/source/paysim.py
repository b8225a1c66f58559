"""1,620 wrong with class weights, 789 with focal loss: a tutorial on PaySim, repeated with boosted trees.

    python benchmarks/source/paysim.py                              600,000 simulated rows, ten seeds
    python benchmarks/source/paysim.py --rows 6400000 --seeds 1     as many rows as the tutorial's log has
    python benchmarks/source/paysim.py FILE                         ten splits of a sample of that log

"Multi-class classification with focal loss for imbalanced datasets" (dlology.com, 2018) trains a network of
522 parameters on PaySim's 6,362,620 rows and counts what an argmax, threshold 0.5, misclassifies among
1,272,524 random test rows: with class weights {0: 1, 1: 20} and with focal loss, gamma 2. Its alpha, 4 in the
text and 1 in the notebook, is a factor of every row, so of nothing but the step size.

Here every contender has the same trees and stops by its own loss of validation rows. Simulated rows
(`make_transactions`) are split in time: 65 % training, 15 % validation, 20 % test. FILE is a table with
PaySim's columns and all its frauds, or a plain sample of it; legitimate rows are weighted to the log's 773.7
for each fraud (the tutorial says 733), in training and in counting. It is split at random and reduced to the
columns that the tutorial has, balances after the transaction included.

A row counts as fraud in one of three ways:

raw at 0.5           sigmoid(margin) >= 0.5, the tutorial's rule
posterior at 0.5     loss.posterior(margin) >= 0.5, which undoes gamma and class weights
best threshold       the one that misclassifies fewest validation rows
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from scipy.special import expit
from sklearn.metrics import ConfusionMatrixDisplay, average_precision_score, confusion_matrix, roc_curve
from sklearn.model_selection import train_test_split

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness import parser, print_environment, print_table, save  # benchmarks/ is no package
from models import BOOSTERS, Array, Contender, Rows, Settings, focal, log_loss, mean_interval

from focalboost.datasets import load_table, make_transactions

LEGITIMATE, FRAUDS = 6_354_407, 8_213  # rows of the log
COLUMNS = ("amount", "oldbalanceOrg", "newbalanceOrig", "oldbalanceDest", "newbalanceDest")
WEIGHTED, FOCAL = "class weights 1 : 20", "focal, alpha 4 on all rows"
RAW, POSTERIOR, BEST = RULES = ("raw at 0.5", "posterior at 0.5", "best threshold")
REPORTED = {WEIGHTED: "1,620", FOCAL: "789"}
N_REPLICATES = 10_000
Result = dict[str, Any]


def contenders(train: Rows, threads: int) -> list[Contender]:
    made = [log_loss(), log_loss(20.0)]
    for name, alpha in (
        (FOCAL, (4.0, 4.0)),
        ("focal, alpha (1, 4)", (1.0, 4.0)),
        ("focal, alpha 0.25", 0.25),
    ):
        made.append(focal(name, train, 2.0, alpha, threads))
    return made


def simulated(rows: int, seed: int) -> tuple[list[Rows], float]:
    """Training, validation and test rows, split in time, and what a legitimate row counts for."""
    log = make_transactions(rows, random_state=seed)
    ends = np.searchsorted(log.step, log.step[[int(0.65 * rows), int(0.8 * rows)]])  # hours stay together
    parts = [slice(0, ends[0]), slice(ends[0], ends[1]), slice(ends[1], None)]
    return [Rows(log.data[part], log.target[part]) for part in parts], 1.0


def sampled(file: Path, seed: int) -> tuple[list[Rows], float]:
    """The same of a table, split at random."""
    table = load_table(file)
    chosen = [table.feature_names.index(name) for name in COLUMNS]
    X, y = np.column_stack([table.step, table.data[:, chosen]]).astype(np.float32), table.target
    worth = float(LEGITIMATE / FRAUDS * (y == 1).sum() / (y == 0).sum())
    weight = np.where(y == 1, 1.0, worth)
    rest, test = train_test_split(np.arange(y.size), test_size=0.2, stratify=y, random_state=seed)
    train, validation = train_test_split(rest, test_size=0.1875, stratify=y[rest], random_state=seed)
    return [Rows(X[part], y[part], weight[part]) for part in (train, validation, test)], worth


def best_threshold(rows: Rows, margin: Array) -> float:
    """The margin from which to call a row fraud so that fewest rows are misclassified."""
    weight = np.ones(rows.y.size) if rows.weight is None else rows.weight
    alarms, caught, thresholds = roc_curve(rows.y, margin, sample_weight=weight)
    wrong = alarms * weight[rows.y == 0].sum() + (1 - caught) * weight[rows.y == 1].sum()
    return float(thresholds[np.argmin(wrong)])


def paired(y: Array, first: Array, second: Array, worth: float, rng: np.random.Generator) -> list[float]:
    """How many more rows the first calls wrong than the second, and the ends of the 95 % interval.

    A bootstrap of the test rows of each class. Rows matter by whether one of the two is wrong and the other
    right only, so the counts of those are drawn, from a multinomial, instead of the rows.
    """
    change = (first != y).astype(int) - (second != y)
    total, replicates = 0.0, np.zeros(N_REPLICATES)
    for label, value in ((0, worth), (1, 1.0)):
        of_class = change[y == label]
        better, worse = (of_class < 0).sum(), (of_class > 0).sum()
        share = np.array([better, worse, of_class.size - better - worse]) / of_class.size
        drawn = rng.multinomial(of_class.size, share, N_REPLICATES)
        replicates += value * (drawn[:, 1] - drawn[:, 0])
        total += value * (worse - better)
    return [float(total), *np.quantile(replicates, (0.025, 0.975)).tolist()]


def study(parts: list[Rows], worth: float, booster: str, settings: Settings) -> Result:
    """Confusion matrices of every contender by every rule, and paired differences in what is wrong."""
    train, validation, test = parts
    host = BOOSTERS[booster](train, validation, settings)
    found: Result = {"test rows": int(test.y.size), "test frauds": int(test.y.sum()), "contenders": {}}
    verdicts: dict[tuple[str, str], Array] = {}
    for contender in contenders(train, settings.threads):
        predict, rounds = host.fit(contender)
        margin, threshold = predict(test.X), best_threshold(validation, predict(validation.X))
        called = (expit(margin) >= 0.5, contender.loss.posterior(margin) >= 0.5, margin >= threshold)
        cells = {}
        for rule, verdict in zip(RULES, called, strict=True):
            verdicts[contender.name, rule] = verdict
            cells[rule] = (confusion_matrix(test.y, verdict) * [[worth], [1.0]]).tolist()
        ranking = average_precision_score(test.y, margin, sample_weight=test.weight)
        found["contenders"][contender.name] = {
            "cells": cells, "average precision": float(ranking), "threshold": float(expit(threshold)),
            "rounds": rounds,
        }  # fmt: skip
    rng = np.random.default_rng(0)
    pairs = {
        "all": ((WEIGHTED, RAW), (FOCAL, RAW)),
        "threshold": ((WEIGHTED, RAW), (WEIGHTED, BEST)),
        "loss": ((WEIGHTED, BEST), (FOCAL, BEST)),
        "focal - log loss": ((FOCAL, RAW), ("log loss", RAW)),
    }
    found["differences"] = {
        name: paired(test.y, verdicts[first], verdicts[second], worth, rng)
        for name, (first, second) in pairs.items()
    }
    return found


def wrong(found: Result, contender: str, rule: str) -> float:
    """Misclassified test rows."""
    (_, alarms), (missed, _) = found["contenders"][contender]["cells"][rule]
    return float(alarms + missed)


def show(values: Sequence[float]) -> str:
    mean, low, high = (f"{value:+z,.0f}" for value in values)
    return f"{mean} [{low}, {high}]"


def print_results(booster: str, results: list[Result], test_to_train: float) -> None:
    """One split with its bootstrap intervals, several with t-intervals of their means."""

    def cell(values: list[float], digits: int = 0) -> str:
        if len(values) == 1:
            return f"{values[0]:,.{digits}f}"
        mean, half = mean_interval(values, test_to_train)
        return f"{mean:,.{digits}f} ± {half:,.{digits}f}"

    rows = []
    for name in results[0]["contenders"]:
        counts = [cell([wrong(found, name, rule) for found in results]) for rule in RULES]
        ranking = cell([found["contenders"][name]["average precision"] for found in results], 3)
        trees = f"{np.mean([found['contenders'][name]['rounds'] for found in results]):.0f}"
        rows.append((name, REPORTED.get(name, ""), *counts, ranking, trees))
    sizes = np.mean([[found["test rows"], found["test frauds"]] for found in results], axis=0)
    stands_for = np.mean([np.sum(found["contenders"][FOCAL]["cells"][RAW]) for found in results])
    weighted = "" if round(sizes[0]) == round(stands_for) else f", weighted to {stands_for:,.0f}"
    title = (
        f"{booster}: misclassified of {sizes[0]:,.0f} test rows{weighted}, {len(results)} split(s); "
        f"to call none fraud would misclassify {sizes[1]:,.0f}"
    )
    print_table(title, ("", "reported", *RULES, "average precision", "trees"), rows)
    parts = {
        "class weights - focal, raw at 0.5": "all",
        "of that by the threshold: class weights, 0.5 - best": "threshold",
        "of that by the loss: class weights - focal, at the best": "loss",
        "focal - log loss, raw at 0.5": "focal - log loss",
    }
    lines = []
    for text, name in parts.items():
        values = results[0]["differences"][name]
        if len(results) > 1:
            changes = [found["differences"][name][0] for found in results]
            mean, half = mean_interval(changes, test_to_train)
            values = [mean, mean - half, mean + half]
        lines.append((text, show(values)))
    print_table(f"{booster}: fewer misclassified, 95 % intervals", ("", "rows"), lines)


def draw(results: dict[str, list[Result]], path: Path) -> None:
    """Confusion matrices of the first split: as the tutorial decides, and with the threshold moved."""
    shown = ((WEIGHTED, RAW), (WEIGHTED, BEST), (FOCAL, RAW), ("log loss", RAW))
    figure = Figure(figsize=(11, 0.8 + 2.9 * len(results)), layout="constrained")
    axes = np.atleast_2d(figure.subplots(len(results), len(shown)))
    for row, (booster, found) in zip(axes, results.items(), strict=True):
        for ax, (name, rule) in zip(row, shown, strict=True):
            cells = np.array(found[0]["contenders"][name]["cells"][rule])
            display = ConfusionMatrixDisplay(cells, display_labels=("legitimate", "fraud"))
            norm = LogNorm(1, cells.sum())
            display.plot(ax=ax, colorbar=False, cmap="Blues", values_format=",.0f", im_kw={"norm": norm})
            at = rule if rule == BEST else "0.5"
            ax.set_title(f"{name}\nat {at}: {wrong(found[0], name, rule):,.0f} misclassified", fontsize=9)
            ax.set(xlabel="", ylabel="")
        row[0].set_ylabel(f"{booster}\n\ntrue class")
    for ax in axes[:, 1:].ravel():
        ax.set_yticklabels([])
    for ax in axes[-1]:
        ax.set_xlabel("predicted class")
    rows, frauds = cells.sum(), cells[1].sum()
    figure.suptitle(
        f"{rows:,.0f} test rows, {frauds:,.0f} of them frauds, by verdict (darker: more rows, log scale)\n"
        "Columns 1 and 2 are one model with its threshold moved; 3 and 4 are focal loss and log loss at 0.5",
        fontsize=11,
    )
    figure.savefig(path, dpi=100)


def main(argv: Sequence[str] | None = None) -> Result:
    options = parser(__doc__)
    options.add_argument("file", type=Path, nargs="?", help="CSV or Parquet table with PaySim's columns")
    options.add_argument("--rows", type=int, default=600_000, help="to simulate")
    options.add_argument("--seeds", type=int, default=10, help="of the simulation or the split")
    options.add_argument("--boosters", nargs="+", choices=tuple(BOOSTERS), default=tuple(BOOSTERS))
    options.add_argument("--rounds", type=int, default=400, help="most of a model")
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--figure", type=Path, metavar="FILE", help="draw confusion matrices there")
    arguments = options.parse_args(argv)
    environment = print_environment()
    settings = Settings(arguments.rounds, 30, max_depth=6, threads=arguments.threads)
    results: dict[str, list[Result]] = {booster: [] for booster in arguments.boosters}
    for seed in range(arguments.seeds):
        parts, worth = sampled(arguments.file, seed) if arguments.file else simulated(arguments.rows, seed)
        for booster, found in results.items():
            found.append(study(parts, worth, booster, settings))
    for booster, found in results.items():
        print_results(booster, found, 0.25 if arguments.file else 0.0)
    save(arguments.json, environment, {"rows": arguments.rows, "results": results})
    if arguments.figure is not None:
        draw(results, arguments.figure)
    return results


if __name__ == "__main__":
    main()
