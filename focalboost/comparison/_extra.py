"""What comes with the extra `compare`, loaded where it is needed."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def load_optuna() -> Any:
    return extra("optuna")


def load_pandas() -> Any:
    return extra("pandas")


def extra(module: str) -> Any:
    """A module of the extra, or an error that names the extra."""
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(
            f"focalboost.comparison needs {module.partition('.')[0]}, which is not installed; run: "
            "pip install 'focalboost[compare]'"
        ) from error
