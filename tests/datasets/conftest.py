"""A log that several files look at."""

import pytest
from sklearn.utils import Bunch

from focalboost.datasets import make_transactions


@pytest.fixture(scope="session")
def log() -> Bunch:
    return make_transactions(200_000, random_state=0)
