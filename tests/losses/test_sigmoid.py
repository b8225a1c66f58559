"""Label smoothing of the losses that are one sigmoid per output."""

import numpy as np
import pytest

from focalboost import BinaryFocalLoss, MultilabelFocalLoss


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
