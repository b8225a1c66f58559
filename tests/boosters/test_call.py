"""What a booster hands to a loss, and the layout of what it gets back."""

import sys

import numpy as np
import pytest

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss
from tests.instances import ALL, example
from tests.lightgbm.training import LOSSES, dataset
from tests.lightgbm.training import N as ROWS
from tests.xgboost.training import Data, N, xgb


# ---------------------------------------------------------------------- a user's own call
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", ALL, ids=repr)
def test_bare_arrays_mean_one_thing_whatever_their_dtype(loss, dtype, weighted, rng):
    """float32 and float64 are what the wrappers of XGBoost and LightGBM pass: only the caller tells them."""
    y, raw = example(loss, 50, rng)
    raw, weight = raw.astype(dtype), rng.uniform(0.1, 3, 50) if weighted else None
    expected = loss.gradient_hessian(y, raw, weight)
    for found, own in zip(loss(y, raw, weight), expected, strict=True):
        assert type(found) is np.ndarray
        np.testing.assert_array_equal(found, own)
    value = loss.metric(y, raw, weight)
    assert type(value) is float
    start = np.zeros_like(raw) if loss.intercept is None else np.broadcast_to(loss.intercept, raw.shape)
    total, of_start = (loss.loss(y, margins, weight).sum() for margins in (raw, start))
    assert value == pytest.approx(total / of_start, rel=1e-12)


# ---------------------------------------------------------------------- XGBoost
@pytest.mark.parametrize("shape", [(0,), (0, 0)])  # of XGBoost 3.4
def test_an_empty_shard_gets_gradients_of_the_right_width(shape):
    empty = xgb.DMatrix(np.empty((0, 2), np.float32), np.empty(0, np.float32))
    nothing = np.empty(shape, np.float32)
    many = MulticlassFocalLoss(2.0, n_classes=4)
    assert [a.shape for a in many(nothing, empty)] == [(0, 4)] * 2
    labels = MultilabelFocalLoss((1.0, 2.0, 0.0))
    assert [a.shape for a in labels(nothing, empty)] == [(0, 3)] * 2
    assert [a.shape for a in BinaryFocalLoss()(nothing, empty)] == [(0,)] * 2
    assert many.metric(nothing, empty) == ("focal_loss", 1.0)
    with pytest.raises(ValueError, match=r"n_classes == None, must be a number where a shard has no rows"):
        MulticlassFocalLoss(2.0)(nothing, empty)


def test_a_negative_weight_or_nan_label_never_trains():
    with pytest.raises(xgb.core.XGBoostError, match="Weights must be positive"):
        xgb.DMatrix(Data.X, Data.binary, weight=-Data.weight)
    loss = BinaryFocalLoss()
    with pytest.raises(ValueError, match=r"sample_weight\[0\] == -1\.0, must be >= 0"):
        loss(np.float32([0, 1]), np.float32([0, 0]), np.float32([-1, 1]))
    with pytest.raises(ValueError, match=r"y_true\[1\] == nan, must be in"):
        loss(np.float32([0, np.nan]), np.float32([0, 0]))


def test_flat_multilabel_labels_are_reshaped():
    """XGBoost 3.1 hands the labels of a multi-label matrix flat; a user's own call must not."""
    loss, raw, found = MultilabelFocalLoss(2.0), np.zeros((N, 3), np.float32), []

    def objective(margins, data):
        found.append(loss(Data.multilabel.reshape(-1), margins))
        return found[0]

    xgb.train({"base_score": 0.0}, xgb.DMatrix(Data.X, Data.multilabel), 1, obj=objective)
    shaped = loss(Data.multilabel, raw)
    np.testing.assert_array_equal(found[0][0].reshape(raw.shape), shaped[0])
    with pytest.raises(ValueError, match=r"y_true has shape \(18000,\), must be \(6000, 3\)"):
        loss(Data.multilabel.reshape(-1), raw)


# ---------------------------------------------------------------------- LightGBM
@pytest.mark.parametrize("labels", list(LOSSES))
def test_gradients_go_back_without_a_copy(labels):
    """What LightGBM does with a result: ravel(order="F") and float32. Both must be views."""
    loss = LOSSES[labels]
    n_outputs = np.size(loss.intercept)
    raw = np.zeros(ROWS) if n_outputs == 1 else np.zeros((n_outputs, ROWS)).T
    data = dataset(labels).construct()
    for array in loss(raw, data):
        assert array.dtype == np.float32
        flat = array.ravel(order="F")
        assert np.shares_memory(flat, array)
        assert flat.flags.c_contiguous


def test_no_reference_to_the_buffer_of_margins_is_kept():
    data = dataset().construct()
    raw = np.zeros(ROWS)
    kept = sys.getrefcount(raw)
    result = LOSSES["binary"](raw, data)
    assert sys.getrefcount(raw) == kept
    assert not any(np.shares_memory(array, raw) for array in result)
