"""Calibration in the large: what a training keeps puts the posterior's mean at the rate of its rows."""

from __future__ import annotations

import pickle

import lightgbm as lgb
import numpy as np
import pytest
import xgboost as xgb

import focalboost.lightgbm
import focalboost.xgboost
from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss
from focalboost.lightgbm import FocalLGBMClassifier, pack_labels
from focalboost.xgboost import FocalXGBClassifier
from tests.instances import ALL, example

N = 1500


class Data:
    rng = np.random.default_rng(11)
    X = rng.normal(size=(N, 4)).astype(np.float32)
    score = X @ np.array([1.0, -0.7, 0.5, 0.0]) + rng.normal(0, 1.0, N)
    binary = (score > 2.0).astype(float)
    soft = np.clip(0.7 * binary + 0.2 * rng.random(N), 0, 1)
    multiclass = np.digitize(score, [0.0, 1.8]).astype(float)
    multilabel = np.stack([binary, score > 1.2], axis=1).astype(float)
    weight = rng.uniform(0.2, 3.0, N).astype(np.float32)


LOSSES = {
    "binary": BinaryFocalLoss(2.0, "balanced"),
    "soft": BinaryFocalLoss((1.0, 2.0), label_smoothing=0.05),
    "multiclass": MulticlassFocalLoss(2.0, "balanced"),
    "multilabel": MultilabelFocalLoss(2.0, 0.8, n_labels=2),
}


def rates(task, weight=None):
    y = getattr(Data, task)
    hot = y[:, None] == np.arange(3) if task == "multiclass" else y
    return np.average(hot, axis=0, weights=weight)


def check(loss, margins, task, weight=None):
    """The mean is right, and the order and the closed form are those of before."""
    found = loss.posterior(margins)
    np.testing.assert_allclose(np.average(found, axis=0, weights=weight), rates(task, weight), rtol=1e-5)
    closed = loss.with_shift(None).posterior(margins)
    off = np.average(closed, axis=0, weights=weight) / rates(task, weight) - 1.0
    assert np.abs(off).max() > 0.01
    if task != "multiclass":
        np.testing.assert_array_equal(np.argsort(found, axis=0), np.argsort(closed, axis=0))


# ---------------------------------------------------------------------- the losses
@pytest.mark.parametrize("loss", ALL, ids=repr)
def test_the_mean_of_the_posterior_is_that_of_the_labels(loss):
    y, margins = example(loss, 3000, np.random.default_rng(0))
    found = loss.calibrated(y, margins)
    if found.logit_shift is None:  # log loss has its mean at the rate by itself
        assert loss._is_log_loss()
        return
    hot = y[:, None] == np.arange(3) if isinstance(loss, MulticlassFocalLoss) else y
    np.testing.assert_allclose(found.posterior(margins).mean(axis=0), hot.mean(axis=0), rtol=1e-6)
    # Calibrated twice it is calibrated; margin is the inverse; the record and a pickle keep it.
    np.testing.assert_allclose(found.calibrated(y, margins).logit_shift, found.logit_shift, rtol=1e-9)
    some = found.posterior(margins[:50]).clip(1e-9, 1 - 1e-9)
    some = some / some.sum(axis=1, keepdims=True) if isinstance(loss, MulticlassFocalLoss) else some
    np.testing.assert_allclose(found.posterior(found.margin(some)), some, rtol=1e-6)
    assert loss.from_json(found.to_json()) == found
    assert pickle.loads(pickle.dumps(found)).logit_shift == found.logit_shift
    assert found != loss
    assert found.same_meaning(loss)


def test_other_labels_and_another_loss_begin_without_a_shift():
    loss = BinaryFocalLoss(2.0).for_labels(Data.binary).calibrated(Data.binary, Data.score)
    assert loss.logit_shift is not None
    assert loss.for_labels(Data.binary).logit_shift is None
    assert BinaryFocalLoss(2.0).going_on_with(loss).logit_shift is None


def test_labels_that_are_none_are_refused():
    with pytest.raises(ValueError, match=r"y_true\[3\] == 2, must be in \[0, 1\]"):
        BinaryFocalLoss(2.0).calibrated([0, 1, 0, 2], np.zeros(4))
    with pytest.raises(ValueError, match="must be >= 0"):
        BinaryFocalLoss(2.0).calibrated([0, 1], np.zeros(2), [1.0, -1.0])


def test_a_training_is_not_lost_where_there_is_no_shift():
    """Labels are 1 where the margins are infinite to float64, whatever is added to them."""
    margins = np.where(np.arange(100) < 50, -1e5, 1e5)
    with pytest.warns(
        UserWarning, match="left as it is: the posterior has a mean of 0.5 where the rate is 0.3"
    ):
        shift = BinaryFocalLoss(2.0).trained_shift(np.arange(100) < 30, margins, None, np.asarray)
    assert shift is None


# ---------------------------------------------------------------------- XGBoost
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("task", list(LOSSES))
@pytest.mark.parametrize("params", [{}, {"booster": "dart", "rate_drop": 0.3}], ids=["gbtree", "dart"])
def test_a_model_of_xgboost_keeps_its_shift(task, weighted, params):
    weight = Data.weight if weighted else None
    data = xgb.DMatrix(Data.X, getattr(Data, task), weight=weight)
    booster = focalboost.xgboost.train(LOSSES[task], {"max_depth": 3, **params}, data, 8)
    loss = focalboost.xgboost.stored_loss(booster)
    check(loss, booster.predict(data, output_margin=True), task, weight)
    loaded = xgb.Booster(model_file=booster.save_raw())
    assert focalboost.xgboost.stored_loss(loaded) == loss


@pytest.mark.filterwarnings("ignore:.*gblinear:UserWarning", "ignore:.*gblinear:FutureWarning")
def test_by_hand_the_callback_of_xgboost_keeps_it_too():
    loss = LOSSES["binary"].for_labels(Data.binary)
    data = xgb.QuantileDMatrix(Data.X, Data.binary)
    booster = xgb.train({"max_depth": 3}, data, 8, obj=loss, callbacks=[focalboost.xgboost.start(loss)])
    check(focalboost.xgboost.stored_loss(booster), booster.predict(data, output_margin=True), "binary")
    linear = xgb.train(
        {"booster": "gblinear"}, xgb.DMatrix(Data.X, Data.binary), 8, obj=loss,
        callbacks=[focalboost.xgboost.start(loss)],
    )  # fmt: skip
    margins = linear.predict(xgb.DMatrix(Data.X), output_margin=True)
    check(focalboost.xgboost.stored_loss(linear), margins, "binary")


def early_stopped(library):
    half = slice(0, N // 2), slice(N // 2, N)
    loss = LOSSES["binary"]
    parts = [(Data.X[rows], Data.binary[rows]) for rows in half]
    if library == "xgboost":
        data, valid = (xgb.DMatrix(*part) for part in parts)
        options = {"evals": [(valid, "valid")], "early_stopping_rounds": 3, "verbose_eval": False}
        booster = focalboost.xgboost.train(loss, {"learning_rate": 0.5}, data, 60, **options)
        best = {"iteration_range": (0, booster.best_iteration + 1), "output_margin": True}
        assert booster.best_iteration + 1 < booster.num_boosted_rounds()
        return focalboost.xgboost.stored_loss(booster), booster.predict(data, **best), parts[0][1]
    data = lgb.Dataset(*parts[0])
    valid = lgb.Dataset(*parts[1], reference=data)
    booster = focalboost.lightgbm.train(
        loss, {"verbosity": -1, "learning_rate": 0.5}, data, 60, valid_sets=[valid],
        callbacks=[lgb.early_stopping(3, verbose=False)],
    )  # fmt: skip
    assert booster.best_iteration < 57
    return focalboost.lightgbm.stored_loss(booster), booster.predict(parts[0][0], raw_score=True), parts[0][1]


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_after_early_stopping_it_is_that_of_the_best_round(library):
    loss, margins, y = early_stopped(library)
    assert loss.posterior(margins).mean() == pytest.approx(y.mean(), rel=1e-5)


# ---------------------------------------------------------------------- LightGBM
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("task", list(LOSSES))
@pytest.mark.parametrize(
    "params",
    [{}, {"boosting": "dart", "drop_rate": 0.5}, {"data_sample_strategy": "goss"}, {"linear_tree": True}],
    ids=["gbdt", "dart", "goss", "linear"],
)
def test_a_model_of_lightgbm_keeps_its_shift(task, weighted, params):
    weight = Data.weight if weighted else None
    y = getattr(Data, task)
    labels = pack_labels(y) if task == "multilabel" else y
    params = {"verbosity": -1, "num_leaves": 7, **params}
    booster = focalboost.lightgbm.train(LOSSES[task], params, lgb.Dataset(Data.X, labels, weight=weight), 8)
    loss = focalboost.lightgbm.stored_loss(booster)
    check(loss, booster.predict(Data.X, raw_score=True), task, weight)
    again = lgb.Booster(model_str=booster.model_to_string())
    assert focalboost.lightgbm.stored_loss(again) == loss


def test_the_scores_of_a_training_are_not_moved_by_looking():
    """A callback that takes a checkpoint each round leaves the model the same; each one is calibrated."""
    loss, found = LOSSES["binary"], []

    def checkpoint(env):
        text = env.model.model_to_string(num_iteration=-1)
        stored = focalboost.lightgbm.stored_loss(lgb.Booster(model_str=text))
        found.append((stored, lgb.Booster(model_str=text).predict(Data.X, raw_score=True)))

    params = {"verbosity": -1, "num_leaves": 7}
    looked = focalboost.lightgbm.train(
        loss, params, lgb.Dataset(Data.X, Data.binary), 5, callbacks=[checkpoint]
    )
    plain = focalboost.lightgbm.train(loss, params, lgb.Dataset(Data.X, Data.binary), 5)
    assert looked.model_to_string() == plain.model_to_string()
    for stored, margins in found:
        assert stored.posterior(margins).mean() == pytest.approx(Data.binary.mean(), rel=1e-6)


# ---------------------------------------------------------------------- models that go on
@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_a_continued_model_has_the_shift_of_all_its_trees(library):
    loss = LOSSES["binary"]
    if library == "xgboost":
        data = xgb.DMatrix(Data.X, Data.binary)
        first = focalboost.xgboost.train(loss, {"max_depth": 3}, data, 3)
        more = focalboost.xgboost.train(loss, {"max_depth": 3}, data, 5, xgb_model=first)
        stored, margins = focalboost.xgboost.stored_loss, more.predict(data, output_margin=True)
    else:
        params, data = {"verbosity": -1, "num_leaves": 7}, lgb.Dataset(Data.X, Data.binary)
        first = focalboost.lightgbm.train(loss, params, data, 3)
        again = lgb.Dataset(Data.X, Data.binary)
        more = focalboost.lightgbm.train(loss, params, again, 5, init_model=first)
        stored, margins = focalboost.lightgbm.stored_loss, more.predict(Data.X, raw_score=True)
    assert stored(more).logit_shift != stored(first).logit_shift
    check(stored(more), margins, "binary")


# ---------------------------------------------------------------------- the classifiers
CLASSIFIERS = [
    lambda **params: FocalXGBClassifier(n_estimators=8, max_depth=3, **params),
    lambda **params: FocalLGBMClassifier(n_estimators=8, num_leaves=7, verbosity=-1, **params),
]


@pytest.mark.parametrize("make", CLASSIFIERS, ids=["xgboost", "lightgbm"])
@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
def test_predict_proba_has_the_mean_of_the_training_rows(make, task, tmp_path):
    y = getattr(Data, task).astype(int)
    model = make(focal_alpha="balanced").fit(Data.X, y, sample_weight=Data.weight)
    p = model.predict_proba(Data.X)
    wanted = rates(task, Data.weight)
    if task == "binary":
        wanted = [1.0 - wanted, wanted]
    np.testing.assert_allclose(np.average(p, axis=0, weights=Data.weight), wanted, rtol=1e-5)
    model.save_model(tmp_path / "model.json")
    loaded = make()
    loaded.load_model(tmp_path / "model.json")
    np.testing.assert_array_equal(loaded.predict_proba(Data.X), p)
    # The closed form is there for who asks for it, also after fit.
    closed = model.set_params(focal_probability="closed_form").predict_proba(Data.X)
    raw = {"output_margin": True} if hasattr(model, "get_booster") else {"raw_score": True}
    margins = model.predict(Data.X, **raw)
    expected = model.loss_.with_shift(None).posterior(margins)
    np.testing.assert_allclose(closed[:, 1] if task == "binary" else closed, expected, rtol=1e-12)
    assert np.abs(closed - p).max() > 0.01


@pytest.mark.parametrize("make", CLASSIFIERS, ids=["xgboost", "lightgbm"])
def test_log_loss_is_left_as_it_is(make):
    assert make(focal_gamma=0.0).fit(Data.X, Data.binary).loss_.logit_shift is None
    assert make(focal_gamma=0.0, focal_alpha=0.9).fit(Data.X, Data.binary).loss_.logit_shift is not None


def test_lightgbm_with_several_classes_is_regularized_where_the_user_leaves_it_open():
    y = Data.multiclass.astype(int)
    make = CLASSIFIERS[1]

    def margins(**params):
        return make(**params).fit(Data.X, y).predict(Data.X, raw_score=True)

    np.testing.assert_array_equal(margins(), margins(reg_lambda=1.0))
    np.testing.assert_array_equal(margins(lambda_l2=0.5), margins(reg_lambda=0.5))
    assert np.abs(margins() - margins(reg_lambda=0.0)).max() > 0.01
    data, params = Data.X, {"verbosity": -1, "num_leaves": 7}

    def native(**more):
        loss = MulticlassFocalLoss(2.0)
        booster = focalboost.lightgbm.train(loss, {**params, **more}, lgb.Dataset(data, y), 8)
        return booster.predict(data, raw_score=True)

    np.testing.assert_array_equal(native(), native(reg_lambda=1.0))
    assert np.abs(native() - native(lambda_l2=0.0)).max() > 0.01


# ---------------------------------------------------------------------- what goes wrong around it
def test_log_loss_of_smoothed_labels_is_shifted():
    """Its mean is that of the smoothed labels."""
    for make in CLASSIFIERS:
        model = make(focal_gamma=0.0, focal_label_smoothing=0.1).fit(Data.X, Data.binary)
        assert model.predict_proba(Data.X)[:, 1].mean() == pytest.approx(Data.binary.mean(), rel=1e-5)


def test_a_booster_without_its_data_set_is_saved_with_the_shift():
    params, data = {"verbosity": -1, "num_leaves": 7}, lgb.Dataset(Data.X, Data.binary)
    booster = focalboost.lightgbm.train(LOSSES["binary"], params, data, 5, keep_training_booster=True)
    before = focalboost.lightgbm.stored_loss(booster)
    booster.free_dataset()
    assert focalboost.lightgbm.stored_loss(booster) == before
    check(before, booster.predict(Data.X, raw_score=True), "binary")


def test_a_kept_booster_that_stopped_early_has_the_closed_form():
    """Its scores are those of all rounds, its predictions those of the best."""
    half = slice(0, N // 2), slice(N // 2, N)
    data, valid = (lgb.Dataset(Data.X[rows], Data.binary[rows]) for rows in half)
    booster = focalboost.lightgbm.train(
        LOSSES["binary"], {"verbosity": -1, "learning_rate": 0.5}, data, 60, valid_sets=[valid],
        keep_training_booster=True, callbacks=[lgb.early_stopping(3, verbose=False)],
    )  # fmt: skip
    assert 0 < booster.best_iteration < booster.current_iteration()
    assert focalboost.lightgbm.stored_loss(booster).logit_shift is None
    text = lgb.Booster(model_str=booster.model_to_string())
    assert focalboost.lightgbm.stored_loss(text).logit_shift is None


@pytest.mark.parametrize("name", ["DART", "Dart"])
def test_dart_is_known_however_it_is_written(name):
    params = {"verbosity": -1, "num_leaves": 7, "boosting": name, "drop_rate": 0.5, "skip_drop": 0.0}
    booster = focalboost.lightgbm.train(LOSSES["binary"], params, lgb.Dataset(Data.X, Data.binary), 10)
    check(focalboost.lightgbm.stored_loss(booster), booster.predict(Data.X, raw_score=True), "binary")
    model = FocalLGBMClassifier(
        n_estimators=10, boosting="dart", drop_rate=0.5, skip_drop=0.0, num_leaves=7, verbosity=-1
    ).fit(Data.X, Data.binary)
    assert model.predict_proba(Data.X)[:, 1].mean() == pytest.approx(Data.binary.mean(), rel=1e-5)


@pytest.mark.parametrize("make", CLASSIFIERS, ids=["xgboost", "lightgbm"])
def test_where_a_class_is_absent_a_continued_model_keeps_the_shift_it_had(make):
    y = Data.multiclass.astype(int)
    model = make().fit(Data.X, y)
    before = model.loss_.logit_shift
    name = "xgb_model" if hasattr(model, "get_booster") else "init_model"
    more = make().fit(Data.X[y != 2], y[y != 2], **{name: model})
    assert more.loss_.logit_shift == before
    # So does a model of which no round is trained.
    if name == "xgb_model":
        data = xgb.DMatrix(Data.X, y)
        same = focalboost.xgboost.train(MulticlassFocalLoss(2.0), {}, data, 0, xgb_model=model)
        assert focalboost.xgboost.stored_loss(same).logit_shift == before


def test_a_callback_may_hand_on_a_part_of_the_booster():
    loss = LOSSES["binary"].for_labels(Data.binary)
    data = xgb.DMatrix(Data.X, Data.binary)
    stop = xgb.callback.EarlyStopping(rounds=3, save_best=True)
    other = xgb.DMatrix(Data.X[:200], 1 - Data.binary[:200])
    booster = xgb.train(
        {"learning_rate": 1.0}, data, 30, obj=loss, evals=[(other, "v")],
        callbacks=[stop, focalboost.xgboost.start(loss)], custom_metric=loss.metric, verbose_eval=False,
    )  # fmt: skip
    check(focalboost.xgboost.stored_loss(booster), booster.predict(data, output_margin=True), "binary")


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
def test_the_order_of_callbacks_does_not_count(task, monkeypatch):
    """XGBoost 3.1.0 and 3.1.1 keep them in a set."""
    y, made = getattr(Data, task), xgb.callback.CallbackContainer.__init__

    def fitted():
        stop = xgb.callback.EarlyStopping(rounds=3, save_best=True)
        model = FocalXGBClassifier(n_estimators=10, learning_rate=1.0, callbacks=[stop])
        model.fit(Data.X, y, eval_set=[(-Data.X[:200], y[:200])], verbose=False)
        return model.predict_proba(Data.X)

    def backwards(self, *args, **kwargs):
        made(self, *args, **kwargs)
        self.callbacks = list(self.callbacks)[::-1]

    first = fitted()
    monkeypatch.setattr(xgb.callback.CallbackContainer, "__init__", backwards)
    np.testing.assert_array_equal(fitted(), first)
    found = first[:, 1] if task == "binary" else first
    np.testing.assert_allclose(found.mean(axis=0), rates(task), rtol=1e-5)


def test_margins_that_have_diverged_do_not_lose_the_training():
    data = xgb.DMatrix(Data.X, Data.multiclass)
    params = {"learning_rate": 1e38, "reg_lambda": 0}
    with pytest.warns(UserWarning, match="the posterior is left as it is"):
        booster = focalboost.xgboost.train(MulticlassFocalLoss(2.0), params, data, 1)
    assert focalboost.xgboost.stored_loss(booster).logit_shift is None


def test_a_parameter_of_none_is_as_good_as_left_out():
    y, make = Data.multiclass.astype(int), CLASSIFIERS[1]
    found = make(lambda_l2=None).fit(Data.X, y).predict(Data.X, raw_score=True)
    np.testing.assert_array_equal(found, make().fit(Data.X, y).predict(Data.X, raw_score=True))
