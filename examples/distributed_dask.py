"""A Dask cluster trains the model of one machine
==============================================

Focal loss on a Dask cluster: two workers, which train the model of one machine.

The same loss object rides on `xgboost.dask`. `for_labels` sums the labels where they are, so intercept, class
weights and scale are those of all rows, whatever part of them a worker has; `posterior` of a Dask collection
is lazy. A cluster of yours takes the place of LocalCluster.

Amounts are rounded to 64 quantiles, which all workers then find alike. As they come, each worker has a sketch
of its own of them, and the models of two clusters differ by the bins, as with any other objective.

::

    pip install 'focalboost[xgboost-cpu,dask,examples]'
    python examples/distributed_dask.py
"""

from __future__ import annotations

import argparse
from typing import Any

import dask.array as da
import numpy as np
import xgboost as xgb
from dask.distributed import Client, LocalCluster
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score
from xgboost import dask as dxgb

from focalboost import BinaryFocalLoss
from focalboost.datasets import make_transactions

PARAMS = {"max_depth": 5, "learning_rate": 0.2, "tree_method": "hist", "disable_default_eval_metric": True}


def load(n_samples: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Features, each of at most 64 values; labels; and which rows to train on, the first three quarters."""
    data = make_transactions(n_samples, random_state=0)
    columns = []
    for column in data.data.T:
        cuts = np.unique(np.nanquantile(column, np.linspace(0, 1, 64)))
        columns.append(np.where(np.isnan(column), np.nan, np.searchsorted(cuts, column)))
    return np.stack(columns, axis=1).astype(np.float32), data.target, data.step < np.quantile(data.step, 0.75)


def main(n_samples: int = 120_000, rounds: int = 60) -> float:
    """Print what both trained; returns the largest difference of two margins."""
    X, y, train = load(n_samples)
    options = {"processes": True, "host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
    with LocalCluster(n_workers=2, threads_per_worker=1, **options) as cluster, Client(cluster) as client:
        n_chunk = -(-int(train.sum()) // 8)
        dX, dy = da.from_array(X[train], (n_chunk, -1)), da.from_array(y[train], n_chunk)
        loss = BinaryFocalLoss(gamma=2.0).for_labels(dy)  # one pass over the labels of all partitions
        dtrain = dxgb.DaskQuantileDMatrix(client, dX, dy)
        result = dxgb.train(
            client,
            PARAMS,
            dtrain,
            num_boost_round=rounds,
            obj=loss,
            custom_metric=loss.metric,  # of all rows, on every worker
            callbacks=[loss.start()],
            evals=[(dtrain, "training")],
            verbose_eval=False,
        )
        dtest = da.from_array(X[~train], (n_chunk, -1))
        margin = dxgb.predict(client, result["booster"], dtest, output_margin=True)
        probability: Any = loss.posterior(margin)  # a Dask array still
        two, probability = margin.compute(), probability.compute()

    alone = xgb.QuantileDMatrix(X[train], y[train])
    booster = xgb.train(PARAMS, alone, rounds, obj=loss, callbacks=[loss.start()])
    one = booster.predict(xgb.DMatrix(X[~train]), output_margin=True)

    history = result["history"]["training"]["focal_loss"]
    print(f"{train.sum():,} rows on two workers, {y[train].sum():,} frauds, intercept {loss.intercept:.4f}")
    print(f"focal loss, 1 at the start: {history[0]:.3f} after a round, {history[-1]:.3f} at the end")
    for name, p in (("two workers", probability), ("one machine", loss.posterior(one))):
        print(f"average precision of {name} {average_precision_score(y[~train], p):.4f}")
    difference = float(np.abs(two - one).max())
    print(f"margins differ by at most {difference:.1e}, they range from {one.min():.1f} to {one.max():.1f}:")
    print("it is the same model, but for the order in which the workers' sums are added")
    return difference


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=120_000, help="simulated payments (default 120,000)")
    parser.add_argument("--trees", type=int, default=60, help="rounds of boosting (default 60)")
    options = parser.parse_args()
    main(options.rows, options.trees)
