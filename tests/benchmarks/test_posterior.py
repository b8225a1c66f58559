"""benchmarks/posterior.py: its figure, from results that a run has written."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from tests.benchmarks.scripts import load

for needed in ("xgboost", "matplotlib", "pandas"):
    pytest.importorskip(needed)
posterior = load("posterior")


@pytest.fixture(scope="module")
def results():
    """Log loss of 0.1 in four splits, of gamma 2 as it is given here, in % above it."""
    above = {"raw": 50.0, "raw + Platt": 0.0, "posterior": 1.0, "posterior + Platt": -1.0}
    noise = np.array([-0.001, 0.001, -0.002, 0.002])

    def one(rate):
        scores = {posterior.BASE: {"log loss": [0.1] * 4}}
        scores |= {
            f"gamma 2, {kind}": {"log loss": list(0.1 * (1 + value / 100) + noise)}
            for kind, value in above.items()
        }
        return {"rows": 100, "rate": rate, "scores": scores}

    rng = np.random.default_rng(0)
    odds = rng.normal(-3.0, 2.0, 30_000)
    parts = posterior.reliability(odds, 1.0 / (1.0 + np.exp(-odds)))
    kinds = [posterior.BASE, "gamma 2, raw", "gamma 2, posterior", "gamma 2, posterior + Platt"]
    return {
        posterior.SIMULATED: {**one(0.03), "reliability": {kind: [parts] for kind in kinds}},
        "other": {**one(0.2), "reliability": {}},
    }


def test_differences_are_in_per_cent_of_log_loss(results):
    mean, half = posterior.difference(results["other"]["scores"], "gamma 2, raw", "other")
    assert mean == pytest.approx(50.0)
    narrow = posterior.difference(results[posterior.SIMULATED]["scores"], "gamma 2, raw", "simulated")[1]
    assert half > narrow > 0.0


def test_redraws_what_a_run_wrote(results, tmp_path, monkeypatch, capsys):
    written, figure = tmp_path / "it.json", tmp_path / "it.png"
    posterior.save(written, {}, {"splits": 4, "sets": results})
    monkeypatch.setattr(sys, "argv", ["posterior.py", "--redraw", str(written), "--figure", str(figure)])
    posterior.main()
    assert figure.read_bytes().startswith(b"\x89PNG")
    monkeypatch.setattr(sys, "argv", ["posterior.py", "--redraw", str(written)])
    with pytest.raises(SystemExit, match="2"):
        posterior.main()
    assert "--figure is missing, must say where to draw." in capsys.readouterr().err
