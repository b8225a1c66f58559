"""Multi-label focal loss: one sigmoid per label."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from focalboost import _validation
from focalboost._boosters.call import Call
from focalboost._boosters.packed import PackedLabels
from focalboost._typing import Array
from focalboost.calibration import binary_margin, binary_posterior_logit
from focalboost.calibration._schema import class_pair, rate_pair
from focalboost.losses._by_class import in_order
from focalboost.losses._sigmoid import SigmoidLoss, check_rate


@dataclass(frozen=True, repr=False)
class MultilabelFocalLoss(SigmoidLoss):
    """Binary focal loss of each of n_labels columns, all in one booster.

    Parameters
    ----------
    gamma : float, sequence of n_labels floats or dict, default=2.0
        Focusing parameter >= 0, one for all labels or one per label; a dict by the label's column, {0: ...}.
    alpha : None, float, sequence of n_labels entries, dict or "balanced", default=None
        One entry for all labels or one per label, as a sequence or as a dict by column: a number in (0, 1)
        for (1 - alpha, alpha), or a pair of positive weights for (label absent, label present). "balanced"
        weighs each label's two sides by n / (2 n_side), resolved by `for_labels`.
    n_labels : int or None, default=None
        Needed only where an empty shard of a cluster has to know it; `for_labels` sets it.
    label_smoothing : float in [0, 1), default=0.0
        A label y is read as y + label_smoothing (1/2 - y). For noisy labels where only the ranking counts:
        the probabilities are of the smoothed labels, p + label_smoothing (1/2 - p), and so too high for a
        rare class. With 0.1 at a rate of .005 their mean is .0545, eleven times the rate.
    sampling_rate : None, float, sequence of n_labels entries or dict, default=None
        As in `BinaryFocalLoss`, one entry for all labels or one per label, as a sequence or as a dict by
        column: a share of the rows without the label, or a pair for (label absent, label present). It is
        exact where whether a row was kept depends on that label only.
    hessian, device, n_jobs
        As in `BinaryFocalLoss`.

    Attributes
    ----------
    scale, intercept, base_score : tuple of n_labels floats
        As in `BinaryFocalLoss`, per label.

    Notes
    -----
    Loss, derivatives and posterior of each label are those of `BinaryFocalLoss`. `metric` is the mean over
    rows and labels.

    A label without a positive row trains, with a warning: its rate counts as half a row,
    0.5 / (n_samples + 1); without a negative row, as 1 minus that. For `alpha="balanced"`, too.

    Examples
    --------
    >>> from focalboost import MultilabelFocalLoss
    >>> loss = MultilabelFocalLoss(gamma=(2.0, 0.0), alpha=(0.25, 0.5))
    >>> loss.loss([[0, 1]], [[0.0, 0.0]]).round(4)
    array([[0.13  , 0.3466]])
    """

    n_labels: int | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        self._set(n_labels=_validation.check_count("n_labels", self.n_labels, 1))
        super().__post_init__()
        for name in ("gamma", "alpha", "sampling_rate"):
            value = getattr(self, name)
            if isinstance(value, tuple):
                _validation.check_length(name, value, self.n_labels or len(value), "label")
                self._set(n_labels=len(value))
        # gamma with several entries may have fixed the number that alpha must have.
        _validation.check_length("gamma", self.gamma, self.n_labels or 0, "label")

    def _numbered(self, name: str, value: Any) -> Any:
        return in_order(name, value, self.n_labels, "label")

    def _check_alpha(self) -> Any:
        if _validation.is_named(self.alpha):
            return self.alpha
        if not _validation.is_sequence(self.alpha):
            return _validation.check_alpha_share(self.alpha)
        entries: list[float | tuple[float, ...]] = []
        for label, entry in enumerate(self.alpha):
            name = f"alpha[{label}]"
            entry = in_order(name, entry, 2, "side (0 absent, 1 present)")  # noqa: PLW2901
            if not _validation.is_sequence(entry):
                entries.append(_validation.check_alpha_share(entry, name))
                continue
            weights = _validation.check_weights(entry, name)
            _validation.check_length(name, weights, 2, "side (absent, present)")
            entries.append(weights)
        return tuple(entries)

    def _check_rate(self, rate: Any) -> Any:
        if not _validation.is_sequence(rate):
            return check_rate(rate)
        sides = "side (0 absent, 1 present)"
        named = ((f"sampling_rate[{label}]", entry) for label, entry in enumerate(rate))
        return tuple(check_rate(in_order(name, entry, 2, sides), name) for name, entry in named)

    def _rates(self) -> Any:
        rate = self.sampling_rate
        if rate is None:
            return 1.0
        return [rate_pair(entry) for entry in (rate if isinstance(rate, tuple) else (rate,))]

    def _gamma_pairs(self, n_labels: int) -> Array:
        gamma = np.broadcast_to(np.asarray(self.gamma, float), (n_labels,))
        return np.stack([gamma, gamma], axis=1)

    def _alpha_pairs(self, n_labels: int) -> Array:
        alpha = self._numeric_alpha()
        entries = alpha if isinstance(alpha, tuple) else (alpha,) * n_labels
        return np.array([class_pair(entry) for entry in entries])

    def _n_outputs(self) -> int | None:
        return self.n_labels

    def lightgbm_objective(self, n_outputs: int) -> str:
        return f"multiclassova num_class:{n_outputs} sigmoid:1"

    def _base_score(self) -> tuple[float, ...]:
        return tuple(self._sigmoid(self.intercept).tolist())

    def _check_columns(self, name: str, array: Array) -> None:
        if array.ndim != 2 or (self.n_labels is not None and array.shape[1] != self.n_labels):
            wanted = "n_labels" if self.n_labels is None else self.n_labels
            raise ValueError(
                f"{name} has shape {array.shape}, must be (n_samples, {wanted}), a column per label. For one "
                "label use BinaryFocalLoss."
            )

    def _complete_shard(self, raw: Array) -> Array:
        return raw if raw.size else raw.reshape(0, self.n_labels or 1)

    def labels_of(self, labels: Array, raw: Array) -> Array:
        return PackedLabels(labels, raw.shape[1]).unpack() if raw.ndim == 2 else labels

    def _labels_of(self, call: Call, raw: Array) -> Array | PackedLabels:
        if call.library == "lightgbm" and call.dataset is not None and raw.ndim == 2:
            return PackedLabels(call.y_true, raw.shape[1])
        return call.y_true

    def _check_arrays(
        self, y_true: Any, raw_prediction: Any, sample_weight: Any
    ) -> tuple[Array | PackedLabels, Array, Array | None]:
        raw = _validation.numeric("raw_prediction", raw_prediction)
        self._check_columns("raw_prediction", raw)
        y = y_true if isinstance(y_true, PackedLabels) else _validation.numeric("y_true", y_true)
        if raw.size == 0 and not isinstance(y, PackedLabels):
            y = y.reshape(raw.shape)
        if y.shape != raw.shape:
            raise ValueError(
                f"y_true has shape {y.shape}, must be {raw.shape} as raw_prediction: a column per label, of "
                "the rows that were predicted."
            )
        return y, raw, _validation.check_weight_shape(sample_weight, raw.shape[0])

    def _check_labels(self, y: Any) -> Array:
        labels = _validation.numeric("y", y)
        self._check_columns("y", labels)
        return labels

    def _check_shares(self, share: Array, n_samples: int) -> Array:
        empty = (share <= 0.0) | (share >= 1.0)
        balanced = self.alpha == _validation.BALANCED
        # Smoothed labels have both classes.
        if not empty.any() or (self.label_smoothing > 0.0 and not balanced):
            return share
        least = 0.5 / (n_samples + 1.0)
        columns = ", ".join(f"y[:, {label}] == {share[label]:g}" for label in np.flatnonzero(empty))
        warnings.warn(
            f"{columns} in all rows with weight, should have both classes: the rate counts as half a row, "
            f"0.5 / (n_samples + 1) == {least:.3g}, or 1 minus it, and nothing can be learned of it. Leave "
            "the column out, or resolve the loss with labels of a longer period.",
            UserWarning,
            stacklevel=4,
        )
        return np.where(empty, np.clip(share, least, 1.0 - least), share)

    def for_labels(self, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        alpha, intercept, scale = self._resolve(y, sample_weight)
        pairs = tuple(tuple(pair) for pair in alpha.tolist())
        return self._resolved(
            alpha=pairs if self.alpha == _validation.BALANCED else self.alpha,
            intercept=tuple(intercept.tolist()),
            scale=tuple(scale.tolist()),
            n_labels=len(scale),
        )

    def _closed_form(self, raw_prediction: ArrayLike, **added: Any) -> Array:
        raw = _validation.numeric("raw_prediction", raw_prediction)
        self._check_columns("raw_prediction", raw)
        return self._of_calibration(binary_posterior_logit, raw, **added)

    def _closed_margin(self, probability: ArrayLike, **added: Any) -> Array:
        shares = _validation.numeric("probability", probability)
        self._check_columns("probability", shares)
        return self._of_calibration(binary_margin, shares, **added)
