"""Fraud detection with log loss, class-weighted log loss and focal loss: the same booster, side by side.

    pip install 'focalboost[xgboost-cpu,lightgbm,examples]'           of the boosters, one will do
    python examples/fraud_detection.py                                simulated transactions, 733 : 1
    python examples/fraud_detection.py --booster lightgbm             the same with LightGBM
    python examples/fraud_detection.py --dataset creditcard           real card fraud, from OpenML
    python examples/fraud_detection.py --data FILE --target COLUMN    any CSV or Parquet file

Rows are split in time where there is a time column, else at random: 60 % training, 15 % validation, 25 %
test. The models share all booster settings, and each stops when its average precision on the validation rows
has not risen for `--patience` rounds. The 95 % intervals are bootstrapped from the test rows of each class:
they know nothing of the luck in training. A row is reviewed where that is the cheaper choice, at a
probability above cost_alarm / (cost_alarm + cost_missed): `loss.posterior` is one, sigmoid(margin) is not.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import Progress, TextColumn
from rich.table import Table
from scipy.special import expit, logit
from scipy.stats import beta
from sklearn.metrics import PrecisionRecallDisplay, average_precision_score, confusion_matrix
from sklearn.model_selection import train_test_split
from sklearn.utils import Bunch

from focalboost import BinaryFocalLoss
from focalboost.datasets import fetch_creditcard, load_table, make_transactions

Array = np.ndarray[Any, Any]
Options = argparse.Namespace
PARTS = ("training", "validation", "test")
N_REPLICATES = 400
EPSILON = float(np.finfo(float).eps)
MEASURES = (  # and how many decimals to print
    ("average precision", 3), ("recall at the alert rate", 3),
    ("log loss, raw confidence", 5), ("log loss, posterior", 5),
    ("Brier score, raw confidence", 5), ("Brier score, posterior", 5),
    ("cost by raw confidence", 0), ("cost by posterior", 0),
)  # fmt: skip
COLORS = ("#0072B2", "#E69F00", "#009E73")  # Okabe and Ito's, which the colour-blind can tell apart


@dataclass
class Model:
    """What to train with; then what the trained model says of the test rows."""

    name: str
    loss: BinaryFocalLoss  # of the built-in objectives too: it turns their margins into probabilities
    built_in: bool = True
    positive_weight: float = 1.0
    margin: Array = field(init=False)
    confidence: Array = field(init=False)  # sigmoid of the margin
    posterior: Array = field(init=False)


def load(options: Options) -> Bunch:
    if options.data is not None:
        return load_table(
            options.data, options.target, time=options.time, positive=options.positive, drop=options.drop
        )
    if options.dataset == "creditcard":
        return fetch_creditcard()
    return make_transactions(options.rows, random_state=options.seed)


def split(data: Bunch, seed: int) -> list[Array]:
    """Row numbers of each part; in time, the rows of one step stay together."""
    y, step = data.target, data.step
    if step is None:
        rest, test = train_test_split(np.arange(y.size), test_size=0.25, stratify=y, random_state=seed)
        parts = [*train_test_split(rest, test_size=0.2, stratify=y[rest], random_state=seed), test]
    else:
        starts = np.sort(step)[[int(0.6 * y.size), int(0.75 * y.size)]]
        parts = [np.flatnonzero(np.searchsorted(starts, step, "right") == k) for k in range(3)]
    for name, rows in zip(PARTS, parts, strict=True):
        if np.unique(y[rows]).size < 2:
            raise ValueError(f"the {rows.size:,} {name} rows must hold both classes; give a larger table.")
    return parts


def untrained(y: Array, gamma: float, alpha: float | None) -> list[Model]:
    """Log loss comes first: the others are compared with it."""
    ratio = float((y == 0).sum() / (y == 1).sum())
    log_loss = Model("log loss", BinaryFocalLoss(gamma=0.0))
    weighted = Model("class weights", BinaryFocalLoss(gamma=0.0, alpha=(1.0, ratio)), positive_weight=ratio)
    focal = Model("focal loss", BinaryFocalLoss(gamma=gamma, alpha=alpha).for_labels(y), built_in=False)
    return [log_loss, weighted, focal]


def fit_xgboost(
    model: Model, data: Bunch, parts: list[Array], options: Options, report: Callable[..., None]
) -> tuple[Array, int]:
    """Margins of the test rows, and the number of trees."""
    import xgboost as xgb  # noqa: PLC0415  # one booster is enough

    class Reporter(xgb.callback.TrainingCallback):
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            report(completed=epoch + 1, score=evals_log["validation"]["aucpr"][-1])
            return False  # go on

    train, validation, test = parts
    dtrain = xgb.QuantileDMatrix(data.data[train], data.target[train])
    dvalidation = xgb.QuantileDMatrix(data.data[validation], data.target[validation], ref=dtrain)
    settings = {"learning_rate": options.learning_rate, "max_depth": options.max_depth, "seed": options.seed}
    settings |= {"objective": "binary:logistic", "scale_pos_weight": model.positive_weight}
    settings |= {"eval_metric": "aucpr"}  # of all three: none is stopped by a measure of its own
    stop = xgb.callback.EarlyStopping(rounds=options.patience, maximize=True, save_best=True)
    obj, start = (None, []) if model.built_in else (model.loss, [model.loss.start()])
    callbacks, evals = [*start, stop, Reporter()], [(dvalidation, "validation")]
    booster = xgb.train(
        settings, dtrain, options.rounds, evals=evals, obj=obj, callbacks=callbacks, verbose_eval=False
    )
    margin = booster.inplace_predict(data.data[test], predict_type="margin")
    return np.asarray(margin, float), booster.num_boosted_rounds()


def fit_lightgbm(
    model: Model, data: Bunch, parts: list[Array], options: Options, report: Callable[..., None]
) -> tuple[Array, int]:
    """The same. Trees grow leaf by leaf, to the same depth 10 at most for their size's sake."""
    import lightgbm as lgb  # noqa: PLC0415  # one booster is enough

    from focalboost.lightgbm import start  # noqa: PLC0415

    train, validation, test = parts
    train_set = lgb.Dataset(data.data[train], data.target[train])
    valid_set = lgb.Dataset(data.data[validation], data.target[validation], reference=train_set)
    settings = {"learning_rate": options.learning_rate, "max_depth": options.max_depth, "seed": options.seed}
    settings |= {"num_leaves": 2 ** min(options.max_depth or 10, 10), "verbosity": -1}
    settings |= {"min_sum_hessian_in_leaf": 1.0, "lambda_l2": 1.0}  # XGBoost's defaults
    settings |= {"objective": "binary" if model.built_in else model.loss}
    settings |= {"scale_pos_weight": model.positive_weight, "metric": "average_precision"}
    stop = lgb.early_stopping(options.patience, verbose=False)

    def reporter(env: Any) -> None:
        report(completed=env.iteration + 1, score=env.evaluation_result_list[0][2])

    callbacks: list[Callable[..., Any]] = [reporter, stop]
    if not model.built_in:
        callbacks.append(start(model.loss))
    booster = lgb.train(settings, train_set, options.rounds, valid_sets=[valid_set], callbacks=callbacks)
    return np.asarray(booster.predict(data.data[test], raw_score=True)), booster.best_iteration


BOOSTERS = {"xgboost": fit_xgboost, "lightgbm": fit_lightgbm}


def train(models: list[Model], data: Bunch, parts: list[Array], options: Options, console: Console) -> None:
    """Fill in the margins and probabilities, with a progress bar where there is a terminal."""
    columns = (*Progress.get_default_columns(), TextColumn("average precision {task.fields[score]:.3f}"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        for model in models:
            began = time.perf_counter()
            task = bar.add_task(f"{model.name:13}", total=options.rounds, score=0.0)
            report = partial(bar.update, task)
            model.margin, n_trees = BOOSTERS[options.booster](model, data, parts, options, report)
            model.confidence, model.posterior = expit(model.margin), model.loss.posterior(model.margin)
            bar.remove_task(task)
            console.print(f"{model.name:13} {n_trees:5} trees, {time.perf_counter() - began:.1f} s")


def row_measures(y: Array, model: Model, options: Options) -> Array:
    """What is a mean over rows, in the order of MEASURES; a total is the mean of n times the value."""
    measures = []
    for p in (model.confidence, model.posterior):
        wrong = (p > options.threshold) != (y == 1)
        cost = np.where(y == 1, options.cost_missed, options.cost_alarm) * wrong * y.size
        likelihood = np.where(y == 1, p, 1.0 - p)
        # Clipped as in scikit-learn's log_loss: class weights can lead to a 1 among the others.
        measures.append((-np.log(np.maximum(likelihood, EPSILON)), (p - y) ** 2, cost))
    return np.stack([values for pair in zip(*measures, strict=True) for values in pair], axis=1)


def ranking(y: Array, margin: Array, alert_rate: float) -> Callable[[Array], tuple[float, float]]:
    """A function from a count for each row to average precision and to recall among the top rows.

    Rows stand at the score of a fraud or between two of them, so a replicate has few places to sort.
    """
    fraud = y == 1
    scores = np.unique(-margin[fraud])
    n = 2 * scores.size + 1
    place = np.searchsorted(scores, -margin, "left") + np.searchsorted(scores, -margin, "right") + n * fraud
    labels, rank = np.repeat((0, 1), n), np.tile(np.arange(n), 2)

    def measure(counts: Array) -> tuple[float, float]:
        weight = np.bincount(place, counts, 2 * n)
        good, caught = np.cumsum(weight.reshape(2, n), axis=1)
        # Of rows with one score some are reviewed: to interpolate is to take the mean over which.
        recall = np.interp(alert_rate * y.size, np.r_[0.0, good + caught], np.r_[0.0, caught]) / caught[-1]
        return float(average_precision_score(labels, -rank, sample_weight=weight)), float(recall)

    return measure


def evaluate(y: Array, models: list[Model], options: Options) -> tuple[Array, Array]:
    """Measures, shape (model, measure), and those of the bootstrap replicates."""
    rng = np.random.default_rng(options.seed)
    rankings = [ranking(y, model.margin, options.alert_rate) for model in models]
    by_row = np.concatenate([row_measures(y, model, options) for model in models], axis=1)
    classes = [np.flatnonzero(y == label) for label in (0, 1)]

    def measures(counts: Array) -> Array:
        means = (counts @ by_row / y.size).reshape(len(models), -1)
        return np.concatenate([[rank(counts) for rank in rankings], means], axis=1)

    def replicate() -> Array:  # one draw for all models: their differences are paired
        drawn = np.concatenate([rng.choice(rows, rows.size) for rows in classes])
        return measures(np.bincount(drawn, minlength=y.size).astype(float))

    return measures(np.ones(y.size)), np.stack([replicate() for _ in range(N_REPLICATES)])


def show(value: float, replicates: Array, digits: int, sign: str = "") -> str:
    low, high = np.quantile(replicates, (0.025, 0.975))
    form = f"{sign}z,.{digits}f"
    return rf"{value:{form}} \[{low:{form}}, {high:{form}}]"


def report_table(y: Array, models: list[Model], values: Array, replicates: Array, options: Options) -> Table:
    """The measures, and before the costs the confusion matrices that they come from."""
    table = Table("test rows, 95 % intervals", caption_justify="left")
    for model in models:
        table.add_column(model.name, justify="right")
    cells = [confusion_matrix(y, model.posterior > options.threshold).ravel() for model in models]
    for k, (name, digits) in enumerate(MEASURES):
        if k == 6:
            table.add_section()
            counted = ("others let through", "false alarms", "frauds missed", "frauds caught")
            for of, counts in zip(counted, np.transpose(cells), strict=True):
                table.add_row(of, *(f"{count:,}" for count in counts))
        table.add_row(name, *(show(values[m, k], replicates[:, m, k], digits) for m in range(len(models))))
    table.caption = (
        f"Alert rate: {options.alert_rate:.2%} of the rows are reviewed. Below the line, those with a "
        f"posterior above {options.threshold:.4f}:\na missed fraud costs {options.cost_missed:g}, a false "
        f"alarm {options.cost_alarm:g}, no review at all {options.cost_missed * y.sum():,.0f}."
    )
    return table


def differences(models: list[Model], values: Array, replicates: Array) -> str:
    """Paired differences from the first model, and whether there is one."""
    text = ""
    for k in (0, 3, 7):
        name, digits = MEASURES[k]
        for m, model in enumerate(models[1:], 1):
            change, spread = values[m, k] - values[0, k], replicates[:, m, k] - replicates[:, 0, k]
            low, high = np.quantile(spread, (0.025, 0.975))
            verdict = "no difference that these test rows can show"
            if low > 0 or high < 0:
                better = model if (change > 0) == (k == 0) else models[0]
                verdict = f"{better.name} is better on these test rows"
            text += (
                f"{model.name} - {models[0].name}, {name}: {show(change, spread, digits, '+')}: {verdict}.\n"
            )
    return text


def plot_ranking(ax: Axes, y: Array, models: list[Model], values: Array, alert_rate: float) -> None:
    """Precision and recall; with equally many rows reviewed, the models' points lie on one ray."""
    slope = y.mean() / alert_rate
    ray = ax.axline((0, 0), slope=slope, color="0.6", linewidth=1, linestyle="--", zorder=1)
    ray.set_label(f"where {alert_rate:.1%} of the rows are reviewed\n(dots: the models there)")
    for model, value, color, size in zip(models, values, COLORS, (12, 9, 6), strict=True):
        display = PrecisionRecallDisplay.from_predictions(y, model.margin, name=model.name, ax=ax)
        display.line_.set(color=color, linewidth=1.8)
        ax.plot(value[1], value[1] * slope, "o", color=color, markeredgecolor="white", markersize=size)
    ax.set(xlim=(0, 1.02), ylim=(0, 1.02), aspect="auto")
    ax.set(xlabel="Recall: share of the frauds caught", ylabel="Precision: share of frauds among alerts")
    ax.set_title("Ranking: higher is better", loc="left")
    ax.legend(loc="center left", bbox_to_anchor=(0.02, 0.36), frameon=False, fontsize=9)


def plot_reliability(ax: Axes, y: Array, models: list[Model]) -> None:
    """Frequency of fraud over mean prediction, by raw confidence (hollow) and posterior (solid).

    Bins are half decades of the posterior's odds, the same rows for both; quantiles would put all frauds
    into the last bin. Bars are Jeffreys 95 % intervals; a bar without a point is a bin without a fraud.
    """
    for model, color in zip(models, COLORS, strict=True):
        half_decade = np.round(logit(model.posterior) / np.log(10.0) * 2.0)
        bins = np.unique(np.clip(half_decade, -8, 2), return_inverse=True)[1]
        size, frauds = np.bincount(bins), np.bincount(bins, y)
        before, after = (np.bincount(bins, p) / size for p in (model.confidence, model.posterior))
        rate = np.where(frauds > 0, frauds / size, np.nan)
        low, high = (beta.ppf(q, frauds + 0.5, size - frauds + 0.5) for q in (0.025, 0.975))
        ax.plot(before, rate, "o--", color=color, markerfacecolor="white", linewidth=1)
        ax.plot(after, rate, "o-", color=color, linewidth=1.8, label=model.name)
        ax.vlines(after, low, high, color=color)
    ax.plot((1e-6, 1), (1e-6, 1), color="0.6", linewidth=1, zorder=1, label="perfectly calibrated")
    ax.plot([], [], "o-", color="0.3", linewidth=1.8, label="posterior, 95 % interval\n(no dot: no fraud)")
    ax.plot([], [], "o--", color="0.3", markerfacecolor="white", linewidth=1, label="raw confidence")
    ax.set(xscale="log", yscale="log", xlim=(1e-5, 1.4), ylim=(3e-6, 1.4))
    ax.set(xlabel="Mean predicted probability of fraud", ylabel="Frequency of fraud")
    ax.set_title("Probabilities: nearer to the grey line is better", loc="left")
    ax.legend(loc="upper left", frameon=False, fontsize=9)


def save_figure(y: Array, models: list[Model], values: Array, options: Options) -> None:
    figure = Figure(figsize=(11, 4.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    plot_ranking(left, y, models, values, options.alert_rate)
    plot_reliability(right, y, models)
    figure.suptitle(f"Log loss, class weights and focal loss on {y.size:,} test rows, {y.sum():,} frauds")
    for ax in (left, right):
        ax.spines[["top", "right"]].set_visible(False)
    options.figure.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.figure, dpi=110)


def parse(argv: Sequence[str] | None) -> tuple[argparse.ArgumentParser, Options]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    add = parser.add_argument
    add("--data", metavar="FILE", help="CSV or Parquet table, instead of --dataset")
    add("--target", metavar="COLUMN", help="class column of --data (default: the last)")
    add("--time", metavar="COLUMN", help="time column of --data (default: step, time or date, if there)")
    add("--positive", metavar="VALUE", help="of --target: the class to find (default: 1, yes, or the rarer)")
    add("--drop", metavar="COLUMN", nargs="+", default=[], help="columns of --data that are no features")
    add("--dataset", choices=("transactions", "creditcard"), default="transactions")
    add("--booster", choices=tuple(BOOSTERS), default="xgboost")
    add("--figure", type=Path, default=Path("figures/fraud_detection.png"))
    add("--alpha", type=float, help="weight of frauds in focal loss, in (0, 1); others weigh 1 - alpha")
    for name, default, text in (
        ("--gamma", 2.0, "focusing parameter of focal loss"),
        ("--rows", 600_000, "transactions to simulate"),
        ("--rounds", 400, "trees at most"),
        ("--patience", 50, "rounds without progress until a model stops"),
        ("--learning-rate", 0.05, "of the booster"),
        ("--max-depth", 6, "of the trees"),
        ("--alert-rate", 0.005, "share of the rows that can be reviewed"),
        ("--cost-missed", 100.0, "of a fraud that is not reviewed"),
        ("--cost-alarm", 1.0, "of a legitimate row that is reviewed"),
        ("--seed", 0, "of the simulation, a random split and the bootstrap"),
    ):
        add(name, type=type(default), default=default, help=f"{text} (default: %(default)s)")
    options = parser.parse_args(argv)
    if not (0 < options.alert_rate <= 1 and options.cost_missed > 0 and options.cost_alarm > 0):
        parser.error("--alert-rate must lie in (0, 1], --cost-missed and --cost-alarm above 0")
    if options.data is None and (options.target or options.time or options.positive or options.drop):
        parser.error("--target, --time, --positive and --drop are about --data FILE, which is missing")
    options.threshold = options.cost_alarm / (options.cost_alarm + options.cost_missed)
    return parser, options


def main(argv: Sequence[str] | None = None) -> None:
    parser, options = parse(argv)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 120
    try:
        import_module(f"focalboost.{options.booster}")  # says what to install
        data = load(options)
        parts = split(data, options.seed)
        models = untrained(data.target[parts[0]], options.gamma, options.alpha)
    except (ValueError, TypeError, OSError, ImportError) as error:
        parser.error(str(error))
    if options.data is not None:
        console.print(f"{data.report}\n", markup=False, soft_wrap=True)
    for name, rows in zip(PARTS, parts, strict=True):
        console.print(f"{name:10} {rows.size:9,} rows, {data.target[rows].sum():6,} frauds")
    train(models, data, parts, options, console)
    y = data.target[parts[2]]
    values, replicates = evaluate(y, models, options)
    console.print(report_table(y, models, values, replicates, options))
    console.print(differences(models, values, replicates), end="", soft_wrap=True)
    save_figure(y, models, values, options)
    console.print(f"figure: {options.figure}", soft_wrap=True)


if __name__ == "__main__":
    main()
