"""What tuning found, by trial and by parameter."""

import numpy as np
import pytest

from focalboost.plotting import plot_trials
from focalboost.plotting._style import STYLES


def test_the_best_so_far_and_each_trial(ax, legend):
    plot_trials({"log loss": [0.55, np.nan, 0.5, 0.6], "focal loss": [np.nan, 0.55, 0.58, 0.57]}, ax=ax)
    so_far, dots = ax.lines[:2]
    np.testing.assert_array_equal(so_far.get_data(), [[1, 2, 3, 4], [0.55, 0.55, 0.55, 0.6]])
    np.testing.assert_array_equal(dots.get_data(), [[1, 3, 4], [0.55, 0.5, 0.6]])
    np.testing.assert_array_equal(ax.lines[2].get_data(), [[2, 3, 4], [0.55, 0.58, 0.58]])
    assert legend(ax) == ["log loss", "focal loss"]


def test_lower_is_better(ax):
    plot_trials({"a": [0.5, 0.7, 0.4]}, higher_is_better=False, ax=ax)
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [0.5, 0.5, 0.4])
    assert "lower is better" in ax.get_title(loc="left")


@pytest.mark.parametrize("sign", [1, -1])
def test_bad_trials_stand_at_the_edge(sign, ax):
    scores = sign * np.array([0.70, 0.71, 0.0, 0.72, 0.73])
    plot_trials({"a": scores}, higher_is_better=sign == 1, ax=ax)
    low, high = ax.get_ylim()
    edge = low if sign == 1 else high
    assert edge == pytest.approx(sign * (0.73 - 3 * 0.02))
    np.testing.assert_allclose(ax.lines[-1].get_data(), [[3], [edge]])


def test_over_a_number_the_best_is_marked(ax, legend):
    over = {"focal loss": [0.0, 2.5, 1.0]}
    plot_trials({"focal loss": [0.5, 0.7, np.nan]}, over=over, parameter="gamma", ax=ax)
    np.testing.assert_array_equal(ax.lines[0].get_data(), [[0.0, 2.5], [0.5, 0.7]])
    assert (ax.lines[1].get_xdata(), ax.lines[1].get_ydata()) == (2.5, 0.7)
    assert ax.get_xlabel() == "gamma"
    assert legend(ax) == ["focal loss", "best"]


def test_over_words_each_has_its_place(ax):
    over = {"log loss": ["log-odds", "0.5", "log-odds"]}
    plot_trials({"log loss": [0.5, 0.7, 0.6]}, over=over, ax=ax)
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["log-odds", "0.5"]
    np.testing.assert_array_equal(np.round(ax.lines[0].get_xdata()), [0, 1, 0])


def test_looks_go_by_the_order(ax):
    plot_trials({"focal loss": [0.5, 0.7]}, order=["log loss", "class weights", "focal loss"], ax=ax)
    assert ax.lines[0].get_color() == STYLES[2].color
    assert ax.lines[0].get_linestyle() == STYLES[2].linestyle


def test_an_unbroken_layout_without_bad_trials():
    """A line without points would reach to the figure's corner."""
    ax = plot_trials({"a": [0.5, 0.6]})
    ax.figure.canvas.draw()
    assert ax.get_position().width > 0.5


@pytest.mark.parametrize(
    ("scores", "more", "error"),
    [
        ({"a": [np.nan]}, {}, r"scores has no finite score"),
        ({}, {}, r"scores has no finite score"),
        ({"a": [1.0]}, {"over": {}}, r"over has no 'a', must have each"),
        ({"a": [1.0]}, {"over": {"a": [1, 2]}}, r"over\['a'\] has shape \(2,\), must be \(1,\)"),
        ({"a": [1.0]}, {"order": ["b"]}, r"order has no 'a', must have each"),
    ],
)
def test_refusals(scores, more, error):
    with pytest.raises(ValueError, match=error):
        plot_trials(scores, **more)
