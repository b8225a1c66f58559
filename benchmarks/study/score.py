"""Scores the predictions that `run_study.py` left: `score.py RESULTS`.

RESULTS/main and RESULTS/ablation hold SET-BOOSTER-REPEAT.npz, with the probabilities of the test rows, and
the .json beside it. Written, in `results/` beside this script or in `--out`:

main.parquet, ablation.parquet   task, set, booster, repeat, contender, measure, value (`measures.py`)
differences.parquet              contender - baseline of each set and booster, with an interval
jobs.parquet                     what each study of a contender chose and took, and what its rows were
study.json                       settings, and the environment of one job

Intervals are 95 %, of 1,000 bootstrap samples: rows for testing are drawn within each repeat and class, the
same for both contenders, and repeats are drawn anew too, because rows of random splits come back in other
repeats and are not as many rows as they seem. `main` contenders are compared with log loss, and focal loss
with "focal 0", that is with gamma 0, too; variants of the ablation with "base", those of gamma 0 with
"gamma 0".
"""

from __future__ import annotations

import json
import zlib
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from itertools import groupby, product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from measures import Array, judged, learn, one_hot, scores
from resampling import resample, resampled, strata
from threadpoolctl import threadpool_limits

HERE = Path(__file__).resolve().parent
STUDIES = ("main", "ablation")
SAMPLES = 1000
CELLS = 30_000  # rows times samples at a time: what they need stays in the cache
VALUES = ["task", "set", "booster", "repeat", "contender", "measure", "value"]
DIFFERENCES = [
    "study", "set", "booster", "contender", "baseline", "measure", "difference", "low", "high"
]  # fmt: skip
Job = dict[str, Any]


def baselines(study: str, contender: str, names: list[str]) -> list[str]:
    """What a contender is compared with, of those that there are."""
    if study == "main":
        wanted = ["log loss", "focal 0"] if contender == "focal" else ["log loss"]
    else:
        setting, _, variant = contender.partition(": ")
        wanted = [f"{setting}: {'gamma 0' if variant.startswith('gamma 0 ') else 'base'}"]
    return [name for name in wanted if name in names and name != contender]


def read_jobs(folder: Path) -> list[Job]:
    """The .json of each job that has predictions too, with their path."""
    jobs: list[Job] = []
    for path in sorted(folder.glob("*.json")):
        predictions = path.with_suffix(".npz")
        if not predictions.is_file():
            print(f"left out: {path.name}, which has no {predictions.name} beside it")
            continue
        job = json.loads(path.read_text(encoding="utf-8"))
        jobs.append({**job, "path": predictions})
        other = next(one for one in jobs if one["task"] == job["task"])
        if job["settings"] != other["settings"]:
            raise SystemExit(
                f"settings == {job['settings']} in {path.name}, must be those of {other['path'].name}: "
                f"{other['settings']}. Keep each study in a folder of its own."
            )
    return sorted(jobs, key=lambda job: (job["set"], job["booster"], job["repeat"]))


def probabilities(job: Job) -> tuple[Array, dict[str, Array], dict[str, tuple[Array, Array]]]:
    """Labels, probabilities by contender, and out-of-fold labels and probabilities by contender."""
    with np.load(job["path"]) as arrays:
        y = arrays["y"].astype(np.int64)
        found = {name: arrays[f"p:{name}"].astype(np.float64) for name in job["contenders"]}
        oof = {
            name: (arrays["oof_y"].astype(np.int64), arrays[f"oof:{name}"].astype(np.float64))
            for name in found
            if f"oof:{name}" in arrays
        }
    for name, p in found.items():
        if len(p) != len(y) or not (np.isfinite(p).all() and p.min() >= 0.0 and p.max() <= 1.0):
            raise ValueError(
                f"p:{name} == {len(p)} numbers from {p.min()} to {p.max()} in {job['path'].name}, must be "
                f"{len(y)} probabilities in [0, 1]. Run the job again."
            )
    if job["task"] == "multiclass":
        # Boosters' softmax is float32: sums are 1 to 1e-7, and scikit-learn asks for 1e-8.
        found = {name: p / p.sum(axis=1, keepdims=True) for name, p in found.items()}
    return y, found, oof


def score_job(study: str, job: Job) -> tuple[list[list[Any]], dict[tuple[str, str, str], Array]]:
    """Rows of VALUES; and by contender, baseline and measure the differences: of all rows, then resampled."""
    y, found, oof = probabilities(job)
    task = job["task"]
    columns = {"binary": y[:, None] == 1, "multilabel": y == 1}.get(task)
    if not judged(one_hot(y, int(y.max()) + 1) if columns is None else columns).size:
        print(f"left out: {job['path'].name}, whose test rows are all of one class")
        return [], {}
    learnt = {name: learn(oof.get(name)) for name in found}
    points = {name: scores(task, y, p, learnt[name]) for name, p in found.items()}
    label = [task, job["set"], job["booster"], job["repeat"]]
    rows = [[*label, name, measure, value] for name in points for measure, value in points[name].items()]
    # Not Python's hash, which differs from process to process.
    rng = np.random.default_rng([zlib.crc32(job["set"].encode()), job["repeat"]])
    groups = strata(task, y)
    drawn: dict[tuple[str, str], list[Array]] = {}
    block = max(1, CELLS // len(y))
    for start in range(0, SAMPLES, block):
        counts = resample(groups, min(block, SAMPLES - start), rng)
        for name, p in found.items():
            for measure, values in resampled(task, y, p, counts, learnt[name]).items():
                drawn.setdefault((name, measure), []).append(values)
    samples = {
        (name, measure): np.concatenate([[points[name][measure]], *blocks])
        for (name, measure), blocks in drawn.items()
    }
    return rows, {
        (name, other, measure): values - samples[other, measure]
        for (name, measure), values in samples.items()
        for other in baselines(study, name, list(found))
        if (other, measure) in samples
    }


def score_group(study: str, jobs: list[Job]) -> tuple[list[list[Any]], list[list[Any]]]:
    """Rows of VALUES and of DIFFERENCES for the repeats of one set and booster."""
    rows: list[list[Any]] = []
    apart: dict[tuple[str, str, str], list[Array]] = {}
    for job in jobs:
        # Threads of BLAS wait for each other longer than products of this size take.
        with threadpool_limits(1):
            found, parts = score_job(study, job)
        rows += found
        for key, values in parts.items():
            apart.setdefault(key, []).append(values)
    label = [study, jobs[0]["set"], jobs[0]["booster"]]
    differences = []
    for key, parts_of in apart.items():
        values = np.array(parts_of)
        means = np.take_along_axis(values[:, 1:], drawn_repeats(len(values), SAMPLES), axis=0).mean(axis=0)
        differences.append([*label, *key, values[:, 0].mean(), *np.quantile(means, (0.025, 0.975))])
    return rows, differences


def drawn_repeats(n_repeats: int, samples: int) -> Array:
    """Which repeats each sample draws, (n_repeats, samples): each combination as often as the others.

    Left to chance, the few combinations of two repeats would come up unequally, and alike in every set.
    """
    combinations = np.array(list(product(range(n_repeats), repeat=n_repeats)))
    return combinations[np.arange(samples) % len(combinations)].T


def describe(study: str, job: Job) -> list[dict[str, Any]]:
    """Rows of jobs.parquet."""
    same = {key: job[key] for key in ("task", "set", "booster", "repeat", "split", "features", "simulated")}
    same |= {"imbalance_ratio": job["imbalance_ratio"], "study": study}
    for name in ("rows", "positives"):
        same[f"{name}_train"], same[f"{name}_test"] = job[name]
    return [
        {
            **same, "contender": name, "params": json.dumps(found["params"], sort_keys=True),
            "rounds": found["rounds"], "seconds": found["seconds"], "score": found.get("score"),
        }
        for name, found in job["contenders"].items()
    ]  # fmt: skip


def write(frame: pd.DataFrame, path: Path) -> None:
    """Small: words as categories, numbers as float32, sorted so that they compress."""
    for name in frame.columns:
        if name != "params" and pd.api.types.is_string_dtype(frame[name].dtype):
            frame[name] = frame[name].astype("category")
        elif pd.api.types.is_float_dtype(frame[name].dtype):
            frame[name] = frame[name].astype(np.float32)
    frame.to_parquet(path, index=False, compression="zstd")
    print(f"{path.name}: {len(frame)} rows, {path.stat().st_size / 1024:.0f} kB")


def main() -> None:
    options = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    options.add_argument("results", type=Path, help="holds main/ and ablation/, or one of them")
    options.add_argument("--out", type=Path, default=HERE / "results")
    options.add_argument("--processes", type=int, default=2)
    arguments = options.parse_args()
    jobs = {study: read_jobs(arguments.results / study) for study in STUDIES}
    if not any(jobs.values()):
        options.error(
            f"results == {str(arguments.results)!r}, must hold main/SET-BOOSTER-REPEAT.json and .npz, or "
            "ablation/; it does not. Run run_study.py first."
        )
    arguments.out.mkdir(parents=True, exist_ok=True)
    groups = [
        (study, list(group))
        for study in STUDIES
        for _, group in groupby(jobs[study], key=lambda job: (job["set"], job["booster"]))
    ]
    found = Parallel(n_jobs=arguments.processes)(delayed(score_group)(*group) for group in groups)
    for study in STUDIES:
        rows = [row for (of, _), (part, _) in zip(groups, found, strict=True) if of == study for row in part]
        write(pd.DataFrame(rows, columns=VALUES), arguments.out / f"{study}.parquet")
    apart = pd.DataFrame([row for _, part in found for row in part], columns=DIFFERENCES)
    write(apart, arguments.out / "differences.parquet")
    described = [row for study in STUDIES for job in jobs[study] for row in describe(study, job)]
    write(pd.DataFrame(described), arguments.out / "jobs.parquet")
    settings: dict[str, Any] = {}
    for study, of in jobs.items():
        settings |= {study: {job["task"]: job["settings"] for job in of}} if of else {}
    one = next(job for study in STUDIES for job in jobs[study])
    text = json.dumps({"settings": settings, "samples": SAMPLES, "environment": one["environment"]}, indent=1)
    (arguments.out / "study.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
