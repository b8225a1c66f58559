"""What the three losses share: immutability, the calls, the resolved numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike

from focalboost import _validation
from focalboost._boosters.call import Call, read_call
from focalboost._boosters.caller import Library, count_call
from focalboost._boosters.extras import require
from focalboost._boosters.packed import PackedLabels
from focalboost._boosters.unannounced import check_first_call
from focalboost._boosters.workers import sum_over_workers
from focalboost._kernels.backend import Backend, Device, for_arrays, for_booster
from focalboost._kernels.interface import Hessian
from focalboost._typing import Array
from focalboost.losses._posterior import Posterior
from focalboost.losses._record import RESOLVED, from_json, record_with_shift
from focalboost.losses._value import Value

if TYPE_CHECKING:
    from xgboost.callback import TrainingCallback


@dataclass(frozen=True, repr=False)
class FocalLoss(Posterior, Value, ABC):
    """Base of the losses: an immutable value with the methods that boosters and users call."""

    objective: ClassVar[str]
    """The built-in objective whose transform XGBoost applies to the margins."""

    gamma: Any = 2.0
    alpha: Any = None
    hessian: Hessian = field(default="guarded", kw_only=True)
    sampling_rate: Any = field(default=None, kw_only=True)
    device: Device = field(default="auto", kw_only=True)
    n_jobs: int | None = field(default=None, kw_only=True)
    scale: Any = field(default=1.0, init=False)
    intercept: Any = field(default=None, init=False)
    balanced: bool = field(default=False, init=False)
    """Whether `for_labels` found alpha by "balanced"."""
    logit_shift: Any = field(default=None, init=False)
    """What `calibrated` adds to the logit of the closed form; None for the closed form itself."""

    # ------------------------------------------------------------------ parameters
    def __post_init__(self) -> None:
        _validation.check_choice("hessian", self.hessian, _validation.HESSIANS)
        _validation.check_choice("device", self.device, _validation.DEVICES)
        self._set(gamma=self._numbered("gamma", self.gamma), alpha=self._numbered("alpha", self.alpha))
        self._set(gamma=self._check_gamma(), alpha=self._check_alpha())
        if self.sampling_rate is not None:
            self._set(sampling_rate=self._check_rate(self._numbered("sampling_rate", self.sampling_rate)))
        self._set(n_jobs=_validation.check_n_jobs(self.n_jobs))

    @abstractmethod
    def _numbered(self, name: str, value: Any) -> Any:
        """A dict by class or label as a tuple in the order of its keys; all else as it is."""

    def _check_gamma(self) -> Any:
        return _validation.check_gamma(self.gamma)

    @abstractmethod
    def _check_alpha(self) -> Any: ...

    @abstractmethod
    def _check_rate(self, rate: Any) -> Any:
        """`sampling_rate` as numbers in (0, 1]."""

    def _numeric_alpha(self) -> Any:
        if self.alpha == _validation.BALANCED:
            raise ValueError(
                "alpha == 'balanced' needs the labels: use loss.for_labels(y), which returns a loss with "
                "the class weights as numbers."
            )
        return self.alpha

    def _resolved(self, *, alpha: Any, intercept: Any, scale: Any, **sizes: Any) -> Self:
        loss = replace(self, alpha=alpha, **sizes)
        balanced = self.balanced or self.alpha == _validation.BALANCED
        loss._set(intercept=intercept, scale=scale, balanced=balanced)
        return loss

    @staticmethod
    def from_json(text: str) -> FocalLoss:
        """The loss that a record holds.

        Parameters
        ----------
        text : str
            What `to_json` gave, or `booster.attr("focalboost")` of a model of XGBoost.

        Returns
        -------
        BinaryFocalLoss, MulticlassFocalLoss or MultilabelFocalLoss
        """
        loss: FocalLoss = from_json(text)
        return loss

    # ------------------------------------------------------------------ continued models
    def same_meaning(self, other: object) -> bool:
        """Whether a margin of one loss is a margin of the other: the probability it stands for is the same.

        Gamma, class weights and sampling rates up to a common factor, label smoothing and the number of
        outputs count; Hessian, scale and intercept do not. "balanced" means the same whatever labels it was
        resolved for.
        """
        if not isinstance(other, type(self)):
            return False
        sizes = {size for size in (self._n_outputs(), other._n_outputs()) if size is not None}
        if len(sizes) > 1:
            return False
        n_outputs = sizes.pop() if sizes else 1
        both = self._asks_balanced() and other._asks_balanced()
        if not both and _validation.BALANCED in (self.alpha, other.alpha):
            return False
        mine, theirs = self._meaning(n_outputs, weights=not both), other._meaning(n_outputs, weights=not both)
        return all(np.allclose(a, b, rtol=1e-6, atol=0.0) for a, b in zip(mine, theirs, strict=True))

    def _asks_balanced(self) -> bool:
        return self.balanced or self.alpha == _validation.BALANCED

    def with_shift(self, shift: Any) -> Self:
        if shift is None:
            return self._but(logit_shift=None)
        n_outputs = self._n_outputs()
        if not _validation.is_sequence(shift):
            one = _validation.check_shift("logit_shift", shift)
            # A record has one for each class or label.
            several = self._several() and n_outputs is not None
            return self._but(logit_shift=(one,) * n_outputs if several and n_outputs else one)
        if not self._several():
            raise ValueError(
                f"logit_shift == {_validation.show(shift)}, must be one number: the loss is binary."
            )
        shifts = tuple(_validation.check_shift(f"logit_shift[{k}]", value) for k, value in enumerate(shift))
        unit = "class" if self.softmax else "label"
        _validation.check_length("logit_shift", shifts, n_outputs or len(shifts), unit)
        return self._but(logit_shift=shifts)

    def of_kept_rows(self) -> Self:
        """The same loss without its sampling_rate: metrics in training see the rows that were kept."""
        return self if self.sampling_rate is None else self._but(sampling_rate=None)

    def _but(self, **values: Any) -> Self:
        loss = replace(self)
        loss._set(**{name: getattr(self, name) for name in RESOLVED} | values)
        return loss

    def recorded(self, record: str, shift: Any) -> str:
        """A record of this loss with another `logit_shift`."""
        return record_with_shift(record, shift)

    def going_on_with(self, stored: Self) -> Self:
        """The stored loss, whose numbers stay, with the Hessian, device and threads of this one."""
        loss = replace(stored, hessian=self.hessian, device=self.device, n_jobs=self.n_jobs)
        loss._set(intercept=stored.intercept, scale=stored.scale, balanced=stored.balanced)
        return loss

    # ------------------------------------------------------------------ public methods
    @abstractmethod
    def for_labels(self, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """A new loss in which all that depends on the labels is a number.

        `alpha` ("balanced" resolved), `intercept` (the margin of the best constant), `base_score` (what
        XGBoost's params take) and `scale` (which makes the mean Hessian at the intercept that of log loss at
        the class frequencies, so that min_child_weight, reg_lambda and the like keep their meaning).

        Parameters
        ----------
        y : array-like or Dask collection of shape (n_samples,) or (n_samples, n_labels)
            Labels as the booster gets them: 0 and 1 or shares between (binary, multi-label), 0, 1, ..., K - 1
            (multi-class). A Dask Array, Series or DataFrame is summed where its partitions are, in one pass.
        sample_weight : array-like or Dask collection of shape (n_samples,), optional
            Weights >= 0; with the partitions of y.

        Returns
        -------
        a loss of the same class

        Raises
        ------
        ValueError
            If a label is not valid, a class does not occur, or a weight is negative or not finite.

        Warns
        -----
        UserWarning
            Multi-label, if a label has no positive or no negative row: its rate counts as half a row.
        """

    def loss(
        self, y_true: ArrayLike, raw_prediction: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Array:
        """Focal loss of each row, `scale * weight * alpha_t (1 - p_t)^gamma (-log p_t)`, in float64.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,) or (n_samples, n_labels)
            Labels.
        raw_prediction : array-like of shape (n_samples,), (n_samples, n_classes) or (n_samples, n_labels)
            Margins, any finite numbers.
        sample_weight : array-like of shape (n_samples,), optional
            Weights >= 0.

        Returns
        -------
        ndarray of shape (n_samples,), or (n_samples, n_labels), float64
            Relative error at most 1e-12, of numbers above 1e-300 times `scale * weight * alpha_t`.

        Raises
        ------
        ValueError
            If a shape, label, margin or weight is not valid.
        """
        y, raw, weight = self._check_arrays(y_true, raw_prediction, sample_weight)
        values = self._loss_values(y, raw)
        if weight is not None:
            _validation.raise_for_bad_weight(weight)
            values *= weight if values.ndim == 1 else weight[:, None]
        return values

    def gradient_hessian(
        self, y_true: ArrayLike, raw_prediction: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> tuple[Array, Array]:
        """First and second derivative of `loss` by the margin (for softmax: the diagonal).

        Parameters
        ----------
        y_true, raw_prediction, sample_weight
            As for `loss`.

        Returns
        -------
        gradient, hessian : ndarray of the shape of `raw_prediction`, float32
            The Hessian is the one that `hessian` names: "exact"; "reweighted", the focal weight times
            cross-entropy's; or "guarded", the larger of the two, which is always positive. Relative error
            at most 2e-6 for gamma up to 5 and 2e-5 up to 100, of numbers above 1.2e-38, the smallest
            normal float32, and above 1.2e-38 times `scale * weight * alpha_t`. Of float64 margins (those of
            LightGBM) at most 2e-7: they are computed in float64, which only the results are rounded from.

        Raises
        ------
        ValueError
            If a shape, label, margin or weight is not valid.
        """
        count_call()
        y, raw, weight = self._check_arrays(y_true, raw_prediction, sample_weight)
        return self._derivatives(
            y, raw, weight, hessian_factor=1.0, backend=for_arrays(self.device, self.n_jobs, raw)
        )

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> tuple[Any, Any]:
        """Gradient and Hessian in the convention of whichever booster is calling.

        XGBoost and LightGBM call `(margins, data set)`, their scikit-learn wrappers
        `(y_true, y_pred[, sample_weight])`. To XGBoost on a GPU the results are arrays in its memory. Called
        with arrays by anyone else it is `gradient_hessian(y_true, y_pred, sample_weight)`.
        """
        count_call()
        call = read_call(self, y_true, y_pred, sample_weight)
        if call.update is not None and call.update.loss not in (None, self):
            # A continued model goes on with the loss it was begun with.
            continued: FocalLoss = call.update.loss
            return continued._gradients(call)
        return self._gradients(call)

    def _gradients(self, call: Call) -> tuple[Any, Any]:
        raw = self._complete_shard(call.raw_prediction)
        y, raw, weight = self._check_arrays(self._labels_of(call, raw), raw, call.sample_weight)
        check_first_call(call, self, raw)
        factor = self._softmax_hessian_factor(call.library, raw.shape[-1])
        backend = for_booster(self.device, self.n_jobs, raw, call.placement)
        return self._derivatives(y, raw, weight, hessian_factor=factor, backend=backend)

    def metric(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Mean focal loss relative to the start, for early stopping: 1 at the start, smaller is better.

        `custom_metric=loss.metric` in `xgb.train`, `feval=loss.metric` in `lgb.train`, `eval_metric=` of the
        scikit-learn wrappers. The mean of `loss` is divided by the mean of the loss of the constant that
        training starts from (`intercept`, or margin 0) on the same rows: of the mean loss itself, often
        about 1e-4, XGBoost's six decimals would keep two or three digits.

        Parameters
        ----------
        y_true, y_pred, sample_weight
            What the booster hands over; or labels, margins and weights, as `loss` takes them.

        Returns
        -------
        tuple or float
            As the caller wants it: with name, for LightGBM and False; or, with arrays, the value alone.
        """
        call = read_call(self, y_true, y_pred, sample_weight)
        if call.update is not None and call.update.loss not in (None, self):
            return call.update.loss._metric(call)
        return self._metric(call)

    def _arrays_of(self, call: Call) -> tuple[Array, Array, Array | None]:
        """Labels, margins and weights that a metric is of."""
        raw = self._complete_shard(call.raw_prediction)
        labels = self._labels_of(call, raw)
        labels = labels.unpack() if isinstance(labels, PackedLabels) else labels
        return self._check_arrays(labels, raw, call.sample_weight)

    def _metric(self, call: Call) -> Any:
        value = self._relative_loss(*self._arrays_of(call), call.library)
        if call.library == "lightgbm":
            return "focal_loss", value, False
        return value if call.dataset is None else ("focal_loss", value)

    def start(self) -> TrainingCallback:
        """An XGBoost callback that starts training at the best constant, `callbacks=[loss.start()]`.

        Before round 0 it sets `objective` and `base_score`; a continued model keeps its own. It stores the
        loss in the booster's attributes, which survive save and load (`focalboost.xgboost.stored_loss`).
        A callback serves one training: make a new one for each.

        Returns
        -------
        xgboost.callback.TrainingCallback

        Raises
        ------
        ValueError
            If the loss is not resolved by `for_labels`.
        ImportError
            If XGBoost is not installed.
        """
        self._require_intercept("start()")
        require("xgboost")
        from focalboost._boosters.xgboost import Start  # noqa: PLC0415  # XGBoost is an extra

        return Start(self)

    def start_margins(self) -> Array:
        """Where LightGBM starts: one margin per output.

        Returns
        -------
        ndarray of shape (n_outputs,)
        """
        self._require_intercept("start")
        return np.atleast_1d(np.asarray(self.intercept, float))

    def starts_at(self, raw: Array) -> bool:
        """Whether all margins are those that training is to start from: the intercept, or 0."""
        margins = raw if raw.ndim == 2 else raw[:, None]
        wanted = np.zeros(1) if self.intercept is None else np.asarray(self.intercept, float)
        off = self._difference(margins.astype(np.float64) - wanted)
        # What is not finite is refused by the kernels, in words of their own.
        return not np.isfinite(off).all() or bool(
            np.abs(off).max(initial=0.0) <= 1e-5 * max(1.0, float(np.abs(wanted).max()))
        )

    def _difference(self, margins: Array) -> Array:
        """Margins as far as they count."""
        return margins

    @abstractmethod
    def lightgbm_objective(self, n_outputs: int) -> str:
        """LightGBM's objective whose transform turns the margins into the loss's confidence."""

    @property
    def base_score(self) -> Any:
        """`intercept` in the unit that XGBoost's `base_score` has for this task."""
        self._require_intercept("base_score")
        return self._base_score()

    def _require_intercept(self, what: str) -> None:
        if self.intercept is None:
            raise ValueError(
                f"{what} needs the labels: use loss.for_labels(y), which returns a loss with intercept, "
                "base_score and scale as numbers."
            )

    def _relative_loss(
        self, y: Array, raw: Array, weight: Array | None, library: Library | None, start: float | None = None
    ) -> float:
        """`start` is the mean loss at the start, where it is known already."""
        _validation.raise_for_bad_weight(weight)
        total = float(raw.shape[0] if weight is None else weight.sum(dtype=np.float64))
        sums = np.zeros(2)
        if total > 0.0:
            values = self._loss_values(y, raw)
            rows = values if values.ndim == 1 else values.mean(axis=1)
            mean = float(_validation.weighted_mean(rows, weight))
            start = self._start_loss(y, raw, weight) if start is None else start
            sums = total * np.array([mean, start])
        if library == "xgboost":
            # XGBoost averages the values of its workers, whatever number of rows each has.
            sums = sum_over_workers(sums)
        return float(sums[0] / sums[1]) if sums[1] else 1.0

    # ------------------------------------------------------------------ what a loss defines
    @abstractmethod
    def _base_score(self) -> Any: ...

    @abstractmethod
    def _n_outputs(self) -> int | None:
        """Number of margins a row, None where it is not known yet."""

    @abstractmethod
    def _meaning(self, n_outputs: int, *, weights: bool) -> tuple[Array, ...]:
        """Arrays that are equal where two losses give a margin the same probability."""

    @abstractmethod
    def _check_arrays(
        self, y_true: Any, raw_prediction: Any, sample_weight: Any
    ) -> tuple[Any, Array, Array | None]:
        """Arrays of the shapes that this loss takes, or an error that names the shape and the cure."""

    def labels_of(self, labels: Array, raw: Array) -> Array:
        """The labels of a LightGBM data set, several a row unpacked."""
        return labels

    def margins_of(self, raw: Any) -> Array:
        """Margins as XGBoost predicts them, those of a shard without rows too."""
        return self._complete_shard(np.asarray(raw))

    def _complete_shard(self, raw: Array) -> Array:
        """XGBoost hands an empty shard margins of shape (0,), 3.4 (0, 0), whatever the number of outputs."""
        return raw if raw.size else raw.reshape(0)

    def _labels_of(self, call: Call, raw: Array) -> Array | PackedLabels:
        return call.y_true

    def _softmax_hessian_factor(self, library: Library | None, n_outputs: int) -> float:
        return 1.0

    @abstractmethod
    def _derivatives(
        self, y: Any, raw: Array, weight: Array | None, *, hessian_factor: float, backend: Backend
    ) -> tuple[Any, Any]: ...

    @abstractmethod
    def _loss_values(self, y: Array, raw: Array) -> Array:
        """Loss per row (and label), not weighted."""

    @abstractmethod
    def _start_loss(self, y: Array, raw: Array, weight: Array | None) -> float:
        """Mean loss of the constant that training starts from."""
