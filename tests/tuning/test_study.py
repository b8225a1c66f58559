"""One study, one objective; objectives of one's own; other people's tuners."""

import json
import warnings
from fractions import Fraction
from functools import partial

import numpy as np
import optuna
import pytest
from optuna.trial import FixedTrial
from sklearn.metrics import average_precision_score, make_scorer
from sklearn.model_selection import StratifiedKFold, cross_val_score

from focalboost._classifier.record import plain
from focalboost.tuning import suggest_focal
from tests.tuning.helpers import BINARY, WEIGHT, X, make, study_of


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


def constant(value):
    return lambda y_true, y_score: value


@pytest.mark.parametrize(
    "scorings",
    [
        ({"score": "average_precision"}, {"score": "roc_auc"}),
        (make_scorer(lambda y_true, y_pred: 0.0), make_scorer(lambda y_true, y_pred: 1.0)),
        (constant(0.0), constant(1.0)),
    ],
    ids=["dict", "make_scorer", "closure"],
)
def test_a_study_is_not_resumed_with_another_metric_of_one_name(scorings):
    first, second = (make(scoring=scoring) for scoring in scorings)
    study = study_of(first)
    study.optimize(first, n_trials=1)
    with pytest.raises(ValueError, match=r"the study's trials have scoring == "):
        study.optimize(second, n_trials=1)


def test_threads_device_and_cache_may_change_on_resume():
    study = study_of(make())
    study.optimize(make(), n_trials=1)
    study.optimize(make(n_jobs=2, cache=False, device="cpu"), n_trials=1)
    assert len(study.trials) == 2


# ---------------------------------------------------------------------- what is stored
def test_plain_makes_json_of_anything():
    values = {
        "a": np.float32(0.5),
        "b": (1, [np.int64(2)]),
        "c": np.arange(2),
        "d": {"e": None},
        "f": float("nan"),
    }
    values |= {"g": np.inf, "h": True, "i": object(), "j": np.array(["x"]), "k": Fraction(1, 4)}
    found = plain(values)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found == {
        "a": 0.5,
        "b": [1, [2]],
        "c": [0, 1],
        "d": {"e": None},
        "f": "nan",
        "g": "inf",
        "h": True,
        "i": "builtins.object",
        "j": ["x"],
        "k": 0.25,
    }


# ---------------------------------------------------------------------- other objectives, other tuners
@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("booster", ["xgboost", "lightgbm"])
def test_optuna_search_cv_tunes_the_classifiers(booster):
    from optuna.distributions import FloatDistribution
    from optuna_integration import OptunaSearchCV
    from sklearn.datasets import make_classification

    from focalboost.lightgbm import FocalLGBMClassifier
    from focalboost.xgboost import FocalXGBClassifier

    X, y = make_classification(600, 6, weights=[0.9], random_state=0)
    options = {"n_estimators": 10, "n_jobs": 1}
    model = (
        FocalXGBClassifier(**options)
        if booster == "xgboost"
        else FocalLGBMClassifier(**options, verbosity=-1)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        search = OptunaSearchCV(
            model,
            {"focal_gamma": FloatDistribution(0, 5), "focal_alpha_power": FloatDistribution(-0.25, 1)},
            n_trials=3,
            scoring="average_precision",
            cv=3,
            random_state=0,
        ).fit(X, y)
    assert set(search.best_params_) == {"focal_gamma", "focal_alpha_power"}
    assert search.best_score_ > 2 * y.mean()
    best = model.set_params(**search.best_params_)
    scores = cross_val_score(best, X, y, cv=3, scoring="average_precision")
    assert search.best_score_ == pytest.approx(scores.mean(), abs=1e-12)
    np.testing.assert_array_equal(search.predict_proba(X), best.fit(X, y).predict_proba(X))


def test_suggest_focal_in_an_objective_of_ones_own():
    from sklearn.datasets import make_classification

    from focalboost.xgboost import FocalXGBClassifier

    X, y = make_classification(400, 6, weights=[0.9], random_state=0)

    def objective(trial):
        model = FocalXGBClassifier(**suggest_focal(trial), n_estimators=5, n_jobs=1)
        return cross_val_score(model, X, y, cv=3, scoring="average_precision").mean()

    study = optuna.create_study(direction="maximize")
    study.optimize(objective, n_trials=2)
    assert objective(FixedTrial(study.best_params)) == study.best_value
