"""Saved models: classes, loss and parameters come back without pickle."""

import json

import numpy as np
import pytest

xgb = pytest.importorskip("xgboost")
lgb = pytest.importorskip("lightgbm")
from focalboost.lightgbm import stored_loss as stored_lightgbm  # noqa: E402  # needs lightgbm
from focalboost.xgboost import stored_loss as stored_xgboost  # noqa: E402  # needs xgboost
from tests.classifier.models import Data, lgbm_model, xgb_model  # noqa: E402


@pytest.mark.parametrize("suffix", ["json", "ubj", "txt"])
@pytest.mark.parametrize("task", ["named", "multiclass", "multilabel"])
def test_save_and_load_without_pickle(task, suffix, tmp_path):
    make = lgbm_model if suffix == "txt" else xgb_model
    smoothing = {} if task == "multiclass" else {"focal_label_smoothing": 0.01}
    y = getattr(Data, task)
    model = make(focal_gamma=1.5, focal_alpha="balanced", **smoothing).fit(Data.X, y)
    path = tmp_path / f"model.{suffix}"
    model.save_model(fname=path)
    loaded = type(model)()
    loaded.load_model(fname=path)
    np.testing.assert_array_equal(loaded.predict(Data.X), model.predict(Data.X))
    np.testing.assert_array_equal(loaded.predict_proba(Data.X), model.predict_proba(Data.X))
    np.testing.assert_array_equal(loaded.classes_, model.classes_)
    assert loaded.classes_.dtype == model.classes_.dtype
    assert loaded.n_classes_ == model.n_classes_
    assert loaded.n_features_in_ == 4
    assert loaded.focal_alpha == "balanced"
    assert loaded.focal_gamma == 1.5
    loaded.fit(Data.X, y)  # nothing that the file brought stands in the way
    stored = stored_lightgbm if suffix == "txt" else stored_xgboost
    booster = model.booster_ if suffix == "txt" else model.get_booster()
    assert stored(booster).gamma == 1.5
    # plain XGBoost and LightGBM
    if suffix == "txt":
        confidence = lgb.Booster(model_file=str(path)).predict(Data.X)
    else:
        confidence = xgb.Booster(model_file=str(path)).predict(xgb.DMatrix(Data.X))
    expected = model.set_params(focal_probability="focal").predict_proba(Data.X)
    np.testing.assert_allclose(confidence, expected[:, 1] if task == "named" else expected, rtol=1e-5)


@pytest.mark.parametrize("labels", [("a]: {b\n", 'c"\\'), (False, True), (0.5, 1.0), ("ä", "日本")])
def test_class_labels_survive_the_file(make, labels, tmp_path):
    y = np.array(labels, dtype=object if isinstance(labels[0], str) else None)[Data.binary]
    if labels == (0.5, 1.0):
        y = y * 2
    model = make(n_estimators=2).fit(Data.X, y)
    model.save_model(tmp_path / "model.json")
    loaded = make()
    loaded.load_model(tmp_path / "model.json")
    np.testing.assert_array_equal(loaded.predict(Data.X), model.predict(Data.X))
    assert loaded.classes_.tolist() == model.classes_.tolist()


def test_models_of_others_are_not_loaded(make, tmp_path):
    path = tmp_path / "model.json"
    if make is xgb_model:
        xgb.XGBClassifier(n_estimators=1).fit(Data.X, Data.binary).save_model(path)
    else:
        lgb.LGBMClassifier(n_estimators=1, verbosity=-1).fit(Data.X, Data.binary).booster_.save_model(path)
    with pytest.raises(ValueError, match=r"the model was not saved by a Focal.*Classifier, must be one"):
        make().load_model(path)


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (
            '"format": 1',
            '"format": 2',
            r"the stored loss has format 2, must be at most 1: a newer focalboost",
        ),
        (
            '"BinaryFocalLoss"',
            '"HingeLoss"',
            r"the stored loss is '.*', must be a record written by focalboost",
        ),
    ],
)
def test_records_of_another_version_are_not_loaded(make, old, new, text, tmp_path):
    path = tmp_path / "model.json"
    make(n_estimators=2).fit(Data.X, Data.named).save_model(path)
    saved = path.read_text()
    # XGBoost keeps the record as text inside its JSON.
    old, new = (part if make is lgbm_model else json.dumps(part)[1:-1] for part in (old, new))
    assert old in saved
    path.write_text(saved.replace(old, new))
    with pytest.raises(ValueError, match=text):
        make().load_model(path)
