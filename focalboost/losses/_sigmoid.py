"""Losses that are one sigmoid per output: binary and multi-label."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from focalboost import _validation
from focalboost._boosters.packed import PackedLabels
from focalboost._kernels.backend import Backend
from focalboost._kernels.interface import BOUNDS, Parameters
from focalboost._typing import Array
from focalboost.calibration import expit, margin_of_log_odds
from focalboost.calibration._schema import scaled
from focalboost.losses._base import FocalLoss
from focalboost.losses._range import check_resolved, check_weights
from focalboost.losses._totals import Totals, label_totals, totals

# XGBoost 3.2 to 3.4 bring base_score into [1e-6, 1 - 1e-6], margins of 13.8, and 3.1 is told to start there
# too. Trees go the rest of a short way. But gradients and Hessians change by exp((1 + gamma) d) on a way of
# d, and scale is found for the intercept: with class weights of 1 and 1e-20 models stayed where they started.
# A factor of exp(4) is allowed.
LEAST_BASE_SCORE, FARTHEST_START, FARTHER = 1e-6, 13.8, 4.0


def check_rate(rate: Any, name: str = "sampling_rate") -> Any:
    """A share of class 0 in (0, 1], or a pair of shares."""
    if not _validation.is_sequence(rate):
        return _validation.check_rate(name, rate)
    rates = tuple(_validation.check_rate(f"{name}[{k}]", value) for k, value in enumerate(rate))
    _validation.check_length(name, rates, 2, "class")
    return rates


@dataclass(frozen=True, repr=False)
class SigmoidLoss(FocalLoss):
    """Binary and multi-label: arrays are read as (n_samples, n_labels), parameters as (n_labels, 2)."""

    label_smoothing: float = field(default=0.0, kw_only=True)

    objective = "binary:logistic"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._set(label_smoothing=_validation.check_smoothing(self.label_smoothing))

    # ------------------------------------------------------------------ parameters as arrays
    @abstractmethod
    def _gamma_pairs(self, n_labels: int) -> Array:
        """gamma of class 0 and class 1 for each label, shape (n_labels, 2)."""

    @abstractmethod
    def _alpha_pairs(self, n_labels: int) -> Array:
        """Class weights of class 0 and class 1 for each label, shape (n_labels, 2)."""

    # Losses are values: equal ones have equal parameters, and each round asks for them.
    @lru_cache(maxsize=32)  # noqa: B019  # a loss is small, and the oldest is let go
    def _parameters(self, n_labels: int) -> Parameters:
        scale = np.broadcast_to(np.asarray(self.scale, float), (n_labels,))
        alpha = scaled(self._alpha_pairs(n_labels), scale[:, None])
        return Parameters(self._gamma_pairs(n_labels), alpha, self.hessian, smoothing=self.label_smoothing)

    def _meaning(self, n_outputs: int, *, weights: bool) -> tuple[Array, ...]:
        alpha = self._alpha_pairs(n_outputs) if weights else np.ones((n_outputs, 2))
        rates = self._rate_pairs(n_outputs)
        ratios = alpha[:, 1] / alpha[:, 0], rates[:, 1] / rates[:, 0]
        return self._gamma_pairs(n_outputs), *ratios, np.array(self.label_smoothing)

    def _rate_pairs(self, n_labels: int) -> Array:
        """Shares of class 0 and class 1 that were kept, for each label, shape (n_labels, 2)."""
        return np.broadcast_to(np.asarray(self._rates(), float), (n_labels, 2))

    def _is_log_loss(self) -> bool:
        if self.alpha == _validation.BALANCED or self.label_smoothing > 0.0:
            return False
        n_labels = self._n_outputs() or 1
        alpha = self._alpha_pairs(n_labels)
        return not self._gamma_pairs(n_labels).any() and bool((alpha[:, 0] == alpha[:, 1]).all())

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
        parameters = self._parameters(n_labels)
        gradient, hessian, flags = backend.sigmoid(y, raw, weight, parameters)
        labels, valid = (y.packed, y.valid) if isinstance(y, PackedLabels) else (y, _validation.SHARES)
        valid.check_rounding(labels)
        _validation.raise_for_flags(flags, labels, raw, weight, valid, parameters.weight_range)
        return gradient, hessian

    def _loss_values(self, y: Array, raw: Array) -> Array:
        from focalboost._kernels import cpu  # noqa: PLC0415  # loads Numba

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
        sides = np.stack([1.0 - share, share], axis=1)
        # Each side from itself, as in `rows.shares`.
        rates = sides + self.label_smoothing * (0.5 - sides)
        alpha = 0.5 / sides if self.alpha == _validation.BALANCED else self._alpha_pairs(len(share))
        intercept, scale = self._start(rates, gamma, alpha)
        for label, rate in enumerate(rates):
            one = slice(label, label + 1)

            def factors(gamma_l: Array, alpha_l: Array, rate: Array = rate[None]) -> Array:
                return alpha_l * self._start(rate, gamma_l, alpha_l)[1][:, None]

            check_resolved(factors, gamma[one], alpha[one], alpha[one] * scale[label])
        check_weights(alpha * scale[:, None], sums.extremes)
        return alpha, intercept, scale

    def _start(self, rates: Array, gamma: Array, alpha: Array) -> tuple[Array, Array]:
        """Intercept and scale of each label."""
        intercept = margin_of_log_odds(
            np.log(rates[:, 1]) - np.log(rates[:, 0]), gamma=gamma, alpha=alpha, probability=rates[:, 1]
        )
        scale = [
            self._hessian_ratio(rate, margin, gamma_l, alpha_l)
            for rate, margin, gamma_l, alpha_l in zip(rates, intercept, gamma, alpha, strict=True)
        ]
        return intercept, np.array(scale)

    def _hessian_ratio(self, rates: Array, margin: float, gamma: Array, alpha: Array) -> float:
        """Mean Hessian of log loss at the base rate over that of this loss at its intercept."""
        from focalboost._kernels.sigmoid import sigmoid_mean_hessian  # noqa: PLC0415  # loads Numba

        lowest, highest, _ = (float(bound) for bound in BOUNDS[self.hessian])
        mean = np.float64(sigmoid_mean_hessian(rates, margin, gamma, alpha, lowest, highest))
        # Of a mean of 0 the ratio is inf, which `check_resolved` refuses in words.
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            return float(rates[0] * rates[1] / mean)

    def _of_calibration(self, function: Callable[..., Array], values: Array, **added: Any) -> Array:
        """A function of `calibration` with the parameters of this loss."""
        n_labels = values.shape[1] if values.ndim == 2 else 1
        gamma, alpha = self._gamma_pairs(n_labels), self._alpha_pairs(n_labels)
        if values.ndim != 2:
            gamma, alpha = gamma[0], alpha[0]
        return function(values, gamma=gamma, alpha=alpha, **added)

    def _sigmoid(self, margin: ArrayLike) -> Array:
        """XGBoost takes base_score as the probability that its transform gives the margin."""
        margins = np.asarray(margin, float)
        gamma = self._gamma_pairs(margins.size).max(axis=1)
        most = (FARTHEST_START + FARTHER / (1.0 + gamma)).reshape(margins.shape)
        if (np.abs(margins) > most).any():
            raise ValueError(
                f"intercept == {self.intercept!r}, must be from {-most.min():.3g} to {most.min():.3g} for "
                f"XGBoost, which starts no farther than {FARTHEST_START} from 0. Use class weights (alpha) "
                "that are nearer to each other, or LightGBM."
            )
        return np.clip(expit(margins), LEAST_BASE_SCORE, 1.0 - LEAST_BASE_SCORE)
