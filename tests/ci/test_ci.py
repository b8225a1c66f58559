"""The scripts of CI and the workflow for GitHub say what pyproject.toml and README.md say."""

import re
import runpy
import subprocess
import sys
import tomllib

import pytest
from packaging.specifiers import SpecifierSet

from tests.structure import PACKAGE

ROOT = PACKAGE.parent
WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"
if not WORKFLOW.exists():
    pytest.skip("a source distribution has no CI", allow_module_level=True)
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
lowest = runpy.run_path(str(ROOT / ".ci" / "lowest"))["lowest"]


@pytest.fixture
def workflow():
    yaml = pytest.importorskip("yaml")
    # "on" is a boolean in YAML 1.1.
    return yaml.load(WORKFLOW.read_text(), yaml.BaseLoader)


def test_the_lowest_versions_are_the_bounds():
    result = subprocess.run(
        [sys.executable, ROOT / ".ci" / "lowest"], capture_output=True, text=True, check=True
    )
    lines = result.stdout.split()
    for requirement in PYPROJECT["project"]["dependencies"]:
        assert requirement.replace(">=", "==") in lines
    assert f"distributed=={lowest(PYPROJECT)['dask']}" in lines


def test_two_bounds_of_one_package_are_an_error():
    pyproject = {
        "project": {"dependencies": ["numpy>=1.26"], "optional-dependencies": {"plot": ["numpy>=2"]}},
        "dependency-groups": {},
    }
    with pytest.raises(SystemExit, match=r"numpy >= 2 and >= 1\.26, must be one bound"):
        lowest(pyproject)


def test_all_that_is_required_has_a_lower_bound():
    required = PYPROJECT["project"]["dependencies"]
    extras = [item for items in PYPROJECT["project"]["optional-dependencies"].values() for item in items]
    for requirement in [*required, *extras]:
        assert ">=" in requirement or requirement.startswith("focalboost["), requirement


def test_the_workflow_runs_every_python_and_system(workflow):
    matrix = workflow["jobs"]["tests"]["strategy"]["matrix"]
    declared = SpecifierSet(PYPROJECT["project"]["requires-python"])
    classifiers = " ".join(PYPROJECT["project"]["classifiers"])
    assert matrix["python"] == re.findall(r"Python :: (3\.\d+)", classifiers)
    assert all(version in declared for version in matrix["python"])
    assert "3.10" not in declared
    assert [system.partition("-")[0] for system in matrix["os"]] == ["ubuntu", "macos", "windows"]
    # What is left out of the matrix is what the job of .ci/run has.
    assert matrix["exclude"] == [{"os": matrix["os"][0], "python": "3.11"}]
    reference = workflow["jobs"]["reference"]
    assert reference["runs-on"] == matrix["os"][0]
    assert reference["steps"][-1]["run"] == "bash .ci/run"


def test_the_workflow_may_do_little_and_ends(workflow):
    assert workflow["permissions"] == {"contents": "read"}
    assert "pull_request_target" not in workflow["on"]
    assert workflow["concurrency"]["group"]
    allowed = {name for name, job in workflow["jobs"].items() if job.get("continue-on-error") == "true"}
    assert allowed == {"free-threaded", "pre-releases"}
    for job in workflow["jobs"].values():
        assert int(job["timeout-minutes"]) <= 60
        assert "permissions" not in job
        for step in job["steps"]:
            assert re.fullmatch(r"actions/[a-z-]+@v\d+", step.get("uses", "actions/none@v1"))
            # What is written into a script comes from no title or branch of a stranger.
            assert "github.event" not in step.get("run", "")


@pytest.mark.skipif(sys.platform == "win32", reason="a script of bash")
@pytest.mark.parametrize("system", ["Linux", "macOS", "Windows"])
def test_the_workflow_runs_the_test_command_of_the_readme(workflow, tmp_path, system):
    """The step itself, with a shell that prints in the place of the one that would run the command."""
    step = workflow["jobs"]["tests"]["steps"][-1]
    folder, booster = (
        "Scripts" if system == "Windows" else "bin",
        "xgboost" if system == "macOS" else "xgboost-cpu",
    )
    assert f"'{booster}'" in step["env"]["BOOSTER"]
    assert f"'{folder}'" in step["env"]["FOLDER"]
    script = step["run"].replace('bash -euo pipefail -c "$command"', 'printf %s "$command" > "$FOUND"')
    subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=ROOT, check=True, capture_output=True,
        env={"PATH": "/usr/bin:/bin", "BOOSTER": booster, "FOLDER": folder, "FOUND": str(tmp_path / "found")},
    )  # fmt: skip
    readme = (
        (ROOT / "README.md").read_text().partition("<!-- test command -->\n```sh\n")[2].partition("\n```")[0]
    )
    expected = (
        readme.replace("python3 -m venv", "python -m venv")
        .replace("xgboost-cpu", booster)
        .replace(".venv/bin/pip", f".venv/{folder}/python -m pip")
        .replace(".venv/bin/pytest", f".venv/{folder}/python -m pytest")
    )
    assert (tmp_path / "found").read_text().strip() == expected
    assert "-m pytest" in expected


@pytest.mark.parametrize("name", [".ci/run", ".ci/core", ".ci/lowest-run", ".ci/newer-python"])
@pytest.mark.skipif(sys.platform == "win32", reason="scripts of bash")
def test_scripts_are_valid(name):
    subprocess.run(["bash", "-n", ROOT / name], check=True)


def test_the_tests_that_scripts_name_exist():
    for name in ("run", "core"):
        for path in re.findall(r"tests/[\w/.]+", (ROOT / ".ci" / name).read_text()):
            assert (ROOT / path).exists(), path
