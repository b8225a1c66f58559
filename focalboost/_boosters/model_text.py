"""LightGBM's model text: checked before LightGBM reads it, edited in the few places that focal loss needs.

A header, one block of `name=values` lines for each tree, `end of trees`, importances, `parameters:` ...
`end of parameters`. LightGBM trusts the header's `tree_sizes`; where they are stale it throws inside OpenMP,
which can abort the process. Without that line it reads the trees one after the other, so every text made here
drops it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

RECORD = "focalboost"
HEADER_KEYS = ("version", "num_class", "num_tree_per_iteration", "max_feature_idx", "feature_names")
# Values per tree: as many as leaves, or one fewer.
PER_LEAF = ("leaf_value",)
PER_SPLIT = ("split_feature", "threshold", "decision_type", "left_child", "right_child")
BIASED = ("leaf_value", "internal_value", "leaf_const")


class ModelTextError(ValueError):
    """A model text that LightGBM must not be given."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"model text {what}, must be a whole text model as LightGBM 4 writes it: the file was cut off, "
            "edited or is no LightGBM model. Save the model again."
        )


def _keys(lines: Sequence[str]) -> dict[str, str]:
    return dict(line.split("=", 1) for line in lines if "=" in line)


def _count(keys: dict[str, str], name: str) -> int:
    value = keys.get(name, "")
    if not value.isdecimal():
        raise ModelTextError(f"has {name}={value!r}")
    return int(value)


def split_trees(text: str) -> tuple[str, list[str], str]:
    """Header, tree blocks and the rest; raises ModelTextError for a text that is not whole."""
    head, found, after = text.partition("\nend of trees\n")
    if not text.startswith("tree\n"):
        raise ModelTextError(f"begins with {text[:20]!r}")
    if not found:
        raise ModelTextError("has no 'end of trees'")
    if "\nparameters:" in after and "\nend of parameters" not in after:
        raise ModelTextError("has no 'end of parameters'")
    starts = [match.start() for match in re.finditer(r"^Tree=", head, re.MULTILINE)]
    edges = [*starts, len(head)]
    header = head[: edges[0]]
    trees = [head[a:b] for a, b in pairwise(edges)]
    keys = _keys(header.splitlines())
    for name in HEADER_KEYS:
        if name not in keys:
            raise ModelTextError(f"has no {name}")
    per_iteration = _count(keys, "num_tree_per_iteration")
    if per_iteration == 0 or len(trees) % per_iteration:
        raise ModelTextError(f"has {len(trees)} trees, {per_iteration} an iteration")
    for number, tree in enumerate(trees):
        _check_tree(number, _keys(tree.splitlines()))
    return header, trees, found + after


def _check_tree(number: int, keys: dict[str, str]) -> None:
    if keys.get("Tree") != str(number):
        raise ModelTextError(f"has Tree={keys.get('Tree')} where Tree={number} is due")
    leaves = _count(keys, "num_leaves")
    lengths = dict.fromkeys(PER_LEAF, leaves)
    if leaves > 1:
        lengths |= dict.fromkeys(PER_SPLIT, leaves - 1)
    for name, length in lengths.items():
        values = keys.get(name, "").split()
        try:
            numbers = [float(value) for value in values]
        except ValueError:
            numbers = []
        if len(numbers) != length:
            raise ModelTextError(f"has {name} with {len(numbers)} numbers in tree {number}, {length} are due")
    if "shrinkage" not in keys:
        raise ModelTextError(f"has no shrinkage in tree {number}")


def without_tree_sizes(header: str) -> str:
    return re.sub(r"^tree_sizes=.*\n", "", header, flags=re.MULTILINE)


def add_to_tree(tree: str, bias: float) -> str:
    """Add a constant to what a tree says, as LightGBM does with its own intercept (shrinkage 1 after it)."""
    lines = []
    for line in tree.split("\n"):
        name, found, values = line.partition("=")
        if found and name in BIASED:
            # repr is the shortest text that reads back as the same float64.
            shifted = " ".join(repr(float(value) + bias) for value in values.split())
            lines.append(f"{name}={shifted}")
        elif name == "shrinkage":
            lines.append("shrinkage=1")
        else:
            lines.append(line)
    return "\n".join(lines)


def with_objective(header: str, rest: str, objective: str, record: str) -> tuple[str, str]:
    """Write the objective where LightGBM and SHAP look for it, and the record where both keep it."""
    header = re.sub(r"^objective=.*\n", "", header, flags=re.MULTILINE)
    header = header.replace("\nfeature_names=", f"\nobjective={objective}\nfeature_names=", 1)
    name = objective.partition(" ")[0]
    rest = re.sub(rf"^\[{RECORD}: .*\]\n", "", rest, flags=re.MULTILINE)
    line = f"[objective: {name}]\n[{RECORD}: {record}]"
    rest, n_found = re.subn(r"^\[objective: .*\]$", lambda _: line, rest, count=1, flags=re.MULTILINE)
    if n_found == 0:
        raise ModelTextError("has no [objective: ...] among its parameters")
    return header, rest


def find_record(text: str) -> str | None:
    match = re.search(rf"^\[{RECORD}: (.*)\]$", text, re.MULTILINE)
    return match.group(1) if match else None


def parameter_names(text: str) -> frozenset[str]:
    """The parameters that a model text lists, which are LightGBM's main names without aliases."""
    section = text.partition("\nparameters:")[2].partition("end of parameters")[0]
    return frozenset(re.findall(r"^\[(\w+): ", section, re.MULTILINE))
