"""gbdtCBL 0.2.0: callable objects for the scikit-learn wrappers of both boosters; no alpha."""

from __future__ import annotations

from typing import Any

import numpy as np

from adapters.interface import (
    Adapter,
    Array,
    Fitted,
    Job,
    NotOfferedError,
    Objective,
    of_classifier,
    of_lightgbm,
    of_xgboost,
)


class GbdtCBL(Adapter):
    multiclass = True

    def loss(self, gamma: float, n_classes: int) -> Any:
        if n_classes == 2:
            from gbdtCBL.binary import FLLoss  # noqa: PLC0415

            return FLLoss(gamma)
        if self.host == "xgboost":
            from gbdtCBL.xgbmulti import XGBFLMulti  # noqa: PLC0415

            return XGBFLMulti(gamma)
        from gbdtCBL.lgbmulti import LGBFLMulti  # noqa: PLC0415

        return LGBFLMulti(gamma)

    def objective(self, gamma: float, alpha: float, n_classes: int = 2) -> Objective:
        loss = self.loss(gamma, n_classes)

        def called(margin: Array, data: Any) -> tuple[Any, Any]:
            pair: tuple[Any, Any] = loss(np.asarray(data.get_label()), margin)
            return pair

        return called

    def fit(self, job: Job) -> Fitted:
        if job.patience is not None:
            raise NotOfferedError("ships no metric")
        model: Any
        if self.host == "xgboost":
            from xgboost import XGBClassifier  # noqa: PLC0415

            model = XGBClassifier(objective=self.loss(job.gamma, 2), n_estimators=job.rounds, **job.xgboost())
            base = None if job.start is None else np.full(len(job.y), job.start, np.float32)
            model.fit(job.X, job.y, sample_weight=job.weight, base_margin=base)
            fitted = of_xgboost(model.get_booster(), job.start)
            if job.start is None:
                fitted.probability = of_classifier(model)
        else:
            from lightgbm import LGBMClassifier  # noqa: PLC0415

            model = LGBMClassifier(
                objective=self.loss(job.gamma, 2), n_estimators=job.rounds, **job.lightgbm()
            )
            init = None if job.start is None else np.full(len(job.y), job.start)
            model.fit(job.X, job.y, sample_weight=job.weight, init_score=init)
            fitted = of_lightgbm(model.booster_, job.start)
        fitted.keep = model
        return fitted


adapter = GbdtCBL
