"""One trial, its folds and its errors; tests/test_study.py has what a study does over time."""

import json
import logging
import pickle
import subprocess
import sys
import warnings
from functools import partial
from types import SimpleNamespace

import numpy as np
import optuna
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
from optuna.trial import FixedTrial, TrialState
from sklearn.datasets import make_classification
from sklearn.metrics import average_precision_score, log_loss, make_scorer
from sklearn.model_selection import GroupKFold, StratifiedKFold, TimeSeriesSplit

from focalboost import BinaryFocalLoss
from focalboost._scoring import Scoring
from focalboost.metrics import expected_cost, recall_at_alert_rate, recall_at_alert_rate_scorer
from focalboost.tuning import (
    CrossValidatedObjective,
    baseline_trial,
    class_weights,
    suggest_booster,
    suggest_focal,
)

optuna.logging.set_verbosity(optuna.logging.WARNING)

BOOSTERS = ["xgboost", "lightgbm"]
N = 1200
X, BINARY = make_classification(N, 8, n_informative=5, weights=[0.9], class_sep=0.7, random_state=0)
X = X.astype(np.float32)
MULTICLASS = np.digitize(X[:, 0] + X[:, 1], [0.0, 2.0])
MULTILABEL = np.stack([BINARY, X[:, 2] > 0.5], axis=1).astype(int)
WEIGHT = np.random.default_rng(1).uniform(0.5, 2.0, N)
SHORT = {"num_boost_round": 12, "early_stopping_rounds": 3, "n_jobs": 1, "cv": 3}
SMALL = {"xgboost": {"max_depth": 3}, "lightgbm": {"num_leaves": 7}}
POINT = {"focal_gamma": 1.5, "focal_alpha_power": 0.25, "learning_rate": 0.2, "min_child_weight": 0.1}
POINT |= {"reg_lambda": 1.0, "subsample": 0.8, "colsample_bytree": 0.7}
POINTS = {"xgboost": POINT, "lightgbm": {**POINT, "min_child_samples": 20}}


def make(booster="xgboost", y=BINARY, data=X, **options):
    options = {**SHORT, "fixed": SMALL[booster], **options}
    return CrossValidatedObjective(data, y, booster=booster, **options)


def study_of(objective, **options):
    options.setdefault("sampler", optuna.samplers.RandomSampler(0))
    return optuna.create_study(directions=objective.directions, **options)


def focal_only(trial):
    return suggest_focal(trial)


# ---------------------------------------------------------------------- a fold is an ordinary training
def test_a_fold_of_xgboost_is_the_classifier_with_early_stopping():
    from focalboost.xgboost import FocalXGBClassifier

    objective = make(sample_weight=WEIGHT)
    trial = FixedTrial(POINT)
    value = objective(trial)
    scores, rounds = [], []
    for train, valid in StratifiedKFold(3).split(X, BINARY):
        model = FocalXGBClassifier(
            max_depth=3, n_estimators=12, early_stopping_rounds=3, n_jobs=1, **POINT
        ).fit(
            X[train],
            BINARY[train],
            sample_weight=WEIGHT[train],
            eval_set=[(X[valid], BINARY[valid])],
            sample_weight_eval_set=[WEIGHT[valid]],
            verbose=False,
        )
        margin = model.decision_function(X[valid])
        scores.append(average_precision_score(BINARY[valid], margin, sample_weight=WEIGHT[valid]))
        rounds.append(model.best_iteration + 1)
    assert trial.user_attrs["fold_rounds"] == rounds
    assert trial.user_attrs["fold_scores"] == pytest.approx(scores, abs=1e-12)
    assert value == pytest.approx(np.mean(scores), abs=1e-12)


@pytest.mark.parametrize(("y", "metric"), [(BINARY, "average_precision"), (MULTILABEL, "roc_auc")])
def test_a_fold_of_lightgbm_is_training_on_the_subset(y, metric):
    import lightgbm as lgb

    from focalboost import MultilabelFocalLoss
    from focalboost.lightgbm import finalize, pack_labels, start

    cv = list(StratifiedKFold(3).split(X, BINARY))
    objective = make("lightgbm", y=y, scoring=metric, cv=cv, space=focal_only)
    trial = FixedTrial({"focal_gamma": 1.5, "focal_alpha_power": 0.5})
    objective(trial)
    labels = y if y.ndim == 1 else pack_labels(y)
    whole = lgb.Dataset(X, labels, params={"feature_pre_filter": False, "verbosity": -1}).construct()
    loss_class = BinaryFocalLoss if y.ndim == 1 else MultilabelFocalLoss
    params = {
        "num_leaves": 7,
        "metric": "None",
        "verbosity": -1,
        "feature_pre_filter": False,
        "num_threads": 1,
    }
    if y.ndim == 2:
        params["num_class"] = 2
    for fold, (train, valid) in enumerate(cv):
        loss = loss_class(1.5, class_weights(y[train], 0.5)).for_labels(y[train])
        parts = [whole.subset(rows.tolist()) for rows in (train, valid)]
        with start(loss, *parts):
            booster = lgb.train(
                {**params, "objective": loss},
                parts[0],
                12,
                valid_sets=[parts[1]],
                feval=loss.metric,
                callbacks=[lgb.early_stopping(3, verbose=False)],
            )
        margins = finalize(booster, loss).predict(X[valid], raw_score=True)
        assert trial.user_attrs["fold_rounds"][fold] == booster.best_iteration
        folds = objective._folds
        estimator = folds.resolve(folds.complete(trial.params), train, 1)
        trained = folds.run(fold, estimator, folds.bins(), 1, None)
        np.testing.assert_allclose(trained.margins, margins, rtol=1e-5, atol=1e-6)


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
def test_trials_in_threads_score_as_one_after_another(booster):
    objective = make(booster)
    points = [{**POINTS[booster], "focal_gamma": gamma} for gamma in np.linspace(0, 5, 8).tolist()]
    alone = [make(booster)(FixedTrial(point)) for point in points]
    study = study_of(objective, pruner=optuna.pruners.NopPruner())
    for point in points:
        study.enqueue_trial(point)
    study.optimize(objective, n_trials=len(points), n_jobs=4)
    assert [trial.value for trial in study.trials] == alone


def test_threads_are_divided_among_running_trials():
    objective = make(n_jobs=8)
    with objective._counted():
        assert objective._threads() == 8
        with objective._counted(), objective._counted():
            assert objective._threads() == 2
    assert objective._threads() == 8


@pytest.mark.parametrize("booster", BOOSTERS)
def test_without_early_stopping_every_round_counts(booster):
    objective = make(booster, early_stopping_rounds=None)
    trial = FixedTrial(POINTS[booster])
    objective(trial)
    assert trial.user_attrs["fold_rounds"] == [12, 12, 12]
    assert trial.user_attrs["num_boost_round"] == 12


@pytest.mark.parametrize("booster", BOOSTERS)
@pytest.mark.parametrize("kind", ["pandas", "polars", "sparse", "list"])
def test_any_table(booster, kind):
    table = {
        "pandas": lambda: pd.DataFrame(X).assign(city=pd.Categorical(np.where(X[:, 3] > 0, "a", "b"))),
        "polars": lambda: pl.DataFrame(X),
        "sparse": lambda: scipy.sparse.coo_matrix(np.where(np.abs(X) > 1, X, 0)),
        "list": X.tolist,
    }[kind]()
    fixed = {**SMALL[booster], "enable_categorical": True} if booster == "xgboost" else SMALL[booster]
    objective = make(booster, data=table, fixed=fixed)
    trial = study_of(objective)
    trial.optimize(objective, n_trials=1)
    assert trial.best_value > 2 * BINARY.mean()
    model = objective.refit(trial.best_trial)
    assert model.predict_proba(objective._X).shape == (N, 2)


def test_weights_count_in_training_and_in_the_score():
    seen = []

    def metric(y_true, y_score, sample_weight=None):
        seen.append(sample_weight)
        return average_precision_score(y_true, y_score, sample_weight=sample_weight)

    weighted = make(scoring=metric, sample_weight=WEIGHT)
    assert weighted(FixedTrial(POINT)) != make(scoring=metric)(FixedTrial(POINT))
    np.testing.assert_array_equal(seen[0], WEIGHT[weighted.splits[0][1]])


# ---------------------------------------------------------------------- what a trial may be
@pytest.mark.parametrize(
    "scoring",
    ["average_precision", recall_at_alert_rate, recall_at_alert_rate_scorer(0.1)],
    ids=["name", "metric", "scorer"],
)
def test_fixed_frozen_and_pickled(scoring):
    objective = make(scoring=scoring)
    study = study_of(objective)
    study.optimize(objective, n_trials=2)
    assert objective(study.best_trial) == study.best_value
    assert objective(FixedTrial(study.best_params)) == study.best_value
    again = pickle.loads(pickle.dumps(objective))
    assert again(study.best_trial) == study.best_value
    # Binned data stays at home.
    assert len(pickle.dumps(objective)) < 3 * X.nbytes


@pytest.mark.parametrize("booster", BOOSTERS)
def test_attributes_are_plain_and_complete(booster):
    trial = FixedTrial(POINTS[booster])
    value = make(booster)(trial)
    attributes = trial.user_attrs
    assert json.loads(json.dumps(attributes)) == attributes
    assert value == pytest.approx(np.mean(attributes["fold_scores"]))
    assert attributes["num_boost_round"] == np.median(attributes["fold_rounds"])
    assert attributes["seconds"] > 0
    assert {"focalboost", "optuna", "scikit-learn", "numpy", booster} <= set(attributes["versions"])


def test_several_scores_make_a_multi_objective_study():
    objective = make(scoring={"AP": "average_precision", "log loss": "neg_log_loss"})
    assert objective.directions == ["maximize", "maximize"]
    with pytest.raises(ValueError, match=r"scoring has 2 entries, must have 1 for direction"):
        _ = objective.direction
    study = optuna.create_study(directions=objective.directions)
    objective.enqueue_baseline(study)
    study.optimize(objective, n_trials=4)
    assert len(study.trials) == 4
    assert all(trial.state == TrialState.COMPLETE for trial in study.trials)
    scores = study.trials[0].user_attrs["fold_scores"]
    assert set(scores) == {"AP", "log loss"}
    first = study.get_trials()[0]
    assert tuple(first.values) == pytest.approx((np.mean(scores["AP"]), np.mean(scores["log loss"])))
    assert scores["log loss"][0] > log_loss(BINARY, np.full(N, BINARY.mean())) * -1


def test_scores_see_the_posterior():
    objective = make(scoring=["neg_log_loss"], space=focal_only)
    by_gamma = [objective(FixedTrial({"focal_gamma": g, "focal_alpha_power": 0.0})) for g in (0.0, 4.0)]
    # The raw confidence of gamma 4 has twice the log loss and more.
    assert by_gamma[1] > 1.3 * by_gamma[0]


@pytest.mark.parametrize("sampler", ["grid", "tpe", "cma-like"])
def test_samplers(sampler):
    grid = {"focal_gamma": [0.0, 2.0], "focal_alpha_power": [0.0, 0.5]}
    samplers = {
        "grid": lambda: optuna.samplers.GridSampler(grid),
        "tpe": lambda: optuna.samplers.TPESampler(n_startup_trials=2, seed=0),
        "cma-like": lambda: optuna.samplers.QMCSampler(seed=0),
    }
    objective = make(space=focal_only)
    with warnings.catch_warnings():
        # QMCSampler is experimental in Optuna 4.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study = study_of(objective, sampler=samplers[sampler]())
        study.optimize(objective, n_trials=4)
    assert len({tuple(trial.params.values()) for trial in study.trials}) == 4


# ---------------------------------------------------------------------- pruning
class Pruner(optuna.pruners.BasePruner):
    """Prunes after the fold that it is told, and notes what it saw."""

    def __init__(self, fold):
        self.fold, self.seen = fold, []

    def prune(self, study, trial):
        self.seen.append(dict(trial.intermediate_values))
        return trial.last_step >= self.fold


def test_running_means_are_reported_and_the_pruner_decides():
    pruner = Pruner(1)
    objective = make()
    study = study_of(objective, pruner=pruner)
    study.optimize(objective, n_trials=1)
    (trial,) = study.trials
    assert trial.state == TrialState.PRUNED
    scores = trial.user_attrs["fold_scores"]
    assert len(scores) == 2
    assert trial.intermediate_values == {0: scores[0], 1: pytest.approx(np.mean(scores))}
    # Nobody is asked after the last fold.
    study = study_of(objective, pruner=Pruner(2))
    study.optimize(objective, n_trials=1)
    assert study.trials[0].state == TrialState.COMPLETE
    assert sorted(study.trials[0].intermediate_values) == [0, 1, 2]


@pytest.mark.parametrize("booster", BOOSTERS)
def test_the_baseline_is_plain_log_loss_complete_and_once(booster):
    objective = make(booster, fixed={})
    study = study_of(objective, pruner=Pruner(0))
    for _ in range(3):
        objective.enqueue_baseline(study)
    study.optimize(objective, n_trials=3)
    objective.enqueue_baseline(study)
    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "PRUNED", "PRUNED"]
    baseline = baseline_trial(study)
    assert baseline.number == 0
    # Every parameter that other trials have: none is left to chance.
    assert set(baseline.params) == set(study.trials[1].params)
    assert baseline.params["focal_gamma"] == baseline.params["focal_alpha_power"] == 0.0
    assert baseline.user_attrs["role"] == "baseline"
    scores = []
    for train, valid in objective.splits:
        scores.append(average_precision_score(BINARY[valid], builtin_margins(booster, train, valid)))
    if booster == "xgboost":
        assert baseline.user_attrs["fold_scores"] == pytest.approx(scores, abs=1e-6)
    else:
        # Bins from all rows, 0.001 for lambda.
        assert baseline.value == pytest.approx(np.mean(scores), abs=0.03)


def builtin_margins(booster, train, valid):
    if booster == "xgboost":
        import xgboost as xgb

        dtrain = xgb.QuantileDMatrix(X[train], BINARY[train])
        dvalid = xgb.QuantileDMatrix(X[valid], BINARY[valid], ref=dtrain)
        params = {"objective": "binary:logistic", "eval_metric": "logloss", "nthread": 1}
        model = xgb.train(
            params, dtrain, 12, evals=[(dvalid, "v")], early_stopping_rounds=3, verbose_eval=False
        )
        return model.predict(dvalid, output_margin=True, iteration_range=(0, model.best_iteration + 1))
    import lightgbm as lgb

    train_set = lgb.Dataset(X[train], BINARY[train])
    model = lgb.train(
        {"objective": "binary", "verbosity": -1, "num_threads": 1},
        train_set,
        12,
        valid_sets=[lgb.Dataset(X[valid], BINARY[valid], reference=train_set)],
        callbacks=[lgb.early_stopping(3, verbose=False)],
    )
    return model.predict(X[valid], raw_score=True)


def test_a_baseline_that_failed_is_enqueued_again():
    objective = make()
    study = study_of(objective)
    objective.enqueue_baseline(study)
    trial = study.ask()
    study.tell(trial, state=TrialState.FAIL)
    with pytest.raises(
        ValueError, match=r"the study has no finished baseline, must have one: call objective"
    ):
        baseline_trial(study)
    objective.enqueue_baseline(study)
    study.optimize(objective, n_trials=1)
    assert baseline_trial(study).number == 1


def test_a_baseline_of_the_users_own():
    def space(trial):
        return {**suggest_focal(trial, "loss_"), "max_leaves": trial.suggest_int("leaves", 4, 64)}

    objective = make(space=space)
    study = study_of(objective)
    with pytest.raises(
        ValueError, match=r"the baseline: .*'loss_gamma' is not found.* Give a value of the space"
    ):
        objective.enqueue_baseline(study)
    point = {"loss_gamma": 0.0, "loss_alpha_power": 0.0, "leaves": 16}
    with pytest.raises(ValueError, match=r"out of the range.* Give a value of the space"):
        objective.enqueue_baseline(study, {**point, "leaves": 100})
    with pytest.raises(
        ValueError, match=r"the baseline has 'max_depth', must have parameters of the space only"
    ):
        objective.enqueue_baseline(study, {**point, "max_depth": 3})
    with pytest.raises(
        ValueError, match=r"the baseline has focal_gamma == 1.0, must have 0.0: it is plain log"
    ):
        objective.enqueue_baseline(study, {**point, "loss_gamma": 1.0})
    assert study.trials == []
    objective.enqueue_baseline(study, point)
    study.optimize(objective, n_trials=1)
    assert baseline_trial(study).params == point


def test_fixed_focal_loss_has_no_baseline():
    objective = make(fixed={"focal_gamma": 2.0})
    with pytest.raises(ValueError, match=r"the baseline has focal_gamma == 2.0, must have 0.0"):
        objective.enqueue_baseline(study_of(objective))
    objective = make(fixed={"focal_alpha": "balanced"})
    with pytest.raises(ValueError, match=r"the baseline has focal_alpha == 'balanced', must have None"):
        objective.enqueue_baseline(study_of(objective))


# ---------------------------------------------------------------------- refit
@pytest.mark.parametrize("booster", BOOSTERS)
def test_refit_takes_parameters_and_median_rounds(booster):
    objective = make(booster, sample_weight=WEIGHT)
    study = study_of(objective)
    study.optimize(objective, n_trials=2)
    best = study.best_trial
    models = [
        objective.refit(best),
        objective.refit(study.best_params),  # finds the rounds by itself
        objective.refit(study.best_params, num_boost_round=best.user_attrs["num_boost_round"]),
    ]
    for model in models:
        assert model.n_estimators == np.median(best.user_attrs["fold_rounds"])
        assert model.focal_gamma == best.params["focal_gamma"]
        assert model.get_params()["learning_rate"] == best.params["learning_rate"]
        np.testing.assert_array_equal(model.predict_proba(X), models[0].predict_proba(X))
    fresh = type(models[0])(**models[0].get_params()).fit(X, BINARY, sample_weight=WEIGHT)
    np.testing.assert_array_equal(fresh.predict_proba(X), models[0].predict_proba(X))


def test_refit_refuses_half_a_point():
    objective = make(space=focal_only)
    with pytest.raises(ValueError, match=r"refit: .*'focal_alpha_power' is not found"):
        objective.refit({"focal_gamma": 1.0})
    with pytest.raises(ValueError, match=r"refit has 'gamma', must have parameters of the space only"):
        objective.refit({"focal_gamma": 1.0, "focal_alpha_power": 0.0, "gamma": 1.0})
    for wrong in (None, [1, 2]):
        with pytest.raises(
            TypeError, match=r"trial == .*, must be a trial or a dict of parameters: study.best"
        ):
            objective.refit(wrong)
    with pytest.raises(ValueError, match=r"num_boost_round == 0, must be None or a whole number >= 1"):
        objective.refit({"focal_gamma": 1.0, "focal_alpha_power": 0.0}, num_boost_round=0)


def test_refit_of_a_pruned_trial_and_of_one_outside_a_narrower_space():
    study = study_of(make(), pruner=Pruner(0))
    study.optimize(make(), n_trials=1)
    (pruned,) = study.trials
    assert make().refit(pruned).n_estimators >= 1
    narrow = make(space=lambda trial: suggest_focal(trial, gamma=(0.0, 0.1)))
    wide = make(space=focal_only)
    model = narrow.refit({"focal_gamma": 4.0, "focal_alpha_power": 0.0}, num_boost_round=3)
    assert model.focal_gamma == 4.0
    with pytest.raises(ValueError, match=r"out of the range"):
        narrow.enqueue_baseline(study_of(wide), {"focal_gamma": 4.0})


# ---------------------------------------------------------------------- spaces
def test_the_default_space_is_flat_and_leaves_out_what_is_fixed():
    for booster in BOOSTERS:
        trial = optuna.create_study().ask()
        make(booster)._space(trial)
        expected = {"focal_gamma", "focal_alpha_power", *suggest_booster_names(booster)} - set(SMALL[booster])
        assert set(trial.params) == expected
        logs = {name for name, d in trial.distributions.items() if d.log}
        assert {"learning_rate", "min_child_weight", "reg_lambda"} <= logs
        assert not trial.distributions["focal_gamma"].log
        assert trial.distributions["focal_gamma"].low == 0.0
    trial = optuna.create_study().ask()
    make(fixed={"focal_gamma": 1.0, "focal_alpha": 0.3})._space(trial)
    assert not {name for name in trial.params if name.startswith("focal_")}


def suggest_booster_names(booster):
    trial = optuna.create_study().ask()
    return set(suggest_booster(trial, booster))


def test_suggest_focal_has_a_prefix_and_ranges():
    trial = optuna.create_study().ask()
    values = suggest_focal(trial, "second_", gamma=(0.5, 1.0), alpha_power=(0.0, 0.0))
    assert set(trial.params) == {"second_gamma", "second_alpha_power"}
    assert 0.5 <= values["focal_gamma"] <= 1.0
    assert values["focal_alpha_power"] == 0.0
    with pytest.raises(ValueError, match=r"gamma == \(2, 1\), must be a pair \(low, high\) with low <= high"):
        suggest_focal(trial, gamma=(2, 1))
    with pytest.raises(ValueError, match=r"gamma\[0\] == -1, must be >= 0 and finite"):
        suggest_focal(trial, gamma=(-1, 1))
    with pytest.raises(ValueError, match=r"alpha_power\[1\] == inf, must be finite"):
        suggest_focal(trial, alpha_power=(0, np.inf))
    with pytest.raises(ValueError, match=r"booster == 'catboost', must be one of 'xgboost', 'lightgbm'"):
        suggest_booster(trial, "catboost")


@pytest.mark.parametrize("y", [BINARY, MULTICLASS, MULTILABEL])
def test_class_weights_are_those_of_the_classifiers(y):
    from focalboost.xgboost import FocalXGBClassifier

    model = FocalXGBClassifier(focal_alpha_power=0.3, n_estimators=1).fit(X, y, sample_weight=WEIGHT)
    np.testing.assert_allclose(model.loss_.alpha, class_weights(y, 0.3, WEIGHT), rtol=1e-12)
    with pytest.raises(ValueError, match=r"alpha_power == nan, must be finite"):
        class_weights(y, float("nan"))
    with pytest.raises(ValueError, match=r"sample_weight\[0\] == -.*, must be >= 0 and finite"):
        class_weights(y, 0.5, -WEIGHT)


# ---------------------------------------------------------------------- bad input
@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"booster": "catboost"}, r"booster == 'catboost', must be one of 'xgboost', 'lightgbm'"),
        ({"scoring": "average_precisoin"}, r"'average_precisoin' is not a valid scoring value"),
        ({"scoring": []}, r"scoring is empty, must have at least one"),
        (
            {"scoring": ["roc_auc", "roc_auc"]},
            r"scoring has \['roc_auc', 'roc_auc'\], must have each name once",
        ),
        (
            {"scoring": log_loss},
            r"scoring has sklearn.*log_loss, must be greater for better models: pass sklearn.metrics.make",
        ),
        ({"scoring": expected_cost}, r"scoring has focalboost.*expected_cost, must be greater for better"),
        ({"num_boost_round": 0}, r"num_boost_round == 0, must be None or a whole number >= 1"),
        ({"early_stopping_rounds": -1}, r"early_stopping_rounds == -1, must be None or a whole number >= 1"),
        ({"n_jobs": 0}, r"n_jobs == 0, must be a whole number other than 0"),
        ({"sample_weight": -WEIGHT}, r"sample_weight\[0\] == -.*, must be >= 0 and finite"),
        ({"sample_weight": WEIGHT[:-1]}, r"Found input variables with inconsistent numbers of samples"),
        ({"cv": []}, r"cv gave no split, must give at least one"),
        ({"cv": 1}, r"cv == 1, must be a whole number >= 2, a splitter or a list"),
        ({"cv": True}, r"cv == True, must be a whole number >= 2"),
        (
            {"cv": [(np.arange(900), [])]},
            r"fold 0 of cv has a part of dtype float64 and shape \(0,\), must have",
        ),
        (
            {"cv": [(np.arange(900), [900.5])]},
            r"fold 0 of cv has a part of dtype float64 .* must have row numbers",
        ),
        ({"cv": [(np.arange(900), [N])]}, r"must have row numbers from 0 to 1199, or a mask of 1200 rows"),
        ({"cv": [(np.ones(5, bool), [900])]}, r"fold 0 of cv has a part of dtype bool and shape \(5,\)"),
        ({"num_boost_round": None}, r"num_boost_round == None, must be a whole number >= 1"),
        ({"stop_by": "auc"}, r"stop_by == 'auc', must be one of 'loss', 'score'"),
        (
            {"scoring": partial(log_loss, labels=[0, 1])},
            r"scoring has partial.*log_loss.*, must be greater for",
        ),
        (
            {"fixed": {"early_stopping_min_delta": 1.0}, "booster": "lightgbm"},
            r"fixed has 'early_stopping_min_delta', must leave it out",
        ),
        ({"fixed": {"name": "x"}}, r"fixed has 'name', must be a parameter of FocalXGBClassifier"),
        (
            {"cv": [(np.arange(900), np.arange(800, N))]},
            r"cv has row 800 in both parts of fold 0, must have it",
        ),
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
        make(**{"booster": "xgboost", **options}) if options.get("booster") != "catboost" else (
            CrossValidatedObjective(X, BINARY, **options)
        )


def test_scorers_of_another_shape():
    with pytest.raises(TypeError, match=r"scoring has .*<lambda> \w+ with 1 arguments, must be a metric"):
        make(scoring=lambda y: 0.0)
    with pytest.raises(TypeError, match=r"scoring has 3, must be a name, a scorer or a metric"):
        make(scoring=[3])
    with pytest.raises(TypeError, match=r"device == 3, must be None or the booster's word"):
        make(device=3)
    with pytest.raises(
        ValueError, match=r"scoring has .*<lambda> \w+, which takes no sample_weight, must take it"
    ):
        make(scoring=lambda y, p: 0.0, sample_weight=WEIGHT)


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"max_deepth": 3}, r"space has 'max_deepth', must be a parameter of FocalXGBClassifier"),
        ({"gama": 3}, r"space has 'gama', must be a parameter"),
        ({"max_depth": 4}, r"space and fixed both set 'max_depth', must be one of them"),
        ({"scale_pos_weight": 4}, r"scale_pos_weight == 4, must be None: XGBoost ignores it"),
        ({"tree_method": "exact"}, r"tree_method == 'exact', must be 'hist'"),
        ({"booster": "gblinear"}, r"booster == 'gblinear', must be 'gbtree' or 'dart'"),
        (
            {"booster": "dart"},
            r"booster == 'dart' with early stopping, must have early_stopping_rounds == None",
        ),
        ({"max_bin": 64}, r"space sets 'max_bin', must leave it to fixed: .*Pass cache=False"),
        ({"focal_gamma": -1.0}, r"focal_gamma == -1.0, must be >= 0"),
        ({"min_child_weight": -1.0}, r"min_child_weight"),
    ],
)
def test_bad_parameters_of_a_trial(params, text):
    objective = make(space=lambda trial: params)
    with pytest.raises(Exception, match=text) as caught:
        objective(FixedTrial({}))
    assert isinstance(caught.value, ValueError)  # XGBoost's own error is one


def test_bins_may_vary_without_cache():
    for booster in BOOSTERS:
        objective = make(
            booster, space=lambda trial: {"max_bin": trial.suggest_int("max_bin", 8, 255)}, cache=False
        )
        values = {objective(FixedTrial({"max_bin": bins})) for bins in (8, 255)}
        assert len(values) == 2
    kept = make("lightgbm", space=lambda trial: {"max_bin": 63})
    with pytest.raises(ValueError, match=r"need other bins .*Cannot change max_bin .* or pass cache=False"):
        kept(FixedTrial({}))
    fixed = make(fixed={"max_bin": 63}, space=focal_only)
    assert fixed(FixedTrial({"focal_gamma": 1.0, "focal_alpha_power": 0.0})) > 0


def test_a_metric_that_is_nan_stops_the_study():
    objective = make(scoring=lambda y, p: float("nan"))
    study = study_of(objective)
    with pytest.raises(ValueError, match=r"scoring gave .* == nan in fold 0, must be finite"):
        study.optimize(objective, n_trials=1)
    study.optimize(objective, n_trials=1, catch=ValueError)
    assert [trial.state.name for trial in study.trials] == ["FAIL", "FAIL"]


def test_a_fold_without_a_class_is_an_error():
    order = np.argsort(BINARY, kind="stable")
    with pytest.raises(ValueError, match=r"fold 0 of cv has no row of class 1 among its \d+ training rows"):
        make(y=BINARY[order], data=X[order], cv=TimeSeriesSplit(3))
    y = np.where(np.arange(N) == 5, "rare", np.where(BINARY, "b", "a"))
    # scikit-learn warns of a class with fewer rows than folds, and goes on.
    with pytest.warns(UserWarning, match="least populated class"):  # noqa: SIM117  # pytest.raises goes inside
        with pytest.raises(
            ValueError, match=r"no row of class 'rare' among its \d+ (training|validation) rows"
        ):
            make(y=y)
    labels = MULTILABEL.copy()
    labels[: N // 2, 0] = 0
    with pytest.raises(
        ValueError, match=r"fold 0 of cv has no row with label 0 among its \d+ validation rows"
    ):
        make(y=labels, scoring="roc_auc")


@pytest.mark.parametrize("cv", [3, np.int64(3), None, GroupKFold(3)])
@pytest.mark.parametrize("y", [BINARY, MULTILABEL])
def test_groups_stay_together(cv, y):
    groups = np.arange(N) % 60
    for train, valid in make(y=y, groups=groups, cv=cv, scoring="roc_auc").splits:
        assert not set(groups[train]) & set(groups[valid])


def test_a_splitter_that_ignores_groups_is_refused():
    splits = list(StratifiedKFold(3).split(X, BINARY))
    with pytest.raises(ValueError, match=r"cv has group \d+ in both parts of fold 0, must have it in one"):
        make(groups=np.arange(N) % 60, cv=splits)


def test_masks_generators_and_splitters_that_read_the_index():
    valid = np.arange(N) >= 800
    one = make(cv=[(~valid, valid)])
    np.testing.assert_array_equal(one.splits[0][1], np.arange(800, N))
    made = make(cv=((train, test) for train, test in StratifiedKFold(3).split(X, BINARY)))
    assert len(made.splits) == 3

    class ByIndex:
        def split(self, X, y=None, groups=None):
            late = X.index >= pd.Timestamp("2026-01-10")
            yield np.flatnonzero(~late), np.flatnonzero(late)

        def get_n_splits(self, X=None, y=None, groups=None):
            return 1

    frame = pd.DataFrame(X, index=pd.date_range("2026-01-01", periods=N, freq="h"))
    assert make(data=frame, cv=ByIndex()).splits[0][1][0] == 9 * 24


def test_rows_of_weight_zero_are_no_rows():
    weight = np.ones(N)
    valid = StratifiedKFold(3).split(X, BINARY)
    rows = next(valid)[1]
    weight[rows[BINARY[rows] == 1]] = 0.0
    with pytest.raises(ValueError, match=r"no row of class 1 among its \d+ validation rows of weight > 0"):
        make(sample_weight=weight)


@pytest.mark.parametrize("booster", BOOSTERS)
def test_dart_is_scored_as_it_would_be_fitted(booster):
    name = "booster" if booster == "xgboost" else "boosting_type"
    fixed = {**SMALL[booster], name: "dart"}
    with pytest.raises(ValueError, match=rf"{name} == 'dart' with early stopping"):
        make(booster, fixed=fixed)(FixedTrial(POINTS[booster]))
    cv = [(np.arange(800), np.arange(800, N))]
    objective = make(booster, fixed=fixed, cv=cv, early_stopping_rounds=None, space=focal_only)
    point = {"focal_gamma": 1.0, "focal_alpha_power": 0.0}
    value = objective(FixedTrial(point))
    only = make(
        booster, y=BINARY[:800], data=X[:800], fixed=fixed, early_stopping_rounds=None, space=focal_only
    )
    model = only.refit(point)
    fitted = average_precision_score(BINARY[800:], model.decision_function(X[800:]))
    # LightGBM places the edges of its bins by all rows.
    assert value == pytest.approx(fitted, abs=1e-9 if booster == "xgboost" else 0.05)


@pytest.mark.parametrize("booster", BOOSTERS)
def test_stopping_by_the_score_finds_the_best_round(booster):
    options = {"num_boost_round": 40, "early_stopping_rounds": 10, "space": focal_only}
    trial = FixedTrial({"focal_gamma": 1.0, "focal_alpha_power": 0.0})
    by_score = make(booster, stop_by="score", **options)(trial)
    rounds = trial.user_attrs["fold_rounds"]
    assert trial.user_attrs["rounds_trained"] == sum(min(best + 10, 40) for best in rounds)
    by_loss = make(booster, **options)(trial)
    assert trial.user_attrs["fold_rounds"] != rounds
    assert by_score >= by_loss


def test_labels_of_any_name_need_the_positive_one():
    y = np.where(BINARY, "fraud", "good")
    with pytest.raises(
        ValueError, match=r"scoring has average_precision, which must know the positive label"
    ):
        make(y=y)
    value = make(y=y, scoring=recall_at_alert_rate_scorer(0.1, pos_label="fraud"))(FixedTrial(POINT))
    assert value == make(scoring=recall_at_alert_rate_scorer(0.1))(FixedTrial(POINT))


def test_scorers_see_the_rows_and_no_others():
    amounts = np.abs(X[:, 0]) + 1.0
    frame = pd.DataFrame(X).assign(amount=amounts)
    frame.columns = frame.columns.astype(str)

    def saved(estimator, rows, y):
        return -expected_cost(y, estimator.predict_proba(rows)[:, 1], cost_fn=100 * rows["amount"].to_numpy())

    assert make(data=frame, scoring=saved)(FixedTrial(POINT)) < 0
    with pytest.raises(ValueError, match=r"a scorer asked for predictions of other rows"):
        make(scoring=lambda model, rows, y: model.predict(rows[:10]).mean())(FixedTrial(POINT))


def test_scorers_of_every_response():
    for response in ("predict", "predict_proba", "decision_function"):
        scorer = make_scorer(lambda y, s: float(np.corrcoef(y, s)[0, 1]), response_method=response)
        assert make(scoring=scorer)(FixedTrial(POINT)) > 0.1


# ---------------------------------------------------------------------- one study, one objective
def test_a_study_that_minimizes_is_refused():
    objective = make()
    for study in (optuna.create_study(), optuna.create_study(directions=["maximize"] * 2)):
        with pytest.raises(ValueError, match=r"study.directions == \[.*\], must be \['maximize'\]: create"):
            study.optimize(objective, n_trials=1)
        with pytest.raises(ValueError, match=r"optuna.create_study\(direction=objective.direction\)"):
            objective.enqueue_baseline(study)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("data", {"data": X + 1e-3}),
        ("data", {"y": 1 - BINARY}),
        ("data", {"sample_weight": WEIGHT}),
        ("folds", {"cv": 4}),
        ("folds", {"cv": StratifiedKFold(3, shuffle=True, random_state=0)}),
        ("scoring", {"scoring": "roc_auc"}),
        ("fixed", {"fixed": {"max_depth": 4}}),
        ("num_boost_round", {"num_boost_round": 13}),
        ("early_stopping_rounds", {"early_stopping_rounds": None}),
        ("stop_by", {"stop_by": "score"}),
        ("scoring", {"scoring": partial(average_precision_score, pos_label=1)}),
        ("classes", {"y": BINARY * 2 - 1}),
    ],
)
def test_a_study_is_not_resumed_with_other_data_or_settings(name, options):
    study = study_of(make())
    study.optimize(make(), n_trials=1)
    study.optimize(make(), n_trials=1)
    with pytest.raises(
        ValueError, match=rf"the study's trials have {name} == .*, must have .* begin a new one"
    ):
        study.optimize(make(**options), n_trials=1)
    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "COMPLETE", "FAIL"]
    # Nor is anything put in its queue, or refitted with its rounds.
    with pytest.raises(ValueError, match=rf"the study's trials have {name} == "):
        make(**options).enqueue_baseline(study)
    with pytest.raises(ValueError, match=r"trial \d was scored by another objective, must be one of this"):
        make(**options).refit(study.best_trial)
    assert len(study.trials) == 3


def test_a_study_of_others_is_not_taken_over():
    study = optuna.create_study(direction="maximize")
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    with pytest.raises(
        ValueError, match=r"the study has finished trials of another objective, must have none"
    ):
        study.optimize(make(), n_trials=1)


def test_metrics_of_one_name_are_told_apart():
    names = [
        Scoring(scoring, weighted=False).names[0]
        for scoring in (
            partial(recall_at_alert_rate, alert_rate=0.01),
            partial(recall_at_alert_rate, alert_rate=0.5),
            partial(partial(recall_at_alert_rate, alert_rate=0.5), pos_label=1),
            lambda y, s: float(np.mean(s)),
            lambda y, s: float(np.mean(s[y == 1])),
            recall_at_alert_rate_scorer(0.01),
            recall_at_alert_rate_scorer(0.5),
            recall_at_alert_rate,
        )
    ]
    assert len(set(names)) == len(names)
    assert not any(" at 0x" in name for name in names)


def test_threads_device_and_cache_may_change_on_resume():
    study = study_of(make())
    study.optimize(make(), n_trials=1)
    study.optimize(make(n_jobs=2, cache=False, device="cpu"), n_trials=1)
    assert len(study.trials) == 2


CODE = """
import numpy as np, pandas as pd
from focalboost._fold_data import fingerprint
X = np.arange(12.0).reshape(6, 2)
frame = pd.DataFrame(X).assign(city=pd.Categorical(list("abcabc")), name=list("uvwxyz"))
import polars as pl
texts = np.array(["a", "b"], object)
print(fingerprint(X, None), fingerprint(frame), fingerprint(texts), fingerprint(pl.DataFrame(X)))
"""


def test_fingerprints_are_the_same_in_every_process():
    lines = {
        subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    }
    assert len(lines) == 1
    assert len(set(lines.pop().split())) == 4


def test_fingerprints_see_every_kind_of_change():
    from focalboost._fold_data import fingerprint

    frame = pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]})
    sparse = scipy.sparse.csr_matrix([[1.0, 0.0], [0.0, 2.0]])
    variants = [
        frame,
        frame.rename(columns={"a": "c"}),
        frame.astype({"a": np.float32}),
        frame.assign(b=["x", "z"]),
        frame.iloc[::-1],
        sparse,
        sparse * 2,
        sparse.T.tocsr()[:, ::-1].tocsr(),
        sparse.toarray(),
        sparse.toarray().astype(np.float32),
        sparse.toarray().ravel(),
        np.asfortranarray([[1.0, 2.0], [0.0, 2.0]]),
        None,
    ]
    assert len({fingerprint(variant) for variant in variants}) == len(variants)
    assert fingerprint(np.asfortranarray(X)) == fingerprint(X)


# ---------------------------------------------------------------------- memory, extras
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


@pytest.mark.parametrize("extra", ["optuna", "xgboost", "lightgbm"])
def test_a_missing_extra_is_named(extra):
    booster = extra if extra != "optuna" else "xgboost"
    code = (
        f"import sys; sys.modules[{extra!r}] = None\n"
        "from focalboost.tuning import CrossValidatedObjective\n"
        f"CrossValidatedObjective([[0.0], [1.0]] * 9, [0, 1] * 9, booster={booster!r}, cv=3)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert f"pip install 'focalboost[{extra}]'" in result.stderr


def test_importing_tuning_imports_no_optuna_and_no_booster():
    code = (
        "import sys, focalboost.tuning, focalboost.metrics\n"
        "print([m for m in ('optuna', 'xgboost', 'lightgbm') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
