"""What scorers are shown of a fold: the posterior, the rows, and answers to every question."""

import numpy as np
import pandas as pd
import pytest
from optuna.trial import FixedTrial
from sklearn.metrics import make_scorer

from focalboost.metrics import expected_cost
from tests.tuning.helpers import (
    BINARY,
    MULTICLASS,
    MULTILABEL,
    POINT,
    ROUNDS,
    SMALL,
    X,
    focal_only,
    make,
    new_classifier,
)


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
        return -expected_cost(
            y, estimator.predict_proba(rows)[:, 1], cost_missed=100 * rows["amount"].to_numpy()
        )

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
        costs.append(-expected_cost(BINARY[valid], probability, cost_missed=100 * amounts[valid]))
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
