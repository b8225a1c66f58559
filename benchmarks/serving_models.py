"""The six models that serving_tools.py gives to each tool, and what their own classifiers say of them."""

# ruff: noqa: PLC0415  # boosters are imported where one is needed: each cell is a process of its own
# mypy: disable-error-code="import-untyped"

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from focalboost.calibration import ServedLoss, served_loss

Array = np.ndarray
BOOSTERS, TASKS = ("xgboost", "lightgbm"), ("binary", "multiclass", "multilabel")


class Model(NamedTuple):
    """A model file, its rows and what its own classifier says of them."""

    folder: Path
    booster: str
    task: str

    @property
    def path(self) -> str:
        return str(
            self.folder / f"{self.booster}_{self.task}.{'json' if self.booster == 'xgboost' else 'txt'}"
        )

    @property
    def rows(self) -> Array:
        return np.load(self.folder / "X.npy")  # type: ignore[no-any-return]

    @property
    def probability(self) -> Array:
        """predict_proba: of class 1, or a column per class or label."""
        return np.load(self.folder / f"{self.booster}_{self.task}.npy")  # type: ignore[no-any-return]

    def load(self) -> Any:
        if self.booster == "xgboost":
            import xgboost

            return xgboost.Booster(model_file=self.path)
        import lightgbm

        return lightgbm.Booster(model_file=self.path)

    def loss(self) -> ServedLoss:
        text = Path(self.path).read_text(encoding="utf-8")
        if self.booster == "xgboost":
            return served_loss(json.loads(text)["learner"]["attributes"]["focalboost"])
        return served_loss(text.partition("\n[focalboost: ")[2].partition("]\n")[0])

    def fitted(self) -> Any:
        import joblib

        return joblib.load(self.folder / f"{self.booster}_{self.task}.joblib")


def prepare(folder: Path) -> None:
    """Train the six models."""
    import joblib

    from focalboost.lightgbm import FocalLGBMClassifier
    from focalboost.xgboost import FocalXGBClassifier

    rng = np.random.default_rng(5)
    X = rng.normal(size=(1500, 4)).astype(np.float32)
    score = X @ np.array([1.0, -0.7, 0.5, 0.0]) + rng.normal(0.0, 1.0, len(X))
    labels = {
        "binary": (score > 2.0).astype(int),
        "multiclass": np.digitize(score, [0.0, 1.8]),
        "multilabel": np.stack([score > 1.5, X[:, 0] > 1.0, X[:, 1] > 1.2], axis=1).astype(int),
    }
    np.save(folder / "X.npy", X)
    np.savetxt(folder / "X.csv", X, delimiter=",", fmt="%.9g")
    focal: dict[str, Any] = {"focal_gamma": 2.0, "focal_alpha_power": 0.5, "n_estimators": 15, "n_jobs": 1}
    for task, y in labels.items():
        for model in (
            FocalXGBClassifier(max_depth=3, **focal).fit(X, y),
            FocalLGBMClassifier(num_leaves=7, verbosity=-1, **focal).fit(X, y),
        ):
            one = Model(folder, "xgboost" if isinstance(model, FocalXGBClassifier) else "lightgbm", task)
            model.save_model(one.path)
            joblib.dump(model, folder / f"{one.booster}_{task}.joblib")
            probability = model.predict_proba(X)
            np.save(
                folder / f"{one.booster}_{task}.npy", probability[:, 1] if task == "binary" else probability
            )
