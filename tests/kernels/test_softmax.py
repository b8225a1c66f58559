"""The softmax kernels against mpmath, the binary kernel, and every finite margin."""

import itertools

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from focalboost import BinaryFocalLoss, MulticlassFocalLoss
from tests.reference import hessian_of, multiclass_derivatives, relative_error
from tests.strategies import float32_margins, gammas


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 10.0])
@pytest.mark.parametrize("kind", ["guarded", "exact"])
def test_multiclass_against_mpmath(gamma, kind):
    gammas, alphas = (gamma, gamma, gamma / 2), (1.0, 0.3, 2.0)
    loss = MulticlassFocalLoss(gammas, alphas, hessian=kind)
    values = np.float32([-10, -0.3, 0, 4.4, 10])
    rows = np.array(list(itertools.product(values, repeat=3)), np.float32)[::4]
    for t in range(3):
        gradient, hessian = loss.gradient_hessian(np.full(len(rows), t), rows)
        for z, g, h in zip(rows, gradient, hessian, strict=True):
            true_g, exact, reweighted = multiclass_derivatives(t, z, gammas, alphas)
            limit = 2e-6 if gamma <= 2 else 2e-5
            for k in range(3):
                size = max(abs(exact[k]), reweighted[k]) if kind == "exact" else None
                assert relative_error(g[k], true_g[k]) <= limit
                assert relative_error(h[k], hessian_of(kind, exact[k], reweighted[k]), size) <= limit


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 10.0])
@pytest.mark.parametrize("kind", ["guarded", "exact"])
@pytest.mark.parametrize("alpha", [1.0, 700.0])
def test_multiclass_tails_against_mpmath(gamma, kind, alpha):
    rows = np.float32(
        [
            [76.32, -11.16, -11.16],
            [-26.76, 63.72, -23.88],
            [9e-44, 9e-44, -94.08],
            [0, -60, -95],
            [50, 50, -50],
        ]
    )
    loss = MulticlassFocalLoss(gamma, (alpha,) * 3, hessian=kind)
    for t in range(3):
        gradient, hessian = loss.gradient_hessian(np.full(len(rows), t), rows)
        for z, g, h in zip(rows, gradient, hessian, strict=True):
            with mp.workdps(250):
                true_g, exact, reweighted = multiclass_derivatives(t, z, (gamma,) * 3, (alpha,) * 3)
            for k in range(3):
                size = max(abs(exact[k]), reweighted[k]) if kind == "exact" else None
                assert relative_error(g[k], true_g[k]) <= 2e-5
                assert relative_error(h[k], hessian_of(kind, exact[k], reweighted[k]), size) <= 2e-5


@settings(max_examples=300, deadline=None)
@given(rows=st.lists(st.tuples(*[float32_margins] * 4), min_size=1, max_size=20), gamma=gammas)
def test_every_finite_margin_is_safe_for_softmax(rows, gamma):
    raw = np.array(rows, np.float32)
    for t in range(4):
        loss = MulticlassFocalLoss(gamma)
        gradient, hessian = loss.gradient_hessian(np.full(len(raw), t), raw)
        assert np.isfinite(gradient).all()
        assert np.isfinite(hessian).all()
        assert (hessian > 0).all()


@pytest.mark.parametrize("hessian", ["guarded", "exact", "reweighted"])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_two_classes_equal_binary(hessian, gamma, rng):
    x = rng.normal(0, 4, 500).astype(np.float32)
    y = rng.integers(0, 2, 500)
    g, h = BinaryFocalLoss(gamma, (0.4, 1.5), hessian=hessian).gradient_hessian(y, x)
    two = MulticlassFocalLoss(gamma, (0.4, 1.5), hessian=hessian)
    g2, h2 = two.gradient_hessian(y, np.stack([np.zeros_like(x), x], axis=1))
    np.testing.assert_allclose(g2[:, 1], g, rtol=2e-6)
    np.testing.assert_allclose(g2[:, 0], -g, rtol=2e-6)
    for column in (0, 1):
        np.testing.assert_allclose(h2[:, column], h, rtol=2e-6, atol=2e-7 if hessian == "exact" else 0)
