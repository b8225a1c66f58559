"""Saved models: plain XGBoost predicts with them, and the loss that they keep comes back."""

import numpy as np
import pytest

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss

xgb = pytest.importorskip("xgboost")
from focalboost.xgboost import stored_loss  # noqa: E402  # needs xgboost
from tests.xgboost.training import BINARY, Data, margins, train  # noqa: E402


@pytest.mark.parametrize("suffix", ["json", "ubj"])
@pytest.mark.parametrize(
    ("labels", "loss"),
    [
        ("binary", BinaryFocalLoss((2.0, 0.5), 0.25)),
        ("multiclass", MulticlassFocalLoss(2.0, "balanced")),
        ("multilabel", MultilabelFocalLoss((2.0, 1.0, 0.0), (0.25, (1.0, 3.0), 0.5))),
    ],
)
def test_a_saved_model_predicts_with_plain_xgboost(labels, loss, suffix, tmp_path):
    y = getattr(Data, labels)
    loss = loss.for_labels(y)
    data = xgb.DMatrix(Data.X, y)
    booster = train({}, data, 10, loss)
    booster.save_model(tmp_path / f"model.{suffix}")
    loaded = xgb.Booster(model_file=tmp_path / f"model.{suffix}")
    np.testing.assert_array_equal(loaded.predict(data), booster.predict(data))
    np.testing.assert_array_equal(margins(loaded, data), margins(booster, data))
    assert stored_loss(loaded).with_shift(None) == loss
    focal = loaded.predict(data)
    raw = margins(loaded, data)
    if labels == "multiclass":
        expected = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
    else:
        expected = 1 / (1 + np.exp(-raw))
    np.testing.assert_allclose(focal, expected, atol=1e-6)


def test_a_model_without_a_stored_loss_says_so():
    booster = train({"objective": BINARY}, xgb.DMatrix(Data.X, Data.binary), 1)
    with pytest.raises(ValueError, match=r"booster.attr\('focalboost'\) == None, must be a stored loss"):
        stored_loss(booster)
    booster.set_attr(focalboost="{}")
    with pytest.raises(ValueError, match=r"the stored loss is '{}', must be a record written by focalboost"):
        stored_loss(booster)
