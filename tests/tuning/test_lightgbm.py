"""A fold of LightGBM is a training on a subset of one Dataset, and other bins than its are refused."""

import numpy as np
import pytest
from optuna.trial import FixedTrial
from sklearn.model_selection import StratifiedKFold

from focalboost import BinaryFocalLoss
from focalboost.tuning import class_weights
from focalboost.tuning._folds import Turn
from tests.tuning.helpers import BINARY, MULTILABEL, POINTS, WEIGHT, N, X, focal_only, make


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["alike", "weighted"])
@pytest.mark.parametrize(("y", "metric"), [(BINARY, "average_precision"), (MULTILABEL, "roc_auc")])
def test_a_fold_of_lightgbm_is_training_on_the_subset(y, metric, weight):
    import lightgbm as lgb

    from focalboost import MultilabelFocalLoss
    from focalboost.lightgbm import pack_labels, start

    cv = list(StratifiedKFold(3).split(X, BINARY))
    objective = make("lightgbm", y=y, scoring=metric, cv=cv, space=focal_only, sample_weight=weight)
    trial = FixedTrial({"focal_gamma": 1.5, "focal_alpha_power": 0.5})
    objective(trial)
    labels = y if y.ndim == 1 else pack_labels(y)
    whole = lgb.Dataset(X, labels, weight=weight, params={"feature_pre_filter": False, "verbosity": -1})
    whole.construct()
    loss_class = BinaryFocalLoss if y.ndim == 1 else MultilabelFocalLoss
    params = {
        "num_leaves": 7,
        "metric": "None",
        "verbosity": -1,
        "feature_pre_filter": False,
        "num_threads": 1,
    }
    if y.ndim == 2:
        params["num_class"] = 2
    for fold, (train, valid) in enumerate(cv):
        of_rows = None if weight is None else weight[train]
        loss = loss_class(1.5, class_weights(y[train], 0.5, of_rows)).for_labels(y[train], of_rows)
        parts = [whole.subset(rows.tolist()) for rows in (train, valid)]
        booster = lgb.train(
            {**params, "objective": loss},
            parts[0],
            12,
            valid_sets=[parts[1]],
            feval=loss.metric,
            callbacks=[start(loss), lgb.early_stopping(3, verbose=False)],
        )
        margins = booster.predict(X[valid], raw_score=True)
        assert trial.user_attrs["fold_rounds"][fold] == booster.best_iteration
        folds = objective._folds
        estimator = folds.resolve(folds.complete(trial.params), train, 1)
        trained = folds.run(fold, estimator, folds.bins(), Turn(1))
        np.testing.assert_allclose(trained.margins, margins, rtol=1e-5, atol=1e-6)


def test_subsample_draws_rows_without_being_told_how_often():
    objective = make(
        "lightgbm", space=lambda trial: {"subsample": trial.suggest_float("subsample", 0.5, 1.0)}
    )
    few, all_rows = (objective(FixedTrial({"subsample": subsample})) for subsample in (0.5, 1.0))
    assert few != all_rows  # LightGBM's default of subsample_freq would make it do nothing
    assert objective.refit({"subsample": 0.5}).subsample_freq == 1


def test_kept_bins_have_the_features_that_small_leaves_can_split():
    # LightGBM drops a feature that leaves of 20 rows, its default, cannot use when it makes the bins.
    rare = np.flatnonzero(BINARY)[::8]
    table = np.column_stack([X[:, :2], np.isin(np.arange(N), rare)]).astype(np.float32)
    assert 12 < len(rare) < 20
    point = {"min_child_samples": 3}
    kept, fresh = (
        make("lightgbm", data=table, cache=cache, space=lambda trial: dict(point)) for cache in (True, False)
    )
    value = kept(FixedTrial({}))
    assert value == fresh(FixedTrial({}))
    assert value != make("lightgbm", data=table[:, :2], space=lambda trial: dict(point))(FixedTrial({}))


def test_other_bins_than_those_made_once_are_refused():
    kept = make("lightgbm", space=lambda trial: {"max_bin": 63})
    with pytest.raises(ValueError, match=r"need other bins .*Cannot change max_bin .* or pass cache=False"):
        kept(FixedTrial({}))


@pytest.mark.parametrize(
    ("params", "text"),
    [
        (
            {"is_unbalance": True},
            r"is_unbalance == True, must be False: LightGBM ignores it.* Set focal_alpha=",
        ),
        ({"sigmoid": 2.0}, r"sigmoid == 2.0, must be 1: LightGBM ignores it.* focal loss has sigmoid 1"),
        ({"boost_from_average": False}, r"boost_from_average == False, must be None: LightGBM ignores it"),
        ({"objective": "binary"}, r"objective == 'binary', must be None: LightGBM ignores it"),
        ({"boosting_type": "rf"}, r"boosting_type == 'rf', must be 'gbdt' or 'dart'"),
    ],
)
def test_bad_parameters_of_a_trial(params, text):
    objective = make("lightgbm", space=lambda trial: params)
    with pytest.raises(ValueError, match=text):
        objective(FixedTrial({}))


def test_a_device_and_no_cache():
    point = POINTS["lightgbm"]
    fresh = make("lightgbm", device="cpu", cache=False)(FixedTrial(point))
    assert fresh == make("lightgbm")(FixedTrial(point))
