"""Imbalanced data: simulated transactions, two real sets, and tables of your own.

Start with `make_transactions`, which needs no file, or with `load_table` for a CSV or Parquet file or a
DataFrame. Each returns a `sklearn.utils.Bunch` with the same core: `data` (float32, C order, what a booster
is given), `feature_names`, `target` (int8; 1 is the rare class) and `step` (time, or None).
"""

from focalboost.datasets._breast_cancer import load_modified_breast_cancer
from focalboost.datasets._creditcard import fetch_creditcard
from focalboost.datasets._features import transaction_features
from focalboost.datasets._table_report import Column, TableReport
from focalboost.datasets._tables import load_table
from focalboost.datasets._transactions import make_transactions

__all__ = [
    "Column",
    "TableReport",
    "fetch_creditcard",
    "load_modified_breast_cancer",
    "load_table",
    "make_transactions",
    "transaction_features",
]

for _name in __all__:
    globals()[_name].__module__ = __name__  # pickles name the public path, whatever file a thing moves to
