"""bokbokbok 1.0.5: closures for objective and metric; alpha multiplies the positives only."""

from __future__ import annotations

from adapters.interface import Adapter, Fitted, Job, Objective, train


class Bokbokbok(Adapter):
    convention = "positives"

    def objective(self, gamma: float, alpha: float, n_classes: int = 2) -> Objective:
        from bokbokbok.loss_functions.classification import WeightedFocalLoss  # noqa: PLC0415

        found: Objective = WeightedFocalLoss(alpha=alpha, gamma=gamma)
        return found

    def fit(self, job: Job) -> Fitted:
        from bokbokbok.eval_metrics.classification import WeightedFocalMetric  # noqa: PLC0415

        objective = self.objective(job.gamma, 1.0)
        metric = WeightedFocalMetric(alpha=1.0, gamma=job.gamma, XGBoost=self.host == "xgboost")
        return train(self.host, job, objective, metric=metric, keep=objective)


adapter = Bokbokbok
