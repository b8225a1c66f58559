"""What searching gamma gains: tuned focal loss against tuned log loss, the same budget, judged on other rows.

    python benchmarks/tuning_study.py FOLDER RESULTS.jsonl            run what is not in RESULTS.jsonl yet
    python benchmarks/tuning_study.py FOLDER RESULTS.jsonl --analyse  tables of what is there

FOLDER holds NAME.parquet, target in the last column:

fraud_ulb_sample           card payments, by time: the last 30 % are for testing, TimeSeriesSplit before them
bank_marketing_additional  calls of a bank, by date: the same; without `duration`, known after the call only
fraud_dmwr_sales           sales reports, in no order: a random 30 % for testing, stratified folds; without
                           the numbers of salesman and product, thousands of levels

Arms, each a study of its own with the same number of trials, folds, rounds, sampler (TPESampler, the same
seed), pruner and space of the booster; plain log loss with the library's defaults is the first trial of each:

log loss   gamma 0, no class weights
weighted   gamma 0, class weights searched
focal      gamma and class weights searched

The best trial is trained again on all rows but those for testing. All are judged by the probability of
`predict_proba`, which takes gamma and weights back (the posterior); nothing is recalibrated. A repeat has
another seed of sampler and booster, and of the folds where they are random; the rows for testing stay.

Differences are paired. Intervals are 95 %: of 400 bootstrap samples of the rows for testing, stratified, the
same for all arms and repeats, and in each as many repeats drawn anew as there are. They say what another test
set would have done, not what another training set would have. One line is appended per set, booster and
repeat, when it is done: after a kill, the same command goes on.
"""

from __future__ import annotations

import json
import os
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import optuna
import pandas as pd
from harness import environment, parser, print_table
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss
from sklearn.model_selection import StratifiedKFold, TimeSeriesSplit, train_test_split
from sklearn.utils import resample

from focalboost.metrics import recall_at_alert_rate
from focalboost.tuning import CrossValidatedObjective

Array = NDArray[Any]
Line = dict[str, Any]
BOOSTERS = ("xgboost", "lightgbm")
LOG_LOSS, WEIGHTED, FOCAL = "log loss", "weighted", "focal"
ARMS: dict[str, dict[str, float]] = {
    LOG_LOSS: {"focal_gamma": 0.0, "focal_alpha_power": 0.0},
    WEIGHTED: {"focal_gamma": 0.0},
    FOCAL: {},
}
# Larger is better of the first two only.
MEASURES = {
    "average precision": average_precision_score,
    "recall at 1 % alerts": recall_at_alert_rate,
    "log loss": log_loss,
    "Brier": brier_score_loss,
}
MAXIMIZED = tuple(MEASURES)[:2]
TEST, BOOTSTRAP = 0.3, 400
ROUNDS, PATIENCE = 200, 30


class DataSet(NamedTuple):
    """How a table is read."""

    ordered: bool
    dropped: tuple[str, ...] = ()


SETS = {
    "fraud_ulb_sample": DataSet(ordered=True, dropped=("Time",)),
    "bank_marketing_additional": DataSet(ordered=True, dropped=("duration",)),
    "fraud_dmwr_sales": DataSet(ordered=False, dropped=("ID", "Prod")),
}


def probabilities(
    parts: tuple[Any, Any, Array], booster: Any, arm: str, seed: int, settings: Any, cv: Any
) -> tuple[Array, Line]:
    """Of the test rows, by the best of one arm's study, and what the study says."""
    X, X_test, y = parts
    fixed: dict[str, Any] = {**ARMS[arm], "random_state": seed}
    if booster == "xgboost" and "category" in X.dtypes.astype(str).to_numpy():
        fixed["enable_categorical"] = True
    began = time.perf_counter()
    objective = CrossValidatedObjective(
        X, y, booster=booster, cv=cv, fixed=fixed, num_boost_round=settings.rounds,
        early_stopping_rounds=PATIENCE, n_jobs=1,
    )  # fmt: skip
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    objective.enqueue_baseline(study)
    study.optimize(objective, n_trials=settings.trials)
    model = objective.refit(study.best_trial)
    said = {
        "folds": study.best_value,
        "baseline": study.trials[0].value,
        "params": study.best_params,
        "rounds": study.best_trial.user_attrs["num_boost_round"],
        "seconds": time.perf_counter() - began,
    }
    return model.predict_proba(X_test)[:, 1], said


def job(file: Path, booster: str, seed: int, settings: Any) -> Line:
    """All arms on one set with one seed: scores, and scores of every bootstrap sample."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    what = SETS[file.stem]
    table = pd.read_parquet(file).drop(columns=list(what.dropped))
    target = table.pop("target").to_numpy()
    stratify = None if what.ordered else target
    X, X_test, y, y_test = train_test_split(
        table, target, test_size=TEST, shuffle=not what.ordered, stratify=stratify,
        random_state=None if what.ordered else 0,
    )  # fmt: skip
    cv = (
        TimeSeriesSplit(settings.folds)
        if what.ordered
        else StratifiedKFold(settings.folds, shuffle=True, random_state=seed)
    )
    scores: dict[str, Line] = {}
    studies: dict[str, Line] = {}
    samples = [
        resample(np.arange(len(y_test)), stratify=y_test, random_state=sample) for sample in range(BOOTSTRAP)
    ]
    for arm in ARMS:
        p, studies[arm] = probabilities((X, X_test, y), booster, arm, seed, settings, cv)
        scores[arm] = {name: [measure(y_test, p)] for name, measure in MEASURES.items()}
        for rows in samples:
            for name, measure in MEASURES.items():
                # Six digits: the file stays small.
                scores[arm][name].append(round(float(measure(y_test[rows], p[rows])), 6))
    return {
        "set": file.stem, "booster": booster, "seed": seed, "settings": of(settings),
        "rows": [len(y), len(y_test)], "rate": [float(y.mean()), float(y_test.mean())],
        "scores": scores, "studies": studies, "environment": environment(),
    }  # fmt: skip


def of(settings: Any) -> dict[str, Any]:
    """What makes two lines comparable."""
    return {name: getattr(settings, name) for name in ("trials", "folds", "rounds")}


def read(path: Path, settings: Any) -> dict[tuple[str, str, int], Line]:
    """The lines of these settings; a line that a kill cut short is left out."""
    found = {}
    if path.exists():
        for text in path.read_text(encoding="utf-8").splitlines():
            try:
                line = json.loads(text)
            except json.JSONDecodeError:
                continue
            if line["settings"] == of(settings):
                found[line["set"], line["booster"], line["seed"]] = line
    return found


def run(folder: Path, path: Path, settings: Any) -> None:
    done = read(path, settings)
    # Seeds outermost: what a kill leaves has all sets and boosters.
    wanted = [
        (folder / f"{name}.parquet", booster, seed)
        for seed, name, booster in product(range(settings.repeats), SETS, BOOSTERS)
        if (name, booster, seed) not in done
    ]
    if path.exists() and not path.read_text(encoding="utf-8").endswith("\n"):
        with path.open("a", encoding="utf-8") as out:
            out.write("\n")
    with ProcessPoolExecutor(settings.processes) as pool:
        began = time.perf_counter()
        futures = [pool.submit(job, *each, settings) for each in wanted]
        for place, future in enumerate(as_completed(futures), 1):
            line = future.result()
            with path.open("a", encoding="utf-8") as out:
                out.write(json.dumps(line) + "\n")
            passed = time.perf_counter() - began
            print(f"{place} of {len(wanted)}: {line['set']}, {line['booster']}, {passed:.0f} s", flush=True)


# ---------------------------------------------------------------------- tables
def difference(lines: list[Line], arm: str, other: str, measure: str) -> tuple[float, float, float]:
    """Mean over repeats of arm - other, and its 95 % interval."""
    parts = [np.array([line["scores"][key][measure] for line in lines]) for key in (arm, other)]
    apart = parts[0] - parts[1]
    samples = apart[:, 1:]
    drawn = np.random.default_rng(0).integers(len(lines), size=samples.shape)
    low, high = np.quantile(np.take_along_axis(samples, drawn, axis=0).mean(axis=0), (0.025, 0.975)).tolist()
    return float(apart[:, 0].mean()), low, high


def verdict(measure: str, low: float, high: float) -> str:
    if low <= 0.0 <= high:
        return ""
    return ", better" if (low > 0.0) == (measure in MAXIMIZED) else ", worse"


def analyse(path: Path, settings: Any) -> None:
    lines = read(path, settings)
    groups = {
        f"{name}, {booster}": [line for key, line in lines.items() if key[:2] == (name, booster)]
        for name, booster in product(SETS, BOOSTERS)
    }
    groups = {title: found for title, found in groups.items() if found}
    print(f"{settings.trials} trials, {settings.folds} folds, at most {settings.rounds} rounds")
    rows: list[list[str]] = []
    for title, found in groups.items():
        (n, n_test), (rate, rate_test) = found[0]["rows"], found[0]["rate"]
        seconds = np.mean([line["studies"][arm]["seconds"] for line in found for arm in ARMS])
        gammas = ", ".join(f"{line['studies'][FOCAL]['params']['focal_gamma']:.1f}" for line in found)
        powers = ", ".join(f"{line['studies'][FOCAL]['params']['focal_alpha_power']:.2f}" for line in found)
        rows.append(
            [title, f"{n}, {rate:.1%}", f"{n_test}, {rate_test:.1%}", str(len(found)), gammas, powers,
             f"{seconds:.0f}"]
        )  # fmt: skip
    columns = ("rows, positive", "for testing", "repeats", "focal: gamma", "power", "seconds a study")
    print_table("Studies", ("", *columns), rows)
    rows = []
    for title, found in groups.items():
        cells = [title, f"{np.mean([line['studies'][LOG_LOSS]['baseline'] for line in found]):.4f}"]
        cells += [f"{np.mean([line['studies'][arm]['folds'] for line in found]):.4f}" for arm in ARMS]
        rows.append(cells)
    print_table("Average precision on the folds, which chose", ("", "defaults", *ARMS), rows)
    for measure in MEASURES:
        rows = []
        for title, found in groups.items():
            cells = [title]
            cells += [f"{np.mean([line['scores'][arm][measure][0] for line in found]):.4f}" for arm in ARMS]
            for arm, other in ((WEIGHTED, LOG_LOSS), (FOCAL, LOG_LOSS), (FOCAL, WEIGHTED)):
                mean, low, high = difference(found, arm, other, measure)
                cells.append(f"{mean:+.4f} ({low:+.4f} to {high:+.4f}){verdict(measure, low, high)}")
            rows.append(cells)
        apart = ("weighted - log loss", "focal - log loss", "focal - weighted")
        print_table(f"Held-out rows: {measure}, means over repeats", ("", *ARMS, *apart), rows)


def main() -> None:
    options = parser(__doc__)
    options.add_argument("folder", type=Path, help="holds NAME.parquet")
    options.add_argument("results", type=Path, metavar="RESULTS.jsonl")
    options.add_argument("--analyse", action="store_true")
    options.add_argument("--trials", type=int, default=30, help="of each arm")
    options.add_argument("--folds", type=int, default=4)
    options.add_argument("--rounds", type=int, default=ROUNDS, help="most of a fold")
    options.add_argument("--repeats", type=int, default=3)
    options.add_argument("--processes", type=int, default=os.cpu_count(), help="studies at once, a core each")
    settings = options.parse_args()
    if not settings.analyse:
        missing = [name for name in SETS if not (settings.folder / f"{name}.parquet").is_file()]
        if missing:
            options.error(f"folder == {str(settings.folder)!r}, must hold {missing[0]}.parquet; it does not.")
        run(settings.folder, settings.results, settings)
    analyse(settings.results, settings)


if __name__ == "__main__":
    main()
