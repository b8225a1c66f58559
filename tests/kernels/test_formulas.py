"""Gradient, Hessian and loss against mpmath and finite differences; for softmax see test_softmax.py too."""

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from focalboost import BinaryFocalLoss, MulticlassFocalLoss
from tests.instances import ALL, BINARY, example
from tests.reference import (
    TINY,
    binary_derivatives,
    binary_loss,
    hessian_of,
    multiclass_loss,
    relative_error,
)
from tests.strategies import float32_margins, gammas

NEAR = np.float32([-10, -7.3, -3.1, -1, -0.35, -1e-4, 0, 1e-9, 0.2, 0.9, 2.7, 5.5, 8.88, 10])
FAR = np.float32([-3.4e38, -1e9, -200, -104, -88, -87.3, -60, -25, -13, 12.5, 19, 33, 43, 60, 86.9])


@pytest.mark.parametrize("gamma", [0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("kind", ["guarded", "exact", "reweighted"])
def test_binary_against_mpmath(gamma, dtype, kind):
    alpha = (0.75, 0.25)
    loss = BinaryFocalLoss(gamma, alpha[1], hessian=kind)
    raw = np.concatenate([NEAR, FAR]).astype(dtype)
    if dtype == "f8":
        raw[: NEAR.size] += np.linspace(-1e-7, 1e-7, NEAR.size)  # digits that float32 does not have
    for y in (0, 1):
        gradient, hessian = loss.gradient_hessian(np.full(raw.size, y), raw)
        for x, g, h in zip(raw, gradient, hessian, strict=True):
            limit = 2e-6 if gamma <= 2 and abs(x) <= 10.1 else 2e-5
            if dtype == "f8":
                limit = 2e-7  # the rounding to float32, and where 1 - p has 24 bits left twice as much
            if abs(x) > 1e4:  # mpmath would need as many digits as the margin
                assert abs(g) < 2e-38 or abs(g) == np.float32(alpha[y])
                continue
            true_g, exact, reweighted = binary_derivatives(y, x, (gamma, gamma), alpha)
            # The exact Hessian crosses zero: its error is judged by the size of its parts.
            size = max(abs(exact), reweighted) if kind == "exact" else None
            assert relative_error(g, true_g) <= limit
            assert relative_error(h, hessian_of(kind, exact, reweighted), size) <= limit


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 10.0])
@pytest.mark.parametrize("kind", ["guarded", "exact", "reweighted"])
def test_large_class_weights_lift_what_lies_below_float32(gamma, kind):
    """700 times a number below the normal range may be a normal number: it is exact too."""
    alpha = (1.0, 700.0)
    loss = BinaryFocalLoss(gamma, alpha, hessian=kind)
    raw = np.float32([-104, -93.84, -87, 8.958958625793457, 10, 31.3, 50, 87, 90, 93.84, 99])
    for y in (0, 1):
        gradient, hessian = loss.gradient_hessian(np.full(raw.size, y), raw)
        for x, g, h in zip(raw, gradient, hessian, strict=True):
            true_g, exact, reweighted = binary_derivatives(y, x, (gamma, gamma), alpha)
            size = max(abs(exact), reweighted) if kind == "exact" else None
            assert relative_error(g, true_g) <= 2e-5
            assert relative_error(h, hessian_of(kind, exact, reweighted), size) <= 2e-5


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 10.0])
def test_loss_against_mpmath(gamma):
    x = np.array([-700.0, -30, -2.5, -1e-8, 0, 0.7, 9, 30, 60])
    for y in (0.0, 0.3, 1.0):
        values = BinaryFocalLoss(gamma, (0.4, 3.0)).loss(np.full(x.size, y), x)
        for margin, value in zip(x, values, strict=True):
            true = binary_loss(y, mp.mpf(margin), (gamma, gamma), (0.4, 3.0))
            assert abs(value - true) <= 1e-12 * true + mp.mpf(10) ** -305
    z = np.array([[-20.0, 3.3, 0.1, 8.0], [5.0, 5.0, 5.0, 5.0], [600.0, -600.0, 0.0, 1.0]])
    for t in range(4):
        values = MulticlassFocalLoss(gamma).loss(np.full(len(z), t), z)
        for row, value in zip(z, values, strict=True):
            true = multiclass_loss(t, list(map(mp.mpf, row)), (gamma,) * 4, (1.0,) * 4)
            assert abs(value - true) <= 1e-12 * true + mp.mpf(10) ** -305


@pytest.mark.parametrize("loss", ALL, ids=repr)
def test_derivatives_are_those_of_loss(loss, rng):
    """Fourth-order central differences of `loss`, independent of every formula."""
    y, raw = example(loss, 40, rng, spread=1.5)
    weight = rng.uniform(0.5, 2.0, len(y))
    step = 1e-2
    gradient, hessian = loss.gradient_hessian(y, raw, weight)
    for index in np.ndindex(raw.shape):

        def shifted(by, index=index):
            moved = raw.copy()
            moved[index] += by
            values = loss.loss(y, moved, weight)
            return values[index if values.ndim == raw.ndim else index[0]]

        f = {k: shifted(k * step) for k in (-3, -2, -1, 0, 1, 2, 3)}
        first = (45 * (f[1] - f[-1]) - 9 * (f[2] - f[-2]) + f[3] - f[-3]) / (60 * step)
        second = (2 * (f[3] + f[-3]) - 27 * (f[2] + f[-2]) + 270 * (f[1] + f[-1]) - 490 * f[0]) / (
            180 * step**2
        )
        # Soft labels are a difference of two float32 of size 1.
        assert gradient[index] == pytest.approx(first, rel=5e-6, abs=2e-7)
        if loss.hessian == "exact":
            assert hessian[index] == pytest.approx(second, rel=5e-5, abs=1e-7)
        elif loss.hessian == "guarded":
            # The larger of the two Hessians: never below the exact one, never negative.
            assert hessian[index] >= second - 5e-6 * abs(second) - 1e-7
            assert hessian[index] > 0


@settings(max_examples=300, deadline=None)
@given(x=st.lists(float32_margins, min_size=1, max_size=40), gamma=gammas, weight=st.floats(1e-3, 1e3))
def test_every_finite_margin_is_safe_for_binary(x, gamma, weight):
    raw = np.array(x, np.float32)
    weights = np.full(raw.size, weight)
    for y in (0.0, 1.0, 0.37):
        gradient, hessian = BinaryFocalLoss(gamma).gradient_hessian(np.full(raw.size, y), raw, weights)
        assert np.isfinite(gradient).all()
        assert np.isfinite(hessian).all()
        assert (hessian > 0).all()
        # A sigmoid at margin s never has a focal gradient larger than its weight times (1 + gamma).
        assert (np.abs(gradient) <= weight * (1 + gamma) * 1.00001).all()


@pytest.mark.parametrize("gamma", [50.0, 75.0, 100.0])
def test_absurd_gammas_are_safe_too(gamma):
    raw = np.float32([-3.4e38, -1e3, -20, -1, -1e-3, 0, 1e-3, 1, 20, 1e3, 3.4e38])
    for y in (0, 1, 0.5):
        gradient, hessian = BinaryFocalLoss(gamma).gradient_hessian(np.full(raw.size, y), raw)
        assert np.isfinite(gradient).all()
        assert np.isfinite(hessian).all()
        assert (hessian > 0).all()


@pytest.mark.parametrize("loss", ALL, ids=repr)
def test_weights_multiply_everything(loss, rng):
    y, raw = example(loss, 60, rng)
    weight = rng.uniform(0, 3, 60)
    weight[:3] = 0.0
    column = weight if raw.ndim == 1 else weight[:, None]
    g, h = loss.gradient_hessian(y, raw)
    gw, hw = loss.gradient_hessian(y, raw, weight)
    np.testing.assert_allclose(gw, g * column, rtol=2e-6, atol=TINY)
    np.testing.assert_allclose(hw, h * column, rtol=2e-6, atol=TINY)
    assert not gw[:3].any()
    assert not hw[:3].any()
    values = loss.loss(y, raw)
    by = weight if values.ndim == 1 else weight[:, None]
    np.testing.assert_allclose(loss.loss(y, raw, weight), values * by, rtol=1e-14)


def test_guarded_is_the_larger_of_the_two(rng):
    raw, y = rng.normal(-1, 4, 2000), rng.integers(0, 2, 2000)
    h = {
        kind: BinaryFocalLoss(2.0, hessian=kind).gradient_hessian(y, raw)[1]
        for kind in ("exact", "reweighted", "guarded")
    }
    np.testing.assert_allclose(h["guarded"], np.maximum(h["exact"], h["reweighted"]), rtol=1e-5)
    assert (h["exact"] < 0).any()
    assert (h["exact"] > h["reweighted"]).any()


def test_instances_cover_every_hessian():
    assert {loss.hessian for loss in BINARY} == {"guarded", "exact", "reweighted"}
