"""The float32 exp and log1p against mpmath."""

import mpmath as mp
import numpy as np

from focalboost._kernels import elementary as e


def error(value, true):
    return float(abs(mp.mpf(float(value)) - true) / abs(true))


def test_exp_negative():
    """2^24 exp(x), so that the result is a normal float32 down to exp(-103)."""
    for x in np.float32(-np.geomspace(1e-10, 103, 400)):
        true = mp.exp(mp.mpf(float(x))) * 2**24
        assert error(e.scaled_exp_negative(x, np.float32(0)), true) < 2e-7
    for x in np.float32([-105, -3e38]):
        assert e.scaled_exp_negative(x, np.float32(0)) == 0
    assert e.scaled_exp_negative(np.float32(0), np.float32(0)) == 2**24


def test_exp_negative_takes_digits_beyond_float32():
    high, low = np.float32(-17.3), np.float32(3.1e-7)
    true = mp.exp(mp.mpf(float(high)) + mp.mpf(float(low))) * 2**24
    assert error(e.scaled_exp_negative(high, low), true) < 2e-7


def test_log1p():
    for x in np.float32(np.geomspace(1e-37, 1, 400)):
        assert error(e.log1p_ratio(x), mp.log1p(mp.mpf(float(x))) / mp.mpf(float(x))) < 2e-7
    for x in np.float32(np.geomspace(1e-37, 1e4, 400)):
        assert error(e.log1p_positive(x), mp.log1p(mp.mpf(float(x)))) < 3e-7


def test_difference_is_exact_beyond_float32(rng):
    for a, b in rng.normal(0, 10, (200, 2)).astype(np.float32):
        high, low = e.difference(a, b)
        assert float(high) + float(low) == float(a) - float(b)
    assert e.difference(np.float32(3e38), np.float32(-3e38)) == (np.inf, 0)
