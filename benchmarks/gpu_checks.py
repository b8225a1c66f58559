"""What has to hold before a GPU is measured: the device's gradients are the CPU's, and so are the models."""

from __future__ import annotations

from typing import Any

import numpy as np
from gpu_data import BUILT_IN, CLASSES, DEVICE, Task, on
from numpy.typing import NDArray

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss

Array = NDArray[Any]
# Relative, and where float32 has no relative accuracy, below its normal range.
RTOL, ATOL = 2e-6, 2.0**-126
MODEL_TOLERANCE = 1e-4


def excess(found: Array, expected: Array) -> float:
    """Largest error in units of what is allowed, 1 at most. NaN or inf in either is infinitely wrong."""
    found, expected = np.asarray(found, float), np.asarray(expected, float)
    if found.shape != expected.shape or found.size == 0:
        return np.inf
    with np.errstate(invalid="ignore"):
        ratio = np.abs(found - expected) / (RTOL * np.abs(expected) + ATOL)
    return float(np.max(np.where(np.isfinite(ratio), ratio, np.inf)))


def share_that_differs(found: Array, expected: Array) -> float:
    """Share of margins. NaN differs from everything, and margins that are all equal are no model."""
    found, expected = np.asarray(found, float), np.asarray(expected, float)
    if found.shape != expected.shape or not np.ptp(expected) > 0:
        return 1.0
    return float(np.mean(~(np.abs(found - expected) <= MODEL_TOLERANCE)))


def check_gradients(n: int) -> float:
    """Largest `excess` of the device over the CPU."""
    rng = np.random.default_rng(0)
    weight = rng.uniform(0.1, 3.0, n).astype(np.float32)
    found = []
    for loss, n_outputs in (
        (BinaryFocalLoss(2.0), 0),
        (BinaryFocalLoss((0.5, 3.0), (1.0, 700.0)), 0),
        (MultilabelFocalLoss((2.0, 0.0, 1.0)), 3),
        (MulticlassFocalLoss(2.0), 2),
        (MulticlassFocalLoss(1.5), CLASSES),
        (MulticlassFocalLoss(2.0), 17),
    ):
        shape = (n, n_outputs) if n_outputs else (n,)
        labels: Any = (n, 2) if isinstance(loss, MulticlassFocalLoss) else (shape, 2)
        size, high = (n, n_outputs) if isinstance(loss, MulticlassFocalLoss) else labels
        raw, y = rng.normal(0, 6, shape).astype(np.float32), rng.integers(0, high, size)
        pairs = (on(device, loss).gradient_hessian(y, raw, weight) for device in ("cpu", "cuda"))
        found += [excess(gpu, cpu) for cpu, gpu in zip(*pairs, strict=True)]
    return max(found)


def check_models(task: Task, rounds: int) -> dict[str, float]:
    """Share of margins in which models differ: device and CPU kernel, gamma 0 and built-in."""
    margins = {}
    entries = task.entries()
    for name in (BUILT_IN, DEVICE, "gamma 2, device", "gamma 2, CPU kernel"):
        objective, loss = entries[name]
        booster = task.booster(4, loss)
        for i in range(rounds):
            booster.update(task.data, i, fobj=objective)
        margins[name] = np.asarray(booster.predict(task.data, output_margin=True))
    return {
        "device and CPU kernel": share_that_differs(
            margins["gamma 2, device"], margins["gamma 2, CPU kernel"]
        ),
        "gamma 0 and built-in": share_that_differs(margins[DEVICE], margins[BUILT_IN]),
    }
