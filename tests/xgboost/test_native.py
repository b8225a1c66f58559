"""Trainings by XGBoost's native API: parity with its own objectives, the metric, and each known trap."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss
from tests.xgboost.training import (
    BINARY,
    BOOSTER,
    SOFTMAX,
    SOFTMAX_HESSIAN,
    Data,
    N,
    margins,
    softmax,
    train,
    xgb,
)


# ---------------------------------------------------------------------- independent anchors
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("matrix", [xgb.DMatrix, xgb.QuantileDMatrix])
@pytest.mark.parametrize(
    ("labels", "loss", "params"),
    [
        ("binary", BinaryFocalLoss(0.0), {"objective": BINARY}),
        ("soft", BinaryFocalLoss(0.0), {"objective": BINARY}),
        ("multiclass", MulticlassFocalLoss(0.0), {"objective": SOFTMAX, "num_class": 4}),
        ("multilabel", MultilabelFocalLoss(0.0), {"objective": BINARY}),
        (
            "multilabel",
            MultilabelFocalLoss(0.0),
            {"objective": BINARY, "multi_strategy": "multi_output_tree"},
        ),
    ],
)
def test_gamma_zero_trains_the_builtin_model(labels, loss, params, matrix, weighted):
    y, weight = getattr(Data, labels), Data.weight if weighted else None
    data = matrix(Data.X, y, weight=weight)
    loss = loss.for_labels(y, weight)
    if isinstance(loss, MulticlassFocalLoss):
        # XGBoost's own estimate of the log frequencies is off by up to 9e-6 (3.2.0): start both at ours.
        params = {**params, "base_score": list(loss.base_score)}
    builtin = train(params, data)
    focal = train(params, data, loss=loss)
    if labels == "multiclass" and SOFTMAX_HESSIAN != "2p(1-p)":
        assert np.abs(margins(focal, data) - margins(builtin, data)).max() > 0.01
        builtin = train_with(softmax("2p(1-p)"), params, data)
    np.testing.assert_allclose(margins(focal, data), margins(builtin, data), rtol=0, atol=1e-5)
    np.testing.assert_allclose(focal.predict(data), builtin.predict(data), rtol=0, atol=5e-6)


def train_with(objective, params, data):
    return xgb.train({**BOOSTER, **params}, data, 50, obj=objective)


def test_the_hessian_of_the_builtin_softmax_is_that_of_this_version():
    data = xgb.DMatrix(Data.X, Data.multiclass, weight=Data.weight)
    params = {"objective": SOFTMAX, "num_class": 4, "base_score": [0.0, 0.1, 0.2, 0.3]}
    builtin = margins(train(params, data), data)
    off = {
        hessian: np.abs(margins(train_with(softmax(hessian), params, data), data) - builtin).max()
        for hessian in ("2p(1-p)", "abs(p-y)")
    }
    assert off.pop(SOFTMAX_HESSIAN) < 1e-4
    assert min(off.values()) > 0.01


def test_class_weights_are_scale_pos_weight():
    data = xgb.DMatrix(Data.X, Data.binary)
    builtin = train({"objective": BINARY, "scale_pos_weight": 7.0, "base_score": 0.5}, data)
    focal = train({"objective": BINARY}, data, loss=BinaryFocalLoss(0.0, (1.0, 7.0)))
    np.testing.assert_allclose(margins(focal, data), margins(builtin, data), rtol=0, atol=1e-5)


def test_two_classes_train_the_binary_model():
    """Softmax over two margins has trees of half the height: x and -x for a difference of 2 x."""
    data = xgb.DMatrix(Data.X, Data.binary)
    binary = train(
        {"objective": BINARY, "reg_lambda": 0, "min_child_weight": 0}, data, 1, BinaryFocalLoss(2.0)
    )
    params = {"objective": SOFTMAX, "num_class": 2, "reg_lambda": 0, "min_child_weight": 0}
    two = margins(train(params, data, 1, MulticlassFocalLoss(2.0)), data)
    np.testing.assert_allclose(two[:, 1] - two[:, 0], margins(binary, data), atol=1e-5)


def test_all_numbers_of_a_scaled_loss_are_those_of_scaled_regularisation():
    loss = BinaryFocalLoss(2.0).for_labels(Data.binary)
    data = xgb.DMatrix(Data.X, Data.binary)
    scaled = train({"reg_lambda": 1.0, "min_child_weight": 1.0}, data, 20, loss)
    plain = BinaryFocalLoss(2.0)
    c = loss.scale
    params = {
        "reg_lambda": 1 / c,
        "min_child_weight": 1 / c,
        "objective": BINARY,
    }
    # Without the callback a loss that is not resolved starts at margin 0, but for a start of the user's own.
    own = xgb.DMatrix(Data.X, Data.binary, base_margin=np.full(N, loss.intercept, np.float32))
    by_hand = train({**params, "base_score": 0.5}, own, 20, plain)
    np.testing.assert_allclose(margins(scaled, data), margins(by_hand, own), atol=1e-5)


# ---------------------------------------------------------------------- ways of boosting
def test_cv_starts_every_fold_and_reports_the_metric():
    loss = BinaryFocalLoss(2.0).for_labels(Data.binary)
    history = xgb.cv(
        {**BOOSTER, "disable_default_eval_metric": True},
        xgb.DMatrix(Data.X, Data.binary),
        15,
        nfold=3,
        obj=loss,
        custom_metric=loss.metric,
        callbacks=[loss.start()],
        as_pandas=False,
    )
    test = history["test-focal_loss-mean"]
    assert 0.4 < test[-1] < test[0] < 1.0


# XGBoost 3.4 has new names for these two.
@pytest.mark.filterwarnings("ignore:.* is deprecated:UserWarning")
@pytest.mark.parametrize(
    "booster", [{"booster": "dart", "rate_drop": 0.3}, {"subsample": 0.5}, {"booster": "gblinear"}]
)
def test_other_ways_of_boosting_learn(booster):
    loss = BinaryFocalLoss(2.0).for_labels(Data.binary)
    data = xgb.DMatrix(Data.X, Data.binary)
    params = {"learning_rate": 0.3, "nthread": 1, "seed": 1, **booster}
    model = xgb.train(params, data, 30, obj=loss, callbacks=[loss.start()])
    assert average_precision_score(Data.binary, model.predict(data)) > 0.45


# ---------------------------------------------------------------------- the metric
def test_metric_is_the_mean_loss_relative_to_the_start():
    loss = BinaryFocalLoss(2.0, 0.25).for_labels(Data.binary, Data.weight)
    data = xgb.DMatrix(Data.X, Data.binary, weight=Data.weight)
    start = np.full(N, loss.intercept)
    assert loss.metric(start, data) == ("focal_loss", pytest.approx(1.0, rel=1e-12))
    raw = margins(train({}, data, 5, loss), data)
    expected = (
        loss.loss(Data.binary, raw, Data.weight).sum() / loss.loss(Data.binary, start, Data.weight).sum()
    )
    assert loss.metric(raw, data)[1] == pytest.approx(expected, rel=1e-6)


def test_metric_of_every_task_starts_at_one():
    for labels, loss in [
        ("soft", BinaryFocalLoss(1.0)),
        ("multiclass", MulticlassFocalLoss(2.0, "balanced")),
        ("multilabel", MultilabelFocalLoss(2.0, "balanced")),
    ]:
        y = getattr(Data, labels)
        resolved, data = loss.for_labels(y), xgb.DMatrix(Data.X, y)
        raw = np.broadcast_to(np.float32(resolved.intercept), (N, np.size(resolved.intercept)))
        value = resolved.metric(raw[:, 0] if labels == "soft" else raw, data)[1]
        assert value == pytest.approx(1.0, rel=1e-6)


def test_metric_survives_six_decimals_and_is_minimised():
    """A loss of 1e-6 a row still tells rounds apart, and early stopping takes the smallest."""
    loss = BinaryFocalLoss(8.0).for_labels(Data.binary)
    data = xgb.DMatrix(Data.X, Data.binary)
    history = {}
    stop = xgb.callback.EarlyStopping(rounds=3, metric_name="focal_loss", data_name="valid")
    booster = xgb.train(
        {**BOOSTER, "disable_default_eval_metric": True},
        data,
        60,
        obj=loss,
        custom_metric=loss.metric,
        evals=[(data, "valid")],
        evals_result=history,
        verbose_eval=False,
        callbacks=[loss.start(), stop],
    )
    values = history["valid"]["focal_loss"]
    assert len(set(values)) == len(values)
    assert booster.best_score == min(values)
    assert values[-1] < values[0] < 1


# ---------------------------------------------------------------------- traps
def test_weights_of_the_matrix_count():
    weight = np.where(Data.binary > 0, 50.0, 1.0).astype(np.float32)
    loss = BinaryFocalLoss(1.0)
    plain = train({"objective": BINARY}, xgb.DMatrix(Data.X, Data.binary), 5, loss)
    heavy = train({"objective": BINARY}, xgb.DMatrix(Data.X, Data.binary, weight=weight), 5, loss)
    data = xgb.DMatrix(Data.X)
    assert margins(heavy, data).mean() > margins(plain, data).mean() + 0.2


def test_a_loss_learns_from_a_log_odds_start():
    """The exact Hessian is negative for every positive row there; the guarded one is not."""
    rate = float(Data.binary.mean())
    data = xgb.DMatrix(Data.X, Data.binary)
    scores, start = {}, np.full(N, np.log(rate / (1 - rate)), np.float32)
    own = xgb.DMatrix(Data.X, Data.binary, base_margin=start)
    for gamma in (1.0, 2.0, 5.0):
        booster = train({"objective": BINARY}, own, 60, BinaryFocalLoss(gamma))
        scores[gamma] = average_precision_score(Data.binary, booster.predict(own))
    logistic = train({"objective": BINARY}, data, 60)
    reference = average_precision_score(Data.binary, logistic.predict(data))
    assert min(scores.values()) > 0.9 * reference, (scores, reference)


def test_a_nan_margin_stops_training_instead_of_spoiling_it():
    data = xgb.DMatrix(Data.X, Data.binary, base_margin=np.where(np.arange(N) == 17, np.nan, 0.0))
    with pytest.raises(ValueError, match=r"raw_prediction\[17\] == nan, must be finite"):
        train({"objective": BINARY}, data, 2, BinaryFocalLoss(2.0))


@pytest.mark.parametrize(
    ("labels", "loss", "params", "text"),
    [
        (Data.multiclass, BinaryFocalLoss(), {"objective": BINARY}, r"must be in \[0, 1\]"),
        (Data.binary, MulticlassFocalLoss(), {"objective": BINARY}, r"set num_class"),
        (Data.multiclass, BinaryFocalLoss(), {"objective": SOFTMAX, "num_class": 4}, r"MulticlassFocalLoss"),
        (Data.multiclass, MulticlassFocalLoss(n_classes=3), {"num_class": 4}, r"Set num_class=3"),
        (Data.multiclass, MulticlassFocalLoss(), {"num_class": 3}, r"must be a whole number from 0 to 2"),
        (Data.multilabel, BinaryFocalLoss(), {"objective": BINARY}, r"MultilabelFocalLoss"),
        (
            Data.multilabel,
            MultilabelFocalLoss(n_labels=2),
            {"objective": BINARY},
            r"must be \(n_samples, 2\)",
        ),
        (Data.binary, MultilabelFocalLoss(), {"objective": BINARY}, r"must be \(n_samples, n_labels\)"),
    ],
)
def test_a_loss_of_another_task_is_refused(labels, loss, params, text):
    with pytest.raises(ValueError, match=text):
        train(params, xgb.DMatrix(Data.X, labels), 2, loss)
