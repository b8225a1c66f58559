"""What a trial is judged by: names, metrics and scorers as one list of numbers per fold."""

from __future__ import annotations

import hashlib
import inspect
import logging
import math
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from types import CodeType
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import get_scorer

from focalboost import _validation
from focalboost._classifier.estimator import FocalEstimator, takes
from focalboost._classifier.target import Target
from focalboost._typing import Array

logger = logging.getLogger("focalboost")

Scorer = Callable[..., float]

# scikit-learn's convention: functions with such names are to be minimized.
_MINIMIZED = ("_loss", "_error", "_deviance", "_cost")
# The class of what make_scorer and get_scorer return: it hands X to the model and looks at it no further.
_OF_SKLEARN = type(get_scorer("accuracy"))
_NOTHING = object()


class Positive(NamedTuple):
    """The class of two that is looked for."""

    label: Any
    column: int
    """Its place among the sorted classes."""

    def flags(self, y: Array) -> Array:
        """1 for it, 0 for the other."""
        return np.asarray(y == self.label).astype(np.int64)


def positive_class(pos_label: Any, target: Target, encoded: Array) -> Positive | None:
    """`pos_label`, or else 1 or True as scikit-learn has it, or the rarer class; None for other labels."""
    classes = target.classes.tolist()
    if target.task != "binary":
        if pos_label is None:
            return None
        several = f"classes {classes!r}" if target.task == "multiclass" else f"{len(classes)} labels a row"
        raise ValueError(
            f"pos_label == {_validation.show(pos_label)}, must be None: y has {several}, and pos_label is "
            "for two classes."
        )
    if pos_label is not None:
        for index, label in enumerate(classes):
            if np.ndim(pos_label) == 0 and label == pos_label:
                return Positive(label, index)
        raise ValueError(
            f"pos_label == {_validation.show(pos_label)}, must be one of the classes of y, {classes!r}: "
            "spell it as there, or leave it out for the rarer one."
        )
    if all(isinstance(label, bool | int | float) for label in classes) and (
        set(classes) in ({0, 1}, {-1, 1})  # False == 0 and True == 1
    ):
        return Positive(classes[1], 1)
    counts = np.bincount(encoded, minlength=2)
    index = 0 if counts[0] < counts[1] else 1
    why = "the rarer of two" if counts[0] != counts[1] else "the last of two that are as frequent"
    logger.info("positive class: %r, %s; pass pos_label for the other", classes[index], why)
    return Positive(classes[index], index)


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


class Metric:
    """A metric (y_true, y_score[, pos_label, sample_weight]) as a scorer; closures could not be pickled."""

    def __init__(self, metric: Callable[..., float], positive: Positive | None) -> None:
        self.metric, self.positive = metric, positive
        self.options: dict[str, Any] = {}
        if positive is None:
            return
        bound = _bound_pos_label(metric)
        if bound is _NOTHING and takes(metric, "pos_label"):
            self.options = {"pos_label": positive.label}
        elif bound is _NOTHING and positive.column == 0:
            raise ValueError(
                f"scoring has {_name(metric)}, which takes no pos_label, must take it: it would see the "
                f"probability of {positive.label!r}, while functions of two classes in order take the last "
                "for the positive one. Add the parameter pos_label, which is passed, or give a scorer "
                "(estimator, X, y) or scikit-learn's name, such as 'roc_auc'."
            )
        elif bound is not _NOTHING and bound != positive.label:
            raise ValueError(
                f"scoring has {_name(metric)} with pos_label == {_validation.show(bound)}, must have "
                f"{positive.label!r}: it would see the probability of {positive.label!r}. Pass "
                "pos_label to CrossValidatedObjective."
            )

    def __call__(self, model: FoldModel, X: Any, y: Array, **options: Any) -> float:
        return float(self.metric(y, model.of_class(self.positive), **self.options, **options))


class Scoring:
    """One or several scorers, all to be maximized."""

    def __init__(self, scoring: Any, *, weighted: bool, positive: Positive | None = None) -> None:
        self.positive = positive
        several = isinstance(scoring, list | tuple | Mapping)
        items = list(scoring.values() if isinstance(scoring, Mapping) else scoring if several else [scoring])
        self.scorers = [_scorer(item, positive) for item in items]
        self._flagged = [positive is not None and _asks_for_1(item) for item in items]
        self.identities = [_name(item) for item in items]  # what a study is known again by
        self.names = list(map(str, scoring)) if isinstance(scoring, Mapping) else self.identities
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
        value = float(scorer(*self._shown(k, model, X, y), **options))
        if not math.isfinite(value):
            raise ValueError(
                f"scoring gave {name} == {value!r} in fold {fold}, must be finite: a trial without a value "
                "would be dropped and the study go on. Choose another metric or other folds, or drop such "
                "trials by study.optimize(..., catch=ValueError)."
            )
        return value

    def _shown(self, k: int, model: FoldModel, X: Any, y: Array) -> tuple[Any, Any, Array]:
        """What the k-th scorer is given: one that asks for the label 1 sees labels 0 and 1."""
        if self.positive is None or not self._flagged[k]:
            return model, X, y
        return Flagged(model, self.positive), X, self.positive.flags(y)

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
        for k, (name, scorer) in enumerate(zip(self.names, self.scorers, strict=True)):
            if not isinstance(scorer, _OF_SKLEARN):
                continue
            try:
                scorer(*self._shown(k, model, model.stand_in, y[first]))
            except ValueError as error:
                if "pos_label" in str(error):
                    raise ValueError(
                        f"scoring has {name}, which must know the positive label: {error} A scorer looks for "
                        "its own pos_label: pass it where the scorer is made, or scikit-learn's name, which "
                        "follows pos_label of CrossValidatedObjective."
                    ) from error


def _function(scoring: Any) -> Any:
    """The function under partial objects."""
    while isinstance(scoring, partial):
        scoring = scoring.func
    return scoring


def _bound_pos_label(scoring: Any) -> Any:
    """The pos_label that partial objects set."""
    while isinstance(scoring, partial):
        if "pos_label" in scoring.keywords:
            return scoring.keywords["pos_label"]
        scoring = scoring.func
    return _NOTHING


def _asks_for_1(scoring: Any) -> bool:
    """Whether it is scikit-learn's, and looks for the label 1 because nobody told it of another."""
    if isinstance(scoring, str):
        return True
    if not isinstance(scoring, _OF_SKLEARN):
        return False
    function, options = scoring._score_func, scoring._kwargs
    if {"pos_label", "labels"} & set(options) or _bound_pos_label(function) is not _NOTHING:
        return False
    default = inspect.signature(function).parameters.get("pos_label")
    return default is not None and default.default == 1


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
            function = inspect.unwrap(scoring)
            defaults = [getattr(function, name, None) for name in ("__defaults__", "__kwdefaults__")]
            parts = repr((_code(code), defaults, _held(function)))
            name += f" {hashlib.sha256(parts.encode()).hexdigest()[:8]}"
        return name
    text = repr(scoring)
    function = getattr(scoring, "_score_func", None)
    if "<" in text and inspect.isroutine(function):
        text = f"{text} of {_name(function)}"
    # An address would make the same scorer another one in the next process.
    return text if " at 0x" not in text else f"{type(scoring).__module__}.{type(scoring).__qualname__}"


def _code(code: CodeType) -> tuple[Any, ...]:
    """What a function does, equal in every process: a set of constants has an order that differs."""
    constants = [
        _code(c) if inspect.iscode(c) else sorted(map(repr, c)) if isinstance(c, frozenset) else repr(c)
        for c in code.co_consts
    ]
    return code.co_code.hex(), code.co_names, constants


def _held(function: Any) -> list[str]:
    """The values of a closure, without those that only an address tells apart."""
    texts = [repr(cell.cell_contents) for cell in getattr(function, "__closure__", None) or ()]
    return [text for text in texts if " at 0x" not in text]


def _scorer(scoring: Any, positive: Positive | None) -> Scorer:
    """A scorer (estimator, X, y) of a name, of a scorer, or of a metric (y_true, y_score)."""
    if isinstance(scoring, str):
        scorer: Scorer = get_scorer(scoring)
        return scorer
    if not callable(scoring):
        raise TypeError(f"scoring has {scoring!r}, must be a name, a scorer or a metric.")
    parameters = inspect.signature(scoring).parameters.values()
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    # pos_label is passed by name.
    n_needed = sum(p.default is p.empty for p in positional if p.name != "pos_label")
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
    return Metric(scoring, positive)
