"""The short examples, on little data: they run, and what they print is what they claim."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def load(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def drawn(folder):
    """Whether a figure, and nothing else, was written."""
    files = list(folder.iterdir())
    return len(files) == 1 and files[0].read_bytes().startswith(b"\x89PNG")


@pytest.fixture
def figure(tmp_path, monkeypatch):
    """A file to draw to, in the empty current folder."""
    pyplot = pytest.importorskip("matplotlib.pyplot")
    monkeypatch.chdir(tmp_path)
    yield tmp_path / "figure.png"
    pyplot.close("all")


def test_threshold_for_cost(capsys, figure):
    pytest.importorskip("pandas")
    example = load("threshold_for_cost")
    costs = example.main(n_samples=40_000, n_estimators=30, figure=figure)
    default, from_costs, tuned = costs.values()
    # The threshold that follows from the costs alone does better than 0.5.
    assert from_costs < default
    text = capsys.readouterr().out
    # What each costs more has its interval around it.
    for name, more in (
        ("0.5, the default", default - from_costs),
        ("tuned by 5-fold CV", tuned - from_costs),
    ):
        found = re.search(rf"{name} .* ([+-][\d,]+) \[([+-][\d,]+), ([+-][\d,]+)\]", text)
        middle, low, high = (int(number.replace(",", "")) for number in found.groups())
        assert low <= middle == more <= high
    if default != from_costs:
        assert low < high
    assert drawn(figure.parent)


def test_multiclass(capsys, figure):
    losses = load("multiclass").main(n_samples=12_000, n_estimators=40, figure=figure)
    # The posterior undoes gamma; the raw confidence stays far off.
    assert losses["focal, gamma 1"] < 1.15 * losses["log loss"]
    assert losses["... its raw confidence"] > 1.4 * losses["focal, gamma 2, half weights"]
    assert "recall of takeover" in capsys.readouterr().out
    assert drawn(figure.parent)


def test_multilabel(capsys, figure):
    pytest.importorskip("lightgbm")
    example = load("multilabel")
    precisions = example.main(n_samples=15_000, n_estimators=40, figure=figure)
    rates = np.array(list(example.LABELS.values()))
    for name, values in precisions.items():
        assert (values > 4 * rates).all(), name
    assert "LightGBM, focal" in capsys.readouterr().out
    assert drawn(figure.parent)


def test_serve_without_focalboost(capsys):
    difference = load("serve_without_focalboost").main(n_samples=15_000)
    assert difference < 1e-12
    text = capsys.readouterr().out
    assert "posterior there" in text
    # Early stopping leaves rounds in the file that the server must not use.
    in_file, best = map(
        int, re.search(r"file has (\d+) rounds, the best are the first (\d+):", text).groups()
    )
    assert best < in_file
    rate, posterior, raw = map(float, re.findall(r"\b0\.\d{4}\b", text)[-3:])
    assert abs(posterior - rate) < abs(raw - rate)


def test_distributed_dask(capsys):
    pytest.importorskip("distributed")
    difference = load("distributed_dask").main(n_samples=20_000, rounds=10)
    assert difference < 1e-5
    assert "average precision of two workers" in capsys.readouterr().out
