"""LightGBM's model text: taken apart, and edited in the few places that focal loss needs.

A header, one block of `name=values` lines for each tree, `end of trees`, importances, `parameters:` ...
`end of parameters`, `pandas_categorical:...`. LightGBM trusts the header's `tree_sizes`; where they are
stale it throws inside OpenMP, which can abort the process. Without that line it reads the trees one after the
other, so every text made here drops it. A text from a file goes through `model_check` first.
"""

from __future__ import annotations

import re
from itertools import pairwise

from focalboost._boosters.model_file import refused

RECORD = "focalboost"
BIASED = ("leaf_value", "internal_value", "leaf_const")


def split_trees(text: str) -> tuple[str, list[str], str]:
    """Header, tree blocks and the rest, which begins with the end of the trees."""
    head, found, after = text.partition("\nend of trees\n")
    if not text.startswith("tree\n"):
        raise refused(
            f"the text begins with {text[:20]!r}", "a text model of LightGBM, which begins with 'tree'"
        )
    if not found:
        raise refused("'end of trees' is missing", "a whole text model of LightGBM")
    starts = [match.start() for match in re.finditer(r"^Tree=", head, re.MULTILINE)]
    edges = [*starts, len(head)]
    return head[: edges[0]], [head[a:b] for a, b in pairwise(edges)], found + after


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
        raise refused("[objective: ...] is missing among the parameters", "a whole text model of LightGBM")
    return header, rest


def find_objective(header: str) -> str | None:
    match = re.search(r"^objective=(.*)$", header, re.MULTILINE)
    return match.group(1) if match else None


def with_record(text: str, record: str) -> str:
    """A text that has a record with another one."""
    return re.sub(
        rf"^\[{RECORD}: .*\]$", lambda _: f"[{RECORD}: {record}]", text, count=1, flags=re.MULTILINE
    )


def find_record(text: str) -> str | None:
    match = re.search(rf"^\[{RECORD}: (.*)\]$", text, re.MULTILINE)
    return match.group(1) if match else None


def parameter_names(text: str) -> frozenset[str]:
    """The parameters that a model text lists, which are LightGBM's main names without aliases."""
    section = text.partition("\nparameters:")[2].partition("end of parameters")[0]
    return frozenset(re.findall(r"^\[(\w+): ", section, re.MULTILINE))
