"""The softmax in float64: LightGBM's own numbers with gamma 0, the true ones with any."""

import mpmath as mp
import numpy as np
import pytest

from focalboost import BinaryFocalLoss, MulticlassFocalLoss
from focalboost._kernels import cpu
from focalboost._kernels.interface import Parameters
from tests.reference import hessian_of, multiclass_derivatives, relative_error

LIMIT = 2e-7  # the rounding to float32, and where 1 - p has 24 bits left twice as much


def by_lightgbm(y, raw, weight):
    """`MulticlassSoftmax::GetGradients`: computed in double, stored as float."""
    n, n_classes = raw.shape
    e = np.exp(raw - raw.max(axis=1, keepdims=True))
    total = np.zeros(n)
    for k in range(n_classes):
        total += e[:, k]
    p = e / total[:, None]
    g, h = p.copy(), n_classes / (n_classes - 1.0) * p * (1.0 - p)
    g[np.arange(n), y.astype(int)] -= 1.0
    by = 1.0 if weight is None else weight.astype(float)[:, None]
    return (g * by).astype("f4"), (h * by).astype("f4")


@pytest.mark.parametrize("n_classes", [2, 3, 10, 100])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("order", ["C", "F"])
def test_gamma_0_gives_lightgbm_s_gradients(n_classes, weighted, order, rng):
    n = 100_000 // n_classes
    raw = np.array(rng.normal(-1, 2, (n, n_classes)), order=order)
    y = rng.integers(0, n_classes, n).astype("f4")
    raw[: n // 4][np.arange(n // 4), y[: n // 4].astype(int)] += 8.0  # right, and sure of it
    weight = rng.uniform(0.1, 3, n).astype("f4") if weighted else None
    parameters = Parameters(
        np.zeros(n_classes), np.ones(n_classes), hessian_factor=n_classes / (n_classes - 1.0)
    )
    out = np.empty(raw.shape, "f4", order), np.empty(raw.shape, "f4", order)
    assert cpu.softmax_gradient_hessian(y, raw, weight, parameters, out, 2) == 0
    for part, true in zip(out, by_lightgbm(y, raw, weight), strict=True):
        # About one number in 1e8 lies between two float32 so that 1e-16 decides.
        assert np.count_nonzero(part != true) <= 1


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 10.0])
@pytest.mark.parametrize("kind", ["guarded", "exact", "reweighted"])
def test_against_mpmath(gamma, kind):
    gammas, alphas = (gamma, gamma, gamma / 2), (1.0, 0.3, 2.0)
    loss = MulticlassFocalLoss(gammas, alphas, hessian=kind)
    rows = np.array(
        [
            [0.1, 0.2, -0.3],
            [-10, 4.4, 4.4],
            [3, -3, 0.123456789012345],
            [21, 0, -1],  # where 1 - p has no digits left
            [25, -4, 3],
            [60, 0, -20],
            [9e-44, 9e-44, -94.08],
            [50, 50, -50],
        ]
    )
    for t in range(3):
        gradient, hessian = loss.gradient_hessian(np.full(len(rows), t), rows)
        for z, g, h in zip(rows, gradient, hessian, strict=True):
            with mp.workdps(150):
                true_g, exact, reweighted = multiclass_derivatives(t, z, gammas, alphas)
            for k in range(3):
                size = max(abs(exact[k]), reweighted[k]) if kind == "exact" else None
                assert relative_error(g[k], true_g[k]) <= LIMIT
                assert relative_error(h[k], hessian_of(kind, exact[k], reweighted[k]), size) <= 2 * LIMIT


def test_every_finite_margin_is_safe(rng):
    values = np.array([0.0, 1e-300, -1e-30, 20.8, -700.0, 710.0, 1e5, 3e38, -3.4e38])
    raw = rng.choice(values, (3000, 4))
    for gamma in (0.0, 0.5, 5.0, 100.0):
        for t in range(4):
            g, h = MulticlassFocalLoss(gamma).gradient_hessian(np.full(len(raw), t), raw)
            assert np.isfinite(g).all()
            assert np.isfinite(h).all()
            assert (h > 0).all()
            assert (g[:, t] <= 0).all()


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_two_classes_equal_binary(gamma, rng):
    x, y = rng.normal(0, 6, 500), rng.integers(0, 2, 500)
    g, h = BinaryFocalLoss(gamma, (0.4, 1.5)).gradient_hessian(y, x)
    two = MulticlassFocalLoss(gamma, (0.4, 1.5))
    g2, h2 = two.gradient_hessian(y, np.stack([np.zeros_like(x), x], axis=1))
    np.testing.assert_allclose(g2, np.stack([-g, g], axis=1), rtol=2 * LIMIT)
    np.testing.assert_allclose(h2, np.stack([h, h], axis=1), rtol=2 * LIMIT)


def test_bad_input_is_noticed(rng):
    raw, y = rng.normal(0, 3, (2000, 3)), rng.integers(0, 3, 2000).astype("f4")
    loss, weight = MulticlassFocalLoss(2.0), np.ones(2000, "f4")
    for array, place, bad, text in (
        (raw, (1999, 2), np.nan, r"raw_prediction\[1999, 2\] == nan"),
        (raw, (1000, 0), -np.inf, r"raw_prediction\[1000, 0\] == -inf"),
        (y, 1999, 3.0, r"y_true\[1999\] == 3"),
        (y, 7, 0.5, r"y_true\[7\] == 0.5"),
        (weight, 1500, -1.0, r"sample_weight\[1500\] == -1"),
    ):
        good = array[place]
        array[place] = bad
        with pytest.raises(ValueError, match=text):
            loss.gradient_hessian(y, raw, weight)
        array[place] = good
    loss.gradient_hessian(y, raw, weight)
