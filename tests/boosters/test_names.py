"""Which parameters a booster knows."""

import inspect

import pytest

from focalboost._boosters.names import known_parameters, lightgbm_aliases, refuse_unknown

lgb = pytest.importorskip("lightgbm")
xgb = pytest.importorskip("xgboost")

# Of the documentation of XGBoost 3.1, for all kinds of boosters.
OF_XGBOOST = """
    booster device verbosity validate_parameters nthread seed seed_per_iteration disable_default_eval_metric
    eta learning_rate gamma min_split_loss max_depth min_child_weight max_delta_step subsample sampling_method
    colsample_bytree colsample_bylevel colsample_bynode lambda reg_lambda alpha reg_alpha tree_method
    scale_pos_weight updater refresh_leaf process_type grow_policy max_leaves max_bin num_parallel_tree
    monotone_constraints interaction_constraints multi_strategy max_cat_to_onehot max_cat_threshold
    sample_type normalize_type rate_drop one_drop skip_drop feature_selector top_k
    objective base_score eval_metric num_class n_jobs random_state
"""
OF_LIGHTGBM = """
    boosting num_leaves num_iterations n_estimators learning_rate eta shrinkage_rate device_type seed
    random_state lambda_l1 reg_alpha lambda_l2 reg_lambda bagging_fraction subsample bagging_freq
    feature_fraction colsample_bytree min_data_in_leaf min_child_samples min_sum_hessian_in_leaf
    min_child_weight early_stopping_round linear_tree cat_smooth drop_rate top_rate use_quantized_grad
    max_bin verbosity verbose num_threads n_jobs metric objective path_smooth monotone_constraints
"""


@pytest.mark.parametrize(("library", "names"), [("xgboost", OF_XGBOOST), ("lightgbm", OF_LIGHTGBM)])
def test_what_the_documentation_lists_is_known(library, names):
    assert not set(names.split()) - known_parameters(library)


@pytest.mark.parametrize(("library", "cls"), [("xgboost", xgb.XGBModel), ("lightgbm", lgb.LGBMModel)])
def test_the_names_of_the_scikit_learn_interface_are_known(library, cls):
    """But for those that it keeps to itself."""
    kept = {
        "self", "kwargs", "n_estimators", "missing", "enable_categorical", "feature_types",
        "importance_type", "early_stopping_rounds", "callbacks", "class_weight", "feature_weights",
    }  # fmt: skip
    names = set(inspect.signature(cls.__init__).parameters) - kept
    assert not names - known_parameters(library)


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
@pytest.mark.parametrize("name", ["max_dept", "focal_gamma", "focal_loss", "n_estimator", "", "Max_Depth"])
def test_others_are_not(library, name):
    assert name not in known_parameters(library)
    with pytest.raises(ValueError, match=rf"^{name} == 1 is no parameter of Something, must be one"):
        refuse_unknown(library, "Something", {"max_depth": 3, name: 1})
    refuse_unknown(library, "Something", {name: 1}, own={name})


@pytest.mark.parametrize(
    ("name", "own", "cure"),
    [
        ("max_dept", (), r"Did you mean 'max_depth'\?"),
        ("qqq", (), r"Leave it out\."),
        ("label_smoothing", (), r"Pass label_smoothing to the loss\."),
        ("focal_hessian", (), r"Pass hessian to the loss\."),
        ("label_smoothing", ("focal_label_smoothing",), r"For focal loss pass focal_label_smoothing\."),
        ("probability", ("focal_probability",), r"For focal loss pass focal_probability\."),
    ],
)
@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_the_cure_is_the_nearest_name(library, name, own, cure):
    with pytest.raises(
        ValueError, match=rf"^{name} is no parameter of Something.*it would be ignored\. {cure}$"
    ):
        refuse_unknown(library, "Something", [name], own)


def test_aliases_of_lightgbm():
    assert {"metric", "metrics", "metric_types"} <= lightgbm_aliases("metric")
    assert {"objective", "application", "app", "objective_type"} <= lightgbm_aliases("objective")
