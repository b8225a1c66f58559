"""Writes models of this version, which later versions are proved to read.

    python -m tests.golden.make 0.1

Run it once for each minor version, from the root of the repository; files of former versions stay.
"""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path

import numpy as np

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss

FOLDER = Path(__file__).parent
N = 400


def table():
    """Rows of two numbers, and labels of all three kinds."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, 2)).astype(np.float32)
    score = X[:, 0] + 0.5 * X[:, 1] + rng.normal(0, 0.5, N)
    return X, {
        "binary": (score > 1.3).astype(int),
        "multiclass": np.digitize(score, [0.5, 1.5]),
        "multilabel": np.stack([score > 1.0, score < -1.0], axis=1).astype(int),
    }


LOSSES = {
    "binary": BinaryFocalLoss((2.0, 1.5), "balanced"),
    "multiclass": MulticlassFocalLoss(2.0, (1.0, 2.0, 4.0)),
    "multilabel": MultilabelFocalLoss((1.0, 2.0), (0.25, (1.0, 3.0)), label_smoothing=0.02),
}
NAMES = {"binary": np.array(["good", "fraud"])}  # labels of the classifiers


def write(folder: Path) -> None:
    """All files of one version, and what they must predict for the first 20 rows."""
    import lightgbm as lgb  # the loaders below do not need all of it
    import xgboost as xgb

    from focalboost.lightgbm import FocalLGBMClassifier, pack_labels
    from focalboost.lightgbm import stored_loss as stored_loss_lightgbm
    from focalboost.lightgbm import train as train_lightgbm
    from focalboost.xgboost import FocalXGBClassifier
    from focalboost.xgboost import stored_loss as stored_loss_xgboost
    from focalboost.xgboost import train as train_xgboost

    folder.mkdir(parents=True)
    X, labels = table()
    expected: dict[str, list[float]] = {}

    def note(name, values):
        expected[name] = np.asarray(values, float).ravel().tolist()

    for task, unresolved in LOSSES.items():
        y = labels[task]
        loss = unresolved.for_labels(y)
        for name, value in (("unresolved", unresolved), ("resolved", loss)):
            folder.joinpath(f"{name}_{task}.pickle").write_bytes(pickle.dumps(value, protocol=4))
        booster = train_xgboost(loss, {"max_depth": 2, "nthread": 1}, xgb.DMatrix(X, y), 5)
        for ending in ("json", "ubj"):
            booster.save_model(folder / f"xgboost_{task}.{ending}")
        note(
            f"xgboost_{task}",
            stored_loss_xgboost(booster).posterior(booster.predict(xgb.DMatrix(X[:20]), output_margin=True)),
        )
        train_set = lgb.Dataset(X, pack_labels(y) if task == "multilabel" else y)
        params = {"num_leaves": 4, "num_threads": 1, "verbosity": -1}
        model = train_lightgbm(loss, params, train_set, 5)
        model.save_model(folder / f"lightgbm_{task}.txt")
        note(f"lightgbm_{task}", stored_loss_lightgbm(model).posterior(model.predict(X[:20], raw_score=True)))
        named = NAMES[task][y] if task in NAMES else y
        options = {"focal_gamma": 1.5, "n_estimators": 5, "n_jobs": 1}
        for cls, ending, more in (
            (FocalXGBClassifier, "ubj", {"max_depth": 2}),
            (FocalLGBMClassifier, "txt", {"num_leaves": 4, "verbosity": -1}),
        ):
            classifier = cls(**options, **more).fit(X, named)
            stem = f"{cls.__name__}_{task}"
            classifier.save_model(folder / f"{stem}.{ending}")
            folder.joinpath(f"{stem}.pickle").write_bytes(pickle.dumps(classifier, protocol=4))
            note(stem, classifier.predict_proba(X[:20]))
    folder.joinpath("expected.json").write_text(json.dumps(expected, indent=0))


if __name__ == "__main__":
    write(FOLDER / sys.argv[1])
