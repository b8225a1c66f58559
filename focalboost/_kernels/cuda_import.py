"""Numba's CUDA, imported in this one place, when a GPU is first used: with what NumPy 2.5 has taken away.

numba-cuda 0.30, its last series, overloads `numpy.row_stack` in the file that every kernel is compiled with.
NumPy 2.5 has no such function, and no kernel would compile. Here it is lent while that file is imported.
"""

from __future__ import annotations

import warnings

import numba
import numpy as np

with warnings.catch_warnings():
    # numba-cuda 0.30 makes a timedelta without a unit while it is imported.
    warnings.filterwarnings("ignore", "The 'generic' unit for NumPy timedelta", DeprecationWarning)
    from numba import cuda

    if not numba.config.ENABLE_CUDASIM:
        if getattr(cuda, "implementation", None) != "NVIDIA":
            raise ImportError(
                "numba.cuda is not that of numba-cuda, whose .pth file was not read: install numba-cuda into "
                "the environment's own site-packages, without --target and not on PYTHONPATH"
            )
        lent = not hasattr(np, "row_stack")
        if lent:
            np.row_stack = np.vstack  # type: ignore[attr-defined,unused-ignore]  # noqa: NPY201
        try:
            import numba.cuda.np.arrayobj
        finally:
            if lent:
                del np.row_stack  # type: ignore[attr-defined,unused-ignore]  # noqa: NPY201

__all__ = ["cuda"]
