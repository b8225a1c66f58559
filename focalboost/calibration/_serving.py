"""For what serves a model: a threshold as a margin, the closed form as a table, a record as numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from focalboost._typing import Array
from focalboost.calibration._binary import binary_posterior, binary_posterior_logit
from focalboost.calibration._common import check_probability, log_rates, parameters
from focalboost.calibration._functions import expit
from focalboost.calibration._multiclass import multiclass_posterior

# `losses._record` writes it. tests/calibration/test_serving.py holds the two together.
_FORMAT = 1
_TASKS: dict[str, Literal["binary", "multiclass", "multilabel"]] = {
    "BinaryFocalLoss": "binary",
    "MulticlassFocalLoss": "multiclass",
    "MultilabelFocalLoss": "multilabel",
}
# In units of 1 + |margin| the float64 closed form was out of order over 2.3e-16 at most, in 1e5 random losses
# (gamma to 8, weights from 1e-3 to 1e3).
_ROUNDING = 1e-14
# Beyond it the log-odds are straight lines: what bends them is below exp(-50) times gamma.
_BEND = 50.0
# Points at least where the error of a table's line is looked at, and points in a unit of the margin.
# Between them it was larger by .02 % at most (gamma 0 to 100, max_error 1e-6 to .1): room of 1 % is left.
_POINTS, _DENSITY, _TOLERANCE = 64, 20.0, 0.99


def margin_threshold(
    probability: ArrayLike,
    *,
    gamma: ArrayLike,
    alpha: ArrayLike = (1.0, 1.0),
    logit_shift: ArrayLike = 0.0,
    sampling_rate: ArrayLike = 1.0,
    or_equal: bool = False,
    dtype: DTypeLike = np.float32,
) -> Array:
    """The margin t for which `margin > t` decides as `binary_posterior(margin) > probability`.

    It is the largest number of `dtype` whose posterior is not above `probability`, found by bisection over
    all numbers of that type. So it decides the same for margins that lie on the threshold, as many rows do
    where trees have few leaves. The root of `binary_margin` rounded to float32 may lie on their other side.

    Parameters
    ----------
    probability : float, or array-like of shape (n_labels,)
        Threshold of the probability of class 1, in (0, 1).
    gamma, alpha, logit_shift, sampling_rate
        As in `binary_posterior`; for several labels a row, one row of parameters for each label.
    or_equal : bool, default=False
        Whether `margin > t` is to decide as `binary_posterior(margin) >= probability`, the rule of
        scikit-learn's FixedThresholdClassifier.
    dtype : numpy.float32 or numpy.float64, default=numpy.float32
        Type of the margins that are compared: float32 of XGBoost, treelite and ONNX, float64 of LightGBM.

    Returns
    -------
    ndarray of shape () or (n_labels,), of `dtype`
        Of float64 the closed form itself has rounding: t is 1e-14 (1 + |t|) higher, or lower with `or_equal`,
        so that rows whose score is the threshold are on the right side. Rows that are nearer, of another
        score, are taken for equal.

    Raises
    ------
    ValueError
        If a probability is not above 0 and below 1, a parameter is out of range, or `dtype` is another.

    Examples
    --------
    >>> import numpy as np
    >>> from focalboost.calibration import binary_posterior, margin_threshold
    >>> threshold = margin_threshold(0.02, gamma=2.0, alpha=(1.0, 10.0))
    >>> threshold
    array(-0.5934097, dtype=float32)
    >>> margins = np.float32([-2.0, threshold, np.nextafter(threshold, np.float32(1.0))])
    >>> margins > threshold, binary_posterior(margins, gamma=2.0, alpha=(1.0, 10.0)) > 0.02
    (array([False, False,  True]), array([False, False,  True]))
    """
    kind = np.dtype(dtype)
    if kind not in {np.dtype(np.float32), np.dtype(np.float64)}:
        raise ValueError(f"dtype == {dtype!r}, must be numpy.float32 or numpy.float64, that of the margins.")
    wanted = np.asarray(probability, float)
    check_probability(wanted, (wanted > 0.0) & (wanted < 1.0), "np.clip(probability, 1e-7, 1 - 1e-7)")

    def is_above(margins: Array) -> Array:
        score = binary_posterior(
            margins, gamma=gamma, alpha=alpha, logit_shift=logit_shift, sampling_rate=sampling_rate
        )
        return np.asarray(score >= wanted if or_equal else score > wanted)

    # The bits of a float, read as a whole number with the float's sign, are in the order of the floats.
    whole = np.int32 if kind.itemsize == 4 else np.int64

    def numbers(order: Array) -> Array:
        magnitude = np.abs(order).astype(whole).view(kind)
        return np.asarray(np.copysign(magnitude, np.where(order < 0, -1.0, 1.0).astype(kind)))

    infinite = int(np.array(np.inf, kind).view(whole))
    shape = is_above(np.zeros(wanted.shape)).shape
    # Of -inf the posterior is 0, of inf 1.
    low, high = np.full(shape, -infinite, np.int64), np.full(shape, infinite, np.int64)
    while (high > low + 1).any():
        middle = low // 2 + high // 2 + (low % 2 + high % 2) // 2
        above = is_above(numbers(middle))
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    found = numbers(low)
    if kind.itemsize == 8:
        rounding = _ROUNDING * (1.0 + np.abs(found))
        found = found - rounding if or_equal else found + rounding
    return np.asarray(found)


def lookup_table(
    *,
    gamma: ArrayLike,
    alpha: ArrayLike = (1.0, 1.0),
    logit_shift: float = 0.0,
    sampling_rate: ArrayLike = 1.0,
    max_error: float = 1e-4,
    output: Literal["log_odds", "probability"] = "log_odds",
) -> tuple[Array, Array]:
    """Rows between which straight lines are `binary_posterior`, for SQL, Java or a rule engine.

    Parameters
    ----------
    gamma, alpha, logit_shift, sampling_rate
        As in `binary_posterior`, of one label: each of several labels has a table of its own.
    max_error : float in [1e-7, 0.1], default=1e-4
        The largest error. Of log-odds it is the relative error of the odds (and nearly that of a small
        probability), and the probability is off by at most a quarter of it. Of "probability" it is absolute.
    output : {"log_odds", "probability"}, default="log_odds"
        "log_odds" for margins from -1000 to 1000, outside of which the last two rows go on as a line; the
        probability is 1 / (1 + exp(-log_odds)). "probability" needs no exp, but says nothing of a probability
        below `max_error`; outside of the table the probability is that of its end.

    Returns
    -------
    margins, values : ndarray of shape (n_rows,)
        Both strictly increasing, so that interpolation keeps the order. As few rows as can be that lie on the
        curve: each line is as long as its error allows.

    Raises
    ------
    ValueError
        If a parameter is out of range or is of several labels.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.special import expit
    >>> from focalboost.calibration import binary_posterior, lookup_table
    >>> margins, log_odds = lookup_table(gamma=2.0, max_error=0.01)
    >>> len(margins)
    14
    >>> x = np.linspace(-8.0, 8.0, 10_001)
    >>> off = expit(np.interp(x, margins, log_odds)) / binary_posterior(x, gamma=2.0) - 1
    >>> bool(abs(off).max() < 0.01)
    True
    """
    if not 1e-7 <= max_error <= 0.1:
        raise ValueError(f"max_error == {max_error!r}, must be from 1e-7 to 0.1.")
    if output not in {"log_odds", "probability"}:
        raise ValueError(f"output == {output!r}, must be 'log_odds' or 'probability'.")
    of_odds = output == "log_odds"

    def curve(x: Array) -> Array:
        log_odds = binary_posterior_logit(
            x, gamma=gamma, alpha=alpha, logit_shift=logit_shift, sampling_rate=sampling_rate
        )
        return log_odds if of_odds else np.asarray(expit(log_odds))

    if curve(np.zeros(())).ndim:
        raise ValueError(
            f"gamma == {gamma!r}, alpha == {alpha!r}, logit_shift == {logit_shift!r}, must be those of one "
            "label: make a table for each label."
        )
    # exp(d) - 1 and 1 - exp(-d) are the relative errors of the odds for an error d of their logarithm.
    tolerance = _TOLERANCE * (math.log1p(max_error) if of_odds else max_error)
    first, last = -1000.0, 1000.0
    if not of_odds:
        ends = np.array([0.5 * max_error, 1.0 - 0.5 * max_error])
        first, last = margin_threshold(
            ends,
            gamma=gamma,
            alpha=alpha,
            logit_shift=logit_shift,
            sampling_rate=sampling_rate,
            dtype=np.float64,
        ).tolist()
    # The probability rises within 1 / (1 + gamma).
    density = _DENSITY if of_odds else _DENSITY * (1.0 + float(np.max(gamma)))

    def error(start: float, end: float) -> float:
        low, high = max(start, min(-_BEND, end)), min(end, max(_BEND, start))
        points = np.linspace(low, high, max(_POINTS, math.ceil(density * (high - low))))
        at_start, at_end = curve(np.array([start, end]))
        line = at_start + (points - start) / (end - start) * (at_end - at_start)
        return float(np.abs(line - curve(points)).max())

    rows, guess = [first], last - first
    while rows[-1] < last:
        rows.append(_end_of_line(error, rows[-1], guess, last, tolerance))
        guess = rows[-1] - rows[-2]
    margins = np.array(rows)
    return margins, curve(margins)


def _end_of_line(
    error: Callable[[float, float], float], start: float, guess: float, last: float, tolerance: float
) -> float:
    """The farthest end of a line from `start` that stays within the tolerance, to a thousandth."""
    good, bad, end = start, math.inf, min(start + guess, last)
    while bad - good > 1e-3 * (good - start):
        off = error(start, end)
        if off <= tolerance:
            good = end
            if end == last or off > 0.998 * tolerance:
                break
        else:
            bad = end
        # Errors of lines grow with the square of their length.
        factor = math.sqrt(0.999 * tolerance / off) if off > 0.0 else math.inf
        end = min(start + min(factor, 4.0) * (end - start), last)
        if not good < end < bad:
            end = 0.5 * (good + bad)
    return good


@dataclass(frozen=True)
class ServedLoss:
    """The numbers of a stored loss that scoring needs; made by `served_loss`.

    Parameters
    ----------
    task : {"binary", "multiclass", "multilabel"}
        What the margins are of.
    gamma, alpha, logit_shift : ndarray
        As `binary_posterior` takes them, class 0 and class 1 in the last axis, or `multiclass_posterior`. The
        shift has in it what a sampling_rate adds.
    classes : list or None
        Class labels in the order of the probabilities, if a classifier wrote the record.

    Examples
    --------
    >>> from focalboost.calibration import served_loss
    >>> loss = served_loss('{"format": 1, "loss": "BinaryFocalLoss", "gamma": 2.0, "alpha": 0.25}')
    >>> loss.task, loss.alpha
    ('binary', array([0.75, 0.25]))
    """

    task: Literal["binary", "multiclass", "multilabel"]
    gamma: Array
    alpha: Array
    logit_shift: Array
    classes: list[Any] | None

    def posterior(self, raw_prediction: ArrayLike) -> Array:
        """True class probabilities of margins: (n_samples,) of class 1, or a column per class or label.

        Raises
        ------
        ValueError
            If the shape is not that of the task, or a margin is NaN.
        """
        margins = np.asarray(raw_prediction, np.float64)
        columns = () if self.task == "binary" else (len(self.alpha),)
        if margins.ndim != 1 + len(columns) or margins.shape[1:] != columns:
            wanted = "(n_samples,)" if not columns else f"(n_samples, {columns[0]})"
            raise ValueError(
                f"raw_prediction has shape {margins.shape}, must be {wanted}: the loss is {self.task}."
            )
        function = multiclass_posterior if self.task == "multiclass" else binary_posterior
        return function(margins, gamma=self.gamma, alpha=self.alpha, logit_shift=self.logit_shift)

    def margin_threshold(
        self, probability: ArrayLike, *, or_equal: bool = False, dtype: DTypeLike = np.float32
    ) -> Array:
        """`margin_threshold` with the numbers of this loss, for each label its own.

        Raises
        ------
        ValueError
            If the loss is multi-class: its probabilities depend on all margins of a row.
        """
        if self.task == "multiclass":
            raise ValueError(
                "the loss is multiclass, must be binary or multilabel: a probability of several classes "
                "depends on all margins of a row. Compare posterior(margins) with the threshold."
            )
        return margin_threshold(
            probability,
            gamma=self.gamma,
            alpha=self.alpha,
            logit_shift=self.logit_shift,
            or_equal=or_equal,
            dtype=dtype,
        )


def served_loss(record: str | None) -> ServedLoss:
    """Read the record of a saved model with NumPy alone.

    Parameters
    ----------
    record : str
        XGBoost: `booster.attr("focalboost")`. LightGBM: what follows "focalboost: " in the line
        `[focalboost: {...}]` of the model's text.

    Returns
    -------
    ServedLoss

    Raises
    ------
    ValueError
        If the record is none, of a newer format, or its numbers are no parameters of a trained loss.

    Examples
    --------
    >>> from focalboost.calibration import served_loss
    >>> loss = served_loss('{"format": 1, "loss": "BinaryFocalLoss", "gamma": 2.0, "alpha": 0.25}')
    >>> loss.posterior([-2.0, 0.0]).round(4)
    array([0.0134, 0.75  ])
    >>> round(float(loss.margin_threshold(0.9)), 4)
    0.4104
    """
    if record is None:
        raise ValueError(
            "record == None, must be the text that a model keeps: the booster has none. Train it with "
            "focalboost.xgboost.train, focalboost.lightgbm.train, or a classifier of focalboost."
        )
    try:
        values = json.loads(record, parse_constant=_refuse_constant)
    except (TypeError, ValueError) as error:
        raise _damaged(f"is {_shown(record)}, must be JSON with finite numbers") from error
    if not isinstance(values, dict) or "format" not in values:
        raise _damaged(f"is {_shown(record)}, must be an object with a format")
    if values["format"] != _FORMAT:
        raise ValueError(
            f"the record has format {values['format']!r}, must be {_FORMAT}: another focalboost wrote it. "
            "pip install --upgrade focalboost."
        )
    name, gamma, alpha, shift = (values.get(key) for key in ("loss", "gamma", "alpha", "logit_shift"))
    task = _TASKS.get(str(name))
    if task is None:
        raise _damaged(f"has loss == {_shown(name)}, must be one of {', '.join(_TASKS)}")
    if isinstance(alpha, str):
        raise _damaged(f"has alpha == {_shown(alpha)}, must be numbers, as after training")
    size = {"binary": 2, "multiclass": values.get("n_classes"), "multilabel": values.get("n_labels")}[task]
    if not isinstance(size, int) or size < 1:
        raise _damaged(f"has {_shown(size)} classes or labels, must have their number, as after training")
    try:
        gammas, weights = _by_class(task, gamma, alpha, size)
        shifts = _filled(0.0 if shift is None else shift, () if task == "binary" else (size,))
        shifts = shifts + _of_all_rows(task, values.get("sampling_rate"), size)
        parameters(gammas, weights)  # raises for what is out of range
    except (TypeError, ValueError) as error:
        rate = _shown(values.get("sampling_rate"))
        raise _damaged(
            f"has gamma == {_shown(gamma)}, alpha == {_shown(alpha)}, sampling_rate == {rate}: {error}"
        ) from error
    classes = None if "estimator" not in values else values["estimator"].get("classes")
    return ServedLoss(task, gammas, weights, shifts, classes)


def _by_class(task: str, gamma: Any, alpha: Any, size: int) -> tuple[Array, Array]:
    """gamma and class weights of a record as the functions of this wing take them."""
    if task == "multiclass":
        return _filled(gamma, (size,)), _filled(1.0 if alpha is None else alpha, (size,))
    if task == "binary":
        return _filled(gamma, (2,)), np.array(_pair(alpha))
    entries = alpha if isinstance(alpha, list) else [alpha] * size
    return _filled(gamma, (size,))[:, None] * np.ones(2), _filled([_pair(one) for one in entries], (size, 2))


def _of_all_rows(task: str, rate: Any, size: int) -> Array:
    """What log-odds get where rows were left out of training, 0 where none was."""
    if rate is None:
        return np.zeros(())
    if task == "multiclass":
        return -log_rates(_filled(rate, (size,)))
    entries = rate if task == "multilabel" and isinstance(rate, list) else [rate]
    pairs = [entry if isinstance(entry, list) else [entry, 1.0] for entry in entries]
    logs = log_rates(_filled(pairs, (len(pairs), 2)))
    added = logs[:, 0] - logs[:, 1]
    return added[0] if len(added) == 1 else _filled(added, (size,))


def _filled(value: Any, shape: tuple[int, ...]) -> Array:
    """A number for all, or one for each."""
    array = np.asarray(value, float)
    if array.shape not in {(), shape}:
        raise ValueError(f"{_shown(value)} has shape {array.shape}, must be {shape}")
    return np.full(shape, array)


def _pair(alpha: Any) -> tuple[float, float]:
    """Weights of class 0 and class 1, as `losses._sigmoid.class_pair`."""
    if alpha is None:
        return 1.0, 1.0
    if isinstance(alpha, list):
        zero, one = alpha
        return float(zero), float(one)
    return 1.0 - alpha, float(alpha)


def _refuse_constant(word: str) -> Any:
    raise ValueError(word)


def _damaged(what: str) -> ValueError:
    return ValueError(f"the record {what}. Read it anew from the model, or save the model again.")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
