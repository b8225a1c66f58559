"""The card transactions of the ULB, from an OpenML that is made up here."""

from __future__ import annotations

from urllib.error import URLError

import numpy as np
import pytest
from sklearn.utils import Bunch

from focalboost.datasets import _creditcard, fetch_creditcard


def test_creditcard_without_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(**_: object) -> Bunch:
        raise URLError("name resolution failed")

    monkeypatch.setattr(_creditcard, "fetch_openml", fetch)
    with pytest.raises(ConnectionError, match=r"1597.*name resolution failed.*--data FILE"):
        fetch_creditcard()


@pytest.mark.parametrize("quote", ["", "'"])
@pytest.mark.parametrize("with_time", [True, False])
def test_creditcard_is_converted(monkeypatch: pytest.MonkeyPatch, with_time: bool, quote: str) -> None:
    asked = {}

    def fetch(**parameters: object) -> Bunch:
        asked.update(parameters)
        data = np.array([[0.0, 1.5, 10.0], [3599.0, -1.0, 20.0], [172_792.0, 0.5, 30.0]])
        names = ["Time", "V1", "Amount"]
        target = np.array([f"{quote}{label}{quote}" for label in "010"], dtype=object)
        start = 0 if with_time else 1
        return Bunch(data=data[:, start:], feature_names=names[start:], target=target, DESCR="cards")

    monkeypatch.setattr(_creditcard, "fetch_openml", fetch)
    cards = fetch_creditcard(data_home="somewhere")
    assert asked["data_id"] == 1597
    assert asked["data_home"] == "somewhere"
    assert cards.feature_names == ["V1", "Amount"]
    assert cards.data.dtype == np.float32
    assert cards.data.flags.c_contiguous
    np.testing.assert_array_equal(cards.data, np.float32([[1.5, 10], [-1, 20], [0.5, 30]]))
    assert cards.target.dtype == np.int8
    assert cards.target.tolist() == [0, 1, 0]
    if with_time:
        assert cards.step.tolist() == [0, 0, 47]
    else:
        assert cards.step is None
