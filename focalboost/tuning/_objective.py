"""The objective that Optuna maximizes, its baseline and the model of a trial."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import closing
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_consistent_length

from focalboost import _validation
from focalboost._classifier.parameters import check_weight
from focalboost._classifier.target import Target, read_target
from focalboost.tuning import _study
from focalboost.tuning._evaluation import Evaluation, folds_of, median_rounds, population_weight
from focalboost.tuning._folds import FoldSettings, check_device
from focalboost.tuning._log_loss import check_target as check_log_loss_target
from focalboost.tuning._optuna import load_optuna, versions
from focalboost.tuning._positive import positive_class
from focalboost.tuning._scoring import Scoring
from focalboost.tuning._space import (
    BOOSTERS,
    DefaultSpace,
    LowestTrial,
    Space,
    baseline_values,
    evaluate_space,
)
from focalboost.tuning._splits import as_table, fixed_splits
from focalboost.tuning._stale import must_run
from focalboost.tuning._study import BASELINE, ROLE
from focalboost.tuning._workers import WORKER, this_worker

_PACKAGES = ("focalboost", "optuna", "scikit-learn", "numpy")


class CrossValidatedObjective:
    """What Optuna maximizes: the mean score of focal loss over fixed folds.

    One object is called with every trial. The folds are split, and their data binned, once. A trial trains
    the folds, several at once where there are threads for them, each until its validation rows have not been
    predicted better for `early_stopping_rounds`, reports a score after each, in their order, and leaves it to
    the study's pruner whether to go on.

    Parameters
    ----------
    X : array-like, DataFrame or sparse matrix of shape (n_samples, n_features)
        What the booster takes.
    y : array-like of shape (n_samples,), or of 0 and 1 and shape (n_samples, n_labels)
        Labels: two classes, more, or several labels a row.
    booster : {"xgboost", "lightgbm"}, default="xgboost"
        Library to train with.
    loss : {"focal", "log_loss"}, default="focal"
        "log_loss" trains the booster's own log loss on the same folds, for a fair comparison: labels 0 and 1,
        `refit` gives an XGBClassifier or LGBMClassifier, and the default space has the start (the log-odds or
        0.5) and max_delta_step, from which log loss on rare classes gains most.
    cv : int, splitter of scikit-learn or list of (training, validation) row numbers, default=5
        Folds. A number makes stratified ones in the order of the rows, with `groups` StratifiedGroupKFold;
        for several labels a row KFold, with `groups` GroupKFold. For rows with a time TimeSeriesSplit or one
        split of your own is more honest.
    scoring : str, scorer, metric, or a list or dict of them, default="average_precision"
        A name of scikit-learn's, a scorer `(estimator, X, y)`, or a metric `(y_true, y_score)`; all are
        maximized. `estimator` has `classes_`, predict_proba (the posterior), decision_function (its logit)
        and predict for this X only. A metric sees the probability of `pos_label`, or the matrix. Several make
        a multi-objective study, which is not pruned. See `focalboost.metrics`.
    pos_label : label, optional
        Of two classes the one to look for. Default: 1 or True where the labels are 0 and 1, -1 and 1, or
        False and True; otherwise the rarer class, which "focalboost" logs at INFO level. It matters to scores
        alone, and there

        - names of scikit-learn's ("average_precision", "f1", ...), and scorers of its `make_scorer` whose
          metric has a pos_label that nobody set, count it as 1 and the other class as 0;
        - metrics `(y_true, y_score)` see labels as they are in y and the probability of `pos_label`, and are
          passed `pos_label` if they have such a parameter. One that has none is refused if `pos_label` is
          the first of the two classes in sorted order, because many a metric takes the last for the positive
          one; one that a `partial` gave another pos_label is refused too;
        - other scorers see labels and estimator as they are, and look for what they look for: column 1 of
          predict_proba is the last class by the alphabet, P(good) of "fraud" and "good".

        The classifier, its focal_alpha too, knows the sorted `classes_` only.
    space : callable (trial) -> dict, optional
        Parameters of the classifier, by scikit-learn's names. Default: `suggest_focal` and
        `suggest_booster`, without what is fixed. To extend it:
        `lambda trial: {**suggest_focal(trial), "max_leaves": trial.suggest_int("max_leaves", 8, 256)}`.
    fixed : dict, optional
        Parameters of the classifier that all trials have. With "focal_sampling_rate" each validation row
        counts 1 / rate of its class in the scores: they are those of the population before sampling. (A
        budget of alerts still counts the rows that were kept.)
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
    report : {"auto", "mean", "fold"}, default="auto"
        What a trial tells the pruner after each fold: the mean score so far, or the score of this fold.
        "auto" finds it from the study's pruner, see Notes.
    device : str, optional
        XGBoost's `device`, LightGBM's `device_type`.
    n_jobs : int, optional
        Threads for all trials together; None for FOCALBOOST_NUM_THREADS, OMP_NUM_THREADS or all cores given.
        A trial that starts while k run, `study.optimize(n_jobs=k)`, takes a k-th of them. It shares them out
        among folds that are trained side by side, which is faster than several threads for one after the
        other; what is left over by such groups, of 5 folds on 2 threads one, is trained first and alone. A
        fold of at most a million numbers has one thread. Scores, reports and errors are those of one after
        the other. When a trial is pruned or fails, folds that still run end with their round. Scorers are
        called by the thread of the trial; with stop_by="score" one at a time. On a GPU folds run one after
        the other.
    cache : bool, default=True
        Keep the binned data of all folds (`cache_bytes`); with False every fold of every trial bins anew, to
        the same scores, and at most two at once.

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
    fingerprint : str
        Of data, folds and settings, without the space: the same for trials whose values can be compared.
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

    Pruners. After each fold but the last the study's pruner is asked; the value of a trial that is not pruned
    is the mean over all folds. `MedianPruner`, `PercentilePruner`, `SuccessiveHalvingPruner`,
    `HyperbandPruner`, `ThresholdPruner` and all others compare trials at one step, and are told the mean of
    the folds so far, which comes close to the value. `WilcoxonPruner`, also inside `PatientPruner`, is told
    the fold's own score: its signed-rank test is of differences to the best trial, fold by fold, that are
    independent of each other, and running means are not: they repeat the first fold's difference. Of 25
    trials that differ in the seed alone 13 were pruned by running means and 2 by fold scores (p .01, 10
    folds, mean of 12 studies; all are compared with the luckiest). Of n folds the least p is 2^-n: at
    `p_threshold` .1 it prunes after 4 folds at the earliest, at .01 after 7, and never before
    `n_startup_steps`. A trial that was pruned has as its value what it reported last, here one fold's score;
    "fold_scores" has all. For a pruner of your own that tests folds pass `report="fold"`. A study keeps to
    one of the two ("focalboost_reports"): Optuna stores no pruner, and one that is loaded without has
    MedianPruner.

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
        loss: Literal["focal", "log_loss"] = "focal",
        cv: Any = 5,
        scoring: Any = "average_precision",
        pos_label: Any = None,
        space: Space | None = None,
        fixed: Mapping[str, Any] | None = None,
        num_boost_round: int = 500,
        early_stopping_rounds: int | None = 30,
        sample_weight: ArrayLike | None = None,
        groups: Any = None,
        stop_by: Literal["loss", "score"] = "loss",
        report: Literal["auto", "mean", "fold"] = "auto",
        device: str | None = None,
        n_jobs: int | None = None,
        cache: bool = True,
    ) -> None:
        load_optuna()
        self.booster = _validation.check_choice("booster", booster, BOOSTERS)
        self.loss = _validation.check_choice("loss", loss, ("focal", "log_loss"))
        self._y, multilabel = read_target("y", y)
        table = as_table(X)
        check_consistent_length(table, self._y, sample_weight, groups)
        target = Target.of(self._y, multilabel=multilabel)
        if self.loss == "log_loss":
            check_log_loss_target(target)
        encoded = target.encode("y", self._y)
        weight = check_weight(sample_weight, len(encoded))
        _validation.raise_for_bad_weight(weight)
        self.report = _validation.check_choice("report", report, _study.REPORT_CHOICES)
        positive = positive_class(pos_label, target, encoded)
        sampled = loss == "focal" and (fixed or {}).get("focal_sampling_rate") is not None
        self.scoring = Scoring(scoring, weighted=weight is not None or sampled, positive=positive)
        self.splits = fixed_splits(cv, table, encoded, weight, groups, target)
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
        if settings.stop_by == "score" and settings.early_stopping_rounds is None:
            raise ValueError(
                "stop_by == 'score' with early_stopping_rounds == None, must be 'loss': nothing stops "
                "training. Pass early_stopping_rounds, or leave stop_by out."
            )
        fixed = dict(fixed or {})
        self._folds = folds_of(self.booster, self.loss)(table, encoded, weight, target, fixed, settings)
        self._folds.check_fixed(fixed)
        estimator = self._folds.resolve(fixed, np.arange(len(encoded)), 1)
        self.scoring.check_labels(estimator, self._y)
        self._space = DefaultSpace(self.booster, fixed, self.loss) if space is None else space
        if space is None:
            # What is fixed may not go with what is searched.
            self._folds.complete(self._space(LowestTrial()))
        self._fingerprint: dict[str, Any] | None = None
        self._evaluation = Evaluation(
            self._y, self._folds, self.scoring, self.n_jobs, population_weight(estimator, encoded, weight)
        )
        self._folds.log_memory()

    @property
    def task(self) -> str:
        """The kind of labels."""
        return self._folds.target.task

    @property
    def fingerprint(self) -> str:
        """Of data, folds and settings: all that makes the values of two trials comparable."""
        name: str = self._study_record()["name"]
        return name

    @property
    def cache_bytes(self) -> int:
        """Estimate of the memory for the binned data of all folds."""
        return self._folds.cache_bytes()

    @property
    def direction(self) -> Literal["maximize"]:
        """Of a study with one objective."""
        if len(self.directions) > 1:
            raise ValueError(
                f"scoring has {len(self.directions)} entries, must have 1 for direction: use "
                "optuna.create_study(directions=objective.directions)."
            )
        return self.directions[0]

    @property
    def directions(self) -> list[Literal["maximize"]]:
        """One for each entry of `scoring`."""
        return ["maximize"] * len(self.scoring.scorers)

    def __call__(self, trial: Any) -> float | tuple[float, ...]:
        """The mean score over the folds of one trial's parameters.

        Parameters
        ----------
        trial : optuna.Trial, FixedTrial or FrozenTrial
            Asked for parameters, told of the mean, or of the fold, after each fold.

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
        RuntimeError
            If another process took the trial for stale and failed it: before anything is trained, or after
            the fold in which that happened.
        """
        with must_run(trial):
            return self._run(trial)

    def _run(self, trial: Any) -> float | tuple[float, ...]:
        study = getattr(trial, "study", None)
        report = "mean"
        if study is not None:
            # First of all: until a trial has its worker, it is taken for one that nobody began.
            trial.set_user_attr(WORKER, this_worker())
            self._check_study(study)
            if len(self.directions) == 1:
                report = _study.what_to_report(study, self.report)
        params = self._folds.complete(self._space(trial))
        may_prune = len(self.directions) == 1 and trial.user_attrs.get(ROLE) != BASELINE
        began = time.perf_counter()
        trial.set_user_attr("objective", self.fingerprint)
        with self._evaluation.counted(), closing(self._evaluation.scores(params)) as folds:
            scores, rounds, all_rounds = [], [], 0
            for fold, (score, trained) in enumerate(folds):
                scores.append(score)
                rounds.append(trained.rounds)
                all_rounds += trained.all_rounds
                # After every fold: what was measured is kept when the trial is pruned or the process killed.
                trial.set_user_attr("fold_scores", self._evaluation.named(scores))
                trial.set_user_attr("fold_rounds", rounds)
                trial.set_user_attr("rounds_trained", all_rounds)
                means = np.mean(scores, axis=0).tolist()
                if len(means) == 1:
                    trial.report(means[0] if report == "mean" else score[0], fold)
                if may_prune and fold + 1 < len(self.splits) and trial.should_prune():
                    raise load_optuna().TrialPruned
        trial.set_user_attr("num_boost_round", median_rounds(rounds))
        trial.set_user_attr("seconds", round(time.perf_counter() - began, 3))
        trial.set_user_attr("versions", versions(*_PACKAGES, self.booster))
        return means[0] if len(means) == 1 else tuple(means)

    # ------------------------------------------------------------------ one study, one objective
    def _study_record(self) -> dict[str, Any]:
        """Made when it is first asked for: reading 1 GB takes about a second."""
        if self._fingerprint is None:
            self._fingerprint = _study.new_record(self.booster, self.loss, self._folds, self.scoring)
        return self._fingerprint

    def _check_study(self, study: Any) -> None:
        _study.check_directions(study, len(self.directions))
        _study.check_record(study, self._study_record())

    def enqueue_baseline(self, study: Any, params: Mapping[str, Any] | None = None) -> None:
        """Put plain log loss first in the queue, so that the best trial is never worse on the folds.

        Does nothing where the study has one that finished, runs or waits. The baseline is never pruned. Where
        several workers share a study, enqueue from one before the others start.

        Parameters
        ----------
        study : optuna.Study
            The study.
        params : dict, optional
            Values of the booster's parameters, by their names in the study, in place of the library's
            defaults: those in use today, say. Parameters of a space of one's own need values here.

        Raises
        ------
        ValueError
            If a value is missing, unknown or outside the space, the point is not plain log loss, or the study
            belongs to other data.
        """
        self._check_study(study)
        where = "the baseline"
        found, point = evaluate_space(
            self._space, baseline_values(self.booster), params or {}, where, inside=True
        )
        complete = self._folds.complete(found)
        estimator = self._folds.new_estimator(complete)
        for name, neutral in (("focal_gamma", 0.0), ("focal_alpha", None), ("focal_alpha_power", 0.0)):
            value = getattr(estimator, name, None)  # which log loss has not
            if value is not None and value != neutral:
                raise ValueError(
                    f"{where} has {name} == {value!r}, must have {neutral!r}: it is plain log loss. Leave it "
                    "out of fixed, or give params the value of the space that means it."
                )
        if not _study.has_baseline(study):
            study.enqueue_trial(point, user_attrs={ROLE: BASELINE})

    def refit(self, trial: Any, *, num_boost_round: int | None = None) -> Any:
        """A classifier with the parameters of a trial, trained on all rows.

        Parameters
        ----------
        trial : optuna.trial.FrozenTrial or dict
            Such as `study.best_trial`, or `study.best_params`.
        num_boost_round : int, optional
            Rounds. Default: the median over the folds, as the trial noted it. For a dict, or a trial that was
            pruned, the folds are trained again to find it.

        Returns
        -------
        FocalXGBClassifier or FocalLGBMClassifier, fitted; with loss="log_loss" XGBClassifier or
        LGBMClassifier

        Raises
        ------
        ValueError
            If a parameter of the space has no value, the dict has another, or the trial belongs to another
            objective.
        TypeError
            If it is neither a trial nor a dict.
        """
        rounds = _validation.check_count("num_boost_round", num_boost_round, 1)
        is_trial = hasattr(trial, "params") and hasattr(trial, "user_attrs")
        if not is_trial and not isinstance(trial, Mapping):
            raise TypeError(
                f"trial == {trial!r:.80}, must be a trial or a dict of parameters: study.best_trial, one of "
                "study.best_trials, or study.best_params."
            )
        values, attributes = (trial.params, trial.user_attrs) if is_trial else (trial, {})
        if attributes.get("objective", self.fingerprint) != self.fingerprint:
            raise ValueError(
                f"trial {getattr(trial, 'number', '')} was scored by another objective, must be one of this: "
                "its rounds were found on other data, folds or settings. Pass trial.params to find them anew."
            )
        found, _ = evaluate_space(self._space, {}, values, "refit", inside=False)
        params = self._folds.complete(found)
        rounds = rounds or attributes.get("num_boost_round")
        if rounds is None:
            rounds = self._evaluation.rounds(params)
        model = self._folds.new_estimator({**params, "n_estimators": rounds, "n_jobs": self.n_jobs})
        return model.fit(self._folds.X, self._y, sample_weight=self._folds.weight)
