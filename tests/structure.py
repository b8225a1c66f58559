"""The package's structure as its own imports draw it: wings, floors, circles, arrows up.

    python tests/structure.py [folder of the package]

An arrow goes from a file to what it imports, at its head, inside its functions and under TYPE_CHECKING. A
wing is a folder, or a file at the top. `WINGS` is the order that `tests/test_structure.py` holds it to.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from itertools import product
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "focalboost"
# From the bottom to the top: a wing imports from those before it.
WINGS = (
    "_typing",
    "_dask",
    "_kernels",
    "_validation",
    "calibration",
    "metrics",
    "datasets",
    "_boosters",
    "losses",
    "_classifier",
    "xgboost",
    "lightgbm",
    "tuning",
    "plotting",
    "onnx",
    "comparison",
    "command",
    "__main__",
    "__init__",
)
Arrows = dict[str, set[str]]


def modules(package: Path) -> dict[str, Path]:
    """Dotted names below the package, "__init__" for the package itself."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name or "__init__"] = path
    return found


def arrows(package: Path) -> Arrows:
    """What each module imports of the package."""
    names = modules(package)
    return {
        name: {
            target
            for imported in _imports(path, package.name)
            if (target := _module(imported, package.name, names)) is not None and target != name
        }
        for name, path in names.items()
    }


def _imports(path: Path, root: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"{path}: relative import, must be absolute: from {root}... import ...")
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and _called(node) in ("import_module", "_import_module"):
            yield from _loaded(node, path, root)


def _called(node: ast.Call) -> str:
    return getattr(node.func, "id", getattr(node.func, "attr", ""))


def _loaded(node: ast.Call, path: Path, root: str) -> Iterator[str]:
    """Modules named by import_module: of an f-string every wing that its one gap could mean."""
    argument = node.args[0]
    if isinstance(argument, ast.Constant):
        yield str(argument.value)
    elif isinstance(argument, ast.JoinedStr) and path.name != "__init__.py":
        # focalboost.{booster}
        yield from (f"{root}.{booster}" for booster in ("xgboost", "lightgbm"))


def _module(imported: str, root: str, names: dict[str, Path]) -> str | None:
    """The module that an import reaches: `a.b.c` may be a module, or the name c of module a.b."""
    if imported != root and not imported.startswith(f"{root}."):
        return None
    parts = imported.split(".")[1:]
    while parts and ".".join(parts) not in names:
        parts.pop()
    return ".".join(parts) or "__init__"


def wing(module: str) -> str:
    """The folder that a module lies in, or its own name at the top."""
    return module.partition(".")[0]


def circles(graph: Arrows) -> list[list[str]]:
    """Groups of modules that reach one another."""
    reached = {name: _reach(graph, name) for name in graph}
    groups = {frozenset([a, *(b for b in reached[a] if a in reached[b])]) for a in graph if a in reached[a]}
    return sorted(sorted(group) for group in groups)


def _reach(graph: Arrows, start: str) -> set[str]:
    seen: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting.extend(graph.get(name, ()))
    return seen


def between_wings(graph: Arrows) -> Arrows:
    """Arrows between wings, without those inside one."""
    found: Arrows = {wing(name): set() for name in graph}
    for name, targets in graph.items():
        found[wing(name)] |= {wing(target) for target in targets} - {wing(name)}
    return found


def floors(graph: Arrows) -> dict[str, int]:
    """The longest way down from each node; raises CycleError for a circle."""
    levels: dict[str, int] = {}
    for name in TopologicalSorter(graph).static_order():
        levels[name] = 1 + max((levels[target] for target in graph.get(name, ())), default=0)
    return levels


def arrows_up(graph: Arrows) -> list[tuple[str, str]]:
    """Imports from a wing into one that `WINGS` does not put below it."""
    order = {name: place for place, name in enumerate(WINGS)}
    return sorted(
        (name, target)
        for name, targets in graph.items()
        for target in targets
        if wing(name) != wing(target) and order.get(wing(target), 99) >= order.get(wing(name), -1)
    )


def main(package: Path) -> None:
    graph = arrows(package)
    graph.pop("__init__", None)
    top = between_wings(graph)
    lines = {
        name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in modules(package).items()
    }
    print(f"{len(graph)} files, {sum(lines.values())} lines, {len(top)} at the top of {package.name}/")
    try:
        print(f"floors: {max(floors(graph).values())} of files, {max(floors(top).values())} of wings")
    except CycleError:
        print("floors: none, there is a circle")
    print("circles of files:", circles(graph) or "none")
    print("circles of wings:", circles(top) or "none")
    if set(top) <= set(WINGS):
        print("arrows up:", arrows_up(graph) or "none")
    print()
    for name in [*(w for w in WINGS if w in top), *sorted(set(top) - set(WINGS))]:
        files = [module for module in graph if wing(module) == name]
        below = sorted(top[name], key=lambda other: WINGS.index(other) if other in WINGS else -1)
        size = sum(lines[module] for module in files)
        print(f"{name:14}{len(files):3} files {size:5} lines   imports {', '.join(below) or 'nothing'}")
    crossed = sum(wing(a) != wing(b) for a, b in _pairs(graph))
    print(f"\n{sum(map(len, graph.values()))} arrows, {crossed} between wings")


def _pairs(graph: Arrows) -> Iterator[tuple[str, str]]:
    for name, targets in graph.items():
        yield from product([name], targets)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else PACKAGE)
