"""Focal loss for XGBoost and LightGBM: one object that goes wherever a custom objective goes."""

from importlib.metadata import version as _version

from focalboost.losses import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss, posterior

__version__ = _version("focalboost")

__all__ = [
    "BinaryFocalLoss",
    "MulticlassFocalLoss",
    "MultilabelFocalLoss",
    "__version__",
    "posterior",
]
