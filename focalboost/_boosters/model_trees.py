"""The trees of an XGBoost model, checked all at once with one array for each name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from focalboost._boosters.model_document import (
    DICT,
    LIST,
    MAX_INT,
    WHOLE,
    get,
    integer,
    numbers,
    shown,
    whole_numbers,
)
from focalboost._boosters.model_file import in_tree, not_a_tree, refused, tree_of
from focalboost._typing import Array

_WHOLE = ("left_children", "right_children", "parents", "split_indices", "default_left")
_CATEGORIES = ("categories", "categories_nodes", "categories_segments", "categories_sizes")
_STATISTICS = ("loss_changes", "sum_hessian")  # absent in trees with vector leaves before XGBoost 3.2
_NO_NODE = -1
_ROOTS = (_NO_NODE, MAX_INT)  # what stands for the parent of a root
_DELETED = MAX_INT  # split index of a node that was pruned away
_MOST_CATEGORIES = 2**24  # XGBoost's own limit, whole numbers in float32


def check_trees(trees: Sequence[Any], n_features: int, n_outputs: int) -> bool:
    """Raise ModelFileError for trees that XGBoost must not be given; whether their leaves are vectors."""
    if not trees:
        return False
    forest = _Forest(trees, n_features, n_outputs)
    forest.check()
    return forest.width > 1


class _Forest:
    def __init__(self, trees: Sequence[Any], n_features: int, n_outputs: int) -> None:
        self.trees, self.n_features = trees, n_features
        sizes, deleted = [], []
        widths = set()
        for number, tree in enumerate(trees):
            with in_tree(number):
                if (found := get(tree, "id", WHOLE)) != number:
                    raise refused(f"id == {found}", f"{number}, as the trees are numbered")
                param = get(tree, "tree_param", DICT)
                sizes.append(integer(param, "num_nodes", 1))
                deleted.append(integer(param, "num_deleted", 0, "0"))
                # 0 for a single number before XGBoost 2
                widths.add(max(integer(param, "size_leaf_vector", 0, "0"), 1))
                if (found := integer(param, "num_feature", 0)) != n_features:
                    raise refused(f"num_feature == {found}", f"{n_features}, as the model has")
        if len(widths) > 1 or not widths <= {1, n_outputs}:
            raise refused(f"size_leaf_vector == {sorted(widths)}", f"1, or in all trees {n_outputs}")
        self.width = widths.pop()
        self.sizes, self.deleted = np.array(sizes, np.int64), np.array(deleted, np.int64)

    def check(self) -> None:
        left, right, parents, features, default_left = (
            self._array(name, whole_numbers, self.sizes) for name in _WHOLE
        )
        # Not before the sizes are known to be true: a damaged one may be beyond the memory.
        self.first = np.repeat(np.cumsum(self.sizes) - self.sizes, self.sizes)
        self._none((default_left < 0) | (default_left > 1), "default_left", default_left, "0 or 1")
        leaf = left == _NO_NODE
        self._check_links(left, right, parents, leaf, features == _DELETED)
        bad = (features < 0) | (features >= max(self.n_features, 1))
        self._none(bad & ~leaf, "split_indices", features, f"in 0 to {self.n_features - 1}")
        is_set = self._check_categories()
        conditions = self._array("split_conditions", numbers, self.sizes)
        self._none(np.isnan(conditions) & ~leaf & ~is_set, "split_conditions", conditions, "a number")
        for name in _STATISTICS:
            if self.width == 1 or any(name in tree for tree in self.trees):
                values = self._array(name, numbers, self.sizes)
                self._none(np.isnan(values), name, values, "a number")
        self._check_leaves(conditions, right, leaf)

    # ------------------------------------------------------------------ reading
    def _array(self, name: str, read: Callable[[Any, str], Array], due: Array | None) -> Array:
        found = []
        for number, tree in enumerate(self.trees):
            with in_tree(number):
                values = read(get(tree, name, LIST), name)
            if due is not None and values.size != due[number]:
                raise refused(f"{name} with {values.size} numbers", f"{due[number]} of them", number)
            found.append(values)
        return np.concatenate(found)

    def _none(self, bad: Array, name: str, values: Array, rule: str) -> None:
        if bad.any():
            at = int(bad.argmax())
            tree, node = tree_of(at, self.sizes)
            raise refused(f"{name}[{node}] == {values[at]}", rule, tree)

    # ------------------------------------------------------------------ rules
    def _check_links(self, left: Array, right: Array, parents: Array, leaf: Array, deleted: Array) -> None:
        own = np.repeat(self.sizes, self.sizes)
        for name, child in (("left_children", left), ("right_children", right)):
            self._none(~leaf & ((child < 1) | (child >= own)), name, child, "a node of the tree")
        node = np.arange(left.size)
        if self.width == 1:
            self._none(leaf & (right != _NO_NODE), "right_children", right, "-1, as left_children")
        self._none(deleted & (~leaf | (node == self.first)), "left_children", left, "-1 in a deleted node")
        counted = np.add.reduceat(deleted.astype(np.int64), np.cumsum(self.sizes) - self.sizes)
        if (off := counted != self.deleted).any():
            tree = int(off.argmax())
            raise refused(
                f"num_deleted == {self.deleted[tree]}", f"{counted[tree]}, as split_indices says", tree
            )
        inner = node[~leaf]
        children = np.concatenate([(self.first + child)[~leaf] for child in (left, right)])
        lost = not_a_tree(self.sizes, np.tile(inner, 2), children, deleted)
        if lost is not None:
            tree, place = tree_of(lost, self.sizes)
            raise refused(
                f"node {place} of left_children and right_children", "reached once from node 0", tree
            )
        wanted = np.full(left.size, _NO_NODE)
        wanted[children] = np.tile(inner - self.first[~leaf], 2)
        is_root = node == self.first
        bad = np.where(is_root, ~np.isin(parents, _ROOTS), parents != wanted) & ~deleted
        # A deleted node keeps its parent, which XGBoost looks up.
        bad |= deleted & ((parents < 0) | (parents >= own))
        self._none(bad, "parents", parents, "the node that leads there")

    def _check_categories(self) -> Array:
        """Which nodes ask for membership in a set, of which the categories are listed in their order."""
        if not any(name in tree for tree in self.trees for name in ("split_type", *_CATEGORIES)):
            return np.zeros(int(self.sizes.sum()), bool)
        kinds = self._array("split_type", whole_numbers, self.sizes)
        self._none((kinds < 0) | (kinds > 1), "split_type", kinds, "0 or 1")
        starts = np.cumsum(self.sizes) - self.sizes
        for number, tree in enumerate(self.trees):
            with in_tree(number):
                arrays = {name: whole_numbers(get(tree, name, LIST), name) for name in _CATEGORIES}
            nodes = np.flatnonzero(kinds[starts[number] : starts[number] + self.sizes[number]])
            sizes = arrays["categories_sizes"]
            if not np.array_equal(arrays["categories_nodes"], nodes):
                raise refused("categories_nodes", f"{shown(nodes.tolist())}, as split_type says", number)
            if sizes.size != nodes.size or (sizes < 1).any() or (sizes > _MOST_CATEGORIES).any():
                raise refused("categories_sizes", f"{nodes.size} whole numbers >= 1", number)
            if not np.array_equal(arrays["categories_segments"], np.cumsum(sizes) - sizes):
                raise refused("categories_segments", "the sums of the sizes before", number)
            values = arrays["categories"]
            if values.size != sizes.sum() or (values < 0).any() or (values >= _MOST_CATEGORIES).any():
                raise refused("categories", f"{sizes.sum()} numbers in 0 to {_MOST_CATEGORIES - 1}", number)
        return np.asarray(kinds == 1)

    def _check_leaves(self, conditions: Array, right: Array, leaf: Array) -> None:
        """The values of the leaves, which stand among the conditions, or apart where they are vectors."""
        if self.width > 1:
            values, starts = self._vectors(right, leaf)
        else:
            values, starts = np.where(leaf, conditions, 0), np.cumsum(self.sizes) - self.sizes
            self._none(~np.isfinite(values), "split_conditions", conditions, "finite in a leaf")
            weights = self._array("base_weights", numbers, self.sizes)
            self._none(~np.isfinite(weights), "base_weights", weights, "finite")
        with np.errstate(over="ignore"):
            largest = np.maximum.reduceat(np.abs(values), starts).sum()
        if not np.isfinite(largest):
            raise refused("the sum of the largest leaf values of the trees", "finite in float32")

    def _vectors(self, right: Array, leaf: Array) -> tuple[Array, Array]:
        """The values of leaves that are vectors, and where each tree's begin."""
        n_leaves = np.add.reduceat(leaf.astype(np.int64), np.cumsum(self.sizes) - self.sizes)
        apart = any("leaf_weights" in tree for tree in self.trees)  # since XGBoost 3.2
        # Which splits may have in fewer dimensions, where the leaves stand apart.
        weights = self._array("base_weights", numbers, None if apart else self.sizes * self.width)
        for number, tree in enumerate(self.trees):
            size = len(tree["base_weights"])
            if size == 0 or size % self.sizes[number]:
                raise refused(f"{size} base_weights", f"a multiple of {self.sizes[number]} nodes", number)
        due = (n_leaves if apart else self.sizes) * self.width
        values = self._array("leaf_weights", numbers, due) if apart else weights
        for name, found in (("base_weights", weights), ("leaf_weights", values)):
            if not np.isfinite(found).all():
                raise refused(name, "finite")
        if apart:
            place = np.cumsum(leaf) - np.repeat(np.cumsum(n_leaves) - n_leaves, self.sizes) - 1
            self._none(leaf & (right != place), "right_children", right, "the number of the leaf")
        else:
            self._none(leaf & (right != _NO_NODE), "right_children", right, "-1, as left_children")
        return values, np.cumsum(due) - due
