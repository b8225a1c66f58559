"""Imbalanced data: simulated transactions, two real sets, and tables of your own.

Each loader returns a `sklearn.utils.Bunch` with the same core: `data` (float32, C order, what a
booster is given), `feature_names`, `target` (int8; 1 is the rare class) and `step` (time, for a
split in time, or None).
"""

from __future__ import annotations

import operator
from http.client import HTTPException
from typing import TYPE_CHECKING

import numpy as np
from sklearn.datasets import fetch_openml
from sklearn.utils import Bunch

from focalboost import _validation
from focalboost._breast_cancer import load_modified_breast_cancer
from focalboost._tables import load_table, pandas_for
from focalboost._transaction_features import transaction_features
from focalboost._transactions import Difficulty, simulate

if TYPE_CHECKING:
    import os

__all__ = [
    "fetch_creditcard",
    "load_modified_breast_cancer",
    "load_table",
    "make_transactions",
    "transaction_features",
]


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
        _share("partial_theft", partial_theft),
        _share("legitimate_emptying", legitimate_emptying),
        _share("night_transfer", night_transfer),
        _share("label_noise", label_noise, most=0.25),
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


def fetch_creditcard(*, data_home: str | os.PathLike[str] | None = None) -> Bunch:
    """Fetch 284,807 real card payments of two days in 2013, 492 of them frauds, from OpenML.

    Parameters
    ----------
    data_home : path or None, default=None
        Folder of the cache; None is scikit-learn's own.

    Returns
    -------
    sklearn.utils.Bunch
        - data : float32 array of shape (284807, 29): V1 to V28 (principal components), Amount
        - feature_names : list of str
        - target : int8 array of shape (284807,), 1 = fraud
        - step : int32 array of shape (284807,), whole hours since the first payment, 0 to 47;
          None where OpenML hands out the set without its Time column: then a split in time is
          not possible, because nothing says how the rows are ordered
        - frame : None
        - DESCR : str

    Raises
    ------
    ConnectionError
        If OpenML cannot be reached and the set is not in the cache.
    ImportError
        If pandas, which reads OpenML's files, is not installed.

    References
    ----------
    Dal Pozzolo, Caelen, Johnson, Bontempi: "Calibrating probability with undersampling for
    unbalanced classification", CIDM 2015. https://www.openml.org/d/1597
    """
    pandas_for("fetch_creditcard")
    try:
        found = fetch_openml(data_id=1597, data_home=data_home, as_frame=False, parser="auto")
    except (OSError, HTTPException) as error:
        raise ConnectionError(
            f"creditcard (OpenML 1597) could not be fetched: {error}. Connect to a network, or "
            "give the set, or any other, as a file: --data FILE, or load_table(FILE)."
        ) from error
    names = list(found.feature_names)
    values = np.asarray(found.data, dtype=np.float64)
    step = None
    if "Time" in names:
        step = (values[:, names.index("Time")] // 3600).astype(np.int32)
    # OpenML's nominal classes are strings, in some sets with quotes of their own.
    classes = np.char.strip(np.asarray(found.target, dtype=np.str_), "'\"")
    kept = [place for place, name in enumerate(names) if name != "Time"]
    return Bunch(
        data=np.ascontiguousarray(values[:, kept], dtype=np.float32),
        feature_names=[names[place] for place in kept],
        target=(classes == "1").astype(np.int8),
        step=step,
        frame=None,
        DESCR=str(found.DESCR),
    )


def _share(name: str, value: float, *, most: float = 1.0) -> float:
    rule = f"in [0, {most:g}]: it is a share of rows"
    share = _validation.number(name, value, rule, low=0.0, strict=False)
    if share > most:
        raise ValueError(f"{name} == {_validation.show(value)}, must be {rule}.")
    return share
