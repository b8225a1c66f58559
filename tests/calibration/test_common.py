"""log phi against 60-digit arithmetic, and what rates of sampling are refused."""

import mpmath as mp
import numpy as np
import pytest

from focalboost.calibration import _common, binary_posterior, multiclass_posterior


@pytest.mark.parametrize("gamma", [0.0, 1e-9, 0.3, 1.0, 2.0, 5.0, 100.0])
def test_log_phi_against_mpmath(gamma):
    s = np.array([-700.0, -40.0, -5.0, -0.5, -1e-9, 0.0, 1e-9, 0.7, 4.0, 36.0, 40.0, 200.0, 700.0])
    of_s, of_minus_s = _common.focal_terms(s)
    with mp.workdps(700):
        for sign, terms in ((1, of_s), (-1, of_minus_s)):
            got = _common.log_focal_slope(terms, np.full(s.shape, gamma))
            for margin, value in zip(s, got, strict=True):
                t = mp.mpf(sign * float(margin))
                p, q = 1 / (1 + mp.exp(-t)), 1 / (1 + mp.exp(t))
                softplus = -mp.log(q)
                true = mp.log(q**gamma + gamma * p * q ** (mp.mpf(gamma) - 1) * -mp.log(p))
                # It is a difference, of which each part has its digits.
                assert abs(value - true) <= 4e-16 * (abs(true) + 2 * gamma * softplus) + 1e-290


def test_both_sides_are_one_formula():
    s = np.linspace(-50, 50, 1001)
    (of_s, of_minus_s), (of_minus, of_plus) = _common.focal_terms(s), _common.focal_terms(-s)
    for one, other in ((of_s, of_plus), (of_minus_s, of_minus)):
        np.testing.assert_array_equal(one.odds_loss, other.odds_loss)
        np.testing.assert_array_equal(one.softplus, other.softplus)


@pytest.mark.parametrize("rate", [0.0, -0.1, 1.5, 20, float("nan"), float("inf"), (0.5, 0.0)])
def test_a_rate_that_is_none_is_refused(rate):
    rule = r"must be in \(0, 1\]: the share of the rows .* Where 1 in 20 was kept pass 0\.05\."
    with pytest.raises(ValueError, match=r"^sampling_rate == .*, " + rule):
        binary_posterior([0.0], gamma=2.0, sampling_rate=rate)
    with pytest.raises(ValueError, match=r"^sampling_rate == .*, " + rule):
        multiclass_posterior([[0.0, 1.0]], gamma=2.0, sampling_rate=rate)


@pytest.mark.parametrize("rate", [(0.5,), (0.5, 1.0, 1.0)])
def test_a_rate_is_of_two_classes(rate):
    with pytest.raises(
        ValueError, match=r"^sampling_rate == \(.*must be one number, that of class 0, or that"
    ):
        binary_posterior([0.0], gamma=2.0, sampling_rate=rate)
