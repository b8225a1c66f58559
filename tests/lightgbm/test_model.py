"""The start at the intercept, and self-contained models: finalized, saved, loaded, continued."""

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
from focalboost.lightgbm import finalize, load_model, start, stored_loss  # noqa: E402  # needs lightgbm
from tests.lightgbm.training import LOSSES, PARAMS, Data, N, dataset, train  # noqa: E402


# ---------------------------------------------------------------------- the start
def test_the_data_sets_are_left_as_they_were():
    loss = LOSSES["multiclass"]
    fresh, constructed = dataset("multiclass"), dataset("multiclass").construct()
    with start(loss, fresh, constructed):
        for item in (fresh, constructed):
            assert item.construct().get_init_score().shape == (N, 4)
    for item in (fresh, constructed):
        assert item.get_init_score() is None
    weighted = dataset(weight=Data.weight)
    train(LOSSES["binary"], weighted, 2)
    np.testing.assert_allclose(weighted.get_weight(), Data.weight, rtol=1e-6)
    own = lgb.Dataset(Data.X, Data.binary, init_score=np.ones(N))
    with pytest.raises(ValueError, match=r"dataset\.init_score is set, must be None"):
        train(LOSSES["binary"], own, 2)
    np.testing.assert_array_equal(own.construct().get_init_score(), np.ones(N))
    # An error in training leaves no intercept behind either.
    broken = dataset()
    with pytest.raises(ZeroDivisionError, match="in training"), start(LOSSES["binary"], broken):
        raise ZeroDivisionError("in training")
    assert broken.init_score is None


def test_two_trainings_on_one_data_set_are_equal():
    loss, data = LOSSES["binary"], dataset()
    first, second = train(loss, data, 5), train(loss, data, 5)
    np.testing.assert_array_equal(first.predict(Data.X), second.predict(Data.X))
    half = train(loss, data, 5)
    lgb.train({**PARAMS, "objective": loss}, data, 2, init_model=half)  # leaves scores of its own behind
    data.set_field("init_score", None)
    data.init_score = None
    # LightGBM now drops the next init_score without a word.
    with pytest.raises(RuntimeError, match=r"LightGBM set dataset\.init_score to 0.* Make a new Dataset"):
        train(loss, data, 5)


# ---------------------------------------------------------------------- self-contained models
@pytest.mark.parametrize(
    "params", [{}, {"linear_tree": True}, {"boosting": "dart", "drop_rate": 0.5}], ids=str
)
@pytest.mark.parametrize("labels", list(LOSSES))
def test_finalized_models_agree_with_the_intercept_added(labels, params, tmp_path):
    loss = LOSSES[labels]
    raw_booster = train(loss, dataset(labels), final=False, **params)
    before = raw_booster.model_to_string()
    final = finalize(raw_booster, loss)
    assert raw_booster.model_to_string() == before
    shift = np.asarray(loss.intercept)
    if labels == "multiclass":
        shift = shift - np.log(np.exp(shift).sum())
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
        assert stored_loss(model) == loss
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
    with start(loss, train_set, valid_set):
        booster = lgb.train(
            {**PARAMS, "objective": loss, "learning_rate": 0.3},
            train_set,
            200,
            valid_sets=[valid_set],
            feval=loss.metric,
            callbacks=[lgb.early_stopping(5, verbose=False), lgb.record_evaluation(history)],
        )
    final = finalize(booster, loss)
    values = history["valid_0"]["focal_loss"]
    assert 1 < final.best_iteration < 200
    assert final.best_iteration == booster.best_iteration == int(np.argmin(values)) + 1
    assert final.best_score == booster.best_score
    margin = final.predict(Data.X[3000:], raw_score=True)
    start_loss = loss.loss(Data.binary[3000:], np.full(2000, loss.intercept)).mean()
    assert loss.loss(Data.binary[3000:], margin).mean() / start_loss == pytest.approx(min(values), rel=1e-6)


def test_continued_training_equals_training_in_one_go():
    loss = LOSSES["binary"]
    whole = train(loss, dataset(), 20)
    half = train(loss, dataset(), 10)
    booster = lgb.train({**PARAMS, "objective": loss}, dataset(), 10, init_model=half)
    with pytest.raises(ValueError, match=r"shrinkage 1, baked must be given: True if training continued"):
        finalize(booster, loss)
    continued = finalize(booster, loss, baked=True)
    expected = whole.predict(Data.X, raw_score=True)
    np.testing.assert_allclose(continued.predict(Data.X, raw_score=True), expected, atol=1e-10)


def test_learning_rate_one_needs_a_word():
    loss = LOSSES["binary"]
    booster = train(loss, dataset(), 3, final=False, learning_rate=1.0)
    with pytest.raises(ValueError, match="False if learning_rate is 1"):
        finalize(booster, loss)
    final = finalize(booster, loss, baked=False)
    expected = booster.predict(Data.X, raw_score=True) + loss.intercept
    np.testing.assert_allclose(final.predict(Data.X, raw_score=True), expected, atol=1e-12)


# SHAP says that its values for LightGBM's binary models changed their shape; reshape() below takes both.
@pytest.mark.filterwarnings("ignore:LightGBM binary classifier:UserWarning")
def test_shap_is_additive():
    shap = pytest.importorskip("shap")
    final = train(LOSSES["binary"], dataset(), 10)
    explainer = shap.TreeExplainer(final)
    values = explainer.shap_values(Data.X[:50])
    total = np.asarray(values).reshape(50, -1).sum(axis=1) + explainer.expected_value
    np.testing.assert_allclose(total, final.predict(Data.X[:50], raw_score=True), atol=1e-9)


def test_finalize_refuses_what_it_cannot_do():
    loss = LOSSES["binary"]
    final = train(loss, dataset(), 2)
    with pytest.raises(ValueError, match="booster is finalized already"):
        finalize(final, loss)
    booster = train(loss, dataset(), 2, final=False)
    with pytest.raises(ValueError, match="loss has 4 outputs, booster has 1, must be equal"):
        finalize(booster, LOSSES["multiclass"])
    with pytest.raises(ValueError, match="booster has no stored loss"):
        stored_loss(booster)
    with pytest.raises(ValueError, match=r"^start needs the labels: use loss\.for_labels\(y\)"):
        start(BinaryFocalLoss(), dataset()).__enter__()
