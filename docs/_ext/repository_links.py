"""Links to files of the repository, written so that they work there too, made to fit the site.

A page links to `../benchmarks/README.md`, which is not on the site: it becomes the address of that file. A
file above `docs` that a page includes links to `docs/scaling.md`, which is on the site: `scaling.md`.
"""

# ruff: noqa: ARG001, INP001  # Sphinx hands its handlers more than they need
from __future__ import annotations

import re
from os.path import normpath, relpath
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

DOCS = Path(__file__).parents[1]
ROOT = DOCS.parent
FILES = "https://github.com/focalboost/focalboost/blob/main"
FOLDERS = "https://github.com/focalboost/focalboost/tree/main"
# A link of Markdown, but for those to another server or within the page. A picture's target is left alone.
LINK = re.compile(r"(?<!!)(\[(?:[^\[\]]|\[[^\]]*\])*\]\()(?![a-z]+:|#)([^)#\s]+)(#[^)\s]*)?\)")


def linked(text: str, stands_in: Path, page: Path) -> str:
    """The text of a file in the folder `stands_in`, with links that work on a page of the folder `page`."""

    def link(match: re.Match[str]) -> str:
        before, target, anchor = match[1], match[2], match[3] or ""
        path = Path(normpath(stands_in / target))
        if not path.exists():  # MyST says so
            return match[0]
        if path.is_relative_to(DOCS):
            found = Path(relpath(path, page)).as_posix()
        else:
            found = f"{FOLDERS if path.is_dir() else FILES}/{path.relative_to(ROOT).as_posix()}"
        return f"{before}{found}{anchor})"

    return LINK.sub(link, text)


def read(app: Sphinx, docname: str, content: list[str]) -> None:
    path = Path(app.env.doc2path(docname))
    if path.suffix == ".md":
        content[0] = linked(content[0], path.parent, path.parent)


def included(app: Sphinx, path: Path, docname: str, content: list[str]) -> None:
    content[0] = linked(content[0], Path(normpath(DOCS / path)).parent, DOCS)


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("source-read", read)
    app.connect("include-read", included)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
