"""scikit-learn's breast-cancer set with few malignant rows and noise."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

from focalboost.datasets import load_modified_breast_cancer


def test_breast_cancer_is_the_published_set() -> None:
    tumours = load_modified_breast_cancer()
    assert tumours.data.shape == (399, 100)
    assert len(tumours.feature_names) == 100
    assert (tumours.data.dtype, tumours.target.dtype) == (np.float32, np.int8)
    assert tumours.step is None
    assert tumours.frame is None
    assert np.bincount(tumours.target).tolist() == [357, 42]  # 8.5 : 1, as published
    original = load_breast_cancer()
    benign = original.data[original.target == 1, 0]
    measured = tumours.data[tumours.target == 0, 0]
    np.testing.assert_allclose(np.corrcoef(benign, measured)[0, 1], 1.0)
    np.testing.assert_allclose(tumours.data[:, :30].mean(axis=0), 0.0, atol=1e-6)
    np.testing.assert_allclose(tumours.data[:, :30].std(axis=0), 1.0, rtol=1e-6)


def test_breast_cancer_noise_follows_the_seed_and_says_nothing() -> None:
    first, again, other = (load_modified_breast_cancer(random_state=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.data, again.data)
    np.testing.assert_array_equal(first.data[:, :30], other.data[:, :30])
    assert not np.isclose(first.data[:, 30:], other.data[:, 30:]).any()
    expected = np.random.default_rng(0).standard_normal((399, 70))
    np.testing.assert_allclose(first.data[:, 30:], expected, rtol=1e-6)
    assert load_modified_breast_cancer(n_features=30).data.shape == (399, 30)
    with pytest.raises(ValueError, match=r"n_features == 29, must be at least 30: so many are measured"):
        load_modified_breast_cancer(n_features=29)
