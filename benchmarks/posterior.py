"""How good the probabilities are: log loss, and focal loss raw, by the closed-form posterior, recalibrated.

    python benchmarks/posterior.py                         simulated rows whose true probabilities are known
    python benchmarks/posterior.py FOLDER                  and the sets of DEFAULT that FOLDER has
    python benchmarks/posterior.py FOLDER NAME [NAME ...]  and FOLDER/NAME.parquet, target in the last column
    python benchmarks/posterior.py --redraw JSON --figure FILE    the figure from what --json wrote

XGBoost with depth 5 and eta 0.1 everywhere. A quarter of the rows is for testing; a quarter of the others,
the inner rows, chooses the number of rounds, at most ROUNDS, and fits the recalibration. The number of rounds
is the one with the smallest log loss of the booster's own probability (focal loss: of the posterior; the raw
confidence is read from the same trees, so that only the map differs). "All rounds" is the same booster
without that choice: an overfit one.

raw          sigmoid(margin), what `predict` of the booster says
posterior    loss.posterior(margin), the closed form; nothing is fitted
+ Platt      CalibratedClassifierCV(method="sigmoid") on the log-odds of the inner rows (raw: their margins)

The split is drawn anew `--splits` times, simulated rows too; differences are paired within a split. Intervals
are 95 % t-intervals over splits; those of the real sets, whose splits share rows, are widened (variance times
1/splits + test/training rows: Nadeau and Bengio, "Inference for the generalization error", 2003). Five
minutes of one core with all of DEFAULT.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xgboost as xgb
from harness import parser, print_environment, print_table, save
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, logit, rel_entr
from scipy.stats import t as student
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from focalboost import BinaryFocalLoss
from focalboost.datasets import load_table

Array = NDArray[Any]
Scores = dict[str, dict[str, list[float]]]  # contender -> measure -> one value a split
DEFAULT = (
    "fraud_ulb_sample", "fraud_dmwr_sales", "credit_taiwan", "credit_polish_bankruptcy_1y", "imb_coil_2000",
    "adb_cover",
)  # fmt: skip
SIMULATED, N_SIMULATED, PREVALENCE = "simulated", 60_000, 0.03
GAMMAS, ROUNDS, MOST_ROWS = (0.5, 1.0, 2.0, 5.0), 300, 25_000
BASE, PLATT, ALL = "log loss", " + Platt", ", all rounds"
SHOWN = ("raw", "raw" + PLATT, "posterior", "posterior" + PLATT)
DIGITS = {"Brier": 5, "slope": 2, "mean p / rate": 2, "mean abs. error": 5, "KL": 5, "rounds": 0}
EDGES = np.linspace(-3.5, 0, 15)  # log10 of the probabilities between which reliability is averaged
# Okabe and Ito's colours, which the colour-blind can tell apart.
COLORS = {BASE: "black", "raw": "#E69F00", "posterior": "#0072B2", "posterior" + PLATT: "#009E73"}
TICKS = (-10, -5, 0, 5, 10, 100, 1000)


def simulate(n: int, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Ten normal features, labels, and the true probability: additive effects, an interaction, a step."""

    def score(X: Array) -> Array:
        effects = 1.2 * X[:, 0] + np.sin(2 * X[:, 1]) + 0.5 * np.abs(X[:, 4])
        return np.asarray(effects + X[:, 1] * X[:, 2] + 1.5 * (X[:, 3] > 1.0))

    reference = score(np.random.default_rng(0).standard_normal((200_000, 10)))
    intercept = brentq(lambda b: expit(reference + b).mean() - PREVALENCE, -20, 5)
    X = rng.standard_normal((n, 10))
    eta = expit(score(X) + intercept)
    return X.astype(np.float32), (rng.random(n) < eta).astype(np.int8), eta


def log_odds(probability: Array) -> Array:
    return np.asarray(logit(np.clip(np.asarray(probability, float), 1e-15, 1 - 1e-15)))


def log_loss(y: Array, odds: Array) -> float:
    return float(np.logaddexp(0.0, np.where(y == 1, -odds, odds)).mean())


def measures(y: Array, odds: Array, eta: Array | None) -> dict[str, float]:
    p = expit(odds)
    line = LogisticRegression(C=np.inf, solver="newton-cholesky").fit(odds[:, None], y)
    found = {
        "log loss": log_loss(y, odds),
        "Brier": float(np.mean((y - p) ** 2)),
        "slope": float(line.coef_[0, 0]),
        "mean p / rate": float(p.mean() / (y if eta is None else eta).mean()),
    }
    if eta is not None:
        found["mean abs. error"] = float(np.abs(p - eta).mean())
        found["KL"] = float(np.mean(rel_entr(eta, p) + rel_entr(1 - eta, expit(-odds))))
    return found


def platt(odds: Array, y: Array, new_odds: Array) -> Array:
    """Recalibrated log-odds; a regression with coefficient 1 hands CalibratedClassifierCV the old ones."""
    same = LogisticRegression()
    same.classes_, same.coef_, same.intercept_ = np.array([0, 1]), np.ones((1, 1)), np.zeros(1)
    model = CalibratedClassifierCV(FrozenEstimator(same), method="sigmoid").fit(odds[:, None], y)
    return log_odds(model.predict_proba(new_odds[:, None])[:, 1])


def contenders(gamma: float | None, train: Any, inner: Any, test: Any) -> Iterator[tuple[str, Array, int]]:
    """Name, log-odds of the test rows and rounds of all that one booster can say; gamma None: log loss."""
    y = inner.get_label()
    loss = BinaryFocalLoss(gamma or 0.0, n_jobs=1).for_labels(train.get_label())
    params: dict[str, Any] = {"objective": "binary:logistic", "max_depth": 5, "eta": 0.1, "nthread": 1}
    if gamma is not None:
        params["base_score"] = loss.base_score
    history: list[float] = []

    def metric(prediction: Array, _: Any) -> tuple[str, float]:
        probability = prediction if gamma is None else loss.posterior(prediction)
        history.append(log_loss(y, log_odds(probability)))
        return "log_loss", history[-1]

    booster = xgb.train(
        {**params, "disable_default_eval_metric": True}, train, ROUNDS, obj=None if gamma is None else loss,
        evals=[(inner, "inner")], custom_metric=metric, verbose_eval=False,
    )  # fmt: skip
    prefix = "" if gamma is None else f"gamma {gamma:g}, "
    for rounds, suffix in ((int(np.argmin(history)) + 1, ""), (ROUNDS, ALL)):
        of = {"output_margin": True, "iteration_range": (0, rounds)}
        margins = [booster.predict(data, **of).astype(float) for data in (inner, test)]
        maps = {BASE: margins}
        if gamma is not None:
            maps = {"raw": margins, "posterior": [log_odds(loss.posterior(margin)) for margin in margins]}
        for kind, (inner_odds, odds) in maps.items():
            yield prefix + kind + suffix, odds, rounds
            yield prefix + kind + PLATT + suffix, platt(inner_odds, y, odds), rounds


def reliability(odds: Array, truth: Array) -> list[list[float]]:
    """Rows, mean of log10 p and mean truth between EDGES."""
    log_p = -np.logaddexp(0.0, -odds) / np.log(10)
    place = np.digitize(log_p, EDGES)
    parts = [place == k for k in range(1, EDGES.size)]
    return [[float(part.sum()), float(log_p[part].sum()), float(truth[part].sum())] for part in parts]


def study(file: Path | None, splits: int) -> dict[str, Any]:
    """Scores of every contender in every split of one set; None is the simulated one."""
    scores: Scores = {}
    curves: dict[str, list[list[list[float]]]] = {}
    if file is not None:
        table = load_table(file)
        rows = np.arange(table.target.size)
        if rows.size > MOST_ROWS:
            rows, _ = train_test_split(rows, train_size=MOST_ROWS, stratify=table.target, random_state=0)
        X_all, y_all = table.data[rows], table.target[rows]
    for seed in range(splits):
        if file is None:
            (X, y, _), (X_test, y_test, eta) = (
                simulate(N_SIMULATED, np.random.default_rng([seed, part])) for part in range(2)
            )
            n_rows, rate = 2 * N_SIMULATED, PREVALENCE
        else:
            X, X_test, y, y_test = train_test_split(
                X_all, y_all, test_size=0.25, stratify=y_all, random_state=seed
            )
            n_rows, rate, eta = y_all.size, float(y_all.mean()), None
        X, X_inner, y, y_inner = train_test_split(X, y, test_size=0.25, stratify=y, random_state=seed)
        train = xgb.QuantileDMatrix(X, y, nthread=1)
        inner, test = (xgb.DMatrix(*part, nthread=1) for part in ((X_inner, y_inner), (X_test, y_test)))
        for gamma in (None, *GAMMAS):
            for contender, odds, rounds in contenders(gamma, train, inner, test):
                found = {**measures(y_test, odds, eta), "rounds": float(rounds)}
                for measure, value in found.items():
                    scores.setdefault(contender, {}).setdefault(measure, []).append(value)
                if eta is not None and contender.removeprefix("gamma 2, ") in COLORS:
                    curves.setdefault(contender, []).append(reliability(odds, eta))
    return {"rows": n_rows, "rate": rate, "scores": scores, "reliability": curves}


def difference(scores: Scores, name: str, of_set: str) -> tuple[float, float]:
    """Mean paired difference to the built-in's log loss, in % of it, and half its 95 % interval."""
    other = np.array(scores[BASE]["log loss"])
    values = 100 * (np.array(scores[name]["log loss"]) - other) / other.mean()
    spread = 1 / values.size + (0.0 if of_set == SIMULATED else 0.25 / 0.75)
    half = student.ppf(0.975, values.size - 1) * np.sqrt(spread * values.var(ddof=1))
    return float(values.mean()), float(half)


def print_set(name: str, result: dict[str, Any]) -> None:
    scores: Scores = result["scores"]
    head = [key for key in scores[BASE] if key != "log loss"]
    rows = []
    for key in (key for key in scores if ALL not in key):
        mean, half = difference(scores, key, name)
        versus = "" if key == BASE else f"{mean:+.1f} ± {half:.1f}"
        values = [f"{np.mean(scores[key][measure]):.{DIGITS[measure]}f}" for measure in head]
        rows.append((key, f"{np.mean(scores[key]['log loss']):.5f}", versus, *values))
    title = f"{name}: {result['rows']} rows, {result['rate']:.2%} positive, means over splits"
    print_table(title, ("", "log loss", "vs log loss, %", *head), rows)


def print_summary(results: dict[str, Any]) -> None:
    head = ("", "log loss, %", "range", "worse", "better", "slope (range)", "mean p / rate (range)")
    for title, suffix, kinds in (("Best round", "", SHOWN), ("All rounds", ALL, SHOWN[2:])):
        rows = []
        for key in [BASE, BASE + PLATT, *(f"gamma {gamma:g}, {kind}" for gamma in GAMMAS for kind in kinds)]:
            versus = [difference(of["scores"], key + suffix, name) for name, of in results.items()]
            means = [mean for mean, _ in versus]
            worse, better = (sum(sign * mean > half for mean, half in versus) for sign in (1, -1))
            span = f"{min(means):+.1f} to {max(means):+.1f}"
            cells = [key, f"{np.median(means):+.1f}", span, str(worse), str(better)]
            for measure in ("slope", "mean p / rate"):
                of_sets = [np.mean(found["scores"][key + suffix][measure]) for found in results.values()]
                cells.append(f"{np.median(of_sets):.2f} ({min(of_sets):.2f} to {max(of_sets):.2f})")
            rows.append(cells)
        print_table(f"{title}, {len(results)} sets: median over sets, % of log loss's best round", head, rows)


def draw(results: dict[str, Any], path: Path) -> None:
    """Reliability where the truth is known, and log loss on every set, for gamma 2, the default."""
    figure = Figure(figsize=(9.5, 4.8), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.25))
    left.plot((2e-4, 1), (2e-4, 1), color="0.6", linewidth=1, zorder=1, label="predicted = true")
    for size, (kind, color) in zip((7.5, 4, 5.5, 3), COLORS.items(), strict=True):
        curves = results[SIMULATED]["reliability"][kind if kind == BASE else f"gamma 2, {kind}"]
        n, log_p, truth = np.array(curves).sum(axis=0).T
        log_p, truth = (value[n >= 1000] / n[n >= 1000] for value in (log_p, truth))
        label = kind if kind == BASE else f"focal loss, {kind}"
        left.plot(10**log_p, truth, "o-", color=color, label=label, markersize=size, linewidth=1.2)
    left.set(xscale="log", yscale="log", xlabel="predicted probability", ylabel="true probability")
    left.set_title("Simulated rows: true probabilities are known", loc="left", fontsize=10.5)
    names = []
    for place, (name, found) in enumerate(results.items()):
        names.append(f"{name}, {100 * found['rate']:.2g} %")
        for offset, kind in zip((-0.22, 0.0, 0.22), list(COLORS)[1:], strict=True):
            mean, half = difference(found["scores"], f"gamma 2, {kind}", name)
            marker = {"color": COLORS[kind], "markersize": 5, "linewidth": 1.3}
            right.errorbar(mean, place + offset, xerr=half, fmt="o", **marker)
        right.axhline(place + 0.5, color="0.9", linewidth=0.8, zorder=0)
    right.axvline(0, color=COLORS[BASE], linewidth=1, zorder=1)
    right.set_xscale("symlog", linthresh=10, linscale=1.7)
    right.set_xticks(TICKS, [f"{tick:+d}" if tick else "0" for tick in TICKS])
    right.set_xticks((), minor=True)
    right.set_yticks(range(len(results)), names)
    right.set_ylim(len(results) - 0.5, -0.5)
    right.set_xlabel(
        "log loss of test rows, % above that of log loss\n(95 % intervals; logarithmic beyond ±10)"
    )
    right.set_title("Data set, share of positives: left is better", loc="left", fontsize=10.5)
    figure.suptitle(
        "What focal loss makes a booster say (raw) is no probability;\n"
        "its posterior is about as good as log loss (gamma 2, XGBoost)",
        fontsize=11.5,
    )
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=5, frameon=False)
    figure.savefig(path, dpi=120)


def main() -> None:
    options = parser(__doc__)
    options.add_argument("folder", type=Path, nargs="?", help="holds NAME.parquet")
    options.add_argument("names", nargs="*", metavar="NAME", help=f"by default {', '.join(DEFAULT)}")
    options.add_argument("--splits", type=int, default=10)
    options.add_argument("--figure", type=Path, metavar="FILE", help="draw reliability and differences there")
    options.add_argument("--redraw", type=Path, metavar="JSON", help="train nothing, draw what --json wrote")
    arguments = options.parse_args()
    if arguments.redraw is not None:
        if arguments.figure is None:
            options.error("--figure is missing, must say where to draw.")
        draw(json.loads(arguments.redraw.read_text(encoding="utf-8"))["sets"], arguments.figure)
        return
    folder: Path | None = arguments.folder
    if folder is not None and not folder.is_dir():
        here = f"the current folder is {str(Path.cwd())!r}"
        options.error(f"folder == {str(folder)!r}, must be a folder with NAME.parquet files; {here}.")
    wanted = [folder / f"{name}.parquet" for name in arguments.names or DEFAULT] if folder else []
    files = [file for file in wanted if file.is_file()]
    if wanted and len(files) < (len(wanted) if arguments.names else 1):
        missing = ", ".join(file.name for file in wanted if file not in files)
        options.error(f"folder == {str(folder)!r}, must hold {missing}; it does not.")
    found = print_environment()
    results: dict[str, Any] = {}
    for file in (None, *files):
        name = SIMULATED if file is None else file.stem
        results[name] = study(file, arguments.splits)
        print_set(name, results[name])
    print_summary(results)
    save(arguments.json, found, {"splits": arguments.splits, "sets": results})
    if arguments.figure is not None:
        draw(results, arguments.figure)


if __name__ == "__main__":
    main()
