"""focalboost: the loss object for single calls, the classifiers for training."""

from __future__ import annotations

from typing import Any

import numpy as np

from adapters.interface import Adapter, Fitted, Job, Objective, of_classifier, of_lightgbm, of_xgboost


class FocalBoost(Adapter):
    """Hosts "xgboost" and "lightgbm"; "..., exact" has hessian="exact" in place of the default."""

    convention = "alpha, 1 - alpha"
    multiclass = True

    def __init__(self, host: str) -> None:
        name, _, exact = host.partition(", ")
        super().__init__(name)
        self.hessian = exact or "guarded"

    def objective(self, gamma: float, alpha: float, n_classes: int = 2) -> Objective:
        from focalboost import BinaryFocalLoss, MulticlassFocalLoss  # noqa: PLC0415

        hessian: Any = self.hessian
        if n_classes == 2:
            return BinaryFocalLoss(gamma, alpha, hessian=hessian)
        return MulticlassFocalLoss(gamma, hessian=hessian)

    def multiclass_factor(self, n_classes: int) -> float:
        # The factors of the boosters' own softmax objectives, without which gamma = 0 would not be theirs.
        return 2.0 if self.host == "xgboost" else n_classes / (n_classes - 1)

    def fit(self, job: Job) -> Fitted:
        model: Any
        more: dict[str, Any] = {}
        start = None if job.start is None else np.full(len(job.y), job.start, np.float32)
        if job.valid is not None:
            more["eval_set"] = [job.valid]
        if self.host == "xgboost":
            from focalboost.xgboost import FocalXGBClassifier  # noqa: PLC0415

            model = FocalXGBClassifier(
                focal_gamma=job.gamma,
                n_estimators=job.rounds,
                early_stopping_rounds=job.patience,
                **job.xgboost(),
            )
            more |= {"verbose": False} if job.valid is not None else {}
            model.fit(job.X, job.y, sample_weight=job.weight, base_margin=start, **more)
            fitted = of_xgboost(model.get_booster(), job.start)
        else:
            import lightgbm as lgb  # noqa: PLC0415

            from focalboost.lightgbm import FocalLGBMClassifier  # noqa: PLC0415

            model = FocalLGBMClassifier(focal_gamma=job.gamma, n_estimators=job.rounds, **job.lightgbm())
            if job.patience is not None:
                more["callbacks"] = [lgb.early_stopping(job.patience, verbose=False)]
            model.fit(job.X, job.y, sample_weight=job.weight, init_score=start, **more)
            fitted = of_lightgbm(model.booster_, job.start)
        fitted.keep, fitted.traced = model, "focal loss"
        fitted.save = model.save_model
        if job.start is None:
            fitted.probability = of_classifier(model)
        if job.patience is not None:
            log = model.evals_result() if self.host == "xgboost" else model.evals_result_
            fitted.trace = next(iter(log.values()))["focal_loss"]
            fitted.best = model.best_iteration + 1 if self.host == "xgboost" else model.best_iteration_
        return fitted


adapter = FocalBoost
