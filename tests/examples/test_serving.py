"""The examples of serving and explaining: they run, and what they serve is `predict_proba`."""

import runpy
import sys

import pytest

from tests.examples.test_estimator_examples import EXAMPLES, load

pytest.importorskip("xgboost")


def test_explain(capsys):
    pytest.importorskip("shap")
    off, same = load("explain").main(n_samples=4_000, n_rows=1)
    assert off < 1e-9
    assert same == 1.0
    assert "first reason by margin is that by log-odds: 100%" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore")  # MLflow warns of its own names and of what it finds in the environment
def test_serve_mlflow(capsys):
    for needed in ("mlflow", "skops", "pandas"):
        pytest.importorskip(needed)
    if not hasattr(pytest.importorskip("mlflow"), "sklearn"):
        pytest.skip("mlflow-skinny has no flavors")
    assert load("serve_mlflow").main(n_samples=4_000, n_estimators=5) == 0.0
    out = capsys.readouterr().out
    assert "posterior_0, posterior_1: mean of the last 0.00" in out
    assert "focal_0, focal_1: mean of the last 0." in out


@pytest.mark.filterwarnings("ignore")  # as above
@pytest.mark.parametrize("name", ["explain", "serve_mlflow", "serve_without_focalboost"])
def test_help(name, monkeypatch, capsys):
    pytest.importorskip({"explain": "shap", "serve_mlflow": "mlflow"}.get(name, "xgboost"))
    path = str(EXAMPLES / f"{name}.py")
    monkeypatch.setattr(sys, "argv", [path, "--help"])
    with pytest.raises(SystemExit, match="0"):
        runpy.run_path(path, run_name="__main__")
    assert "--rows" in capsys.readouterr().out
