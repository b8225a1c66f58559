"""Arrays that one training uses again every round."""

import copy
import ctypes
import gc
import pickle
import queue
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

from focalboost import BinaryFocalLoss
from focalboost._kernels import buffers
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


def address(array):
    return array.__array_interface__["data"][0]


def places(pair):
    return {address(array) for array in pair}


def from_interface(array):
    """Who reads `__array_interface__` keeps the array, as its documentation asks."""
    return SimpleNamespace(__array_interface__=array.__array_interface__, kept=array)


HOLDERS = {
    "the array": lambda array: array,
    "slice": lambda array: array[::2],
    "slice of a slice": lambda array: array[::2][1:],
    "reshape": lambda array: array.reshape(-1, 2),
    "ravel": lambda array: array.reshape(-1, 2).ravel(),
    "transpose": lambda array: array.reshape(-1, 2).T,
    "asarray": np.asarray,
    "view of another dtype": lambda array: array.view(np.uint32),
    "broadcast": lambda array: np.broadcast_to(array, (2, *array.shape)),
    "strided": lambda array: np.lib.stride_tricks.as_strided(array, (3,), (8,)),
    "memoryview": memoryview,
    "memoryview of a view": lambda array: memoryview(array[3:]),
    "frombuffer": lambda array: np.frombuffer(memoryview(array), np.float32),
    "ndarray of a buffer": lambda array: np.ndarray(5, np.float32, array),
    "from_dlpack": np.from_dlpack,
    "interface": lambda array: np.asarray(from_interface(array[1:])),
    "ctypes": lambda array: np.ctypeslib.as_array(
        array.ctypes.data_as(ctypes.POINTER(ctypes.c_float)), (array.size,)
    ),
    "iterator": lambda array: array.flat,
    "cycle": lambda array: cycle(array),
    "frame": lambda array: raised_with(array),
    "weak reference's object": lambda array: weakref.ref(array)(),
}


def cycle(array):
    item = [array[1:]]
    item.append(item)
    return item


def raised_with(array):
    """An exception holds the frames that it went through, and they their arrays."""
    try:
        [][len(array)]
    except IndexError as error:
        return error


def numbers(held):
    if isinstance(held, IndexError):
        held = held.__traceback__.tb_frame.f_locals["array"]
    held = held[0] if isinstance(held, list) else held
    return np.array(held)


@pytest.mark.parametrize("kind", HOLDERS)
@pytest.mark.parametrize("which", [0, 1])
def test_what_is_held_in_any_way_is_never_written_again(kind, which):
    data, raw = xgb.DMatrix(Data.X, Data.binary), np.zeros(N, np.float32)
    loss = BinaryFocalLoss()
    held = HOLDERS[kind](loss(raw, data)[which])
    before = numbers(held)
    gc.collect()
    for shift in (1, 2, 3, 4):
        loss(raw + shift, data)
    np.testing.assert_array_equal(numbers(held), before)
    # What was held comes back: the next rounds use no more memory than before.
    del held
    gc.collect()
    assert len(set.union(*[places(loss(raw + shift, data)) for shift in (5, 6, 7)])) == 2


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(12,), (12, 5)])
def test_the_base_of_every_view_leads_to_the_holder(shape, order):
    """What all rests on: NumPy shortens chains of views to the owner of the memory, and no further."""
    owner = Owner()
    for array in buffers.take(owner, shape, order):
        assert array.flags[f"{order}_CONTIGUOUS"]
        assert array.flags.writeable
        assert array.flags.aligned
        for view in (array, array[1:], array[1:][1:], array.T, array.view(np.uint32), array.ravel("K")):
            base = view
            while isinstance(base, np.ndarray):
                base = base.base
            assert isinstance(base, buffers._Holder)


class Owner:
    """A data set."""


def test_an_object_that_comes_back_from_the_dead_keeps_its_array():
    """The garbage collector clears weak references to what is in a cycle before __del__ may bring it back."""
    saved = []

    class Lazarus:
        def __del__(self):
            saved.append(self.array)

    owner, item = Owner(), Lazarus()
    item.array = buffers.take(owner, (50,), "C")[0]
    item.itself = item
    item.array[:] = 1
    del item
    gc.collect()
    for _ in range(3):
        for array in buffers.take(owner, (50,), "C"):
            array[:] = 2
    assert saved[0].tolist() == [1.0] * 50


def test_a_list_of_all_rounds_holds_every_one_and_no_more_than_two_are_kept_after_it():
    owner = Owner()
    rounds = [buffers.take(owner, (1000,), "C") for _ in range(20)]
    for i, (gradient, hessian) in enumerate(rounds):
        gradient[:], hessian[:] = i, -i
    for i, (gradient, hessian) in enumerate(rounds):
        assert set(gradient) == {i}
        assert set(hessian) == {-i}
    del rounds, gradient, hessian
    assert len(buffers._shelves[owner]._idle) == buffers.MOST_KEPT


def test_rounds_use_their_memory_again_and_free_it_with_the_data():
    data, raw = xgb.DMatrix(Data.X, Data.binary), np.zeros(N, np.float32)
    loss = BinaryFocalLoss()
    assert len(set.union(*[places(loss(raw, data)) for _ in range(5)])) == 2
    gradient = loss(raw, data)[0]
    (memory,) = [weakref.ref(item) for item in buffers._shelves[data]._idle]  # the Hessian's
    kept = gradient.copy()
    assert memory() is not None
    del data
    gc.collect()
    assert memory() is None
    np.testing.assert_array_equal(gradient, kept)


def test_another_shape_takes_other_memory():
    owner = Owner()
    first = places(buffers.take(owner, (100,), "C"))
    for shape in ((200,), (20, 5), (0,)):
        for array in buffers.take(owner, shape, "F"):
            assert array.shape == shape
            array[:] = 1
    # The same number of numbers in another shape is the same memory.
    del array
    again = [places(buffers.take(owner, shape, "C")) for shape in ((8, 5), (40,))]
    assert again[0] == again[1]
    assert len(first) == 2


def test_pickles_and_copies_are_their_own():
    owner = Owner()
    array = buffers.take(owner, (4,), "C")[0]
    array[:] = 1
    others = [pickle.loads(pickle.dumps(array)), copy.copy(array), copy.deepcopy(array)]
    array[:] = 2
    assert [set(other) for other in others] == [{1.0}] * 3


def test_threads_that_take_from_one_data_set_never_share():
    """Each writes its own number, lets others run, and reads it back; some arrays die in other threads."""
    owner, handed = Owner(), queue.SimpleQueue()
    barrier = threading.Barrier(4)

    def work(number):
        barrier.wait()
        wrong = 0
        for _ in range(300):
            gradient, hessian = buffers.take(owner, (512,), "C")
            gradient[:], hessian[:] = number, -number
            time.sleep(0)
            wrong += int(set(gradient) != {number}) + int(set(hessian) != {-number})
            handed.put(hessian[::2])
            if handed.qsize() > 5:
                handed.get()
        return wrong

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(1, 5))) == [0] * 4


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
