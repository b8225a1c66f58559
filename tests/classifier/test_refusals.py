"""Parameters, data and metrics that a classifier refuses."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from tests.classifier.models import MAKERS, Data, N, lgbm_model


@pytest.mark.parametrize(
    ("booster", "params", "message"),
    [
        ("xgboost", {"objective": "binary:logistic"}, r"^objective == 'binary:logistic', must be None"),
        (
            "xgboost",
            {"scale_pos_weight": 5},
            r"scale_pos_weight == 5, must be 1: XGBoost ignores it.*focal_al",
        ),
        ("xgboost", {"base_score": 0.3}, r"base_score == 0.3, must be None.*starts at the best constant"),
        ("lightgbm", {"objective": "binary"}, r"objective == 'binary', must be None: LightGBM ignores it"),
        (
            "lightgbm",
            {"is_unbalance": True},
            r"is_unbalance == True, must be False.*focal_alpha='balanced'",
        ),
        ("lightgbm", {"scale_pos_weight": 5}, r"scale_pos_weight == 5, must be 1: LightGBM ignores it"),
        ("lightgbm", {"boost_from_average": False}, r"boost_from_average == False, must be None"),
        ("lightgbm", {"sigmoid": 2.0}, r"sigmoid == 2.0, must be 1: "),
        ("lightgbm", {"pos_bagging_fraction": 0.5}, r"pos_bagging_fraction == 0.5, must be 1: .*subsample"),
        ("lightgbm", {"boosting_type": "rf"}, r"boosting_type == 'rf', must be 'gbdt' or 'dart'"),
        (
            "lightgbm",
            {"metric": "binary_logloss"},
            r"'binary_logloss', must be 'auc', 'average_precision' or a",
        ),
        *[
            (booster, params, message)
            for booster in MAKERS
            for params, message in [
                ({"focal_gamma": -1}, r"^focal_gamma == -1, must be >= 0"),
                ({"focal_gamma": (1, 2, 3)}, r"^focal_gamma == .* must have 2, one per class"),
                ({"focal_alpha": 4}, r"^focal_alpha == 4, must be in \(0, 1\)"),
                ({"focal_alpha": "auto"}, r"^focal_alpha == 'auto', must be None"),
                ({"focal_hessian": "abs"}, r"^focal_hessian == 'abs', must be one of"),
                ({"focal_label_smoothing": 1.0}, r"^focal_label_smoothing == 1.0, must be in"),
                (
                    {"focal_probability": "raw"},
                    r"^focal_probability == 'raw', must be one of 'posterior', 'closed_form', 'focal'",
                ),
                ({"probability": "focal"}, r"^probability == 'focal' is no param.*pass focal_probability\."),
                ({"label_smoothing": 0.1}, r"^label_smoothing == 0.1 is no par.*focal_label_smoothing\."),
                ({"focal_gama": 1.0}, r"^focal_gama == 1.0 is no parameter of .*mean 'focal_gamma'\?"),
                ({"max_dept": 3}, r"^max_dept == 3 is no parameter of .*mean 'max_depth'\?"),
                ({"focal_alpha_power": np.inf}, r"^focal_alpha_power == inf, must be finite"),
                (
                    {"focal_alpha_power": 1.0, "focal_alpha": 0.5},
                    r"focal_alpha == 0.5 and focal_alpha_power == 1.0, must be None in one",
                ),
            ]
        ],
    ],
)
def test_parameters_are_refused_at_fit(booster, params, message):
    model = MAKERS[booster](**params)
    with pytest.raises(ValueError, match=message):
        model.fit(Data.X, Data.named)


@pytest.mark.parametrize(
    ("booster", "params"),
    [
        ("xgboost", {"scale_pos_weight": 1}),
        ("lightgbm", {"scale_pos_weight": 1.0, "is_unbalance": False, "sigmoid": 1}),
        ("lightgbm", {"pos_bagging_fraction": 1.0, "neg_bagging_fraction": 1, "unbalance": "false"}),
    ],
)
def test_neutral_values_are_no_error(booster, params):
    plain, given = (MAKERS[booster](**more).fit(Data.X, Data.named) for more in ({}, params))
    np.testing.assert_array_equal(given.predict_proba(Data.X), plain.predict_proba(Data.X))


def test_data_is_refused(make):
    model = make()
    with pytest.raises(ValueError, match=r"y has 1 class, 'a', must have 2 or more"):
        model.fit(Data.X, np.full(N, "a"))
    with pytest.raises(ValueError, match=r"y\[\d+, \d+\] == 2, must be 0 or 1"):
        model.fit(Data.X, Data.multilabel + 1)
    with pytest.raises(ValueError, match=r"y has shape .*MultiOutputClassifier"):
        model.fit(Data.X, Data.multilabel * np.array([1, 1, 2]))
    text = r"y of eval.set.* has class 'theft', must be one of y: \['fraud', 'go"
    with pytest.raises(ValueError, match=text):
        model.fit(Data.X, Data.named, eval_set=[(Data.X, np.full(N, "theft"))])
    with pytest.raises(ValueError, match=r"sample_weight is zero in all rows"):
        model.fit(Data.X, Data.named, sample_weight=np.zeros(N))
    with pytest.raises(ValueError, match=r"focal_label_smoothing == 0.1, must be 0 for more than two cl"):
        make(focal_label_smoothing=0.1).fit(Data.X, Data.multiclass)
    with pytest.raises(NotFittedError, match=r"is not fitted"):
        model.predict_proba(Data.X)


def test_lightgbm_metrics_that_would_be_wrong_are_refused():
    model = lgbm_model()
    for y, metric in [
        (Data.named, "binary_error"),
        (Data.multiclass, "multi_logloss"),
        (Data.multilabel, "auc"),
    ]:
        with pytest.raises(ValueError, match=rf"eval_metric == '{metric}', must be"):
            model.fit(Data.X, y, eval_metric=metric)
    with pytest.raises(ValueError, match=r"eval_set and eval_X are both given"):
        model.fit(Data.X, Data.named, eval_set=[(Data.X, Data.named)], eval_X=Data.X, eval_y=Data.named)
