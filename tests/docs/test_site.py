"""The site as a reader has it: built without a warning, whole in itself, right on a phone too."""

import functools
import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest

for needed in ("sphinx", "pydata_sphinx_theme", "myst_parser", "numpydoc", "sphinx_gallery", "latex2mathml"):
    pytest.importorskip(needed)
for needed in (
    "sphinx_design",
    "sphinx_copybutton",
    "xgboost",
    "lightgbm",
    "optuna",
    "skl2onnx",
    "jinja2",
    "typer",
):
    pytest.importorskip(needed)
from sphinx.util.inventory import InventoryFile  # noqa: E402  # only where the site can be built

from tests.docs.pages import ROOT  # noqa: E402
from tests.docs.test_api import MODULES  # noqa: E402

CHROMIUM = next(
    (path for path in map(Path, ("/usr/bin/chromium", "/usr/bin/chromium-browser")) if path.exists()), None
)


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """Built once for all workers, of a copy: the gallery writes beside the sources. Examples are not run."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent  # of all workers
    folder, done = shared / "site", shared / "site" / "done"
    try:
        folder.mkdir()
    except FileExistsError:  # another worker builds it
        for _ in range(600):
            if done.exists():
                break
            time.sleep(0.5)
    else:
        try:
            build(folder)
        finally:
            done.touch()
    assert (folder / "html" / "index.html").exists(), (folder / "log").read_text("utf-8")
    return folder / "html"


def build(folder):
    for path in ROOT.iterdir():
        if path.name in ("docs", "examples"):
            left_out = shutil.ignore_patterns("_build", "gallery", "__pycache__")
            shutil.copytree(path, folder / path.name, ignore=left_out)
        elif path.is_file():
            shutil.copy(path, folder)
        elif not path.name.startswith(".venv"):
            (folder / path.name).symlink_to(path)
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-D", "plot_gallery=0"]
    command += ["docs", "html"]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    (folder / "log").write_text(result.stdout + result.stderr, "utf-8")


BAD = ("error", "warning")


class Page(HTMLParser):
    """Of a page: language, ids, headings, what it links to, its pictures."""

    def __init__(self, path):
        super().__init__()
        self.lang, self.ids, self.titles, self.links, self.pictures = None, set(), 0, [], []
        self.loaded = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "html":
            self.lang = attrs.get("lang")
        self.ids.add(attrs.get("id"))
        self.titles += tag == "h1"
        if tag == "a" and "href" in attrs:
            self.links.append(attrs["href"])
        if tag == "img":
            self.pictures.append((attrs.get("src"), attrs.get("alt")))
        if tag in ("img", "script", "iframe", "source"):
            self.loaded.append(attrs.get("src"))
        if tag == "link" and attrs.get("rel") in ("stylesheet", "icon", "preload", "preconnect"):
            self.loaded.append(attrs.get("href"))


@pytest.fixture(scope="module")
def parsed(site):
    return {path: Page(path) for path in sorted(site.rglob("*.html")) if "_static" not in path.parts}


def test_it_builds_without_a_warning(site):
    assert (site.parent / "log").read_text("utf-8").strip() == ""
    assert (site / "index.html").exists()


def test_links_within_it_lead_somewhere(parsed):
    seen = 0
    for path, page in parsed.items():
        for link in page.links:
            target, anchor = urldefrag(unquote(link))
            if target.split(":")[0] in ("http", "https", "mailto"):
                continue
            file = (path.parent / target).resolve() if target else path
            assert file.exists(), (path.name, link)
            if anchor and file in parsed:
                assert anchor in parsed[file].ids, (path.name, link)
            seen += 1
    assert seen > 1000


def test_a_page_has_a_language_a_title_and_words_for_its_pictures(parsed):
    for path, page in parsed.items():
        assert page.lang == "en", path.name
        if path.name not in ("genindex.html", "search.html", "py-modindex.html"):
            assert page.titles == 1, (path.name, page.titles)
        for source, alt in page.pictures:
            # The logo stands beside its own name.
            assert (alt or "").strip() or "logo" in source, (path.name, source)


def test_nothing_is_loaded_from_elsewhere(parsed):
    for path, page in parsed.items():
        elsewhere = [each for each in page.loaded if each and each.startswith(("http:", "https:", "//"))]
        assert elsewhere == [], path.name


def test_every_public_name_is_on_it_and_nothing_private(site):
    with (site / "objects.inv").open("rb") as file:
        inventory = InventoryFile.load(file, "", lambda base, path: path)
    names = {name for kind, found in inventory.items() if kind.startswith("py:") for name in found}
    for module in MODULES:
        offered = {f"{module}.{name}" for name in import_module(module).__all__}
        assert offered <= names, offered - names
    private = {name for name in names if any(part.startswith("_") for part in name.split("."))}
    assert private == {"focalboost.__version__"}


# ---------------------------------------------------------------------- in a browser
@pytest.fixture(scope="module")
def address(site):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *values):
            pass

    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(site))
    ) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser():
    api = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: apt install chromium")
    with api.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def opened(browser, address):
    """A page of the browser, and what it asked for and complained of."""

    def at(width):
        context = browser.new_context(viewport={"width": width, "height": 900})
        page = context.new_page()
        said, asked = [], []
        page.on("console", lambda message: said.append(message.text) if message.type in BAD else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        contexts.append(context)
        return page, said, asked

    contexts = []
    yield at
    for context in contexts:
        context.close()


@pytest.mark.parametrize("width", [1280, 390])
def test_in_a_browser(width, opened, address, site):
    """No request leaves, nothing is complained of, no page is wider than the screen."""
    page, said, asked = opened(width)
    names = sorted(path.name for path in site.glob("*.html"))
    for name in [*names, "api/index.html", "api/xgboost.html", "api/command.html", "gallery/index.html"]:
        page.goto(f"{address}/{name}", wait_until="load")
        wide, screen = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        assert wide <= screen, (name, wide)
        assert said == [], (name, said)
    assert [url for url in asked if not url.startswith((address, "data:"))] == []


def test_the_search_finds(opened, address):
    page, said, _ = opened(1280)
    page.goto(f"{address}/search.html?q=posterior")
    page.wait_for_selector("#search-results li a")
    found = page.locator("#search-results li a").all_inner_texts()
    assert {"focalboost.posterior", "Theory"} <= set(found), found
    assert said == []


def test_formulas_are_seen_and_can_be_read_aloud(opened, address):
    page, _, _ = opened(1280)
    page.goto(f"{address}/theory.html")
    size_and_text = "each => each.map(m => [m.getBoundingClientRect().height, m.getAttribute('alttext')])"
    boxes = page.locator("math").evaluate_all(size_and_text)
    assert len(boxes) > 50
    assert all(height > 5 and text for height, text in boxes)
    assert page.evaluate("document.fonts.ready.then(() => document.fonts.check('16px \"Noto Sans Math\"'))")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_both_themes(theme, browser, address):
    context = browser.new_context(color_scheme=theme)
    page = context.new_page()
    page.goto(f"{address}/index.html")
    assert page.evaluate("document.documentElement.dataset.theme") == theme
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")  # rgb(255, 255, 255)
    red, green, blue = map(int, re.findall(r"\d+", colour)[:3])
    assert (red + green + blue > 600) == (theme == "light")
    context.close()
