"""Kernels for CUDA over the functions of `rows`. Imported only where a GPU is used: needs the extra `cuda`.

A thread takes rows in strides of the whole grid, so that a grid of fixed size serves any number of rows and
parameters are read once. Flags of bad input are or-ed into one number in device memory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import float32

from focalboost._kernels import rows as _rows
from focalboost._kernels.cuda_import import cuda
from focalboost._kernels.elementary import ONE, ZERO
from focalboost._kernels.flags import BAD_LABEL, NO_FLAG
from focalboost._kernels.rows import (
    HALF,
    Index,
    hard_row,
    label_flag,
    margin_flag,
    shares,
    soft_row,
    weight_flag,
)

softmax_row: Any = cuda.jit(device=True)(_rows.softmax_row)


def kernel(function: Callable[..., None]) -> Any:
    """Compile a kernel when it is first launched, some seconds in each process."""
    return cuda.jit(function)


@kernel
def sigmoid(
    raw: Any,
    y: Any,
    weight: Any,
    tables: Any,
    lowest: np.float32,
    highest: np.float32,
    floor: np.float32,
    least: np.float32,
    most: np.float32,
    smoothing: np.float32,
    gradient: Any,
    hessian: Any,
    flags: Any,
) -> None:
    """Flat (n_samples, n_labels) margins and labels; no weights where `weight` is empty.

    The grid has a multiple of n_labels threads: each thread keeps to one label, its parameters in registers.
    """
    i, stride, size = Index(cuda.grid(1)), Index(cuda.gridsize(1)), Index(raw.shape[0])
    n_labels = Index(tables.shape[0])
    label, row, rows_a_stride = i % n_labels, i // n_labels, stride // n_labels
    gamma_0, gamma_1 = tables[label, 0, 0], tables[label, 1, 0]
    head_0, head_1 = tables[label, 0, 1], tables[label, 1, 1]
    rest_0, rest_1 = tables[label, 0, 2], tables[label, 1, 2]
    alpha_0, alpha_1 = tables[label, 0, 3], tables[label, 1, 3]
    weighted = weight.shape[0] > 0
    found = NO_FLAG
    while i < size:
        x, y_i = raw[i], y[i]
        found = np.int32(found | margin_flag(x))
        weight_i = ONE
        if weighted:
            weight_i = weight[row]
            found = np.int32(found | weight_flag(weight_i, least, most))
        flag = label_flag(y_i)
        if flag == NO_FLAG and smoothing == ZERO:
            positive = y_i > HALF
            gradient[i], hessian[i] = hard_row(
                x, positive, weight_i,
                gamma_1 if positive else gamma_0,
                head_1 if positive else head_0,
                rest_1 if positive else rest_0,
                alpha_1 if positive else alpha_0,
                lowest, highest, floor,
            )  # fmt: skip
        else:
            found = np.int32(found | (flag & BAD_LABEL))
            share_0, share_1 = shares(y_i, smoothing)
            gradient[i], hessian[i] = soft_row(
                x, share_0, share_1, weight_i, gamma_0, head_0, rest_0, alpha_0, gamma_1, head_1, rest_1,
                alpha_1, lowest, highest, floor,
            )  # fmt: skip
        i += stride
        row += rows_a_stride
    if found != NO_FLAG:
        cuda.atomic.or_(flags, 0, found)


@kernel
def softmax(
    raw: Any,
    y: Any,
    weight: Any,
    table: Any,
    lowest: np.float32,
    highest: np.float32,
    floor: np.float32,
    least: np.float32,
    most: np.float32,
    hessian_factor: np.float32,
    gradient: Any,
    hessian: Any,
    flags: Any,
) -> None:
    """Flat rows of n_classes margins, a thread each, straight from and to device memory."""
    i, stride, n_samples = Index(cuda.grid(1)), Index(cuda.gridsize(1)), Index(y.shape[0])
    n_classes = Index(table.shape[0])
    found = NO_FLAG
    while i < n_samples:
        weight_i = weight[i] if weight.shape[0] > 0 else ONE
        first = i * n_classes
        flag = softmax_row(
            raw,
            first,
            y[i],
            weight_i,
            table,
            lowest,
            highest,
            floor,
            least,
            most,
            hessian_factor,
            gradient,
            hessian,
            first,
        )
        found = np.int32(found | flag)
        i += stride
    if found != NO_FLAG:
        cuda.atomic.or_(flags, 0, found)


@kernel
def softmax_tiled(
    raw: Any,
    y: Any,
    weight: Any,
    table: Any,
    lowest: np.float32,
    highest: np.float32,
    floor: np.float32,
    least: np.float32,
    most: np.float32,
    hessian_factor: np.float32,
    gradient: Any,
    hessian: Any,
    flags: Any,
) -> None:
    """The same for float32 through shared memory, a tile of one row for each thread of a block.

    Neighbouring threads read and write neighbouring numbers: straight from device memory each would touch a
    sector of 32 bytes for 4. Shared memory holds two rows of n_classes, or one more where that is even, for
    each thread: an odd distance, so that the 32 threads of a warp meet in no memory bank.
    """
    n_classes, n_samples = Index(table.shape[0]), Index(y.shape[0])
    tile, thread = Index(cuda.blockDim.x), Index(cuda.threadIdx.x)
    width = n_classes | Index(1)
    hessians = tile * width
    memory = cuda.shared.array(0, float32)
    # Where the thread's first number of a tile is in shared memory, how far its next one is from it, and how
    # much farther where that is a row on.
    first_class, classes_on = thread % n_classes, tile % n_classes
    first_place = thread // n_classes * width + first_class
    places_on, row_on = tile // n_classes * width + classes_on, width - n_classes
    found = NO_FLAG
    start, stride = Index(cuda.blockIdx.x) * tile, Index(cuda.gridDim.x) * tile
    while start < n_samples:
        stop = min(start + tile, n_samples)
        end = stop * n_classes
        place, k, i = first_place, first_class, start * n_classes + thread
        while i < end:
            memory[place] = raw[i]
            place, k, i = place + places_on, k + classes_on, i + tile
            if k >= n_classes:
                place, k = place + row_on, k - n_classes
        cuda.syncthreads()
        i = start + thread
        if i < stop:
            weight_i = weight[i] if weight.shape[0] > 0 else ONE
            first = thread * width
            flag = softmax_row(
                memory, first, y[i], weight_i, table, lowest, highest, floor, least, most, hessian_factor,
                memory, memory, hessians + first,
            )  # fmt: skip
            found = np.int32(found | flag)
        cuda.syncthreads()
        place, k, i = first_place, first_class, start * n_classes + thread
        while i < end:
            gradient[i] = memory[place]
            hessian[i] = memory[hessians + place]
            place, k, i = place + places_on, k + classes_on, i + tile
            if k >= n_classes:
                place, k = place + row_on, k - n_classes
        cuda.syncthreads()
        start += stride
    if found != NO_FLAG:
        cuda.atomic.or_(flags, 0, found)
