"""The trees of a LightGBM model for ONNX, from its text, which has every number with all its digits."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from lightgbm import LGBMModel

from focalboost._boosters.model_text import split_trees
from focalboost._typing import Array
from focalboost.lightgbm._model import as_booster, find_record
from focalboost.onnx._categories import CategorySplit
from focalboost.onnx._forest import CATEGORY, LESS_EQUAL, NUMBER, ZERO_MISSING, Forest, Parts, Tree

# decision_type: a bit for a set, one for the default side, two for what is missing.
_IS_SET, _DEFAULT_LEFT, _MISSING, _NOTHING, _ZERO, _NAN = 1, 2, 2, 0, 1, 2


def read(model: Any) -> Parts:
    """Trees up to the best round, as LightGBM saves and predicts them."""
    if isinstance(model, LGBMModel):
        _check_prediction(model.get_params())
    booster = as_booster(model)
    header, trees, rest = split_trees(booster.model_to_string())
    values = _lines(header)
    if "average_output" in header.splitlines():
        raise ValueError(
            "boosting == 'rf', must be 'gbdt' or 'dart': a random forest takes no custom objective."
        )
    n_outputs = int(values["num_tree_per_iteration"])
    forest = Forest(
        [_tree(_lines(tree), number % n_outputs) for number, tree in enumerate(trees)],
        int(values["max_feature_idx"]) + 1,
        n_outputs,
        np.float64,
        "truncated",
    )
    categories = _categories(booster.pandas_categorical, values["feature_infos"].split(), rest)
    names = list(booster.feature_name())
    # What LightGBM calls the columns of an array.
    named = names != [f"Column_{number}" for number in range(len(names))]
    return Parts(forest, find_record(booster), names if named else [], categories)


def _check_prediction(params: dict[str, Any]) -> None:
    value = params.get("pred_early_stop", False)
    if str(value).lower() in {"true", "+"}:
        raise ValueError(
            f"pred_early_stop == {value!r}, must be False: with it predict leaves out trees row by row, and "
            "ONNX adds all of them. Run model.set_params(pred_early_stop=False) first, and compare with its "
            "predict_proba from then on."
        )


def _categories(lists: list[list[Any]] | None, infos: list[str], rest: str) -> dict[int, list[Any]]:
    """LightGBM keeps those of a data frame in the order of its columns, of ordered ones too.

    Columns that are ordered are numbers for the trees, as others may be that the user named as categories:
    what belongs to which is known only where there is a list for each column of categories, with a text for
    each number that it had.
    """
    columns = re.search(r"^\[categorical_feature: ([\d,]+)\]$", rest, re.MULTILINE)
    numbers = sorted(int(number) for number in columns.group(1).split(",")) if columns else []
    if not lists or len(lists) != len(numbers):
        return {}
    found = dict(zip(numbers, lists, strict=True))
    fit = (_largest(infos[number]) < len(names) for number, names in found.items())
    return found if all(fit) else {}


def _largest(info: str) -> int:
    """Of the categories that a column had in the training, as in "-1:2:0"; of none -1."""
    return max((int(code) for code in info.split(":") if code.lstrip("-").isdigit()), default=-1)


def _lines(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.split("\n"))
    return {name: value for name, found, value in pairs if found}


def _tree(values: dict[str, str], output: int) -> Tree:
    """Splits come first, then the leaves, which the text numbers ~0, ~1, ..."""
    if values.get("is_linear", "0") == "1":
        raise ValueError(
            "linear_tree == True, must be False: ONNX's trees have no linear models in their leaves. Train "
            "without it, or serve the model with LightGBM."
        )

    def whole(name: str) -> Array:
        return np.array(values.get(name, "").split(), np.int64)

    weight = np.array(values["leaf_value"].split(), np.float64)
    n_leaves = len(weight)
    feature, decision = whole("split_feature"), whole("decision_type")
    threshold = np.array(values.get("threshold", "").split(), np.float64)
    n_splits = len(feature)
    left, right = (
        np.where(child < 0, n_splits + ~child, child) for child in (whole("left_child"), whole("right_child"))
    )
    is_set = (decision & _IS_SET) > 0
    default_left, missing = (decision & _DEFAULT_LEFT) > 0, decision >> _MISSING
    # Where NaN is not what is missing it counts as 0.
    missing_true = np.where(missing == _NOTHING, threshold >= 0.0, default_left) & ~is_set
    column = np.where(is_set, CATEGORY, np.where(missing == _ZERO, ZERO_MISSING, NUMBER))
    words, edges = whole("cat_threshold"), whole("cat_boundaries")
    # Members go to the left; NaN is in no set.
    categories = {
        int(node): CategorySplit(
            int(feature[node]), _members(words[edges[number] : edges[number + 1]]), False, True
        )
        for node, number in zip(np.flatnonzero(is_set), threshold[is_set].astype(np.int64), strict=True)
    }

    def and_leaves(of_splits: Array) -> Array:
        return np.concatenate([of_splits, np.zeros(n_leaves, np.int64)]).astype(of_splits.dtype)

    return Tree(
        mode=and_leaves(np.full(n_splits, LESS_EQUAL)),
        column=and_leaves(column),
        feature=and_leaves(feature),
        value=and_leaves(np.where(is_set, 0.5, threshold)),
        true=and_leaves(left),
        false=and_leaves(right),
        missing_true=and_leaves(missing_true.astype(np.int64)),
        leaf=n_splits + np.arange(n_leaves),
        output=np.full(n_leaves, output),
        weight=weight,
        categories=categories,
    )


def _members(words: Array) -> tuple[int, ...]:
    """The categories of a set of bits, in words of 32."""
    bits = np.unpackbits(words.astype("<u4").view(np.uint8), bitorder="little")
    return tuple(np.flatnonzero(bits).tolist())
