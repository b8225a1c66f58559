"""Tuning gamma and the class weights with Optuna, and whether it paid: best trial against plain log loss.

    pip install 'focalboost[xgboost-cpu,optuna,examples]'             or lightgbm instead of xgboost-cpu
    python examples/tune_with_optuna.py                               simulated transactions, about a minute
    python examples/tune_with_optuna.py --data FILE --target COLUMN   any CSV or Parquet file
    python examples/tune_with_optuna.py --storage study.log           kept; call it again to go on or report

Several workers on one machine; on several, with --storage postgresql+psycopg2://user@host/database:

    tune="python examples/tune_with_optuna.py --storage study.log"
    $tune --trials 0                                                  the study, with log loss first in line
    for i in 1 2 3; do OMP_NUM_THREADS=1 $tune --trials 60 --worker & done; wait
    $tune --trials 60                                                 what is missing, and the report

`--trials` is the number of finished trials, pruned ones too, of all calls and workers together; workers may
pass it by one each. A trial whose process was killed is repeated by the next call (a server notices by
itself). The last quarter, in time where there is a time column, is held out: tuning does not see it. Folds
are in time too. The 95 % intervals are bootstrapped from the held-out rows of each class.
"""

import argparse
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import optuna
from matplotlib.image import imsave
from optuna.study import MaxTrialsCallback
from optuna.trial import TrialState
from optuna.visualization import matplotlib as plots
from rich.console import Console
from rich.progress import Progress, TextColumn
from rich.table import Table
from sklearn.metrics import average_precision_score, log_loss
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.utils import Bunch

from focalboost.datasets import load_table, make_transactions
from focalboost.metrics import expected_cost, recall_at_alert_rate
from focalboost.tuning import CrossValidatedObjective, baseline_trial, open_storage, retry_stale_trials

Array = np.ndarray[Any, Any]
Options = argparse.Namespace
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
N_FOLDS = 3
N_REPLICATES = 400
ORANGE = "#D55E00"  # Okabe and Ito's, which the colour-blind can tell from the blue of the plots
LOG_TICKS = {"learning_rate": (0.02, 0.05, 0.1, 0.3), "num_leaves": (4, 16, 64, 256)}
WORDS = {
    "focal_gamma": "focal_gamma (0: log loss)",
    "focal_alpha_power": "focal_alpha_power (0: no class weights)",
}
SIZE_OF_TREES = {"xgboost": "max_depth", "lightgbm": "num_leaves"}
MEASURES: tuple[tuple[str, Callable[..., float], str, int], ...] = (  # of what, and how many decimals
    ("average precision", average_precision_score, "margin", 3),
    ("recall at 1 % alerts", recall_at_alert_rate, "margin", 3),
    ("log loss of the posterior", log_loss, "posterior", 5),
    ("expected cost of a row", expected_cost, "posterior", 4),
)


# ---------------------------------------------------------------------- data
def load(options: Options) -> Bunch:
    if options.data is not None:
        return load_table(
            options.data, options.target, time=options.time, positive=options.positive, drop=options.drop
        )
    # More fraud than in the wild: 127 of 15,081 held-out rows, or the intervals would say nothing.
    return make_transactions(options.rows, imbalance_ratio=99, random_state=options.seed)


def split(data: Bunch, seed: int) -> tuple[Array, Array, Any]:
    """Rows to tune on, rows held out, folds of the former; in time, the rows of one step stay together."""
    y, step = data.target, data.step
    if step is None:
        tuned, held_out = train_test_split(np.arange(y.size), test_size=0.25, stratify=y, random_state=seed)
        return tuned, held_out, StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed)
    # Fold k trains on blocks 0 to k and validates on block k + 1.
    n_blocks = N_FOLDS + 1
    starts = np.sort(step)[[int(0.75 * y.size * k / n_blocks) for k in range(1, n_blocks + 1)]]
    block = np.searchsorted(starts, step, "right")
    tuned, held_out = np.flatnonzero(block < n_blocks), np.flatnonzero(block == n_blocks)
    block = block[tuned]
    return (
        tuned,
        held_out,
        [(np.flatnonzero(block <= k), np.flatnonzero(block == k + 1)) for k in range(N_FOLDS)],
    )


# ---------------------------------------------------------------------- the study
@contextmanager
def experimental() -> Iterator[None]:
    """Optuna calls its heartbeat and its matplotlib plots experimental."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        # Of few trials all may have one depth.
        warnings.filterwarnings("ignore", "Attempting to set identical low and high", UserWarning)
        yield


def storage_of(options: Options) -> Any:
    """A journal file, SQLite, or a server that is told every `--heartbeat` seconds that a worker lives."""
    if options.storage is None:
        return None
    if "://" not in options.storage or options.storage.startswith("sqlite"):
        return open_storage(options.storage)
    # Optuna 4.9 gave these new names.
    storages: Any = optuna.storages
    new = hasattr(storages, "RetryHeartbeatStaleTrialCallback")
    retry = storages.RetryHeartbeatStaleTrialCallback if new else storages.RetryFailedTrialCallback
    with experimental():
        callback = {f"{'heartbeat_stale' if new else 'failed'}_trial_callback": retry(max_retry=2)}
        return storages.RDBStorage(options.storage, heartbeat_interval=options.heartbeat, **callback)


def open_study(options: Options) -> optuna.Study:
    """By default of a name that says which data, so that other data begin another study."""
    name = Path(options.data).stem if options.data else f"transactions-{options.rows}-{options.seed}"
    return optuna.create_study(
        study_name=options.study_name or f"{options.booster}-{name}",
        storage=storage_of(options),
        direction="maximize",  # objective.direction
        load_if_exists=True,
    )


def n_finished(study: optuna.Study) -> int:
    return len(study.get_trials(deepcopy=False, states=FINISHED))


def total_trials(study: optuna.Study, options: Options) -> int:
    """Finished trials to stop at: at least as many as it takes for a baseline to compare with."""
    try:
        baseline_trial(study)
    except ValueError:
        if not options.worker:
            waiting = study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
            return max(int(options.trials), n_finished(study) + len(waiting))
    return int(options.trials)


def run_trials(
    study: optuna.Study, objective: CrossValidatedObjective, options: Options, console: Console
) -> None:
    """Go on to the total number of trials, with a progress bar where there is a terminal."""
    stale = retry_stale_trials(study)
    if stale:
        console.print(f"repeated, since their process is gone: trials {', '.join(map(str, stale))}")
    if not options.worker:
        objective.enqueue_baseline(study)
    begun, total = n_finished(study), total_trials(study, options)
    if options.trials == 0 or begun >= total:
        return
    columns = (*Progress.get_default_columns(), TextColumn("best {task.fields[best]:.4f}"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("trials", total=total, completed=begun, best=float("nan"))

        def update(study: optuna.Study, _: optuna.trial.FrozenTrial) -> None:
            # The first trial of a fleet may be pruned before any is complete.
            if study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
                bar.update(task, completed=n_finished(study), best=study.best_value)

        study.optimize(
            objective,
            n_trials=total - begun,
            timeout=options.timeout,
            n_jobs=options.n_jobs,
            callbacks=[MaxTrialsCallback(total, states=FINISHED), update],
        )


# ---------------------------------------------------------------------- was it worth it?
def evaluate(y: Array, models: Sequence[Any], X: Array, seed: int) -> tuple[Array, Array]:
    """MEASURES of the models, shape (model, measure), and of paired bootstrap replicates of the rows."""
    scores = [
        {"margin": model.decision_function(X), "posterior": model.predict_proba(X)[:, 1]} for model in models
    ]
    classes = [np.flatnonzero(y == label) for label in (0, 1)]
    rng = np.random.default_rng(seed)

    def measures(rows: Array) -> Array:
        return np.array([[of(y[rows], score[kind][rows]) for _, of, kind, _ in MEASURES] for score in scores])

    replicates = [
        measures(np.concatenate([rng.choice(rows, rows.size) for rows in classes]))
        for _ in range(N_REPLICATES)
    ]
    return measures(np.arange(y.size)), np.stack(replicates)


def report_table(trials: Sequence[Any], values: Array, replicates: Array) -> Table:
    table = Table("", "log loss, defaults", "best trial", "best - log loss, 95 % interval")
    for column in table.columns[1:]:
        column.justify = "right"
    folds = [trial.user_attrs["fold_scores"] for trial in trials]
    cells = [
        f"{trial.value:.3f} (sd {np.std(fold, ddof=1):.3f})"
        for trial, fold in zip(trials, folds, strict=True)
    ]
    table.add_row("folds: average precision", *cells, f"{trials[1].value - trials[0].value:+.3f}")
    table.add_section()
    for k, (name, _, _, digits) in enumerate(MEASURES):
        change = values[1, k] - values[0, k]
        low, high = np.quantile(replicates[:, 1, k] - replicates[:, 0, k], (0.025, 0.975))
        form = f"+.{digits}f"
        table.add_row(
            f"held out: {name}",
            *(f"{value:.{digits}f}" for value in values[:, k]),
            rf"{change:{form}} \[{low:{form}}, {high:{form}}]",
        )
    return table


def verdict(trials: Sequence[Any], values: Array, replicates: Array) -> str:
    """Whether tuning paid on rows that it did not see, by the measure that was tuned."""
    baseline, best = trials
    if best.number == baseline.number:
        return "No trial beat log loss with the library's defaults on the folds: keep that."
    on_folds, held_out = best.value - baseline.value, values[1, 0] - values[0, 0]
    low, high = np.quantile(replicates[:, 1, 0] - replicates[:, 0, 0], (0.025, 0.975))
    if low > 0:
        text = "Tuning paid on the held-out rows"
    elif high < 0:
        text = "Tuning did harm on the held-out rows: keep log loss with the library's defaults"
    else:
        text = "These held-out rows cannot show whether tuning paid: the interval holds 0"
    return (
        f"{text}. Average precision changed by {held_out:+.3f} there and by {on_folds:+.3f} on the folds, "
        "which chose the trial and are therefore optimistic."
    )


# ---------------------------------------------------------------------- Optuna's plots, with the baseline
def save_plots(study: optuna.Study, baseline: Any, options: Options) -> list[Path]:
    """history.png, slice.png and contour.png, and all three in one picture."""
    mpl.use("agg")
    focal = ["focal_gamma", "focal_alpha_power"]
    params = [*focal, "learning_rate", SIZE_OF_TREES[options.booster]]
    star: dict[str, Any] = {"marker": "*", "s": 190, "color": ORANGE, "edgecolor": "white", "zorder": 9}
    history: Any
    contour: Any
    with experimental():
        history, contour = plots.plot_optimization_history(study), plots.plot_contour(study, params=focal)
        slices = np.ravel(np.asarray(plots.plot_slice(study, params=params)))
    line = history.axhline(baseline.value, color=ORANGE, linestyle="--")
    history.set(title="What tuning gained on the folds", ylabel="average precision, mean of the folds")
    history.legend(
        [history.collections[0], history.lines[0], line],
        ["trial (pruned ones not shown)", "best trial so far", "log loss, untuned (trial 0)"],
        loc="lower right", fontsize=9,
    )  # fmt: skip
    # Optuna sorts the parameters by name.
    x, y = contour.get_xlabel(), contour.get_ylabel()
    contour.scatter(baseline.params[x], baseline.params[y], clip_on=False, **star)
    contour.set(title="Which gamma and class weights rank well (star: log loss)")
    contour.title.set_fontsize(12)
    contour.figure.axes[-1].set_ylabel("average precision, folds")
    for axes, name in ((contour.xaxis, x), (contour.yaxis, y)):
        axes.set_label_text(WORDS[name])
    for ax in slices:
        name = ax.get_xlabel()
        ax.scatter(baseline.params[name], baseline.value, **star)
        if name in LOG_TICKS:
            ax.set_xticks(LOG_TICKS[name], [f"{tick:g}" for tick in LOG_TICKS[name]])
            ax.xaxis.set_minor_formatter("")
    slices[0].set(ylabel="average precision, folds")
    slices[0].figure.suptitle(
        "The trials by each parameter, later ones darker (star: log loss with the library's defaults)"
    )
    pictures: dict[str, Array] = {}
    for name, axes, size, right in (
        ("history", history, (6.5, 4.4), 0.97),
        ("contour", contour, (6.5, 4.4), 0.97),
        ("slice", slices[0], (13.0, 3.6), 0.93),
    ):
        # Optuna's colour bars go with no layout engine of matplotlib's.
        axes.figure.set(size_inches=size, dpi=100, layout_engine="none")
        axes.figure.subplots_adjust(left=0.8 / size[0], right=right, bottom=0.6 / size[1], top=0.88)
        if name == "slice":
            axes.figure.axes[-1].set_position((0.95, 0.6 / size[1], 0.008, 0.88 - 0.6 / size[1]))
        axes.figure.canvas.draw()
        pictures[name] = np.array(axes.figure.canvas.buffer_rgba())
        plt.close(axes.figure)
    pictures["tuning"] = np.vstack([np.hstack([pictures["history"], pictures["contour"]]), pictures["slice"]])
    paths = []
    for name, pixels in pictures.items():
        paths.append(
            options.figure if name == "tuning" and options.figure else options.output / f"{name}.png"
        )
        paths[-1].parent.mkdir(parents=True, exist_ok=True)
        imsave(paths[-1], pixels)
    return paths


def report(
    study: optuna.Study,
    objective: CrossValidatedObjective,
    X: Array,
    y: Array,
    options: Options,
    console: Console,
) -> None:
    """Refit the baseline and the best trial on all rows of the folds, and compare."""
    trials = baseline_trial(study), study.best_trial
    values, replicates = evaluate(y, [objective.refit(trial) for trial in trials], X, options.seed)
    console.print(report_table(trials, values, replicates))
    console.print(verdict(trials, values, replicates))
    numbers = (f"{k}={v:.3g}" if isinstance(v, float) else f"{k}={v}" for k, v in trials[1].params.items())
    console.print(f"best trial, {trials[1].number}: {', '.join(numbers)}", soft_wrap=True)
    if len(study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))) < 2:
        console.print("no plots: they take two complete trials")
        return
    paths = save_plots(study, trials[0], options)
    console.print(f"plots: {', '.join(map(str, paths))}", soft_wrap=True)


def parse(argv: Sequence[str] | None) -> tuple[argparse.ArgumentParser, Options]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    add = parser.add_argument
    add("--data", metavar="FILE", help="CSV or Parquet table, instead of simulated transactions")
    add("--target", metavar="COLUMN", help="class column of --data (default: the last)")
    add("--time", metavar="COLUMN", help="time column of --data (default: step, time or date, if there)")
    add("--positive", metavar="VALUE", help="of --target: the class to find (default: 1, yes, or the rarer)")
    add("--drop", metavar="COLUMN", nargs="+", default=[], help="columns of --data that are no features")
    add("--booster", choices=tuple(SIZE_OF_TREES), default="xgboost")
    add(
        "--storage",
        metavar="PATH or URL",
        help="journal file, sqlite:///FILE, postgresql://... (default: none)",
    )
    add("--study-name", metavar="NAME", help="in the storage (default: of booster and data)")
    add("--worker", action="store_true", help="only run trials of a study that is there: no report")
    add("--timeout", type=float, metavar="SECONDS", help="begin no trial after that")
    add(
        "--output",
        type=Path,
        default=Path("figures/tuning"),
        metavar="DIR",
        help="of the plots (default: %(default)s)",
    )
    add("--figure", type=Path, metavar="FILE", help="all plots in one (default: tuning.png in --output)")
    for name, default, text in (
        ("--trials", 40, "finished trials in all, 0 to begin a study for workers"),
        ("--rows", 60_000, "transactions to simulate"),
        ("--rounds", 100, "trees of a fold at most"),
        ("--patience", 10, "rounds without progress until a fold stops"),
        ("--n-jobs", 1, "trials at once in this process"),
        ("--heartbeat", 60, "seconds between a worker's signs of life to a database server"),
        ("--seed", 0, "of the simulation, a random split and the bootstrap"),
    ):
        add(name, type=int, default=default, help=f"{text} (default: %(default)s)")
    options = parser.parse_args(argv)
    if options.data is None and (options.target or options.time or options.positive or options.drop):
        parser.error("--target, --time, --positive and --drop are about --data FILE, which is missing")
    if options.trials < 0:
        parser.error("--trials must be 0 or more")
    if options.storage is None and (options.worker or options.trials == 0):
        parser.error("--worker and --trials 0 are for a study in a --storage, which is missing")
    if options.worker and options.storage.startswith("sqlite"):
        parser.error("--worker needs a journal file or a server: SQLite may give one trial to two workers")
    return parser, options


def main(argv: Sequence[str] | None = None) -> None:
    began = time.perf_counter()
    parser, options = parse(argv)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 120
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        import_module(f"focalboost.{options.booster}")  # says what to install
        data = load(options)
        tuned, held_out, folds = split(data, options.seed)
        X, y = data.data, data.target
        if np.unique(y[held_out]).size < 2:
            parser.error(f"the {held_out.size:,} held-out rows must hold both classes; give a larger table")
        objective = CrossValidatedObjective(
            X[tuned],
            y[tuned],
            booster=options.booster,
            cv=folds,
            num_boost_round=options.rounds,
            early_stopping_rounds=options.patience,
        )
        study = open_study(options)
        if not options.worker:
            if options.data is not None:
                console.print(f"{data.report}\n", markup=False, soft_wrap=True)
            for name, rows in (("tuning", tuned), ("held out", held_out)):
                console.print(f"{name:10} {rows.size:9,} rows, {y[rows].sum():6,} frauds")
        run_trials(study, objective, options, console)
        states = [trial.state for trial in study.get_trials(deepcopy=False)]
        counts = ", ".join(f"{states.count(state)} {state.name.lower()}" for state in TrialState)
        console.print(f"study {study.study_name}: {counts}, after {time.perf_counter() - began:.0f} s")
        if not options.worker and options.trials > 0:
            report(study, objective, X[held_out], y[held_out], options, console)
    except (ValueError, TypeError, OSError, ImportError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
