"""Scripts of benchmarks/, imported as `python benchmarks/NAME.py` would find them."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import ModuleType

FOLDER = Path(__file__).parents[2] / "benchmarks"


def load(name: str) -> ModuleType:
    """The script, and none of its neighbours left behind: other folders have modules of their names."""
    before = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:  # the script's own changes of the path end here too
        patch.setattr(sys, "path", [str(FOLDER), *sys.path])
        module = importlib.import_module(name)
    for added in set(sys.modules) - before:
        file = getattr(sys.modules[added], "__file__", None) or ""
        if file.startswith(str(FOLDER)):
            sys.modules.pop(added)
    return module


def tables_of(section: str) -> list[str]:
    """The rows of the tables of a section of benchmarks/README.md."""
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert f"\n## {section}\n" in text
    part = text.split(f"\n## {section}\n")[1].split("\n## ")[0]
    return [line for line in part.splitlines() if line.startswith("|") and "---" not in line]


def cells(line: str) -> list[str]:
    """Of a row of a Markdown table."""
    return [cell.strip() for cell in line.strip("|").split("|")]
