"""Folds for XGBoost: a QuantileDMatrix for either part of each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import xgboost
from xgboost.callback import TrainingCallback

from focalboost._boosters.parameters import take_ignored
from focalboost._boosters.xgboost import Start
from focalboost._typing import Array
from focalboost.tuning._folds import Bins, FoldLoss, Folds, Trained, Turn, without_focal
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

    def thread_settings(self) -> dict[str, Any]:
        return {**super().thread_settings(), "xgboost": xgboost.get_config()}

    @contextmanager
    def as_in_thread(self, settings: Any) -> Iterator[None]:
        with super().as_in_thread(settings), xgboost.config_context(**settings["xgboost"]):
            yield

    def _train(self, estimator: Any, data: Any, turn: Turn) -> Trained:
        dtrain, dvalid = data
        params = estimator.get_xgb_params()
        take_ignored("XGBoost", params)
        # Log loss of the focal confidence would be another metric, and the one that stops.
        params = self._native(params, turn.n_jobs) | {"disable_default_eval_metric": True}
        loss = FoldLoss(estimator.loss_, "xgboost")
        margins = BestMargins(turn)

        def objective(raw: Array, matrix: xgboost.DMatrix) -> Any:
            return loss.gradients(margins.seen_in_training(raw), matrix, margins.booster)

        def metric(raw: Array, matrix: xgboost.DMatrix) -> tuple[str, float]:
            margins.of_valid = raw
            if turn.judge is not None:
                return "score", turn.judge(estimator, raw)
            return "focal_loss", loss.relative(raw, matrix)

        callbacks = [OnlyStart(estimator.loss_), margins]
        booster, rounds = self._boost(
            params, dtrain, dvalid, turn, obj=objective, callbacks=callbacks, custom_metric=metric
        )
        of_train, of_valid = margins.after(booster, rounds, dtrain, dvalid)
        estimator.loss_ = loss.shifted(estimator.loss_.margins_of(of_train), dtrain)
        return Trained(of_valid, rounds, booster.num_boosted_rounds())

    def _native(self, params: Mapping[str, Any], n_jobs: int) -> dict[str, Any]:
        max_bin = params.get("max_bin") or _OF_BINS["max_bin"]
        return {**without_focal(params), "max_bin": max_bin, "nthread": n_jobs}

    def _boost(
        self,
        params: dict[str, Any],
        dtrain: Any,
        dvalid: Any,
        turn: Turn,
        *,
        callbacks: Sequence[Any],
        obj: Any = None,
        custom_metric: Any = None,
    ) -> tuple[xgboost.Booster, int]:
        """Train until the metric gets no better: the booster, and its best round's number."""
        evaluation: dict[str, Any] = {}
        callbacks = list(callbacks)
        patience = self.settings.early_stopping_rounds
        if patience is not None:
            callbacks.append(xgboost.callback.EarlyStopping(rounds=patience, maximize=turn.judge is not None))
            evaluation["evals"] = [(dvalid, "validation")]
            evaluation["custom_metric"] = custom_metric
        rounds = self.settings.num_boost_round
        booster = xgboost.train(
            params, dtrain, rounds, obj=obj, callbacks=callbacks, verbose_eval=False, **evaluation
        )
        return booster, booster.num_boosted_rounds() if patience is None else booster.best_iteration + 1


class XGBoostLogLossFolds(XGBoostFolds):
    """The same folds with XGBoost's own log loss."""

    def new_estimator(self, params: Mapping[str, Any]) -> Any:
        device: dict[str, Any] = {} if self.settings.device is None else {"device": self.settings.device}
        return xgboost.XGBClassifier(**{**params, **device})

    def resolve(self, params: Mapping[str, Any], rows: Array, n_jobs: int) -> LogLossModel:
        return LogLossModel(self.new_estimator({**params, "n_jobs": n_jobs}), self.target)

    def _refuse_ignored(self, params: Mapping[str, Any]) -> None:
        take_ignored("XGBoost", acting(params))

    def _train(self, estimator: LogLossModel, data: Any, turn: Turn) -> Trained:
        params = self._native(estimator.estimator.get_xgb_params(), turn.n_jobs)
        params |= {"objective": OBJECTIVES["xgboost"], "eval_metric": "logloss"}
        metric, judge = None, turn.judge
        if judge is not None:
            params |= {"disable_default_eval_metric": True, "eval_metric": []}

            def metric(probability: Array, _: xgboost.DMatrix) -> tuple[str, float]:
                # A metric of one's own sees what the built-in objective predicts.
                return "score", judge(estimator, log_odds(probability))

        dtrain, dvalid = data
        booster, rounds = self._boost(
            params, dtrain, dvalid, turn, callbacks=[Watch(turn)], custom_metric=metric
        )
        margins = booster.predict(dvalid, output_margin=True, iteration_range=(0, rounds))
        return Trained(margins, rounds, booster.num_boosted_rounds())


class Watch(TrainingCallback):
    """Ends a training that nobody waits for any more."""

    def __init__(self, turn: Turn) -> None:
        super().__init__()
        self._turn = turn

    def before_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        self._turn.check()
        return False


class BestMargins(Watch):
    """Keeps the margins after the best round, as objective and metric are given them.

    To predict them anew takes as long as training some rounds: 100 trees of 240,000 rows are read again.
    """

    def __init__(self, turn: Turn) -> None:
        super().__init__(turn)
        self.booster: xgboost.Booster | None = None
        self.of_valid: Array | None = None  # after the last round that was evaluated
        self._best: list[Array | None] = [None, None]  # of the training and validation rows
        self._round, self._wanted = -1, False

    def before_training(self, model: Any) -> Any:
        self.booster = model
        return model

    def before_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        super().before_iteration(model, epoch, evals_log)
        # Looked at before the next round: by then EarlyStopping has, whatever the order of callbacks.
        self._wanted = self.of_valid is not None and model.best_iteration == epoch - 1
        if self._wanted:
            self._round, self._best[1] = epoch - 1, self.of_valid
        return False

    def seen_in_training(self, margins: Array) -> Array:
        """What the objective is given, which is as it was after the round before."""
        if self._wanted:
            self._best[0], self._wanted = margins, False
        return margins

    def after(self, booster: xgboost.Booster, rounds: int, dtrain: Any, dvalid: Any) -> tuple[Array, Array]:
        """Margins of training and validation rows after so many rounds."""
        of_train, of_valid = self._best
        if self._round == rounds - 1 and of_train is not None and of_valid is not None:
            return of_train, of_valid
        # The last round is the best. XGBoost holds what it predicts of all trees for both.
        last = (0, 0 if rounds == booster.num_boosted_rounds() else rounds)
        of_train, of_valid = (
            booster.predict(matrix, output_margin=True, iteration_range=last) for matrix in (dtrain, dvalid)
        )
        return of_train, of_valid


class OnlyStart(Start):
    """The start of a new model. Here the booster is known to the objective, and the fold finds the shift."""

    def before_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        return False

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        return False

    def after_training(self, model: Any) -> Any:
        return model


def _train_parameters(config: Any) -> Iterator[str]:
    """Names in the parts of a configuration that are parameters of training."""
    for name, value in config.items() if isinstance(config, dict) else ():
        if name.endswith(("_train_param", "generic_param")):
            yield from value
        else:
            yield from _train_parameters(value)
