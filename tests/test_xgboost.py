"""The seam to XGBoost: parity with its own objectives, every entry point, and each known trap."""

import gc
import json
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import average_precision_score
from sklearn.model_selection import cross_val_predict

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss

xgb = pytest.importorskip("xgboost")
from focalboost.xgboost import stored_loss  # noqa: E402  # needs xgboost

N = 6000
BOOSTER = {"max_depth": 4, "learning_rate": 0.1, "nthread": 1}
BINARY, SOFTMAX = "binary:logistic", "multi:softprob"


class Data:
    """One table with labels of every kind."""

    rng = np.random.default_rng(7)
    X = rng.normal(size=(N, 6)).astype(np.float32)
    score = X @ np.array([1.0, -0.7, 0.5, 0.3, 0.0, 0.0]) + rng.normal(0, 1.0, N)
    binary = (score > 2.6).astype(np.float32)
    soft = np.clip(0.7 * binary + 0.2 * rng.random(N), 0, 1).astype(np.float32)
    multiclass = np.digitize(score, [-1.5, 1.5, 2.6]).astype(np.float32)
    multilabel = np.stack([binary, score > 1, X[:, 0] + rng.normal(size=N) > 2], axis=1).astype(np.float32)
    weight = rng.uniform(0.2, 3.0, N).astype(np.float32)


def train(params, dtrain, rounds=50, loss=None, **kwargs):
    callbacks = [loss.start()] if loss is not None and loss.intercept is not None else []
    return xgb.train({**BOOSTER, **params}, dtrain, rounds, obj=loss, callbacks=callbacks, **kwargs)


def margins(booster, data):
    return booster.predict(data, output_margin=True)


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
    np.testing.assert_allclose(margins(focal, data), margins(builtin, data), rtol=0, atol=1e-5)
    np.testing.assert_allclose(focal.predict(data), builtin.predict(data), rtol=0, atol=5e-6)


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
        "base_score": loss.base_score,
    }
    by_hand = train(params, data, 20, plain)
    np.testing.assert_allclose(margins(scaled, data), margins(by_hand, data), atol=1e-5)


# ---------------------------------------------------------------------- entry points
def test_start_sets_intercept_and_objective_and_keeps_the_loss():
    loss = BinaryFocalLoss(2.0, "balanced", label_smoothing=0.01).for_labels(Data.binary)
    data = xgb.DMatrix(Data.X, Data.binary)
    first = margins(train({}, data, 0, loss), data)
    np.testing.assert_allclose(first, loss.intercept, rtol=1e-5)
    booster = train({}, data, 5, loss)
    assert json.loads(booster.save_config())["learner"]["objective"]["name"] == BINARY
    assert stored_loss(booster) == loss


@pytest.mark.parametrize("suffix", ["json", "ubj"])
@pytest.mark.parametrize(
    ("labels", "loss"),
    [
        ("binary", BinaryFocalLoss((2.0, 0.5), 0.25)),
        ("multiclass", MulticlassFocalLoss(2.0, "balanced")),
        ("multilabel", MultilabelFocalLoss((2.0, 1.0, 0.0), (0.25, (1.0, 3.0), 0.5))),
    ],
)
def test_a_saved_model_predicts_with_plain_xgboost(labels, loss, suffix, tmp_path):
    y = getattr(Data, labels)
    loss = loss.for_labels(y)
    data = xgb.DMatrix(Data.X, y)
    booster = train({}, data, 10, loss)
    booster.save_model(tmp_path / f"model.{suffix}")
    loaded = xgb.Booster(model_file=tmp_path / f"model.{suffix}")
    np.testing.assert_array_equal(loaded.predict(data), booster.predict(data))
    np.testing.assert_array_equal(margins(loaded, data), margins(booster, data))
    assert stored_loss(loaded) == loss
    focal = loaded.predict(data)
    raw = margins(loaded, data)
    if labels == "multiclass":
        expected = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
    else:
        expected = 1 / (1 + np.exp(-raw))
    np.testing.assert_allclose(focal, expected, atol=1e-6)


def test_a_model_without_a_stored_loss_says_so():
    booster = train({"objective": BINARY}, xgb.DMatrix(Data.X, Data.binary), 1)
    with pytest.raises(ValueError, match=r"booster.attr\('focalboost'\) == None, must be a stored loss"):
        stored_loss(booster)
    booster.set_attr(focalboost="{}")
    with pytest.raises(ValueError, match=r"the stored loss is '{}', must be a record written by focalboost"):
        stored_loss(booster)


def test_continued_training_equals_training_in_one_go():
    loss = BinaryFocalLoss(2.0).for_labels(Data.binary)
    data = xgb.DMatrix(Data.X, Data.binary)
    whole = train({}, data, 20, loss)
    half = train({}, data, 10, loss)
    # Another intercept in the callback must not replace that of the trees.
    other = BinaryFocalLoss(2.0).for_labels([0, 1])
    continued = xgb.train(BOOSTER, data, 10, obj=loss, callbacks=[other.start()], xgb_model=half)
    np.testing.assert_allclose(margins(continued, data), margins(whole, data), atol=1e-6)


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


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("labels", "loss"),
    [
        ("binary", BinaryFocalLoss(2.0)),
        ("multiclass", MulticlassFocalLoss(2.0)),
        ("multilabel", MultilabelFocalLoss(2.0)),
    ],
)
def test_the_classifier_takes_the_loss_as_objective(labels, loss, weighted):
    y, weight = getattr(Data, labels), Data.weight if weighted else None
    loss = loss.for_labels(y, weight)
    data = xgb.DMatrix(Data.X, y, weight=weight)
    model = xgb.XGBClassifier(objective=loss, n_estimators=10, callbacks=[loss.start()], **BOOSTER)
    model.fit(Data.X, y, sample_weight=weight)
    native = train({}, data, 10, loss)
    np.testing.assert_allclose(
        model.get_booster().predict(data, output_margin=True), margins(native, data), atol=1e-6
    )
    probability = model.predict_proba(Data.X)
    expected = native.predict(data)
    expected = np.stack([1 - expected, expected], axis=1) if labels == "binary" else expected
    np.testing.assert_allclose(probability, expected, atol=1e-6)
    assert clone(model).objective is loss


def test_cross_validation_with_the_classifier():
    loss = BinaryFocalLoss(2.0)
    model = xgb.XGBClassifier(objective=loss, n_estimators=20, **BOOSTER)
    p = cross_val_predict(model, Data.X, Data.binary, cv=3, method="predict_proba")[:, 1]
    assert average_precision_score(Data.binary, p) > 5 * Data.binary.mean()


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


@pytest.mark.filterwarnings("ignore:.*gblinear. is deprecated:UserWarning")  # by XGBoost 3.4
@pytest.mark.parametrize(
    "selection", [{"feature_selector": "cyclic"}, {"feature_selector": "greedy", "top_k": 2}]
)
def test_a_linear_booster_keeps_its_parameters(selection):
    # XGBoost resets those of the updater when another one is set, as start() does.
    params = {"booster": "gblinear", "updater": "coord_descent", "reg_alpha": 0.02, "reg_lambda": 0.01}
    params |= {"learning_rate": 0.3, "nthread": 1, "objective": BINARY, **selection}
    dtrain, loss = xgb.DMatrix(Data.X, Data.binary), BinaryFocalLoss(0.0).for_labels(Data.binary)
    builtin = xgb.train({**params, "base_score": loss.base_score}, dtrain, 10)
    booster = xgb.train(params, dtrain, 10, obj=loss, callbacks=[loss.start()])
    assert np.abs(margins(builtin, dtrain)).max() < 6  # the penalties bite: without them, 9
    np.testing.assert_allclose(margins(booster, dtrain), margins(builtin, dtrain), atol=1e-4)


@pytest.mark.parametrize("shape", [(0,), (0, 0)])  # of XGBoost 3.4
def test_an_empty_shard_gets_gradients_of_the_right_width(shape):
    empty = xgb.DMatrix(np.empty((0, 2), np.float32), np.empty(0, np.float32))
    nothing = np.empty(shape, np.float32)
    many = MulticlassFocalLoss(2.0, n_classes=4)
    assert [a.shape for a in many(nothing, empty)] == [(0, 4)] * 2
    labels = MultilabelFocalLoss((1.0, 2.0, 0.0))
    assert [a.shape for a in labels(nothing, empty)] == [(0, 3)] * 2
    assert [a.shape for a in BinaryFocalLoss()(nothing, empty)] == [(0,)] * 2
    assert many.metric(nothing, empty) == ("focal_loss", 1.0)
    with pytest.raises(ValueError, match=r"n_classes == None, must be a number where a shard has no rows"):
        MulticlassFocalLoss(2.0)(nothing, empty)


@pytest.mark.parametrize(
    "run",
    [
        lambda data, start: xgb.train(BOOSTER, data, 2, callbacks=[start]),
        lambda data, start: xgb.cv(BOOSTER, data, 2, nfold=2, callbacks=[start]),
        lambda data, start: xgb.XGBClassifier(**BOOSTER, callbacks=[start]).fit(Data.X, Data.binary),
    ],
)
def test_a_start_without_the_objective_is_an_error(run):
    """It would be a model of log loss, with the intercept of focal loss and the loss in its file."""
    loss = BinaryFocalLoss(2.0).for_labels(Data.binary)
    with pytest.raises(
        RuntimeError, match=r"obj must be BinaryFocalLoss\(.*\): a round was trained without it"
    ):
        run(xgb.DMatrix(Data.X, Data.binary), loss.start())


@pytest.mark.parametrize("through", ["call", "gradient_hessian"])
def test_an_objective_around_the_loss_may_start_with_it(through):
    loss = BinaryFocalLoss(2.0).for_labels(Data.binary)
    data = xgb.DMatrix(Data.X, Data.binary)

    def objective(raw, matrix):
        if through == "call":
            return loss(raw, matrix)
        return loss.gradient_hessian(matrix.get_label(), raw)

    booster = xgb.train(BOOSTER, data, 3, obj=objective, callbacks=[loss.start()])
    np.testing.assert_array_equal(margins(booster, data), margins(train({}, data, 3, loss), data))


def test_objectives_are_deep_copied_without_harm():
    loss = BinaryFocalLoss(2.0)
    model = xgb.XGBClassifier(objective=loss)
    assert clone(model).get_params()["objective"] is loss


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


def test_metric_as_eval_metric_of_the_classifier():
    loss = BinaryFocalLoss(2.0)
    model = xgb.XGBClassifier(objective=loss, eval_metric=loss.metric, n_estimators=5, **BOOSTER)
    model.fit(Data.X, Data.binary, eval_set=[(Data.X, Data.binary)], verbose=False)
    *_, values = model.evals_result()["validation_0"].values()  # after the built-in one
    data = xgb.DMatrix(Data.X, Data.binary)
    raw = model.get_booster().predict(data, output_margin=True)
    assert values[-1] == pytest.approx(loss.metric(raw, data)[1], abs=1e-6)


# ---------------------------------------------------------------------- traps
def test_weights_of_the_matrix_count():
    weight = np.where(Data.binary > 0, 50.0, 1.0).astype(np.float32)
    loss = BinaryFocalLoss(1.0)
    plain = train({"objective": BINARY}, xgb.DMatrix(Data.X, Data.binary), 5, loss)
    heavy = train({"objective": BINARY}, xgb.DMatrix(Data.X, Data.binary, weight=weight), 5, loss)
    data = xgb.DMatrix(Data.X)
    assert margins(heavy, data).mean() > margins(plain, data).mean() + 0.2


@pytest.mark.parametrize("start", [True, False])
def test_scale_pos_weight_is_never_ignored(start):
    loss = BinaryFocalLoss(2.0).for_labels(Data.binary)
    data = xgb.DMatrix(Data.X, Data.binary)
    callbacks = [loss.start()] if start else []
    text = r"scale_pos_weight == 5, must be 1: XGBoost ignores it.*alpha=\(1, 5\)"
    with pytest.raises(ValueError, match=text):
        xgb.train({"scale_pos_weight": 5, "objective": BINARY}, data, 2, obj=loss, callbacks=callbacks)
    model = xgb.XGBClassifier(objective=loss, scale_pos_weight=5, callbacks=callbacks or None)
    with pytest.raises(ValueError, match=text):
        model.fit(Data.X, Data.binary)


def test_another_number_of_classes_is_refused():
    loss = MulticlassFocalLoss(2.0).for_labels(Data.multiclass)
    data = xgb.DMatrix(Data.X, Data.multiclass)
    with pytest.raises(ValueError, match=r"num_class == 5, must be 4: the labels .* have 4 classes"):
        train({"num_class": 5}, data, 2, loss)
    assert margins(train({"num_class": 4}, data, 2, loss), data).shape == (N, 4)


def test_a_loss_learns_from_a_log_odds_start():
    """The exact Hessian is negative for every positive row there; the guarded one is not."""
    rate = float(Data.binary.mean())
    data = xgb.DMatrix(Data.X, Data.binary)
    scores = {}
    for gamma in (1.0, 2.0, 5.0):
        booster = train({"objective": BINARY, "base_score": rate}, data, 60, BinaryFocalLoss(gamma))
        scores[gamma] = average_precision_score(Data.binary, booster.predict(data))
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


def test_a_negative_weight_or_nan_label_never_trains():
    with pytest.raises(xgb.core.XGBoostError, match="Weights must be positive"):
        xgb.DMatrix(Data.X, Data.binary, weight=-Data.weight)
    loss = BinaryFocalLoss()
    with pytest.raises(ValueError, match=r"sample_weight\[0\] == -1\.0, must be >= 0"):
        loss(np.float32([0, 1]), np.float32([0, 0]), np.float32([-1, 1]))
    with pytest.raises(ValueError, match=r"y_true\[1\] == nan, must be in"):
        loss(np.float32([0, np.nan]), np.float32([0, 0]))


def test_gradients_are_native_aligned_float32():
    """XGBoost reads freed memory for float16 and misreads big-endian arrays."""
    data = xgb.DMatrix(Data.X, Data.binary)
    for raw in (np.zeros(N, np.float16), np.zeros(N, ">f4"), np.zeros(N, np.float64)):
        for array in BinaryFocalLoss()(raw, data):
            assert array.dtype == np.dtype(np.float32)
            assert array.dtype.isnative
            assert array.flags.aligned
            assert array.flags.c_contiguous


def test_a_result_that_is_held_is_never_written_again():
    """Arrays are used again from round to round, but only where nobody holds them or a view of them."""
    data, raw = xgb.DMatrix(Data.X, Data.binary), np.zeros(N, np.float32)
    loss = BinaryFocalLoss()
    first = loss(raw, data)
    kept = [array.copy() for array in first]
    view = loss(raw + 1, data)[0][::2]
    kept_view = view.copy()
    for shift in (2, 3, 4):
        loss(raw + shift, data)
    for array, copy in zip([*first, view], [*kept, kept_view], strict=True):
        np.testing.assert_array_equal(array, copy)


def test_rounds_use_their_arrays_again_and_free_them_with_the_data():
    data, raw = xgb.DMatrix(Data.X, Data.binary), np.zeros(N, np.float32)
    loss = BinaryFocalLoss()
    address = loss(raw, data)[0].__array_interface__["data"][0]
    again = loss(raw, data)
    assert again[0].__array_interface__["data"][0] == address
    alive = weakref.ref(again[0])
    del again
    assert alive() is not None
    del data
    gc.collect()
    assert alive() is None


def test_threads_that_share_a_matrix_do_not_share_arrays():
    data = xgb.DMatrix(Data.X, Data.binary)
    loss = BinaryFocalLoss(2.0).for_labels(Data.binary)
    expected = margins(train({}, data, 20, loss), data)
    with ThreadPoolExecutor(4) as pool:
        boosters = list(pool.map(lambda _: train({}, data, 20, loss), range(8)))
    for booster in boosters:
        np.testing.assert_array_equal(margins(booster, data), expected)


def test_the_margins_given_are_not_overwritten():
    raw = np.linspace(-3, 3, N).astype(np.float32)
    kept = raw.copy()
    BinaryFocalLoss()(raw, xgb.DMatrix(Data.X, Data.binary))
    np.testing.assert_array_equal(raw, kept)


def test_flat_multilabel_labels_are_reshaped():
    """XGBoost 3.1 hands the labels of a multi-label matrix flat."""
    loss, raw = MultilabelFocalLoss(2.0), np.zeros((N, 3), np.float32)
    flat = loss(Data.multilabel.reshape(-1), raw)
    shaped = loss(Data.multilabel, raw)
    np.testing.assert_array_equal(flat[0], shaped[0])
