"""What a classifier trains and predicts: the start, the scale, the probabilities, the class weights."""

import json

import numpy as np
import pytest
from scipy.special import expit, softmax

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss
from tests.classifier.models import TASKS, Data, N, lgbm_model, margins_of, xgb, xgb_model
from tests.xgboost.training import SOFTMAX_HESSIAN


# ---------------------------------------------------------------------- what is trained
def test_the_loss_is_the_one_of_the_task(make):
    for task, cls in zip(TASKS, [BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss], strict=True):
        model = make(n_estimators=1).fit(Data.X, getattr(Data, task))
        assert type(model.loss_) is cls


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_gamma_zero_is_the_parent(make, task, weighted):
    model = make(focal_gamma=0.0)
    y = getattr(Data, task)
    fit = {"sample_weight": Data.weight if weighted else None}
    model.fit(Data.X, y, **fit)
    parent = type(model).__mro__[2]
    params = {k: v for k, v in model.get_params().items() if k in parent().get_params() or k == "verbosity"}
    params.pop("objective")
    if "reg_lambda" in params and not isinstance(model, xgb.XGBClassifier):
        params["reg_lambda"] = 1.0 if task == "multiclass" else 0.0  # ours, where it is left open
    builtin = parent(**params)
    if task == "multiclass" and isinstance(model, xgb.XGBClassifier):
        # XGBoost's own estimate is off by up to 9e-6 (3.2.0).
        builtin.set_params(base_score=list(model.loss_.base_score))
    builtin.fit(Data.X, np.unique(y, return_inverse=True)[1], **fit)
    found, expected = model.predict_proba(Data.X), builtin.predict_proba(Data.X)
    if task == "multiclass" and isinstance(model, xgb.XGBClassifier) and SOFTMAX_HESSIAN != "2p(1-p)":
        assert np.abs(found - expected).max() > 0.001
    else:
        np.testing.assert_allclose(found, expected, rtol=0, atol=3e-6)


def test_the_first_hessians_sum_to_those_of_log_loss():
    """min_child_weight keeps its meaning: it is compared with sums of these."""
    rate = Data.binary.mean()
    expected = N * rate * (1 - rate)
    model = xgb_model(n_estimators=1, focal_alpha=0.25).fit(Data.X, Data.named)
    trees = model.get_booster().get_dump(with_stats=True, dump_format="json")
    np.testing.assert_allclose(json.loads(trees[0])["cover"], expected, rtol=1e-5)
    model = lgbm_model(n_estimators=1, focal_alpha=0.25).fit(Data.X, Data.named)
    root = model.booster_.dump_model()["tree_info"][0]["tree_structure"]
    # LightGBM writes three digits.
    np.testing.assert_allclose(root["internal_weight"], expected, rtol=5e-3)


@pytest.mark.parametrize("task", TASKS)
def test_starts_at_the_best_constant(make, task):
    y = getattr(Data, task)
    model = make(n_estimators=1, learning_rate=1e-9).fit(Data.X, y)
    freq = y.mean(axis=0) if task == "multilabel" else np.unique(y, return_counts=True)[1] / N
    np.testing.assert_allclose(model.predict_proba(Data.X[:2]), [freq, freq], rtol=1e-4)


@pytest.mark.parametrize("task", TASKS)
def test_probabilities_margins_and_predictions_agree(make, task):
    y = getattr(Data, task)
    alpha = {"binary": (1.0, 3.0), "multiclass": (1.0, 2.0, 4.0), "multilabel": (0.3, 0.5, (1.0, 2.0))}[task]
    gamma = {"binary": (2.0, 1.0), "multiclass": (2.0, 1.0, 0.5), "multilabel": (2.0, 1.0, 0.0)}[task]
    model = make(focal_gamma=gamma, focal_alpha=alpha).fit(Data.X, y)
    margins, proba = margins_of(model, Data.X), model.predict_proba(Data.X)
    assert proba.shape == (N, 2 if task == "binary" else 3)
    posterior = model.loss_.posterior(margins.astype(float))
    np.testing.assert_allclose(proba[:, 1] if task == "binary" else proba, posterior, rtol=1e-12)
    logit = np.log(proba) if task == "multiclass" else np.log(proba / (1 - proba))
    decisions = model.decision_function(Data.X)
    np.testing.assert_allclose(decisions, logit[:, 1] if task == "binary" else logit, rtol=1e-9, atol=1e-9)
    model.set_params(focal_probability="focal")
    confidence = model.predict_proba(Data.X)
    transform = (lambda m: softmax(m, axis=1)) if task == "multiclass" else expit
    expected = transform(margins.astype(float))
    np.testing.assert_allclose(confidence[:, 1] if task == "binary" else confidence, expected, rtol=1e-12)
    expected = np.log(confidence) if task == "multiclass" else margins
    np.testing.assert_allclose(model.decision_function(Data.X), expected, rtol=1e-6, atol=1e-9)
    predicted = model.set_params(focal_probability="posterior").predict(Data.X)
    if task == "multilabel":
        np.testing.assert_array_equal(predicted, proba > 0.5)
        np.testing.assert_array_equal(predicted, decisions > 0)
        np.testing.assert_array_equal(model.classes_, [0, 1, 2])
    else:
        np.testing.assert_array_equal(predicted, np.unique(y)[proba.argmax(axis=1)])
    assert model.n_classes_ == len(model.classes_)
    assert (predicted == y).mean() > 0.7


# ---------------------------------------------------------------------- class weights
def test_alpha_power_one_is_balanced_and_zero_is_none(make):
    for task in TASKS:
        y = getattr(Data, task)
        one = make(focal_alpha_power=1.0).fit(Data.X, y, sample_weight=Data.weight)
        balanced = make(focal_alpha="balanced").fit(Data.X, y, sample_weight=Data.weight)
        np.testing.assert_allclose(one.loss_.alpha, balanced.loss_.alpha, rtol=1e-6)
        zero = make(focal_alpha_power=0.0).fit(Data.X, y)
        np.testing.assert_allclose(np.asarray(zero.loss_.alpha), 1.0, rtol=1e-12)


@pytest.mark.parametrize("power", [0.5, -0.25])
def test_alpha_power_has_mean_one_over_the_rows(power):
    alpha = np.array(xgb_model(focal_alpha_power=power).fit(Data.X, Data.multiclass).loss_.alpha)
    share = np.unique(Data.multiclass, return_counts=True)[1] / N
    np.testing.assert_allclose(alpha * share**power, np.full(3, (alpha * share**power)[0]), rtol=1e-12)
    np.testing.assert_allclose(np.sum(alpha * share), 1.0, rtol=1e-12)


def test_class_weight_of_lightgbm_is_sample_weight():
    by_class = {"good": 1.0, "fraud": 5.0}
    weighted = lgbm_model(class_weight=by_class).fit(Data.X, Data.named)
    rows = lgbm_model().fit(Data.X, Data.named, sample_weight=np.where(Data.binary, 5.0, 1.0))
    np.testing.assert_array_equal(weighted.predict_proba(Data.X), rows.predict_proba(Data.X))
    sets = {"eval_X": Data.X[:500], "eval_y": Data.named[:500]}
    weighted.fit(Data.X, Data.named, eval_class_weight=[by_class], **sets)
    rows.fit(
        Data.X,
        Data.named,
        sample_weight=np.where(Data.binary, 5.0, 1.0),
        eval_sample_weight=[np.where(Data.binary, 5.0, 1.0)[:500]],
        **sets,
    )
    assert weighted.evals_result_ == rows.evals_result_
