"""The lines of the table, and the same of bootstrap draws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from focalboost.comparison import _judgement
from focalboost.comparison._differences import line
from focalboost.comparison._judgement import NEARLY_ALL, check, judge
from focalboost.metrics import (
    expected_cost,
    precision_at_alerts_per_day,
    recall_at_alert_rate,
    recall_at_alerts_per_day,
    value_recall_at_alert_rate,
)
from tests.comparison.judged import DAY, binormal, settings, split, task, trained


@pytest.fixture(autouse=True)
def few_replicates(monkeypatch):
    monkeypatch.setattr(_judgement, "N_REPLICATES", 60)


def table(n=3_000, seed=0, **known):
    y, scores = binormal(n, seed=seed)
    table = task(y, **known)
    return table, split(table), [trained(key, odds) for key, odds in scores.items()]


def values_of(judgement, key):
    return dict(
        zip(
            [each.key for each in judgement.measures],
            judgement.values[judgement.keys.index(key)],
            strict=True,
        )
    )


def days(n=3_000, number=30, seed=0):
    """Times of 30 days, sorted."""
    return np.sort(np.random.default_rng(seed).uniform(0, number * DAY, n))


def amounts(n=3_000):
    return np.random.default_rng(1).exponential(100.0, n)


def test_values_are_those_of_the_metrics():
    when, amount = days(), amounts()
    groups = np.random.default_rng(2).integers(0, 500, 3_000)
    table_, split_, contenders = table(when=when, amount=amount, groups=groups)
    costs = {"cost_alarm": 10.0, "cost_missed": "amount"}
    found = judge(table_, split_, settings(alert_rate=0.013, measure="roc_auc", **costs), contenders)
    y = table_.y
    for each in contenders:
        odds, p = each.log_odds, each.probability
        day = np.floor(when / DAY)
        # 1.3 % of 100 rows a day is one.
        expected = {
            "average_precision": average_precision_score(y, odds),
            "roc_auc": roc_auc_score(y, odds),
            "recall_at_alert_rate": recall_at_alert_rate(y, odds, alert_rate=0.013),
            "value_recall_at_alert_rate": value_recall_at_alert_rate(y, odds, value=amount, alert_rate=0.013),
            "precision_at_alerts_per_day": precision_at_alerts_per_day(
                y, odds, day=day, alerts_per_day=1, groups=groups
            ),
            "expected_cost": expected_cost(y, p, cost_alarm=10, cost_missed=amount),
            "log_loss": log_loss(y, p),
            "brier_score": brier_score_loss(y, p),
            "calibration_ratio": p.mean() / y.mean(),
        }
        found_values = values_of(found, each.contender.key)
        slope = found_values.pop("calibration_slope")
        assert 0.6 < slope < 1.6
        assert found_values == pytest.approx(expected, abs=1e-12)
    assert (found.n_rows, found.n_positive) == (3_000, y.sum())
    assert found.replicates.shape == (60, 4, 10)
    assert np.isfinite(found.replicates).all()


@pytest.mark.parametrize("grouped", [False, True])
def test_budget_a_day(grouped):
    when, groups = days(), np.random.default_rng(2).integers(0, 500, 3_000)
    table_, split_, contenders = table(when=when, groups=groups if grouped else None, amount=amounts())
    found = judge(table_, split_, settings(alert_rate=None, alerts_per_day=2), contenders)
    kwargs = {"day": np.floor(when / DAY), "alerts_per_day": 2, "groups": groups if grouped else None}
    for each in contenders:
        values = values_of(found, each.contender.key)
        assert "recall_at_alert_rate" not in values
        for metric in (recall_at_alerts_per_day, precision_at_alerts_per_day):
            assert values[metric.__name__] == pytest.approx(
                metric(table_.y, each.log_odds, **kwargs), abs=1e-12
            )
        assert 0 < values["value_recall_at_alerts_per_day"] < 1


def test_cap_of_the_budget():
    y = np.zeros(1_000, int)
    y[:40] = 1
    amount = np.where(y, np.arange(1_000) + 1.0, 5.0)
    table_ = task(y, amount=amount)
    found = judge(
        table_,
        split(table_),
        settings(alert_rate=0.01),
        [trained("log_loss", y * 2.0 - np.arange(1_000) / 1e6)],
    )
    caps = {each.key: each.cap for each in found.measures if each.cap is not None}
    assert caps["recall_at_alert_rate"] == pytest.approx(0.25)
    # The ten largest of 1 to 40.
    assert caps["value_recall_at_alert_rate"] == pytest.approx(sum(range(31, 41)) / sum(range(1, 41)))
    assert values_of(found, "log_loss")["recall_at_alert_rate"] == pytest.approx(0.25)
    assert (
        "The budget is 1 % of the rows: nobody can find more than 25 % of the positive rows."
        in found.sentences
    )
    # By day: five positive rows on the first day, one on the second, two alerts each.
    y = np.array([1, 1, 1, 1, 1, 0, 1, 0, 0, 0])
    table_ = task(y, when=np.repeat([0.0, DAY], [6, 4]))
    found = judge(
        table_, split(table_), settings(alert_rate=None, alerts_per_day=2), [trained("log_loss", y - 0.5)]
    )
    caps = {each.key: each.cap for each in found.measures if each.cap is not None}
    assert caps == {"recall_at_alerts_per_day": pytest.approx(3 / 6)}
    assert values_of(found, "log_loss")["recall_at_alerts_per_day"] == pytest.approx(3 / 6)


def test_error_of_a_difference_in_cost_is_that_of_new_labels():
    """Probabilities are right: labels drawn anew for the same rows, and rows drawn anew, spread as much."""
    y, scores = binormal(3_000, 0.05)
    p = expit(scores["log_loss"])
    q = expit(scores["log_loss"] - 0.1)
    costs = {"cost_alarm": 10.0, "cost_missed": 200.0}
    contenders = [trained("log_loss", logit(p)), trained("focal", logit(q))]
    table_ = task(y)
    found = judge(table_, split(table_), settings(**costs), contenders)
    k = [each.key for each in found.measures].index("expected_cost")
    rng = np.random.default_rng(0)
    spread = []
    for _ in range(1_000):
        rows = rng.integers(0, 3_000, 3_000)
        label = (rng.random(3_000) < (p[rows] + q[rows]) / 2).astype(int)
        label[:2] = 0, 1
        spread.append(expected_cost(label, p[rows], **costs) - expected_cost(label, q[rows], **costs))
    assert found.least_errors[0, 1, k] == pytest.approx(np.std(spread), rel=0.1)
    assert found.least_errors[1, 0, k] == found.least_errors[0, 1, k]
    assert not found.least_errors[0, 0].any()
    assert not np.delete(found.least_errors, k, axis=2).any()
    assert not judge(table_, split(table_), settings(), contenders).least_errors.any()


@pytest.mark.parametrize("by_row", [True, False])
def test_false_alarms_saved_where_no_positive_row_came_true_show_nothing(by_row):
    """Few positive rows: all that the bootstrap sees of fewer alerts are the false alarms that they save."""
    y, scores = binormal(2_000, 0.02)
    odds = scores["log_loss"]
    costs = {"cost_alarm": 10.0, "cost_missed": "amount" if by_row else 300.0}
    before, after = odds > np.log(10 / 300), odds - 0.6 > np.log(10 / 300)
    y[before & ~after] = 0
    table_ = task(y, amount=np.full(2_000, 300.0))
    contenders = [trained("log_loss", odds), trained("focal", odds - 0.6)]
    found = judge(table_, split(table_), settings(**costs), contenders)
    k = [each.key for each in found.measures].index("expected_cost")
    with_error = line(found, "focal", "log_loss", k)
    without = line(replace(found, least_errors=None), "focal", "log_loss", k)
    assert without.gain / without.error > 5.0
    assert with_error.gain == without.gain
    assert with_error.gain / with_error.error < 2.5
    np.testing.assert_array_equal(with_error.deviations, without.deviations)


def test_a_cap_that_rounds_to_all_is_not_told():
    y = np.zeros(1_000, int)
    y[:11] = 1
    amount = np.where(y, 1_000.0, 5.0)
    amount[0] = 1.0  # the least of the eleven, of which the budget has room for ten
    table_ = task(y, amount=amount)
    found = judge(
        table_, split(table_), settings(alert_rate=0.01), [trained("log_loss", y - np.arange(1_000) / 1e6)]
    )
    (cap,) = [each.cap for each in found.measures if each.key.startswith("value")]
    assert NEARLY_ALL < cap < 1.0
    assert [each for each in found.sentences if "nobody" in each] == [
        "The budget is 1 % of the rows: nobody can find more than 90.9 % of the positive rows."
    ]


@pytest.mark.parametrize(
    ("asked", "grouped", "rows", "score"),
    [
        (1, False, "row a day", "score"),
        (2.5, False, "2.5 rows a day", "scores"),
        (1, True, "value of card a day", "score"),
        (3, True, "3 values of card a day", "scores"),
    ],
)
def test_names_of_lines_a_day(asked, grouped, rows, score):
    y, scores = binormal(300, 0.1)
    table_ = task(y, when=days(300), groups=np.arange(300) // 3 if grouped else None)
    contenders = [trained("log_loss", scores["log_loss"])]
    found = judge(table_, split(table_), settings(alert_rate=None, alerts_per_day=asked), contenders)
    lines = {each.name: each.says for each in found.measures if "_per_day" in each.key}
    alerts = f"{asked} alert{'' if asked == 1 else 's'} a day"
    assert list(lines) == [f"recall at {alerts}", f"precision of the first {rows}"]
    assert lines[f"precision of the first {rows}"].startswith(f"Of the {rows} with the highest {score}, the")


def test_same_draws_for_all():
    table_, split_, (first, second, *_) = table()
    twin = trained("focal", second.log_odds)
    found = judge(table_, split_, settings(), [first, second, twin])
    np.testing.assert_array_equal(found.replicates[:, 1], found.replicates[:, 2])
    again = judge(table_, split_, settings(), [first, second, twin])
    np.testing.assert_array_equal(found.replicates, again.replicates)
    other = judge(table_, split_, settings(seed=1), [first])
    assert not np.array_equal(other.replicates[:, 0], found.replicates[:, 0])


def test_only_held_out_rows_count():
    y, scores = binormal()
    table_ = task(y, amount=amounts(), when=days(), groups=np.arange(3_000) // 3)
    test = np.random.default_rng(0).permutation(3_000)[:1_500]
    held = judge(table_, split(table_, test), settings(), [trained("log_loss", scores["log_loss"][test])])
    alone = task(y[test], amount=amounts()[test], when=days()[test], groups=(np.arange(3_000) // 3)[test])
    expected = judge(alone, split(alone), settings(), [trained("log_loss", scores["log_loss"][test])])
    np.testing.assert_allclose(held.values, expected.values, atol=1e-12)


def test_what_is_drawn():
    y, _ = binormal()
    odds = [trained("log_loss", binormal()[1]["log_loss"])]

    def drawn(**known):
        table_ = task(y, **known)
        found = judge(table_, split(table_), settings(), odds)
        return found.resampled, found.n_resampled, " ".join(found.sentences)

    many, few = np.arange(3_000) // 10, np.arange(3_000) // 1_000
    assert drawn()[:2] == ("rows", 3_000)
    assert drawn(when=days())[:2] == ("days", 30)
    assert drawn(when=days(), when_is_date=False)[:2] == ("rows", 3_000)
    assert drawn(groups=many)[:2] == ("groups", 300)
    assert drawn(groups=many, when=days())[:2] == ("groups", 300)
    assert drawn(groups=few, when=days())[:2] == ("days", 30)
    kind, number, said = drawn(groups=few)
    assert (kind, number) == ("groups", 3)
    assert "So few groups say little" in said
    kind, number, said = drawn(when=days(number=5))
    assert (kind, number) == ("rows", 3_000)
    assert "There are 5 held-out days, fewer than 20" in said
    assert drawn(when=days(number=1), groups=np.zeros(3_000))[:2] == ("rows", 3_000)


def spread(judgement, key, contender="log_loss"):
    index = [each.key for each in judgement.measures].index(key)
    return judgement.replicates[:, judgement.keys.index(contender), index].std()


def test_groups_that_agree_widen_intervals(monkeypatch):
    monkeypatch.setattr(_judgement, "N_REPLICATES", 400)
    y, scores = binormal(600)  # each row five times
    y, odds, groups = np.repeat(y, 5), np.repeat(scores["log_loss"], 5), np.repeat(np.arange(600), 5)
    together, apart = task(y, groups=groups), task(y)
    for key in ("average_precision", "log_loss"):
        wide, narrow = (
            spread(judge(each, split(each), settings(), [trained("log_loss", odds)]), key)
            for each in (together, apart)
        )
        assert wide / narrow == pytest.approx(np.sqrt(5), rel=0.2)


def test_spread_is_that_of_new_rows(monkeypatch):
    """Calibration in the large too, whose uncertainty is that of the rate: classes are not drawn apart."""
    monkeypatch.setattr(_judgement, "N_REPLICATES", 400)
    table_, split_, contenders = table()
    found = judge(table_, split_, settings(), contenders)
    many = []
    for seed in range(300):
        y, scores = binormal(seed=1_000 + seed, distances={"log_loss": 2.0})
        p = expit(scores["log_loss"])
        many.append((average_precision_score(y, p), p.mean() / y.mean(), log_loss(y, p)))
    for key, true in zip(
        ("average_precision", "calibration_ratio", "log_loss"), np.std(many, axis=0), strict=True
    ):
        assert spread(found, key) == pytest.approx(true, rel=0.3)


def test_a_draw_has_both_classes():
    y = np.zeros(40, int)
    y[7] = 1
    table_ = task(y)
    found = judge(
        table_, split(table_), settings(alert_rate=0.1), [trained("log_loss", np.arange(40) / 40 - 3)]
    )
    assert found.n_informative == 1
    known = [each.key != "calibration_slope" for each in found.measures]
    assert np.isfinite(found.replicates[:, :, known]).all()


def test_ties_constants_and_one_day():
    y, scores = binormal(500)
    table_ = task(y, when=np.full(500, 3 * DAY), amount=np.zeros(500))
    constant, tied = np.full(500, -3.0), np.round(scores["focal"])
    found = judge(
        table_,
        split(table_),
        settings(alert_rate=0.1, cost_alarm=1.0, cost_missed="amount"),
        [trained("log_loss", constant), trained("focal", tied)],
    )
    values = values_of(found, "log_loss")
    assert values["average_precision"] == pytest.approx(y.mean())
    assert values["recall_at_alert_rate"] == pytest.approx(0.1)
    assert np.isnan(values["calibration_slope"])
    assert values["expected_cost"] == 0.0  # nothing is at stake, and nothing is looked at
    assert values_of(found, "focal")["average_precision"] == pytest.approx(average_precision_score(y, tied))
    assert "value_recall_at_alert_rate" not in values
    assert (
        "No positive row has an amount above 0: the share of value found cannot be computed."
        in found.sentences
    )


def test_scores_that_are_no_numbers():
    table_, split_, contenders = table()
    lost = contenders[3].log_odds.copy()
    lost[5] = np.nan
    found = judge(table_, split_, settings(), [*contenders[:3], trained("focal", lost)])
    assert np.isnan(found.values[3]).all()
    assert np.isnan(found.replicates[:, 3]).all()
    assert np.isfinite(found.values[:3]).all()
    # An infinite loss, of a probability of 0 for what happened.
    certain = contenders[3].log_odds.copy()
    certain[np.flatnonzero(table_.y)[0]] = -np.inf
    values = values_of(judge(table_, split_, settings(), [trained("log_loss", certain)]), "log_loss")
    assert values["log_loss"] == np.inf
    assert np.isfinite(values["average_precision"])


def test_small_losses_show_three_figures():
    y, scores = binormal(rate=0.004, n=6_000)
    table_ = task(y)
    found = judge(table_, split(table_), settings(), [trained("log_loss", scores["log_loss"])])
    digits = {each.key: each.digits for each in found.measures}
    values = values_of(found, "log_loss")
    assert 0.001 < values["brier_score"] < 0.01
    assert digits["brier_score"] == 5
    assert 0.01 < values["log_loss"] < 0.1
    assert digits["log_loss"] == 4


@pytest.mark.parametrize(
    ("known", "asked", "text"),
    [
        ({}, {"measure": "accuracy"}, "measure == 'accuracy', must be one of average_precision"),
        ({}, {"alert_rate": 0.0001}, "alert_rate == 0.0001 of the 3,000 held-out rows is less than one row"),
        ({}, {"alert_rate": None, "alerts_per_day": 5}, "alerts_per_day == 5, must have days"),
        (
            {"when": np.arange(3_000), "when_is_date": False},
            {"alert_rate": None, "alerts_per_day": 5},
            "alerts_per_day == 5, must have days",
        ),
        (
            {"when": np.arange(3_000)},
            {"alert_rate": None, "alerts_per_day": 0.5},
            "alerts_per_day == 0.5, must be >= 1",
        ),
    ],
)
def test_refused(known, asked, text):
    table_, split_, _ = table(**known)
    with pytest.raises(ValueError, match=text):
        check(table_, split_, settings(**asked))


def test_refused_rows():
    table_, _, contenders = table()
    for test, word in (
        (np.flatnonzero(table_.y == 0), "no row"),
        (np.flatnonzero(table_.y == 1), "every row"),
    ):
        with pytest.raises(ValueError, match=f"{word} has is_fraud == 1, must have rows of both classes"):
            check(table_, split(table_, test), settings(alert_rate=0.1))
    with pytest.raises(ValueError, match="log loss, untuned has scores of shapes"):
        judge(table_, split(table_, np.arange(2_000)), settings(), contenders)


def test_memory_is_bounded(monkeypatch):
    """Chunks hold what is drawn: never an array of all draws and rows."""
    sizes = []

    class Watched(_judgement.Ranking):
        def __call__(self, weights):
            sizes.append(weights.shape)
            return super().__call__(weights)

    monkeypatch.setattr(_judgement, "Ranking", Watched)
    monkeypatch.setattr(_judgement, "N_REPLICATES", 700)
    table_, split_, contenders = table()
    judge(table_, split_, settings(), contenders[:1])
    assert sum(n for n, _ in sizes[1:]) == 700
    assert max(n * m for n, m in sizes) <= 1_000_000
