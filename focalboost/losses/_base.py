"""What the three losses share: immutability, the calls, the resolved numbers."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike

from focalboost import _dask, _validation
from focalboost._boosters.call import Call, read_call
from focalboost._boosters.caller import Library, count_call
from focalboost._boosters.extras import require
from focalboost._boosters.packed import PackedLabels
from focalboost._boosters.workers import sum_over_workers
from focalboost._kernels.backend import Backend, Device, for_arrays, for_booster
from focalboost._kernels.interface import Hessian
from focalboost._typing import Array

if TYPE_CHECKING:
    from xgboost.callback import TrainingCallback


FORMAT = 1  # of the record in saved models; a change that an older focalboost would misread adds 1
# What belongs to the machine, not to the model.
NOT_KEPT = {"device", "n_jobs"}


@dataclass(frozen=True, repr=False)
class FocalLoss(ABC):
    """Base of the losses: an immutable value with the methods that boosters and users call."""

    objective: ClassVar[str]
    """The built-in objective whose transform XGBoost applies to the margins."""

    gamma: Any = 2.0
    alpha: Any = None
    hessian: Hessian = field(default="guarded", kw_only=True)
    device: Device = field(default="auto", kw_only=True)
    n_jobs: int | None = field(default=None, kw_only=True)
    scale: Any = field(default=1.0, init=False)
    intercept: Any = field(default=None, init=False)

    # ------------------------------------------------------------------ parameters
    def __post_init__(self) -> None:
        _validation.check_choice("hessian", self.hessian, _validation.HESSIANS)
        _validation.check_choice("device", self.device, _validation.DEVICES)
        self._set(gamma=self._check_gamma(), alpha=self._check_alpha())
        self._set(n_jobs=_validation.check_n_jobs(self.n_jobs))

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def _check_gamma(self) -> Any:
        return _validation.check_gamma(self.gamma)

    @abstractmethod
    def _check_alpha(self) -> Any: ...

    def _numeric_alpha(self) -> Any:
        if self.alpha == _validation.BALANCED:
            raise ValueError(
                "alpha == 'balanced' needs the labels: use loss.for_labels(y), which returns a loss with "
                "the class weights as numbers."
            )
        return self.alpha

    def _resolved(self, *, alpha: Any, intercept: Any, scale: Any, **sizes: Any) -> Self:
        loss = replace(self, alpha=alpha, **sizes)
        loss._set(intercept=intercept, scale=scale)
        return loss

    # ------------------------------------------------------------------ immutable value
    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __sklearn_clone__(self) -> Self:
        return self

    def __repr__(self) -> str:
        parts = [f"gamma={self.gamma!r}", f"alpha={self.alpha!r}"]
        for item in fields(self)[2:]:
            value = getattr(self, item.name)
            if item.init and value != item.default:
                parts.append(f"{item.name}={value!r}")
        if self.intercept is not None:
            parts.append(f"intercept={_rounded(self.intercept)}")
        return f"{type(self).__name__}({', '.join(parts)})"

    def as_record(self) -> dict[str, Any]:
        """What a saved model keeps: format, class name and every number of the loss."""
        values = {item.name: getattr(self, item.name) for item in fields(self) if item.name not in NOT_KEPT}
        return {"format": FORMAT, "loss": type(self).__name__, **values}

    def to_json(self) -> str:
        """The record as text; floats survive exactly."""
        return json.dumps(self.as_record())

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
            Relative error at most 1e-12.

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
            cross-entropy's; or "guarded", the larger of the two, which is always positive.

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

    def posterior(self, raw_prediction: ArrayLike) -> Array:
        """True class probabilities: the closed form of `focalboost.calibration`.

        Parameters
        ----------
        raw_prediction : array-like of shape (n_samples,), (n_samples, n_classes) or (n_samples, n_labels)
            Margins, also as a Dask collection.

        Returns
        -------
        ndarray of the same shape, float64
            Binary: probability of class 1. For a Dask collection, lazily, one of the same kind.
        """
        if _dask.is_collection(raw_prediction):
            lazy: Any = _dask.map_rows("raw_prediction", self._posterior, raw_prediction)
            return lazy  # type: ignore[no-any-return]
        return self._posterior(raw_prediction)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> tuple[Any, Any]:
        """Gradient and Hessian in the convention of whichever booster is calling.

        XGBoost and LightGBM call `(margins, data set)`, their scikit-learn wrappers
        `(y_true, y_pred[, sample_weight])`. To XGBoost on a GPU the results are arrays in its memory. Called
        with arrays by anyone else it is `gradient_hessian(y_true, y_pred, sample_weight)`.
        """
        count_call()
        call = read_call(y_true, y_pred, sample_weight)
        call.check_parameters()
        raw = self._complete_shard(call.raw_prediction)
        y, raw, weight = self._check_arrays(self._labels_of(call, raw), raw, call.sample_weight)
        factor = self._softmax_hessian_factor(call.library, raw.shape[-1])
        backend = for_booster(self.device, self.n_jobs, raw, call.placement)
        return self._derivatives(y, raw, weight, hessian_factor=factor, backend=backend)

    def metric(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Mean focal loss relative to the start, for early stopping: 1 at the start, smaller is better.

        `custom_metric=loss.metric` in `xgb.train`, `feval=loss.metric` in `lgb.train`, `eval_metric=` of the
        scikit-learn wrappers. The mean of `loss` is divided by the mean of the loss of the constant that
        training starts from (`intercept`, or margin 0) on the same rows: of the mean loss itself, often
        about 1e-4, XGBoost's six decimals would keep two or three digits.

        Returns
        -------
        ("focal_loss", value) for XGBoost, ("focal_loss", value, False) for LightGBM; value for
        XGBoost's scikit-learn wrapper and for your own call with arrays
        """
        call = read_call(y_true, y_pred, sample_weight)
        raw = self._complete_shard(call.raw_prediction)
        labels = self._labels_of(call, raw)
        labels = labels.unpack() if isinstance(labels, PackedLabels) else labels
        y, raw, weight = self._check_arrays(labels, raw, call.sample_weight)
        value = self._relative_loss(y, raw, weight, call.library)
        if call.library == "lightgbm":
            return "focal_loss", value, False
        return value if call.dataset is None else ("focal_loss", value)

    def start(self) -> TrainingCallback:
        """An XGBoost callback that starts training at the best constant, `callbacks=[loss.start()]`.

        Before round 0 it sets `objective` and `base_score`; a continued model keeps its own. It stores the
        loss in the booster's attributes, which survive save and load (`focalboost.xgboost.stored_loss`).
        A callback serves one training: make a new one for each.

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
        """Where LightGBM starts: one margin per output, shape (n_outputs,)."""
        self._require_intercept("start")
        return np.atleast_1d(np.asarray(self.intercept, float))

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

    def _relative_loss(self, y: Array, raw: Array, weight: Array | None, library: Library | None) -> float:
        total = float(raw.shape[0] if weight is None else weight.sum(dtype=np.float64))
        sums = np.zeros(2)
        if total > 0.0:
            values = self._loss_values(y, raw)
            rows = values if values.ndim == 1 else values.mean(axis=1)
            mean = float(_validation.weighted_mean(rows, weight))
            sums = total * np.array([mean, self._start_loss(y, raw, weight)])
        if library == "xgboost":
            # XGBoost averages the values of its workers, whatever number of rows each has.
            sums = sum_over_workers(sums)
        return float(sums[0] / sums[1]) if sums[1] else 1.0

    # ------------------------------------------------------------------ what a loss defines
    @abstractmethod
    def _posterior(self, raw_prediction: ArrayLike) -> Array: ...

    @abstractmethod
    def _base_score(self) -> Any: ...

    @abstractmethod
    def _check_arrays(
        self, y_true: Any, raw_prediction: Any, sample_weight: Any
    ) -> tuple[Any, Array, Array | None]:
        """Arrays of the shapes that this loss takes, or an error that names the shape and the cure."""

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


def _rounded(intercept: float | tuple[float, ...]) -> str:
    """Six digits, which tell losses of different labels apart."""
    if isinstance(intercept, tuple):
        return f"({', '.join(map(_rounded, intercept))})"
    return f"{intercept:.6g}"
