"""An objective that computes nothing: the time of the hosts' own part, and what the checks say of no loss."""

from __future__ import annotations

from typing import Any

import numpy as np

from adapters.interface import Adapter, Array, Objective


def nothing(margin: Array, _: Any) -> tuple[Array, Array]:
    return np.zeros_like(margin), np.ones_like(margin)


class Zeros(Adapter):
    multiclass = True

    def objective(self, gamma: float, alpha: float, n_classes: int = 2) -> Objective:
        return nothing


adapter = Zeros
