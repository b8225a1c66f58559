"""Two classes of any name: which is looked for, by names, metrics and scorers, with either stopping."""

import logging
from functools import partial

import numpy as np
import pytest
from optuna.trial import FixedTrial
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    f1_score,
    get_scorer,
    make_scorer,
    recall_score,
    roc_auc_score,
)

from focalboost.metrics import (
    expected_cost_scorer,
    recall_at_alert_rate,
    recall_at_alert_rate_scorer,
    recall_at_precision,
)
from tests.tuning.helpers import BINARY, MULTICLASS, MULTILABEL, POINTS, make, study_of

# The rare class is the first by the alphabet, and the last.
FIRST = np.where(BINARY, "fraud", "good")
LAST = np.where(BINARY, "theft", "good")
SEVERAL = ["average_precision", "precision", "recall", "f1", "roc_auc", "neg_log_loss", "neg_brier_score"]
SEVERAL += ["accuracy", "balanced_accuracy", "matthews_corrcoef", "jaccard"]


def scores(scoring="average_precision", **options):
    options.setdefault("early_stopping_rounds", None)
    options.setdefault("fixed", {"max_depth": 3})
    trial = FixedTrial(POINTS[options.get("booster", "xgboost")])
    make(scoring=scoring, **options)(trial)
    return trial.user_attrs["fold_scores"]


@pytest.fixture
def said(caplog):
    caplog.set_level(logging.INFO, "focalboost")
    return lambda: [r.getMessage() for r in caplog.records if "positive class" in r.getMessage()]


# ---------------------------------------------------------------------- names of scikit-learn's
@pytest.mark.parametrize("y", [FIRST, LAST, FIRST.astype(object), np.where(BINARY, 1, 2)])
def test_names_look_for_the_rarer_class_of_any_labels(y):
    found, expected = scores(SEVERAL, y=y), scores(SEVERAL)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert found[name] == pytest.approx(values, abs=1e-5)
    assert np.mean(found["average_precision"]) > 2 * BINARY.mean()


def test_the_other_class_is_looked_for_where_asked():
    names = ["average_precision", "recall", "f1"]
    found = scores(names, y=FIRST, pos_label="good")
    expected = scores(names, y=1 - BINARY)
    for name in names:
        assert found[name] == pytest.approx(expected[name], abs=1e-5)
        # Numbers as well.
        assert scores(names, pos_label=0)[name] == pytest.approx(expected[name], abs=1e-5)
    assert scores(y=FIRST, pos_label="good") != scores(y=FIRST, pos_label="fraud")
    assert scores(y=FIRST, pos_label="fraud") == scores(y=FIRST)


@pytest.mark.parametrize("booster", ["xgboost", "lightgbm"])
@pytest.mark.parametrize("stop_by", ["loss", "score"])
def test_stopping_follows_the_same_class(booster, stop_by):
    fixed = {"max_depth": 3} if booster == "xgboost" else {"num_leaves": 7}
    rounds = {}
    for key, y in {"numbers": BINARY, "first": FIRST, "last": LAST}.items():
        objective = make(booster, y=y, stop_by=stop_by, num_boost_round=40, fixed=fixed)
        trial = FixedTrial(POINTS[booster])
        objective(trial)
        rounds[key] = trial.user_attrs["fold_rounds"]
    assert rounds["last"] == rounds["numbers"]
    # The mirror image of a training rounds differently, and early rounds have many ties.
    assert np.max(np.abs(np.subtract(rounds["first"], rounds["numbers"]))) <= 3


# ---------------------------------------------------------------------- which class, and what is said
def test_the_rarer_class_is_said_once(said):
    objective = make(y=FIRST)
    study = study_of(objective)
    study.optimize(objective, n_trials=2)
    assert said() == ["positive class: 'fraud', the rarer of two; pass pos_label for the other"]


def test_as_many_of_both(said):
    y = np.array(["good", "bad"])[np.arange(len(BINARY)) % 2]
    make(y=y)
    assert said() == [
        "positive class: 'good', the last of two that are as frequent; pass pos_label for the other"
    ]


@pytest.mark.parametrize("y", [1 - BINARY, (1 - BINARY).astype(bool), 1 - 2 * BINARY, 1.0 - BINARY])
def test_numbers_keep_to_1_which_may_be_the_frequent_class(y, said):
    objective = make(y=y)
    assert objective.scoring.positive.label == 1
    assert said() == []


@pytest.mark.parametrize("y", [FIRST, BINARY])
def test_what_was_asked_for_is_not_said(y, said):
    make(y=y, pos_label=y[0])
    assert said() == []


@pytest.mark.parametrize("label", ["Fraud", 1, ["fraud"], np.array(["fraud", "good"]), float("nan")])
def test_a_label_that_is_no_class(label):
    text = (
        r"pos_label == .*, must be one of the classes of y, \['fraud', 'good'\]: spell it as there, or leave"
    )
    with pytest.raises(ValueError, match=text):
        make(y=FIRST, pos_label=label)


@pytest.mark.parametrize(
    ("y", "text"),
    [
        (MULTICLASS, r"pos_label == 1, must be None: y has classes \[0, 1, 2\], and pos_label is for two"),
        (MULTILABEL, r"pos_label == 1, must be None: y has 2 labels a row, and"),
    ],
)
def test_several_classes_have_no_positive_one(y, text):
    with pytest.raises(ValueError, match=text):
        make(y=y, scoring="roc_auc_ovr", pos_label=1)
    assert make(y=y, scoring="neg_log_loss" if y is MULTICLASS else "roc_auc").scoring.positive is None


# ---------------------------------------------------------------------- plain metrics
@pytest.mark.parametrize("metric", [average_precision_score, recall_at_alert_rate, recall_at_precision])
def test_metrics_that_take_pos_label_are_passed_it(metric):
    expected = scores(metric)
    for y in (FIRST, LAST):
        assert scores(metric, y=y) == pytest.approx(expected, abs=1e-5)
        assert scores(partial(metric, pos_label=y[BINARY == 1][0]), y=y) == scores(metric, y=y)
    assert scores(metric, y=FIRST, pos_label="good") == pytest.approx(scores(metric, y=1 - BINARY), abs=1e-5)
    assert scores(metric, pos_label=0) == pytest.approx(scores(metric, y=1 - BINARY), abs=1e-5)


def test_a_metric_sees_the_labels_as_they_are_and_the_probability_of_pos_label():
    seen = []

    def metric(y_true, y_score, pos_label):
        seen.append((set(y_true), pos_label))
        return np.mean(y_score[y_true == pos_label])

    assert np.mean(scores(metric, y=FIRST)) < 0.5 < np.mean(scores(metric, y=FIRST, pos_label="good"))
    assert seen[0] == ({"fraud", "good"}, "fraud")
    assert seen[-1] == ({"fraud", "good"}, "good")


def test_a_metric_that_would_take_the_other_class_is_refused():
    for metric in (roc_auc_score, lambda y, s: float(np.mean(s[y == "fraud"]))):
        with pytest.raises(ValueError, match=r"which takes no pos_label, must take it: .* of 'fraud', while"):
            make(y=FIRST, scoring=metric)
        with pytest.raises(
            ValueError, match=r"Add the parameter pos_label, which is passed, or give a scorer"
        ):
            make(scoring=roc_auc_score, pos_label=0)
    # Where all conventions agree it is not.
    assert scores(roc_auc_score, y=LAST) == pytest.approx(scores("roc_auc"), abs=1e-5)
    text = r"with pos_label == 'good', must have 'fraud': it would see the probability of 'fraud'. Pass"
    with pytest.raises(ValueError, match=text):
        make(y=FIRST, scoring=partial(recall_at_alert_rate, pos_label="good"))
    with pytest.raises(ValueError, match=r"with pos_label == 1, must have 0: it would see"):
        make(pos_label=0, scoring=partial(partial(recall_at_alert_rate, pos_label=1), alert_rate=0.1))


# ---------------------------------------------------------------------- scorers
def test_scorers_that_nobody_told_of_a_label_follow():
    for scorer, name in (
        (make_scorer(f1_score), "f1"),
        (make_scorer(recall_score), "recall"),
        (get_scorer("average_precision"), "average_precision"),
        (make_scorer(f1_score, average="macro"), "f1_macro"),
        (make_scorer(accuracy_score), "accuracy"),
    ):
        assert scores(scorer, y=FIRST) == scores(name, y=FIRST)
        assert scores(scorer, y=FIRST, pos_label="good") == scores(name, y=FIRST, pos_label="good")


def test_scorers_of_a_label_of_their_own_keep_it():
    for pos_label in ("fraud", "good"):
        for label in ("fraud", "good"):
            scorer = recall_at_alert_rate_scorer(0.1, pos_label=label)
            found = scores(scorer, y=FIRST, pos_label=pos_label)
            expected = scores(recall_at_alert_rate_scorer(0.1), y=BINARY if label == "fraud" else 1 - BINARY)
            assert found == pytest.approx(expected, abs=1e-5)
    bound = make_scorer(partial(f1_score, pos_label=1))
    assert scores(bound, pos_label=0) == scores("f1")


def test_scorers_of_a_label_that_is_not_there():
    text = r"scoring has make_scorer.*, which must know the positive label: .* A scorer looks for its own"
    with pytest.raises(ValueError, match=text):
        make(y=FIRST, scoring=recall_at_alert_rate_scorer(0.1))
    with pytest.raises(ValueError, match=text):
        make(y=FIRST, scoring=expected_cost_scorer())


def test_other_scorers_see_labels_and_classes_as_they_are():
    seen = []

    def scorer(estimator, X, y):
        seen.append((estimator.classes_.tolist(), sorted(set(y)), set(estimator.predict(X)) <= set(y)))
        return average_precision_score(y == "fraud", estimator.predict_proba(X)[:, 0])

    assert scores(scorer, y=FIRST) == pytest.approx(scores(y=FIRST), abs=1e-6)
    assert seen
    assert all(look == (["fraud", "good"], ["fraud", "good"], True) for look in seen)


# ---------------------------------------------------------------------- studies
def test_a_study_is_not_resumed_with_the_other_class():
    study = study_of(make(y=FIRST))
    study.optimize(make(y=FIRST), n_trials=1)
    study.optimize(make(y=FIRST, pos_label="fraud"), n_trials=1)
    assert study.user_attrs["focalboost"]["pos_label"] == "fraud"
    other = make(y=FIRST, pos_label="good")
    text = r"the study's trials have pos_label == 'fraud', must have 'good' as this objective"
    with pytest.raises(ValueError, match=text):
        study.optimize(other, n_trials=1)
    with pytest.raises(ValueError, match=text):
        other.enqueue_baseline(study)
    with pytest.raises(ValueError, match=r"trial 1 was scored by another objective, must be one of this"):
        other.refit(study.trials[1])
    model = make(y=FIRST).refit(study.best_trial)
    assert model.classes_.tolist() == ["fraud", "good"]
    assert make(y=FIRST)(FixedTrial(study.best_params)) == study.best_value


def test_labels_are_stored_plainly():
    study = study_of(make(y=BINARY.astype(bool)))
    study.optimize(make(y=BINARY.astype(bool)), n_trials=1)
    assert study.user_attrs["focalboost"]["pos_label"] is True
