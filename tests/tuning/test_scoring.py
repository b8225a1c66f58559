"""What a trial may be judged by, and what is refused."""

from functools import partial

import numpy as np
import pytest
from optuna.trial import FixedTrial
from sklearn.metrics import log_loss

from focalboost.metrics import expected_cost, recall_at_alert_rate_scorer
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
