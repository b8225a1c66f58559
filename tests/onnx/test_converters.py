"""Pipelines that end in a classifier, by skl2onnx."""

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import VotingClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from tests.onnx.models import MAKERS, TASKS, Data, label_agrees, missing, onnxruntime

onnx = pytest.importorskip("onnx")
skl2onnx = pytest.importorskip("skl2onnx")
from skl2onnx.common.data_types import DoubleTensorType, StringTensorType  # noqa: E402  # after the check

from focalboost.onnx import register_converters  # noqa: E402

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning:skl2onnx", "ignore::FutureWarning:skl2onnx"
)


@pytest.fixture(autouse=True)
def registered():
    register_converters()


def run(exported, **columns):
    session = onnxruntime.InferenceSession(exported.SerializeToString())
    return session.run(["label", "probabilities"], columns)


def agrees(pipeline, X, outputs):
    label, found = outputs
    np.testing.assert_allclose(found, pipeline.predict_proba(X), rtol=1e-5)
    label_agrees(label, pipeline.predict(X))


@pytest.mark.parametrize("task", [*TASKS, "named"])
@pytest.mark.parametrize("booster", MAKERS)
def test_scaled_columns(booster, task):
    model = MAKERS[booster](focal_alpha="balanced")
    pipeline = make_pipeline(StandardScaler(), model).fit(Data.X, getattr(Data, task))
    agrees(pipeline, Data.X, run(skl2onnx.to_onnx(pipeline, Data.X[:1]), X=Data.X))


@pytest.mark.parametrize("booster", MAKERS)
def test_columns_of_a_frame(booster):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(Data.X, columns=list("abcd"))
    frame["kind"] = np.where(Data.X[:, 0] > 0.3, "card", "cash")
    columns = ColumnTransformer(
        [("scaled", StandardScaler(), ["a", "b"]), ("kind", OneHotEncoder(sparse_output=False), ["kind"])],
        remainder="passthrough",
    )
    pipeline = make_pipeline(columns, MAKERS[booster]()).fit(frame, Data.named)
    types = [(name, DoubleTensorType([None, 1])) for name in "abcd"] + [("kind", StringTensorType([None, 1]))]
    exported = skl2onnx.to_onnx(pipeline, initial_types=types)
    agrees(pipeline, frame, run(exported, **{name: frame[[name]].to_numpy() for name in frame}))


@pytest.mark.parametrize("booster", MAKERS)
def test_classifier_by_itself_and_of_several_inputs(booster):
    model = MAKERS[booster]().fit(Data.X, Data.binary)
    agrees(model, Data.X, run(skl2onnx.to_onnx(model, Data.X[:1]), X=Data.X))
    types = [("one", DoubleTensorType([None, 1])), ("rest", DoubleTensorType([None, 3]))]
    exported = skl2onnx.to_onnx(model, initial_types=types)
    agrees(model, Data.X, run(exported, one=Data.X[:, :1], rest=Data.X[:, 1:]))


@pytest.mark.parametrize("booster", MAKERS)
def test_older_opset(booster):
    pipeline = make_pipeline(StandardScaler(), MAKERS[booster]()).fit(Data.X, Data.multiclass)
    exported = skl2onnx.to_onnx(pipeline, Data.X[:1], target_opset={"": 15, "ai.onnx.ml": 3})
    assert {entry.version for entry in exported.opset_import if entry.domain == ""} <= {13, 14, 15}
    agrees(pipeline, Data.X, run(exported, X=Data.X))


@pytest.mark.parametrize("booster", MAKERS)
def test_categories(booster):
    """Their tables are constants of skl2onnx's model."""
    codes = np.where(np.arange(len(Data.X)) % 9, np.floor(Data.X[:, 1] * 7.0) % 12.0, np.nan)
    rows, y = np.column_stack([Data.X, codes]), (Data.X[:, 0] + codes % 3 > 2.0).astype(int)
    if booster == "xgboost":
        model = MAKERS[booster](enable_categorical=True, feature_types=["q"] * 4 + ["c"]).fit(rows, y)
    else:
        model = MAKERS[booster](min_data_per_group=1, cat_smooth=1.0).fit(rows, y, categorical_feature=[4])
    exported = skl2onnx.to_onnx(model, rows[:1])
    assert any(constant.data_type == onnx.TensorProto.BOOL for constant in exported.graph.initializer)
    agrees(model, rows, run(exported, X=rows))


def test_a_dictionary_a_row_is_refused():
    model = MAKERS["xgboost"](n_estimators=2).fit(Data.X, Data.binary)
    with pytest.raises(ValueError, match="zipmap"):
        skl2onnx.to_onnx(model, Data.X[:1], options={id(model): {"zipmap": True}})


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
@pytest.mark.parametrize("booster", MAKERS)
def test_calibrators_of_decision_function_are_refused(booster, method):
    """skl2onnx would give them probabilities."""
    model = CalibratedClassifierCV(MAKERS[booster](n_estimators=3), method=method, cv=2)
    model.fit(Data.X, Data.binary)
    with pytest.raises(ValueError, match=r"raw_scores == True, as CalibratedClassifierCV .*, must be False"):
        skl2onnx.to_onnx(model, Data.X[:1], options={"zipmap": False})


@pytest.mark.parametrize("booster", MAKERS)
def test_mean_of_several_classifiers(booster):
    model = VotingClassifier(
        [(str(n), MAKERS[booster](n_estimators=n)) for n in (3, 9)], voting="soft", flatten_transform=False
    )
    model.fit(Data.X, Data.named)
    rows = Data.X.astype(np.float32)
    exported = skl2onnx.to_onnx(model, rows[:1], options={"zipmap": False})
    agrees(model, rows, run(exported, X=rows))


@pytest.mark.parametrize("booster", MAKERS)
def test_filled_columns_without_arithmetic(booster):
    rows = missing(Data.X).astype(np.float32)
    pipeline = make_pipeline(SimpleImputer(), MAKERS[booster]()).fit(rows, Data.named)
    agrees(pipeline, rows, run(skl2onnx.to_onnx(pipeline, rows[:1]), X=rows))
