"""The binary loss: its class weights, its best constant, and every error text."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from focalboost import BinaryFocalLoss

Y = np.arange(1000) < 30
B = BinaryFocalLoss()


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: BinaryFocalLoss(2, 4), ValueError, r"alpha == 4, must be in \(0, 1\).* pass a pair"),
        (lambda: BinaryFocalLoss(2, 0.0), ValueError, r"alpha == 0\.0, must be in \(0, 1\)"),
        (lambda: BinaryFocalLoss(2, 1), ValueError, r"alpha == 1, must be in \(0, 1\)"),
        (lambda: BinaryFocalLoss(2, (1, 0)), ValueError, r"alpha\[1\] == 0, must be > 0"),
        (lambda: BinaryFocalLoss(2, [1.0]), ValueError, r"alpha == \(1.0,\) has 1 entries, must have 2"),
        (lambda: BinaryFocalLoss(2, "balance"), ValueError, r"alpha == 'balance', must be None"),
    ],
)
def test_bad_class_weights_are_refused(make, error, text):
    with pytest.raises(error, match=text):
        make()


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: B.loss([0, 2], [0.0, 0.0]), ValueError, r"y_true\[1\] == 2, must be in \[0, 1\]"),
        (lambda: B.gradient_hessian([0, 2], [0.0, 0.0]), ValueError, r"y_true\[1\] == 2, must be in"),
        (lambda: B.gradient_hessian([0, np.nan], [0.0, 0]), ValueError, r"y_true\[1\] == nan, must be in"),
        (lambda: B.gradient_hessian([-1, 1], [0.0, 0.0]), ValueError, r"y_true\[0\] == -1, must be in"),
        (lambda: B.gradient_hessian([0, 1], [0, np.nan]), ValueError, r"raw_prediction\[1\] == nan, must"),
        (lambda: B.gradient_hessian([0, 1], [np.inf, 0]), ValueError, r"raw_prediction\[0\] == inf, must"),
        (lambda: B.loss([0, 1], [np.inf, 0]), ValueError, r"raw_prediction\[0\] == inf, must be finite"),
        (lambda: B.loss([0, 1], [0.0, 0], [1, -2]), ValueError, r"sample_weight\[1\] == -2, must be >= 0"),
        (
            lambda: B.gradient_hessian([0, 1], [0.0, 0], [np.nan, 1]),
            ValueError,
            r"sample_weight\[0\] == nan, must be >= 0 and finite",
        ),
        (lambda: B.loss([0, 1], [0.0, 0], [1]), ValueError, r"sample_weight has shape \(1,\), must be \(2,"),
        (lambda: B.loss([0, 1], np.zeros((2, 3))), ValueError, r"shape \(2, 3\).*use MulticlassFocalLoss"),
        (lambda: B.loss([0, 1, 1], [0.0, 0]), ValueError, r"y_true has shape \(3,\), must be \(2,\)"),
        (lambda: B.loss(["a", "b"], [0.0, 0]), TypeError, r"y_true has dtype <U1.*LabelEncoder"),
    ],
)
def test_bad_data_name_value_rule_and_cure(call, error, text):
    with pytest.raises(error, match=text):
        call()


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, (1.0, 3.0)])
@pytest.mark.parametrize("alpha", [None, 0.25, "balanced"])
def test_intercept_minimises_the_mean_loss(gamma, alpha, rng):
    weight = rng.uniform(0.2, 3, Y.size)
    loss = BinaryFocalLoss(gamma, alpha).for_labels(Y, weight)
    best = minimize_scalar(
        lambda x: loss.loss(Y, np.full(Y.size, x), weight).sum(), bounds=(-20, 20), options={"xatol": 1e-10}
    )
    assert loss.intercept == pytest.approx(best.x, abs=1e-5)
    gradient = loss.gradient_hessian(Y, np.full(Y.size, loss.intercept), weight)[0]
    assert abs(gradient.sum(dtype=float)) < 1e-5 * np.abs(gradient).sum()
    assert loss.base_score == pytest.approx(1 / (1 + np.exp(-loss.intercept)))


@pytest.mark.parametrize("loss", [B, BinaryFocalLoss(5.0, "balanced"), BinaryFocalLoss(0.5, 0.1)], ids=repr)
@pytest.mark.parametrize("hessian", ["guarded", "exact", "reweighted"])
def test_scale_gives_the_start_log_loss_hessian(loss, hessian):
    loss = type(loss)(loss.gamma, loss.alpha, hessian=hessian).for_labels(Y)
    total = loss.gradient_hessian(Y, np.full(Y.size, loss.intercept))[1].sum(dtype=float)
    assert total == pytest.approx(Y.size * 0.03 * 0.97, rel=1e-5)
