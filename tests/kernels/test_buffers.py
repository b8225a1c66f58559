"""Arrays that one training uses again every round."""

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from focalboost import BinaryFocalLoss
from tests.xgboost.training import Data, N, margins, train, xgb


def test_gradients_are_native_aligned_float32():
    """XGBoost reads freed memory for float16 and misreads big-endian arrays."""
    data = xgb.DMatrix(Data.X, Data.binary)
    for raw in (np.zeros(N, np.float16), np.zeros(N, ">f4"), np.zeros(N, np.float64)):
        for array in BinaryFocalLoss()(raw, data):
            assert array.dtype == np.dtype(np.float32)
            assert array.dtype.isnative
            assert array.flags.aligned
            assert array.flags.c_contiguous


def test_a_result_that_is_held_is_never_written_again():
    """Arrays are used again from round to round, but only where nobody holds them or a view of them."""
    data, raw = xgb.DMatrix(Data.X, Data.binary), np.zeros(N, np.float32)
    loss = BinaryFocalLoss()
    first = loss(raw, data)
    kept = [array.copy() for array in first]
    view = loss(raw + 1, data)[0][::2]
    kept_view = view.copy()
    for shift in (2, 3, 4):
        loss(raw + shift, data)
    for array, copy in zip([*first, view], [*kept, kept_view], strict=True):
        np.testing.assert_array_equal(array, copy)


def test_rounds_use_their_arrays_again_and_free_them_with_the_data():
    data, raw = xgb.DMatrix(Data.X, Data.binary), np.zeros(N, np.float32)
    loss = BinaryFocalLoss()
    address = loss(raw, data)[0].__array_interface__["data"][0]
    again = loss(raw, data)
    assert again[0].__array_interface__["data"][0] == address
    alive = weakref.ref(again[0])
    del again
    assert alive() is not None
    del data
    gc.collect()
    assert alive() is None


def test_threads_that_share_a_matrix_do_not_share_arrays():
    data = xgb.DMatrix(Data.X, Data.binary)
    loss = BinaryFocalLoss(2.0).for_labels(Data.binary)
    expected = margins(train({}, data, 20, loss), data)
    with ThreadPoolExecutor(4) as pool:
        boosters = list(pool.map(lambda _: train({}, data, 20, loss), range(8)))
    for booster in boosters:
        np.testing.assert_array_equal(margins(booster, data), expected)


def test_the_margins_given_are_not_overwritten():
    raw = np.linspace(-3, 3, N).astype(np.float32)
    kept = raw.copy()
    BinaryFocalLoss()(raw, xgb.DMatrix(Data.X, Data.binary))
    np.testing.assert_array_equal(raw, kept)
