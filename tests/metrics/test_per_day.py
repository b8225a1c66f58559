"""Precision and recall at so many alerts a day against a loop over days."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from focalboost.metrics import precision_at_alerts_per_day, recall_at_alerts_per_day
from tests.metrics.helpers import found_over_orders, rows_of_both_classes

METRICS = [precision_at_alerts_per_day, recall_at_alerts_per_day]


def day_by_day(y, score, day, alerts, groups=None, drop_found=True):
    """Precision and recall, for scores without ties."""
    groups = range(len(y)) if groups is None else groups
    known, found, per_day = set(), [], []
    for today in sorted(set(day)):
        best, hit = {}, {}
        for label, s, d, who in zip(y, score, day, groups, strict=True):
            if d == today and who not in known:
                best[who] = max(s, best.get(who, -np.inf))
                hit[who] = hit.get(who, False) or label == 1
        top = sorted(best, key=best.get, reverse=True)[:alerts]
        hits = [who for who in top if hit[who]]
        per_day.append(len(hits) / alerts)
        found += [(today, who) for who in hits]
        if drop_found:
            known.update(hits)
    there = {(d, who) for label, d, who in zip(y, day, groups, strict=True) if label == 1}
    if drop_found:
        return np.mean(per_day), len({who for _, who in found}) / len({who for _, who in there})
    return np.mean(per_day), len(found) / len(there)


@st.composite
def days_and_groups(draw):
    y, _ = draw(rows_of_both_classes(40))
    n = y.size
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_groups = draw(st.integers(1, 12))
    return (
        y,
        rng.permutation(n) / n,
        rng.integers(0, 4, n),
        rng.integers(0, n_groups, n),
        draw(st.integers(1, 6)),
    )


@settings(max_examples=100, deadline=None)
@given(days_and_groups(), st.booleans(), st.booleans())
def test_day_by_day(data, grouped, drop_found):
    y, score, day, groups, alerts = data
    groups = groups if grouped else None
    options = {"day": day, "alerts_per_day": alerts, "groups": groups, "drop_found": drop_found}
    found = [metric(y, score, **options) for metric in METRICS]
    assert found == pytest.approx(day_by_day(y, score, day, alerts, groups, drop_found), abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(days_and_groups(), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_the_order_of_rows_and_the_names_of_groups_make_no_difference(data, n_scores, seed):
    y, score, day, groups, alerts = data
    score = np.floor(score * n_scores)  # many ties
    rng = np.random.default_rng(seed)
    order, names = rng.permutation(y.size), rng.permutation(groups.max() + 1)
    for metric in METRICS:
        found = metric(y, score, day=day, groups=groups, alerts_per_day=alerts)
        again = metric(
            y[order], score[order], day=day[order], groups=names[groups[order]], alerts_per_day=alerts
        )
        assert again == pytest.approx(found, abs=1e-12)
        assert 0.0 <= found <= 1.0


@settings(max_examples=30, deadline=None)
@given(rows_of_both_classes(6), st.floats(1.0, 6.0))
def test_ties_are_the_mean_over_orders(data, alerts):
    y, score = data
    for day in (np.zeros(y.size), np.arange(y.size) % 2):
        expected = [
            found_over_orders(y[day == d], score[day == d], min(alerts, np.sum(day == d))) for d in set(day)
        ]
        precision = precision_at_alerts_per_day(y, score, day=day, alerts_per_day=alerts)
        assert precision == pytest.approx(np.mean(expected) / alerts, abs=1e-9)
        recall = recall_at_alerts_per_day(y, score, day=day, alerts_per_day=alerts)
        assert recall == pytest.approx(np.sum(expected) / y.sum(), abs=1e-9)


def test_a_group_found_in_part_is_left_in_part():
    """Two cards tie for one alert on day 1, one of them fraud: half found, and half of it there on day 2."""
    y, day, card = [1, 0, 1, 0], [1, 1, 2, 2], ["a", "b", "a", "b"]
    score = [0.5, 0.5, 0.9, 0.1]
    assert precision_at_alerts_per_day(y, score, day=day, groups=card, alerts_per_day=1) == (0.5 + 0.5) / 2
    assert recall_at_alerts_per_day(y, score, day=day, groups=card, alerts_per_day=1) == 1.0


def test_by_hand():
    """Card 1 is found on day 1 and gone on day 2, where card 2 had fraud and is third of the rest."""
    frame = pd.DataFrame(
        {
            "day": [1, 1, 1, 1, 2, 2, 2, 2],
            "card": [1, 1, 2, 3, 1, 2, 3, 4],
            "fraud": [0, 1, 0, 0, 1, 1, 0, 0],
            "score": [0.9, 0.1, 0.8, 0.2, 0.9, 0.1, 0.8, 0.7],
        },
        index=[3, 3, 1, 0, 8, 7, 7, 2],
    )
    of = {"day": frame["day"], "groups": frame["card"]}
    rows = frame["fraud"], frame["score"]
    assert precision_at_alerts_per_day(*rows, alerts_per_day=2, **of) == (1 / 2 + 0) / 2
    assert precision_at_alerts_per_day(*rows, alerts_per_day=3, **of) == pytest.approx((1 / 3 + 1 / 3) / 2)
    assert recall_at_alerts_per_day(*rows, alerts_per_day=2, **of) == 1 / 2
    # Looked at again, card 1 is found twice.
    assert precision_at_alerts_per_day(*rows, alerts_per_day=2, drop_found=False, **of) == (1 / 2 + 1 / 2) / 2
    assert recall_at_alerts_per_day(*rows, alerts_per_day=2, drop_found=False, **of) == 2 / 3
    # Fewer cards than alerts: the share is of alerts_per_day all the same.
    assert precision_at_alerts_per_day(*rows, alerts_per_day=100, **of) == pytest.approx(0.01)


def test_labels_of_any_name():
    y = np.array(["good", "fraud", "good", "fraud"])
    options = {"day": [1, 1, 2, 2], "alerts_per_day": 1, "pos_label": "fraud"}
    assert precision_at_alerts_per_day(y, [0.1, 0.9, 0.8, 0.2], **options) == 0.5
    assert recall_at_alerts_per_day(y, [0.1, 0.9, 0.8, 0.2], **options) == 0.5


# ---------------------------------------------------------------------- days
NUMBERS = np.array([1, 1, 2, 2, 10, 10])
DATES = np.datetime64("2024-01-30") + NUMBERS
TIMES = pd.Series(DATES) + pd.to_timedelta([1, 23, 2, 22, 0, 5], unit="h")
SAME_DAYS = {
    "floats": NUMBERS.astype(float),
    "list": NUMBERS.tolist(),
    "nullable": pd.Series(NUMBERS, dtype="Int64"),
    "objects": NUMBERS.astype(object),
    "datetime64[D]": DATES,
    "times": TIMES,
    "index of times": pd.DatetimeIndex(TIMES),
    # 01:00 and 05:00 of a day in Tokyo are the day before in UTC.
    "times in Tokyo": TIMES.dt.tz_localize("Asia/Tokyo"),
    "dates": [dt.date(2024, 1, 30) + dt.timedelta(int(n)) for n in NUMBERS],
    "datetimes": [time.to_pydatetime() for time in TIMES],
}


@pytest.mark.parametrize("name", SAME_DAYS)
def test_days_of_any_kind(name):
    """Day 10 comes after day 2; a day has all its hours."""
    y, score, who = [1, 0, 0, 1, 1, 0], [0.9, 0.1, 0.8, 0.2, 0.9, 0.7], ["a", "b", "c", "d", "d", "e"]
    expected = day_by_day(y, score, NUMBERS, 1, who)
    options = {"day": SAME_DAYS[name], "groups": who, "alerts_per_day": 1}
    assert [metric(y, score, **options) for metric in METRICS] == pytest.approx(expected)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        (
            {"day": [1.0, 2.5, 3.0]},
            ValueError,
            r"^day\[1\] == 2.5, must be a whole number: a row's day, not its",
        ),
        ({"day": [1.0, np.inf, 3.0]}, ValueError, r"^day\[1\] == inf, must be a whole number"),
        (
            {"day": [1.0, 2.0, np.nan]},
            ValueError,
            r"^day\[2\] is missing, must be known: leave such rows out",
        ),
        ({"day": np.array(["2024-01-01", "NaT", "NaT"], "M8[D]")}, ValueError, r"^day\[1\] is missing"),
        (
            {"day": ["9", "10", "11"]},
            TypeError,
            r"^day has dtype .*, must be whole numbers, dates or times: text",
        ),
        (
            {"day": pd.Series(["9", "10", "11"])},
            TypeError,
            r"^day has dtype .*, must be whole numbers, dates or",
        ),
        ({"day": [1, 2]}, ValueError, r"^day has shape \(2,\), must be \(3,\), one per row"),
        ({"groups": ["a", None, "b"]}, ValueError, r"^groups\[1\] is missing, must be known"),
        ({"groups": [1.0, np.nan, np.nan]}, ValueError, r"^groups\[1\] is missing, must be known"),
        ({"groups": pd.Series([1, 2, None], dtype="Int64")}, ValueError, r"^groups\[2\] is missing"),
        (
            {"groups": pd.Series(["a", 1, "b"])},
            TypeError,
            r"^groups has values of several types, must be all",
        ),
        ({"groups": [[1, 2, 3]]}, ValueError, r"^groups has shape \(1, 3\), must be \(3,\), one per row"),
        ({"alerts_per_day": 0.5}, ValueError, r"^alerts_per_day == 0.5, must be >= 1 and finite"),
        ({"alerts_per_day": 0}, ValueError, r"^alerts_per_day == 0, must be >= 1 and finite"),
        ({"alerts_per_day": "many"}, TypeError, r"^alerts_per_day == 'many', must be >= 1 and finite"),
    ],
)
def test_bad_options(metric, options, error, text):
    with pytest.raises(error, match=text):
        metric([0, 1, 1], [0.2, 0.4, 0.6], **{"day": [1, 1, 2], **options})
