"""LightGBM's model text, checked before LightGBM reads it.

Its parser checks little: a child that is out of range or leads back, a feature or a size that is not there
end the process or make `predict` run for ever, and what is no number becomes 0. Here all trees are read at
once, with one array for each name. Accepted is what LightGBM writes, infinite thresholds and gains included.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from focalboost._boosters.model_file import not_a_tree, refused, tree_of
from focalboost._typing import Array

_HEADER = (
    *("version", "num_class", "num_tree_per_iteration", "label_index", "max_feature_idx"),
    *("feature_names", "feature_infos"),
)
# Per tree: integers and numbers, one for each split, or one for each leaf.
_SPLIT_INTEGERS = ("split_feature", "decision_type", "left_child", "right_child", "internal_count")
_SPLIT_NUMBERS = ("split_gain", "threshold", "internal_value", "internal_weight")
_MAY_BE_INFINITE = {"split_gain", "threshold"}
_NOT_COUNTED = (
    "internal_count",
    "leaf_count",
    "leaf_weight",
    "internal_weight",
)  # empty in old constant trees
_MOST_LINES = 22  # of a tree, which LightGBM reads
_MAX_INT = 2**31 - 1
_MOST_WHOLE = 2**53  # as float64 has them
_MOST_STEEP = 1e300  # coefficient of a linear tree: beyond it usual rows have infinite margins
_CATEGORICAL = 1  # bit of decision_type; 2 is "missing goes left", 4 and 8 what counts as missing
_MOST_DECISION = 11  # both 4 and 8 is no kind
_CONTROL = [chr(code) for code in (*range(10), *range(11, 32), 127)]  # all but the end of a line
_NO_OBJECTIVE = {"", "none", "null", "custom", "na"}
_OBJECTIVE = re.compile(r"[a-z0-9_]+( [a-z_]+(:[-+.0-9e]+)?)*")
_INFO = re.compile(r"none|\[[^\[\]]+:[^\[\]]+\]|-?\d+(:-?\d+)*")

Trees = Sequence[dict[str, str]]


def check_text(header: str, trees: Sequence[str], rest: str) -> None:
    """Raise ModelFileError for a text, in three parts as of `split_trees`, that LightGBM must not have."""
    for part in (header, *trees, rest):
        if found := next((c for c in _CONTROL if c in part), None):
            raise refused(f"a character {found!r}", "text without control characters")
    keys = _check_header(header)
    n_features = int(keys["max_feature_idx"]) + 1
    per_iteration = int(keys["num_tree_per_iteration"])
    if len(trees) % per_iteration:
        raise refused(f"{len(trees)} trees", f"a multiple of num_tree_per_iteration={per_iteration}")
    if trees:
        _Forest([_lines_of(number, tree) for number, tree in enumerate(trees)], n_features).check()
    _check_rest(rest, keys)


# ---------------------------------------------------------------------- the header
def _check_header(header: str) -> dict[str, str]:
    keys: dict[str, str] = {}
    for line in header.split("\n")[1:]:
        name, found, value = line.partition("=")
        if not line:
            continue
        if not re.fullmatch(r"\w+", name, re.ASCII) or (not found and name != "average_output"):
            raise refused(f"line {_short(line)} in the header", "name=value")
        if name in keys:
            raise refused(f"{name} twice in the header", "there once")
        keys[name] = value
    for name in _HEADER:
        if name not in keys:
            raise refused(f"{name} is missing in the header", "there once")
    for name, least in (
        ("num_class", 1),
        ("num_tree_per_iteration", 1),
        ("label_index", 0),
        ("max_feature_idx", 0),
    ):
        value = keys[name]
        if not re.fullmatch(r"\d{1,10}", value, re.ASCII) or not least <= int(value) <= _MAX_INT:
            raise refused(f"{name} == {_short(value)} in the header", f"a whole number >= {least}")
    if not re.fullmatch(r"v\d{1,3}", keys["version"], re.ASCII):
        raise refused(f"version == {_short(keys['version'])} in the header", "v4 or the like")
    n_outputs = int(keys["num_class"])
    if n_outputs != int(keys["num_tree_per_iteration"]):
        raise refused(
            f"num_class == {n_outputs} in the header",
            f"num_tree_per_iteration, which is {keys['num_tree_per_iteration']}",
        )
    _check_columns(keys, int(keys["max_feature_idx"]) + 1)
    _check_objective(keys.get("objective"), n_outputs)
    return keys


def _check_columns(keys: dict[str, str], n_features: int) -> None:
    for name in ("feature_names", "feature_infos", "monotone_constraints"):
        values = keys[name].split(" ") if name in keys else []
        if name in keys and (len(values) != n_features or "" in values):
            raise refused(f"{len(values)} {name} in the header", f"{n_features}, as max_feature_idx says")
        if name == "feature_names" and len(set(values)) < len(values):
            twice = next(value for value in values if values.count(value) > 1)
            raise refused(f"feature name {_short(twice)} twice in the header", "there once")
        rule = {"feature_infos": _INFO, "monotone_constraints": re.compile("-1|0|1")}.get(name)
        bad = next((value for value in values if rule and not rule.fullmatch(value)), None)
        if bad is not None:
            raise refused(f"{_short(bad)} among {name} in the header", "as LightGBM writes it")


def _check_objective(objective: str | None, n_outputs: int) -> None:
    if objective is None:
        return
    if not _OBJECTIVE.fullmatch(objective):
        raise refused(f"objective == {_short(objective)} in the header", "a name and name:number pairs")
    found = re.search(r" num_class:(\S+)", objective)
    if found and found.group(1) != str(n_outputs):
        raise refused(f"objective == {_short(objective)} in the header", f"of num_class {n_outputs}")


# ---------------------------------------------------------------------- the trees
def _lines_of(number: int, tree: str) -> dict[str, str]:
    """The lines of one tree by name."""
    block = tree.rstrip("\n")
    if not block.isascii():
        raise refused("a letter beyond ASCII", "as LightGBM writes it", number)
    lines = block.split("\n")
    keys: dict[str, str] = {}
    for line in lines:
        name, found, value = line.partition("=")
        if not found or not re.fullmatch(r"\w+", name):
            raise refused(f"line {_short(line)}", "name=values", number)
        if name in keys:
            raise refused(f"{name} twice", "there once", number)
        keys[name] = value
    if keys["Tree"] != str(number):
        raise refused(f"Tree={keys['Tree']}", f"Tree={number}, as the trees are numbered", number)
    if len(lines) - 1 > _MOST_LINES:
        raise refused(f"{len(lines) - 1} lines", f"at most {_MOST_LINES}", number)
    return keys


class _Forest:
    """All trees, each name as one array over all of them."""

    def __init__(self, trees: Trees, n_features: int) -> None:
        self.trees, self.n_features = trees, n_features
        self.leaves = self._scalars("num_leaves", 1)
        self.categorical = self._scalars("num_cat", 0)
        self.linear = self._scalars("is_linear", 0, default="0")
        if (self.linear > 1).any():
            raise refused("is_linear > 1", "0 or 1", int((self.linear > 1).argmax()))
        self.splits = self.leaves - 1

    def check(self) -> None:
        values = {name: self._array(name, self.splits, whole=True) for name in _SPLIT_INTEGERS}
        values |= {name: self._array(name, self.splits) for name in _SPLIT_NUMBERS}
        leaf_value = self._array("leaf_value", self.leaves)
        self._array("leaf_weight", self.leaves)
        self._within(
            "leaf_count", self._array("leaf_count", self.leaves, whole=True), 0, _MAX_INT, self.leaves
        )
        self._array("shrinkage", np.ones_like(self.leaves))
        self._within("split_feature", values["split_feature"], 0, self.n_features - 1, self.splits)
        self._within("decision_type", values["decision_type"], 0, _MOST_DECISION, self.splits)
        self._within("internal_count", values["internal_count"], 1, _MAX_INT, self.splits)
        self._check_links(values["left_child"], values["right_child"])
        self._check_categories(values["decision_type"], values["threshold"])
        self._check_sum(leaf_value)
        if self.linear.any():
            self._check_linear()

    # ------------------------------------------------------------------ reading
    def _scalars(self, name: str, least: int, default: str | None = None) -> Array:
        found = []
        for number, keys in enumerate(self.trees):
            value = keys.get(name, default)
            if value is None:
                raise refused(f"{name} is missing", "there once", number)
            if not re.fullmatch(r"\d{1,10}", value) or not least <= int(value) <= _MAX_INT:
                raise refused(f"{name} == {_short(value)}", f"a whole number >= {least}", number)
            found.append(int(value))
        return np.array(found, np.int64)

    def _array(self, name: str, due: Array, *, whole: bool = False) -> Array:
        texts = [keys.get(name, "") for keys in self.trees]
        return _values(name, texts, due.tolist(), range(len(texts)), whole=whole)

    def _one(self, tree: int, name: str, due: int, *, whole: bool = True) -> Array:
        """The numbers of one tree, of what few trees have."""
        return _values(name, [self.trees[tree].get(name, "")], [due], [tree], whole=whole)

    def _within(self, name: str, values: Array, least: int, most: int, sizes: Array) -> None:
        bad = (values < least) | (values > most)
        if bad.any():
            tree, position = tree_of(int(bad.argmax()), sizes)
            value = int(values[bad.argmax()])
            raise refused(f"{name}[{position}] == {value}", f"in {least} to {most}", tree)

    # ------------------------------------------------------------------ rules
    def _check_links(self, left: Array, right: Array) -> None:
        """Of n leaves the splits are 0 to n - 2, the root first; a leaf k stands as -k - 1."""
        splits, sizes = self.splits, self.leaves + self.splits
        first = np.repeat(np.cumsum(sizes) - sizes, splits)  # node of each split's tree
        own = np.repeat(splits, splits)
        inside = np.arange(splits.sum()) - np.repeat(np.cumsum(splits) - splits, splits)
        ends = []
        for name, child in (("left_child", left), ("right_child", right)):
            bad = (child >= own) | (child < -own - 1)
            if bad.any():
                tree, position = tree_of(int(bad.argmax()), splits)
                most = int(own[bad.argmax()])
                rule = f"in {-most - 1} to {most - 1}"
                raise refused(f"{name}[{position}] == {int(child[bad.argmax()])}", rule, tree)
            ends.append(first + np.where(child >= 0, child, own - child - 1))
        node = not_a_tree(sizes, np.tile(first + inside, 2), np.concatenate(ends))
        if node is not None:
            tree, place = tree_of(node, sizes)
            n_splits = int(splits[tree])
            what = f"split {place}" if place < n_splits else f"leaf {place - n_splits}"
            raise refused(f"{what} of left_child and right_child", "reached once from split 0", tree)

    def _check_categories(self, decision: Array, threshold: Array) -> None:
        """The threshold of a categorical split is its number among them, which has a set of bits."""
        owner = np.repeat(np.arange(len(self.trees)), self.splits)
        is_set = decision & _CATEGORICAL == 1
        counted = np.bincount(owner[is_set], minlength=len(self.trees))
        if (bad := counted != self.categorical).any():
            tree = int(bad.argmax())
            raise refused(
                f"num_cat == {self.categorical[tree]}", f"{counted[tree]}, as decision_type says", tree
            )
        for tree in np.flatnonzero(self.categorical).tolist():
            n_sets = int(self.categorical[tree])
            numbers = threshold[is_set & (owner == tree)]
            if sorted(numbers.tolist()) != list(range(n_sets)):
                raise refused("threshold of the categorical splits", f"0 to {n_sets - 1}, each once", tree)
            edges = self._one(tree, "cat_boundaries", n_sets + 1)
            if edges[0] != 0 or (np.diff(edges) < 1).any():
                raise refused("cat_boundaries", "rising from 0", tree)
            words = self._one(tree, "cat_threshold", int(edges[-1]))
            if (words < 0).any() or (words > 2**32 - 1).any():
                raise refused("cat_threshold", "in 0 to 4294967295", tree)

    def _check_sum(self, leaf_value: Array) -> None:
        starts = np.cumsum(self.leaves) - self.leaves
        with np.errstate(over="ignore"):
            largest = np.maximum.reduceat(np.abs(leaf_value), starts).sum()
        if not np.isfinite(largest):
            raise refused("the sum of the largest leaf_value of the trees", "finite in float64")

    def _check_linear(self) -> None:
        for tree in np.flatnonzero(self.linear).tolist():
            n_leaves = int(self.leaves[tree])
            self._one(tree, "leaf_const", n_leaves, whole=False)
            sizes = self._one(tree, "num_features", n_leaves)
            if (sizes < 0).any():
                raise refused("num_features", ">= 0", tree)
            total = int(sizes.sum())
            features = self._one(tree, "leaf_features", total)
            if (features < 0).any() or (features >= self.n_features).any():
                raise refused("leaf_features", f"in 0 to {self.n_features - 1}", tree)
            slopes = self._one(tree, "leaf_coeff", total, whole=False)
            if (np.abs(slopes) > _MOST_STEEP).any():
                raise refused("leaf_coeff", f"in -{_MOST_STEEP} to {_MOST_STEEP}", tree)


# ---------------------------------------------------------------------- numbers
def _values(
    name: str, texts: Sequence[str], due: Sequence[int], trees: Sequence[int], *, whole: bool
) -> Array:
    """The numbers that stand after a name, one text and so many due for each tree, as one array."""
    listed = [text.split() for text in texts]
    for found, length, tree in zip(map(len, listed), due, trees, strict=True):
        # A constant tree has no weight, in files of some versions no count.
        if found != length and not (found == 0 and length == 1 and name in _NOT_COUNTED):
            raise refused(f"{name} with {found} numbers", f"{length} of them", tree)
    infinite = name in _MAY_BE_INFINITE
    try:
        return _read(list(chain.from_iterable(listed)), whole=whole, infinite=infinite)
    except ValueError:
        raise _first_bad(name, texts, trees, whole=whole, infinite=infinite) from None


def _first_bad(
    name: str, texts: Sequence[str], trees: Sequence[int], *, whole: bool, infinite: bool
) -> Exception:
    for text, tree in zip(texts, trees, strict=True):
        for position, value in enumerate(text.split()):
            try:
                _read([value], whole=whole, infinite=infinite)
            except ValueError:
                rule = "a whole number" if whole else "a number" if infinite else "a finite number"
                return refused(f"{name}[{position}] == {_short(value)}", rule, tree)
    raise AssertionError(name)  # what cannot be read together cannot be read one by one


def _read(tokens: Sequence[str], *, whole: bool, infinite: bool) -> Array:
    """Numbers as LightGBM writes them; Python alone would also take 1_0 and words."""
    allowed = b"0123456789-" if whole else b"0123456789-+.einfa" if infinite else b"0123456789-+.e"
    if "".join(tokens).encode().translate(None, allowed):
        raise ValueError(tokens)
    values = np.fromiter(map(float, tokens), float, len(tokens))
    if np.isnan(values).any() or not (infinite or np.isfinite(values).all()):
        raise ValueError(tokens)
    if not whole:
        return values
    if (np.abs(values) > _MOST_WHOLE).any():
        raise ValueError(tokens)
    return values.astype(np.int64)


# ---------------------------------------------------------------------- after the trees
def _check_rest(rest: str, header: dict[str, str]) -> None:
    """Importances, parameters and the categories of pandas, each at most once."""
    section, parameters, seen = "", {}, set()
    for line in rest.removeprefix("\nend of trees\n").split("\n"):
        if line in {"feature_importances:", "feature importances:", "parameters:", "parser:"}:
            if section in {"parameters:", "parser:"} or line in seen:
                raise refused(
                    f"line {_short(line)} after the trees", "there once, after the end of what is above"
                )
            seen.add(section := line)
        elif line in {"end of parameters", "end of parser"}:
            if section != line.removeprefix("end of ") + ":":
                raise refused(f"line {_short(line)} after the trees", "after its beginning")
            section = ""
        elif section == "parser:" or not line:
            continue
        elif section == "parameters:":
            found = re.fullmatch(r"\[(\w+): (.*)\]", line)
            if found is None or found.group(1) in parameters:
                raise refused(f"line {_short(line)} among the parameters", "[name: value], each name once")
            parameters[found.group(1)] = found.group(2)
        elif line.startswith("pandas_categorical:"):
            if line in seen or not _is_categories(line.partition(":")[2]):
                raise refused(f"line {_short(line)}", "null or a list of lists, once, at the end")
            seen.add(line)
            section = "pandas_categorical:"
        elif section not in {"feature_importances:", "feature importances:"} or not re.search(r"=\d+$", line):
            raise refused(f"line {_short(line)} after the trees", "of importances or [parameters]")
    if section in {"parameters:", "parser:"}:
        raise refused(f"'end of {section[:-1]}' is missing", "a whole text model of LightGBM")
    _check_parameters(parameters, header)


def _check_parameters(parameters: dict[str, str], header: dict[str, str]) -> None:
    """What the parameters say of the trees, beside what the header says."""
    if parameters.get("boosting") == "rf" and "average_output" not in header:
        raise refused("average_output is missing in the header", "there, as [boosting: rf] says")
    asked = parameters.get("objective", "").partition(" ")[0]
    if asked not in _NO_OBJECTIVE and "objective" not in header:
        raise refused("objective is missing in the header", f"there, as [objective: {asked[:40]}] says")


def _is_categories(text: str) -> bool:
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return value is None or (isinstance(value, list) and all(isinstance(item, list) for item in value))


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:37]}...")
