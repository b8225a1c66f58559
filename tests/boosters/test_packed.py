"""Labels of several columns as the bits of one number."""

import numpy as np
import pytest

from focalboost import MultilabelFocalLoss
from focalboost._boosters.packed import pack_labels, unpack_labels
from tests.lightgbm.training import PARAMS, Data, N, lgb


def test_labels_pack_and_unpack(rng):
    for n_labels in (1, 5, 24):
        y = rng.integers(0, 2, (300, n_labels))
        packed = pack_labels(y)
        assert packed.dtype == np.float32
        np.testing.assert_array_equal(unpack_labels(packed, n_labels), y)
    with pytest.raises(ValueError, match=r"y has shape \(3, 25\), must be .* with 1 to 24 labels"):
        pack_labels(np.zeros((3, 25)))
    with pytest.raises(ValueError, match=r"y\[1, 0\] == 0\.5, must be 0 or 1: soft labels"):
        pack_labels([[1.0], [0.5]])


def test_labels_that_pack_nothing_are_refused():
    loss = MultilabelFocalLoss(2.0)
    for label, text in (
        (8, r"y_true\[3\] == 8\.0"),
        (2.5, r"y_true\[3\] == 2\.5"),
        (-1, r"y_true\[3\] == -1"),
    ):
        y = np.zeros(N)
        y[3] = label
        with pytest.raises(ValueError, match=text + r".*, must be a whole number below 2\^3, as focalboost"):
            lgb.train({**PARAMS, "objective": loss, "num_class": 3}, lgb.Dataset(Data.X, y), 1)
