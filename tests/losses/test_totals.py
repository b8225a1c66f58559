"""Labels that a loss is resolved from: columns and series, and every error text.

Dask collections are in tests/distributed/test_dask.py.
"""

import numpy as np
import pytest

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss

Y = np.arange(1000) < 30
B, C, L = BinaryFocalLoss(), MulticlassFocalLoss(), MultilabelFocalLoss()


def test_for_labels_takes_columns_and_series():
    expected = B.for_labels(Y)
    assert B.for_labels(Y[:, None]) == expected
    assert B.for_labels(Y.astype("f4")).intercept == pytest.approx(expected.intercept, rel=1e-7)
    pandas = pytest.importorskip("pandas")
    assert B.for_labels(pandas.Series(Y.astype(int))) == expected


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: B.for_labels(np.zeros(9)), ValueError, r"y == 0 in all rows with weight, must have both"),
        (lambda: B.for_labels([0, 1], [1, 0]), ValueError, r"y == 0 in all rows with weight"),
        (lambda: B.for_labels([0, 1], [0, 0]), ValueError, r"sample_weight == 0 in all rows"),
        (lambda: B.for_labels([0, 1], [1, -1]), ValueError, r"sample_weight\[1\] == -1, must be >= 0"),
        (lambda: B.for_labels([0, 5]), ValueError, r"y\[1\] == 5, must be in \[0, 1\]"),
        (lambda: B.for_labels([]), ValueError, r"y has no rows"),
        (lambda: B.for_labels([[0, 1], [1, 0]]), ValueError, r"use MultilabelFocalLoss"),
        (lambda: C.for_labels([0, 2, 2]), ValueError, r"class 1 of 3 has no rows"),
        (lambda: C.for_labels([0, 1.5]), ValueError, r"y\[1\] == 1\.5, must be a whole number"),
        (lambda: C.for_labels([0, -1]), ValueError, r"y\[1\] == -1, must be a whole number"),
        (lambda: B.for_labels([0, 0]), ValueError, r"y == 0 in all rows"),
    ],
)
def test_labels_that_resolve_nothing_are_refused(call, error, text):
    with pytest.raises(error, match=text):
        call()


@pytest.mark.parametrize("cls", [BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss])
def test_labels_and_weights_count_as_the_boosters_round_them(cls, rng):
    """Their own start is of float32 labels and weights: so must ours be, to give their model at gamma 0."""
    weight = rng.uniform(0.1, 3.0, 500)
    shape = (500, 2) if cls is MultilabelFocalLoss else 500
    y = rng.integers(0, 3, 500) if cls is MulticlassFocalLoss else rng.uniform(0.0, 1.0, shape)
    found = cls(2.0, alpha="balanced").for_labels(y, weight)
    assert found == cls(2.0, alpha="balanced").for_labels(y.astype("f4"), weight.astype("f4"))
    assert (weight != weight.astype("f4")).any()
