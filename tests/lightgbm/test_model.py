"""The start at the intercept, and self-contained models: saved, loaded, continued."""

import copy
import json
import pickle
import subprocess
import sys

import numpy as np
import pytest
from scipy.special import expit, softmax

from focalboost import BinaryFocalLoss

lgb = pytest.importorskip("lightgbm")
from focalboost.lightgbm import load_model, start, stored_loss  # noqa: E402  # needs lightgbm
from tests.lightgbm.training import DART, LOSSES, PARAMS, Data, N, by_hand, dataset, train, width  # noqa: E402


# ---------------------------------------------------------------------- the start
@pytest.mark.parametrize("labels", list(LOSSES))
def test_the_data_sets_are_left_as_they_were(labels):
    loss = LOSSES[labels]
    fresh, constructed, valid = dataset(labels), dataset(labels).construct(), dataset(labels)
    params = {**PARAMS, "objective": loss, **width(loss)}
    for item in (fresh, constructed):
        lgb.train(params, item, 2, valid_sets=[valid], feval=loss.metric, callbacks=[start(loss)])
        for each in (item, valid):
            assert each.init_score is None
            assert each.get_init_score() is None
    weighted = dataset(labels, Data.weight)
    train(loss, weighted, 2)
    np.testing.assert_allclose(weighted.get_weight(), Data.weight, rtol=1e-6)


@pytest.mark.parametrize("labels", list(LOSSES))
def test_an_init_score_of_the_user_takes_the_place_of_the_start(labels):
    """Predictions lack it, as LightGBM's own models do."""
    loss = LOSSES[labels]
    shape = (N, loss.start_margins().size) if loss.start_margins().size > 1 else N
    scores = np.random.default_rng(0).normal(-1.0, 0.1, shape)
    train_set, valid = (dataset(labels).set_init_score(scores) for _ in range(2))
    params, history = {**PARAMS, "objective": loss, **width(loss)}, {}
    callbacks = [start(loss), lgb.record_evaluation(history)]
    booster = lgb.train(params, train_set, 5, [valid], feval=loss.metric, callbacks=callbacks)
    plain = lgb.train(params, dataset(labels).set_init_score(scores), 5)
    found, expected = (model.predict(Data.X, raw_score=True) for model in (booster, plain))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    value = loss.metric(getattr(Data, labels), found + scores)
    assert history["valid_0"]["focal_loss"][-1] == pytest.approx(value, rel=1e-9)
    assert stored_loss(booster).with_shift(None) == loss
    np.testing.assert_array_equal(np.ravel(train_set.get_init_score()), np.ravel(scores))


@pytest.mark.parametrize("of_train_set", [True, False])
def test_an_init_score_of_one_data_set_only_is_refused(of_train_set):
    loss, scores = LOSSES["binary"], np.ones(N)
    train_set, valid = dataset(), dataset()
    (train_set if of_train_set else valid).set_init_score(scores)
    has, must = ("no", "one") if of_train_set else ("an", "none")
    with pytest.raises(
        ValueError, match=rf"^a valid set has {has} init_score, must have {must} as train_set"
    ):
        lgb.train({**PARAMS, "objective": loss}, train_set, 2, [valid], callbacks=[start(loss)])


def test_an_error_in_training_leaves_no_intercept_behind():
    broken, loss = dataset(), LOSSES["binary"]

    def fail(env):
        raise ZeroDivisionError("in training")

    with pytest.raises(ZeroDivisionError, match="in training"):
        train(loss, broken, 2, callbacks=[fail])
    assert broken.init_score is None
    again = train(loss, broken, 2)
    np.testing.assert_array_equal(again.predict(Data.X), train(loss, dataset(), 2).predict(Data.X))


def test_two_trainings_on_one_data_set_are_equal():
    loss, data = LOSSES["binary"], dataset()
    first, second = train(loss, data, 5), train(loss, data, 5)
    np.testing.assert_array_equal(first.predict(Data.X), second.predict(Data.X))
    # A continued training leaves scores of its own behind, which LightGBM sets to 0 in the next one.
    train(loss, data, 2, init_model=first)
    third = train(loss, data, 5)
    np.testing.assert_array_equal(first.predict(Data.X), third.predict(Data.X))


# ---------------------------------------------------------------------- self-contained models
@pytest.mark.parametrize(
    "params",
    [{}, {"linear_tree": True}, DART, {"learning_rate": 1.0}, {"feature_fraction": 0.5}],
    ids=str,
)
@pytest.mark.parametrize("labels", list(LOSSES))
def test_models_agree_with_the_intercept_added(labels, params, tmp_path):
    loss = LOSSES[labels]
    final = train(loss, dataset(labels), **params)
    assert type(final) is lgb.Booster
    raw_booster, shift = by_hand(loss, labels, **params)
    margin = raw_booster.predict(Data.X, raw_score=True) + shift
    confidence = softmax(margin, axis=1) if labels == "multiclass" else expit(margin)

    final.save_model(tmp_path / "model.txt")
    models = [
        final,
        lgb.Booster(model_file=tmp_path / "model.txt"),
        load_model(fname=tmp_path / "model.txt"),
        pickle.loads(pickle.dumps(final)),
        copy.deepcopy(final),
    ]
    for model in models:
        np.testing.assert_allclose(model.predict(Data.X, raw_score=True), margin, atol=1e-12)
        np.testing.assert_allclose(model.predict(Data.X), confidence, atol=1e-12)
        assert stored_loss(model).with_shift(None) == loss
    if not params.get("linear_tree"):  # LightGBM has no contributions for linear trees
        contributions = final.predict(Data.X[:200], pred_contrib=True)
        sums = contributions.reshape(200, margin[0].size, -1).sum(axis=2)
        np.testing.assert_allclose(sums, margin[:200].reshape(200, -1), atol=1e-10)


def test_a_plain_process_reads_the_file(tmp_path):
    loss = LOSSES["binary"]
    final = train(loss, dataset())
    final.save_model(tmp_path / "model.txt")
    np.save(tmp_path / "X.npy", Data.X[:50])
    code = (
        "import sys, lightgbm, numpy; sys.modules['focalboost'] = None\n"
        "booster = lightgbm.Booster(model_file='model.txt')\n"
        "print(booster.predict(numpy.load('X.npy')).tolist())"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    np.testing.assert_allclose(
        json.loads(result.stdout.splitlines()[-1]), final.predict(Data.X[:50]), rtol=1e-14
    )


def test_best_iteration_survives():
    loss = LOSSES["binary"]
    train_set = lgb.Dataset(Data.X[:3000], Data.binary[:3000])
    valid_set = lgb.Dataset(Data.X[3000:], Data.binary[3000:], reference=train_set)
    history = {}
    final = lgb.train(
        {**PARAMS, "objective": loss, "learning_rate": 0.3},
        train_set,
        200,
        valid_sets=[valid_set],
        feval=loss.metric,
        callbacks=[start(loss), lgb.early_stopping(5, verbose=False), lgb.record_evaluation(history)],
    )
    values = history["valid_0"]["focal_loss"]
    assert 1 < final.best_iteration < 200
    assert final.best_iteration == int(np.argmin(values)) + 1
    assert final.best_score == {"valid_0": {"focal_loss": min(values)}}
    margin = final.predict(Data.X[3000:], raw_score=True)
    start_loss = loss.loss(Data.binary[3000:], np.full(2000, loss.intercept)).mean()
    assert loss.loss(Data.binary[3000:], margin).mean() / start_loss == pytest.approx(min(values), rel=1e-6)


@pytest.mark.parametrize("learning_rate", [0.1, 1.0])
@pytest.mark.parametrize("labels", list(LOSSES))
def test_continued_training_equals_training_in_one_go(labels, learning_rate):
    loss, params = LOSSES[labels], {"learning_rate": learning_rate}
    whole = train(loss, dataset(labels), 20, **params)
    half = train(loss, dataset(labels), 10, **params)
    continued = train(loss, dataset(labels), 10, init_model=half, **params)
    assert stored_loss(continued).with_shift(None) == loss
    expected = whole.predict(Data.X, raw_score=True)
    np.testing.assert_allclose(continued.predict(Data.X, raw_score=True), expected, atol=1e-10)
    np.testing.assert_allclose(continued.predict(Data.X), whole.predict(Data.X), atol=1e-10)


# SHAP says that its values for LightGBM's binary models changed their shape; reshape() below takes both.
@pytest.mark.filterwarnings("ignore:LightGBM binary classifier:UserWarning")
def test_shap_is_additive():
    shap = pytest.importorskip("shap")
    final = train(LOSSES["binary"], dataset(), 10)
    explainer = shap.TreeExplainer(final)
    values = explainer.shap_values(Data.X[:50])
    total = np.asarray(values).reshape(50, -1).sum(axis=1) + explainer.expected_value
    np.testing.assert_allclose(total, final.predict(Data.X[:50], raw_score=True), atol=1e-9)


def test_a_loaded_model_is_not_refitted_with_log_loss(tmp_path):
    train(LOSSES["binary"], dataset(), 2).save_model(tmp_path / "model.txt")
    with pytest.raises(lgb.basic.LightGBMError, match="Cannot refit due to null objective function"):
        load_model(tmp_path / "model.txt").refit(Data.X, Data.binary)
    lgb.train({**PARAMS, "objective": "binary"}, dataset(), 2).save_model(tmp_path / "plain.txt")
    load_model(tmp_path / "plain.txt").refit(Data.X, Data.binary)


def test_what_cannot_be_done_is_refused():
    with pytest.raises(ValueError, match="loss has 4 outputs, booster has 1, must be equal: set num_class=4"):
        train(LOSSES["multiclass"], dataset("multiclass"), 2, num_class=1)
    plain = lgb.train({**PARAMS, "objective": "binary"}, dataset(), 2)
    with pytest.raises(ValueError, match="booster has no stored loss"):
        stored_loss(plain)
    with pytest.raises(ValueError, match=r"^start needs the labels: use loss\.for_labels\(y\)"):
        start(BinaryFocalLoss())
