"""Focal loss for XGBoost and LightGBM, with probabilities that are true.

Start with `focalboost.xgboost.FocalXGBClassifier` or `focalboost.lightgbm.FocalLGBMClassifier` in
scikit-learn, with `focalboost.xgboost.train` or `focalboost.lightgbm.train` where you call a booster itself.

What is public, here:

==================== ===================================================================================
BinaryFocalLoss      the loss for two classes, an object that goes wherever a custom objective goes
MulticlassFocalLoss  for several classes
MultilabelFocalLoss  for several labels a row
posterior            class probabilities of the margins of a saved model
SKOPS_TRUSTED_TYPES  what a fitted classifier consists of, for `skops.io.load`
__version__          the version of focalboost
==================== ===================================================================================

And in its modules, each loaded when it is first asked for:

====================== =================================================================================
focalboost.xgboost     train, cv, start, FocalXGBClassifier; load_model, stored_loss
focalboost.lightgbm    train, cv, start, FocalLGBMClassifier; load_model, stored_loss; pack_labels
focalboost.tuning      CrossValidatedObjective, suggest_focal: gamma, weights and the booster with Optuna
focalboost.comparison  compare: is focal loss worth it on your data? Also the command `focalboost compare`
focalboost.metrics     recall, precision, value and cost as fraud teams ask for them; thresholds; scorers
focalboost.calibration probabilities in closed form and back, with NumPy alone: served_loss, binary_posterior
focalboost.plotting    reliability, precision-recall, cost, trials, loss curves
focalboost.onnx        to_onnx, register_converters
focalboost.datasets    make_transactions, load_table, two real sets
focalboost.losses      the three losses and `posterior`, which are here too
====================== =================================================================================

Names that begin with an underscore are not public, and may change in any version.
"""

import typing as _t
from threading import RLock as _RLock
from typing import Any as _Any

if _t.TYPE_CHECKING:
    from focalboost import calibration as calibration
    from focalboost import comparison as comparison
    from focalboost import datasets as datasets
    from focalboost import lightgbm as lightgbm
    from focalboost import losses as losses
    from focalboost import metrics as metrics
    from focalboost import onnx as onnx
    from focalboost import plotting as plotting
    from focalboost import tuning as tuning
    from focalboost import xgboost as xgboost
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
_SUBMODULES = (
    "calibration",
    "comparison",
    "datasets",
    "lightgbm",
    "losses",
    "metrics",
    "onnx",
    "plotting",
    "tuning",
    "xgboost",
)
# Two threads that import at once may see one another's half-imported modules, NumPy's among them.
_LOADING = _RLock()

if not _t.TYPE_CHECKING:  # a type checker is to find a misspelled name

    def __getattr__(name: str) -> _Any:
        if name not in _SUBMODULES and name not in __all__:
            raise AttributeError(f"module 'focalboost' has no attribute {name!r}")
        with _LOADING:
            value = _loaded(name)
            globals()[name] = value  # not asked for again
        return value


def _loaded(name: str) -> _Any:
    from importlib import import_module  # noqa: PLC0415  # not public

    if name in _SUBMODULES:
        return import_module(f"focalboost.{name}")
    return _version() if name == "__version__" else getattr(import_module("focalboost.losses"), name)


def _version() -> str:
    """Of the installed distribution, or of the tree in which the package was not installed."""
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415  # reads a file

    try:
        return version("focalboost")
    except PackageNotFoundError:
        import tomllib  # noqa: PLC0415
        from pathlib import Path  # noqa: PLC0415

        file = Path(__file__).parents[1] / "pyproject.toml"
        found = tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        project = found.get("project", {})
        return str(project["version"]) if project.get("name") == "focalboost" else "0+unknown"


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_SUBMODULES})
