"""Losses that are one sigmoid per output: binary and multi-label."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from focalboost import _validation
from focalboost._boosters.packed import PackedLabels
from focalboost._kernels import cpu
from focalboost._kernels.backend import Backend
from focalboost._kernels.interface import BOUNDS, Parameters
from focalboost._kernels.sigmoid import sigmoid_mean_hessian
from focalboost._typing import Array
from focalboost.calibration import binary_margin
from focalboost.losses._base import FocalLoss
from focalboost.losses._totals import Totals, label_totals, totals


def class_pair(alpha: Any) -> tuple[float, float]:
    """Weights of class 0 and class 1 that one entry of `alpha` stands for."""
    if alpha is None:
        return 1.0, 1.0
    if isinstance(alpha, tuple):
        return alpha[0], alpha[1]
    return 1.0 - alpha, alpha


@dataclass(frozen=True, repr=False)
class SigmoidLoss(FocalLoss):
    """Binary and multi-label: arrays are read as (n_samples, n_labels), parameters as (n_labels, 2)."""

    label_smoothing: float = field(default=0.0, kw_only=True)

    objective = "binary:logistic"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._set(label_smoothing=_validation.share("label_smoothing", self.label_smoothing, one=False))

    # ------------------------------------------------------------------ parameters as arrays
    @abstractmethod
    def _gamma_pairs(self, n_labels: int) -> Array:
        """gamma of class 0 and class 1 for each label, shape (n_labels, 2)."""

    @abstractmethod
    def _alpha_pairs(self, n_labels: int) -> Array:
        """Class weights of class 0 and class 1 for each label, shape (n_labels, 2)."""

    def _parameters(self, n_labels: int) -> Parameters:
        scale = np.broadcast_to(np.asarray(self.scale, float), (n_labels,))
        alpha = self._alpha_pairs(n_labels) * scale[:, None]
        return Parameters(self._gamma_pairs(n_labels), alpha, self.hessian, smoothing=self.label_smoothing)

    def _meaning(self, n_outputs: int, *, weights: bool) -> tuple[Array, ...]:
        alpha = self._alpha_pairs(n_outputs) if weights else np.ones((n_outputs, 2))
        return self._gamma_pairs(n_outputs), alpha[:, 1] / alpha[:, 0], np.array(self.label_smoothing)

    # ------------------------------------------------------------------ calls
    def _derivatives(
        self,
        y: Array | PackedLabels,
        raw: Array,
        weight: Array | None,
        *,
        hessian_factor: float,
        backend: Backend,
    ) -> tuple[Any, Any]:
        n_labels = raw.shape[1] if raw.ndim == 2 else 1
        gradient, hessian, flags = backend.sigmoid(y, raw, weight, self._parameters(n_labels))
        if isinstance(y, PackedLabels):
            _validation.raise_for_flags(flags, y.packed, raw, weight, y.valid)
        else:
            _validation.raise_for_flags(flags, y, raw, weight, _validation.SHARES)
        return gradient, hessian

    def _loss_values(self, y: Array, raw: Array) -> Array:
        y_2d, raw_2d = (a if a.ndim == 2 else a[:, None] for a in (y, raw))
        n_labels = raw_2d.shape[1]
        values = np.empty(raw.shape)
        flags = cpu.sigmoid_loss(
            y_2d, raw_2d, self._parameters(n_labels), values.reshape(raw_2d.shape), self.n_jobs
        )
        _validation.raise_for_flags(flags, y, raw, None, _validation.SHARES)
        return values

    def _start_loss(self, y: Array, raw: Array, weight: Array | None) -> float:
        """The loss is linear in the label: the mean label says all."""
        rate = _validation.weighted_mean(y, weight)
        start = np.broadcast_to(0.0 if self.intercept is None else self.intercept, np.shape(rate))
        side_0, side_1 = self._loss_values(
            np.stack([np.zeros_like(start), np.ones_like(start)]), np.stack([start, start])
        )
        return float(np.mean((1.0 - rate) * side_0 + rate * side_1))

    # ------------------------------------------------------------------ what labels resolve
    @abstractmethod
    def _check_labels(self, y: Any) -> Array:
        """Labels of the shape that this loss is resolved from."""

    def _totals(self, y: Any, sample_weight: Any) -> Totals:
        labels = self._check_labels(y)
        weight = _validation.check_weight_shape(sample_weight, labels.shape[0])
        _validation.SHARES.check(labels, "y")
        _validation.raise_for_bad_weight(weight)
        return label_totals(labels if labels.ndim == 2 else labels[:, None], weight)

    @abstractmethod
    def _check_shares(self, share: Array, n_samples: int) -> Array:
        """The share of positive rows of each label; where it is 0 or 1, what counts instead, or an error."""

    def _resolve(self, y: Any, sample_weight: Any) -> tuple[Array, Array, Array]:
        """Class weights (n_labels, 2), intercepts and scales (n_labels,)."""
        sums = totals(self._totals, y, sample_weight)
        share = self._check_shares(sums.shares, sums.n_samples)
        gamma = self._gamma_pairs(len(share))
        rates = share + self.label_smoothing * (0.5 - share)
        balanced = self.alpha == _validation.BALANCED
        alpha = 0.5 / np.stack([1.0 - share, share], axis=1) if balanced else self._alpha_pairs(len(share))
        intercept = binary_margin(rates, gamma=gamma, alpha=alpha)
        scale = [
            self._hessian_ratio(rate, margin, gamma_l, alpha_l)
            for rate, margin, gamma_l, alpha_l in zip(rates, intercept, gamma, alpha, strict=True)
        ]
        return alpha, intercept, np.array(scale)

    def _hessian_ratio(self, rate: float, margin: float, gamma: Array, alpha: Array) -> float:
        """Mean Hessian of log loss at the base rate over that of this loss at its intercept."""
        lowest, highest, _ = (float(bound) for bound in BOUNDS[self.hessian])
        mean = sigmoid_mean_hessian(rate, margin, gamma, alpha, lowest, highest)
        return rate * (1.0 - rate) / mean

    def _closed_form(self, function: Callable[..., Array], values: Array) -> Array:
        """A function of `calibration` with the parameters of this loss."""
        n_labels = values.shape[1] if values.ndim == 2 else 1
        gamma, alpha = self._gamma_pairs(n_labels), self._alpha_pairs(n_labels)
        if values.ndim != 2:
            gamma, alpha = gamma[0], alpha[0]
        return function(values, gamma=gamma, alpha=alpha)

    def _sigmoid(self, margin: ArrayLike) -> Array:
        """XGBoost takes base_score as the probability that its transform gives the margin."""
        return np.asarray(expit(np.asarray(margin, float)))
