"""The boosters' own log loss."""

import numpy as np
import pytest

from tests.onnx.models import Data, lgb, xgb

ort = pytest.importorskip("onnxruntime")

from focalboost.onnx import log_loss_to_onnx  # noqa: E402  # needs ONNX


def run(made, X, dtype):
    session = ort.InferenceSession(made.SerializeToString())
    return session.run(None, {"X": X.astype(dtype)})


@pytest.mark.parametrize("base_score", [None, 0.5, 0.03])
def test_xgboost_says_what_its_classifier_says(base_score):
    model = xgb.XGBClassifier(n_estimators=9, n_jobs=1, base_score=base_score).fit(Data.X, Data.binary)
    labels, found = run(log_loss_to_onnx(model), Data.X, np.float32)
    assert found == pytest.approx(model.predict_proba(Data.X), abs=1e-6)
    assert (labels == model.predict(Data.X)).all()


@pytest.mark.parametrize("boost_from_average", [True, False])
def test_lightgbm_says_what_its_classifier_says(boost_from_average):
    model = lgb.LGBMClassifier(
        n_estimators=9, n_jobs=1, verbosity=-1, boost_from_average=boost_from_average
    ).fit(Data.X, Data.binary)
    labels, found = run(log_loss_to_onnx(model), Data.X, np.float64)
    assert found == pytest.approx(model.predict_proba(Data.X), abs=1e-6)
    assert (labels == model.predict(Data.X)).all()


def test_another_objective_is_refused():
    model = xgb.XGBClassifier(n_estimators=2, n_jobs=1, objective="reg:logistic").fit(Data.X, Data.binary)
    with pytest.raises(ValueError, match="objective == 'reg:logistic', must be 'binary:logistic'"):
        log_loss_to_onnx(model)
    model = lgb.LGBMClassifier(n_estimators=2, n_jobs=1, verbosity=-1, objective="cross_entropy")
    with pytest.raises(ValueError, match="objective == 'cross_entropy', must be 'binary'"):
        log_loss_to_onnx(model.fit(Data.X, Data.binary))
