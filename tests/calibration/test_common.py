"""log phi against 60-digit arithmetic, and what rates of sampling are refused."""

import re

import mpmath as mp
import numpy as np
import pytest

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss, posterior
from focalboost.calibration import (
    _common,
    binary_margin,
    binary_posterior,
    binary_posterior_logit,
    lookup_table,
    margin_threshold,
    multiclass_log_posterior,
    multiclass_margin,
    multiclass_posterior,
)


@pytest.mark.parametrize("gamma", [0.0, 1e-9, 0.3, 1.0, 2.0, 5.0, 100.0])
def test_log_phi_against_mpmath(gamma):
    s = np.array([-700.0, -40.0, -5.0, -0.5, -1e-9, 0.0, 1e-9, 0.7, 4.0, 36.0, 40.0, 200.0, 700.0])
    of_s, of_minus_s = _common.focal_terms(s)
    with mp.workdps(700):
        for sign, terms in ((1, of_s), (-1, of_minus_s)):
            got = _common.log_focal_slope(terms, np.full(s.shape, gamma))
            for margin, value in zip(s, got, strict=True):
                t = mp.mpf(sign * float(margin))
                p, q = 1 / (1 + mp.exp(-t)), 1 / (1 + mp.exp(t))
                softplus = -mp.log(q)
                true = mp.log(q**gamma + gamma * p * q ** (mp.mpf(gamma) - 1) * -mp.log(p))
                # It is a difference, of which each part has its digits.
                assert abs(value - true) <= 4e-16 * (abs(true) + 2 * gamma * softplus) + 1e-290


def test_both_sides_are_one_formula():
    s = np.linspace(-50, 50, 1001)
    (of_s, of_minus_s), (of_minus, of_plus) = _common.focal_terms(s), _common.focal_terms(-s)
    for one, other in ((of_s, of_plus), (of_minus_s, of_minus)):
        np.testing.assert_array_equal(one.odds_loss, other.odds_loss)
        np.testing.assert_array_equal(one.softplus, other.softplus)


@pytest.mark.parametrize("rate", [0.0, -0.1, 1.5, 20, float("nan"), float("inf"), (0.5, 0.0)])
def test_a_rate_that_is_none_is_refused(rate):
    rule = r"must be in \(0, 1\]: the share of the rows .* Where 1 in 20 was kept pass 0\.05\."
    with pytest.raises(ValueError, match=r"^sampling_rate == .*, " + rule):
        binary_posterior([0.0], gamma=2.0, sampling_rate=rate)
    with pytest.raises(ValueError, match=r"^sampling_rate == .*, " + rule):
        multiclass_posterior([[0.0, 1.0]], gamma=2.0, sampling_rate=rate)


@pytest.mark.parametrize("rate", [(0.5,), (0.5, 1.0, 1.0)])
def test_a_rate_is_of_two_classes(rate):
    with pytest.raises(
        ValueError, match=r"^sampling_rate == \(.*must be one number, that of class 0, or that"
    ):
        binary_posterior([0.0], gamma=2.0, sampling_rate=rate)


DOORS = {
    "binary_posterior": lambda **shift: binary_posterior([0.0], gamma=2.0, **shift),
    "binary_posterior_logit": lambda **shift: binary_posterior_logit(0.0, gamma=2.0, **shift),
    "binary_margin": lambda **shift: binary_margin(0.5, gamma=2.0, **shift),
    "margin_threshold": lambda **shift: margin_threshold(0.5, gamma=2.0, **shift),
    "lookup_table": lambda **shift: lookup_table(gamma=2.0, **shift),
    "lookup_table of probabilities": lambda **shift: lookup_table(gamma=2.0, output="probability", **shift),
    "multiclass_posterior": lambda **shift: multiclass_posterior([[0.0, 1.0]], gamma=2.0, **shift),
    "multiclass_log_posterior": lambda **shift: multiclass_log_posterior([[0.0, 1.0]], gamma=2.0, **shift),
    "multiclass_margin": lambda **shift: multiclass_margin([0.5, 0.5], gamma=2.0, **shift),
    "posterior": lambda **shift: posterior([0.0], gamma=2.0, **shift),
    "posterior of classes": lambda **shift: posterior([[0.0, 1.0]], gamma=2.0, task="multiclass", **shift),
    "with_shift": lambda logit_shift: BinaryFocalLoss(2.0).with_shift(logit_shift),
}


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("door", DOORS)
def test_a_shift_that_is_not_finite_is_refused_at_every_door(door, value):
    with pytest.raises(ValueError, match=rf"^logit_shift == {value}, must be finite\."):
        DOORS[door](logit_shift=value)


@pytest.mark.parametrize(
    ("call", "where"),
    [
        (lambda shift: binary_posterior(np.zeros((4, 2)), gamma=2.0, logit_shift=shift), "[1]"),
        (lambda shift: multiclass_posterior(np.zeros((4, 2)), gamma=2.0, logit_shift=shift), "[1]"),
        (lambda shift: margin_threshold(0.5, gamma=2.0, logit_shift=[shift, shift[::-1]]), "[0, 1]"),
        (MultilabelFocalLoss(2.0).with_shift, "[1]"),
        (MulticlassFocalLoss(2.0).with_shift, "[1]"),
    ],
)
def test_so_is_one_in_an_array(call, where):
    with pytest.raises(ValueError, match=rf"^logit_shift{re.escape(where)} == nan, must be finite"):
        call([0.0, np.nan])


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: binary_posterior(["1"], gamma=2.0), "raw_prediction == ['1'], must be numbers"),
        (lambda: binary_posterior([1 + 2j], gamma=2.0), "raw_prediction == [(1+2j)], must be numbers"),
        (lambda: binary_posterior(0.0, gamma="2"), "gamma == '2', must be numbers"),
        (lambda: binary_posterior(0.0, gamma=2.0, alpha=[1, [2]]), "alpha == [1, [2]], must be numbers"),
        (
            lambda: binary_posterior(0.0, gamma=2.0, sampling_rate="x"),
            "sampling_rate == 'x', must be numbers",
        ),
        (lambda: binary_posterior(0.0, gamma=2.0, logit_shift="x"), "logit_shift == 'x', must be numbers"),
        (lambda: multiclass_margin(["a", "b"], gamma=2.0), "probability == ['a', 'b'], must be numbers"),
    ],
)
def test_what_is_no_number_is_named(call, text):
    with pytest.raises(TypeError, match=re.escape(text)):
        call()


PAIR = [[1.0, 2.0], [1.0, 2.0], [1.0, 2.0]]


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: binary_posterior(np.zeros((5, 2)), gamma=PAIR),
            "[1.0, 2.0]] is for 3 labels beside raw_prediction, which is for 2, must have one entry, or one",
        ),
        (
            lambda: binary_posterior(np.zeros(9000), gamma=2.0, alpha=PAIR),
            "is for 3 labels beside raw_prediction, which is for 9000",
        ),
        (
            lambda: binary_margin(np.full((5, 2), 0.5), gamma=2.0, alpha=PAIR),
            "beside probability, which is for 2",
        ),
        (
            lambda: binary_posterior(
                0.0, gamma=2.0, logit_shift=[0.0, 1.0], sampling_rate=np.full((3, 2), 0.1)
            ),
            "is for 3 labels beside logit_shift, which is for 2",
        ),
        (lambda: margin_threshold([0.1, 0.2], gamma=PAIR), "is for 3 labels beside raw_prediction"),
        (
            lambda: multiclass_posterior(np.zeros((4, 3)), gamma=[2, 2]),
            "gamma == [2, 2] has shape (2,), must be one number or 3, one per class",
        ),
        (
            lambda: multiclass_posterior(np.zeros((4, 3)), gamma=2, sampling_rate=[0.1, 1]),
            "sampling_rate == [0.1, 1] has shape (2,), must be one number or 3",
        ),
        (
            lambda: multiclass_margin([0.2, 0.3, 0.5], gamma=2, alpha=np.ones((2, 3))),
            "has shape (2, 3), must be one number or 3",
        ),
        (
            lambda: multiclass_posterior([[5.0]], gamma=2.0),
            "raw_prediction has shape (1, 1), must be (n_classes,) or (n_samples, n_classes) with 2 or more",
        ),
        (lambda: multiclass_posterior(5.0, gamma=2.0), "raw_prediction has shape (), must be"),
    ],
)
def test_other_numbers_of_classes_or_labels_are_refused(call, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        call()


@pytest.mark.parametrize("rows", [np.zeros((5, 2)), np.zeros((9000, 2))])
def test_a_pair_beside_two_labels_is_refused_where_it_may_mean_two_things(rows):
    """A loss of two labels reads (a, b) as one entry per label, these functions as one per class."""
    for pair in ({"gamma": (1.0, 2.0)}, {"alpha": (0.25, 0.5)}, {"sampling_rate": (0.1, 0.2)}):
        (name,) = pair
        with pytest.raises(
            ValueError, match=rf"{name} == .* beside two labels, must be a pair .* for each label"
        ):
            binary_posterior(rows, **{"gamma": 2.0, **pair})
        both = {name: [pair[name]] * 2}
        found = binary_posterior(rows, **{"gamma": 2.0, **both})
        np.testing.assert_array_equal(found[:, 0], binary_posterior(rows[:, 0], **{"gamma": 2.0, **pair}))
    # These mean one thing.
    binary_posterior(rows, gamma=(2.0, 2.0), alpha=(1.0, 10.0), sampling_rate=(1.0, 1.0))
    binary_posterior(np.zeros((5, 3)), gamma=(1.0, 2.0), sampling_rate=(0.1, 0.2))
