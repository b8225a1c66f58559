"""Metrics and scorers against their definitions."""

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedKFold, cross_val_score

from focalboost.metrics import (
    expected_cost,
    expected_cost_scorer,
    recall_at_alert_rate,
    recall_at_alert_rate_scorer,
    recall_at_precision,
    recall_at_precision_scorer,
)

rows = st.integers(2, 40)
both_classes = rows.flatmap(
    lambda n: st.tuples(
        hnp.arrays(np.int64, n, elements=st.integers(0, 1)).filter(lambda y: 0 < y.sum() < y.size),
        # Few values, so that many scores are tied.
        hnp.arrays(np.float64, n, elements=st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0])),
    )
)


def recall_of_orders(y, score, rate, rng, n_orders=4000):
    """Mean recall of the first rows over random orders of tied rows; a cut through a row counts in part."""
    room = rate * y.size
    whole, part = int(room), room - int(room)
    total = 0.0
    for _ in range(n_orders):
        order = np.lexsort((rng.random(y.size), -score))
        found = y[order]
        total += found[:whole].sum() + (part * found[whole] if whole < y.size else 0.0)
    return total / n_orders / y.sum()


@settings(max_examples=15, deadline=None)
@given(both_classes, st.floats(0.01, 1.0))
def test_recall_at_alert_rate_is_the_mean_over_orders_of_ties(data, rate):
    y, score = data
    expected = recall_of_orders(y, score, rate, np.random.default_rng(0))
    assert recall_at_alert_rate(y, score, alert_rate=rate) == pytest.approx(expected, abs=0.05)


@settings(max_examples=50, deadline=None)
@given(both_classes, st.floats(0.01, 1.0))
def test_a_weight_counts_as_repetition(data, share):
    y, score = data
    weight = np.arange(1, y.size + 1)
    many = np.repeat(y, weight), np.repeat(score, weight)
    for metric, option in ((recall_at_alert_rate, "alert_rate"), (recall_at_precision, "precision")):
        weighted = metric(y, score, sample_weight=weight, **{option: share})
        assert weighted == pytest.approx(metric(*many, **{option: share}), abs=1e-12)
    assert expected_cost(y, score, sample_weight=weight) == pytest.approx(expected_cost(*many), rel=1e-12)


@settings(max_examples=50, deadline=None)
@given(both_classes, st.floats(0.01, 1.0))
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


@settings(max_examples=50, deadline=None)
@given(both_classes, st.floats(0.1, 10.0), st.floats(0.1, 1000.0))
def test_expected_cost_row_by_row(data, cost_fp, cost_fn):
    y, p = data
    total = 0.0
    for label, probability in zip(y, p, strict=True):
        alert = probability > cost_fp / (cost_fp + cost_fn)
        total += cost_fp * (alert and label == 0) + cost_fn * (not alert and label == 1)
    assert expected_cost(y, p, cost_fp=cost_fp, cost_fn=cost_fn) == pytest.approx(total / y.size, rel=1e-12)


def test_costs_may_differ_from_row_to_row():
    amounts = np.array([10.0, 1000.0, 10.0, 1000.0])
    # Of two frauds with 0.005 the large one is an alert, and one of the honest payments.
    assert expected_cost([0, 0, 1, 1], [0.005] * 4, cost_fn=amounts) == (1.0 + 10.0) / 4
    assert expected_cost([0, 1], [0.4, 0.4], threshold=0.5, cost_fn=7.0) == 3.5


def test_the_true_probability_is_the_cheapest(rng):
    p = rng.beta(0.3, 3.0, 20_000)
    y = rng.random(p.size) < p
    best = expected_cost(y, p, cost_fn=20.0)
    for wrong in (p**2, np.sqrt(p), np.clip(3 * p, 0, 1)):
        assert expected_cost(y, wrong, cost_fn=20.0) > best


@pytest.mark.parametrize(
    ("metric", "options", "text"),
    [
        (recall_at_alert_rate, {"alert_rate": 0.0}, r"^alert_rate == 0.0, must be in \(0, 1\]"),
        (recall_at_alert_rate, {"alert_rate": 1.5}, r"^alert_rate == 1.5, must be in \(0, 1\]"),
        (recall_at_precision, {"precision": -1}, r"^precision == -1, must be in \(0, 1\]"),
        (expected_cost, {"cost_fp": 0.0}, r"^cost_fp == 0.0, must be > 0 and finite"),
        (expected_cost, {"cost_fn": [1.0, 2.0]}, r"^cost_fn has shape \(2,\), must be a number or \(3,\)"),
        (expected_cost, {"threshold": -0.1}, r"^threshold == -0.1, must be in \[0, 1\]"),
        (expected_cost, {"threshold": 1.1}, r"^threshold == 1.1, must be in \[0, 1\]"),
        (
            recall_at_alert_rate,
            {"pos_label": 2},
            r"y_true has pos_label == 2 in no row, must have rows of both",
        ),
    ],
)
def test_bad_options(metric, options, text):
    with pytest.raises(ValueError, match=text):
        metric([0, 1, 1], [0.2, 0.4, 0.6], **options)


def test_bad_arrays():
    with pytest.raises(ValueError, match=r"pos_label == 1 in every row, must have rows of both classes"):
        recall_at_precision([1, 1], [0.1, 0.2])
    with pytest.raises(
        ValueError, match=r"y_proba goes from -1 to 2, must be in \[0, 1\]: use predict_proba"
    ):
        expected_cost([0, 1], [-1.0, 2.0])
    with pytest.raises(ValueError, match=r"Found input variables with inconsistent numbers"):
        expected_cost([0, 1], [0.1, 0.2, 0.3])
    with pytest.raises(ValueError, match=r"Input y_proba contains NaN"):
        expected_cost([0, 1], [0.1, np.nan])


def test_scorers_cross_validate_any_labels(rng):
    from focalboost.xgboost import FocalXGBClassifier

    X = rng.normal(size=(600, 3))
    fraud = X[:, 0] + rng.normal(size=600) > 1.5
    y = np.where(fraud, "fraud", "good")
    model = FocalXGBClassifier(n_estimators=5, max_depth=2, n_jobs=1)
    folds = list(StratifiedKFold(3).split(X, y))
    held_out = [
        (y[test], model.fit(X[train], y[train]).predict_proba(X[test])[:, 0]) for train, test in folds
    ]
    values = []
    for scorer, sign, metric, options in (
        (recall_at_alert_rate_scorer(0.1, pos_label="fraud"), 1, recall_at_alert_rate, {"alert_rate": 0.1}),
        (recall_at_precision_scorer(0.5, pos_label="fraud"), 1, recall_at_precision, {"precision": 0.5}),
        (expected_cost_scorer(1.0, 10.0, pos_label="fraud"), -1, expected_cost, {"cost_fn": 10.0}),
    ):
        found = cross_val_score(model, X, y, cv=3, scoring=scorer)
        expected = [sign * metric(labels, p, pos_label="fraud", **options) for labels, p in held_out]
        np.testing.assert_allclose(found, expected, rtol=1e-12)
        values.append(found)
    recall, at_precision, cost = values
    assert (recall > 0.2).all()  # 0.1 by chance
    assert at_precision.mean() > 0.2
    # No alert at all would cost 10 times the rate of fraud.
    assert (cost < 0).all()
    assert (cost > -10 * fraud.mean()).all()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: recall_at_alert_rate_scorer(0), r"^alert_rate == 0, must be in \(0, 1\]"),
        (lambda: recall_at_precision_scorer(2), r"^precision == 2, must be in \(0, 1\]"),
        (lambda: expected_cost_scorer(0.0), r"^cost_fp == 0.0, must be > 0 and finite, one number"),
    ],
)
def test_scorers_check_when_made(make, text):
    with pytest.raises(ValueError, match=text):
        make()


def test_costs_of_rows_are_no_scorer():
    with pytest.raises(
        TypeError, match=r"^cost_fn == \[1.0, 2.0\], must be > 0 and finite, one number for all"
    ):
        expected_cost_scorer(1.0, [1.0, 2.0])


@pytest.mark.parametrize("metric", [recall_at_alert_rate, recall_at_precision, expected_cost])
@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf, 1e39, 1e-42])
def test_a_bad_weight_is_named(metric, bad):
    with pytest.raises(ValueError, match=r"sample_weight\[1\] == .*, must be"):
        metric([0, 1, 0], [0.1, 0.9, 0.2], sample_weight=[1.0, bad, 1.0])


def test_huge_costs_have_a_threshold():
    """0.4 is below the half at which costs that are equal raise alerts."""
    assert expected_cost([0, 1], [0.4, 0.4], cost_fp=1e308, cost_fn=1e308) == pytest.approx(5e307)
    assert expected_cost([0, 1], [0.4, 0.4], cost_fp=1e-300, cost_fn=1e308) == pytest.approx(5e-301)
