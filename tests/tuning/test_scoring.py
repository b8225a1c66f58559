"""What a trial is judged by: metrics, scorers, their names and what they are shown."""

import os
import subprocess
import sys
from functools import partial

import numpy as np
import pandas as pd
import pytest
from optuna.trial import FixedTrial
from sklearn.metrics import log_loss, make_scorer

from focalboost.metrics import expected_cost, recall_at_alert_rate, recall_at_alert_rate_scorer
from focalboost.tuning._scoring import Scoring
from tests.tuning.helpers import (
    BINARY,
    MULTICLASS,
    MULTILABEL,
    POINT,
    ROUNDS,
    SMALL,
    WEIGHT,
    X,
    focal_only,
    make,
    new_classifier,
    study_of,
)


# ---------------------------------------------------------------------- what scorers are shown
def test_scores_see_the_posterior():
    objective = make(scoring=["neg_log_loss"], space=focal_only)
    by_gamma = [objective(FixedTrial({"focal_gamma": g, "focal_alpha_power": 0.0})) for g in (0.0, 4.0)]
    # The raw confidence of gamma 4 has twice the log loss and more.
    assert by_gamma[1] > 1.3 * by_gamma[0]


@pytest.mark.parametrize("y", [BINARY, MULTICLASS, MULTILABEL], ids=["binary", "multiclass", "multilabel"])
def test_metrics_see_the_second_class_or_the_matrix(y):
    seen = []

    def metric(y_true, y_score):
        seen.append((y_true, y_score))
        return 0.0

    objective = make(y=y, scoring=metric, early_stopping_rounds=None)
    objective(FixedTrial(POINT))
    for (labels, scores), (train, valid) in zip(seen, objective.splits, strict=True):
        np.testing.assert_array_equal(labels, y[valid])
        model = new_classifier("xgboost", n_estimators=ROUNDS, **SMALL["xgboost"], **POINT)
        expected = model.fit(X[train], y[train]).predict_proba(X[valid])
        np.testing.assert_allclose(scores, expected[:, 1] if y is BINARY else expected, atol=1e-6)


def test_scorers_see_the_rows_and_no_others():
    amounts = np.abs(X[:, 0]) + 1.0
    frame = pd.DataFrame(X).assign(amount=amounts)
    frame.columns = frame.columns.astype(str)
    seen = []

    def saved(estimator, rows, y):
        seen.append((rows, y))
        return -expected_cost(y, estimator.predict_proba(rows)[:, 1], cost_fn=100 * rows["amount"].to_numpy())

    objective = make(data=frame, scoring=saved, early_stopping_rounds=None)
    trial = FixedTrial(POINT)
    objective(trial)
    costs = []
    for (rows, y), (train, valid) in zip(seen, objective.splits, strict=True):
        pd.testing.assert_frame_equal(rows, frame.iloc[valid])
        np.testing.assert_array_equal(y, BINARY[valid])
        model = new_classifier("xgboost", n_estimators=ROUNDS, **SMALL["xgboost"], **POINT)
        model.fit(frame.iloc[train], BINARY[train])
        probability = model.predict_proba(frame.iloc[valid])[:, 1]
        costs.append(-expected_cost(BINARY[valid], probability, cost_fn=100 * amounts[valid]))
    assert trial.user_attrs["fold_scores"] == pytest.approx(costs, rel=1e-6)
    with pytest.raises(ValueError, match=r"a scorer asked for predictions of other rows"):
        make(scoring=lambda model, rows, y: model.predict(rows[:10]).mean())(FixedTrial(POINT))


@pytest.mark.parametrize("response", ["predict", "predict_proba", "decision_function"])
def test_scorers_of_every_response(response):
    seen = []

    def correlation(y, s):
        seen.append(s)
        return float(np.corrcoef(y, s)[0, 1])

    scorer = make_scorer(correlation, response_method=response)
    objective = make(scoring=scorer, early_stopping_rounds=None)
    seen.clear()  # once it was asked for the labels' sake
    assert objective(FixedTrial(POINT)) > 0.1
    for found, (train, valid) in zip(seen, objective.splits, strict=True):
        model = new_classifier("xgboost", n_estimators=ROUNDS, **SMALL["xgboost"], **POINT)
        expected = getattr(model.fit(X[train], BINARY[train]), response)(X[valid])
        np.testing.assert_allclose(found, expected[:, 1] if expected.ndim == 2 else expected, atol=1e-6)


# ---------------------------------------------------------------------- names
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


NAME = """
from focalboost.tuning._scoring import Scoring
print(Scoring(lambda y, s: float(str(s) in {"alpha", "beta", "gamma", "delta"}), weighted=False).names[0])
"""


def test_a_lambda_has_one_name_in_every_process():
    names = {
        subprocess.run(
            [sys.executable, "-c", NAME],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in range(1, 4)
    }
    assert len(names) == 1


# ---------------------------------------------------------------------- bad input
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
