"""Where gamma, class weights and the booster's parameters are searched, and plain log loss among them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from focalboost import _validation
from focalboost._classifier.parameters import check_weight, power_weights
from focalboost._classifier.target import Target, read_target

Space = Callable[[Any], Mapping[str, Any]]


class Range(NamedTuple):
    """Where a parameter is searched, and the library's own default, in the range."""

    low: float
    high: float
    default: float
    log: bool = False
    integer: bool = False

    def suggest(self, trial: Any, name: str) -> Any:
        if self.integer:
            return trial.suggest_int(name, int(self.low), int(self.high), log=self.log)
        return trial.suggest_float(name, self.low, self.high, log=self.log)


# Gamma linear, since 0 must be in it: plain log loss. The power is the log ratio of the class weights in
# units of the log ratio of the class counts; below 0 because large gamma wants the rare class weighed less
# (alpha 0.25 at gamma 2 in Lin et al., section 5.1).
GAMMA = (0.0, 5.0)
ALPHA_POWER = (-0.25, 1.0)

STARTS = ("log-odds", "0.5")
# 0 is none. XGBoost's documentation advises 1 to 10 for rare classes; 1 and 3 were the best here.
STEPS = (0.0, 1.0, 3.0, 10.0)

# Logarithmic where the scale matters. Lower bounds of the Hessian's sum reach far below 1: focal loss makes
# the Hessians of easy rows small, and leaves of rare rows are small.
BOOSTER_SPACES: dict[str, dict[str, Range]] = {
    "xgboost": {
        "learning_rate": Range(0.02, 0.3, 0.3, log=True),
        "max_depth": Range(2, 10, 6, integer=True),
        "min_child_weight": Range(1e-3, 30.0, 1.0, log=True),
        "reg_lambda": Range(1e-2, 30.0, 1.0, log=True),
        "subsample": Range(0.5, 1.0, 1.0),
        "colsample_bytree": Range(0.4, 1.0, 1.0),
    },
    "lightgbm": {
        "learning_rate": Range(0.02, 0.3, 0.1, log=True),
        "num_leaves": Range(4, 256, 31, log=True, integer=True),
        "min_child_samples": Range(5, 300, 20, log=True, integer=True),
        "min_child_weight": Range(1e-3, 10.0, 1e-3, log=True),
        # LightGBM's default is 0, which no logarithmic range has; 0.001 is 0 beside Hessian sums of leaves.
        "reg_lambda": Range(1e-3, 30.0, 1e-3, log=True),
        "subsample": Range(0.5, 1.0, 1.0),
        "colsample_bytree": Range(0.4, 1.0, 1.0),
    },
}
BOOSTERS = tuple(BOOSTER_SPACES)


def suggest_focal(
    trial: Any,
    prefix: str = "focal_",
    *,
    gamma: tuple[float, float] = GAMMA,
    alpha_power: tuple[float, float] = ALPHA_POWER,
) -> dict[str, float]:
    """Gamma and class weights of one trial, for an objective of one's own.

    Parameters
    ----------
    trial : optuna.Trial, or what suggests as it does
        The trial.
    prefix : str
        Of the names in the study, `"focal_"` by default. Without it `study.best_params` would have a `gamma`
        that XGBoost takes for its own, min_split_loss.
    gamma : (float, float), default=(0, 5)
        Range of the focusing parameter; with 0, so that plain log loss is one of the candidates.
    alpha_power : (float, float), default=(-0.25, 1)
        Range of the power: class weights are proportional to frequency^-power, for any number of classes. 0
        is no weights, 1 is "balanced", below 0 the rare class counts less.

    Returns
    -------
    dict
        "focal_gamma" and "focal_alpha_power", parameters of FocalXGBClassifier and FocalLGBMClassifier. For
        the losses themselves see `class_weights`.

    Raises
    ------
    ValueError
        If a range is not a pair of finite numbers in order, or gamma is below 0.

    Examples
    --------
    >>> import optuna
    >>> from focalboost.tuning import suggest_focal
    >>> suggest_focal(optuna.trial.FixedTrial({"focal_gamma": 1.5, "focal_alpha_power": 0.25}))
    {'focal_gamma': 1.5, 'focal_alpha_power': 0.25}
    """
    low, high = _ordered("gamma", gamma, 0.0)
    weakest, strongest = _ordered("alpha_power", alpha_power, -float("inf"))
    return {
        "focal_gamma": trial.suggest_float(f"{prefix}gamma", low, high),
        "focal_alpha_power": trial.suggest_float(f"{prefix}alpha_power", weakest, strongest),
    }


def _ordered(name: str, pair: tuple[float, float], low: float) -> tuple[float, float]:
    rule = "finite" if low < 0.0 else ">= 0 and finite"
    first, last = (
        _validation.number(f"{name}[{k}]", end, rule, low=low, strict=False) for k, end in enumerate(pair)
    )
    if first > last:
        raise ValueError(f"{name} == {pair!r}, must be a pair (low, high) with low <= high.")
    return first, last


def class_weights(
    y: ArrayLike, alpha_power: float, sample_weight: ArrayLike | None = None
) -> tuple[float, ...] | tuple[tuple[float, ...], ...]:
    """Class weights proportional to frequency^-alpha_power with mean 1 over the rows, for `alpha=` of a loss.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, n_labels)
        Labels.
    alpha_power : float
        0 is no weights, 1 is "balanced", below 0 the rare class counts less.
    sample_weight : array-like of shape (n_samples,), optional
        Weights >= 0.

    Returns
    -------
    tuple
        A number for each class in sorted order, or a pair for each label.

    Raises
    ------
    ValueError
        If there is one class only, a number is not finite, or a weight is negative.

    Examples
    --------
    >>> from focalboost import BinaryFocalLoss
    >>> from focalboost.tuning import class_weights
    >>> y = [0] * 9 + [1]
    >>> class_weights(y, alpha_power=1.0)
    (0.5555555555555556, 5.0)
    >>> loss = BinaryFocalLoss(gamma=1.0, alpha=class_weights(y, alpha_power=0.5)).for_labels(y)
    """
    labels, multilabel = read_target("y", y)
    target = Target.of(labels, multilabel=multilabel)
    power = _validation.number("alpha_power", alpha_power, "finite", low=-np.inf, strict=False)
    weight = check_weight(sample_weight, len(labels))
    _validation.raise_for_bad_weight(weight)
    weights: tuple[float, ...] = power_weights(target.encode("y", labels), weight, power, target)
    return weights


def suggest_booster(trial: Any, booster: str, *, skip: Collection[str] = ()) -> dict[str, Any]:
    """The booster's parameters of one trial: the part of the default space that is not focal loss's.

    Parameters
    ----------
    trial : optuna.Trial, or what suggests as it does
        The trial.
    booster : {"xgboost", "lightgbm"}
        Library to train with.
    skip : names
        Parameters to leave out.

    Returns
    -------
    dict
        By scikit-learn's names.

    Raises
    ------
    ValueError
        If there is no such booster.

    Examples
    --------
    >>> import optuna
    >>> from focalboost.tuning import suggest_booster
    >>> trial = optuna.trial.FixedTrial({"learning_rate": 0.1, "max_depth": 6})
    >>> skip = ("min_child_weight", "reg_lambda", "subsample", "colsample_bytree")
    >>> suggest_booster(trial, "xgboost", skip=skip)
    {'learning_rate': 0.1, 'max_depth': 6}
    """
    _validation.check_choice("booster", booster, BOOSTERS)
    space = BOOSTER_SPACES[booster]
    return {name: item.suggest(trial, name) for name, item in space.items() if name not in skip}


def suggest_log_loss(trial: Any, booster: str, *, skip: Collection[str] = ()) -> dict[str, Any]:
    """Start and largest step of log loss in one trial, which matter most where a class is rare.

    At the log-odds of a rare class a leaf of that class alone has a Newton step of 1 / rate: it overshoots.
    A start at 0.5 or a largest step repairs it; without them another loss gets the credit for its start.

    Parameters
    ----------
    trial : optuna.Trial, or what suggests as it does
        The trial.
    booster : {"xgboost", "lightgbm"}
        Library to train with.
    skip : names
        Parameters to leave out.

    Returns
    -------
    dict
        "base_score" (XGBoost; None for the log-odds) or "boost_from_average" (LightGBM), in the study as
        "start", "log-odds" or "0.5"; and "max_delta_step", 0 for none.

    Raises
    ------
    ValueError
        If there is no such booster.

    Examples
    --------
    >>> import optuna
    >>> from focalboost.tuning import suggest_log_loss
    >>> trial = optuna.trial.FixedTrial({"start": "0.5", "max_delta_step": 3.0})
    >>> suggest_log_loss(trial, "xgboost")
    {'base_score': 0.5, 'max_delta_step': 3.0}
    """
    _validation.check_choice("booster", booster, BOOSTERS)
    params: dict[str, Any] = {}
    name = "base_score" if booster == "xgboost" else "boost_from_average"
    if name not in skip:
        at_half = trial.suggest_categorical("start", STARTS) == STARTS[1]
        params[name] = (0.5 if at_half else None) if booster == "xgboost" else not at_half
    if "max_delta_step" not in skip:
        params["max_delta_step"] = trial.suggest_categorical("max_delta_step", STEPS)
    return params


class DefaultSpace:
    """suggest_focal or suggest_log_loss, and suggest_booster, without what is fixed."""

    def __init__(self, booster: str, fixed: Collection[str], loss: str = "focal") -> None:
        self.booster, self.fixed, self.loss = booster, frozenset(fixed), loss

    def __call__(self, trial: Any) -> dict[str, Any]:
        params: dict[str, Any] = {}
        if self.loss == "log_loss":
            params |= suggest_log_loss(trial, self.booster, skip=self.fixed)
        elif "focal_gamma" not in self.fixed:
            params["focal_gamma"] = trial.suggest_float("focal_gamma", *GAMMA)
        # A fixed alpha leaves no weights to search.
        if self.loss == "focal" and not self.fixed & {"focal_alpha", "focal_alpha_power"}:
            params["focal_alpha_power"] = trial.suggest_float("focal_alpha_power", *ALPHA_POWER)
        return params | suggest_booster(trial, self.booster, skip=self.fixed)


class LowestTrial:
    """Answers with the low end of each range: a point of the default space without Optuna."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        return low

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        return low

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        return choices[0]


def baseline_values(booster: str) -> dict[str, Any]:
    """Plain log loss with the library's defaults, as far as the default space has names."""
    defaults = {
        name: int(item.default) if item.integer else item.default
        for name, item in BOOSTER_SPACES[booster].items()
    }
    return {
        "focal_gamma": 0.0,
        "focal_alpha_power": 0.0,
        "start": "log-odds",
        "max_delta_step": 0.0,
        **defaults,
    }


def evaluate_space(
    space: Space, values: Mapping[str, Any], given: Mapping[str, Any], what: str, *, inside: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The space's answer at one point, and the parameters of that point as a study names them.

    `values` may have more than the space asks for, `given` may not. A point that is to be tried has to lie
    inside the space; one that was tried may not, where the space was narrowed since.
    """
    from optuna.trial import FixedTrial  # noqa: PLC0415  # Optuna is an extra

    trial = FixedTrial({**values, **given})
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings(
                "error" if inside else "ignore", ".* is out of the range of the distribution"
            )
            params = dict(space(trial))
    except (ValueError, UserWarning) as error:
        raise ValueError(f"{what}: {error} Give a value of the space for every parameter it has.") from error
    unknown = [name for name in given if name not in trial.params]
    if unknown:
        raise ValueError(
            f"{what} has {unknown[0]!r}, must have parameters of the space only: {sorted(trial.params)}."
        )
    return params, trial.params
