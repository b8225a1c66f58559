"""jaxboost 0.5.0: objectives differentiated by JAX, in float32; alpha and 1 - alpha."""

from __future__ import annotations

from typing import Any

from adapters.interface import NEUTRAL, Adapter, Fitted, Job, NotOfferedError, Objective, train


class JaxBoost(Adapter):
    convention = "alpha, 1 - alpha"
    multiclass = True

    def objective(self, gamma: float, alpha: float, n_classes: int = 2) -> Objective:
        import jaxboost  # noqa: PLC0415

        found: Objective
        if n_classes == 2:
            make = getattr(jaxboost.focal_loss, f"get_{'xgb' if self.host == 'xgboost' else 'lgb'}_objective")
            found = make(gamma=gamma, alpha=alpha)
            return found
        loss = jaxboost.focal_multiclass(n_classes=n_classes, gamma=gamma)
        if self.host != "xgboost":
            raise NotOfferedError("XGBoost only")
        found = loss.xgb_objective
        return found

    def own_call(self, job: Job) -> None:
        if self.host == "xgboost":
            self.fit(job)
            return
        import lightgbm as lgb  # noqa: PLC0415

        objective = self.objective(job.gamma, 0.25)
        documented: Any = lgb.train
        documented(job.lightgbm(), lgb.Dataset(job.X, job.y), job.rounds, fobj=objective)

    def fit(self, job: Job) -> Fitted:
        from jaxboost.metric import log_loss_metric  # noqa: PLC0415

        side: Any = log_loss_metric()
        metric = side.xgb_metric if self.host == "xgboost" else side.lgb_metric
        objective = self.objective(job.gamma, NEUTRAL[self.convention])
        return train(self.host, job, objective, metric=metric, traced="log loss", keep=objective)


adapter = JaxBoost
