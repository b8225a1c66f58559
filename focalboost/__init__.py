"""Focal loss for XGBoost and LightGBM: one object that goes wherever a custom objective goes.

Start with `BinaryFocalLoss`, or with the classifiers of `focalboost.xgboost` and `focalboost.lightgbm`.
`focalboost.tuning` searches gamma and the class weights, `focalboost.metrics` has what fraud teams judge by,
`focalboost.calibration` the probabilities in closed form, `focalboost.datasets` data to try it on.
"""

from importlib import import_module as _import_module
from importlib.metadata import version as _version
from typing import Any as _Any

from focalboost.losses import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss, posterior

__version__ = _version("focalboost")

__all__ = [
    "BinaryFocalLoss",
    "MulticlassFocalLoss",
    "MultilabelFocalLoss",
    "__version__",
    "posterior",
]

# Loaded when first asked for: boosters are extras, and slow to import.
_SUBMODULES = ("calibration", "datasets", "lightgbm", "losses", "metrics", "tuning", "xgboost")


def __getattr__(name: str) -> _Any:
    if name in _SUBMODULES:
        return _import_module(f"focalboost.{name}")
    raise AttributeError(f"module 'focalboost' has no attribute {name!r}")
