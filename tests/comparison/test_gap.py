"""A gap in words and numbers."""

import math
import re

import pytest

from focalboost.comparison._gap import SECONDS, parse_gap


@pytest.mark.parametrize(
    ("gap", "seconds"),
    [("7d", 604_800), ("12H", 43_200), (" 30 min ", 1_800), ("1.5h", 5_400), ("2w", 1_209_600), ("90s", 90)],
)
def test_a_duration_of_dates_is_seconds(gap, seconds):
    assert parse_gap(gap, when_is_date=True) == seconds


@pytest.mark.parametrize(("gap", "number"), [(7, 7), ("7", 7), ("2.5", 2.5), (0, 0), ("1e3", 1000)])
def test_a_gap_of_numbers_stays_what_it_is(gap, number):
    assert parse_gap(gap, when_is_date=False) == number


@pytest.mark.parametrize("gap", [0, 0.0, "0", "0d"])
def test_no_gap_needs_no_unit(gap):
    assert parse_gap(gap, when_is_date=True) == 0


@pytest.mark.parametrize(
    ("gap", "is_date", "error"),
    [
        (7, True, r"gap == 7, must have a unit, such as '7d', '7h' or '7min': the time column holds dates."),
        ("7", True, r"gap == '7', must have a unit, such as '7d'"),
        ("7d", False, r"gap == '7d', must be a number without a unit: the time column holds numbers"),
        ("-7d", True, r"gap == -7.0, must be >= 0 and finite."),
        (-1, False, r"gap == -1, must be >= 0 and finite."),
        (math.nan, False, r"gap == nan, must be >= 0 and finite."),
        # pandas reads "m" as minutes in one place and as months in another.
        ("1m", True, r"gap == '1m', must be a number, or a number and one of s, min, h, d, w, such as '7d'."),
        ("1y", True, r"gap == '1y', must be a number, or"),
        ("soon", True, r"gap == 'soon', must be a number, or"),
        ("", True, r"gap == '', must be a number, or"),
        ("d", True, r"gap == 'd', must be a number, or"),
    ],
)
def test_what_cannot_be_a_gap_is_refused(gap, is_date, error):
    with pytest.raises(ValueError, match=error):
        parse_gap(gap, when_is_date=is_date)


def test_something_else_is_refused():
    with pytest.raises(TypeError, match=re.escape("gap == [7], must be >= 0 and finite.")):
        parse_gap([7], when_is_date=False)


def test_the_units_of_the_error_are_those_that_are_read():
    for unit in SECONDS:
        assert parse_gap(f"1{unit}", when_is_date=True) == SECONDS[unit]
