"""A number that tells whether an array changed, at the cost of reading it once."""

from __future__ import annotations

import numpy as np

from focalboost._kernels.compile import kernel
from focalboost._kernels.threads import map_blocks
from focalboost._typing import Array

Digest = tuple[tuple[int, ...], int]

BLOCK = 262_144  # 1 MiB, some 0.1 ms
_MASK_32 = np.uint64(0xFFFFFFFF)
_ONE = np.uint64(1)


@kernel
def _block_digest(words: Array, start: int) -> int:
    """Sum over the words of (position + 1) times the word, modulo 2^64.

    A change of one word, or of two that change places, always changes the sum: it is a product of two numbers
    between 1 and 2^32.
    """
    total = np.uint64(0)
    for i in range(words.shape[0]):
        total += np.uint64(words[i]) * ((np.uint64(start + i) & _MASK_32) + _ONE)
    return total  # type: ignore[return-value]  # compiled, it is a Python int


def digest(array: Array, n_jobs: int | None) -> Digest:
    """Shape and checksum of a contiguous array of 4-byte numbers."""
    words = array.reshape(-1).view(np.uint32)

    def run(start: int, stop: int) -> int:
        return int(_block_digest(words[start:stop], start))

    # The order in which threads finish does not matter: a sum.
    return array.shape, sum(map_blocks(lambda: run, words.size, BLOCK, n_jobs)) % 2**64
