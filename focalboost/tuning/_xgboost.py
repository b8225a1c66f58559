"""Folds for XGBoost: a QuantileDMatrix for either part of each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import xgboost

from focalboost._boosters.configuration import ATTRIBUTE
from focalboost._boosters.parameters import take_ignored
from focalboost._typing import Array
from focalboost.tuning._folds import Bins, Folds, Judge, Trained, without_focal
from focalboost.tuning._log_loss import OBJECTIVES, LogLossModel, acting, log_odds
from focalboost.xgboost import FocalXGBClassifier

# What the bins depend on. 256 is XGBoost's default; training must be told of another.
_OF_BINS: dict[str, Any] = {
    "max_bin": 256,
    "missing": np.nan,
    "enable_categorical": False,
    "feature_types": None,
    "feature_weights": None,
}
# Only DART's configuration has these; XGBoost ignores them elsewhere.
_OF_DART = ("rate_drop", "one_drop", "skip_drop", "sample_type", "normalize_type")


class XGBoostFolds(Folds):
    """Histogram training on quantised data."""

    booster = "XGBoost"
    # 46, 101 and 235 bytes a row with 10, 30 and 100 features.
    bytes_per_value = 2.5
    bytes_per_row = 25.0
    names = {  # noqa: RUF012  # a constant
        "eta": "learning_rate",
        "lambda": "reg_lambda",
        "alpha": "reg_alpha",
        "min_split_loss": "gamma",
        "seed": "random_state",
        "nthread": "n_jobs",
    }
    only_with = {name: {"booster": ("dart",)} for name in _OF_DART}  # noqa: RUF012  # a constant

    def new_estimator(self, params: Mapping[str, Any]) -> FocalXGBClassifier:
        device: dict[str, Any] = {} if self.settings.device is None else {"device": self.settings.device}
        return FocalXGBClassifier(**{**params, **device})

    def _own_parameters(self) -> frozenset[str]:
        tiny = xgboost.DMatrix(np.array([[0.0], [1.0]]), np.array([0.0, 1.0]))
        # The verbosity of a booster is that of the whole process.
        with xgboost.config_context(verbosity=0):
            # DART has all the parameters of trees, and its own.
            booster = xgboost.Booster({"booster": "dart"}, [tiny])
            return frozenset(_train_parameters(json.loads(booster.save_config())))

    def _check_values(self, params: Mapping[str, Any]) -> None:
        self._refuse_ignored(params)
        method, kind = params.get("tree_method"), params.get("booster")
        if method not in (None, "auto", "hist"):
            raise ValueError(
                f"tree_method == {method!r}, must be 'hist': the folds hold quantised data. Leave it out."
            )
        if kind not in (None, "gbtree", "dart"):
            raise ValueError(
                f"booster == {kind!r}, must be 'gbtree' or 'dart': the folds hold quantised data."
            )
        if params.get("process_type") not in (None, "default"):
            raise ValueError(
                f"process_type == {params['process_type']!r}, must be 'default': trials begin anew. Leave it "
                "out."
            )
        self.refuse_dart("booster", kind)
        if self.settings.cache:
            for name, default in _OF_BINS.items():
                fixed = self.fixed.get(name, default)
                # Identity, for NaN; all of an array.
                if params.get(name, fixed) is not fixed and not np.array_equal(params[name], fixed):
                    raise ValueError(
                        f"space sets {name!r}, must leave it to fixed: the bins depend on it and are made "
                        "once. Pass cache=False to search it."
                    )

    def _refuse_ignored(self, params: Mapping[str, Any]) -> None:
        """Refuse what cannot act beside a custom objective."""
        take_ignored("XGBoost", dict(params))

    def _bin(self, fold: int, params: Mapping[str, Any], bins: Bins, n_jobs: int) -> Any:
        options = {
            name: default if params.get(name) is None else params[name] for name, default in _OF_BINS.items()
        }
        parts: list[xgboost.DMatrix] = []
        for rows in self.settings.splits[fold]:
            X, labels, weight = self._part(rows)
            ref = parts[0] if parts else None
            parts.append(
                xgboost.QuantileDMatrix(X, labels, weight=weight, ref=ref, nthread=n_jobs, **options)
            )
        return tuple(parts)

    def _train(self, estimator: Any, data: Any, n_jobs: int, judge: Judge | None) -> Trained:
        dtrain, dvalid = data
        loss = estimator.loss_
        params = estimator.get_xgb_params()
        take_ignored("XGBoost", params)
        # Log loss of the focal confidence would be another metric, and the one that stops.
        params = self._native(params, n_jobs) | {"disable_default_eval_metric": True}
        booster, trained = self._boost(
            params, dtrain, dvalid, estimator, judge, obj=loss, callbacks=[loss.start()], metric=loss.metric
        )
        estimator._take_shift(booster.attr(ATTRIBUTE))
        return trained

    def _native(self, params: Mapping[str, Any], n_jobs: int) -> dict[str, Any]:
        max_bin = params.get("max_bin") or _OF_BINS["max_bin"]
        return {**without_focal(params), "max_bin": max_bin, "nthread": n_jobs}

    def _boost(
        self,
        params: dict[str, Any],
        dtrain: Any,
        dvalid: Any,
        estimator: Any,
        judge: Judge | None,
        *,
        obj: Any = None,
        callbacks: Sequence[Any] = (),
        metric: Any = None,
    ) -> tuple[Any, Trained]:
        """Train until the metric, or what `judge` says, gets no better; margins of the best round."""
        evaluation: dict[str, Any] = {}
        callbacks = list(callbacks)
        patience = self.settings.early_stopping_rounds
        if patience is not None:
            callbacks.append(xgboost.callback.EarlyStopping(rounds=patience, maximize=judge is not None))
            evaluation["evals"] = [(dvalid, "validation")]
            evaluation["custom_metric"] = metric
            if judge is not None:
                params = params | {"disable_default_eval_metric": True, "eval_metric": []}
                evaluation["custom_metric"] = lambda margins, _: ("score", judge(estimator, margins))
        rounds = self.settings.num_boost_round
        booster = xgboost.train(
            params, dtrain, rounds, obj=obj, callbacks=callbacks, verbose_eval=False, **evaluation
        )
        all_rounds = booster.num_boosted_rounds()
        rounds = all_rounds if patience is None else booster.best_iteration + 1
        margins = booster.predict(dvalid, output_margin=True, iteration_range=(0, rounds))
        return booster, Trained(margins, rounds, all_rounds)


class XGBoostLogLossFolds(XGBoostFolds):
    """The same folds with XGBoost's own log loss."""

    def new_estimator(self, params: Mapping[str, Any]) -> Any:
        device: dict[str, Any] = {} if self.settings.device is None else {"device": self.settings.device}
        return xgboost.XGBClassifier(**{**params, **device})

    def resolve(self, params: Mapping[str, Any], rows: Array, n_jobs: int) -> LogLossModel:
        return LogLossModel(self.new_estimator({**params, "n_jobs": n_jobs}), self.target)

    def _refuse_ignored(self, params: Mapping[str, Any]) -> None:
        take_ignored("XGBoost", acting(params))

    def _train(self, estimator: LogLossModel, data: Any, n_jobs: int, judge: Judge | None) -> Trained:
        params = self._native(estimator.estimator.get_xgb_params(), n_jobs)
        params |= {"objective": OBJECTIVES["xgboost"], "eval_metric": "logloss"}
        # A metric of one's own sees what the built-in objective predicts: probabilities.
        shown: Judge | None = None if judge is None else (lambda model, p: judge(model, log_odds(p)))
        dtrain, dvalid = data
        return self._boost(params, dtrain, dvalid, estimator, shown)[1]


def _train_parameters(config: Any) -> Iterator[str]:
    """Names in the parts of a configuration that are parameters of training."""
    for name, value in config.items() if isinstance(config, dict) else ():
        if name.endswith(("_train_param", "generic_param")):
            yield from value
        else:
            yield from _train_parameters(value)
