"""The card transactions of the ULB."""

from __future__ import annotations

from http.client import HTTPException
from typing import TYPE_CHECKING

import numpy as np
from sklearn.datasets import fetch_openml
from sklearn.utils import Bunch

from focalboost.datasets._optional import pandas_for

if TYPE_CHECKING:
    import os


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
