"""Parameters that a booster ignores are refused, those that change nothing are not."""

import re

import pytest

from focalboost import BinaryFocalLoss, MulticlassFocalLoss
from focalboost._boosters.parameters import LIGHTGBM, TABLES, check_lightgbm_parameters, take_ignored
from tests.lightgbm.training import PARAMS, dataset, lgb
from tests.xgboost.training import BINARY, Data, N, margins, train, xgb


# ---------------------------------------------------------------------- the tables
@pytest.mark.parametrize("name", [name for name, rule in LIGHTGBM.items() if rule.of_loss is not None])
def test_of_each_parameter_that_lightgbm_ignores_only_the_neutral_value_passes(name):
    wanted = None
    for wanted in LIGHTGBM[name].neutral:
        for value in (wanted, str(wanted).lower(), float(wanted)):
            check_lightgbm_parameters({name: value, "num_leaves": 7})
    text = rf"^{name} == 0\.3, must be {wanted}: LightGBM ignores it with a custom objective\. \S"
    with pytest.raises(ValueError, match=text):
        check_lightgbm_parameters({name: 0.3})


@pytest.mark.parametrize(("owner", "name"), [(owner, name) for owner in TABLES for name in TABLES[owner]])
def test_a_classifier_drops_what_changes_nothing_and_refuses_the_rest(owner, name):
    rule = TABLES[owner][name]
    # Starting at 0, as False says, is not what the classifiers do.
    neutral = () if name == "boost_from_average" else rule.neutral
    for value in (None, *neutral):
        params = {name: value, "max_depth": 3}
        take_ignored(owner, params)
        assert params == {"max_depth": 3}
    wanted = neutral[0] if neutral else None
    text = rf"^{name} == 0\.3, must be {wanted}: {owner} ignores it with a custom objective\. \S"
    with pytest.raises(ValueError, match=text):
        take_ignored(owner, {name: 0.3})


def test_the_whole_text_with_the_cure_for_a_loss_and_for_a_classifier():
    rule = "scale_pos_weight == 10, must be 1: XGBoost ignores it with a custom objective. "
    of_loss = "Pass alpha=(1, 10) to the loss, and remove scale_pos_weight."
    of_classifier = "Set focal_alpha=(1, weight), focal_alpha='balanced' or focal_alpha_power instead."
    with pytest.raises(ValueError, match=f"^{re.escape(rule + of_loss)}$"):
        xgb.train({"scale_pos_weight": 10}, xgb.DMatrix(Data.X, Data.binary), 1, obj=BinaryFocalLoss())
    with pytest.raises(ValueError, match=f"^{re.escape(rule + of_classifier)}$"):
        take_ignored("XGBoost", {"scale_pos_weight": 10})


# ---------------------------------------------------------------------- XGBoost
@pytest.mark.parametrize("start", [True, False])
def test_scale_pos_weight_is_never_ignored(start):
    loss = BinaryFocalLoss(2.0).for_labels(Data.binary)
    data = xgb.DMatrix(Data.X, Data.binary)
    callbacks = [loss.start()] if start else []
    text = r"scale_pos_weight == 5, must be 1: XGBoost ignores it.*alpha=\(1, 5\)"
    with pytest.raises(ValueError, match=text):
        xgb.train({"scale_pos_weight": 5, "objective": BINARY}, data, 2, obj=loss, callbacks=callbacks)
    model = xgb.XGBClassifier(objective=loss, scale_pos_weight=5, callbacks=callbacks or None)
    with pytest.raises(ValueError, match=text):
        model.fit(Data.X, Data.binary)


def test_another_number_of_classes_is_refused():
    loss = MulticlassFocalLoss(2.0).for_labels(Data.multiclass)
    data = xgb.DMatrix(Data.X, Data.multiclass)
    with pytest.raises(ValueError, match=r"num_class == 5, must be 4: the labels .* have 4 classes"):
        train({"num_class": 5}, data, 2, loss)
    assert margins(train({"num_class": 4}, data, 2, loss), data).shape == (N, 4)


# ---------------------------------------------------------------------- LightGBM
@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"is_unbalance": True}, r"is_unbalance == True, must be False: .*alpha='balanced'"),
        ({"unbalance": "true"}, r"unbalance == 'true', must be False"),
        ({"scale_pos_weight": 3}, r"scale_pos_weight == 3, must be 1: .*alpha=\(1, weight\)"),
        ({"sigmoid": 2.0}, r"sigmoid == 2\.0, must be 1"),
        ({"boost_from_average": True}, r"boost_from_average == True, must be False: .*lightgbm\.start"),
        ({"pos_bagging_fraction": 0.5}, r"pos_bagging_fraction == 0\.5, must be 1"),
    ],
)
def test_parameters_without_effect_are_refused(params, text):
    with pytest.raises(ValueError, match=text):
        lgb.train({**PARAMS, "objective": BinaryFocalLoss(), **params}, dataset(), 1)
    with pytest.raises(ValueError, match=text):
        lgb.LGBMClassifier(objective=BinaryFocalLoss(), verbosity=-1, **params).fit(Data.X, Data.binary)


def test_neutral_values_are_no_error():
    neutral = {"is_unbalance": False, "scale_pos_weight": 1.0, "sigmoid": 1, "boost_from_average": "false"}
    booster = lgb.train({**PARAMS, "objective": BinaryFocalLoss(), **neutral}, dataset(), 2)
    assert booster.num_trees() == 2
