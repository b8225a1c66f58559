"""Serve with plain XGBoost, where focalboost is not installed
===========================================================

Train here, serve where focalboost is not installed: the saved file is a plain XGBoost model.

The file predicts the focal confidence by itself and remembers gamma and the class weights. From there the
class probability is a few lines of NumPy, which this script runs in a process that cannot import focalboost.
Decisions need less: the threshold of the probability is a threshold of the margin, found where focalboost is.

Training stops early, and XGBoost's file keeps the trees that came after the best round. The server leaves
them out, as `predict_proba` does: `iteration_range`. With all of them the probabilities are others.

::

    pip install 'focalboost[xgboost-cpu]'
    python examples/serve_without_focalboost.py
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from focalboost.calibration import served_loss
from focalboost.datasets import make_transactions
from focalboost.xgboost import FocalXGBClassifier

SERVER = """
import json, sys
sys.modules["focalboost"] = None                  # not installed on this server
import numpy as np
import xgboost as xgb

booster = xgb.Booster(model_file="model.json")
best = booster.attr("best_iteration")             # None without early stopping
trees = (0, 0 if best is None else int(best) + 1)  # (0, 0): all of them
rows = xgb.DMatrix(np.load("rows.npy"))
x = booster.predict(rows, output_margin=True, iteration_range=trees).astype(float)

loss = json.loads(booster.attr("focalboost"))     # {"loss": "BinaryFocalLoss", "gamma": ..., "alpha": ...}
gamma = np.broadcast_to(loss["gamma"], 2)         # of class 0, of class 1
alpha = loss["alpha"]
alpha = [1.0, 1.0] if alpha is None else [1.0 - alpha, alpha] if np.ndim(alpha) == 0 else alpha


def log_phi(s, gamma):
    p, q = 1 / (1 + np.exp(-s)), 1 / (1 + np.exp(s))
    return np.log(q**gamma - gamma * p * q ** (gamma - 1) * np.log(p))


logit = x + np.log(alpha[0] / alpha[1]) + log_phi(-x, gamma[0]) - log_phi(x, gamma[1])
logit += loss["logit_shift"] or 0.0               # found at fit: the mean is the rate of the training rows
rate = loss["sampling_rate"] or 1.0               # share of class 0 that was kept, or a pair
rate = [rate, 1.0] if np.ndim(rate) == 0 else rate
logit += np.log(rate[0] / rate[1])
alerts = x > float(sys.argv[1])                   # decisions need no formula: one margin, found before
answer = {"raw": 1 / (1 + np.exp(-x)), "posterior": 1 / (1 + np.exp(-logit)), "alerts": alerts}
print(json.dumps({name: values.tolist() for name, values in answer.items()}))
"""


def main(n_samples: int = 60_000, n_estimators: int = 300, threshold: float = 0.05) -> float:
    """Print both processes' probabilities and alerts; returns the largest difference of the probabilities."""
    data = make_transactions(n_samples, random_state=0)
    train = data.step < np.quantile(data.step, 0.75)  # what came later says when to stop
    model = FocalXGBClassifier(
        focal_gamma=2.0, n_estimators=n_estimators, max_depth=4, early_stopping_rounds=5, n_jobs=1
    )
    later = data.data[~train], data.target[~train]
    model.fit(data.data[train], data.target[train], eval_set=[later], verbose=False)
    rows = data.data[np.r_[0:3, np.flatnonzero(data.target)[:3]]]
    here = model.predict_proba(rows)[:, 1]
    # `margin > margin_threshold` is `probability > threshold`, in every row.
    loss = served_loss(model.get_booster().attr("focalboost"))
    margin_threshold = float(loss.margin_threshold(threshold))
    with tempfile.TemporaryDirectory() as folder:
        model.save_model(Path(folder) / "model.json")
        np.save(Path(folder) / "rows.npy", rows)
        command = [sys.executable, "-c", SERVER, repr(margin_threshold)]
        answer = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)  # noqa: S603  # own code
    there = json.loads(answer.stdout)
    if there["alerts"] != (here > threshold).tolist():
        raise RuntimeError(f"other decisions than here at {threshold}: {there['alerts']}")
    n_trees, n_used = model.get_booster().num_boosted_rounds(), model.best_iteration + 1
    print(f"the file has {n_trees} rounds, the best are the first {n_used}: the others are not used")
    print(f"alerts above {threshold}: margins above {margin_threshold:.6f}")
    print("                     raw confidence   posterior there   posterior here   alert there")
    kinds = ["legitimate"] * 3 + ["fraud"] * 3
    columns = there["raw"], there["posterior"], here, there["alerts"]
    for kind, raw, served, own, alert in zip(kinds, *columns, strict=True):
        print(f"{kind:20} {raw:14.4f} {served:17.6f} {own:16.6f} {'yes' if alert else 'no':>13}")
    difference = float(np.abs(np.array(there["posterior"]) - here).max())
    raw = 1.0 / (1.0 + np.exp(-model.predict(data.data[~train], output_margin=True)))
    posterior = model.predict_proba(data.data[~train])[:, 1]
    print(f"\nLargest difference of the two posteriors: {difference:.1e}. In the last quarter of the time")
    print(
        f"the rate of fraud is {later[1].mean():.4f}, the mean posterior {posterior.mean():.4f}; the mean raw"
    )
    print(f"confidence, {raw.mean():.4f}, is no probability.")
    return difference


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=60_000, help="simulated payments (default 60,000)")
    parser.add_argument("--trees", type=int, default=300, help="rounds at most (default 300)")
    parser.add_argument("--threshold", type=float, default=0.05, help="probability above which to alert")
    arguments = parser.parse_args()
    main(arguments.rows, arguments.trees, arguments.threshold)
