"""What `handbook.py`, `brfss.py` and `first_trees.py` share: the contenders, one training, files of results.

An `Arm` is a loss with its start and its largest step. A `Fitted` model gives its margins tree by tree, from
the leaves of the rows and the values of the leaves, so that XGBoost and LightGBM are looked at alike.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cached_property
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import lightgbm as lgb
import numpy as np
import pandas as pd
import xgboost as xgb
from numpy.typing import NDArray
from scipy.stats import t as student

import focalboost.lightgbm
import focalboost.xgboost
from focalboost import BinaryFocalLoss
from focalboost.calibration import binary_posterior_logit

Array = NDArray[Any]
Row = dict[str, Any]
BOOSTERS = ("XGBoost", "LightGBM")
# The booster's own parameters for a task of one thread that gives the same trees each time.
QUIET: dict[str, dict[str, Any]] = {
    "XGBoost": {"nthread": 1, "verbosity": 1},
    "LightGBM": {"num_threads": 1, "verbosity": -1, "deterministic": True, "force_row_wise": True},
}
# focalboost reads an init_score of nothing but zeros as none; LightGBM's predictions leave it out.
NEXT_TO_ZERO = 1e-12


class Arm(NamedTuple):
    """One contender."""

    name: str
    gamma: float | None = None  # None: the booster's own log loss
    zero: bool = False  # begun at probability 1/2; else at the log-odds, focal loss at its best constant
    params: tuple[tuple[str, Any], ...] = ()  # of the booster


LOG_ODDS = Arm("log loss, log-odds")
HALF = Arm("log loss, from 0.5", zero=True)
STEP_1 = Arm("log loss, max_delta_step 1", params=(("max_delta_step", 1.0),))
STEP_3 = Arm("log loss, max_delta_step 3", params=(("max_delta_step", 3.0),))


def focal(gamma: float, *, zero: bool = False) -> Arm:
    """Focal loss from its best constant or from margin 0."""
    return Arm(f"focal, gamma {gamma:g}" + (", from margin 0" if zero else ""), gamma, zero)


class Fitted:
    """A trained model, seen as the sum of its trees."""

    def __init__(self, booster: Any, arm: Arm, loss: BinaryFocalLoss) -> None:
        self.booster = booster
        self.gamma = arm.gamma
        self.zero = arm.zero
        self.loss = loss  # what the trees reduce; of gamma 0 for the booster's own log loss

    @cached_property
    def values(self) -> list[Array]:
        """Of each tree the values by number of the leaf, LightGBM's start not in them."""
        if isinstance(self.booster, xgb.Booster):
            return [_leaf_values(json.loads(tree)) for tree in self.booster.get_dump(dump_format="json")]
        sizes = [tree["num_leaves"] for tree in self.booster.dump_model()["tree_info"]]
        found = [
            np.array([self.booster.get_leaf_output(number, leaf) for leaf in range(size)])
            for number, size in enumerate(sizes)
        ]
        if not self.zero:  # LightGBM adds the start to the leaves of its first tree
            found[0] = found[0] - float(self.loss.start_margins()[0])
        return found

    def leaves(self, X: Array) -> Array:
        """Number of the leaf of each row in each tree, (n, n_trees)."""
        if isinstance(self.booster, xgb.Booster):
            found = self.booster.predict(self._matrix(X), pred_leaf=True)
        else:
            found = self.booster.predict(X, pred_leaf=True)
        return np.asarray(found).reshape(len(X), -1).astype(np.int32)

    def margin(self, X: Array) -> Array:
        """Of the whole model."""
        if isinstance(self.booster, xgb.Booster):
            return np.asarray(self.booster.predict(self._matrix(X), output_margin=True), float)
        return np.asarray(self.booster.predict(X, raw_score=True), float)

    def steps(self, leaves: Array) -> Array:
        """What each tree adds to each row, (n, n_trees)."""
        return np.column_stack([values[leaves[:, k]] for k, values in enumerate(self.values)])

    def start(self, X: Array) -> float:
        """The margin before the first tree."""
        row = X[:1]
        return float((self.margin(row) - self.steps(self.leaves(row)).sum(axis=1))[0])

    def log_odds(self, margin: Array) -> Array:
        """Of the probability: the closed-form posterior's, which for log loss is the margin."""
        return margin if self.gamma is None else binary_posterior_logit(margin, gamma=self.gamma)

    def _matrix(self, X: Array) -> xgb.DMatrix:
        base = np.zeros(len(X), np.float32) if self.zero and self.gamma is not None else None
        return xgb.DMatrix(X, base_margin=base, nthread=1)


def _leaf_values(tree: dict[str, Any]) -> Array:
    """Values of an XGBoost tree's leaves by number of the node, NaN for inner nodes."""
    found: dict[int, float] = {}
    nodes = [tree]
    while nodes:
        node = nodes.pop()
        found[node["nodeid"]] = node.get("leaf", np.nan)
        nodes += node.get("children", [])
    return np.array([found.get(number, np.nan) for number in range(max(found) + 1)])


def train(booster: str, arm: Arm, X: Array, y: Array, params: Mapping[str, Any], rounds: int) -> Fitted:
    """One training with one thread; `params` are the booster's own."""
    loss = BinaryFocalLoss(arm.gamma or 0.0, n_jobs=1).for_labels(y)
    asked = {**QUIET[booster], **params, **dict(arm.params)}
    start = np.full(len(y), NEXT_TO_ZERO) if arm.zero else None
    model: Any
    if arm.gamma is None:
        if booster == "XGBoost":
            asked |= {"objective": "binary:logistic"} | ({"base_score": 0.5} if arm.zero else {})
            model = xgb.train(asked, xgb.DMatrix(X, y, nthread=1), rounds)
        else:
            asked |= {"objective": "binary", "boost_from_average": not arm.zero}
            model = lgb.train(asked, lgb.Dataset(X, y), rounds)
    elif booster == "XGBoost":
        data = xgb.DMatrix(X, y, base_margin=None if start is None else np.zeros(len(y)), nthread=1)
        model = focalboost.xgboost.train(loss, asked, data, rounds, verbose_eval=False)
    else:
        model = focalboost.lightgbm.train(loss, asked, lgb.Dataset(X, y, init_score=start), rounds)
    return Fitted(model, arm, loss)


def log_loss(y: Array, log_odds: Array) -> float:
    """Of probabilities that are given by their log-odds, so that none is clipped."""
    return float(np.logaddexp(0.0, np.where(y == 1, -log_odds, log_odds)).mean())


# ---------------------------------------------------------------------- jobs and files of results
def run(function: Callable[..., list[Row]], jobs: Iterable[tuple[Any, ...]], path: Path, n_jobs: int) -> None:
    """Append what the function returns for each job to a CSV file, a job at a time."""
    if n_jobs == 1:
        for job in jobs:
            append(path, function(*job))
        return
    with ProcessPoolExecutor(n_jobs, mp_context=get_context("spawn")) as pool:
        for done in as_completed([pool.submit(function, *job) for job in jobs]):
            append(path, done.result())


def append(path: Path, rows: list[Row]) -> None:
    """Add the rows of one job to a CSV file."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        writer.writeheader()
    # Six digits: more would be noise that fills the repository.
    writer.writerows(
        {key: f"{value:.6g}" if isinstance(value, float) else value for key, value in row.items()}
        for row in rows
    )
    with path.open("a", encoding="utf-8") as file:
        file.write(text.getvalue())


def read(path: Path, job: Sequence[str], rows_of_job: int) -> pd.DataFrame:
    """The rows of whole jobs; those of a job that was cut off by a kill leave the file."""
    if not path.exists():
        return pd.DataFrame(columns=list(job))
    text = path.read_text(encoding="utf-8")
    frame = pd.read_csv(io.StringIO(text[: text.rindex("\n") + 1]))
    whole = frame[frame.groupby(list(job))[job[0]].transform("size") == rows_of_job]
    if len(whole) < len(frame) or not text.endswith("\n"):
        whole.to_csv(path, index=False)
    return whole


def missing(
    jobs: Iterable[tuple[Any, ...]], frame: pd.DataFrame, job: Sequence[str]
) -> list[tuple[Any, ...]]:
    """The jobs that the file does not have."""
    done = set(frame[list(job)].itertuples(index=False, name=None))
    return [found for found in jobs if found not in done]


def options(documentation: str | None, results: Path) -> argparse.ArgumentParser:
    """The command line that the three scripts share."""
    parser = argparse.ArgumentParser(
        description=documentation, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?", help="holds NAME.parquet; only needed to train")
    parser.add_argument("--tables", action="store_true", help="train nothing, print what RESULTS has")
    parser.add_argument("--results", type=Path, default=results, help="by default the committed ones")
    parser.add_argument("--jobs", type=int, default=1, help="processes, each of one thread")
    return parser


def folder_of(
    parser: argparse.ArgumentParser, arguments: argparse.Namespace, name: str | None = None
) -> Path | None:
    """The folder, None with --tables; an error where it, or NAME.parquet in it, is not there."""
    if arguments.tables:
        if not arguments.results.exists():
            parser.error(f"--results == {str(arguments.results)!r}, must be a file: run without --tables.")
        return None
    if arguments.folder is None:
        parser.error("folder is missing, must be given to train; --tables prints the committed results.")
    folder: Path = arguments.folder
    if not (folder / f"{name}.parquet").is_file() if name else not folder.is_dir():
        wanted = f"hold {name}.parquet; it does not" if name else "be a folder of NAME.parquet files"
        parser.error(f"folder == {str(folder)!r}, must {wanted}.")
    return folder


# ---------------------------------------------------------------------- intervals
def half_interval(values: Iterable[float], shared: float = 0.0) -> float:
    """Half a 95 % t-interval of a mean over splits.

    `shared`: test rows / training rows where the splits share rows, which widens it (variance times 1/n +
    shared: Nadeau and Bengio, "Inference for the generalization error", 2003).
    """
    found = np.fromiter(values, float)
    spread = (1 / found.size + shared) * found.var(ddof=1)
    return float(student.ppf(0.975, found.size - 1) * np.sqrt(spread))


def over_sets(values: Iterable[float], statistic: Any = np.median) -> tuple[float, float, float]:
    """A statistic over sets with its 95 % bootstrap interval (percentiles of 5,000 draws of sets)."""
    found = np.fromiter(values, float)
    draws = np.random.default_rng(0).integers(found.size, size=(5_000, found.size))
    low, high = np.quantile(statistic(found[draws], axis=1), (0.025, 0.975))
    return float(statistic(found)), float(low), float(high)
