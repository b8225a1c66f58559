"""Measures of drawn rows are those of scikit-learn and of focalboost.metrics on the rows themselves."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score

from focalboost.comparison._measures import Daily, Ranking, Slope, log_loss_of_rows
from focalboost.metrics import (
    precision_at_alerts_per_day,
    recall_at_alert_rate,
    recall_at_alerts_per_day,
    value_recall_at_alert_rate,
)

N = 400


def rows(seed, *, ties):
    rng = np.random.default_rng(seed)
    y = rng.random(N) < 0.15
    score = 1.5 * y + rng.standard_normal(N)
    if ties:
        score = np.round(score, 0)
    weights = rng.multinomial(N, np.full(N, 1 / N), size=6).astype(float)
    return y, score, rng.exponential(50, N), weights


CASES = pytest.mark.parametrize(("seed", "ties"), [(0, False), (1, True), (2, True)])


@CASES
def test_average_precision_and_area(seed, ties):
    y, score, _, weights = rows(seed, ties=ties)
    found = Ranking(score, y)(weights)
    for measure, expected in (
        (found.average_precision(), average_precision_score),
        (found.roc_auc(), roc_auc_score),
    ):
        np.testing.assert_allclose(
            measure, [expected(y, score, sample_weight=each) for each in weights], rtol=0, atol=1e-12
        )


@CASES
@pytest.mark.parametrize("rate", [0.004, 0.013, 0.25, 1.0])
def test_recall_at_a_rate(seed, ties, rate):
    y, score, value, weights = rows(seed, ties=ties)
    found = Ranking(score, y, value)(weights)
    for number, each in enumerate(weights.astype(int)):
        drawn = np.repeat(np.arange(N), each)
        recall = recall_at_alert_rate(y[drawn], score[drawn], alert_rate=rate)
        money = value_recall_at_alert_rate(y[drawn], score[drawn], value=value[drawn], alert_rate=rate)
        assert found.recall(rate)[number] == pytest.approx(recall, abs=1e-12)
        assert found.value_recall(rate)[number] == pytest.approx(money, abs=1e-12)


@CASES
@pytest.mark.parametrize("room", [1.0, 2.5, 7.0, 1000.0])
@pytest.mark.parametrize("grouped", [False, True])
def test_alerts_a_day(seed, ties, room, grouped):
    y, score, _, _ = rows(seed, ties=ties)
    rng = np.random.default_rng(seed)
    day = rng.integers(0, 5, N)
    groups = rng.integers(0, 60, N) if grouped else None
    who = np.arange(N) if groups is None else groups
    times = rng.multinomial(who.max() + 1, np.full(who.max() + 1, 1 / (who.max() + 1)), size=4)
    per_day = Daily(score, y, None, day, groups, room)(times[:, who].astype(float))
    for number, copies in enumerate(times):
        drawn = np.repeat(np.arange(N), copies[who])
        # Each copy of a group is a group of its own.
        owner = None
        if grouped:
            owner = np.concatenate([1000 * who[row] + np.arange(copies[who[row]]) for row in range(N)])
        assert set(day[drawn]) == set(range(5))
        kwargs = {"day": day[drawn], "alerts_per_day": room, "groups": owner}
        precision = precision_at_alerts_per_day(y[drawn], score[drawn], **kwargs)
        recall = recall_at_alerts_per_day(y[drawn], score[drawn], **kwargs)
        found = per_day.found[number].sum()
        assert found / (room * 5) == pytest.approx(precision, abs=1e-12)
        assert found / per_day.there[number].sum() == pytest.approx(recall, abs=1e-12)


def test_value_of_a_day_and_of_what_is_known_since():
    # Card 0 is found on day 0, so that its 30 of day 1 count; for card 1 there is room on day 1 only.
    y = np.array([1, 1, 1, 1, 1], bool)
    score, value = np.array([5.0, 4.0, 9.0, 4.0, 1.0]), np.array([10.0, 100.0, 30.0, 5.0, 7.0])
    day, card = np.array([0, 0, 1, 1, 1]), np.array([0, 1, 0, 1, 2])
    per_day = Daily(score, y, value, day, card, 1.0)(np.ones((1, 5)))
    assert per_day.value.tolist() == [[10.0, 35.0]]
    assert per_day.value_there.tolist() == [[110.0, 42.0]]
    assert per_day.found.tolist() == [[1.0, 1.0]]
    assert per_day.there.tolist() == [[2.0, 1.0]]


@CASES
def test_slope(seed, ties):
    y, score, _, weights = rows(seed, ties=ties)
    odds = 2.0 * score - 3.0
    expected = [
        LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000)
        .fit(odds[:, None], y, sample_weight=each)
        .coef_[0, 0]
        for each in weights
    ]
    np.testing.assert_allclose(Slope(odds, y, width=0.0)(weights), expected, rtol=1e-5)
    np.testing.assert_allclose(Slope(odds, y)(weights), expected, rtol=1e-3)


def test_no_slope():
    y, score, _, weights = rows(0, ties=False)
    assert np.isnan(Slope(np.full(N, -2.0), y)(weights)).all()  # one score only
    assert np.isnan(Slope(np.where(y, 1.0, -1.0), y)(weights)).all()  # parted by a threshold
    assert np.isnan(Slope(np.where(y, np.inf, score), y)(weights)).all()
    # A slope that is far from where the search starts, and of the other sign.
    assert Slope(-0.01 * score, y, width=0.0)(np.ones((1, N)))[0] == pytest.approx(
        -100 * Slope(score, y, width=0.0)(np.ones((1, N)))[0], rel=1e-6
    )


def test_constant_scores_are_one_block():
    y = np.arange(N) % 10 == 0
    found = Ranking(np.zeros(N), y)(np.ones((1, N)))
    assert found.average_precision() == pytest.approx([0.1])
    assert found.roc_auc() == pytest.approx([0.5])
    assert found.recall(0.3) == pytest.approx([0.3])


def test_log_loss_of_rows():
    y, score, _, _ = rows(3, ties=False)
    assert log_loss_of_rows(score, y).mean() == pytest.approx(log_loss(y, expit(score)), abs=1e-12)
    # Where the probability rounds to 1 or 0.
    assert log_loss_of_rows(np.array([50.0, -800.0]), np.array([True, True])).tolist() == pytest.approx(
        [1.9287498479639178e-22, 800.0]
    )
