"""One default of focalboost changed at a time, on the binary sets.

Gamma 2, no class weights, the booster's default parameters ("defaults") and those that were found for log
loss ("tuned"), at most ROUNDS rounds, ended by a fifth of the training rows (the last ones where rows are in
time). Natively, because the classifiers do not let one begin elsewhere.

base            guarded Hessian, from the best constant, scaled, ended by the focal loss, posterior
exact           hessian="exact"
reweighted      hessian="reweighted"
zero            begun at margin 0
log-odds        begun at the log-odds of the base rate
exact log-odds  both, as hand-written objectives have after the usual advice on init scores; still scaled
no scale        the loss as it is, smaller, and its metric, which ends training, relative to margin 0
stop by score   ended by average precision
raw             the focal confidence instead of the posterior; the model is base's
gamma 0 ...     log loss: from the base rate, from margin 0, ended by average precision
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from sets import Table
from sklearn.metrics import average_precision_score
from sklearn.model_selection import train_test_split

from focalboost import BinaryFocalLoss

Array = NDArray[Any]

ROUNDS, PATIENCE, VALIDATION = 300, 30, 0.2


class Variant(NamedTuple):
    """What differs from the defaults of focalboost."""

    gamma: float = 2.0
    hessian: Any = "guarded"
    start: str = "best constant"
    scaled: bool = True
    stop: str = "loss"


VARIANTS = {
    "base": Variant(),
    "exact": Variant(hessian="exact"),
    "reweighted": Variant(hessian="reweighted"),
    "zero": Variant(start="zero"),
    "log-odds": Variant(start="log-odds"),
    "exact log-odds": Variant(hessian="exact", start="log-odds"),
    "no scale": Variant(scaled=False),
    "stop by score": Variant(stop="score"),
    "gamma 0": Variant(gamma=0.0),
    "gamma 0 zero": Variant(gamma=0.0, start="zero"),
    "gamma 0 stop by score": Variant(gamma=0.0, stop="score"),
}


class Parts(NamedTuple):
    """Rows to train on, to end by, and to judge by."""

    train: tuple[Array, Array]
    valid: tuple[Array, Array]
    test: Array


def variants(
    table: Table, booster: str, settings: dict[str, dict[str, float]], rows: Array, test: Array, *, seed: int
) -> tuple[dict[str, Array], dict[str, Any]]:
    """Probabilities of the test rows, named SETTING: VARIANT, and what is to be said of each."""
    ordered = table.source.ordered
    inner, outer = train_test_split(
        rows, test_size=VALIDATION, shuffle=not ordered, stratify=None if ordered else table.y[rows],
        random_state=None if ordered else seed,
    )  # fmt: skip
    X, y = table.X, table.y.astype(np.float32)
    parts = Parts((X[inner], y[inner]), (X[outer], y[outer]), X[test])
    train = _xgboost if booster == "xgboost" else _lightgbm
    arrays: dict[str, Array] = {}
    said: dict[str, Any] = {}
    for setting, params in settings.items():
        for name, variant in VARIANTS.items():
            began = time.perf_counter()
            resolved = BinaryFocalLoss(variant.gamma, hessian=variant.hessian, n_jobs=1).for_labels(y[inner])
            loss = resolved if variant.scaled else BinaryFocalLoss(variant.gamma, n_jobs=1)
            starts = {
                "best constant": float(resolved.intercept),
                "zero": 0.0,
                "log-odds": float(logit(y[inner].mean())),
            }
            start = starts[variant.start]
            # A loss that starts elsewhere than at its best constant would be refused.
            begun = replace(loss)
            begun._set(scale=loss.scale, intercept=start)
            margin, rounds = train(parts, params, begun, start, variant.stop, seed)
            key = f"{setting}: {name}"
            arrays[f"p:{key}"] = loss.posterior(margin)
            said[key] = {
                "params": {**params, **variant._asdict()}, "rounds": rounds, "score": None,
                "seconds": time.perf_counter() - began,
            }  # fmt: skip
            if name == "base":
                arrays[f"p:{setting}: raw"] = expit(margin)
                said[f"{setting}: raw"] = said[key]
    return arrays, said


def _xgboost(
    parts: Parts, params: dict[str, float], loss: BinaryFocalLoss, start: float, stop: str, seed: int
) -> tuple[Array, int]:
    import xgboost as xgb  # noqa: PLC0415  # each process needs one library

    dtrain = xgb.QuantileDMatrix(*parts.train, nthread=1)
    dvalid = xgb.QuantileDMatrix(*parts.valid, ref=dtrain, nthread=1)
    booster = xgb.train(
        {
            **params, "objective": "binary:logistic", "base_score": float(expit(start)), "seed": seed,
            "nthread": 1, "tree_method": "hist", "disable_default_eval_metric": True,
        },
        dtrain, ROUNDS, obj=loss, evals=[(dvalid, "valid")], early_stopping_rounds=PATIENCE,
        custom_metric=loss.metric if stop == "loss" else _average_precision, maximize=stop == "score",
        verbose_eval=False,
    )  # fmt: skip
    rounds = booster.best_iteration + 1
    margin = booster.predict(xgb.DMatrix(parts.test), output_margin=True, iteration_range=(0, rounds))
    return np.asarray(margin, float), rounds


def _average_precision(margin: Array, data: Any) -> tuple[str, float]:
    return "average_precision", float(average_precision_score(data.get_label(), margin))


def _lightgbm(
    parts: Parts, params: dict[str, float], loss: BinaryFocalLoss, start: float, stop: str, seed: int
) -> tuple[Array, int]:
    import lightgbm as lgb  # noqa: PLC0415  # as above

    def data(rows: tuple[Array, Array], reference: Any = None) -> Any:
        init_score = np.full(len(rows[1]), start)
        return lgb.Dataset(*rows, init_score=init_score, reference=reference, params={"verbosity": -1})

    def score(margin: Array, data: Any) -> tuple[str, float, bool]:
        return (*_average_precision(margin, data), True)

    metric: Callable[..., Any] = loss.metric if stop == "loss" else score
    train = data(parts.train)
    booster = lgb.train(
        {
            **params, "objective": loss, "subsample_freq": 1, "seed": seed, "num_threads": 1,
            "verbosity": -1, "metric": "none",
        },
        train, ROUNDS, valid_sets=[data(parts.valid, train)], feval=metric,
        callbacks=[lgb.early_stopping(PATIENCE, verbose=False)],
    )  # fmt: skip
    raw = booster.predict(parts.test, raw_score=True, num_iteration=booster.best_iteration, num_threads=1)
    # LightGBM leaves init_score out of a prediction.
    return start + np.asarray(raw, float), booster.best_iteration
