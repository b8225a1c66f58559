"""Parameters that would move the start, the transform or the weights: refused, fresh and continued."""

import numpy as np
import pytest

from focalboost import BinaryFocalLoss, MulticlassFocalLoss
from tests.around.ways import (
    L_FORGOTTEN,
    L_PARAMS,
    L_WAYS,
    X1,
    X2,
    X_FORGOTTEN,
    X_PARAMS,
    X_WAYS,
    Y1,
    Y2,
    classes,
    dataset,
    dmatrix,
    flgb,
    fxgb,
    l_native,
    l_train,
    lgb,
    x_alone,
    x_margins,
    x_native,
    x_sklearn_alone,
    x_train,
)

GAMMA = BinaryFocalLoss(2.0)
CONTINUED = "the continued model has"


@pytest.mark.parametrize("way", X_WAYS)
@pytest.mark.parametrize("base_score", [0.5, 0.01])
def test_base_score(way, base_score):
    params = {"base_score": base_score}
    with pytest.raises(ValueError, match=r"base_score == .* must be (left out|None).*(best constant)"):
        way(GAMMA, X1, Y1, 2, None, params)
    old = way(GAMMA, X1, Y1, 4)
    with pytest.raises(
        ValueError, match=f"base_score == .* must be (left out|None).*(best constant|{CONTINUED})"
    ):
        way(GAMMA, X2, Y2, 2, old, params)


@pytest.mark.parametrize("way", X_FORGOTTEN)
def test_base_score_without_start(way):
    """A continued model whose base_score moves would say .9998 at a rate of .08."""
    loss = GAMMA.for_labels(Y1)
    old = x_train(loss, X1, Y1, 4)
    with pytest.raises(ValueError, match=f"base_score == 0.9 in params, must be left out.*{CONTINUED}"):
        way(loss, X1, Y1, 2, old, {"base_score": 0.9})


@pytest.mark.parametrize("way", [x_train, x_native])
@pytest.mark.parametrize("objective", ["reg:logistic", "binary:hinge", "reg:squarederror", "binary:logitraw"])
def test_objective(way, objective):
    params = {"objective": objective}
    if objective != "reg:squarederror" or way is x_train:
        with pytest.raises(ValueError, match=f"objective == '{objective}' in params, must be left out"):
            way(GAMMA, X1, Y1, 2, None, params)
    else:  # XGBoost's own default, which start replaces
        found = way(GAMMA, X1, Y1, 2, None, params)
        assert np.array_equal(x_margins(found, X1), x_margins(way(GAMMA, X1, Y1, 2), X1))
    old = way(GAMMA, X1, Y1, 4)
    with pytest.raises(ValueError, match=f"objective == '{objective}' in params, must be left out"):
        way(GAMMA, X2, Y2, 2, old, params)


def test_objective_without_start():
    loss = GAMMA.for_labels(Y1)
    old = x_train(loss, X1, Y1, 4)
    for objective in ("reg:squarederror", "binary:hinge"):
        with pytest.raises(ValueError, match=f"objective == '{objective}' in params, must be left out"):
            x_alone(loss, X1, Y1, 2, old, {"objective": objective})


@pytest.mark.parametrize("way", [x_train, x_native])
def test_the_losses_own_objective_changes_nothing(way):
    old = way(GAMMA, X1, Y1, 4)
    params = {"objective": "binary:logistic"}
    assert np.array_equal(x_margins(way(GAMMA, X1, Y1, 4, None, params), X1), x_margins(old, X1))
    way(GAMMA, X2, Y2, 4, old, params)


def test_objective_of_the_classifiers():
    for focal in (fxgb.FocalXGBClassifier, flgb.FocalLGBMClassifier):
        with pytest.raises(
            ValueError, match=r"objective == 'binary:logistic', must be None.*focal_gamma=0 is log loss"
        ):
            focal(objective="binary:logistic").fit(X1, Y1)


def test_obj_beside_the_loss():
    with pytest.raises(TypeError, match=r"obj"):
        fxgb.train(GAMMA, X_PARAMS, dmatrix(X1, Y1), 2, obj=GAMMA)
    with pytest.raises(ValueError, match=r"obj is given, must be left out"):
        fxgb.cv(GAMMA, X_PARAMS, dmatrix(X1, Y1), 2, obj=GAMMA)
    for other in ("binary", BinaryFocalLoss(1.0)):
        with pytest.raises(ValueError, match=r"objective == .* in params, must be left out: the loss is the"):
            flgb.train(GAMMA, {**L_PARAMS, "objective": other}, dataset(X1, Y1), 2)


@pytest.mark.parametrize("way", [*X_WAYS, *X_FORGOTTEN])
def test_scale_pos_weight_of_xgboost(way):
    params = {"scale_pos_weight": 7}
    loss = GAMMA.for_labels(Y1)
    if way is x_alone:
        params |= {"objective": "binary:logistic", "base_score": loss.base_score}
    if way is x_sklearn_alone:
        loss = GAMMA
    with pytest.raises(ValueError, match=r"scale_pos_weight == 7, must be 1.*alpha"):
        way(loss, X1, Y1, 2, None, params)
    old = x_train(GAMMA.for_labels(Y1), X1, Y1, 2)
    with pytest.raises(ValueError, match=r"scale_pos_weight == 7, must be 1.*alpha"):
        way(GAMMA.for_labels(Y1), X1, Y1, 2, old, {"scale_pos_weight": 7})


L_IGNORED = {
    "scale_pos_weight": 7,
    "is_unbalance": True,
    "unbalance": True,
    "boost_from_average": True,
    "sigmoid": 2.0,
    "pos_bagging_fraction": 0.5,
    "neg_subsample": 0.5,
    "alpha": 0.25,
}


@pytest.mark.parametrize("way", [*L_WAYS, *L_FORGOTTEN])
@pytest.mark.parametrize("name", L_IGNORED)
def test_what_lightgbm_ignores(way, name):
    params = {name: L_IGNORED[name]}
    with pytest.raises(ValueError, match=f"{name} == .*must be"):
        way(GAMMA, X1, Y1, 2, None, params)
    if way in L_WAYS:
        with pytest.raises(ValueError, match=f"{name} == .*must be"):
            way(GAMMA, X2, Y2, 2, l_train(GAMMA, X1, Y1, 2), params)


def test_no_cure_names_what_is_gone():
    for params in ({"boost_from_average": True},):
        with pytest.raises(ValueError, match=r"focalboost.lightgbm.train or callbacks=\[focalboost"):
            l_train(GAMMA, X1, Y1, 2, None, params)


def test_num_class():
    X, y = classes(1)
    loss = MulticlassFocalLoss(2.0)
    for way in (x_train, x_native):
        with pytest.raises(ValueError, match=r"num_class == 4, must be 3.*Leave num_class out"):
            way(loss, X, y, 2, None, {"num_class": 4})
        old = way(loss, X, y, 2)
        with pytest.raises(ValueError, match=r"num_class == 4, must be 3|should match the number of outputs"):
            way(loss, X, y, 2, old, {"num_class": 4})
        way(loss, X, y, 2, None, {"num_class": 3})
    for way in (l_train, l_native):
        with pytest.raises(ValueError, match=r"loss has 3 outputs, booster has 4"):
            way(loss, X, y, 2, None, {"num_class": 4})
    with pytest.raises(ValueError, match=r"set num_class=3 in params"):
        lgb.train(
            {**L_PARAMS, "objective": (r := loss.for_labels(y))}, dataset(X, y), 2, callbacks=[flgb.start(r)]
        )
    for focal in (fxgb.FocalXGBClassifier, flgb.FocalLGBMClassifier):
        with pytest.raises(ValueError, match=r"num_class == 3, must be None.*the classes are counted"):
            focal(num_class=3).fit(X, y)


@pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated")  # LightGBM 4.6 has no other
def test_metrics_that_lightgbm_hands_half_a_score():
    train_set = dataset(X1, Y1)
    valid = [train_set.create_valid(X2, Y2)]
    loss = GAMMA.for_labels(Y1)
    for metric in ("binary_logloss", "l2", ["auc", "binary_error"]):
        with pytest.raises(ValueError, match=r"metric == .* in params, must be one of 'auc'"):
            flgb.train(loss, {**L_PARAMS, "metric": metric}, dataset(X1, Y1), 2, valid_sets=valid)
        with pytest.raises(ValueError, match=r"metric == .* in params, must be one of 'auc'"):
            lgb.train(
                {**L_PARAMS, "metric": metric, "objective": loss},
                train_set,
                2,
                valid_sets=valid,
                callbacks=[flgb.start(loss)],
            )
        with pytest.raises(ValueError, match=r"metric == .* in params, must be one of 'auc'"):
            lgb.train({**L_PARAMS, "metric": metric, "objective": GAMMA}, train_set, 2, valid_sets=valid)
    # LightGBM's classifier adds its own metric, binary_logloss, and early stopping would listen to it.
    model = lgb.LGBMClassifier(objective=GAMMA, n_estimators=2, verbosity=-1)
    with pytest.raises(ValueError, match=r"metric == 'binary_logloss' in params, must be one of 'auc'"):
        model.fit(X1, Y1, eval_set=[(X2, Y2)])
    model.set_params(metric="None").fit(X1, Y1, eval_set=[(X2, Y2)], eval_metric=GAMMA.metric)
    assert set(model.evals_result_["valid_0"]) == {"focal_loss"}
    found = {}
    flgb.train(
        loss,
        {**L_PARAMS, "metric": "auc"},
        (train_set := dataset(X1, Y1)),
        2,
        valid_sets=[train_set.create_valid(X2, Y2)],
        callbacks=[lgb.record_evaluation(found)],
    )
    assert set(found["valid_0"]) == {"auc", "focal_loss"}


def test_random_forest_of_lightgbm():
    with pytest.raises(ValueError, match=r"boosting_type == 'rf', must be 'gbdt' or 'dart'"):
        flgb.FocalLGBMClassifier(boosting_type="rf").fit(X1, Y1)
    for way in (l_train, l_native):
        with pytest.raises((ValueError, lgb.basic.LightGBMError), match=r"(?i)rf|random forest"):
            way(GAMMA, X1, Y1, 2, None, {"boosting": "rf", "bagging_fraction": 0.5, "bagging_freq": 1})


@pytest.mark.parametrize("way", [*X_WAYS])
def test_a_smoothed_loss_says_its_smoothed_rate(way):
    """As the parameter's documentation has it: p + s (1/2 - p), but for the shift at fit."""
    booster = way(BinaryFocalLoss(2.0, label_smoothing=0.1), X1, Y1, 10)
    loss = fxgb.stored_loss(booster)
    assert loss.posterior(x_margins(booster, X1)).mean() == pytest.approx(Y1.mean(), rel=1e-6)
    p = loss.with_shift(None).posterior(x_margins(booster, X1))
    assert p.mean() == pytest.approx(Y1.mean() + 0.1 * (0.5 - Y1.mean()), abs=0.02)


@pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated")  # LightGBM 4.6 has no other
def test_a_metric_with_the_name_of_the_losss_own_is_refused():
    """In the history and in early stopping the two would be one."""

    def focal_loss(*_):  # as pasted metrics are called
        return "focal_loss", 1.0, False

    def of_classifier(y_true, y_pred):
        return 1.0

    of_classifier.__name__ = "focal_loss"
    text = r"a metric is named 'focal_loss', must have another name: .*Rename yours, or leave it out"
    with pytest.raises(ValueError, match=text):
        flgb.train(GAMMA, L_PARAMS, dataset(X1, Y1), 2, valid_sets=[dataset(X2, Y2)], feval=focal_loss)
    with pytest.raises(ValueError, match=text):
        flgb.cv(GAMMA, L_PARAMS, dataset(X1, Y1), 2, nfold=2, feval=[focal_loss])
    d1, d2 = dmatrix(X1, Y1), dmatrix(X2, Y2)
    with pytest.raises(ValueError, match=text):
        fxgb.train(GAMMA, {}, d1, 2, evals=[(d2, "v")], custom_metric=lambda *_: ("focal_loss", 1.0))
    with pytest.raises(ValueError, match=text):
        fxgb.cv(GAMMA, {}, d1, 2, nfold=2, custom_metric=lambda *_: [("focal_loss", 1.0)])
    with pytest.raises(ValueError, match=text):
        fxgb.FocalXGBClassifier(n_estimators=2, eval_metric=of_classifier).fit(
            X1, Y1, eval_set=[(X2, Y2)], verbose=False
        )
    with pytest.raises(ValueError, match=text):
        flgb.FocalLGBMClassifier(n_estimators=2, verbosity=-1).fit(
            X1, Y1, eval_set=[(X2, Y2)], eval_metric=lambda *_: ("focal_loss", 1.0, False)
        )
