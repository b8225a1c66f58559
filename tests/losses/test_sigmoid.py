"""Label smoothing of the losses that are one sigmoid per output."""

import mpmath as mp
import numpy as np
import pytest

from focalboost import BinaryFocalLoss, MultilabelFocalLoss
from tests.reference import binary_loss


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (
            lambda: BinaryFocalLoss(label_smoothing=1),
            ValueError,
            r"^label_smoothing == 1, must be in \[0, 1\)",
        ),
        (lambda: BinaryFocalLoss(label_smoothing=-0.1), ValueError, r"label_smoothing == -0\.1, must be"),
    ],
)
def test_a_bad_label_smoothing_is_refused(make, error, text):
    with pytest.raises(error, match=text):
        make()


def test_smoothing_keeps_a_label_without_positives_finite():
    labels = np.zeros((50, 2))
    labels[:5, 1] = 1
    loss = MultilabelFocalLoss(2.0, label_smoothing=0.02).for_labels(labels)
    assert np.isfinite(loss.intercept).all()
    with pytest.warns(UserWarning, match=r"y\[:, 0\] == 0 in all rows with weight"):
        balanced = MultilabelFocalLoss(2.0, "balanced", label_smoothing=0.02).for_labels(labels)
    assert np.isfinite(balanced.alpha).all()


@pytest.mark.parametrize("smoothing", [0.1, 1e-5, 1e-8, 1e-12, 1e-20, 1e-30])
@pytest.mark.parametrize("y", [0.0, 1.0, 0.25, 2.0**-20, 1.0 - 2.0**-20])
def test_smoothing_keeps_its_digits_down_to_0(smoothing, y):
    """Far out the minor side is all of the gradient: with a share of 1 - x in float32 its sign was wrong."""
    gamma, alpha = (2.0, 1.0), (0.4, 3.0)
    binary = BinaryFocalLoss(gamma, alpha, label_smoothing=smoothing)
    multilabel = MultilabelFocalLoss(1.0, (alpha, alpha), label_smoothing=smoothing)
    label = mp.mpf(y) + mp.mpf(smoothing) * (mp.mpf(1) / 2 - mp.mpf(y))
    for x in (-30.0, -9.0, -1.0, 0.0, 2.5, 14.0, 30.0):
        for loss, gammas, found in [
            (binary, gamma, lambda loss, x: loss.gradient_hessian([y], [x])[0][0]),
            (multilabel, (1.0, 1.0), lambda loss, x: loss.gradient_hessian([[0, y]], [[0.0, x]])[0][0, 1]),
        ]:
            sides = [float(mp.diff(lambda v, k=k, g=gammas: binary_loss(k, v, g, alpha), x)) for k in (0, 1)]
            true = (1 - label) * sides[0] + label * sides[1]
            size = float((1 - label) * abs(sides[0]) + label * abs(sides[1]))
            assert abs(float(found(loss, x)) - float(true)) <= 2e-6 * size
        true = binary_loss(label, x, gamma, alpha)
        assert binary.loss([y], [x])[0] == pytest.approx(float(true), rel=1e-12)


def test_smoothing_that_float32_cannot_hold_is_refused():
    with pytest.raises(ValueError, match="label_smoothing == 1e-31, must be 0 or at least 1e-30"):
        BinaryFocalLoss(label_smoothing=1e-31)


def test_both_sides_of_a_label_of_one_class_are_smoothed_alike():
    for smoothing in (0.1, 1e-10, 1e-25):
        loss = BinaryFocalLoss(2.0, label_smoothing=smoothing)
        zeros, ones = loss.for_labels(np.zeros(9)), loss.for_labels(np.ones(9))
        assert zeros.intercept == pytest.approx(-ones.intercept, rel=1e-12)
        assert zeros.scale == pytest.approx(ones.scale, rel=1e-9)


@pytest.mark.parametrize("y", [1.0 - 1e-9, 1e-50])
def test_soft_labels_that_float32_makes_hard_are_refused(y):
    with pytest.raises(ValueError, match=r"y_true\[1\] == .*, must be 0, 1 or a share that float32 tells"):
        BinaryFocalLoss().gradient_hessian([0.0, y], [0.0, 0.0])
