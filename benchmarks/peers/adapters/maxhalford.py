"""The class of MaxHalford's blog post of 2020, "Focal loss implementation for LightGBM", written anew.

What it does, not its text: derivatives of the loss with p clipped to [1e-15, 1 - 1e-15], weights alpha and
1 - alpha, and a start at the constant that a bounded search finds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit

from adapters.interface import NEUTRAL, Adapter, Array, Fitted, Job, Objective, train

CLIP = 1e-15


class BlogFocal:
    def __init__(self, gamma: float, alpha: float) -> None:
        self.gamma, self.alpha = gamma, alpha

    def parts(self, y: Array, p: Array) -> tuple[Array, Array, Array, Array]:
        p = np.clip(p, CLIP, 1 - CLIP)
        positive = y > 0
        sign = np.where(positive, 1.0, -1.0).astype(p.dtype)
        weight = np.where(positive, self.alpha, 1 - self.alpha).astype(p.dtype)
        return p, np.where(positive, p, 1 - p), weight, sign

    def value(self, y: Array, p: Array) -> Array:
        _, pt, weight, _ = self.parts(y, p)
        return np.asarray(-weight * (1 - pt) ** self.gamma * np.log(pt))

    def derivatives(self, y: Array, p: Array) -> tuple[Array, Array]:
        p, pt, weight, sign = self.parts(y, p)
        g = self.gamma
        u, v = weight * sign * (1 - pt) ** g, g * pt * np.log(pt) + pt - 1
        du, dv = -g * weight * (1 - pt) ** (g - 1), sign * (g * np.log(pt) + g + 1)
        return u * v, (du * v + u * dv) * p * (1 - p)

    def start(self, y: Array) -> float:
        found = minimize_scalar(
            lambda p: self.value(y, np.full(len(y), p)).sum(), bounds=(0, 1), method="bounded"
        )
        return float(np.log(found.x / (1 - found.x)))

    def __call__(self, margin: Array, data: Any) -> tuple[Array, Array]:
        return self.derivatives(data.get_label(), expit(margin))

    def metric(self, margin: Array, data: Any) -> Any:
        y = data.get_label()
        return "focal_loss", float(self.value(y, expit(margin)).mean()), False


class MaxHalford(Adapter):
    convention = "alpha, 1 - alpha"

    def objective(self, gamma: float, alpha: float, n_classes: int = 2) -> Objective:
        return BlogFocal(gamma, alpha)

    def fit(self, job: Job) -> Fitted:
        loss = BlogFocal(job.gamma, NEUTRAL[self.convention])
        job.start = loss.start(job.y) if job.start is None else job.start
        metric: Any = loss.metric
        if self.host == "xgboost":

            def metric(margin: Array, data: Any) -> Any:
                return loss.metric(margin, data)[:2]

        return train(self.host, job, loss, metric=metric, keep=loss)


adapter = MaxHalford
