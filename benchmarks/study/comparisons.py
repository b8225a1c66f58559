"""Rows of tables that compare contenders: ranks, differences, wins, and where they depend on the set.

Differences of log loss, Brier and costs are ratios, their means geometric, shown in % of the baseline.
"Both" boosters are XGBoost and LightGBM, CatBoost stands apart: its focal loss is its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import ranks
from measures import AP, LOG_LOSS, MEASURES, SLOPE, SLOPE_ERROR
from ranks import Results

BASE, FOCAL, FIXED = "log loss", "focal", "focal 0"
CONTENDERS = ("defaults", BASE, "weighted", FIXED, FOCAL)
COMPARISONS = ((FOCAL, BASE), (FOCAL, FIXED), (FIXED, BASE), ("weighted", BASE), ("defaults", BASE))
BOOSTERS = (*ranks.BOTH, "catboost")
BINS = {"imbalance_ratio": (10.0, 30.0), "positives_train": (100.0, 500.0)}
WORDS = {"imbalance_ratio": "imbalance ratio", "positives_train": "positive rows for training"}
Rows = list[list[str]]


# ---------------------------------------------------------------------- cells
def two_digits(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.2f}"


def p_value(p: float) -> str:
    return "" if np.isnan(p) else "< 0.001" if p < 0.001 else f"{p:.3f}"


def number(value: float, measure: str) -> str:
    """A difference of `ranks.paired`."""
    if MEASURES[measure].relative:
        return f"{100 * np.expm1(value):+.1f}"
    return f"{value:+.{2 if measure == SLOPE_ERROR else 4}f}"


def interval(found: tuple[float, float, float], measure: str) -> str:
    if np.isnan(found[0]):
        return ""
    middle, low, high = (number(value, measure) for value in found)
    return f"{middle}{'%' if MEASURES[measure].relative else ''} ({low} to {high})"


def measures_of(frame: pd.DataFrame) -> list[str]:
    there = set(frame.dropna(axis=1, how="all").columns.get_level_values("measure"))
    return [name for name in MEASURES if name in there]


def compared(results: Results, sets: Iterable[str], one: str, other: str, booster: str) -> pd.DataFrame:
    """Rows of differences.parquet; of "both" boosters a row each."""
    frame = results.differences
    return frame[
        frame["set"].isin(list(sets)) & (frame["contender"] == one) & (frame["baseline"] == other)
        & frame["booster"].isin(ranks.BOTH if booster == "both" else [booster])
    ]  # fmt: skip


# ---------------------------------------------------------------------- ranks and differences
def rank_rows(frame: pd.DataFrame, booster: str, names: Iterable[str]) -> Rows:
    rows = []
    for measure in names:
        table = ranks.by_set(frame, CONTENDERS, measure, booster)
        if table.empty or table.shape[1] < 2:
            continue
        found = ranks.mean_ranks(table, measure)
        rows.append([
            measure, *(f"{found[name]:.2f}" if name in found else "" for name in CONTENDERS), str(len(table)),
            p_value(ranks.friedman(table)), two_digits(ranks.critical_difference(table.shape[1], len(table))),
        ])  # fmt: skip
    return rows


def signed_rank_rows(frame: pd.DataFrame, one: str, other: str, booster: str) -> Rows:
    found = {}
    for measure in measures_of(frame):
        apart = ranks.paired(frame, one, other, measure)
        apart = ranks.set_means(ranks.families(ranks.of_booster(apart, booster)))
        if len(apart):
            found[measure] = apart
    p_values = [ranks.signed_rank(apart) for apart in found.values()]
    rows = []
    for (measure, apart), p, adjusted in zip(found.items(), p_values, ranks.holm(p_values), strict=True):
        better = apart if MEASURES[measure].larger else -apart
        signs = " / ".join(str(int((np.sign(better) == sign).sum())) for sign in (1, 0, -1))
        median = number(apart.median(), measure) + ("%" if MEASURES[measure].relative else "")
        rows.append([measure, str(len(apart)), median, signs, p_value(p), p_value(adjusted)])
    return rows


def difference_rows(frame: pd.DataFrame, one: str, other: str) -> Rows:
    rows = []
    for measure in measures_of(frame):
        apart = ranks.paired(frame, one, other, measure)
        parts = [ranks.of_booster(apart, booster) for booster in ("both", *BOOSTERS)]
        if any(len(part) for part in parts):
            rows.append([measure, *(interval(ranks.mean_interval(part), measure) for part in parts)])
    return rows


def win_rows(results: Results, task: str) -> Rows:
    frame = ranks.of_task(results.main, task)
    names = [name for name in measures_of(frame) if name != SLOPE_ERROR]
    rows = []
    for one, other in COMPARISONS:
        for booster in BOOSTERS:
            part = compared(results, ranks.set_names(frame), one, other, booster)
            if len(part):
                cells = [ranks.wins_ties_losses(part, name) for name in names]
                rows.append([f"{one} - {other}, {booster}", *cells])
    return rows


def slope_rows(results: Results) -> Rows:
    """Quartiles over sets of the mean slope."""
    rows = []
    for name in CONTENDERS:
        cells = []
        for booster in BOOSTERS:
            of = ranks.set_means(ranks.of_booster(ranks.values(results.main, name, SLOPE), booster))
            quartiles = np.quantile(of, (0.25, 0.5, 0.75)) if len(of) else ()
            cells.append(" / ".join(f"{value:.2f}" for value in quartiles))
        if any(cells):
            rows.append([name, *cells])
    return rows


# ---------------------------------------------------------------------- where it depends
def of_sets(results: Results, name: str) -> Any:
    """A property of each set: the mean over its jobs."""
    main = results.jobs[results.jobs["study"] == "main"]
    return main.groupby("set")[name].mean()


def bin_names(edges: Sequence[float]) -> list[str]:
    middle = [f"{low:g} to {high:g}" for low, high in pairwise(edges)]
    return [f"below {edges[0]:g}", *middle, f"from {edges[-1]:g}"]


def bin_rows(results: Results, of: str, booster: str = "both") -> Rows:
    """Focal loss against log loss in each bin of the binary sets."""
    frame = ranks.of_task(results.main, "binary")
    where = of_sets(results, of).reindex(ranks.set_names(frame))
    rows = []
    for place, name in enumerate(bin_names(BINS[of])):
        here = where[np.digitize(where, BINS[of]) == place].index
        binned = frame[frame.index.get_level_values("set").isin(here)]
        cells = []
        for measure in (AP, LOG_LOSS):
            apart = ranks.of_booster(ranks.paired(binned, FOCAL, BASE, measure), booster)
            cells.append(interval(ranks.mean_interval(apart), measure))
            parts = [compared(results, here, FOCAL, BASE, each) for each in ranks.BOTH]
            cells += [ranks.wins_ties_losses(part, measure) for part in parts]
        if any(cells):
            rows.append([f"{WORDS[of]} {name}", str(len(ranks.set_names(binned))), *cells])
    return rows


def correlation_rows(results: Results) -> Rows:
    frame = ranks.of_task(results.main, "binary")
    rows = []
    for measure in (AP, LOG_LOSS):
        for of in BINS:
            cells = []
            for booster in ("both", *BOOSTERS):
                apart = ranks.of_booster(ranks.paired(frame, FOCAL, BASE, measure), booster)
                # Ranks do not see that it is the logarithm.
                middle, low, high = ranks.rank_correlation(apart, of_sets(results, of))
                cells.append("" if np.isnan(middle) else f"{middle:+.2f} ({low:+.2f} to {high:+.2f})")
            rows.append([f"{measure}, {WORDS[of]}", *cells])
    return rows if any(cell for row in rows for cell in row[1:]) else []
