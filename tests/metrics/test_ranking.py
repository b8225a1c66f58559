"""Recall at a budget and at a precision against slow definitions."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from focalboost.metrics import recall_at_alert_rate, recall_at_precision, value_recall_at_alert_rate
from tests.metrics.helpers import found_over_orders, rows_of_both_classes


@settings(max_examples=40, deadline=None)
@given(rows_of_both_classes(6), st.floats(0.01, 1.0))
def test_recall_at_alert_rate_is_the_mean_over_orders_of_ties(data, rate):
    y, score = data
    room = rate * y.size
    assume(room >= 1)
    expected = found_over_orders(y, score, room) / y.sum()
    assert recall_at_alert_rate(y, score, alert_rate=rate) == pytest.approx(expected, abs=1e-8)


@settings(max_examples=40, deadline=None)
@given(rows_of_both_classes(6), st.floats(0.01, 1.0), st.integers(0, 2**32 - 1))
def test_rows_use_the_budget_and_values_are_found(data, rate, seed):
    y, score = data
    room = rate * y.size
    value = np.random.default_rng(seed).choice([0.0, 1.0, 3.5, 900.0], y.size)
    assume(room >= 1 and value[y == 1].any())
    expected = found_over_orders(y * value, score, room) / (y * value).sum()
    assert value_recall_at_alert_rate(y, score, value=value, alert_rate=rate) == pytest.approx(
        expected, abs=1e-8
    )
    weighted = recall_at_alert_rate(y, score, sample_weight=value, alert_rate=rate)
    assert weighted == pytest.approx(expected, abs=1e-8)
    # Weights of negative rows make no difference, nor does the unit.
    other = np.where(y == 1, 7.0 * value, 5.0)
    assert recall_at_alert_rate(y, score, sample_weight=other, alert_rate=rate) == pytest.approx(weighted)


def test_a_weight_does_not_change_the_budget():
    """2 of 100 rows, which hold nearly all the money: as weights of the budget too they would fill it."""
    y, score = np.zeros(200, int), np.linspace(1.0, 0.0, 200)
    y[[0, 1, 150]] = 1
    amount = np.ones(200)
    amount[[0, 1, 150]] = 5000.0, 4000.0, 1000.0
    assert recall_at_alert_rate(y, score, alert_rate=0.01, sample_weight=amount) == pytest.approx(0.9)
    assert value_recall_at_alert_rate(y, score, value=amount) == pytest.approx(0.9)
    # Rows of weight 0 take room as well: the first two have none, so nothing that counts is found.
    amount[[0, 1]] = 0.0
    assert recall_at_alert_rate(y, score, alert_rate=0.01, sample_weight=amount) == 0.0


@settings(max_examples=50, deadline=None)
@given(rows_of_both_classes(40), st.floats(0.01, 1.0))
def test_a_weight_counts_as_repetition_at_a_precision(data, share):
    y, score = data
    weight = np.arange(1, y.size + 1)
    many = np.repeat(y, weight), np.repeat(score, weight)
    weighted = recall_at_precision(y, score, precision=share, sample_weight=weight)
    assert weighted == pytest.approx(recall_at_precision(*many, precision=share), abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(rows_of_both_classes(40), st.floats(0.01, 1.0))
def test_recall_at_precision_is_the_best_threshold(data, least):
    y, score = data
    best = 0.0
    for threshold in score:
        alert = score >= threshold
        if y[alert].mean() >= least:
            best = max(best, y[alert].sum() / y.sum())
    assert recall_at_precision(y, score, precision=least) == pytest.approx(best, abs=1e-12)


def test_alert_rate_one_finds_all_and_ties_share_the_room():
    assert recall_at_alert_rate([0, 1, 1], [0.9, 0.1, 0.2], alert_rate=1.0) == 1.0
    assert recall_at_alert_rate([0, 1, 0, 1], [0.5] * 4, alert_rate=0.5) == pytest.approx(0.5)


def test_a_share_that_is_whole_rows_takes_them_whole():
    """0.29 * 100 is 28.999999999999996."""
    y = np.arange(100) == 28
    assert recall_at_alert_rate(y, -np.arange(100), alert_rate=0.29) == 1.0
    assert recall_at_alert_rate(y, -np.arange(100), alert_rate=0.28) == 0.0


def test_amounts_of_any_size():
    y, score = [0, 1, 1, 1], [0.1, 0.9, 0.8, 0.2]
    for unit in (1e-300, 1e300):
        value = np.array([1.0, 2.0, 1.0, 1.0]) * unit
        assert value_recall_at_alert_rate(y, score, value=value, alert_rate=0.25) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("metric", "options", "text"),
    [
        (recall_at_alert_rate, {"alert_rate": 0.0}, r"^alert_rate == 0.0, must be in \(0, 1\]"),
        (recall_at_alert_rate, {"alert_rate": 1.5}, r"^alert_rate == 1.5, must be in \(0, 1\]"),
        (
            recall_at_alert_rate,
            {"alert_rate": 0.3},
            r"^alert_rate == 0.3 of 3 rows is less than one row, must",
        ),
        (
            value_recall_at_alert_rate,
            {"value": [1, 2, 3]},
            r"^alert_rate == 0.01 of 3 rows .* at least 1/3: ",
        ),
        (recall_at_precision, {"precision": -1}, r"^precision == -1, must be in \(0, 1\]"),
        (
            recall_at_alert_rate,
            {"alert_rate": 0.5, "sample_weight": [1.0, 0.0, 0.0]},
            r"^sample_weight is 0 in every row of pos_label == 1, must be > 0 in one: there is nothing",
        ),
        (
            recall_at_precision,
            {"sample_weight": [1.0, 0.0, 0.0]},
            r"^sample_weight is 0 in every row of pos_label == 1, must be > 0 in one",
        ),
        (
            value_recall_at_alert_rate,
            {"alert_rate": 0.5, "value": [1.0, 0.0, 0.0]},
            r"^value is 0 in every row of pos_label == 1, must be > 0 in one",
        ),
        (
            value_recall_at_alert_rate,
            {"alert_rate": 0.5, "value": [1.0, 0.0, -2.5]},
            r"^value\[2\] == -2.5, must be >= 0 and finite: leave refunds out",
        ),
        (
            value_recall_at_alert_rate,
            {"alert_rate": 0.5, "value": [1.0, np.nan, 1.0]},
            r"^value\[1\] == nan, must be >= 0 and finite",
        ),
        (
            value_recall_at_alert_rate,
            {"alert_rate": 0.5, "value": [1.0, 2.0]},
            r"^value has shape \(2,\), must be \(3,\), one per row",
        ),
    ],
)
def test_bad_options(metric, options, text):
    with pytest.raises(ValueError, match=text):
        metric([0, 1, 1], [0.2, 0.4, 0.6], **options)


@pytest.mark.parametrize("metric", [recall_at_alert_rate, recall_at_precision])
@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf, 1e39, 1e-42])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_bad_weight_is_named(metric, bad, dtype):
    with np.errstate(over="ignore"):
        weight = np.array([1.0, bad, 1.0], dtype)
    with pytest.raises(ValueError, match=r"sample_weight\[1\] == .*, must be"):
        metric(
            [0, 1, 0],
            [0.1, 0.9, 0.2],
            sample_weight=weight,
            **({} if metric is recall_at_precision else {"alert_rate": 0.5}),
        )
