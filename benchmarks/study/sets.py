"""The tables of the study: which there are, how each is read, thinned out and split.

A folder holds NAME.parquet, target in the last column (several columns `target_*` for several labels a row).
Rows are thinned out to keep the study within hours: at random, each class in proportion (`LIMIT`). Categories
are given as the numbers of their levels, to all contenders alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import StratifiedKFold, StratifiedShuffleSplit, TimeSeriesSplit

Array = NDArray[Any]

# Rows at most. A binary set has more, up to MOST, until RARE of them are positive: with 20 of them in a test
# part nothing can be seen.
LIMIT = {"binary": 12_000, "multiclass": 5_000, "multilabel": 5_000}
MOST, RARE = 50_000, 200
# A class of fewer rows cannot be in three folds of a training part and in the test part.
FEWEST = 15
TEST, FOLDS = 0.3, 3
# Time: training on all that is before, at these shares of the rows, testing on the next 30 %.
ORIGINS = (0.7, 0.6, 0.5)


class Source(NamedTuple):
    """How a file is read."""

    task: str
    file: str = ""
    positive: tuple[int, ...] = ()  # a binary set made of a multi-class one: these classes against the rest
    ordered: bool = False  # rows are in time
    dropped: tuple[str, ...] = ()
    simulated: bool = False


SETS = {
    # Frauds, credit, marketing. `Time` and `step` number the rows; `duration` is known after the call only;
    # salesman and product have thousands of levels; `isFlaggedFraud` is set on frauds only.
    "ulb_card_fraud": Source("binary", "fraud_ulb_sample", ordered=True, dropped=("Time",)),
    "sales_fraud": Source("binary", "fraud_dmwr_sales", dropped=("ID", "Prod")),
    "paysim": Source(
        "binary", "fraud_paysim_natural50k", ordered=True, dropped=("step", "isFlaggedFraud"), simulated=True
    ),
    "polish_bankruptcy": Source("binary", "credit_polish_bankruptcy_1y"),
    "taiwan_credit": Source("binary", "credit_taiwan"),
    "bank_marketing": Source("binary", "bank_marketing_additional", ordered=True, dropped=("duration",)),
    "churn": Source("binary", "churn"),
    "coil_2000": Source("binary", "imb_coil_2000"),
    # Benchmarks of imbalanced learning and of outlier detection.
    "celeba_bald": Source("binary", "adb_celeba"),
    "cover": Source("binary", "adb_cover"),
    "letter_z": Source("binary", "imb_letter_img"),
    "oil_spill": Source("binary", "imb_oil"),
    "satimage_4": Source("binary", "imb_satimage"),
    "wine_low": Source("binary", "imb_wine_quality"),
    "wine_3_7": Source("binary", "keel_winequality-white-3_vs_7"),
    "yeast_me2": Source("binary", "imb_yeast_me2"),
    "yeast_exc": Source("binary", "keel_yeast6"),
    # One or two classes of a multi-class set against the rest.
    "fars_7": Source("binary", "fars", positive=(7,)),
    "shuttle_2": Source("binary", "shuttle", positive=(2,)),
    "glass_2": Source("binary", "glass", positive=(2,)),
    "wine_high": Source("binary", "wine_quality_white", positive=(5, 6)),
    "yeast_me3": Source("binary", "yeast", positive=(5,)),
    # Ships with scikit-learn: 42 malignant tumours, the first 170 left out.
    "breast_cancer": Source("binary"),
    "fars": Source("multiclass", "fars"),
    "glass": Source("multiclass", "glass"),
    "satimage": Source("multiclass", "satimage"),
    "shuttle": Source("multiclass", "shuttle"),
    "wine_quality": Source("multiclass", "wine_quality_white"),
    "yeast": Source("multiclass", "yeast"),
    "machine_failure": Source("multilabel", "ml_ai4i2020", simulated=True),
    "birds": Source("multilabel", "ml_birds"),
    "emotions": Source("multilabel", "ml_emotions"),
}
# Not in the study, which was run before they were there; `defaults.py` and `starts.py` have them. The ids and
# times of the Handbook's transactions number rows.
MORE = {
    "handbook": Source(
        "binary",
        "fraud_handbook_6w",
        ordered=True,
        dropped=("day", "seconds", "customer", "terminal"),
        simulated=True,
    ),
    "brfss": Source("binary", "health_brfss_diabetes"),
}
ALL = {**SETS, **MORE}


class Table(NamedTuple):
    """One set, ready for training."""

    name: str
    source: Source
    X: Array  # (n, n_features), float32; NaN is missing
    y: Array  # (n,) codes, or (n, n_labels) of 0 and 1

    @property
    def strata(self) -> Array:
        """The class of each row; of several labels the rarest one that the row has."""
        if self.y.ndim == 1:
            return self.y
        order = np.argsort(self.y.sum(axis=0))
        first = self.y[:, order].argmax(axis=1) + 1
        return np.where(self.y.any(axis=1), first, 0)

    def split(self, repeat: int) -> tuple[Array, Array]:
        """Row numbers for training and for testing: other random rows, or another day, each repeat."""
        n = len(self.y)
        if self.source.ordered:
            origin = round(ORIGINS[repeat] * n)
            return np.arange(origin), np.arange(origin, min(n, origin + round(TEST * n)))
        splitter = StratifiedShuffleSplit(1, test_size=TEST, random_state=repeat)
        train, test = next(splitter.split(self.X, self.strata))
        return np.sort(train), np.sort(test)

    def folds(self, rows: Array, repeat: int) -> list[tuple[Array, Array]]:
        """Of the training rows, the same for all contenders."""
        if self.source.ordered:
            found: Iterator[tuple[Array, Array]] = TimeSeriesSplit(FOLDS).split(rows)
        else:
            found = StratifiedKFold(FOLDS, shuffle=True, random_state=repeat).split(rows, self.strata[rows])
        return [(rows[train], rows[test]) for train, test in found]


def load(folder: Path, name: str, *, whole: bool = False) -> Table:
    """Read a set, leave out classes of fewer than FEWEST rows, thin it out unless it is wanted `whole`."""
    source = ALL[name]
    if not source.file:
        X, target = load_breast_cancer(return_X_y=True)
        rows = np.r_[np.flatnonzero(target == 0)[170:], np.flatnonzero(target == 1)]
        return Table(name, source, X[rows].astype(np.float32), (target[rows] == 0).astype(np.int8))
    frame = pd.read_parquet(folder / f"{source.file}.parquet").drop(columns=list(source.dropped))
    labels = [column for column in frame if str(column).startswith("target")]
    y = frame[labels].to_numpy()
    frame = frame.drop(columns=labels)
    for column in frame.select_dtypes("category"):
        codes = frame[column].cat.codes
        frame[column] = codes.where(codes >= 0)
    X = frame.to_numpy(np.float32)
    if source.task == "multilabel":
        y = y[:, y.sum(axis=0) >= FEWEST]
    elif source.positive:
        y = np.isin(y[:, 0], source.positive).astype(np.int8)
    else:
        y = y[:, 0]
        classes, counts = np.unique(y, return_counts=True)
        kept = np.isin(y, classes[counts >= FEWEST])
        X, y = X[kept], np.searchsorted(classes[counts >= FEWEST], y[kept])
    table = Table(name, source, X, y)
    return table if whole else _thinned(table)


def _thinned(table: Table) -> Table:
    """At most LIMIT rows, each class in proportion but with FEWEST rows at least, in their order."""
    n = len(table.y)
    limit = LIMIT[table.source.task]
    if table.source.task == "binary":
        limit = min(MOST, max(limit, int(np.ceil(RARE / table.y.mean()))))
    if n <= limit:
        return table
    rng = np.random.default_rng(0)
    strata = table.strata
    rows = []
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        size = max(round(len(members) * limit / n), min(FEWEST, len(members)))
        rows.append(rng.choice(members, size, replace=False))
    chosen = np.sort(np.concatenate(rows))
    return table._replace(X=table.X[chosen], y=table.y[chosen])


def available(folder: Path, name: str) -> bool:
    """Whether a set can be read."""
    return not ALL[name].file or (folder / f"{ALL[name].file}.parquet").exists()
