"""The pages of docs/ as text: their blocks, headings, targets and links, without Sphinx."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SITE = "https://focalboost.readthedocs.io/en/latest/"
FILES = "https://github.com/focalboost/focalboost/blob/main/"
# A fence ends with as many signs as it began with.
FENCE = re.compile(
    r"^(?P<fence>`{3,}|:{3,})(?P<info>[^\n]*)\n(?P<body>.*?)^(?P=fence)[ ]*$", re.DOTALL | re.MULTILINE
)
LINK = re.compile(r"(!?)\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")


def pages():
    return sorted(DOCS.glob("*.md"))


def text(path):
    return path.read_text(encoding="utf-8")


def blocks(path, kind):
    """Line and text of each block of the kind, in the order of the page."""
    content = text(path)
    return [
        (content.count("\n", 0, match.start()) + 2, match["body"])
        for match in FENCE.finditer(content)
        if match["info"].strip() == kind
    ]


def prose(path):
    """The text without its blocks of code."""
    return FENCE.sub(lambda match: match["body"] if match["fence"].startswith(":") else "", text(path))


def anchors(path):
    """What a link to a section of the page may name: headings as GitHub makes them, and `(targets)=`."""
    found = set(re.findall(r"^\(([^)\n]+)\)=$", text(path), re.MULTILINE))
    for heading in re.findall(r"^#{1,6} +(.+?)\s*$", prose(path), re.MULTILINE):
        plain = re.sub(r"\]\([^)]*\)", "", heading)
        name = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        found.add(next(each for each in _numbered(name) if each not in found))
    return found


def _numbered(name):
    yield name
    number = 0
    while True:
        number += 1
        yield f"{name}-{number}"


def links(path):
    """Whether it is a picture, and the target, of each link of the page."""
    return [(match[1] == "!", match[2]) for match in LINK.finditer(prose(path))]


def file_of(target, path):
    """The file of the repository, or the page of the site, that a target means; None for another server."""
    name, _, anchor = target.partition("#")
    if name.startswith(SITE):
        page = name.removeprefix(SITE).removesuffix(".html") or "index"
        rst = DOCS / f"{page}.rst"
        return (rst if rst.exists() else DOCS / f"{page}.md"), anchor
    if name.startswith(FILES):
        return ROOT / name.removeprefix(FILES), anchor
    if re.match(r"[a-z]+:", name):
        return None, anchor
    found = path if not name else (path.parent / name).resolve()
    if found.is_relative_to(DOCS / "gallery"):  # made of the examples
        script = ROOT / "examples" / f"{found.stem}.py"
        return (script if found.stem != "index" else ROOT / "examples" / "GALLERY_HEADER.rst"), ""
    return found, anchor
