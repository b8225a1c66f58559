"""What stands around the code: versions agree, forms are valid, and what is uploaded holds what it should."""

import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from datetime import date
from email.parser import Parser
from itertools import chain

import pytest

import focalboost
from tests.structure import PACKAGE

ROOT = PACKAGE.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
FORMS = ROOT / ".github" / "ISSUE_TEMPLATE"


def read(name):
    file = ROOT / name
    if not file.is_file():
        pytest.skip(f"a source distribution has no {name}")
    return file.read_text(encoding="utf-8")


def loaded(text):
    return pytest.importorskip("yaml").safe_load(text)


# ---------------------------------------------------------------------- versions
def test_all_versions_are_that_of_the_project():
    version = PROJECT["version"]
    assert focalboost.__version__ == version
    assert loaded(read("CITATION.cff"))["version"] == version
    newest, said = re.search(r"^## (\S+) \((.+)\)$", read("CHANGELOG.md"), re.MULTILINE).groups()
    assert newest == version
    if said != "unreleased":
        released = date.fromisoformat(said)
        # The day of the citation is that of the release.
        assert loaded(read("CITATION.cff"))["date-released"] == released
    minor = version.rpartition(".")[0]
    assert f"**Today: {version}" in read("docs/releases.md")
    assert f"| {minor} (newest minor version) | yes |" in read("SECURITY.md")


def test_models_of_this_minor_version_are_kept():
    minor = PROJECT["version"].rpartition(".")[0]
    assert list((ROOT / "tests" / "golden" / minor).iterdir())


def test_supported_versions_are_those_of_the_project():
    page = read("docs/releases.md")
    pythons = re.findall(r"Python :: (3\.\d+)", " ".join(PROJECT["classifiers"]))
    assert f"| Python | {pythons[0]} to {pythons[-1]} |" in page
    bounds = {}
    for requirement in chain(PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()):
        name, _, bound = requirement.partition(">=")
        bounds[name] = bound.partition(";")[0].strip()
    core = [bounds[name] for name in ("numpy", "scipy", "scikit-learn", "numba")]
    assert f"| NumPy, SciPy, scikit-learn, Numba | from {', '.join(core)} |" in page
    assert f"| XGBoost | {bounds['xgboost']} to " in page
    assert f"| LightGBM | {bounds['lightgbm']}, " in page
    assert f"| Optuna | from {bounds['optuna']} |" in page


# ---------------------------------------------------------------------- forms
def test_the_citation_names_the_project():
    citation = loaded(read("CITATION.cff"))
    assert citation["license"] == PROJECT["license"]
    assert citation["repository-code"] == PROJECT["urls"]["Homepage"]
    assert citation["url"] == PROJECT["urls"]["Documentation"]


def test_the_citation_is_valid():
    citation = pytest.importorskip("cffconvert").Citation(read("CITATION.cff"))
    citation.validate()


@pytest.mark.parametrize("name", ["bug", "wrong_probability", "question_or_feature"])
def test_issue_forms_are_what_github_reads(name):
    form = loaded(read(f".github/ISSUE_TEMPLATE/{name}.yml"))
    assert set(form) == {"name", "description", "labels", "body"}
    assert len(form["name"]) <= 60
    ids = []
    for part in form["body"]:
        assert part["type"] in {"markdown", "textarea", "input", "dropdown", "checkboxes"}
        if part["type"] == "markdown":
            assert part["attributes"]["value"]
            continue
        ids.append(part["id"])
        assert part["attributes"]["label"]
        assert isinstance(part["validations"]["required"], bool)
        if part["type"] == "dropdown":
            assert len(set(part["attributes"]["options"])) == len(part["attributes"]["options"])
    assert ids
    assert len(set(ids)) == len(ids)
    if name != "question_or_feature":
        assert {"code", "versions"} <= set(ids)


def test_forms_and_policies_link_to_what_is_there():
    config = loaded(read(".github/ISSUE_TEMPLATE/config.yml"))
    assert set(config) == {"blank_issues_enabled", "contact_links"}
    home, site = PROJECT["urls"]["Homepage"], PROJECT["urls"]["Documentation"]
    texts = [read("SECURITY.md"), *(form.read_text(encoding="utf-8") for form in FORMS.glob("*.yml"))]
    links = re.findall(r"https://[^\s)\"]+", " ".join(texts))
    assert len(links) > 5
    for link in links:
        address = link.rstrip(".,")
        assert address.startswith((home, site)), address
        if "template=" in address:
            assert (FORMS / address.partition("template=")[2]).is_file()
        if page := re.search(r"/en/latest/(\w+)\.html(?:#([\w-]+))?", address):
            text = read(f"docs/{page[1]}.md")
            headers = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
            assert page[2] is None or page[2] in {header.lower().replace(" ", "-") for header in headers}


# ---------------------------------------------------------------------- what is uploaded
@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Wheel and source distribution, as `python -m build` makes them."""
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("dist")
    code = f"import hatchling.build as b; b.build_sdist({str(folder)!r}); b.build_wheel({str(folder)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, sdist


def test_the_wheel_has_the_package_and_its_licence(built):
    wheel, _ = built
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        information = f"focalboost-{PROJECT['version']}.dist-info"
        metadata = Parser().parsestr(archive.read(f"{information}/METADATA").decode())
        licence = archive.read(f"{information}/licenses/LICENSE").decode()
        entries = archive.read(f"{information}/entry_points.txt").decode()
        size = sum(item.file_size for item in archive.infolist())
    assert {name.partition("/")[0] for name in names} == {"focalboost", information}
    assert licence == (ROOT / "LICENSE").read_text(encoding="utf-8")
    sources = {f"focalboost/{path.relative_to(PACKAGE).as_posix()}" for path in PACKAGE.rglob("*.py")}
    assert sources | {"focalboost/py.typed"} <= set(names)
    assert not [name for name in names if name.endswith((".pyc", ".nbi", ".nbc")) or "__pycache__" in name]
    assert size < 4_000_000
    assert metadata["Version"] == PROJECT["version"]
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert len(metadata.get_all("Project-URL")) == len(PROJECT["urls"])
    assert "focalboost = focalboost.command:main" in entries


def test_the_source_distribution_can_be_tested_and_read(built):
    _, sdist = built
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "pyproject.toml"} <= names
    for folder in ("focalboost", "tests", "examples", "benchmarks", "docs"):
        assert any(name.startswith(f"{folder}/") for name in names), folder
    kept = {path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("*.py")}
    assert kept <= names
    assert not [name for name in names if name.startswith((".venv", "docs/_build", "dist/"))]


def test_the_description_is_accepted_by_a_package_index(built):
    """As `twine check --strict` has it."""
    check = pytest.importorskip("twine.commands.check")
    pytest.importorskip("readme_renderer.markdown")
    assert check.check([str(path) for path in built], strict=True) is False  # whether it failed
