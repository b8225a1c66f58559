"""Whether an array changed, told by a number."""

import numpy as np

from focalboost._kernels import digest as _digest


def test_digests_notice_every_change_of_one_number_and_every_exchange():
    y = np.random.default_rng(1).integers(0, 2, 1000).astype(np.float32)
    start = _digest.digest(y, 1)
    assert _digest.digest(y.copy(), 1) == start
    assert _digest.digest(y.reshape(500, 2), 1) != start
    for i in range(1000):
        changed = y.copy()
        changed[i] = 1 - changed[i]
        assert _digest.digest(changed, 1) != start
        j = (i * 7 + 1) % 1000
        changed = y.copy()
        changed[[i, j]] = y[[j, i]]
        assert (_digest.digest(changed, 1) != start) == (y[i] != y[j])


def test_digests_do_not_depend_on_threads():
    y = np.random.default_rng(1).normal(size=2_000_000).astype(np.float32)
    assert _digest.digest(y, 1) == _digest.digest(y, 3)
    assert _digest.digest(y[:0], 1) == ((0,), 0)
