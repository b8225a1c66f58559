"""Folds of either booster: data binned once, weights, rounds, kinds of boosting, memory, bad parameters."""

import logging
from types import SimpleNamespace

import numpy as np
import pytest
from optuna.trial import FixedTrial
from sklearn.metrics import average_precision_score, log_loss
from sklearn.model_selection import StratifiedKFold

from focalboost.tuning._folds import FoldLoss, Turn
from tests.tuning.helpers import (
    BINARY,
    BOOSTERS,
    COARSE,
    MULTICLASS,
    MULTILABEL,
    POINT,
    POINTS,
    SMALL,
    WEIGHT,
    N,
    fitted_scores,
    focal_only,
    make,
    new_classifier,
)


@pytest.mark.parametrize("booster", BOOSTERS)
@pytest.mark.parametrize(
    ("y", "scoring"), [(BINARY, "average_precision"), (MULTICLASS, "neg_log_loss"), (MULTILABEL, "roc_auc")]
)
def test_kept_data_gives_the_scores_of_fresh_data(booster, y, scoring):
    kept, fresh = (make(booster, y, scoring=scoring, cache=cache) for cache in (True, False))
    other = {**POINTS[booster], "focal_gamma": 3.0, "learning_rate": 0.1, "colsample_bytree": 1.0}
    for point in (POINTS[booster], other, POINTS[booster]):
        assert kept(FixedTrial(point)) == fresh(FixedTrial(point))
    assert kept.cache_bytes > 0
    assert fresh.cache_bytes == 0


@pytest.mark.parametrize("booster", BOOSTERS)
@pytest.mark.parametrize(("cache", "expected"), [(True, [0, 1, 2]), (False, [0, 1, 2, 0, 1, 2])])
def test_data_is_binned_once_if_it_is_kept(booster, cache, expected, monkeypatch):
    objective = make(booster, cache=cache)
    binned = []
    of_folds = objective._folds._bin

    def counting(fold, *others):
        binned.append(fold)
        return of_folds(fold, *others)

    monkeypatch.setattr(objective._folds, "_bin", counting)
    for gamma in (0.0, 1.0):
        objective(FixedTrial({**POINTS[booster], "focal_gamma": gamma}))
    assert binned == expected


@pytest.mark.parametrize("booster", BOOSTERS)
def test_without_early_stopping_every_round_counts(booster):
    objective = make(booster, early_stopping_rounds=None)
    trial = FixedTrial(POINTS[booster])
    objective(trial)
    assert trial.user_attrs["fold_rounds"] == [12, 12, 12]
    assert trial.user_attrs["num_boost_round"] == 12


# ---------------------------------------------------------------------- weights
def weighing(seen):
    def metric(y_true, y_score, sample_weight=None):
        seen.append(sample_weight)
        return average_precision_score(y_true, y_score, sample_weight=sample_weight)

    return metric


@pytest.mark.parametrize("booster", BOOSTERS)
def test_weights_count_in_training_and_in_the_score(booster):
    seen, point = [], {"focal_gamma": 1.5, "focal_alpha_power": 0.5}
    weighted = make(
        booster,
        data=COARSE,
        scoring=weighing(seen),
        sample_weight=WEIGHT,
        early_stopping_rounds=None,
        space=focal_only,
    )
    trial = FixedTrial(point)
    weighted(trial)
    expected = fitted_scores(booster, COARSE, weighted.splits, {**point, **SMALL[booster]}, WEIGHT)
    assert trial.user_attrs["fold_scores"] == pytest.approx(expected, abs=1e-12)
    for weight, (_, valid) in zip(seen, weighted.splits, strict=True):
        np.testing.assert_array_equal(weight, WEIGHT[valid])


@pytest.mark.parametrize("booster", BOOSTERS)
def test_a_weight_of_k_is_k_rows(booster):
    weight = np.random.default_rng(2).integers(1, 5, N)
    repeated = np.repeat(np.arange(N), weight)
    # Leaves are told apart by weights alone: LightGBM counts rows, and XGBoost's trees are small.
    fixed = SMALL[booster] if booster == "xgboost" else {**SMALL[booster], "min_child_samples": 1}
    options = {"fixed": fixed, "space": focal_only}
    splits = list(StratifiedKFold(3).split(COARSE, BINARY))
    masks = [tuple(np.isin(repeated, rows) for rows in split) for split in splits]
    one = make(booster, data=COARSE, sample_weight=weight, cv=splits, **options)
    other = make(booster, y=BINARY[repeated], data=COARSE[repeated], cv=masks, **options)
    plain = make(booster, data=COARSE, cv=splits, **options)
    trials = [FixedTrial({"focal_gamma": 1.5, "focal_alpha_power": 0.5}) for _ in range(3)]
    for objective, trial in zip((one, other, plain), trials, strict=True):
        objective(trial)
    by_weight, by_rows, without = (trial.user_attrs for trial in trials)
    assert by_weight["fold_rounds"] == by_rows["fold_rounds"]
    assert by_weight["fold_scores"] == pytest.approx(by_rows["fold_scores"], abs=1e-9)
    # Without weights the scores would be others by far.
    assert min(np.abs(np.subtract(by_weight["fold_scores"], without["fold_scores"]))) > 0.01


# ---------------------------------------------------------------------- what the bins depend on
@pytest.mark.parametrize("booster", BOOSTERS)
def test_bins_may_vary_without_cache(booster):
    objective = make(
        booster, space=lambda trial: {"max_bin": trial.suggest_int("max_bin", 8, 255)}, cache=False
    )
    few, many = (objective(FixedTrial({"max_bin": bins})) for bins in (8, 255))
    assert few != many
    for bins, value in ((8, few), (255, many)):
        fixed = make(booster, fixed={**SMALL[booster], "max_bin": bins}, space=lambda trial: {})
        assert fixed(FixedTrial({})) == value


@pytest.mark.parametrize("booster", BOOSTERS)
def test_dart_is_scored_as_it_would_be_fitted(booster):
    name = "booster" if booster == "xgboost" else "boosting_type"
    # LightGBM drops all trees: by chance it drops others in the same process, since with an objective of
    # Python its first draw depends on a variable that is not set (is_update_score_cur_iter_ in dart.hpp).
    drop = {"drop_rate": 1.0, "skip_drop": 0.0, "uniform_drop": True}
    if booster == "xgboost":
        drop = {"rate_drop": 0.5}
    fixed = {**SMALL[booster], name: "dart", **drop}
    with pytest.raises(ValueError, match=rf"{name} == 'dart' with early stopping"):
        make(booster, fixed=fixed)(FixedTrial(POINTS[booster]))
    cv = [(np.arange(800), np.arange(800, N))]
    options = {"fixed": fixed, "early_stopping_rounds": None, "space": focal_only}
    objective = make(booster, data=COARSE, cv=cv, **options)
    point = {"focal_gamma": 1.0, "focal_alpha_power": 0.0}
    value = objective(FixedTrial(point))
    model = make(booster, y=BINARY[:800], data=COARSE[:800], **options).refit(point)
    fitted = average_precision_score(BINARY[800:], model.decision_function(COARSE[800:]))
    assert value == pytest.approx(fitted, abs=1e-9)
    trees = make(booster, data=COARSE, cv=cv, **{**options, "fixed": SMALL[booster]})
    assert value != pytest.approx(trees(FixedTrial(point)), abs=1e-3)


# ---------------------------------------------------------------------- memory
def test_memory_is_stated_before_it_is_taken(caplog, monkeypatch):
    import psutil

    with caplog.at_level(logging.INFO, logger="focalboost"):
        objective = make()
    assert "tuning keeps the binned data of 3 folds, about" in caplog.text
    assert objective.cache_bytes == pytest.approx(3 * N * (2.5 * 8 + 25), rel=0.01)
    assert make("lightgbm").cache_bytes == pytest.approx(4 * N * (1.1 * 8 + 15), rel=0.01)
    assert objective._folds.bins().folds == {}
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=1000))
    with pytest.warns(ResourceWarning, match=r"cache == True needs about .* GB are free: pass cache=False"):
        make()
    caplog.clear()
    with caplog.at_level(logging.INFO, logger="focalboost"):
        make(cache=False)  # a warning would be an error
    assert caplog.text == ""


# ---------------------------------------------------------------------- bad input
@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"fixed": {"early_stopping_min_delta": 1.0}, "booster": "lightgbm"},
            r"fixed has 'early_stopping_min_delta', must leave it out",
        ),
        ({"fixed": {"name": "x"}}, r"fixed has 'name', must be a parameter of FocalXGBClassifier"),
        (
            {"fixed": {"n_estimators": 10}},
            r"fixed has 'n_estimators', must leave it out. Pass it as num_boost",
        ),
        ({"fixed": {"n_jobs": 10}}, r"fixed has 'n_jobs', must leave it out. Pass it to CrossValidated"),
        ({"fixed": {"eta": 0.1}}, r"fixed has 'eta', must have 'learning_rate', as XGBoost calls it in"),
        (
            {"fixed": {"max_deepth": 3}},
            r"fixed has 'max_deepth', must be a parameter of FocalXGBClassifier or one of XGBoost's",
        ),
        (
            {"fixed": {"min_data_in_leef": 3}, "booster": "lightgbm"},
            r"fixed has 'min_data_in_leef', must be a parameter of FocalLGBMClassifier or one of LightGBM's",
        ),
        (
            {"fixed": {"lambda_l2": 3}, "booster": "lightgbm"},
            r"fixed has 'lambda_l2', must have 'reg_lambda', as LightGBM calls it",
        ),
    ],
)
def test_bad_construction(options, text):
    with pytest.raises(ValueError, match=text):
        make(**options)


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"max_deepth": 3}, r"space has 'max_deepth', must be a parameter of FocalXGBClassifier"),
        ({"gama": 3}, r"space has 'gama', must be a parameter"),
        ({"max_depth": 4}, r"space and fixed both set 'max_depth', must be one of them"),
        (
            {"booster": "dart"},
            r"booster == 'dart' with early stopping, must have early_stopping_rounds == None",
        ),
        ({"focal_gamma": -1.0}, r"focal_gamma == -1.0, must be >= 0"),
    ],
)
def test_bad_parameters_of_a_trial(params, text):
    objective = make(space=lambda trial: params)
    with pytest.raises(ValueError, match=text):
        objective(FixedTrial({}))


@pytest.mark.parametrize(
    ("booster", "fixed"), [("xgboost", {"seed_per_iteration": True}), ("lightgbm", {"path_smooth": 5.0})]
)
def test_parameters_that_the_library_alone_knows_are_taken(booster, fixed):
    with_it, without = (
        make(booster, fixed={**SMALL[booster], **others})(FixedTrial(POINTS[booster]))
        for others in (fixed, {})
    )
    assert with_it != without


def test_the_device_is_a_word():
    with pytest.raises(TypeError, match=r"device == 3, must be None or the booster's word"):
        make(device=3)
    assert make(device="cpu")(FixedTrial(POINT)) == make()(FixedTrial(POINT))


# ---------------------------------------------------------------------- what a fold computes every round
@pytest.mark.parametrize("booster", BOOSTERS)
@pytest.mark.parametrize("y", [BINARY, MULTICLASS, MULTILABEL], ids=["binary", "multi-class", "multi-label"])
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["alike", "weighted"])
def test_a_fold_computes_what_the_loss_itself_does(booster, y, weight):
    objective = make(booster, y, sample_weight=weight, space=focal_only, scoring="neg_log_loss")
    folds = objective._folds
    params = folds.complete({"focal_gamma": 1.5, "focal_alpha_power": 0.5})
    estimator = folds.resolve(params, objective.splits[0][0], 1)
    loss, bins = estimator.loss_, folds.bins()
    folds.run(0, estimator, bins, Turn(1))
    dtrain, dvalid = bins.folds[0]
    in_fold = FoldLoss(loss, booster)
    for seed in range(2):
        train, valid = (
            np.random.default_rng(seed)
            .normal(size=(len(rows), loss.start_margins().size))
            .astype("f" if booster == "xgboost" else "d")
            .squeeze()
            for rows in objective.splits[0]
        )
        for found, expected in zip(in_fold.gradients(train, dtrain), loss(train, dtrain), strict=True):
            np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))
        assert in_fold.relative(valid, dvalid) == loss.metric(valid, dvalid)[1]


@pytest.mark.parametrize("booster", BOOSTERS)
@pytest.mark.parametrize("rounds", [4, 60], ids=["the last round is the best", "stopped before"])
def test_probabilities_of_a_fold_are_those_of_a_fitted_classifier(booster, rounds):
    point = {"focal_gamma": 2.0, "focal_alpha_power": 0.5, **SMALL[booster], "learning_rate": 0.3}
    objective = make(
        booster, data=COARSE, scoring="neg_log_loss", space=lambda trial: {}, fixed=point,
        num_boost_round=rounds, early_stopping_rounds=5,
    )  # fmt: skip
    trial = FixedTrial({})
    objective(trial)
    for k, (train, valid) in enumerate(objective.splits):
        found = trial.user_attrs["fold_rounds"][k]
        model = new_classifier(booster, n_estimators=found, **point).fit(COARSE[train], BINARY[train])
        expected = -log_loss(BINARY[valid], model.predict_proba(COARSE[valid]))
        assert trial.user_attrs["fold_scores"][k] == pytest.approx(expected, rel=1e-6)
    assert (trial.user_attrs["fold_rounds"] == [rounds] * 3) == (rounds == 4)
