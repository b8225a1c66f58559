"""The posterior against the numeric risk minimiser and mpmath, its inverse by round trip."""

import re
from functools import partial

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize, minimize_scalar

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss, posterior
from focalboost.calibration import (
    binary_margin,
    binary_posterior,
    binary_posterior_logit,
    multiclass_log_posterior,
    multiclass_margin,
    multiclass_posterior,
)

mp.mp.dps = 50


@pytest.mark.parametrize("gamma", [(0.0, 0.0), (0.5, 0.5), (2.0, 2.0), (1.0, 4.0)])
@pytest.mark.parametrize("alpha", [(1.0, 1.0), (0.3, 2.0)])
@pytest.mark.parametrize("eta", [0.001, 0.2, 0.7])
def test_posterior_undoes_the_risk_minimiser(gamma, alpha, eta):
    loss = BinaryFocalLoss(gamma, alpha)

    def risk(x):
        zero, one = loss.loss([0, 1], [x, x])
        return (1 - eta) * zero + eta * one

    best = minimize_scalar(risk, bounds=(-15, 15), options={"xatol": 1e-11}).x
    assert loss.posterior([best])[0] == pytest.approx(eta, rel=2e-6)


def test_multiclass_posterior_undoes_the_risk_minimiser():
    eta = np.array([0.7, 0.2, 0.1])
    loss = MulticlassFocalLoss((2.0, 1.0, 3.0), (1.0, 2.0, 0.5))

    def risk(z):
        return float(eta @ loss.loss([0, 1, 2], np.tile(z, (3, 1))))

    best = minimize(risk, np.zeros(3), tol=1e-14).x
    np.testing.assert_allclose(loss.posterior([best])[0], eta, atol=1e-6)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 10.0])
def test_posterior_against_mpmath(gamma):
    x = np.array([-40.0, -9.3, -1.0, -1e-7, 0, 0.4, 3.3, 12, 36.6])
    got = BinaryFocalLoss(gamma, (0.4, 3.0)).posterior(x)

    def ratio(s, alpha):
        p, q = 1 / (1 + mp.exp(-s)), 1 / (1 + mp.exp(s))
        return p / (alpha * (q**gamma + gamma * p * q ** (mp.mpf(gamma) - 1) * -mp.log(p)))

    for margin, value in zip(x, got, strict=True):
        one, zero = ratio(mp.mpf(margin), mp.mpf(3)), ratio(-mp.mpf(margin), mp.mpf(0.4))
        true = one / (one + zero)
        assert abs(value - true) <= 1e-12 * true


def test_two_classes_equal_binary(rng):
    x = rng.normal(0, 5, 100)
    two = multiclass_posterior(np.stack([np.zeros(100), x], 1), gamma=(1.0, 3.0), alpha=(0.2, 0.9))
    np.testing.assert_allclose(two[:, 1], binary_posterior(x, gamma=(1.0, 3.0), alpha=(0.2, 0.9)), rtol=1e-12)


positive = st.floats(0.05, 20)
gammas = st.one_of(st.just(0.0), st.floats(0, 10))


@settings(max_examples=150, deadline=None)
@given(eta=st.floats(1e-9, 1 - 1e-9), gamma=st.tuples(gammas, gammas), alpha=st.tuples(positive, positive))
def test_binary_round_trip(eta, gamma, alpha):
    margin = binary_margin(eta, gamma=gamma, alpha=alpha)
    back = binary_posterior(margin, gamma=gamma, alpha=alpha)
    assert back == pytest.approx(eta, rel=1e-10)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(1e-6, 1), gammas, positive), min_size=2, max_size=12))
def test_multiclass_round_trip(classes):
    eta, gamma, alpha = (np.array(column) for column in zip(*classes, strict=True))
    eta /= eta.sum()
    margin = multiclass_margin(eta, gamma=gamma, alpha=alpha)
    np.testing.assert_allclose(multiclass_posterior(margin, gamma=gamma, alpha=alpha), eta, rtol=1e-10)


def test_extremes_are_probabilities():
    x = np.array([-1e30, -3.4e38, -745.0, 0, 745, 1e30, 3.4e38])
    for gamma in (0.0, 0.3, 2.0, 10.0):
        p = BinaryFocalLoss(gamma).posterior(x)
        assert np.isfinite(p).all()
        assert p[0] == 0
        assert p[-1] == 1
        q = MulticlassFocalLoss(gamma).posterior([[1e30, -1e30, 0.0], [-1e30, -1e30, -1e30], [7, 7, 7]])
        np.testing.assert_allclose(q, [[1, 0, 0], [1 / 3] * 3, [1 / 3] * 3])


@pytest.mark.parametrize("gamma", [0.0, 0.1, 1.0, 5.0, (0.0, 10.0)])
def test_posterior_increases_strictly(gamma):
    p = BinaryFocalLoss(gamma, (3.0, 0.2)).posterior(np.linspace(-12, 1, 3000))
    assert (np.diff(p) > 0).all()


def test_gamma_zero_is_the_prior_shift():
    """Class weights alone: dividing the odds by alpha_1 / alpha_0."""
    p = BinaryFocalLoss(0.0, (1.0, 50.0)).posterior([1.3])[0]
    assert p / (1 - p) == pytest.approx(np.exp(1.3) / 50)


def test_multilabel_posterior_is_per_label(rng):
    raw = rng.normal(0, 3, (50, 2))
    loss = MultilabelFocalLoss((2.0, 0.5), (0.25, (1.0, 9.0)))
    got = loss.posterior(raw)
    np.testing.assert_array_equal(got[:, 0], BinaryFocalLoss(2.0, 0.25).posterior(raw[:, 0]))
    np.testing.assert_array_equal(got[:, 1], BinaryFocalLoss(0.5, (1.0, 9.0)).posterior(raw[:, 1]))


def test_many_classes_do_not_cost_their_square(rng):
    z = rng.normal(0, 3, (20, 400))
    p = multiclass_posterior(z, gamma=0.0)
    np.testing.assert_allclose(p, np.exp(z) / np.exp(z).sum(1, keepdims=True), rtol=1e-12)


@pytest.mark.parametrize("offset", [1e3, 1e7, -1e12])
def test_a_common_offset_changes_nothing(offset):
    """Softmax sees differences only, here of numbers that the offset leaves exact."""
    z = np.array([[0.0, 1.0, 3.0], [-2.0, 0.5, 0.25]])
    shifted = multiclass_posterior(z + offset, gamma=(2.0, 10.0, 0.5))
    np.testing.assert_allclose(shifted, multiclass_posterior(z, gamma=(2.0, 10.0, 0.5)), rtol=1e-13)


def test_posterior_of_serving_code_is_that_of_the_loss(rng):
    z = rng.normal(0, 3, (20, 3))
    np.testing.assert_array_equal(
        posterior(z[:, 0], gamma=2.0, alpha=0.25), BinaryFocalLoss(2.0, 0.25).posterior(z[:, 0])
    )
    np.testing.assert_array_equal(
        posterior(z, gamma=1.0, alpha=(1, 2, 3), task="multiclass"),
        MulticlassFocalLoss(1.0, (1, 2, 3)).posterior(z),
    )
    np.testing.assert_array_equal(
        posterior(z, gamma=(0, 1, 2), task="multilabel"), MultilabelFocalLoss((0, 1, 2)).posterior(z)
    )
    with pytest.raises(ValueError, match=r"task == 'regression', must be one of 'binary', 'multiclass'"):
        posterior(z, gamma=1.0, task="regression")
    with pytest.raises(ValueError, match=r"alpha == 'balanced' needs the labels"):
        posterior(z[:, 0], gamma=1.0, alpha="balanced")


# ---------------------------------------------------------------------- refusals
BINARY = [partial(binary_posterior, [0.0, 1.0]), partial(binary_margin, 0.2)]
MULTICLASS = [partial(multiclass_posterior, [[0.0, 1.0, 2.0]]), partial(multiclass_margin, [0.5, 0.3, 0.2])]


@pytest.mark.parametrize("call", [*BINARY, *MULTICLASS])
@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"gamma": -1}, r"^gamma == -1, must be >= 0 and finite\.$"),
        ({"gamma": float("nan")}, r"^gamma == nan, must be >= 0 and finite\.$"),
        ({"gamma": float("inf")}, r"^gamma == inf, must be >= 0 and finite\.$"),
        ({"gamma": 2.0, "alpha": (1.0, 0.0)}, r"^alpha == \(1\.0, 0\.0\), must be > 0 and finite\.$"),
        ({"gamma": 2.0, "alpha": (-1.0, 1.0)}, r"^alpha == \(-1\.0, 1\.0\), must be > 0 and finite\.$"),
        ({"gamma": 2.0, "alpha": (1.0, float("inf"))}, r"^alpha == \(1\.0, inf\), must be > 0 and finite\.$"),
    ],
)
def test_gamma_and_alpha_out_of_range_are_refused(call, parameters, text):
    with pytest.raises(ValueError, match=text):
        call(**parameters)


@pytest.mark.parametrize("call", [*BINARY, *MULTICLASS])
def test_gamma_has_no_default(call):
    """One that is not that of the training would give wrong probabilities without a word."""
    with pytest.raises(TypeError, match="missing 1 required keyword-only argument: 'gamma'"):
        call()


@pytest.mark.parametrize("call", BINARY)
@pytest.mark.parametrize("alpha", [0.25, (1.0,), (1.0, 2.0, 3.0)])
def test_class_weights_are_one_for_each_of_two_classes(call, alpha):
    text = (
        rf"^alpha == {re.escape(repr(alpha))}, must have the weights of class 0 and class 1: .*0\.75, 0\.25"
    )
    with pytest.raises(ValueError, match=text):
        call(gamma=2.0, alpha=alpha)


@pytest.mark.parametrize("call", BINARY)
def test_gamma_is_one_for_both_classes_or_one_for_each(call):
    np.testing.assert_array_equal(call(gamma=2.0), call(gamma=(2.0, 2.0)))
    with pytest.raises(
        ValueError, match=r"^gamma == \(1, 2, 3\), must be one number, or that of class 0 and"
    ):
        call(gamma=(1, 2, 3))


@pytest.mark.parametrize("gamma", [0.0, 2.0, (1.0, 100.0)])
def test_infinite_margins_have_the_limits(gamma):
    raw = np.array([-np.inf, -1.7e308, 1.7e308, np.inf])
    np.testing.assert_array_equal(binary_posterior(raw, gamma=gamma, alpha=(1.0, 3.0)), [0, 0, 1, 1])
    logits = binary_posterior_logit(raw, gamma=gamma)
    assert logits[0] == -np.inf
    assert logits[3] == np.inf
    assert not np.isnan(logits).any()


@pytest.mark.parametrize("gamma", [0.0, 2.0, (1.0, 100.0, 0.0)])
def test_infinite_margins_of_several_classes(gamma):
    raw = [[np.inf, 0.0, 1.0], [np.inf, -np.inf, 1.0], [-np.inf, -np.inf, 3.0], [1e308, -1e308, -1e308]]
    found = multiclass_posterior(raw, gamma=gamma)
    np.testing.assert_array_equal(found, [[1, 0, 0], [1, 0, 0], [0, 0, 1], [1, 0, 0]])
    # A class of margin -inf is as if it were not there.
    two = gamma if isinstance(gamma, float) else gamma[:2]
    logs = multiclass_log_posterior([[0.5, 2.0, -np.inf]], gamma=gamma)
    np.testing.assert_allclose(logs[0, :2], multiclass_log_posterior([[0.5, 2.0]], gamma=two)[0], rtol=1e-12)
    assert logs[0, 2] == -np.inf


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: binary_posterior([0.0, np.nan], gamma=2.0), r"raw_prediction\[1\] == nan, must be a number"),
        (lambda: multiclass_posterior([[0.0, np.nan]], gamma=2.0), r"raw_prediction\[0, 1\] == nan, must be"),
        (lambda: multiclass_posterior([[np.inf, np.inf, 0.0]], gamma=2.0), "must have one largest margin"),
        (
            lambda: multiclass_posterior([[0.0, 0.0], [-np.inf, -np.inf]], gamma=2.0),
            r"raw_prediction\[1\] ==",
        ),
    ],
)
def test_margins_that_say_nothing_are_refused(call, text):
    with pytest.raises(ValueError, match=text):
        call()
