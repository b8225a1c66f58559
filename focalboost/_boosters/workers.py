"""Sums over the workers of a cluster."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from focalboost._typing import Array


def sum_over_workers(values: Array) -> Array:
    """The sum over the workers of an XGBoost cluster, all of which must call; `values` itself outside one."""
    collective: Any = sys.modules.get("xgboost.collective")
    if collective is None or not collective.is_distributed():
        return values
    # XGBoost before 3.4 returns a flat array.
    return np.asarray(collective.allreduce(values, collective.Op.SUM)).reshape(values.shape)
