"""What class weights and row weights the kernels can multiply."""

import numpy as np
import pytest

from focalboost import BinaryFocalLoss, MulticlassFocalLoss
from focalboost._kernels.formulas import derivatives, precise_terms
from focalboost._kernels.interface import LARGEST_TERM, LEAST_FACTOR, MOST_FACTOR, kernel_bounds, weight_range
from focalboost._validation import LARGEST_GAMMA, LEAST_ALPHA, MOST_ALPHA


def test_no_term_is_larger_than_the_largest():
    largest = 0.0
    for gamma in (*np.linspace(0, 5, 11), *np.geomspace(5, LARGEST_GAMMA, 10)):
        for s in np.linspace(-60, 20, 401):
            slope, reweighted, excess = derivatives(precise_terms(s, gamma), gamma, -np.inf, np.inf)
            largest = max(largest, slope, abs(reweighted) + abs(excess))
    # Two sides of a soft label, XGBoost's factor 2.
    assert 2.0 < largest < LARGEST_TERM / 4.0


def test_alphas_that_are_accepted_are_factors_that_fit():
    assert LEAST_FACTOR < LEAST_ALPHA
    assert MOST_ALPHA < MOST_FACTOR
    for factor in (LEAST_FACTOR, MOST_FACTOR):
        least, most = weight_range(np.array([factor]))
        assert least < 1.0 < most


@pytest.mark.parametrize("factors", [(1.0, 1.0), (1e-20, 1.0), (1e-8, 1e20)])
def test_weights_of_the_range_make_numbers_and_no_others_do(factors):
    """Hard rows at margin 0, whose gradient is half of weight times alpha for gamma 0."""
    bounds = kernel_bounds("guarded", np.array(factors))[3:].astype(float)
    alpha = tuple(np.array(factors))
    for loss, y, raw in [
        (BinaryFocalLoss(0.0, alpha), [0, 1], np.zeros(2)),
        (MulticlassFocalLoss(0.0, alpha), [0, 1], np.zeros((2, 2))),
    ]:
        for weight in bounds:
            gradient, hessian = loss.gradient_hessian(y, raw, np.full(2, weight, np.float32))
            assert np.isfinite(gradient).all()
            expected = 0.5 * weight * np.array(factors)
            normal = expected > 1e-37
            found = np.abs(gradient if gradient.ndim == 1 else gradient[:, 0])
            np.testing.assert_allclose(found[normal], expected[normal], rtol=1e-6)
            assert (hessian > 0).all()
        for weight, index in ((bounds[0] / 1.1, 0), (bounds[1] * 1.1, 0)):
            with pytest.raises(ValueError, match=rf"sample_weight\[{index}\] == .*, must be 0 or from"):
                loss.gradient_hessian(y, raw, np.full(2, weight, np.float32))
