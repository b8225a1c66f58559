"""Tables of the study, in Markdown, from what score.py wrote: `study_tables.py [FOLDER] [--readme]`.

FOLDER is `results/` beside this script unless given. `--readme` prints the short tables only. Differences
of log loss, Brier and costs are in % of the baseline, their means geometric; intervals are those of
`ranks.py`; wins, ties and losses (w / t / l) count the sets whose interval over test rows says better,
holds 0, or says worse, and of both boosters each.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import ranks
from comparisons import (
    BASE,
    BINS,
    BOOSTERS,
    COMPARISONS,
    CONTENDERS,
    FOCAL,
    WORDS,
    Rows,
    bin_rows,
    compared,
    correlation_rows,
    difference_rows,
    interval,
    measures_of,
    rank_rows,
    signed_rank_rows,
    slope_rows,
    win_rows,
)
from measures import AP, LOG_LOSS, MEASURES, PLATT, SLOPE_ERROR
from ranks import Results

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from harness import parser, print_table  # noqa: E402  # benchmarks/ is no package

TASKS = ("binary", "multiclass", "multilabel")
SHORT = (AP, LOG_LOSS, PLATT, SLOPE_ERROR, "cost 100:1")
# The ablation's variants in the order of its parts; others come after these.
VARIANTS = (
    "base", "exact", "reweighted", "zero", "log-odds", "exact log-odds", "no scale", "stop by score", "raw",
    "gamma 0", "gamma 0 zero", "gamma 0 stop by score",
)  # fmt: skip


def print_filled(title: str, head: Sequence[str], rows: Rows) -> None:
    """Nothing where there is nothing, such as the multi-label sets of a study that has not come to them."""
    if rows:
        print_table(title, head, rows)


# ---------------------------------------------------------------------- ablation
def ablation_rows(results: Results, setting: str, booster: str) -> Rows:
    frame = results.ablation
    names = [
        name.partition(": ")[2]
        for name in frame.columns.unique("contender")
        if name.startswith(setting + ": ")
    ]
    order = [*(name for name in VARIANTS if name in names), *(name for name in names if name not in VARIANTS)]
    rows = []
    for variant in order:
        of = "gamma 0" if variant.startswith("gamma 0 ") else "base"
        one, other = f"{setting}: {variant}", f"{setting}: {of}"
        if one == other or of not in names:
            continue
        cells = []
        for measure in (AP, LOG_LOSS, SLOPE_ERROR):
            apart = ranks.of_booster(ranks.paired(frame, one, other, measure), booster)
            cells.append(interval(ranks.mean_interval(apart), measure))
            if measure == SLOPE_ERROR:
                continue
            part = compared(results, ranks.set_names(frame), one, other, booster)
            cells.append(ranks.wins_ties_losses(part, measure))
            means = ranks.set_means(apart)
            if len(means):
                worst = means.idxmin() if MEASURES[measure].larger else means.idxmax()
                cells.append(f"{worst} {interval((means[worst],) * 3, measure).partition(' ')[0]}")
            else:
                cells.append("")
        rows.append([f"{variant} - {of}", *cells])
    return rows


# ---------------------------------------------------------------------- sets and studies
def set_rows(results: Results, task: str) -> Rows:
    """Log loss and focal loss side by side; in bold the better one where the interval excludes 0."""
    frame = ranks.of_task(results.main, task)
    jobs = results.jobs[results.jobs["study"] == "main"].drop_duplicates("set").set_index("set")
    rows = []
    jobs = jobs.loc[ranks.set_names(frame)].sort_values("imbalance_ratio", kind="stable")
    for name, job in jobs.iterrows():
        ratio = f"{job['imbalance_ratio']:.3g}"
        cells = [str(name), f"{job['rows_train']}, {job['rows_test']}", ratio, str(job["positives_train"])]
        here = frame[frame.index.get_level_values("set") == name]
        for booster in BOOSTERS if task == "binary" else ranks.BOTH:
            for measure in (AP, LOG_LOSS):
                means = [
                    ranks.of_booster(ranks.values(here, each, measure), booster).mean()
                    for each in (BASE, FOCAL)
                ]
                found = compared(results, [str(name)], FOCAL, BASE, booster)
                found = found[found["measure"] == measure]
                better = int(ranks.verdicts(found, measure).iloc[0]) if len(found) else 0
                texts = ["" if np.isnan(mean) else f"{mean:.4f}" for mean in means]
                bold = [
                    f"**{text}**" if better == sign else text
                    for text, sign in zip(texts, (-1, 1), strict=True)
                ]
                cells.append(" / ".join(bold) if all(texts) else "")
        rows.append(cells)
    return rows


def gamma_rows(results: Results) -> Rows:
    jobs = results.jobs[(results.jobs["study"] == "main") & (results.jobs["contender"] == FOCAL)]
    rows = []
    for (task, booster), part in jobs.groupby(["task", "booster"]):
        of = pd.Series([json.loads(params).get("focal_gamma", np.nan) for params in part["params"]]).dropna()
        if len(of):
            quartiles = " / ".join(f"{value:.2f}" for value in np.quantile(of, (0.25, 0.5, 0.75)))
            shares = [f"{share:.0%}" for share in ((of == 0).mean(), (of < 0.5).mean())]
            rows.append([f"{task}, {booster}", str(len(of)), quartiles, *shares])
    return rows


def seconds_rows(results: Results) -> Rows:
    rows = []
    for (study, booster), part in results.jobs.groupby(["study", "booster"]):
        for name, found in part.groupby("contender"):
            low, middle, high = np.quantile(found["seconds"], (0.25, 0.5, 0.75))
            if study == "main":
                rows.append([f"{name}, {booster}", str(len(found)), f"{low:.0f} / {middle:.0f} / {high:.0f}"])
        hours = part["seconds"].sum() / 3600
        rows.append([f"all of {study}, {booster}", str(len(part)), f"{hours:.1f} h"])
    return rows


# ---------------------------------------------------------------------- all of it
def each_task(results: Results) -> Iterable[tuple[str, str, pd.DataFrame]]:
    for task in TASKS:
        frame = ranks.of_task(results.main, task)
        if len(frame):
            yield task, f"{task}, {len(ranks.set_names(frame))} sets", frame


BIN_HEAD = ("", "sets", *(
    cell for name in (AP, LOG_LOSS) for cell in (name, *(f"{booster}: w / t / l" for booster in ranks.BOTH))
))  # fmt: skip
RANK_HEAD = ("", *CONTENDERS, "sets", "Friedman p", "critical difference")
ABLATION_HEAD = ("", *(
    cell for name in (AP, LOG_LOSS) for cell in (name, "w / t / l", "worst set")
), SLOPE_ERROR)  # fmt: skip


def print_short(results: Results) -> None:
    rows = []
    for task, _, frame in each_task(results):
        for one, other in COMPARISONS:
            apart = {name: ranks.of_booster(ranks.paired(frame, one, other, name), "both") for name in SHORT}
            wins = [
                ranks.wins_ties_losses(compared(results, ranks.set_names(frame), one, other, each), AP)
                for each in ranks.BOTH
            ]
            if len(apart[AP]):
                cells = [interval(ranks.mean_interval(apart[name]), name) for name in SHORT]
                rows.append([f"{task}: {one} - {other}", *cells, *wins])
    head = ("", *SHORT, *(f"AP, {each}: w / t / l" for each in ranks.BOTH))
    print_filled("Differences, means over sets, both boosters", head, rows)
    print_filled(
        "Focal loss - log loss by set", BIN_HEAD, [row for of in BINS for row in bin_rows(results, of)]
    )
    rows = [
        [f"{task}: {row[0]}", *row[1:]]
        for task, _, frame in each_task(results)
        for row in rank_rows(frame, "both", SHORT)
    ]
    print_filled("Mean ranks, both boosters", RANK_HEAD, rows)
    print_ablation(results, ("both",))


def print_ablation(results: Results, boosters: Iterable[str]) -> None:
    for setting in sorted({name.partition(": ")[0] for name in results.ablation.columns.unique("contender")}):
        for booster in boosters:
            title = f"Ablation, booster parameters: {setting}, {booster}"
            print_filled(title, ABLATION_HEAD, ablation_rows(results, setting, booster))


def print_long(results: Results) -> None:
    head: Sequence[str]
    for task, title, frame in each_task(results):
        for booster in ("both", *ranks.BOTH):
            print_filled(
                f"Mean ranks: {title}, {booster}", RANK_HEAD, rank_rows(frame, booster, measures_of(frame))
            )
        for booster in ("both", *BOOSTERS):
            head = ("", "sets", "median", "better / same / worse", "p", "p, Holm")
            rows = signed_rank_rows(frame, FOCAL, BASE, booster)
            print_filled(f"Wilcoxon's test of {FOCAL} - {BASE}: {title}, {booster}", head, rows)
        for one, other in COMPARISONS:
            rows = difference_rows(frame, one, other)
            print_filled(f"Differences {one} - {other}: {title}", ("", "both", *BOOSTERS), rows)
        names = [name for name in measures_of(frame) if name != SLOPE_ERROR]
        print_filled(f"Wins / ties / losses: {title}", ("", *names), win_rows(results, task))
    for of in BINS:
        print_filled(f"Focal loss - log loss by {WORDS[of]}", BIN_HEAD, bin_rows(results, of))
    head = ("", "both", *BOOSTERS)
    print_filled("Spearman's correlation of focal - log loss with", head, correlation_rows(results))
    print_filled("Calibration slope, quartiles over binary sets", ("", *BOOSTERS), slope_rows(results))
    print_ablation(results, ("both", *ranks.BOTH))
    for task, title, _ in each_task(results):
        boosters = BOOSTERS if task == "binary" else ranks.BOTH
        cells = [f"{booster}: {name}" for booster in boosters for name in (AP, LOG_LOSS)]
        head = ("", "rows, for testing", "imbalance ratio", "positive", *cells)
        print_filled(f"{BASE} / {FOCAL}: {title}", head, set_rows(results, task))
    print_filled("Gamma chosen", ("", "jobs", "quartiles", "0", "below 0.5"), gamma_rows(results))
    print_filled("Seconds of a study, quartiles", ("", "studies", "seconds"), seconds_rows(results))


def main() -> None:
    options = parser(__doc__)
    options.add_argument("folder", type=Path, nargs="?", default=HERE / "results")
    options.add_argument("--readme", action="store_true", help="the short tables only")
    arguments = options.parse_args()
    results = ranks.load(arguments.folder)
    printer: Callable[[Results], None] = print_short if arguments.readme else print_long
    printer(results)


if __name__ == "__main__":
    main()
