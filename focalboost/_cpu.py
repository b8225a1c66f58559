"""Kernels over whole arrays on the CPU: threads, blocks, and whatever layout and dtype arrives.

Contiguous float32 or float64 margins and contiguous float32 labels are read in place. All else goes through
scratch blocks of a few thousand rows, so that no call needs memory that grows with the rows but its outputs.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from operator import or_
from typing import Any

import numpy as np
from numpy.typing import NDArray

from focalboost import _kernels
from focalboost._labels import PackedLabels
from focalboost._threads import map_chunks

Array = NDArray[Any]

# Rows read in place between two looks at the flags, and rows of a scratch block (fits the L2 cache).
DIRECT_ROWS = 131_072
SCRATCH_ROWS = 8_192
MARGIN_DTYPES = (np.dtype(np.float32), np.dtype(np.float64))


def _in_place(array: Array, dtypes: tuple[np.dtype[Any], ...]) -> bool:
    return array.dtype in dtypes and array.flags.aligned and bool(array.flags.c_contiguous)


def _blocks(start: int, stop: int, size: int) -> Iterator[slice]:
    for begin in range(start, stop, size):
        yield slice(begin, min(begin + size, stop))


class _Column:
    """One column of an input or output, handed to kernels as contiguous blocks."""

    def __init__(self, array: Array, dtypes: tuple[np.dtype[Any], ...]) -> None:
        self.array = array
        self.direct = _in_place(array, dtypes)
        # A dtype that no kernel reads is read as the last one of the list, the widest.
        self.dtype = array.dtype if array.dtype in dtypes else dtypes[-1]
        self._scratch = None if self.direct else np.empty(SCRATCH_ROWS, self.dtype)

    def block(self, rows: slice, *, load: bool) -> Array:
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

    def block(self, rows: slice, *, load: bool) -> Array:
        return self.labels.column(rows, self.label)


def _label_column(y_true: Array | PackedLabels, label: int) -> _Column | _Bits:
    if isinstance(y_true, PackedLabels):
        return _Bits(y_true, label)
    return _Column(y_true[:, label], FLOAT32)


FLOAT32 = (np.dtype(np.float32),)
FLOAT64 = (np.dtype(np.float64),)


def _weights(weight: Array | None) -> _Column | None:
    return None if weight is None else _Column(weight, FLOAT32)


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

    def chunk(start: int, stop: int) -> int:
        flags = 0
        weights = _weights(weight)
        for label in range(n_labels):
            margin = _Column(raw[:, label], MARGIN_DTYPES)
            labels = _label_column(y_true, label)
            outputs = [_Column(out[:, label], FLOAT32) for out in (gradient_out, hessian_out)]
            columns = [margin, labels, *outputs, *([weights] if weights else [])]
            size = DIRECT_ROWS if all(c.direct for c in columns) else SCRATCH_ROWS
            soft = smoothing > 0.0
            for rows in _blocks(start, stop, size):
                x = margin.block(rows, load=True)
                y = labels.block(rows, load=True)
                w = weights.block(rows, load=True) if weights else None
                g, h = (out.block(rows, load=False) for out in outputs)
                found = 0
                if not soft:
                    found = _kernels.sigmoid_hard(x, y, w, tables[label], bounds, g, h)
                    soft = bool(found & _kernels.SOFT_LABEL)
                if soft:
                    found = _kernels.sigmoid_soft(x, y, w, tables[label], bounds, smooth, g, h)
                flags |= found
                for out, block in zip(outputs, (g, h), strict=True):
                    out.store(rows, block)
        return flags

    return reduce(or_, map_chunks(chunk, n_samples, n_jobs, n_labels), 0)


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

    def chunk(start: int, stop: int) -> int:
        flags = 0
        labels, weights = _Column(y_true, FLOAT32), _weights(weight)
        scratch = _matrix_scratch(raw, SCRATCH_ROWS)
        direct = scratch is None and labels.direct and (weights is None or weights.direct)
        for rows in _blocks(start, stop, DIRECT_ROWS if direct else SCRATCH_ROWS):
            flags |= _kernels.softmax_hard(
                _rows(raw, rows, scratch),
                labels.block(rows, load=True),
                weights.block(rows, load=True) if weights else None,
                table,
                bounds,
                house,
                gradient_out[rows],
                hessian_out[rows],
            )
        return flags

    return reduce(or_, map_chunks(chunk, n_samples, n_jobs, n_classes), 0)


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

    def chunk(start: int, stop: int) -> int:
        flags = 0
        for label in range(n_labels):
            margin = _Column(raw[:, label], MARGIN_DTYPES)
            labels = _Column(y_true[:, label], FLOAT64)
            result = _Column(out[:, label], FLOAT64)
            (gamma_0, gamma_1), (alpha_0, alpha_1) = gamma[label], alpha[label]
            for rows in _blocks(start, stop, SCRATCH_ROWS):
                block = result.block(rows, load=False)
                flags |= _kernels.sigmoid_loss(
                    margin.block(rows, load=True),
                    labels.block(rows, load=True),
                    gamma_0,
                    gamma_1,
                    alpha_0,
                    alpha_1,
                    smoothing,
                    block,
                )
                result.store(rows, block)
        return flags

    # A float64 row with libm's exp and log1p costs about ten float32 rows.
    return reduce(or_, map_chunks(chunk, n_samples, n_jobs, 10 * n_labels), 0)


def softmax_loss(
    y_true: Array, raw: Array, *, gamma: Array, alpha: Array, out: Array, n_jobs: int | None
) -> int:
    """Softmax loss per row in float64; gamma and alpha have one number per class."""

    def chunk(start: int, stop: int) -> int:
        flags = 0
        labels = _Column(y_true, FLOAT64)
        scratch = _matrix_scratch(raw, SCRATCH_ROWS)
        for rows in _blocks(start, stop, SCRATCH_ROWS):
            block = _rows(raw, rows, scratch)
            flags |= _kernels.softmax_loss(block, labels.block(rows, load=True), gamma, alpha, out[rows])
        return flags

    return reduce(or_, map_chunks(chunk, raw.shape[0], n_jobs, 5 * raw.shape[1]), 0)


def log_focal_slope(s: Array, gamma: Array) -> Array:
    """`_pointwise.log_focal_slope` over broadcast float64 arrays."""
    s, gamma = np.broadcast_arrays(np.asarray(s, np.float64), np.asarray(gamma, np.float64))
    out = np.empty(s.size)
    _kernels.log_focal_slopes(
        np.ascontiguousarray(s).reshape(-1), np.ascontiguousarray(gamma).reshape(-1), out
    )
    return out.reshape(s.shape)
