"""Sigmoid, softmax and their logarithms in NumPy.

`scipy.special` has them all and takes 0.1 s to import, more than the rest of what a scoring service loads.
"""

from __future__ import annotations

import numpy as np

from focalboost._typing import Array


def expit(x: Array) -> Array:
    """1 / (1 + exp(-x)), with all its digits where it is next to 0."""
    e = np.exp(-np.abs(x))
    return np.asarray(np.where(x < 0.0, e, 1.0) / (1.0 + e))


def log_expit(x: Array) -> Array:
    """Logarithm of `expit`."""
    return np.asarray(np.minimum(x, 0.0) - np.log1p(np.exp(-np.abs(x))))


def logit(p: Array) -> Array:
    """Inverse of `expit`, for p in (0, 1)."""
    return np.asarray(np.log(p) - np.log1p(-p))


def logsumexp(x: Array) -> Array:
    """log of the sum of exp(x) over the last axis, which is kept; one of each row is finite."""
    largest = x.max(axis=-1, keepdims=True)
    return np.asarray(largest + np.log(np.exp(x - largest).sum(axis=-1, keepdims=True)))


def log_softmax(x: Array) -> Array:
    """x - logsumexp(x) over the last axis, one of each row finite."""
    below = x - x.max(axis=-1, keepdims=True)
    return np.asarray(below - np.log(np.exp(below).sum(axis=-1, keepdims=True)))


def softmax(x: Array) -> Array:
    """exp of `log_softmax`."""
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))
