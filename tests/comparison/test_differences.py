"""Differences of two contenders, and the family-wise correction."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from focalboost.comparison._differences import goodness, line, multiplier
from tests.comparison.judged import KEYS, MEASURES, judgement


def test_goodness_rises_with_what_is_better():
    by_key = dict(zip(KEYS, MEASURES, strict=True))
    assert goodness(by_key["average_precision"], np.array([0.1, 0.2])).tolist() == [0.1, 0.2]
    assert goodness(by_key["log_loss"], np.array([0.1, 0.2])).tolist() == [-0.1, -0.2]
    assert goodness(by_key["calibration_slope"], np.array([0.8, 1.0, 1.3])).round(9).tolist() == [
        -0.2,
        0.0,
        -0.3,
    ]
    half, right, double = goodness(by_key["calibration_ratio"], np.array([0.5, 1.0, 2.0]))
    assert half == double < right == 0.0
    assert goodness(by_key["calibration_ratio"], np.array([0.0])) == -np.inf


@pytest.fixture(scope="module")
def independent():
    """Ten lines that have nothing to do with each other."""
    one = line(judgement(focal={}), "focal", "log_loss", 0)
    rng = np.random.default_rng(0)
    return [dataclasses.replace(one, deviations=rng.standard_normal(20_000)) for _ in range(10)]


@pytest.mark.parametrize(("n_lines", "expected"), [(1, 1.645), (4, 2.234), (10, 2.568)])
def test_multiplier_of_independent_lines(independent, n_lines, expected):
    """The one-sided quantile of the largest of so many normal numbers."""
    lines = independent[:n_lines]
    assert multiplier(lines, 10**6, 0.05) == pytest.approx(expected, abs=0.03)
    # The same line again costs nothing, which Holm's correction would charge for.
    assert multiplier([lines[0]] * 10, 10**6, 0.05) == pytest.approx(1.645, abs=0.03)
    assert multiplier(lines, 10**6, 0.01) > multiplier(lines, 10**6, 0.05)


def test_multiplier_of_lines_that_go_together(independent):
    first, second = independent[:2]
    between = [
        multiplier([first, dataclasses.replace(second, deviations=part)], 10**6, 0.05)
        for part in (second.deviations, first.deviations + second.deviations, first.deviations)
    ]
    correlations = (0.0, np.sqrt(0.5), 0.9999)
    for found, r in zip(between, correlations, strict=True):
        # That both of two normal numbers stay below.
        assert multivariate_normal.cdf([found] * 2, cov=[[1, r], [r, 1]]) == pytest.approx(0.95, abs=0.003)
    assert between[0] > between[1] > between[2]


def test_multiplier_of_few_positive_rows(independent):
    one = independent[:1]
    # Student's t of 4 degrees of freedom, and the variance of 5.
    assert multiplier(one, 5, 0.05) == pytest.approx(2.132 * np.sqrt(5 / 4), abs=0.06)
    assert multiplier(one, 20, 0.05) == pytest.approx(1.645 * np.sqrt(20 / 19), abs=0.03)
    assert multiplier(one, 1, 0.05) == np.inf


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e12])
def test_a_cost_in_any_unit_has_an_error(unit):
    made = judgement(focal={"expected_cost": 0.05})
    k = [each.key for each in made.measures].index("expected_cost")
    values, replicates = made.values.copy(), made.replicates.copy()
    values[:, k] *= unit
    replicates[:, :, k] *= unit
    found = line(dataclasses.replace(made, values=values, replicates=replicates), "focal", "log_loss", k)
    assert found.known
    assert found.gain / found.error == pytest.approx(-0.05 / 0.02, rel=0.1)


def test_lines_without_replicates_are_not_known():
    made = judgement(focal={})
    replicates = made.replicates.copy()
    replicates[:30, 1, 0] = np.nan
    assert line(dataclasses.replace(made, replicates=replicates), "focal", "log_loss", 0).known
    replicates[:60, 1, 0] = np.nan
    assert not line(dataclasses.replace(made, replicates=replicates), "focal", "log_loss", 0).known
    # The same scores: no difference, and no error.
    same = np.repeat(made.replicates[:, :1], 2, axis=1)
    assert not line(dataclasses.replace(made, replicates=same), "focal", "log_loss", 0).known
    assert multiplier([], 100, 0.05) == np.inf
