"""What a model may see of a transaction: features known when it asks to be authorised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from focalboost.datasets._optional import listed
from focalboost.datasets._simulation import KINDS, Floats, Integers

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

Matrix: TypeAlias = NDArray[np.float32]

KNOWN_BEFOREHAND = (
    "step", "type", "amount", "nameOrig", "oldbalanceOrg", "nameDest", "oldbalanceDest",
)  # fmt: skip


def transaction_features(
    columns: Mapping[str, Any] | pd.DataFrame,
) -> tuple[Matrix, list[str]]:
    """Turn PaySim's columns into what is known when a transaction asks to be authorised.

    Neither the labels nor the balances after the transaction are read. What an account did
    before counts rows that are earlier in time, or earlier in the table within one hour.

    Parameters
    ----------
    columns : mapping or DataFrame
        Arrays of shape (n_samples,) named step (hours, starting at 1), type, amount, nameOrig,
        oldbalanceOrg, nameDest and oldbalanceDest; other columns are not touched.

    Returns
    -------
    data : float32 array of shape (n_samples, 18), C order, without missing values
        Amounts and balances x enter as log(1 + x) and hours since an event as -1 where there
        was none; `log_amount_to_balance` is 0 and `empties_balance` 1 where the amount is the
        whole balance; `log_amount_to_usual` compares with the origin's earlier rows.
    feature_names : list of str

    Raises
    ------
    ValueError
        If a column is missing or the columns differ in length.

    Examples
    --------
    >>> from focalboost.datasets import transaction_features
    >>> data, names = transaction_features({
    ...     "step": [1, 30], "type": ["TRANSFER", "PAYMENT"], "amount": [100.0, 20.0],
    ...     "nameOrig": ["C1", "C1"], "oldbalanceOrg": [100.0, 50.0],
    ...     "nameDest": ["C2", "M3"], "oldbalanceDest": [0.0, 0.0]})
    >>> data[:, names.index("empties_balance")].tolist()
    [1.0, 0.0]
    >>> data[:, names.index("origin_hours_since")].tolist()
    [-1.0, 29.0]
    """
    missing = [name for name in KNOWN_BEFOREHAND if name not in columns]
    if missing:
        raise ValueError(
            f"columns == {listed(columns)}, must include {listed(missing)}; rename yours to PaySim's names."
        )
    step = np.asarray(columns["step"], dtype=np.int64)
    kind, origin, dest = (
        np.asarray(columns[name], dtype=np.str_) for name in ("type", "nameOrig", "nameDest")
    )
    amount, old_origin, old_dest = (
        np.asarray(columns[name], dtype=np.float64) for name in ("amount", "oldbalanceOrg", "oldbalanceDest")
    )
    lengths = {len(columns[name]) for name in KNOWN_BEFOREHAND}
    if len(lengths) > 1:
        raise ValueError(
            f"columns have lengths {sorted(lengths)}, must all have one length; pass columns of "
            "the same table."
        )
    log_amount = np.log1p(amount)
    origin_earlier, origin_since, usual = _history(origin, step, log_amount)
    dest_earlier, dest_since, _ = _history(dest, step, log_amount)
    features = {
        "hour": (step - 1) % 24,
        **{f"is_{name.lower()}": kind == name for name in KINDS},
        "log_amount": log_amount,
        "log_origin_balance": np.log1p(old_origin),
        "log_dest_balance": np.log1p(old_dest),
        "log_amount_to_balance": log_amount - np.log1p(old_origin),
        "empties_balance": (amount == old_origin) & (amount > 0),
        "exceeds_balance": amount > old_origin,
        "dest_is_merchant": dest.astype("U1") == "M",
        "origin_earlier_rows": origin_earlier,
        "origin_hours_since": origin_since,
        "log_amount_to_usual": np.where(origin_earlier > 0, log_amount - usual, 0.0),
        "dest_earlier_rows": dest_earlier,
        "dest_hours_since": dest_since,
    }
    data = np.empty((step.size, len(features)), dtype=np.float32)
    for place, values in enumerate(features.values()):
        data[:, place] = values
    return data, list(features)


def _history(
    names: NDArray[np.str_], step: Integers, log_amount: Floats
) -> tuple[Integers, Integers, Floats]:
    """Each row's account so far: rows, hours since the last (-1: none), mean log amount (or 0)."""
    account = np.unique(names, return_inverse=True)[1]
    order = np.lexsort((step, account))  # stable: rows of one hour keep their order
    account, sorted_step = account[order], step[order]
    first = np.ones(order.size, dtype=np.bool_)
    first[1:] = account[1:] != account[:-1]
    place = np.arange(order.size)
    start = np.maximum.accumulate(np.where(first, place, 0))
    earlier = place - start
    since = np.where(first, -1, sorted_step - np.roll(sorted_step, 1))
    total = np.cumsum(log_amount[order]) - log_amount[order]
    mean = (total - total[start]) / np.maximum(earlier, 1)
    back = np.empty_like(order)
    back[order] = place
    return earlier[back], since[back], mean[back]
