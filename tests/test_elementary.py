"""The float32 exp and log1p against mpmath, and what the compiler made of the loops around them."""

import llvmlite.binding as llvm
import mpmath as mp
import numba
import numpy as np
import pytest

from focalboost import _elementary as e
from focalboost import _sigmoid_kernels, _softmax_kernels
from focalboost._jit import FAST_MATH
from focalboost._kernel_inputs import BOUNDS, kernel_table


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


def test_the_loops_are_vectorised():
    """A loop that falls back to one row at a time costs ten times as much and nothing else would show it."""
    n = 64
    x, y = np.zeros(n, np.float32), np.zeros(n, np.float32)
    out = np.zeros(n, np.float32), np.zeros(n, np.float32)
    table = kernel_table(np.array([2.0, 2.0]), np.array([1.0, 1.0]))
    z = np.zeros((n, 2), np.float32)
    bounds, one = BOUNDS["guarded"], np.float32(1)
    calls = {
        _sigmoid_kernels.sigmoid_hard: (x, y, None, table, bounds, *out),
        _sigmoid_kernels.sigmoid_soft: (x, y, None, table, bounds, one, *out),
        _softmax_kernels.softmax_hard: (z, y, None, table, bounds, one, z.copy(), z.copy()),
    }

    features = llvm.get_host_cpu_features()
    if not features.get("avx2"):
        pytest.skip("the register names below are those of AVX2")
    for kernel, arguments in calls.items():
        # Numba does not show the machine code of a kernel that came from its cache: compile it anew.
        fresh = numba.njit(error_model="numpy", fastmath=FAST_MATH, nogil=True)(kernel.py_func)
        fresh(*arguments)
        for assembly in fresh.inspect_asm().values():
            wide = [line for line in assembly.splitlines() if "ymm" in line or "zmm" in line]
            packed = [line for line in wide if "mulps" in line or "fmadd" in line]
            assert len(packed) > 20
