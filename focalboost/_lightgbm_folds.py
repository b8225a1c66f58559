"""Folds for LightGBM: one Dataset of all rows, and subsets of it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

from focalboost._folds import Folds, without_focal
from focalboost._lightgbm_native import intercepts
from focalboost._lightgbm_training import as_stored, check_ignored, objective_is_none
from focalboost._loss import FocalLoss
from focalboost._model_text import parameter_names
from focalboost.lightgbm import FocalLGBMClassifier

Array = NDArray[Any]

# Of the scikit-learn interface alone.
_WRAPPER = ("n_estimators", "importance_type", "class_weight", "n_jobs")


class LightGBMFolds(Folds):
    """The bins are made from all rows, labels aside: a fold's validation rows help to place their edges."""

    library = "LightGBM"
    # Measured 1.1 for both parts of a fold, and as much for the data set they come from.
    bytes_per_value = 1.1
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

    def _forget(self) -> None:
        super()._forget()
        self._whole: lightgbm.Dataset | None = None
        self._whole_lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {n: v for n, v in super().__getstate__().items() if n not in ("_whole", "_whole_lock")}

    def _n_copies(self) -> float:
        return super()._n_copies() + 1.0

    def new_estimator(self, params: Mapping[str, Any]) -> FocalLGBMClassifier:
        device: dict[str, Any] = {} if self.settings.device is None else {"device_type": self.settings.device}
        return FocalLGBMClassifier(**device, **params)

    def _own_parameters(self) -> frozenset[str]:
        tiny = lightgbm.Dataset(np.zeros((2, 1)), np.array([0.0, 1.0]))
        booster = lightgbm.Booster({"verbosity": -1}, tiny)
        return parameter_names(booster.model_to_string())

    def _native(self, estimator: FocalLGBMClassifier, n_jobs: int) -> dict[str, Any]:
        """Parameters of the Dataset and of training, which have to agree."""
        native = {n: v for n, v in without_focal(estimator.get_params()).items() if n not in _WRAPPER}
        check_ignored(native)
        return {**native, "num_threads": n_jobs}

    def _bin(self, fold: int, params: Mapping[str, Any], n_jobs: int) -> Any:
        if self.settings.cache:
            with self._whole_lock:
                if self._whole is None:
                    self._whole = self._all_rows(params, n_jobs)
            whole = self._whole
        else:
            whole = self._all_rows(params, n_jobs)
        return tuple(whole.subset(rows.tolist()).construct() for rows in self.settings.splits[fold])

    def _all_rows(self, params: Mapping[str, Any], n_jobs: int) -> lightgbm.Dataset:
        labels = as_stored(self.encoded, self.target)
        native = self._native(self.new_estimator(params), n_jobs)
        return lightgbm.Dataset(self.X, labels, weight=self.weight, params=native).construct()

    def _train(
        self, estimator: FocalLGBMClassifier, loss: FocalLoss, data: Any, n_jobs: int
    ) -> tuple[Array, int]:
        train_set, valid_set = data
        # Not as init_score, which belongs to the data set: trials in other threads have other intercepts.
        start = intercepts(loss)
        best: dict[str, Any] = {"value": np.inf}
        patience = self.settings.early_stopping_rounds

        def objective(scores: Array, dataset: lightgbm.Dataset) -> Any:
            return loss(scores + start, dataset)

        def metric(scores: Array, dataset: lightgbm.Dataset) -> Any:
            margins = scores + start
            name, value, higher_is_better = loss.metric(margins, dataset)
            # As early_stopping compares; without it the last round counts.
            if value < best["value"] or patience is None:
                best.update(value=value, margins=margins)
            return name, value, higher_is_better

        native = {**self._native(estimator, n_jobs), "objective": objective, "metric": "None"}
        if self.target.n_outputs > 1:
            native["num_class"] = self.target.n_outputs
        callbacks = [objective_is_none()]
        if patience is not None:
            callbacks.append(lightgbm.early_stopping(patience, verbose=False))
        try:
            booster = lightgbm.train(
                native,
                train_set,
                self.settings.num_boost_round,
                valid_sets=[valid_set],
                valid_names=["validation"],
                feval=metric,
                callbacks=callbacks,
            )
        except lightgbm.basic.LightGBMError as error:
            if not str(error).startswith("Cannot change"):
                raise
            raise ValueError(
                f"space sets a parameter that must be left to fixed: the bins are made once ({error}) "
                "Pass cache=False to search it."
            ) from error
        return best["margins"], booster.best_iteration or booster.current_iteration()
