"""The seam to LightGBM: parity, self-contained models, layouts, and each known trap."""

import copy
import json
import pickle
import subprocess
import sys

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.metrics import average_precision_score

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss

lgb = pytest.importorskip("lightgbm")
from focalboost.lightgbm import (  # noqa: E402  # needs lightgbm
    finalize,
    load_model,
    pack_labels,
    start,
    stored_loss,
    unpack_labels,
)

N = 5000
PARAMS = {"verbosity": -1, "num_threads": 1, "num_leaves": 15, "metric": "None", "seed": 3}


class Data:
    """One table with labels of every kind."""

    rng = np.random.default_rng(11)
    X = rng.normal(size=(N, 6))
    score = X @ np.array([1.0, -0.7, 0.5, 0.3, 0.0, 0.0]) + rng.normal(0, 1.0, N)
    binary = (score > 2.6).astype(int)
    multiclass = np.digitize(score, [-1.5, 1.5, 2.6])
    multilabel = np.stack([binary, score > 1, X[:, 0] + rng.normal(size=N) > 2], axis=1).astype(int)
    weight = rng.uniform(0.2, 3.0, N)


def dataset(labels="binary", weight=None):
    y = getattr(Data, labels)
    y = pack_labels(y) if labels == "multilabel" else y
    return lgb.Dataset(Data.X, y, weight=weight, free_raw_data=False)


def width(loss):
    return {} if isinstance(loss, BinaryFocalLoss) else {"num_class": np.size(loss.intercept)}


def train(loss, train_set, rounds=30, final=True, **params):
    with start(loss, train_set):
        booster = lgb.train({**PARAMS, "objective": loss, **width(loss), **params}, train_set, rounds)
    return finalize(booster, loss) if final else booster


LOSSES = {
    "binary": BinaryFocalLoss(2.0, 0.25).for_labels(Data.binary),
    "multiclass": MulticlassFocalLoss(2.0, "balanced").for_labels(Data.multiclass),
    "multilabel": MultilabelFocalLoss((2.0, 1.0, 0.0)).for_labels(Data.multilabel),
}


# ---------------------------------------------------------------------- parity
def both(labels, objective, loss, weight, params):
    """A booster with the built-in objective, one with the loss, and the resolved loss."""
    loss = loss.for_labels(getattr(Data, labels), weight)
    builtin_params = {**PARAMS, "objective": objective, **width(loss), **params}
    builtin = lgb.train(builtin_params, dataset(labels, weight), 50)
    return builtin, train(loss, dataset(labels, weight), 50, **params), loss


SAMPLING = [
    {"data_sample_strategy": "goss"},
    {"bagging_fraction": 0.5, "bagging_freq": 1},
    {"num_leaves": 63, "min_data_in_leaf": 1},
]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("params", [{}, {"linear_tree": True}, {"use_quantized_grad": True}], ids=str)
@pytest.mark.parametrize(
    ("labels", "objective", "loss"),
    [
        ("binary", "binary", BinaryFocalLoss(0.0)),
        ("multiclass", "multiclass", MulticlassFocalLoss(0.0)),
    ],
)
def test_gamma_zero_trains_the_builtin_model(labels, objective, loss, params, weighted):
    weight = Data.weight if weighted else None
    builtin, focal, _ = both(labels, objective, loss, weight, params)
    expected = builtin.predict(Data.X, raw_score=True)
    np.testing.assert_allclose(focal.predict(Data.X, raw_score=True), expected, rtol=0, atol=1e-5)
    np.testing.assert_allclose(focal.predict(Data.X), builtin.predict(Data.X), rtol=0, atol=1e-6)


@pytest.mark.parametrize("params", SAMPLING, ids=str)
@pytest.mark.parametrize(
    ("labels", "objective", "loss"),
    [
        ("binary", "binary", BinaryFocalLoss(0.0)),
        ("multiclass", "multiclass", MulticlassFocalLoss(0.0)),
    ],
)
def test_gamma_zero_trains_as_good_a_model_where_splits_tie(labels, objective, loss, params):
    """LightGBM rounds its gradients from double, the kernels compute in float32.

    On few rows a leaf two splits can tie, or an estimated row count lie between two numbers, and the last bit
    then decides: the models may differ, their losses may not.
    """
    builtin, focal, loss = both(labels, objective, loss, None, params)
    expected, margins = (model.predict(Data.X, raw_score=True) for model in (builtin, focal))
    y = getattr(Data, labels)
    assert loss.loss(y, margins).mean() == pytest.approx(loss.loss(y, expected).mean(), rel=0.02)
    assert np.corrcoef(margins.ravel(), expected.ravel())[0, 1] > 0.99


def test_multilabel_equals_independent_binaries():
    loss = MultilabelFocalLoss((2.0, 0.5, 0.0), (0.25, (1.0, 4.0), 0.5)).for_labels(Data.multilabel)
    together = train(loss, dataset("multilabel"))
    for label, (gamma, alpha) in enumerate([(2.0, 0.25), (0.5, (1.0, 4.0)), (0.0, 0.5)]):
        y = Data.multilabel[:, label]
        one = BinaryFocalLoss(gamma, alpha).for_labels(y)
        alone = train(one, lgb.Dataset(Data.X, y))
        got = together.predict(Data.X, raw_score=True)[:, label]
        np.testing.assert_array_equal(got, alone.predict(Data.X, raw_score=True))
        np.testing.assert_allclose(together.predict(Data.X)[:, label], alone.predict(Data.X), rtol=1e-15)


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
        load_model(tmp_path / "model.txt"),
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
    with pytest.raises(ValueError, match=r"loss.intercept == None, must be a number: use loss.for_labels"):
        start(BinaryFocalLoss(), dataset()).__enter__()


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (lambda s: s[: len(s) // 2], "has no 'end of trees'"),
        (lambda s: s[: s.index("end of parameters")], "has no 'end of parameters'"),
        (lambda s: "xgboost" + s, "begins with 'xgboosttree"),
        (lambda s: "", "begins with ''"),
        (lambda s: s.replace("Tree=1\n", "Tree=7\n"), "has Tree=7 where Tree=1 is due"),
        (
            lambda s: s.replace("num_leaves=15", "num_leaves=16", 1),
            "has leaf_value with 15 numbers in tree 0, 16",
        ),
        (
            lambda s: s.replace("leaf_value=", "leaf_value=oops ", 1),
            "has leaf_value with 0 numbers in tree 0",
        ),
        (lambda s: s.replace("feature_names=", "names=", 1), "has no feature_names"),
        (
            lambda s: s.replace("num_tree_per_iteration=1", "num_tree_per_iteration=x"),
            "has num_tree_per_iter",
        ),
        (
            lambda s: s.replace("num_tree_per_iteration=1", "num_tree_per_iteration=3"),
            r"has 2 trees, 3 an it",
        ),
    ],
)
def test_a_damaged_file_is_an_error_and_not_an_abort(damage, text, tmp_path):
    path = tmp_path / "model.txt"
    path.write_text(damage(train(LOSSES["binary"], dataset(), 2).model_to_string()))
    with pytest.raises(ValueError, match=f"model text {text}"):
        load_model(path)


def test_a_stale_tree_sizes_line_does_no_harm(tmp_path):
    text = train(LOSSES["binary"], dataset(), 5).model_to_string()
    edited = text.replace("leaf_value=", "leaf_value= ")  # every tree is one byte longer than the header says
    path = tmp_path / "model.txt"
    path.write_text(edited)
    assert load_model(path).num_trees() == 5


# ---------------------------------------------------------------------- entry points
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


def test_cv_and_subsets():
    loss = LOSSES["binary"]
    data = dataset()
    with start(loss, data):
        history = lgb.cv({**PARAMS, "objective": loss}, data, 15, nfold=3, feval=loss.metric)
    (values,) = [history[key] for key in history if key.endswith("focal_loss-mean")]
    assert values[-1] < values[0] < 1.0
    part = dataset().construct().subset(range(0, N, 2))
    sub_loss = BinaryFocalLoss(2.0).for_labels(Data.binary[::2])
    final = train(sub_loss, part, 10)
    assert average_precision_score(Data.binary[1::2], final.predict(Data.X[1::2])) > 0.4


@pytest.mark.parametrize("labels", ["binary", "multiclass"])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_classifier_takes_the_loss_as_objective(labels, weighted):
    y, weight = getattr(Data, labels), Data.weight if weighted else None
    loss = type(LOSSES[labels])(2.0)
    model = lgb.LGBMClassifier(objective=loss, n_estimators=10, num_leaves=15, verbosity=-1, n_jobs=1)
    model.fit(Data.X, y, sample_weight=weight)
    n_outputs = {} if labels == "binary" else {"num_class": 4}
    native = lgb.train({**PARAMS, "objective": loss, **n_outputs}, dataset(labels, weight), 10)
    raw = model.booster_.predict(Data.X, raw_score=True)
    np.testing.assert_allclose(raw, native.predict(Data.X, raw_score=True), rtol=1e-12)


def test_class_weight_reaches_the_loss():
    loss = BinaryFocalLoss(1.0)
    make = {"objective": loss, "n_estimators": 5, "verbosity": -1, "n_jobs": 1}
    plain = lgb.LGBMClassifier(**make).fit(Data.X, Data.binary)
    heavy = lgb.LGBMClassifier(**make, class_weight={0: 1, 1: 30}).fit(Data.X, Data.binary)
    mean = [m.booster_.predict(Data.X, raw_score=True).mean() for m in (plain, heavy)]
    assert mean[1] > mean[0] + 0.15


def test_eval_metric_of_the_classifier():
    loss = BinaryFocalLoss(2.0)
    model = lgb.LGBMClassifier(objective=loss, n_estimators=5, verbosity=-1, n_jobs=1, metric="None")
    new = tuple(map(int, lgb.__version__.split(".")[:2])) >= (4, 7)  # where eval_set is deprecated
    held_out = (
        {"eval_X": (Data.X,), "eval_y": (Data.binary,)} if new else {"eval_set": [(Data.X, Data.binary)]}
    )
    model.fit(Data.X, Data.binary, **held_out, eval_metric=loss.metric)
    (values,) = [result["focal_loss"] for result in model.evals_result_.values()]
    raw = model.booster_.predict(Data.X, raw_score=True)
    zero = loss.loss(Data.binary, np.zeros(N)).mean()
    assert values[-1] == pytest.approx(loss.loss(Data.binary, raw).mean() / zero, rel=1e-9)


def test_params_are_copied_without_copying_the_loss():
    loss = LOSSES["binary"]
    assert copy.deepcopy({"objective": loss})["objective"] is loss


# ---------------------------------------------------------------------- layout
@pytest.mark.parametrize("labels", list(LOSSES))
def test_gradients_go_back_without_a_copy(labels):
    """What LightGBM does with a result: ravel(order="F") and float32. Both must be views."""
    loss = LOSSES[labels]
    n_outputs = np.size(loss.intercept)
    raw = np.zeros(N) if n_outputs == 1 else np.zeros((n_outputs, N)).T
    data = dataset(labels).construct()
    for array in loss(raw, data):
        assert array.dtype == np.float32
        flat = array.ravel(order="F")
        assert np.shares_memory(flat, array)
        assert flat.flags.c_contiguous


def test_no_reference_to_the_buffer_of_margins_is_kept():
    data = dataset().construct()
    raw = np.zeros(N)
    kept = sys.getrefcount(raw)
    result = LOSSES["binary"](raw, data)
    assert sys.getrefcount(raw) == kept
    assert not any(np.shares_memory(array, raw) for array in result)


# ---------------------------------------------------------------------- labels as bits
def test_labels_pack_and_unpack(rng):
    for n_labels in (1, 5, 24):
        y = rng.integers(0, 2, (300, n_labels))
        packed = pack_labels(y)
        assert packed.dtype == np.float32
        np.testing.assert_array_equal(unpack_labels(packed, n_labels), y)
    with pytest.raises(ValueError, match=r"y has shape \(3, 25\), must be .* with 1 to 24 labels"):
        pack_labels(np.zeros((3, 25)))
    with pytest.raises(ValueError, match=r"y\[1, 0\] == 0\.5, must be 0 or 1: soft labels"):
        pack_labels([[1.0], [0.5]])


def test_labels_that_pack_nothing_are_refused():
    loss = MultilabelFocalLoss(2.0)
    for label, text in (
        (8, r"y_true\[3\] == 8\.0"),
        (2.5, r"y_true\[3\] == 2\.5"),
        (-1, r"y_true\[3\] == -1"),
    ):
        y = np.zeros(N)
        y[3] = label
        with pytest.raises(ValueError, match=text + r".*, must be a whole number below 2\^3, as focalboost"):
            lgb.train({**PARAMS, "objective": loss, "num_class": 3}, lgb.Dataset(Data.X, y), 1)


# ---------------------------------------------------------------------- traps
@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"is_unbalance": True}, r"is_unbalance == True, must be 0: .*alpha='balanced'"),
        ({"unbalance": "true"}, r"unbalance == true, must be 0"),
        ({"scale_pos_weight": 3}, r"scale_pos_weight == 3, must be 1: .*alpha=\(1, weight\)"),
        ({"sigmoid": 2.0}, r"sigmoid == 2\.0, must be 1"),
        ({"boost_from_average": True}, r"boost_from_average == True, must be 0: .*lightgbm\.start"),
        ({"pos_bagging_fraction": 0.5}, r"pos_bagging_fraction == 0\.5, must be 1"),
    ],
)
def test_parameters_without_effect_are_refused(params, text):
    with pytest.raises(ValueError, match=text):
        lgb.train({**PARAMS, "objective": BinaryFocalLoss(), **params}, dataset(), 1)
    with pytest.raises(ValueError, match=text):
        lgb.LGBMClassifier(objective=BinaryFocalLoss(), verbosity=-1, **params).fit(Data.X, Data.binary)


def test_neutral_values_are_no_error():
    neutral = {"is_unbalance": False, "scale_pos_weight": 1.0, "sigmoid": 1, "boost_from_average": "false"}
    booster = lgb.train({**PARAMS, "objective": BinaryFocalLoss(), **neutral}, dataset(), 2)
    assert booster.num_trees() == 2


def test_random_forests_are_refused_by_lightgbm(capfd):
    params = {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}
    with pytest.raises(lgb.basic.LightGBMError, match="RF mode do not support custom objective"):
        lgb.train({**PARAMS, "objective": BinaryFocalLoss(), **params}, dataset(), 1)


def test_a_nan_score_stops_training():
    scores = np.zeros(N)
    scores[5] = np.nan
    data = lgb.Dataset(Data.X, Data.binary, init_score=scores)
    # LightGBM turns NaN init scores into zero; an infinite one goes through.
    scores[5] = np.inf
    data = lgb.Dataset(Data.X, Data.binary, init_score=scores)
    with pytest.raises(ValueError, match=r"raw_prediction\[5\] == .*must be finite"):
        lgb.train({**PARAMS, "objective": BinaryFocalLoss()}, data, 1)


@pytest.mark.parametrize("gamma", [1.0, 2.0, 5.0])
def test_a_loss_learns_from_a_log_odds_start(gamma):
    rate = Data.binary.mean()
    data = lgb.Dataset(Data.X, Data.binary, init_score=np.full(N, np.log(rate / (1 - rate))))
    booster = lgb.train({**PARAMS, "objective": BinaryFocalLoss(gamma)}, data, 30)
    assert average_precision_score(Data.binary, booster.predict(Data.X, raw_score=True)) > 0.6


@pytest.mark.parametrize("gamma", [0.0, 2.0, 5.0])
def test_leaves_hold_the_rows_that_were_asked_for(gamma):
    """min_data_in_leaf is estimated from Hessian shares: focal loss skews them, the scale keeps the size."""
    loss = BinaryFocalLoss(gamma, "balanced").for_labels(Data.binary)
    booster = train(loss, dataset(), 20, min_data_in_leaf=200)
    leaves = booster.predict(Data.X, pred_leaf=True)
    smallest = min(np.unique(column, return_counts=True)[1].min() for column in leaves.T)
    assert smallest >= 20
