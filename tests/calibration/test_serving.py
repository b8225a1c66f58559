"""Thresholds as margins, and lookup tables."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import expit

from focalboost import BinaryFocalLoss
from focalboost.calibration import (
    binary_posterior,
    binary_posterior_logit,
    lookup_table,
    margin_threshold,
)

gammas = st.one_of(st.just(0.0), st.floats(0, 8), st.floats(0, 1e-6))
weights = st.floats(1e-3, 1e3)
losses = st.fixed_dictionaries(
    {
        "gamma": st.tuples(gammas, gammas),
        "alpha": st.tuples(weights, weights),
        "logit_shift": st.floats(-3, 3),
        "sampling_rate": st.floats(0.01, 1.0),
    }
)


def neighbours(margin, n=200):
    """The floats of a type around one."""
    whole = np.int32 if margin.dtype == np.float32 else np.int64
    return (margin.view(whole) + np.arange(-n, n + 1, dtype=whole)).view(margin.dtype)


# ---------------------------------------------------------------------- thresholds
@settings(max_examples=60, deadline=None)
@given(losses, st.floats(1e-12, 1 - 1e-12))
def test_a_float32_margin_decides_as_its_posterior(loss, probability):
    threshold = margin_threshold(probability, **loss)
    assert threshold.dtype == np.float32
    assume(tells_apart(loss, threshold, np.spacing(abs(threshold))))
    margins = neighbours(threshold)
    decided = binary_posterior(margins, **loss) > probability
    np.testing.assert_array_equal(margins > threshold, decided)
    assert decided.any()
    assert not decided.all()


def tells_apart(loss, margin, step):
    """Whether float64 says the posteriors of two margins with 100 roundings between them."""
    probability = binary_posterior(margin, **loss)
    # Near 1 a probability has few digits, near 0 as many as its margin.
    return probability > 1e-300 and step * (1.0 - probability) > 100 * 2.0**-53


@settings(max_examples=60, deadline=None)
@given(losses, st.floats(-12, 12, width=32))
def test_the_score_of_a_row_as_threshold_decides_that_row(loss, margin):
    margin = np.float32(margin)
    assume(tells_apart(loss, margin, np.spacing(abs(margin))))
    probability = float(binary_posterior(margin, **loss))
    assert margin_threshold(probability, **loss) == margin
    or_equal = margin_threshold(probability, **loss, or_equal=True)
    assert or_equal == np.nextafter(margin, np.float32(-np.inf))


@settings(max_examples=60, deadline=None)
@given(losses, st.floats(-12, 12))
def test_of_float64_too_and_all_but_the_nearest_others(loss, margin):
    step = 3e-14 * (1.0 + abs(margin))
    assume(tells_apart(loss, margin, step))
    probability = float(binary_posterior(margin, **loss))
    above = margin_threshold(probability, **loss, dtype=np.float64)
    or_equal = margin_threshold(probability, **loss, dtype=np.float64, or_equal=True)
    assert above.dtype == np.float64
    rows = np.array([margin - step, margin, margin + step])
    np.testing.assert_array_equal(rows > above, [False, False, True])
    np.testing.assert_array_equal(rows > or_equal, [False, True, True])


def test_why_not_the_root_or_the_nearest_float32(rng):
    """`margin` of a loss decides a row whose own score is the threshold by rounding."""
    loss = BinaryFocalLoss((1.0, 2.0), (1.0, 20.0)).with_shift(-0.3)
    margins = rng.normal(-2.0, 1.5, 500).astype(np.float32)
    numbers = {"gamma": loss.gamma, "alpha": loss.alpha, "logit_shift": loss.logit_shift}
    own = loss.posterior(margins)
    thresholds = margin_threshold(own, **numbers)
    np.testing.assert_array_equal(thresholds, margins)
    by_root = margins > loss.margin(own)
    assert 0.05 < by_root.mean() < 0.95  # none of them is above its own score
    targets = rng.uniform(0.01, 0.9, 500)
    nearest = loss.margin(targets).astype(np.float32)
    too_high = nearest > margin_threshold(targets, **numbers)
    assert (loss.posterior(nearest[too_high]) > targets[too_high]).all()
    assert 0.3 < too_high.mean() < 0.7


def test_labels_have_thresholds_of_their_own():
    gamma, alpha = np.array([[1.0, 2.0], [0.0, 0.0]]), np.array([[1.0, 9.0], [1.0, 1.0]])
    shift, probability = np.array([0.4, -0.2]), np.array([0.01, 0.3])
    found = margin_threshold(probability, gamma=gamma, alpha=alpha, logit_shift=shift)
    assert found.shape == (2,)
    for label in range(2):
        one = {"gamma": gamma[label], "alpha": alpha[label], "logit_shift": shift[label]}
        assert found[label] == margin_threshold(probability[label], **one)
    assert margin_threshold(0.3, gamma=gamma, alpha=alpha).shape == (2,)
    assert margin_threshold(0.3, gamma=2.0).shape == ()


@pytest.mark.parametrize("probability", [0.0, 1.0, -0.1, np.nan, [0.5, 1.5]])
def test_thresholds_without_a_margin_are_refused(probability):
    with pytest.raises(ValueError, match=r"probability.* == .*, must be in \(0, 1\)"):
        margin_threshold(probability, gamma=2.0)


def test_other_types_of_margins_are_refused():
    with pytest.raises(ValueError, match=r"dtype == .*float16.*, must be numpy.float32 or numpy.float64"):
        margin_threshold(0.5, gamma=2.0, dtype=np.float16)
    with pytest.raises(ValueError, match=r"dtype == 'nonsense', must be numpy.float32 or numpy.float64"):
        margin_threshold(0.5, gamma=2.0, dtype="nonsense")
    with pytest.raises(ValueError, match="gamma == -1, must be >= 0 and finite"):
        margin_threshold(0.5, gamma=-1)
    with pytest.raises(TypeError, match="or_equal == 'no', must be True or False"):
        margin_threshold(0.5, gamma=2.0, or_equal="no")


# ---------------------------------------------------------------------- lookup tables
CASES = [
    {"gamma": 2.0},
    {"gamma": 0.0, "alpha": (1.0, 5.0)},
    {"gamma": (0.5, 4.0), "alpha": (1.0, 100.0), "logit_shift": -0.7},
    {"gamma": 1e-3},
    {"gamma": (0.0, 100.0), "logit_shift": 2.0, "sampling_rate": 0.05},
]


def between(margins, values, x):
    """Lines between the rows, the last ones going on."""
    i = np.clip(np.searchsorted(margins, x) - 1, 0, len(margins) - 2)
    slope = np.diff(values) / np.diff(margins)
    return values[i] + slope[i] * (x - margins[i])


@pytest.mark.parametrize("loss", CASES, ids=str)
@pytest.mark.parametrize("max_error", [1e-1, 1e-2, 1e-4])
def test_lines_stay_within_the_error(loss, max_error):
    x = np.concatenate([np.linspace(-60, 60, 60_001), np.linspace(-1100, 1100, 2_001)])
    true = binary_posterior_logit(x, **loss)
    margins, log_odds = lookup_table(**loss, max_error=max_error)
    found = between(margins, log_odds, x)
    odds_off = np.abs(np.expm1(found - true))
    assert odds_off[np.abs(x) <= 1000].max() < max_error
    assert odds_off.max() < 1.5 * max_error
    assert np.abs(expit(found) - expit(true)).max() < 0.25 * max_error
    assert (np.diff(log_odds) > 0).all()
    margins, probability = lookup_table(**loss, max_error=max_error, output="probability")
    assert np.abs(np.interp(x, margins, probability) - expit(true)).max() <= max_error
    assert (np.diff(margins) > 0).all()
    assert (np.diff(probability) > 0).all()


# The probability rises far from margin 0, or within a thousandth of it.
EXTREME = [
    {"gamma": 0.0, "logit_shift": -60.0},
    {"gamma": 0.0, "alpha": (1.0, 1e10), "sampling_rate": 1e-12},
    {"gamma": 2.0, "logit_shift": 900.0},
    {"gamma": (0.0, 100.0), "logit_shift": -200.0},
    {"gamma": 5.0, "alpha": (1e30, 1e-30), "logit_shift": 300.0},
    {"gamma": 1e3},
]


@pytest.mark.parametrize("output", ["log_odds", "probability"])
@pytest.mark.parametrize("loss", EXTREME, ids=str)
def test_lines_stay_within_the_error_wherever_the_curve_lies(loss, output):
    for max_error in (1e-1, 1e-3):
        margins, values = lookup_table(**loss, max_error=max_error, output=output)
        x = np.concatenate(
            [
                np.linspace(margins[0], margins[-1], 100_001),
                np.linspace(-1000, 1000, 20_001),
                np.linspace(-60, 60, 20_001),
            ]
        )
        true, found = binary_posterior_logit(x, **loss), np.interp(x, margins, values)
        off = found - expit(true) if output == "probability" else np.expm1(np.abs(found - true))
        assert np.abs(off).max() <= max_error
        assert (np.diff(margins) > 0).all()
        assert (np.diff(values) > 0).all()


@pytest.mark.parametrize("output", ["log_odds", "probability"])
@pytest.mark.parametrize("loss", CASES, ids=str)
def test_no_row_can_be_left_out(loss, output):
    """Nor is any line shorter than it may be, by more than 1 %."""
    margins, _ = lookup_table(**loss, max_error=1e-3, output=output)
    tolerance = np.log1p(1e-3) if output == "log_odds" else 1e-3
    for start, end in pairwise(margins[:-1]):
        longer = start + 1.02 * (end - start)
        points = np.linspace(max(start, -60.0), longer, 2_000)
        ends = binary_posterior_logit([start, longer], **loss)
        true = binary_posterior_logit(points, **loss)
        if output == "probability":
            ends, true = expit(ends), expit(true)
        line = ends[0] + (points - start) / (longer - start) * (ends[1] - ends[0])
        assert np.abs(line - true).max() > 0.98 * tolerance


def test_the_rows_that_the_page_states():
    assert [len(lookup_table(gamma=2.0, max_error=error)[0]) for error in (1e-2, 1e-3, 1e-4)] == [14, 38, 118]
    assert len(lookup_table(gamma=0.0)[0]) == 2
    assert len(lookup_table(gamma=2.0, output="probability")[0]) == 86


def test_tables_refuse_what_they_cannot_hold():
    with pytest.raises(ValueError, match=r"max_error == 0.5, must be a number from 1e-7 to 0.1"):
        lookup_table(gamma=2.0, max_error=0.5)
    for error in ("a", True, np.nan, None):
        with pytest.raises(ValueError, match=r"max_error == .*, must be a number from 1e-7 to 0.1"):
            lookup_table(gamma=2.0, max_error=error)
    for output in ("odds", ["log_odds"]):
        with pytest.raises(ValueError, match=r"output == .*odds.*, must be 'log_odds' or 'probability'"):
            lookup_table(gamma=2.0, output=output)
    with pytest.raises(ValueError, match=r"gamma == 1000000.0, must be at most 10000 for a table"):
        lookup_table(gamma=1e6)
    with pytest.raises(ValueError, match="must be those of one label: make a table for each"):
        lookup_table(gamma=[[1.0, 2.0], [2.0, 2.0]], alpha=np.ones((2, 2)))
    with pytest.raises(ValueError, match=r"alpha == .*, must have the weights of class 0 and class 1"):
        lookup_table(gamma=(1.0, 2.0, 3.0), alpha=(1.0, 1.0, 1.0))
