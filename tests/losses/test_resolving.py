"""for_labels where a class or a side of a label has no rows: what trains, with what numbers, and cures."""

import numpy as np
import pytest

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss

B, C, L = BinaryFocalLoss(), MulticlassFocalLoss(), MultilabelFocalLoss()
CURES = (
    r"To continue a model use its own loss, stored_loss\(model\) of focalboost\.xgboost or "
    r"focalboost\.lightgbm; train\(\.\.\., xgb_model=\) and train\(\.\.\., init_model=\) do it\. For a "
    r"new model give the counts of a longer period as weights: loss\.for_labels\("
)


def labels(n_samples=50):
    """Labels of which the first is there in some rows, the second in none, the third in all."""
    y = np.zeros((n_samples, 3))
    y[: n_samples // 5, 0] = 1
    y[:, 2] = 1
    return y


# ---------------------------------------------------------------------- multi-label
def test_a_label_without_one_side_trains_as_half_a_row():
    with pytest.warns(
        UserWarning,
        match=r"^y\[:, 1\] == 0, y\[:, 2\] == 1 in all rows with weight, should have both classes: the rate "
        r"counts as half a row, 0\.5 / \(n_samples \+ 1\) == 0\.0098, or 1 minus it, .* Leave the column out",
    ):
        loss = L.for_labels(labels())
    least = 0.5 / 51
    np.testing.assert_allclose(loss.posterior([loss.intercept])[0], [10 / 50, least, 1 - least], rtol=1e-12)
    assert loss.intercept[0] == BinaryFocalLoss().for_labels(labels()[:, 0]).intercept
    assert np.isfinite(loss.scale).all()
    gradient, hessian = loss.gradient_hessian(labels(), np.tile(loss.intercept, (50, 1)))
    assert np.isfinite(gradient).all()
    assert (hessian > 0).all()


def test_balanced_weights_of_a_missing_side_are_of_the_same_rate():
    with pytest.warns(UserWarning, match=r"^y\[:, 1\] == 0, y\[:, 2\] == 1 in all rows with weight"):
        loss = MultilabelFocalLoss(2.0, "balanced").for_labels(labels())
    least = 0.5 / 51
    few, many = 0.5 / (1 - least), 0.5 / least
    np.testing.assert_allclose(loss.alpha, [(0.625, 2.5), (few, many), (many, few)])
    np.testing.assert_allclose(loss.posterior([loss.intercept])[0], [0.2, least, 1 - least], rtol=1e-12)


def test_smoothed_labels_have_both_sides_and_give_no_warning(recwarn):
    loss = MultilabelFocalLoss(2.0, label_smoothing=0.02).for_labels(labels())
    np.testing.assert_allclose(loss.posterior([loss.intercept])[0], [0.206, 0.01, 0.99], rtol=1e-12)
    assert not recwarn.list
    # A balanced weight is of the rate before smoothing.
    with pytest.warns(UserWarning, match=r"^y\[:, 1\] == 0, y\[:, 2\] == 1 in all rows with weight"):
        loss = MultilabelFocalLoss(2.0, "balanced", label_smoothing=0.02).for_labels(labels())
    assert np.isfinite(loss.alpha).all()


@pytest.mark.parametrize("seed", range(5))
def test_a_label_in_all_rows_is_seen_whatever_the_weights(seed):
    """Sums of weights in another order differ in the last digit: a share of 1 - 1e-16 would start at +36."""
    weight = np.random.default_rng(seed).uniform(0.2, 3.0, 1000)
    with pytest.warns(UserWarning, match=r"^y\[:, 1\] == 0, y\[:, 2\] == 1 in all rows with weight"):
        loss = L.for_labels(labels(1000), weight)
    assert loss.posterior([loss.intercept])[0, 2] == pytest.approx(1 - 0.5 / 1001, rel=1e-12)


def test_rows_without_weight_do_not_count_as_a_side():
    with pytest.warns(UserWarning, match=r"^y\[:, 0\] == 0 in all rows with weight"):
        L.for_labels([[1, 1], [0, 0], [0, 1]], [0.0, 1.0, 1.0])


def test_dask_labels_without_one_side_warn_too():
    array = pytest.importorskip("dask.array")
    y = array.from_array(labels(), chunks=(20, 3))
    with pytest.warns(UserWarning, match=r"^y\[:, 1\] == 0, y\[:, 2\] == 1 in all rows with weight"):
        lazy = L.for_labels(y)
    with pytest.warns(UserWarning, match=r"^y\[:, 1\] == 0"):
        np.testing.assert_allclose(lazy.intercept, L.for_labels(labels()).intercept, rtol=1e-12)


def test_the_warning_points_at_the_call():
    with pytest.warns(UserWarning, match=r"^y\[:, 1\] == 0") as caught:
        L.for_labels(labels())
    assert caught[0].filename == __file__


# ---------------------------------------------------------------------- binary and multi-class
@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: B.for_labels(np.zeros(9)),
            rf"^y == 0 in all rows with weight, must have both classes: .* {CURES}\[0, 1\], sample_weight=",
        ),
        (lambda: B.for_labels([0, 1], [0, 1]), r"^y == 1 in all rows with weight, must have both classes"),
        (lambda: BinaryFocalLoss(2, "balanced").for_labels([0]), r"^y == 0 in all rows with weight, must"),
        (
            lambda: BinaryFocalLoss(2, "balanced", label_smoothing=0.1).for_labels([1]),
            r"^y == 1 in all rows with weight, must have both .* a class without rows has no balanced weight",
        ),
        (
            lambda: MulticlassFocalLoss(n_classes=4).for_labels([0, 1, 3]),
            rf"^class 2 of 4 has no rows with weight, must .* {CURES}np\.arange\(4\), sample_weight=count",
        ),
        (
            lambda: MulticlassFocalLoss(n_classes=5).for_labels([0, 1, 1], [1, 1, 0]),
            r"^class 2 of 5 has no rows with weight \(nor have 3, 4\), must have at least one",
        ),
        (lambda: C.for_labels([[0, 1], [1, 0]]), r"^y has shape \(2, 2\), .* y\.argmax\(axis=1\) of one-hot"),
    ],
)
def test_a_class_without_rows_is_refused_with_ways_that_work(call, text):
    with pytest.raises(ValueError, match=text):
        call()


def test_smoothing_still_resolves_a_binary_loss_of_one_class():
    loss = BinaryFocalLoss(2.0, label_smoothing=0.1).for_labels(np.zeros(9))
    assert loss.posterior([loss.intercept])[0] == pytest.approx(0.05, rel=1e-12)


def test_counts_as_weights_resolve_what_rows_would():
    y = np.repeat(np.arange(4), [1000, 300, 50, 10])
    for loss in (C, MulticlassFocalLoss((2.0, 0.0, 1.0, 3.0), "balanced")):
        by_counts = loss.for_labels(np.arange(4), sample_weight=[1000, 300, 50, 10])
        assert by_counts.n_classes == 4
        np.testing.assert_allclose(by_counts.intercept, loss.for_labels(y).intercept, rtol=1e-12)
        assert by_counts.same_meaning(loss.for_labels(y))
    binary = B.for_labels([0, 1], sample_weight=[995, 5])
    assert binary.intercept == pytest.approx(B.for_labels([0] * 995 + [1] * 5).intercept, rel=1e-12)
