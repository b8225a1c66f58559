"""How far a tree steps, and whether its leaves overshoot: what `first_trees.py` says of each tree.

The measures are defined in the docstring of `first_trees.py`.
"""

from __future__ import annotations

from collections.abc import Iterable

import arms
import numpy as np
from arms import Array, Fitted
from sklearn.metrics import average_precision_score


def by_leaf(leaf: Array, values: Array, n_leaves: int) -> Array:
    return np.bincount(leaf, weights=values, minlength=n_leaves)


def overshooting(model: Fitted, y: Array, leaf: Array, margin: Array, step: Array) -> Array:
    """Of each leaf whether its training loss is rising again where the step ends."""
    gradient, _ = model.loss.gradient_hessian(y, margin + step)
    slope = by_leaf(leaf, gradient * np.sign(step), leaf.max() + 1)
    # What float32 leaves of a sum that is 0.
    noise = 1e-6 * by_leaf(leaf, np.abs(gradient), leaf.max() + 1)
    return np.asarray(slope > noise)


def worsened(model: Fitted, y: Array, leaf: Array, margin: Array, step: Array) -> Array:
    """Of each leaf whether its loss is larger after the step than before."""
    before, after = model.loss.loss(y, margin), model.loss.loss(y, margin + step)
    noise = 1e-9 * by_leaf(leaf, before, leaf.max() + 1)
    return np.asarray(by_leaf(leaf, after - before, leaf.max() + 1) > noise)


def shares(name: str, flags: Array, leaf: Array, y: Array) -> dict[str, float]:
    """Of all rows, and of the positive ones, in flagged leaves."""
    rows = flags[leaf]
    return {name: float(rows.mean()), f"{name}, positive": float(rows[y == 1].mean())}


def look(
    model: Fitted, train: tuple[Array, Array], test: tuple[Array, Array], trees: Iterable[int]
) -> list[dict[str, float]]:
    """The measures of some trees; a model that ended early stays as it is."""
    (X, y), (X_test, y_test) = train, test
    leaves, test_leaves = model.leaves(X), model.leaves(X_test)
    steps, test_steps = model.steps(leaves), model.steps(test_leaves)
    ends, test_ends = (model.start(X) + np.cumsum(part, axis=1) for part in (steps, test_steps))
    found = []
    for number in trees:
        k = min(number, steps.shape[1]) - 1
        before, test_before = ends[:, k] - steps[:, k], test_ends[:, k] - test_steps[:, k]
        leaf, step = leaves[:, k], steps[:, k]
        test_odds = model.log_odds(test_ends[:, k])
        moved = np.abs(model.log_odds(before + step) - model.log_odds(before))
        rows = np.bincount(leaf)
        of_leaf = by_leaf(leaf, moved, leaf.max() + 1)[rows > 0] / rows[rows > 0]
        row = {
            "tree": number,
            "AP": float(average_precision_score(y_test, test_odds)),
            "log loss": arms.log_loss(y_test, test_odds),
            "median step": float(np.median(of_leaf)),
            "largest step": float(of_leaf.max()),
        }
        row |= shares("overshoot", overshooting(model, y, leaf, before, step), leaf, y)
        row |= shares("worse", worsened(model, y, leaf, before, step), leaf, y)
        test_leaf = test_leaves[:, k]
        row |= shares(
            "worse on test",
            worsened(model, y_test, test_leaf, test_before, test_steps[:, k]),
            test_leaf,
            y_test,
        )
        found.append(row)
    return found
