"""Kernels over whole arrays on the CPU: threads take blocks of rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any, Literal

import numpy as np

from focalboost._kernels import buffers, flags, sigmoid, softmax
from focalboost._kernels.blocks import (
    DIRECT_ROWS,
    FLOAT32,
    FLOAT64,
    MARGIN_DTYPES,
    SCRATCH_ROWS,
    Column,
    LabelColumn,
    Rows,
    label_column,
    weight_column,
)
from focalboost._kernels.interface import LabelColumns, Parameters
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
        self, y: Array | LabelColumns, raw: Array, weight: Array | None, parameters: Parameters
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
    y_true: Array | LabelColumns,
    raw: Array,
    weight: Array | None,
    parameters: Parameters,
    outputs: Outputs,
    n_jobs: int | None,
) -> int:
    """Write gradient and Hessian of (n_samples, n_labels) independent sigmoids; return the kernels' flags."""
    n_samples, n_labels = raw.shape
    smoothing = np.float32(parameters.smoothing)
    tables, bounds = parameters.table, parameters.bounds

    def columns(label: int) -> tuple[Column, Column | LabelColumn, Column, Column]:
        g, h = (Column(out[:, label], FLOAT32) for out in outputs)
        return Column(raw[:, label], MARGIN_DTYPES), label_column(y_true, label), g, h

    def worker() -> Run:
        weights = weight_column(weight)
        labels = [columns(label) for label in range(n_labels)]
        soft = [parameters.smoothing > 0.0] * n_labels

        def run(start: int, stop: int) -> int:
            rows, found = slice(start, stop), 0
            w = weights.block(rows)
            for label, (margin, y_label, g, h) in enumerate(labels):
                x, y = margin.block(rows), y_label.block(rows)
                out = g.block(rows, load=False), h.block(rows, load=False)
                in_label = 0
                if not soft[label]:
                    in_label = sigmoid.sigmoid_hard(x, y, w, tables[label], bounds, *out)
                    soft[label] = bool(in_label & flags.SOFT_LABEL)
                if soft[label]:
                    in_label = sigmoid.sigmoid_soft(x, y, w, tables[label], bounds, smoothing, *out)
                found |= in_label
                g.store(rows, out[0])
                h.store(rows, out[1])
            return found

        return run

    direct = weight_column(weight).direct and all(column.direct for column in columns(0))
    block = DIRECT_ROWS if direct else SCRATCH_ROWS
    return reduce(or_, map_blocks(worker, n_samples, block, n_jobs, n_labels), 0)


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
    table, bounds = parameters.table, parameters.bounds
    hessian_factor = np.float32(parameters.hessian_factor)

    def worker() -> Run:
        margins, labels, weights = Rows(raw), Column(y_true, FLOAT32), weight_column(weight)

        def run(start: int, stop: int) -> int:
            rows = slice(start, stop)
            x, y, w = margins.block(rows), labels.block(rows), weights.block(rows)
            out = outputs[0][rows], outputs[1][rows]
            return softmax.softmax_hard(x, y, w, table, bounds, hessian_factor, *out)

        return run

    # About 0.1 ms of work, beside which handing over a block is nothing; no block is larger than scratch.
    block = max(1024, min(SCRATCH_ROWS, 8 * SCRATCH_ROWS // n_classes))
    return reduce(or_, map_blocks(worker, n_samples, block, n_jobs, n_classes), 0)


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

    # A float64 row with libm's exp and log1p costs about ten float32 rows.
    return reduce(or_, map_blocks(worker, n_samples, SCRATCH_ROWS, n_jobs, 10 * n_labels), 0)


def softmax_loss(y_true: Array, raw: Array, parameters: Parameters, out: Array, n_jobs: int | None) -> int:
    """Write the softmax loss of each row in float64; return flags."""

    def worker() -> Run:
        margins, labels = Rows(raw), Column(y_true, FLOAT64)

        def run(start: int, stop: int) -> int:
            rows = slice(start, stop)
            return softmax.softmax_loss(
                margins.block(rows), labels.block(rows), parameters.gamma, parameters.alpha, out[rows]
            )

        return run

    return reduce(or_, map_blocks(worker, raw.shape[0], SCRATCH_ROWS, n_jobs, 5 * raw.shape[1]), 0)
