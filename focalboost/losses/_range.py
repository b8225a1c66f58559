"""Whether float32 holds what class weights, scale and row weights make together, and what would do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from focalboost import _validation
from focalboost._kernels.interface import weight_range
from focalboost._typing import Array
from focalboost.calibration._schema import fits

# Class weights times scale, for that gamma and those class weights.
Factors = Callable[[Array, Array], Array]
_BISECTIONS = 40


def check_resolved(find: Factors, gamma: Array, alpha: Array, factors: Array) -> None:
    """Refuse gamma or alpha whose scale float32 cannot hold, and say how far they may go."""
    if fits(factors):
        return

    def works(share: float, power: float) -> bool:
        try:
            # Class weights nearer to each other, around their geometric mean.
            middle = np.exp(np.mean(np.log(alpha)))
            return fits(find(gamma * share, middle * (alpha / middle) ** power))
        except ValueError:  # no margin was found
            return False

    why = (
        f"with these labels scale times alpha leaves float32's range (it goes from {factors.min():.3g} to "
        f"{factors.max():.3g})."
    )
    largest = float(gamma.max())
    if largest > 0.0 and works(0.0, 1.0):
        most = _rounded_down(largest * _largest(lambda share: works(share, 1.0)))
        raise ValueError(f"gamma == {largest:g}, must be at most {most:g}: {why} Useful are 0 to 5.")
    ratio = float(alpha.max() / alpha.min())
    raise ValueError(
        f"alpha == {alpha.tolist()!r} has weights that differ by a factor of {ratio:.3g}, must be at most "
        f"{_rounded_down(ratio ** _largest(lambda power: works(1.0, power))):.3g}: {why}"
    )


def check_weights(factors: Array, extremes: tuple[float, float]) -> None:
    """Refuse row weights (the smallest above 0 and the largest) whose products leave float32's range."""
    bounds = weight_range(factors)
    for value in extremes:
        if not bounds[0] <= value <= bounds[1]:
            raise ValueError(_validation.weight_error("sample_weight", value, bounds))


def _largest(works: Callable[[float], bool]) -> float:
    """The largest number from 0 to 1 that works, to 12 digits."""
    low, high = 0.0, 1.0
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if works(middle) else (low, middle)
    return low


def _rounded_down(value: float) -> float:
    """To three digits, so that the number in an error works."""
    if value <= 0.0:
        return 0.0
    unit = 10.0 ** (np.floor(np.log10(value)) - 2)
    return float(np.floor(value / unit) * unit)
