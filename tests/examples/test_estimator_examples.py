"""The short examples, on little data: they run, and what they print is what they claim."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def load(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_threshold_for_cost(capsys):
    pytest.importorskip("pandas")
    example = load("threshold_for_cost")
    costs = example.main(n_samples=40_000, n_estimators=30)
    default, from_costs, _ = costs.values()
    # The threshold that follows from the costs alone does better than 0.5.
    assert from_costs < default
    assert "tuned by 5-fold CV" in capsys.readouterr().out


def test_multiclass(capsys):
    losses = load("multiclass").main(n_samples=12_000, n_estimators=40)
    # The posterior undoes gamma; the raw confidence stays far off.
    assert losses["focal, gamma 1"] < 1.15 * losses["log loss"]
    assert losses["... its raw confidence"] > 1.4 * losses["focal, gamma 2, half weights"]
    assert "recall of takeover" in capsys.readouterr().out


def test_multilabel(capsys):
    pytest.importorskip("lightgbm")
    example = load("multilabel")
    precisions = example.main(n_samples=15_000, n_estimators=40)
    rates = np.array(list(example.LABELS.values()))
    for name, values in precisions.items():
        assert (values > 4 * rates).all(), name
    assert "LightGBM, focal" in capsys.readouterr().out


def test_serve_without_focalboost(capsys):
    difference = load("serve_without_focalboost").main(n_samples=15_000, n_estimators=10)
    assert difference < 1e-12
    assert "posterior there" in capsys.readouterr().out


def test_distributed_dask(capsys):
    pytest.importorskip("distributed")
    difference = load("distributed_dask").main(n_samples=20_000, rounds=10)
    assert difference < 1e-5
    assert "average precision of two workers" in capsys.readouterr().out
