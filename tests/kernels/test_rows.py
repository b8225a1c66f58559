"""The row of a GPU thread, compiled for the CPU."""

import numba
import numpy as np
import pytest

from focalboost import MulticlassFocalLoss
from focalboost._kernels import rows as _rows
from focalboost._kernels.compile import FAST_MATH
from focalboost._kernels.interface import kernel_bounds, kernel_table

ZERO = np.uint64(0)


@pytest.mark.parametrize("hessian", ["guarded", "exact", "reweighted"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_classes", [2, 3, 17])
def test_the_row_of_a_gpu_thread_compiled_for_the_cpu(n_classes, dtype, hessian, rng):
    """The simulator runs it as Python, whose floats have 53 bits; here they have the bits of the GPU's."""
    compiled = numba.njit(error_model="numpy", fastmath=FAST_MATH)(_rows.softmax_row)
    n = 200
    raw = rng.normal(0, 6, (n, n_classes)).astype(dtype)
    y = rng.integers(0, n_classes, n).astype(np.float32)
    loss = MulticlassFocalLoss(tuple(np.linspace(0, 4, n_classes)), hessian=hessian)
    weight = rng.uniform(0.1, 3, n).astype(np.float32)
    expected = loss.gradient_hessian(y, raw, weight)
    sizes = [np.abs(expected[0]), np.abs(expected[1])]
    if hessian == "exact":
        size = MulticlassFocalLoss(loss.gamma, hessian="reweighted").gradient_hessian(y, raw, weight)[1]
        sizes[1] = np.maximum(sizes[1], size)
    table = kernel_table(np.array(loss.gamma), np.ones(n_classes))
    found = np.empty((2, n, n_classes), np.float32)
    for i in range(n):
        inputs = raw[i], ZERO, y[i], weight[i], table, *kernel_bounds(hessian, np.ones(1)), np.float32(1)
        assert compiled(*inputs, found[0, i], found[1, i], ZERO) == 0
    for numbers, cpu, size in zip(found, expected, sizes, strict=True):
        assert np.all(np.abs(numbers - cpu) <= 2e-6 * size)


def test_the_row_of_a_gpu_thread_in_place(rng):
    """In shared memory the gradient is written over the margins."""
    compiled = numba.njit(error_model="numpy", fastmath=FAST_MATH)(_rows.softmax_row)
    table, bounds = kernel_table(np.full(5, 2.0), np.ones(5)), kernel_bounds("guarded", np.ones(5))
    raw = rng.normal(0, 4, (50, 5)).astype(np.float32)
    for i, row in enumerate(raw):
        results = []
        for z in (row, row.copy()):
            gradient, hessian = (z if z is not row else np.empty(5, np.float32)), np.empty(5, np.float32)
            inputs = z, ZERO, np.float32(i % 5), np.float32(1), table, *bounds, np.float32(2)
            compiled(*inputs, gradient, hessian, ZERO)
            results.append((gradient, hessian))
        np.testing.assert_array_equal(results[0], results[1])
