"""The page: one file, no network, whole and readable, whatever the names in the table are."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

for needed in ("matplotlib", "jinja2", "optuna"):
    pytest.importorskip(needed)
from focalboost.comparison._page import duration, render, signed, table  # noqa: E402  # after the check
from focalboost.comparison._pictures import pictures  # noqa: E402
from focalboost.comparison._verdict import decide  # noqa: E402
from tests.comparison.fakes import fake_comparison  # noqa: E402

CHROMIUM = next(
    (path for path in map(Path, ("/usr/bin/chromium", "/usr/bin/chromium-browser")) if path.exists()), None
)
HOSTILE = [
    '<script>alert("column")</script>',
    "</td></table><img src=x onerror=alert(1)>",
    "{{ 7 * 7 }} &amp; 'quoted' \"twice\"",
    "a\x00b\x1b[31m\ud800\u202ec",
]
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
VARIANTS = {
    "rich": {},
    "bare": {"rich": False},
    "amounts by day": {"cost_missed": "amount", "alert_rate": None, "alerts_per_day": 2.0},
    "hostile": {"names": HOSTILE, "source": HOSTILE[0] + ".csv"},
}


@pytest.fixture(scope="module")
def compared():
    return {name: fake_comparison(**more) for name, more in VARIANTS.items()}


@pytest.fixture(scope="module")
def pages(compared):
    return {name: render(comparison) for name, comparison in compared.items()}


class Tree(HTMLParser):
    """Elements in order; refuses tags that are not closed in order."""

    def __init__(self, page):
        super().__init__()
        self.open, self.elements, self.texts = [], [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append(SimpleNamespace(tag=tag, attrs=dict(attrs), inside=list(self.open), text=""))
        if tag not in VOID:
            self.open.append(self.elements[-1])

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop().tag == tag, f"</{tag}> at {self.getpos()}"

    def handle_data(self, data):
        for element in self.open:
            element.text += data

    def all(self, *tags):
        return [element for element in self.elements if element.tag in tags]


@pytest.fixture(scope="module")
def trees(pages):
    return {name: Tree(page) for name, page in pages.items()}


every = pytest.mark.parametrize("name", VARIANTS)


@every
def test_every_tag_is_closed_and_every_id_is_one(name, trees):
    tree = trees[name]
    assert not tree.open
    ids = [element.attrs["id"] for element in tree.elements if "id" in element.attrs]
    assert len(ids) == len(set(ids))
    for element in tree.elements:
        names = [element.attrs.get("href") or "", element.attrs.get("xlink:href") or ""]
        names += [f"#{each}" for each in (element.attrs.get("aria-labelledby") or "").split()]
        for value in element.attrs.values():
            names += [f"#{each}" for each in re.findall(r"url\(#([^)]+)\)", value or "")]
        for target in names:
            if target.startswith("#"):
                assert target[1:] in ids


@every
def test_it_has_a_language_a_title_and_headings_in_order(name, trees):
    tree = trees[name]
    assert tree.all("html")[0].attrs["lang"] == "en"
    assert tree.all("title")[0].text
    levels = [int(element.tag[1]) for element in tree.all("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert np.diff(levels).max() <= 1


@every
def test_the_verdict_comes_first(name, trees, compared):
    tree = trees[name]
    (heading,) = tree.all("h1")
    assert heading.text == compared[name].verdict.sentence
    assert tree.all("body")[0].text.strip().startswith(heading.text)


@every
def test_order_of_the_sections(name, trees):
    headings = [element.text for element in trees[name].all("h2")]
    wanted = [
        "What to do", "What the figures show", "Measures on the held-out rows", "The rule that decided",
        "Which rows trained, which judged", "Columns", "What was found for each contender", "To repeat it",
        "What the words mean",
    ]  # fmt: skip
    assert [heading for heading in headings if heading in wanted] == wanted


@every
def test_every_figure_has_a_heading_a_caption_and_a_text_in_its_place(name, trees):
    tree = trees[name]
    figures = tree.all("figure")
    assert len(figures) == (8 if name != "bare" else 7)
    for kind in ("h3", "svg", "figcaption"):
        inside = [
            element for element in tree.all(kind) if any(each.tag == "figure" for each in element.inside)
        ]
        assert len(inside) == len(figures)
        for element in inside:
            assert len(element.text if kind != "svg" else element.attrs["aria-label"]) > 5
            assert "e+" not in element.text
    for svg in tree.all("svg"):
        assert svg.attrs["role"] == "img"


@every
def test_nothing_is_loaded(name, trees, pages):
    for element in trees[name].elements:
        assert element.tag not in ("script", "iframe", "object", "embed", "img", "base", "form")
        for attribute, value in element.attrs.items():
            assert not attribute.startswith("on")
            if attribute in ("src", "href", "xlink:href", "data", "action", "poster", "srcset"):
                assert value.startswith(("#", "data:"))
            if not attribute.startswith("xmlns"):
                assert "//" not in (value or "").replace("data:,", "")
    for style in trees[name].all("style"):
        assert "@import" not in style.text
        assert "url(" not in style.text
    assert len(pages[name].encode()) < 1.5e6


def test_hostile_names_are_text(trees, pages):
    tree = trees["hostile"]
    cells = [element.text for element in tree.all("th")]
    assert HOSTILE[0] in cells
    assert HOSTILE[1] in cells
    assert HOSTILE[2] in cells
    assert "a\ufffdb\ufffd[31m\ufffd\u202ec" in cells
    # A name that turns the direction of writing does so in an element of its own.
    assert "a\ufffdb\ufffd[31m\ufffd\u202ec" in [element.text for element in tree.all("bdi")]
    pages["hostile"].encode("utf-8")
    assert HOSTILE[0] not in pages["hostile"]


@every
def test_the_table_has_every_value_and_says_better_or_worse_in_words(name, trees, compared):
    comparison = compared[name]
    text = next(
        element.text for element in trees[name].all("div") if element.attrs.get("aria-label") == "Measures"
    )
    judgement = comparison.judgement
    for m, measure in enumerate(judgement.measures):
        assert measure.name in text
        for value in judgement.values[:, m]:
            assert f"{value:,.{measure.digits}f}" in text
    assert len(re.findall(r"[▲▼=] (?:better|worse|not shown to differ)", text)) == 3 * len(judgement.measures)
    assert "nan" not in text


def changed(comparison, row, measure, value):
    """The same comparison with another value in one place, and in all replicates of it."""
    base = comparison.judgement
    place = [each.key for each in base.measures].index(measure)
    values, replicates = base.values.copy(), base.replicates.copy()
    replicates[:, base.keys.index(row), place] += value - values[base.keys.index(row), place]
    values[base.keys.index(row), place] = value
    judgement = replace(base, values=values, replicates=replicates)
    verdict = decide(judgement, comparison.settings)
    return SimpleNamespace(**{**vars(comparison), "judgement": judgement, "verdict": verdict}), place


@pytest.mark.parametrize(
    ("measure", "value", "word", "difference"),
    [
        ("average_precision", 0.9, "better", "+"),
        ("average_precision", 0.01, "worse", "\u2212"),
        ("log_loss", 0.001, "better", "\u2212"),
        ("log_loss", 0.9, "worse", "+"),
        ("calibration_ratio", 7.0, "worse", "\u00d76."),  # 7 over what log loss is off
    ],
)
def test_words_are_those_of_the_verdict(measure, value, word, difference, compared):
    comparison, place = changed(compared["bare"], "focal", measure, value)
    row = table(comparison)[place]
    of_focal = row.cells[2]  # log loss, class weights, focal loss, untuned
    assert row.cells[0].word == row.cells[0].difference == ""
    assert of_focal.word == word
    assert of_focal.difference.startswith(difference)
    assert of_focal.sign == {"better": "▲", "worse": "▼"}[word]
    assert comparison.verdict.use == (
        "focal" if measure == "average_precision" and word == "better" else "log_loss"
    )


def test_the_chosen_contender_is_marked(compared):
    comparison, _ = changed(compared["bare"], "focal", "average_precision", 0.9)
    tree = Tree(render(comparison))
    assert ["focal loss" in element.text for element in tree.all("th") if "use this" in element.text] == [
        True
    ]
    assert tree.all("h1")[0].text.startswith("Use focal loss")
    assert tree.all("title")[0].text.startswith("focal loss for cards.csv")


def test_what_cannot_be_computed_is_no_number(compared):
    comparison, place = changed(compared["bare"], "class_weights", "average_precision", np.nan)
    lost = table(comparison)[place].cells[1]
    assert (lost.value, lost.difference, lost.word) == ("\u2013", "\u2013", "cannot be compared")
    comparison, place = changed(compared["bare"], "class_weights", "log_loss", np.inf)
    assert table(comparison)[place].cells[1].value == "∞"


def test_a_contender_that_diverged_costs_no_page(compared):
    comparison = compared["bare"]
    lost = [
        replace(each, log_odds=np.full_like(each.log_odds, np.nan)) if each.contender.key == "focal" else each
        for each in comparison.trained
    ]
    found = {each.key: each for each in pictures(SimpleNamespace(**{**vars(comparison), "trained": lost}))}
    assert "focal loss" not in found["ranking"].svg
    assert "class weights" in found["ranking"].svg
    assert "focal loss" in found["tuning"].svg


def test_warnings_stand_before_the_figures(pages):
    page = pages["rich"]
    for warning in ("Half of the rows are doubled.", "12 duplicate rows", "merchant: alone ranks the target"):
        assert page.index(warning) < page.index("<figure")


def test_what_repeats_it(pages):
    assert "focalboost compare cards.csv --target is_fraud --seed 0" in pages["rich"]
    assert "focalboost.comparison.compare" in pages["bare"]
    for part in ("Seed 0", "83.2 s", "2.4.1", "early_stopping_rounds"):
        assert part in pages["rich"]


def test_each_measure_is_explained(trees, compared):
    text = next(e.text for e in trees["rich"].all("section") if e.attrs["aria-labelledby"] == "words")
    for measure in compared["rich"].judgement.measures:
        assert measure.says in text


def test_figures_are_the_same_each_time_and_have_letters_as_text(compared, pages):
    first = next(pictures(compared["bare"]))
    assert first.svg in pages["bare"]
    assert "Recall: share of the positives found" in first.svg
    assert "metadata" not in first.svg


def luminance(color):
    channels = np.array([int(color[k : k + 2], 16) for k in (1, 3, 5)]) / 255.0
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return linear @ (0.2126, 0.7152, 0.0722)


@pytest.mark.parametrize("scheme", [0, 1])
def test_contrast_of_text(scheme, pages):
    """WCAG 2.2, 1.4.3: 4.5 to 1."""
    block = re.findall(r":root \{(.*?)\}", pages["bare"], re.DOTALL)[scheme]
    colors = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block))
    for ink in ("ink", "quiet", "link", "better", "worse"):
        for paper in ("paper", "band") + (("note",) if ink in ("ink", "link") else ()):
            light, dark = sorted((luminance(colors[ink]), luminance(colors[paper])), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (ink, paper)


def test_small_words():
    assert [duration(each) for each in (0.234, 83.2, 600, 7200)] == ["0.234 s", "83.2 s", "10 min", "2.0 h"]
    assert signed(-0.5, 2) == "\u22120.50"
    assert signed(np.nan, 2) == "\u2013"


# ---------------------------------------------------------------------- in a browser
@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: apt install chromium")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield opened
        opened.close()


@every
@pytest.mark.parametrize("width", [390, 1280])
def test_in_chromium(name, width, browser, pages, compared, tmp_path):
    file = tmp_path / "report.html"
    file.write_text(pages[name], encoding="utf-8")
    heard = []
    page = browser.new_page(viewport={"width": width, "height": 844})
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("dialog", lambda dialog: (heard.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: heard.append(request.url) if request.url != file.as_uri() else None)
    page.goto(file.as_uri())
    assert page.inner_text("h1") == compared[name].verdict.sentence
    assert "Precision: share of positives among alerts" in page.text_content("figure svg")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # Nothing but boxes that scroll is wider than the page.
    wide = """() => [...document.querySelectorAll('body *')]
        .filter(e => !e.closest('.box') && !e.closest('svg'))
        .filter(e => e.getBoundingClientRect().right > innerWidth + 1)
        .map(e => e.outerHTML.slice(0, 80))"""
    assert page.evaluate(wide) == []
    page.close()
    assert heard == []
