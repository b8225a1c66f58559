"""Expected cost against a loop over rows."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from focalboost.metrics import expected_cost, threshold_for_cost
from tests.metrics.helpers import rows_of_both_classes


@settings(max_examples=50, deadline=None)
@given(rows_of_both_classes(40), st.floats(0.1, 10.0), st.floats(0.1, 1000.0))
def test_expected_cost_row_by_row(data, cost_alarm, cost_missed):
    y, p = data
    total = 0.0
    for label, probability in zip(y, p, strict=True):
        alert = probability > cost_alarm / (cost_alarm + cost_missed)
        total += cost_alarm * (alert and label == 0) + cost_missed * (not alert and label == 1)
    found = expected_cost(y, p, cost_alarm=cost_alarm, cost_missed=cost_missed)
    assert found == pytest.approx(total / y.size, rel=1e-12)


@settings(max_examples=50, deadline=None)
@given(rows_of_both_classes(40), st.floats(0.1, 10.0), st.floats(0.1, 1000.0))
def test_where_each_look_costs_the_same(data, look, more):
    """Charged row by row, less the looks at positive rows, which no model saves."""
    y, p = data
    loss = look + more
    alert = p > look / loss
    charged = np.mean(look * alert + loss * ((y == 1) & ~alert))
    found = expected_cost(y, p, cost_alarm=look, cost_missed=more, threshold=look / loss)
    assert found + look * np.mean(y == 1) == pytest.approx(charged, rel=1e-9)


@settings(max_examples=50, deadline=None)
@given(rows_of_both_classes(20), st.integers(0, 2**32 - 1))
def test_costs_by_row_of_which_some_are_zero(data, seed):
    y, p = data
    rng = np.random.default_rng(seed)
    alarms, missed = (rng.choice([0.0, 0.5, 20.0, 1000.0], y.size) for _ in range(2))
    total = 0.0
    for label, probability, ca, cm in zip(y, p, alarms, missed, strict=True):
        alert = cm > 0 and probability > ca / (ca + cm)
        total += ca * (alert and label == 0) + cm * (not alert and label == 1)
    found = expected_cost(y, p, cost_alarm=alarms, cost_missed=missed)
    assert found == pytest.approx(total / y.size, rel=1e-12)
    cuts = threshold_for_cost(cost_alarm=alarms, cost_missed=missed)
    assert expected_cost(y, p, cost_alarm=alarms, cost_missed=missed, threshold=cuts) == found


@settings(max_examples=50, deadline=None)
@given(rows_of_both_classes(40))
def test_a_weight_counts_as_repetition(data):
    y, p = data
    weight = np.arange(1, y.size + 1)
    many = np.repeat(y, weight), np.repeat(p, weight)
    assert expected_cost(y, p, sample_weight=weight) == pytest.approx(expected_cost(*many), rel=1e-12)


def test_costs_may_differ_from_row_to_row():
    amounts = np.array([10.0, 1000.0, 10.0, 1000.0])
    # Of two frauds with 0.005 the large one is an alert, and one of the honest payments.
    assert expected_cost([0, 0, 1, 1], [0.005] * 4, cost_missed=amounts) == (1.0 + 10.0) / 4
    assert expected_cost([0, 1], [0.4, 0.4], threshold=0.5, cost_missed=7.0) == 3.5
    assert expected_cost([0, 1], [0.4, 0.4], threshold=[0.3, 0.3], cost_missed=7.0) == 0.5


@pytest.mark.parametrize(
    "kind",
    [list, tuple, np.asarray, pd.Series, lambda v: pd.Series(v, index=[9, 9, 0, 1]), pd.DataFrame],
    ids=["list", "tuple", "array", "Series", "Series of any index", "one column"],
)
def test_costs_of_any_container(kind):
    amounts = kind([10, 1000, 10, 1000])
    assert expected_cost([0, 0, 1, 1], [0.005] * 4, cost_missed=amounts) == (1.0 + 10.0) / 4


def test_the_true_probability_is_the_cheapest(rng):
    p = rng.beta(0.3, 3.0, 20_000)
    y = rng.random(p.size) < p
    amount = rng.gamma(2.0, 10.0, p.size) * (rng.random(p.size) > 0.1)
    for cost in (20.0, amount):
        best = expected_cost(y, p, cost_missed=cost)
        for wrong in (p**2, np.sqrt(p), np.clip(3 * p, 0, 1)):
            assert expected_cost(y, wrong, cost_missed=cost) > best


def test_huge_costs_have_a_threshold():
    """0.4 is below the half at which costs that are equal raise alerts."""
    assert expected_cost([0, 1], [0.4, 0.4], cost_alarm=1e308, cost_missed=1e308) == pytest.approx(5e307)
    assert expected_cost([0, 1], [0.4, 0.4], cost_alarm=1e-300, cost_missed=1e308) == pytest.approx(5e-301)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"cost_alarm": 0.0}, r"^cost_alarm == 0.0, must be > 0 and finite"),
        ({"cost_missed": -1}, r"^cost_missed == -1, must be > 0 and finite"),
        ({"cost_missed": np.float64("nan")}, r"^cost_missed == nan, must be > 0 and finite"),
        ({"cost_missed": [1.0, 2.0]}, r"^cost_missed has shape \(2,\), must be a number or \(3,\)"),
        ({"cost_missed": [[1.0, 2.0, 3.0]]}, r"^cost_missed has shape \(1, 3\), must be a number or \(3,\)"),
        ({"cost_missed": [1.0, -2.0, -3.0]}, r"^cost_missed\[1\] == -2.0, must be >= 0 and finite: leave"),
        ({"cost_alarm": [1.0, 2.0, np.nan]}, r"^cost_alarm\[2\] == nan, must be >= 0 and finite"),
        ({"cost_alarm": [1.0, np.inf, 0.0]}, r"^cost_alarm\[1\] == inf, must be >= 0 and finite"),
        ({"cost_missed": pd.Series([1, None, 3], dtype="Int64")}, r"^cost_missed\[1\] == nan, must be >= 0"),
        ({"threshold": -0.1}, r"^threshold == -0.1, must be in \[0, 1\]"),
        ({"threshold": 1.1}, r"^threshold == 1.1, must be in \[0, 1\]"),
        ({"threshold": [0.1, 0.2, 2.0]}, r"^threshold\[2\] == 2.0, must be in \[0, 1\]"),
        ({"threshold": [0.1, np.nan, 0.2]}, r"^threshold\[1\] == nan, must be in \[0, 1\]"),
        ({"sample_weight": [0.0, 0.0, 0.0]}, r"^sample_weight is 0 in every row, must be > 0 in one"),
        ({"sample_weight": [1.0, -1.0, 0.0]}, r"^sample_weight\[1\] == -1.0, must be >= 0 and finite"),
    ],
)
def test_bad_options(options, text):
    with pytest.raises(ValueError, match=text):
        expected_cost([0, 1, 1], [0.2, 0.4, 0.6], **options)


def test_an_error_is_short_however_many_rows_there_are(rng):
    amount = pd.Series(rng.gamma(2.0, 10.0, 5000))
    amount[4321] = -1.0
    y = rng.random(5000) < 0.1
    with pytest.raises(ValueError, match=r"^cost_missed\[4321\] == -1.0, must be >= 0 and finite") as caught:
        expected_cost(y, np.full(5000, 0.1), cost_missed=amount)
    assert len(str(caught.value)) < 150


def test_costs_that_are_no_numbers():
    for costs in ("amount", None):
        with pytest.raises(TypeError, match=rf"^cost_missed == {costs!r}, must be > 0 and finite"):
            expected_cost([0, 1], [0.1, 0.2], cost_missed=costs)
    for costs in (["a", "b"], np.array([1, "b"], object)):
        with pytest.raises(TypeError, match=r"^cost_missed has dtype .*, must be numbers"):
            expected_cost([0, 1], [0.1, 0.2], cost_missed=costs)


def test_bad_probabilities():
    text = r"y_proba goes from -1 to 2, must be in \[0, 1\]: use predict_proba"
    with pytest.raises(ValueError, match=text):
        expected_cost([0, 1], [-1.0, 2.0])
    with pytest.raises(ValueError, match=r"^y_proba has shape \(3,\), must be \(2,\), one per row"):
        expected_cost([0, 1], [0.1, 0.2, 0.3])
    with pytest.raises(ValueError, match=r"^y_proba\[1\] == nan, must be finite"):
        expected_cost([0, 1], [0.1, np.nan])
