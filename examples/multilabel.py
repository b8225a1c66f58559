"""Several rare labels a row, one model for all of them
====================================================

Several labels a row, each rare: one model for all labels, with both boosters, beside log loss.

Each label is a binary problem with its own intercept, scale and class weights. Focal loss ranks them about
as log loss does. LightGBM has one label a row; the classifier packs the labels into bits on the way in.

::

    pip install 'focalboost[xgboost-cpu,lightgbm]'
    python examples/multilabel.py [--figure FILE]
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, log_loss
from sklearn.model_selection import train_test_split

from focalboost.lightgbm import FocalLGBMClassifier
from focalboost.xgboost import FocalXGBClassifier

Array = NDArray[Any]
LABELS = {"heat": 0.03, "power": 0.01, "overstrain": 0.005}


def make_failures(n_samples: int, seed: int) -> tuple[Array, Array]:
    """Failures of a machine that share some causes; each label has the frequency that LABELS says."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, 8))
    causes = np.stack([X[:, 0] + X[:, 1] * X[:, 2], X[:, 2] - X[:, 3], X[:, 0] + np.abs(X[:, 4])], axis=1)
    score = causes + 0.8 * rng.normal(size=causes.shape)
    thresholds = [np.quantile(score[:, k], 1.0 - rate) for k, rate in enumerate(LABELS.values())]
    return X, (score > thresholds).astype(int)


def main(n_samples: int = 30_000, n_estimators: int = 60, figure: str | None = None) -> dict[str, Array]:
    """Print average precision and log loss for each label; returns the average precisions."""
    X, Y = make_failures(n_samples, seed=0)
    X_train, X_test, Y_train, Y_test = train_test_split(X, Y, test_size=0.5, random_state=0)
    print(f"{'':26}", *(f"{name:>10} ({Y_train[:, k].mean():.1%})" for k, name in enumerate(LABELS)))
    precisions = {}
    common: dict[str, Any] = {"n_estimators": n_estimators, "learning_rate": 0.1, "n_jobs": 1}
    models: dict[str, Any] = {
        "XGBoost, log loss": FocalXGBClassifier(focal_gamma=0.0, max_depth=4, **common),
        "XGBoost, focal": FocalXGBClassifier(focal_gamma=1.0, max_depth=4, **common),
        "XGBoost, gamma per label": FocalXGBClassifier(focal_gamma=(0.5, 1.0, 2.0), max_depth=4, **common),
        "LightGBM, focal": FocalLGBMClassifier(focal_gamma=1.0, num_leaves=15, verbosity=-1, **common),
    }
    for name, model in models.items():
        p = model.fit(X_train, Y_train).predict_proba(X_test)
        labels = range(len(LABELS))
        precisions[name] = np.array([average_precision_score(Y_test[:, k], p[:, k]) for k in labels])
        losses = [log_loss(Y_test[:, k], p[:, k]) for k in labels]
        cells = (f"{ap:8.3f} /{loss:8.4f}" for ap, loss in zip(precisions[name], losses, strict=True))
        print(f"{name:26}", *cells)
    print(
        "\naverage precision / log loss of predict_proba, on rows that no model has seen. Average precision"
    )
    print(
        "ranks: chance has the label's rate, 1 is perfect. Of log loss less is better. Labels in these rows:"
    )
    print(", ".join(f"{count} {name}" for name, count in zip(LABELS, Y_test.sum(axis=0), strict=True)))
    if figure is not None:
        draw(precisions, Y_test.mean(axis=0), figure)
    return precisions


def draw(precisions: dict[str, Array], rates: Array, file: str) -> None:
    """Bars of each label, beside what chance would have."""
    from matplotlib import pyplot as plt  # noqa: PLC0415  # only the figure needs it

    fig, ax = plt.subplots(figsize=(8, 3.8), layout="constrained")
    colors = ("black", "#0072B2", "#56B4E9", "#E69F00")  # Okabe and Ito's, for any colour vision
    places = np.arange(len(LABELS))
    for k, (name, values) in enumerate(precisions.items()):
        ax.bar(places + 0.2 * (k - 1.5), values, 0.18, color=colors[k], label=name)
    for place, rate in zip(places, rates, strict=True):
        chance = ax.hlines(rate, place - 0.45, place + 0.45, color="#D55E00")
    chance.set_label("chance: the rate of the label")
    ax.set_xticks(places, list(LABELS))
    ax.set_ylabel("average precision")
    ax.set_title("One model ranks each of three rare labels far above chance", loc="left")
    ax.legend(frameon=False)
    fig.savefig(file)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=30_000, help="simulated rows (default 30,000)")
    parser.add_argument("--trees", type=int, default=60, help="rounds of boosting (default 60)")
    parser.add_argument("--figure", metavar="FILE", help="draw it, .png or .svg (needs matplotlib)")
    options = parser.parse_args()
    main(options.rows, options.trees, options.figure)
