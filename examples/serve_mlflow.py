"""MLflow: a logged model that serves probabilities
================================================

Log a model with MLflow so that it serves the posterior, and its signature says so.

MLflow's pyfunc calls `predict` by itself, which gives labels; `pyfunc_predict_fn="predict_proba"` makes it
the probabilities. The names of the signature's outputs tell the posterior from the focal confidence, which
the same class gives with focal_probability="focal".

::

    pip install 'focalboost[xgboost-cpu]' mlflow skops pandas
    python examples/serve_mlflow.py [--rows 20000]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import infer_signature

from focalboost import SKOPS_TRUSTED_TYPES
from focalboost.datasets import make_transactions
from focalboost.xgboost import FocalXGBClassifier


def signature_of(model: Any, X: pd.DataFrame) -> Any:
    """What a model takes and gives, a column per class: posterior_0, posterior_1 or focal_0, focal_1."""
    names = [f"{model.focal_probability}_{label}" for label in model.classes_]
    return infer_signature(X, pd.DataFrame(model.predict_proba(X), columns=names))


def save(model: Any, path: str, X: pd.DataFrame) -> Any:
    """`mlflow.sklearn.log_model` takes the same arguments inside a run; any of our classifiers will do."""
    mlflow.sklearn.save_model(
        model,
        path,
        pyfunc_predict_fn="predict_proba",
        serialization_format="skops",
        skops_trusted_types=list(SKOPS_TRUSTED_TYPES),
        signature=signature_of(model, X),
        metadata={"focal_probability": model.focal_probability},
    )
    return mlflow.pyfunc.load_model(path)


def main(n_samples: int = 20_000, n_estimators: int = 40) -> float:
    """Print what is served; returns the largest difference from predict_proba."""
    data = make_transactions(n_samples, random_state=0)
    X = pd.DataFrame(data.data, columns=data.feature_names)
    model = FocalXGBClassifier(focal_gamma=2.0, n_estimators=n_estimators, max_depth=4, n_jobs=1)
    model.fit(X, data.target)
    with tempfile.TemporaryDirectory() as folder:
        served = save(model, str(Path(folder) / "posterior"), X.head())
        found = served.predict(X)
        raw = model.set_params(focal_probability="focal")
        confidence = save(raw, str(Path(folder) / "focal"), X.head())
        for one in (served, confidence):
            names = one.metadata.get_output_schema().input_names()
            print(f"{', '.join(names)}: mean of the last {one.predict(X)[:, 1].mean():.4f}")
    print(f"rate of fraud in the data: {data.target.mean():.4f}; the focal confidence is no probability")
    here = model.set_params(focal_probability="posterior").predict_proba(X)
    return float(np.abs(found - here).max())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=20_000, help="simulated payments (default 20,000)")
    print(f"largest difference from predict_proba: {main(parser.parse_args().rows):.1e}")
