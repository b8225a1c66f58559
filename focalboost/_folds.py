"""Training on the folds of a cross-validation, with data that is binned once for all trials."""

from __future__ import annotations

import logging
import threading
import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

from numpy.typing import NDArray

from focalboost import _validation
from focalboost._estimator import PARAMETERS, FocalEstimator
from focalboost._fold_data import Split, n_values, take_rows
from focalboost._loss import FocalLoss
from focalboost._target import Target

Array = NDArray[Any]

logger = logging.getLogger("focalboost")

_ROUNDS = "Pass it as num_boost_round; the number of a trial is found by early stopping."
_STOPPING = "Pass it to CrossValidatedObjective: it stops by the focal loss of the validation rows."
_SCORING = "Pass scoring: training stops by the focal loss."
# Parameters of the classifiers that a fold sets itself.
_SET_HERE: dict[str, str] = {
    "n_estimators": _ROUNDS,
    "num_boost_round": _ROUNDS,
    "num_iterations": _ROUNDS,
    "early_stopping_rounds": _STOPPING,
    "early_stopping_round": _STOPPING,
    "eval_metric": _SCORING,
    "metric": _SCORING,
    "callbacks": "Folds of several trials may run at once and share none.",
    "class_weight": "Search focal_alpha_power, or fix focal_alpha.",
    "n_jobs": "Pass it to CrossValidatedObjective, which divides it among trials.",
    "device": "Pass it to CrossValidatedObjective.",
    "device_type": "Pass it to CrossValidatedObjective, as device.",
    "probability": "Metrics see the posterior.",
}


class Fit(NamedTuple):
    """What one fold gives: the model without its booster, margins of the validation rows, its rounds."""

    estimator: FocalEstimator
    margins: Array
    rounds: int


class FoldSettings(NamedTuple):
    """What all trials have in common."""

    splits: list[Split]
    num_boost_round: int
    early_stopping_rounds: int | None
    device: str | None
    cache: bool


class Folds(ABC):
    """One cross-validation's data; `run` may be called by several threads at once."""

    library: ClassVar[str]
    names: ClassVar[dict[str, str]]
    """The library's own names for parameters that have another in scikit-learn's interface."""
    bytes_per_value: ClassVar[float]
    """What stays in memory for a number of X, in one fold, measured with 300,000 x 30."""
    defaults: ClassVar[dict[str, Any]] = {}

    def __init__(
        self,
        X: Any,
        encoded: Array,
        weight: Array | None,
        target: Target,
        fixed: Mapping[str, Any],
        settings: FoldSettings,
    ) -> None:
        self.X, self.encoded, self.weight, self.target = X, encoded, weight, target
        self.fixed, self.settings = {**self.defaults, **fixed}, settings
        self._known: frozenset[str] | None = None
        self._forget()

    def _forget(self) -> None:
        self._kept: dict[int, Any] = {}
        self._locks = [threading.Lock() for _ in self.settings.splits]

    def __getstate__(self) -> dict[str, Any]:
        """Without binned data: a process that unpickles it makes its own."""
        return {name: value for name, value in vars(self).items() if name not in ("_kept", "_locks")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._forget()

    # ------------------------------------------------------------------ memory
    def cache_bytes(self) -> int:
        """Estimate of what is kept between trials."""
        n_copies = self._n_copies() if self.settings.cache else 0
        return int(n_copies * self.bytes_per_value * n_values(self.X))

    def _n_copies(self) -> float:
        n_samples = len(self.encoded)
        return sum(len(train) + len(valid) for train, valid in self.settings.splits) / n_samples

    def state_memory(self) -> None:
        """Say what will be kept, before it is; warn where it is more than is free."""
        if not self.settings.cache:
            return
        import psutil  # noqa: PLC0415  # of the extra that brings Optuna

        needed, free = self.cache_bytes(), psutil.virtual_memory().available
        logger.info(
            "tuning keeps the binned data of %d folds, about %.2g GB; cache=False does without",
            len(self.settings.splits),
            needed / 1e9,
        )
        if needed > free:
            warnings.warn(
                f"cache == True needs about {needed / 1e9:.2g} GB, {free / 1e9:.2g} GB are free: pass "
                "cache=False, fewer folds or float32 data.",
                ResourceWarning,
                stacklevel=4,
            )

    # ------------------------------------------------------------------ parameters
    @abstractmethod
    def new_estimator(self, params: Mapping[str, Any]) -> Any:
        """The classifier, not fitted."""

    @abstractmethod
    def _own_parameters(self) -> frozenset[str]:
        """Names that the library itself knows, without aliases."""

    def check_names(self, params: Mapping[str, Any], where: str) -> None:
        """Refuse parameters that would be ignored, or that a fold sets itself."""
        for name in params:
            if name in _SET_HERE:
                raise ValueError(f"{where} has {name!r}, must leave it out. {_SET_HERE[name]}")
            if name in self.names:
                raise ValueError(
                    f"{where} has {name!r}, must have {self.names[name]!r}, as {self.library} calls it in "
                    "scikit-learn's interface: two names of one parameter would hide each other."
                )
        if self._known is None:
            self._known = frozenset(self.new_estimator({}).get_params()) | self._own_parameters()
        for name in params:
            if name not in self._known:
                raise ValueError(
                    f"{where} has {name!r}, must be a parameter of {type(self.new_estimator({})).__name__} "
                    f"or one of {self.library}'s by its main name: {self.library} would ignore it."
                )

    def complete(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters of a trial with those that are fixed."""
        both = [name for name in params if name in self.fixed and name not in self.defaults]
        if both:
            raise ValueError(
                f"space and fixed both set {both[0]!r}, must be one of them: leave it out of the other."
            )
        self.check_names(params, "space")
        return {**self.fixed, **params}

    # ------------------------------------------------------------------ training
    def run(self, fold: int, params: Mapping[str, Any], n_jobs: int) -> Fit:
        """Train on one fold with complete parameters."""
        estimator = self.new_estimator({**params, "n_jobs": n_jobs})
        data = self._data(fold, params, n_jobs)
        train = self.settings.splits[fold][0]
        weight = None if self.weight is None else self.weight[train]
        loss = estimator._resolve_loss(self.encoded[train], weight, self.target)
        estimator.loss_, estimator._target = loss, self.target
        margins, rounds = self._train(estimator, loss, data, n_jobs)
        return Fit(estimator, margins, rounds)

    def _data(self, fold: int, params: Mapping[str, Any], n_jobs: int) -> Any:
        if not self.settings.cache:
            return self._bin(fold, params, n_jobs)
        with self._locks[fold]:
            if fold not in self._kept:
                self._kept[fold] = self._bin(fold, self.fixed, n_jobs)
            return self._kept[fold]

    @abstractmethod
    def _bin(self, fold: int, params: Mapping[str, Any], n_jobs: int) -> Any:
        """Training and validation data of a fold."""

    @abstractmethod
    def _train(self, estimator: Any, loss: FocalLoss, data: Any, n_jobs: int) -> tuple[Array, int]:
        """Margins of the validation rows at the best round, and how many rounds that is."""

    def _part(self, rows: Array) -> tuple[Any, Array, Array | None]:
        """X, labels and weights of some rows."""
        weight = None if self.weight is None else self.weight[rows]
        return take_rows(self.X, rows), self.encoded[rows], weight


def without_focal(params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters that the booster itself is given."""
    return {name: value for name, value in params.items() if name not in PARAMETERS and value is not None}


def check_device(device: object) -> str | None:
    if device is not None and not isinstance(device, str):
        raise TypeError(
            f"device == {_validation.show(device)}, must be None or the booster's word, such as 'cuda'."
        )
    return device
