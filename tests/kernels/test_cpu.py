"""Kernels over whole arrays: the lock they let go of, and what they notice far down."""

import sys
import threading
import time

import numpy as np
import pytest

from focalboost import BinaryFocalLoss
from focalboost._kernels import cpu
from focalboost._kernels.interface import Parameters

N = 200_000
RNG = np.random.default_rng(0)
RAW, Y = RNG.normal(0, 3, N).astype(np.float32), (RNG.random(N) < 0.1).astype(np.float32)


def test_the_gil_is_released():
    """While kernels run in a thread, this one goes on counting."""
    raw, y = np.tile(RAW, 40), np.tile(Y, 40)
    loss = BinaryFocalLoss(2.0, n_jobs=1)
    loss.gradient_hessian(y[:10], raw[:10])
    out = np.empty(raw.size, np.float32), np.empty(raw.size, np.float32)
    done = threading.Event()

    def work():
        cpu.sigmoid_gradient_hessian(
            y[:, None],
            raw[:, None],
            None,
            Parameters(np.full((1, 2), 2.0), np.ones((1, 2))),
            (out[0][:, None], out[1][:, None]),
            1,
        )
        done.set()

    previous = sys.getswitchinterval()
    sys.setswitchinterval(60.0)  # no thread is made to give up the lock
    try:
        threading.Thread(target=work).start()
        seen = 0
        while not done.is_set():
            seen += 1
            time.sleep(0)
    finally:
        sys.setswitchinterval(previous)
    # One look for each block of 131,072 rows at the least: the kernel let this thread in.
    assert seen > raw.size // 131_072


def test_a_late_bad_label_or_margin_is_found_in_large_data(rng):
    n = 400_000
    y, raw = (rng.random(n) < 0.1).astype(np.float32), rng.normal(0, 1, n).astype(np.float32)
    y[n - 2] = 3
    with pytest.raises(ValueError, match=r"y_true\[399998\] == 3\.0, must be in"):
        BinaryFocalLoss().gradient_hessian(y, raw)
    y[n - 2], raw[n - 1] = 1, -np.inf
    with pytest.raises(ValueError, match=r"raw_prediction\[399999\] == -inf, must be finite"):
        BinaryFocalLoss().gradient_hessian(y, raw)


def test_soft_labels_late_in_large_data_are_read_as_soft(rng):
    n = 300_000
    y, raw = (rng.random(n) < 0.1).astype(np.float32), rng.normal(0, 1, n).astype(np.float32)
    y[-1] = 0.5
    g, _ = BinaryFocalLoss().gradient_hessian(y, raw)
    np.testing.assert_allclose(g[-1], BinaryFocalLoss().gradient_hessian([0.5], raw[-1:])[0][0], rtol=1e-6)
