"""Calibration in the large: the mean of the shifted posterior is the rate."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import expit, log_softmax, softmax

from focalboost.losses._shift import sigmoid_shift, softmax_shift

Array = Any
rng = np.random.default_rng(0)


def total_of(score: Array, labels: Array, weight: Any = None, parts: int = 1) -> Any:
    """Sums over the rows, in as many parts as workers have."""
    blocks = [
        (score[i::parts], labels[i::parts], None if weight is None else weight[i::parts])
        for i in range(parts)
    ]
    return lambda function: sum(function(*block) for block in blocks)


@pytest.mark.parametrize("off", [-3.0, -0.1, 0.02, 5.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_mean_of_each_label_is_its_rate(off: float, weighted: bool) -> None:
    score = rng.normal([-6.0, 1.0], 2.0, (5000, 2))
    labels = (rng.random(score.shape) < expit(score + 0.3)).astype(float)
    weight = rng.uniform(0.0, 3.0, 5000) if weighted else None
    shift = sigmoid_shift(total_of(score + off, labels, weight))
    means = np.average(expit(score + off + shift), axis=0, weights=weight)
    np.testing.assert_allclose(means, np.average(labels, axis=0, weights=weight), rtol=1e-9)


def test_true_probabilities_are_hardly_shifted() -> None:
    score = rng.normal(-3.0, 2.0, (200_000, 1))
    labels = (rng.random(score.shape) < expit(score)).astype(float)
    assert abs(sigmoid_shift(total_of(score, labels))[0]) < 0.02


def test_soft_labels_count_as_shares() -> None:
    score = rng.normal(0.0, 1.0, (1000, 1))
    shift = sigmoid_shift(total_of(score, expit(score - 0.7)))
    assert shift[0] == pytest.approx(-0.7, abs=1e-9)


@pytest.mark.parametrize("parts", [1, 3])
def test_parts_give_the_shift_of_the_whole(parts: int) -> None:
    score = rng.normal(-2.0, 1.0, (3000, 1))
    labels = (rng.random(score.shape) < 0.2).astype(float)
    weight = rng.uniform(0.5, 2.0, 3000)
    whole = sigmoid_shift(total_of(score, labels, weight))
    np.testing.assert_allclose(sigmoid_shift(total_of(score, labels, weight, parts)), whole, rtol=1e-9)


def test_a_label_of_one_kind_has_no_shift() -> None:
    labels = np.stack([np.zeros(50), np.ones(50), np.arange(50) % 2], axis=1)
    shift = sigmoid_shift(total_of(np.full((50, 3), -1.0), labels))
    np.testing.assert_allclose(shift, [np.nan, np.nan, 1.0], atol=1e-9)


@pytest.mark.parametrize("n_classes", [2, 3, 12, 60])
@pytest.mark.parametrize("parts", [1, 4])
def test_the_mean_of_each_class_is_its_rate(n_classes: int, parts: int) -> None:
    rng = np.random.default_rng(n_classes)
    score = log_softmax(rng.normal(0.0, 2.0, (4000, n_classes)) - np.linspace(0, 5, n_classes), axis=1)
    true = softmax(score + rng.normal(0.0, 0.5, n_classes), axis=1)
    labels = (true.cumsum(axis=1) < rng.random((4000, 1))).sum(axis=1).clip(max=n_classes - 1)
    labels[:n_classes] = np.arange(n_classes)
    weight = rng.uniform(0.1, 2.0, 4000)
    shift = softmax_shift(total_of(score, labels, weight, parts))
    rates = np.bincount(labels, weight, minlength=n_classes) / weight.sum()
    means = np.average(softmax(score + shift, axis=1), axis=0, weights=weight)
    np.testing.assert_allclose(means, rates, rtol=1e-6)
    assert shift.sum() == pytest.approx(0.0, abs=1e-9)


def test_where_a_class_has_no_rows_there_is_none() -> None:
    score = log_softmax(rng.normal(0.0, 1.0, (500, 3)), axis=1)
    assert softmax_shift(total_of(score, np.where(np.arange(500) % 4 == 0, 0, 2))) is None


def test_margins_that_say_nothing_are_refused() -> None:
    score = np.where(np.arange(100) < 50, -2000.0, 2000.0)[:, None]
    labels = (np.arange(100) < 30).astype(float)[:, None]
    with pytest.raises(ValueError, match=r"must be within reach of a shift of its logit.*learning_rate"):
        sigmoid_shift(total_of(score, labels))


def test_a_search_that_does_not_get_there_is_refused() -> None:
    score = np.where(np.eye(3, dtype=bool)[np.arange(300) % 3], 0.0, -1e6)
    labels = np.where(np.arange(300) < 200, 0, np.arange(300) % 3)
    with pytest.raises(ValueError, match="must be within reach of a shift of its logit"):
        softmax_shift(total_of(score, labels))
