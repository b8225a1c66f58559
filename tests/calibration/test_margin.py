"""The way back, from probabilities to margins: round trips, far tails, speed and refusals."""

import time

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from focalboost.calibration import (
    _common,
    _multiclass,
    binary_margin,
    binary_posterior,
    binary_posterior_logit,
    multiclass_log_posterior,
    multiclass_margin,
    multiclass_posterior,
)

weights = st.floats(1e-3, 1e3)
gammas = st.one_of(st.just(0.0), st.floats(0, 10), st.floats(0, 1e-6))


def rows(rng, n_samples, n_classes, lowest=1e-9):
    """Probabilities of which some are next to 0 and one is next to 1."""
    p = np.exp(rng.uniform(np.log(lowest), 0.0, (n_samples, n_classes)))
    return p / p.sum(axis=1, keepdims=True)


# ---------------------------------------------------------------------- multi-class
@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(gammas, weights), min_size=2, max_size=8),
    st.integers(0, 2**32 - 1),
    st.sampled_from([1e-1, 1e-4, 1e-9]),
)
def test_many_rows_come_back(classes, seed, lowest):
    gamma, alpha = (np.array(column) for column in zip(*classes, strict=True))
    p = rows(np.random.default_rng(seed), 50, len(gamma), lowest)
    margin = multiclass_margin(p, gamma=gamma, alpha=alpha)
    assert margin.shape == p.shape
    assert margin.dtype == np.float64
    np.testing.assert_allclose(margin.mean(axis=1), 0.0, atol=1e-12)
    np.testing.assert_allclose(multiclass_posterior(margin, gamma=gamma, alpha=alpha), p, rtol=1e-9)


@pytest.mark.parametrize("n_classes", [2, 3, 30, 300])
@pytest.mark.parametrize("largest", [10.0, 100.0, 1e6])
def test_steep_losses_and_far_tails_come_back(rng, n_classes, largest):
    """gamma up to what a loss takes, beside classes of gamma 0; probabilities down to 1e-250."""
    gamma = rng.uniform(0.0, largest, n_classes) * rng.integers(0, 2, n_classes)
    alpha = np.exp(rng.uniform(-9.0, 9.0, n_classes))
    p = rows(rng, 60, n_classes, 1e-250)
    margin = multiclass_margin(p, gamma=gamma, alpha=alpha)
    back = multiclass_log_posterior(margin, gamma=gamma, alpha=alpha)
    np.testing.assert_allclose(back, np.log(p), atol=3e-9, rtol=1e-12)


def test_one_row_is_a_row_of_many(rng):
    p = rows(rng, 7, 4)
    parameters = {"gamma": (0.0, 1.0, 2.0, 0.5), "alpha": (1.0, 2.0, 0.5, 3.0)}
    many = multiclass_margin(p, **parameters)
    for i in range(7):
        one = multiclass_margin(p[i], **parameters)
        assert one.shape == (4,)
        np.testing.assert_allclose(one, many[i], rtol=1e-12, atol=1e-12)
    assert multiclass_margin(p[:0], **parameters).shape == (0, 4)


def test_gamma_zero_is_the_logarithm_and_two_classes_are_binary(rng):
    p = rows(rng, 100, 2)
    log_p = np.log(p)
    margin = multiclass_margin(p, gamma=0.0)
    np.testing.assert_allclose(margin, log_p - log_p.mean(axis=1, keepdims=True), rtol=1e-12, atol=1e-12)
    parameters = {"gamma": (1.0, 3.0), "alpha": (0.2, 0.9)}
    both = multiclass_margin(p, **parameters)
    small = p[:, 1] < 0.5  # beyond, a float64 next to 1 has fewer digits than 1 minus it
    np.testing.assert_allclose(
        (both[:, 1] - both[:, 0])[small], binary_margin(p[small, 1], **parameters), rtol=1e-10
    )


@pytest.mark.parametrize("gamma", [0.0, 0.3, 1.0, 2.0, 10.0])
def test_slope_of_the_evidence_against_mpmath(gamma):
    s = np.array([-700.0, -30.0, -1.0, 0.0, 0.5, 20.0, 39.9, 40.1, 300.0])
    got = _common.evidence_slope(s, np.full(s.shape, gamma))

    def evidence(margin):
        p, q = 1 / (1 + mp.exp(-margin)), 1 / (1 + mp.exp(margin))
        return mp.log(p) - mp.log(q**gamma + gamma * p * q ** (mp.mpf(gamma) - 1) * -mp.log(p))

    with mp.workdps(400):
        for margin, value in zip(s, got, strict=True):
            true = mp.diff(evidence, mp.mpf(margin))
            assert abs(value - true) <= 1e-12 * abs(true)


def test_float32_rows_whose_sums_are_rounded_are_taken(rng):
    p = rows(rng, 200, 5, 1e-3).astype(np.float32)
    back = multiclass_posterior(multiclass_margin(p, gamma=2.0), gamma=2.0)
    np.testing.assert_allclose(back, p, rtol=1e-6)


def test_a_row_costs_microseconds(rng):
    """About 15 on a quiet machine, 13 ms before all rows were done at once."""
    p = rows(rng, 10_000, 5)
    multiclass_margin(p[:10], gamma=2.0)
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        multiclass_margin(p, gamma=(2.0, 0.0, 1.0, 3.0, 0.5), alpha=(1.0, 2.0, 0.5, 1.0, 4.0))
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 10_000 * 200e-6


# ---------------------------------------------------------------------- binary
@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(gammas, gammas, weights, weights), min_size=1, max_size=4), st.integers(0, 2**32 - 1)
)
def test_matrices_of_labels_come_back(labels, seed):
    values = np.array(labels)
    gamma, alpha = values[:, :2], values[:, 2:]
    p = np.exp(np.random.default_rng(seed).uniform(np.log(1e-9), -1e-9, (40, len(labels))))
    margin = binary_margin(p, gamma=gamma, alpha=alpha)
    assert margin.shape == p.shape
    np.testing.assert_allclose(binary_posterior(margin, gamma=gamma, alpha=alpha), p, rtol=1e-9)
    for label in range(len(labels)):
        column = binary_margin(p[:, label], gamma=gamma[label], alpha=alpha[label])
        np.testing.assert_allclose(column, margin[:, label], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("gamma", [0.0, 2.0, 10.0, 1e4])
def test_binary_tails_come_back(gamma):
    p = np.array([1e-300, 1e-17, 0.5, 1 - 1e-9, np.nextafter(1.0, 0.0)])
    margin = binary_margin(p, gamma=gamma)
    assert (np.diff(margin) > 0).all()
    logit = np.log(p) - np.log1p(-p)
    np.testing.assert_allclose(binary_posterior_logit(margin, gamma=gamma), logit, rtol=1e-10, atol=1e-10)
    assert binary_margin(p[:0], gamma=gamma).shape == (0,)


# ---------------------------------------------------------------------- refusals
@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: binary_margin(0.0, gamma=2.0),
            r"^probability == 0\.0, must be in \(0, 1\): .* .* np\.clip\(probability, 1e-7, 1 - 1e-7\)\.$",
        ),
        (
            lambda: binary_margin([0.1, 1.0, 0.0], gamma=2.0),
            r"^probability\[1\] == 1\.0 \(and 1 more\), must",
        ),
        (lambda: binary_margin([[0.1, 0.2], [0.3, 1]], gamma=2.0), r"^probability\[1, 1\] == 1\.0, must be"),
        (lambda: binary_margin([0.1, np.nan], gamma=2.0), r"^probability\[1\] == nan, must be in .*no NaN"),
        (lambda: binary_margin([-3.0], gamma=2.0), r"== -3\.0, must be in .*predict_proba gives, not its ma"),
        (
            lambda: multiclass_margin([[0.5, 0.3, 0.2], [0.5, 0.5, 0.0]], gamma=2.0),
            r"^probability\[1, 2\] == 0\.0, must be .* 1e-7, None\), then p / p\.sum\(axis=-1, keepd",
        ),
        (lambda: multiclass_margin([0.5, np.nan], gamma=2.0), r"^probability\[1\] == nan, must be in \(0, 1"),
        (lambda: multiclass_margin([[0.5, 1.5]], gamma=2.0), r"^probability\[0, 1\] == 1\.5, must be in"),
        (
            lambda: multiclass_margin([[0.5, 0.5], [0.5, 0.2]], gamma=2.0),
            r"^probability\[1\] has the sum 0\.7, must be 1: pass a column for every class, or divide by",
        ),
        (lambda: multiclass_margin([0.5, 0.2], gamma=2.0), r"^probability has the sum 0\.7, must be 1"),
        (lambda: multiclass_margin(0.5, gamma=2.0), r"^probability has shape \(\), must be \(n_classes,\)"),
        (lambda: multiclass_margin([[0.5]], gamma=2.0), r"shape \(1, 1\), must be .*use binary_margin"),
    ],
)
def test_what_has_no_margin_is_refused(call, text):
    with pytest.raises(ValueError, match=text):
        call()


def test_the_clipped_values_that_the_errors_name_have_margins():
    for dtype in (np.float32, np.float64):
        p = np.array([0.0, 0.3, 1.0], dtype)
        assert np.isfinite(binary_margin(np.clip(p, 1e-7, 1 - 1e-7), gamma=2.0)).all()
        p = np.clip(np.array([[0.0, 1.0], [0.4, 0.6]], dtype), 1e-7, None)
        assert np.isfinite(multiclass_margin(p / p.sum(axis=-1, keepdims=True), gamma=2.0)).all()


def test_a_margin_that_is_not_found_is_no_number(monkeypatch):
    monkeypatch.setattr(_multiclass, "_MOST_STEPS", 1)
    with pytest.raises(
        ValueError, match=r"^probability\[1, 0\] == .* has no margin that float64 can find for"
    ):
        multiclass_margin([[0.5, 0.5], [0.999, 0.001]], gamma=3.0)
