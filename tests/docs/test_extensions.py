"""What docs/_ext adds to Sphinx: links for site and repository, formulas, how the examples run."""

import re
import sys

import pytest

from tests.docs.pages import DOCS, ROOT, text

EXAMPLES = {path.stem for path in (ROOT / "examples").glob("*.py")}


@pytest.fixture
def extension(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS / "_ext"))
    yield lambda name: __import__(name)
    for name in ("gallery", "mathml", "repository_links"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("written", "stands_in", "expected"),
    [
        ("[t](../benchmarks/README.md#study)", DOCS, "/blob/main/benchmarks/README.md#study)"),
        ("[t](../examples)", DOCS, "/tree/main/examples)"),
        ("[t](serving.md#x)", DOCS, "[t](serving.md#x)"),
        ("[t](docs/serving.md)", ROOT, "[t](serving.md)"),
        ("[t](LICENSE)", ROOT, "/blob/main/LICENSE)"),
        ("[t](#here) [u](https://a.org/b)", ROOT, "[t](#here) [u](https://a.org/b)"),
        ("[t](no_such_file.md)", DOCS, "[t](no_such_file.md)"),
        ("![t](images/study.png)", DOCS, "![t](images/study.png)"),
    ],
)
def test_links_fit_the_site(extension, written, stands_in, expected):
    found = extension("repository_links").linked(written, stands_in, DOCS)
    assert found.endswith(expected)
    assert not expected.startswith("/") or "(https://github.com/focalboost/focalboost/" in found


def test_formulas_are_mathml_with_their_tex(extension):
    pytest.importorskip("latex2mathml")
    pytest.importorskip("sphinx")
    mathml = extension("mathml").mathml
    found = mathml(r"\log p_t < 0", display=False)
    assert 'display="inline"' in found
    assert r'alttext="\log p_t &lt; 0"' in found
    assert '<mi>log</mi><mspace width="0.1667em"/><msub>' in found  # else it reads "logp"
    assert "<mspace" not in mathml(r"\log(p)", display=True)
    assert "<mo>&#x02032;</mo>" in mathml("p'", display=True)
    cases = mathml(r"\begin{cases} a & b \\ c & d \end{cases}", display=True)
    assert 'display="block"' in cases
    assert cases.count("<mtr>") == 2


def test_the_gallery_knows_its_examples(extension):
    gallery = extension("gallery")
    assert {*gallery.ORDER, *gallery.NOT_RUN, *gallery.ARGUMENTS} <= EXAMPLES
    run = {name for name in EXAMPLES if re.search(gallery.pattern(), f"/examples/{name}.py")}
    assert run == EXAMPLES - set(gallery.NOT_RUN)
    for name, arguments in gallery.ARGUMENTS.items():
        source = text(ROOT / "examples" / f"{name}.py")
        assert all(f'"{word}"' in source for word in arguments if word.startswith("--"))
        given = gallery.arguments({}, {"src_file": f"/examples/{name}.py"})
        assert given == arguments
    assert sorted(EXAMPLES, key=gallery.order)[: len(gallery.ORDER)] == list(gallery.ORDER)
