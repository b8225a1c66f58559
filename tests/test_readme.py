"""README's Python runs and prints what it says; its links lead somewhere, also from a package index."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
PRINTED = re.findall(r"```text\n(.*?)```", README, re.DOTALL)
PROJECT = "https://github.com/focalboost/focalboost"
SITE = "https://focalboost.readthedocs.io"
LINKS = re.findall(r"\]\(([^)\s]+)\)", README)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """All blocks, in one namespace, as a reader would run them; and what each printed."""
    xgboost, pandas = pytest.importorskip("xgboost"), pytest.importorskip("pandas")
    if xgboost.__version__.startswith("3.1.") and int(pandas.__version__.split(".")[0]) >= 3:
        pytest.skip("XGBoost 3.1 does not read categories of pandas 3")
    names, printed = {}, []
    names["print"] = lambda *values: printed.append(" ".join(map(str, values)))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("readme"))
        for block in BLOCKS:
            exec(compile(block, "README.md", "exec"), names)
    return names, printed


def test_readme_code_prints_what_it_says(run):
    _, printed = run
    (told,) = PRINTED
    told = told.splitlines()
    assert len(told) == 3
    number = r"\d\.\d+"
    for line, found in zip(told, printed, strict=False):
        assert re.sub(number, "", line) == re.sub(number, "", found)
        precision, mean, rate = map(float, re.findall(number, line.partition(":")[2]))
        precision_here, mean_here, rate_here = map(float, re.findall(number, found.partition(":")[2]))
        assert rate_here == rate
        # Another version of XGBoost, other splits.
        assert precision_here == pytest.approx(precision, abs=0.03)
        assert mean_here == pytest.approx(mean, abs=0.0005)


def test_readme_decides_and_serves(run):
    names, printed = run
    p, fraud = names["p"], names["fraud"]
    assert f"With {fraud.sum()} frauds to judge by" in " ".join(README.split())
    assert re.fullmatch(r"[\d,]+ alerts find \d+% of the stolen money", printed[3])
    assert names["amount"][names["alert"] & fraud].sum() > 0.95 * names["amount"][fraud].sum()
    budget = names["budget"]
    assert (p > budget.threshold).mean() == pytest.approx(0.01, abs=1e-3)
    assert budget.low < 0.01 < budget.high
    assert (names["probability"] == p).all()
    raw = names["booster"].predict(names["rows"], iteration_range=names["trees"]).mean()
    told = re.search(r"its mean here is (0\.\d+) at a rate of (0\.\d+)", README)
    assert raw == pytest.approx(float(told[1]), abs=0.002)
    assert fraud.mean() == pytest.approx(float(told[2]), abs=1e-4)


def test_readme_is_one_page():
    assert len(README.splitlines()) <= 150


def target(link):
    """The file that a link into the project or its site is made of."""
    if link.startswith(f"{SITE}/en/latest/"):
        return f"docs/{link.removeprefix(f'{SITE}/en/latest/').partition('#')[0].removesuffix('.html')}.md"
    for kind in (f"{PROJECT}/blob/main/", f"{PROJECT.replace('github', 'raw.githubusercontent')}/main/"):
        if link.startswith(kind):
            return link.removeprefix(kind).partition("#")[0]
    return None


def test_readme_links_lead_somewhere():
    """A package index shows no files of the repository, so that every link is absolute or an anchor."""
    headings = {
        re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in README.splitlines()
        if line.startswith("#")
    }
    found = set()
    for link in LINKS:
        if link.startswith("#"):
            assert link[1:] in headings, link
        elif link != f"{PROJECT}/issues":
            path = target(link)
            assert path is not None, link
            assert (ROOT / path).is_file(), link
            found.add(path.split("/")[0])
    assert {"docs", "benchmarks", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md"} <= found
    assert "<img" not in README


def test_readme_clones_what_pyproject_names():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["urls"]["Homepage"] == PROJECT
    assert project["urls"]["Documentation"].startswith(SITE)
    assert f"git clone {PROJECT} && cd focalboost" in README
    status = README.partition("\n## Status\n")[2]
    assert f"version {project['version']}" in status
    for extra in re.findall(r"`([a-z-]+)`", status.partition("- **Runs with**")[0]):
        assert extra in project["optional-dependencies"]
    versions = [each.rpartition("3.")[2] for each in project["classifiers"] if ":: Python :: 3." in each]
    assert f"Python 3.{versions[0]} to 3.{versions[-1]}" in status
    for extra, name in (("xgboost", "XGBoost"), ("lightgbm", "LightGBM")):
        lowest = project["optional-dependencies"][extra][0].rpartition(">=")[2]
        assert f"{name} {lowest} " in status
