"""Which of the two computes: the CPU's kernels, or those for CUDA where the booster's trees are on a GPU.

Both are imported by the first call that computes: Numba takes 0.3 s, which a service that only asks for a
posterior does not pay.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, Protocol

from focalboost._kernels.interface import LabelBits, Parameters
from focalboost._typing import Array

Result = tuple[Any, Any, int]
Device = Literal["auto", "cpu", "cuda"]


class Backend(Protocol):
    """Gradient and Hessian of the shape of `raw`, and the flags of `flags`."""

    def sigmoid(
        self, y: Array | LabelBits, raw: Array, weight: Array | None, parameters: Parameters
    ) -> Result:
        """Of (n_samples,) or (n_samples, n_labels) sigmoids."""

    def softmax(self, y: Array, raw: Array, weight: Array | None, parameters: Parameters) -> Result:
        """Of (n_samples, n_classes) margins; of the Hessian the diagonal."""


@dataclass(frozen=True)
class Placement:
    """Where a booster wants its gradients."""

    ordinal: int | None = None  # number of the GPU that it is on, None for the CPU
    owner: Any = None  # the data set that buffers may live as long as
    order: Literal["C", "F"] = "C"  # of host arrays


@lru_cache(maxsize=8)
def _say_once(text: str) -> None:
    logging.getLogger("focalboost").warning(text)


def for_arrays(device: Device, n_jobs: int | None, raw: Array) -> Backend:
    """For a user's own arrays: the CPU unless the loss insists on a GPU, and NumPy arrays from either."""
    if device == "cuda" and raw.size:
        from focalboost._kernels import cuda  # noqa: PLC0415  # loads Numba

        cuda.require()
        return cuda.Cuda(0, n_jobs)
    from focalboost._kernels.cpu import Cpu  # noqa: PLC0415  # loads Numba

    return Cpu(n_jobs, order="F" if raw.flags.f_contiguous and not raw.flags.c_contiguous else "C")


def for_booster(device: Device, n_jobs: int | None, raw: Array, placement: Placement) -> Backend:
    """For a booster: device="auto" follows it, and falls back to the CPU where CUDA cannot be used.

    XGBoost on a GPU is handed device arrays; everything else, LightGBM on a GPU too, reads host arrays only.
    """
    from focalboost._kernels.cpu import Cpu  # noqa: PLC0415  # loads Numba

    ordinal, owner, order = placement.ordinal, placement.owner, placement.order
    on_cpu = Cpu(n_jobs, owner, order)
    if device == "cpu" or raw.size == 0 or (device == "auto" and ordinal is None):
        return on_cpu
    from focalboost._kernels import cuda  # noqa: PLC0415  # loads Numba

    if device == "cuda":
        cuda.require(ordinal or 0)
    elif ordinal is not None:
        problem = cuda.problem(ordinal)
        if problem is not None:
            _say_once(
                "the booster is on a GPU, focal gradients are computed on the CPU, which is slower: "
                f"{problem.reason} If that is meant, device='cpu' says so."
            )
            return on_cpu
    if ordinal is None:
        return cuda.Cuda(0, n_jobs, owner, order)
    return cuda.Cuda(ordinal, n_jobs, owner, None)
