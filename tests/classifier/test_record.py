"""Saved models: classes, loss and parameters come back without pickle."""

import json
import pickle
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.base import clone

xgb = pytest.importorskip("xgboost")
lgb = pytest.importorskip("lightgbm")
import focalboost.lightgbm as flgb  # noqa: E402  # needs lightgbm
import focalboost.xgboost as fxgb  # noqa: E402  # needs xgboost
from focalboost import MulticlassFocalLoss, MultilabelFocalLoss  # noqa: E402
from focalboost._classifier.record import PARAMETERS  # noqa: E402
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
    stored = flgb.stored_loss if suffix == "txt" else fxgb.stored_loss
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
            r"the stored loss has loss == 'HingeLoss', must be one of 'BinaryFocalLoss'",
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


# ---------------------------------------------------------------------- records that nobody wrote
def record_of(model):
    """The record in a fitted model, as text."""
    if isinstance(model, xgb.XGBClassifier):
        return model.get_booster().attr("focalboost")
    lines = model.booster_.model_to_string().splitlines()
    return next(line for line in lines if line.startswith("[focalboost: "))[13:-1]


def save_with(model, path, record):
    """The file of a model with another record in it; plain XGBoost and LightGBM read it."""
    if isinstance(model, xgb.XGBClassifier):
        booster = model.get_booster().copy()
        booster.set_attr(focalboost=record)
        booster.save_model(path)
    else:
        text = model.booster_.model_to_string()
        path.write_text(text.replace(f"[focalboost: {record_of(model)}]", f"[focalboost: {record}]"))


def in_estimator(**values):
    return lambda record: record["estimator"].update(values)


def in_parameters(**values):
    return lambda record: record["estimator"]["parameters"].update(values)


EDITS = {
    "another attribute": (
        in_parameters(predict_proba=1),
        r"the unknown key 'predict_proba' among the parameters, must have only focal_gamma, ",
    ),
    "a word that is none": (
        in_parameters(focal_probability="pasterior"),
        r"focal_probability == 'pasterior', must be one of 'posterior', 'closed_form', 'focal'",
    ),
    "no probability": (
        lambda record: record["estimator"]["parameters"].pop("focal_probability"),
        r"no key 'focal_probability' among the parameters, must have it",
    ),
    "no alpha": (
        lambda record: record["estimator"]["parameters"].pop("focal_alpha"),
        r"no key 'focal_alpha' among the parameters, must have it",
    ),
    "a gamma that was not trained": (
        in_parameters(focal_gamma=3.0),
        r"focal parameters that ask for BinaryFocalLoss\(gamma=3.0.*, must be those of .*gamma=2.0",
    ),
    "a Hessian that was not trained": (
        in_parameters(focal_hessian="exact"),
        r"focal parameters that ask for .*hessian='exact'.*, must be those of ",
    ),
    "a gamma of text": (in_parameters(focal_gamma="2"), r"focal_gamma == '2', must be >= 0 and finite"),
    "two ways of weights": (
        in_parameters(focal_alpha=0.5, focal_alpha_power=1.0),
        r"focal_alpha == 0.5 and focal_alpha_power == 1.0, must be None in one of the two",
    ),
    "a dict of its own": (
        in_parameters(focal_gamma={"fraud": 2.0, "good": 2.0}),
        r"focal_gamma == {'fraud': 2.0, 'good': 2.0}, must have under 'by_class' a list of 2",
    ),
    "parameters of no kind": (
        in_estimator(parameters=[1]),
        r"parameters == \(1,\) of its estimator, must be an ob",
    ),
    "another task": (
        in_estimator(task="multiclass"),
        r"task == 'multiclass' of its estimator, must be 'binary' of a BinaryFocalLoss",
    ),
    "a task that is none": (
        in_estimator(task=["binary"]),
        r"task == \('binary',\) of its estimator, must be 'bin",
    ),
    "another key": (
        in_estimator(probability=1),
        r"the unknown key 'probability' of its estimator, must have only",
    ),
    "three classes": (
        in_estimator(classes=["a", "b", "c"]),
        r"3 classes of its estimator, must have 2 as the los",
    ),
    "one class": (in_estimator(classes=["a"]), r"1 classes of its estimator, must have 2 as the loss"),
    "no classes": (
        in_estimator(classes=[]),
        r"classes == \(\) of its estimator, must be a list of what dtype",
    ),
    "a class twice": (
        in_estimator(classes=["good", "good"]),
        r"classes == \('good', 'good'\) of its estimator, must be sorted and distinct",
    ),
    "classes out of order": (
        in_estimator(classes=["good", "bad"]),
        r"classes == \('good', 'bad'\) of its estimator, must be sorted and distinct",
    ),
    "longer classes": (
        in_estimator(classes=["fraud", "good!!"]),
        r"classes == .*, must fit into dtype '<U5'",
    ),
    "classes of another kind": (
        in_estimator(classes=[0, 1]),
        r"classes == \(0, 1\) of its .*what dtype '<U5' holds",
    ),
    "an array of objects": (
        in_estimator(classes=[None, {}], dtype="|O"),
        r"classes == \(None, {}\) of its estimator, must be a list of what dtype '\|O' holds",
    ),
    "a structured dtype": (
        in_estimator(dtype="i4,i4"),
        r"dtype == 'i4,i4' of its estimator, must be one of bool",
    ),
    "a dtype of lists": (
        in_estimator(dtype=[["a", "<i4"]]),
        r"dtype == .* of its estimator, must be one of bool",
    ),
    "dates": (
        in_estimator(classes=[1, 2], dtype="<M8[ns]"),
        r"dtype == '<M8\[ns\]' of its estimator, must be one",
    ),
    "a large dtype": (
        in_estimator(dtype="<U99999999"),
        r"classes == .* of its estimator, must fit into dtype",
    ),
    "numbers too large": (
        in_estimator(classes=[1, 300], dtype="|i1"),
        r"classes == .*, must fit into dtype '\|i1'",
    ),
    "floats too large": (
        in_estimator(classes=[1, 1e9], dtype="<f2"),
        r"classes == .*, must fit into dtype '<f2'",
    ),
    "booleans as numbers": (
        in_estimator(classes=[0, 1], dtype="|b1"),
        r"classes == \(0, 1\) of its estimator",
    ),
}


@pytest.fixture(scope="module")
def fitted():
    return {maker: maker(n_estimators=2).fit(Data.X, Data.named) for maker in (xgb_model, lgbm_model)}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_record_is_refused(make, edit, fitted, tmp_path):
    model = fitted[make]
    change, text = EDITS[edit]
    record = json.loads(record_of(model))
    change(record)
    path = tmp_path / ("model.json" if make is xgb_model else "model.txt")
    save_with(model, path, json.dumps(record))
    loaded = make(focal_gamma=1.0).fit(Data.X, Data.binary)
    before, parameters = loaded.predict_proba(Data.X), loaded.get_params()
    with pytest.raises(ValueError, match=rf"the stored loss has {text}"):
        loaded.load_model(path)
    # The model that was there stays.
    np.testing.assert_array_equal(loaded.predict_proba(Data.X), before)
    assert loaded.get_params() == parameters
    assert loaded.classes_.tolist() == [0, 1]
    continued = {"xgb_model" if make is xgb_model else "init_model": str(path)}
    with pytest.raises(ValueError, match=rf"the stored loss has {text}"):
        make(n_estimators=1).fit(Data.X, Data.named, **continued)


def test_the_record_as_it_was_is_read(make, fitted, tmp_path):
    path = tmp_path / ("model.json" if make is xgb_model else "model.txt")
    save_with(fitted[make], path, json.dumps(json.loads(record_of(fitted[make]))))
    loaded = make()
    loaded.load_model(path)
    np.testing.assert_array_equal(loaded.predict_proba(Data.X), fitted[make].predict_proba(Data.X))


OTHERS = {
    "three classes": (
        MulticlassFocalLoss(2.0).for_labels([0, 1, 2]),
        r"has 1 outputs, its stored loss Multicl",
    ),
    "three labels": (
        MultilabelFocalLoss(2.0).for_labels([[0, 1, 0], [1, 0, 1]]),
        r"has 1 outputs, its stored loss",
    ),
}


@pytest.mark.parametrize("other", OTHERS)
def test_the_record_of_another_model_is_refused(make, other, tmp_path):
    loss, text = OTHERS[other]
    model = make(n_estimators=2).fit(Data.X, Data.binary)
    path = tmp_path / ("model.json" if make is xgb_model else "model.txt")
    save_with(model, path, loss.to_json())
    plain = xgb.Booster(model_file=path) if make is xgb_model else lgb.Booster(model_file=str(path))
    name = "xgb_model" if make is xgb_model else "init_model"
    module = fxgb if make is xgb_model else flgb
    data = xgb.DMatrix if make is xgb_model else lgb.Dataset
    ways = [
        lambda: module.stored_loss(plain),
        lambda: make().load_model(path),
        lambda: make().fit(Data.X, Data.binary, **{name: plain}),
        lambda: module.train(loss, {}, data(Data.X, Data.binary), 1, **{name: plain}),
    ]
    for way in ways:
        with pytest.raises(
            ValueError, match=f"{text}|objective == 'binary sigmoid:1' in the header|base_score == "
        ):
            way()


def test_the_record_of_another_transform_is_refused():
    """As many outputs, but a softmax in the place of sigmoids."""
    loss = MultilabelFocalLoss(2.0).for_labels(Data.multilabel)
    text = r"has the objective 'multi.*', its stored loss Multilabel.* has '.*', must be equal: the record is"
    booster = xgb_model(n_estimators=1).fit(Data.X, Data.multiclass).get_booster()
    booster.set_attr(focalboost=loss.to_json())
    with pytest.raises(ValueError, match=text):
        fxgb.stored_loss(booster)
    model = lgbm_model(n_estimators=1).fit(Data.X, Data.multiclass)
    saved = model.booster_.model_to_string().replace(record_of(model), loss.to_json())
    with pytest.raises(ValueError, match=text):
        flgb.stored_loss(lgb.Booster(model_str=saved))


# ---------------------------------------------------------------------- parameters
ASKED = {
    "numbers": ("named", {"focal_gamma": 1.5, "focal_alpha": 0.25, "focal_label_smoothing": 0.01}),
    "pairs": (
        "named",
        {"focal_gamma": (1.0, 2.0), "focal_alpha": (1.0, 30.0), "focal_hessian": "reweighted"},
    ),
    "dicts by text": (
        "named",
        {"focal_gamma": {"fraud": 1.0, "good": 2.0}, "focal_alpha": {"good": 1, "fraud": 3}},
    ),
    "dicts by number": ("binary", {"focal_gamma": {0: 1.0, 1: 2.0}, "focal_alpha": {1: 3.0, 0: 1.0}}),
    "dicts of classes": (
        "multiclass",
        {"focal_gamma": {"a": 0.0, "b": 1.0, "c": 2.0}, "focal_alpha": "balanced"},
    ),
    "power": ("multiclass", {"focal_alpha_power": 0.5, "focal_probability": "focal"}),
    "labels": ("multilabel", {"focal_gamma": (0.0, 1.0, 2.0), "focal_alpha": (0.25, (1.0, 3.0), 0.5)}),
    "dicts of labels": ("multilabel", {"focal_alpha": {0: 0.25, 1: (1.0, 3.0), 2: {0: 1.0, 1: 2.0}}}),
    "NumPy": ("binary", {"focal_gamma": np.float64(1.5), "focal_alpha_power": np.float32(0.5)}),
}


@pytest.mark.parametrize("asked", ASKED)
def test_parameters_come_back_and_train_the_same_model(make, asked, tmp_path):
    task, parameters = ASKED[asked]
    y = getattr(Data, task)
    model = make(n_estimators=2, **parameters).fit(Data.X, y)
    path = tmp_path / "model.json"
    model.save_model(path)
    loaded = make(n_estimators=2)
    loaded.load_model(path)
    wanted = {name: model.get_params()[name] for name in PARAMETERS}
    assert {name: getattr(loaded, name) for name in PARAMETERS} == wanted
    assert loaded.loss_.to_json() == model.loss_.to_json()  # without threads, which are the machine's
    joblib.dump(loaded, tmp_path / "model.joblib")
    copies = [clone(loaded), pickle.loads(pickle.dumps(loaded)), joblib.load(tmp_path / "model.joblib")]
    for copy in copies:
        assert {name: copy.get_params()[name] for name in PARAMETERS} == wanted
    for copy in copies[1:]:
        np.testing.assert_array_equal(copy.predict_proba(Data.X), model.predict_proba(Data.X))
    again = copies[0].fit(Data.X, y)
    np.testing.assert_array_equal(again.predict_proba(Data.X), model.predict_proba(Data.X))
    # Loaded and saved once more it is the same file.
    loaded.save_model(tmp_path / "again.json")
    assert Path(tmp_path, "again.json").read_bytes() == path.read_bytes()
    continued = {"xgb_model" if make is xgb_model else "init_model": path}
    more = make(n_estimators=1, **{name: value for name, value in wanted.items() if value is not None})
    # All but the shift, which is that of the trees.
    more.fit(Data.X, y, **continued)
    assert more.loss_.with_shift(None) == model.loss_.with_shift(None)


def test_the_probability_that_is_asked_for_last_is_saved(make, tmp_path):
    """It is read at each prediction: a file that said another would predict otherwise."""
    model = make(n_estimators=2).fit(Data.X, Data.named)
    posterior = model.predict_proba(Data.X)
    model.set_params(focal_probability="focal")
    focal = model.predict_proba(Data.X)
    assert np.abs(focal - posterior).max() > 0.01
    for probability, expected in (("focal", focal), ("posterior", posterior)):
        path = tmp_path / f"{probability}.json"
        model.set_params(focal_probability=probability)
        model.save_model(path)
        loaded = make()
        loaded.load_model(path)
        assert loaded.focal_probability == probability
        np.testing.assert_array_equal(loaded.predict_proba(Data.X), expected)
        assert loaded.loss_.to_json() == model.loss_.to_json()
    # What was trained stays: another gamma acts from the next fit on.
    model.set_params(focal_gamma=5.0)
    model.save_model(tmp_path / "other.json")
    loaded.load_model(tmp_path / "other.json")
    assert loaded.focal_gamma == 2.0


def test_a_probability_that_is_none_is_refused(make, tmp_path):
    model = make(n_estimators=2).fit(Data.X, Data.named).set_params(focal_probability="pasterior")
    for way in (model.predict_proba, model.predict, model.decision_function):
        with pytest.raises(
            ValueError, match=r"^focal_probability == 'pasterior', must be one of 'posterior', 'cl"
        ):
            way(Data.X)
    with pytest.raises(
        ValueError, match=r"^focal_probability == 'pasterior', must be one of 'posterior', 'cl"
    ):
        model.save_model(tmp_path / "model.json")
    assert not (tmp_path / "model.json").exists()


@pytest.mark.parametrize("missing", [-999.0, -999, np.float32(-999), np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("ending", ["json", "ubj"])
def test_what_is_missing_is_kept(missing, ending, tmp_path):
    """XGBoost's own files have it not: a loaded model would read -999 as a number."""
    X = Data.X.copy()
    X[::3, 0] = missing
    model = xgb_model(n_estimators=5, missing=missing).fit(X, Data.named)
    path = tmp_path / f"model.{ending}"
    model.save_model(path)
    loaded = xgb_model(missing=7.0)
    loaded.load_model(path)
    np.testing.assert_array_equal(loaded.missing, missing)
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    more = xgb_model(n_estimators=1, missing=missing).fit(X, Data.named, xgb_model=path)
    assert more.get_booster().num_boosted_rounds() == 6
    with pytest.raises(ValueError, match=r"missing == 7.0, must be .* as that of xgb_model"):
        xgb_model(n_estimators=1, missing=7.0).fit(X, Data.named, xgb_model=path)
    # As it is at the time of saving: each prediction reads it.
    model.set_params(missing=0.0).save_model(path)
    loaded.load_model(path)
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize("missing", [None, "x", True])
def test_what_is_no_missing_value_is_refused_before_training(missing):
    with pytest.raises(TypeError, match=r"^missing == .*, must be a number: NaN by default"):
        xgb_model(missing=missing).fit(Data.X, Data.named)


def test_a_series_by_class_is_the_dict(make, tmp_path):
    pd = pytest.importorskip("pandas")
    by_class = {
        "focal_gamma": {"good": 1.0, "fraud": 2.0},
        "focal_alpha": {"good": 1.0, "fraud": 3.0},
        "focal_sampling_rate": {"good": 0.1, "fraud": 1.0},
    }
    series = {name: pd.Series(value) for name, value in by_class.items()}
    model = clone(make(n_estimators=2, **series)).fit(Data.X, Data.named)
    same = make(n_estimators=2, **by_class).fit(Data.X, Data.named)
    assert model.loss_ == same.loss_
    np.testing.assert_array_equal(model.predict_proba(Data.X), same.predict_proba(Data.X))
    model.save_model(tmp_path / "model.json")
    loaded = make()
    loaded.load_model(tmp_path / "model.json")
    assert {name: getattr(loaded, name) for name in by_class} == by_class
    twice = pd.Series([1.0, 2.0, 3.0], index=["good", "fraud", "fraud"])
    with pytest.raises(ValueError, match="is the index of a Series, must have each class once"):
        make(focal_alpha=twice).fit(Data.X, Data.named)
    with pytest.raises(ValueError, match="focal_alpha has 0, must have a value for each class of y only"):
        make(focal_alpha=pd.Series([1.0, 2.0])).fit(Data.X, Data.named)
