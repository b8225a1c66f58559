"""The multi-class loss: one number for each class, its best constant, and every error text."""

import numpy as np
import pytest
from scipy.optimize import minimize

from focalboost import MulticlassFocalLoss

C = MulticlassFocalLoss()


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: MulticlassFocalLoss(2, (1, 2), n_classes=3), ValueError, r"has 2 entries, must have 3"),
        (lambda: MulticlassFocalLoss((1, 2, 3), (1, 2)), ValueError, r"has 2 entries, must have 3"),
        (lambda: MulticlassFocalLoss(2, (1, -1)), ValueError, r"alpha\[1\] == -1, must be > 0"),
        (
            lambda: MulticlassFocalLoss(2, -1),
            ValueError,
            r"^alpha == -1, must be one weight per class, in",
        ),
        (
            lambda: MulticlassFocalLoss(2, np.float64(4), n_classes=3),
            ValueError,
            r"^alpha == 4\.0, must be one weight per class, .* Pass None for no weights, or 'balanced'\.$",
        ),
        (lambda: MulticlassFocalLoss((2,)), ValueError, r"gamma == \(2.0,\), must have one entry per class"),
        (lambda: MulticlassFocalLoss(n_classes=1), ValueError, r"n_classes == 1, must be None or a whole"),
        (lambda: MulticlassFocalLoss(n_classes=2.5), TypeError, r"n_classes == 2\.5, must be None or a"),
    ],
)
def test_what_has_not_one_number_for_each_class_is_refused(make, error, text):
    with pytest.raises(error, match=text):
        make()


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: C.loss([0, 3], np.zeros((2, 3))), ValueError, r"y_true\[1\] == 3, must be a whole number f"),
        (lambda: C.gradient_hessian([0, 0.5], np.zeros((2, 3))), ValueError, r"y_true\[1\] == 0\.5, must"),
        (lambda: C.gradient_hessian([np.nan], np.zeros((1, 3))), ValueError, r"y_true\[0\] == nan, must"),
        (lambda: C.gradient_hessian([0, 1], [0.0, 0]), ValueError, r"\(2,\), must be \(n_samples, n_class"),
        (
            lambda: MulticlassFocalLoss(n_classes=4).loss([0], np.zeros((1, 3))),
            ValueError,
            r"has 4 classes\. Set num_class=4",
        ),
        (
            lambda: C.gradient_hessian([0, 1], [[0, 1], [np.nan, 0]]),
            ValueError,
            r"raw_prediction\[1, 0\] == nan, must be finite",
        ),
        (lambda: C.posterior([0.0]), ValueError, r"raw_prediction has shape \(1,\), must be \(n_samples"),
    ],
)
def test_bad_data_name_value_rule_and_cure(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_intercept_minimises_the_mean_loss_of_many_classes(rng):
    y, weight = rng.choice(4, 500, p=[0.7, 0.2, 0.07, 0.03]), rng.uniform(0.2, 3, 500)
    loss = MulticlassFocalLoss((2.0, 1.0, 0.0, 3.0), (1.0, 2.0, 0.5, 4.0)).for_labels(y, weight)
    start = loss.loss(y, np.tile(loss.intercept, (500, 1)), weight).sum()
    best = minimize(lambda z: loss.loss(y, np.tile(z, (500, 1)), weight).sum(), np.zeros(4), tol=1e-12)
    assert start == pytest.approx(best.fun, rel=1e-9)
    assert sum(loss.intercept) == pytest.approx(0, abs=1e-12)
