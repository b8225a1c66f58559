"""Splits on sets of categories: a column of 0 and 1 for each set, looked up in a table before the trees.

ONNX has no such split. A chain of BRANCH_EQ nodes says the same, but ONNX Runtime 1.21 and later give wrong
sums for some forests of them, and end the process where chains have thousands of nodes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from focalboost._typing import Array
from focalboost.onnx._graph import Graph


class CategorySplit(NamedTuple):
    """Which rows go to the right child of a split on a set of categories."""

    feature: int
    members: tuple[int, ...]
    members_go_right: bool
    """All other categories, unknown ones and negative numbers too, go to the other child."""
    missing_goes_right: bool


class CategoryColumns:
    """The splits of a forest, equal ones once, in the order of their columns."""

    def __init__(self, splits: Iterable[CategorySplit]) -> None:
        ordered = sorted(set(splits))
        self.number = {split: number for number, split in enumerate(ordered)}
        self._of_feature: dict[int, list[CategorySplit]] = {}
        for split in ordered:
            self._of_feature.setdefault(split.feature, []).append(split)

    def add_to(self, graph: Graph, data: str, whole: str, dtype: Any) -> str:
        """Name of an array (n_samples, n_splits) of `dtype`: 1 where a row goes right, else 0.

        `whole` is `data` cut to whole numbers. A category's number gives a row of the feature's table, by way
        of a list of places, as numbers of categories may be few and large.
        """
        features = np.array(list(self._of_feature), np.int64)
        tables = [_Table.of(splits) for splits in self._of_feature.values()]
        n_places = graph.constant(np.array([[len(table.place) - 2 for table in tables]], dtype))
        data, whole = (graph.add("Gather", rows, graph.constant(features), axis=1) for rows in (data, whole))
        known = graph.add(
            "And",
            graph.add("Greater", whole, graph.constant(np.array(-1.0, dtype))),
            graph.add("Less", whole, n_places),
        )
        code = graph.add("Where", known, whole, n_places)
        missing = graph.add("Add", n_places, graph.constant(np.array(1.0, dtype)))
        code = graph.cast(graph.add("Where", graph.add("IsNaN", data), missing, code), np.int64)
        columns = []
        for number, table in enumerate(tables):
            own = graph.add("Gather", code, graph.constant(np.array(number)), axis=1)
            row = graph.add("Gather", graph.constant(table.place), own, axis=0)
            columns.append(graph.add("Gather", graph.constant(table.goes_right), row, axis=0))
        joined = columns[0] if len(columns) == 1 else graph.add("Concat", *columns, axis=1)
        return graph.cast(joined, dtype)


class _Table(NamedTuple):
    place: Array
    """Row of the table for categories 0, 1, ..., for all others, and for a missing value."""
    goes_right: Array
    """Of shape (n_rows, n_splits)."""

    @classmethod
    def of(cls, splits: list[CategorySplit]) -> _Table:
        members = [np.array(split.members, np.int64) for split in splits]
        used = np.unique(np.concatenate(members))
        other, missing = len(used), len(used) + 1
        place = np.full(int(used.max(initial=-1)) + 3, other, np.int32)
        place[used] = np.arange(len(used))
        place[-1] = missing
        goes_right = np.empty((len(used) + 2, len(splits)), bool)
        for number, (split, inside) in enumerate(zip(splits, members, strict=True)):
            goes_right[:, number] = not split.members_go_right
            goes_right[np.searchsorted(used, inside), number] = split.members_go_right
            goes_right[missing, number] = split.missing_goes_right
        return cls(place, goes_right)
