"""imlightgbm 0.1.2: a LightGBM classifier and its objectives; no alpha in the focal ones."""

from __future__ import annotations

from functools import partial
from typing import Any

from adapters.interface import Adapter, Fitted, Job, Objective, of_classifier, of_lightgbm


class ImLightGBM(Adapter):
    multiclass = True

    def objective(self, gamma: float, alpha: float, n_classes: int = 2) -> Objective:
        from imlightgbm import objective  # noqa: PLC0415

        if n_classes == 2:
            return partial(objective.binary_focal_lgb_objective, gamma=gamma)
        return partial(objective.multiclass_focal_lgb_objective, gamma=gamma, num_class=n_classes)

    def fit(self, job: Job) -> Fitted:
        import lightgbm as lgb  # noqa: PLC0415
        from imlightgbm import ImbalancedLGBMClassifier  # noqa: PLC0415

        params = job.lightgbm()
        model = ImbalancedLGBMClassifier(
            objective="binary_focal", gamma=job.gamma, n_estimators=job.rounds, **params
        )
        more: dict[str, Any] = {}
        if job.start is not None:
            more["init_score"] = [job.start] * len(job.y)
        if job.valid is not None:
            more["eval_set"] = [job.valid]
        if job.patience is not None:
            more |= {"callbacks": [lgb.early_stopping(job.patience, verbose=False)]}
            more |= {"eval_metric": "binary_logloss"}  # what imlightgbm.train chooses if nothing is said
        model.fit(job.X, job.y, sample_weight=job.weight, **more)
        fitted = of_lightgbm(model.booster_, job.start)
        fitted.keep, fitted.traced = model, "log loss"
        if job.start is None:
            fitted.probability = of_classifier(model)
        if job.patience is not None:
            fitted.trace = next(iter(next(iter(model.evals_result_.values())).values()))
            fitted.best = model.best_iteration_
        return fitted


adapter = ImLightGBM
