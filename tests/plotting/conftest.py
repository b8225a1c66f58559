"""Figures without a screen, and none left behind."""

import pytest
from scipy.special import expit

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("agg")


@pytest.fixture(autouse=True)
def closed_figures():
    from matplotlib import pyplot as plt

    yield
    plt.close("all")


@pytest.fixture
def ax():
    from matplotlib.figure import Figure

    return Figure().subplots()


@pytest.fixture
def predicted(rng):
    """Labels, and calibrated probabilities of two contenders."""
    log_odds = rng.normal(-4.0, 1.8, 4000)
    y = (rng.random(4000) < expit(log_odds)).astype(int)
    return y, {"log loss": expit(log_odds), "focal loss": expit(log_odds + 0.5 * rng.normal(size=4000))}


@pytest.fixture
def legend():
    return lambda ax: [text.get_text() for text in ax.get_legend().get_texts()]
