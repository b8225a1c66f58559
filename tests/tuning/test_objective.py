"""What needs the whole objective: trials, pruning, the baseline, refitting, searches, extras.

The parts are tested by the names of their files; test_study.py has what a study does over time.
"""

import json
import pickle
import subprocess
import sys
import warnings

import numpy as np
import optuna
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
from optuna.trial import FixedTrial, TrialState
from sklearn.metrics import average_precision_score, log_loss

from focalboost import BinaryFocalLoss
from focalboost.metrics import recall_at_alert_rate, recall_at_alert_rate_scorer
from focalboost.tuning import CrossValidatedObjective, baseline_trial, suggest_focal
from tests.tuning.helpers import (
    BINARY,
    BOOSTERS,
    COARSE,
    POINTS,
    SMALL,
    WEIGHT,
    N,
    Pruner,
    X,
    fitted_scores,
    focal_only,
    make,
    study_of,
)


# ---------------------------------------------------------------------- any table
@pytest.mark.parametrize("booster", BOOSTERS)
@pytest.mark.parametrize("kind", ["pandas", "polars", "sparse", "list"])
def test_any_table(booster, kind):
    table = {
        "pandas": lambda: pd.DataFrame(X).assign(city=pd.Categorical(np.where(X[:, 3] > 0, "a", "b"))),
        "polars": lambda: pl.DataFrame(X),
        "sparse": lambda: scipy.sparse.coo_matrix(np.where(np.abs(X) > 1, X, 0)),
        "list": X.tolist,
    }[kind]()
    # XGBoost takes what a sparse matrix leaves out for missing, LightGBM for 0.
    absent = np.float32(np.nan if booster == "xgboost" else 0.0)
    same = {
        "pandas": np.column_stack([X, X[:, 3] <= 0]),
        "sparse": np.where(np.abs(X) > 1, X, absent),
    }.get(kind, X)
    fixed = {**SMALL[booster], "enable_categorical": True} if booster == "xgboost" else SMALL[booster]
    objective = make(booster, data=table, fixed=fixed)
    trial = study_of(objective)
    trial.optimize(objective, n_trials=1)
    assert trial.best_value > 2 * BINARY.mean()
    # Two categories are split as two numbers are.
    assert trial.best_value == make(booster, data=same)(FixedTrial(trial.best_params))
    model = objective.refit(trial.best_trial)
    assert model.predict_proba(objective._folds.X).shape == (N, 2)


@pytest.mark.parametrize("booster", BOOSTERS)
def test_categories_are_those_of_the_classifiers(booster):
    city = np.random.default_rng(3).integers(0, 6, N)
    odd = np.where(BINARY, city // 2 * 2, city)  # the cases are in cities 0, 2 and 4
    frame = pd.DataFrame(COARSE).assign(city=pd.Categorical.from_codes(odd, list("abcdef")))
    frame.columns = frame.columns.astype(str)
    fixed = {**SMALL[booster], "enable_categorical": True} if booster == "xgboost" else SMALL[booster]
    point = {"focal_gamma": 1.0, "focal_alpha_power": 0.0}
    trial = FixedTrial(point)
    objective = make(booster, data=frame, fixed=fixed, early_stopping_rounds=None, space=focal_only)
    objective(trial)
    expected = fitted_scores(booster, frame, objective.splits, {**point, **fixed})
    assert trial.user_attrs["fold_scores"] == pytest.approx(expected, abs=1e-12)


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
    assert again.refit(study.best_trial).n_estimators == study.best_trial.user_attrs["num_boost_round"]


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
    # Each by its own name.
    for name, alone in (("AP", "average_precision"), ("log loss", "neg_log_loss")):
        trial = FixedTrial(first.params)
        make(scoring=alone)(trial)
        assert trial.user_attrs["fold_scores"] == scores[name]


# ---------------------------------------------------------------------- searches
GRID = {"focal_gamma": [0.0, 2.0], "focal_alpha_power": [0.0, 0.5]}
SAMPLERS = {
    "grid": lambda: optuna.samplers.GridSampler(GRID, seed=0),
    "tpe": lambda: optuna.samplers.TPESampler(n_startup_trials=2, seed=0),
    "quasi-random": lambda: optuna.samplers.QMCSampler(seed=0),
}


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_samplers(sampler):
    objective = make(space=focal_only)

    def by_hand(trial):
        return make(space=focal_only)(FixedTrial(suggest_focal(trial)))

    with warnings.catch_warnings():
        # QMCSampler is experimental in Optuna 4.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study, twin = (study_of(objective, sampler=SAMPLERS[sampler]()) for _ in range(2))
        study.optimize(objective, n_trials=4)
        twin.optimize(by_hand, n_trials=4)
    points = [tuple(trial.params.values()) for trial in study.trials]
    assert len(set(points)) == 4
    # The sampler is told what it would be told by an objective of one's own, and asks for the same.
    assert [trial.params for trial in study.trials] == [trial.params for trial in twin.trials]
    assert [trial.value for trial in study.trials] == [trial.value for trial in twin.trials]
    if sampler == "grid":
        assert set(points) == {(gamma, power) for gamma in (0.0, 2.0) for power in (0.0, 0.5)}


def focal_loss_of_gamma_2(model, X, y):
    """Greatest for margins that were trained with gamma 2: those of other gammas have another scale."""
    return -np.mean(BinaryFocalLoss(2.0).loss(y, model.margins))


@pytest.mark.parametrize("booster", BOOSTERS)
def test_a_search_finds_the_gamma_that_is_best(booster):
    objective = make(
        booster, scoring=focal_loss_of_gamma_2, space=lambda trial: suggest_focal(trial, alpha_power=(0, 0))
    )
    study = study_of(objective, sampler=optuna.samplers.TPESampler(n_startup_trials=8, seed=0))
    study.optimize(objective, n_trials=40)
    for trial in study.trials:
        assert trial.value == pytest.approx(np.mean(trial.user_attrs["fold_scores"]), abs=1e-12)
    assert abs(study.best_params["focal_gamma"] - 2.0) < 0.75
    # The search goes where gamma is good; at random 8 of 20 would be so near.
    near = [abs(trial.params["focal_gamma"] - 2.0) < 1.0 for trial in study.trials]
    assert sum(near[-20:]) >= 14
    assert objective.refit(study.best_trial).loss_.gamma == study.best_params["focal_gamma"]
    for wrong in (0.0, 5.0):
        value = objective(FixedTrial({"focal_gamma": wrong, "focal_alpha_power": 0.0}))
        assert value < 1.2 * study.best_value  # both are negative


# ---------------------------------------------------------------------- pruning
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
    # After each fold the pruner saw what was known then.
    assert pruner.seen == [{0: scores[0]}, trial.intermediate_values]
    # Nobody is asked after the last fold.
    pruner = Pruner(2)
    study = study_of(objective, pruner=pruner)
    study.optimize(objective, n_trials=1)
    assert study.trials[0].state == TrialState.COMPLETE
    assert sorted(study.trials[0].intermediate_values) == [0, 1, 2]
    assert len(pruner.seen) == 2


# ---------------------------------------------------------------------- the baseline
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
    assert baseline.user_attrs["fold_scores"] == pytest.approx(scores, abs=1e-6)


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

    # Bins from all rows, 0.001 for lambda; otherwise LightGBM's defaults.
    options = {"verbosity": -1, "feature_pre_filter": False}
    whole = lgb.Dataset(X, BINARY, params=options).construct()
    model = lgb.train(
        {**options, "objective": "binary", "lambda_l2": 0.001, "num_threads": 1},
        whole.subset(train.tolist()),
        12,
        valid_sets=[whole.subset(valid.tolist())],
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
        assert model.loss_.gamma == best.params["focal_gamma"]
        assert (best.params | SMALL[booster]).items() <= model.get_params().items()
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
    whole = FixedTrial(pruned.params)
    make()(whole)
    # Of the folds that the pruner left out too.
    assert len(pruned.user_attrs["fold_rounds"]) == 1
    assert make().refit(pruned).n_estimators == whole.user_attrs["num_boost_round"]
    narrow = make(space=lambda trial: suggest_focal(trial, gamma=(0.0, 0.1)))
    wide = make(space=focal_only)
    model = narrow.refit({"focal_gamma": 4.0, "focal_alpha_power": 0.0}, num_boost_round=3)
    assert model.focal_gamma == 4.0
    with pytest.raises(ValueError, match=r"out of the range"):
        narrow.enqueue_baseline(study_of(wide), {"focal_gamma": 4.0})


# ---------------------------------------------------------------------- bad input
@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"booster": "catboost"}, r"booster == 'catboost', must be one of 'xgboost', 'lightgbm'"),
        ({"num_boost_round": 0}, r"num_boost_round == 0, must be None or a whole number >= 1"),
        ({"early_stopping_rounds": -1}, r"early_stopping_rounds == -1, must be None or a whole number >= 1"),
        ({"n_jobs": 0}, r"n_jobs == 0, must be a whole number other than 0"),
        ({"sample_weight": -WEIGHT}, r"sample_weight\[0\] == -.*, must be >= 0 and finite"),
        ({"sample_weight": WEIGHT[:-1]}, r"Found input variables with inconsistent numbers of samples"),
        ({"num_boost_round": None}, r"num_boost_round == None, must be a whole number >= 1"),
        ({"stop_by": "auc"}, r"stop_by == 'auc', must be one of 'loss', 'score'"),
    ],
)
def test_bad_construction(options, text):
    with pytest.raises(ValueError, match=text):
        CrossValidatedObjective(X, BINARY, **options)


# ---------------------------------------------------------------------- extras
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
