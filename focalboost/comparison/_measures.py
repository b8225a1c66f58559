"""Measures of many bootstrap draws at once: rows are sorted once, and each draw weighs them.

A weight says how often a row was drawn. Weighted sums over sorted rows give what the measure would be on
the drawn rows themselves.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from focalboost.comparison._types import Floats, Integers

Booleans = NDArray[np.bool_]
BIN = 0.02  # log-odds that count as one in the slopes of draws, which moves them by less than 0.001
MOST_STEPS, MOST_HALVINGS = 50, 20
LARGEST_SLOPE = 1e3
FAR = 2.0  # log-odds


@dataclass(frozen=True)
class Found:
    """Blocks of tied rows that have a positive one, best first, in each draw."""

    above: Floats  # (n_draws, n_blocks), weight of the rows with a higher score
    block: Floats  # weight of the block's rows
    positive: Floats  # weight of its positive rows
    value: Floats  # weight times value of its positive rows
    total: Floats  # (n_draws, 1), weight of all rows

    def average_precision(self) -> Floats:
        found = np.cumsum(self.positive, axis=1)
        terms = self.positive * _divided(found, self.above + self.block)
        return np.asarray(terms.sum(axis=1) / self.positive.sum(axis=1))

    def roc_auc(self) -> Floats:
        n_positive = self.positive.sum(axis=1, keepdims=True)
        found = np.cumsum(self.positive, axis=1)
        before = self.above - (found - self.positive)  # negative rows with a higher score
        below = (self.total - n_positive) - before - (self.block - self.positive) / 2.0
        wins = (self.positive * below).sum(axis=1)
        return np.asarray(wins / (n_positive * (self.total - n_positive))[:, 0])

    def recall(self, rate: float) -> Floats:
        return np.asarray((self._looked_at(rate) * self.positive).sum(axis=1) / self.positive.sum(axis=1))

    def value_recall(self, rate: float) -> Floats:
        return _divided((self._looked_at(rate) * self.value).sum(axis=1), self.value.sum(axis=1), np.nan)

    def _looked_at(self, rate: float) -> Floats:
        """Of each block, the share that is among the best `rate` of the rows; tied rows share the room."""
        return np.clip(_divided(rate * self.total - self.above, self.block), 0.0, 1.0)


class Ranking:
    """Rows in the order of their scores, best first."""

    def __init__(self, score: Floats, positive: Booleans, value: Floats | None = None) -> None:
        self.order = np.argsort(-score, kind="stable")
        new_block = _changes(score[self.order])
        self.starts = np.flatnonzero(new_block)
        self.tied = len(self.starts) < len(score)
        at = np.flatnonzero(positive[self.order])  # sorted rows that are positive
        self.rows = self.order[at]
        self.blocks, self.row_starts = np.unique((np.cumsum(new_block) - 1)[at], return_index=True)
        self.value = np.ones(len(self.rows)) if value is None else value[self.rows]

    def __call__(self, weights: Floats) -> Found:
        sorted_weights = np.take(weights, self.order, axis=1)  # 3 times as fast as brackets
        if self.tied:
            sorted_weights = np.add.reduceat(sorted_weights, self.starts, axis=1)
        up_to = np.cumsum(sorted_weights, axis=1)
        block = sorted_weights[:, self.blocks]
        drawn = weights[:, self.rows]
        return Found(
            above=up_to[:, self.blocks] - block,
            block=block,
            positive=np.add.reduceat(drawn, self.row_starts, axis=1),
            value=np.add.reduceat(drawn * self.value, self.row_starts, axis=1),
            total=up_to[:, -1:],
        )


@dataclass(frozen=True)
class PerDay:
    """What is found on each day, (n_draws, n_days), and what could be."""

    found: Floats  # rows or groups
    there: Floats  # on the first day on which they could be found
    value: Floats
    value_there: Floats


class Daily:
    """The rows, or groups, with the highest scores of each day, as `focalboost.metrics._per_day` counts them.

    A group that was found is known from then on: it is left out of the days that follow, and the value of its
    later rows counts as found.
    """

    def __init__(
        self,
        score: Floats,
        positive: Booleans,
        value: Floats | None,
        day: Integers,
        groups: Integers | None,
        room: float,
    ) -> None:
        self.room = room
        who = np.arange(len(score)) if groups is None else np.unique(groups, return_inverse=True)[1].ravel()
        self.n_who = int(who.max()) + 1
        self.row_of = np.zeros(self.n_who, np.int64)
        self.row_of[who] = np.arange(len(score))
        # Entries: each group once on each day, days in order and the best first.
        order = np.lexsort((-score, who, day))
        starts = np.flatnonzero(_changes(day[order]) | _changes(who[order]))
        best = order[starts]
        hit = np.logical_or.reduceat(positive[order], starts)
        worth = np.ones(len(score)) if value is None else value
        entry_value = np.add.reduceat(np.where(positive, worth, 0.0)[order], starts)
        by_score = np.lexsort((-score[best], day[best]))
        best = best[by_score]
        self.who, self.score, self.hit = who[best], score[best], hit[by_score]
        self.entry_value = entry_value[by_score]
        ends = np.r_[np.flatnonzero(_changes(day[best])), len(best)]
        self.days = [slice(*pair) for pair in itertools.pairwise(ends)]

    def __call__(self, weights: Floats) -> PerDay:
        """`weights` are of the rows, the same for all rows of a group."""
        n_draws = len(weights)
        copies = weights[:, self.row_of]  # of each group in each draw
        left = np.ones((n_draws, self.n_who))  # the share of each group that was not found yet
        counted = np.zeros(self.n_who, bool)
        result = PerDay(*(np.zeros((n_draws, len(self.days))) for _ in range(4)))
        for number, today in enumerate(self.days):
            who, hit = self.who[today], self.hit[today]
            size = copies[:, who] * left[:, who]
            looked_at = _looked_at(self.score[today], size, self.room)[:, hit]
            who = who[hit]
            result.found[:, number] = (size[:, hit] * looked_at).sum(axis=1)
            left[:, who] *= 1.0 - looked_at
            known = copies[:, who] * self.entry_value[today][hit]
            result.value[:, number] = (known * (1.0 - left[:, who])).sum(axis=1)
            result.value_there[:, number] = known.sum(axis=1)
            result.there[:, number] = copies[:, who[~counted[who]]].sum(axis=1)
            counted[who] = True
        return result


def _looked_at(score: Floats, size: Floats, room: float) -> Floats:
    """Of each entry, best first, the share that has room; tied ones share it."""
    new = _changes(score)
    starts = np.flatnonzero(new)
    block = size if len(starts) == len(score) else np.add.reduceat(size, starts, axis=1)
    above = np.cumsum(block, axis=1) - block
    # A block without any size has room or not; no one is looked at.
    share = np.clip(_divided(room - above, block), 0.0, 1.0)
    return share if len(starts) == len(score) else share[:, np.cumsum(new) - 1]


def _changes(values: Floats | Integers) -> Booleans:
    """Where a sorted value is not the one before; the first is new."""
    return np.asarray(np.r_[True, values[1:] != values[:-1]])


class Slope:
    """Slope of a logistic regression of the labels on the log-odds; 1 is best."""

    def __init__(self, log_odds: Floats, positive: Booleans, width: float = BIN) -> None:
        self.order = np.argsort(log_odds, kind="stable")
        x = log_odds[self.order]
        bins = np.floor(x / width) if width else x
        self.starts = np.flatnonzero(_changes(bins))
        counts = np.diff(np.r_[self.starts, len(x)])
        self.x = np.add.reduceat(x, self.starts) / counts
        self.rows = np.flatnonzero(positive)
        place = np.argsort(self.order, kind="stable")[self.rows]
        self.bin_of_row = np.searchsorted(self.starts, place, side="right") - 1
        # The regressions of draws begin where that of all rows ends.
        self.start = np.array([0.0, 1.0])
        own = self._regressions(np.ones((1, len(x))))[0]
        if np.isfinite(own).all():
            self.start = own

    def __call__(self, weights: Floats) -> Floats:
        """NaN where there is none: one score only, or classes that a threshold parts."""
        return self._regressions(weights)[:, 1]

    def _regressions(self, weights: Floats) -> Floats:
        """(n_draws, 2), intercept and slope."""
        count = np.add.reduceat(np.take(weights, self.order, axis=1), self.starts, axis=1)
        found = np.zeros_like(count)
        np.add.at(found.T, self.bin_of_row, weights[:, self.rows].T)
        return _slopes(self.x, count, found, self.start)


def _slopes(x: Floats, count: Floats, positive: Floats, start: Floats) -> Floats:
    """Newton's steps for the regressions of all draws at once; long ones are halved until they gain."""
    coefficients = np.tile(start, (len(count), 1))
    result = np.full_like(coefficients, np.nan)
    if len(x) < 2 or not np.isfinite(x).all():
        return result
    reach = np.abs(x).max()
    left = np.arange(len(count))
    for _ in range(MOST_STEPS):
        before = coefficients[left]
        step = _newton(before, x, count[left], positive[left])
        # How far log-odds move at most; a short step never makes the loss worse.
        for _ in range(MOST_HALVINGS):
            far = np.flatnonzero(np.abs(step) @ [1.0, reach] > FAR)
            if not far.size:
                break
            rows = left[far]
            loss = _deviance(before[far], x, count[rows], positive[rows])
            worse = far[~(_deviance(before[far] - step[far], x, count[rows], positive[rows]) <= loss)]
            if not worse.size:
                break
            step[worse] /= 2.0
        coefficients[left] = before - step
        size = np.abs(step).max(axis=1)
        done = size <= 1e-7 * (1.0 + np.abs(coefficients[left]).max(axis=1))
        result[left[done]] = coefficients[left[done]]
        # Parted classes have no best slope: it grows without end.
        lost = ~np.isfinite(size) | (np.abs(coefficients[left, 1]) > LARGEST_SLOPE)
        left = left[~(done | lost)]
        if not left.size:
            break
    return result


def _deviance(coefficients: Floats, x: Floats, count: Floats, positive: Floats) -> Floats:
    z = coefficients[:, :1] + coefficients[:, 1:] * x
    with np.errstate(
        invalid="ignore", over="ignore"
    ):  # a step without a size is no step: its draw is given up
        return np.asarray((count * np.logaddexp(0.0, z) - positive * z).sum(axis=1))


def _newton(coefficients: Floats, x: Floats, count: Floats, positive: Floats) -> Floats:
    p = expit(coefficients[:, :1] + coefficients[:, 1:] * x)
    residual, curvature = count * p - positive, count * p * (1.0 - p)
    g0, g1 = residual.sum(axis=1), residual @ x
    h00, h01, h11 = curvature.sum(axis=1), curvature @ x, curvature @ (x * x)
    determinant = h00 * h11 - h01 * h01
    determinant[determinant <= 1e-12 * h00 * h11] = np.nan
    return np.column_stack(((h11 * g0 - h01 * g1) / determinant, (h00 * g1 - h01 * g0) / determinant))


def _divided(numerator: Floats, denominator: Floats, otherwise: float = 0.0) -> Floats:
    out = np.full(np.shape(numerator), otherwise)
    return np.asarray(np.divide(numerator, denominator, out=out, where=denominator != 0.0))


def log_loss_of_rows(log_odds: Floats, positive: Booleans) -> Floats:
    return np.asarray(np.logaddexp(0.0, np.where(positive, -log_odds, log_odds)))
