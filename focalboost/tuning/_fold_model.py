"""What scorers ask for predictions: a model of one validation fold, whose margins are known already."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from focalboost._classifier.estimator import FocalEstimator
from focalboost._typing import Array
from focalboost.tuning._positive import Positive


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

    def of_class(self, positive: Positive | None) -> Array:
        """Probability of one of two classes, as metrics take it; else the matrix."""
        return self.probabilities if positive is None else self.probabilities[:, positive.column]

    def _of(self, X: Any, values: Array) -> Array:
        if X is not self.stand_in and X is not self.X:
            raise ValueError(
                "a scorer asked for predictions of other rows than those it was given, must ask for X: "
                "within a trial there are no others."
            )
        return values

    def decision_function(self, X: Any) -> Array:
        return self._of(X, self.estimator._decisions(self.margins))

    def predict_proba(self, X: Any) -> Array:
        return self._of(X, self.probabilities)

    def predict(self, X: Any) -> Array:
        return self._of(X, self.estimator._decide(self.probabilities))


class Flagged(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """The same answers for labels 0 and 1, of which 1 is the positive class."""

    def __init__(self, model: FoldModel, positive: Positive) -> None:
        self.model, self.positive = model, positive
        self.classes_ = np.array([0, 1])

    def decision_function(self, X: Any) -> Array:
        logit = self.model.decision_function(X)
        return logit if self.positive.column == 1 else -logit

    def predict_proba(self, X: Any) -> Array:
        values = self.model.predict_proba(X)
        return values if self.positive.column == 1 else values[:, ::-1]

    def predict(self, X: Any) -> Array:
        return self.positive.flags(self.model.predict(X))
