"""The example that scores in ONNX Runtime, as a user runs it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.examples.test_estimator_examples import drawn

for needed in ("xgboost", "onnx", "onnxruntime"):
    pytest.importorskip(needed)

EXAMPLE = Path(__file__).parents[2] / "examples" / "serve_onnx.py"


def run(folder: Path, *arguments: str) -> str:
    command = [sys.executable, str(EXAMPLE), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


def test_both_processes_say_the_same(tmp_path):
    pytest.importorskip("matplotlib")
    text = run(tmp_path, "--figure", "it.png", "--rows", "8000", "--trees", "20")
    difference = float(re.search(r"share of the probability: (\S+) ", text).group(1))
    assert difference < 1e-6
    assert "Labels that differ: 0 of 8,000." in text
    mean, rate, raw = (float(number) for number in re.findall(r"\b0\.\d{5}", text)[-3:])
    assert abs(mean - rate) < 1e-5
    assert raw > 5 * mean
    assert text.count("  row ") == 5
    assert drawn(tmp_path)
