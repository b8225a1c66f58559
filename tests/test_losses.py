"""Parameters, immutability, what labels resolve, and every error text."""

import copy
import pickle
import threading

import numpy as np
import pytest
from instances import ALL, example
from scipy.optimize import minimize, minimize_scalar
from sklearn.base import clone

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss
from focalboost._record import from_json, to_json

Y = np.arange(1000) < 30


@pytest.mark.parametrize("loss", ALL, ids=repr)
def test_a_loss_is_a_value(loss):
    assert copy.copy(loss) is loss
    assert copy.deepcopy(loss) is loss
    assert copy.deepcopy({"objective": [loss]})["objective"][0] is loss
    assert clone(loss) is loss
    assert pickle.loads(pickle.dumps(loss)) == loss
    assert from_json(to_json(loss)) == loss
    assert hash(loss) == hash(pickle.loads(pickle.dumps(loss)))
    assert loss != type(loss)(loss.gamma, loss.alpha, hessian=loss.hessian, n_jobs=7)
    with pytest.raises(AttributeError, match="cannot assign to field 'gamma'"):
        loss.gamma = 1.0


def test_repr_is_the_call_that_makes_the_loss():
    assert repr(BinaryFocalLoss()) == "BinaryFocalLoss(gamma=2.0, alpha=None)"
    for loss in ALL:
        if loss.intercept is None:
            assert eval(repr(loss)) == loss
    text = repr(BinaryFocalLoss(np.float32(1.5), np.array([1.0, 2.0]), n_jobs=2))
    assert text == "BinaryFocalLoss(gamma=1.5, alpha=(1.0, 2.0), n_jobs=2)"


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: BinaryFocalLoss(-1), ValueError, r"gamma == -1, must be >= 0 and finite"),
        (lambda: BinaryFocalLoss(float("nan")), ValueError, r"gamma == nan, must be >= 0"),
        (lambda: BinaryFocalLoss(np.float64(-2)), ValueError, r"gamma == -2\.0, must be >= 0"),
        (lambda: BinaryFocalLoss(1e30), ValueError, r"gamma == 1e\+30, must be at most 1e\+06"),
        (lambda: BinaryFocalLoss("2"), TypeError, r"gamma == '2', must be >= 0"),
        (lambda: BinaryFocalLoss(True), TypeError, r"gamma == True, must be >= 0"),
        (lambda: BinaryFocalLoss((2, -1)), ValueError, r"gamma\[1\] == -1, must be >= 0"),
        (lambda: BinaryFocalLoss((2, 2, 2)), ValueError, r"gamma == \(2.0, 2.0, 2.0\) has 3 entries, must"),
        (lambda: BinaryFocalLoss(2, 4), ValueError, r"alpha == 4, must be in \(0, 1\).* pass a pair"),
        (lambda: BinaryFocalLoss(2, 0.0), ValueError, r"alpha == 0\.0, must be in \(0, 1\)"),
        (lambda: BinaryFocalLoss(2, 1), ValueError, r"alpha == 1, must be in \(0, 1\)"),
        (lambda: BinaryFocalLoss(2, (1, 0)), ValueError, r"alpha\[1\] == 0, must be > 0"),
        (lambda: BinaryFocalLoss(2, [1.0]), ValueError, r"alpha == \(1.0,\) has 1 entries, must have 2"),
        (lambda: BinaryFocalLoss(2, "balance"), ValueError, r"alpha == 'balance', must be None"),
        (lambda: BinaryFocalLoss(2, hessian="true"), ValueError, r"hessian == 'true', must be one of 'gua"),
        (lambda: BinaryFocalLoss(2, device="gpu"), ValueError, r"device == 'gpu', must be one of 'auto'"),
        (
            lambda: BinaryFocalLoss(2, device="cuda:1"),
            ValueError,
            r"device == 'cuda:1', must be one of 'auto'",
        ),
        (lambda: BinaryFocalLoss(2, n_jobs=0), ValueError, r"n_jobs == 0, must be a whole number"),
        (lambda: BinaryFocalLoss(label_smoothing=1), ValueError, r"label_smoothing == 1\.0, must be in"),
        (lambda: BinaryFocalLoss(label_smoothing=-0.1), ValueError, r"label_smoothing == -0\.1, must be"),
        (lambda: MulticlassFocalLoss(2, (1, 2), n_classes=3), ValueError, r"has 2 entries, must have 3"),
        (lambda: MulticlassFocalLoss((1, 2, 3), (1, 2)), ValueError, r"has 2 entries, must have 3"),
        (lambda: MulticlassFocalLoss(2, -1), ValueError, r"alpha == -1, must be > 0"),
        (lambda: MulticlassFocalLoss((2,)), ValueError, r"gamma == \(2.0,\), must have one entry per class"),
        (lambda: MulticlassFocalLoss(n_classes=1), ValueError, r"n_classes == 1, must be None or a whole"),
        (lambda: MulticlassFocalLoss(n_classes=2.5), TypeError, r"n_classes == 2\.5, must be None or a"),
        (lambda: MultilabelFocalLoss((1, 2), (0.5,)), ValueError, r"has 1 entries, must have 2"),
        (lambda: MultilabelFocalLoss(2, (0.5, 2)), ValueError, r"alpha\[1\] == 2, must be in \(0, 1\)"),
        (lambda: MultilabelFocalLoss(2, ((1, 2, 3),)), ValueError, r"has 3 entries, must have 2, one per s"),
    ],
)
def test_bad_parameters_name_value_rule_and_cure(make, error, text):
    with pytest.raises(error, match=text):
        make()


B, C, L = BinaryFocalLoss(), MulticlassFocalLoss(), MultilabelFocalLoss()


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: B.loss([0, 2], [0.0, 0.0]), ValueError, r"y_true\[1\] == 2, must be in \[0, 1\]"),
        (lambda: B.gradient_hessian([0, 2], [0.0, 0.0]), ValueError, r"y_true\[1\] == 2, must be in"),
        (lambda: B.gradient_hessian([0, np.nan], [0.0, 0]), ValueError, r"y_true\[1\] == nan, must be in"),
        (lambda: B.gradient_hessian([-1, 1], [0.0, 0.0]), ValueError, r"y_true\[0\] == -1, must be in"),
        (lambda: B.gradient_hessian([0, 1], [0, np.nan]), ValueError, r"raw_prediction\[1\] == nan, must"),
        (lambda: B.gradient_hessian([0, 1], [np.inf, 0]), ValueError, r"raw_prediction\[0\] == inf, must"),
        (lambda: B.loss([0, 1], [np.inf, 0]), ValueError, r"raw_prediction\[0\] == inf, must be finite"),
        (lambda: B.loss([0, 1], [0.0, 0], [1, -2]), ValueError, r"sample_weight\[1\] == -2, must be >= 0"),
        (
            lambda: B.gradient_hessian([0, 1], [0.0, 0], [np.nan, 1]),
            ValueError,
            r"sample_weight\[0\] == nan, must be >= 0 and finite",
        ),
        (lambda: B.loss([0, 1], [0.0, 0], [1]), ValueError, r"sample_weight has shape \(1,\), must be \(2,"),
        (lambda: B.loss([0, 1], np.zeros((2, 3))), ValueError, r"shape \(2, 3\).*use MulticlassFocalLoss"),
        (lambda: B.loss([0, 1, 1], [0.0, 0]), ValueError, r"y_true has shape \(3,\), must be \(2,\)"),
        (lambda: B.loss(["a", "b"], [0.0, 0]), TypeError, r"y_true has dtype <U1.*LabelEncoder"),
        (lambda: C.loss([0, 3], np.zeros((2, 3))), ValueError, r"y_true\[1\] == 3, must be a whole number f"),
        (lambda: C.gradient_hessian([0, 0.5], np.zeros((2, 3))), ValueError, r"y_true\[1\] == 0\.5, must"),
        (lambda: C.gradient_hessian([np.nan], np.zeros((1, 3))), ValueError, r"y_true\[0\] == nan, must"),
        (lambda: C.gradient_hessian([0, 1], [0.0, 0]), ValueError, r"\(2,\), must be \(n_samples, n_class"),
        (
            lambda: MulticlassFocalLoss(n_classes=4).loss([0], np.zeros((1, 3))),
            ValueError,
            r"has 4 classes\. Set num_class=4",
        ),
        (
            lambda: C.gradient_hessian([0, 1], [[0, 1], [np.nan, 0]]),
            ValueError,
            r"raw_prediction\[1, 0\] == nan, must be finite",
        ),
        (lambda: L.loss([[0, 1]], [0.0]), ValueError, r"raw_prediction has shape \(1,\), must be \(n_sam"),
        (lambda: L.loss([[0, 1]], [[0.0]]), ValueError, r"y_true has shape \(1, 2\), must be \(1, 1\)"),
        (lambda: L.gradient_hessian([[0, 7]], [[0.0, 0]]), ValueError, r"y_true\[0, 1\] == 7, must be in"),
        (lambda: BinaryFocalLoss(2, "balanced").loss([0], [0.0]), ValueError, r"use loss\.for_labels\(y\)"),
        (lambda: B.start(), ValueError, r"start\(\) needs the labels: use loss\.for_labels"),
        (lambda: B.base_score, ValueError, r"base_score needs the labels"),
        (lambda: B.for_labels(np.zeros(9)), ValueError, r"y == 0 in all rows with weight, must have both"),
        (lambda: B.for_labels([0, 1], [1, 0]), ValueError, r"y == 0 in all rows with weight"),
        (lambda: B.for_labels([0, 1], [0, 0]), ValueError, r"sample_weight == 0 in all rows"),
        (lambda: B.for_labels([0, 1], [1, -1]), ValueError, r"sample_weight\[1\] == -1, must be >= 0"),
        (lambda: B.for_labels([0, 5]), ValueError, r"y_true\[1\] == 5, must be in \[0, 1\]"),
        (lambda: B.for_labels([]), ValueError, r"y has no rows"),
        (lambda: B.for_labels([[0, 1], [1, 0]]), ValueError, r"use MultilabelFocalLoss"),
        (lambda: C.for_labels([0, 2, 2]), ValueError, r"class 1 of 3 has no rows"),
        (lambda: C.for_labels([0, 1.5]), ValueError, r"y_true\[1\] == 1\.5, must be a whole number"),
        (lambda: C.for_labels([0, -1]), ValueError, r"y_true\[1\] == -1, must be a whole number"),
        (lambda: L.for_labels([[0, 1], [0, 0]]), ValueError, r"y\[:, 0\] == 0 in all rows"),
        (lambda: C.posterior([0.0]), ValueError, r"raw_prediction has shape \(1,\), must be \(n_samples"),
    ],
)
def test_bad_data_names_value_rule_and_cure(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_a_late_bad_label_or_margin_is_found_in_large_data(rng):
    n = 400_000
    y, raw = (rng.random(n) < 0.1).astype(np.float32), rng.normal(0, 1, n).astype(np.float32)
    y[n - 2] = 3
    with pytest.raises(ValueError, match=r"y_true\[399998\] == 3\.0, must be in"):
        B.gradient_hessian(y, raw)
    y[n - 2], raw[n - 1] = 1, -np.inf
    with pytest.raises(ValueError, match=r"raw_prediction\[399999\] == -inf, must be finite"):
        B.gradient_hessian(y, raw)


def test_soft_labels_late_in_large_data_are_read_as_soft(rng):
    n = 300_000
    y, raw = (rng.random(n) < 0.1).astype(np.float32), rng.normal(0, 1, n).astype(np.float32)
    y[-1] = 0.5
    g, _ = B.gradient_hessian(y, raw)
    np.testing.assert_allclose(g[-1], B.gradient_hessian([0.5], raw[-1:])[0][0], rtol=1e-6)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, (1.0, 3.0)])
@pytest.mark.parametrize("alpha", [None, 0.25, "balanced"])
def test_intercept_minimises_the_mean_loss(gamma, alpha, rng):
    weight = rng.uniform(0.2, 3, Y.size)
    loss = BinaryFocalLoss(gamma, alpha).for_labels(Y, weight)
    best = minimize_scalar(
        lambda x: loss.loss(Y, np.full(Y.size, x), weight).sum(), bounds=(-20, 20), options={"xatol": 1e-10}
    )
    assert loss.intercept == pytest.approx(best.x, abs=1e-5)
    gradient = loss.gradient_hessian(Y, np.full(Y.size, loss.intercept), weight)[0]
    assert abs(gradient.sum(dtype=float)) < 1e-5 * np.abs(gradient).sum()
    assert loss.base_score == pytest.approx(1 / (1 + np.exp(-loss.intercept)))


def test_intercept_minimises_the_mean_loss_of_many_classes(rng):
    y, weight = rng.choice(4, 500, p=[0.7, 0.2, 0.07, 0.03]), rng.uniform(0.2, 3, 500)
    loss = MulticlassFocalLoss((2.0, 1.0, 0.0, 3.0), (1.0, 2.0, 0.5, 4.0)).for_labels(y, weight)
    start = loss.loss(y, np.tile(loss.intercept, (500, 1)), weight).sum()
    best = minimize(lambda z: loss.loss(y, np.tile(z, (500, 1)), weight).sum(), np.zeros(4), tol=1e-12)
    assert start == pytest.approx(best.fun, rel=1e-9)
    assert sum(loss.intercept) == pytest.approx(0, abs=1e-12)


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


@pytest.mark.parametrize("loss", [B, BinaryFocalLoss(5.0, "balanced"), BinaryFocalLoss(0.5, 0.1)], ids=repr)
@pytest.mark.parametrize("hessian", ["guarded", "exact", "reweighted"])
def test_scale_gives_the_start_log_loss_hessian(loss, hessian):
    loss = type(loss)(loss.gamma, loss.alpha, hessian=hessian).for_labels(Y)
    total = loss.gradient_hessian(Y, np.full(Y.size, loss.intercept))[1].sum(dtype=float)
    assert total == pytest.approx(Y.size * 0.03 * 0.97, rel=1e-5)


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


def test_gamma_zero_resolves_to_log_loss():
    loss = BinaryFocalLoss(0.0).for_labels(Y)
    assert loss.intercept == pytest.approx(np.log(0.03 / 0.97), rel=1e-12)
    assert loss.scale == pytest.approx(1, rel=1e-12)
    assert loss.base_score == pytest.approx(0.03, rel=1e-12)
    many = MulticlassFocalLoss(0.0).for_labels([0] * 6 + [1] * 3 + [2])
    log_share = np.log([0.6, 0.3, 0.1])
    np.testing.assert_allclose(many.intercept, log_share - log_share.mean(), rtol=1e-10)
    assert many.scale == pytest.approx(1, rel=1e-12)


def test_smoothing_keeps_a_label_without_positives_finite():
    labels = np.zeros((50, 2))
    labels[:5, 1] = 1
    loss = MultilabelFocalLoss(2.0, label_smoothing=0.02).for_labels(labels)
    assert np.isfinite(loss.intercept).all()
    with pytest.raises(ValueError, match="alpha == 'balanced' needs rows of both classes"):
        MultilabelFocalLoss(2.0, "balanced", label_smoothing=0.02).for_labels(labels)


def test_for_labels_takes_columns_and_series():
    expected = B.for_labels(Y)
    assert B.for_labels(Y[:, None]) == expected
    assert B.for_labels(Y.astype("f4")).intercept == pytest.approx(expected.intercept, rel=1e-7)
    pandas = pytest.importorskip("pandas")
    assert B.for_labels(pandas.Series(Y.astype(int))) == expected


@pytest.mark.parametrize("loss", ALL, ids=repr)
def test_derivatives_do_not_depend_on_layout_dtype_or_threads(loss, rng):
    y, raw = example(loss, 70_000, rng)
    weight = rng.uniform(0, 2, 70_000)
    raw32 = raw.astype(np.float32)
    g, h = loss.gradient_hessian(y.astype(np.float32), raw32, weight.astype(np.float32))
    variants = [
        (y.astype("u1"), raw32, weight.astype("f4")),
        (y.astype("i8"), np.asfortranarray(raw32), weight.astype("f4")),
        (y.astype("f8")[::-1][::-1], np.repeat(raw32, 2, axis=0)[::2], weight.astype("f4")),
        (y.astype(">f4"), raw32.astype(">f4"), weight.astype(">f4")),
        (y.astype("f4"), raw32.astype("f8"), weight.astype("f4")),
    ]
    for labels, margins, weights in variants:
        for n_jobs in (1, 3):
            same = type(loss)(loss.gamma, loss.alpha, hessian=loss.hessian, n_jobs=n_jobs)
            if hasattr(loss, "label_smoothing"):
                same._set(label_smoothing=loss.label_smoothing)
            same._set(scale=loss.scale)
            got = same.gradient_hessian(labels, margins, weights)
            for a, b in zip(got, (g, h), strict=True):
                assert a.dtype == np.float32
                # The order of float32 and float64 operations may differ in the last bits.
                np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-37)


def test_threads_share_a_loss(rng):
    y, raw = rng.integers(0, 2, 200_000), rng.normal(0, 2, 200_000).astype("f4")
    loss = BinaryFocalLoss(2.0, n_jobs=2)
    expected = loss.gradient_hessian(y, raw)[0]
    results = [None] * 6

    def work(i):
        results[i] = loss.gradient_hessian(y, raw)[0]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        np.testing.assert_array_equal(result, expected)
