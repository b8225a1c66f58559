"""exp and logarithms without branches, so that LLVM vectorises the loops that call them.

In float32, and from `precise_exp` on in float64. The polynomials are Chebyshev fits made with mpmath
(`mpmath.chebyfit`, 40 digits, for float64 60); their errors are measured against mpmath in
`tests/kernels/test_elementary.py`. The constants of float32 functions are float32: a Python float would
widen their loops to float64.
"""

from __future__ import annotations

import numpy as np

from focalboost._kernels.compile import scalar

ONE = np.float32(1.0)
ZERO = np.float32(0.0)
LOG2_E = np.float32(1.4426950408889634)
LN_2 = np.float32(0.6931471805599453)
# ln 2 in two parts (Cody and Waite, 1980): the last nine bits of the first are zero, so that its product
# with an integer of up to nine bits is exact.
LN_2_HIGH = np.float32(0.693145751953125)
LN_2_LOW = np.float32(1.428606820309417e-06)
# Adding 1.5 * 2**23 rounds to the nearest integer and leaves that integer in the low bits.
ROUNDER = np.float32(12582912.0)
# Where exponentials stop mattering: e^-200 is 1e-49 of float32's smallest number, whatever multiplies it.
LARGEST_EXPONENT = np.float32(200.0)
SMALLEST_POWER = np.float32(-126.0)  # of the normal float32
POWER_OF_ZERO = np.float32(-127.0)  # one below it, whose bits are those of 0
# Small numbers are carried times 2^24: a class weight of up to 2^24 brings a number below float32's normal
# range back into it, and it is to be exact there.
HEADROOM = np.float32(24.0)
HEADROOM_INVERSE = np.float32(2.0**-24)
SIGNIFICAND_BITS = np.int32(23)
EXPONENT_BIAS = np.int32(127)
SIGNIFICAND_MASK = np.int32(0x007FFFFF)
BITS_OF_ONE = np.int32(0x3F800000)

# (log1p(x) / x - 1) / x on [0, 1], degree 8: log1p is off by at most 2.9e-8 of its value.
LOG_1 = np.float32(-0.49999996983084026)
LOG_2 = np.float32(0.33332841887371347)
LOG_3 = np.float32(-0.24986526168187279)
LOG_4 = np.float32(0.19854106231202432)
LOG_5 = np.float32(-0.1584756572045947)
LOG_6 = np.float32(0.11561845446366748)
LOG_7 = np.float32(-0.066757725063173612)
LOG_8 = np.float32(0.025224054346662599)
LOG_9 = np.float32(-0.004466211601265708)

# (exp(x) - 1 - x) / x^2 on [-0.35, 0.35], degree 4: exp is off by at most 8.4e-9.
EXP_2 = np.float32(0.5)
EXP_3 = np.float32(0.16666573423859741)
EXP_4 = np.float32(0.041666550162720301)
EXP_5 = np.float32(0.008363767023287037)
EXP_6 = np.float32(0.0013926918055947982)

# float64. ln 2 in two parts, the last 20 bits of the first zero; 1.5 * 2**52 is what ROUNDER is in float32.
PRECISE_LN_2_HIGH, PRECISE_LN_2_LOW = 0.6931471803691238, 1.9082149292705877e-10
PRECISE_LN_2, PRECISE_LOG2_E = 0.6931471805599453, 1.4426950408889634
PRECISE_ROUNDER, TWO_TO_52, SQUARE_ROOT_OF_2 = 6755399441055744.0, 4503599627370496.0, 1.4142135623730951
# e^-700 is 1e-304, still a normal float64, and so small that no weight lifts it to a float32.
PRECISE_SMALLEST_EXPONENT = -700.0
PRECISE_SIGNIFICAND_BITS, PRECISE_BIAS = np.int64(52), np.int64(1023)
PRECISE_SIGNIFICAND_MASK, PRECISE_BITS_OF_ONE = np.int64(0xFFFFFFFFFFFFF), np.int64(0x3FF0000000000000)
BITS_OF_TWO_TO_52 = np.int64(0x4330000000000000)

# (exp(x) - 1 - x) / x^2 on [-0.3466, 0.3466], degree 9: exp is off by at most 1.3e-17.
EXPS = (
    0.5000000000000001, 0.16666666666666669, 0.04166666666662416, 0.008333333333330063, 0.0013888888917199863,
    0.00019841269863042963, 2.4801521317484083e-05, 2.7557268476553695e-06, 2.7620078203806394e-07,
    2.5100377619606372e-08,
)  # fmt: skip
# atanh(sqrt(v)) / sqrt(v) on [0, 1/9], degree 9: off by at most 5e-17.
ATANHS = (
    1.0, 0.33333333333341286, 0.199999999976438, 0.1428571455582858, 0.11111095430673142, 0.09091429900236955,
    0.07681838124445817, 0.06795652742789947, 0.04940394524382393, 0.08890381913056651,
)  # fmt: skip


@scalar
def power_of_two(n: np.float32) -> np.float32:
    """2^n for a whole n, -126 <= n <= 127; 0 for n = -127."""
    bits = np.float32(n + ROUNDER).view(np.int32)
    return np.int32(np.int32(bits + EXPONENT_BIAS) << SIGNIFICAND_BITS).view(np.float32)


@scalar
def scaled_power_of_two(n: np.float32) -> np.float32:
    """2^(n + 24) for a whole n <= 103, 0 below float32's normal range: no subnormal number, which is slow."""
    lifted = n + HEADROOM
    return power_of_two(POWER_OF_ZERO if lifted < POWER_OF_ZERO else lifted)


@scalar
def exp_near_zero(x: np.float32) -> np.float32:
    """exp(x) for |x| <= 0.35."""
    # Horner to the end: x * x would be subnormal, and slow, for the many rows where x is next to 0.
    return ONE + x * (ONE + x * (EXP_2 + x * (EXP_3 + x * (EXP_4 + x * (EXP_5 + x * EXP_6)))))


@scalar
def log1p_ratio(x: np.float32) -> np.float32:
    """log(1 + x) / x for 0 <= x <= 1."""
    tail = LOG_4 + x * (LOG_5 + x * (LOG_6 + x * (LOG_7 + x * (LOG_8 + x * LOG_9))))
    return ONE + x * (LOG_1 + x * (LOG_2 + x * (LOG_3 + x * tail)))


@scalar
def log1p_positive(x: np.float32) -> np.float32:
    """log(1 + x) for 0 <= x, a sum of at most some thousand exponentials."""
    y = ONE + x
    bits = np.float32(y).view(np.int32)
    exponent = np.float32(np.int32(bits >> SIGNIFICAND_BITS) - EXPONENT_BIAS)
    significand = np.int32(np.int32(bits & SIGNIFICAND_MASK) | BITS_OF_ONE).view(np.float32)
    # Below 1 the argument itself is exact and 1 + x is not.
    small = x < ONE
    part = x if small else significand - ONE
    return (ZERO if small else exponent * LN_2) + part * log1p_ratio(part)


@scalar
def difference(a: float, b: float) -> tuple[np.float32, np.float32]:
    """a - b as an unevaluated sum of two float32, exact to 2^-48 (Knuth's two-sum).

    A difference of 20 rounded to one float32 would be off by 1e-6, and focal loss multiplies that by
    1 + gamma. Where the difference is so large that exponentials of it vanish, the second part is 0.
    """
    rounded = a - b
    minus_b = rounded - a
    error = (a - (rounded - minus_b)) - (b + minus_b)
    high = np.float32(rounded)
    low = np.float32((rounded - high) + error)
    return high, (low if abs(high) < np.float32(1024.0) else ZERO)


@scalar
def reduce_exponent(high: np.float32, low: np.float32) -> tuple[np.float32, np.float32]:
    """Split high + low <= 0 into n ln 2 + rest with a whole n; returns n and the rest, |rest| <= 0.35."""
    below = high + low < -LARGEST_EXPONENT
    high = -LARGEST_EXPONENT if below else high
    low = ZERO if below else low
    n = ((high + low) * LOG2_E + ROUNDER) - ROUNDER
    return n, ((high - n * LN_2_HIGH) - n * LN_2_LOW) + low


@scalar
def scaled_exp_negative(high: np.float32, low: np.float32) -> np.float32:
    """2^24 exp(high + low) for high + low <= 0; 0 below 1e-45."""
    n, rest = reduce_exponent(high, low)
    return scaled_power_of_two(n) * exp_near_zero(rest)


@scalar
def precise_exp(x: float) -> float:
    """exp(x) for x <= 0 in float64; below e^-700 that."""
    x = PRECISE_SMALLEST_EXPONENT if x < PRECISE_SMALLEST_EXPONENT else x
    n = (x * PRECISE_LOG2_E + PRECISE_ROUNDER) - PRECISE_ROUNDER
    r = (x - n * PRECISE_LN_2_HIGH) - n * PRECISE_LN_2_LOW
    tail = EXPS[5] + r * (EXPS[6] + r * (EXPS[7] + r * (EXPS[8] + r * EXPS[9])))
    tail = EXPS[0] + r * (EXPS[1] + r * (EXPS[2] + r * (EXPS[3] + r * (EXPS[4] + r * tail))))
    bits = np.int64(np.float64(n + PRECISE_ROUNDER).view(np.int64) + PRECISE_BIAS)
    power = np.int64(bits << PRECISE_SIGNIFICAND_BITS).view(np.float64)
    return power * (1.0 + (r + (r * r) * tail))


@scalar
def twice_atanh(u: float) -> float:
    """log((1 + u) / (1 - u)) for |u| <= 1/3 in float64."""
    v = u * u
    tail = ATANHS[5] + v * (ATANHS[6] + v * (ATANHS[7] + v * (ATANHS[8] + v * ATANHS[9])))
    tail = ATANHS[0] + v * (ATANHS[1] + v * (ATANHS[2] + v * (ATANHS[3] + v * (ATANHS[4] + v * tail))))
    return (u + u) * tail


@scalar
def precise_log1p(x: float) -> float:
    """log(1 + x) for 0 <= x <= 1 in float64."""
    return twice_atanh(x / (2.0 + x))


@scalar
def precise_log(x: float) -> float:
    """log(x) of a positive normal float64."""
    bits = np.float64(x).view(np.int64)
    # The exponent as the low bits of a number from 2^52 on: AVX2 has no conversion of 64-bit integers.
    shifted = np.int64(np.int64(bits >> PRECISE_SIGNIFICAND_BITS) | BITS_OF_TWO_TO_52).view(np.float64)
    exponent = shifted - (TWO_TO_52 + 1023.0)
    m = np.int64(np.int64(bits & PRECISE_SIGNIFICAND_MASK) | PRECISE_BITS_OF_ONE).view(np.float64)
    large = m > SQUARE_ROOT_OF_2
    m = 0.5 * m if large else m
    exponent = exponent + 1.0 if large else exponent
    return exponent * PRECISE_LN_2 + twice_atanh((m - 1.0) / (m + 1.0))
