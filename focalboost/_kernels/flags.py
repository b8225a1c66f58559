"""What kernels notice of their input on the way, so that bad input costs no second pass over the data."""

from __future__ import annotations

import numpy as np

SOFT_LABEL = np.int32(1)  # a label inside (0, 1): the caller repeats the block with the soft kernel
BAD_LABEL = np.int32(2)
BAD_MARGIN = np.int32(4)
BAD_WEIGHT = np.int32(8)
NO_FLAG = np.int32(0)
