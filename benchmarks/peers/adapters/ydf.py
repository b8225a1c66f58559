"""ydf 0.16.1: BINARY_FOCAL_LOSS, written in C++, which exposes no gradient; and its binomial log loss."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import logit

from adapters.interface import Adapter, Array, Fitted, Job, NotOfferedError


class YDF(Adapter):
    """Host "ydf"; "ydf, log loss" is its BINOMIAL_LOG_LIKELIHOOD."""

    convention = "alpha, 1 - alpha"

    def fit(self, job: Job) -> Fitted:
        if job.start is not None:
            raise NotOfferedError("start cannot be set")
        import ydf  # noqa: PLC0415

        ydf.verbose(0)

        def columns(X: Array, y: Array | None = None) -> dict[str, Array]:
            found = {f"x{i}": X[:, i] for i in range(X.shape[1])}
            return found if y is None else {**found, "y": y.astype(np.int64)}

        def trained(rounds: int) -> Any:
            focal = {
                "loss": "BINARY_FOCAL_LOSS",
                "focal_loss_gamma": job.gamma,
                "focal_loss_alpha": 0.5,
            }
            more: dict[str, Any] = (
                {"loss": "BINOMIAL_LOG_LIKELIHOOD"} if self.host.endswith("loss") else focal
            )
            if job.patience is not None:
                more |= {
                    "early_stopping": "LOSS_INCREASE",
                    "early_stopping_num_trees_look_ahead": job.patience,
                }
            else:
                more |= {"early_stopping": "NONE", "validation_ratio": 0.0}
            learner = ydf.GradientBoostedTreesLearner(
                label="y",
                weights=None if job.weight is None else "weight",
                num_trees=rounds,
                max_depth=job.depth + 1,  # ydf counts nodes on the path, the boosters splits
                shrinkage=job.eta,
                num_threads=job.threads,
                **({"min_examples": 1} if job.one_row_leaves else {}),
                **more,
            )
            data = columns(job.X, job.y)
            if job.weight is not None:
                data["weight"] = job.weight
            return learner.train(data, valid=None if job.patience is None else columns(*job.valid or ()))

        model = trained(job.rounds)
        parts = {0: model}

        def probability(X: Array, rounds: int | None = None) -> Array:
            key = rounds or 0
            if key not in parts:
                parts[key] = trained(key)  # it cannot predict with the first trees
            return np.asarray(parts[key].predict(columns(X)), float)

        def margins(X: Array, rounds: int | None = None) -> Array:
            return np.asarray(logit(probability(X, rounds)))

        fitted = Fitted(margins, probability, model, lambda path: model.save(str(path)))
        if job.patience is not None:
            log = [entry.evaluation.loss for entry in model.training_logs()]
            if any(value is None for value in log):
                raise NotOfferedError("no loss by round in its training log")
            fitted.trace, fitted.best = log, model.num_trees()
        fitted.traced = "log loss" if self.host.endswith("loss") else "focal loss"
        return fitted


adapter = YDF
