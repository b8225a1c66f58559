"""Labels of a multi-label row as the bits of one number, which is how a LightGBM data set holds them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from focalboost import _validation
from focalboost._typing import Array

MAX_PACKED_LABELS = 24  # whole numbers below 2^24 are exact in the float32 of a label


class PackedLabels:
    """Labels of shape (n_samples, n_labels), whose bits the kernels read."""

    def __init__(self, packed: Array, n_labels: int) -> None:
        self.packed = packed
        self.shape = (packed.shape[0], n_labels)
        self.valid = _validation.Labels(
            2**n_labels - 1,
            whole=True,
            text=f"a whole number below 2^{n_labels}, as focalboost.lightgbm.pack_labels makes of a row",
        )

    def unpack(self) -> Array:
        """All labels, shape (n_samples, n_labels), uint8."""
        self.valid.check(self.packed)
        bits = self.packed.astype(np.int32)
        return np.stack(
            [bits >> label & 1 for label in range(self.shape[1])], axis=1, dtype=np.uint8, casting="unsafe"
        )


def pack_labels(y: ArrayLike) -> Array:
    """Multi-label rows as one number each, for LightGBM's one label per row: the sum of y_l 2^l.

    Parameters
    ----------
    y : array-like of shape (n_samples, n_labels)
        0 and 1; at most 24 labels, the integers that a float32 holds exactly.

    Returns
    -------
    ndarray of shape (n_samples,), float32

    Raises
    ------
    ValueError
        If there are more than 24 labels or other values.

    Examples
    --------
    >>> from focalboost.lightgbm import pack_labels, unpack_labels
    >>> pack_labels([[1, 0, 1], [0, 1, 0]])
    array([5., 2.], dtype=float32)
    >>> unpack_labels([5.0, 2.0], 3)
    array([[1, 0, 1],
           [0, 1, 0]], dtype=uint8)
    """
    labels = _validation.numeric("y", y)
    if labels.ndim != 2 or not 1 <= labels.shape[1] <= MAX_PACKED_LABELS:
        raise ValueError(
            f"y has shape {labels.shape}, must be (n_samples, n_labels) with 1 to {MAX_PACKED_LABELS} "
            "labels: a float32 label holds no more bits. Split them over several boosters, or use XGBoost."
        )
    _validation.check_indicator("y", labels, "soft labels cannot be packed into bits. Use XGBoost for them.")
    return (labels.astype(np.int64) @ (1 << np.arange(labels.shape[1]))).astype(np.float32)


def unpack_labels(packed: ArrayLike, n_labels: int) -> Array:
    """The inverse of `pack_labels`.

    Parameters
    ----------
    packed : array-like of shape (n_samples,)
        As `pack_labels` returned them, or `Dataset.get_label()`.
    n_labels : int
        Number of columns.

    Returns
    -------
    ndarray of shape (n_samples, n_labels), uint8
    """
    return PackedLabels(np.asarray(packed), n_labels).unpack()
