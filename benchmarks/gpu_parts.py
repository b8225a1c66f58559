"""What a round on a GPU consists of, and how fast the kernel reads and writes; used by `gpu.py`."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from focalboost._kernels import cuda as _cuda
from focalboost._kernels import cuda_kernels as _cuda_kernels
from focalboost._kernels.cuda_import import cuda
from focalboost._kernels.interface import kernel_bounds, kernel_table

Array = NDArray[Any]
FILLER_SECONDS, FILLER_BYTES = 2e-3, 2**28


def timed(function: Callable[[], Any]) -> float:
    """Seconds of a call and of all work on the device that it leaves behind."""
    start = time.perf_counter()
    function()
    cuda.synchronize()
    return time.perf_counter() - start


def timed_without(update: Callable[..., Any], objective: Any) -> float:
    """Seconds of a round less those of its objective: what gradients that were computed before would take."""
    spent: list[float] = []

    def counted(margins: Array, data: Any) -> Any:
        start = time.perf_counter()
        result = objective(margins, data)
        spent.append(time.perf_counter() - start)
        return result

    return timed(partial(update, fobj=counted)) - sum(spent)


def seconds(function: Callable[[], Any], repeats: int) -> float:
    """Median time of a call, after one that is not counted."""
    function()
    return median(timed(function) for _ in range(repeats))


def parts(booster: Any, data: Any, loss: Any, repeats: int) -> dict[str, float]:
    """Seconds of the parts of a round of the loss."""
    times: dict[str, float] = {}
    booster.update(data, 0, fobj=loss)

    def margins() -> Array:
        return np.asarray(booster.predict(data, output_margin=True, training=True))

    times["margins to the host"] = seconds(margins, repeats)
    ready: dict[str, list[Any]] = {"device": [], "host": []}

    def objective(raw: Array, _: Any) -> Any:
        times["objective"] = seconds(lambda: loss(raw, data), repeats)
        ready["device"] = list(loss(raw, data))
        ready["host"] = [np.array(array.copy_to_host() if hasattr(array, "copy_to_host") else array)
                         for array in ready["device"]]  # fmt: skip
        return tuple(ready["device"])

    booster.update(data, 1, fobj=objective)
    for place, (gradient, hessian) in ready.items():
        boost = partial(booster.boost, data, 2, grad=gradient, hess=hessian)
        times[f"conversion and trees, from {place} arrays"] = seconds(boost, repeats)
    return times


def elapsed(launch: Callable[[Any], None], repeats: int, fill: Callable[[Any], None] | None = None) -> float:
    """Median seconds between two events on the device around a launch, after one that is not counted.

    A launch takes the host some 50 us, in which the device would wait between the two events; the kernel
    takes 8 us at a million rows. `fill` gives it other work first, for as long as the launch takes.
    """
    stream, times = cuda.stream(), []
    for _ in range(repeats + 1):
        first, last = cuda.event(), cuda.event()
        if fill is not None:
            fill(stream)
        first.record(stream)
        launch(stream)
        last.record(stream)
        last.synchronize()
        times.append(1e-3 * float(first.elapsed_time(last)))
    return median(times[1:])


def filler(n_bytes: int = FILLER_BYTES) -> Callable[[Any], None]:
    """Copies within the device that take at least `FILLER_SECONDS`."""
    source, target = (cuda.device_array(n_bytes // 4, np.float32) for _ in range(2))

    def copy(stream: Any) -> None:
        target.copy_to_device(source, stream=stream)

    # An event more or less is nothing beside these; the simulator has no times.
    one = elapsed(copy, 3)
    times = math.ceil(FILLER_SECONDS / one) if one > 0 else 1

    def fill(stream: Any) -> None:
        for _ in range(times):
            copy(stream)

    return fill


def bandwidth(n: int, n_classes: int, repeats: int, filler_bytes: int = FILLER_BYTES) -> dict[str, float]:
    """Bytes a second of the kernel, and of a copy of as many bytes within the device."""
    fill = filler(filler_bytes)
    rng = np.random.default_rng(0)
    k = 1 if n_classes == 2 else n_classes
    raw = cuda.to_device(rng.standard_normal(n * k, np.float32))
    y = cuda.to_device(rng.integers(0, n_classes, n).astype(np.float32))
    none, flags = cuda.device_array(0, np.float32), cuda.to_device(np.zeros(1, np.int32))
    outputs = [cuda.device_array(n * k, np.float32) for _ in range(2)]
    table = kernel_table(*np.broadcast_arrays(2.0, np.ones((1, 2) if k == 1 else k)))
    inputs = (raw, y, none, cuda.to_device(table), *kernel_bounds("guarded", np.ones(1)))
    threads = _cuda.THREADS

    def kernel(stream: Any) -> None:
        blocks = _cuda._grid(threads, n)
        if k == 1:
            launch = _cuda_kernels.sigmoid[blocks, threads, stream]
        else:
            launch = _cuda_kernels.softmax_tiled[
                blocks, threads, stream, threads * _cuda.BYTES_A_MARGIN * (k | 1)
            ]
        launch(*inputs, np.float32(k > 1), *outputs, flags)

    moved = 4 * n * (3 * k + 1)
    source, target = (cuda.device_array(moved // 8, np.float32) for _ in range(2))
    taken = elapsed(kernel, repeats, fill)
    found = int(flags.copy_to_host()[0])
    if found or not all(np.isfinite(output.copy_to_host()).all() for output in outputs):
        raise ArithmeticError(
            f"flags of bad input {found}, or gradients that are not finite: nothing to time"
        )
    copied = elapsed(lambda stream: target.copy_to_device(source, stream=stream), repeats, fill)
    return {"kernel_seconds": taken, "kernel": moved / taken, "copy": moved / copied}
