"""What LightGBM 4.6 says of rows without names, with any objective, is not asked here."""

import pytest


def pytest_itemcollected(item):
    item.add_marker(pytest.mark.filterwarnings("ignore:X does not have valid feature names:UserWarning"))
