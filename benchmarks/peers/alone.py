"""Loads a saved model where the peer is not imported: `alone.py HOST MODEL X.npy OUT.npz`."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np


def main() -> None:
    host, path, rows, out = sys.argv[1:]
    X = np.load(rows)
    model: Any
    if host == "xgboost":
        import xgboost as xgb  # noqa: PLC0415  # one host for each process

        model = xgb.Booster(model_file=path)
        found, margin = model.predict(xgb.DMatrix(X)), model.predict(xgb.DMatrix(X), output_margin=True)
    elif host == "lightgbm":
        import lightgbm as lgb  # noqa: PLC0415

        model = lgb.Booster(model_file=path)
        found, margin = model.predict(X), model.predict(X, raw_score=True)
    elif host.startswith("catboost"):
        from catboost import CatBoostClassifier  # noqa: PLC0415

        model = CatBoostClassifier().load_model(path)
        found = np.asarray(model.predict_proba(X))[:, 1]
        margin = model.predict(X, prediction_type="RawFormulaVal")
    else:
        import ydf  # noqa: PLC0415

        model = ydf.load_model(path)
        found = np.asarray(model.predict({f"x{i}": X[:, i] for i in range(X.shape[1])}))
        margin = np.log(found / (1 - found))
    np.savez(out, found=found, margin=margin)


if __name__ == "__main__":
    main()
