"""Folds for XGBoost: a QuantileDMatrix for either part of each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray

from focalboost._folds import Folds, without_focal
from focalboost._loss import FocalLoss
from focalboost._xgboost_training import check_ignored
from focalboost.xgboost import FocalXGBClassifier

Array = NDArray[Any]

# What the bins depend on. 256 is XGBoost's default; training must be told of another.
_OF_BINS: dict[str, Any] = {
    "max_bin": 256,
    "missing": np.nan,
    "enable_categorical": None,
    "feature_types": None,
}


class XGBoostFolds(Folds):
    """Histogram training on quantised data."""

    library = "XGBoost"
    bytes_per_value = 4.4
    names = {  # noqa: RUF012  # a constant
        "eta": "learning_rate",
        "lambda": "reg_lambda",
        "alpha": "reg_alpha",
        "min_split_loss": "gamma",
        "seed": "random_state",
        "nthread": "n_jobs",
    }

    def new_estimator(self, params: Mapping[str, Any]) -> FocalXGBClassifier:
        device: dict[str, Any] = {} if self.settings.device is None else {"device": self.settings.device}
        return FocalXGBClassifier(**device, **params)

    def _own_parameters(self) -> frozenset[str]:
        tiny = xgboost.DMatrix(np.array([[0.0], [1.0]]), np.array([0.0, 1.0]))
        tree = {"booster": self.fixed.get("booster") or "gbtree", "verbosity": 0}
        return frozenset(_leaves(json.loads(xgboost.train(tree, tiny, 0).save_config())))

    def complete(self, params: Mapping[str, Any]) -> dict[str, Any]:
        whole = super().complete(params)
        method = whole.get("tree_method")
        if method not in (None, "auto", "hist"):
            raise ValueError(
                f"tree_method == {method!r}, must be 'hist': the folds hold quantised data. Leave it out."
            )
        if self.settings.cache:
            for name, default in _OF_BINS.items():
                if name in params and params[name] != self.fixed.get(name, default):
                    raise ValueError(
                        f"space sets {name!r}, must leave it to fixed: the bins depend on it and are made "
                        "once. Pass cache=False to search it."
                    )
        return whole

    def _bin(self, fold: int, params: Mapping[str, Any], n_jobs: int) -> Any:
        options = {name: params.get(name, default) for name, default in _OF_BINS.items()}
        options["enable_categorical"] = bool(options["enable_categorical"])
        parts: list[xgboost.DMatrix] = []
        for rows in self.settings.splits[fold]:
            X, labels, weight = self._part(rows)
            ref = parts[0] if parts else None
            parts.append(
                xgboost.QuantileDMatrix(X, labels, weight=weight, ref=ref, nthread=n_jobs, **options)
            )
        return tuple(parts)

    def _train(
        self, estimator: FocalXGBClassifier, loss: FocalLoss, data: Any, n_jobs: int
    ) -> tuple[Array, int]:
        dtrain, dvalid = data
        params = estimator.get_xgb_params()
        check_ignored(params)
        params = {
            **without_focal(params),
            "max_bin": params.get("max_bin") or _OF_BINS["max_bin"],
            "nthread": n_jobs,
            # Log loss of the focal confidence would be another metric, and the one that stops.
            "disable_default_eval_metric": True,
        }
        callbacks = [loss.start()]
        patience = self.settings.early_stopping_rounds
        if patience is not None:
            callbacks.append(xgboost.callback.EarlyStopping(rounds=patience))
        booster = xgboost.train(
            params,
            dtrain,
            self.settings.num_boost_round,
            obj=loss,
            custom_metric=None if patience is None else loss.metric,
            evals=None if patience is None else [(dvalid, "validation")],
            callbacks=callbacks,
            verbose_eval=False,
        )
        rounds = booster.num_boosted_rounds() if patience is None else booster.best_iteration + 1
        return booster.predict(dvalid, output_margin=True, iteration_range=(0, rounds)), rounds


def _leaves(config: Any) -> Iterator[str]:
    if isinstance(config, dict):
        for name, value in config.items():
            if isinstance(value, dict | list):
                yield from _leaves(value)
            else:
                yield name
    elif isinstance(config, list):
        for value in config:
            yield from _leaves(value)
