"""The trees of a model as ONNX has them: flat lists of nodes and of leaf values.

TreeEnsembleRegressor of ai.onnx.ml 3, which ONNX Runtime runs since 1.11. A node compares a column with a
number and goes to its "true" or "false" side; NaN goes where `missing_true` says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from onnx import numpy_helper

from focalboost._typing import Array
from focalboost.onnx._categories import CategoryColumns, CategorySplit
from focalboost.onnx._graph import ML, Graph

LEAF, LESS, LESS_EQUAL = range(3)
_MODES = np.array(["LEAF", "BRANCH_LT", "BRANCH_LEQ"])

Column = Literal["number", "zero_missing", "category"]
"""What a split looks at: the feature as it is, NaN where it is 0, or 0 and 1 for a set of categories."""
COLUMNS: tuple[Column, ...] = ("number", "zero_missing", "category")
NUMBER, ZERO_MISSING, CATEGORY = range(3)
# LightGBM takes numbers up to this for 0: kZeroThreshold, a float32, in include/LightGBM/meta.h.
_ZERO = float(np.float32(1e-35))


@dataclass(frozen=True)
class Tree:
    """Nodes, numbered from the root, and values of leaves; of a leaf only `mode` counts."""

    mode: Array
    column: Array
    """What is looked at, a number of `COLUMNS`."""
    feature: Array
    value: Array
    true: Array
    false: Array
    missing_true: Array
    leaf: Array
    """Nodes that are leaves; several times where their values are vectors."""
    output: Array
    weight: Array

    categories: Mapping[int, CategorySplit] = field(default_factory=dict)
    """Of nodes whose column is "category": the true side is the left one."""


@dataclass(frozen=True)
class Forest:
    """All trees, whose sums of leaves are the margins."""

    trees: list[Tree]
    n_features: int
    n_outputs: int
    dtype: type[np.float32 | np.float64]
    """In which the booster compares and adds; it adds the trees in their order, and so does ONNX Runtime."""
    cut: Literal["floor", "truncated"] = "floor"
    """How a fraction becomes a category: -0.5 is -1, which is none, or 0."""

    def margins(self, graph: Graph, data: str) -> str:
        """Add the nodes from rows of `dtype` to float64 margins of shape (n_samples, n_outputs)."""
        trees = self.trees or [constant_tree(np.zeros(self.n_outputs))]
        columns = sorted({int(c) for tree in trees for c in np.unique(tree.column[tree.mode != LEAF])})
        asked = CategoryColumns(split for tree in trees for split in tree.categories.values())
        parts = [self._as_column(graph, data, COLUMNS[c], asked) for c in columns] or [data]
        wide = parts[0] if len(parts) == 1 else graph.add("Concat", *parts, axis=1)
        # Those of categories come last.
        place = {c: number * self.n_features for number, c in enumerate(columns)}
        trees = [_placed(tree, place, asked) for tree in trees]
        if self.dtype is np.float32 or self.n_outputs == 1:
            return self._sums(graph, wide, trees, self.n_outputs)
        # ONNX gives float32. Where margins of several classes are large and their differences are not, that
        # is too little: heads and rests are summed apart.
        sums = self._sums(graph, wide, _with_rests(trees, self.n_outputs), 2 * self.n_outputs)
        return graph.add("MatMul", sums, graph.constant(np.tile(np.eye(self.n_outputs), (2, 1))))

    def _sums(self, graph: Graph, rows: str, trees: Sequence[Tree], n_targets: int) -> str:
        attributes = self._attributes(trees)
        sums = graph.add("TreeEnsembleRegressor", rows, domain=ML, n_targets=n_targets, **attributes)
        return graph.cast(sums, np.float64)

    def _as_column(self, graph: Graph, data: str, column: Column, asked: CategoryColumns) -> str:
        if column == "number":
            return data
        if column == "category":
            return asked.add_to(graph, data, self._whole(graph, data), self.dtype)
        zero, missing = (graph.constant(np.array(value, self.dtype)) for value in (_ZERO, np.nan))
        size = graph.add("Abs", data)
        return graph.add("Where", graph.add("Greater", size, zero), data, missing)

    def _whole(self, graph: Graph, data: str) -> str:
        if self.cut == "floor":
            return graph.add("Floor", data)
        return graph.add("Mul", graph.add("Sign", data), graph.add("Floor", graph.add("Abs", data)))

    def _attributes(self, trees: Sequence[Tree]) -> dict[str, Any]:
        def joined(name: str) -> Array:
            return np.concatenate([getattr(tree, name) for tree in trees])

        mode = joined("mode")
        is_leaf = mode == LEAF

        def of_splits(values: Array) -> list[int]:
            return np.where(is_leaf, 0, values).astype(np.int64).tolist()  # type: ignore[no-any-return]

        sizes, leaves = [len(tree.mode) for tree in trees], [len(tree.leaf) for tree in trees]
        return {
            "nodes_treeids": np.repeat(np.arange(len(trees)), sizes).tolist(),
            "nodes_nodeids": np.concatenate([np.arange(size) for size in sizes]).tolist(),
            "nodes_modes": _MODES[mode].tolist(),
            "nodes_featureids": of_splits(joined("feature")),
            "nodes_truenodeids": of_splits(joined("true")),
            "nodes_falsenodeids": of_splits(joined("false")),
            "nodes_missing_value_tracks_true": of_splits(joined("missing_true")),
            "target_treeids": np.repeat(np.arange(len(trees)), leaves).tolist(),
            "target_nodeids": joined("leaf").tolist(),
            "target_ids": joined("output").tolist(),
            **self._numbers("nodes_values", np.where(is_leaf, 0.0, joined("value"))),
            **self._numbers("target_weights", joined("weight")),
        }

    def _numbers(self, name: str, values: Array) -> dict[str, Any]:
        """float32 has an attribute of its own."""
        if self.dtype is np.float32:
            return {name: values.astype(np.float32).tolist()}
        return {f"{name}_as_tensor": numpy_helper.from_array(values.astype(np.float64), name)}


def _placed(tree: Tree, place: Mapping[int, int], asked: CategoryColumns) -> Tree:
    """With the number of the joined column in the place of the feature's."""
    feature = tree.feature.copy()
    for column, start in place.items():
        feature[tree.column == column] += start
    for node, split in tree.categories.items():
        feature[node] = place[CATEGORY] + asked.number[split]
    return replace(tree, feature=feature)


def _with_rests(trees: Sequence[Tree], n_outputs: int) -> list[Tree]:
    """Each leaf with two values: a head, whose sums float32 holds exactly, and the rest, for other outputs.

    Heads have 22 bits from the largest sum that there can be downwards: with roundings no sum needs more than
    the 24 of float32.
    """
    largest = sum(float(np.abs(tree.weight).max()) for tree in trees)
    step = 2.0 ** (np.ceil(np.log2(largest)) - 22.0) if largest > 0.0 else 1.0
    heads = [np.round(tree.weight / step) * step for tree in trees]
    return [
        replace(
            tree,
            leaf=np.concatenate([tree.leaf, tree.leaf]),
            output=np.concatenate([tree.output, tree.output + n_outputs]),
            weight=np.concatenate([head, tree.weight - head]),
        )
        for tree, head in zip(trees, heads, strict=True)
    ]


@dataclass(frozen=True)
class Parts:
    """What is read from a booster."""

    forest: Forest
    record: str | None
    """Of the loss, and of the classifier."""
    feature_names: list[str]
    categories: dict[int, list[Any]]
    """Of a column of categories in a data frame, by its number: what 0, 1, ... stand for."""
    missing: float = float("nan")
    """A number that stands for a missing value, besides NaN."""


def constant_tree(values: Array) -> Tree:
    """One leaf, with a number for each output."""
    nothing, n_outputs = np.zeros(1, np.int64), len(values)
    leaf = np.zeros(n_outputs, np.int64)
    return Tree(
        nothing, nothing, nothing, nothing, nothing, nothing, nothing, leaf, np.arange(n_outputs), values
    )
