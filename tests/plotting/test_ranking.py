"""Precision and recall as scikit-learn has them, and the budget."""

import io

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_recall_curve

from focalboost.metrics import recall_at_alert_rate
from focalboost.plotting import plot_cost, plot_precision_recall, plot_reliability
from focalboost.plotting._style import STYLES


def test_curves_are_scikit_learns(predicted, ax, legend):
    y, p = predicted
    assert plot_precision_recall(y, p, ax=ax) is ax
    for line, (name, score) in zip(ax.lines, p.items(), strict=True):
        precision, recall, _ = precision_recall_curve(y, score, drop_intermediate=True)
        np.testing.assert_allclose(line.get_xdata(), recall)
        np.testing.assert_allclose(line.get_ydata(), precision)
        assert f"{name} (AP {average_precision_score(y, score):.3f})" in legend(ax)


@pytest.mark.parametrize("rate", [0.005, 0.2])
def test_the_markers_stand_where_the_budget_ends(rate, predicted, ax, legend):
    y, p = predicted
    plot_precision_recall(y, p, alert_rate=rate, ax=ax)
    ray, *dots = ax.lines[2:]
    slope = y.mean() / rate
    np.testing.assert_allclose(ray.get_ydata(), slope * np.asarray(ray.get_xdata()))
    assert max(*ray.get_xdata(), *ray.get_ydata()) == pytest.approx(1.0)
    for dot, score in zip(dots, p.values(), strict=True):
        recall = recall_at_alert_rate(y, score, alert_rate=rate)
        assert dot.get_xdata() == pytest.approx(recall)
        assert dot.get_ydata() == pytest.approx(recall * slope)
    assert legend(ax)[-1] == f"{100 * rate:g}\u00a0% of the rows reviewed"


def test_contenders_differ_without_colour(predicted, ax):
    y, p = predicted
    plot_precision_recall(y, {**p, "third": p["log loss"], "fourth": p["log loss"]}, ax=ax)
    assert len({str(line.get_linestyle()) for line in ax.lines}) == 4


def test_looks_go_by_the_order(predicted, ax):
    y, p = predicted
    order = ["class weights", *p]
    for draw in (plot_precision_recall, plot_reliability, plot_cost):
        ax.clear()
        draw(y, {"focal loss": p["focal loss"]}, order=order, ax=ax)
        assert STYLES[2].color in {line.get_color() for line in ax.lines}


def test_names_are_text(predicted, ax, legend):
    y, p = predicted
    plot_precision_recall(y, {"$\\frac{": p["log loss"], "_hidden": p["focal loss"]}, ax=ax)
    ax.figure.savefig(io.BytesIO(), format="svg")
    assert [name.partition(" (")[0] for name in legend(ax)] == ["$\\frac{", "_hidden"]


def test_without_axes_a_figure_is_made(predicted):
    assert plot_precision_recall(*predicted).figure is not None


@pytest.mark.parametrize(
    ("y", "scores", "more", "error"),
    [
        ([0, 1, 2], {"a": [1, 2, 3]}, {}, r"y_true has the values \[0, 1, 2\], must be 0 and 1"),
        ([1, 1], {"a": [1, 2]}, {}, r"y_true has the values \[1\], must be 0 and 1, both"),
        ([], {"a": []}, {}, r"must be 0 and 1, both"),
        ([[0], [1]], {"a": [1, 2]}, {}, r"y_true has shape \(2, 1\), must be \(n_samples,\)"),
        ([0, 1], {}, {}, r"y_score == \{\}, must be a dict"),
        ([0, 1], [0.1, 0.2], {}, r"y_score == \[0.1, 0.2\], must be a dict"),
        ([0, 1], {"a": [1, 2, 3]}, {}, r"y_score\['a'\] has shape \(3,\), must be \(2,\)"),
        ([0, 1], {"a": [1, np.nan]}, {}, r"y_score\['a'\] has NaN or infinity, must be finite"),
        ([0, 1], {"a": [1, 2]}, {"alert_rate": 0.0}, r"alert_rate == 0.0, must be"),
    ],
)
def test_refusals(y, scores, more, error):
    with pytest.raises(ValueError, match=error):
        plot_precision_recall(y, scores, **more)
