"""One training natively, looked at after every round: what `defaults.py` and `starts.py` share.

A `Variant` says what differs from the booster's own log loss: gamma, class weights, the start, the Hessian,
the largest step. The rows of `Parts.valid` are scored after each round by the rules that are asked for; each
rule keeps its own best round, and training ends when none has been better for PATIENCE rounds. All
trainings use one thread.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent / "study"))

import lightgbm as lgb
import numpy as np
import xgboost as xgb
from numpy.typing import NDArray
from scipy.special import expit, log_softmax, logit, softmax

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss

Array = NDArray[Any]
BOOSTERS = ("xgboost", "lightgbm")
PATIENCE = 30


class Variant(NamedTuple):
    """What differs from the booster's own log loss."""

    gamma: float | None = None  # None: the booster's own objective
    alpha: str | None = None
    start: str = "best constant"  # or "zero"; of log loss the best constant is the log-odds of the rate
    cap: float | None = (
        None  # rows ask for a step of at most this size: hessian = max(guarded, |gradient| / cap)
    )
    absolute: bool = False  # the Hessian abs(gradient)
    params: tuple[tuple[str, float], ...] = ()  # of the booster, such as max_delta_step


class Parts(NamedTuple):
    """Rows to train on, to choose rounds by, and to judge by; labels as the losses take them."""

    train: tuple[Array, Array]
    valid: tuple[Array, Array]
    test: tuple[Array, Array]


class Chosen(NamedTuple):
    """What one rule chose: rounds, and the margins of the three parts after them."""

    rounds: int
    train: Array
    valid: Array
    test: Array


class Trained(NamedTuple):
    """The loss (gamma 0 for the booster's own objective), and what each rule chose."""

    loss: Any
    chosen: dict[str, Chosen]


Rule = Callable[[Any, Array, Array], float]  # of loss, margins and labels; smaller is better


def focal_rule(loss: Any, margin: Array, y: Array) -> float:
    """The focal loss itself, what the classifiers stop by."""
    return float(np.mean(loss.loss(y, margin)))


def probability_rule(loss: Any, margin: Array, y: Array) -> float:
    """Log loss of the posterior."""
    return log_loss(y, loss.posterior_logit(margin))


def log_loss(y: Array, score: Array) -> float:
    """From log-odds, or of several classes from log-probabilities; several labels: their mean."""
    if score.ndim == 2 and y.ndim == 1:
        return float(-np.take_along_axis(log_softmax(score, axis=1), y[:, None].astype(int), 1).mean())
    return float(np.logaddexp(0.0, np.where(y == 1, -score, score)).mean())


def probability(task: str, score: Array) -> Array:
    return softmax(score, axis=1) if task == "multiclass" else expit(score)


def loss_of(task: str, variant: Variant, y: Array) -> Any:
    """Resolved; where the variant says so begun at 0, with the scale of the best constant."""
    cls = {"binary": BinaryFocalLoss, "multiclass": MulticlassFocalLoss, "multilabel": MultilabelFocalLoss}
    loss = cls[task](variant.gamma or 0.0, variant.alpha, n_jobs=1).for_labels(y)
    if variant.start == "zero":
        begun = replace(loss)
        begun._set(
            scale=loss.scale, balanced=loss.balanced,
            intercept=0.0 if np.ndim(loss.intercept) == 0 else tuple(0.0 for _ in loss.intercept),
        )  # fmt: skip
        return begun
    return loss


def train(
    booster: str, task: str, variant: Variant, parts: Parts, params: Mapping[str, Any], most: int,
    rules: Mapping[str, Rule], seed: int,
) -> Trained:  # fmt: skip
    """Train with one variant; what each rule chose."""
    loss = loss_of(task, variant, parts.train[1])
    function = _xgboost if booster == "xgboost" else _lightgbm
    return Trained(
        loss, function(task, variant, loss, parts, {**params, **dict(variant.params)}, most, rules, seed)
    )


def derivatives(booster: str, variant: Variant, loss: Any, y: Array, margin: Array) -> tuple[Array, Array]:
    gradient, hessian = loss.gradient_hessian(y, margin)
    if isinstance(loss, MulticlassFocalLoss):
        # The factor that the booster's own softmax has.
        K = margin.shape[1]
        hessian *= np.float32(2.0 if booster == "xgboost" else K / (K - 1))
    if variant.absolute:
        hessian = np.maximum(np.abs(gradient), 1e-16)
    if variant.cap is not None:
        hessian = np.maximum(hessian, np.abs(gradient) / np.float32(variant.cap))
    return gradient, hessian


class Watch:
    """Best round by each rule."""

    def __init__(self, loss: Any, y: Array, rules: Mapping[str, Rule]) -> None:
        self.loss, self.y, self.rules = loss, y, rules
        self.best = dict.fromkeys(rules, (np.inf, 0))

    def ended(self, round_: int, margin: Array) -> bool:
        for name, rule in self.rules.items():
            value = rule(self.loss, margin, self.y)
            if value < self.best[name][0]:
                self.best[name] = (value, round_)
        return all(round_ - best >= PATIENCE for _, best in self.best.values())


def _xgboost(
    task: str, variant: Variant, loss: Any, parts: Parts, params: dict[str, Any], most: int,
    rules: Mapping[str, Rule], seed: int,
) -> dict[str, Chosen]:  # fmt: skip
    data: list[xgb.DMatrix] = [xgb.QuantileDMatrix(*parts.train, nthread=1)]
    data += [xgb.DMatrix(*rows, nthread=1) for rows in (parts.valid, parts.test)]
    own = variant.gamma is None
    settings: dict[str, Any] = {
        **params, "objective": loss.objective, "seed": seed, "nthread": 1, "tree_method": "hist",
        "disable_default_eval_metric": True,
    }  # fmt: skip
    if task == "multiclass":
        settings["num_class"] = loss.start_margins().size
    if not own or variant.start == "zero":
        settings["base_score"] = _base_score(loss)
    y = parts.train[1]

    class Look(xgb.callback.TrainingCallback):
        def __init__(self) -> None:
            super().__init__()
            self.watch = Watch(loss, parts.valid[1], rules)

        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            return self.watch.ended(epoch, model.predict(data[1], output_margin=True).astype(np.float64))

    look = Look()
    booster = xgb.train(
        settings, data[0], most, evals=[(data[1], "valid")], callbacks=[look], verbose_eval=False,
        obj=None if own else lambda margin, _: derivatives("xgboost", variant, loss, y, margin),
    )  # fmt: skip

    def margins(rounds: int) -> list[Array]:
        return [
            np.asarray(booster.predict(d, output_margin=True, iteration_range=(0, rounds)), np.float64)
            for d in data
        ]

    return {name: Chosen(best + 1, *margins(best + 1)) for name, (_, best) in look.watch.best.items()}


def _base_score(loss: Any) -> Any:
    score = loss.base_score
    return score if np.ndim(score) == 0 else [float(value) for value in score]


def _lightgbm(
    task: str, variant: Variant, loss: Any, parts: Parts, params: dict[str, Any], most: int,
    rules: Mapping[str, Rule], seed: int,
) -> dict[str, Chosen]:  # fmt: skip
    if task == "multilabel":
        raise ValueError(
            "task == 'multilabel', must be another: LightGBM has no objective of its own for it."
        )
    own = variant.gamma is None
    start = np.zeros(1) if own else loss.start_margins()
    K = loss.start_margins().size

    def dataset(rows: tuple[Array, Array], reference: Any = None) -> Any:
        begin = None if own else np.repeat(start, len(rows[1]))
        return lgb.Dataset(*rows, init_score=begin, reference=reference, params={"verbosity": -1})

    def margins_of(scores: Array) -> Array:
        """LightGBM's own objectives hand probabilities to a metric."""
        if own:
            p = np.clip(scores, 1e-15, 1 - 1e-15)
            return np.log(p) if task == "multiclass" else logit(p)
        return scores

    watch = Watch(loss, parts.valid[1], rules)

    def look(scores: Array, _: Any) -> tuple[str, float, bool]:
        look.margin = margins_of(scores)  # type: ignore[attr-defined]
        return "none", 0.0, False

    def after(env: Any) -> None:
        if watch.ended(env.iteration, look.margin):  # type: ignore[attr-defined]
            raise lgb.callback.EarlyStopException(env.iteration, [])

    y = parts.train[1]
    objective: Any = (
        ("multiclass" if task == "multiclass" else "binary")
        if own
        else (lambda scores, _: derivatives("lightgbm", variant, loss, y, scores))
    )
    settings = {
        "subsample_freq": 1, **params, "objective": objective, "seed": seed, "num_threads": 1,
        "verbosity": -1, "metric": "none", "deterministic": True,
    }  # fmt: skip
    if task == "multiclass":
        settings["num_class"] = K
    if own and variant.start == "zero":
        settings["boost_from_average"] = False
    train_set = dataset(parts.train)
    booster = lgb.train(
        settings, train_set, most, valid_sets=[dataset(parts.valid, train_set)], feval=look, callbacks=[after]
    )

    def margins(rounds: int) -> list[Array]:
        offset = start if task == "multiclass" else start[0]
        return [
            np.asarray(booster.predict(X, raw_score=True, num_iteration=rounds, num_threads=1)) + offset
            for X, _ in parts
        ]

    return {name: Chosen(best + 1, *margins(best + 1)) for name, (_, best) in watch.best.items()}
