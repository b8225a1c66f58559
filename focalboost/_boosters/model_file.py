"""What is common to checks of model files: the error, and the rule that a tree is a tree."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from focalboost._typing import Array

CURE = "The file was cut off, edited or damaged: save the model again or take another copy."


class ModelFileError(ValueError):
    """A model file that its booster must not be given: its parser could end the process, or read nonsense."""


def refused(what: str, rule: str, tree: int | None = None) -> ModelFileError:
    """The error: what was found and where, the rule, the cure."""
    where = "" if tree is None else f" in tree {tree}"
    return ModelFileError(f"{what}{where}, must be {rule}. {CURE}")


@contextmanager
def named(file: Any) -> Iterator[None]:
    """Errors of the block begin with the name of the file."""
    try:
        yield
    except ValueError as error:
        raise ModelFileError(f"{file}: {error}") from error


@contextmanager
def in_tree(number: int) -> Iterator[None]:
    """Errors of the block say in which tree."""
    try:
        yield
    except ModelFileError as error:
        raise ModelFileError(str(error).replace(", must", f" in tree {number}, must", 1)) from None


def not_a_tree(sizes: Array, parents: Array, children: Array, deleted: Array | None = None) -> int | None:
    """The first node of a forest that its root does not reach exactly once, or None.

    Nodes are numbered from 0 over all trees, the root of each first; `sizes` has the nodes of each tree,
    `parents[i]` -> `children[i]` are its arrows, which stay inside a tree. Deleted nodes have none.
    """
    n_nodes = int(sizes.sum())
    roots = np.repeat(np.cumsum(sizes) - sizes, sizes)
    nodes = np.arange(n_nodes)
    alive = np.ones(n_nodes, bool) if deleted is None else ~deleted
    wanted = alive & (nodes != roots)
    bad = np.bincount(children, minlength=n_nodes) != wanted
    if not bad.any():
        # Each has one parent: who never comes to the root on the way up runs in a circle. Each step doubles.
        above = nodes.copy()
        above[children] = parents
        for _ in range(int(sizes.max(initial=1)).bit_length()):
            above = above[above]
        bad = alive & (above != roots)
    return int(bad.argmax()) if bad.any() else None


def tree_of(node: int, sizes: Array) -> tuple[int, int]:
    """The tree of a node that is numbered over all trees, and its number in it."""
    ends = np.cumsum(sizes)
    tree = int(np.searchsorted(ends, node, side="right"))
    return tree, node - int(ends[tree] - sizes[tree])
