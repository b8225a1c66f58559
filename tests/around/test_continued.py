"""A model goes on: with the same loss as if it had been trained at once, with another one not at all."""

import copy
import pickle

import numpy as np
import pytest

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss
from tests.around.ways import (
    L_FORGOTTEN,
    L_PARAMS,
    L_SKLEARN,
    L_WAYS,
    TASKS,
    X1,
    X2,
    X_FORGOTTEN,
    X_PARAMS,
    X_SKLEARN,
    X_WAYS,
    Y1,
    Y2,
    classes,
    dataset,
    dmatrix,
    flgb,
    fxgb,
    l_classifier,
    l_margins,
    l_native,
    l_sklearn,
    l_train,
    labels,
    lgb,
    names,
    x_alone,
    x_classifier,
    x_margins,
    x_native,
    x_sklearn,
    x_train,
    xgb,
)

GAMMA = BinaryFocalLoss(2.0)
ANOTHER = "was trained with .*must have the same gamma, class weights, label_smoothing and sampling_rate"
CURES = r"stored_loss\(model\).*new model.*base_margin \(XGBoost\) or init_score \(LightGBM\) = loss.margin\("


# ---------------------------------------------------------------------- the same loss: as at once
@pytest.mark.parametrize("way", X_WAYS, ids=names(X_WAYS))
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("alpha", [None, "balanced"])
def test_xgboost_in_two_parts_is_as_at_once(way, task, alpha):
    cls, data = TASKS[task]
    X, y = data(1)
    loss = cls(2.0, alpha).for_labels(y)
    whole, half = way(loss, X, y, 10), way(loss, X, y, 5)
    assert np.abs(x_margins(way(loss, X, y, 5, half), X) - x_margins(whole, X)).max() < 2e-6


@pytest.mark.parametrize("way", L_WAYS, ids=names(L_WAYS))
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("alpha", [None, "balanced"])
def test_lightgbm_in_two_parts_is_as_at_once(way, task, alpha):
    if task == "multilabel" and way is l_sklearn:
        pytest.skip("LGBMClassifier takes one label a row")
    cls, data = TASKS[task]
    X, y = data(1)
    loss = cls(2.0, alpha).for_labels(y)
    whole, half = way(loss, X, y, 10), way(loss, X, y, 5)
    assert np.abs(l_margins(way(loss, X, y, 5, half), X) - l_margins(whole, X)).max() < 1e-9


@pytest.mark.parametrize(
    "params",
    [
        {"booster": "dart", "rate_drop": 0.0},
        {"booster": "gblinear", "updater": "coord_descent"},
        {"tree_method": "exact"},
        {"tree_method": "approx"},
        {"updater": "grow_colmaker"},
        {"num_parallel_tree": 2},
        {"grow_policy": "lossguide", "max_leaves": 5},
    ],
    ids=str,
)
@pytest.mark.parametrize("way", [x_train, x_native])
def test_xgboost_boosters_in_two_parts(way, params):
    loss = BinaryFocalLoss(2.0, "balanced").for_labels(Y1)
    if params.get("booster") == "gblinear":
        params = {**params, "max_depth": 6}
    whole, half = way(loss, X1, Y1, 8, None, params), way(loss, X1, Y1, 4, None, params)
    off = np.abs(x_margins(way(loss, X1, Y1, 4, half, params), X1) - x_margins(whole, X1)).max()
    assert off < 1e-5


@pytest.mark.parametrize("way", [x_train, x_native])
def test_dart_that_drops_does_what_the_built_in_does(way):
    """With the same seed the built-in drops the same trees, so gamma 0 must be equal to it."""
    params = {"booster": "dart", "rate_drop": 0.3}
    base = {**X_PARAMS, **params, "objective": "binary:logistic", "base_score": float(Y1.mean())}
    plain = xgb.train(base, dmatrix(X1, Y1), 4)
    plain = xgb.train(base, dmatrix(X1, Y1), 4, xgb_model=plain)
    loss = BinaryFocalLoss(0.0).for_labels(Y1)
    focal = way(loss, X1, Y1, 4, way(loss, X1, Y1, 4, None, params), params)
    assert np.abs(x_margins(focal, X1) - x_margins(plain, X1)).max() < 1e-5


@pytest.mark.parametrize(
    "params",
    [
        {"boosting": "dart", "drop_rate": 0.0},
        {"data_sample_strategy": "goss", "top_rate": 1.0, "other_rate": 0.0},
        {"linear_tree": True},
        {"min_data_in_leaf": 200},
    ],
    ids=str,
)
@pytest.mark.parametrize("way", [l_train, l_native])
def test_lightgbm_boosters_in_two_parts(way, params):
    if "top_rate" in params:
        params = {"data_sample_strategy": "bagging"}
    whole, half = way(GAMMA, X1, Y1, 8, None, params), way(GAMMA, X1, Y1, 4, None, params)
    off = np.abs(l_margins(way(GAMMA, X1, Y1, 4, half, params), X1) - l_margins(whole, X1)).max()
    # LightGBM's linear trees fit to float32 features anew.
    assert off < (1e-3 if "linear_tree" in params else 1e-9)


def test_weights_in_two_parts():
    weight = np.random.default_rng(0).uniform(0.2, 3, len(Y1))
    loss = BinaryFocalLoss(2.0, "balanced").for_labels(Y1, weight)
    data = dmatrix(X1, Y1, weight=weight)
    whole = fxgb.train(GAMMA_BALANCED, X_PARAMS, data, 8)
    half = fxgb.train(GAMMA_BALANCED, X_PARAMS, data, 4)
    assert fxgb.stored_loss(half).alpha == loss.alpha
    assert (
        np.abs(
            x_margins(fxgb.train(GAMMA_BALANCED, X_PARAMS, data, 4, xgb_model=half), X1)
            - x_margins(whole, X1)
        ).max()
        < 2e-6
    )
    data = dataset(X1, Y1, weight=weight, free_raw_data=False)
    whole = flgb.train(GAMMA_BALANCED, L_PARAMS, data, 8)
    half = flgb.train(GAMMA_BALANCED, L_PARAMS, data, 4)
    both = flgb.train(GAMMA_BALANCED, L_PARAMS, data, 4, init_model=half)
    # Weights are float64 before the first training constructs the data set, float32 from then on.
    assert flgb.stored_loss(whole).alpha == flgb.stored_loss(half).alpha == loss.alpha
    assert np.abs(l_margins(both, X1) - l_margins(whole, X1)).max() < 1e-12
    again = flgb.train(GAMMA_BALANCED, L_PARAMS, dataset(X1, Y1, weight=weight), 8)
    assert np.abs(l_margins(again, X1) - l_margins(whole, X1)).max() == 0


GAMMA_BALANCED = BinaryFocalLoss(2.0, "balanced")


def test_a_data_set_that_was_used_with_init_model_starts_a_new_model_or_is_refused():
    """LightGBM leaves the old margins on it, as an init_score."""
    data = dataset(X1, Y1, free_raw_data=False)
    half = flgb.train(GAMMA, L_PARAMS, dataset(X1, Y1), 4)
    flgb.train(GAMMA, L_PARAMS, data, 4, init_model=half)
    fresh = flgb.train(GAMMA, L_PARAMS, dataset(X1, Y1), 4)
    for once_more in (data, data):
        found = flgb.train(GAMMA, L_PARAMS, once_more, 4)
        assert np.abs(l_margins(found, X1) - l_margins(fresh, X1)).max() < 1e-9


# ---------------------------------------------------------------------- where the model comes from
def x_sources(booster, folder):
    booster.save_model(folder / "model.json")
    booster.save_model(folder / "model.ubj")
    raw = xgb.Booster(model_file=bytearray(booster.save_raw("ubj")))
    return {
        "json": folder / "model.json",
        "ubj": folder / "model.ubj",
        "str": str(folder / "model.json"),
        "pickle": pickle.loads(pickle.dumps(booster)),
        "deepcopy": copy.deepcopy(booster),
        "raw": raw,
        "slice": booster[: booster.num_boosted_rounds()],
    }


@pytest.mark.parametrize("way", X_WAYS, ids=names(X_WAYS))
def test_xgboost_goes_on_from_every_form_of_a_model(way, tmp_path):
    loss = GAMMA_BALANCED.for_labels(Y1)
    half = way(loss, X1, Y1, 4)
    whole = x_margins(way(loss, X1, Y1, 8), X1)
    for name, source in x_sources(half, tmp_path).items():
        found = way(loss, X1, Y1, 4, source)
        assert np.abs(x_margins(found, X1) - whole).max() < 2e-6, name
        assert fxgb.stored_loss(found).with_shift(None) == fxgb.stored_loss(half).with_shift(None), name


def l_sources(booster, folder):
    path = folder / "model.txt"
    booster.save_model(path)
    return {
        "path": path,
        "str": str(path),
        "pickle": pickle.loads(pickle.dumps(booster)),
        "deepcopy": copy.deepcopy(booster),
        "load_model": flgb.load_model(path),
        "Booster": lgb.Booster(model_file=str(path)),
        "model_str": lgb.Booster(model_str=booster.model_to_string()),
    }


@pytest.mark.parametrize("way", L_WAYS, ids=names(L_WAYS))
def test_lightgbm_goes_on_from_every_form_of_a_model(way, tmp_path):
    loss = GAMMA_BALANCED.for_labels(Y1)
    half = way(loss, X1, Y1, 4)
    whole = l_margins(way(loss, X1, Y1, 8), X1)
    for name, source in l_sources(half, tmp_path).items():
        found = way(loss, X1, Y1, 4, source)
        assert np.abs(l_margins(found, X1) - whole).max() < 1e-9, name
        assert flgb.stored_loss(found).with_shift(None) == flgb.stored_loss(half).with_shift(None), name


def test_classifiers_are_models_too():
    focal = fxgb.FocalXGBClassifier(n_estimators=4, **X_SKLEARN).fit(X1, Y1)
    whole = x_margins(x_train(GAMMA, X1, Y1, 8), X1)
    for way in (x_train, x_native, x_sklearn, x_classifier):
        for source in (focal, pickle.loads(pickle.dumps(focal))):
            assert np.abs(x_margins(way(GAMMA, X1, Y1, 4, source), X1) - whole).max() < 1e-5
    assert fxgb.stored_loss(focal).same_meaning(GAMMA)
    focal = flgb.FocalLGBMClassifier(n_estimators=4, **L_SKLEARN).fit(X1, Y1)
    whole = l_margins(l_train(GAMMA, X1, Y1, 8), X1)
    for way in (l_train, l_native, l_sklearn, l_classifier):
        for source in (focal, pickle.loads(pickle.dumps(focal))):
            assert np.abs(l_margins(way(GAMMA, X1, Y1, 4, source), X1) - whole).max() < 1e-9
    assert flgb.stored_loss(focal).same_meaning(GAMMA)


def test_a_training_booster_is_a_model_as_it_would_be_saved():
    running = lgb.train(
        {**L_PARAMS, "objective": (loss := GAMMA.for_labels(Y1))},
        dataset(X1, Y1),
        4,
        keep_training_booster=True,
        callbacks=[flgb.start(loss)],
    )
    whole = l_margins(l_train(loss, X1, Y1, 8), X1)
    for way in (l_train, l_classifier):
        assert np.abs(l_margins(way(loss, X1, Y1, 4, running), X1) - whole).max() < 1e-9
    with pytest.raises(ValueError, match=r"init_model"):
        l_native(loss, X1, Y1, 4, running)
    running.update(fobj=loss)
    with pytest.raises(RuntimeError, match=r"a round was to be trained without it"):
        running.update()
    assert np.abs(l_margins(running, X1) - l_margins(l_train(loss, X1, Y1, 5), X1)).max() < 1e-9
    assert running.get_leaf_output(0, 0) == running.finished().get_leaf_output(0, 0)
    running.set_leaf_output(0, 0, running.get_leaf_output(0, 0))
    assert np.abs(l_margins(running, X1) - l_margins(l_train(loss, X1, Y1, 5), X1)).max() < 1e-9
    assert running.lower_bound() == running.finished().lower_bound()
    with pytest.raises(ValueError, match=r"refit trains with LightGBM's own objective"):
        running.refit(X1, Y1)


def test_a_classifiers_model_keeps_its_classes_when_trained_on_by_train(tmp_path):
    words = np.array(["good", "fraud"])[Y1]  # sorted: fraud is class 0
    numbers = 1 - Y1
    focal = fxgb.FocalXGBClassifier(n_estimators=4, **X_SKLEARN).fit(X1, words)
    x_train(GAMMA, X1, numbers, 4, focal).save_model(tmp_path / "m.ubj")
    again = fxgb.FocalXGBClassifier()
    again.load_model(tmp_path / "m.ubj")
    assert again.classes_.tolist() == ["fraud", "good"]
    focal = flgb.FocalLGBMClassifier(n_estimators=4, **L_SKLEARN).fit(X1, words)
    for way in (l_train, l_native):
        way(GAMMA, X1, numbers, 4, focal).save_model(tmp_path / "m.txt")
        again = flgb.FocalLGBMClassifier()
        again.load_model(tmp_path / "m.txt")
        assert again.classes_.tolist() == ["fraud", "good"]


# ---------------------------------------------------------------------- the next month
@pytest.mark.parametrize("way", [*X_WAYS, x_alone], ids=names([*X_WAYS, x_alone]))
def test_xgboost_goes_on_with_the_stored_numbers(way):
    """On next month's labels "balanced" would be other weights, and every old margin another probability."""
    old = x_native(GAMMA_BALANCED, X1, Y1, 8)
    stored = fxgb.stored_loss(old)
    # XGBoost's own classifier trains on a QuantileDMatrix, which puts rows near old splits on the wrong side.
    same = x_sklearn if way is x_sklearn else x_native
    expected = x_margins(same(stored, X2, Y2, 4, old), X2)
    if way is x_alone:
        with pytest.raises(ValueError, match=r"is 'balanced' for other labels .*both go on with the stored"):
            way(GAMMA_BALANCED.for_labels(Y2), X2, Y2, 4, old)
        found = way(stored, X2, Y2, 4, old)
    else:
        found = way(GAMMA_BALANCED, X2, Y2, 4, old)
    assert np.abs(x_margins(found, X2) - expected).max() < 1e-6
    assert fxgb.stored_loss(found).alpha == stored.alpha


@pytest.mark.parametrize("way", L_WAYS, ids=names(L_WAYS))
def test_lightgbm_goes_on_with_the_stored_numbers(way):
    old = l_native(GAMMA_BALANCED, X1, Y1, 8)
    stored = flgb.stored_loss(old)
    expected = l_margins(l_native(stored, X2, Y2, 4, old), X2)
    found = way(GAMMA_BALANCED, X2, Y2, 4, old)
    assert np.abs(l_margins(found, X2) - expected).max() < 1e-9
    assert flgb.stored_loss(found).alpha == stored.alpha


@pytest.mark.parametrize("focal", [fxgb.FocalXGBClassifier, flgb.FocalLGBMClassifier])
def test_alpha_power_goes_on_with_the_stored_numbers(focal):
    options = X_SKLEARN if focal is fxgb.FocalXGBClassifier else L_SKLEARN
    name = "xgb_model" if focal is fxgb.FocalXGBClassifier else "init_model"
    old = focal(focal_alpha_power=0.5, n_estimators=4, **options).fit(X1, Y1)
    new = focal(focal_alpha_power=0.5, n_estimators=4, **options).fit(X2, Y2, **{name: old})
    assert new.loss_.alpha == old.loss_.alpha
    with pytest.raises(ValueError, match=ANOTHER):
        focal(focal_alpha_power=1.0, n_estimators=4, **options).fit(X2, Y2, **{name: old})
    with pytest.raises(ValueError, match=ANOTHER):
        focal(focal_alpha="balanced", n_estimators=4, **options).fit(X2, Y2, **{name: old})
    by_number = focal(focal_alpha=old.loss_.alpha, n_estimators=4, **options).fit(X2, Y2, **{name: old})
    assert np.array_equal(by_number.predict_proba(X2), new.predict_proba(X2))


@pytest.mark.parametrize(
    ("way", "margins"), [*[(w, x_margins) for w in X_WAYS], *[(w, l_margins) for w in L_WAYS]]
)
def test_another_hessian_and_factor_of_alpha_mean_the_same(way, margins):
    old = way(BinaryFocalLoss(2.0, (1.0, 3.0)), X1, Y1, 4)
    new = way(BinaryFocalLoss(2.0, 0.75), X1, Y1, 4, old)
    once = way(BinaryFocalLoss(2.0, (1.0, 3.0)), X1, Y1, 8)
    assert np.abs(margins(new, X1) - margins(once, X1)).max() < 2e-6
    assert np.isfinite(
        margins(way(BinaryFocalLoss(2.0, (1, 3), hessian="reweighted"), X1, Y1, 4, old), X1)
    ).all()


# ---------------------------------------------------------------------- another loss
OTHERS = {
    "gamma": BinaryFocalLoss(3.0),
    "gammas": BinaryFocalLoss((2.0, 1.0)),
    "alpha": BinaryFocalLoss(2.0, 0.25),
    "balanced": BinaryFocalLoss(2.0, "balanced"),
    "smoothing": BinaryFocalLoss(2.0, label_smoothing=0.1),
}
ALL_WAYS = [*[(w, x_train) for w in (*X_WAYS, *X_FORGOTTEN)], *[(w, l_train) for w in L_WAYS]]


@pytest.mark.parametrize(("way", "first"), ALL_WAYS)
@pytest.mark.parametrize("other", OTHERS)
def test_another_loss_is_refused_before_training(way, first, other):
    old, loss = first(GAMMA, X1, Y1, 4), OTHERS[other]
    if way in X_FORGOTTEN:
        loss = loss.for_labels(Y1)
    with pytest.raises(ValueError, match=ANOTHER + ".*" + CURES):
        way(loss, X2, Y2, 4, old)


@pytest.mark.parametrize("way", [*X_WAYS, *X_FORGOTTEN])
@pytest.mark.parametrize("rounds", [1, 4])
def test_a_log_loss_model_of_xgboost_is_refused(way, rounds):
    plain = xgb.train({**X_PARAMS, "objective": "binary:logistic"}, dmatrix(X1, Y1), rounds)
    with pytest.raises(ValueError, match=r"xgb_model has no stored loss, must be .*loss.margin"):
        way(GAMMA, X2, Y2, 4, plain)


@pytest.mark.parametrize("way", L_WAYS)
def test_a_log_loss_model_of_lightgbm_is_refused(way, tmp_path):
    plain = lgb.train({**L_PARAMS, "objective": "binary"}, dataset(X1, Y1), 4)
    for source in l_sources(plain, tmp_path).values():
        with pytest.raises(ValueError, match=r"init_model has no stored loss, must be .*loss.margin"):
            way(GAMMA, X2, Y2, 4, source)


@pytest.mark.parametrize("way", L_FORGOTTEN)
@pytest.mark.parametrize("kind", ["focal", "plain"])
def test_lightgbm_without_start_continues_nothing(way, kind):
    params = {**L_PARAMS, "objective": "binary"}
    old = l_train(GAMMA, X1, Y1, 4) if kind == "focal" else lgb.train(params, dataset(X1, Y1), 4)
    for loss in (GAMMA, GAMMA.for_labels(Y2)):
        with pytest.raises(ValueError, match=r"init_model is continued without start\(loss\)"):
            way(loss, X2, Y2, 4, old)


@pytest.mark.parametrize("way", X_FORGOTTEN)
def test_xgboost_without_start_goes_on(way):
    loss = GAMMA.for_labels(Y1)
    old, whole = x_train(loss, X1, Y1, 4), x_train(loss, X1, Y1, 8)
    assert np.abs(x_margins(way(loss, X1, Y1, 4, old), X1) - x_margins(whole, X1)).max() < 2e-6


def test_a_model_without_a_record_can_be_given_one():
    """The cure that the error names."""
    for loss in (GAMMA, GAMMA.for_labels(Y1)):
        start = {"objective": "binary:logistic", "base_score": 0.5}
        if loss.intercept is not None:
            start["base_score"] = loss.base_score
        old = x_alone(loss, X1, Y1, 4, params=start)
        whole = x_alone(loss, X1, Y1, 8, params=start)
        for way in X_WAYS:
            with pytest.raises(ValueError, match=r"set_attr\(focalboost=loss.to_json\(\)\)"):
                way(loss, X1, Y1, 4, old)
        old.set_attr(focalboost=loss.to_json())
        for way in X_WAYS:
            found = way(loss, X1, Y1, 4, old)
            assert np.abs(x_margins(found, X1) - x_margins(whole, X1)).max() < 2e-6


def test_other_tasks_and_sizes_are_refused():
    X, y = classes(1)
    three = x_train(MulticlassFocalLoss(2.0), X, y, 4)
    for way in X_WAYS[:-1]:  # to the classifier 0 and 1 of three classes are those that occur this month
        with pytest.raises(ValueError, match=ANOTHER):
            way(GAMMA, X1, Y1, 2, three)
    four = np.where(X[:, 3] > 1.5, 3, y)
    for way in X_WAYS:
        with pytest.raises(ValueError, match=r"must"):
            way(MulticlassFocalLoss(2.0), X, four, 2, three)
    three = l_train(MulticlassFocalLoss(2.0), X, y, 4)
    # lightgbm.train and LGBMClassifier stop before any callback, in LightGBM's words.
    errors = (ValueError, lgb.basic.LightGBMError)
    for way in L_WAYS:
        if way is not l_classifier:
            with pytest.raises(errors, match=r"must|Number of class|Multiclass objective"):
                way(GAMMA, X1, Y1, 2, three)
        with pytest.raises(errors, match=r"must|Number of class|Multiclass objective"):
            way(MulticlassFocalLoss(2.0), X, four, 2, three)
    Xl, yl = labels(1)
    two = x_train(MultilabelFocalLoss(2.0), Xl, yl, 4)
    for way in X_WAYS:
        with pytest.raises(ValueError, match=r"must"):
            way(MultilabelFocalLoss(2.0), Xl, np.column_stack([yl, yl[:, 0]]), 2, two)


# ---------------------------------------------------------------------- classes
@pytest.mark.parametrize(("ways", "margins"), [(X_WAYS, x_margins), (L_WAYS, l_margins)])
def test_a_class_absent_this_month(ways, margins):
    X, y = classes(1)
    train, native_way, _sklearn, classifier = ways
    old = train(MulticlassFocalLoss(2.0, "balanced"), X, y, 4)
    stored = (fxgb if ways is X_WAYS else flgb).stored_loss(old)
    few = y < 2
    expected = margins(native_way(stored, X[few], y[few], 3, old), X)
    for way in (train, classifier):
        found = way(MulticlassFocalLoss(2.0, "balanced"), X[few], y[few], 3, old)
        assert np.abs(margins(found, X) - expected).max() < 2e-6
        assert (fxgb if ways is X_WAYS else flgb).stored_loss(found).alpha == stored.alpha
    for loss in (MulticlassFocalLoss(2.0, n_classes=3),):
        with pytest.raises(
            ValueError, match=r"class 2 of 3 has no rows.*stored_loss\(model\).*sample_weight=counts"
        ):
            native_way(loss, X[few], y[few], 3, old)
        with pytest.raises(ValueError, match=r"class 2 of 3 has no rows"):
            train(loss, X[few], y[few], 3)


@pytest.mark.parametrize(("ways", "margins"), [(X_WAYS, x_margins), (L_WAYS, l_margins)])
def test_only_one_class_this_month(ways, margins):
    train, native_way, _sklearn, classifier = ways
    stored_loss = (fxgb if ways is X_WAYS else flgb).stored_loss
    old = train(GAMMA, X1, Y1, 4)
    by_classifier = classifier(GAMMA, X1, Y1, 4)
    good = Y2 == 0
    expected = margins(native_way(stored_loss(old), X2[good], Y2[good], 3, old), X2)
    for way in (train, classifier):
        for model in (old, by_classifier):
            off = np.abs(margins(way(GAMMA, X2[good], Y2[good], 3, model), X2) - expected).max()
            assert off < 1e-5
        with pytest.raises(ValueError, match=r"both classes|2 or more"):
            way(GAMMA, X2[good], Y2[good], 3)


@pytest.mark.parametrize("focal", [fxgb.FocalXGBClassifier, flgb.FocalLGBMClassifier])
def test_flipped_and_unknown_classes(focal):
    """The classes are the model's, whatever order next month's labels would sort in."""
    options = X_SKLEARN if focal is fxgb.FocalXGBClassifier else L_SKLEARN
    name = "xgb_model" if focal is fxgb.FocalXGBClassifier else "init_model"
    make = lambda rounds: focal(n_estimators=rounds, **options)  # noqa: E731
    words = np.array(["good", "fraud"])
    old = make(4).fit(X1, words[Y1])
    new = make(4).fit(X1, words[Y1], **{name: old})
    assert new.classes_.tolist() == ["fraud", "good"]
    assert np.abs(new.predict_proba(X1) - make(8).fit(X1, words[Y1]).predict_proba(X1)).max() < 1e-5
    only = Y2 == 1
    frauds = make(4).fit(X2[only], words[Y2[only]], **{name: old})
    assert frauds.classes_.tolist() == ["fraud", "good"]
    assert frauds.predict_proba(X2)[:, 0].mean() > old.predict_proba(X2)[:, 0].mean()
    for other in (np.array(["ok", "fraud"]), np.array([0, 1]), np.array(["Good", "Fraud"])):
        with pytest.raises(ValueError, match=r"has the classes \['fraud', 'good'\]"):
            make(2).fit(X2, other[Y2], **{name: old})
    by_number = (x_train if focal is fxgb.FocalXGBClassifier else l_train)(GAMMA, X1, Y1, 4)
    with pytest.raises(ValueError, match=r"was trained without a classifier, y must have its classes 0, 1"):
        make(2).fit(X2, words[Y2], **{name: by_number})
    with pytest.raises(ValueError, match=r"was trained without a classifier, y must have its classes 0, 1"):
        make(2).fit(X2, Y2 + 1, **{name: by_number})
    with pytest.raises(ValueError, match=r"was trained without a classifier, y must have its classes 0, 1"):
        make(2).fit(X2, Y2 * 2 - 1, **{name: by_number})


# ---------------------------------------------------------------------- stopped early
def stopped():
    loss = GAMMA.for_labels(Y1)
    booster = fxgb.train(
        loss,
        {**X_PARAMS, "eta": 0.5},
        dmatrix(X1, Y1),
        60,
        evals=[(dmatrix(X2, Y2), "next")],
        early_stopping_rounds=5,
        verbose_eval=False,
    )
    assert 0 < booster.best_iteration < booster.num_boosted_rounds() - 1
    return loss, booster


@pytest.mark.parametrize("way", X_WAYS)
def test_a_model_of_xgboost_that_was_stopped_early_uses_its_new_trees(way, caplog):
    loss, old = stopped()
    best = old.best_iteration
    before = x_margins(old, X2)
    new = way(loss, X2, Y2, 7, old)
    assert new.attr("best_iteration") is None
    assert np.abs(x_margins(new, X2) - before).max() > 0.05
    if way in (x_train, x_classifier):
        assert new.num_boosted_rounds() == best + 1 + 7
        cut = old[: best + 1]
        cut.set_attr(best_iteration=None, best_score=None)
        assert np.array_equal(x_margins(new, X2), x_margins(way(loss, X2, Y2, 7, cut), X2))
    else:
        assert new.num_boosted_rounds() == old.num_boosted_rounds() + 7
        assert "goes on from the best round" in caplog.text
    assert old.attr("best_iteration") == str(best), "the old model is as it was"


@pytest.mark.parametrize("way", X_FORGOTTEN)
def test_stopped_early_without_start(way, caplog):
    loss, old = stopped()
    new = way(loss, X2, Y2, 7, old)
    assert new.attr("best_iteration") is None
    assert np.abs(x_margins(new, X2) - x_margins(old, X2)).max() > 0.05
    assert "focalboost.xgboost.train goes on from the best round" in caplog.text


def test_stopped_early_twice():
    loss, old = stopped()
    for _ in range(2):
        old = fxgb.train(
            loss,
            {**X_PARAMS, "eta": 0.5},
            dmatrix(X2, Y2),
            40,
            evals=[(dmatrix(X1, Y1), "before")],
            early_stopping_rounds=3,
            verbose_eval=False,
            xgb_model=old,
        )
        assert old.best_iteration < old.num_boosted_rounds()


def test_a_linear_model_that_was_stopped_early():
    loss = GAMMA.for_labels(Y1)
    params = {"booster": "gblinear", "updater": "coord_descent", "nthread": 1, "eta": 0.9}
    old = fxgb.train(
        loss,
        params,
        dmatrix(X1, Y1),
        80,
        evals=[(dmatrix(X2, Y2), "next")],
        early_stopping_rounds=2,
        verbose_eval=False,
    )
    new = fxgb.train(loss, params, dmatrix(X2, Y2), 3, xgb_model=old)
    assert new.attr("best_iteration") is None


def test_a_model_of_lightgbm_that_was_stopped_early():
    loss = GAMMA.for_labels(Y1)
    train_set = dataset(X1, Y1)
    old = flgb.train(
        loss,
        L_PARAMS,
        train_set,
        80,
        valid_sets=[train_set.create_valid(X2, Y2)],
        callbacks=[lgb.early_stopping(3, verbose=False)],
    )
    assert old.num_trees() == old.best_iteration
    for way in L_WAYS:
        new = way(loss, X2, Y2, 5, old)
        assert new.num_trees() == old.num_trees() + 5
        assert np.abs(l_margins(new, X2) - l_margins(old, X2)).max() > 0.05


# ---------------------------------------------------------------------- cv goes on
def test_cv_with_init_model():
    old = l_train(GAMMA, X1, Y1, 4)
    history = flgb.cv(GAMMA, L_PARAMS, dataset(X2, Y2), 3, nfold=3, init_model=old)
    first = history["valid focal_loss-mean"][0]
    fresh = flgb.cv(GAMMA, L_PARAMS, dataset(X2, Y2), 5, nfold=3)["valid focal_loss-mean"]
    assert first < fresh[0]
    with pytest.raises(ValueError, match=ANOTHER):
        flgb.cv(BinaryFocalLoss(3.0), L_PARAMS, dataset(X2, Y2), 3, nfold=3, init_model=old)
    loss = GAMMA.for_labels(Y2)
    params = {**L_PARAMS, "objective": loss, "metric": "None"}
    theirs = lgb.cv(
        params,
        dataset(X2, Y2),
        3,
        nfold=3,
        init_model=old,
        feval=loss.metric,
        callbacks=[flgb.start(loss)],
    )
    assert theirs["valid focal_loss-mean"] == pytest.approx(history["valid focal_loss-mean"], rel=1e-6)
    other = BinaryFocalLoss(3.0).for_labels(Y2)
    with pytest.raises(ValueError, match=ANOTHER):
        lgb.cv(
            {**params, "objective": other}, dataset(X2, Y2), 3, init_model=old, callbacks=[flgb.start(other)]
        )


# ---------------------------------------------------------------------- by hand
def test_rounds_by_hand():
    loss = GAMMA.for_labels(Y1)
    data = dmatrix(X1, Y1)
    whole = x_margins(x_train(loss, X1, Y1, 8), X1)
    booster = x_train(loss, X1, Y1, 4)
    for i in range(4):
        booster.update(data, 4 + i, fobj=loss)
    assert np.abs(x_margins(booster, X1) - whole).max() < 2e-6
    with pytest.raises(ValueError, match=r"must have the same gamma"):
        booster.update(data, 8, fobj=BinaryFocalLoss(3.0))
    booster = xgb.Booster({**X_PARAMS, "objective": "binary:logistic", "base_score": 0.5}, [data])
    booster.update(data, 0, fobj=GAMMA)
    booster.update(data, 1, fobj=BinaryFocalLoss(2.0))
    with pytest.raises(ValueError, match=r"must have the same gamma"):
        booster.update(data, 2, fobj=BinaryFocalLoss(3.0))


def test_record_and_base_score_of_a_continued_model_stay():
    old = x_native(GAMMA, X1, Y1, 4)
    for way in X_WAYS:
        new = way(GAMMA, X2, Y2, 4, old)
        assert fxgb.stored_loss(new).intercept == fxgb.stored_loss(old).intercept
        first = x_margins(new[:4], X1)
        assert np.abs(first - x_margins(old, X1)).max() < 1e-6


def test_an_init_score_beside_init_model_is_refused():
    """LightGBM puts the old model's margins in its place, without a word at verbosity -1."""
    old, score = l_train(GAMMA, X1, Y1, 4), np.full(len(Y2), -1.0)
    match = "has an init_score, must have none beside init_model"
    with pytest.raises(ValueError, match=match):
        flgb.train(GAMMA, L_PARAMS, dataset(X2, Y2, init_score=score), 2, init_model=old)
    with pytest.raises(ValueError, match=match):
        flgb.cv(GAMMA, L_PARAMS, dataset(X2, Y2, init_score=score), 2, init_model=old)
    with pytest.raises(ValueError, match=match):
        flgb.FocalLGBMClassifier(**L_SKLEARN).fit(X2, Y2, init_score=score, init_model=old)


def test_a_data_set_goes_on_twice():
    """What LightGBM leaves on it is not taken for the user's init_score."""
    data, old = dataset(X2, Y2, free_raw_data=False), l_train(GAMMA, X1, Y1, 4)
    first, second = (flgb.train(GAMMA, L_PARAMS, data, 2, init_model=old) for _ in range(2))
    assert np.abs(l_margins(first, X2) - l_margins(second, X2)).max() < 1e-12
    other = l_train(GAMMA, X2, Y2, 3)
    third = flgb.train(GAMMA, L_PARAMS, data, 2, init_model=other)
    wanted = flgb.train(GAMMA, L_PARAMS, dataset(X2, Y2), 2, init_model=other)
    assert np.abs(l_margins(third, X2) - l_margins(wanted, X2)).max() < 1e-12
