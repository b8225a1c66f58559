"""Decision regions on a 90 : 10 set of two features: what focal loss moves, and what a threshold moves.

    python benchmarks/source/decision_regions.py

Tutorials show two pictures side by side: with cross-entropy the region of the rare class is small, with focal
loss it is larger and more of the rare rows are found. Here: 1,000 training and 5,000 test rows of
scikit-learn's `make_classification` (two features, one cluster for each class, 2 % of the labels drawn at
random, class_sep 0.5), drawn anew 200 times, with the same trees for every loss.

log loss                       predicted where sigmoid(margin) >= 0.5
focal                          gamma 2, no class weights; raw confidence and posterior cross 0.5 together
focal, alpha 0.75              gamma 2, the rare class weighs three times the other; raw confidence
focal, alpha 0.75, posterior   the same model's posterior, which undoes the weight
log loss, alerts of ...        log loss, its threshold moved to predict the rare class as often as that
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import make_classification
from sklearn.inspection import DecisionBoundaryDisplay
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    precision_score,
    recall_score,
)
from sklearn.model_selection import train_test_split

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness import parser, print_environment, print_table, save  # benchmarks/ is no package
from models import BOOSTERS, COLORS, Array, Predict, Rows, Settings, focal, log_loss, mean_interval

N_TRAIN, N_TEST, SHARE, GAMMA = 1_000, 5_000, 0.9, 2.0
LOG_LOSS, FOCAL, WEIGHTED = "log loss", "focal", "focal, alpha 0.75"
POSTERIOR = WEIGHTED + ", posterior"
AS_FOCAL, AS_WEIGHTED = f"log loss, alerts of {FOCAL}", f"log loss, alerts of {WEIGHTED}"
MEASURES = ("recall", "precision", "balanced accuracy", "average precision", "as log loss")
PAIRS = (
    (FOCAL, LOG_LOSS), (FOCAL, AS_FOCAL), (WEIGHTED, LOG_LOSS), (WEIGHTED, AS_WEIGHTED),
    (POSTERIOR, LOG_LOSS),
)  # fmt: skip
SETTINGS = Settings(max_depth=3)
REGION = "#F4C77B"
Draws = dict[str, dict[str, list[float]]]  # way to decide -> measure -> one value a draw


def rows(seed: int) -> tuple[Rows, Rows]:
    """Training and test rows of one draw."""
    X, y = make_classification(
        N_TRAIN + N_TEST, n_features=2, n_redundant=0, n_clusters_per_class=1, weights=[SHARE], flip_y=0.02,
        class_sep=0.5, random_state=seed,
    )  # fmt: skip
    X, X_test, y, y_test = train_test_split(X, y, train_size=N_TRAIN, stratify=y, random_state=seed)
    return Rows(X, y), Rows(X_test, y_test)


def train(booster: str, train_rows: Rows) -> dict[str, tuple[Predict, Any]]:
    """Margins of each model, and its loss."""
    host = BOOSTERS[booster](train_rows, None, SETTINGS)
    made = (log_loss(), focal(FOCAL, train_rows, GAMMA, None, 1), focal(WEIGHTED, train_rows, GAMMA, 0.75, 1))
    return {contender.name: (host.fit(contender)[0], contender.loss) for contender in made}


def top(margin: Array, count: int) -> Array:
    """The rows with the highest margins, `count` of them."""
    called = np.zeros(margin.size, bool)
    called[np.argsort(-margin, kind="stable")[:count]] = True
    return called


def decide(models: dict[str, tuple[Predict, Any]], X: Array) -> dict[str, tuple[Array, Array]]:
    """What each way predicts, and the margins that it ranks by."""
    margins = {name: predict(X) for name, (predict, _) in models.items()}
    found = {name: (expit(margin) >= 0.5, margin) for name, margin in margins.items()}
    found[POSTERIOR] = (models[WEIGHTED][1].posterior(margins[WEIGHTED]) >= 0.5, margins[WEIGHTED])
    for name, other in ((AS_FOCAL, FOCAL), (AS_WEIGHTED, WEIGHTED)):
        found[name] = (top(margins[LOG_LOSS], int(found[other][0].sum())), margins[LOG_LOSS])
    return found


def measures(y: Array, called: Array, margin: Array, by_log_loss: Array) -> list[float]:
    """In the order of MEASURES."""
    return [
        float(recall_score(y, called)),
        float(precision_score(y, called, zero_division=0.0)),
        float(balanced_accuracy_score(y, called)),
        float(average_precision_score(y, margin)),
        float((called == by_log_loss).mean()),
    ]


def study(booster: str, draws: int) -> Draws:
    found: Draws = {}
    for seed in range(draws):
        train_rows, test = rows(seed)
        decided = decide(train(booster, train_rows), test.X)
        for way, (called, margin) in decided.items():
            of_way = measures(test.y, called, margin, decided[LOG_LOSS][0])
            for measure, value in zip(MEASURES, of_way, strict=True):
                found.setdefault(way, {}).setdefault(measure, []).append(value)
    return found


def print_draws(booster: str, found: Draws) -> None:
    count = len(found[LOG_LOSS]["recall"])
    lines = [
        (way, *(f"{found[way][measure][0]:.3f}, {np.mean(found[way][measure]):.3f}" for measure in MEASURES))
        for way in found
    ]
    title = f"{booster}, rare class: draw 0, and the mean of {count} draws"
    print_table(title, ("", *MEASURES[:-1], "predicts as log loss"), lines)
    lines = []
    for way, other in PAIRS:
        cells = []
        for measure in MEASURES[:-1]:
            change = np.array(found[way][measure]) - np.array(found[other][measure])
            mean, half = mean_interval(change)
            cells.append(f"{mean:+.4f} ± {half:.4f}")
        lines.append((f"{way} - {other}", *cells))
    print_table(f"{booster}, paired differences, mean and 95 % interval", ("", *MEASURES[:-1]), lines)


class Way(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is not annotated
    """A way to decide, as scikit-learn's display takes it."""

    def __init__(self, models: dict[str, tuple[Predict, Any]], way: str) -> None:
        self.models, self.way = models, way

    def fit(self, X: Array, y: Array) -> Self:
        self.classes_ = np.array([0, 1])
        return self

    def predict(self, X: Array) -> Array:
        predict, loss = self.models[WEIGHTED if self.way == POSTERIOR else self.way]
        confidence = loss.posterior if self.way == POSTERIOR else expit
        return (confidence(predict(X)) >= 0.5).astype(int)


def region(models: dict[str, tuple[Predict, Any]], way: str, X: Array, ax: Any, **look: Any) -> None:
    DecisionBoundaryDisplay.from_estimator(
        Way(models, way).fit(X, X), X, response_method="predict", grid_resolution=200, eps=0.3, ax=ax, **look
    )


def draw(boosters: Sequence[str], path: Path) -> None:
    """The regions of draw 0, log loss's border dashed on all of them; recall and precision of test rows."""
    (X, y, _), test = rows(0)
    ways = (LOG_LOSS, FOCAL, WEIGHTED, POSTERIOR)
    border: Any = {"plot_method": "contour", "levels": [0.5], "colors": "0.3", "linestyles": "--"}
    figure = Figure(figsize=(11, 1.0 + 2.9 * len(boosters)), layout="constrained")
    axes = np.atleast_2d(figure.subplots(len(boosters), len(ways), sharex=True, sharey=True))
    for line, booster in zip(axes, boosters, strict=True):
        models = train(booster, Rows(X, y))
        calls = decide(models, test.X)
        for ax, way in zip(line, ways, strict=True):
            region(models, way, X, ax, levels=[-0.5, 0.5, 1.5], colors=["white", REGION])
            if way != LOG_LOSS:
                region(models, LOG_LOSS, X, ax, linewidths=0.9, **border)
            for label, color, size in ((0, COLORS[2], 4), (1, COLORS[0], 7)):
                ax.scatter(*X[y == label].T, s=size, color=color, linewidths=0, alpha=0.6)
            recall, precision = (score(test.y, calls[way][0]) for score in (recall_score, precision_score))
            ax.set_title(f"{way}\nrecall {recall:.3f}, precision {precision:.3f}", fontsize=10)
            ax.set(xticks=(), yticks=(), xlabel="", ylabel="")
        line[0].set_ylabel(f"{booster}\nfeature 2")
    for ax in axes[-1]:
        ax.set_xlabel("feature 1")
    dot: dict[str, Any] = {"marker": "o", "linestyle": "", "markersize": 5}
    handles = [
        Patch(facecolor=REGION, edgecolor="0.3", label="predicted as the rare class (at 0.5)"),
        Line2D([], [], color="0.3", linestyle="--", label="border of that region with log loss"),
        Line2D([], [], color=COLORS[2], label="training row, common class", **dot),
        Line2D([], [], color=COLORS[0], label="training row, rare class", **dot),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)
    figure.suptitle(
        "At 0.5 focal loss alone decides almost as log loss does; class weights (alpha) find more of the "
        "rare class\nand raise more false alarms; the posterior takes them back "
        "(recall and precision: test rows)",
        fontsize=11,
    )  # fmt: skip
    figure.savefig(path, dpi=100)


def main(argv: Sequence[str] | None = None) -> dict[str, Draws]:
    options = parser(__doc__)
    options.add_argument("--draws", type=int, default=200)
    options.add_argument("--boosters", nargs="+", choices=tuple(BOOSTERS), default=tuple(BOOSTERS))
    options.add_argument("--figure", type=Path, metavar="FILE", help="draw the regions there")
    arguments = options.parse_args(argv)
    if arguments.draws < 2:
        options.error(f"draws == {arguments.draws}, must be at least 2: one has no interval.")
    environment = print_environment()
    results = {booster: study(booster, arguments.draws) for booster in arguments.boosters}
    for booster, found in results.items():
        print_draws(booster, found)
    save(arguments.json, environment, {"results": results})
    if arguments.figure is not None:
        draw(arguments.boosters, arguments.figure)
    return results


if __name__ == "__main__":
    main()
