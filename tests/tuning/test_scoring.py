"""What a trial may be judged by, and what is refused."""

from functools import partial

import numpy as np
import pytest
from optuna.trial import FixedTrial
from sklearn.metrics import average_precision_score, log_loss

from focalboost.metrics import expected_cost, recall_at_alert_rate_scorer
from focalboost.tuning._scoring import average_precision
from tests.tuning.helpers import BINARY, POINT, WEIGHT, make, study_of


@pytest.mark.parametrize(
    ("scoring", "text"),
    [
        ("average_precisoin", r"'average_precisoin' is not a valid scoring value"),
        ([], r"scoring is empty, must have at least one"),
        (["roc_auc", "roc_auc"], r"scoring has \['roc_auc', 'roc_auc'\], must have each name once"),
        (
            log_loss,
            r"scoring has sklearn.*log_loss, must be greater for better models: pass sklearn.metrics.make",
        ),
        (expected_cost, r"scoring has focalboost.*expected_cost, must be greater for better"),
        (partial(log_loss, labels=[0, 1]), r"scoring has partial.*log_loss.*, must be greater for"),
    ],
)
def test_bad_construction(scoring, text):
    with pytest.raises(ValueError, match=text):
        make(scoring=scoring)


def test_scorers_of_another_shape():
    with pytest.raises(TypeError, match=r"scoring has .*<lambda> \w+ with 1 arguments, must be a metric"):
        make(scoring=lambda y: 0.0)
    with pytest.raises(TypeError, match=r"scoring has 3, must be a name, a scorer or a metric"):
        make(scoring=[3])
    with pytest.raises(
        ValueError, match=r"scoring has .*<lambda> \w+, which takes no sample_weight, must take it"
    ):
        make(scoring=lambda y, p: 0.0, sample_weight=WEIGHT)


def test_a_metric_that_is_nan_stops_the_study():
    objective = make(scoring=lambda y, p: float("nan"))
    study = study_of(objective)
    with pytest.raises(ValueError, match=r"scoring gave .* == nan in fold 0, must be finite"):
        study.optimize(objective, n_trials=1)
    study.optimize(objective, n_trials=1, catch=ValueError)
    assert [trial.state.name for trial in study.trials] == ["FAIL", "FAIL"]


def test_labels_of_any_name():
    y = np.where(BINARY, "fraud", "good")
    # The frauds are the rarer class.
    assert make(y=y)(FixedTrial(POINT)) == make()(FixedTrial(POINT))
    value = make(y=y, scoring=recall_at_alert_rate_scorer(0.1, pos_label="fraud"))(FixedTrial(POINT))
    assert value == make(scoring=recall_at_alert_rate_scorer(0.1))(FixedTrial(POINT))


@pytest.mark.parametrize("n_values", [2, 10, 10**6], ids=["two values", "ties", "all differ"])
@pytest.mark.parametrize("rate", [0.005, 0.5, 0.9])
def test_average_precision_by_places_is_that_of_scikit_learn(n_values, rate):
    random = np.random.default_rng(0)
    positive = random.random(2000) < rate
    for dtype in (np.float32, np.float64):
        score = (np.round((random.normal(size=2000) + positive) * n_values) / n_values).astype(dtype)
        found = average_precision(positive, score)
        assert found == pytest.approx(average_precision_score(positive, score), abs=1e-14)


@pytest.mark.parametrize("booster", ["xgboost", "lightgbm"])
@pytest.mark.parametrize("pos_label", [0, 1])
def test_training_stops_by_the_average_precision_of_the_positive_class(booster, pos_label):
    """The name takes places, the function what a scorer takes."""
    found = []
    for scoring in ("average_precision", average_precision_score):
        objective = make(booster, scoring=scoring, pos_label=pos_label, stop_by="score", num_boost_round=25)
        assert objective.scoring.ranks == (scoring == "average_precision")
        trial = FixedTrial({**POINT, "min_child_samples": 20})
        objective(trial)
        found.append([trial.user_attrs[name] for name in ("fold_scores", "fold_rounds", "rounds_trained")])
    assert found[0] == found[1]
    assert found[0][1] != [25, 25, 25]


def test_weights_and_more_classes_take_the_scorer():
    assert not make(scoring="average_precision", sample_weight=WEIGHT).scoring.ranks
    assert not make(scoring=["roc_auc", "average_precision"]).scoring.ranks
    assert make(scoring={"first": "average_precision", "second": "roc_auc"}).scoring.ranks
