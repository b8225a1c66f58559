"""What `training.py` needs of a booster, said twice: for XGBoost and for LightGBM."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class XGBoost:
    """Depth-wise trees on one QuantileDMatrix."""

    builtin = ("binary:logistic", "multi:softprob")

    def __init__(self, X: Array, y: Array, threads: int, n_classes: int) -> None:
        import xgboost as xgb  # noqa: PLC0415  # of two boosters one may be missing

        self.data, self.make = xgb.QuantileDMatrix(X, y, nthread=threads), xgb.Booster
        self.params = {"tree_method": "hist", "nthread": threads}
        self.params |= {"num_class": n_classes} if n_classes > 2 else {}
        self.objective = self.builtin[n_classes > 2]
        self.callbacks: dict[tuple[int, int], Any] = {}  # of a loss and its booster

    def booster(self, loss: Any, size: dict[str, Any]) -> Any:
        """A booster without trees; a loss of ours starts at its intercept."""
        booster = self.make({**self.params, **size, "objective": self.objective}, [self.data])
        if hasattr(loss, "start"):
            # What xgboost.train calls before and after each round.
            self.callbacks[id(loss), id(booster)] = callback = loss.start()
            callback.before_training(booster)
        return booster

    def update(self, booster: Any, i: int, objective: Any) -> None:
        callback = self.callbacks.get((id(objective), id(booster)))
        if callback is None:
            booster.update(self.data, i, fobj=objective)
            return
        callback.before_iteration(booster, i, {})
        booster.update(self.data, i, fobj=objective)
        callback.after_iteration(booster, i, {})

    def gradients(self, booster: Any, loss: Any) -> tuple[Array, Array]:
        """What the loss will answer in the next round, in arrays of their own."""
        gradient, hessian = loss(booster.predict(self.data, output_margin=True), self.data)
        return gradient.copy(), hessian.copy()

    def margins(self, booster: Any, loss: Any, X: Array) -> Array:
        return np.asarray(booster.inplace_predict(X, predict_type="margin"))


class LightGBM:
    """Leaf-wise trees on one Dataset."""

    builtin = ("binary", "multiclass")

    def __init__(self, X: Array, y: Array, threads: int, n_classes: int) -> None:
        import lightgbm as lgb  # noqa: PLC0415

        self.params = {"num_threads": threads, "verbosity": -1, "metric": "None"}
        self.data = lgb.Dataset(X, y, params=dict(self.params)).construct()
        self.params |= {"num_class": n_classes} if n_classes > 2 else {}
        self.make, self.objective = lgb.Booster, self.builtin[n_classes > 2]

    def booster(self, loss: Any, size: dict[str, Any]) -> Any:
        from focalboost.lightgbm import start  # noqa: PLC0415

        objective = self.objective if loss is None else "none"
        booster = self.make({**self.params, **size, "objective": objective}, self.data)
        if hasattr(loss, "intercept"):
            # What lightgbm.train calls before round 0.
            start(loss)(SimpleNamespace(model=booster, iteration=0, begin_iteration=0))
        return booster

    def update(self, booster: Any, i: int, objective: Any) -> None:
        if hasattr(objective, "start"):
            booster.update(fobj=objective)
        else:
            # A booster that was begun with `start` refuses gradients that come from elsewhere.
            self.make.update(booster, fobj=objective)

    def gradients(self, booster: Any, loss: Any) -> tuple[Array, Array]:
        found: list[tuple[Array, Array]] = []

        def see(margin: Array, data: Any) -> tuple[str, float, bool]:
            gradient, hessian = loss(margin, data)
            found.append((gradient.copy(order="K"), hessian.copy(order="K")))
            return "seen", 0.0, False

        # LightGBM shows the margins to objectives and metrics only. It keeps its copy of them for the round,
        # which then is a millisecond or so cheaper than one that has to make it.
        booster.eval_train(feval=see)
        return found[0]

    def margins(self, booster: Any, loss: Any, X: Array) -> Array:
        return np.asarray(booster.predict(X, raw_score=True))


BOOSTERS = {"xgboost": XGBoost, "lightgbm": LightGBM}
