"""benchmarks/serving_tools.py: its cells measure what they say, and the page's table is what was measured."""

import csv
import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks.scripts import load

for needed in ("xgboost", "lightgbm"):
    pytest.importorskip(needed)
tools = load("serving_tools")
ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
with tools.RESULTS.open(encoding="utf-8") as lines:
    ROWS = list(csv.DictReader(lines))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("models")
    tools.prepare(path)
    return path


@pytest.mark.parametrize("task", tools.TASKS)
@pytest.mark.parametrize("booster", tools.BOOSTERS)
def test_of_the_margin_the_formula_is_predict_proba(folder, booster, task):
    row = tools.cell("Booster of the model file", tools.Model(folder, booster, task))
    assert row["gives"] == "margin"
    assert float(row["off_with_formula"]) == 0.0
    assert float(row["off_by_itself"]) > 0.05
    assert float(row["labels_differ"]) > 0.01


@pytest.mark.parametrize("task", tools.TASKS)
@pytest.mark.parametrize("booster", tools.BOOSTERS)
@pytest.mark.parametrize("name", ["treelite", "joblib", "focalboost.onnx, ONNX Runtime"])
def test_tools_that_give_the_posterior(folder, name, booster, task):
    (package,) = (tool[1] for tool in tools.TOOLS if tool[0] == name)
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"needs {package}")
    row = tools.cell(name, tools.Model(folder, booster, task))
    assert "error" not in row
    assert float(row.get("off_with_formula", row["off_by_itself"])) < 1e-6


def test_what_a_tool_says_is_its_row(folder, monkeypatch):
    def fails(model):
        raise RuntimeError("not  \n this one")

    monkeypatch.setattr(tools, "TOOLS", (("broken", "numpy", tools.BOOSTERS, fails),))
    row = tools.cell("broken", tools.Model(folder, "xgboost", "binary"))
    assert row["error"] == "RuntimeError: not this one"


def test_every_tool_was_tried():
    found = {(row["tool"], row["booster"], row["task"]) for row in ROWS}
    wanted = {
        (name, booster, task)
        for name, _, boosters, _ in tools.TOOLS
        for booster in boosters
        for task in tools.ONLY.get(name, tools.TASKS)
    }
    assert found == wanted


def test_what_the_page_calls_right_is():
    """All but what it names: labels of TL2cgen, m2cgen, onnxmltools, JPMML and daal4py."""
    wrong = {
        (row["tool"], row["booster"])
        for row in ROWS
        if row["error"] or float(row["off_with_formula"] or row["off_by_itself"]) > 3e-7
    }
    assert wrong == {
        ("TL2cgen", "xgboost"),
        ("m2cgen", "xgboost"),
        *(
            (name, booster)
            for name in ("onnxmltools, ONNX Runtime", "JPMML", "daal4py")
            for booster in tools.BOOSTERS
        ),
    }
    assert {row["task"] for row in ROWS if (row["tool"], row["booster"]) in wrong and row["error"]} == {
        "multilabel"
    }
    by_itself = [float(row["off_by_itself"]) for row in ROWS if row["tool"] == "Booster of the model file"]
    (stated,) = re.findall(r"the confidence is off by up to (\.\d+), with", PAGE)
    assert float(stated) == pytest.approx(np.max(by_itself), abs=0.005)
