"""Figures of the study, from what score.py wrote: `plot.py [FOLDER] [--images FOLDER]`.

study.png        focal loss against log loss in each set, both tuned; means over sets as the tables have them
study_ranks.png  mean ranks of the contenders over the binary sets, and how far apart they must be to differ

Log loss is drawn as a ratio, its means geometric (`ranks.paired`): a difference over the baseline's mean
can pass -100 %. Intervals of a set are those of differences.parquet, which has none of ratios: these have
the range of the set's repeats, and a filled point where the interval of the difference excludes 0.
"""

from __future__ import annotations

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import ranks
from comparisons import BASE, CONTENDERS, FIXED, FOCAL, measures_of
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from measures import AP, BAYES_COST, LOG_LOSS, MEASURES, PLATT, SLOPE_ERROR
from ranks import Results

HERE = Path(__file__).resolve().parent
IMAGES = HERE.parents[1] / "docs" / "images"
TASKS = {"binary": "binary", "multiclass": "multi-class", "multilabel": "multi-label"}
COLORS = {"xgboost": "#0072B2", "lightgbm": "#E69F00", "both": "black"}
LABELS = {"xgboost": "XGBoost", "lightgbm": "LightGBM", "both": "both (means only)"}
OFFSETS = {"xgboost": -0.25, "lightgbm": 0.0, "both": 0.25}
TICKS = (0.03, 0.1, 0.3, 0.5, 1, 2, 3, 10)
MARKERS = dict(zip(CONTENDERS, "vosD*", strict=True))
SHADES = dict(zip(CONTENDERS, ("0.5", "black", "#009E73", "#0072B2", "#D55E00"), strict=True))
WORDS = {
    "defaults": "log loss, untuned", BASE: "log loss", "weighted": "log loss, class weights",
    FIXED: "focal, gamma 0 (class weights, posterior)", FOCAL: "focal, gamma tuned",
    PLATT: "log loss, recalibrated (Platt)", SLOPE_ERROR: "calibration slope, |log|",
    BAYES_COST: "cost 100:1, threshold 1/101",
}  # fmt: skip


def ordered_rows(results: Results) -> pd.DataFrame:
    """A row a set, task by task, the most imbalanced last; then the mean of the task's sets, if several."""
    jobs = results.jobs[results.jobs["study"] == "main"]
    sets = jobs.groupby(["task", "set"])["imbalance_ratio"].mean().reset_index()
    parts = []
    for task, title in TASKS.items():
        part = sets[sets["task"] == task].sort_values("imbalance_ratio")
        names = [f"{row.set}  {row.imbalance_ratio:.3g}" for row in part.itertuples()]
        part = part[["task", "set"]].assign(label=names)
        if len(part) > 1:
            # Sets that share their rows count as one.
            count = len({ranks.FAMILIES.get(name, name) for name in part["set"]})
            part.loc[-1] = (task, "", f"mean of {count} {title} sets")
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def estimates(results: Results, rows: pd.DataFrame, measure: str, booster: str) -> pd.DataFrame:
    """By row of `rows`: the mean, the ends of its bar, and whether 0 lies outside the 95 % interval."""
    frame = results.differences
    frame = frame[
        (frame["contender"] == FOCAL) & (frame["baseline"] == BASE)
        & (frame["measure"] == measure) & (frame["booster"] == booster)
    ].set_index("set")  # fmt: skip
    found = pd.DataFrame(np.nan, rows.index, ["middle", "low", "high"])
    found["apart"] = False
    for k, row in rows.iterrows():
        of_task = ranks.of_task(results.main, row["task"])
        apart = ranks.of_booster(ranks.paired(of_task, FOCAL, BASE, measure), booster)
        if not row["set"]:
            middle, low, high = ranks.mean_interval(apart)
            found.loc[k] = (middle, low, high, low > 0 or high < 0)
        elif row["set"] in frame.index and row["set"] in apart.index.unique("set"):
            middle, low, high = frame.loc[row["set"], ["difference", "low", "high"]]
            outside = low > 0 or high < 0
            if MEASURES[measure].relative:
                repeats = apart.xs(row["set"], level="set")
                middle, low, high = repeats.mean(), repeats.min(), repeats.max()
            found.loc[k] = (middle, low, high, outside)
    if MEASURES[measure].relative:
        found[["middle", "low", "high"]] = np.exp(found[["middle", "low", "high"]])
    return found


def draw_measure(axes: Any, results: Results, rows: pd.DataFrame, measure: str) -> str:
    """Draw it, and say how many pairs of a set and a booster differ."""
    apart = pairs = 0
    of_set = (rows["set"] != "").to_numpy()
    for booster, color in COLORS.items():
        found = estimates(results, rows, measure, booster)
        for here, marker, size, width in ((of_set, "o", 4.0, 1.1), (~of_set, "D", 5.0, 2.0)):
            part = found[here & found["middle"].notna().to_numpy()]
            y = part.index.to_numpy() + OFFSETS[booster]
            axes.hlines(y, part["low"], part["high"], color=color, linewidth=width)
            faces = [color if outside else "white" for outside in part["apart"]]
            axes.scatter(
                part["middle"], y, s=size**2, marker=marker, edgecolors=color, facecolors=faces, zorder=3
            )
            if marker == "o":
                apart, pairs = apart + int(part["apart"].sum()), pairs + len(part)
    if MEASURES[measure].relative:
        axes.set_xscale("log")
        axes.set_xticks(TICKS, [f"{tick:g}" for tick in TICKS])
        axes.set_xticks((), minor=True)
    axes.axvline(1 if MEASURES[measure].relative else 0, color="0.6", linewidth=1, zorder=0)
    for place, (task, following) in enumerate(pairwise(rows["task"])):
        border = task != following
        axes.axhline(place + 0.5, color="0.4" if border else "0.92", linewidth=0.8, zorder=0)
    for place in rows.index[~of_set]:
        axes.axhspan(place - 0.5, place + 0.5, color="0.95", zorder=-1)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    return f"{apart} of {pairs}"


def draw_sets(results: Results, path: Path) -> None:
    rows = ordered_rows(results)
    figure = Figure(figsize=(11, 2.6 + 0.24 * len(rows)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    ranking, probabilities = (
        draw_measure(axes, results, rows, measure) for axes, measure in ((left, AP), (right, LOG_LOSS))
    )
    left.set_yticks(rows.index, rows["label"], fontsize=8.5)
    left.set_xlabel("average precision, focal loss minus log loss")
    right.set_xlabel("log loss on test rows, focal loss / log loss (ratio, log axis)")
    left.set_ylabel("set and its imbalance ratio")
    left.set_title("Right of 0: focal loss is better\nLines: 95 % intervals", loc="left", fontsize=9.5)
    title = "Left of 1: focal loss is better\nLines: range of the repeats, and 95 % intervals of the means"
    right.set_title(title, loc="left", fontsize=9.5)
    n_sets = int((rows["set"] != "").sum())
    figure.suptitle(
        f"Focal loss against log loss, both tuned, on {n_sets} sets: of the pairs of a set and a booster\n"
        f"{ranking} differ in average precision, {probabilities} in log loss (95 % intervals)",
        fontsize=11,
    )
    for task, title in TASKS.items():
        places = rows.index[rows["task"] == task]
        if len(places):
            right.annotate(
                title, (1.01, places[0] - 0.4), xycoords=("axes fraction", "data"), rotation=-90, va="top",
                fontsize=9, color="0.3",
            )  # fmt: skip
    look: dict[str, Any] = {"marker": "o", "markersize": 5}
    handles = [Line2D([], [], color=COLORS[name], label=LABELS[name], **look) for name in COLORS]
    look |= {"color": "0.3", "linestyle": ""}
    handles += [
        Line2D([], [], label="differs (95 % interval)", **look),
        Line2D([], [], label="not shown to differ", markerfacecolor="white", **look),
        Line2D([], [], label="mean over sets", **(look | {"marker": "D"}), markerfacecolor="white"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, fontsize=9)
    figure.savefig(path, dpi=100)


def draw_ranks(results: Results, path: Path) -> None:
    """Measures from top to bottom; the bar is Nemenyi's critical difference, from the best rank on."""
    frame = ranks.of_task(results.main, "binary")
    tables = {name: ranks.by_set(frame, CONTENDERS, name, "both") for name in measures_of(frame)}
    tables = {name: table for name, table in tables.items() if len(table) > 1 and table.shape[1] > 1}
    if not tables:
        print(f"{path.name}: not drawn, fewer than two binary sets have both boosters")
        return
    figure = Figure(figsize=(9, 2.2 + 0.4 * len(tables)), layout="constrained")
    axes = figure.subplots()
    shifts = dict(zip(CONTENDERS, np.linspace(-0.16, 0.16, len(CONTENDERS)), strict=True))
    for place, (measure, table) in enumerate(tables.items()):
        found = ranks.mean_ranks(table, measure)
        best, apart = found.min(), ranks.critical_difference(table.shape[1], len(table))
        axes.plot((best, best + apart), (place, place), color="0.87", linewidth=15, solid_capstyle="butt")
        for name in found.index:
            axes.plot(found[name], place + shifts[name], MARKERS[name], color=SHADES[name], markersize=6.5)
    look: dict[str, Any] = {"linestyle": "", "markersize": 6.5}
    handles: list[Any] = [
        Line2D([], [], marker=MARKERS[name], color=SHADES[name], label=WORDS[name], **look)
        for name in CONTENDERS
    ]
    handles.append(Patch(color="0.87", label="not shown to differ from the best (Nemenyi, 5 %)"))
    names = [f"{WORDS.get(name, name)}, {len(table)} sets" for name, table in tables.items()]
    axes.set_yticks(range(len(tables)), names)
    axes.set_ylim(len(tables) - 0.5, -0.5)
    axes.set_xlabel("mean rank over sets, 1 is best (XGBoost and LightGBM averaged)")
    axes.set_ylabel("measured by")
    axes.set_title(
        "Who ranks best on the binary sets? Whoever stands on the grey bar\n"
        "is not shown to be worse than the leftmost, the best", loc="left", fontsize=11,
    )  # fmt: skip
    axes.tick_params(axis="y", length=0)
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False, fontsize=9)
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
