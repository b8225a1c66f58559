"""A threshold chosen for its cost, three ways
===========================================

A scikit-learn pipeline whose threshold is chosen for its cost, three ways.

A missed fraud costs 100, a false alarm 1, a true alarm nothing. With true probabilities the threshold of the
least expected cost is known without looking at data: 1 / (1 + 100). `TunedThresholdClassifierCV` finds one
from the data, at the price of five more trainings. On the rows of one test either may come out cheaper: a
few frauds decide, so each difference is printed with its interval. Judged on the last quarter of the time.

::

    pip install 'focalboost[xgboost-cpu,examples]'
    python examples/threshold_for_cost.py [--figure FILE]
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.metrics import make_scorer
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from focalboost.datasets import make_transactions
from focalboost.xgboost import FocalXGBClassifier

COST_OF_A_MISSED_FRAUD, COST_OF_A_FALSE_ALARM = 100.0, 1.0


def costs_of_rows(y_true: Any, y_pred: Any) -> NDArray[Any]:
    """What the error of each row costs, 0 where there is none."""
    cost = np.where(np.asarray(y_true) == 1, COST_OF_A_MISSED_FRAUD, COST_OF_A_FALSE_ALARM)
    return np.where(np.asarray(y_true) == np.asarray(y_pred), 0.0, cost)


def total_cost(y_true: Any, y_pred: Any) -> float:
    return float(costs_of_rows(y_true, y_pred).sum())


def main(n_samples: int = 120_000, n_estimators: int = 60, figure: str | None = None) -> dict[str, float]:
    """Print a line for each threshold; returns the costs."""
    data = make_transactions(n_samples, random_state=0, as_frame=True)
    columns = ["type", "amount", "oldbalanceOrg", "oldbalanceDest", "step"]
    train = data.step < np.quantile(data.step, 0.75)
    X, y = data.frame[columns].assign(hour=data.step % 24), data.target

    # Missing values and unscaled numbers are no trouble for trees; the type of the transaction is a category.
    prepare = ColumnTransformer([("type", OneHotEncoder(), ["type"])], remainder="passthrough")
    booster = FocalXGBClassifier(focal_gamma=1.0, n_estimators=n_estimators, max_depth=5, n_jobs=1)
    pipeline = make_pipeline(prepare, booster)

    known = COST_OF_A_FALSE_ALARM / (COST_OF_A_FALSE_ALARM + COST_OF_A_MISSED_FRAUD)
    tuned = TunedThresholdClassifierCV(
        pipeline,
        scoring=make_scorer(total_cost, greater_is_better=False),
        thresholds=np.geomspace(1e-4, 0.9, 200),
        random_state=0,
    )
    from_costs = f"{known:.4f}, from the costs"
    classifiers = {
        "0.5, the default": pipeline,
        from_costs: FixedThresholdClassifier(pipeline, threshold=known),
        "tuned by 5-fold CV": tuned,
    }
    y_test = y[~train]
    rows = {
        name: costs_of_rows(y_test, classifier.fit(X[train], y[train]).predict(X[~train]))
        for name, classifier in classifiers.items()
    }
    print(f"{train.sum():,} rows to train, {y_test.size:,} to test, {y_test.sum()} frauds among them")
    print(f"No alert at all would cost {COST_OF_A_MISSED_FRAUD * y_test.sum():,.0f}.\n")
    print("threshold                  cost   more than from the costs (95 % interval)")
    for name, cost in rows.items():
        more = cost - rows[from_costs]
        half = 1.96 * np.sqrt(more.size) * more.std()
        versus = f"{more.sum():+8,.0f} [{more.sum() - half:+,.0f}, {more.sum() + half:+,.0f}]"
        print(f"{name:22} {cost.sum():8,.0f}   {'' if name == from_costs else versus}")
    print(
        f"\nThe one tuned by CV is {tuned.best_threshold_:.4f}. Where an interval holds 0, these frauds are"
    )
    print("too few to say which is cheaper; the one from the costs took no data and no more trainings.")
    if figure is not None:
        draw(y_test, pipeline.predict_proba(X[~train])[:, 1], tuned.best_threshold_, figure)
    return {name: float(cost.sum()) for name, cost in rows.items()}


def draw(y: NDArray[Any], p: NDArray[Any], tuned: float, file: str) -> None:
    """What each threshold costs on the test rows."""
    from matplotlib import pyplot as plt  # noqa: PLC0415  # only the figure needs it

    from focalboost.plotting import plot_cost  # noqa: PLC0415

    fig, ax = plt.subplots(figsize=(8, 4.2), layout="constrained")
    costs: dict[str, Any] = {"cost_alarm": COST_OF_A_FALSE_ALARM, "cost_missed": COST_OF_A_MISSED_FRAUD}
    plot_cost(y, {"focal loss": p}, ax=ax, **costs)
    ax.set_title(
        f"What each threshold costs on the test rows ({y.sum()} frauds): lower is better", loc="left"
    )
    for value, name in ((tuned, "tuned by CV"), (0.5, "the default")):
        ax.axvline(value, color="#D55E00", linestyle=":")
        ax.annotate(f" {name}", (value, 0.97), xycoords=("data", "axes fraction"), va="top", rotation=90)
    fig.savefig(file)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=120_000, help="simulated payments (default 120,000)")
    parser.add_argument("--figure", metavar="FILE", help="draw it, .png or .svg (needs matplotlib)")
    options = parser.parse_args()
    main(options.rows, figure=options.figure)
