"""Labels of every kind, and which task they are."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from tests.classifier.models import Data, N


@pytest.mark.parametrize(
    "labels",
    [(1, 2), (-1, 1), (False, True), ("no", "yes"), (0.0, 1.0), (np.int8(3), np.int8(7))],
    ids=str,
)
def test_labels_of_every_kind(make, labels):
    y = np.array(labels)[Data.binary]
    reference = make().fit(Data.X, Data.binary)
    model = make().fit(Data.X, y)
    np.testing.assert_array_equal(model.classes_, np.unique(y))
    assert model.predict(Data.X).dtype == y.dtype
    np.testing.assert_array_equal(model.predict_proba(Data.X), reference.predict_proba(Data.X))
    again = make().fit(Data.X, pd.Series(y).astype("category"))
    np.testing.assert_array_equal(again.predict(Data.X), model.predict(Data.X))


def test_two_labels_are_not_two_classes(make):
    y = Data.multilabel[:, :2]
    model = make().fit(Data.X, y)
    assert model.predict_proba(Data.X).shape == (N, 2)
    for label in range(2):
        alone = make().fit(Data.X, y[:, label])
        expected = alone.predict_proba(Data.X)[:, 1]
        np.testing.assert_allclose(model.predict_proba(Data.X)[:, label], expected, rtol=1e-5)
    matrix = make().fit(Data.X, sparse.csr_matrix(y))
    np.testing.assert_array_equal(matrix.predict(Data.X), model.predict(Data.X))
