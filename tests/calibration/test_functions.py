"""Sigmoid, softmax and their logarithms against SciPy's."""

import numpy as np
import pytest
from scipy import special

from focalboost.calibration import _functions

X = np.concatenate([np.linspace(-800, 800, 3201), np.linspace(-2, 2, 4001), [-1e300, 1e300, -1e-300, 0.0]])


@pytest.mark.parametrize("name", ["expit", "log_expit"])
def test_of_a_number(name):
    # SciPy's expit is 0 below -709, where float64 still has subnormal numbers.
    expected = getattr(special, name)(X)
    np.testing.assert_allclose(getattr(_functions, name)(X), expected, rtol=1e-15, atol=1e-300)


def test_logit():
    p = np.concatenate(
        [np.logspace(-300, -1, 500), np.linspace(0.01, 0.99, 99), 1 - np.logspace(-16, -1, 50)]
    )
    np.testing.assert_allclose(_functions.logit(p), special.logit(p), rtol=1e-15, atol=1e-15)


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp"])
def test_of_rows(name, rng):
    x = rng.normal(0, 30, (500, 5))
    x[::7, 2] = -np.inf
    options = {"keepdims": True} if name == "logsumexp" else {}
    expected = getattr(special, name)(x, axis=-1, **options)
    np.testing.assert_allclose(getattr(_functions, name)(x), expected, rtol=1e-14, atol=1e-15)
