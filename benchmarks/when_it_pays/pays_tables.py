"""What the results say: paired differences, the rule, tables and the picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from harness import print_table
from matplotlib.figure import Figure
from pays_arms import SIDES
from pays_jobs import DEPTHS, FEW_TREES, LABELS, NOISES, PARTS, PAYSIM, RARE, SHARES, SIMULATOR, TREES, WORK
from ranks import holm
from scipy.stats import ttest_1samp

LEAST, LEAST_WORK, LEVEL = 0.005, 0.9, 0.05
SHOWN = {"xgboost": "XGBoost", "lightgbm": "LightGBM"}
NAMES = {SIMULATOR: "simulator", PAYSIM: "PaySim"}
PAYS, COSTS = "pays", "costs"
# Okabe and Ito's colours, which the colour-blind can tell apart.
BLUE, ORANGE, GREEN, VERMILION = "#0072B2", "#E69F00", "#009E73", "#D55E00"


class Interval(NamedTuple):
    """Mean over the units, its 95 % interval, and Student's p of the mean being 0."""

    mean: float
    low: float
    high: float
    p: float

    def __str__(self) -> str:
        return f"{signed(self.mean)} [{signed(self.low)}, {signed(self.high)}]"


class Comparison(NamedTuple):
    """Focal loss beside log loss in one place."""

    part: str
    setting: str
    booster: str
    units: pd.DataFrame  # a row a unit: precision, default, log_loss, focal, gain

    @property
    def is_work(self) -> bool:
        return self.setting == WORK

    @property
    def place(self) -> str:
        """Where, with either booster."""
        return f"{self.part}: {self.setting}"


class Judged(NamedTuple):
    """A comparison by the rule."""

    comparison: Comparison
    gain: Interval  # of average precision, or minus the logarithm of the ratio of work
    precision: Interval
    default: Interval  # of average precision, beside log loss from the log-odds
    without: float  # the mean gain without the unit that is farthest from 0
    holm: float

    @property
    def verdict(self) -> str:
        """PAYS, COSTS or nothing."""
        least = -np.log(LEAST_WORK) if self.comparison.is_work else LEAST
        if not self.holm < LEVEL or abs(self.gain.mean) <= least:
            return ""
        if self.gain.mean < 0:
            return COSTS
        return PAYS if not self.comparison.is_work or self.precision.mean > -LEAST else ""


def signed(value: float) -> str:
    """Three digits, no zero before the point."""
    return f"{value:+.3f}".replace("0.", ".", 1) if np.isfinite(value) else ""


def read(path: Path) -> pd.DataFrame:
    """The results, words as words."""
    if not path.is_file():
        raise SystemExit(f"results == {str(path)!r}, must be a file; it is not. Run with a folder first.")
    frame = pd.read_parquet(path)
    return frame.astype(dict.fromkeys(frame.select_dtypes("category"), str))


def interval(values: pd.Series[Any]) -> Interval:
    """Over units, by Student's t; where all are the same there is nothing to test."""
    mean = float(values.mean())
    if len(values) < 2 or np.ptp(values.to_numpy()) == 0:
        return Interval(mean, mean, mean, 1.0)
    found = ttest_1samp(values, 0.0)
    around = found.confidence_interval(0.95)
    return Interval(mean, float(around.low), float(around.high), float(found.pvalue))


def units(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Means over the splits of each unit."""
    rows = rows.assign(
        precision=rows["focal"] - rows["log_loss"],
        beside_default=rows["focal"] - rows["default"],
        gain=rows["focal"] - rows["log_loss"],
    )
    work = rows["setting"] == WORK
    ratio = -np.log(rows["work_focal"].astype(float) / rows["work_log_loss"].astype(float))
    rows["gain"] = rows["gain"].where(~work, ratio)
    return rows.groupby(by, observed=True).mean(numeric_only=True)


def comparisons(results: pd.DataFrame) -> Iterator[Comparison]:
    """All of them, in the order of the tables."""
    order = [
        *(f"depth {depth}, {n} trees" for depth in DEPTHS for n in TREES), *NOISES,
        *(f"{100 * share:g} % of the rows" for share in SHARES), WORK,
    ]  # fmt: skip
    for part, booster in product(PARTS, SHOWN):
        rows = results[(results["part"] == part) & (results["booster"] == booster)]
        if rows.empty:
            continue
        if part == RARE:
            for (name, setting), of_name in rows.groupby(["set", "setting"], sort=False):
                yield Comparison(part, f"{NAMES[str(name)]}, {setting}", booster, units(of_name, ["repeat"]))
        elif part == LABELS:
            rare = rows[rows["setting"] == "rare label"]
            for setting, chosen in (("rare labels", rare), ("all labels", rows)):
                yield Comparison(part, setting, booster, units(chosen, ["set", "unit"]))
        else:
            for setting in order:
                of_setting = rows[rows["setting"] == setting]
                if len(of_setting):
                    yield Comparison(part, setting, booster, units(of_setting, ["set"]))


def judge(results: pd.DataFrame) -> list[Judged]:
    """All comparisons by the rule, Holm's correction over all of them."""
    found = list(comparisons(results))
    gains = [interval(comparison.units["gain"]) for comparison in found]
    return [
        Judged(
            comparison, gain, interval(comparison.units["precision"]),
            interval(comparison.units["beside_default"]), without_farthest(comparison.units["gain"]), p,
        )
        for comparison, gain, p in zip(found, gains, holm([gain.p for gain in gains]), strict=True)
    ]  # fmt: skip


def without_farthest(values: pd.Series[Any]) -> float:
    """The mean without the unit that is farthest from 0."""
    return float(values.drop(values.abs().idxmax()).mean()) if len(values) > 1 else float("nan")


def pooled(results: pd.DataFrame, part: str) -> pd.DataFrame:
    """Settings and boosters averaged in each unit."""
    rows = results[(results["part"] == part) & (results["setting"] != WORK)]
    return units(rows, {RARE: ["set", "repeat"], LABELS: ["set", "unit"]}.get(part, ["set"]))


# ---------------------------------------------------------------------- tables
def print_tables(results: pd.DataFrame) -> None:
    judged = judge(results)
    there = [part for part in PARTS if part in set(results["part"])]
    head = (
        "",
        "units",
        "log loss",
        "focal - log loss",
        "without farthest",
        "p, Holm",
        "rule",
        "focal - default",
    )
    for part in there:
        for booster, shown in SHOWN.items():
            here = [
                j for j in judged
                if (j.comparison.part, j.comparison.booster, j.comparison.is_work) == (part, booster, False)
            ]  # fmt: skip
            if here:
                print_table(f"{part}, {shown}: average precision", head, map(_row, here))
    works = [found for found in judged if found.comparison.is_work]
    if works:
        of_work = (
            "",
            "units",
            "focal / log loss",
            "without farthest",
            "p, Holm",
            "rule",
            "average precision",
        )
        print_table(WORK, of_work, map(_work_row, works))
        print_work(results)
    as_one = []
    for part in there:
        found = pooled(results, part)
        gain = found["precision"]
        cells = (str(interval(gain)), signed(without_farthest(gain)), str(interval(found["beside_default"])))
        as_one.append((part, str(len(found)), *cells))
    print_table(
        "Each part as one, settings and boosters averaged: average precision, not judged",
        ("", "units", "focal - log loss", "without farthest", "focal - default"), as_one,
    )  # fmt: skip
    print_choices(results, there)
    print(f"\n{answer(judged)}")


def _row(found: Judged) -> tuple[str, ...]:
    units = found.comparison.units
    return (
        found.comparison.setting, str(len(units)), f"{units['log_loss'].mean():.3f}", str(found.gain),
        signed(found.without), f"{found.holm:.2f}", found.verdict, str(found.default),
    )  # fmt: skip


def _work_row(found: Judged) -> tuple[str, ...]:
    gain = found.gain
    middle, low, high, without = (
        f"{np.exp(-x):.2f}" for x in (gain.mean, gain.high, gain.low, found.without)
    )
    units = str(len(found.comparison.units))
    name = SHOWN[found.comparison.booster]
    return (
        name,
        units,
        f"{middle} [{low}, {high}]",
        without,
        f"{found.holm:.2f}",
        found.verdict,
        str(found.precision),
    )


def print_work(results: pd.DataFrame) -> None:
    """What sampling saves either side, of the work of log loss on all rows."""
    rows = results[results["setting"] == WORK]
    table = []
    for booster, shown in SHOWN.items():
        here = rows[rows["booster"] == booster]
        cells = [f"{here['work_default'].median():.0f}"] if len(here) else []
        for side in ("log_loss", "focal"):
            ratio = pd.Series(np.log(here[f"work_{side}"] / here["work_default"]), here.index)
            cells.append(f"{np.exp(ratio.groupby(here['set']).mean().mean()):.2f}")
        if len(here):
            table.append((shown, *cells))
    print_table(
        "Work with sampling, geometric mean, of that of log loss on all rows (passes, median)",
        ("", "passes", "log loss", "focal loss"), table,
    )  # fmt: skip


def print_choices(results: pd.DataFrame, parts: Iterable[str]) -> None:
    """Which ways the validation rows chose."""
    table = []
    for part in parts:
        rows = results[(results["part"] == part) & (results["setting"] != WORK)]
        if part == LABELS:  # one model, a row a label
            rows = rows.drop_duplicates(["set", "booster", "repeat"])
        cells = []
        for side, ways in SIDES.items():
            found = rows[f"by_{side}"].str.split(", rate").str[0]
            cells += [f"{(found == way.name).mean():.0%}" for way in ways]
        table.append((part, *cells))
    head = ("", *(way.name for ways in SIDES.values() for way in ways))
    print_table("What the validation rows chose, shares of the models of either side", head, table)


def answer(judged: list[Judged]) -> str:
    """The sentence that the rule gives."""
    places = {kind: [found for found in judged if found.verdict == kind] for kind in (PAYS, COSTS)}

    def named(found: Iterable[Judged]) -> str:
        return "; ".join(f"{c.place}, {SHOWN[c.booster]}" for c in (j.comparison for j in found))

    text = f"Of {len(judged)} comparisons focal loss pays in {len(places[PAYS])}"
    text += f" ({named(places[PAYS])})" if places[PAYS] else ""
    text += f" and costs in {len(places[COSTS])}"
    return text + (f" ({named(places[COSTS])})." if places[COSTS] else ".")


# ---------------------------------------------------------------------- the picture
def draw(results: pd.DataFrame, path: Path) -> None:
    """Few trees on the left, all other places on the right."""
    figure = Figure(figsize=(12, 7.2), layout="constrained")
    axes = figure.subplot_mosaic([["xgboost", "others"], ["lightgbm", "others"]])
    axes["xgboost"].sharey(axes["lightgbm"])
    for booster, shown in SHOWN.items():
        _draw_few(axes[booster], results[results["booster"] == booster], shown)
    _draw_others(axes["others"], [j for j in judge(results) if j.comparison.part != FEW_TREES])
    figure.legend(*axes["lightgbm"].get_legend_handles_labels(), loc="outside lower left", frameon=False)
    figure.legend(*axes["others"].get_legend_handles_labels(), loc="outside lower right", frameon=False)
    figure.suptitle(
        "Focal loss ranks as well-started log loss; it looks better beside log loss as boosters start it\n"
        "(means and 95 % intervals over sets, draws or labels; above or right of 0 focal loss is better)",
        fontsize=11,
    )  # fmt: skip
    figure.savefig(path, dpi=110)


def _draw_few(axis: Any, results: pd.DataFrame, shown: str) -> None:
    rows = results[results["part"] == FEW_TREES]
    rows = rows.assign(trees=rows["setting"].str.extract(r"(\d+) trees", expand=False).astype(int))
    axis.axhspan(-LEAST, LEAST, color="0.9", zorder=0, label="within .005: too small to count")
    axis.axhline(0, color="0.6", linewidth=0.8)
    for shift, (column, colour, marker, label) in zip((-0.06, 0.06), (
        ("precision", GREEN, "o", "focal loss - log loss with the best start or step"),
        ("beside_default", VERMILION, "^", "focal loss - log loss from the log-odds, as boosters start it"),
    ), strict=True):  # fmt: skip
        found = [interval(units(rows[rows["trees"] == n], ["set"])[column]) for n in TREES]
        middle, low, high = np.array([part[:3] for part in found]).T
        axis.errorbar(
            np.arange(len(TREES)) + shift, middle, yerr=(middle - low, high - middle), fmt=marker,
            color=colour, markersize=4, linewidth=1.2, label=label,
        )  # fmt: skip
    axis.set_xticks(range(len(TREES)), [str(n) for n in TREES])
    axis.set(xlabel="trees (mean over depth 2, 3 and 4)", ylabel="difference in average precision")
    axis.set_title(f"Few trees, {shown}", fontsize=11, loc="left")


def _draw_others(axis: Any, judged: list[Judged]) -> None:
    judged = [found for found in judged if not found.comparison.is_work]
    places = list(dict.fromkeys(found.comparison.place for found in judged))
    axis.axvspan(-LEAST, LEAST, color="0.9", zorder=0)
    axis.axvline(0, color="0.6", linewidth=0.8)
    for shift, (booster, colour, marker) in zip((-0.15, 0.15), (
        ("xgboost", BLUE, "s"), ("lightgbm", ORANGE, "D"),
    ), strict=True):  # fmt: skip
        here = [found for found in judged if found.comparison.booster == booster]
        y = [places.index(found.comparison.place) + shift for found in here]
        middle, low, high = np.array([found.gain[:3] for found in here]).T
        axis.errorbar(
            middle, y, xerr=(middle - low, high - middle), fmt=marker, color=colour, markersize=4,
            linewidth=1.2, label=f"{SHOWN[booster]}: focal loss - log loss with the best start or step",
        )  # fmt: skip
    axis.set_yticks(range(len(places)), places, fontsize=8)
    axis.set_ylim(len(places) - 0.5, -0.5)
    axis.set_xlabel("difference in average precision")
    axis.set_title("Other places", fontsize=11, loc="left")
