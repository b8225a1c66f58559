"""What comes with the extra `tables`, loaded where it is needed; names in error texts."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType


def pandas_for(wanted_by: str) -> ModuleType:
    return _extra("pandas", wanted_by)


def pyarrow_for(wanted_by: str) -> Any:
    """pyarrow.parquet; pyarrow itself comes with it."""
    return _extra("pyarrow.parquet", wanted_by)


def _extra(module: str, wanted_by: str) -> ModuleType:
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{wanted_by} needs {module.partition('.')[0]}, which is not installed; run: "
            "pip install 'focalboost[tables]'"
        ) from error


def listed(names: Iterable[object], most: int = 20) -> str:
    """Names for an error text."""
    shown = [repr(name) for name in names]
    return ", ".join(shown[:most] + ["..."] * (len(shown) > most))
