"""The reference, made of `__all__`: a wing's docstring, a table of its names, then each name in full.

    .. wing:: focalboost.metrics

Also `command-help`, what a command prints for `--help`.
"""

# ruff: noqa: ARG001, INP001  # Sphinx hands its handlers more than they need
from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from functools import partialmethod
from importlib import import_module
from typing import TYPE_CHECKING, Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from sphinx.application import Sphinx


# Methods of the losses by which the wings of the package speak to one another.
INSIDE = {
    "found_shift",
    "get_xgb_params",
    "going_on_with",
    "labels_of",
    "lightgbm_objective",
    "margins_of",
    "of_kept_rows",
    "recorded",
    "same_meaning",
    "starts_at",
    "trained_shift",
}


def documented(module: str) -> dict[str, Any]:
    """The classes and functions that the module offers; what else it offers its page describes."""
    found = import_module(module)
    offered = ((name, getattr(found, name)) for name in found.__all__)
    return {name: value for name, value in offered if inspect.isclass(value) or inspect.isroutine(value)}


class Wing(SphinxDirective):
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        (module,) = self.arguments
        things = documented(module)
        lines = [f".. automodule:: {module}", "", ".. autosummary::", "   :nosignatures:", ""]
        lines += [f"   {name}" for name in things]
        for name, value in things.items():
            if inspect.isclass(value):
                lines += ["", f".. autoclass:: {name}", "   :members:", "   :inherited-members: object"]
            else:
                lines += ["", f".. autofunction:: {name}"]
        container = nodes.Element()
        self.state.nested_parse(StringList(lines, source=f"{module} (names)"), self.content_offset, container)
        return container.children


class CommandHelp(SphinxDirective):
    """What `python -m focalboost ... --help` prints, 100 columns wide."""

    required_arguments = 0
    optional_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        arguments = self.arguments[0].split() if self.arguments else []
        # Plain text, whatever the terminal that builds.
        plain = {"COLUMNS": "100", "TERMINAL_WIDTH": "100", "NO_COLOR": "1", "TERM": "dumb"}
        text = subprocess.run(  # noqa: S603  # own command
            [sys.executable, "-m", "focalboost", *arguments, "--help"],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | plain | {"PYTHONIOENCODING": "utf-8"},
        ).stdout
        text = "\n".join(line.rstrip() for line in text.strip("\n").splitlines())
        return [nodes.literal_block(text, text, language="text")]


def tidy(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """In a module's docstring an indented block is code."""
    if what != "module":
        return
    for number, line in reversed(list(enumerate(lines))):
        previous = lines[number - 1] if number else ""
        if line.startswith("    ") and not previous.strip() and not lines[number - 2].startswith("    "):
            lines[number:number] = ["::", ""]


def skip(app: Sphinx, what: str, name: str, obj: Any, skipped: bool, options: Any) -> bool | None:
    """What a class has of the boosters and of scikit-learn is on their sites."""
    while isinstance(obj, (property, classmethod, staticmethod, partialmethod)):
        obj = obj.fget if isinstance(obj, property) else getattr(obj, "__func__", None) or obj.func
    made_in = getattr(obj, "__module__", None) or "focalboost"  # an attribute has none
    asked_for = re.fullmatch(r"set_\w+_request", name)  # scikit-learn writes these for each estimator
    return True if name in INSIDE or asked_for or not made_in.startswith("focalboost") else None


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("wing", Wing)
    app.add_directive("command-help", CommandHelp)
    app.connect("autodoc-process-docstring", tidy)
    app.connect("autodoc-skip-member", skip)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
