"""imbalance-xgboost 0.8.1: an estimator, and a gradient class, which is all that still runs."""

from __future__ import annotations

from typing import Any

from adapters.interface import Adapter, Fitted, Job, Objective


class ImbalanceXGBoost(Adapter):
    def objective(self, gamma: float, alpha: float, n_classes: int = 2) -> Objective:
        from imxgboost.focal_loss import Focal_Binary_Loss  # noqa: PLC0415

        found: Objective = Focal_Binary_Loss(gamma_indct=gamma).focal_binary_object
        return found

    def own_call(self, job: Job) -> None:
        from imxgboost.imbalance_xgb import imbalance_xgboost  # noqa: PLC0415

        settings: dict[str, Any] = {"num_round": job.rounds, "max_depth": job.depth, "eta": job.eta}
        model = imbalance_xgboost(
            special_objective="focal",
            focal_gamma=job.gamma,
            verbosity=0,
            early_stopping_rounds=job.patience,
            **settings,
        )
        model.fit(job.X, job.y)

    def fit(self, job: Job) -> Fitted:
        if job.patience is not None:
            self.own_call(job)  # the one place that knows a metric
        return super().fit(job)


adapter = ImbalanceXGBoost
