"""Which loss may go on from which, what of it stays, what a record keeps, and where training starts."""

import numpy as np
import pytest
from hypothesis import given, settings

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss
from focalboost.losses._base import FocalLoss
from tests.strategies import losses

B, C, L = BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss
RARE, OFTEN = [0] * 97 + [1] * 3, [0] * 60 + [1] * 40
THREE, OTHER = [0] * 6 + [1] * 3 + [2], [0, 1, 1, 2, 2, 2]
SIDES, OTHERS = [[0, 1], [1, 1], [0, 0]], [[1, 1], [1, 0], [0, 0]]

SAME = {
    "itself": (B(2.0, 0.25), B(2.0, 0.25)),
    "gamma 2 and (2, 2)": (B(2.0), B((2.0, 2.0))),
    "gamma of all classes and of each": (C(2.0, n_classes=3), C((2.0, 2.0, 2.0))),
    "gamma of all labels and of each": (L(2.0, n_labels=2), L((2.0, 2.0))),
    "a share and its pair": (B(2.0, 0.25), B(2.0, (0.75, 0.25))),
    "a common factor": (B(2.0, (1.0, 3.0)), B(2.0, (10.0, 30.0))),
    "None and equal weights": (B(2.0), B(2.0, 0.5)),
    "a common factor of classes": (C(2.0, (1.0, 2.0, 5.0)), C(2.0, (2.0, 4.0, 10.0))),
    "None and equal weights of classes": (C(2.0), C(2.0, (3.0, 3.0))),
    "a factor of each label": (L(2.0, ((1.0, 3.0), (2.0, 1.0))), L(2.0, ((2.0, 6.0), (1.0, 0.5)))),
    "a dict": (C(2.0, {0: 1, 1: 2}), C(2.0, (1.0, 2.0))),
    "float32": (B(np.float32(0.3), (1.0, float(np.float32(0.7)))), B(0.3, (1.0, 0.7))),
    "labels": (B(2.0).for_labels(RARE), B(2.0).for_labels(OFTEN)),
    "balanced of other labels": (B(2.0, "balanced").for_labels(RARE), B(2.0, "balanced").for_labels(OFTEN)),
    "balanced and asked": (B(2.0, "balanced"), B(2.0, "balanced").for_labels(OFTEN)),
    "balanced of other classes": (C(1.0, "balanced").for_labels(THREE), C(1.0, "balanced").for_labels(OTHER)),
    "balanced of other sides": (L(1.0, "balanced").for_labels(SIDES), L(1.0, "balanced").for_labels(OTHERS)),
    "the numbers of balanced": (B(2.0, "balanced").for_labels(RARE), B(2.0, (3.0, 97.0))),
    "a size that one does not know": (C(2.0), C(2.0, n_classes=7)),
    "Hessian, device and threads": (B(2.0), B(2.0, hessian="exact", device="cpu", n_jobs=3)),
    "smoothing": (B(2.0, label_smoothing=0.1), B(2.0, 0.5, label_smoothing=0.1)),
}
OTHER_MEANING = {
    "gamma": (B(2.0), B(2.1)),
    "gamma of one class": (B(2.0), B((2.0, 1.0))),
    "gamma of one of many classes": (C(2.0, n_classes=3), C((2.0, 2.0, 1.0))),
    "class weights": (B(2.0, 0.25), B(2.0, 0.3)),
    "class weights the other way round": (B(2.0, (1.0, 3.0)), B(2.0, (3.0, 1.0))),
    "class weights of classes": (C(2.0, (1.0, 2.0)), C(2.0)),
    "class weights of one label": (L(2.0, (0.5, 0.25)), L(2.0, (0.5, 0.5))),
    "smoothing": (B(2.0), B(2.0, label_smoothing=0.1)),
    "number of classes": (C(2.0, n_classes=3), C(2.0, n_classes=4)),
    "number of labels": (L(2.0, n_labels=3), L(2.0, n_labels=2)),
    "task": (B(2.0), L(2.0, n_labels=1)),
    "task of two classes": (B(2.0), C(2.0, n_classes=2)),
    "balanced and numbers": (B(2.0, "balanced"), B(2.0, (3.0, 97.0))),
    "balanced and none": (B(2.0, "balanced"), B(2.0)),
    "gamma of balanced": (B(2.0, "balanced").for_labels(RARE), B(1.0, "balanced").for_labels(RARE)),
    "sizes of balanced": (C(2.0, "balanced").for_labels(THREE), C(2.0, "balanced").for_labels(OFTEN)),
    "no loss": (B(2.0), "BinaryFocalLoss"),
}


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME)
def test_these_mean_the_same(one, other):
    assert one.same_meaning(other)
    assert other.same_meaning(one)


@pytest.mark.parametrize(("one", "other"), OTHER_MEANING.values(), ids=OTHER_MEANING)
def test_these_do_not(one, other):
    assert not one.same_meaning(other)
    if isinstance(other, FocalLoss):
        assert not other.same_meaning(one)


@pytest.mark.parametrize(
    "name", [name for name, pair in SAME.items() if "balanced" not in name and "size" not in name]
)
def test_the_same_meaning_is_the_same_posterior(name, rng):
    one, other = SAME[name]
    raw = rng.normal(0, 3, (50, one._n_outputs() or other._n_outputs() or 2))
    raw = raw[:, 0] if isinstance(one, B) else raw
    np.testing.assert_allclose(one.posterior(raw), other.posterior(raw), rtol=1e-6)


@settings(max_examples=100, deadline=None)
@given(losses())
def test_any_loss_means_itself_and_its_record(loss):
    found = FocalLoss.from_json(loss.to_json())
    assert found == loss
    assert hash(found) == hash(loss)
    assert found.same_meaning(loss)
    assert found.going_on_with(loss) == loss


# ---------------------------------------------------------------------- going on
def test_going_on_keeps_the_numbers_of_the_stored_loss():
    stored = B(2.0, "balanced", hessian="exact", label_smoothing=0.1).for_labels(RARE)
    asked = B((2.0, 2.0), "balanced", label_smoothing=0.1, device="cpu", n_jobs=2, hessian="reweighted")
    found = asked.for_labels(OFTEN).going_on_with(stored)
    for name in ("gamma", "alpha", "intercept", "scale", "balanced", "label_smoothing"):
        assert getattr(found, name) == getattr(stored, name), name
    assert (found.hessian, found.device, found.n_jobs) == ("reweighted", "cpu", 2)
    # The two that it was made of are as they were.
    assert stored.hessian == "exact"
    assert asked.intercept is None
    assert found.same_meaning(stored)


@pytest.mark.parametrize(
    ("asked", "stored"),
    [
        (C(2.0, "balanced"), C(2.0, "balanced").for_labels(THREE)),
        (L(2.0), L(2.0).for_labels(SIDES)),
    ],
)
def test_going_on_takes_the_size_of_the_stored_loss(asked, stored):
    found = asked.going_on_with(stored)
    assert found._n_outputs() == stored._n_outputs()
    assert found == stored


@pytest.mark.parametrize("loss", [B(2.0, "balanced"), C(2.0, "balanced"), L(2.0, "balanced")], ids=repr)
def test_the_record_says_how_alpha_was_found(loss):
    y = {B: RARE, C: THREE, L: SIDES}[type(loss)]
    found = FocalLoss.from_json(loss.for_labels(y).to_json())
    assert found.balanced
    assert loss.same_meaning(found)
    assert not FocalLoss.from_json(type(loss)(2.0).for_labels(y).to_json()).balanced


# ---------------------------------------------------------------------- where training starts
def test_training_starts_at_the_intercept_or_at_zero():
    loss = B(2.0).for_labels(RARE)
    margins = np.full(5, loss.intercept)
    assert loss.starts_at(margins)
    assert loss.starts_at(margins.astype(np.float32))
    assert loss.starts_at(margins[:0])
    assert not loss.starts_at(np.zeros(5))
    assert not loss.starts_at(margins + np.array([0, 0, 0, 0, 1e-3]))
    assert loss.starts_at(margins * np.nan)  # the kernels refuse it, in words of their own
    assert B(2.0).starts_at(np.zeros(5))
    assert not B(2.0).starts_at(margins)


def test_margins_of_classes_start_wherever_their_differences_do():
    loss = C(2.0).for_labels(THREE)
    margins = np.tile(loss.intercept, (4, 1))
    assert loss.starts_at(margins)
    assert loss.starts_at(margins + 3.0)
    assert loss.starts_at(np.tile(loss.start_margins(), (4, 1)))
    assert not loss.starts_at(margins + np.array([0.0, 0.0, 0.1]))
    assert C(2.0).starts_at(np.full((4, 3), 7.0))


def test_margins_of_labels_start_each_at_its_own():
    loss = L(2.0).for_labels(SIDES)
    margins = np.tile(loss.intercept, (4, 1))
    assert loss.starts_at(margins)
    assert not loss.starts_at(margins + 3.0)
    assert not loss.starts_at(margins[:, ::-1])
