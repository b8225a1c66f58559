"""What `checks.py` asks of a peer, and XGBoost and LightGBM for those peers that are a bare objective."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Objective = Callable[[Array, Any], tuple[Any, Any]]

# Class weights (class 0, class 1) of alpha in each convention that peers have.
CONVENTIONS: dict[str, Callable[[float], tuple[float, float]]] = {
    "none": lambda _: (1.0, 1.0),
    "positives": lambda alpha: (1.0, alpha),
    "alpha, 1 - alpha": lambda alpha: (1.0 - alpha, alpha),
}
# The alpha that weighs both classes alike: behaviour is judged on gamma alone.
NEUTRAL = {"none": 1.0, "positives": 1.0, "alpha, 1 - alpha": 0.5}


class NotOfferedError(Exception):
    """The peer has no such thing. A table shows the text."""


@dataclass
class Job:
    """One training."""

    X: Array
    y: Array
    gamma: float = 2.0
    rounds: int = 60
    depth: int = 3
    eta: float = 0.1
    threads: int = 1
    weight: Array | None = None
    start: float | None = None  # margin to start from; None is the library's own start
    valid: tuple[Array, Array] | None = None
    patience: int | None = None  # rounds of early stopping, on `valid`
    one_row_leaves: bool = False  # no lower limit on a leaf's rows, which weights do not count as

    def xgboost(self) -> dict[str, Any]:
        return {"max_depth": self.depth, "eta": self.eta, "nthread": self.threads, "tree_method": "hist"}

    def lightgbm(self) -> dict[str, Any]:
        params = {"num_leaves": 2**self.depth, "learning_rate": self.eta, "num_threads": self.threads}
        fine = {"min_data_in_leaf": 1, "min_data_in_bin": 1} if self.one_row_leaves else {}
        return {**params, "verbosity": -1, **fine}


@dataclass
class Fitted:
    """A trained model, as its library hands it to a user."""

    margins: Callable[[Array, int | None], Array]  # of the first rounds; None is what predict uses
    probability: Callable[[Array], Array]
    keep: Any  # what a user would pickle
    save: Callable[[Path], None]
    trace: list[float] | None = None  # the library's own metric on `valid`, by round
    traced: str = ""  # what the library says that metric is: "focal loss", "log loss"
    best: int | None = None  # rounds that early stopping keeps
    marks: list[float] = field(default_factory=list)  # perf_counter after each round


class Adapter:
    """A peer on one host."""

    host = ""
    convention = "none"
    multiclass = False
    hessian = "exact"  # what the library means its Hessian to be; `checks.py` has a reference for each
    metric: Callable[..., Any] | None = None

    def __init__(self, host: str) -> None:
        self.host = host

    def objective(self, gamma: float, alpha: float, n_classes: int = 2) -> Objective:
        """The peer's callable, as the host calls it: (margins, data set) -> (gradient, Hessian)."""
        raise NotOfferedError("not exposed")

    def multiclass_factor(self, n_classes: int) -> float:
        """What the peer multiplies a softmax Hessian by on purpose."""
        return 1.0

    def own_call(self, job: Job) -> None:
        """The peer's documented call, where `fit` has to go round it."""
        self.fit(job)

    def fit(self, job: Job) -> Fitted:
        """Train as the peer's documentation says. By default its objective in the host's `train`."""
        objective = self.objective(job.gamma, NEUTRAL[self.convention])
        return train(self.host, job, objective, keep=objective)


def sigmoid(margin: Array) -> Array:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * np.asarray(margin, float))))


def of_classifier(model: Any) -> Callable[[Array], Array]:
    """Probabilities of class 1, of an estimator of scikit-learn's interface."""
    return lambda X: np.asarray(model.predict_proba(X)[:, 1])


def train(
    host: str,
    job: Job,
    objective: Any,
    *,
    metric: Any = None,
    traced: str = "focal loss",
    keep: Any = None,
    builtin: bool = False,
) -> Fitted:
    """`xgb.train` or `lgb.train` with an objective: a callable or the name of a built-in one."""
    if job.patience is not None and metric is None:
        raise NotOfferedError("ships no metric")
    run = train_xgboost if host == "xgboost" else train_lightgbm
    fitted: Fitted = run(job, objective, metric, builtin)
    fitted.keep = fitted.keep if keep is None else keep
    fitted.traced = traced
    return fitted


def of_xgboost(booster: Any, start: float | None = None) -> Fitted:
    """What a Booster of XGBoost predicts; `start` is the base_margin that it was trained with."""
    import xgboost as xgb  # noqa: PLC0415  # of two boosters one may be missing

    def margins(X: Array, rounds: int | None = None) -> Array:
        data = xgb.DMatrix(X)
        if start is not None:
            data.set_base_margin(np.full(len(X), start, np.float32))
        first = (0, 0) if rounds is None else (0, rounds)
        return np.asarray(booster.predict(data, output_margin=True, iteration_range=first))

    return Fitted(margins, lambda X: sigmoid(margins(X)), booster, booster.save_model)


def of_lightgbm(booster: Any, start: float | None = None) -> Fitted:
    """What a Booster of LightGBM predicts; `start` is the init_score that it was trained with."""

    def margins(X: Array, rounds: int | None = None) -> Array:
        return np.asarray(booster.predict(X, raw_score=True, num_iteration=rounds)) + (start or 0.0)

    return Fitted(margins, lambda X: sigmoid(margins(X)), booster, booster.save_model)


def train_xgboost(job: Job, objective: Any, metric: Any, builtin: bool) -> Fitted:
    import xgboost as xgb  # noqa: PLC0415

    marks: list[float] = []

    class Clock(xgb.callback.TrainingCallback):
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            marks.append(time.perf_counter())
            return False

    data = xgb.QuantileDMatrix(job.X, job.y, weight=job.weight, nthread=job.threads)
    sets = [] if job.valid is None else [(xgb.QuantileDMatrix(*job.valid, ref=data), "valid")]
    if job.start is not None:
        for item in (data, *(pair[0] for pair in sets)):
            item.set_base_margin(np.full(item.num_row(), job.start, np.float32))
    params = job.xgboost()
    if builtin:
        params |= {"objective": objective, "eval_metric": metric or "logloss"}
    else:
        params |= {"disable_default_eval_metric": True}
    log: dict[str, Any] = {}
    booster = xgb.train(
        params,
        data,
        job.rounds,
        evals=sets,
        obj=None if builtin else objective,
        custom_metric=None if builtin else metric,
        maximize=False,
        early_stopping_rounds=job.patience,
        evals_result=log,
        verbose_eval=False,
        callbacks=[Clock()],
    )
    fitted = of_xgboost(booster, job.start)
    fitted.marks = marks
    if job.patience is not None:
        fitted.trace, fitted.best = next(iter(log["valid"].values())), booster.best_iteration + 1
    return fitted


def train_lightgbm(job: Job, objective: Any, metric: Any, builtin: bool) -> Fitted:
    import lightgbm as lgb  # noqa: PLC0415

    marks: list[float] = []
    log: dict[str, Any] = {}

    def start(n: int) -> Array | None:
        return None if job.start is None else np.full(n, job.start)

    params = {**job.lightgbm(), "objective": objective, "metric": (metric if builtin else "") or "None"}
    data = lgb.Dataset(job.X, job.y, weight=job.weight, init_score=start(len(job.y)))
    sets = []
    if job.valid is not None:
        X, y = job.valid
        sets = [lgb.Dataset(X, y, reference=data, init_score=start(len(y)))]
    callbacks = [lambda _: marks.append(time.perf_counter()), lgb.record_evaluation(log)]
    if job.patience is not None:
        callbacks.append(lgb.early_stopping(job.patience, verbose=False))
    booster = lgb.train(
        params,
        data,
        job.rounds,
        valid_sets=sets or None,
        valid_names=["valid"] if sets else None,
        feval=None if builtin else metric,
        callbacks=callbacks if sets else callbacks[:1],
    )
    fitted = of_lightgbm(booster, job.start)
    fitted.marks = marks
    if job.patience is not None:
        fitted.trace, fitted.best = next(iter(log["valid"].values())), booster.best_iteration
    return fitted


def softplus(margin: Array) -> Array:
    return np.asarray(np.logaddexp(0.0, margin))


def focal_loss(y: Array, margin: Array, gamma: float, weights: tuple[float, float]) -> float:
    """Mean focal loss in float64."""
    s = np.where(y > 0, margin, -np.asarray(margin, float))
    return float(
        np.mean(np.where(y > 0, weights[1], weights[0]) * np.exp(-gamma * softplus(s)) * softplus(-s))
    )
