"""Held-out rows and folds: later rows, other groups, both classes in each part, no row forgotten."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from focalboost.comparison import Task
from focalboost.comparison._split import _hashes, split_rows
from focalboost.datasets import Column, TableReport, load_table

if TYPE_CHECKING:
    from focalboost.comparison import Split

DAY = 86_400.0
JULY = 1_532_476_800.0  # 2018-07-25


def task_of(y: Any, *, when: Any = None, groups: Any = None, X: Any = None, is_date: bool = False) -> Task:
    y = np.asarray(y, np.int8)
    target = Column("fraud", "int8", "target", "target=", 0, 2)
    return Task(
        X=np.arange(y.size, dtype=np.float32)[:, None] if X is None else np.asarray(X, np.float32),
        y=y,
        feature_names=["x"],
        categories={},
        target_name="fraud",
        target_names=(0, 1),
        source="cards.csv",
        when=None if when is None else np.asarray(when, np.float64),
        when_is_date=is_date,
        time_name=None if when is None else "day",
        groups=None if groups is None else np.asarray(groups, np.int64),
        group_name=None if groups is None else "card",
        amount=None,
        amount_name=None,
        report=TableReport("cards.csv", y.size, int(y.sum()), (0, 1), (target,)),
    )


def check(task: Task, split: Split, folds: int, gap: float = 0.0) -> None:
    """What holds for every split."""
    rows = np.concatenate([split.train, split.test, split.left_out])
    np.testing.assert_array_equal(np.sort(rows), np.arange(task.y.size))
    assert len(split.folds) == folds
    pairs = [(split.train, split.test)]
    pairs += [(split.train[train], split.train[valid]) for train, valid in split.folds]
    for part in (split.left_out, *(rows for pair in pairs for rows in pair)):
        assert part.dtype == np.int64
        assert np.all(np.diff(part) > 0)
    for train, valid in pairs:
        assert np.intersect1d(train, valid).size == 0
        assert set(task.y[train]) == set(task.y[valid]) == {0, 1}
        if task.groups is not None:
            assert np.intersect1d(task.groups[train], task.groups[valid]).size == 0
        if task.when is not None:
            assert task.when[train].max() < task.when[valid].min()
            assert task.when[train].max() <= task.when[valid].min() - gap
    if task.when is None:
        assert split.left_out.size == 0
    else:
        ends = [task.when[split.train[valid]].max() for _, valid in split.folds]
        assert ends == sorted(ends)


@st.composite
def tables(draw: st.DrawFn) -> tuple[Task, dict[str, Any]]:
    n = draw(st.integers(60, 250))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    when, gap = None, 0.0
    if draw(st.booleans()):
        kind = draw(st.sampled_from(["days", "moments", "dates"]))
        when = rng.integers(0, 20, n) if kind == "days" else rng.random(n) * 20
        gap = float(draw(st.sampled_from([0, 0, 1, 2.5])))
        if kind == "dates":
            when, gap = JULY + np.round(when * DAY), gap * DAY
    groups = None
    if draw(st.booleans()):
        groups = rng.integers(0, draw(st.sampled_from([5, 20, n, 10**9])), n)
        if when is not None and draw(st.booleans()):  # groups that hardly come back
            groups = groups + 10**9 * (np.argsort(np.argsort(when)) // 10)
    share = draw(st.sampled_from([0.1, 0.3, 0.7]))
    task = task_of(rng.random(n) < share, when=when, groups=groups, is_date=bool(gap > 20))
    options = {
        "folds": draw(st.integers(1, 4)),
        "test_size": draw(st.sampled_from([0.1, 0.25, 0.5])),
        "gap": gap,
        "seed": draw(st.integers(0, 9)),
    }
    return task, options


@settings(max_examples=150, deadline=None)
@given(tables())
def test_what_holds_for_every_split(drawn: tuple[Task, dict[str, Any]]) -> None:
    task, options = drawn
    try:
        split = split_rows(task, **options)
    except ValueError as error:  # a class is missing somewhere: it says where and how many rows
        if not re.search(r"must (leave|have) .*(\(\d[\d,]* positive\)|group|time)", str(error)):
            raise
        reject()
    check(task, split, options["folds"], options["gap"])
    again = split_rows(task, **options)
    for name in ("train", "test", "left_out"):
        np.testing.assert_array_equal(getattr(split, name), getattr(again, name))
    assert (split.sentences, split.warnings) == (again.sentences, again.warnings)


def test_in_time_the_last_quarter_is_held_out_and_folds_go_forward() -> None:
    n = 400
    when = np.random.default_rng(0).permutation(n)  # in any order of rows
    task = task_of(when % 8 == 0, when=when)
    split = split_rows(task, folds=3)
    check(task, split, 3)
    assert split.kind == "time"
    np.testing.assert_array_equal(np.sort(when[split.test]), np.arange(300, 400))
    for k, (train, valid) in enumerate(split.folds):
        np.testing.assert_array_equal(np.sort(when[split.train[train]]), np.arange(75 * (k + 1)))
        np.testing.assert_array_equal(
            np.sort(when[split.train[valid]]), np.arange(75 * (k + 1), 75 * (k + 2))
        )
    assert split.left_out.size == 0
    assert " ".join(split.sentences) == (
        "Trained on 300 rows (38 positive) from day 0 to 299; held out: the 100 rows (12 positive) after "
        "that, from day 300 to 399. Tuned on 3 folds in time: trained on and validated on 75 rows (10 "
        "positive) and after them 75 rows (9 positive); 150 rows (19 positive) and after them 75 rows (10 "
        "positive); 225 rows (29 positive) and after them 75 rows (9 positive)."
    )


def test_rows_of_one_time_stay_together() -> None:
    when = np.repeat([1, 2, 3, 4, 5], [40, 10, 10, 10, 30])
    task = task_of(np.arange(100) % 2, when=when)
    split = split_rows(task, folds=3)
    assert np.unique(when[split.test]).tolist() == [5]  # 30 rows are nearer to a quarter than 40
    assert [np.unique(when[split.train[valid]]).tolist() for _, valid in split.folds] == [[2], [3], [4]]
    with pytest.raises(
        ValueError,
        match=r"time == 'day', must have more than 4 different times for 4 folds; among 70 rows it has 4",
    ):
        split_rows(task, folds=4)
    with pytest.raises(
        ValueError, match=r"must have more than 1 different times for the held-out rows; .* has 1"
    ):
        split_rows(task_of(np.arange(100) % 2, when=np.ones(100)), folds=2)


@pytest.mark.parametrize(
    ("gap", "said"), [(7, "7 days"), (1, "1 day"), (0.5, "12 hours"), (0.1, "144 minutes")]
)
def test_the_gap_is_left_out_before_each_part_that_judges(gap: float, said: str) -> None:
    """Six weeks, as the Handbook's: a gap of seven days still leaves three folds."""
    when = JULY + DAY * np.arange(42 * 20) // 20
    task = task_of(np.arange(840) % 5 == 0, when=when, is_date=True)
    split = split_rows(task, folds=3, gap=gap * DAY)
    check(task, split, 3, gap * DAY)
    start = task.when[split.test].min()
    in_gap = (task.when < start) & (task.when > start - gap * DAY)
    np.testing.assert_array_equal(split.left_out, np.flatnonzero(in_gap))
    assert f"less than {said} before the held-out ones were left out" in " ".join(split.sentences)
    assert "3 folds in time, with the gap: trained" in split.sentences[-1]
    # No more is left out than the gap asks for.
    for train, valid in split.folds:
        begin = task.when[split.train[valid]].min()
        assert train.size == (task.when[split.train] <= begin - gap * DAY).sum()


def test_a_gap_that_leaves_nothing() -> None:
    task = task_of(np.arange(100) % 2, when=np.arange(100))
    with pytest.raises(
        ValueError,
        match=r"gap == 90 \(in day\), must leave rows .* before the 25 rows .* Give a shorter gap\.$",
    ):
        split_rows(task, folds=2, gap=90)


@pytest.mark.parametrize(
    ("step", "ends"),
    [
        (DAY, ("2018-07-25", "2018-10-07", "2018-10-08", "2018-11-01")),
        (60.0, ("2018-07-25 00:00", "2018-07-25 01:14", "2018-07-25 01:15", "2018-07-25 01:39")),
    ],
)
def test_dates_are_said_as_dates(step: float, ends: tuple[str, ...]) -> None:
    task = task_of(np.arange(100) % 5 == 0, when=JULY + step * np.arange(100), is_date=True)
    assert split_rows(task, folds=2).sentences[0] == (
        f"Trained on 75 rows (15 positive) from {ends[0]} to {ends[1]}; held out: the 25 rows (5 positive) "
        f"after that, from {ends[2]} to {ends[3]}."
    )


# ---------------------------------------------------------------------- groups
def test_groups_without_time() -> None:
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 200, 4_000)
    task = task_of(rng.random(4_000) < 0.05, groups=groups)
    split = split_rows(task, folds=3)
    check(task, split, 3)
    assert split.kind == "groups"
    assert abs(split.test.size - 1_000) < 60
    assert abs(task.y[split.test].mean() - task.y.mean()) < 0.01
    n_train, n_test = (np.unique(groups[rows]).size for rows in (split.train, split.test))
    assert f"of {n_train} groups (card), drawn at random" in split.sentences[0]
    assert f"of the other {n_test}." in split.sentences[0]


def test_many_groups_are_bundled_and_still_apart() -> None:
    """Scikit-learn takes a minute for 100,000 groups."""
    rng = np.random.default_rng(0)
    groups = np.concatenate([np.arange(20_000), rng.integers(0, 20_000, 10_000)])
    task = task_of(np.arange(30_000) % 50 == 0, groups=groups)
    split = split_rows(task, folds=3)
    check(task, split, 3)
    assert abs(split.test.size - 7_500) < 100
    assert abs(int(task.y[split.test].sum()) - 150) < 10


@pytest.mark.parametrize("seed", [0, 1])
def test_groups_that_seldom_come_back_lose_their_earlier_rows(seed: int) -> None:
    n = 2_000
    groups = np.arange(n)
    groups[1_600:1_650] = np.arange(50)  # 50 of 2,000 come back
    task = task_of(np.arange(n) % 10 == 0, when=np.arange(n), groups=groups)
    split = split_rows(task, folds=2, seed=seed)
    check(task, split, 2)
    assert split.kind == "time and groups"
    np.testing.assert_array_equal(split.test, np.arange(1_500, n))  # all later rows judge
    np.testing.assert_array_equal(split.left_out, np.arange(50))
    assert split.sentences[1] == (
        "50 groups (card) had rows before and after the border: their earlier ones, 50 rows (5 positive), "
        "were left out, so that none is on both sides."
    )
    assert split.warnings == []


def test_groups_that_all_come_back_are_divided() -> None:
    n, n_groups = 8_000, 100
    rng = np.random.default_rng(0)
    groups = rng.integers(0, n_groups, n)
    y = (groups < 20) & (rng.random(n) < 0.3)  # a fifth of the groups have all positive rows
    task = task_of(y, when=np.arange(n), groups=groups)
    split = split_rows(task, folds=3)
    check(task, split, 3)
    trained_on, judged_by = np.unique(groups[split.train]), np.unique(groups[split.test])
    assert trained_on.size == judged_by.size == 50
    assert (trained_on < 20).sum() == (judged_by < 20).sum() == 10  # of those with positive rows half, too
    np.testing.assert_array_equal(
        split.left_out,
        np.flatnonzero(
            np.where(np.arange(n) < 6_000, np.isin(groups, judged_by), np.isin(groups, trained_on))
        ),
    )
    assert f"left out were {split.left_out.size:,} rows" in split.sentences[1]
    (warning,) = split.warnings
    assert warning.startswith("Keeping groups (card) apart left out 50% of the rows: many groups come back.")
    other = split_rows(task, folds=3, seed=1)
    assert set(np.unique(groups[other.test])) != set(judged_by)


def test_groups_of_which_none_comes_back() -> None:
    task = task_of(np.arange(400) % 5 == 0, when=np.arange(400), groups=np.arange(400) // 4)
    split = split_rows(task, folds=2)
    check(task, split, 2)
    assert split.left_out.size == 0
    assert split.sentences[1] == "No group (card) has rows on both sides."


# ---------------------------------------------------------------------- at random
def test_at_random_each_part_has_its_share() -> None:
    y = np.arange(800) % 20 == 0
    task = task_of(y)
    split = split_rows(task, folds=3)
    check(task, split, 3)
    assert (split.kind, split.test.size, int(y[split.test].sum())) == ("stratified", 200, 10)
    assert [int(y[split.train[valid]].sum()) for _, valid in split.folds] == [10, 10, 10]
    assert split.sentences[0] == (
        "Trained on 600 rows (30 positive), drawn at random; held out: the other 200 rows (10 positive)."
    )
    assert not np.array_equal(split.test, split_rows(task, folds=3, seed=1).test)
    assert len(split_rows(task, folds=1).folds) == 1
    assert split_rows(task, folds=2, test_size=0.5).test.size == 400


@pytest.mark.parametrize("gap", [0, 5])
def test_labels_of_later_rows_do_not_decide_what_is_trained_on(gap: int) -> None:
    rng = np.random.default_rng(0)
    n = 600
    when, groups = np.arange(n), rng.integers(40, size=n)
    y = rng.random(n) < 0.2
    task = task_of(y, when=when, groups=groups)
    split = split_rows(task, folds=2, gap=gap)
    assert split.left_out.size > n // 4  # groups were divided
    later = when >= 450
    for k in range(5):
        other = y.copy()
        other[later] = np.random.default_rng(k).permutation(y[later])
        if k == 4:  # of each group another class
            other[later] = ~y[later]
        found = split_rows(task_of(other, when=when, groups=groups), folds=2, gap=gap)
        np.testing.assert_array_equal(found.train, split.train)
        np.testing.assert_array_equal(found.test, split.test)


def test_days_of_utc_are_said_where_times_had_zones() -> None:
    when = JULY + DAY * np.arange(400) / 10
    task = task_of(np.arange(400) % 5 == 0, when=when, is_date=True)
    assert "UTC" not in split_rows(task, folds=2).sentences[0]
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    for zone, told in ((None, False), ("Europe/Berlin", True)):
        times = pandas.date_range("2018-07-25", periods=400, freq="h", tz=zone)
        frame = pandas.DataFrame({"x": range(400), "day": times, "fraud": task.y})
        read = replace(task, report=load_table(frame, time="day").report)
        assert split_rows(read, folds=2).sentences[0].endswith(" (times and days of UTC).") == told


# ---------------------------------------------------------------------- what is refused, what is said
@pytest.mark.parametrize(
    ("task", "options", "message"),
    [
        (task_of([0] * 99 + [1]), {}, r"must have rows of each class .* has 100 rows \(1 positive\)"),
        (task_of([0, 1, 1]), {}, r"must have rows of each class .* has 3 rows \(2 positive\)"),
        (task_of([1] * 3 + [0] * 97), {"folds": 5},
         r"folds == 5, must leave both classes in every part; trained on are 75 rows \(2 positive\)"),
        (task_of(np.arange(100) < 50, when=np.arange(100)), {},
         r"the split must .*; held out are 25 rows \(0 positive\)\. Give a larger table, or do"),
        (task_of(np.arange(100) < 50, when=np.arange(100), groups=np.arange(100)), {"gap": 3},
         r"\. Give a larger table or a shorter gap, or do without the time column or groups\.$"),
        (task_of((np.arange(100) > 70) & (np.arange(100) % 3 > 0), when=np.arange(100)), {},
         r"folds == 3, must leave .*in fold 1 are 18 rows \(0 positive\)\. Give a larger table or fewer fol"),
        (task_of(np.arange(100) % 2, when=np.arange(100), groups=np.zeros(100)), {},
         r"group == 'card', must leave rows .*; of 1 group none is left to be held out\. Name a column with"),
        (task_of(np.arange(100) % 2, when=np.arange(100), groups=np.zeros(100)), {"gap": 10},
         r"group == 'card', must leave rows .*; of 1 group none is left to be held out"),
        (task_of(np.arange(100) % 2, when=np.arange(100), groups=np.arange(100) % 50), {"gap": 500},
         r"gap == 500 \(in day\), must leave rows to train on .*; none is early .*\. Give a shorter gap\.$"),
        (task_of(np.arange(100) % 2, when=np.ones(100)), {},
         r"among 100 rows it has 1\. Give a larger table, or do without the time column\.$"),
        (task_of(np.arange(100) % 2, groups=np.arange(100) // 40), {},
         r"group == 'card', must have rows of each class in 4 groups or more; of 3 groups, 3 have"),
        (task_of(np.arange(100) < 10, groups=np.arange(100) // 5), {},
         r"of 20 groups, 2 have rows of the rarer one\. Give .*, or do without groups"),
    ],
)  # fmt: skip
def test_parts_without_a_class_are_refused(task: Task, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        split_rows(task, **{"folds": 3, **options})


def test_few_positive_rows_are_said() -> None:
    few = split_rows(task_of(np.arange(1_000) % 25 == 0), folds=10).warnings
    assert len(few) == 2
    assert few[0].startswith("Only 10 rows of the rarer class held out: too few to tell the losses apart.")
    assert few[1].startswith("A fold is validated on 3 positive rows: what is tuned on so few is luck.")
    assert split_rows(task_of(np.arange(1_000) % 10 == 0), folds=3).warnings == []


def test_copies_of_training_rows_are_counted() -> None:
    n = 1_000
    X = np.arange(n, dtype=np.float32).repeat(2).reshape(n, 2)
    X[750:760] = X[10:20]
    X[760] = X[761]  # copies on one side do no harm
    X[20], X[770] = (np.nan, -0.0), (np.nan, 0.0)
    split = split_rows(task_of(np.arange(n) % 10 == 0, when=np.arange(n), X=X), folds=2)
    (warning,) = split.warnings
    assert warning.startswith(
        "On both sides of the split: 11 rows (2 positive) of the 250 held out, with the features of"
    )


def test_hashes_tell_rows_apart() -> None:
    """Also rows that differ in the order or by one bit."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 6, (20_000, 6)).astype(np.float32)
    X = np.concatenate([X, np.nextafter(X, np.float32(9)), X[:, ::-1]])
    distinct = np.unique(X, axis=0).shape[0]
    assert np.unique(_hashes(X)).size == distinct
    assert np.unique(_hashes(np.eye(300, dtype=np.float32))).size == 300
