"""Kernels over whole arrays on the CPU: threads, blocks, and whatever layout and dtype arrives.

Contiguous float32 or float64 margins and contiguous float32 labels are read in place. All else goes through
scratch blocks of a few thousand rows, so that no call needs memory that grows with the rows but its outputs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import or_
from typing import Any

import numpy as np
from numpy.typing import NDArray

from focalboost import _flags, _sigmoid_kernels, _softmax_kernels
from focalboost._labels import PackedLabels
from focalboost._threads import map_blocks

Array = NDArray[Any]

# Rows of a block that is read in place (0.1 ms of the binary kernel), and of one that goes through scratch
# memory (fits the L2 cache).
DIRECT_ROWS = 65_536
SCRATCH_ROWS = 8_192
MARGIN_DTYPES = (np.dtype(np.float32), np.dtype(np.float64))


def _in_place(array: Array, dtypes: tuple[np.dtype[Any], ...]) -> bool:
    return array.dtype in dtypes and array.flags.aligned and bool(array.flags.c_contiguous)


class _Column:
    """One column of an input or output, handed to kernels as contiguous blocks."""

    def __init__(self, array: Array, dtypes: tuple[np.dtype[Any], ...]) -> None:
        self.array = array
        self.direct = _in_place(array, dtypes)
        # A dtype that no kernel reads is read as the last one of the list, the widest.
        self.dtype = array.dtype if array.dtype in dtypes else dtypes[-1]
        self._scratch = None if self.direct else np.empty(SCRATCH_ROWS, self.dtype)

    def block(self, rows: slice, *, load: bool = True) -> Array:
        if self._scratch is None:
            return self.array[rows]
        scratch = self._scratch[: rows.stop - rows.start]
        if load:
            np.copyto(scratch, self.array[rows], casting="unsafe")
        return scratch

    def store(self, rows: slice, block: Array) -> None:
        if self._scratch is not None:
            self.array[rows] = block


class _Bits:
    """A column of packed labels, read like a `_Column`."""

    direct = False

    def __init__(self, labels: PackedLabels, label: int) -> None:
        self.labels, self.label = labels, label

    def block(self, rows: slice) -> Array:
        return self.labels.column(rows, self.label)


def _label_column(y_true: Array | PackedLabels, label: int) -> _Column | _Bits:
    if isinstance(y_true, PackedLabels):
        return _Bits(y_true, label)
    return _Column(y_true[:, label], FLOAT32)


FLOAT32 = (np.dtype(np.float32),)
FLOAT64 = (np.dtype(np.float64),)


class _NoWeights:
    """Rows without weights, read like a `_Column`: the kernels are compiled without them."""

    direct = True

    def block(self, rows: slice) -> None:
        return None


def _weights(weight: Array | None) -> _Column | _NoWeights:
    return _NoWeights() if weight is None else _Column(weight, FLOAT32)


Run = Callable[[int, int], int]


def sigmoid_gradient_hessian(
    y_true: Array | PackedLabels,
    raw: Array,
    weight: Array | None,
    *,
    tables: Array,
    bounds: Array,
    smoothing: float,
    gradient_out: Array,
    hessian_out: Array,
    n_jobs: int | None,
) -> int:
    """Gradient and Hessian of (n_samples, n_labels) independent sigmoids; returns the kernels' flags."""
    n_samples, n_labels = raw.shape
    smooth = np.float32(smoothing)
    outputs = (gradient_out, hessian_out)

    def columns(label: int) -> tuple[_Column, _Column | _Bits, _Column, _Column]:
        g, h = (_Column(out[:, label], FLOAT32) for out in outputs)
        return _Column(raw[:, label], MARGIN_DTYPES), _label_column(y_true, label), g, h

    def worker() -> Run:
        weights = _weights(weight)
        labels = [columns(label) for label in range(n_labels)]
        soft = [smoothing > 0.0] * n_labels

        def run(start: int, stop: int) -> int:
            rows, flags = slice(start, stop), 0
            w = weights.block(rows)
            for label, (margin, y_label, g, h) in enumerate(labels):
                x, y = margin.block(rows), y_label.block(rows)
                out = g.block(rows, load=False), h.block(rows, load=False)
                found = 0
                if not soft[label]:
                    found = _sigmoid_kernels.sigmoid_hard(x, y, w, tables[label], bounds, *out)
                    soft[label] = bool(found & _flags.SOFT_LABEL)
                if soft[label]:
                    found = _sigmoid_kernels.sigmoid_soft(x, y, w, tables[label], bounds, smooth, *out)
                flags |= found
                g.store(rows, out[0])
                h.store(rows, out[1])
            return flags

        return run

    direct = _weights(weight).direct and all(column.direct for column in columns(0))
    block = DIRECT_ROWS if direct else SCRATCH_ROWS
    return reduce(or_, map_blocks(worker, n_samples, block, n_jobs, n_labels), 0)


def _rows(array: Array, rows: slice, scratch: Array | None) -> Array:
    """Rows of a matrix in a dtype that kernels read; layouts are theirs to handle."""
    if scratch is None:
        return array[rows]
    block = scratch[: rows.stop - rows.start]
    np.copyto(block, array[rows], casting="unsafe")
    return block


def _matrix_scratch(raw: Array, size: int) -> Array | None:
    if raw.dtype in MARGIN_DTYPES and raw.flags.aligned:
        return None
    return np.empty((size, raw.shape[1]), np.float64)


def softmax_gradient_hessian(
    y_true: Array,
    raw: Array,
    weight: Array | None,
    *,
    table: Array,
    bounds: Array,
    factor: float,
    gradient_out: Array,
    hessian_out: Array,
    n_jobs: int | None,
) -> int:
    """Gradient and diagonal Hessian of a softmax over (n_samples, n_classes) margins; returns flags."""
    n_samples, n_classes = raw.shape
    house = np.float32(factor)

    def worker() -> Run:
        labels, weights = _Column(y_true, FLOAT32), _weights(weight)
        scratch = _matrix_scratch(raw, SCRATCH_ROWS)

        def run(start: int, stop: int) -> int:
            rows = slice(start, stop)
            x, y, w = _rows(raw, rows, scratch), labels.block(rows), weights.block(rows)
            out = gradient_out[rows], hessian_out[rows]
            return _softmax_kernels.softmax_hard(x, y, w, table, bounds, house, *out)

        return run

    # About 0.1 ms of work, beside which handing over a block is nothing; no block is larger than scratch.
    block = max(1024, min(SCRATCH_ROWS, 8 * SCRATCH_ROWS // n_classes))
    return reduce(or_, map_blocks(worker, n_samples, block, n_jobs, n_classes), 0)


def sigmoid_loss(
    y_true: Array,
    raw: Array,
    *,
    gamma: Array,
    alpha: Array,
    smoothing: float,
    out: Array,
    n_jobs: int | None,
) -> int:
    """Loss of (n_samples, n_labels) independent sigmoids in float64; gamma and alpha are (n_labels, 2)."""
    n_samples, n_labels = raw.shape

    def worker() -> Run:
        labels = [
            (
                _Column(raw[:, label], MARGIN_DTYPES),
                _Column(y_true[:, label], FLOAT64),
                _Column(out[:, label], FLOAT64),
            )
            for label in range(n_labels)
        ]

        def run(start: int, stop: int) -> int:
            rows, flags = slice(start, stop), 0
            for label, (margin, y_label, result) in enumerate(labels):
                block = result.block(rows, load=False)
                flags |= _sigmoid_kernels.sigmoid_loss(
                    margin.block(rows), y_label.block(rows), gamma[label], alpha[label], smoothing, block
                )
                result.store(rows, block)
            return flags

        return run

    # A float64 row with libm's exp and log1p costs about ten float32 rows.
    return reduce(or_, map_blocks(worker, n_samples, SCRATCH_ROWS, n_jobs, 10 * n_labels), 0)


def softmax_loss(
    y_true: Array, raw: Array, *, gamma: Array, alpha: Array, out: Array, n_jobs: int | None
) -> int:
    """Softmax loss per row in float64; gamma and alpha have one number per class."""

    def worker() -> Run:
        labels = _Column(y_true, FLOAT64)
        scratch = _matrix_scratch(raw, SCRATCH_ROWS)

        def run(start: int, stop: int) -> int:
            rows = slice(start, stop)
            x = _rows(raw, rows, scratch)
            return _softmax_kernels.softmax_loss(x, labels.block(rows), gamma, alpha, out[rows])

        return run

    return reduce(or_, map_blocks(worker, raw.shape[0], SCRATCH_ROWS, n_jobs, 5 * raw.shape[1]), 0)


def log_focal_slope(s: Array, gamma: Array) -> Array:
    """`_pointwise.log_focal_slope` over broadcast float64 arrays."""
    shape = np.broadcast_shapes(np.shape(s), np.shape(gamma))
    # Copies: a broadcast array is read-only or warns when it is asked whether it is.
    flat_s, flat_gamma = (np.array(np.broadcast_to(a, shape), np.float64).reshape(-1) for a in (s, gamma))
    out = np.empty(flat_s.size)
    _sigmoid_kernels.log_focal_slopes(flat_s, flat_gamma, out)
    return out.reshape(shape)
