"""Train here, serve where focalboost is not installed: the saved file is a plain XGBoost model.

    pip install 'focalboost[xgboost-cpu]'
    python examples/serve_without_focalboost.py

The file predicts the focal confidence by itself and remembers gamma and the class weights. From there the
class probability is a few lines of NumPy, which this script runs in a process that cannot import focalboost.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from focalboost.datasets import make_transactions
from focalboost.xgboost import FocalXGBClassifier

SERVER = """
import json, sys
sys.modules["focalboost"] = None                  # not installed on this server
import numpy as np
import xgboost as xgb

booster = xgb.Booster(model_file="model.json")
x = booster.predict(xgb.DMatrix(np.load("rows.npy")), output_margin=True).astype(float)

loss = json.loads(booster.attr("focalboost"))     # {"loss": "BinaryFocalLoss", "gamma": ..., "alpha": ...}
gamma = np.broadcast_to(loss["gamma"], 2)         # of class 0, of class 1
alpha = loss["alpha"]
alpha = [1.0, 1.0] if alpha is None else [1.0 - alpha, alpha] if np.ndim(alpha) == 0 else alpha


def log_phi(s, gamma):
    p, q = 1 / (1 + np.exp(-s)), 1 / (1 + np.exp(s))
    return np.log(q**gamma - gamma * p * q ** (gamma - 1) * np.log(p))


logit = x + np.log(alpha[0] / alpha[1]) + log_phi(-x, gamma[0]) - log_phi(x, gamma[1])
logit += loss["logit_shift"] or 0.0               # found at fit: the mean is the rate of the training rows
print(json.dumps({"raw": (1 / (1 + np.exp(-x))).tolist(), "posterior": (1 / (1 + np.exp(-logit))).tolist()}))
"""


def main(n_samples: int = 60_000, n_estimators: int = 40) -> float:
    """Print both processes' probabilities; returns their largest difference."""
    data = make_transactions(n_samples, random_state=0)
    model = FocalXGBClassifier(focal_gamma=2.0, n_estimators=n_estimators, max_depth=4, n_jobs=2)
    model.fit(data.data, data.target)
    rows = data.data[np.r_[0:3, np.flatnonzero(data.target)[:3]]]
    here = model.predict_proba(rows)[:, 1]
    with tempfile.TemporaryDirectory() as folder:
        model.save_model(Path(folder) / "model.json")
        np.save(Path(folder) / "rows.npy", rows)
        command = [sys.executable, "-c", SERVER]
        answer = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)  # noqa: S603  # own code
    there = json.loads(answer.stdout)
    print("                     raw confidence   posterior there   posterior here")
    kinds = ["legitimate"] * 3 + ["fraud"] * 3
    for kind, raw, served, own in zip(kinds, there["raw"], there["posterior"], here, strict=True):
        print(f"{kind:20} {raw:14.4f} {served:17.6f} {own:16.6f}")
    difference = float(np.abs(np.array(there["posterior"]) - here).max())
    print(f"\nlargest difference: {difference:.1e}; rate of fraud in the data: {data.target.mean():.4f}")
    return difference


if __name__ == "__main__":
    main()
