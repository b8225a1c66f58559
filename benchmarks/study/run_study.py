"""What is focal loss worth on real data? First stage: search, train, predict.

    python benchmarks/study/run_study.py FOLDER RESULTS             search and predict; hours on 2 cores
    python benchmarks/study/run_study.py FOLDER RESULTS --ablation  then: focalboost's defaults, one by one
    python benchmarks/study/score.py RESULTS                        measures, into benchmarks/study/results/
    python benchmarks/study/study_tables.py                         tables
    python benchmarks/study/plot.py                                 pictures
    python benchmarks/study/rerun.py FOLDER RESULTS                 all of these

FOLDER has the sets of `sets.py` (those that are missing are left out, and named). A job is one set, booster
and repeat: all contenders (`contenders.py`) search with the same number of trials on the same folds of the
same training rows (`search.py`), nothing of the test rows is seen before the end. One job writes
RESULTS/main/SET-BOOSTER-REPEAT.npz with the predictions and .json with what was chosen; what is there is not
run again, so a killed study goes on with the same command. Jobs go repeat by repeat: stopped early, the study
is smaller, not lopsided. `--sets` and `--repeats` change its size.

CatBoost is not among the project's dependencies; without it, its jobs are left out.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
import time
from collections.abc import Iterator
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
# One thread a process: two libraries' pools on two cores wait for each other.
os.environ.update(OMP_NUM_THREADS="1", FOCALBOOST_NUM_THREADS="1")

import ablation  # noqa: E402
import contenders  # noqa: E402
import numpy as np  # noqa: E402
import optuna  # noqa: E402
import sets  # noqa: E402
from harness import environment  # noqa: E402
from search import search  # noqa: E402

BOOSTERS = ("xgboost", "lightgbm", "catboost")
TRIALS = {"binary": 16, "multiclass": 10, "multilabel": 10}
REPEATS = 2


class Job(NamedTuple):
    """One set, booster and repeat."""

    folder: Path
    results: Path
    name: str
    booster: str
    repeat: int
    trials: int
    ablation: bool

    @property
    def path(self) -> Path:
        """Of its results, without a suffix."""
        stage = "ablation" if self.ablation else "main"
        return self.results / stage / f"{self.name}-{self.booster}-{self.repeat}"

    def done(self) -> bool:
        """The record is written last."""
        return self.path.with_suffix(".json").exists()


def run(job: Job) -> str:
    """All contenders of one job."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    began = time.perf_counter()
    table = sets.load(job.folder, job.name)
    train, test = table.split(job.repeat)
    arrays, said = (_ablated if job.ablation else _compared)(job, table, train, test)
    y = table.y
    rare = np.bincount(y).argmin() if y.ndim == 1 else y.sum(axis=0).argmin()
    positive = y == rare if y.ndim == 1 else y[:, rare] == 1
    settings: dict[str, Any] = {"trials": job.trials, "rounds": contenders.STAGES[-1], "folds": sets.FOLDS}
    if job.ablation:
        settings = {
            "rounds": ablation.ROUNDS, "patience": ablation.PATIENCE, "validation": ablation.VALIDATION
        }  # fmt: skip
    record = {
        "set": job.name, "task": table.source.task, "booster": job.booster, "repeat": job.repeat,
        "split": "time" if table.source.ordered else "random", "rows": [len(train), len(test)],
        "positives": [int(positive[train].sum()), int(positive[test].sum())],
        "imbalance_ratio": _imbalance_ratio(y), "features": table.X.shape[1],
        "simulated": table.source.simulated, "contenders": said, "environment": environment(),
        "settings": {**settings, "test": sets.TEST},
    }  # fmt: skip
    job.path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(job.path.with_suffix(".npz"), y=y[test], **arrays)
    job.path.with_suffix(".json").write_text(json.dumps(record, indent=1), encoding="utf-8")
    return f"{job.path.name}: {time.perf_counter() - began:.0f} s"


def _imbalance_ratio(y: sets.Array) -> float:
    """Rows of the most frequent class for one of the rarest; of labels, the worst one."""
    if y.ndim == 1:
        counts = np.bincount(y)
        return float(counts.max() / counts.min())
    counts = y.sum(axis=0)
    return float((np.maximum(counts, len(y) - counts) / np.minimum(counts, len(y) - counts)).max())


def _compared(job: Job, table: sets.Table, train: sets.Array, test: sets.Array) -> tuple[Any, Any]:
    arrays: dict[str, sets.Array] = {}
    said: dict[str, Any] = {}
    defaults = contenders.DEFAULTS[job.booster]
    for name in contenders.contenders(job.booster, table.source.task):
        p, y_folds, p_folds, said[name] = search(
            table, job.booster, name, train, test, trials=job.trials, repeat=job.repeat
        )
        arrays[f"p:{name}"] = p
        if table.source.task == "binary":
            arrays["oof_y"], arrays[f"oof:{name}"] = y_folds, p_folds
    # Not tuned at all; 100 rounds is the default of XGBoost's and LightGBM's classifiers.
    began = time.perf_counter()
    X, y = table.X[train], table.y[train]
    model = contenders.fit(job.booster, contenders.LOG_LOSS, defaults, X, y, rounds=100, seed=job.repeat)
    (arrays["p:defaults"],) = contenders.staged(job.booster, model, table.X[test], (100,))
    said["defaults"] = {
        "params": defaults, "rounds": 100, "score": None, "seconds": time.perf_counter() - began
    }  # fmt: skip
    return arrays, said


def _ablated(job: Job, table: sets.Table, train: sets.Array, test: sets.Array) -> tuple[Any, Any]:
    main = job._replace(ablation=False).path.with_suffix(".json")
    tuned = json.loads(main.read_text(encoding="utf-8"))["contenders"][contenders.LOG_LOSS]["params"]
    settings = {"defaults": contenders.DEFAULTS[job.booster], "tuned": tuned}
    return ablation.variants(table, job.booster, settings, train, test, seed=job.repeat)


def jobs(settings: argparse.Namespace) -> Iterator[Job]:
    """What is to be run, repeat by repeat, the long ones of a repeat first."""
    there = [name for name in settings.sets if sets.available(settings.folder, name)]
    for name in settings.sets:
        if name not in there:
            print(f"{name}: left out, {sets.SETS[name].file}.parquet is not in {settings.folder}")
    boosters = [booster for booster in BOOSTERS if importlib.util.find_spec(booster) is not None]
    for booster in sorted(set(BOOSTERS) - set(boosters)):
        print(f"{booster}: left out, it is not installed")
    for repeat, name, booster in product(range(settings.repeats), there, boosters):
        task = sets.SETS[name].task
        if not contenders.contenders(booster, task):
            continue
        job = Job(
            settings.folder, settings.results, name, booster, repeat, settings.trials or TRIALS[task],
            settings.ablation,
        )  # fmt: skip
        if settings.ablation and (task != "binary" or booster == "catboost"):
            continue
        if settings.ablation and not job._replace(ablation=False).done():
            print(f"{job.path.name}: left out, its search has not run")
        elif not job.done():
            yield job


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("--ablation", action="store_true")
    parser.add_argument("--sets", nargs="+", choices=list(sets.SETS), default=list(sets.SETS), metavar="SET")
    parser.add_argument("--repeats", type=int, choices=range(1, len(sets.ORIGINS) + 1), default=REPEATS)
    parser.add_argument("--trials", type=int, help=f"of each search; {TRIALS}")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    return parser.parse_args()


def main() -> None:
    """Run what is missing."""
    settings = arguments()
    todo = list(jobs(settings))
    began = time.perf_counter()
    failed = 0
    with get_context("spawn").Pool(settings.processes, maxtasksperchild=8) as pool:
        running = [pool.apply_async(run, (job,)) for job in todo]
        for number, (job, result) in enumerate(zip(todo, running, strict=True), 1):
            try:
                line = result.get()
            except Exception as error:  # noqa: BLE001  # one job must not end the others
                failed += 1
                line = f"{job.path.name}: FAILED: {type(error).__name__}: {error}"
            print(f"{number}/{len(todo)}, {time.perf_counter() - began:.0f} s: {line}", flush=True)
    if failed:
        raise SystemExit(f"{failed} of {len(todo)} jobs failed: the same command tries them again.")


if __name__ == "__main__":
    main()
