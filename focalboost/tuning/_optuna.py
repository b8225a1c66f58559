"""Optuna, which is an extra, and the versions that a trial notes."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any


def load_optuna() -> Any:
    """Optuna, or an error that names the extra."""
    try:
        import optuna  # noqa: PLC0415  # an extra, imported where it is needed
    except ModuleNotFoundError as error:
        raise ImportError("focalboost.tuning needs Optuna: pip install 'focalboost[optuna]'.") from error
    return optuna


def versions(*packages: str) -> dict[str, str]:
    """Installed versions; XGBoost is found under either of its names."""
    found = {}
    for package in packages:
        for name in (package, f"{package}-cpu"):
            try:
                found[package] = version(name)
                break
            except PackageNotFoundError:
                continue
    return found
