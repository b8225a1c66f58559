"""Sums over labels, which are all that a loss is resolved from: of arrays, or of a Dask collection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from focalboost._dask import is_collection, over_partitions
from focalboost._typing import Array


class Totals(NamedTuple):
    """Number of rows, sum of their weights (per label), and the part of it that each label or class has."""

    n_samples: int
    weight: float | Array
    labels: Array
    extremes: tuple[float, float]  # the smallest weight above 0 and the largest; (1, 1) of none

    @property
    def shares(self) -> Array:
        return self.labels / self.weight


def extremes(weight: Array | None) -> tuple[float, float]:
    """The smallest weight above 0 and the largest."""
    if weight is None:
        return 1.0, 1.0
    largest = float(weight.max(initial=0.0))
    return (float(weight.min(initial=largest, where=weight > 0)), largest) if largest else (1.0, 1.0)


def as_trained(values: Array) -> Array:
    """In float64, rounded to float32: the labels and weights that the boosters' own start is of."""
    return values.astype(np.float32).astype(np.float64)


def label_totals(labels: Array, weight: Array | None) -> Totals:
    """Weighted sum of each column of labels between 0 and 1."""
    # In float64: NumPy sums float32 labels with float32 weights in float32.
    values = as_trained(labels)
    if weight is None:
        return Totals(len(values), float(len(values)), values.sum(axis=0), extremes(None))
    weights = as_trained(weight)[:, None]
    positive, negative = ((side * weights).sum(axis=0) for side in (values, 1.0 - values))
    # Not the sum of the weights, which is rounded otherwise: a label in all rows has a share of exactly 1.
    return Totals(len(values), positive + negative, positive, extremes(weight))


def class_totals(labels: Array, weight: Array | None, n_classes: int) -> Totals:
    """Weight of each class; more than `n_classes` if a larger label occurs."""
    weights = None if weight is None else as_trained(weight)
    counts = np.bincount(labels.astype(np.intp), weights, minlength=n_classes).astype(np.float64)
    return Totals(len(labels), float(counts.sum()), counts, extremes(weight))


def totals(of_block: Callable[[Any, Any], Totals], y: Any, sample_weight: Any) -> Totals:
    """The sums over all rows; of a Dask collection over all its partitions, in one pass."""
    blocks = over_partitions(of_block, y, sample_weight) if is_collection(y) else [of_block(y, sample_weight)]
    n_samples = sum(block.n_samples for block in blocks)
    if n_samples == 0:
        raise ValueError("y has no rows, must have at least one of each class.")
    weight = sum(block.weight for block in blocks)
    if not np.any(weight):
        raise ValueError("sample_weight == 0 in all rows, must be > 0 in at least one.")
    labels = np.zeros(max(len(block.labels) for block in blocks))
    for block in blocks:
        labels[: len(block.labels)] += block.labels
    found = [block.extremes for block in blocks if np.any(block.weight)]
    return Totals(n_samples, weight, labels, (min(e[0] for e in found), max(e[1] for e in found)))
