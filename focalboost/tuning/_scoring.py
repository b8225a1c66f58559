"""What a trial is judged by: names, metrics and scorers as one list of numbers per fold."""

from __future__ import annotations

import hashlib
import inspect
import math
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import get_scorer

from focalboost._classifier.estimator import FocalEstimator, takes
from focalboost._typing import Array

Scorer = Callable[..., float]

# scikit-learn's convention: functions with such names are to be minimized.
_MINIMIZED = ("_loss", "_error", "_deviance", "_cost")
# The class of what make_scorer and get_scorer return: it hands X to the model and looks at it no further.
_OF_SKLEARN = type(get_scorer("accuracy"))


class FoldModel(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """Answers scorers for the rows of one validation fold, whose margins are known already."""

    def __init__(self, estimator: FocalEstimator, margins: Array, rows: Callable[[], Any]) -> None:
        self.estimator, self.margins, self.rows = estimator, margins, rows
        self.classes_ = estimator.classes_
        self.stand_in = object()

    @cached_property
    def X(self) -> Any:  # noqa: N802  # a matrix
        """The rows themselves, taken when a scorer wants them: copying them costs time and memory."""
        return self.rows()

    @cached_property
    def probabilities(self) -> Array:
        return self.estimator._probabilities(self.margins)

    @property
    def second(self) -> Array:
        """Probability of the second class if there are two, as metrics take it; else the matrix."""
        several = self.estimator._fitted_target().task != "binary"
        return self.probabilities if several else self.probabilities[:, 1]

    def _of(self, X: Any, values: Array) -> Array:
        if X is not self.stand_in and X is not self.X:
            raise ValueError(
                "a scorer asked for predictions of other rows than those it was given, must ask for X: "
                "within a trial there are no others."
            )
        return values

    def decision_function(self, X: Any) -> Array:
        return self._of(X, self.margins)

    def predict_proba(self, X: Any) -> Array:
        return self._of(X, self.probabilities)

    def predict(self, X: Any) -> Array:
        return self._of(X, self.estimator._decide(self.probabilities))


class Metric:
    """A metric (y_true, y_score[, sample_weight]) as a scorer; closures could not be pickled."""

    def __init__(self, metric: Callable[..., float]) -> None:
        self.metric = metric

    def __call__(self, model: FoldModel, X: Any, y: Array, **options: Any) -> float:
        return float(self.metric(y, model.second, **options))


class Scoring:
    """One or several scorers, all to be maximized."""

    def __init__(self, scoring: Any, *, weighted: bool) -> None:
        several = isinstance(scoring, list | tuple | Mapping)
        items = list(scoring.values() if isinstance(scoring, Mapping) else scoring if several else [scoring])
        self.scorers = [_scorer(item) for item in items]
        self.names = list(map(str, scoring)) if isinstance(scoring, Mapping) else [_name(i) for i in items]
        if not self.scorers:
            raise ValueError("scoring is empty, must have at least one name or scorer.")
        if len(set(self.names)) < len(self.names):
            raise ValueError(f"scoring has {self.names!r}, must have each name once.")
        for name, item in zip(self.names, items, strict=True):
            if weighted and callable(item) and not takes(item, "sample_weight"):
                raise ValueError(
                    f"scoring has {name}, which takes no sample_weight, must take it: sample_weight was "
                    "given. Add it as a parameter, or leave the weights out."
                )

    def one(self, k: int, model: FoldModel, y: Array, weight: Array | None, fold: int) -> float:
        """The k-th score of a fold."""
        scorer, name = self.scorers[k], self.names[k]
        options = {} if weight is None else {"sample_weight": weight}
        X = model.stand_in if isinstance(scorer, Metric | _OF_SKLEARN) else model.X
        value = float(scorer(model, X, y, **options))
        if not math.isfinite(value):
            raise ValueError(
                f"scoring gave {name} == {value!r} in fold {fold}, must be finite: a trial without a value "
                "would be dropped and the study go on. Choose another metric or other folds, or drop such "
                "trials by study.optimize(..., catch=ValueError)."
            )
        return value

    def __call__(self, model: FoldModel, y: Array, weight: Array | None, fold: int) -> list[float]:
        return [self.one(k, model, y, weight, fold) for k in range(len(self.scorers))]

    def check_labels(self, estimator: FocalEstimator, y: Array) -> None:
        """Whether scikit-learn's scorers know which label is the positive one, before anything is trained."""
        first = np.unique(y, return_index=True, axis=0)[1]
        shape = (
            (len(first),)
            if estimator._fitted_target().n_outputs == 1
            else (len(first), len(estimator.classes_))
        )
        model = FoldModel(estimator, np.linspace(-1.0, 1.0, math.prod(shape)).reshape(shape), lambda: None)
        for name, scorer in zip(self.names, self.scorers, strict=True):
            if not isinstance(scorer, _OF_SKLEARN):
                continue
            try:
                scorer(model, model.stand_in, y[first])
            except ValueError as error:
                if "pos_label" in str(error):
                    raise ValueError(
                        f"scoring has {name}, which must know the positive label: {error} Pass "
                        "sklearn.metrics.make_scorer(..., pos_label=...), or labels 0 and 1 with 1 for the "
                        "rare class."
                    ) from error


def _function(scoring: Any) -> Any:
    """The function under partial objects."""
    while isinstance(scoring, partial):
        scoring = scoring.func
    return scoring


def _name(scoring: Any) -> str:
    """By which the next process knows the scoring again."""
    if isinstance(scoring, str):
        return scoring
    if isinstance(scoring, partial):
        options = [
            *map(repr, scoring.args),
            *(f"{name}={value!r}" for name, value in scoring.keywords.items()),
        ]
        return f"partial({', '.join([_name(scoring.func), *options])})"
    if inspect.isroutine(scoring):
        name = f"{scoring.__module__}.{scoring.__qualname__}"
        code = getattr(scoring, "__code__", None)
        if "<" in name and code is not None:
            # Of lambdas and inner functions several have one name.
            parts = repr((code.co_code, code.co_names, [c for c in code.co_consts if not inspect.iscode(c)]))
            name += f" {hashlib.sha256(parts.encode()).hexdigest()[:8]}"
        return name
    text = repr(scoring)
    # An address would make the same scorer another one in the next process.
    return text if " at 0x" not in text else f"{type(scoring).__module__}.{type(scoring).__qualname__}"


def _scorer(scoring: Any) -> Scorer:
    """A scorer (estimator, X, y) of a name, of a scorer, or of a metric (y_true, y_score)."""
    if isinstance(scoring, str):
        scorer: Scorer = get_scorer(scoring)
        return scorer
    if not callable(scoring):
        raise TypeError(f"scoring has {scoring!r}, must be a name, a scorer or a metric.")
    parameters = inspect.signature(scoring).parameters.values()
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    n_needed = sum(p.default is p.empty for p in positional)
    if n_needed == 3 or (positional and positional[0].name == "estimator"):
        return scoring  # type: ignore[no-any-return]  # callable() cannot say what is returned
    # log_loss has a default for the second, a former name of its own.
    if n_needed > 3 or len(positional) < 2:
        raise TypeError(
            f"scoring has {_name(scoring)} with {len(positional)} arguments, must be a metric "
            "(y_true, y_score) or a scorer (estimator, X, y)."
        )
    name = str(getattr(_function(scoring), "__name__", ""))
    if name.endswith(_MINIMIZED):
        raise ValueError(
            f"scoring has {_name(scoring)}, must be greater for better models: pass "
            f"sklearn.metrics.make_scorer({name}, greater_is_better=False, "
            "response_method='predict_proba'), or scikit-learn's name for it, such as 'neg_log_loss'."
        )
    return Metric(scoring)
