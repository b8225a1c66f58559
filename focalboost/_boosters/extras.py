"""What to install where a booster is missing."""

from __future__ import annotations

from importlib.util import find_spec

from focalboost._boosters.caller import Library

_TEXTS: dict[Library, str] = {
    "xgboost": (
        "focalboost.xgboost needs XGBoost: pip install 'focalboost[xgboost]' (or xgboost-cpu, 6 MB, for "
        "machines without a GPU)."
    ),
    "lightgbm": "focalboost.lightgbm needs LightGBM: pip install 'focalboost[lightgbm]'.",
}


def require(library: Library) -> None:
    """Raise where a booster is not installed."""
    try:
        found = find_spec(library) is not None
    except ValueError:  # sys.modules has None in its place
        found = False
    if not found:
        raise ImportError(_TEXTS[library])
