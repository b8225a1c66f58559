"""Names that nobody knows, or that mean something else: an error, or a word."""

import numpy as np
import pytest

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss
from tests.around.ways import (
    L_PARAMS,
    L_SKLEARN,
    X1,
    X_PARAMS,
    X_SKLEARN,
    Y1,
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
    x_classifier,
    x_margins,
    x_train,
)

GAMMA = BinaryFocalLoss(2.0)
UNKNOWN = {
    "focal_gama": ("focal_gamma", "focal_gama == 3 is no parameter of {}, must be one"),
    "max_dept": ("max_depth", "Did you mean 'max_depth'"),
    "learning_rat": ("learning_rate", "Did you mean 'learning_rate'"),
    "zzz": ("zzz", "zzz == 3 is no parameter of {}.*Leave it out"),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_names_that_nobody_knows(name):
    match = UNKNOWN[name][1]
    for run, owner in (
        (lambda p: x_train(GAMMA, X1, Y1, 2, None, p), "XGBoost"),
        (lambda p: fxgb.cv(GAMMA, {**X_PARAMS, **p}, dmatrix(X1, Y1), 2), "XGBoost"),
        (lambda p: x_classifier(GAMMA, X1, Y1, 2, None, p), "XGBClassifier"),
        (lambda p: l_train(GAMMA, X1, Y1, 2, None, p), "LightGBM"),
        (lambda p: l_native(GAMMA, X1, Y1, 2, None, p), "LightGBM"),
        (lambda p: flgb.cv(GAMMA, {**L_PARAMS, **p}, dataset(X1, Y1), 2), "LightGBM"),
        (lambda p: l_sklearn(GAMMA, X1, Y1, 2, None, p), "LightGBM"),
        (lambda p: l_classifier(GAMMA, X1, Y1, 2, None, p), "LGBMClassifier"),
    ):
        with pytest.raises(ValueError, match=match.format(owner)):
            run({name: 3})
        if owner in ("XGBClassifier", "LGBMClassifier"):
            model = fxgb.FocalXGBClassifier() if owner == "XGBClassifier" else flgb.FocalLGBMClassifier()
            with pytest.raises(ValueError, match=match.format(owner)):
                model.set_params(**{name: 3}).fit(X1, Y1)


@pytest.mark.parametrize("name", ["focal_gamma", "focal_alpha", "class_weight", "label_smoothing", "hessian"])
def test_focal_names_belong_to_the_loss(name):
    focal = {"class_weight": "alpha"}.get(name, name.removeprefix("focal_"))
    for way in (x_train, l_train, l_native):
        with pytest.raises(ValueError, match=f"{name} == .*Pass {focal} to the loss"):
            way(GAMMA, X1, Y1, 2, None, {name: 0.5})


@pytest.mark.parametrize(
    "name", ["class_weight", "class_weights", "label_smoothing", "hessian", "focal_loss_gamma"]
)
def test_names_without_the_prefix(name):
    with pytest.raises(ValueError, match=f"{name} == .*For focal loss pass focal_"):
        fxgb.FocalXGBClassifier(**{name: 0.5}).fit(X1, Y1)
    if name != "class_weight":  # LGBMClassifier's own
        with pytest.raises(ValueError, match=f"{name} == .*For focal loss pass focal_"):
            flgb.FocalLGBMClassifier(**{name: 0.5}).fit(X1, Y1)


def test_gamma_and_alpha_of_the_boosters():
    with pytest.warns(
        UserWarning, match=r"gamma == 5 is XGBoost's min_split_loss. For focal loss pass focal_gamma"
    ):
        fxgb.FocalXGBClassifier(gamma=5, n_estimators=2, n_jobs=1).fit(X1, Y1)
    with pytest.warns(
        UserWarning, match=r"alpha == 0.25 is XGBoost's reg_alpha. For focal loss pass focal_alpha"
    ):
        fxgb.FocalXGBClassifier(alpha=0.25, n_estimators=2, n_jobs=1).fit(X1, Y1)
    fxgb.FocalXGBClassifier(gamma=5, focal_gamma=1.0, n_estimators=2, n_jobs=1).fit(X1, Y1)
    for name in ("alpha", "gamma"):
        for make in (
            lambda n: flgb.FocalLGBMClassifier(**{n: 0.25}),
            lambda n: flgb.FocalLGBMClassifier().set_params(**{n: 0.25}),
        ):
            with pytest.raises(ValueError, match=f"{name} == 0.25, must be left out.*pass focal_{name}"):
                make(name).fit(X1, Y1)
    with pytest.raises(ValueError, match=r"gamma == 5 is no parameter of LightGBM.*Pass gamma to the loss"):
        l_train(GAMMA, X1, Y1, 2, None, {"gamma": 5})


X_KNOWN = {
    "eta": 0.1, "learning_rate": 0.1, "max_depth": 2, "max_leaves": 4, "min_child_weight": 1, "gamma": 0,
    "min_split_loss": 0, "lambda": 1, "reg_lambda": 1, "alpha": 0, "reg_alpha": 0, "subsample": 0.9,
    "sampling_method": "uniform", "colsample_bytree": 0.9, "colsample_bylevel": 0.9, "colsample_bynode": 0.9,
    "max_delta_step": 1, "tree_method": "hist", "grow_policy": "depthwise", "max_bin": 64, "nthread": 1,
    "n_jobs": 1, "seed": 1, "random_state": 1, "seed_per_iteration": False, "verbosity": 0, "device": "cpu",
    "num_parallel_tree": 1, "multi_strategy": "one_output_per_tree", "monotone_constraints": "(0,0,0,0,0)",
    "interaction_constraints": "[[0,1],[2,3,4]]", "max_cat_to_onehot": 4, "max_cat_threshold": 64,
    "validate_parameters": True, "process_type": "default", "refresh_leaf": 1, "booster": "gbtree",
    "eval_metric": "auc", "disable_default_eval_metric": True, "max_cached_hist_node": 64,
}  # fmt: skip


def test_names_of_xgboost_pass():
    x_train(GAMMA, X1, Y1, 2, None, {k: v for k, v in X_KNOWN.items() if k != "reg_lambda"})
    for name, value in X_KNOWN.items():
        fxgb._train._own_params(GAMMA, {name: value})
    for name, value in {"rate_drop": 0.1, "skip_drop": 0.5, "one_drop": 0, "sample_type": "uniform",
                        "normalize_type": "tree"}.items():  # fmt: skip
        fxgb._train._own_params(GAMMA, {"booster": "dart", name: value})
    for name, value in {"feature_selector": "cyclic", "top_k": 0}.items():
        fxgb._train._own_params(GAMMA, {"booster": "gblinear", name: value})


def test_names_of_lightgbm_pass():
    known = {
        "eta": 0.1, "num_leaf": 7, "min_child_samples": 5, "subsample": 0.9, "subsample_freq": 1,
        "colsample_bytree": 0.9, "random_state": 1, "extra_trees": True, "path_smooth": 1.0, "max_bin": 63,
        "force_row_wise": True, "n_jobs": 1, "verbose": -1, "linear_tree": False,
        "cat_smooth": 5, "use_quantized_grad": False, "early_stopping_round": 0, "min_gain_to_split": 0.1,
    }  # fmt: skip
    l_train(GAMMA, X1, Y1, 2, None, known)
    l_native(GAMMA, X1, Y1, 2, None, known)


# ---------------------------------------------------------------------- weights by class
@pytest.mark.parametrize("ways", [(x_train, x_classifier, fxgb), (l_train, l_classifier, flgb)])
def test_alpha_as_a_dict(ways):
    X, y = classes(1)
    train, _classifier, module = ways
    by_tuple = train(MulticlassFocalLoss(2.0, (1.0, 2.0, 5.0)), X, y, 2)
    by_dict = train(MulticlassFocalLoss(2.0, {2: 5.0, 0: 1.0, 1: 2.0}), X, y, 2)
    assert module.stored_loss(by_tuple) == module.stored_loss(by_dict)
    focal = module.FocalXGBClassifier if module is fxgb else module.FocalLGBMClassifier
    options = {"n_estimators": 2, **(X_SKLEARN if module is fxgb else L_SKLEARN)}
    words = np.array(["a", "c", "b"])
    found = focal(focal_alpha={"a": 1.0, "b": 5.0, "c": 2.0}, **options).fit(X, words[y])
    assert found.loss_.alpha == (1.0, 5.0, 2.0)
    with pytest.raises(ValueError, match=r"focal_alpha has no value for class 'c'"):
        focal(focal_alpha={"a": 1.0, "b": 5.0}, **options).fit(X, words[y])
    with pytest.raises(ValueError, match=r"must be one weight per class, in the order of the"):
        MulticlassFocalLoss(2.0, 0.25)


@pytest.mark.parametrize("ways", [(x_train, x_classifier), (l_train, l_classifier)])
@pytest.mark.parametrize("alpha", [None, "balanced"])
def test_a_label_without_a_positive_row_trains(ways, alpha):
    X, y = labels(1)
    y = np.column_stack([y, np.zeros(len(y), int)])
    for way in ways:
        with pytest.warns(UserWarning, match=r"y\[:, 2\] == 0 in all rows with weight"):
            booster = way(MultilabelFocalLoss(2.0, alpha), X, y, 30)
        module, margins = (fxgb, x_margins) if ways[0] is x_train else (flgb, l_margins)
        p = module.stored_loss(booster).posterior(margins(booster, X))
        assert p[:, :2].mean(axis=0) == pytest.approx(y[:, :2].mean(axis=0), abs=0.03)
        assert p[:, 2].max() < 0.01
