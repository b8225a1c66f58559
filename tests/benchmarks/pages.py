"""What README.md, the pages of docs/ and benchmarks/README.md say, for tests of their numbers."""

from __future__ import annotations

import re

from tests.benchmarks.scripts import FOLDER, cells


def text(path):
    return path.read_text(encoding="utf-8")


DOCS = FOLDER.parent / "docs"
README, BENCHMARKS = text(FOLDER.parent / "README.md"), text(FOLDER / "README.md")
EVIDENCE, EXPERIMENTS = text(DOCS / "evidence.md"), text(DOCS / "experiments.md")


def section(whole, heading):
    assert f"\n## {heading}\n" in whole
    return whole.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def flat(part):
    return re.sub(r"\s+", " ", part)


def rows_of(part):
    return [cells(line) for line in part.splitlines() if line.startswith("|") and "---" not in line]


def rows_under(part, head):
    """The table that begins with this row."""
    rows = rows_of(part)
    assert rows.count(head) == 1
    return rows[rows.index(head) :]
