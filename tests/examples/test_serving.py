"""The examples of serving and explaining: they run, and what they serve is `predict_proba`."""

import pytest

from tests.examples.test_estimator_examples import drawn, figure, load  # noqa: F401  # a fixture

pytest.importorskip("xgboost")


def test_explain(capsys, figure):  # noqa: F811  # the fixture
    pytest.importorskip("shap")
    off, same = load("explain").main(n_samples=4_000, n_rows=1, figure=figure)
    assert off < 1e-9
    assert same == 1.0
    assert capsys.readouterr().out.endswith("first reason by margin is\nthat by log-odds: 100%.\n")
    assert drawn(figure.parent)


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
