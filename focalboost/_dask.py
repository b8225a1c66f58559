"""Dask collections: noticed without importing Dask, worked on partition by partition.

An object can only be a collection if Dask was imported already, so `sys.modules` tells.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from focalboost._typing import Array

R = TypeVar("R")

_ROWS = (("dask.array", "Array"), ("dask.dataframe", "Series"), ("dask.dataframe", "DataFrame"))


def is_collection(value: object) -> bool:
    base = sys.modules.get("dask.base")
    return base is not None and bool(base.is_dask_collection(value))


def refuse_collection(name: str, value: object) -> None:
    """NumPy would load all rows of a collection into this process."""
    if is_collection(value):
        raise TypeError(
            f"{name} is a Dask {type(value).__name__}, must be in memory: only for_labels, posterior, margin "
            f"and calibrated work on partitions. Use {name}.compute(), or dask.array.map_blocks."
        )


def worker_threads() -> int | None:
    """Threads of the Dask worker whose task is calling; None elsewhere.

    A worker's process has OMP_NUM_THREADS=1 if Dask's nanny started it, else nothing that keeps it from
    taking all cores, whatever number of threads the worker was given.
    """
    module = sys.modules.get("distributed")
    if module is None:
        return None
    try:
        return int(module.get_worker().state.nthreads)
    except ValueError:  # "No worker found"
        return None


def _is_array(name: str, value: object) -> bool:
    """Whether it is an Array rather than a frame; an error for bags and the like."""
    for module, kind in _ROWS:
        cls = getattr(sys.modules.get(module), kind, None)
        if cls is not None and isinstance(value, cls):
            return kind == "Array"
    raise TypeError(f"{name} is a Dask {type(value).__name__}, must be an Array, a Series or a DataFrame.")


def _row_partitions(name: str, value: Any) -> list[Any]:
    """One Delayed for each partition of the rows."""
    if not is_collection(value):
        raise TypeError(
            f"{name} is of type {type(value).__name__}, must be a Dask collection as y: "
            f"dask.array.from_array({name}, chunks=y.chunks)."
        )
    if _is_array(name, value) and value.ndim == 2:
        value = value.rechunk({1: -1})
    # Optimised later, together: what y and the weights have in common is computed once.
    return list(np.ravel(value.to_delayed(optimize_graph=False)))


def over_partitions(function: Callable[[Any, Any], R], y: Any, sample_weight: Any) -> list[R]:
    """`function(y, weight)` of each partition, computed where the partitions are, in one pass."""
    dask: Any = sys.modules["dask"]

    parts = _row_partitions("y", y)
    weights = [None] * len(parts)
    if sample_weight is not None:
        weights = _row_partitions("sample_weight", sample_weight)
        if len(weights) != len(parts):
            raise ValueError(
                f"sample_weight has {len(weights)} partitions, must have {len(parts)} as y. "
                "Use sample_weight.rechunk(y.chunks), or repartition both alike."
            )

    def of_partition(number: int, labels: Any, weight: Any) -> R:
        try:
            return function(labels, weight)
        except (TypeError, ValueError) as error:
            raise type(error)(f"partition {number} of y: {error}") from error

    delayed = dask.delayed(of_partition, pure=False)
    tasks = [delayed(i, *pair) for i, pair in enumerate(zip(parts, weights, strict=True))]
    return list(dask.compute(*tasks))


def totals(
    function: Callable[[Any, Any, Any], tuple[Any, ...]], y: Any, rows: Any, sample_weight: Any
) -> Callable[[Callable[..., Array]], Array]:
    """Sums over partitions of a second function, of what `function(y, rows, weight)` makes of each.

    That is made once and kept where the partitions are; each call of the result is one pass over it.
    """
    dask: Any = sys.modules["dask"]

    parts = _row_partitions("raw_prediction", rows)
    others = []
    for name, value in (("y_true", y), ("sample_weight", sample_weight)):
        found = [None] * len(parts) if value is None else _row_partitions(name, value)
        if len(found) != len(parts):
            raise ValueError(
                f"{name} has {len(found)} partitions, must have {len(parts)} as raw_prediction. "
                f"Use {name}.rechunk, or repartition, so that both are alike."
            )
        others.append(found)
    delayed = dask.delayed(function, pure=False)
    blocks = dask.persist(*(delayed(*block) for block in zip(others[0], parts, others[1], strict=True)))

    def total(of_rows: Callable[..., Array]) -> Array:
        task = dask.delayed(lambda block: of_rows(*block), pure=False)
        return np.asarray(sum(dask.compute(*(task(block) for block in blocks))))

    return total


def map_rows(name: str, function: Callable[[Array], Array], value: Any, n_columns: int | None = None) -> Any:
    """`function` of each partition, lazily: a collection of the same kind, of float64.

    `n_columns` is the width of the result, 1 for one number a row; by default it is that of `value`.
    """
    is_array = _is_array(name, value)
    same = n_columns is None
    narrow = value.ndim == 1 if same else n_columns == 1

    def of_array(block: Array) -> Array:
        result = function(block)
        return result.reshape(block.shape) if same else result

    def of_frame(block: Any) -> Any:
        import pandas as pd  # noqa: PLC0415  # loaded already: the block is one of its objects

        values = of_array(block.to_numpy())
        if narrow:
            return pd.Series(values, index=block.index, name=block.name if same else None)
        return pd.DataFrame(values, index=block.index, columns=block.columns if same else None)

    if not is_array:
        return value.map_partitions(of_frame)
    if value.ndim == 2:
        value = value.rechunk({1: -1})
    if same or narrow:
        return value.map_blocks(of_array, dtype=np.float64, meta=np.empty((0,) * value.ndim))
    chunks = (value.chunks[0], (n_columns,))
    return value.map_blocks(of_array, dtype=np.float64, new_axis=1, chunks=chunks, meta=np.empty((0, 0)))
