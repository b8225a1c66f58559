"""From transactions to decisions: which loss, which alerts, what they find
========================================================================

From transactions to decisions: which loss to use, from which probability on to alert, what that finds.

For a CSV or Parquet file of your own there is a command: `focalboost compare FILE --target COLUMN`.

::

    python examples/fraud_detection.py                        simulated transactions, some 15 seconds
    python examples/fraud_detection.py --booster lightgbm --report page.html
"""

import argparse

import numpy as np
import optuna
import pandas as pd

from focalboost.comparison import compare
from focalboost.datasets import make_transactions
from focalboost.metrics import expected_cost, threshold_for_cost

# What is lost when a good payment is stopped, in the currency of the amounts, whose median is some 75,000.
COST_OF_A_FALSE_ALARM = 2_000.0


def main(argv: list[str] | None = None) -> None:
    """Compare on the first 80 % of a simulated month, decide on the rest."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--booster", choices=("xgboost", "lightgbm"), default="xgboost")
    parser.add_argument("--rows", type=int, default=20_000, help="simulated transactions (default 20,000)")
    parser.add_argument("--trials", type=int, default=5, help="of each contender (default 5)")
    parser.add_argument("--report", metavar="FILE", help="write the page of the comparison there")
    parser.add_argument("--figure", metavar="FILE", help="draw what the new rows cost, .png or .svg")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    optuna.logging.set_verbosity(optuna.logging.WARNING)

    data = make_transactions(options.rows, imbalance_ratio=99, random_state=options.seed, as_frame=True)
    table = pd.DataFrame(data.data, columns=data.feature_names)
    amount = np.asarray(data.frame["amount"])
    known = np.arange(len(data.target)) < 0.8 * len(data.target)  # the rows are in order of time

    # 1. Which loss: each tuned under the same budget, judged on the last quarter of the known rows.
    found = compare(
        table[known],
        data.target[known],
        time=data.step[known],
        amount=amount[known],
        cost_alarm=COST_OF_A_FALSE_ALARM,
        cost_missed="amount",
        booster=options.booster,
        trials=options.trials,
        num_boost_round=200,
        early_stopping_rounds=20,
        seed=options.seed,
    )
    print(found.verdict.sentence)
    if options.report is not None:
        found.to_html(options.report)
        print(f"The whole comparison is in {options.report}.")

    # 2. Decide on rows that nobody has seen. An alert pays where p * amount > (1 - p) * its cost.
    model = found.final_model()
    X, y, amount = table[~known], data.target[~known], amount[~known]
    p = model.predict_proba(X)[:, 1]
    alert = p > threshold_for_cost(cost_alarm=COST_OF_A_FALSE_ALARM, cost_missed=amount)  # one for each row

    print(f"\nOf {len(y):,} new rows {y.sum()} are fraud ({y.mean():.3%}); mean probability {p.mean():.3%}.")
    print(f"Alerts: {alert.sum():,} rows, of which {y[alert].sum()} are fraud;")
    print(f"that finds {amount[alert & (y == 1)].sum() / amount[y == 1].sum():.1%} of the money.")
    cost, nobody = (
        expected_cost(y, each, cost_alarm=COST_OF_A_FALSE_ALARM, cost_missed=amount) for each in (p, 0.0 * p)
    )
    print(f"Cost of a row: {cost:.2f}, with no alert at all {nobody:.2f}.")
    if options.figure is not None:
        draw(y, p, amount, options.figure)


def draw(y: np.ndarray, p: np.ndarray, amount: np.ndarray, file: str) -> None:
    """Who is found, and what one threshold for all rows costs beside one for each amount."""
    from matplotlib import pyplot as plt  # noqa: PLC0415  # only the figure needs it

    from focalboost.plotting import plot_cost, plot_precision_recall  # noqa: PLC0415

    fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
    plot_precision_recall(y, {"chosen model": p}, alert_rate=0.01, ax=left)
    plot_cost(y, {"chosen model": p}, cost_alarm=COST_OF_A_FALSE_ALARM, cost_missed=amount, ax=right)
    fig.suptitle(f"{len(y):,} new payments, {y.sum()} frauds: what is found, and what errors cost")
    fig.savefig(file)


if __name__ == "__main__":
    main()
