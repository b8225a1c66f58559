"""What the kernels notice of their input, under the checks of the losses."""

import numpy as np
import pytest

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss
from focalboost._kernels import flags as _flags
from focalboost._kernels import sigmoid as _sigmoid_kernels
from focalboost._kernels.interface import kernel_bounds, kernel_table


def test_a_nan_never_comes_out_as_a_number():
    """The kernels themselves, under the checks: NaN in, NaN out, and flagged."""
    raw, y = np.float32([np.nan, 0.0]), np.float32([1, 1])
    g, h = np.zeros(2, np.float32), np.zeros(2, np.float32)
    table = kernel_table(np.array([2.0, 2.0]), np.array([1.0, 1.0]))
    flags = _sigmoid_kernels.sigmoid_hard(raw, y, None, table, kernel_bounds("guarded", np.ones(1)), g, h)
    assert flags == _flags.BAD_MARGIN
    assert np.isnan(g[0])
    assert np.isnan(h[0])
    assert np.isfinite([g[1], h[1]]).all()


def test_float64_margins_beyond_float32_are_an_error():
    with pytest.raises(ValueError, match=r"raw_prediction\[1\] == 1e\+39, must be at most 3.4e\+38 in size"):
        BinaryFocalLoss().gradient_hessian([0, 1], [0.0, 1e39])


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("method", ["loss", "gradient_hessian", "metric"])
def test_infinite_margins_are_refused_where_there_is_no_limit(method, bad):
    """The posterior has one; a gradient of inf - inf or an infinite loss is of a model that diverged."""
    for loss, y, raw in [
        (BinaryFocalLoss(), [0, 1], [0.0, bad]),
        (MulticlassFocalLoss(), [0, 1], [[0.0, 0.0], [bad, 0.0]]),
        (MultilabelFocalLoss(), [[0, 1], [1, 0]], [[0.0, 0.0], [bad, 0.0]]),
    ]:
        with pytest.raises(ValueError, match=r"raw_prediction\[1(, 0)?\] == .*, must be finite"):
            getattr(loss, method)(y, raw)
