"""The booster's own log loss on the folds, beside focal loss with gamma 0."""

import pickle

import numpy as np
import optuna
import pytest
from sklearn.metrics import average_precision_score, log_loss

from focalboost.datasets import make_transactions
from focalboost.tuning import CrossValidatedObjective, baseline_trial, suggest_log_loss

optuna.logging.set_verbosity(optuna.logging.WARNING)
DATA = make_transactions(6000, imbalance_ratio=29, random_state=0)
X, Y = DATA.data, DATA.target
BOOSTERS = ("xgboost", "lightgbm")
KEPT = {"xgboost": {"max_depth": 3}, "lightgbm": {"num_leaves": 7, "reg_lambda": 1.0}}


def objective(booster, loss="log_loss", fixed=(), **settings):
    fixed = {**KEPT[booster], "learning_rate": 0.2, **dict(fixed)}
    settings = {"cv": 3, "num_boost_round": 40, "early_stopping_rounds": 5, "n_jobs": 1, **settings}
    return CrossValidatedObjective(
        X, Y, booster=booster, loss=loss, fixed=fixed, space=lambda trial: {}, **settings
    )


def run(found):
    study = optuna.create_study(direction="maximize")
    study.optimize(found, n_trials=1)
    return study.best_trial


@pytest.mark.parametrize("booster", BOOSTERS)
@pytest.mark.parametrize("stop_by", ["loss", "score"])
def test_from_the_log_odds_it_is_focal_loss_with_gamma_0(booster, stop_by):
    plain = run(objective(booster, stop_by=stop_by))
    focal = run(objective(booster, "focal", {"focal_gamma": 0.0}, stop_by=stop_by))
    np.testing.assert_allclose(
        plain.user_attrs["fold_scores"], focal.user_attrs["fold_scores"], atol=0.01 * plain.value
    )
    assert plain.user_attrs["rounds_trained"] == pytest.approx(focal.user_attrs["rounds_trained"], rel=0.2)


@pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated")  # its successor is new in 4.7
@pytest.mark.parametrize("booster", BOOSTERS)
def test_a_fold_is_what_the_library_s_own_classifier_gives(booster):
    """Trained without this package, with its own early stopping."""
    found = objective(booster, scoring="neg_log_loss")
    trial = run(found)
    expected, rounds = [], []
    for train, valid in found.splits:
        params = {**KEPT[booster], "learning_rate": 0.2, "n_estimators": 40, "n_jobs": 1}
        if booster == "xgboost":
            from xgboost import XGBClassifier

            model = XGBClassifier(**params, early_stopping_rounds=5, eval_metric="logloss")
            model.fit(X[train], Y[train], eval_set=[(X[valid], Y[valid])], verbose=False)
            rounds.append(model.best_iteration + 1)
        else:
            from lightgbm import LGBMClassifier, early_stopping

            model = LGBMClassifier(**params, verbosity=-1)
            model.fit(
                X[train],
                Y[train],
                eval_set=[(X[valid], Y[valid])],
                callbacks=[early_stopping(5, verbose=False)],
            )
            rounds.append(model.best_iteration_)
        expected.append(-log_loss(Y[valid], model.predict_proba(X[valid])))
    # LightGBM's bins here are those of all rows.
    near = {"rtol": 1e-6} if booster == "xgboost" else {"rtol": 0.05}
    np.testing.assert_allclose(trial.user_attrs["fold_scores"], expected, **near)
    if booster == "xgboost":
        assert trial.user_attrs["fold_rounds"] == rounds


@pytest.mark.parametrize("booster", BOOSTERS)
def test_the_default_space_has_start_and_step_and_refit_a_plain_model(booster):
    found = CrossValidatedObjective(
        X, Y, booster=booster, loss="log_loss", cv=3, num_boost_round=20, n_jobs=1
    )
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(0))
    found.enqueue_baseline(study)
    study.enqueue_trial({"start": "0.5", "max_delta_step": 3.0, "learning_rate": 0.3})
    study.optimize(found, n_trials=3)
    first, second, third = study.trials
    assert baseline_trial(study).params["start"] == "log-odds"
    assert {"start", "max_delta_step", "learning_rate"} <= set(third.params)
    assert first.value != second.value
    model = found.refit(second)
    assert type(model).__name__ == {"xgboost": "XGBClassifier", "lightgbm": "LGBMClassifier"}[booster]
    params = model.get_params()
    assert params["max_delta_step"] == 3.0
    assert params["base_score"] == 0.5 if booster == "xgboost" else params["boost_from_average"] is False
    assert average_precision_score(Y, model.predict_proba(X)[:, 1]) > 0.3
    again = pickle.loads(pickle.dumps(found))
    assert again(optuna.trial.FixedTrial(second.params)) == pytest.approx(second.value, abs=1e-12)


@pytest.mark.parametrize("booster", BOOSTERS)
def test_the_start_moves_the_first_margin(booster):
    name = "base_score" if booster == "xgboost" else "boost_from_average"
    kept = {"learning_rate": 1e-6}
    scores = [
        run(objective(booster, fixed={**kept, name: value}, scoring="neg_log_loss", num_boost_round=1)).value
        for value in ((0.5, None) if booster == "xgboost" else (False, True))
    ]
    assert scores[0] == pytest.approx(-np.log(2), abs=1e-4)
    rate = Y.mean()
    assert scores[1] == pytest.approx(rate * np.log(rate) + (1 - rate) * np.log1p(-rate), abs=1e-3)


def test_a_study_of_one_loss_is_not_resumed_with_the_other():
    study = optuna.create_study(direction="maximize")
    study.optimize(objective("xgboost"), n_trials=1)
    with pytest.raises(ValueError, match=r"loss == 'log_loss', must have 'focal'"):
        study.optimize(objective("xgboost", "focal"), n_trials=1)


def test_labels_must_be_0_and_1():
    words = np.where(Y, "fraud", "good")
    with pytest.raises(
        ValueError, match=r"loss == 'log_loss' with labels \['fraud', 'good'\], must be 0 and"
    ):
        CrossValidatedObjective(X, words, loss="log_loss")
    with pytest.raises(ValueError, match=r"loss == 'logloss', must be one of 'focal', 'log_loss'"):
        CrossValidatedObjective(X, Y, loss="logloss")


def test_focal_parameters_are_unknown_to_log_loss():
    with pytest.raises(ValueError, match="fixed has 'focal_gamma', must be a parameter of XGBClassifier"):
        objective("xgboost", fixed={"focal_gamma": 1.0})


def test_parameters_that_focal_loss_refuses_act():
    assert run(objective("xgboost", fixed={"scale_pos_weight": 20.0})).value > 0
    with pytest.raises(ValueError, match="scale_pos_weight"):
        objective("xgboost", "focal", {"scale_pos_weight": 20.0})


def test_suggest_log_loss_skips():
    trial = optuna.trial.FixedTrial({"max_delta_step": 1.0})
    assert suggest_log_loss(trial, "lightgbm", skip=["boost_from_average"]) == {"max_delta_step": 1.0}
    with pytest.raises(ValueError, match="booster == 'catboost', must be"):
        suggest_log_loss(trial, "catboost")
