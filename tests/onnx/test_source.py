"""What is taken for a model."""

import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.onnx.models import MAKERS, Data, lgb, to_onnx, xgb


@pytest.mark.parametrize(
    "model",
    [LogisticRegression(), make_pipeline(StandardScaler(), MAKERS["xgboost"]()), "model.json", None],
    ids=["another classifier", "pipeline", "path", "None"],
)
def test_anything_else_is_refused(model):
    with pytest.raises(
        TypeError, match=r"model is a .*, must be FocalXGBClassifier, FocalLGBMClassifier, or"
    ):
        to_onnx(model)


@pytest.mark.parametrize("booster", MAKERS)
def test_not_fitted(booster):
    with pytest.raises(NotFittedError, match="is not fitted: call fit or load_model first"):
        to_onnx(MAKERS[booster]())


def test_plain_classifiers_have_no_loss():
    for plain in (
        xgb.XGBClassifier(n_estimators=2, n_jobs=1),
        lgb.LGBMClassifier(n_estimators=2, n_jobs=1, verbosity=-1),
    ):
        with pytest.raises(ValueError, match="model has no stored loss, must have one"):
            to_onnx(plain.fit(Data.X, Data.binary))
