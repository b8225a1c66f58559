"""What all metrics refuse, and labels of any name."""

import re
import sys

import numpy as np
import pandas as pd
import pytest

from focalboost.metrics import (
    expected_cost,
    precision_at_alerts_per_day,
    recall_at_alert_rate,
    recall_at_alerts_per_day,
    recall_at_precision,
    value_recall_at_alert_rate,
)

NEEDS = {
    recall_at_alert_rate: {"alert_rate": 0.4},
    value_recall_at_alert_rate: {"value": [1.0, 2.0, 9.0, 4.0, 5.0], "alert_rate": 0.4},
    recall_at_precision: {},
    expected_cost: {},
    precision_at_alerts_per_day: {"day": [1, 1, 2, 3, 3], "alerts_per_day": 1},
    recall_at_alerts_per_day: {"day": [1, 1, 2, 3, 3], "alerts_per_day": 1},
}
Y, SCORE = np.array([0, 1, 1, 0, 0]), np.array([0.2, 0.9, 0.1, 0.7, 0.3])
ALL = pytest.mark.parametrize("metric", NEEDS, ids=lambda metric: metric.__name__)


@ALL
@pytest.mark.parametrize(
    ("y", "pos_label"),
    [
        (np.where(Y, "fraud", "good"), "fraud"),
        (np.where(Y, "fraud", "good").astype(object), "fraud"),
        (list(np.where(Y, "theft", "good")), "theft"),
        (pd.Series(np.where(Y, "fraud", "good"), index=[5, 5, 1, 0, 7], dtype="category"), "fraud"),
        (pd.Series(Y, dtype="Int64", index=list("abcab")), 1),
        (Y.astype(bool), True),
        (Y.astype(bool), 1),
        (1 - Y, 0),
        (Y[:, None], 1),
        (np.where(Y, np.datetime64("2024-01-01"), np.datetime64("2023-01-01")), np.datetime64("2024-01-01")),
    ],
    ids=[
        *("strings", "objects", "list", "category", "Int64", "True", "True as 1", "0", "one column", "dates"),
    ],
)
def test_labels_of_any_name(metric, y, pos_label):
    expected = metric(Y, SCORE, **NEEDS[metric])
    assert metric(y, SCORE, pos_label=pos_label, **NEEDS[metric]) == expected
    assert (
        metric(y, pd.Series(SCORE, index=[5, 5, 1, 0, 7]), pos_label=pos_label, **NEEDS[metric]) == expected
    )
    # The other label gives another value: pos_label is not ignored.
    assert metric(Y, SCORE, pos_label=0, **NEEDS[metric]) != expected


@ALL
@pytest.mark.parametrize(
    ("y", "text"),
    [
        ([1, 1, 1, 1, 1], r"^y_true has pos_label == 1 in every row, must have rows of both classes. Pass"),
        ([0, 0, 0, 0, 0], r"^y_true has pos_label == 1 in no row, must have rows of both classes"),
        (["a", "b", "a", "b", "b"], r"^y_true has pos_label == 1 in no row, must have rows of both classes"),
        ([], r"^y_true has pos_label == 1 in no row"),
        ([0.0, 1.0, np.nan, 0.0, 1.0], r"^y_true\[2\] is missing, must be known: leave such rows out"),
        (np.array([0, None, 1, 0, 1], object), r"^y_true\[1\] is missing"),
        (pd.Series([0, 1, None, 1, 0], dtype="Int64"), r"^y_true\[2\] is missing"),
        (np.eye(5), r"y should be a 1d array"),
    ],
)
def test_bad_labels(metric, y, text):
    with pytest.raises(ValueError, match=text):
        metric(y, SCORE, **NEEDS[metric])


@ALL
@pytest.mark.parametrize(
    ("score", "text"),
    [
        ([0.1, np.nan, 0.2, np.nan, 1.0], r"^y_(score|proba)\[1\] == nan, must be finite"),
        ([0.1, 0.2, 0.2, np.inf, 1.0], r"^y_(score|proba)\[3\] == inf, must be finite"),
        (
            pd.Series([0.1, None, 0.2, 0.3, 1.0], dtype="Float64"),
            r"^y_(score|proba)\[1\] == nan, must be finite",
        ),
        (np.array([0.1, pd.NA, 0.2, 0.3, 1.0], object), r"^y_(score|proba)\[1\] == nan, must be finite"),
        ([0.1, 0.2, 0.3], r"^y_(score|proba) has shape \(3,\), must be \(5,\), one per row\.$"),
        (
            np.full((5, 2), 0.5),
            r"^y_(score|proba) has shape \(5, 2\), must be \(5,\), one per row: pass the column "
            + re.escape("of pos_label, as in predict_proba(X)[:, list(model.classes_).index(pos_label)]"),
        ),
    ],
)
def test_bad_scores(metric, score, text):
    with pytest.raises(ValueError, match=text):
        metric(Y, score, **NEEDS[metric])


@ALL
def test_scores_that_are_no_numbers(metric):
    for score in (["0.1", "0.2", "0.3", "0.4", "0.5"], np.array([0.1, "b", 0.2, 0.3, 0.4], object)):
        with pytest.raises(TypeError, match=r"^y_(score|proba) has dtype .*, must be numbers"):
            metric(Y, score, **NEEDS[metric])
    # Numbers that pandas held as objects are numbers.
    as_objects = metric(Y, SCORE.astype(object), **NEEDS[metric])
    assert as_objects == metric(Y, SCORE[:, None], **NEEDS[metric]) == metric(Y, SCORE, **NEEDS[metric])


@ALL
def test_dask_collections_are_refused(metric):
    array = pytest.importorskip("dask.array")
    lazy = array.from_array(SCORE, chunks=2)
    with pytest.raises(TypeError, match=r"^y_(score|proba) is a Dask Array, must be in memory"):
        metric(Y, lazy, **NEEDS[metric])
    with pytest.raises(TypeError, match=r"^y_true is a Dask Array, must be in memory"):
        metric(array.from_array(Y, chunks=2), SCORE, **NEEDS[metric])


@pytest.mark.parametrize("missing", [None, np.nan])
def test_missing_labels_are_seen_without_pandas(missing, monkeypatch):
    monkeypatch.delitem(sys.modules, "pandas")
    y = np.array([0, 1, missing, 0, 1], object)
    with pytest.raises(ValueError, match=r"^y_true\[2\] is missing, must be known"):
        recall_at_precision(y, SCORE)
    y[2] = 1
    assert recall_at_precision(y, SCORE) > 0.0
