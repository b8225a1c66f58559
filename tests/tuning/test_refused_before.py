"""What no trial could take is refused where the objective is made; what acts is taken, and acts."""

import numpy as np
import optuna
import pytest
from optuna.trial import FixedTrial

from focalboost.tuning import suggest_focal
from tests.tuning.helpers import BINARY, POINT, POINTS, SMALL, X, focal_only, make, study_of

FLAT = {"early_stopping_rounds": None, "num_boost_round": 8}


@pytest.mark.parametrize(
    ("booster", "fixed", "text"),
    [
        ("xgboost", {"scale_pos_weight": 4}, r"scale_pos_weight == 4, must be 1: XGBoost ignores it"),
        ("xgboost", {"objective": "binary:logistic"}, r"objective == 'binary:logistic', must be None"),
        ("xgboost", {"base_score": 0.5}, r"base_score == 0.5, must be None"),
        ("xgboost", {"num_class": 3}, r"fixed has 'num_class', must|num_class == 3, must be None"),
        ("xgboost", {"tree_method": "exact"}, r"tree_method == 'exact', must be 'hist'"),
        ("xgboost", {"booster": "gblinear"}, r"booster == 'gblinear', must be 'gbtree' or 'dart'"),
        ("xgboost", {"booster": "dart"}, r"booster == 'dart' with early stopping, must have early_stopping"),
        ("xgboost", {"process_type": "update"}, r"process_type == 'update', must be 'default': trials begin"),
        ("xgboost", {"rate_drop": 0.1}, r"fixed has 'rate_drop' and booster is None, must be 'dart' with it"),
        ("xgboost", {"booster": "gbtree", "one_drop": 1}, r"fixed has 'one_drop' and booster is 'gbtree'"),
        ("xgboost", {"rate_dropp": 0.1}, r"fixed has 'rate_dropp', must be .* Did you mean 'rate_drop'\?"),
        ("xgboost", {"focal_gama": 3}, r"fixed has 'focal_gama', must be .* Did you mean 'focal_gamma'\?"),
        ("lightgbm", {"objective": "binary"}, r"objective == 'binary', must be None: LightGBM ignores it"),
        ("lightgbm", {"is_unbalance": True}, r"is_unbalance == True, must be False: LightGBM ignores it"),
        ("lightgbm", {"scale_pos_weight": 4}, r"scale_pos_weight == 4, must be 1: LightGBM ignores it"),
        ("lightgbm", {"sigmoid": 2.0}, r"sigmoid == 2.0, must be 1: LightGBM ignores it"),
        ("lightgbm", {"boosting_type": "rf"}, r"boosting_type == 'rf', must be 'gbdt' or 'dart'"),
        ("lightgbm", {"boosting_type": "dart"}, r"boosting_type == 'dart' with early stopping"),
        ("lightgbm", {"drop_rate": 0.1}, r"fixed has 'drop_rate' and boosting_type is None, must be 'dart'"),
        ("lightgbm", {"top_rate": 0.3}, r"fixed has 'top_rate' and data_sample_strategy is None, must be"),
        ("lightgbm", {"linear_lambda": 1.0}, r"fixed has 'linear_lambda' and linear_tree is None, must be"),
        ("lightgbm", {"fair_c": 1.0}, r"fixed has 'fair_c', must leave it out: LightGBM reads it for other"),
        ("lightgbm", {"header": True}, r"fixed has 'header', must leave it out: .* for data in files"),
        ("lightgbm", {"num_machines": 2}, r"fixed has 'num_machines', must leave it out: a trial is trained"),
        ("lightgbm", {"data_sample_strategy": "goss"}, r"subsample == 0.5 with GOSS, must be 1"),
        ("lightgbm", {"subsample_freq": 0}, r"subsample_freq == 0 with subsample == 0.5, must be >= 1"),
    ],
)
def test_fixed_values_that_would_be_ignored(booster, fixed, text):
    with pytest.raises(ValueError, match=text):
        make(booster, fixed=fixed)


def test_nothing_is_trained_and_no_trial_begun_for_a_bad_space(monkeypatch):
    """What a space sets is known with the first trial, or with the baseline."""
    objective = make(space=lambda trial: {**suggest_focal(trial), "scale_pos_weight": 4})
    objective._folds._bin = None  # would be called
    study = study_of(objective)
    with pytest.raises(ValueError, match=r"scale_pos_weight == 4, must be 1"):
        objective.enqueue_baseline(study)
    assert study.trials == []
    with pytest.raises(ValueError, match=r"scale_pos_weight == 4, must be 1"):
        study.optimize(objective, n_trials=1)


@pytest.mark.parametrize("booster", ["xgboost", "lightgbm"])
def test_a_space_may_search_dart_and_its_parameters(booster):
    kind, drop = ("booster", "rate_drop") if booster == "xgboost" else ("boosting_type", "drop_rate")
    plain = "gbtree" if booster == "xgboost" else "gbdt"

    def space(trial):
        params = {**suggest_focal(trial), kind: trial.suggest_categorical("kind", [plain, "dart"])}
        if params[kind] == "dart":
            params[drop] = trial.suggest_float("drop", 0.0, 1.0)
            params["skip_drop"] = 0.0
        return params

    objective = make(booster, space=space, **FLAT)
    study = study_of(objective, sampler=optuna.samplers.RandomSampler(1))
    objective.enqueue_baseline(study, {"kind": plain})
    study.enqueue_trial({"focal_gamma": 0.0, "focal_alpha_power": 0.0, "kind": "dart", "drop": 1.0})
    study.optimize(objective, n_trials=2)
    first, second = study.trials
    assert first.value != pytest.approx(second.value, abs=1e-6)
    assert objective.refit(second).get_params()[kind] == "dart"
    # Alone it would be ignored.
    alone = make(booster, space=lambda trial: {**suggest_focal(trial), drop: 0.5}, **FLAT)
    with pytest.raises(ValueError, match=rf"space has '{drop}' and {kind} is .*, must be 'dart' with it"):
        alone(FixedTrial(POINT))


def test_what_is_fixed_for_a_kind_that_the_space_chooses():
    def space(trial):
        return {**suggest_focal(trial), "booster": trial.suggest_categorical("kind", ["gbtree", "dart"])}

    objective = make(space=space, fixed={"rate_drop": 0.5}, **FLAT)
    objective(FixedTrial({**POINT, "kind": "dart"}))
    with pytest.raises(ValueError, match=r"fixed has 'rate_drop' and booster is 'gbtree', must be 'dart'"):
        objective(FixedTrial({**POINT, "kind": "gbtree"}))


@pytest.mark.parametrize(
    ("booster", "fixed"),
    [
        ("lightgbm", {"data_sample_strategy": "goss", "top_rate": 0.3, "subsample": 1}),
        ("lightgbm", {"boosting_type": "goss", "other_rate": 0.3, "subsample": 1.0}),
        ("lightgbm", {"subsample_freq": 0, "subsample": 1.0}),
        ("lightgbm", {"use_quantized_grad": True, "num_grad_quant_bins": 8}),
        ("xgboost", {"scale_pos_weight": 1, "tree_method": "hist", "process_type": "default"}),
    ],
)
def test_what_acts_or_is_the_default_is_taken(booster, fixed):
    point = {name: value for name, value in POINTS[booster].items() if name not in fixed}
    value = make(booster, fixed={**SMALL[booster], **fixed}, space=lambda trial: point)(FixedTrial({}))
    assert value > 2 * BINARY.mean()


def test_feature_weights_count_in_the_folds():
    """XGBoost keeps them with the data, and not among its parameters."""
    only = np.zeros(X.shape[1])
    only[3] = 1.0
    fixed = {**SMALL["xgboost"], "colsample_bynode": 1 / X.shape[1], "feature_weights": only}
    point = {"focal_gamma": 0.0, "focal_alpha_power": 0.0}
    weighted = make(fixed=fixed, space=focal_only, **FLAT)
    model = weighted.refit(point, num_boost_round=8)
    assert set(model.get_booster().get_score()) == {"f3"}
    alone = make(data=X[:, 3:4], fixed=SMALL["xgboost"], space=focal_only, **FLAT)
    assert weighted(FixedTrial(point)) == pytest.approx(alone(FixedTrial(point)), abs=1e-9)
    with pytest.raises(ValueError, match=r"space sets 'feature_weights', must leave it to fixed"):
        make(space=lambda trial: {"feature_weights": only})(FixedTrial({}))


def test_stopping_by_a_score_takes_a_stop():
    with pytest.raises(
        ValueError, match=r"stop_by == 'score' with early_stopping_rounds == None, must be 'loss'"
    ):
        make(stop_by="score", early_stopping_rounds=None)
