"""Multi-class focal loss: a softmax."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from focalboost import _validation
from focalboost._boosters.caller import Library
from focalboost._kernels.backend import Backend
from focalboost._kernels.interface import BOUNDS, Parameters
from focalboost._typing import Array
from focalboost.calibration import log_softmax, multiclass_log_posterior, multiclass_margin
from focalboost.calibration._schema import scaled
from focalboost.losses._base import FocalLoss
from focalboost.losses._by_class import CURES_OF_ABSENCE, in_order
from focalboost.losses._range import check_resolved, check_weights
from focalboost.losses._totals import Totals, class_totals, totals


@dataclass(frozen=True, repr=False)
class MulticlassFocalLoss(FocalLoss):
    """Multi-class focal loss, `-alpha_t (1 - p_t)^gamma_t log(p_t)` with p = softmax(margins).

    Parameters
    ----------
    gamma : float, sequence of n_classes floats or dict, default=2.0
        Focusing parameter >= 0, one for all classes or one per class, also as a dict {0: ..., 1: ...}. 0 is
        cross-entropy.
    alpha : None, sequence of n_classes floats, dict or "balanced", default=None
        Class weights > 0, in the order of the classes or as a dict {0: 1, 1: 2, 2: 5}. "balanced" is
        n / (n_classes n_class), resolved by `for_labels`.
    n_classes : int or None, default=None
        Needed only where an empty shard of a cluster has to know it; `for_labels` sets it.
    sampling_rate : None, sequence of n_classes floats or dict, default=None
        Share in (0, 1] of the rows of each class that was kept for training, in the order of the classes or
        as a dict {0: 0.05, 1: 1, 2: 1}; as in `BinaryFocalLoss`.
    hessian, device, n_jobs
        As in `BinaryFocalLoss`. The Hessian is the diagonal, which is what boosters use.

    Attributes
    ----------
    scale : float
        As in `BinaryFocalLoss`.
    intercept, base_score : tuple of n_classes floats
        Margins of mean zero.

    Notes
    -----
    With p = softmax(margins), target t, q the sum of the other p_k and c = scale alpha_t::

        loss          -c q^gamma log p_t
        G             c (q^gamma - gamma p_t q^(gamma - 1) log p_t)
        C             c gamma p_t q^gamma [(2 + log p_t) / q - (gamma - 1) p_t log(p_t) / q^2]
        gradient_k    G (p_k - [k = t])
        exact_k       G p_k (1 - p_k) + C (p_k - [k = t])^2                   diagonal of the Hessian
        reweighted_k  G p_k (1 - p_k)
        guarded_k     max(exact_k, reweighted_k)

    The posterior is proportional to p_k / (alpha_k phi_k(p_k)), with phi as in `BinaryFocalLoss`.

    XGBoost doubles the diagonal in its own softmax, LightGBM multiplies it by K / (K - 1). Called by a
    booster, the loss does what that booster does, so that gamma = 0 trains the built-in model;
    `gradient_hessian` gives the diagonal itself.

    Examples
    --------
    >>> from focalboost import MulticlassFocalLoss
    >>> loss = MulticlassFocalLoss(gamma=2.0).for_labels([0] * 90 + [1] * 9 + [2])
    >>> [round(margin, 3) for margin in loss.intercept]
    [1.302, 0.393, -1.695]
    """

    n_classes: int | None = field(default=None, kw_only=True)

    objective = "multi:softprob"
    softmax = True

    def __post_init__(self) -> None:
        self._set(n_classes=_validation.check_count("n_classes", self.n_classes, 2))
        super().__post_init__()
        for name in ("gamma", "alpha", "sampling_rate"):
            value = getattr(self, name)
            if isinstance(value, tuple):
                if len(value) < 2:
                    raise ValueError(
                        f"{name} == {value!r}, must have one entry per class, 2 or more. For one margin use "
                        "BinaryFocalLoss."
                    )
                _validation.check_length(name, value, self.n_classes or len(value), "class")
                self._set(n_classes=len(value))

    def _numbered(self, name: str, value: Any) -> Any:
        return in_order(name, value, self.n_classes)

    def _check_alpha(self) -> Any:
        if _validation.is_named(self.alpha):
            return self.alpha
        if not _validation.is_sequence(self.alpha):
            raise ValueError(
                f"alpha == {_validation.show(self.alpha)}, must be one weight per class, in the order of the "
                "classes or as a dict {0: ..., 1: ...}: one number weighs all of them alike, which changes "
                "nothing. Pass None for no weights, or 'balanced'."
            )
        return _validation.check_weights(self.alpha)

    def _check_rate(self, rate: Any) -> Any:
        if not _validation.is_sequence(rate):
            raise ValueError(
                f"sampling_rate == {_validation.show(rate)}, must be one share in (0, 1] per class, in the "
                "order of the classes or as a dict {0: ..., 1: ...}: a number does not say of which class "
                "rows were left out. Of 3 classes where 1 in 20 rows of class 0 was kept pass (0.05, 1, 1)."
            )
        return tuple(_validation.check_rate(f"sampling_rate[{k}]", value) for k, value in enumerate(rate))

    def _rates(self) -> Any:
        return 1.0 if self.sampling_rate is None else self.sampling_rate

    def _gammas(self, n_classes: int) -> Array:
        return np.broadcast_to(np.asarray(self.gamma, float), (n_classes,)).copy()

    def _alphas(self, n_classes: int) -> Array:
        alpha = self._numeric_alpha()
        return np.broadcast_to(np.asarray(1.0 if alpha is None else alpha, float), (n_classes,)).copy()

    # Losses are values: equal ones have equal parameters, and each round asks for them.
    @lru_cache(maxsize=32)  # noqa: B019  # a loss is small, and the oldest is let go
    def _parameters(self, n_classes: int, hessian_factor: float = 1.0) -> Parameters:
        alpha = scaled(self._alphas(n_classes), np.asarray(self.scale))
        return Parameters(self._gammas(n_classes), alpha, self.hessian, hessian_factor=hessian_factor)

    def start_margins(self) -> Array:
        # LightGBM starts a softmax at the log frequencies themselves, not at their differences from the mean.
        return log_softmax(super().start_margins())

    def _n_outputs(self) -> int | None:
        return self.n_classes

    def _meaning(self, n_outputs: int, *, weights: bool) -> tuple[Array, ...]:
        alpha = self._alphas(n_outputs) if weights else np.ones(n_outputs)
        rates = np.broadcast_to(np.asarray(self._rates(), float), (n_outputs,))
        return self._gammas(n_outputs), alpha / alpha[0], rates / rates[0]

    def _difference(self, margins: Array) -> Array:
        return np.asarray(margins - margins.mean(axis=1, keepdims=True))

    def lightgbm_objective(self, n_outputs: int) -> str:
        return f"multiclass num_class:{n_outputs}"

    def _base_score(self) -> tuple[float, ...]:
        """XGBoost takes the margins themselves for multi:softprob."""
        intercept: tuple[float, ...] = self.intercept
        return intercept

    def _complete_shard(self, raw: Array) -> Array:
        if raw.size or raw.shape[1:] not in {(), (0,)}:
            return raw
        if self.n_classes is None:
            raise ValueError(
                "n_classes == None, must be a number where a shard has no rows: use "
                "loss.for_labels(y) or MulticlassFocalLoss(..., n_classes=K)."
            )
        return raw.reshape(0, self.n_classes)

    def _softmax_hessian_factor(self, library: Library | None, n_outputs: int) -> float:
        if library is None:
            return 1.0
        return 2.0 if library == "xgboost" else n_outputs / (n_outputs - 1.0)

    def _check_matrix(self, value: Any, name: str = "raw_prediction") -> Array:
        raw = _validation.numeric(name, value)
        if raw.ndim != 2 or raw.shape[1] < 2:
            raise ValueError(
                f"{name} has shape {raw.shape}, must be (n_samples, n_classes) with 2 or more classes: set "
                "num_class in the booster's params, or use BinaryFocalLoss for one column."
            )
        if self.n_classes is not None and raw.shape[1] != self.n_classes:
            raise ValueError(
                f"{name} has shape {raw.shape}, must be (n_samples, {self.n_classes}): the loss has "
                f"{self.n_classes} classes. Set num_class={self.n_classes} in the booster's params."
            )
        return raw

    def _check_arrays(
        self, y_true: Any, raw_prediction: Any, sample_weight: Any
    ) -> tuple[Array, Array, Array | None]:
        raw = self._check_matrix(raw_prediction)
        y = _validation.numeric("y_true", y_true)
        if y.shape == (raw.shape[0], 1):
            y = y[:, 0]
        if y.shape != (raw.shape[0],):
            raise ValueError(
                f"y_true has shape {y.shape}, must be ({raw.shape[0]},), a class 0, 1, ... per row: "
                "y_true.argmax(axis=1) of one-hot columns."
            )
        return y, raw, _validation.check_weight_shape(sample_weight, raw.shape[0])

    def _derivatives(
        self, y: Array, raw: Array, weight: Array | None, *, hessian_factor: float, backend: Backend
    ) -> tuple[Any, Any]:
        n_classes = raw.shape[1]
        parameters = self._parameters(n_classes, hessian_factor)
        gradient, hessian, flags = backend.softmax(y, raw, weight, parameters)
        valid = _validation.classes(n_classes)
        valid.check_rounding(y)
        _validation.raise_for_flags(flags, y, raw, weight, valid, parameters.weight_range)
        return gradient, hessian

    def _loss_values(self, y: Array, raw: Array) -> Array:
        from focalboost._kernels import cpu  # noqa: PLC0415  # loads Numba

        n_classes = raw.shape[1]
        values = np.empty(raw.shape[0])
        flags = cpu.softmax_loss(y, raw, self._parameters(n_classes), values, self.n_jobs)
        _validation.raise_for_flags(flags, y, raw, None, _validation.classes(n_classes))
        return values

    def _start_loss(self, y: Array, raw: Array, weight: Array | None) -> float:
        n_classes = raw.shape[1]
        share = np.bincount(y.astype(np.intp), weight, minlength=n_classes)
        start = np.zeros(n_classes) if self.intercept is None else np.asarray(self.intercept)
        values = self._loss_values(np.arange(n_classes), np.tile(start, (n_classes, 1)))
        return float(np.average(values, weights=share))

    def _totals(self, y: Any, sample_weight: Any) -> Totals:
        labels = _validation.numeric("y", y)
        if labels.ndim == 2 and labels.shape[1] == 1:
            labels = labels[:, 0]
        if labels.ndim != 1:
            raise ValueError(
                f"y has shape {labels.shape}, must be (n_samples,), a class 0, 1, ... per row: "
                "y.argmax(axis=1) of one-hot columns."
            )
        weight = _validation.check_weight_shape(sample_weight, labels.shape[0])
        _validation.raise_for_bad_weight(weight)
        _validation.classes(self.n_classes or 2**31).check(labels, "y")
        return class_totals(labels, weight, self.n_classes or 2)

    def for_labels(self, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        sums = totals(self._totals, y, sample_weight)
        share = sums.shares
        n_classes = len(share)
        if not share.all():
            missing, *others = np.flatnonzero(share == 0).tolist()
            more = f" (nor have {', '.join(map(str, others))})" if others else ""
            cures = CURES_OF_ABSENCE.format(labels=f"np.arange({n_classes})")
            raise ValueError(
                f"class {missing} of {n_classes} has no rows with weight{more}, must have at least one: the "
                f"best constant of a class that never occurs is infinite. {cures}; or number only the "
                "classes that occur, from 0."
            )
        gamma = self._gammas(n_classes)
        balanced = self.alpha == _validation.BALANCED
        alpha = 1.0 / (n_classes * share) if balanced else self._alphas(n_classes)
        intercept, scale = self._start(share, gamma, alpha)

        def factors(gamma: Array, alpha: Array) -> Array:
            return alpha * self._start(share, gamma, alpha)[1]

        check_resolved(factors, gamma, alpha, alpha * scale)
        check_weights(alpha * scale, sums.extremes)
        return self._resolved(
            alpha=tuple(alpha.tolist()) if balanced else self.alpha,
            intercept=tuple(intercept.tolist()),
            scale=scale,
            n_classes=n_classes,
        )

    def _start(self, share: Array, gamma: Array, alpha: Array) -> tuple[Array, float]:
        """Intercept, and scale: log loss's mean Hessian at the class frequencies over this loss's there."""
        from focalboost._kernels.softmax import softmax_mean_hessian  # noqa: PLC0415  # loads Numba

        margins = multiclass_margin(share, gamma=gamma, alpha=alpha)
        lowest, highest, _ = (float(bound) for bound in BOUNDS[self.hessian])
        mean = np.float64(softmax_mean_hessian(share, margins, gamma, alpha, lowest, highest))
        # Of a mean of 0 the ratio is inf, which `check_resolved` refuses in words.
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            return margins, float(np.sum(share * (1.0 - share)) / mean)

    def _closed_margin(self, probability: ArrayLike, **added: Any) -> Array:
        shares = self._check_matrix(probability, "probability")
        gamma, alpha = self._gammas(shares.shape[1]), self._alphas(shares.shape[1])
        return multiclass_margin(shares, gamma=gamma, alpha=alpha, **added)

    def _closed_form(self, raw_prediction: ArrayLike, **added: Any) -> Array:
        raw = self._check_matrix(raw_prediction)
        gamma, alpha = self._gammas(raw.shape[1]), self._alphas(raw.shape[1])
        return multiclass_log_posterior(raw, gamma=gamma, alpha=alpha, **added)

    def _is_log_loss(self) -> bool:
        if self.alpha == _validation.BALANCED:
            return False
        n_classes = self.n_classes or 1
        return not self._gammas(n_classes).any() and len(np.unique(self._alphas(n_classes))) == 1
