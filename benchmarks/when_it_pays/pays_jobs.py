"""The five places where focal loss could pay: rows, candidates, and what is written of each job."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import sets
from pays_arms import DEFAULT, LOG_LOSS, SIDES, Array, Candidate, Rows, Trees, best
from sets import Table
from sklearn.model_selection import train_test_split

from focalboost.datasets import load_table, make_transactions

FIELDS = (
    "part", "set", "booster", "repeat", "setting", "unit", "positives", "default", "log_loss", "focal",
    "work_default", "work_log_loss", "work_focal", "by_default", "by_log_loss", "by_focal",
)  # fmt: skip
FEW_TREES, NOISE, RARE, LABELS, SAMPLING = "few trees", "label noise", "easy negatives", "labels", "sampling"
WORK = "work at equal average precision"

# With fewer than 100 positive rows a set says nothing about .005; of sets that share rows one is taken.
REAL = (
    "ulb_card_fraud", "sales_fraud", "polish_bankruptcy", "taiwan_credit", "bank_marketing", "churn",
    "coil_2000", "celeba_bald", "cover", "letter_z", "satimage_4", "wine_low", "yeast_me3", "fars_7", "brfss",
)  # fmt: skip
BINARY = (*REAL, "handbook")
SEVERAL = ("machine_failure", "birds", "emotions")
SIMULATOR, PAYSIM = "simulator", "fraud_paysim_sample"
VALIDATION = 0.3
MOST_TRAIN, MOST_VALID, MOST_TEST = 20_000, 20_000, 60_000

TREES, DEPTHS, RATES = (3, 5, 10, 20, 40), (2, 3, 4), (0.1, 0.3, 0.6, 1.0, 1.5)
# Share of the negative rows called positive, and of the positive rows called negative.
NOISES = {
    "no noise": (0.0, 0.0),
    "1 % of negatives called positive": (0.01, 0.0),
    "5 % of negatives called positive": (0.05, 0.0),
    "10 % of positives missed": (0.0, 0.1),
    "30 % of positives missed": (0.0, 0.3),
    "50 % of positives missed": (0.0, 0.5),
}
USUAL: dict[str, Any] = {"rates": (0.2,), "stages": (5, 10, 20, 40, 60), "depth": 4}
OF_LABELS: dict[str, Any] = {"rates": (0.1, 0.3), "stages": (5, 10, 20, 40, 60), "depth": 3}
RATIOS = (1000, 5000)
# A draw of PaySim at 1 : 1,000 has 39 frauds to train on and 19 to choose by.
SIMULATED_ROWS, HELD = 200_000, 60
DRAWS = {SIMULATOR: 6, PAYSIM: 12}
RARE_LABEL = 0.1
SHARES, SAMPLED_RATE, SAMPLED_DEPTH = (0.3, 0.15, 0.05), 0.3, 4
SAMPLED_STAGES = (5, 10, 15, 20, 30, 40, 60)
EQUAL = 0.005


class Job(NamedTuple):
    """What is run in one go, and written together."""

    part: str
    name: str
    booster: str
    repeat: int
    folder: Path
    rows: int = SIMULATED_ROWS

    @property
    def key(self) -> tuple[str, str, str, str]:
        """As it stands in the results."""
        return self.part, self.name, self.booster, str(self.repeat)


class Parts(NamedTuple):
    """Rows to train on, to choose by, to judge by."""

    train: Rows
    valid: Rows
    test: Rows

    def trees(self, job: Job) -> Trees:
        return Trees(job.booster, self.train.X, self.train.y, job.repeat)


def run(job: Job) -> list[dict[str, Any]]:
    """The rows of one job, as they stand in the results."""
    of_job = dict(zip(FIELDS, (job.part, job.name, job.booster, job.repeat), strict=False))
    return [{**of_job, "unit": "", **row} for row in PARTS[job.part](job)]


# ---------------------------------------------------------------------- rows
def split(table: Table, repeat: int) -> Parts:
    """30 % to judge by, 30 % of the others to choose by; where rows are in time, later ones each."""
    train, test = table.split(repeat)
    ordered = table.source.ordered
    counts = np.bincount(table.strata[train])
    # The rarest label of a row may be that of one row only, which cannot be in both parts.
    strata = np.where(counts[table.strata[train]] > 1, table.strata[train], 0)
    inner, outer = train_test_split(
        train, test_size=VALIDATION, shuffle=not ordered, stratify=None if ordered else strata,
        random_state=None if ordered else repeat,
    )  # fmt: skip
    parts = ((inner, MOST_TRAIN), (outer, MOST_VALID), (test, MOST_TEST))
    return Parts(*(_rows(table, thinned(table, rows, most, repeat)) for rows, most in parts))


def thinned(table: Table, rows: Array, most: int, repeat: int) -> Array:
    """At most so many, each class in proportion."""
    if len(rows) <= most:
        return rows
    kept, _ = train_test_split(rows, train_size=most, stratify=table.strata[rows], random_state=repeat)
    return np.sort(kept)


def _rows(table: Table, rows: Array) -> Rows:
    return Rows(table.X[rows], table.y[rows].astype(np.float32))


def noisy(rows: Rows, shares: tuple[float, float], rng: np.random.Generator) -> Rows:
    """Labels turned over: a share of the negative rows, a share of the positive ones."""
    turned = rng.random(len(rows.y)) < np.where(rows.y == 1, shares[1], shares[0])
    return rows._replace(y=np.where(turned, 1 - rows.y, rows.y).astype(np.float32))


def simulated(ratio: int, repeat: int, n: int) -> Parts:
    """Three logs of their own; the one to judge by has 1 : 100, and weights that restore the ratio."""

    def log(part: int, n: int, ratio: int) -> tuple[Array, Array]:
        found = make_transactions(n, imbalance_ratio=ratio, label_noise=0.0, random_state=10 * repeat + part)
        return found.data, found.target.astype(np.float32)

    X, y = log(2, n // 2, 100)
    weight = np.where(y == 1, 100 / ratio, 1.0)
    return Parts(Rows(*log(0, n, ratio)), Rows(*log(1, n, ratio)), Rows(X, y, weight))


def drawn(folder: Path, ratio: int, repeat: int) -> Parts:
    """PaySim's negative rows in three parts, with as many frauds as the ratio allows.

    No fraud is trained on or chosen by in two draws; all others, some 7,500, are to judge by, with weights
    that restore the ratio.
    """
    table = load_table(folder / f"{PAYSIM}.parquet", "target", time="step")
    # isFlaggedFraud is set on frauds only.
    X = np.delete(table.data, table.feature_names.index("isFlaggedFraud"), axis=1)
    y = table.target.astype(np.float32)
    frauds = np.random.default_rng(0).permutation(np.flatnonzero(y == 1))
    negatives = np.random.default_rng(repeat + 1).permutation(np.flatnonzero(y == 0))
    inner, outer, rest = np.split(negatives, [len(negatives) // 2, len(negatives) * 3 // 4])
    own = frauds[HELD * repeat : HELD * (repeat + 1)]
    n_inner, n_outer = (max(round(len(rows) / ratio), 1) for rows in (inner, outer))
    train = np.concatenate([inner, own[:n_inner]])
    valid = np.concatenate([outer, own[n_inner : n_inner + n_outer]])
    others = frauds[HELD * DRAWS[PAYSIM] :]
    test = np.concatenate([rest, others])
    weight = np.where(y[test] == 1, len(rest) / ratio / len(others), 1.0)
    return Parts(Rows(X[train], y[train]), Rows(X[valid], y[valid]), Rows(X[test], y[test], weight))


# ---------------------------------------------------------------------- the five parts
def compared(setting: str, found: Mapping[str, Candidate], test: Rows) -> dict[str, Any]:
    """A row of the results: three models that were chosen, judged."""
    row: dict[str, Any] = {"setting": setting, "positives": int(test.y.sum())}
    for side, candidate in found.items():
        row[side] = float(np.nanmean(candidate.judged(test)))
        row |= {f"work_{side}": candidate.work, f"by_{side}": candidate.label}
    return row


def chosen(candidates: Mapping[str, Iterable[Candidate]]) -> dict[str, Candidate]:
    """The best of each side, and of log loss as the boosters start it."""
    default = [candidate for candidate in candidates["log_loss"] if candidate.way == DEFAULT]
    return {"default": best(default), **{side: best(found) for side, found in candidates.items()}}


def both(trees: Trees, valid: Rows, **settings: Any) -> dict[str, list[Candidate]]:
    """The candidates of both sides: as many of each."""
    return {side: trees.candidates(ways, valid, **settings) for side, ways in SIDES.items()}


def few_trees(job: Job) -> Iterator[dict[str, Any]]:
    """A choice for each depth and number of trees."""
    parts = split(sets.load(job.folder, job.name, whole=True), job.repeat)
    trees = parts.trees(job)
    for depth in DEPTHS:
        candidates = both(trees, parts.valid, rates=RATES, stages=TREES, depth=depth)
        for n in TREES:
            of_stage = {side: [c for c in found if c.rounds == n] for side, found in candidates.items()}
            yield compared(f"depth {depth}, {n} trees", chosen(of_stage), parts.test)


def label_noise(job: Job) -> Iterator[dict[str, Any]]:
    """Noise in the rows to train on and to choose by, none in those to judge by."""
    parts = split(sets.load(job.folder, job.name, whole=True), job.repeat)
    for number, (setting, shares) in enumerate(NOISES.items()):
        rng = np.random.default_rng([job.repeat, number])
        found = Parts(noisy(parts.train, shares, rng), noisy(parts.valid, shares, rng), parts.test)
        yield compared(setting, chosen(both(found.trees(job), found.valid, **USUAL)), parts.test)


def easy_negatives(job: Job) -> Iterator[dict[str, Any]]:
    """Another log, or other frauds, each repeat."""
    for ratio in RATIOS:
        if job.name == SIMULATOR:
            parts = simulated(ratio, job.repeat, job.rows)
        else:
            parts = drawn(job.folder, ratio, job.repeat)
        row = compared(f"1 : {ratio:,}", chosen(both(parts.trees(job), parts.valid, **USUAL)), parts.test)
        yield {**row, "unit": f"draw {job.repeat}"}


def labels(job: Job) -> Iterator[dict[str, Any]]:
    """One model for all labels, chosen by the mean over them; a row a label."""
    table = sets.load(job.folder, job.name, whole=True)
    parts = split(table, job.repeat)
    found = chosen(both(parts.trees(job), parts.valid, **OF_LABELS))
    judged = {side: candidate.judged(parts.test) for side, candidate in found.items()}
    for k, rate in enumerate(table.y.mean(axis=0)):
        positives = int(parts.test.y[:, k].sum())
        if positives:
            yield {
                "setting": "rare label" if rate < RARE_LABEL else "other label", "unit": f"label {k}",
                "positives": positives,
                **{side: float(values[k]) for side, values in judged.items()},
                **{f"work_{side}": candidate.work for side, candidate in found.items()},
                **{f"by_{side}": candidate.label for side, candidate in found.items()},
            }  # fmt: skip


def sampling(job: Job) -> Iterator[dict[str, Any]]:
    """Average precision with each share of the rows, and the least work that reaches that of all rows."""
    parts = split(sets.load(job.folder, job.name, whole=True), job.repeat)
    trees = parts.trees(job)
    settings: dict[str, Any] = {
        "rates": (SAMPLED_RATE,), "stages": SAMPLED_STAGES, "depth": SAMPLED_DEPTH
    }  # fmt: skip
    whole = best(trees.candidates(LOG_LOSS, parts.valid, **settings))
    least = dict.fromkeys(("default", *SIDES), whole)
    for share in SHARES:
        candidates = both(trees, parts.valid, share=share, **settings)
        found = chosen(candidates)
        yield compared(f"{100 * share:g} % of the rows", found, parts.test)
        for side, of_side in candidates.items():
            enough = [c for c in of_side if c.precision >= whole.precision - EQUAL]
            least[side] = min([least[side], *enough], key=lambda candidate: candidate.work)
    yield compared(WORK, least, parts.test)


PARTS = {FEW_TREES: few_trees, NOISE: label_noise, RARE: easy_negatives, LABELS: labels, SAMPLING: sampling}
