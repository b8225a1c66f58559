"""Continued training."""

import numpy as np
import pytest

from tests.classifier.models import TASKS, Data, xgb_model


@pytest.mark.parametrize("form", ["estimator", "booster", "file"])
@pytest.mark.parametrize("task", TASKS)
def test_continued_training_is_straight_training(make, task, form, tmp_path):
    y = getattr(Data, task)
    first = make(n_estimators=7).fit(Data.X, y)
    before = first
    if form == "booster":
        before = first.get_booster() if make is xgb_model else first.booster_
    if form == "file":
        before = str(tmp_path / "model.json")
        first.save_model(before)
    fit = {"xgb_model": before} if make is xgb_model else {"init_model": before}
    both = make(n_estimators=8).fit(Data.X, y, **fit)
    straight = make(n_estimators=15).fit(Data.X, y)
    np.testing.assert_allclose(
        both.decision_function(Data.X), straight.decision_function(Data.X), rtol=0, atol=1e-5
    )


def test_a_model_of_other_classes_is_not_continued(make):
    before = make().fit(Data.X, Data.named)
    fit = {"xgb_model": before} if make is xgb_model else {"init_model": before}
    name = next(iter(fit))
    text = rf"{name} has the classes \['fraud', 'good'\] \(binary\), must have"
    with pytest.raises(ValueError, match=text):
        make().fit(Data.X, Data.binary, **fit)
