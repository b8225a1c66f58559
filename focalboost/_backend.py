"""Which of the two computes: the CPU's kernels, or those for CUDA where the booster's trees are on a GPU."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, Protocol

from numpy.typing import NDArray

from focalboost import _buffers, _cpu, _cuda, _interop
from focalboost._labels import PackedLabels

Array = NDArray[Any]
Result = tuple[Any, Any, int]
Device = Literal["auto", "cpu", "cuda"]


class Backend(Protocol):
    """Gradient and Hessian of the shape of `raw`, and the flags of `_flags`."""

    def sigmoid(
        self,
        y: Array | PackedLabels,
        raw: Array,
        weight: Array | None,
        *,
        tables: Array,
        bounds: Array,
        smoothing: float,
    ) -> Result:
        """Of (n_samples,) or (n_samples, n_labels) sigmoids."""

    def softmax(
        self,
        y: Array,
        raw: Array,
        weight: Array | None,
        *,
        table: Array,
        bounds: Array,
        factor: float,
    ) -> Result:
        """Of (n_samples, n_classes) margins; of the Hessian the diagonal, times a factor."""


@dataclass(frozen=True)
class Cpu:
    """NumPy arrays in the layout that the caller reads; those of the last round of `owner`, if it has any."""

    n_jobs: int | None
    owner: Any = None
    order: Literal["C", "F"] = "C"

    def sigmoid(
        self,
        y: Array | PackedLabels,
        raw: Array,
        weight: Array | None,
        *,
        tables: Array,
        bounds: Array,
        smoothing: float,
    ) -> Result:
        gradient, hessian = _buffers.take(self.owner, raw.shape, self.order)
        raw_2d = raw if raw.ndim == 2 else raw[:, None]
        flags = _cpu.sigmoid_gradient_hessian(
            y if isinstance(y, PackedLabels) or y.ndim == 2 else y[:, None],
            raw_2d,
            weight,
            tables=tables,
            bounds=bounds,
            smoothing=smoothing,
            gradient_out=gradient.reshape(raw_2d.shape, order="A"),
            hessian_out=hessian.reshape(raw_2d.shape, order="A"),
            n_jobs=self.n_jobs,
        )
        _buffers.keep(self.owner, (gradient, hessian))
        return gradient, hessian, flags

    def softmax(
        self,
        y: Array,
        raw: Array,
        weight: Array | None,
        *,
        table: Array,
        bounds: Array,
        factor: float,
    ) -> Result:
        gradient, hessian = _buffers.take(self.owner, raw.shape, self.order)
        flags = _cpu.softmax_gradient_hessian(
            y,
            raw,
            weight,
            table=table,
            bounds=bounds,
            factor=factor,
            gradient_out=gradient,
            hessian_out=hessian,
            n_jobs=self.n_jobs,
        )
        _buffers.keep(self.owner, (gradient, hessian))
        return gradient, hessian, flags


@lru_cache(maxsize=8)
def _say_once(text: str) -> None:
    logging.getLogger("focalboost").info(text)


def for_arrays(device: Device, n_jobs: int | None, raw: Array) -> Backend:
    """For a user's own arrays: the CPU unless the loss insists on a GPU, and NumPy arrays from either."""
    if device == "cuda" and raw.size:
        _cuda.require()
        return _cuda.Cuda(0, n_jobs)
    return Cpu(n_jobs)


def for_call(device: Device, n_jobs: int | None, call: _interop.Call) -> Backend:
    """For a booster: device="auto" follows it, and falls back to the CPU where CUDA cannot be used.

    XGBoost on a GPU is handed device arrays; everything else, LightGBM on a GPU too, reads host arrays only.
    """
    order: Literal["C", "F"] = "F" if call.package == "lightgbm" else "C"
    on_cpu = Cpu(n_jobs, call.dataset, order)
    if device == "cpu" or call.raw_prediction.size == 0:
        return on_cpu
    ordinal, owner = None, call.dataset
    update = _interop.calling_update("xgboost") if call.package == "xgboost" else None
    if update is not None:
        ordinal = _interop.cuda_ordinal(update.booster)
        # A wrapper of the scikit-learn interface passes arrays on and not the matrix.
        owner = update.matrix if owner is None else owner
    if device == "cuda":
        _cuda.require(ordinal or 0)
    elif ordinal is None:
        return on_cpu
    else:
        problem = _cuda.problem(ordinal)
        if problem is not None:
            reason = problem[1].partition(": ")[2]
            _say_once(f"the booster is on a GPU, focal gradients are computed on the CPU: {reason}")
            return on_cpu
    if ordinal is None:
        return _cuda.Cuda(0, n_jobs, owner, order)
    return _cuda.Cuda(ordinal, n_jobs, owner, None)
