"""Tuning gamma and the class weights, with the booster's parameters, on a study of the user's own.

    objective = CrossValidatedObjective(X, y, booster="xgboost")
    study = optuna.create_study(direction=objective.direction)
    objective.enqueue_baseline(study)
    study.optimize(objective, n_trials=100)
    model = objective.refit(study.best_trial)

Study, storage, sampler and pruner are Optuna's and the user's. Needs the extra:
`pip install 'focalboost[optuna]'`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_consistent_length

from focalboost import _study, _validation
from focalboost._estimator import check_weight
from focalboost._fold_data import as_table, fixed_splits
from focalboost._folds import FoldSettings, check_device
from focalboost._objective import FoldObjective, folds_of, median_rounds
from focalboost._scoring import Scoring
from focalboost._search_space import (
    BOOSTERS,
    DefaultSpace,
    Space,
    class_weights,
    suggest_booster,
    suggest_focal,
)
from focalboost._study import BASELINE, ROLE, WORKER, baseline_trial, retry_stale_trials
from focalboost._target import Target, read_target

__all__ = [
    "CrossValidatedObjective",
    "baseline_trial",
    "class_weights",
    "retry_stale_trials",
    "suggest_booster",
    "suggest_focal",
]

_PACKAGES = ("focalboost", "optuna", "scikit-learn", "numpy")


class CrossValidatedObjective(FoldObjective):
    """What Optuna maximizes: the mean score of focal loss over fixed folds.

    One object is called with every trial. The folds are split, and their data binned, once. A trial trains
    the folds in their order, each until its validation rows have not been predicted better for
    `early_stopping_rounds`, reports the mean score so far after each, and leaves it to the study's pruner
    whether to go on.

    Parameters
    ----------
    X : array-like, DataFrame or sparse matrix of shape (n_samples, n_features)
        What the booster takes.
    y : array-like of shape (n_samples,), or of 0 and 1 and shape (n_samples, n_labels)
        Labels: two classes, more, or several labels a row.
    booster : {"xgboost", "lightgbm"}, default="xgboost"
        Which.
    cv : int, splitter of scikit-learn or list of (training, validation) row numbers, default=5
        Folds. A number makes stratified ones in the order of the rows, with `groups` StratifiedGroupKFold;
        for several labels a row KFold, with `groups` GroupKFold. For rows with a time TimeSeriesSplit or one
        split of your own is more honest.
    scoring : str, scorer, metric, or a list or dict of them, default="average_precision"
        A name of scikit-learn's, a scorer `(estimator, X, y)`, or a metric `(y_true, y_score)`; all are
        maximized. `estimator` has classes_, predict_proba (the posterior), decision_function and predict for
        this X only. A metric sees the probability of the second class, or the matrix. Several make a
        multi-objective study, which is not pruned. See `focalboost.metrics`.
    space : callable (trial) -> dict, optional
        Parameters of the classifier, by scikit-learn's names. Default: `suggest_focal` and
        `suggest_booster`, without what is fixed. To extend it:
        `lambda trial: {**suggest_focal(trial), "max_leaves": trial.suggest_int("max_leaves", 8, 256)}`.
    fixed : dict, optional
        Parameters of the classifier that all trials have.
    num_boost_round : int, default=500
        Most rounds of a fold.
    early_stopping_rounds : int or None, default=30
        None trains all rounds.
    stop_by : {"loss", "score"}, default="loss"
        What early stopping follows: the focal loss, or the first of `scoring`, computed every round. Where
        probabilities overfit before the ranking does, stopping by a ranking score trains on and ranks
        better, and costs the probabilities.
    sample_weight : array-like of shape (n_samples,), optional
        Weights >= 0, in training and in scores.
    groups : array-like of shape (n_samples,), optional
        For splitters that keep groups together.
    device : str, optional
        XGBoost's `device`, LightGBM's `device_type`.
    n_jobs : int, optional
        Threads for all trials together; None for FOCALBOOST_NUM_THREADS, OMP_NUM_THREADS or all cores given.
        A fold that starts while k trials run, `study.optimize(n_jobs=k)`, takes a k-th of them.
    cache : bool, default=True
        Keep the binned data of all folds (`cache_bytes`); with False every fold of every trial bins anew, to
        the same scores.

    Attributes
    ----------
    direction : str
        "maximize", for `optuna.create_study(direction=...)`.
    directions : list of str
        One for each entry of `scoring`, for `optuna.create_study(directions=...)`.
    task : {"binary", "multiclass", "multilabel"}
        Found from y.
    splits : list of (ndarray, ndarray)
        Row numbers of the folds.
    cache_bytes : int
        Estimate of the memory that the cache takes; logged at INFO level by "focalboost".

    Raises
    ------
    ValueError
        If a parameter is not valid, a fold lacks a class, or both parts of a fold have one row.
    ImportError
        If Optuna or the booster is not installed.

    Notes
    -----
    Works with studies of any storage, sampler and pruner, with `FixedTrial`, with `FrozenTrial` (a repeated
    `objective(study.best_trial)` gives the same score) and in a pickle, which has X and no binned data. Each
    trial's user attributes say "fold_scores", "fold_rounds", "rounds_trained", "num_boost_round" (the median
    of the folds', which `refit` takes), "seconds", "versions", "worker", "objective" and, for the baseline,
    "role". The study's attribute "focalboost" has a fingerprint of data, folds and settings: a study is not
    resumed with others.

    `study.best_params` has what was searched, not what is fixed or set here (LightGBM's subsample_freq,
    without which subsample does nothing): build the model with `refit`.

    Scores on the folds are optimistic for every trial, because the rounds were chosen on the validation rows,
    and for the best one, because it was chosen. Judge the refitted model on rows that took no part.

    LightGBM bins the rows of all folds together, without looking at labels.

    Examples
    --------
    >>> import optuna
    >>> from focalboost.datasets import make_transactions
    >>> from focalboost.tuning import CrossValidatedObjective
    >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
    >>> data = make_transactions(20_000, random_state=0)
    >>> objective = CrossValidatedObjective(
    ...     data.data, data.target, cv=3, fixed={"max_depth": 3}, num_boost_round=30, n_jobs=1
    ... )
    >>> study = optuna.create_study(direction=objective.direction, sampler=optuna.samplers.RandomSampler(0))
    >>> objective.enqueue_baseline(study)
    >>> study.optimize(objective, n_trials=3)
    >>> model = objective.refit(study.best_trial)
    >>> model.predict_proba(data.data[:3]).shape
    (3, 2)
    """

    def __init__(
        self,
        X: Any,
        y: Any,
        *,
        booster: Literal["xgboost", "lightgbm"] = "xgboost",
        cv: Any = 5,
        scoring: Any = "average_precision",
        space: Space | None = None,
        fixed: Mapping[str, Any] | None = None,
        num_boost_round: int = 500,
        early_stopping_rounds: int | None = 30,
        sample_weight: ArrayLike | None = None,
        groups: Any = None,
        stop_by: Literal["loss", "score"] = "loss",
        device: str | None = None,
        n_jobs: int | None = None,
        cache: bool = True,
    ) -> None:
        _study.load_optuna()
        self.booster = _validation.check_choice("booster", booster, BOOSTERS)
        self._y, multilabel = read_target("y", y)
        self._X = as_table(X)
        check_consistent_length(self._X, self._y, sample_weight, groups)
        target = Target.of(self._y, multilabel=multilabel)
        encoded = target.encode("y", self._y)
        weight = check_weight(sample_weight, len(encoded))
        _validation.raise_for_bad_weight(weight)
        self.scoring = Scoring(scoring, weighted=weight is not None)
        self.splits = fixed_splits(cv, self._X, encoded, weight, groups, target)
        self.n_jobs = _validation.check_n_jobs(n_jobs)
        if num_boost_round is None:
            raise ValueError("num_boost_round == None, must be a whole number >= 1.")
        settings = FoldSettings(
            self.splits,
            _validation.check_count("num_boost_round", num_boost_round, 1) or 1,
            _validation.check_count("early_stopping_rounds", early_stopping_rounds, 1),
            _validation.check_choice("stop_by", stop_by, ("loss", "score")),
            check_device(device),
            cache,
        )
        fixed = dict(fixed or {})
        self._folds = folds_of(self.booster)(self._X, encoded, weight, target, fixed, settings)
        self._folds.check_names(fixed, "fixed")
        self.scoring.check_labels(self._folds.resolve(fixed, np.arange(len(encoded)), 1), self._y)
        self._space = DefaultSpace(self.booster, fixed) if space is None else space
        self._record = None
        self._start_counting()
        self._folds.state_memory()

    @property
    def task(self) -> str:
        """The kind of labels."""
        return self._folds.target.task

    @property
    def cache_bytes(self) -> int:
        """Estimate of the memory for the binned data of all folds."""
        return self._folds.cache_bytes()

    def __call__(self, trial: Any) -> float | tuple[float, ...]:
        """The mean score over the folds of one trial's parameters.

        Parameters
        ----------
        trial : optuna.Trial, FixedTrial or FrozenTrial
            Asked for parameters, told of the mean after each fold.

        Returns
        -------
        float, or one for each entry of `scoring`

        Raises
        ------
        optuna.TrialPruned
            If the study's pruner says so.
        ValueError
            If the study has another direction or belongs to other data, a parameter is unknown, a score is
            not finite, or training diverges.
        """
        study = getattr(trial, "study", None)
        if study is not None:
            self._check_study(study)
            trial.set_user_attr(WORKER, _study.this_worker())
        params = self._folds.complete(self._space(trial))
        may_prune = len(self.directions) == 1 and trial.user_attrs.get(ROLE) != BASELINE
        began = time.perf_counter()
        trial.set_user_attr("objective", self._study_record()["name"])
        with self._counted():
            scores, rounds, all_rounds = [], [], 0
            bins = self._folds.bins()
            for fold in range(len(self.splits)):
                score, trained = self._fold_scores(fold, params, bins)
                scores.append(score)
                rounds.append(trained.rounds)
                all_rounds += trained.all_rounds
                # After every fold: what was measured is kept when the trial is pruned or the process killed.
                trial.set_user_attr("fold_scores", self._named(scores))
                trial.set_user_attr("fold_rounds", rounds)
                trial.set_user_attr("rounds_trained", all_rounds)
                means = np.mean(scores, axis=0).tolist()
                if len(means) == 1:
                    trial.report(means[0], fold)
                if may_prune and fold + 1 < len(self.splits) and trial.should_prune():
                    raise _study.load_optuna().TrialPruned
        trial.set_user_attr("num_boost_round", median_rounds(rounds))
        trial.set_user_attr("seconds", round(time.perf_counter() - began, 3))
        trial.set_user_attr("versions", _study.versions(*_PACKAGES, self.booster))
        return means[0] if len(means) == 1 else tuple(means)
