"""What a trial, the baseline and a refit share: scores of parameters on folds, and one study's record."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from focalboost import _study, _validation
from focalboost._estimator import FocalEstimator
from focalboost._fold_data import Split, fingerprint, take_rows
from focalboost._folds import Bins, Folds, Trained
from focalboost._record import plain
from focalboost._scoring import FoldModel, Scoring
from focalboost._search_space import Space, at, baseline_values
from focalboost._study import BASELINE, ROLE
from focalboost._threads import thread_count

Array = NDArray[Any]


class FoldObjective:
    """An objective on fixed folds, but for how it is made and what it does with one trial."""

    booster: str
    scoring: Scoring
    splits: list[Split]
    n_jobs: int | None
    _X: Any
    _y: Array
    _folds: Folds
    _space: Space
    _record: dict[str, Any] | None

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

    # ------------------------------------------------------------------ trials that run at this moment
    def _start_counting(self) -> None:
        self._running, self._lock = 0, threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in ("_running", "_lock")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._start_counting()

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """The trials that run at this moment."""
        with self._lock:
            self._running += 1
        try:
            yield
        finally:
            with self._lock:
                self._running -= 1

    def _threads(self) -> int:
        return max(1, thread_count(self.n_jobs) // max(1, self._running))

    # ------------------------------------------------------------------ scores of one fold
    def _fold_scores(self, fold: int, params: Mapping[str, Any], bins: Bins) -> tuple[list[float], Trained]:
        train, valid = self.splits[fold]
        weight = None if self._folds.weight is None else self._folds.weight[valid]

        def rows() -> Any:
            return take_rows(self._X, valid)

        def judge(estimator: FocalEstimator, margins: Array) -> float:
            return self.scoring.one(0, FoldModel(estimator, margins, rows), self._y[valid], weight, fold)

        n_jobs = self._threads()
        estimator = self._folds.resolve(params, train, n_jobs)
        by_score = self._folds.settings.stop_by == "score"
        trained = self._folds.run(fold, estimator, bins, n_jobs, judge if by_score else None)
        model = FoldModel(estimator, trained.margins, rows)
        return self.scoring(model, self._y[valid], weight, fold), trained

    def _named(self, scores: list[list[float]]) -> Any:
        if len(self.directions) == 1:
            return [score for (score,) in scores]
        columns = zip(*scores, strict=True)
        return {name: list(column) for name, column in zip(self.scoring.names, columns, strict=True)}

    # ------------------------------------------------------------------ one study, one objective
    def _study_record(self) -> dict[str, Any]:
        """What makes the values of two trials comparable. Reading 1 GB takes about a second, once."""
        if self._record is None:
            folds = self._folds
            record = {
                "booster": self.booster,
                "classes": plain(folds.target.classes),
                "data": fingerprint(self._X, folds.encoded, folds.weight),
                "folds": fingerprint(*(part for split in self.splits for part in split)),
                "scoring": self.scoring.names,
                "fixed": plain(folds.fixed),
                "num_boost_round": folds.settings.num_boost_round,
                "early_stopping_rounds": folds.settings.early_stopping_rounds,
                "stop_by": folds.settings.stop_by,
            }
            self._record = {**record, "name": fingerprint(repr(sorted(record.items())))}
        return self._record

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
        found, point = at(self._space, baseline_values(self.booster), params or {}, where, inside=True)
        complete = self._folds.complete(found)
        estimator = self._folds.new_estimator(complete)
        for name, neutral in (("focal_gamma", 0.0), ("focal_alpha", None), ("focal_alpha_power", 0.0)):
            value = getattr(estimator, name)
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
        FocalXGBClassifier or FocalLGBMClassifier, fitted

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
        if attributes.get("objective", self._study_record()["name"]) != self._study_record()["name"]:
            raise ValueError(
                f"trial {getattr(trial, 'number', '')} was scored by another objective, must be one of this: "
                "its rounds were found on other data, folds or settings. Pass trial.params to find them anew."
            )
        found, _ = at(self._space, {}, values, "refit", inside=False)
        params = self._folds.complete(found)
        rounds = rounds or attributes.get("num_boost_round")
        if rounds is None:
            with self._counted():
                bins = self._folds.bins()
                folds = [self._fold_scores(k, params, bins)[1] for k in range(len(self.splits))]
            rounds = median_rounds([trained.rounds for trained in folds])
        model = self._folds.new_estimator({**params, "n_estimators": rounds, "n_jobs": self.n_jobs})
        return model.fit(self._X, self._y, sample_weight=self._folds.weight)


def median_rounds(rounds: list[int]) -> int:
    return max(1, round(float(np.median(rounds))))


def folds_of(booster: str) -> type[Folds]:
    """The booster is an extra: imported when it is chosen."""
    import_module(f"focalboost.{booster}")  # which says what to install where the booster is missing
    if booster == "xgboost":
        from focalboost._xgboost_folds import XGBoostFolds  # noqa: PLC0415

        return XGBoostFolds
    from focalboost._lightgbm_folds import LightGBMFolds  # noqa: PLC0415

    return LightGBMFolds
