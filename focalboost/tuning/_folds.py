"""Training on the folds of a cross-validation, with data that is binned once for all trials."""

from __future__ import annotations

import difflib
import logging
import threading
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, NamedTuple

import numpy as np
import sklearn

from focalboost import _validation
from focalboost._boosters.call import Call, shaped_like
from focalboost._boosters.caller import Library, Update, count_call
from focalboost._classifier.target import Target
from focalboost._typing import Array
from focalboost.calibration._record import PARAMETERS
from focalboost.tuning._splits import Split, n_values, take_rows

logger = logging.getLogger("focalboost")

Judge = Callable[[Any, Array], float]

_ROUNDS = "Pass it as num_boost_round; the number of a trial is found by early stopping."
_STOPPING = "Pass early_stopping_rounds and stop_by to CrossValidatedObjective."
_SCORING = "Pass scoring, and stop_by='score' where it is to stop training."
# Parameters of the classifiers that a fold sets itself.
_SET_HERE: dict[str, str] = {
    "n_estimators": _ROUNDS,
    "num_boost_round": _ROUNDS,
    "num_iterations": _ROUNDS,
    "early_stopping_rounds": _STOPPING,
    "early_stopping_round": _STOPPING,
    "early_stopping_min_delta": _STOPPING,
    "first_metric_only": _STOPPING,
    "input_model": "Trials begin anew.",
    "eval_metric": _SCORING,
    "metric": _SCORING,
    "callbacks": "Folds of several trials may run at once and share none.",
    "class_weight": "Search focal_alpha_power, or fix focal_alpha.",
    "n_jobs": "Pass it to CrossValidatedObjective, which divides it among trials.",
    "device": "Pass it to CrossValidatedObjective.",
    "device_type": "Pass it to CrossValidatedObjective, as device.",
    "focal_probability": "Metrics see the posterior.",
}


class Trained(NamedTuple):
    """Margins of the validation rows at the best round, which round that is, and how many were trained."""

    margins: Array
    rounds: int
    all_rounds: int


class Stopped(Exception):  # noqa: N818  # no error: nobody waits for the fold any more
    """Raised in the training of a fold whose trial was pruned or ended in an error."""


class Turn(NamedTuple):
    """Of one training of a fold: its threads, what stops it early, and whether it is wanted no more."""

    n_jobs: int
    judge: Judge | None = None
    """What early stopping maximizes; None for the focal loss, which is minimized."""
    stop: threading.Event | None = None
    bin_jobs: int | None = None
    """Threads to bin with, while folds beside it wait for theirs."""

    def check(self) -> None:
        """Called before every round."""
        if self.stop is not None and self.stop.is_set():
            raise Stopped("the fold is not wanted any more: its trial has ended.")


class FoldLoss:
    """A loss in one training: labels, weights and the loss of the start are found once, not every round."""

    def __init__(self, loss: Any, library: Library) -> None:
        self.loss, self.library = loss, library
        self._rows: dict[str, tuple[Array, Array | None]] = {}
        self._start: float | None = None

    def _call(self, part: str, raw: Array, data: Any, update: Update | None = None) -> Call:
        if part not in self._rows:
            weight = data.get_weight()
            weight = None if weight is None or not np.size(weight) else np.asarray(weight)
            self._rows[part] = shaped_like(np.asarray(data.get_label()), raw), weight
        labels, weight = self._rows[part]
        return Call(self.library, labels, np.asarray(raw), weight, data, update)

    def gradients(self, raw: Array, data: Any, booster: Any = None) -> tuple[Any, Any]:
        """What the loss itself returns to the booster that trains on `data`."""
        count_call()
        update = None if booster is None else Update(self.library, booster, data, self.loss)
        found: tuple[Any, Any] = self.loss._gradients(self._call("training", raw, data, update))
        return found

    def relative(self, raw: Array, data: Any) -> float:
        """What `loss.metric` returns for the validation rows."""
        y, margins, weight = self.loss._arrays_of(self._call("validation", raw, data))
        if self._start is None:
            self._start = self.loss._start_loss(y, margins, weight)
        return float(self.loss._relative_loss(y, margins, weight, self.library, self._start))

    def shifted(self, raw: Array, data: Any) -> Any:
        """The loss with the posterior's mean at the rate of the training rows, whose margins these are."""
        rows = self.loss._arrays_of(self._call("training", raw, data))
        return self.loss.with_shift(self.loss.trained_shift(*rows, np.asarray))


class Bins:
    """Binned data of the folds: one object for all trials, or a new one for each."""

    def __init__(self) -> None:
        self.folds: dict[int, Any] = {}
        self.whole: Any = None
        # One fold is binned at a time: what that takes besides, a copy of its rows, is in memory once.
        self.lock = threading.Lock()


class FoldSettings(NamedTuple):
    """What all trials have in common."""

    splits: list[Split]
    num_boost_round: int
    early_stopping_rounds: int | None
    stop_by: str
    device: str | None
    cache: bool


class Folds(ABC):
    """One cross-validation's data; `run` may be called by several threads at once."""

    booster: ClassVar[str]
    names: ClassVar[dict[str, str]]
    """The library's own names for parameters that have another in scikit-learn's interface."""
    ignored: ClassVar[dict[str, str]] = {}
    """Parameters that the library knows and that cannot act in a fold, and why."""
    only_with: ClassVar[dict[str, dict[str, tuple[str, ...]]]]
    """Parameters that act only where another has one of these values; any of several others will do."""
    bytes_per_value: ClassVar[float]
    """What stays in memory for a number of X in one fold, and for a row besides, measured at 300,000 rows."""
    bytes_per_row: ClassVar[float]
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
        self._kept = Bins() if self.settings.cache else None

    def __getstate__(self) -> dict[str, Any]:
        """Without binned data: a process that unpickles it makes its own."""
        return {name: value for name, value in vars(self).items() if name != "_kept"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._forget()

    # ------------------------------------------------------------------ memory
    def cache_bytes(self) -> int:
        """Estimate of what is kept between trials."""
        if not self.settings.cache:
            return 0
        row = self.bytes_per_value * n_values(self.X) / len(self.encoded) + self.bytes_per_row
        return int(self._n_copies() * row * len(self.encoded))

    def _n_copies(self) -> float:
        n_samples = len(self.encoded)
        return sum(len(train) + len(valid) for train, valid in self.settings.splits) / n_samples

    def log_memory(self) -> None:
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
                    f"{where} has {name!r}, must have {self.names[name]!r}, as {self.booster} calls it in "
                    "scikit-learn's interface: two names of one parameter would hide each other."
                )
            if name in self.ignored:
                raise ValueError(f"{where} has {name!r}, must leave it out: {self.ignored[name]}")
        if self._known is None:
            self._known = frozenset(self.new_estimator({}).get_params()) | self._own_parameters()
        for name in params:
            if name not in self._known:
                near = difflib.get_close_matches(name, sorted(self._known), 1)
                cure = f" Did you mean {near[0]!r}?" if near else ""
                raise ValueError(
                    f"{where} has {name!r}, must be a parameter of {type(self.new_estimator({})).__name__} "
                    f"or one of {self.booster}'s by its main name: {self.booster} would ignore it.{cure}"
                )

    def check_fixed(self, fixed: Mapping[str, Any]) -> None:
        """Refuse what no trial could take, before there is one."""
        self.check_names(fixed, "fixed")
        self._check_values(self.fixed)
        for name in fixed:
            # What is not fixed the space may set.
            if all(other in self.fixed for other in self.only_with.get(name, ())):
                self._check_acts(name, "fixed", self.fixed)

    def _check_acts(self, name: str, where: str, params: Mapping[str, Any]) -> None:
        """Refuse a parameter that acts only beside another, where that is missing."""
        needed = self.only_with.get(name)
        if not needed or params[name] is None:
            return
        if not any(str(params.get(other)).lower() in words for other, words in needed.items()):
            other, words = next(iter(needed.items()))
            raise ValueError(
                f"{where} has {name!r} and {other} is {_validation.show(params.get(other))}, must be "
                f"{words[0]!r} with it: {self.booster} would ignore {name}. Set both in a trial, or neither."
            )

    def complete(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters of a trial with those that are fixed."""
        both = [name for name in params if name in self.fixed and name not in self.defaults]
        if both:
            raise ValueError(
                f"space and fixed both set {both[0]!r}, must be one of them: leave it out of the other."
            )
        self.check_names(params, "space")
        if "focal_sampling_rate" in params:
            raise ValueError(
                "space sets 'focal_sampling_rate', must leave it to fixed: it is a fact about the rows, and "
                "scores of trials that differ in it cannot be compared."
            )
        whole = {**self.fixed, **params}
        for name in whole:
            self._check_acts(name, "space" if name in params else "fixed", whole)
        self._check_values(whole)
        return whole

    @abstractmethod
    def _check_values(self, params: Mapping[str, Any]) -> None:
        """Refuse values that would be ignored, and kinds of boosting that cannot be tuned here."""

    def refuse_dart(self, name: str, value: object) -> None:
        """Later rounds of DART change the trees before them."""
        if str(value).lower() == "dart" and self.settings.early_stopping_rounds is not None:
            raise ValueError(
                f"{name} == 'dart' with early stopping, must have early_stopping_rounds == None: the model "
                "of the best round is not kept, because later rounds rescale its trees."
            )

    # ------------------------------------------------------------------ training
    def bins(self) -> Bins:
        """What the folds of one trial share."""
        return self._kept or Bins()

    def resolve(self, params: Mapping[str, Any], rows: Array, n_jobs: int) -> Any:
        """The classifier of complete parameters as it would be fitted on some rows, without a booster."""
        estimator = self.new_estimator({**params, "n_jobs": n_jobs})
        weight = None if self.weight is None else self.weight[rows]
        estimator.loss_ = estimator._asked(self.target).for_labels(self.encoded[rows], weight)
        estimator._target = self.target
        return estimator

    def run(self, fold: int, estimator: Any, bins: Bins, turn: Turn) -> Trained:
        """Train on one fold what `resolve` returned."""
        data = bins.folds.get(fold)
        if data is None:
            params = self.fixed if self.settings.cache else estimator.get_params()
            with bins.lock:
                turn.check()
                data = bins.folds.get(fold) or self._bin(fold, params, bins, turn.bin_jobs or turn.n_jobs)
                if self.settings.cache:
                    bins.folds[fold] = data
        return self._train(estimator, data, turn)

    @contextmanager
    def as_in_thread(self, settings: Any) -> Iterator[None]:
        """Around a training in another thread than the user's: with the settings that are a thread's own."""
        with sklearn.config_context(**settings["sklearn"]):
            yield

    def thread_settings(self) -> dict[str, Any]:
        """Settings of this thread, for `as_in_thread`."""
        return {"sklearn": sklearn.get_config()}

    @abstractmethod
    def _bin(self, fold: int, params: Mapping[str, Any], bins: Bins, n_jobs: int) -> Any:
        """Training and validation data of a fold."""

    @abstractmethod
    def _train(self, estimator: Any, data: Any, turn: Turn) -> Trained: ...

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
