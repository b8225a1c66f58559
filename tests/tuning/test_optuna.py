"""Versions that a trial notes."""

from focalboost.tuning._optuna import versions


def test_versions_names_xgboost_whatever_its_distribution():
    assert set(versions("xgboost", "numpy", "no-such-package")) == {"xgboost", "numpy"}
