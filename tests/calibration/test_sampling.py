"""Rows left out of training: the posterior is that of all rows, by the correction of the odds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss, posterior
from focalboost.calibration import (
    binary_margin,
    binary_posterior,
    binary_posterior_logit,
    lookup_table,
    margin_threshold,
    multiclass_log_posterior,
    multiclass_margin,
    multiclass_posterior,
    served_loss,
)

rates = st.floats(1e-4, 1.0)
gammas = st.floats(0, 6)
X = np.linspace(-8, 8, 161)


@settings(max_examples=60, deadline=None)
@given(gammas, gammas, rates, rates, st.floats(-2, 2))
def test_binary_is_the_correction_of_the_odds(gamma_0, gamma_1, rate_0, rate_1, shift):
    parameters = {"gamma": (gamma_0, gamma_1), "alpha": (0.4, 2.0), "logit_shift": shift}
    sampled = binary_posterior(X, **parameters)
    found = binary_posterior(X, **parameters, sampling_rate=(rate_0, rate_1))
    # Dal Pozzolo et al. 2015, eq. 4, for a rate of each class.
    p, q = (
        rate_0 * sampled,
        rate_1 * binary_posterior(-X, gamma=(gamma_1, gamma_0), alpha=(2.0, 0.4), logit_shift=-shift),
    )
    np.testing.assert_allclose(found, p / (p + q), rtol=1e-12)
    # It is a class weight, too.
    as_weight = {**parameters, "alpha": (0.4 * rate_0, 2.0 * rate_1)}
    np.testing.assert_allclose(found, binary_posterior(X, **as_weight), rtol=1e-12)
    logits = binary_posterior_logit(X, **parameters, sampling_rate=(rate_0, rate_1))
    inside = np.abs(logits) < 5
    margin = binary_margin(found[inside], **parameters, sampling_rate=(rate_0, rate_1))
    np.testing.assert_allclose(margin, X[inside], rtol=1e-9, atol=1e-9)


def test_one_number_is_the_share_of_class_0():
    np.testing.assert_array_equal(
        binary_posterior(X, gamma=2.0, sampling_rate=0.05),
        binary_posterior(X, gamma=2.0, sampling_rate=(0.05, 1)),
    )
    np.testing.assert_array_equal(
        binary_posterior(X, gamma=2.0, sampling_rate=1), binary_posterior(X, gamma=2.0)
    )


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(gammas, rates, st.floats(-1, 1)), min_size=2, max_size=5), st.integers(0, 2**32 - 1)
)
def test_several_classes_are_divided_by_their_rates(classes, seed):
    gamma, rate, shift = (np.array(column) for column in zip(*classes, strict=True))
    z = np.random.default_rng(seed).normal(0, 2, (20, len(gamma)))
    parameters = {"gamma": gamma, "logit_shift": shift}
    expected = multiclass_posterior(z, **parameters) / rate
    expected /= expected.sum(axis=1, keepdims=True)
    found = multiclass_posterior(z, **parameters, sampling_rate=rate)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    logs = multiclass_log_posterior(z, **parameters, sampling_rate=rate)
    np.testing.assert_allclose(logs, np.log(expected), rtol=1e-10, atol=1e-12)
    back = multiclass_margin(found, **parameters, sampling_rate=rate)
    np.testing.assert_allclose(multiclass_posterior(back, **parameters, sampling_rate=rate), found, rtol=1e-9)


LOSSES = [
    (BinaryFocalLoss(2.0, 0.25, sampling_rate=0.05), np.arange(100) < 30),
    (BinaryFocalLoss((1.0, 3.0), sampling_rate=(0.2, 0.9), label_smoothing=0.1), np.arange(100) < 30),
    (MulticlassFocalLoss(2.0, sampling_rate=(0.1, 1, 0.5)), np.arange(90) % 3),
    (MulticlassFocalLoss(2.0, (1, 2, 4), sampling_rate={0: 0.1, 1: 1, 2: 1}), np.arange(90) % 3),
    (MultilabelFocalLoss((1.0, 2.0), sampling_rate=0.3), np.eye(2, dtype=int)[np.arange(90) % 2]),
    (MultilabelFocalLoss(2.0, sampling_rate=(0.3, (1, 0.4))), np.eye(2, dtype=int)[np.arange(90) % 2]),
]


@pytest.mark.parametrize(("loss", "y"), LOSSES, ids=str)
def test_the_loss_the_function_and_the_record_say_the_same(loss, y, rng):
    resolved = loss.for_labels(y)
    shape = (50,) if y.ndim == 1 and not loss.softmax else (50, len(np.atleast_1d(resolved.intercept)))
    z = rng.normal(-1, 2, shape)
    shifted = resolved.with_shift(tuple(0.1 * np.arange(shape[1])) if len(shape) == 2 else 0.1)
    of_kept = shifted.of_kept_rows()
    assert of_kept.sampling_rate is None
    assert of_kept.intercept == resolved.intercept
    p, kept = shifted.posterior(z), of_kept.posterior(z)
    rate = np.asarray(shifted._rates(), float)
    if loss.softmax:
        expected = kept / rate / (kept / rate).sum(axis=1, keepdims=True)
    else:
        odds = kept / (1 - kept) * (rate[..., 0] / rate[..., 1])
        expected = odds / (1 + odds)
    np.testing.assert_allclose(p, expected, rtol=1e-11)
    inside = np.abs(shifted.posterior_logit(z)) < 5
    centred = z - z.mean(axis=1, keepdims=True) if loss.softmax else z
    if loss.softmax:
        np.testing.assert_allclose(shifted.posterior(shifted.margin(p)), p, rtol=1e-9)
    else:
        np.testing.assert_allclose(shifted.margin(p)[inside], centred[inside], rtol=1e-8, atol=1e-8)
    task = {"BinaryFocalLoss": "binary", "MulticlassFocalLoss": "multiclass"}.get(
        type(loss).__name__, "multilabel"
    )
    alike = posterior(
        z,
        gamma=loss.gamma,
        alpha=loss.alpha,
        task=task,
        logit_shift=shifted.logit_shift,
        sampling_rate=loss.sampling_rate,
    )
    np.testing.assert_array_equal(alike, p)
    np.testing.assert_allclose(served_loss(shifted.to_json()).posterior(z), p, rtol=1e-12)


def test_thresholds_and_tables_are_of_all_rows():
    parameters = {"gamma": 2.0, "alpha": (1.0, 3.0), "sampling_rate": 0.05}
    threshold = margin_threshold(0.1, **parameters)
    assert (
        binary_posterior(threshold, **parameters)
        <= 0.1
        < binary_posterior(threshold + np.float32(1e-6), **parameters)
    )
    margins, log_odds = lookup_table(**parameters, max_error=1e-3)
    found = np.interp(X, margins, log_odds)
    np.testing.assert_allclose(found, binary_posterior_logit(X, **parameters), atol=1e-3)
    for output in ("log_odds", "probability"):
        margins, values = lookup_table(**parameters, max_error=1e-3, output=output)
        expected = binary_posterior_logit(X, **parameters)
        if output == "probability":
            expected = binary_posterior(X, **parameters)
        np.testing.assert_allclose(np.interp(X, margins, values), expected, atol=1e-3)
