"""The table of `gpu.py`, its boosters and the objectives that take turns on it."""

from __future__ import annotations

import importlib.util
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from textbook import binary_focal, booster_objective, softmax_focal

from focalboost import BinaryFocalLoss, MulticlassFocalLoss

Array = NDArray[Any]
FEATURES, CLASSES = 30, 5
BUILT_IN, DEVICE, FLOOR = "built-in", "gamma 0, device", "gamma 0, precomputed"


def array_module() -> Any:
    """CuPy where it is there: drawing a million rows on the host and their upload take 5 s."""
    if importlib.util.find_spec("cupy") is None:
        return np
    try:
        import cupy  # type: ignore[import-not-found]  # noqa: PLC0415

        cupy.ones(1).sum().item()
    # One for another CUDA version, or without its compiler: a measurement less, not the end of all.
    except Exception as error:  # noqa: BLE001
        print(f"without CuPy, which does not work here: {type(error).__name__}: {error}")
        return np
    return cupy


def make_data(n: int, n_classes: int, xp: Any) -> tuple[Any, Array]:
    """Normal features, labels that depend on them: 3 % positives, or five classes of 47 % to 4 %.

    The features are arrays of `xp`, NumPy or CuPy, the labels NumPy's.
    """
    rng = xp.random.default_rng(n_classes)
    X = rng.standard_normal((n, FEATURES), dtype=np.float32)
    uniform = rng.random(n)
    noise = 0.5 * xp.log((uniform + 1e-12) / (1 - uniform))
    score = X[:, 0] + X[:, 1] * X[:, 2] + xp.sin(2 * X[:, 3]) + noise
    shares = xp.asarray((0.97,) if n_classes == 2 else (0.47, 0.75, 0.88, 0.96))
    y = xp.digitize(score, xp.quantile(score, shares)).astype(np.float32)
    return X, np.asarray(y if xp is np else y.get())


def on(device: Any, loss: Any) -> Any:
    """The same loss, resolved as it is, on another device."""
    moved = replace(loss, device=device)
    moved._set(intercept=loss.intercept, scale=loss.scale)
    return moved


class Task:
    """A table on the device, losses for it, and boosters.

    `simulated`: boosters are on the CPU and read host arrays.
    """

    def __init__(self, n: int, n_classes: int, xp: Any, *, simulated: bool) -> None:
        import xgboost as xgb  # noqa: PLC0415

        self.n, self.n_classes, self.xp, self.simulated = n, n_classes, xp, simulated
        self.name = "binary" if n_classes == 2 else f"K = {n_classes}"
        X, self.y = make_data(n, n_classes, xp)
        self.data = xgb.QuantileDMatrix(X, self.y)
        del X
        if xp is not np:  # what CuPy keeps for later XGBoost could not have
            xp.get_default_memory_pool().free_all_blocks()
        kind = BinaryFocalLoss if n_classes == 2 else MulticlassFocalLoss
        self.gamma_0, self.gamma_2 = (kind(gamma).for_labels(self.y) for gamma in (0.0, 2.0))
        self._make = xgb.Booster

    def booster(self, depth: int, loss: Any) -> Any:
        """Without trees, at the intercept of the loss."""
        params = {"tree_method": "hist", "device": "cpu" if self.simulated else "cuda", "max_depth": depth}
        params |= {"num_class": self.n_classes} if self.n_classes > 2 else {}
        params["objective"] = "binary:logistic" if self.n_classes == 2 else "multi:softprob"
        score = (loss or self.gamma_0).base_score
        return self._make(
            {**params, "base_score": score if np.ndim(score) == 0 else list(score)}, [self.data]
        )

    def handed_over(self, loss: Any) -> Any:
        """The loss, or where there is no GPU its results copied to the host."""
        if not self.simulated:
            return loss
        return lambda margins, data: tuple(np.asarray(array) for array in loss(margins, data))

    def entries(self, skip: Collection[str] = ()) -> dict[str, tuple[Any, Any]]:
        """Objective, and the loss whose intercept its booster starts from; `skip`: "cpu", "numpy", "cupy"."""
        focal = binary_focal if self.n_classes == 2 else softmax_focal
        found: dict[str, tuple[Any, Any]] = {
            BUILT_IN: (None, None),
            DEVICE: (self.handed_over(self.gamma_0), self.gamma_0),
            FLOOR: (self.handed_over(self.gamma_0), self.gamma_0),
            "gamma 2, device": (self.handed_over(self.gamma_2), self.gamma_2),
        }
        if "cpu" not in skip:
            found["gamma 2, CPU kernel"] = (on("cpu", self.gamma_2), self.gamma_2)
        if "numpy" not in skip:
            found["gamma 2, NumPy"] = (booster_objective(focal, 2.0), self.gamma_2)
        if "cupy" not in skip and self.xp is not np:
            labels, xp = self.xp.asarray(self.y), self.xp

            def with_cupy(margins: Array, _: Any) -> Any:
                result = focal(labels, xp.asarray(margins), 2.0, xp)
                xp.cuda.get_current_stream().synchronize()
                return result

            found["gamma 2, CuPy"] = (with_cupy, self.gamma_2)
        return found
