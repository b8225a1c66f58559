"""What one row contributes: labels, class weights and row weights around the formulae of `formulas`.

The loops of the CPU and the kernels of the GPU call these functions, each in its own order over the data.
`gamma`, `head`, `rest` and `alpha` are a row of `interface.kernel_table`: gamma, its 12-bit head, the
rest of it, 2^-24 alpha times scale; of a float64 table gamma, gamma, 0 and alpha times scale. The table's
precision is that of the computation. `lowest`, `highest` and `floor` bound the excess and the Hessian,
`least` and `most` the row weights.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import typeof, types

from focalboost._kernels.compile import chosen_by_type, scalar
from focalboost._kernels.elementary import (
    HEADROOM_INVERSE,
    ONE,
    ZERO,
    difference,
    log1p_positive,
    scaled_exp_negative,
)
from focalboost._kernels.flags import BAD_LABEL, BAD_MARGIN, BAD_WEIGHT, NO_FLAG, SOFT_LABEL
from focalboost._kernels.formulas import (
    Scalar,
    Terms,
    derivatives,
    fast_terms,
    other_curvature,
    other_gradient,
    other_hessian,
    precise_terms,
)
from focalboost._kernels.interface import HEADROOM_FACTOR, HUGE

Float = np.float32

HALF = np.float32(0.5)
# Numba lets a signed index count from the end, and pays four instructions for each access.
Index = np.uint64
Class = np.uint32


@scalar
def label_flag(y: np.float32) -> np.int32:
    inside = (y >= ZERO) & (y <= ONE)
    hard = (y == ZERO) | (y == ONE)
    return NO_FLAG if hard else (SOFT_LABEL if inside else BAD_LABEL)


@scalar
def label_bit(packed: float, label: int, n_labels: int) -> np.float32:
    """One label of a row whose labels are the bits of a number.

    NaN, which the kernels refuse, where the number is not whole, or not below 2^n_labels.
    """
    valid = (packed >= 0) & (packed < (1 << n_labels)) & (np.floor(packed) == packed)
    bits = np.int64(packed if valid else 0)
    return np.float32((bits >> label) & 1) if valid else np.float32(np.nan)


@scalar
def margin_flag(x: float) -> np.int32:
    return NO_FLAG if abs(x) <= HUGE else BAD_MARGIN


@scalar
def weight_flag(weight: np.float32, least: np.float32, most: np.float32) -> np.int32:
    """A weight is 0 or within `interface.weight_range`, where no product of it under- or overflows."""
    return NO_FLAG if (weight == ZERO) | ((weight >= least) & (weight <= most)) else BAD_WEIGHT


@scalar
def positive_hessian(h: Scalar, weight: Scalar, floor: np.float32) -> Scalar:
    """The Hessian of a row with weight is at least the floor, that of a row without is 0."""
    return floor if (h < floor) & (weight > ZERO) else h


def double_precision_terms(s: Any, gamma: Any, head: Any, rest: Any) -> Terms:  # noqa: ARG001  # one signature
    """Of a float64 table."""
    return precise_terms(np.float64(s), gamma)


def single_precision_terms(s: Any, gamma: Any, head: Any, rest: Any) -> Terms:  # noqa: ARG001  # one signature
    """Of a float32 table and a float32 margin."""
    return fast_terms(s, ZERO, head, rest)


def split_margin_terms(s: Any, gamma: Any, head: Any, rest: Any) -> Terms:  # noqa: ARG001  # one signature
    """Of a float32 table and a float64 margin, as two float32, so that no digit that matters is lost."""
    high = np.float32(s)
    return fast_terms(high, np.float32(s - high), head, rest)


def _terms_for(s: Any, gamma: Any, head: Any, rest: Any) -> Any:  # noqa: ARG001  # Numba passes all types
    if gamma == types.float64:
        return double_precision_terms
    return single_precision_terms if s == types.float32 else split_margin_terms


@chosen_by_type(_terms_for)
def signed_terms(s: Any, gamma: Any, head: Any, rest: Any) -> Terms:
    """Of a signed margin, in the precision of gamma."""
    return _terms_for(typeof(s), typeof(gamma), None, None)(s, gamma, head, rest)  # type: ignore[no-any-return]


@scalar
def hard_row(
    x: Any,
    positive: bool,
    weight: Float,
    gamma: Scalar,
    head: Scalar,
    rest: Scalar,
    alpha: Scalar,
    lowest: Float,
    highest: Float,
    floor: Float,
) -> tuple[Scalar, Scalar]:
    """Gradient and Hessian of one sigmoid with label 1 (positive) or 0, whose parameters are given."""
    terms = signed_terms(x if positive else -x, gamma, head, rest)
    slope, reweighted, excess = derivatives(terms, gamma, lowest, highest)
    factor = weight * alpha
    gradient = (-slope if positive else slope) * factor
    return gradient, positive_hessian((reweighted + excess) * factor, weight, floor)


@scalar
def either(first: bool, a: Scalar, b: Scalar) -> Scalar:
    """a or b, both of them read.

    Of `row[0, i] if first else row[1, i]` LLVM 15 (Numba 0.61) makes one read at an address that depends on
    `first`, and then does not vectorise the loop.
    """
    return a if first else b


@scalar
def shares(y: Float, smoothing: Float) -> tuple[Float, Float]:
    """Shares of class 0 and class 1 in a label, smoothed: y + smoothing (1/2 - y) for class 1.

    Each from its own side: 1 minus the other would leave nothing of a share below 6e-8.
    """
    rest = ONE - y
    return rest + smoothing * (HALF - rest), y + smoothing * (HALF - y)


@scalar
def soft_row(
    x: Any,
    share_0: Float,
    share_1: Float,
    weight: Float,
    gamma_0: Scalar,
    head_0: Scalar,
    rest_0: Scalar,
    alpha_0: Scalar,
    gamma_1: Scalar,
    head_1: Scalar,
    rest_1: Scalar,
    alpha_1: Scalar,
    lowest: Float,
    highest: Float,
    floor: Float,
) -> tuple[Scalar, Scalar]:
    """The same for a label between 0 and 1: the mixture of both sides of the margin in these shares."""
    terms = signed_terms(x, gamma_1, head_1, rest_1)
    slope, reweighted, excess = derivatives(terms, gamma_1, lowest, highest)
    # The share first: next to 0 it would take weight times 2^-24 alpha below float32's range.
    factor = weight * alpha_1
    g, h = -(slope * share_1) * factor, ((reweighted + excess) * share_1) * factor
    terms = signed_terms(-x, gamma_0, head_0, rest_0)
    slope, reweighted, excess = derivatives(terms, gamma_0, lowest, highest)
    factor = weight * alpha_0
    h += ((reweighted + excess) * share_0) * factor
    return g + (slope * share_0) * factor, positive_hessian(h, weight, floor)


@scalar
def class_derivatives(
    is_target: bool,
    is_other: bool,
    share: Float,
    remainder: Float,
    inverse: Float,
    q: Scalar,
    slope: Scalar,
    reweighted: Scalar,
    excess: Scalar,
    factor: Float,
    weight: Float,
    hessian_factor: Float,
    floor: Float,
) -> tuple[Scalar, Scalar]:
    """Gradient and Hessian by the margin of one class of a softmax.

    share and remainder are exp(z_k - z_other) and their sum over all classes but the target and `other`, the
    largest of the rest; they come times 2^24, as do slope, reweighted and excess (`elementary.HEADROOM`).
    """
    # One 2^-24 is in the factor, which may be as small as a normal number is: the others are not put into it.
    pi = share * inverse
    complement = remainder * inverse if is_other else HEADROOM_FACTOR - pi
    curvature = other_curvature(q, slope, reweighted * HEADROOM_FACTOR, complement)
    h_other = other_hessian(curvature, excess, pi)
    h_other = (h_other * (HEADROOM_INVERSE * HEADROOM_INVERSE)) * factor
    h = hessian_factor * (factor * (reweighted + excess) if is_target else h_other)
    g_other = (other_gradient(slope, pi) * HEADROOM_INVERSE) * factor
    return (-slope * factor if is_target else g_other), positive_hessian(h, weight, floor)


@scalar
def share_of(z: Any, largest: Any) -> Float:
    """2^24 exp(z - largest) for z <= largest."""
    high, low = difference(z, largest)
    return scaled_exp_negative(high, low)


@scalar
def target_terms(
    z: Any,
    largest: Any,
    remainder: Float,
    gamma: Float,
    head: Float,
    rest: Float,
    lowest: Float,
    highest: Float,
) -> tuple[Scalar, Scalar, Scalar, Scalar]:
    """q, slope, reweighted Hessian and excess of a target with margin z beside the others' shares."""
    high, low = difference(z, largest)
    low = np.float32(low - log1p_positive(np.float32(remainder * HEADROOM_INVERSE)))
    terms = fast_terms(high, low, head, rest)
    slope, reweighted, excess = derivatives(terms, gamma, lowest, highest)
    return terms[1], slope, reweighted, excess


@scalar
def inverse_total(remainder: Float) -> Float:
    """1 / (1 + remainder / 2^24): what the shares are to be multiplied by."""
    return HEADROOM_FACTOR / (HEADROOM_FACTOR + remainder)


@scalar
def target_class(y: Float, n_classes: np.uint32) -> tuple[np.uint32, np.int32]:
    """The label as a class, 0 if it is none, and its flag."""
    inside = (y >= ZERO) & (y < np.float32(n_classes))
    k = Class(y if inside else ZERO)
    return k, (NO_FLAG if inside & (np.float32(k) == y) else BAD_LABEL)


def softmax_row(
    z: Any,
    first: np.uint64,
    y: Float,
    weight: Float,
    table: Any,
    lowest: Float,
    highest: Float,
    floor: Float,
    least: Float,
    most: Float,
    hessian_factor: Float,
    gradient: Any,
    hessian: Any,
    first_hessian: np.uint64,
) -> np.int32:
    """Gradient and Hessian of one row of margins, z[first : first + n_classes]; returns flags.

    What `softmax.softmax_hard` does for a tile of rows, in the order that suits one GPU thread. The
    gradient is written from `first` too, and may be written over the margins.
    """
    # Loops of one's own: those of range() carry a second 64-bit counter on the GPU.
    n_classes, one = Class(table.shape[0]), Class(1)
    target, flag = target_class(y, n_classes)
    target = Class(target)
    flags = np.int32(flag | weight_flag(weight, least, most))
    k, other = Class(0), Class(1 if target == 0 else 0)
    largest = z[first + other]
    while k < n_classes:
        z_k = z[first + k]
        flags = np.int32(flags | margin_flag(z_k))
        if k != target and z_k > largest:
            largest, other = z_k, k
        k = Class(k + one)
    z_t = z[first + target]
    k, remainder = Class(0), ZERO
    while k < n_classes:
        # Of the target and the largest other the exponentials are not used, or 1.
        distinct = (k != target) & (k != other)
        share = np.float32(share_of(z[first + k] if distinct else largest, largest))
        gradient[first + k] = share
        remainder += share if distinct else ZERO
        k = Class(k + one)
    q, slope, reweighted, excess = target_terms(
        z_t, largest, remainder, table[target, 0], table[target, 1], table[target, 2], lowest, highest
    )
    factor = table[target, 3] * weight
    inverse = inverse_total(remainder)
    k = Class(0)
    while k < n_classes:
        share = np.float32(gradient[first + k])
        gradient[first + k], hessian[first_hessian + k] = class_derivatives(
            k == target, k == other, share, remainder, inverse, q, slope, reweighted, excess, factor, weight,
            hessian_factor, floor,
        )  # fmt: skip
        k = Class(k + one)
    return flags
