"""The statistics of the study: paired differences, ranks over sets, intervals that treat a set as one draw.

A set is the unit: values of its repeats, and of both boosters where they count together, are averaged first,
since they share rows (Demsar, "Statistical Comparisons of Classifiers over Multiple Data Sets", JMLR 7,
2006). So are sets that are other labels of the same rows (FAMILIES): they count as one.
Intervals are 95 % and of the cluster bootstrap: sets are drawn, then repeats within each. Of less than FEW
sets they are Student's, of the means of the sets: a bootstrap of few is hardly more than their range.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from measures import MEASURES
from numpy.typing import NDArray
from scipy.stats import friedmanchisquare, rankdata, spearmanr, studentized_range, t, wilcoxon

Array = NDArray[Any]
# A value, or a difference, by JOB or by (set, repeat).
Series = Any
BOTH = ("xgboost", "lightgbm")
SAMPLES = 2000
FEW = 8
FAMILIES = {
    **dict.fromkeys(("yeast_me2", "yeast_me3", "yeast_exc"), "yeast"),
    **dict.fromkeys(("wine_low", "wine_high", "wine_3_7"), "wine"),
}
JOB = ("task", "set", "booster", "repeat")
FILES = ("main.parquet", "ablation.parquet", "differences.parquet", "jobs.parquet")


class Results(NamedTuple):
    """What score.py wrote; `main` and `ablation` a row a job, a column a contender and measure."""

    main: pd.DataFrame
    ablation: pd.DataFrame
    differences: pd.DataFrame
    jobs: pd.DataFrame


def load(folder: Path) -> Results:
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise SystemExit(
            f"folder == {str(folder)!r}, must hold {missing[0]}; it does not. Run score.py first."
        )
    frames = [pd.read_parquet(folder / name) for name in FILES]
    for frame in frames:
        for name in frame.columns:
            # Words again: categories that a selection leaves empty would come back in every group.
            as_words = isinstance(frame[name].dtype, pd.CategoricalDtype)
            frame[name] = frame[name].astype(str if as_words else frame[name].dtype)
    main, ablation = (
        frame.astype({"value": float}).pivot_table("value", list(JOB), ["contender", "measure"])
        for frame in frames[:2]
    )
    return Results(main, ablation, *frames[2:])


def of_task(frame: pd.DataFrame, task: str) -> pd.DataFrame:
    return frame[frame.index.get_level_values("task") == task]


def set_names(frame: Any) -> list[str]:
    return sorted(frame.index.unique("set"))


# ---------------------------------------------------------------------- differences
def values(frame: pd.DataFrame, contender: str, measure: str) -> Series:
    """By JOB; without those that have none, such as the slope of separated rows."""
    if (contender, measure) not in frame.columns:
        return pd.Series(np.nan, frame.index).dropna()
    return frame[contender, measure].dropna()


def paired(frame: pd.DataFrame, contender: str, baseline: str, measure: str) -> Series:
    """contender - baseline in each repeat, the difference of logarithms where the measure is `relative`.

    Means are then geometric: of percentages they would favour the baseline, and be those of a few sets with
    hardly any loss (Fleming and Wallace, "How not to lie with statistics", CACM 29, 1986).
    """
    one, other = values(frame, contender, measure), values(frame, baseline, measure)
    if not MEASURES[measure].relative:
        return (one - other).dropna()
    # A cost of 0, or nothing lost in float64, has no ratio: such a repeat is left out.
    return (np.log(one[one > 0]) - np.log(other[other > 0])).dropna()


def of_booster(apart: Series, booster: str) -> Series:
    """By (set, repeat): of one booster, or the mean of both in the repeats that both have."""
    apart = apart.droplevel("task")
    if booster != "both":
        return apart[apart.index.get_level_values("booster") == booster].droplevel("booster")
    apart = apart[apart.index.get_level_values("booster").isin(BOTH)]
    groups = apart.groupby(level=["set", "repeat"])
    return groups.mean()[groups.size() == len(BOTH)]


def families(apart: Series) -> Series:
    """By (set, repeat): means over the sets that share their rows, in the place of these."""
    if apart.empty:
        return apart
    names = apart.index.get_level_values("set").map(lambda name: FAMILIES.get(name, name)).rename("set")
    return apart.groupby([names, apart.index.get_level_values("repeat")]).mean()


def set_means(apart: Series) -> Series:
    return apart.groupby(level="set").mean()


def cluster_samples(apart: Series) -> tuple[Array, Array]:
    """Which sets each bootstrap sample draws, and the mean of the repeats drawn in each of them."""
    groups = [group.to_numpy() for _, group in apart.groupby(level="set")]
    rng = np.random.default_rng(0)
    sets = rng.integers(len(groups), size=(SAMPLES, len(groups)))
    drawn = np.empty(sets.shape)
    for k, group in enumerate(groups):
        here = np.nonzero(sets == k)
        drawn[here] = group[rng.integers(group.size, size=(here[0].size, group.size))].mean(axis=1)
    return sets, drawn


def mean_interval(apart: Series) -> tuple[float, float, float]:
    """Mean over sets of the means over repeats, with its interval; of one set that of its repeats."""
    if apart.empty:
        return np.nan, np.nan, np.nan
    apart = families(apart)
    means = set_means(apart)
    middle = float(means.mean())
    if 1 < len(means) < FEW:
        half = float(t.ppf(0.975, len(means) - 1) * means.sem())
        return middle, middle - half, middle + half
    low, high = np.quantile(cluster_samples(apart)[1].mean(axis=1), (0.025, 0.975)).tolist()
    return middle, low, high


def rank_correlation(apart: Series, other: Series) -> tuple[float, float, float]:
    """Spearman's, of the set means with a property of the sets, with its interval."""
    x = other.reindex(set_means(apart).index).to_numpy()
    y = set_means(apart).to_numpy()
    if np.unique(x).size < 3 or np.unique(y).size < 3:
        return np.nan, np.nan, np.nan
    sets, drawn = cluster_samples(apart)
    ranked = [rankdata(part, axis=1) for part in (x[sets], drawn)]
    one, other_one = (part - part.mean(axis=1, keepdims=True) for part in ranked)
    # Samples of one set drawn over and over have no order.
    with np.errstate(invalid="ignore"):
        found = (one * other_one).sum(axis=1) / np.sqrt((one**2).sum(axis=1) * (other_one**2).sum(axis=1))
    low, high = np.nanquantile(found, (0.025, 0.975)).tolist()
    return float(spearmanr(x, y).statistic), low, high


# ---------------------------------------------------------------------- wins and ranks
def verdicts(differences: pd.DataFrame, measure: str) -> Series:
    """+1 where the interval says better, -1 where worse, 0 where it holds 0."""
    sign = 1 if MEASURES[measure].larger else -1
    better = (differences["low"] > 0).astype(int) - (differences["high"] < 0).astype(int)
    return sign * better


def wins_ties_losses(differences: pd.DataFrame, measure: str) -> str:
    found = verdicts(differences[differences["measure"] == measure], measure)
    return " / ".join(str(int((found == sign).sum())) for sign in (1, 0, -1)) if len(found) else ""


def by_set(frame: pd.DataFrame, contenders: Sequence[str], measure: str, booster: str) -> pd.DataFrame:
    """Means over repeats, and over boosters, of the sets that have all: a row a set, a column a contender."""
    columns = {
        name: set_means(families(of_booster(values(frame, name, measure), booster))) for name in contenders
    }
    return pd.DataFrame({name: column for name, column in columns.items() if len(column)}).dropna()


def mean_ranks(table: pd.DataFrame, measure: str) -> Series:
    """1 is best; contenders that tie in a set share the mean of their ranks there."""
    return table.rank(axis=1, ascending=not MEASURES[measure].larger).mean()


def friedman(table: pd.DataFrame) -> float:
    """The p-value of equal ranks; NaN for less than three contenders or two sets."""
    if table.shape[1] < 3 or len(table) < 2:
        return float("nan")
    if (table.max(axis=1) == table.min(axis=1)).all():
        return 1.0
    return float(friedmanchisquare(*table.to_numpy().T).pvalue)


def critical_difference(n_contenders: int, n_sets: int) -> float:
    """Mean ranks further apart differ at 5 %: Nemenyi's test (Demsar 2006, section 3.2.2)."""
    if n_contenders < 2 or n_sets < 2:
        return float("nan")
    q = studentized_range.ppf(0.95, n_contenders, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(n_contenders * (n_contenders + 1) / (6 * n_sets)))


def signed_rank(differences: Series) -> float:
    """Wilcoxon's p-value over sets; a tie counts half each way (Demsar 2006, section 3.1.3)."""
    found = differences.to_numpy()
    if not found.size:
        return float("nan")
    return float(wilcoxon(found, zero_method="zsplit").pvalue) if found.any() else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted for as many tests (Holm, Scandinavian Journal of Statistics 6, 1979); NaN stays out."""
    p = np.asarray(p_values, float)
    tests = int(np.isfinite(p).sum())
    order = np.argsort(p)[:tests]
    adjusted = np.full(p.shape, np.nan)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * (tests - np.arange(tests))), 1.0)
    return [float(value) for value in adjusted]
