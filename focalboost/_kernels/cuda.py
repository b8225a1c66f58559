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
from importlib import metadata
from typing import Any, Literal, NamedTuple

import numba
import numpy as np

from focalboost._kernels.cuda_memory import DeviceCache, forked, idle_caches
from focalboost._kernels.interface import LabelBits, Parameters
from focalboost._typing import Array

Result = tuple[Any, Any, int]

THREADS = 256  # of a block
# One holds 6 blocks of the sigmoid at a time (38 to 40 registers a thread), 4 or 5 of the tiled softmax (47
# to 56): a multiple of 6 and 4, so that the last wave of blocks fills it too.
BLOCKS_A_MULTIPROCESSOR = 24
FEWEST_BLOCKS = 128  # Numba warns of fewer; those without rows end at once
WARP = 32
SHARED_BYTES = 48 * 1024  # of a block, without asking for more
BYTES_A_MARGIN = 8  # in shared memory: margin, later gradient, and Hessian


# ---------------------------------------------------------------------- is there a device
class Problem(NamedTuple):
    """Why kernels cannot run on a GPU."""

    error: type[Exception]
    reason: str


def problem(ordinal: int = 0) -> Problem | None:
    """Why kernels cannot run on that GPU; None where they can. Compiles and runs one, once."""
    if numba.config.ENABLE_CUDASIM:
        return None
    if forked():
        return Problem(
            RuntimeError,
            "this process was forked from one that had used the GPU, and CUDA does not work in it. Start "
            "processes with multiprocessing's 'spawn' or 'forkserver'.",
        )
    return _tried(ordinal)


@cache
def _tried(ordinal: int) -> Problem | None:
    if importlib.util.find_spec("numba_cuda") is None:
        return Problem(ImportError, "numba-cuda is not installed. pip install 'focalboost[cuda]'.")
    ones = np.ones(1, np.float32)
    pair = np.ones((1, 2))
    try:
        from focalboost._kernels.cuda_import import cuda  # noqa: PLC0415  # slow to import

        # Also False where a driver and a GPU are there, but no NVVM: what is compiled next says so.
        if not cuda.is_available() and cuda.cuda_error() is not None:
            return Problem(
                RuntimeError,
                f"no NVIDIA driver or no GPU was found ({_one_line(cuda.cuda_error())}). Install the driver; "
                "nvidia-smi should list the GPU.",
            )
        Cuda(ordinal).sigmoid(ones, ones, None, Parameters(pair, pair))
    # Numba-cuda that does not fit Numba, no compiler library: ImportError. Too old a driver: its own error.
    except Exception as error:  # noqa: BLE001  # each of them means that the CPU is to serve
        return Problem(
            RuntimeError,
            f"the CUDA kernels do not compile or run ({type(error).__name__}: {_one_line(error)}). {_cure()}",
        )
    return None


def _one_line(text: object) -> str:
    return " ".join(str(text).split()).removesuffix(".")


# NVVM makes PTX of a kernel, nvJitLink machine code of that: the packages that hold them, CUDA 13 and 12.
COMPILERS = (
    ("nvidia-nvvm", "nvidia-nvjitlink"),
    ("nvidia-cuda-nvcc-cu12", "nvidia-nvjitlink-cu12"),
)


def _cure() -> str:
    """What to install. PyTorch may hold nvJitLink at an older CUDA than NVVM's, whose PTX it then refuses."""
    for nvvm, linker in COMPILERS:
        newer, older = _release(nvvm), _release(linker)
        if newer is not None and older is not None and newer > older:
            release = ".".join(map(str, older))
            return (
                f"{nvvm} == {'.'.join(map(str, newer))}, must be <= {linker}, which is {release}: "
                f"pip install '{nvvm}=={release}.*'."
            )
    return (
        "pip install --upgrade 'focalboost[cuda]' with a driver for CUDA 13, 'focalboost[cuda12]' with one "
        "for CUDA 12; nvidia-smi shows which."
    )


def _release(package: str) -> tuple[int, int] | None:
    """CUDA's major and minor version of a package; None where it is not installed."""
    try:
        major, minor = metadata.version(package).split(".")[:2]
    except metadata.PackageNotFoundError:
        return None
    return int(major), int(minor)


def require(ordinal: int = 0) -> None:
    """Raise where kernels cannot run."""
    found = problem(ordinal)
    if found is not None:
        raise found.error(f"device == 'cuda', must be 'auto' or 'cpu': {found.reason}")


# ---------------------------------------------------------------------- launches
def _grid(threads: int, n_threads: int, multiple: int = 1) -> int:
    """Blocks for that many threads, at most what keeps the device busy; all their threads are a multiple."""
    from focalboost._kernels.cuda_import import cuda  # noqa: PLC0415

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
        y: Array | LabelBits,
        raw: Array,
        weight: Array | None,
        parameters: Parameters,
    ) -> Result:
        """Gradient, Hessian and flags of (n_samples,) or (n_samples, n_labels) sigmoids."""
        from focalboost._kernels import cuda_kernels  # noqa: PLC0415  # needs the extra

        def launch(device_cache: DeviceCache, arrays: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
            margins, labels, weights, table = arrays
            flat = [array.reshape(-1) for array in (margins, labels)]
            blocks = _grid(THREADS, flat[0].size, len(table))
            cuda_kernels.sigmoid[blocks, THREADS, device_cache.stream](
                *flat,
                weights,
                table,
                *parameters.bounds,
                np.float32(parameters.smoothing),
                *outputs,
                device_cache.flags,
            )

        labels = y if isinstance(y, np.ndarray) else y.unpack()
        return self._run(labels, raw, weight, parameters.table, launch)

    def softmax(
        self,
        y: Array,
        raw: Array,
        weight: Array | None,
        parameters: Parameters,
    ) -> Result:
        """Gradient, diagonal Hessian and flags of (n_samples, n_classes) margins."""
        from focalboost._kernels import cuda_kernels  # noqa: PLC0415

        n_samples, n_classes = raw.shape
        row_bytes = BYTES_A_MARGIN * (n_classes | 1)
        fitting = SHARED_BYTES // row_bytes // WARP * WARP

        def launch(device_cache: DeviceCache, arrays: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
            margins, labels, weights, table = arrays
            inputs = labels, weights, table, *parameters.bounds, np.float32(parameters.hessian_factor)
            # Many classes, or float64 margins, which no XGBoost hands over: without shared memory.
            if fitting == 0 or margins.dtype != np.float32:
                direct = cuda_kernels.softmax[_grid(THREADS, n_samples), THREADS, device_cache.stream]
                direct(margins.reshape(-1), *inputs, *outputs, device_cache.flags)
                return
            threads = min(THREADS, fitting)
            tiled = cuda_kernels.softmax_tiled[
                _grid(threads, n_samples), threads, device_cache.stream, threads * row_bytes
            ]
            tiled(margins.reshape(-1), *inputs, *outputs, device_cache.flags)

        return self._run(y, raw, weight, parameters.table, launch)

    def _run(
        self,
        y: Array,
        raw: Array,
        weight: Array | None,
        table: Array,
        launch: Callable[[DeviceCache, tuple[Any, ...], tuple[Any, ...]], None],
    ) -> Result:
        from focalboost._kernels.cuda_import import cuda  # noqa: PLC0415

        margins = np.ascontiguousarray(raw, raw.dtype if raw.dtype == np.float32 else np.float64)
        weights = np.empty(0, np.float32) if weight is None else _float32(weight)
        constant = {"y": _float32(y), "weight": weights, "table": table}
        with cuda.gpus[self.ordinal]:
            idle = idle_caches(self.owner)
            device_cache = idle.pop() if idle else None
            if device_cache is None or device_cache.ordinal != self.ordinal:
                device_cache = DeviceCache(self.ordinal)
            outputs = device_cache.outputs(raw.shape)
            uploaded = device_cache.upload("raw", margins)
            kept = [device_cache.keep(name, host, self.n_jobs) for name, host in constant.items()]
            launch(device_cache, (uploaded, *kept), tuple(array.flat() for array in outputs))
            flags = device_cache.found_flags()
            # After bad input the cache is dropped, its flags with it.
            if not flags:
                idle.append(device_cache)
            if self.host is None:
                return outputs[0], outputs[1], flags
            gradient, hessian = (np.asarray(array.copy_to_host(), order=self.host) for array in outputs)
            return gradient, hessian, flags
