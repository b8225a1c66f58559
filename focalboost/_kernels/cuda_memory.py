"""Arrays on a CUDA device: what XGBoost is handed, and what stays there from round to round."""

from __future__ import annotations

import logging
import os
import weakref
from typing import Any

import numpy as np

from focalboost._kernels.buffers import Shelf
from focalboost._kernels.digest import Digest, digest
from focalboost._typing import Array

logger = logging.getLogger("focalboost")


class DeviceArray:
    """float32 numbers in device memory, C order, complete: what XGBoost, CuPy and PyTorch read in place."""

    def __init__(self, memory: Any, holder: object = None) -> None:
        self._memory, self._holder = memory, holder
        self.shape = tuple(int(size) for size in memory.shape)
        self.dtype = np.dtype(np.float32)

    def flat(self) -> Any:
        """For a kernel, which writes it while this object is kept."""
        return self._memory.reshape(-1)

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        # XGBoost writes this as JSON, which takes plain numbers only. stream None says that there is nothing
        # to wait for: the kernel's stream was synchronised. (0 is a fatal error in XGBoost.)
        # The simulator's arrays are host arrays and have the interface of those.
        found = getattr(self._memory, "__cuda_array_interface__", None) or self._memory.__array_interface__
        return {
            "shape": self.shape,
            "typestr": "<f4",
            "data": (int(found["data"][0]), False),
            "strides": None,
            "version": 3,
            "stream": None,
        }

    def copy_to_host(self) -> Array:
        """The numbers as a NumPy array."""
        return np.asarray(self._memory.copy_to_host())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        if copy is False:
            raise ValueError("copy == False, must be None or True: the numbers are in device memory.")
        return self.copy_to_host().astype(dtype or self.dtype, copy=False)


class DeviceCache:
    """What stays on the device from round to round: labels, weights, parameters, buffers, a stream."""

    def __init__(self, ordinal: int) -> None:
        from focalboost._kernels.cuda_import import cuda  # noqa: PLC0415  # needs the extra

        _used_by.add(os.getpid())
        self._cuda, self.ordinal, self.stream = cuda, ordinal, cuda.stream()
        self._arrays: dict[str, Any] = {}
        self._digests: dict[str, Digest] = {}
        self._shelf = Shelf()
        self.flags = cuda.to_device(np.zeros(1, np.int32))

    def upload(self, name: str, host: Array) -> Any:
        """Copy to the device, into the buffer of that name if it fits."""
        array = self._arrays.get(name)
        if array is None or array.shape != host.shape or array.dtype != host.dtype:
            array = self._arrays[name] = self._cuda.device_array(host.shape, host.dtype)
        if host.size:
            array.copy_to_device(host, stream=self.stream)
        return array

    def keep(self, name: str, host: Array, n_jobs: int | None) -> Any:
        """Copy to the device only what is not there yet: float32 that a digest tells from the last."""
        found = digest(host, n_jobs)
        if self._digests.get(name) != found:
            self.upload(name, host)
            self._digests[name] = found
        return self._arrays[name]

    def outputs(self, shape: tuple[int, ...]) -> list[DeviceArray]:
        """Gradient and Hessian, in the memory of the last round if nobody holds them any more."""
        return [self._output(shape) for _ in range(2)]

    def _output(self, shape: tuple[int, ...]) -> DeviceArray:
        memory = self._shelf.take(shape)
        if memory is None:
            memory = self._cuda.device_array(shape, np.float32)
        # Not the DeviceArray itself: in a cycle of objects a weak reference calls back before __del__ of the
        # others, which may still read it. The garbage collector leaves ndarrays alone: this one goes last.
        holder = np.empty(0)
        self._shelf.lend(memory, holder)
        return DeviceArray(memory, holder)

    def found_flags(self) -> int:
        """Wait for the kernel, and what it noticed."""
        flags = self.flags.copy_to_host(stream=self.stream)
        self.stream.synchronize()
        return int(flags[0])


# The process that uses the device, and in a child that was forked from it the caches of its parent, kept so
# that Numba does not give their memory back.
_used_by: set[int] = set()
_of_the_parent: list[DeviceCache] = []


def forked() -> bool:
    """Whether this process was forked from one that used the device: CUDA does not work here."""
    return bool(_used_by) and os.getpid() not in _used_by


# A list for each data set: of two threads that train on one, each pops or makes one of its own.
_idle: weakref.WeakKeyDictionary[Any, list[DeviceCache]] = weakref.WeakKeyDictionary()


def idle_caches(owner: Any | None) -> list[DeviceCache]:
    if owner is None:
        return []
    caches = _idle.get(owner)
    if caches is None:
        caches = _idle.setdefault(owner, [])
        weakref.finalize(owner, _empty, caches).atexit = False
    return caches


def _empty(caches: list[DeviceCache]) -> None:
    """Give device memory back when the data set dies: Numba would put it off until it needs some itself."""
    if forked():
        # The memory is the parent's, and any call of the driver fails here.
        _of_the_parent.extend(caches)
        caches.clear()
        return
    ordinals = {device_cache.ordinal for device_cache in caches}
    caches.clear()
    from focalboost._kernels.cuda_import import cuda  # noqa: PLC0415

    for ordinal in ordinals:
        try:
            with cuda.gpus[ordinal]:
                pending = getattr(cuda.current_context(), "deallocations", None)
                if pending is not None:  # the simulator has none
                    pending.clear()
        # The garbage collector may come in the middle of a call for another device, while another library's
        # context is the current one, or after the driver has ended: nobody could catch what is raised here.
        except Exception as error:  # noqa: BLE001  # Numba's and the driver's have no common class
            logger.debug("memory of GPU %d is left for Numba to give back: %s", ordinal, error)
