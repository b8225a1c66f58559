"""The default space, its parts for an objective of one's own, and a space at one point."""

import numpy as np
import optuna
import pytest

from focalboost.tuning import class_weights, suggest_booster, suggest_focal
from focalboost.tuning._space import evaluate_space
from tests.tuning.helpers import (
    BINARY,
    BOOSTERS,
    MULTICLASS,
    MULTILABEL,
    SMALL,
    WEIGHT,
    X,
    make,
)


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


def test_class_weights_are_powers_of_the_weighted_frequency_with_mean_one():
    for power in (-0.25, 0.0, 0.5, 1.0):
        weights = np.array(class_weights(MULTICLASS, power, WEIGHT))
        frequency = np.bincount(MULTICLASS, WEIGHT) / WEIGHT.sum()
        np.testing.assert_allclose(weights / weights[0], (frequency / frequency[0]) ** -power, rtol=1e-12)
        assert np.average(weights[MULTICLASS], weights=WEIGHT) == pytest.approx(1.0, abs=1e-12)


def test_a_space_at_one_point():
    def space(trial):
        return {**suggest_focal(trial, "loss_"), "max_depth": trial.suggest_int("depth", 2, 4)}

    # Of the defaults those that the space does not ask for are left out; what is given comes first.
    defaults = {"loss_gamma": 0.0, "loss_alpha_power": 0.0, "learning_rate": 0.3, "depth": 3}
    params, point = evaluate_space(space, defaults, {"depth": 4}, "here", inside=True)
    assert params == {"focal_gamma": 0.0, "focal_alpha_power": 0.0, "max_depth": 4}
    assert point == {"loss_gamma": 0.0, "loss_alpha_power": 0.0, "depth": 4}
    with pytest.raises(ValueError, match=r"here: .*'loss_gamma' is not found.* Give a value of the space"):
        evaluate_space(space, {}, {"depth": 4}, "here", inside=True)
    with pytest.raises(ValueError, match=r"here has 'max_depth', must have parameters of the space only"):
        evaluate_space(space, defaults, {"max_depth": 4}, "here", inside=True)
    with pytest.raises(ValueError, match=r"here: .*out of the range.* Give a value of the space"):
        evaluate_space(space, defaults, {"depth": 5}, "here", inside=True)
    params, _ = evaluate_space(space, defaults, {"depth": 5}, "here", inside=False)
    assert params["max_depth"] == 5
