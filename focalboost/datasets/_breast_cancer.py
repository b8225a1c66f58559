"""scikit-learn's breast-cancer set with few malignant rows and many features that are noise."""

from __future__ import annotations

import operator

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.utils import Bunch

N_DROPPED = 170  # of 212 malignant rows


def load_modified_breast_cancer(
    *, n_features: int = 100, random_state: int | np.random.Generator | None = 0
) -> Bunch:
    """Breast tumours, 42 malignant among 399, with features of pure noise next to the 30 measured ones.

    The set with which skscope [1]_ shows focal loss: scikit-learn's `load_breast_cancer` without its first
    170 malignant rows, standardised over all rows, and standard normal features appended. It comes with
    scikit-learn, so it needs no network.

    Parameters
    ----------
    n_features : int, default=100
        Measured and noise features, at least 30.
    random_state : int, numpy.random.Generator or None, default=0
        Seed of the noise.

    Returns
    -------
    sklearn.utils.Bunch
        - data : float32 array of shape (399, n_features)
        - feature_names : list of str, the 30 measured ones first, then "noise 0", "noise 1", ...
        - target : int8 array of shape (399,), 1 = malignant, the rare class (in scikit-learn's set it is 0)
        - step : None
        - frame : None
        - DESCR : str

    Raises
    ------
    ValueError
        If `n_features` is below 30.

    References
    ----------
    .. [1] Wang, Zhu, Wang, Zhu: "skscope: fast sparsity-constrained optimization in Python", JMLR 25, 2024;
       its gallery, "Classification on imbalanced labels with focal loss".

    Examples
    --------
    >>> from focalboost.datasets import load_modified_breast_cancer
    >>> tumours = load_modified_breast_cancer()
    >>> tumours.data.shape, int(tumours.target.sum())
    ((399, 100), 42)
    """
    original = load_breast_cancer()
    n_features, n_measured = operator.index(n_features), original.data.shape[1]
    if n_features < n_measured:
        raise ValueError(
            f"n_features == {n_features!r}, must be at least {n_measured}: so many are measured, the others "
            "are noise. For fewer take columns of data."
        )
    kept = np.delete(np.arange(original.target.size), np.flatnonzero(original.target == 0)[:N_DROPPED])
    measured = original.data[kept]
    measured = (measured - measured.mean(axis=0)) / measured.std(axis=0)
    noise = np.random.default_rng(random_state).standard_normal((kept.size, n_features - n_measured))
    return Bunch(
        data=np.hstack([measured, noise]).astype(np.float32),
        feature_names=[*original.feature_names.tolist(), *(f"noise {k}" for k in range(noise.shape[1]))],
        target=(original.target[kept] == 0).astype(np.int8),
        step=None,
        frame=None,
        DESCR=(
            f"Breast Cancer Wisconsin (diagnostic) without its first {N_DROPPED} malignant rows, "
            f"standardised, with {noise.shape[1]} features of noise, random_state={random_state!r}."
        ),
    )
