"""Reasons for a score: SHAP values of the probability and of the margin
=====================================================================

Reasons for a score: SHAP values of the posterior beside those of the margin.

The margin is explained by SHAP's fast TreeExplainer, exactly; its unit is none that an analyst knows. The
posterior's log-odds, a strictly increasing function of the margin, and its probability are explained through
the model itself, row by row. TreeExplainer's model_output="probability" would explain the focal confidence.

::

    pip install 'focalboost[xgboost-cpu]' shap
    python examples/explain.py [--rows 20000]
"""

from __future__ import annotations

import argparse

import numpy as np
import shap  # type: ignore[import-untyped]

from focalboost.datasets import make_transactions
from focalboost.xgboost import FocalXGBClassifier


def main(n_samples: int = 20_000, n_rows: int = 4) -> tuple[float, float]:
    """Print the reasons of the highest scores.

    Returns how far the reasons of the probability are from summing to it, and the share of rows whose first
    reason is the same by margin and by log-odds.
    """
    data = make_transactions(n_samples, random_state=0)
    model = FocalXGBClassifier(focal_gamma=2.0, n_estimators=40, max_depth=3, n_jobs=2)
    model.fit(data.data, data.target)
    probability = model.predict_proba(data.data)[:, 1]
    rows = data.data[np.argsort(-probability)[:n_rows]]
    # What a reason is relative to: rows without an alert.
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
        f"reasons of the probability sum to it to {off:.0e}; "
        f"first reason by margin is that by log-odds: {same:.0%}"
    )
    return off, same


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=20_000)
    main(parser.parse_args().rows)
