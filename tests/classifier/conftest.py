"""The classifier of either booster."""

import pytest


@pytest.fixture(params=["xgboost", "lightgbm"])
def make(request):
    from tests.classifier.models import MAKERS  # skips without a booster

    return MAKERS[request.param]
