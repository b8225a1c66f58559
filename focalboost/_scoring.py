"""What a trial is judged by: names, metrics and scorers as one list of numbers per fold."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import get_scorer

from focalboost._estimator import FocalEstimator, takes

Array = NDArray[Any]
Scorer = Callable[..., float]

# scikit-learn's convention: functions with such names are to be minimized.
_MINIMIZED = ("_loss", "_error", "_deviance", "_cost")


class FoldModel(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """Answers scorers for the rows of one validation fold, whose margins are known already."""

    def __init__(self, estimator: FocalEstimator, X: Any, margins: Array) -> None:
        self.X, self.margins = X, margins
        self.classes_ = estimator.classes_
        self.probabilities = estimator._probabilities(margins)
        self.decisions = estimator._decide(self.probabilities)

    def _of(self, X: Any, values: Array) -> Array:
        if X is not self.X:
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
        return self._of(X, self.decisions)


class Scoring:
    """One or several scorers, all to be maximized."""

    def __init__(self, scoring: Any, *, weighted: bool) -> None:
        several = isinstance(scoring, list | tuple | Mapping)
        items = scoring.values() if isinstance(scoring, Mapping) else scoring if several else [scoring]
        self.scorers = [_scorer(item) for item in items]
        self.names = list(map(str, scoring)) if isinstance(scoring, Mapping) else [_name(i) for i in items]
        self.weighted = weighted
        if not self.scorers:
            raise ValueError("scoring is empty, must have at least one name or scorer.")
        if len(set(self.names)) < len(self.names):
            raise ValueError(f"scoring has {self.names!r}, must have each name once.")
        for name, scorer in zip(self.names, self.scorers, strict=True):
            if weighted and not takes(scorer, "sample_weight"):
                raise ValueError(
                    f"scoring has {name}, which takes no sample_weight, must take it: sample_weight was "
                    "given. Add it as a parameter, or leave the weights out."
                )

    def __call__(self, model: FoldModel, y: Array, weight: Array | None, fold: int) -> list[float]:
        options = {} if weight is None else {"sample_weight": weight}
        values = [float(scorer(model, model.X, y, **options)) for scorer in self.scorers]
        for name, value in zip(self.names, values, strict=True):
            if not math.isfinite(value):
                raise ValueError(
                    f"scoring gave {name} == {value!r} in fold {fold}, must be finite: a trial without a "
                    "value would be dropped and the study go on. Choose another metric or other folds, or "
                    "drop such trials by study.optimize(..., catch=ValueError)."
                )
        return values


def _name(scoring: Any) -> str:
    if isinstance(scoring, str):
        return scoring
    if inspect.isroutine(scoring):
        return f"{scoring.__module__}.{scoring.__qualname__}"
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
    if str(getattr(scoring, "__name__", "")).endswith(_MINIMIZED):
        raise ValueError(
            f"scoring has {_name(scoring)}, must be greater for better models: pass "
            f"sklearn.metrics.make_scorer({scoring.__name__}, greater_is_better=False, "
            "response_method='predict_proba'), or scikit-learn's name for it, such as 'neg_log_loss'."
        )

    weighted = takes(scoring, "sample_weight")

    def unweighted_scorer(model: FoldModel, X: Any, y: Array) -> float:
        return float(scoring(y, _probability(model, X)))

    def scorer_of_metric(model: FoldModel, X: Any, y: Array, sample_weight: Array | None = None) -> float:
        options = {} if sample_weight is None else {"sample_weight": sample_weight}
        return float(scoring(y, _probability(model, X), **options))

    return scorer_of_metric if weighted else unweighted_scorer


def _probability(model: FoldModel, X: Any) -> Array:
    """Of the second class if there are two, as metrics take it."""
    values = model.predict_proba(X)
    # Several labels have a matrix of decisions.
    return values[:, 1] if values.shape[1] == 2 and model.decisions.ndim == 1 else values
