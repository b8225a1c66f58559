"""Folds for LightGBM: one Dataset of all rows, and subsets of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import lightgbm
import numpy as np

from focalboost._boosters.lightgbm import training_scores
from focalboost._boosters.model_text import parameter_names
from focalboost._boosters.parameters import take_ignored
from focalboost._typing import Array
from focalboost.lightgbm import FocalLGBMClassifier
from focalboost.lightgbm._training import as_stored, check_boosting, objective_is_none, regularization
from focalboost.tuning._folds import Bins, FoldLoss, Folds, Trained, Turn, without_focal
from focalboost.tuning._log_loss import (
    OBJECTIVES,
    LogLossModel,
    acting,
    log_odds,
    mean_log_loss,
)

# Margins of the validation rows, and what early stopping maximizes.
Follow = Callable[[Array, lightgbm.Dataset], tuple[Array, float]]
# Of the scikit-learn interface alone.
_WRAPPER = ("n_estimators", "importance_type", "class_weight", "n_jobs")
_IGNORED = {
    "LightGBM reads it for other objectives and metrics.": (
        *("fair_c", "poisson_max_delta_step", "tweedie_variance_power", "reg_sqrt", "objective_seed"),
        *("lambdarank_truncation_level", "lambdarank_norm", "lambdarank_position_bias_regularization"),
        *("label_gain", "eval_at", "auc_mu_weights", "multi_error_top_k", "bagging_by_query"),
    ),
    "LightGBM reads it for data in files.": (
        *("data", "valid", "header", "two_round", "pre_partition", "parser_config_file"),
        *("precise_float_parser", "label_column", "weight_column", "group_column", "ignore_column"),
    ),
    "a trial is trained in one process.": (
        *("machines", "machine_list_filename", "num_machines", "local_listen_port", "time_out"),
    ),
    "trials refit nothing.": ("refit_decay_rate",),
}
_OF_DART = ("drop_rate", "max_drop", "skip_drop", "xgboost_dart_mode", "uniform_drop", "drop_seed")
_OF_GOSS = ("top_rate", "other_rate")
_OF_QUANTIZED = ("num_grad_quant_bins", "quant_train_renew_leaf", "stochastic_rounding")
_YES = ("true", "1")


class Best:
    """What was seen in the best round so far."""

    def __init__(self) -> None:
        self.value, self.all_rounds = -np.inf, 0
        self.margins: Any = None  # of the validation rows
        self.training: Any = None  # of the training rows, once a round came after it
        self.is_last = False  # whether none has


def watch(turn: Turn) -> Callable[[Any], None]:
    """A callback that ends a training that nobody waits for any more."""

    def before_round(_: Any) -> None:
        turn.check()

    before_round.before_iteration = True  # type: ignore[attr-defined]  # LightGBM's way to mark one
    return before_round


class LightGBMFolds(Folds):
    """The bins are made from all rows, labels aside: a fold's validation rows help to place their edges."""

    booster = "LightGBM"
    # 27, 44 and 118 bytes a row with 10, 30 and 100 features.
    bytes_per_value = 1.1
    bytes_per_row = 15.0
    defaults = {  # noqa: RUF012  # a constant
        "verbosity": -1,
        # Otherwise features that the first trial's min_child_samples rules out would be gone for all.
        "feature_pre_filter": False,
        # Without it LightGBM takes no notice of subsample.
        "subsample_freq": 1,
    }
    names = {  # noqa: RUF012  # a constant
        "boosting": "boosting_type",
        "lambda_l1": "reg_alpha",
        "lambda_l2": "reg_lambda",
        "min_data_in_leaf": "min_child_samples",
        "min_sum_hessian_in_leaf": "min_child_weight",
        "min_gain_to_split": "min_split_gain",
        "bagging_fraction": "subsample",
        "bagging_freq": "subsample_freq",
        "feature_fraction": "colsample_bytree",
        "bin_construct_sample_cnt": "subsample_for_bin",
        "seed": "random_state",
        "num_threads": "n_jobs",
    }
    ignored = {name: why for why, names in _IGNORED.items() for name in names}  # noqa: RUF012  # a constant
    only_with = {  # noqa: RUF012  # a constant
        **{name: {"boosting_type": ("dart",)} for name in _OF_DART},
        **{name: {"data_sample_strategy": ("goss",), "boosting_type": ("goss",)} for name in _OF_GOSS},
        **{name: {"use_quantized_grad": _YES} for name in _OF_QUANTIZED},
        "linear_lambda": {"linear_tree": _YES},
        "extra_seed": {"extra_trees": _YES},
    }

    def _n_copies(self) -> float:
        return super()._n_copies() + 1.0

    def new_estimator(self, params: Mapping[str, Any]) -> FocalLGBMClassifier:
        device: dict[str, Any] = {} if self.settings.device is None else {"device_type": self.settings.device}
        # params may be those of a classifier that was made here: with a device already.
        return FocalLGBMClassifier(**{**params, **device})

    def _own_parameters(self) -> frozenset[str]:
        quiet = {"verbosity": -1}
        tiny = lightgbm.Dataset(np.zeros((2, 1)), np.array([0.0, 1.0]), params=quiet)
        booster = lightgbm.Booster(quiet, tiny)
        return parameter_names(booster.model_to_string())

    def _native(self, estimator: FocalLGBMClassifier, n_jobs: int) -> dict[str, Any]:
        """Parameters of the Dataset and of training, which have to agree."""
        native = {n: v for n, v in without_focal(estimator.get_params()).items() if n not in _WRAPPER}
        take_ignored("LightGBM", native)  # only what changes nothing is left of them
        return {**native, **regularization(estimator, self.target), "num_threads": n_jobs}

    def _check_values(self, params: Mapping[str, Any]) -> None:
        self._refuse_ignored(params)
        subsample, freq = params.get("subsample"), params.get("subsample_freq")
        if subsample not in (None, 1) and freq is not None and freq <= 0:
            raise ValueError(
                f"subsample_freq == {freq} with subsample == {subsample}, must be >= 1: LightGBM would take "
                "no notice of subsample. Leave subsample_freq out, or fix subsample to 1."
            )
        if subsample not in (None, 1) and "goss" in (
            params.get("data_sample_strategy"),
            params.get("boosting_type"),
        ):
            raise ValueError(
                f"subsample == {subsample} with GOSS, must be 1: GOSS chooses the rows itself. Fix subsample "
                "to 1."
            )
        self.refuse_dart("boosting_type", params.get("boosting_type"))

    def _refuse_ignored(self, params: Mapping[str, Any]) -> None:
        """Refuse what cannot act beside a custom objective."""
        take_ignored("LightGBM", dict(params))
        check_boosting(params)

    def _bin(self, fold: int, params: Mapping[str, Any], bins: Bins, n_jobs: int) -> Any:
        if bins.whole is None:
            native = self._native(self.new_estimator(params), n_jobs)
            labels = as_stored(self.encoded, self.target)
            bins.whole = lightgbm.Dataset(self.X, labels, weight=self.weight, params=native).construct()
        parts = []
        for rows in self.settings.splits[fold]:
            part = bins.whole.subset(rows.tolist()).construct()
            # A list of Python's numbers, 38 bytes a row, which only construct() needs.
            part.used_indices = None
            parts.append(part)
        return tuple(parts)

    def _train(self, estimator: Any, data: Any, turn: Turn) -> Trained:
        train_set, _ = data
        loss, best = FoldLoss(estimator.loss_, "lightgbm"), Best()
        # Not as init_score, which belongs to the data set: trials in other threads have other intercepts.
        start = estimator.loss_.start_margins()

        def objective(scores: Array, dataset: lightgbm.Dataset) -> Any:
            margins = scores + start
            if best.is_last:
                # As they were after that round.
                best.training, best.is_last = margins, False
            return loss.gradients(margins, dataset)

        def follow(scores: Array, dataset: lightgbm.Dataset) -> tuple[Array, float]:
            margins = scores + start
            if self.settings.early_stopping_rounds is None:
                return margins, 0.0
            judge = turn.judge
            return margins, -loss.relative(margins, dataset) if judge is None else judge(estimator, margins)

        native = {**self._native(estimator, turn.n_jobs), "objective": objective}
        if self.target.n_outputs > 1:
            native["num_class"] = self.target.n_outputs
        booster, trained = self._boost(native, data, follow, turn, best, [objective_is_none()])
        margins = training_scores(booster) + start if best.is_last else best.training
        estimator.loss_ = loss.shifted(margins, train_set)
        return trained

    def _boost(
        self,
        native: dict[str, Any],
        data: Any,
        follow: Follow,
        turn: Turn,
        best: Best,
        callbacks: Sequence[Any] = (),
    ) -> tuple[lightgbm.Booster, Trained]:
        """Train until what `follow` says gets no better; margins of the best round."""
        train_set, valid_set = data
        patience = self.settings.early_stopping_rounds

        def metric(scores: Array, dataset: lightgbm.Dataset) -> Any:
            margins, value = follow(scores, dataset)
            best.all_rounds += 1  # train() returns a model without the rounds after the best
            # As early_stopping compares; without it the last round counts.
            if patience is None or value > best.value:
                best.value, best.margins, best.is_last = value, margins, True
            return "score", value, True

        callbacks = [*callbacks, watch(turn)]
        if patience is not None:
            callbacks = [*callbacks, lightgbm.early_stopping(patience, verbose=False)]
        try:
            booster = lightgbm.train(
                {**native, "metric": "None"},
                train_set,
                self.settings.num_boost_round,
                valid_sets=[valid_set],
                valid_names=["validation"],
                feval=metric,
                callbacks=callbacks,
                keep_training_booster=True,
            )
        except lightgbm.basic.LightGBMError as error:
            if not str(error).startswith("Cannot change"):
                raise
            raise ValueError(
                f"the trial's parameters need other bins than those that were made once ({error}) Leave them "
                "to fixed, or pass cache=False to search them."
            ) from error
        rounds = booster.best_iteration if booster.best_iteration > 0 else best.all_rounds
        return booster, Trained(best.margins, rounds, best.all_rounds)


class LightGBMLogLossFolds(LightGBMFolds):
    """The same folds with LightGBM's own log loss."""

    def new_estimator(self, params: Mapping[str, Any]) -> Any:
        device: dict[str, Any] = {} if self.settings.device is None else {"device_type": self.settings.device}
        return lightgbm.LGBMClassifier(**{**params, **device})

    def resolve(self, params: Mapping[str, Any], rows: Array, n_jobs: int) -> LogLossModel:
        return LogLossModel(self.new_estimator({**params, "n_jobs": n_jobs}), self.target)

    def _refuse_ignored(self, params: Mapping[str, Any]) -> None:
        take_ignored("LightGBM", acting(params))

    def _native(self, estimator: Any, n_jobs: int) -> dict[str, Any]:
        native = {n: v for n, v in estimator.get_params().items() if v is not None and n not in _WRAPPER}
        return {**native, "objective": OBJECTIVES["lightgbm"], "num_threads": n_jobs}

    def _train(self, estimator: LogLossModel, data: Any, turn: Turn) -> Trained:
        def follow(probability: Array, dataset: lightgbm.Dataset) -> tuple[Array, float]:
            # What the built-in objective predicts.
            margins = log_odds(probability)
            if turn.judge is not None:
                return margins, turn.judge(estimator, margins)
            labels, weight = np.asarray(dataset.get_label()), dataset.get_weight()
            return margins, -mean_log_loss(
                labels, probability, None if weight is None else np.asarray(weight)
            )

        return self._boost(self._native(estimator, turn.n_jobs), data, follow, turn, Best())[1]
