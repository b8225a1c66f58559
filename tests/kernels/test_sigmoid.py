"""The sigmoid kernels: columns are independent, soft labels are mixtures."""

import numpy as np

from focalboost import BinaryFocalLoss, MultilabelFocalLoss


def test_multilabel_equals_binaries(rng):
    raw, y = rng.normal(0, 3, (300, 3)), rng.integers(0, 2, (300, 3))
    weight = rng.uniform(0, 2, 300)
    loss = MultilabelFocalLoss((0.0, 1.0, 3.0), (0.25, (1.0, 5.0), 0.5))
    g, h = loss.gradient_hessian(y, raw, weight)
    for label, (gamma, alpha) in enumerate([(0.0, 0.25), (1.0, (1.0, 5.0)), (3.0, 0.5)]):
        one = BinaryFocalLoss(gamma, alpha).gradient_hessian(y[:, label], raw[:, label], weight)
        np.testing.assert_array_equal(g[:, label], one[0])
        np.testing.assert_array_equal(h[:, label], one[1])


def test_soft_labels_are_mixtures_and_smoothing_is_a_soft_label(rng):
    raw, y = rng.normal(0, 3, 200), rng.uniform(0, 1, 200)
    loss = BinaryFocalLoss(1.5, 0.3)
    parts = [loss.gradient_hessian(np.full(200, label), raw) for label in (0, 1)]
    for mixed, zero, one in zip(loss.gradient_hessian(y, raw), *parts, strict=True):
        np.testing.assert_allclose(mixed, (1 - y) * zero + y * one, rtol=1e-5, atol=1e-7)
    hard = rng.integers(0, 2, 200)
    smooth = BinaryFocalLoss(1.5, 0.3, label_smoothing=0.2)
    for a, b in zip(
        smooth.gradient_hessian(hard, raw), loss.gradient_hessian(0.8 * hard + 0.1, raw), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(smooth.loss(hard, raw), loss.loss(0.8 * hard + 0.1, raw), rtol=1e-12)
