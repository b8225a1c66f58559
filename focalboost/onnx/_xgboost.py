"""The trees of an XGBoost model for ONNX."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import xgboost

from focalboost._boosters.configuration import base_scores
from focalboost._boosters.model_document import MAX_INT
from focalboost._boosters.model_json import check_model
from focalboost._typing import Array
from focalboost.onnx._categories import CategorySplit
from focalboost.onnx._forest import CATEGORY, LEAF, LESS, NUMBER, Forest, Parts, Tree, constant_tree
from focalboost.xgboost._model import find_record

_LOGISTIC, _SOFTMAX = "binary:logistic", "multi:softprob"
_NO_NODE = -1


def read(model: Any) -> Parts:
    """Of a booster all rounds, of a classifier those up to the best one: as their predict."""
    if not isinstance(model, xgboost.XGBModel):
        return _parts(model, None, np.nan)
    booster = model.get_booster()
    best = booster.attr("best_iteration")
    missing = np.nan if model.missing is None else float(model.missing)
    return _parts(booster, None if best is None else int(best) + 1, missing)


def _parts(booster: xgboost.Booster, n_rounds: int | None, missing: float) -> Parts:
    learner = check_model(bytes(booster.save_raw("ubj")))
    kind = learner["gradient_booster"]
    if kind["name"] == "gblinear":
        raise ValueError(
            "booster == 'gblinear', must be 'gbtree' or 'dart': a linear model has no trees. Train one of "
            "trees, or serve the margins, X @ weights + bias, with focalboost.calibration."
        )
    model = kind.get("gbtree", kind)["model"]
    n_trees = len(model["trees"]) if n_rounds is None else int(model["iteration_indptr"][n_rounds])
    drop = kind.get("weight_drop", model.get("weight_drop"))
    factors = np.ones(len(model["trees"]), np.float32) if drop is None or len(drop) == 0 else drop
    trees = [
        _tree(tree, int(output), np.float32(factor))
        for tree, output, factor in zip(model["trees"], model["tree_info"], factors, strict=True)
    ][:n_trees]
    start = _start(learner)
    # XGBoost begins its sums with it.
    trees.insert(0, constant_tree(start))
    n_features = int(learner["learner_model_param"]["num_feature"])
    forest = Forest(trees, n_features, len(start), np.float32)
    names = list(booster.feature_names or [])
    return Parts(forest, find_record(booster, "model"), names, _categories(model), missing)


def _categories(model: Any) -> dict[int, list[Any]]:
    """Texts stand one after the other, with their offsets.

    XGBoost 3.1 to 3.3 count characters for bytes and cut names off: a column with other texts than ASCII is
    left out, as the model may be of one of these.
    """
    found = {}
    for feature, encoding in enumerate(model.get("cats", {}).get("enc", ())):
        values = np.asarray(encoding["values"])
        if "offsets" in encoding:
            edges, text = np.asarray(encoding["offsets"], int), values.astype(np.uint8).tobytes()
            names = [text[a:b].decode() for a, b in pairwise(edges)] if text.isascii() else []
        else:
            names = values.tolist()
        if names:
            found[feature] = names
    return found


def _start(learner: Any) -> Array:
    """The margins of base_score, in float32 as XGBoost has them."""
    objective = learner["objective"]["name"]
    if objective not in {_LOGISTIC, _SOFTMAX}:
        raise ValueError(
            f"objective == {objective!r}, must be {_LOGISTIC!r} or {_SOFTMAX!r}, as focal losses leave it: "
            "train with focalboost.xgboost.train or a classifier of it."
        )
    margins = base_scores(learner).astype(np.float32)
    if objective == _LOGISTIC:
        odds = np.float32(1.0) / margins - np.float32(1.0)
        # NumPy's float32 logarithm is the last bit off XGBoost's in 1 of 12, this one in 1 of 300.
        margins = -np.log(odds.astype(np.float64)).astype(np.float32)
    param = learner["learner_model_param"]
    n_outputs = max(1, int(param["num_class"]), int(param["num_target"]))
    return np.broadcast_to(margins, (n_outputs,))


def _tree(tree: Any, output: int, factor: np.float32) -> Tree:
    left, right = np.asarray(tree["left_children"], np.int64), np.asarray(tree["right_children"], np.int64)
    feature = np.asarray(tree["split_indices"], np.int64)
    is_set = np.asarray(tree.get("split_type", np.zeros(len(left))), np.int64) == 1
    default_left = np.asarray(tree["default_left"], np.int64) == 1
    # Nodes that were pruned away stay in the arrays, and nothing leads to them.
    alive = feature != MAX_INT
    is_leaf = left == _NO_NODE
    is_set &= ~is_leaf  # a split that was pruned to a leaf keeps its kind
    number = np.cumsum(alive) - 1
    leaf, outputs, weight = _leaves(tree, np.flatnonzero(is_leaf & alive), output)
    return Tree(
        mode=np.where(is_leaf, LEAF, LESS)[alive],
        column=np.where(is_set, CATEGORY, NUMBER)[alive],
        feature=np.where(is_leaf, 0, feature)[alive],
        value=np.where(is_set, 0.5, np.asarray(tree["split_conditions"], np.float32))[alive],
        true=number[np.where(is_leaf, 0, left)][alive],
        false=number[np.where(is_leaf, 0, right)][alive],
        missing_true=(default_left & ~is_set).astype(np.int64)[alive],
        leaf=number[leaf],
        output=outputs,
        weight=(weight * factor).astype(np.float64),
        # A category of the set goes to the right; all others, unknown ones too, to the left.
        categories={
            int(number[node]): CategorySplit(int(feature[node]), members, True, not default_left[node])
            for node, members in _sets(tree)
            if is_set[node] and alive[node]
        },
    )


def _leaves(tree: Any, leaf: Array, output: int) -> tuple[Array, Array, Array]:
    """Leaves, outputs and values in float32; of vectors each of their entries."""
    width = max(int(tree["tree_param"].get("size_leaf_vector", "0")), 1)
    if width == 1:
        return leaf, np.full(len(leaf), output), np.asarray(tree["split_conditions"], np.float32)[leaf]
    if "leaf_weights" in tree:  # since XGBoost 3.2, where the right child of a leaf is its number
        vectors = np.asarray(tree["leaf_weights"], np.float32).reshape(-1, width)
        values = vectors[np.asarray(tree["right_children"], np.int64)[leaf]]
    else:
        values = np.asarray(tree["base_weights"], np.float32).reshape(-1, width)[leaf]
    return np.repeat(leaf, width), np.tile(np.arange(width), len(leaf)), values.ravel()


def _sets(tree: Any) -> Iterator[tuple[int, tuple[int, ...]]]:
    """The nodes that ask for membership, and their sets."""
    values = np.asarray(tree.get("categories", ()), np.int64)
    names = ("categories_nodes", "categories_segments", "categories_sizes")
    for node, start, size in zip(*(tree.get(name, ()) for name in names), strict=True):
        yield node, tuple(values[start : start + size].tolist())
