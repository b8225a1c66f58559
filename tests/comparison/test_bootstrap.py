"""What is drawn, and the intervals of values."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from focalboost.comparison import _bootstrap
from focalboost.comparison._bootstrap import Units, draws, intervals
from tests.comparison.judged import judgement


def drawn(units, positive, n=500, seed=0):
    return np.concatenate(list(draws(units, positive, n, np.random.default_rng(seed))))


def test_counts_of_rows_are_multinomial():
    n = 50
    weights = drawn(Units("rows", np.arange(n), n, []), np.arange(n) < 10, 4_000)
    assert (weights.sum(axis=1) == n).all()
    np.testing.assert_allclose(weights.mean(axis=0), 1.0, atol=0.07)
    np.testing.assert_allclose(weights.var(axis=0), 1 - 1 / n, rtol=0.12)


def test_rows_of_a_group_come_together():
    code = np.array([0, 0, 1, 2, 2, 2, 3])
    weights = drawn(Units("groups", code, 4, []), code < 2)
    for group in range(4):
        of_group = weights[:, code == group]
        assert (of_group == of_group[:, :1]).all()
    assert (weights[:, [0, 2, 3, 6]].sum(axis=1) == 4).all()


def test_chunks_do_not_change_the_draws(monkeypatch):
    units, positive = Units("rows", np.arange(30), 30, []), np.arange(30) < 9
    whole = drawn(units, positive, 100)
    monkeypatch.setattr(_bootstrap, "MOST_WEIGHTS", 30 * 7)
    parts = list(draws(units, positive, 100, np.random.default_rng(0)))
    assert [len(part) for part in parts] == [7] * 14 + [2]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_each_draw_has_both_classes():
    positive = np.arange(40) == 7
    weights = drawn(Units("rows", np.arange(40), 40, []), positive)
    assert (weights[:, 7] > 0).all()
    # Two groups, one with the positive rows and one with the others: both are in every draw.
    code = np.repeat([0, 1], 20)
    weights = drawn(Units("groups", code, 2, []), code == 0)
    assert (weights == 1).all()


def test_classes_that_never_come_together():
    # A draw has one of so many groups... of two positive rows, each in a group of its own class.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_bootstrap, "MOST_TRIES", 1)
        with pytest.raises(ValueError, match="1 draws of 2 groups had rows of one class only"):
            drawn(Units("groups", np.repeat([0, 1], 20), 2, []), np.arange(40) < 20)


def test_intervals_are_around_the_values():
    made = judgement(focal={})
    high_by = dataclasses.replace(made, replicates=made.replicates + 0.2)
    low, high = intervals(high_by)
    np.testing.assert_allclose((low + high) / 2, made.values, atol=0.005)
    # 1.96 standard errors on either side; log loss has none here.
    np.testing.assert_allclose((high - low)[1, :2], 2 * 1.96 * 0.01, rtol=0.1)
    narrow = intervals(made, 0.5)
    assert ((narrow[1] - narrow[0])[1] < (high - low)[1]).all()


def test_intervals_of_what_cannot_be_computed():
    made = judgement(focal={})
    replicates = made.replicates.copy()
    replicates[:50, 1, 0] = np.nan
    replicates[:500, 1, 1] = np.inf
    low, high = intervals(dataclasses.replace(made, replicates=replicates))
    assert np.isfinite([low[1, 0], high[1, 0]]).all()
    assert np.isnan([low[1, 1], high[1, 1]]).all()
