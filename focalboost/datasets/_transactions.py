"""The simulated transactions as a data set."""

from __future__ import annotations

import operator

import numpy as np
from sklearn.utils import Bunch

from focalboost import _validation
from focalboost.datasets._features import transaction_features
from focalboost.datasets._optional import pandas_for
from focalboost.datasets._simulation import Difficulty, simulate

SHARE = ": it is a share of rows"


def make_transactions(
    n_samples: int = 500_000,
    *,
    imbalance_ratio: float = 733.0,
    partial_theft: float = 0.25,
    legitimate_emptying: float = 0.005,
    night_transfer: float = 0.005,
    label_noise: float = 0.05,
    random_state: int | np.random.Generator | None = None,
    as_frame: bool = False,
) -> Bunch:
    """Simulate a month of card and mobile-money transactions, a few of them fraudulent.

    Schema, types, hours, amounts and balances are those of the PaySim log [1]_. A theft is a
    TRANSFER from a victim to a mule followed by the mule's CASH_OUT in the same hour. In that log
    a theft takes the balance to the cent and nothing else ever does, so that any classifier is
    near perfect; the four shares below take this away. With all four at 0 it is back.

    Parameters
    ----------
    n_samples : int, default=500_000
        Rows; more than `(imbalance_ratio + 1) / 2`, so that one of them is positive.
    imbalance_ratio : float, default=733.0
        Negative rows per positive row, at least 1; met exactly up to rounding to whole rows.
    partial_theft : float in [0, 1], default=0.25
        Share of thefts, and of mules' cash-outs, that leave 10 to 80 % of the balance behind.
    legitimate_emptying : float in [0, 1], default=0.005
        Share of legitimate TRANSFER and CASH_OUT rows that move the whole balance to the cent.
    night_transfer : float in [0, 1], default=0.005
        Share of legitimate TRANSFER and CASH_OUT rows that are large ones in hours 0 to 7, when
        hardly any other legitimate row occurs; half of them move the whole balance.
    label_noise : float in [0, 0.25], default=0.05
        Share of thefts that nobody noticed (target 0), and share of the positive targets that
        are false reports about legitimate TRANSFER and CASH_OUT rows.
    random_state : int, numpy.random.Generator or None, default=None
        Seed; an int gives the same log each time.
    as_frame : bool, default=False
        Also return the log as a pandas DataFrame.

    Returns
    -------
    sklearn.utils.Bunch
        Rows are in order of time.

        - data : float32 array of shape (n_samples, 18), from `transaction_features`
        - feature_names : list of str
        - target : int8 array of shape (n_samples,), 1 = reported as fraud
        - theft : int8 array of shape (n_samples,), 1 = truly part of a theft, before label noise
        - step : int32 array of shape (n_samples,), hour since the start, 1 to 743
        - columns : dict of the 11 PaySim columns, arrays of shape (n_samples,)
        - frame : DataFrame of these columns, or None
        - DESCR : str

    Raises
    ------
    ValueError
        If a parameter is out of its range, or `n_samples` leaves no positive row.
    ImportError
        If `as_frame` is true and pandas is not installed.

    Notes
    -----
    Unlike in the published log, customers return (five rows each on average, the busiest about a
    hundred), a mule bears the same name in both rows of a theft, and thefts end when legitimate
    trade does. Balances of one account are alike over time, but rows do not form a ledger: an
    account also has postings that are not in the log.

    References
    ----------
    .. [1] Lopez-Rojas, Elmir, Axelsson: "PaySim: a financial mobile money simulator for fraud
       detection", EMSS 2016.

    Examples
    --------
    >>> from focalboost.datasets import make_transactions
    >>> log = make_transactions(10_000, imbalance_ratio=99, random_state=0)
    >>> log.data.shape, int(log.target.sum())
    ((10000, 18), 100)
    >>> past = log.step <= 557  # three quarters of the month
    >>> X_train, y_train = log.data[past], log.target[past]
    """
    _validation.number(
        "imbalance_ratio",
        imbalance_ratio,
        "finite and at least 1: it counts negative rows per positive row",
        low=1.0,
        strict=False,
    )
    n_samples = operator.index(n_samples)
    n_positive = round(n_samples / (imbalance_ratio + 1))
    if n_positive < 1:
        raise ValueError(
            f"n_samples == {n_samples!r}, must leave at least one positive row; with "
            f"imbalance_ratio == {imbalance_ratio!r} ask for "
            f"{int((imbalance_ratio + 1) // 2) + 1} rows or more."
        )
    difficulty = Difficulty(
        _validation.share("partial_theft", partial_theft, why=SHARE),
        _validation.share("legitimate_emptying", legitimate_emptying, why=SHARE),
        _validation.share("night_transfer", night_transfer, why=SHARE),
        _validation.share("label_noise", label_noise, most=0.25, why=SHARE),
    )
    pandas = pandas_for("as_frame=True") if as_frame else None
    columns, theft = simulate(n_samples, n_positive, difficulty, np.random.default_rng(random_state))
    data, feature_names = transaction_features(columns)
    return Bunch(
        data=data,
        feature_names=feature_names,
        target=columns["isFraud"],
        theft=theft,
        step=columns["step"],
        columns=columns,
        frame=pandas.DataFrame(columns) if pandas else None,
        DESCR=(
            f"{n_samples:,} simulated transactions with PaySim's schema, {n_positive:,} of them "
            f"reported as fraud; {difficulty}, random_state={random_state!r}."
        ),
    )
