"""Figures of the study, from what score.py wrote: `plot.py [FOLDER] [--images FOLDER]`.

study.png        focal loss - log loss in each set, both tuned, with the intervals of differences.parquet
study_ranks.png  mean ranks of the contenders over the binary sets, and how far apart they must be to differ
"""

from __future__ import annotations

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import ranks
from comparisons import BASE, CONTENDERS, FOCAL, measures_of
from matplotlib.figure import Figure
from measures import AP, LOG_LOSS
from ranks import Results

HERE = Path(__file__).resolve().parent
IMAGES = HERE.parents[1] / "docs" / "images"
TASKS = {"binary": "binary", "multiclass": "multi-class", "multilabel": "multi-label"}
COLORS = {"xgboost": "#0072B2", "lightgbm": "#E69F00"}
LABELS = {"xgboost": "XGBoost", "lightgbm": "LightGBM"}
TICKS = (-100, -10, 0, 10, 100, 1000)
MARKERS = dict(zip(CONTENDERS, "vosD*", strict=True))
SHADES = dict(zip(CONTENDERS, ("0.65", "black", "#009E73", "#0072B2", "#D55E00"), strict=True))


def ordered_sets(results: Results) -> pd.DataFrame:
    """A row a set: task by task, the most imbalanced last."""
    jobs = results.jobs[results.jobs["study"] == "main"]
    sets = jobs.groupby(["task", "set"])["imbalance_ratio"].mean().reset_index()
    place = [list(TASKS).index(task) for task in sets["task"]]
    return sets.assign(place=place).sort_values(["place", "imbalance_ratio"], ignore_index=True)


def draw_measure(axes: Any, results: Results, sets: pd.DataFrame, measure: str, *, percent: bool) -> None:
    frame = results.differences
    frame = frame[
        (frame["contender"] == FOCAL) & (frame["baseline"] == BASE) & (frame["measure"] == measure)
    ].set_index("set")
    for offset, (booster, color) in zip((-0.17, 0.17), COLORS.items(), strict=True):
        part = frame[frame["booster"] == booster].reindex(sets["set"])
        values = part[["difference", "low", "high"]].to_numpy().T
        if percent:
            of = ranks.of_booster(ranks.values(results.main, BASE, measure), booster)
            values = 100 * values / ranks.set_means(of).reindex(sets["set"]).to_numpy()
        middle, low, high = values
        # A mean over repeats may lie outside the percentiles of few samples.
        bars = np.maximum([middle - low, high - middle], 0.0)
        axes.errorbar(
            middle, sets.index + offset, xerr=bars, fmt="o", color=color, label=LABELS[booster],
            markersize=3.5, linewidth=1.1,
        )  # fmt: skip
    if percent:
        axes.set_xscale("symlog", linthresh=10)
        axes.set_xticks(TICKS, [f"{tick:+d}" if tick else "0" for tick in TICKS])
        axes.set_xticks((), minor=True)
    axes.axvline(0, color="0.6", linewidth=1, zorder=0)
    for place, (task, following) in enumerate(pairwise(sets["task"])):
        border = task != following
        axes.axhline(place + 0.5, color="0.4" if border else "0.92", linewidth=0.8, zorder=0)
    axes.set_ylim(len(sets) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)


def draw_sets(results: Results, path: Path) -> None:
    sets = ordered_sets(results)
    figure = Figure(figsize=(10, 2.0 + 0.23 * len(sets)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    draw_measure(left, results, sets, AP, percent=False)
    draw_measure(right, results, sets, LOG_LOSS, percent=True)
    names = [f"{row.set}  {row.imbalance_ratio:.3g}" for row in sets.itertuples()]
    left.set_yticks(sets.index, names, fontsize=8.5)
    left.set_xlabel("average precision, difference")
    right.set_xlabel("log loss, difference in %")
    left.set_ylabel("set and its imbalance ratio")
    left.set_title("right of 0: focal loss is better", loc="left", fontsize=10)
    right.set_title("left of 0: focal loss is better", loc="left", fontsize=10)
    for task, title in TASKS.items():
        places = sets.index[sets["task"] == task]
        if len(places):
            right.annotate(
                title, (1.01, places[0] - 0.4), xycoords=("axes fraction", "data"), rotation=-90, va="top",
                fontsize=9, color="0.3",
            )  # fmt: skip
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
    figure.savefig(path, dpi=100)


def draw_ranks(results: Results, path: Path) -> None:
    """Measures from top to bottom; the bar is Nemenyi's critical difference, from the best rank on."""
    frame = ranks.of_task(results.main, "binary")
    tables = {name: ranks.by_set(frame, CONTENDERS, name, "both") for name in measures_of(frame)}
    tables = {name: table for name, table in tables.items() if len(table) > 1 and table.shape[1] > 1}
    if not tables:
        print(f"{path.name}: not drawn, fewer than two binary sets have both boosters")
        return
    figure = Figure(figsize=(8, 1.4 + 0.32 * len(tables)), layout="constrained")
    axes = figure.subplots()
    for place, (measure, table) in enumerate(tables.items()):
        found = ranks.mean_ranks(table, measure)
        best, apart = found.min(), ranks.critical_difference(table.shape[1], len(table))
        axes.plot((best, best + apart), (place, place), color="0.85", linewidth=9, solid_capstyle="butt")
        for name in found.index:
            axes.plot(found[name], place, MARKERS[name], color=SHADES[name], markersize=6.5)
    for name in CONTENDERS:
        axes.plot([], [], MARKERS[name], color=SHADES[name], label=name)
    axes.set_yticks(range(len(tables)), [f"{name}, {len(table)} sets" for name, table in tables.items()])
    axes.set_ylim(len(tables) - 0.5, -0.5)
    axes.set_xlabel("mean rank, 1 is best; on the bar: no different from the best at 5 %")
    axes.tick_params(axis="y", length=0)
    figure.legend(loc="outside upper center", ncols=len(CONTENDERS), frameon=False)
    figure.savefig(path, dpi=100)


def main() -> None:
    options = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    options.add_argument("folder", type=Path, nargs="?", default=HERE / "results")
    options.add_argument(
        "--images", type=Path, default=IMAGES, metavar="FOLDER", help="write the figures there"
    )
    arguments = options.parse_args()
    results = ranks.load(arguments.folder)
    draw_sets(results, arguments.images / "study.png")
    draw_ranks(results, arguments.images / "study_ranks.png")


if __name__ == "__main__":
    main()
