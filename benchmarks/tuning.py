"""Trials a minute of `CrossValidatedObjective` beside the loop that is usually written.

float32 rows of 30 features, 0.5 % positives, 5 stratified folds, the same points of the default space in the
same order: plain log loss with the library's defaults first, then random ones. Every contender is a process
of its own that runs an Optuna study over them:

textbook    data rebuilt for every fold of every trial; NumPy objective (`textbook.py`) times class weights,
            begun at margin 0; stopped early by scikit-learn's average precision, computed in each round
rebuilt     the same loop with FocalXGBClassifier or FocalLGBMClassifier and eval_set: our objective, which
            also stops it early; nothing kept, nothing pruned
no pruning  CrossValidatedObjective, NopPruner: what keeping the data and folds side by side gain
no cache    CrossValidatedObjective(cache=False), MedianPruner; only where --contenders names it
both        CrossValidatedObjective, MedianPruner: as documented
by score    the same with stop_by="score": stopped by average precision as "textbook" is

The first two run only the first FEW points: a trial costs them the same whatever came before. Their time for
all points is that of the few, times what "no pruning" took for all over what it took for those few (the same
trees, from the same points). Pruning depends on what came before, so the others run them all. "no pruning"
finds the best score there is among the points: "both" should find the same. Rounds trained are those of all
folds, the ones that early stopping then drops among them, over those of "no pruning". The table of fewer
trials is of the same runs: what a study of 60 did in its first 20 is a study of 20.

Memory is the largest resident set (VmHWM, so Linux only) less that of the process with data, libraries and a
model of a few rows, so after compiling. "/ X" is it over the size of X.

    python benchmarks/tuning.py RESULTS

runs 30,000 rows with 60 trials and 300,000 with 12, about 15 minutes on two quiet cores; the full size is
`--sizes 300000:60:4 --tables 20 60`. Each contender leaves RESULTS/ROWS-BOOSTER-CONTENDER-REPEAT.json, and
one that is there with the same settings is not run again: after a kill, the same command goes on, and the two
boosters may be run one by one. Quiet machine only; with `--repeats` the order is another each time and the
tables have medians.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import optuna
import psutil
from harness import environment, parser, print_environment, print_table, save
from numpy.typing import NDArray
from sklearn.datasets import make_classification
from sklearn.metrics import average_precision_score
from sklearn.model_selection import StratifiedKFold
from textbook import binary_focal

from focalboost.tuning import CrossValidatedObjective, class_weights, suggest_booster, suggest_focal
from focalboost.tuning._space import baseline_values

Array = NDArray[Any]
Split = tuple[Array, Array]
Result = dict[str, Any]
FEATURES, POSITIVE, FOLDS, SEED = 30, 0.005, 5, 0
BOOSTERS = ("xgboost", "lightgbm")
TEXTBOOK, REBUILT, UNPRUNED, UNCACHED = "textbook", "rebuilt", "no pruning", "no cache"
BOTH, BY_SCORE = "both", "by score"
CONTENDERS = (TEXTBOOK, REBUILT, UNPRUNED, UNCACHED, BOTH, BY_SCORE)
NEEDED = (TEXTBOOK, REBUILT, UNPRUNED, BOTH)
SETTINGS = ("rows", "trials", "few", "rounds", "patience", "threads")
# Without subsample_freq LightGBM takes no notice of subsample.
LIGHTGBM: dict[str, Any] = {"subsample_freq": 1, "verbosity": -1}


def make_data(n: int) -> tuple[Array, Array]:
    """Clusters that overlap: plain log loss reaches an average precision of about 0.5."""
    X, y = make_classification(
        n, FEATURES, n_informative=12, n_redundant=6, n_clusters_per_class=4, weights=[1 - POSITIVE],
        class_sep=1.4, flip_y=0.002, random_state=SEED,
    )  # fmt: skip
    return X.astype(np.float32), y.astype(np.int8)


# ---------------------------------------------------------------------- the usual loop
def usual_loop(
    X: Array,
    y: Array,
    splits: list[Split],
    fold: Callable[..., tuple[Array, int]],
    settings: argparse.Namespace,
) -> Any:
    """An Optuna objective as it is usually written."""

    def objective(trial: optuna.Trial) -> float:
        params = suggest_focal(trial) | suggest_booster(trial, trial.study.user_attrs["booster"])
        scores, rounds = [], []
        for train, valid in splits:
            margin, best = fold(params, X[train], y[train], X[valid], y[valid])
            scores.append(average_precision_score(y[valid], margin))
            # LightGBM's model has no rounds after the best: they were trained all the same.
            rounds.append(min(best + settings.patience, settings.rounds))
        trial.set_user_attr("rounds_trained", sum(rounds))
        return float(np.mean(scores))

    return objective


def rebuilt(booster: str, settings: argparse.Namespace) -> Callable[..., tuple[Array, int]]:
    """Margins of the validation rows and the best number of rounds: our classifiers."""

    def of_xgboost(params: dict[str, Any], X: Array, y: Array, *valid: Array) -> tuple[Array, int]:
        from focalboost.xgboost import FocalXGBClassifier  # noqa: PLC0415  # a process has one booster

        model = FocalXGBClassifier(
            **params, n_estimators=settings.rounds, early_stopping_rounds=settings.patience,
            n_jobs=settings.threads,
        )  # fmt: skip
        model.fit(X, y, eval_set=[valid], verbose=False)
        return model.decision_function(valid[0]), model.best_iteration + 1

    def of_lightgbm(params: dict[str, Any], X: Array, y: Array, *valid: Array) -> tuple[Array, int]:
        import lightgbm  # noqa: PLC0415

        from focalboost.lightgbm import FocalLGBMClassifier  # noqa: PLC0415

        model = FocalLGBMClassifier(
            **params, **LIGHTGBM, n_estimators=settings.rounds, n_jobs=settings.threads
        )
        stop = lightgbm.early_stopping(settings.patience, verbose=False)
        model.fit(X, y, eval_set=[valid], callbacks=[stop])
        return model.decision_function(valid[0]), model.best_iteration_

    return of_xgboost if booster == "xgboost" else of_lightgbm


def textbook(booster: str, settings: argparse.Namespace) -> Callable[..., tuple[Array, int]]:
    """The same with what is pasted: a NumPy objective and scikit-learn's metric in every round."""

    def parts(params: dict[str, Any], y: Array) -> tuple[dict[str, Any], Any]:
        native = dict(params)
        gamma, power = native.pop("focal_gamma"), native.pop("focal_alpha_power")
        weights = np.asarray(class_weights(y, power), np.float32)[y]

        def objective(margin: Array, data: Any) -> tuple[Array, Array]:
            # exp() of a margin below -88 is infinite in float32, and the probability 0 all the same.
            with np.errstate(over="ignore"):
                gradient, hessian = binary_focal(data.get_label(), margin, gamma)
            return weights * gradient, weights * hessian

        return native, objective

    def of_xgboost(params: dict[str, Any], X: Array, y: Array, *valid: Array) -> tuple[Array, int]:
        import xgboost  # noqa: PLC0415

        native, objective = parts(params, y)
        native |= {
            "base_score": 0.0, "nthread": settings.threads, "disable_default_eval_metric": True,
        }  # fmt: skip
        dtrain, dvalid = xgboost.DMatrix(X, y), xgboost.DMatrix(*valid)
        found = xgboost.train(
            native, dtrain, settings.rounds, obj=objective, evals=[(dvalid, "valid")], maximize=True,
            custom_metric=lambda margin, data: ("ap", average_precision_score(data.get_label(), margin)),
            early_stopping_rounds=settings.patience, verbose_eval=False,
        )  # fmt: skip
        best = found.best_iteration + 1
        return found.predict(dvalid, output_margin=True, iteration_range=(0, best)), best

    def of_lightgbm(params: dict[str, Any], X: Array, y: Array, *valid: Array) -> tuple[Array, int]:
        import lightgbm  # noqa: PLC0415

        native, objective = parts(params, y)
        native |= {**LIGHTGBM, "objective": objective, "metric": "None", "num_threads": settings.threads}
        dtrain = lightgbm.Dataset(X, y)
        dvalid = lightgbm.Dataset(valid[0], valid[1], reference=dtrain)
        found = lightgbm.train(
            native, dtrain, settings.rounds, valid_sets=[dvalid],
            feval=lambda margin, data: ("ap", average_precision_score(data.get_label(), margin), True),
            callbacks=[lightgbm.early_stopping(settings.patience, verbose=False)],
        )  # fmt: skip
        return np.asarray(found.predict(valid[0], raw_score=True)), found.best_iteration

    return of_xgboost if booster == "xgboost" else of_lightgbm


# ---------------------------------------------------------------------- one contender, in its own process
def points(booster: str, n: int) -> list[dict[str, Any]]:
    """Plain log loss with the library's defaults, and n - 1 random points of the default space."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(SEED))
    found = [baseline_values(booster)]
    for trial in (study.ask() for _ in range(n - 1)):
        suggest_focal(trial)
        suggest_booster(trial, booster)
        found.append(trial.params)
    return found


def peak_bytes() -> int | None:
    """The largest resident set of this process; ru_maxrss would count the parent's, before exec."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM"):
                return 1024 * int(line.split()[1])
    return None


def make_objective(
    X: Array, y: Array, splits: list[Split], booster: str, contender: str, settings: argparse.Namespace
) -> Any:
    if contender in (TEXTBOOK, REBUILT):
        fold = (textbook if contender == TEXTBOOK else rebuilt)(booster, settings)
        return usual_loop(X, y, splits, fold, settings)
    return CrossValidatedObjective(
        X, y, booster=booster, cv=splits, num_boost_round=settings.rounds,  # type: ignore[arg-type]  # of BOOSTERS
        early_stopping_rounds=settings.patience, n_jobs=settings.threads, cache=contender != UNCACHED,
        stop_by="score" if contender == BY_SCORE else "loss",
    )  # fmt: skip


def make_study(booster: str, contender: str, n: int) -> optuna.Study:
    pruned = contender in (UNCACHED, BOTH, BY_SCORE)
    study = optuna.create_study(
        direction="maximize", pruner=optuna.pruners.MedianPruner() if pruned else optuna.pruners.NopPruner()
    )
    study.set_user_attr("booster", booster)
    for place, point in enumerate(points(booster, n)):
        # The baseline is never pruned.
        study.enqueue_trial(point, user_attrs={} if place else {"role": "baseline"})
    return study


def run(folder: Path, booster: str, contender: str, settings: argparse.Namespace) -> Result:
    """Seconds, CPU seconds, scores and rounds of every trial, and memory."""
    X, y = np.load(folder / f"X-{settings.rows}.npy"), np.load(folder / f"y-{settings.rows}.npy")
    # Compiles and loads what is loaded late.
    tiny = np.r_[np.flatnonzero(y == 1)[:40], np.flatnonzero(y == 0)[:400]]
    few = argparse.Namespace(**{**vars(settings), "rounds": 2})
    halves = [(np.arange(0, len(tiny), 2), np.arange(1, len(tiny), 2))]
    make_study(booster, contender, 1).optimize(
        make_objective(X[tiny], y[tiny], halves, booster, contender, few), n_trials=1
    )
    splits = list(StratifiedKFold(FOLDS).split(X, y))
    n = settings.few if contender in (TEXTBOOK, REBUILT) else settings.trials
    study = make_study(booster, contender, n)
    before, clocks = psutil.Process().memory_info().rss, [(time.perf_counter(), time.process_time())]
    objective = make_objective(X, y, splits, booster, contender, settings)
    study.optimize(
        objective, n_trials=n,
        callbacks=[lambda *_: clocks.append((time.perf_counter(), time.process_time()))],
    )  # fmt: skip
    peak = peak_bytes()
    seconds, cpu = np.diff(np.array(clocks), axis=0).T.tolist()
    return {
        "seconds": seconds,
        "cpu": cpu,
        "peak": None if peak is None else peak - before,
        "cache_bytes": getattr(objective, "cache_bytes", None),
        "X_bytes": X.nbytes,
        "best": study.best_value,
        "best_trial": study.best_trial.number,
        "scores": [None if t.state.name != "COMPLETE" else t.value for t in study.trials],
        "rounds": [t.user_attrs["rounds_trained"] for t in study.trials],
    }


# ---------------------------------------------------------------------- all of them
def collect(folder: Path, settings: argparse.Namespace) -> dict[str, dict[str, list[Result]]]:
    """Run what is not there yet."""
    wanted = {name: getattr(settings, name) for name in SETTINGS}
    if not (folder / f"y-{settings.rows}.npy").exists():
        X, y = make_data(settings.rows)
        np.save(folder / f"X-{settings.rows}.npy", X)
        np.save(folder / f"y-{settings.rows}.npy", y)
    found: dict[str, dict[str, list[Result]]] = {booster: {} for booster in settings.booster}
    names = settings.contenders
    for repeat in range(settings.repeats):
        turn = repeat * 2 % len(names)
        for contender in names[turn:] + names[:turn]:
            for booster in settings.booster:
                file = folder / f"{settings.rows}-{booster}-{contender.replace(' ', '_')}-{repeat}.json"
                if not file.exists() or json.loads(file.read_text("utf-8"))["settings"] != wanted:
                    print(f"{file.stem} ...", file=sys.stderr, flush=True)
                    child = ["--child", booster, contender, str(file)]
                    sizes = [f"--{name}={value}" for name, value in wanted.items()]
                    subprocess.run([sys.executable, __file__, str(folder), *child, *sizes], check=True)
                found[booster].setdefault(contender, []).append(json.loads(file.read_text("utf-8")))
    return found


def first_trials(result: Result, n: int) -> Result:
    """What the run had done after n trials; memory is that of the whole run."""
    lists = {name: result[name][:n] for name in ("seconds", "cpu", "scores", "rounds")}
    values = [-np.inf if score is None else score for score in lists["scores"]]
    best = int(np.argmax(values))
    return {**result, **lists, "best": values[best], "best_trial": best}


def full_cost(results: dict[str, list[Result]], contender: str, clock: str) -> float:
    """Median over repeats of the seconds that all points take, projected where only a few were run."""
    values = []
    for place, result in enumerate(results[contender]):
        factor, spent = 1.0, result[clock]
        whole = results[UNPRUNED][place][clock]
        if len(spent) < len(whole):
            factor = sum(whole) / sum(whole[: len(spent)])
        values.append(factor * sum(spent))
    return median(values)


def show(booster: str, results: dict[str, list[Result]], settings: argparse.Namespace) -> None:
    """The table of one number of trials."""
    whole = results[UNPRUNED][0]
    n_trials = len(whole["scores"])
    seconds = {contender: full_cost(results, contender, "seconds") for contender in results}
    cpu = {contender: full_cost(results, contender, "cpu") for contender in results}
    rows = []
    for contender, runs in results.items():
        first = runs[0]
        n = len(first["scores"])
        share = sum(first["rounds"]) / sum(whole["rounds"][:n])
        peaks = [result["peak"] for result in runs if result["peak"] is not None]
        peak = f"{median(peaks) / 1e6:.0f} MB" if peaks else ""
        times = f"{median(peaks) / first['X_bytes']:.1f}" if peaks else ""
        cached = f"{first['cache_bytes'] / 1e6:.0f} MB" if first["cache_bytes"] is not None else ""
        rows.append(
            (
                contender, str(n), f"{60 * n_trials / seconds[contender]:.1f}",
                *(f"{seconds[other] / seconds[contender]:.2f}" for other in (REBUILT, TEXTBOOK)),
                f"{cpu[REBUILT] / cpu[contender]:.2f}", f"{share:.2f}",
                f"{first['best']:.4f} ({first['best_trial']})", peak, times, cached,
            )
        )  # fmt: skip
    title = (
        f"{booster}: {settings.rows} x {FEATURES}, {n_trials} points, {FOLDS} folds, at most "
        f"{settings.rounds} rounds, {settings.threads} threads"
    )
    head = (
        "", "trials", "trials / min", "/ rebuilt", "/ textbook", "CPU / rebuilt", "rounds trained",
        "best score (trial)", "peak memory", "/ X", "cache_bytes",
    )  # fmt: skip
    print_table(title, head, rows)
    few = results[REBUILT][0]["scores"]
    apart = max(abs(ours - usual) for ours, usual in zip(whole["scores"][: len(few)], few, strict=True))
    print(f"\nLargest difference in score between rebuilt and no pruning, same points: {apart:.1g}")
    best = ", ".join(
        f"{contender} {max(score or 0.0 for score in results[contender][0]['scores'][: len(few)]):.4f}"
        for contender in results
    )
    print(f"Best of the first {len(few)} points: {best}")


def size(text: str) -> tuple[int, int, int]:
    """ROWS:TRIALS:FEW."""
    rows, trials, few = map(int, text.split(":"))
    if not 1 <= few <= trials:
        raise argparse.ArgumentTypeError(f"FEW == {few}, must be from 1 to TRIALS, {trials}.")
    return rows, trials, few


def main() -> None:
    options = parser(__doc__)
    options.add_argument("folder", type=Path, metavar="RESULTS", help="is made if it is not there")
    options.add_argument("--booster", choices=BOOSTERS, nargs="+", default=list(BOOSTERS))
    options.add_argument(
        "--sizes", type=size, nargs="+", default=[(30_000, 60, 6), (300_000, 12, 2)],
        metavar="ROWS:TRIALS:FEW", help="FEW trials of textbook and rebuilt; default 30000:60:6 300000:12:2",
    )  # fmt: skip
    options.add_argument("--tables", type=int, nargs="*", default=[20], help="of fewer trials, beside all")
    options.add_argument(
        "--contenders", choices=CONTENDERS, nargs="+", default=[c for c in CONTENDERS if c != UNCACHED],
        help="all but 'no cache'; those that others are compared with run anyway",
    )  # fmt: skip
    for name in ("rows", "trials", "few"):
        options.add_argument(f"--{name}", type=int, help=argparse.SUPPRESS)  # of a child
    options.add_argument("--rounds", type=int, default=100, help="most of a fold")
    options.add_argument("--patience", type=int, default=15, help="rounds of early stopping")
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--repeats", type=int, default=1)
    options.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    settings = options.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    folder: Path = settings.folder
    if settings.child is not None:
        booster, contender, file = settings.child
        sizes = {name: getattr(settings, name) for name in SETTINGS}
        result = {"settings": sizes, **run(folder, booster, contender, settings)}
        save(Path(file), environment(), result)
        return
    folder.mkdir(parents=True, exist_ok=True)
    settings.contenders = [c for c in CONTENDERS if c in settings.contenders or c in NEEDED]
    found, all_results = print_environment(), {}
    for rows, trials, few in settings.sizes:
        settings.rows, settings.trials, settings.few = rows, trials, few
        results = collect(folder, settings)
        all_results[str(rows)] = results
        for n in [*sorted({n for n in settings.tables if few <= n < trials}), trials]:
            for booster, of_booster in results.items():
                first = {c: [first_trials(one, n) for one in runs] for c, runs in of_booster.items()}
                show(booster, first, settings)
    save(settings.json, found, {"results": all_results})


if __name__ == "__main__":
    main()
