"""How long before a row its label must be known: a gap in the unit of the time column."""

from __future__ import annotations

import re
from typing import Any

from focalboost import _validation

SECONDS = {"s": 1, "min": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_GAP = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*([a-zA-Z]*)\s*")


def parse_gap(gap: Any, *, when_is_date: bool) -> float:
    """The gap in the unit of `Task.when`: seconds of dates, else what the column counts.

    Parameters
    ----------
    gap : float or str
        Of dates a text with its unit, s, min, h, d or w: "7d", "30min"; of numbers a number, itself or as
        text. 0 is no gap.
    when_is_date : bool
        Whether the time column holds dates.

    Returns
    -------
    float >= 0

    Raises
    ------
    ValueError
        If it cannot be read or is below 0, or if the unit is missing or one too many.

    Examples
    --------
    >>> from focalboost.comparison._gap import parse_gap
    >>> parse_gap("7d", when_is_date=True), parse_gap(24, when_is_date=False)
    (604800.0, 24.0)
    """
    number, unit = _parts(gap)
    if when_is_date and not unit and number != 0:
        raise ValueError(
            f"gap == {_validation.show(gap)}, must have a unit, such as '{number:g}d', '{number:g}h' or "
            f"'{number:g}min': the time column holds dates."
        )
    if unit and not when_is_date:
        raise ValueError(
            f"gap == {gap!r}, must be a number without a unit: the time column holds numbers, and the gap "
            "counts as they do."
        )
    return number * SECONDS.get(unit, 1)


def _parts(gap: Any) -> tuple[float, str]:
    """Number and unit."""
    unit, value = "", gap
    if isinstance(gap, str):
        match = _GAP.fullmatch(gap)
        unit = match[2].lower() if match else ""
        if not match or (unit and unit not in SECONDS):
            raise ValueError(
                f"gap == {gap!r}, must be a number, or a number and one of {', '.join(SECONDS)}, such as "
                "'7d'."
            )
        value = float(match[1])
    return _validation.number("gap", value, ">= 0 and finite", low=0.0, strict=False), unit
