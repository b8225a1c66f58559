"""Kernels over whole arrays on the CPU: threads take blocks of rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any, Literal

import numpy as np

from focalboost._kernels import buffers, flags, sigmoid, softmax, softmax_precise
from focalboost._kernels.blocks import (
    DIRECT_ROWS,
    FLOAT32,
    FLOAT64,
    MARGIN_DTYPES,
    SCRATCH_ROWS,
    Column,
    Rows,
    matrix_block,
    weight_column,
)
from focalboost._kernels.interface import LabelBits, Parameters
from focalboost._kernels.threads import map_blocks
from focalboost._typing import Array

Outputs = tuple[Array, Array]
Run = Callable[[int, int], int]


@dataclass(frozen=True)
class Cpu:
    """NumPy arrays in the layout that the caller reads; those of the last round of `owner`, if it has any."""

    n_jobs: int | None
    owner: Any = None
    order: Literal["C", "F"] = "C"

    def sigmoid(
        self, y: Array | LabelBits, raw: Array, weight: Array | None, parameters: Parameters
    ) -> tuple[Any, Any, int]:
        """Gradient, Hessian and flags of (n_samples,) or (n_samples, n_labels) sigmoids."""
        gradient, hessian = buffers.take(self.owner, raw.shape, self.order)
        matrix = raw if raw.ndim == 2 else raw[:, None]
        labels = y[:, None] if isinstance(y, np.ndarray) and y.ndim == 1 else y
        outputs = (
            gradient.reshape(matrix.shape, order="A"),
            hessian.reshape(matrix.shape, order="A"),
        )
        found = sigmoid_gradient_hessian(labels, matrix, weight, parameters, outputs, self.n_jobs)
        return gradient, hessian, found

    def softmax(
        self, y: Array, raw: Array, weight: Array | None, parameters: Parameters
    ) -> tuple[Any, Any, int]:
        """Gradient, diagonal Hessian and flags of (n_samples, n_classes) margins."""
        outputs = buffers.take(self.owner, raw.shape, self.order)
        found = softmax_gradient_hessian(y, raw, weight, parameters, outputs, self.n_jobs)
        return *outputs, found


def sigmoid_gradient_hessian(
    y_true: Array | LabelBits,
    raw: Array,
    weight: Array | None,
    parameters: Parameters,
    outputs: Outputs,
    n_jobs: int | None,
) -> int:
    """Write gradient and Hessian of (n_samples, n_labels) independent sigmoids; return the kernels' flags."""
    smoothing = np.float32(parameters.smoothing)
    tables, bounds = parameters.table_for(raw.dtype), parameters.bounds
    alike = weight is None and bool((tables == tables[:1]).all())
    columns = _columns(y_true, raw, outputs, alike=alike)
    if columns is None:
        return _sigmoid_matrix(y_true, raw, weight, parameters, outputs, n_jobs)
    y, x, gradient, hessian = columns

    def worker() -> Run:
        weights = weight_column(weight)
        margins, labels = Column(x, MARGIN_DTYPES), Column(y, FLOAT32)
        g, h = Column(gradient, FLOAT32), Column(hessian, FLOAT32)
        soft = parameters.smoothing > 0.0

        def run(start: int, stop: int) -> int:
            nonlocal soft
            rows, found = slice(start, stop), 0
            inputs = margins.block(rows), labels.block(rows), weights.block(rows)
            out = g.block(rows, load=False), h.block(rows, load=False)
            if not soft:
                found = sigmoid.sigmoid_hard(*inputs, tables[0], bounds, *out)
                soft = bool(found & flags.SOFT_LABEL)
            if soft:
                found = sigmoid.sigmoid_soft(*inputs, tables[0], bounds, smoothing, *out)
            g.store(rows, out[0])
            h.store(rows, out[1])
            return found

        return run

    direct = (
        Column(x, MARGIN_DTYPES).direct and Column(y, FLOAT32).direct and Column(gradient, FLOAT32).direct
    )
    block = DIRECT_ROWS if direct and weight_column(weight).direct else SCRATCH_ROWS
    return reduce(or_, map_blocks(worker, x.shape[0], block, n_jobs), 0)


def _columns(
    y_true: Array | LabelBits, raw: Array, outputs: Outputs, *, alike: bool
) -> tuple[Array, Array, Array, Array] | None:
    """All sigmoids as one column: of one label, or of labels alike whose arrays have one layout."""
    if not isinstance(y_true, np.ndarray):
        return None
    arrays = y_true, raw, *outputs
    if raw.shape[1] == 1:
        y, x, gradient, hessian = (array[:, 0] for array in arrays)
        return y, x, gradient, hessian
    one_layout = all(array.flags.c_contiguous for array in arrays) or all(
        array.flags.f_contiguous for array in arrays
    )
    if not (alike and one_layout):
        return None
    y, x, gradient, hessian = (array.ravel("K") for array in arrays)  # in the order of memory, no copy
    return y, x, gradient, hessian


def _sigmoid_matrix(
    y_true: Array | LabelBits,
    raw: Array,
    weight: Array | None,
    parameters: Parameters,
    outputs: Outputs,
    n_jobs: int | None,
) -> int:
    """Of labels that differ, or have weights or layouts of their own."""
    n_samples, n_labels = raw.shape
    smoothing = np.float32(parameters.smoothing)
    tables, bounds = parameters.table_for(raw.dtype), parameters.bounds
    in_rows = isinstance(y_true, np.ndarray) and all(out.flags.c_contiguous for out in outputs)

    def worker() -> Run:
        margins, weights = Rows(raw, MARGIN_DTYPES), weight_column(weight)
        labels: Rows | Column = (
            Rows(y_true, FLOAT32) if isinstance(y_true, np.ndarray) else Column(y_true.packed, FLOAT32)
        )
        hard = in_rows and smoothing == 0.0 and n_labels <= sigmoid.TILE

        def run(start: int, stop: int) -> int:
            nonlocal hard
            rows = slice(start, stop)
            x, y, w = margins.block(rows), labels.block(rows), weights.block(rows)
            g, h = (out[rows] for out in outputs)
            if hard and x.flags.c_contiguous and y.flags.c_contiguous:
                flat = x.ravel(), y.ravel(), w, tables, bounds, g.ravel(), h.ravel()
                found = sigmoid.sigmoid_interleaved(*flat)
                if not found & flags.SOFT_LABEL:
                    return int(found)
                hard = False
            return int(sigmoid.sigmoid_matrix(x, y, w, tables, bounds, smoothing, g, h))

        return run

    return reduce(or_, map_blocks(worker, n_samples, matrix_block(n_labels), n_jobs, n_labels), 0)


def softmax_gradient_hessian(
    y_true: Array,
    raw: Array,
    weight: Array | None,
    parameters: Parameters,
    outputs: Outputs,
    n_jobs: int | None,
) -> int:
    """Write gradient and diagonal Hessian of a softmax over (n_samples, n_classes) margins; return flags."""
    n_samples, n_classes = raw.shape
    table, bounds = parameters.table_for(raw.dtype), parameters.bounds
    kernel = softmax.softmax_hard if table.dtype == np.float32 else softmax_precise.softmax_precise
    hessian_factor = table.dtype.type(parameters.hessian_factor)

    def worker() -> Run:
        margins, labels, weights = Rows(raw, MARGIN_DTYPES), Column(y_true, FLOAT32), weight_column(weight)

        def run(start: int, stop: int) -> int:
            rows = slice(start, stop)
            x, y, w = margins.block(rows), labels.block(rows), weights.block(rows)
            out = outputs[0][rows], outputs[1][rows]
            return kernel(x, y, w, table, bounds, hessian_factor, *out)

        return run

    return reduce(or_, map_blocks(worker, n_samples, matrix_block(n_classes), n_jobs, n_classes), 0)


def sigmoid_loss(y_true: Array, raw: Array, parameters: Parameters, out: Array, n_jobs: int | None) -> int:
    """Write the loss of (n_samples, n_labels) independent sigmoids in float64; return flags."""
    n_samples, n_labels = raw.shape
    gamma, alpha, smoothing = parameters.gamma, parameters.alpha, parameters.smoothing

    def worker() -> Run:
        labels = [
            (
                Column(raw[:, label], MARGIN_DTYPES),
                Column(y_true[:, label], FLOAT64),
                Column(out[:, label], FLOAT64),
            )
            for label in range(n_labels)
        ]

        def run(start: int, stop: int) -> int:
            rows, found = slice(start, stop), 0
            for label, (margin, y_label, result) in enumerate(labels):
                block = result.block(rows, load=False)
                found |= sigmoid.sigmoid_loss(
                    margin.block(rows), y_label.block(rows), gamma[label], alpha[label], smoothing, block
                )
                result.store(rows, block)
            return found

        return run

    # A float64 loss costs about three float32 gradients.
    return reduce(or_, map_blocks(worker, n_samples, SCRATCH_ROWS, n_jobs, 3 * n_labels), 0)


def softmax_loss(y_true: Array, raw: Array, parameters: Parameters, out: Array, n_jobs: int | None) -> int:
    """Write the softmax loss of each row in float64; return flags."""

    def worker() -> Run:
        margins, labels = Rows(raw, MARGIN_DTYPES), Column(y_true, FLOAT64)

        def run(start: int, stop: int) -> int:
            rows = slice(start, stop)
            return softmax_precise.softmax_loss(
                margins.block(rows), labels.block(rows), parameters.gamma, parameters.alpha, out[rows]
            )

        return run

    return reduce(or_, map_blocks(worker, raw.shape[0], SCRATCH_ROWS, n_jobs, 3 * raw.shape[1]), 0)
