"""From a loss's margins to true probabilities and back, and their calibration in the large."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike

from focalboost import _dask, _validation
from focalboost._typing import Array
from focalboost.calibration import expit
from focalboost.losses._shift import Total, sigmoid_shift, softmax_shift

_BLOCK = 65_536
_ROWS = ("all", "kept")


class Posterior(ABC):
    """What a loss has to say of probabilities; the loss brings the closed form and its inverse."""

    softmax: ClassVar[bool] = False
    """Whether a row's probabilities sum to 1."""

    logit_shift: Any
    sampling_rate: Any

    # ------------------------------------------------------------------ what a loss defines
    @abstractmethod
    def _closed_form(self, raw_prediction: ArrayLike, **added: Any) -> Array:
        """Log-odds of the closed form, for a softmax its logarithm; `added` as `_added` has it."""

    @abstractmethod
    def _closed_margin(self, probability: ArrayLike, **added: Any) -> Array:
        """Margins whose closed form is `probability`."""

    @abstractmethod
    def _rates(self) -> Any:
        """`sampling_rate` as the functions of `calibration` take it."""

    @abstractmethod
    def _is_log_loss(self) -> bool:
        """Whether the minimum has its mean at the rate by itself: no focusing, one weight for all classes."""

    @abstractmethod
    def with_shift(self, shift: Any) -> Self:
        """A copy with another `logit_shift`."""

    @abstractmethod
    def _check_arrays(
        self, y_true: Any, raw_prediction: Any, sample_weight: Any
    ) -> tuple[Any, Array, Array | None]: ...

    # ------------------------------------------------------------------ public methods
    def posterior(self, raw_prediction: ArrayLike) -> Array:
        """True class probabilities: the closed form of `focalboost.calibration`, shifted if `calibrated`.

        Where training had a `sampling_rate` they are those of all rows, and the shift comes before: it is
        that of the rows that were kept.

        Parameters
        ----------
        raw_prediction : array-like of shape (n_samples,), (n_samples, n_classes) or (n_samples, n_labels)
            Margins, also as a Dask collection.

        Returns
        -------
        ndarray of the same shape, float64
            Binary: probability of class 1. For a Dask collection, lazily, one of the same kind.
        """
        if _dask.is_collection(raw_prediction):
            lazy: Any = _dask.map_rows("raw_prediction", self._posterior, raw_prediction)
            return lazy  # type: ignore[no-any-return]
        return self._posterior(raw_prediction)

    def posterior_logit(self, raw_prediction: ArrayLike) -> Array:
        """Log-odds of `posterior`, for a softmax its logarithm; both keep their digits where it is 0 or 1.

        Parameters
        ----------
        raw_prediction : array-like of shape (n_samples,), (n_samples, n_classes) or (n_samples, n_labels)
            Margins.

        Returns
        -------
        ndarray of the same shape, float64
        """
        return self._closed_form(raw_prediction, **self._added())

    def margin(self, probability: ArrayLike) -> Array:
        """Margins whose `posterior` is `probability`: the inverse.

        A new model starts from what an old one says, of whatever loss: `base_margin=` of XGBoost's DMatrix,
        `init_score=` of LightGBM's Dataset. The new model's margins then are on top of those. With
        label_smoothing s the model learns p + s (1/2 - p): pass that. With a `sampling_rate` the
        probabilities are those of all rows, as `posterior` has them.

        Parameters
        ----------
        probability : array-like of shape (n_samples,), (n_samples, n_classes) or (n_samples, n_labels)
            Binary: of class 1. Above 0 and below 1; multi-class: rows of sum 1. Also as a Dask Array.

        Returns
        -------
        ndarray of the same shape, float64
            Multi-class: of mean zero in each row. For a Dask Array, lazily, a Dask Array.

        Raises
        ------
        ValueError
            If a probability is 0 or 1, whose margin is infinite, or none at all; or if a shape is not valid.

        Examples
        --------
        >>> from focalboost import BinaryFocalLoss
        >>> loss = BinaryFocalLoss(gamma=2.0)
        >>> margin = loss.margin([0.001, 0.2])
        >>> margin.round(4), loss.posterior(margin).round(4)
        (array([-2.5452, -0.5177]), array([0.001, 0.2  ]))
        """
        if _dask.is_collection(probability):
            if not _dask._is_array("probability", probability):
                # Dask tries what it maps over a frame on rows of ones.
                raise TypeError(
                    f"probability is a Dask {type(probability).__name__}, must be an Array: "
                    "probability.to_dask_array(lengths=True)."
                )
            lazy: Any = _dask.map_rows("probability", self._margin, probability)
            return lazy  # type: ignore[no-any-return]
        return self._margin(probability)

    def calibrated(
        self,
        y_true: ArrayLike,
        raw_prediction: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        rows: Literal["all", "kept"] | None = None,
    ) -> Self:
        """A copy whose mean probability on these rows is the mean of the labels: calibration in the large.

        Focal loss at its minimum does not have its mean probability at the rate of the labels, as log loss
        has. One shift of the posterior's logit, `logit_shift`, puts that right: of each label, or K - 1 for K
        classes. The order of a score is not changed. `focalboost.xgboost.train` and `start`,
        `focalboost.lightgbm.train` and `start`, and the classifiers do this with their training rows; call it
        yourself for other rows, or on the margins of a Dask collection. Log loss (gamma 0, one weight for all
        classes, no smoothing) needs none and gets none, and where a class has no rows there is none.

        With a `sampling_rate` say which rows these are: the one is the mean of `posterior`, the other that of
        the probabilities before they are turned into those of all rows.

        The shift is that of the margins it was found on: of all trees, or those up to the best round. For a
        part of them (`iteration_range`, a slice of a booster) find another. Of a model that fits its training
        rows nearly perfectly it rests on little: find it on rows held out.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,) or (n_samples, n_labels)
            Labels, those of training or of rows held out.
        raw_prediction : array-like of shape (n_samples,), (n_samples, n_classes) or (n_samples, n_labels)
            Margins of these rows.
        sample_weight : array-like of shape (n_samples,), optional
            Weights >= 0: mean and rate are weighted by them. All three may be Dask collections.
        rows : {"all", "kept"} or None, default=None
            To be given with a `sampling_rate`, without which it changes nothing: whether these are rows as
            they come, or rows of which some were left out as in training.

        Returns
        -------
        a loss of the same class

        Raises
        ------
        ValueError
            If a shape, label, margin or weight is not valid, no shift leads to the mean, or `rows` is not
            given where there is a `sampling_rate`.

        References
        ----------
        .. [1] Van Calster et al., "Calibration: the Achilles heel of predictive analytics", BMC Medicine 17,
           2019: calibration in the large.

        Examples
        --------
        >>> import numpy as np
        >>> from focalboost import BinaryFocalLoss
        >>> loss, y = BinaryFocalLoss(gamma=2.0), np.arange(100) < 20
        >>> margin = np.linspace(0.5, -2.0, 100)
        >>> round(float(loss.posterior(margin).mean()), 3), float(y.mean())
        (0.236, 0.2)
        >>> round(float(loss.calibrated(y, margin).posterior(margin).mean()), 3)
        0.2
        """
        if rows is not None:
            _validation.check_choice("rows", rows, _ROWS)
        elif self.sampling_rate is not None:
            raise ValueError(
                f"rows == None with sampling_rate == {_validation.show(self.sampling_rate)}, must be 'all' "
                "(rows as they come) or 'kept' (rows of which some were left out as in training)."
            )
        if self._is_log_loss():
            return self.with_shift(None)
        scored = self._scored if rows != "all" else partial(self._scored, sampling_rate=self._rates())
        if _dask.is_collection(raw_prediction):
            total = _dask.totals(scored, y_true, raw_prediction, sample_weight)
        else:
            total = total_of(*scored(y_true, raw_prediction, sample_weight))
        return self.with_shift(self.found_shift(total))

    # ------------------------------------------------------------------ how
    def found_shift(self, total: Total, before: Any = None) -> Any:
        """The shift of the rows that `total` sums over; that of before where a class has no rows."""
        if self.softmax:
            shift = softmax_shift(total)
            return before if shift is None else tuple(shift.tolist())
        old = np.zeros(1) if before is None else np.atleast_1d(np.asarray(before, float))
        found = sigmoid_shift(total)
        shifts = np.where(np.isnan(found), old, found).tolist()
        return tuple(shifts) if self._several() else shifts[0]

    def trained_shift(
        self,
        y_true: Any,
        raw_prediction: Any,
        sample_weight: Any,
        add: Callable[[Array], Array],
        before: Any = None,
    ) -> Any:
        """The shift at the end of a training whose rows may be on several workers: `add` sums over them.

        None, with a warning, where there is none to find: the training is not lost. `before` is that of a
        continued model.
        """
        if self._is_log_loss():
            return None
        scored, problem = None, "the rows of another worker have no margins"
        try:
            scored = self._scored(y_true, raw_prediction, sample_weight)
        except (ValueError, MemoryError) as error:
            problem = str(error) or type(error).__name__
        # All workers of a cluster go on together, or none.
        known, workers = add(np.array([float(scored is not None), 1.0]))
        if scored is not None and known == workers:
            of_rows = total_of(*scored)
            try:
                return self.found_shift(lambda function: add(of_rows(function)), before)
            except (ValueError, MemoryError) as error:
                problem = str(error) or type(error).__name__
        warnings.warn(f"the posterior is left as it is: {problem}", UserWarning, stacklevel=2)
        return None

    def _several(self) -> bool:
        """Whether there is a shift for each of several outputs; False of a binary loss."""
        return True

    def _scored(
        self, y_true: Any, raw_prediction: Any, sample_weight: Any, **added: Any
    ) -> tuple[Array, Array, Array | None]:
        """Scores, labels and weights as `losses._shift` takes them; `added` as in `_closed_form`."""
        y, raw, weight = self._check_arrays(y_true, raw_prediction, sample_weight)
        if weight is not None:
            _validation.raise_for_bad_weight(weight)
        # A block at a time: the closed form of several classes takes many times the memory of the margins.
        score: Array = np.empty(raw.shape)
        for rows in _blocks(len(raw)):
            score[rows] = self._closed_form(raw[rows], **added)
        if self.softmax:
            _validation.classes(score.shape[1]).check(y, "y_true")
            return score, y.astype(np.intp), weight
        _validation.SHARES.check(y, "y_true")
        # Of no rows NumPy cannot tell the number of columns.
        shape = (len(score), score.shape[1] if score.ndim == 2 else 1)
        return score.reshape(shape), y.reshape(shape).astype(np.float64), weight

    def _posterior(self, raw_prediction: ArrayLike) -> Array:
        score = self.posterior_logit(raw_prediction)
        return np.asarray(np.exp(score) if self.softmax else expit(score))

    def _margin(self, probability: ArrayLike) -> Array:
        return self._closed_margin(probability, **self._added())

    def _added(self) -> dict[str, Any]:
        """What the functions of `calibration` add to the closed form."""
        shift = 0.0 if self.logit_shift is None else self.logit_shift
        return {"logit_shift": shift, "sampling_rate": self._rates()}


def total_of(score: Array, labels: Array, weight: Array | None) -> Total:
    """Sums over rows in memory."""

    def total(function: Callable[[Array, Array, Any], Array]) -> Array:
        parts = (
            function(score[rows], labels[rows], None if weight is None else weight[rows])
            for rows in _blocks(len(score))
        )
        return np.asarray(sum(parts))

    return total


def _blocks(n_rows: int) -> list[slice]:
    """At least one, so that no rows have sums of 0."""
    return [slice(start, start + _BLOCK) for start in range(0, max(n_rows, 1), _BLOCK)]
