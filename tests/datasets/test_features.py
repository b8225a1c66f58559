"""Features of transactions: known beforehand, without labels and without the future."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.utils import Bunch

from focalboost.datasets import transaction_features


def test_features_read_neither_labels_nor_later_balances(log: Bunch) -> None:
    rng = np.random.default_rng(0)
    columns = dict(log.columns)
    for name in ("isFraud", "isFlaggedFraud", "newbalanceOrig", "newbalanceDest"):
        columns[name] = rng.permutation(columns[name])
    np.testing.assert_array_equal(transaction_features(columns)[0], log.data)
    for name in ("isFraud", "isFlaggedFraud", "newbalanceOrig", "newbalanceDest"):
        del columns[name]
    data, names = transaction_features(columns)
    np.testing.assert_array_equal(data, log.data)
    assert names == log.feature_names


def test_features_do_not_look_ahead(log: Bunch) -> None:
    head = {name: values[:50_000] for name, values in log.columns.items()}
    # The running mean of log amounts comes from one long sum: 1e-5 is its rounding in float32.
    np.testing.assert_allclose(transaction_features(head)[0], log.data[:50_000], atol=1e-5)


def test_history_counts_earlier_rows_of_the_account_only() -> None:
    data, names = transaction_features(
        {
            "step": [1, 1, 5, 9, 9],
            "type": ["TRANSFER", "PAYMENT", "TRANSFER", "CASH_IN", "DEBIT"],
            "amount": [np.e - 1, 5.0, np.e**3 - 1, np.e**5 - 1, 0.0],
            "nameOrig": ["C1", "C2", "C1", "C1", "C2"],
            "oldbalanceOrg": [np.e - 1, 9.0, 0.0, 1e6, 0.0],
            "nameDest": ["C9", "M7", "C9", "C8", "C9"],
            "oldbalanceDest": [0.0, 0.0, 7.0, 8.0, 9.0],
        }
    )

    def column(name: str) -> list[float]:
        return data[:, names.index(name)].round(5).tolist()

    assert column("hour") == [0, 0, 4, 8, 8]
    assert column("origin_earlier_rows") == [0, 0, 1, 2, 1]
    assert column("origin_hours_since") == [-1, -1, 4, 4, 8]
    assert column("log_amount_to_usual") == [0, 0, 2, 3, pytest.approx(-np.log(6), abs=1e-5)]
    assert column("dest_earlier_rows") == [0, 0, 1, 0, 2]
    assert column("dest_hours_since") == [-1, -1, 4, -1, 4]
    assert column("empties_balance") == [1, 0, 0, 0, 0]
    assert column("exceeds_balance") == [0, 0, 1, 0, 0]
    assert column("dest_is_merchant") == [0, 1, 0, 0, 0]
    assert column("log_amount_to_balance")[0] == 0
    kinds = ["is_cash_out", "is_payment", "is_cash_in", "is_transfer", "is_debit"]
    np.testing.assert_array_equal(sum(np.array(column(name)) for name in kinds), 1)


def test_missing_or_uneven_columns(log: Bunch) -> None:
    columns = {name: values[:10] for name, values in log.columns.items()}
    with pytest.raises(ValueError, match="must all have one length; pass columns of the same"):
        transaction_features({**columns, "amount": columns["amount"][:9]})
    del columns["amount"], columns["step"]
    with pytest.raises(ValueError, match="must include 'step', 'amount'; rename yours"):
        transaction_features(columns)
