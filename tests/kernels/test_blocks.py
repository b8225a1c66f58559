"""Blocks of rows of whatever layout and dtype arrives, without memory that grows with the rows."""

import tracemalloc

import numpy as np
import pytest

from focalboost import BinaryFocalLoss, MulticlassFocalLoss
from tests.instances import ALL, example


@pytest.mark.parametrize("loss", ALL, ids=repr)
def test_derivatives_do_not_depend_on_layout_dtype_or_threads(loss, rng):
    y, raw = example(loss, 70_000, rng)
    weight = rng.uniform(0, 2, 70_000)
    raw32 = raw.astype(np.float32)
    g, h = loss.gradient_hessian(y.astype(np.float32), raw32, weight.astype(np.float32))
    # float32 is right to 2e-5 for a gamma of 10, of the larger of the parts whose sum an exact Hessian is.
    large = type(loss)(loss.gamma, loss.alpha, hessian="reweighted").gradient_hessian(y, raw32, weight)[1]
    # So is the gradient of a smoothed label.
    smoothing = getattr(loss, "label_smoothing", 0.0)
    wide = 2e-5 if np.max(loss.gamma) > 5 else 2e-6
    variants = [
        (y.astype("u1"), raw32, weight.astype("f4"), 1e-6),
        (y.astype("i8"), np.asfortranarray(raw32), weight.astype("f4"), 1e-6),
        (y.astype("f8")[::-1][::-1], np.repeat(raw32, 2, axis=0)[::2], weight.astype("f4"), 1e-6),
        (y.astype(">f4"), raw32.astype(">f4"), weight.astype(">f4"), wide),
        (y.astype("f4"), raw32.astype("f8"), weight.astype("f4"), wide),
    ]
    for labels, margins, weights, limit in variants:
        for n_jobs in (1, 3):
            same = type(loss)(loss.gamma, loss.alpha, hessian=loss.hessian, n_jobs=n_jobs)
            if hasattr(loss, "label_smoothing"):
                same._set(label_smoothing=loss.label_smoothing)
            same._set(scale=loss.scale)
            got = same.gradient_hessian(labels, margins, weights)
            for a, b in zip(got, (g, h), strict=True):
                assert a.dtype == np.float32
                size = np.maximum(np.abs(b), large * loss.scale) if b is h else np.abs(b) + smoothing
                assert (np.abs(a - b) <= limit * size + 1e-37).all()


@pytest.mark.parametrize("layout", ["contiguous", "strided", "integers"])
@pytest.mark.parametrize("n_classes", [1, 5])
def test_no_memory_grows_with_the_rows_but_the_outputs(layout, n_classes):
    n = 1_000_000
    shape = (n,) if n_classes == 1 else (n, n_classes)
    raw, y = np.zeros(shape, np.float32), np.zeros(n, np.float32)
    weight = np.ones(n, np.float32)
    if layout == "strided":
        raw, y, weight = np.zeros((2 * n, *shape[1:]), np.float32)[::2], np.zeros(3 * n)[::3], weight[::-1]
    elif layout == "integers":
        raw, y = raw.astype(np.int16), y.astype(np.int64)
    loss = BinaryFocalLoss(n_jobs=2) if n_classes == 1 else MulticlassFocalLoss(n_jobs=2)
    loss.gradient_hessian(y[:10], raw[:10], weight[:10])
    loss.gradient_hessian(y, raw, weight)
    tracemalloc.start()
    try:
        g, h = loss.gradient_hessian(y, raw, weight)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # Scratch blocks of two threads: a few hundred kilobytes each, whatever n is.
    assert peak < g.nbytes + h.nbytes + 2_000_000
