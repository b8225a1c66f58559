"""Costs are those of the metric, at each threshold."""

import numpy as np
import pytest

from focalboost.metrics import expected_cost
from focalboost.plotting import plot_cost


@pytest.mark.parametrize("by_row", [False, True])
def test_curves_are_the_metrics_cost_at_each_threshold(by_row, predicted, rng, ax):
    y, p = predicted
    costs = {"cost_alarm": 2.0, "cost_missed": rng.lognormal(3, 1, y.size) if by_row else 80.0}
    plot_cost(y, p, **costs, ax=ax)
    curves = [line for line in ax.lines if len(line.get_xdata()) > 100]
    for line, score in zip(curves, p.values(), strict=True):
        for threshold, cost in list(zip(*line.get_data(), strict=True))[::37]:
            assert cost == pytest.approx(1000 * expected_cost(y, score, threshold=threshold, **costs))


def test_ties_at_a_threshold_are_let_through(ax):
    y, p = np.array([0, 1, 0, 1]), np.array([0.1, 0.1, 0.5, 0.5])
    plot_cost(y, {"a": p}, cost_alarm=1.0, cost_missed=9.0, ax=ax)  # threshold 0.1
    x, cost = ax.lines[0].get_data()
    assert cost[x == 0.1] == 1000 * (9 + 1) / 4


def test_the_threshold_that_the_costs_name_is_marked(predicted, ax, legend):
    y, p = predicted
    plot_cost(y, p, cost_alarm=10.0, cost_missed=90.0, ax=ax)
    dots = [line for line in ax.lines if len(np.atleast_1d(line.get_xdata())) == 1]
    for dot, score in zip(dots, p.values(), strict=True):
        assert dot.get_xdata() == pytest.approx(0.1)
        assert dot.get_ydata() == pytest.approx(1000 * expected_cost(y, score, cost_alarm=10, cost_missed=90))
    assert legend(ax)[2:] == ["threshold 10\u00a0%", "no alert at all"]


def test_a_threshold_of_ones_own(predicted, ax, legend):
    y, p = predicted
    plot_cost(y, p, threshold=0.2, ax=ax)
    assert "threshold 20\u00a0%" in legend(ax)


def test_costs_by_row_have_a_level_line_for_each(predicted, rng, ax, legend):
    y, p = predicted
    missed = rng.lognormal(3, 1, y.size)
    plot_cost(y, p, cost_alarm=2.0, cost_missed=missed, ax=ax)
    level = [line.get_ydata()[0] for line in ax.lines if list(line.get_xdata()) == [0, 1]]
    expected = [1000 * expected_cost(y, score, cost_alarm=2.0, cost_missed=missed) for score in p.values()]
    np.testing.assert_allclose(level[:2], expected)
    assert "level: threshold by row" in legend(ax)


def test_no_review_costs_all_that_is_missed(predicted, ax):
    y, p = predicted
    plot_cost(y, p, ax=ax)
    assert ax.lines[-1].get_ydata()[0] == pytest.approx(1000 * 100 * y.mean())
    assert ax.lines[0].get_ydata()[-1] == pytest.approx(1000 * 100 * y.mean())


@pytest.mark.parametrize("cost_missed", [1.0, 1e7])
def test_the_threshold_is_in_sight(cost_missed, predicted, ax):
    plot_cost(*predicted, cost_missed=cost_missed, ax=ax)
    low, high = ax.get_xlim()
    assert low < 1.0 / (1.0 + cost_missed) < high


def test_refusals(predicted):
    y, p = predicted
    with pytest.raises(ValueError, match=r"cost_alarm == -1"):
        plot_cost(y, p, cost_alarm=-1)
    with pytest.raises(ValueError, match=r"threshold == 2, must be"):
        plot_cost(y, p, threshold=2)
    with pytest.raises(ValueError, match=r"y_proba\['a'\] has shape \(2,\), must be \(4000,\)"):
        plot_cost(y, {"a": [0.1, 0.2]})
