"""XGBoost's models, JSON or UBJ, checked before XGBoost reads them.

XGBoost takes children, features, groups and sizes as they stand: one that is out of range ends the process or
makes `predict` run for ever, and its readers end it at deep or cut off files. Accepted is what XGBoost 2 and
later write; keys that are not known here are left to XGBoost.
"""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np

from focalboost._boosters.model_document import (
    DICT,
    LIST,
    MAX_INT,
    TEXT,
    WHOLE,
    checked,
    get,
    integer,
    numbers,
    read_document,
    shown,
    whole_numbers,
)
from focalboost._boosters.model_file import refused
from focalboost._boosters.model_trees import check_trees

_MOST_STEEP = 1e30  # weight of a linear model: beyond it usual rows have infinite margins in float32
_FEATURE_TYPES = {"int", "float", "i", "q", "c"}


def check_model(data: bytes) -> Any:
    """The learner of a file's document; ModelFileError for one that XGBoost must not be given."""
    document = read_document(data)
    learner = get(document, "learner", DICT)
    version = whole_numbers(get(document, "version", LIST), "version")
    if version.size != 3 or (version < 0).any() or (version > MAX_INT).any():
        raise refused(f"version == {shown(version.tolist())}", "three whole numbers")
    attributes = get(learner, "attributes", DICT)
    for name, value in attributes.items():
        checked(value, TEXT, f"attribute {name!r}")
    n_features, n_outputs = _check_learner(learner)
    n_rounds = _check_booster(get(learner, "gradient_booster", DICT), n_features, n_outputs)
    best = attributes.get("best_iteration")
    if best is not None and not (re.fullmatch(r"\d{1,9}", best, re.ASCII) and int(best) < n_rounds):
        raise refused(f"best_iteration == {shown(best)}", f"a whole number < {n_rounds}, the rounds")
    return learner


# ---------------------------------------------------------------------- the learner
def _check_learner(learner: Any) -> tuple[int, int]:
    """The number of features, and of outputs."""
    param = get(learner, "learner_model_param", DICT)
    n_features = integer(param, "num_feature", 0)
    n_classes = integer(param, "num_class", 0)
    n_targets = integer(param, "num_target", 1, "1")
    n_outputs = max(n_classes, n_targets, 1)
    text = get(param, "base_score", TEXT)
    try:
        scores = np.atleast_1d(np.array(json.loads(text), float))
    except (ValueError, TypeError, RecursionError):
        scores = np.array([np.nan])
    if (
        scores.ndim > 1
        or scores.size not in {1, n_outputs}
        or not np.isfinite(scores.astype(np.float32)).all()
    ):
        raise refused(f"base_score == {shown(text)}", f"1 or {n_outputs} finite numbers")
    for name in ("feature_names", "feature_types"):
        values = checked(learner.get(name, []), LIST, name)
        if len(values) not in {0, n_features} or not all(isinstance(value, str) for value in values):
            raise refused(f"{name} with {len(values)} entries", f"{n_features} texts, or none")
        if name == "feature_types" and not set(values) <= _FEATURE_TYPES:
            raise refused(f"feature_types == {shown(values)}", f"of {', '.join(sorted(_FEATURE_TYPES))}")
        if name == "feature_names" and len(set(values)) < len(values):
            raise refused("a name twice in feature_names", "there once")
    objective = get(learner, "objective", DICT)
    get(objective, "name", TEXT)
    for name, values in objective.items():
        for key, value in values.items() if isinstance(values, dict) else ():
            checked(value, TEXT, f"{name}.{key}")
            if key == "num_class" and value != str(n_classes):
                raise refused(
                    f"num_class == {shown(value)} of the objective", f"{n_classes}, as the model's is"
                )
    return n_features, n_outputs


# ---------------------------------------------------------------------- the booster
def _check_booster(booster: Any, n_features: int, n_outputs: int) -> int:
    """The number of rounds."""
    name = get(booster, "name", TEXT)
    if name == "gblinear":
        model = get(booster, "model", DICT)
        weights = numbers(get(model, "weights", LIST), "weights")
        if weights.size != (n_features + 1) * n_outputs:
            raise refused(f"{weights.size} weights", f"{(n_features + 1) * n_outputs} numbers")
        if not (np.abs(weights) <= _MOST_STEEP).all():
            raise refused("weights", f"numbers in -{_MOST_STEEP} to {_MOST_STEEP}")
        rounds = get(model, "boosted_rounds", WHOLE)
        if not 0 <= rounds <= MAX_INT:
            raise refused(f"boosted_rounds == {rounds}", ">= 0")
        return int(rounds)
    if name not in {"gbtree", "dart"}:
        raise refused(f"booster {shown(name)}", "gbtree, dart or gblinear")
    inner = booster
    if name == "dart":  # of XGBoost 3.2 and before
        inner = get(booster, "gbtree", DICT)
        if get(inner, "name", TEXT) != "gbtree":
            raise refused(f"booster {shown(inner['name'])} in dart", "gbtree")
    model = get(inner, "model", DICT)
    n_trees = _check_rounds(model, n_outputs, n_features)
    drop = booster.get("weight_drop", model.get("weight_drop"))
    if drop is None and name == "dart":
        raise refused("weight_drop is missing", "there")
    if drop is not None:
        weights = numbers(checked(drop, LIST, "weight_drop"), "weight_drop")
        if (
            weights.size not in {n_trees, 0 if name == "gbtree" else n_trees}
            or not np.isfinite(weights).all()
        ):
            raise refused(f"{weights.size} values of weight_drop", f"{n_trees} finite numbers")
    pointers = model.get("iteration_indptr")
    return n_trees if pointers is None else len(pointers) - 1


def _check_rounds(model: Any, n_outputs: int, n_features: int) -> int:
    """The number of trees, which stand in rounds, in each the same number for every output."""
    param = get(model, "gbtree_model_param", DICT)
    n_trees = integer(param, "num_trees", 0)
    integer(param, "num_parallel_tree", 0, "1")
    trees = get(model, "trees", LIST)
    if len(trees) != n_trees or not all(isinstance(tree, dict) for tree in trees):
        raise refused(f"{len(trees)} trees", f"{n_trees}, as num_trees says")
    vectors = check_trees(trees, n_features, n_outputs)
    groups = 1 if vectors else n_outputs
    info = whole_numbers(get(model, "tree_info", LIST), "tree_info")
    if info.size != n_trees or (info < 0).any() or (info >= groups).any():
        raise refused(f"tree_info of {info.size} trees", f"{n_trees} numbers in 0 to {groups - 1}")
    if "iteration_indptr" in model:
        edges = whole_numbers(
            checked(model["iteration_indptr"], LIST, "iteration_indptr"), "iteration_indptr"
        )
        if edges.size < 1 or edges[0] != 0 or edges[-1] != n_trees or (np.diff(edges) < 1).any():
            raise refused(
                f"iteration_indptr == {shown(edges.tolist())}", f"rising from 0 to {n_trees}, the trees"
            )
        sizes = np.diff(edges)
        place = np.arange(n_trees) - np.repeat(edges[:-1], sizes)
        per_output = np.repeat(np.maximum(sizes // groups, 1), sizes)
        if (sizes % groups).any() or (info != place // per_output).any():
            tree = int((info != place // per_output).argmax())
            raise refused(f"tree_info == {info[tree]}", "the outputs in their order, in each round", tree)
    if "cats" in model:
        _check_categories(checked(model["cats"], DICT, "cats"), n_features)
    return n_trees


def _check_categories(cats: Any, n_features: int) -> None:
    """The categories of a data frame: codes of each feature's values, numbers or texts."""
    encodings = get(cats, "enc", LIST)
    segments = whole_numbers(get(cats, "feature_segments", LIST), "feature_segments")
    order = whole_numbers(get(cats, "sorted_idx", LIST), "sorted_idx")
    if len(encodings) == 0 and segments.size == 0 and order.size == 0:
        return
    if len(encodings) != n_features or segments.size != n_features + 1:
        raise refused(f"categories of {len(encodings)} features", f"of {n_features}")
    for feature, encoding in enumerate(encodings):
        values = get(encoding, "values", LIST)
        count = len(values)
        if "offsets" in encoding:
            edges = whole_numbers(get(encoding, "offsets", LIST), "offsets")
            text = whole_numbers(values, "values")
            count = max(edges.size - 1, 0)
            if edges.size and (edges[0] != 0 or edges[-1] != text.size or (np.diff(edges) < 0).any()):
                raise refused(
                    f"offsets of the categories of feature {feature}", f"rising from 0 to {text.size}"
                )
            if not edges.size and text.size:
                raise refused(f"offsets of the categories of feature {feature}", "there")
        else:
            get(encoding, "type", WHOLE)
            numbers(values, "values")
        start, end = segments[feature].item(), segments[feature + 1].item()
        if (feature == 0 and start != 0) or end - start != count:
            raise refused(
                f"feature_segments == {shown(segments.tolist())}", f"of the {count} categories", None
            )
        if sorted(order[start:end].tolist()) != list(range(count)):
            raise refused(f"sorted_idx of feature {feature}", f"0 to {count - 1}, each once")
    if order.size != segments[-1]:
        raise refused(f"{order.size} numbers in sorted_idx", f"{segments[-1]}, the categories")
