"""A fold of XGBoost is an ordinary training, and what quantised data cannot do is refused."""

import numpy as np
import pytest
from optuna.trial import FixedTrial
from sklearn.metrics import average_precision_score
from sklearn.model_selection import StratifiedKFold

from tests.tuning.helpers import BINARY, POINT, WEIGHT, X, make


def test_a_fold_of_xgboost_is_the_classifier_with_early_stopping():
    from focalboost.xgboost import FocalXGBClassifier

    objective = make(sample_weight=WEIGHT)
    trial = FixedTrial(POINT)
    value = objective(trial)
    scores, rounds = [], []
    for train, valid in StratifiedKFold(3).split(X, BINARY):
        model = FocalXGBClassifier(
            max_depth=3, n_estimators=12, early_stopping_rounds=3, n_jobs=1, **POINT
        ).fit(
            X[train],
            BINARY[train],
            sample_weight=WEIGHT[train],
            eval_set=[(X[valid], BINARY[valid])],
            sample_weight_eval_set=[WEIGHT[valid]],
            verbose=False,
        )
        margin = model.decision_function(X[valid])
        scores.append(average_precision_score(BINARY[valid], margin, sample_weight=WEIGHT[valid]))
        rounds.append(model.best_iteration + 1)
    assert trial.user_attrs["fold_rounds"] == rounds
    assert trial.user_attrs["fold_scores"] == pytest.approx(scores, abs=1e-12)
    assert value == pytest.approx(np.mean(scores), abs=1e-12)


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"scale_pos_weight": 4}, r"scale_pos_weight == 4, must be 1: XGBoost ignores it.* Set focal_alpha="),
        ({"objective": "binary:logistic"}, r"objective == 'binary:logistic', must be None: XGBoost ignores"),
        ({"base_score": 0.5}, r"base_score == 0.5, must be None: XGBoost ignores it.* Leave it out"),
        ({"tree_method": "exact"}, r"tree_method == 'exact', must be 'hist'"),
        ({"booster": "gblinear"}, r"booster == 'gblinear', must be 'gbtree' or 'dart'"),
        ({"max_bin": 64}, r"space sets 'max_bin', must leave it to fixed: .*Pass cache=False"),
        ({"min_child_weight": -1.0}, r"min_child_weight"),  # XGBoost's own error, a ValueError too
    ],
)
def test_bad_parameters_of_a_trial(params, text):
    objective = make(space=lambda trial: params)
    with pytest.raises(ValueError, match=text):
        objective(FixedTrial({}))


def test_parameters_that_change_nothing_are_taken():
    # The default that users write out, 1, and what a QuantileDMatrix is made for.
    neutral = {"scale_pos_weight": 1, "tree_method": "hist", "booster": "gbtree", "max_bin": 256}
    assert make(space=lambda trial: neutral | POINT)(FixedTrial({})) == make()(FixedTrial(POINT))
