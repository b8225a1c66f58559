"""Files that earlier versions wrote are read, and predict what they did."""

import json
import pickle
import pickletools
import warnings

import numpy as np
import pytest

xgb = pytest.importorskip("xgboost")
lgb = pytest.importorskip("lightgbm")
from focalboost.lightgbm import FocalLGBMClassifier, load_model  # noqa: E402  # needs the boosters
from focalboost.lightgbm import stored_loss as lightgbm_loss  # noqa: E402
from focalboost.xgboost import FocalXGBClassifier  # noqa: E402
from focalboost.xgboost import stored_loss as xgboost_loss  # noqa: E402
from tests.golden.make import FOLDER, LOSSES, NAMES, table  # noqa: E402

VERSIONS = sorted(path.name for path in FOLDER.iterdir() if path.joinpath("expected.json").exists())
X, LABELS = table()
X = X[:20]
CLASSES = {"binary": sorted(NAMES["binary"]), "multiclass": [0, 1, 2], "multilabel": [0, 1]}
pytestmark = [
    pytest.mark.parametrize("task", LOSSES),
    pytest.mark.parametrize("version", VERSIONS),
]


def expected(version, name):
    return np.array(json.loads((FOLDER / version / "expected.json").read_text())[name])


def unpickled(path):
    with warnings.catch_warnings():
        # scikit-learn and XGBoost say that another version of theirs wrote it.
        warnings.simplefilter("ignore")
        return pickle.loads(path.read_bytes())


def test_there_are_files(version, task):
    assert "0.1" in VERSIONS


def test_pickled_losses(version, task):
    folder = FOLDER / version
    unresolved = pickle.loads((folder / f"unresolved_{task}.pickle").read_bytes())
    assert unresolved == LOSSES[task]
    resolved = pickle.loads((folder / f"resolved_{task}.pickle").read_bytes())
    now = LOSSES[task].for_labels(LABELS[task])
    np.testing.assert_allclose(resolved.intercept, now.intercept, rtol=1e-9)
    np.testing.assert_allclose(resolved.scale, now.scale, rtol=1e-9)


@pytest.mark.parametrize("ending", ["json", "ubj"])
def test_models_of_xgboost(version, task, ending):
    booster = xgb.Booster(model_file=FOLDER / version / f"xgboost_{task}.{ending}")
    loss = xgboost_loss(booster)
    found = loss.posterior(booster.predict(xgb.DMatrix(X), output_margin=True))
    np.testing.assert_allclose(found.ravel(), expected(version, f"xgboost_{task}"), rtol=1e-5)


def test_models_of_lightgbm(version, task):
    booster = load_model(FOLDER / version / f"lightgbm_{task}.txt")
    found = lightgbm_loss(booster).posterior(booster.predict(X, raw_score=True))
    np.testing.assert_allclose(found.ravel(), expected(version, f"lightgbm_{task}"), rtol=1e-9)


@pytest.mark.parametrize(("cls", "ending"), [(FocalXGBClassifier, "ubj"), (FocalLGBMClassifier, "txt")])
def test_classifiers(version, task, cls, ending):
    stem = f"{cls.__name__}_{task}"
    loaded = cls()
    loaded.load_model(FOLDER / version / f"{stem}.{ending}")
    for model in (loaded, unpickled(FOLDER / version / f"{stem}.pickle")):
        assert model.focal_gamma == 1.5
        assert list(model.classes_) == CLASSES[task]
        found = model.predict_proba(X)
        np.testing.assert_allclose(found.ravel(), expected(version, stem), rtol=1e-5)
        if task != "multilabel":
            assert list(model.predict(X)) == [model.classes_[k] for k in found.argmax(axis=1)]


def test_pickles_name_public_paths_only(version, task):
    """Whatever file a class moves to."""
    for path in (FOLDER / version).glob(f"*_{task}.pickle"):
        names = {op[1] for op in pickletools.genops(path.read_bytes()) if isinstance(op[1], str)}
        own = {name for name in names if name.startswith("focalboost.") or name == "focalboost"}
        assert own
        assert not [name for name in own if "._" in name]
