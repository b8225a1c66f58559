"""Log loss of the boosters themselves, binary:logistic and binary."""

from __future__ import annotations

from adapters.interface import Adapter, Fitted, Job, train


class Builtin(Adapter):
    multiclass = True

    def fit(self, job: Job) -> Fitted:
        objective, metric = (
            ("binary:logistic", "logloss") if self.host == "xgboost" else ("binary", "binary_logloss")
        )
        return train(self.host, job, objective, metric=metric, traced="log loss", builtin=True)


adapter = Builtin
