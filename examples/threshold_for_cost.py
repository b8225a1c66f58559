"""A scikit-learn pipeline whose threshold is chosen for its cost, three ways.

    pip install 'focalboost[xgboost-cpu,examples]'
    python examples/threshold_for_cost.py

A missed fraud costs 100, a false alarm 1, a true alarm nothing. With probabilities that are true, the
cheapest threshold is known without looking at data: 1 / (1 + 100). `TunedThresholdClassifierCV` finds one
from the data, at the price of five more trainings. Judged on the last quarter of the time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.metrics import confusion_matrix, make_scorer
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from focalboost.datasets import make_transactions
from focalboost.xgboost import FocalXGBClassifier

COST_OF_A_MISSED_FRAUD, COST_OF_A_FALSE_ALARM = 100.0, 1.0


def cost(y_true: NDArray[Any], y_pred: NDArray[Any]) -> float:
    """What the errors cost."""
    _, alarms, missed, _ = confusion_matrix(y_true, y_pred, labels=[0, 1]).ravel()
    return float(COST_OF_A_MISSED_FRAUD * missed + COST_OF_A_FALSE_ALARM * alarms)


def main(n_samples: int = 150_000, n_estimators: int = 60) -> dict[str, float]:
    """Print a line for each threshold; returns the costs."""
    data = make_transactions(n_samples, random_state=0, as_frame=True)
    columns = ["type", "amount", "oldbalanceOrg", "oldbalanceDest", "step"]
    train = data.step < np.quantile(data.step, 0.75)
    X, y = data.frame[columns].assign(hour=data.step % 24), data.target

    # Missing values and unscaled numbers are no trouble for trees; the type of the transaction is a category.
    prepare = ColumnTransformer([("type", OneHotEncoder(), ["type"])], remainder="passthrough")
    booster = FocalXGBClassifier(focal_gamma=1.0, n_estimators=n_estimators, max_depth=5, n_jobs=2)
    pipeline = make_pipeline(prepare, booster)

    known = COST_OF_A_FALSE_ALARM / (COST_OF_A_FALSE_ALARM + COST_OF_A_MISSED_FRAUD)
    cheap = make_scorer(cost, greater_is_better=False)
    classifiers = {
        "0.5, the default": pipeline,
        f"{known:.4f}, from the costs": FixedThresholdClassifier(pipeline, threshold=known),
        "tuned by 5-fold CV": TunedThresholdClassifierCV(
            pipeline, scoring=cheap, thresholds=np.geomspace(1e-4, 0.9, 200), random_state=0
        ),
    }
    costs = {}
    print(f"{train.sum():,} rows to train, {(~train).sum():,} to test, {y[~train].sum()} frauds among them\n")
    print(
        "threshold               cost   no alert at all would cost",
        f"{COST_OF_A_MISSED_FRAUD * y[~train].sum():,.0f}",
    )
    for name, classifier in classifiers.items():
        classifier.fit(X[train], y[train])
        costs[name] = cost(y[~train], classifier.predict(X[~train]))
        found = (
            f"   (found {classifier.best_threshold_:.4f})" if hasattr(classifier, "best_threshold_") else ""
        )
        print(f"{name:20} {costs[name]:8,.0f}{found}")
    return costs


if __name__ == "__main__":
    main()
