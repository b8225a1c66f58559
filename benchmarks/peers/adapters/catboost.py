"""CatBoost 1.2.10: Focal, written in C++, which exposes no gradient; and its Logloss."""

from __future__ import annotations

from typing import Any

import numpy as np

from adapters.interface import Adapter, Array, Fitted, Job


class CatBoost(Adapter):
    """Host "catboost"; "catboost, log loss" is its Logloss."""

    convention = "alpha, 1 - alpha"

    def fit(self, job: Job) -> Fitted:
        from catboost import CatBoostClassifier, Pool  # noqa: PLC0415

        def pool(X: Array, y: Array | None = None, weight: Array | None = None) -> Any:
            base = None if job.start is None else np.full(len(X), job.start)
            return Pool(X, y, weight=weight, baseline=base)

        plain = self.host.endswith("log loss")
        focal = f"Focal:focal_alpha=0.5;focal_gamma={job.gamma}"
        model = CatBoostClassifier(
            loss_function="Logloss" if plain else focal,
            iterations=job.rounds,
            depth=job.depth,
            learning_rate=job.eta,
            thread_count=job.threads,
            early_stopping_rounds=job.patience,
            use_best_model=False,
            bootstrap_type="No",  # no chance, as in the other hosts: two trainings are compared
            random_strength=0.0,
            allow_writing_files=False,
            verbose=False,
        )
        valid = None if job.valid is None else pool(*job.valid)
        model.fit(pool(job.X, job.y, job.weight), eval_set=valid)

        def margins(X: Array, rounds: int | None = None) -> Array:
            found = model.predict(pool(X), prediction_type="RawFormulaVal", ntree_end=rounds or 0)
            return np.asarray(found)

        def probability(X: Array) -> Array:
            return np.asarray(model.predict_proba(pool(X)))[:, 1]

        fitted = Fitted(margins, probability, model, lambda path: model.save_model(str(path)))
        if job.patience is not None:
            fitted.trace = next(iter(model.get_evals_result()["validation"].values()))
            fitted.best = model.get_best_iteration() + 1
        fitted.traced = "log loss" if plain else "focal loss"
        return fitted


adapter = CatBoost
