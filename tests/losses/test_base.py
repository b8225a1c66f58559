"""What the three losses share: they are values, show themselves, and refuse what is no parameter."""

import copy
import pickle
from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss
from focalboost.losses._record import from_json
from tests.instances import ALL

Y = np.arange(1000) < 30
B = BinaryFocalLoss()


def changed(loss, **values):
    """A copy with other values, resolved or not."""
    other = replace(loss)
    resolved = {name: getattr(loss, name) for name in ("scale", "intercept", "balanced")}
    other._set(**{**resolved, **values})
    return other


@pytest.mark.parametrize("loss", ALL, ids=repr)
def test_a_loss_is_a_value(loss):
    assert copy.copy(loss) is loss
    assert copy.deepcopy(loss) is loss
    assert copy.deepcopy({"objective": [loss]})["objective"][0] is loss
    assert clone(loss) is loss
    assert pickle.loads(pickle.dumps(loss)) == loss
    assert from_json(loss.to_json()) == loss
    assert hash(loss) == hash(pickle.loads(pickle.dumps(loss)))
    # The same numbers but for one: any of them makes another loss.
    assert changed(loss) == loss
    for name, value in {"n_jobs": 7, "gamma": 7.0, "scale": 7.0, "intercept": 7.0}.items():
        assert changed(loss, **{name: value}) != loss, name
    with pytest.raises(AttributeError, match="cannot assign to field 'gamma'"):
        loss.gamma = 1.0


def test_repr_is_the_call_that_makes_the_loss():
    assert repr(BinaryFocalLoss()) == "BinaryFocalLoss(gamma=2.0, alpha=None)"
    for loss in ALL:
        if loss.intercept is None:
            assert eval(repr(loss)) == loss
    text = repr(BinaryFocalLoss(np.float32(1.5), np.array([1.0, 2.0]), n_jobs=2))
    assert text == "BinaryFocalLoss(gamma=1.5, alpha=(1.0, 2.0), n_jobs=2)"


def test_repr_shows_the_intercept_once_it_is_known():
    loss = BinaryFocalLoss(2.0).for_labels([0] * 95 + [1] * 5)
    assert repr(loss) == "BinaryFocalLoss(gamma=2.0, alpha=None, intercept=-1.09749)"
    many = MulticlassFocalLoss(0.0).for_labels([0, 0, 0, 0, 1, 1, 2, 2])
    assert repr(many).endswith(
        "(gamma=0.0, alpha=None, n_classes=3, intercept=(0.462098, -0.231049, -0.231049))"
    )


# ---------------------------------------------------------------------- parameters
@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: BinaryFocalLoss(-1), ValueError, r"gamma == -1, must be >= 0 and finite"),
        (lambda: BinaryFocalLoss(float("nan")), ValueError, r"gamma == nan, must be >= 0"),
        (lambda: BinaryFocalLoss(np.float64(-2)), ValueError, r"gamma == -2\.0, must be >= 0"),
        (lambda: BinaryFocalLoss(1e30), ValueError, r"gamma == 1e\+30, must be at most 100"),
        (lambda: BinaryFocalLoss("2"), TypeError, r"gamma == '2', must be >= 0"),
        (lambda: BinaryFocalLoss(True), TypeError, r"gamma == True, must be >= 0"),
        (lambda: BinaryFocalLoss((2, -1)), ValueError, r"gamma\[1\] == -1, must be >= 0"),
        (lambda: BinaryFocalLoss((2, 2, 2)), ValueError, r"gamma == \(2.0, 2.0, 2.0\) has 3 entries, must"),
    ],
)
def test_a_bad_gamma_is_refused(make, error, text):
    with pytest.raises(error, match=text):
        make()


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: BinaryFocalLoss(2, hessian="true"), ValueError, r"hessian == 'true', must be one of 'gua"),
        (lambda: BinaryFocalLoss(2, device="gpu"), ValueError, r"device == 'gpu', must be one of 'auto'"),
        (
            lambda: BinaryFocalLoss(2, device="cuda:1"),
            ValueError,
            r"device == 'cuda:1', must be one of 'auto'",
        ),
        (lambda: BinaryFocalLoss(2, n_jobs=0), ValueError, r"n_jobs == 0, must be a whole number"),
    ],
)
def test_a_bad_hessian_device_or_n_jobs_is_refused(make, error, text):
    with pytest.raises(error, match=text):
        make()


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: BinaryFocalLoss(2, "balanced").loss([0], [0.0]), ValueError, r"use loss\.for_labels\(y\)"),
        (lambda: B.start(), ValueError, r"start\(\) needs the labels: use loss\.for_labels"),
        (lambda: B.base_score, ValueError, r"base_score needs the labels"),
    ],
)
def test_what_needs_the_labels_says_so(call, error, text):
    with pytest.raises(error, match=text):
        call()


# ---------------------------------------------------------------------- what labels resolve
def test_alpha_conventions():
    y, raw = [0, 1], [0.3, 0.3]
    np.testing.assert_array_equal(
        BinaryFocalLoss(2, 0.25).loss(y, raw), BinaryFocalLoss(2, (0.75, 0.25)).loss(y, raw)
    )
    balanced = BinaryFocalLoss(2, "balanced").for_labels(Y)
    np.testing.assert_allclose(balanced.alpha, (1000 / (2 * 970), 1000 / (2 * 30)))
    weighted = BinaryFocalLoss(2, "balanced").for_labels(Y, np.where(Y, 3.0, 1.0))
    np.testing.assert_allclose(weighted.alpha, (1060 / (2 * 970), 1060 / (2 * 90)))
    classes = MulticlassFocalLoss(2, "balanced").for_labels([0] * 6 + [1] * 3 + [2])
    np.testing.assert_allclose(classes.alpha, (10 / 18, 10 / 9, 10 / 3))
    labels = MultilabelFocalLoss(2, "balanced").for_labels([[0, 1], [1, 1], [0, 0], [0, 0]])
    np.testing.assert_allclose(labels.alpha, [(4 / 6, 2.0), (1.0, 1.0)])


def test_gamma_zero_resolves_to_log_loss():
    loss = BinaryFocalLoss(0.0).for_labels(Y)
    assert loss.intercept == pytest.approx(np.log(0.03 / 0.97), rel=1e-12)
    assert loss.scale == pytest.approx(1, rel=1e-12)
    assert loss.base_score == pytest.approx(0.03, rel=1e-12)
    many = MulticlassFocalLoss(0.0).for_labels([0] * 6 + [1] * 3 + [2])
    log_share = np.log([0.6, 0.3, 0.1])
    np.testing.assert_allclose(many.intercept, log_share - log_share.mean(), rtol=1e-10)
    assert many.scale == pytest.approx(1, rel=1e-12)


def test_scale_gives_the_start_log_loss_hessian_for_many_outputs(rng):
    y = rng.choice(3, 600, p=[0.8, 0.15, 0.05])
    share = np.bincount(y) / 600
    loss = MulticlassFocalLoss(2.0, "balanced").for_labels(y)
    total = loss.gradient_hessian(y, np.tile(loss.intercept, (600, 1)))[1].sum(dtype=float)
    assert total == pytest.approx(600 * np.sum(share * (1 - share)), rel=1e-5)
    labels = rng.random((600, 2)) < [0.1, 0.4]
    rates = labels.mean(axis=0)
    loss = MultilabelFocalLoss(2.0).for_labels(labels)
    total = loss.gradient_hessian(labels, np.tile(loss.intercept, (600, 1)))[1].sum(axis=0, dtype=float)
    np.testing.assert_allclose(total, 600 * rates * (1 - rates), rtol=1e-5)
