"""Reasons for a score: SHAP values of the probability and of the margin
=====================================================================

Reasons for a score: SHAP values of the posterior beside those of the margin.

The margin is explained by SHAP's fast TreeExplainer, exactly; its unit is none that an analyst knows. The
posterior's log-odds, a strictly increasing function of the margin, and its probability are explained through
the model itself, row by row. TreeExplainer's model_output="probability" would explain the focal confidence.

::

    pip install 'focalboost[xgboost-cpu]' shap
    python examples/explain.py [--figure FILE]
"""

from __future__ import annotations

import argparse

import numpy as np
import shap  # type: ignore[import-untyped]

from focalboost.datasets import make_transactions
from focalboost.xgboost import FocalXGBClassifier


def main(n_samples: int = 20_000, n_rows: int = 4, figure: str | None = None) -> tuple[float, float]:
    """Print the reasons of the highest scores.

    Returns how far the reasons of the probability are from summing to it, and the share of rows whose first
    reason is the same by margin and by log-odds.
    """
    data = make_transactions(n_samples, random_state=0)
    model = FocalXGBClassifier(focal_gamma=2.0, n_estimators=40, max_depth=3, n_jobs=1)
    model.fit(data.data, data.target)
    probability = model.predict_proba(data.data)[:, 1]
    rows = data.data[np.argsort(-probability)[:n_rows]]
    # What a reason is relative to: payments that were good.
    background = data.data[np.flatnonzero(data.target == 0)[:20]]
    names = list(data.feature_names)

    def explained(function: object) -> shap.Explanation:
        return shap.Explainer(function, background, feature_names=names, seed=0)(rows, silent=True)

    posterior = explained(lambda X: model.predict_proba(X)[:, 1])
    log_odds = explained(model.decision_function)
    margin = shap.TreeExplainer(model.get_booster(), background)(rows)
    served = model.predict_proba(rows)[:, 1]
    for row, score in enumerate(served):
        print(f"probability {score:.4f}, mean of the background {posterior.base_values[row]:.4f}")
        for kind, values in (("margin", margin), ("log-odds", log_odds), ("probability", posterior)):
            first = np.argsort(-values.values[row])[:3]
            print(f"  {kind:12}", ", ".join(f"{names[i]} {values.values[row][i]:+.3f}" for i in first))
    off = float(np.abs(posterior.values.sum(axis=1) + posterior.base_values - served).max())
    same = float((margin.values.argmax(axis=1) == log_odds.values.argmax(axis=1)).mean())
    print(
        "\nA reason is what a feature adds to the score, relative to twenty good payments. Added to their"
        f"\nmean, the reasons of the probability give it, to {off:.0e}. Rows whose first reason by margin is"
        f"\nthat by log-odds: {same:.0%}."
    )
    if figure is not None:
        draw(names, log_odds.values[0], posterior.values[0], float(served[0]), figure)
    return off, same


def draw(names: list[str], log_odds: np.ndarray, probability: np.ndarray, score: float, file: str) -> None:
    """The largest reasons of the first row, in both units."""
    from matplotlib import pyplot as plt  # noqa: PLC0415  # only the figure needs it

    fig, axes = plt.subplots(1, 2, sharey=True, figsize=(9, 3.6), layout="constrained")
    order = np.argsort(-np.abs(probability))[:6]
    for ax, unit, values in zip(axes, ("log-odds", "probability"), (log_odds, probability), strict=True):
        colors = ["#D55E00" if values[i] > 0 else "#0072B2" for i in order]
        ax.barh([names[i] for i in order], values[order], color=colors)
        ax.axvline(0.0, color="0.4", linewidth=0.8)
        ax.set_xlabel(f"adds to the {unit}")
    axes[0].invert_yaxis()
    fig.suptitle(f"Why this payment has a probability of fraud of {score:.3f}: its six largest reasons")
    fig.savefig(file)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=20_000, help="simulated payments (default 20,000)")
    parser.add_argument("--figure", metavar="FILE", help="draw the first row's, .png or .svg")
    options = parser.parse_args()
    main(options.rows, figure=options.figure)
