"""exp and logarithms in float32 and float64 against mpmath."""

from types import SimpleNamespace

import mpmath as mp
import numba
import numpy as np

from focalboost._kernels import elementary
from focalboost._kernels.compile import FAST_MATH


def compiled(function, n_arguments):
    """The machine code of a scalar function, which kernels alone call."""
    options = {"error_model": "numpy", "fastmath": FAST_MATH}
    if n_arguments == 1:
        return numba.njit(**options)(lambda x: function(x))
    return numba.njit(**options)(lambda x, y: function(x, y))


e = SimpleNamespace(
    scaled_exp_negative=compiled(elementary.scaled_exp_negative, 2),
    log1p_ratio=compiled(elementary.log1p_ratio, 1),
    log1p_positive=compiled(elementary.log1p_positive, 1),
    difference=compiled(elementary.difference, 2),
    precise_exp=compiled(elementary.precise_exp, 1),
    precise_log1p=compiled(elementary.precise_log1p, 1),
    precise_log=compiled(elementary.precise_log, 1),
)


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


def test_precise_functions_are_right_to_a_bit_or_two_of_float64():
    for x in -np.geomspace(1e-18, 699, 400):
        assert error(e.precise_exp(x), mp.exp(mp.mpf(x))) < 3e-16
    assert e.precise_exp(0.0) == 1.0
    assert 0.0 < e.precise_exp(-1e300) < 1e-303
    for x in np.geomspace(1e-300, 1, 400):
        assert error(e.precise_log1p(x), mp.log1p(mp.mpf(x))) < 5e-16
    # Next to 1 the logarithm is as small as the argument's last bits, which an exponent does not need.
    for x in np.concatenate([np.geomspace(1e-304, 0.99, 200), np.geomspace(1.01, 1e5, 200)]):
        true = mp.log(mp.mpf(x))
        assert abs(mp.mpf(float(e.precise_log(x))) - true) < 4e-16 * max(abs(true), 1)
    assert e.precise_log(1.0) == 0.0
