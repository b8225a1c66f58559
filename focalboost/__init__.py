"""Focal loss for XGBoost and LightGBM: one object that goes wherever a custom objective goes.

Start with `BinaryFocalLoss`, or with the classifiers of `focalboost.xgboost` and `focalboost.lightgbm`.
`focalboost.tuning` searches gamma and the class weights, `focalboost.metrics` has what fraud teams judge by,
`focalboost.calibration` the probabilities in closed form, `focalboost.datasets` data to try it on.
"""

from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

if _TYPE_CHECKING:
    from focalboost.losses import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss, posterior

    __version__: str

__all__ = [
    "SKOPS_TRUSTED_TYPES",
    "BinaryFocalLoss",
    "MulticlassFocalLoss",
    "MultilabelFocalLoss",
    "__version__",
    "posterior",
]

# What a fitted classifier consists of, for `skops.io.load(..., trusted=SKOPS_TRUSTED_TYPES)`.
SKOPS_TRUSTED_TYPES = [
    "collections.OrderedDict",
    "focalboost.BinaryFocalLoss",
    "focalboost.MulticlassFocalLoss",
    "focalboost.MultilabelFocalLoss",
    "focalboost.lightgbm.FocalLGBMClassifier",
    "focalboost.xgboost.FocalXGBClassifier",
    "lightgbm.basic.Booster",
    "xgboost.core.Booster",
]

# All is loaded when first asked for: boosters are extras, and slow to import, and a service that asks
# `focalboost.calibration` for probabilities needs nothing else.
_SUBMODULES = ("calibration", "datasets", "lightgbm", "losses", "metrics", "tuning", "xgboost")


def __getattr__(name: str) -> _Any:
    from importlib import import_module  # noqa: PLC0415  # not public

    if name in _SUBMODULES:
        return import_module(f"focalboost.{name}")
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415  # reads a file

        value: _Any = version("focalboost")
    elif name in __all__:
        value = getattr(import_module("focalboost.losses"), name)
    else:
        raise AttributeError(f"module 'focalboost' has no attribute {name!r}")
    globals()[name] = value  # not asked for again
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_SUBMODULES})
