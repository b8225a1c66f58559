"""docs/install.md and its Dockerfile name what pyproject.toml has."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile

import pytest

from tests.docs.pages import DOCS, ROOT, text

PROJECT = tomllib.loads(text(ROOT / "pyproject.toml"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
PAGE = text(DOCS / "install.md")
# Without comments, each instruction in one line.
DOCKERFILE = re.sub(r"^#.*\n", "", text(DOCS / "docker" / "Dockerfile"), flags=re.MULTILINE).replace(
    "\\\n", " "
)


def instructions(name):
    return re.findall(rf"^{name} (.*)$", DOCKERFILE, re.MULTILINE)


def table(heading):
    """Cells of the rows of the first table below a heading."""
    rows = re.findall(r"^\|(.*)\|$", PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0], re.MULTILINE)
    return [[cell.strip() for cell in row.split("|")] for row in rows[2:]]


def test_the_image_installs_extras_that_exist():
    (install,) = [line for line in instructions("RUN") if "pip install" in line]
    (extras,) = re.findall(r"\.whl\)\[([a-z0-9,-]+)\]", install)
    assert set(extras.split(",")) <= set(EXTRAS)
    assert {"compare", "xgboost-cpu"} <= set(extras.split(","))
    assert not {"xgboost", "xgboost-cpu"} <= set(extras.split(","))


def test_the_image_runs_the_command_without_root():
    (user,) = instructions("USER")
    assert int(user) > 0
    assert DOCKERFILE.index("USER") > DOCKERFILE.rindex("RUN ")
    assert json.loads(instructions("ENTRYPOINT")[0])[0] in PROJECT["scripts"]
    assert instructions("FROM")[-1].split(":")[1].startswith(("3.11-", "3.12-", "3.13-", "3.14-"))


def test_a_wheel_is_made_of_what_is_copied(tmp_path):
    pytest.importorskip("hatchling")
    for line in instructions("COPY"):
        if line.startswith("--from"):
            continue
        *sources, _ = line.split()
        for source in sources:
            found = ROOT / source
            if found.is_dir():
                shutil.copytree(found, tmp_path / source, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(found, tmp_path / source)
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", "wheels"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    (wheel,) = (tmp_path / "wheels").glob("focalboost-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "focalboost/command/_app.py" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_table_has_every_extra():
    named = {name for row in table("Which extra for what") for name in re.findall(r"`([a-z0-9-]+)`", row[0])}
    assert named == set(EXTRAS)


def test_the_licence_of_every_dependency_is_stated():
    stated = " ".join(cell.lower() for row in table("Licences") for cell in row)
    for requirement in [*PROJECT["dependencies"], *(each for extra in EXTRAS.values() for each in extra)]:
        name = re.match(r"[A-Za-z0-9_-]+", requirement)[0].lower()
        assert name == "focalboost" or re.search(rf"(?<![\w-]){name}(?![\w-])", stated), name
