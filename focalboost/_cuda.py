"""Gradients on a CUDA device: whether there is one, what is uploaded, the launch, and what comes back.

Margins travel to the device every round, labels, weights and class parameters once for each data set. Numba's
CUDA is imported by the first call that wants it, not before.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numba
import numpy as np
from numpy.typing import NDArray

from focalboost._cuda_memory import Resident, shelf_of
from focalboost._kernel_inputs import BOUNDS, kernel_table
from focalboost._labels import PackedLabels

Array = NDArray[Any]
Result = tuple[Any, Any, int]

THREADS = 256  # of a block
# One holds 6 blocks of either kernel at a time (40 registers a thread): a multiple, so that the last wave of
# blocks fills it too.
BLOCKS_A_MULTIPROCESSOR = 24
FEWEST_BLOCKS = 128  # Numba warns of fewer; those without rows end at once
WARP = 32
SHARED_BYTES = 48 * 1024  # of a block, without asking for more
BYTES_A_MARGIN = 8  # in shared memory: margin, later gradient, and Hessian


# ---------------------------------------------------------------------- is there a device
@cache
def problem(ordinal: int = 0) -> tuple[type[Exception], str] | None:
    """Why kernels cannot run on that GPU, as an error; None where they can. Compiles and runs one, once."""
    what = "device == 'cuda', must be 'auto' or 'cpu'"
    if numba.config.ENABLE_CUDASIM:
        return None
    if importlib.util.find_spec("numba_cuda") is None:
        return ImportError, f"{what}: numba-cuda is not installed. pip install 'focalboost[cuda]'."
    ones = np.ones(1, np.float32)
    table = kernel_table(np.ones((1, 2)), np.ones((1, 2)))
    try:
        from numba import cuda  # noqa: PLC0415  # slow to import

        if not cuda.is_available():
            return RuntimeError, (
                f"{what}: no NVIDIA driver or no GPU was found. Install the driver; nvidia-smi should list "
                "the GPU."
            )
        Cuda(ordinal).sigmoid(ones, ones, None, tables=table, bounds=BOUNDS["guarded"], smoothing=0.0)
    # Numba-cuda that does not fit Numba, no compiler library: ImportError. Too old a driver: its own error.
    except Exception as error:  # noqa: BLE001  # each of them means that the CPU is to serve
        text = " ".join(str(error).split())
        return RuntimeError, (
            f"{what}: the CUDA kernels do not compile or run ({type(error).__name__}: {text}). "
            "pip install --upgrade 'focalboost[cuda]', and a driver for CUDA 12 or later."
        )
    return None


def require(ordinal: int = 0) -> None:
    """Raise where kernels cannot run."""
    found = problem(ordinal)
    if found is not None:
        error, text = found
        raise error(text)


# ---------------------------------------------------------------------- launches
def _grid(threads: int, n_threads: int, multiple: int = 1) -> int:
    """Blocks for that many threads, at most what keeps the device busy; all their threads are a multiple."""
    from numba import cuda  # noqa: PLC0415

    # The simulator's device has no such number.
    room = BLOCKS_A_MULTIPROCESSOR * getattr(cuda.get_current_device(), "MULTIPROCESSOR_COUNT", 1)
    blocks = max(FEWEST_BLOCKS, min(-(-n_threads // threads), room))
    step = multiple // math.gcd(threads, multiple)
    return -(-blocks // step) * step


def _float32(array: Array) -> Array:
    return np.ascontiguousarray(array, np.float32)


@dataclass(frozen=True)
class Cuda:
    """One call's gradients, computed on the GPU of that number.

    `owner`, a data set, keeps labels and buffers on the device as long as it lives; `host` is the layout of
    the NumPy arrays to return, None leaves the results on the device.
    """

    ordinal: int
    n_jobs: int | None = None
    owner: Any = None
    host: Literal["C", "F"] | None = "C"

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
        """Gradient, Hessian and flags of (n_samples,) or (n_samples, n_labels) sigmoids."""
        from focalboost import _cuda_kernels  # noqa: PLC0415  # needs the extra

        def launch(resident: Resident, arrays: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
            margins, labels, weights, table = arrays
            flat = [array.reshape(-1) for array in (margins, labels)]
            blocks = _grid(THREADS, flat[0].size, len(tables))
            _cuda_kernels.sigmoid[blocks, THREADS, resident.stream](
                *flat, weights, table, *bounds, np.float32(smoothing), *outputs, resident.flags
            )

        labels = y.unpack() if isinstance(y, PackedLabels) else y
        return self._run(labels, raw, weight, tables, launch)

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
        """Gradient, diagonal Hessian and flags of (n_samples, n_classes) margins."""
        from focalboost import _cuda_kernels  # noqa: PLC0415

        n_samples, n_classes = raw.shape
        row_bytes = BYTES_A_MARGIN * (n_classes | 1)
        fitting = SHARED_BYTES // row_bytes // WARP * WARP

        def launch(resident: Resident, arrays: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
            margins, labels, weights, parameters = arrays
            inputs = labels, weights, parameters, *bounds, np.float32(factor)
            # Many classes, or float64 margins, which no XGBoost hands over: without shared memory.
            if fitting == 0 or margins.dtype != np.float32:
                direct = _cuda_kernels.softmax[_grid(THREADS, n_samples), THREADS, resident.stream]
                direct(margins.reshape(-1), *inputs, *outputs, resident.flags)
                return
            threads = min(THREADS, fitting)
            tiled = _cuda_kernels.softmax_tiled[
                _grid(threads, n_samples), threads, resident.stream, threads * row_bytes
            ]
            tiled(margins.reshape(-1), *inputs, *outputs, resident.flags)

        return self._run(y, raw, weight, table, launch)

    def _run(
        self,
        y: Array,
        raw: Array,
        weight: Array | None,
        table: Array,
        launch: Callable[[Resident, tuple[Any, ...], tuple[Any, ...]], None],
    ) -> Result:
        from numba import cuda  # noqa: PLC0415

        margins = np.ascontiguousarray(raw, raw.dtype if raw.dtype == np.float32 else np.float64)
        weights = np.empty(0, np.float32) if weight is None else _float32(weight)
        constant = {"y": _float32(y), "weight": weights, "table": table}
        with cuda.gpus[self.ordinal]:
            shelf = shelf_of(self.owner)
            resident = shelf.pop() if shelf else None
            if resident is None or resident.ordinal != self.ordinal:
                resident = Resident(self.ordinal)
            outputs = resident.outputs(raw.shape)
            uploaded = resident.upload("raw", margins)
            kept = [resident.keep(name, host, self.n_jobs) for name, host in constant.items()]
            launch(resident, (uploaded, *kept), tuple(array.array.reshape(-1) for array in outputs))
            flags = resident.found_flags()
            # After bad input the resident is dropped, its flags with it.
            if not flags:
                shelf.append(resident)
            if self.host is None:
                return outputs[0], outputs[1], flags
            gradient, hessian = (np.asarray(array.copy_to_host(), order=self.host) for array in outputs)
            return gradient, hessian, flags
