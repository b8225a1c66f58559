"""The classifiers: scikit-learn's checks, its tools one by one, tasks, metrics, saved models, refusals."""

import json
import pickle
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.special import expit, softmax
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401  # makes HalvingGridSearchCV importable
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.metrics import average_precision_score, log_loss
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    HalvingGridSearchCV,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss

xgb = pytest.importorskip("xgboost")
lgb = pytest.importorskip("lightgbm")
from focalboost.lightgbm import FocalLGBMClassifier  # noqa: E402  # needs lightgbm
from focalboost.lightgbm import stored_loss as stored_lightgbm  # noqa: E402
from focalboost.xgboost import FocalXGBClassifier  # noqa: E402  # needs xgboost
from focalboost.xgboost import stored_loss as stored_xgboost  # noqa: E402

N = 1500


class Data:
    """One table with labels of every kind."""

    rng = np.random.default_rng(5)
    X = rng.normal(size=(N, 4))
    score = X @ np.array([1.0, -0.7, 0.5, 0.0]) + rng.normal(0, 1.0, N)
    binary = (score > 2.0).astype(int)
    named = np.where(binary == 1, "fraud", "good")
    multiclass = np.array(["a", "b", "c"])[np.digitize(score, [0.0, 1.8])]
    multilabel = np.stack([score > 1.5, X[:, 0] + rng.normal(size=N) > 1, X[:, 1] > 1.0], axis=1).astype(int)
    weight = rng.uniform(0.2, 3.0, N)


TASKS = ["binary", "multiclass", "multilabel"]


def xgb_model(**params):
    return FocalXGBClassifier(**{"n_estimators": 15, "max_depth": 3, "n_jobs": 1, **params})


def lgbm_model(**params):
    fixed = {"n_estimators": 15, "num_leaves": 7, "n_jobs": 1, "verbosity": -1, "random_state": 0}
    return FocalLGBMClassifier(**{**fixed, **params})


MAKERS = {"xgboost": xgb_model, "lightgbm": lgbm_model}


@pytest.fixture(params=list(MAKERS))
def make(request):
    return MAKERS[request.param]


def quiet(model):
    """Arguments of fit that keep XGBoost from printing every round."""
    return {"verbose": False} if isinstance(model, xgb.XGBClassifier) else {}


# ---------------------------------------------------------------------- scikit-learn's own checks
# XGBClassifier itself fails 13 of them (labels that are not 0, 1, ..., parameters changed by fit, the dtype
# of multi-label predictions, weights that are all zero), LGBMClassifier 1 (weights that are all zero): none
# is expected to fail here.
@pytest.mark.filterwarnings("ignore:Unknown data type")  # XGBoost converts these itself
@parametrize_with_checks([FocalXGBClassifier(n_estimators=5, n_jobs=1)], expected_failed_checks=lambda _: {})
def test_scikit_learn_checks_of_xgboost(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore:Converting data to scipy sparse matrix")  # LightGBM converts these itself
@parametrize_with_checks([FocalLGBMClassifier(n_estimators=5, n_jobs=1)], expected_failed_checks=lambda _: {})
def test_scikit_learn_checks_of_lightgbm(estimator, check):
    check(estimator)


# ---------------------------------------------------------------------- what is trained
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
    builtin = parent(**params)
    if task == "multiclass" and isinstance(model, xgb.XGBClassifier):
        # XGBoost's own estimate is off by up to 9e-6 (3.2.0).
        builtin.set_params(base_score=list(model.loss_.base_score))
    builtin.fit(Data.X, np.unique(y, return_inverse=True)[1], **fit)
    np.testing.assert_allclose(model.predict_proba(Data.X), builtin.predict_proba(Data.X), rtol=0, atol=3e-6)


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
    margins, proba = model.decision_function(Data.X), model.predict_proba(Data.X)
    assert proba.shape == (N, 2 if task == "binary" else 3)
    posterior = model.loss_.posterior(margins.astype(float))
    np.testing.assert_allclose(proba[:, 1] if task == "binary" else proba, posterior, rtol=1e-12)
    model.set_params(probability="focal")
    confidence = model.predict_proba(Data.X)
    transform = (lambda m: softmax(m, axis=1)) if task == "multiclass" else expit
    expected = transform(margins.astype(float))
    np.testing.assert_allclose(confidence[:, 1] if task == "binary" else confidence, expected, rtol=1e-12)
    predicted = model.set_params(probability="posterior").predict(Data.X)
    if task == "multilabel":
        np.testing.assert_array_equal(predicted, proba > 0.5)
        np.testing.assert_array_equal(model.classes_, [0, 1, 2])
    else:
        np.testing.assert_array_equal(predicted, np.unique(y)[proba.argmax(axis=1)])
    assert model.n_classes_ == len(model.classes_)
    assert (predicted == y).mean() > 0.7


@pytest.mark.parametrize(
    "labels",
    [(1, 2), (-1, 1), (False, True), ("no", "yes"), (0.0, 1.0), (np.int8(3), np.int8(7))],
    ids=str,
)
def test_labels_of_every_kind(make, labels):
    y = np.array(labels)[Data.binary]
    reference = make().fit(Data.X, Data.binary)
    model = make().fit(Data.X, y)
    np.testing.assert_array_equal(model.classes_, np.unique(y))
    assert model.predict(Data.X).dtype == y.dtype
    np.testing.assert_array_equal(model.predict_proba(Data.X), reference.predict_proba(Data.X))
    again = make().fit(Data.X, pd.Series(y).astype("category"))
    np.testing.assert_array_equal(again.predict(Data.X), model.predict(Data.X))


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


# ---------------------------------------------------------------------- inputs
def test_frames_categories_missing_values_and_sparse(make):
    frame = pd.DataFrame(Data.X, columns=list("abcd"))
    frame.loc[::7, "a"] = np.nan
    frame["kind"] = pd.Categorical(np.where(Data.X[:, 0] > 0, "web", "shop"))
    options = {"enable_categorical": True} if make is xgb_model else {}
    model = make(**options).fit(frame, Data.named)
    assert list(model.feature_names_in_) == ["a", "b", "c", "d", "kind"]
    assert average_precision_score(Data.binary, model.predict_proba(frame)[:, 0]) > 0.5
    zeros = np.where(np.abs(Data.X) > 0.5, Data.X, 0.0)
    model = make().fit(sparse.csr_matrix(zeros), Data.named)
    assert model.predict(sparse.csr_matrix(zeros)).shape == (N,)


def test_arrow_tables(make):
    pa = pytest.importorskip("pyarrow")
    table = pa.table({name: Data.X[:, k] for k, name in enumerate("abcd")})
    model = make().fit(table, pa.chunked_array([Data.named.tolist()]))
    expected = make().fit(Data.X, Data.named).predict_proba(Data.X)
    np.testing.assert_allclose(model.predict_proba(table), expected, rtol=1e-6)


def test_polars_frames(make):
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({name: Data.X[:, k] for k, name in enumerate("abcd")})
    model = make().fit(frame, pl.Series(Data.named.tolist()))
    expected = make().fit(Data.X, Data.named).predict_proba(Data.X)
    np.testing.assert_allclose(model.predict_proba(frame), expected, rtol=1e-6)


def test_two_labels_are_not_two_classes(make):
    y = Data.multilabel[:, :2]
    model = make().fit(Data.X, y)
    assert model.predict_proba(Data.X).shape == (N, 2)
    for label in range(2):
        alone = make().fit(Data.X, y[:, label])
        expected = alone.predict_proba(Data.X)[:, 1]
        np.testing.assert_allclose(model.predict_proba(Data.X)[:, label], expected, rtol=1e-5)
    matrix = make().fit(Data.X, sparse.csr_matrix(y))
    np.testing.assert_array_equal(matrix.predict(Data.X), model.predict(Data.X))


def test_linear_trees_dart_and_vector_leaves():
    for model in [
        lgbm_model(linear_tree=True),
        lgbm_model(boosting_type="dart"),
        lgbm_model(learning_rate=1.0),
    ]:
        assert (
            average_precision_score(Data.binary, model.fit(Data.X, Data.binary).predict_proba(Data.X)[:, 1])
            > 0.5
        )
    vector = xgb_model(multi_strategy="multi_output_tree").fit(Data.X, Data.multilabel)
    assert average_precision_score(Data.multilabel, vector.predict_proba(Data.X)) > 0.5


def test_margins_given_by_the_user_take_the_place_of_the_intercept():
    offset = np.full(N, 0.3)
    model = xgb_model(n_estimators=1, learning_rate=1e-9).fit(Data.X, Data.named, base_margin=offset)
    np.testing.assert_allclose(model.decision_function(Data.X, base_margin=offset), 0.3, rtol=1e-6)
    model = lgbm_model(n_estimators=1, learning_rate=1e-9).fit(Data.X, Data.named, init_score=offset)
    np.testing.assert_allclose(model.decision_function(Data.X), 0.0, atol=1e-6)  # LightGBM keeps no scores


def test_a_constant_table_gives_the_base_rate(make):
    """LightGBM's training with a custom objective fails there by itself."""
    X = np.zeros((100, 2))
    y = np.arange(100) < 30
    np.testing.assert_allclose(make().fit(X, y).predict_proba(X)[:, 1], 0.3, rtol=1e-5)


# ---------------------------------------------------------------------- eval sets and early stopping
def evaluation(model):
    if isinstance(model, xgb.XGBClassifier):
        return model.evals_result()["validation_0"]
    return model.evals_result_["valid_0"]


@pytest.mark.parametrize("task", TASKS)
def test_early_stopping_on_the_focal_loss(make, task):
    y = getattr(Data, task)
    options = {"n_estimators": 400, "learning_rate": 0.4, "early_stopping_rounds": 5}
    model = make(**options)
    X_eval, y_eval = Data.X[1000:], y[1000:]
    model.fit(Data.X[:1000], y[:1000], eval_set=[(X_eval, y_eval)], **quiet(model))
    history = evaluation(model)
    assert list(history) == ["focal_loss"]
    values = history["focal_loss"]
    best = int(np.argmin(values))
    assert len(values) == best + 6 < 400
    encoded = y_eval if task == "multilabel" else np.unique(y, return_inverse=True)[1][1000:]
    got = model.loss_.metric(encoded, model.decision_function(X_eval).astype(np.float64))[1]
    assert got == pytest.approx(values[best], abs=2e-6)


def test_lightgbm_takes_eval_sets_in_both_forms():
    first, second = (Data.X[:500], Data.named[:500]), (Data.X[500:], Data.named[500:])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pairs = lgbm_model().fit(Data.X, Data.named, eval_set=[first, second]).evals_result_
        split = lgbm_model().fit(
            Data.X, Data.named, eval_X=(first[0], second[0]), eval_y=(first[1], second[1])
        )
        own = lgbm_model().fit(Data.X, Data.named, eval_set=(Data.X, Data.named)).evals_result_
    assert pairs == split.evals_result_
    assert len(pairs) == 2
    assert list(own) == ["training"]


def half_off(y_true, probability, sample_weight=None):
    return float(np.average((probability > 0.5) != y_true, weights=sample_weight))


def log_loss_metric(y_true, probability, weight):
    return "log_loss", log_loss(y_true, probability, sample_weight=weight), False


def test_metrics_next_to_the_focal_loss():
    sets = [(Data.X[1000:], Data.named[1000:])]
    model = xgb_model(eval_metric=["aucpr", half_off, log_loss])
    model.fit(Data.X[:1000], Data.named[:1000], eval_set=sets, verbose=False)
    history = evaluation(model)
    assert list(history) == ["aucpr", "half_off", "log_loss", "focal_loss"]
    proba = model.predict_proba(Data.X[1000:])[:, 1]
    truth = 1 - Data.binary[1000:]  # "good" is class 1
    assert history["log_loss"][-1] == pytest.approx(log_loss(truth, proba), abs=2e-6)
    model = lgbm_model().fit(
        Data.X[:1000], Data.named[:1000], eval_set=sets, eval_metric=["auc", log_loss_metric]
    )
    history = evaluation(model)
    assert list(history) == ["auc", "focal_loss", "log_loss"]
    proba = model.predict_proba(Data.X[1000:])[:, 1]
    assert history["log_loss"][-1] == pytest.approx(log_loss(truth, proba), rel=1e-6)


def test_callable_metrics_see_the_matrix_of_labels(make):
    shapes = []

    def metric(y_true, probability, weight=None):
        shapes.append((y_true.shape, probability.shape))
        return 0.0 if make is xgb_model else ("metric", 0.0, False)

    params, fit = ({"eval_metric": metric}, {}) if make is xgb_model else ({}, {"eval_metric": metric})
    model = make(n_estimators=1, **params)
    model.fit(Data.X, Data.multilabel, eval_set=[(Data.X[:99], Data.multilabel[:99])], **fit, **quiet(model))
    assert set(shapes) == {((99, 3), (99, 3))}


def test_callbacks_of_the_user_run():
    seen = []

    class Count(xgb.callback.TrainingCallback):
        def after_iteration(self, model, epoch, evals_log):
            seen.append(epoch)
            return False

    callbacks = [Count()]
    model = xgb_model(callbacks=callbacks).fit(Data.X, Data.named)
    assert seen == list(range(15))
    assert model.callbacks is callbacks
    assert len(callbacks) == 1
    iterations = []
    lgbm_model().fit(Data.X, Data.named, callbacks=[lambda env: iterations.append(env.iteration)])
    assert iterations == list(range(15))


# ---------------------------------------------------------------------- continued training
@pytest.mark.parametrize("form", ["estimator", "booster", "file"])
@pytest.mark.parametrize("task", TASKS)
def test_continued_training_is_straight_training(make, task, form, tmp_path):
    y = getattr(Data, task)
    first = make(n_estimators=7).fit(Data.X, y)
    before = first
    if form == "booster":
        before = first.get_booster() if make is xgb_model else first.booster_
    if form == "file":
        before = str(tmp_path / "model.json")
        first.save_model(before)
    fit = {"xgb_model": before} if make is xgb_model else {"init_model": before}
    both = make(n_estimators=8).fit(Data.X, y, **fit)
    straight = make(n_estimators=15).fit(Data.X, y)
    np.testing.assert_allclose(
        both.decision_function(Data.X), straight.decision_function(Data.X), rtol=0, atol=1e-5
    )


def test_a_model_of_other_classes_is_not_continued(make):
    before = make().fit(Data.X, Data.named)
    fit = {"xgb_model": before} if make is xgb_model else {"init_model": before}
    name = next(iter(fit))
    text = rf"{name} has the classes \['fraud', 'good'\] \(binary\), must have"
    with pytest.raises(ValueError, match=text):
        make().fit(Data.X, Data.binary, **fit)


# ---------------------------------------------------------------------- saved models
@pytest.mark.parametrize("suffix", ["json", "ubj", "txt"])
@pytest.mark.parametrize("task", ["named", "multiclass", "multilabel"])
def test_save_and_load_without_pickle(task, suffix, tmp_path):
    make = lgbm_model if suffix == "txt" else xgb_model
    smoothing = {} if task == "multiclass" else {"label_smoothing": 0.01}
    y = getattr(Data, task)
    model = make(focal_gamma=1.5, focal_alpha="balanced", **smoothing).fit(Data.X, y)
    path = tmp_path / f"model.{suffix}"
    model.save_model(path)
    loaded = type(model)()
    loaded.load_model(path)
    np.testing.assert_array_equal(loaded.predict(Data.X), model.predict(Data.X))
    np.testing.assert_array_equal(loaded.predict_proba(Data.X), model.predict_proba(Data.X))
    np.testing.assert_array_equal(loaded.classes_, model.classes_)
    assert loaded.classes_.dtype == model.classes_.dtype
    assert loaded.n_classes_ == model.n_classes_
    assert loaded.n_features_in_ == 4
    assert loaded.focal_alpha == "balanced"
    assert loaded.focal_gamma == 1.5
    loaded.fit(Data.X, y)  # nothing that the file brought stands in the way
    stored = stored_lightgbm if suffix == "txt" else stored_xgboost
    booster = model.booster_ if suffix == "txt" else model.get_booster()
    assert stored(booster).gamma == 1.5
    # plain XGBoost and LightGBM
    if suffix == "txt":
        confidence = lgb.Booster(model_file=str(path)).predict(Data.X)
    else:
        confidence = xgb.Booster(model_file=str(path)).predict(xgb.DMatrix(Data.X))
    expected = model.set_params(probability="focal").predict_proba(Data.X)
    np.testing.assert_allclose(confidence, expected[:, 1] if task == "named" else expected, rtol=1e-5)


@pytest.mark.parametrize("labels", [("a]: {b\n", 'c"\\'), (False, True), (0.5, 1.0), ("ä", "日本")])
def test_class_labels_survive_the_file(make, labels, tmp_path):
    y = np.array(labels, dtype=object if isinstance(labels[0], str) else None)[Data.binary]
    if labels == (0.5, 1.0):
        y = y * 2
    model = make(n_estimators=2).fit(Data.X, y)
    model.save_model(tmp_path / "model.json")
    loaded = make()
    loaded.load_model(tmp_path / "model.json")
    np.testing.assert_array_equal(loaded.predict(Data.X), model.predict(Data.X))
    assert loaded.classes_.tolist() == model.classes_.tolist()


def test_models_of_others_are_not_loaded(make, tmp_path):
    path = tmp_path / "model.json"
    if make is xgb_model:
        xgb.XGBClassifier(n_estimators=1).fit(Data.X, Data.binary).save_model(path)
    else:
        lgb.LGBMClassifier(n_estimators=1, verbosity=-1).fit(Data.X, Data.binary).booster_.save_model(path)
    with pytest.raises(ValueError, match=r"the model was not saved by a Focal.*Classifier, must be one"):
        make().load_model(path)


# ---------------------------------------------------------------------- refusals
@pytest.mark.parametrize(
    ("booster", "params", "message"),
    [
        ("xgboost", {"objective": "binary:logistic"}, r"^objective == 'binary:logistic', must be None"),
        (
            "xgboost",
            {"scale_pos_weight": 5},
            r"scale_pos_weight == 5, must be None: XGBoost ignores it.*focal_al",
        ),
        ("xgboost", {"base_score": 0.3}, r"base_score == 0.3, must be None.*starts at the best constant"),
        ("lightgbm", {"objective": "binary"}, r"objective == 'binary', must be None: LightGBM ignores it"),
        ("lightgbm", {"is_unbalance": True}, r"is_unbalance == True, must be None.*focal_alpha='balanced'"),
        ("lightgbm", {"scale_pos_weight": 5}, r"scale_pos_weight == 5, must be None"),
        ("lightgbm", {"boost_from_average": False}, r"boost_from_average == False, must be None"),
        ("lightgbm", {"sigmoid": 2.0}, r"sigmoid == 2.0, must be None"),
        ("lightgbm", {"pos_bagging_fraction": 0.5}, r"pos_bagging_fraction == 0.5, must be None.*subsample"),
        ("lightgbm", {"boosting_type": "rf"}, r"boosting_type == 'rf', must be 'gbdt' or 'dart'"),
        (
            "lightgbm",
            {"metric": "binary_logloss"},
            r"'binary_logloss', must be 'auc', 'average_precision' or a",
        ),
        *[
            (booster, params, message)
            for booster in MAKERS
            for params, message in [
                ({"focal_gamma": -1}, r"^focal_gamma == -1, must be >= 0"),
                ({"focal_gamma": (1, 2, 3)}, r"^focal_gamma == .* must have 2, one per class"),
                ({"focal_alpha": 4}, r"^focal_alpha == 4, must be in \(0, 1\)"),
                ({"focal_alpha": "auto"}, r"^focal_alpha == 'auto', must be None"),
                ({"focal_hessian": "abs"}, r"^focal_hessian == 'abs', must be one of"),
                ({"label_smoothing": 1.0}, r"^label_smoothing == 1.0, must be in"),
                ({"probability": "raw"}, r"^probability == 'raw', must be one of 'posterior', 'focal'"),
                ({"focal_alpha_power": np.inf}, r"^focal_alpha_power == inf, must be finite"),
                (
                    {"focal_alpha_power": 1.0, "focal_alpha": 0.5},
                    r"focal_alpha == 0.5 and focal_alpha_power == 1.0, must be None in one",
                ),
            ]
        ],
    ],
)
def test_parameters_are_refused_at_fit(booster, params, message):
    model = MAKERS[booster](**params)
    with pytest.raises(ValueError, match=message):
        model.fit(Data.X, Data.named)


def test_data_is_refused(make):
    model = make()
    with pytest.raises(ValueError, match=r"y has 1 class, 'a', must have 2 or more"):
        model.fit(Data.X, np.full(N, "a"))
    with pytest.raises(ValueError, match=r"y\[\d+, \d+\] == 2, must be 0 or 1"):
        model.fit(Data.X, Data.multilabel + 1)
    with pytest.raises(ValueError, match=r"y has shape .*MultiOutputClassifier"):
        model.fit(Data.X, Data.multilabel * np.array([1, 1, 2]))
    text = r"y of eval.set.* has class 'theft', must be one of y: \['fraud', 'go"
    with pytest.raises(ValueError, match=text):
        model.fit(Data.X, Data.named, eval_set=[(Data.X, np.full(N, "theft"))])
    with pytest.raises(ValueError, match=r"sample_weight is zero in all rows"):
        model.fit(Data.X, Data.named, sample_weight=np.zeros(N))
    with pytest.raises(ValueError, match=r"label_smoothing == 0.1, must be 0 for more than two classes"):
        make(label_smoothing=0.1).fit(Data.X, Data.multiclass)
    with pytest.raises(NotFittedError, match=r"is not fitted"):
        model.predict_proba(Data.X)


def test_lightgbm_metrics_that_would_be_wrong_are_refused():
    model = lgbm_model()
    for y, metric in [
        (Data.named, "binary_error"),
        (Data.multiclass, "multi_logloss"),
        (Data.multilabel, "auc"),
    ]:
        with pytest.raises(ValueError, match=rf"eval_metric == '{metric}', must be"):
            model.fit(Data.X, y, eval_metric=metric)
    with pytest.raises(ValueError, match=r"eval_set and eval_X are both given"):
        model.fit(Data.X, Data.named, eval_set=[(Data.X, Data.named)], eval_X=Data.X, eval_y=Data.named)


# ---------------------------------------------------------------------- scikit-learn's tools
def test_clone_and_parameters(make):
    model = make(focal_gamma=(1.0, 2.0), focal_alpha_power=0.5)
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    parent = type(model).__mro__[2]
    assert set(parent().get_params()) <= set(model.get_params())
    copy.set_params(focal_gamma=3.0, learning_rate=0.2)
    assert copy.get_params()["focal_gamma"] == 3.0
    assert copy.focal_gamma == 3.0
    copy.fit(Data.X, Data.named).set_params(n_jobs=2, focal_gamma=1.0)
    assert copy.loss_.gamma == 3.0
    assert "focal_gamma=3.0" in repr(make(focal_gamma=3.0))


def test_pickle_joblib_and_loky(make):
    model = make().fit(Data.X, Data.named)
    expected = model.predict_proba(Data.X)
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(loaded.predict_proba(Data.X), expected)
    calls = (joblib.delayed(model.predict_proba)(part) for part in np.array_split(Data.X, 2))
    parts = joblib.Parallel(n_jobs=2, backend="loky")(calls)
    np.testing.assert_allclose(np.concatenate(parts), expected, rtol=1e-12)


def test_pipeline_with_columns(make):
    frame = pd.DataFrame(Data.X, columns=list("abcd"))
    frame["kind"] = np.where(Data.X[:, 0] > 0, "web", "shop")
    columns = ColumnTransformer(
        [("number", StandardScaler(), list("abcd")), ("kind", OneHotEncoder(), ["kind"])]
    )
    model = make_pipeline(columns, make()).fit(frame, Data.named)
    assert (model.predict(frame) == Data.named).mean() > 0.9


def test_searches_find_gamma(make):
    grid = {"focal_gamma": [0.0, 2.0], "focal_alpha": [None, "balanced"]}
    search = GridSearchCV(make(n_estimators=5), grid, cv=2, scoring="neg_log_loss").fit(Data.X, Data.named)
    assert set(search.best_params_) == set(grid)
    halving = HalvingGridSearchCV(
        make(n_estimators=5), {"focal_gamma": [0.5, 1.0, 2.0]}, cv=2, min_resources=500, random_state=0
    ).fit(Data.X, Data.named)
    assert halving.best_params_["focal_gamma"] in (0.5, 1.0, 2.0)


def test_cross_validation(make):
    proba = cross_val_predict(make(), Data.X, Data.named, cv=3, method="predict_proba")
    assert average_precision_score(Data.binary, proba[:, 0]) > 0.4
    np.testing.assert_allclose(proba[:, 0].mean(), Data.binary.mean(), rtol=0.15)
    scores = cross_val_score(make(), Data.X, Data.named, cv=3, scoring="roc_auc")
    assert scores.min() > 0.8


def test_metadata_routing(make):
    with config_context(enable_metadata_routing=True):
        routed = (
            make(n_estimators=3).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        )
        search = GridSearchCV(routed, {"focal_gamma": [2.0]}, cv=2)
        search.fit(Data.X, Data.named, sample_weight=Data.weight)
    by_hand = make(n_estimators=3).fit(Data.X, Data.named, sample_weight=Data.weight)
    np.testing.assert_array_equal(search.predict_proba(Data.X), by_hand.predict_proba(Data.X))


def test_inspection(make):
    model = make().fit(Data.X, Data.named)
    importance = permutation_importance(model, Data.X, Data.named, n_repeats=2, random_state=0)
    assert importance.importances_mean[0] > importance.importances_mean[3]
    dependence = partial_dependence(model, Data.X, [0], grid_resolution=5)["average"][0]
    assert dependence[-1] < dependence[0]  # "good" is class 1
    assert np.argmax(model.feature_importances_) == 0


def test_calibration_and_thresholds(make):
    model = make(n_estimators=5)
    calibrated = CalibratedClassifierCV(model, cv=2).fit(Data.X, Data.named)
    np.testing.assert_allclose(calibrated.predict_proba(Data.X)[:, 0].mean(), Data.binary.mean(), rtol=0.2)
    tuned = TunedThresholdClassifierCV(model, scoring="balanced_accuracy", cv=2).fit(Data.X, Data.named)
    assert (tuned.predict(Data.X) == "fraud").mean() > (
        model.fit(Data.X, Data.named).predict(Data.X) == "fraud"
    ).mean()
    fixed = FixedThresholdClassifier(model, threshold=0.1, pos_label="fraud").fit(Data.X, Data.named)
    np.testing.assert_array_equal(fixed.predict(Data.X) == "fraud", model.predict_proba(Data.X)[:, 0] >= 0.1)


@pytest.mark.filterwarnings("ignore")  # shap warns of NumPy and of LightGBM's outputs
@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_shap_values_add_up_to_the_margin(make, task):
    shap = pytest.importorskip("shap")
    model = make().fit(Data.X, getattr(Data, task))
    explainer = shap.TreeExplainer(model)
    values = np.asarray(explainer.shap_values(Data.X[:50]))
    total = values.sum(axis=1) + explainer.expected_value
    np.testing.assert_allclose(total, model.decision_function(Data.X[:50]), atol=1e-4)


# ---------------------------------------------------------------------- the loss underneath
def test_the_loss_is_the_one_of_the_task(make):
    for task, cls in zip(TASKS, [BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss], strict=True):
        model = make(n_estimators=1).fit(Data.X, getattr(Data, task))
        assert type(model.loss_) is cls
