"""Binary focal loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from focalboost import _validation
from focalboost._typing import Array
from focalboost.calibration import binary_margin, binary_posterior_logit
from focalboost.calibration._schema import class_pair, rate_pair
from focalboost.losses._by_class import CURES_OF_ABSENCE, in_order
from focalboost.losses._sigmoid import SigmoidLoss, check_rate


@dataclass(frozen=True, repr=False)
class BinaryFocalLoss(SigmoidLoss):
    """Binary focal loss, `-alpha_t (1 - p_t)^gamma log(p_t)` with p = sigmoid(margin).

    Parameters
    ----------
    gamma : float, (float, float) or dict, default=2.0
        Focusing parameter >= 0; a pair, or a dict {0: ..., 1: ...}, gives class 0 and class 1 their own. 0 is
        cross-entropy.
    alpha : None, float, (float, float), dict or "balanced", default=None
        Class weights: None for 1 and 1; a number in (0, 1) for (1 - alpha, alpha); a pair of positive numbers
        for (class 0, class 1), or a dict {0: ..., 1: ...}; "balanced" for n / (2 n_class), resolved by
        `for_labels`.
    hessian : {"guarded", "exact", "reweighted"}, default="guarded"
        "exact" is the true second derivative, negative for hard rows, which boosters do not survive;
        "reweighted" the focal weight times cross-entropy's Hessian; "guarded" the larger of the two.
    label_smoothing : float in [0, 1), default=0.0
        A label y is read as y + label_smoothing (1/2 - y). For noisy labels where only the ranking counts:
        the probabilities are of the smoothed labels, p + label_smoothing (1/2 - p), and so too high for a
        rare class. With 0.1 at a rate of .005 their mean is .0545, eleven times the rate.
    sampling_rate : None, float, (float, float) or dict, default=None
        Share in (0, 1] of the rows of class 0 that was kept for training, such as 0.05 where 1 in 20 was; a
        pair, or a dict {0: ..., 1: ...}, for class 0 and class 1. Training, intercept and metrics are of the
        rows that were kept; `posterior` and `margin` of all rows [3]_.
    device : {"auto", "cpu", "cuda"}, default="auto"
        Where gradients are computed. "auto" is the GPU that an XGBoost booster is on, if the extra `cuda` and
        a driver are there, else the CPU, of which the logger `focalboost` warns once; "cuda" insists.
    n_jobs : int or None, default=None
        Threads of the kernels; None for FOCALBOOST_NUM_THREADS, OMP_NUM_THREADS or all cores given.

    Attributes
    ----------
    scale : float
        Constant factor of the loss, 1 before `for_labels`.
    intercept : float or None
        Margin of the best constant, None before `for_labels`.
    base_score : float
        sigmoid(intercept), what XGBoost's `base_score` takes.

    Notes
    -----
    With the signed margin s = (2y - 1) margin, p = sigmoid(s), q = 1 - p and w = scale alpha_t q^gamma::

        loss        -w log p
        gradient    -(2y - 1) w (q - gamma p log p)                     by the margin
        exact       w p [q (1 + 2 gamma) - gamma log(p) (gamma p - q)]  second derivative
        reweighted  w p (q - gamma p log p)
        guarded     max(exact, reweighted)

    `posterior` does not undo label_smoothing s: (posterior - s/2) / (1 - s), clipped to [0, 1], has the true
    mean again, but is exactly 0 in a third of simulated rows (rate .05, s .1). Their order is lost, and the
    log loss is infinite, as a few of them are positive.

    A label y between 0 and 1 is the mixture y loss(1) + (1 - y) loss(0). `posterior` turns a margin x into
    the probability of class 1, with phi(p) = q^gamma - gamma p q^(gamma - 1) log p [2]_::

        logit posterior = x + log alpha_0 - log alpha_1 + log phi_0(sigmoid(-x)) - log phi_1(sigmoid(x))

    What counts of `sampling_rate` is the ratio of the two shares. A resampler of imbalanced-learn with
    sampling_strategy=0.2, whether it leaves rows out or adds some (SMOTE, too), brings n_1 / n_0 to 0.2: that
    is a rate of class 0 of ::

        n_0, n_1 = np.bincount(y)
        sampling_rate = n_1 / n_0 / 0.2

    Immutable: copies and clones are the object itself, and threads may share it.

    References
    ----------
    .. [1] Lin, Goyal, Girshick, He and Dollar, "Focal Loss for Dense Object Detection", ICCV 2017, eq. 5.
    .. [2] Charoenphakdee et al., "On Focal Loss for Class-Posterior Probability Estimation: A Theoretical
       Perspective", CVPR 2021.
    .. [3] Dal Pozzolo, Caelen, Johnson and Bontempi, "Calibrating Probability with Undersampling for
       Unbalanced Classification", IEEE SSCI 2015, eq. 4.

    Examples
    --------
    >>> import numpy as np
    >>> from focalboost import BinaryFocalLoss
    >>> loss = BinaryFocalLoss(gamma=2.0, alpha=0.25)
    >>> loss.loss([0, 1], [0.0, 0.0]).round(4)
    array([0.13  , 0.0433])
    >>> loss = loss.for_labels(np.arange(1000) < 10)
    >>> round(loss.intercept, 3), round(loss.base_score, 3), round(loss.scale, 3)
    (-2.107, 0.108, 1.317)
    """

    def _numbered(self, name: str, value: Any) -> Any:
        return in_order(name, value, 2)

    def _check_gamma(self) -> Any:
        gamma = super()._check_gamma()
        _validation.check_length("gamma", gamma, 2, "class")
        return gamma

    def _check_alpha(self) -> Any:
        if _validation.is_named(self.alpha):
            return self.alpha
        if not _validation.is_sequence(self.alpha):
            return _validation.check_alpha_share(self.alpha)
        alpha = _validation.check_weights(self.alpha)
        _validation.check_length("alpha", alpha, 2, "class")
        return alpha

    def _check_rate(self, rate: Any) -> Any:
        return check_rate(rate)

    def _rates(self) -> Any:
        return 1.0 if self.sampling_rate is None else rate_pair(self.sampling_rate)

    def _gamma_pairs(self, n_labels: int) -> Array:
        return np.broadcast_to(np.asarray(self.gamma, float), (1, 2)).copy()

    def _alpha_pairs(self, n_labels: int) -> Array:
        return np.array([class_pair(self._numeric_alpha())])

    def _n_outputs(self) -> int:
        return 1

    def lightgbm_objective(self, n_outputs: int) -> str:
        return "binary sigmoid:1"

    def _base_score(self) -> float:
        return float(self._sigmoid(self.intercept))

    def _check_arrays(
        self, y_true: Any, raw_prediction: Any, sample_weight: Any
    ) -> tuple[Array, Array, Array | None]:
        raw = _validation.numeric("raw_prediction", raw_prediction)
        y = _validation.numeric("y_true", y_true)
        if raw.ndim == 2 and raw.shape[1] == 1:
            raw = raw[:, 0]
        if raw.ndim != 1:
            raise ValueError(
                f"raw_prediction has shape {raw.shape}, must be (n_samples,). For one column per class use "
                "MulticlassFocalLoss, for one per label MultilabelFocalLoss."
            )
        if y.shape == (raw.shape[0], 1):
            y = y[:, 0]
        if y.shape != raw.shape:
            raise ValueError(
                f"y_true has shape {y.shape}, must be {raw.shape} as raw_prediction: pass the labels of the "
                "rows that were predicted."
            )
        return y, raw, _validation.check_weight_shape(sample_weight, raw.shape[0])

    def _check_labels(self, y: Any) -> Array:
        labels = _validation.numeric("y", y)
        if labels.ndim == 2 and labels.shape[1] == 1:
            labels = labels[:, 0]
        if labels.ndim != 1:
            raise ValueError(
                f"y has shape {labels.shape}, must be (n_samples,). For several labels use "
                "MultilabelFocalLoss."
            )
        return labels

    def _check_shares(self, share: Array, n_samples: int) -> Array:
        if 0.0 < share[0] < 1.0:
            return share
        # Smoothed labels have both classes.
        if self.label_smoothing > 0.0 and self.alpha != _validation.BALANCED:
            return share
        raise ValueError(
            f"y == {share[0]:g} in all rows with weight, must have both classes: the best constant of one "
            "class is infinite, and a class without rows has no balanced weight. "
            f"{CURES_OF_ABSENCE.format(labels='[0, 1]')}."
        )

    def for_labels(self, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        alpha, intercept, scale = self._resolve(y, sample_weight)
        return self._resolved(
            alpha=tuple(alpha[0].tolist()) if self.alpha == _validation.BALANCED else self.alpha,
            intercept=float(intercept[0]),
            scale=float(scale[0]),
        )

    def _closed_form(self, raw_prediction: ArrayLike, **added: Any) -> Array:
        raw = _one_column("raw_prediction", raw_prediction)
        return self._of_calibration(binary_posterior_logit, raw, **added)

    def _closed_margin(self, probability: ArrayLike, **added: Any) -> Array:
        return self._of_calibration(binary_margin, _one_column("probability", probability), **added)

    def _several(self) -> bool:
        return False


def _one_column(name: str, value: ArrayLike) -> Array:
    array = _validation.numeric(name, value)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim > 1:
        raise ValueError(
            f"{name} has shape {array.shape}, must be (n_samples,), that of class 1: pass {name}[:, 1] of "
            "two columns. For more classes use MulticlassFocalLoss, for labels MultilabelFocalLoss."
        )
    return array
