"""Thresholds from costs and from a budget: the rule, ties, and what the interval promises."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from focalboost.metrics import AlertThreshold, threshold_for_alert_rate, threshold_for_cost


# ---------------------------------------------------------------------- costs
@settings(max_examples=100, deadline=None)
@given(st.floats(1e-3, 1e3), st.floats(1e-3, 1e6))
def test_at_the_threshold_for_cost_an_alert_costs_as_much_as_none(cost_alarm, cost_missed):
    p = threshold_for_cost(cost_alarm=cost_alarm, cost_missed=cost_missed)
    assert isinstance(p, float)
    assert p == pytest.approx(cost_alarm / (cost_alarm + cost_missed), rel=1e-12)
    assert (1 - p) * cost_alarm == pytest.approx(p * cost_missed, rel=1e-9)


@pytest.mark.parametrize(("look", "loss"), [(10.0, 1000.0), (10.0, 10.5), (3.0, 3.0), (3.0, 2.0)])
def test_where_each_look_costs_the_same(look, loss):
    """A look costs as much at a good row as at a bad one: it pays where look < p * loss."""
    missed = np.maximum([loss - look], 0.0)
    assert threshold_for_cost(cost_alarm=look, cost_missed=missed)[0] == pytest.approx(min(look / loss, 1.0))


def test_thresholds_by_row():
    amount = pd.Series([0, 10, 990], index=[7, 7, 1])
    found = threshold_for_cost(cost_alarm=10, cost_missed=amount)
    assert isinstance(found, np.ndarray)
    np.testing.assert_allclose(found, [1.0, 0.5, 0.01], rtol=1e-12)
    np.testing.assert_allclose(threshold_for_cost(cost_alarm=[0, 10], cost_missed=10), [0.0, 0.5])
    both = threshold_for_cost(cost_alarm=[0, 0, 5], cost_missed=[0, 5, 0])
    np.testing.assert_array_equal(both, [1.0, 0.0, 1.0])  # nothing at stake is never an alert
    assert threshold_for_cost(cost_alarm=1e308, cost_missed=1e308) == 0.5


@pytest.mark.parametrize(
    ("alarm", "missed", "text"),
    [
        (0, 1, r"^cost_alarm == 0, must be > 0 and finite"),
        (1, -1, r"^cost_missed == -1, must be > 0 and finite"),
        (1, [1, np.inf], r"^cost_missed\[1\] == inf, must be >= 0 and finite"),
        (
            [1, 2, 3],
            [1, 2],
            r"^cost_missed has shape \(2,\), must have that of cost_alarm, \(3,\), or be a number",
        ),
    ],
)
def test_bad_costs(alarm, missed, text):
    with pytest.raises(ValueError, match=text):
        threshold_for_cost(cost_alarm=alarm, cost_missed=missed)


# ---------------------------------------------------------------------- a budget
@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(0, 20).map(lambda k: k / 7), min_size=2, max_size=60),
    st.floats(0.02, 0.98),
    st.booleans(),
)
def test_it_is_the_lowest_score_that_keeps_to_the_budget(scores, rate, distinct):
    if distinct:
        scores = list(np.array(scores) + np.arange(len(scores)) * 1e-6)
    score = np.array(scores)
    fitting = [t for t in score if 1 <= (score > t).sum() <= rate * score.size + 1e-9]
    if not fitting:
        with pytest.raises(ValueError, match=r"is less than one row, must be|y_score has its highest value"):
            threshold_for_alert_rate(scores, alert_rate=rate)
        return
    found = threshold_for_alert_rate(scores, alert_rate=rate)
    assert found.threshold == min(fitting)
    assert found.rate == np.mean(score > found.threshold)
    assert found.low < found.rate <= found.expected < found.high


def coverage(draw, share_above, n, rate, rng, repeats=2000):
    """How often the interval holds the true share of later rows, and the mean excess over `expected`."""
    held, excess = [], []
    for _ in range(repeats):
        found = threshold_for_alert_rate(draw(rng, n), alert_rate=rate)
        later = share_above(found.threshold)
        held.append(found.low <= later <= found.high)
        excess.append(later - found.expected)
    return np.mean(held), np.mean(excess) / rate


@pytest.mark.parametrize(("n", "rate"), [(200, 0.01), (1000, 0.03)])
def test_the_interval_holds_as_often_as_it_says(n, rate, rng):
    share, excess = coverage(lambda rng, n: rng.standard_normal(n), norm.sf, n, rate, rng)
    assert share == pytest.approx(0.95, abs=0.02)
    assert excess == pytest.approx(0.0, abs=0.05)


@pytest.mark.parametrize("step", [0.25, 0.1])
def test_the_interval_holds_at_least_as_often_with_ties(step, rng):
    share, _ = coverage(
        lambda rng, n: step * np.round(rng.standard_normal(n) / step),
        lambda t: norm.sf(t + step / 2),  # the next score begins half a step above
        300,
        0.05,
        rng,
        600,
    )
    assert share > 0.935


def test_a_drift_leaves_the_interval(rng):
    """Which is of rows of the same kind: later scores that are higher as a whole are not."""
    found = threshold_for_alert_rate(rng.standard_normal(10_000), alert_rate=0.01)
    assert norm.sf(found.threshold) < found.high < norm.sf(found.threshold - 0.35)


def test_scores_of_any_container_and_what_comes_back():
    expected = threshold_for_alert_rate(np.arange(200.0), alert_rate=0.05)
    assert expected.threshold == 189.0
    assert threshold_for_alert_rate(list(range(200)), alert_rate=0.05) == expected
    assert (
        threshold_for_alert_rate(pd.Series(range(200), index=range(200, 0, -1)), alert_rate=0.05) == expected
    )
    assert isinstance(expected, AlertThreshold)
    assert dataclasses.asdict(expected)["rate"] == 0.05
    with pytest.raises(dataclasses.FrozenInstanceError, match=r"cannot assign to field 'rate'"):
        expected.rate = 1.0


@pytest.mark.parametrize(
    ("scores", "rate", "text"),
    [
        (
            np.arange(500),
            0.0001,
            r"^alert_rate == 0.0001 of 500 rows is less than one row, must be at least 1/500",
        ),
        (np.arange(500), 1, r"^alert_rate == 1, must be in \(0, 1\)"),
        (np.arange(500), 0, r"^alert_rate == 0, must be in \(0, 1\)"),
        (
            np.repeat([0.0, 1.0], 50),
            0.1,
            r"^y_score has its highest value, 1, in 50 of 100 rows, must have it in at",
        ),
        ([], 0.1, r"^y_score is empty, must have one score per row"),
        ([0.1, np.nan], 0.5, r"^y_score\[1\] == nan, must be finite"),
        (np.ones((4, 2)), 0.5, r"^y_score has shape \(4, 2\), must be \(4,\), one per row: pass the column"),
        (0.5, 0.5, r"^y_score has shape \(\), must be \(1,\)"),
    ],
)
def test_bad_scores_and_rates(scores, rate, text):
    with pytest.raises(ValueError, match=text):
        threshold_for_alert_rate(scores, alert_rate=rate)
