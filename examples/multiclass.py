"""Four classes, the rarest one row in two hundred
===============================================

Four classes, the rarest one row in two hundred: log loss, class weights and focal loss side by side.

`focal_alpha_power` is one number for any number of classes: weights proportional to frequency^-power.
Whatever weights and gamma are, `predict_proba` is the class probability: its log loss stays near that of log
loss. And `predict` takes the most probable class, so weights do not make it call more rows rare; a cost does,
or `focal_probability="focal"`, which decides by the raw confidence.

::

    pip install 'focalboost[xgboost-cpu]'
    python examples/multiclass.py [--figure FILE]
"""

from __future__ import annotations

import argparse
from typing import Any

from sklearn.datasets import make_classification
from sklearn.metrics import balanced_accuracy_score, f1_score, log_loss, recall_score
from sklearn.model_selection import train_test_split

from focalboost.xgboost import FocalXGBClassifier

SETTINGS: dict[str, dict[str, Any]] = {
    "log loss": {"focal_gamma": 0.0},
    "weights": {"focal_gamma": 0.0, "focal_alpha_power": 1.0},
    "focal, gamma 1": {"focal_gamma": 1.0},
    "focal, gamma 2, half weights": {"focal_gamma": 2.0, "focal_alpha_power": 0.5},
    "... its raw confidence": {"focal_gamma": 2.0, "focal_alpha_power": 0.5, "focal_probability": "focal"},
}


def main(n_samples: int = 30_000, n_estimators: int = 60, figure: str | None = None) -> dict[str, float]:
    """Print a line for each setting; returns the log losses."""
    names = ["refund", "purchase", "transfer", "takeover"]
    X, codes = make_classification(
        n_samples,
        n_features=12,
        n_informative=8,
        n_classes=4,
        weights=[0.12, 0.8, 0.075, 0.005],
        class_sep=0.9,
        flip_y=0.01,
        random_state=0,
    )
    y = [names[code] for code in codes]
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.4, stratify=y, random_state=0)
    print(f"{y_train.count('takeover')} of {len(y_train):,} rows to train are takeovers\n")
    print(f"{'':30} log loss   macro F1   balanced accuracy   recall of takeover")
    losses, recalls = {}, {}
    for name, setting in SETTINGS.items():
        model = FocalXGBClassifier(
            **setting, n_estimators=n_estimators, max_depth=5, learning_rate=0.1, n_jobs=1
        )
        model.fit(X_train, y_train)
        losses[name] = float(log_loss(y_test, model.predict_proba(X_test), labels=model.classes_))
        predicted = model.predict(X_test)
        recalls[name] = recall_score(y_test, predicted, labels=["takeover"], average=None)[0]
        print(
            f"{name:30} {losses[name]:8.4f} {f1_score(y_test, predicted, average='macro'):10.3f} "
            f"{balanced_accuracy_score(y_test, predicted):19.3f} {recalls[name]:20.3f}"
        )
    print(
        "\nLog loss says how good the probabilities are, lower is better; the others judge the class that is"
        "\ncalled, higher is better. The raw confidence calls more rows rare and is no probability. To"
        f"\ncall more rows rare, put costs on probabilities. {y_test.count('takeover')} takeovers are judged."
    )
    if figure is not None:
        draw(losses, recalls, figure)
    return losses


def draw(losses: dict[str, float], recalls: dict[str, float], file: str) -> None:
    """Both questions side by side: are the probabilities good, is the rare class called."""
    from matplotlib import pyplot as plt  # noqa: PLC0415  # only the figure needs it

    fig, (left, right) = plt.subplots(1, 2, sharey=True, figsize=(9, 3.4), layout="constrained")
    colors = ["#D55E00" if name.startswith("...") else "#0072B2" for name in losses]
    left.barh(list(losses), list(losses.values()), color=colors)
    right.barh(list(recalls), list(recalls.values()), color=colors)
    left.invert_yaxis()
    left.set_title("Log loss of predict_proba: lower is better", loc="left", fontsize=11)
    right.set_title("Share of takeovers that predict calls", loc="left", fontsize=11)
    fig.suptitle("The raw confidence calls more takeovers, and is no probability")
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
