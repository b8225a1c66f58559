"""From transactions to decisions: which loss, which alerts, what they find
========================================================================

From transactions to decisions: which loss to use, from which probability on to alert, what that finds.

For a CSV or Parquet file of your own there is a command: `focalboost compare FILE --target COLUMN`.

::

    python examples/fraud_detection.py                        simulated transactions, about a minute
    python examples/fraud_detection.py --booster lightgbm
"""

import argparse

import numpy as np
import optuna
import pandas as pd

from focalboost.comparison import compare
from focalboost.datasets import make_transactions
from focalboost.metrics import expected_cost

# What is lost when a good payment is stopped, in the currency of the amounts, whose median is some 75,000.
COST_OF_A_FALSE_ALARM = 2_000.0


def main(argv: list[str] | None = None) -> None:
    """Compare on the first 80 % of a simulated month, decide on the rest."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--booster", choices=("xgboost", "lightgbm"), default="xgboost")
    parser.add_argument("--rows", type=int, default=40_000, help="simulated transactions (default 40,000)")
    parser.add_argument("--trials", type=int, default=10, help="of each contender (default 10)")
    parser.add_argument("--report", default="fraud_detection.html", help="the page that is written")
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
    found.to_html(options.report)
    print(found.verdict.sentence)
    print(f"The whole comparison is in {options.report}.")

    # 2. Decide on rows that nobody has seen. An alert pays where p * amount > (1 - p) * that cost.
    model = found.final_model()
    X, y, amount = table[~known], data.target[~known], amount[~known]
    p = model.predict_proba(X)[:, 1]
    alert = p > COST_OF_A_FALSE_ALARM / (COST_OF_A_FALSE_ALARM + amount)

    print(f"\nOf {len(y):,} new rows {y.sum()} are fraud ({y.mean():.3%}); mean probability {p.mean():.3%}.")
    print(f"Alerts: {alert.sum():,} rows, of which {y[alert].sum()} are fraud;")
    print(f"that finds {amount[alert & (y == 1)].sum() / amount[y == 1].sum():.1%} of the money.")
    cost, nobody = (
        expected_cost(y, each, cost_alarm=COST_OF_A_FALSE_ALARM, cost_missed=amount) for each in (p, 0.0 * p)
    )
    print(f"Cost of a row: {cost:.2f}, with no alert at all {nobody:.2f}.")


if __name__ == "__main__":
    main()
