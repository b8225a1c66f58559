"""Every page of docs/: its Python runs, its commands have their options, its links lead somewhere."""

import ast
import re

import pytest

from tests.docs.pages import DOCS, ROOT, anchors, blocks, file_of, links, pages, text

# docs/serving.md has a test of its own: tests/calibration/test_serving_page.py.
WITH_CODE = [path for path in pages() if path.name != "serving.md" and blocks(path, "python")]
ALSO = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
# What a module of focalboost needs beside the core.
NEEDED = {
    "focalboost.xgboost": ["xgboost"],
    "focalboost.lightgbm": ["lightgbm"],
    "focalboost.tuning": ["optuna", "xgboost"],
    "focalboost.comparison": ["optuna", "xgboost", "matplotlib", "pandas", "jinja2"],
    "focalboost.plotting": ["matplotlib"],
    "focalboost.onnx": ["onnx", "skl2onnx"],
}
EXTRAS = {
    "dask",
    "lightgbm",
    "matplotlib",
    "onnx",
    "onnxruntime",
    "optuna",
    "pandas",
    "polars",
    "pyarrow",
    "shap",
}
EXTRAS |= {"distributed", "mlflow", "skl2onnx", "skops", "treelite", "xgboost"}


def needed(code):
    """Modules that are not of the core and that the code imports."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            yield from NEEDED.get(name, [])
            if name.partition(".")[0] in EXTRAS:
                yield name.partition(".")[0]


@pytest.fixture
def left_as_found():
    """What a page may change for the process: figures that stay open, Optuna's voice."""
    yield
    import sys

    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
    if "optuna" in sys.modules:
        sys.modules["optuna"].logging.set_verbosity(sys.modules["optuna"].logging.INFO)


def test_pages_have_code():
    assert len(WITH_CODE) >= 10


@pytest.mark.parametrize("path", WITH_CODE, ids=[path.stem for path in WITH_CODE])
def test_the_code_of_a_page_runs(path, tmp_path, monkeypatch, left_as_found):
    """Its blocks in their order, in one namespace, in an empty folder, under warnings as errors."""
    code = blocks(path, "python")
    for module in sorted({module for _, block in code for module in needed(block)}):
        pytest.importorskip(module)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    names = {"__name__": "__main__"}
    for line, block in code:
        # Empty lines in front: an error names the line of the page.
        exec(compile("\n" * (line - 1) + block, str(path), "exec"), names)


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.stem)
def test_code_that_is_not_run_says_why(path):
    """In a comment before or after it, which readers of the source see."""
    why = r"<!-- .{10,}? -->"
    block = r"```\{code-block\} python\n:class: not-run\n.*?^```$"
    found = re.findall(rf"^(?:({why})\s+)?{block}(?:\s+({why}))?", text(path), re.DOTALL | re.MULTILINE)
    assert len(found) == text(path).count(":class: not-run")
    assert all(before or after for before, after in found)


def commands(path):
    """Each command of the page's shell blocks, lines that go on joined."""
    for _, block in blocks(path, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            for command in re.split(r"&&|\||;", line.partition("# ")[0]):
                yield command.split()


@pytest.mark.parametrize("path", [*pages(), *ALSO], ids=lambda path: path.stem)
def test_the_options_of_a_command_exist(path):
    typer = pytest.importorskip("typer")
    pytest.importorskip("rich")
    from focalboost.command._app import app

    known = {}
    for name, command in typer.main.get_command(app).commands.items():
        known[name] = {option for each in command.params for option in (*each.opts, *each.secondary_opts)} | {
            "--help"
        }
    for words in commands(path):
        if words and words[0].endswith("focalboost") and len(words) > 1 and not words[1].startswith("-"):
            options = {word.partition("=")[0] for word in words if word.startswith("--")}
            assert options <= known[words[1]], (words[1], options - known[words[1]])
        scripts = [word for word in words if re.fullmatch(r"(examples|benchmarks)/\S+\.py", word)]
        for script in scripts:
            # A script may take its options from a file beside it.
            source = "".join(map(text, (ROOT / script).parent.glob("*.py")))
            for word in words:
                if word.startswith("--"):
                    assert f'"{word.partition("=")[0]}"' in source, (script, word)


def test_commands_are_seen():
    seen = [words for path in pages() for words in commands(path) if "compare" in words]
    assert any("--cost-missed" in words for words in seen)


@pytest.mark.parametrize("path", [*pages(), *ALSO], ids=lambda path: path.stem)
def test_links_lead_somewhere(path):
    for picture, target in links(path):
        file, anchor = file_of(target, path)
        if file is None:
            continue
        assert file.exists(), target
        assert not picture or file.suffix in (".png", ".svg"), target
        if anchor and file.suffix == ".md":
            assert anchor in anchors(file), target


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.stem)
def test_a_page_has_one_title_and_pictures_have_words(path):
    if path.name in ("contributing.md", "changelog.md"):
        (included,) = re.findall(r"```\{include\} (\S+)", text(path))
        path = (DOCS / included).resolve()
    prose_lines = re.sub(r"^(`{3,}).*?^\1", "", text(path), flags=re.DOTALL | re.MULTILINE)
    assert len(re.findall(r"^# ", prose_lines, re.MULTILINE)) == 1
    for alt in re.findall(r"!\[([^\]]*)\]", prose_lines):
        assert len(alt.split()) >= 3, alt
