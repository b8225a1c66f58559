"""What a table's columns give away before any training: ids, codes by the thousand, leaks, copies."""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Floats: TypeAlias = NDArray[np.float64]
Matrix: TypeAlias = NDArray[np.float32]
Labels: TypeAlias = NDArray[np.int8]
Integers: TypeAlias = NDArray[np.int64]

LEAKAGE_AUC = 0.98
OWN_VALUE_SHARE = 0.95  # distinct values per row from which a column is one of ids
MANY_CODES = 255  # bins of a histogram: XGBoost's default is 256, LightGBM's 255
FEW_VALUES = 50  # in so few rows each may well have a value of its own
EXACT = 2**24  # float32 holds all whole numbers up to here
MOST_ROWS = 20_000  # of each class, for the AUC: at .98 its standard error is below .001
FEWEST_POSITIVES = 10  # for an AUC that says anything
N_BINS = 64
# Words in names: the first are ids in any column, the others where there are many values.
ID_WORDS = frozenset(["guid", "hash", "iban", "id", "ids", "pan", "rowid", "ssn", "uid", "uuid"])
OWNER_WORDS = frozenset(
    [
        *("account", "card", "client", "customer", "dest", "device", "email", "id", "ip", "key", "merchant"),
        *("nr", "number", "orig", "phone", "terminal", "user"),
    ]
)

# What is measured of an owner, as in id_count, customer_age.
MEASURED_WORDS = frozenset(
    [
        *("age", "amount", "avg", "balance", "calls", "count", "days", "earlier", "hours", "mean", "n", "nb"),
        *("num", "rate", "ratio", "risk", "rows", "score", "since", "sum", "total", "window"),
    ]
)


def column_warnings(
    name: str, values: Floats, used_as: str, kind: str, n_distinct: int, auc: float | None
) -> list[str]:
    """Of one feature; `values` are in float64, as a booster would be given them but for rounding."""
    n_missing = int(np.isnan(values).sum())
    n_known = values.size - n_missing
    if n_known == 0:
        return ["no value in any row"]
    if n_distinct == 1:
        return [f"one value, or none in {n_missing:,} rows" if n_missing else "the same value in every row"]
    found = []
    whole = used_as == "number" and kind != "bool" and bool(np.all(np.mod(values[~np.isnan(values)], 1) == 0))
    coded = used_as == "category"
    words = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]
    owned = bool(OWNER_WORDS & set(words[:1] + words[-1:])) and not MEASURED_WORDS & set(words)
    if (whole or coded) and n_known >= FEW_VALUES and n_distinct >= OWN_VALUE_SHARE * n_known:
        found.append(
            f"{n_distinct:,} values in {n_known:,} rows: an id? A model learns rows by heart from one"
        )
    elif ID_WORDS & set(words[-1:]) or (owned and n_distinct > MANY_CODES and (whole or coded)):
        found.append("by its name an id: a model learns whom it knows, and nothing of those who come")
    if coded and n_distinct > MANY_CODES:
        found.append(
            f"{n_distinct:,} categories as codes in their order: neighbours share a bin; group them, or "
            "count what happened to each before"
        )
    if kind.startswith("decimal") or (whole and np.nanmax(np.abs(values)) >= EXACT):
        left = int(np.unique(values[~np.isnan(values)].astype(np.float32)).size)
        if left < (n_distinct if whole else 0.99 * n_distinct):  # a few cents in a million do no harm
            found.append(
                f"{n_distinct:,} values, of which float32, all that XGBoost stores, tells {left:,} apart"
                + (f": whole numbers are exact to {EXACT:,}" if whole else "")
            )
    dates = date_numbers(name, values) if whole else None
    if dates is not None:
        found.append(dates)
    if auc is not None and auc > LEAKAGE_AUC:
        found.append(f"tells the classes apart alone (AUC {auc:.3f}): known only afterwards?")
    return found


def date_numbers(name: str, values: Floats) -> str | None:
    """A warning if all numbers are days as in 20240131."""
    numbers = values[~np.isnan(values)]
    if numbers.size == 0 or numbers.min() < 19_000_101 or numbers.max() > 21_001_231:
        return None
    months, days = np.divmod(numbers % 10_000, 100)
    are_dates = (months >= 1) & (months <= 12) & (days >= 1) & (days <= 31)
    if not are_dates.all() or np.any(numbers % 1):
        return None
    low, high = int(numbers.min()), int(numbers.max())
    return f"looks like dates, {low} to {high}: dates={{{name!r}: '%Y%m%d'}} reads them as such"


def identical_columns(data: Matrix) -> dict[int, int]:
    """For each column that repeats an earlier one in every row, which that is."""
    first: dict[bytes, int] = {}
    found = {}
    for place in range(data.shape[1]):
        column = np.where(np.isnan(data[:, place]), np.float32(np.nan), data[:, place])  # one kind of NaN
        column += np.float32(0.0)  # and one of zero
        same = first.setdefault(blake2b(column.tobytes()).digest(), place)
        if same != place:
            found[place] = same
    return found


class SingleAUC:
    """The area under the ROC curve that one column alone reaches, whichever way it points."""

    def __init__(self, target: Labels) -> None:
        rng = np.random.default_rng(0)
        parts = [np.flatnonzero(target == label) for label in (0, 1)]
        parts = [rng.permutation(rows)[:MOST_ROWS] for rows in parts]
        self.enough = min(rows.size for rows in parts) >= FEWEST_POSITIVES
        self.rows = np.concatenate(parts)
        self.target = np.repeat([0, 1], [rows.size for rows in parts])
        self.half = np.concatenate([np.arange(rows.size) % 2 for rows in parts])

    def __call__(self, values: Floats, *, coded: bool) -> float | None:
        """The best of: the values as they are, and the share of positives by bin, learned on other rows."""
        if not self.enough:
            return None
        chosen = values[self.rows]
        missing = np.isnan(chosen)
        areas: list[float] = []
        if coded:
            place = np.unique(np.where(missing, -1, chosen), return_inverse=True)[1]
        else:
            ends = (-np.inf, np.inf) if missing.any() else (0.0,)
            ranked = [auc(np.where(missing, end, chosen), self.target) for end in ends]
            areas += [max(area, 1.0 - area) for area in ranked]
            if missing.all():
                return 0.5
            edges = np.unique(np.quantile(chosen[~missing], np.linspace(0, 1, N_BINS + 1)))
            place = np.where(missing, N_BINS + 2, np.searchsorted(edges, chosen))
        halves = [self._learned(place, self.half == k) for k in range(2)]
        return max([*areas, sum(halves) / 2])

    def _learned(self, place: Integers, judged: NDArray[np.bool_]) -> float:
        size, y = int(place.max()) + 1, self.target[~judged]
        rows = np.bincount(place[~judged], minlength=size)
        positive = np.bincount(place[~judged], y, minlength=size)
        rate = (positive + y.mean()) / (rows + 1)
        return auc(rate[place[judged]], self.target[judged])


def auc(score: Floats, target: NDArray[Any]) -> float:
    """By ranks, which takes infinite scores too."""
    ranks = rankdata(score)
    positive = target == 1
    n = int(positive.sum())
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * (target.size - n)))
