"""`sampling_rate` of the losses: what it may be, what it means beside another, and what training sees of it.

The probabilities themselves: tests/calibration/test_sampling.py.
"""

import json
import pickle

import numpy as np
import pytest

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss

Y = {
    "binary": np.arange(100) < 30,
    "multiclass": np.arange(90) % 3,
    "multilabel": np.eye(2, dtype=int)[np.arange(90) % 2],
}
CASES = [
    (BinaryFocalLoss, "binary", 0.05, 0.05),
    (BinaryFocalLoss, "binary", 1, 1.0),
    (BinaryFocalLoss, "binary", [0.05, 1], (0.05, 1.0)),
    (BinaryFocalLoss, "binary", {1: 1, 0: 0.05}, (0.05, 1.0)),
    (MulticlassFocalLoss, "multiclass", (0.1, 1, np.float32(0.5)), (0.1, 1.0, 0.5)),
    (MulticlassFocalLoss, "multiclass", {0: 0.1, 2: 1, 1: 1}, (0.1, 1.0, 1.0)),
    (MultilabelFocalLoss, "multilabel", 0.05, 0.05),
    (MultilabelFocalLoss, "multilabel", [0.05, 1], (0.05, 1.0)),
    (MultilabelFocalLoss, "multilabel", (0.05, (1, 0.5)), (0.05, (1.0, 0.5))),
    (MultilabelFocalLoss, "multilabel", {0: 0.05, 1: {0: 1, 1: 0.5}}, (0.05, (1.0, 0.5))),
]


@pytest.mark.parametrize(("cls", "task", "given", "kept"), CASES, ids=str)
def test_it_is_kept_in_copies_records_and_pickles(cls, task, given, kept):
    loss = cls(2.0, sampling_rate=given).for_labels(Y[task])
    assert loss.sampling_rate == kept
    assert f"sampling_rate={kept!r}" in repr(loss)
    again = loss.from_json(loss.to_json())
    assert again == loss
    assert pickle.loads(pickle.dumps(loss)) == loss
    np.testing.assert_equal(json.loads(loss.to_json())["sampling_rate"], json.loads(json.dumps(kept)))


@pytest.mark.parametrize(("cls", "task", "given", "kept"), CASES, ids=str)
def test_training_sees_nothing_of_it(cls, task, given, kept):
    loss, plain = (cls(2.0, sampling_rate=rate).for_labels(Y[task]) for rate in (given, None))
    assert loss.intercept == plain.intercept
    assert loss.scale == plain.scale
    raw = (
        np.tile(np.atleast_1d(loss.intercept), (len(Y[task]), 1))
        + np.linspace(-1, 1, len(Y[task]))[:, None] ** 2
    )
    raw = raw[:, 0] if task == "binary" else raw * [[1.0, 2.0, 3.0][: raw.shape[1]]]
    for one, other in zip(
        loss.gradient_hessian(Y[task], raw), plain.gradient_hessian(Y[task], raw), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    assert loss.metric(Y[task], raw) == plain.metric(Y[task], raw)
    # The shift, too, is that of the rows that were kept: their mean is at their rate before the correction.
    found = loss.calibrated(Y[task], raw, rows="kept")
    assert found.sampling_rate == loss.sampling_rate
    assert found.logit_shift == plain.calibrated(Y[task], raw).logit_shift
    mean = found.of_kept_rows().posterior(raw).mean(axis=0)
    rate = np.bincount(Y[task]) / 90 if task == "multiclass" else Y[task].mean(axis=0)
    np.testing.assert_allclose(mean, rate, rtol=1e-6)


def test_calibrated_on_all_rows_by_weights():
    """A row weighted by the rate of its class is as good as the rows that were kept."""
    rng = np.random.default_rng(0)
    p = 1 / (1 + np.exp(-rng.normal(-2, 1, 20_000)))
    y = (rng.random(len(p)) < p).astype(int)
    loss = BinaryFocalLoss(2.0, sampling_rate=0.1)
    raw, weight = loss.margin(p), np.where(y == 0, 0.1, 1.0)
    found = loss.calibrated(y, raw, weight, rows="kept")
    kept = found.of_kept_rows().posterior(raw)
    assert np.average(kept, weights=weight) == pytest.approx(np.average(y, weights=weight), rel=1e-9)
    # The margins were right before: a standard error is .03.
    assert abs(found.logit_shift) < 0.1
    assert abs(loss.calibrated(y, raw, rows="kept").logit_shift) > 1.0


@pytest.mark.parametrize(
    ("cls", "task", "rate"),
    [
        (BinaryFocalLoss, "binary", 0.1),
        (MulticlassFocalLoss, "multiclass", (0.1, 1.0, 0.5)),
        (MultilabelFocalLoss, "multilabel", 0.2),
        (MultilabelFocalLoss, "multilabel", (0.2, (0.1, 0.7))),
    ],
)
def test_calibrated_says_of_which_rows_the_mean_is(cls, task, rate):
    y = Y[task]
    loss = cls(2.0, sampling_rate=rate).for_labels(y)
    raw = np.random.default_rng(0).normal(-1.0, 1.0, (len(y), 3))
    raw = raw[:, 0] if task == "binary" else raw[:, : loss._n_outputs()]
    true = np.bincount(y) / len(y) if task == "multiclass" else y.mean(axis=0)
    of_all, of_kept = (loss.calibrated(y, raw, rows=rows) for rows in ("all", "kept"))
    np.testing.assert_allclose(of_all.posterior(raw).mean(axis=0), true, rtol=1e-6)
    np.testing.assert_allclose(of_kept.of_kept_rows().posterior(raw).mean(axis=0), true, rtol=1e-6)
    assert np.abs(of_kept.posterior(raw).mean(axis=0) / true - 1.0).max() > 0.3
    with pytest.raises(ValueError, match=r"rows == None with sampling_rate == .*, must be 'all' .* or "):
        loss.calibrated(y, raw)
    with pytest.raises(ValueError, match="rows == 'some', must be one of 'all', 'kept'"):
        loss.calibrated(y, raw, rows="some")
    plain = cls(2.0).for_labels(y)
    assert plain.calibrated(y, raw, rows="all") == plain.calibrated(y, raw)


SAME = [
    (BinaryFocalLoss(2.0), BinaryFocalLoss(2.0, sampling_rate=1)),
    (BinaryFocalLoss(2.0, sampling_rate=0.1), BinaryFocalLoss(2.0, sampling_rate=(0.1, 1.0))),
    (BinaryFocalLoss(2.0, sampling_rate=0.1), BinaryFocalLoss(2.0, sampling_rate=(0.05, 0.5))),
    (MulticlassFocalLoss(2.0, n_classes=3), MulticlassFocalLoss(2.0, sampling_rate=(0.5, 0.5, 0.5))),
    (MultilabelFocalLoss(2.0, sampling_rate=(0.1, 0.1)), MultilabelFocalLoss(2.0, sampling_rate=0.1)),
]
OTHERS = [
    (BinaryFocalLoss(2.0), BinaryFocalLoss(2.0, sampling_rate=0.1)),
    (BinaryFocalLoss(2.0, sampling_rate=(1.0, 0.1)), BinaryFocalLoss(2.0, sampling_rate=0.1)),
    (MulticlassFocalLoss(2.0), MulticlassFocalLoss(2.0, sampling_rate=(0.5, 1, 1))),
    (MultilabelFocalLoss(2.0, sampling_rate=(0.1, 1)), MultilabelFocalLoss(2.0, sampling_rate=(1, 0.1))),
]


@pytest.mark.parametrize(("one", "other"), SAME, ids=str)
def test_the_same_meaning(one, other):
    assert one.same_meaning(other)
    assert other.same_meaning(one)


@pytest.mark.parametrize(("one", "other"), OTHERS, ids=str)
def test_another_meaning(one, other):
    assert not one.same_meaning(other)
    assert not other.same_meaning(one)


KEPT = (
    r"must be in \(0, 1\]: the share of the rows of a class that was kept .* Where 1 in 20 was kept pass 0\."
)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: BinaryFocalLoss(sampling_rate=0), ValueError, rf"^sampling_rate == 0, {KEPT}"),
        (lambda: BinaryFocalLoss(sampling_rate=20), ValueError, rf"^sampling_rate == 20, {KEPT}"),
        (lambda: BinaryFocalLoss(sampling_rate=float("nan")), ValueError, rf"^sampling_rate == nan, {KEPT}"),
        (lambda: BinaryFocalLoss(sampling_rate="0.05"), TypeError, rf"^sampling_rate == '0.05', {KEPT}"),
        (lambda: BinaryFocalLoss(sampling_rate=True), TypeError, rf"^sampling_rate == True, {KEPT}"),
        (lambda: BinaryFocalLoss(sampling_rate=(0.5, -1)), ValueError, rf"^sampling_rate\[1\] == -1, {KEPT}"),
        (
            lambda: BinaryFocalLoss(sampling_rate=(0.5,)),
            ValueError,
            r"^sampling_rate == .* has 1 entries, must have 2",
        ),
        (
            lambda: BinaryFocalLoss(sampling_rate={0: 0.5}),
            ValueError,
            r"^sampling_rate has no key 1, must have",
        ),
        (
            lambda: MulticlassFocalLoss(sampling_rate=0.05),
            ValueError,
            r"^sampling_rate == 0\.05, must be one share in \(0, 1\] per class, .* pass \(0\.05, 1, 1\)\.$",
        ),
        (
            lambda: MulticlassFocalLoss(sampling_rate=(0.5, 1), n_classes=3),
            ValueError,
            r"^sampling_rate == .* has 2 entries, must have 3, one per class",
        ),
        (
            lambda: MulticlassFocalLoss(sampling_rate=(0.5, 1, 2)),
            ValueError,
            rf"^sampling_rate\[2\] == 2, {KEPT}",
        ),
        (
            lambda: MulticlassFocalLoss((1, 2, 3), sampling_rate=(0.5, 1)),
            ValueError,
            r"^sampling_rate == .* has 2 entries, must have 3, one per class",
        ),
        (
            lambda: MultilabelFocalLoss(sampling_rate=(0.5, 1), n_labels=3),
            ValueError,
            r"^sampling_rate == .* has 2 entries, must have 3, one per label",
        ),
        (
            lambda: MultilabelFocalLoss(sampling_rate=(0.5, (1, 0))),
            ValueError,
            rf"^sampling_rate\[1\]\[1\] == 0, {KEPT}",
        ),
    ],
)
def test_what_is_no_rate_is_refused(make, error, text):
    with pytest.raises(error, match=text):
        make()


@pytest.mark.parametrize(
    ("loss", "value"),
    [
        (BinaryFocalLoss(), 0),
        (BinaryFocalLoss(), [1, 2]),
        (BinaryFocalLoss(), "0.5"),
        (BinaryFocalLoss(), [0.5, 0.5, 0.5]),
        (MulticlassFocalLoss(n_classes=3), 0.5),
        (MulticlassFocalLoss(n_classes=3), [0.5, 0.5]),
        (MultilabelFocalLoss(n_labels=2), [0.5, [1]]),
    ],
)
def test_a_damaged_record_is_refused(loss, value):
    record = json.dumps({**json.loads(loss.to_json()), "sampling_rate": value})
    with pytest.raises(ValueError, match=r"^the stored loss has sampling_rate == .*, must be null"):
        loss.from_json(record)
