"""Exported models against predict and predict_proba: boosters, tasks, and all that changes a probability."""

import json

import numpy as np
import pytest
from scipy.special import expit

for needed in ("onnx", "onnxruntime", "xgboost", "lightgbm"):
    pytest.importorskip(needed)
import focalboost.lightgbm  # noqa: E402  # after the check
import focalboost.xgboost  # noqa: E402
from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss  # noqa: E402
from focalboost.losses._record import to_json  # noqa: E402
from tests.onnx.models import MAKERS, TASKS, Data, check, lgb, missing, quiet, run, to_onnx, xgb  # noqa: E402

WEIGHTS = {
    "binary": {"focal_alpha": 0.9},
    "multiclass": {"focal_alpha": (1.0, 2.0, 30.0), "focal_gamma": (0.0, 1.0, 4.0)},
    "multilabel": {"focal_alpha": (0.9, 0.5, 0.2), "focal_gamma": (0.0, 1.0, 3.0)},
}
SMOOTHED = {"binary": {"focal_label_smoothing": 0.1}, "multilabel": {"focal_label_smoothing": 0.1}}
SAMPLED = {"binary": (0.1, 1.0), "multiclass": (0.2, 0.5, 1.0), "multilabel": (0.1, 0.2, 0.3)}
CHANGES = {
    "plain": lambda task: {},
    "alpha": WEIGHTS.get,
    "balanced": lambda task: {"focal_alpha": "balanced"},
    "smoothing": lambda task: SMOOTHED.get(task, {"focal_gamma": 0.5}),
    "closed form": lambda task: {"focal_alpha": "balanced", "focal_probability": "closed_form"},
    "focal": lambda task: {"focal_alpha": "balanced", "focal_probability": "focal"},
    "sampling": lambda task: {"focal_sampling_rate": SAMPLED[task], "focal_alpha": "balanced"},
    "log loss": lambda task: {"focal_gamma": 0.0},
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("booster", MAKERS)
def test_says_what_the_classifier_says(booster, task, change):
    X = missing(Data.X)
    model = MAKERS[booster](**CHANGES[change](task)).fit(X, getattr(Data, task))
    check(model, X)


@pytest.mark.parametrize("booster", MAKERS)
def test_pair_of_gammas(booster):
    check(MAKERS[booster](focal_gamma=(0.0, 3.0), focal_alpha=(1.0, 5.0)).fit(Data.X, Data.binary), Data.X)


@pytest.mark.parametrize(
    "labels",
    [
        Data.named,
        Data.named.astype(object),
        Data.binary == 1,
        Data.binary * 2.0,
        Data.binary.astype(np.uint8) + 7,
    ],
    ids=["text", "objects", "booleans", "floats", "bytes"],
)
@pytest.mark.parametrize("booster", MAKERS)
def test_label_is_the_models_own_class(booster, labels):
    check(MAKERS[booster]().fit(Data.X, labels), Data.X)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("booster", MAKERS)
def test_stops_at_the_best_round(booster, task):
    y = getattr(Data, task)
    stop = {"early_stopping_rounds": 3} if booster == "xgboost" else {}
    callbacks = {} if booster == "xgboost" else {"callbacks": [lgb.early_stopping(3, verbose=False)]}
    model = MAKERS[booster](n_estimators=60, learning_rate=0.9, **stop)
    model.fit(Data.X[:700], y[:700], eval_set=[(Data.X[700:], y[700:])], **callbacks, **quiet(model))
    best = model.best_iteration if booster == "xgboost" else model.best_iteration_
    assert best < model.get_booster().num_boosted_rounds() - 1 if booster == "xgboost" else best < 60
    check(model, Data.X)


MARGINS = {"xgboost": {"output_margin": True}, "lightgbm": {"raw_score": True}}
LOSSES = {
    "binary": BinaryFocalLoss(2.0, 0.8, label_smoothing=0.05),
    "multiclass": MulticlassFocalLoss((0.0, 2.0, 3.0), "balanced"),
    "multilabel": MultilabelFocalLoss(2.0, (0.9, 0.5, (1.0, 20.0))),
}
NUMBERED = {
    "binary": Data.binary,
    "multiclass": np.unique(Data.multiclass, return_inverse=True)[1],
    "multilabel": Data.multilabel,
}


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("booster", MAKERS)
def test_boosters_that_stopped_early_end_where_their_own_predict_does(booster, task):
    """XGBoost's predict takes the rounds after the best one too, LightGBM's does not."""
    y, loss = NUMBERED[task], LOSSES[task]
    params = {"max_depth": 3, "learning_rate": 0.9} | ({"num_class": 3} if task != "binary" else {})
    if booster == "xgboost":
        if task == "multilabel":
            params.pop("num_class")
        valid = xgb.DMatrix(Data.X[700:], y[700:])
        model = focalboost.xgboost.train(
            loss, {**params, "nthread": 1}, xgb.DMatrix(Data.X[:700], y[:700]), 60,
            evals=[(valid, "valid")], early_stopping_rounds=3, verbose_eval=False,
        )  # fmt: skip
        best = model.best_iteration + 1
        assert best < model.num_boosted_rounds()
        record = focalboost.xgboost.stored_loss(model)
        cases = [(one, one.predict(xgb.DMatrix(Data.X), output_margin=True)) for one in (model, model[:best])]
        of_best = model.predict(xgb.DMatrix(Data.X), output_margin=True, iteration_range=(0, best))
        np.testing.assert_array_equal(cases[1][1], of_best)
        assert np.abs(cases[0][1] - of_best).max() > 0.01  # the later rounds matter
    else:
        labels = focalboost.lightgbm.pack_labels(y) if task == "multilabel" else y
        rows = lgb.Dataset(Data.X[:700], labels[:700])
        model = focalboost.lightgbm.train(
            loss, {**params, "num_threads": 1, "verbosity": -1}, rows, 60,
            valid_sets=[rows.create_valid(Data.X[700:], labels[700:])],
            callbacks=[lgb.early_stopping(3, verbose=False)],
        )  # fmt: skip
        assert model.best_iteration < 60
        record = focalboost.lightgbm.stored_loss(model)
        cases = [(model, model.predict(Data.X, raw_score=True))]
    for one, margins in cases:
        found = run(to_onnx(one), Data.X)[1]
        np.testing.assert_allclose(
            found[:, 1] if task == "binary" else found, record.posterior(margins), rtol=2e-6
        )


def trained(booster, task, n_rounds=15):
    """A booster of `train`, and its margins."""
    y, params = NUMBERED[task], {"max_depth": 3, "num_threads": 1, "nthread": 1}
    if booster == "xgboost":
        params.pop("num_threads")
        if task == "multiclass":
            params["num_class"] = 3
        rows = xgb.DMatrix(Data.X, y)
        model = focalboost.xgboost.train(LOSSES[task], params, rows, n_rounds)
        return model, model.predict(rows, output_margin=True), focalboost.xgboost.stored_loss(model)
    params.pop("nthread")
    labels = focalboost.lightgbm.pack_labels(y) if task == "multilabel" else y
    if task != "binary":
        params["num_class"] = 3
    model = focalboost.lightgbm.train(
        LOSSES[task], {**params, "verbosity": -1}, lgb.Dataset(Data.X, labels), n_rounds
    )
    return model, model.predict(Data.X, raw_score=True), focalboost.lightgbm.stored_loss(model)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("booster", MAKERS)
def test_booster_with_a_stored_loss(booster, task):
    model, margins, loss = trained(booster, task)
    label, found = run(to_onnx(model), Data.X)
    wanted = loss.posterior(margins)
    if task == "binary":
        assert found.shape == (len(wanted), 2)
        np.testing.assert_allclose(found[:, 1], wanted, rtol=1e-6)
        np.testing.assert_array_equal(label, wanted > 0.5)
    else:
        np.testing.assert_allclose(found, wanted, rtol=1e-6)
        np.testing.assert_array_equal(label, wanted > 0.5 if task == "multilabel" else wanted.argmax(axis=1))
    assert label.dtype == np.int64


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("booster", MAKERS)
def test_booster_of_a_classifier_has_its_classes(booster, task):
    """And its focal_probability: the record has both."""
    model = MAKERS[booster](focal_probability="focal").fit(Data.X, getattr(Data, task))
    inner = model.get_booster() if booster == "xgboost" else model.booster_
    label, found = run(to_onnx(inner), Data.X)
    np.testing.assert_allclose(found, model.predict_proba(Data.X), rtol=1e-6)
    np.testing.assert_array_equal(label, model.predict(Data.X))


@pytest.mark.parametrize("n_rows", [0, 1])
@pytest.mark.parametrize("task", TASKS)
def test_one_row_and_none(task, n_rows):
    model = MAKERS["lightgbm"]().fit(Data.X, getattr(Data, task))
    label, found = run(to_onnx(model), Data.X[:n_rows])
    assert len(label) == n_rows
    np.testing.assert_allclose(found, model.predict_proba(Data.X)[:n_rows], rtol=1e-6)


def test_plain_lightgbm_classifier_with_a_loss_keeps_its_classes():
    loss = BinaryFocalLoss(2.0, 0.8).for_labels(Data.binary)
    model = lgb.LGBMClassifier(objective=loss, n_estimators=5, n_jobs=1, verbosity=-1)
    model.fit(Data.X, Data.named, callbacks=[focalboost.lightgbm.start(loss)])
    label, found = run(to_onnx(model), Data.X)
    loss = focalboost.lightgbm.stored_loss(model)
    wanted = loss.posterior(model.booster_.predict(Data.X, raw_score=True))
    np.testing.assert_allclose(found[:, 1], wanted, rtol=1e-6)
    np.testing.assert_array_equal(label, np.where(wanted > 0.5, "good", "fraud"))


def test_labels_that_int64_does_not_hold_are_refused():
    y = Data.binary.astype(np.uint64) + np.uint64(2**63)
    model = MAKERS["lightgbm"](n_estimators=2).fit(Data.X, y)
    with pytest.raises(
        ValueError, match=r"classes_ has 9223372036854775809, must be at most 922337203685477"
    ):
        to_onnx(model)


def test_the_reference_of_the_specification_says_the_same():
    """The onnx package's own, which shares no code with ONNX Runtime."""
    from onnx.reference import ReferenceEvaluator

    model = MAKERS["xgboost"](n_estimators=3).fit(missing(Data.X), Data.named)
    label, found = ReferenceEvaluator(to_onnx(model)).run(
        None, {"X": missing(Data.X)[:40].astype(np.float32)}
    )
    np.testing.assert_allclose(found, model.predict_proba(missing(Data.X)[:40]), rtol=1e-6)
    np.testing.assert_array_equal(label, model.predict(missing(Data.X)[:40]))


def test_xgboost_booster_takes_all_rounds_as_its_predict_does():
    model = MAKERS["xgboost"](n_estimators=60, learning_rate=0.9, early_stopping_rounds=3)
    rows = Data.X[700:], Data.binary[700:]
    booster = model.fit(Data.X[:700], Data.binary[:700], eval_set=[rows], verbose=False).get_booster()
    best = booster.best_iteration + 1
    assert best < booster.num_boosted_rounds()
    for one in (booster, booster[:best]):
        margins = one.predict(xgb.DMatrix(Data.X), output_margin=True)
        found = run(to_onnx(one), Data.X)[1][:, 1]
        np.testing.assert_allclose(found, model.loss_.posterior(margins), rtol=1e-6)


@pytest.mark.parametrize("booster", MAKERS)
def test_loaded_models_are_the_same(booster, tmp_path):
    model = MAKERS[booster]().fit(Data.X, Data.named)
    model.save_model(tmp_path / "model.json")
    loaded = MAKERS[booster]()
    loaded.load_model(tmp_path / "model.json")
    a, b = (run(to_onnx(one), Data.X) for one in (model, loaded))
    np.testing.assert_array_equal(a[0], b[0])
    np.testing.assert_array_equal(a[1], b[1])


@pytest.mark.parametrize("booster", MAKERS)
def test_rows_of_the_other_dtype(booster):
    """With the result that the booster has for them: LightGBM's thresholds lie between float64 numbers."""
    # Whole steps of 0.1 and a threshold between two of them: one of three falls elsewhere in float32.
    X = np.round(Data.X, 1)
    model = MAKERS[booster]().fit(X, Data.binary)
    for dtype in ("float32", "float64"):
        exported = to_onnx(model, dtype=dtype)
        label, found = run(exported, X)
        rows = X.astype(dtype)
        np.testing.assert_allclose(found, model.predict_proba(rows), rtol=1e-6)
        np.testing.assert_array_equal(label, model.predict(rows))
    wanted = {"xgboost": "tensor(float)", "lightgbm": "tensor(double)"}
    assert wanted[booster] in str(_types(to_onnx(model)))


def _types(exported):
    from tests.onnx.models import onnxruntime

    session = onnxruntime.InferenceSession(exported.SerializeToString())
    return [entry.type for entry in session.get_inputs()]


@pytest.mark.parametrize("opset", [15, 18, 21])
@pytest.mark.parametrize("task", TASKS)
def test_opsets(task, opset):
    exported = check(MAKERS["xgboost"]().fit(Data.X, getattr(Data, task)), Data.X, target_opset=opset)
    assert {entry.domain: entry.version for entry in exported.opset_import} == {"": opset, "ai.onnx.ml": 3}


def test_several_threads_differ_by_rounding():
    """XGBoost adds in float32 in the order of the trees, ONNX Runtime's threads in parts."""
    model = MAKERS["xgboost"](n_estimators=200).fit(Data.X, Data.multiclass)
    check(model, Data.X, rtol=3e-5, n_threads=2)
    check(model, Data.X, rtol=1e-7)


def stretched(booster, model, factor):
    """A booster with all leaf values times a factor, as a diverged training leaves them."""
    if booster == "xgboost":
        document = json.loads(bytes(model.save_raw("json")))
        for tree in document["learner"]["gradient_booster"]["model"]["trees"]:
            for node, left in enumerate(tree["left_children"]):
                if left == -1:
                    tree["split_conditions"][node] *= factor
        return xgb.Booster(model_file=bytearray(json.dumps(document).encode()))
    lines = model.model_to_string().split("\n")
    for number, line in enumerate(lines):
        name, _, values = line.partition("=")
        if name == "leaf_value":
            lines[number] = "leaf_value=" + " ".join(repr(float(v) * factor) for v in values.split())
    lines = [line for line in lines if not line.startswith("tree_sizes=")]
    return lgb.Booster(model_str="\n".join(lines))


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("booster", MAKERS)
def test_both_ends(booster, task):
    """Margins of 100: probabilities down to 1e-12 keep their digits, and below they are next to 0."""
    model, margins, loss = trained(booster, task)
    model = stretched(booster, model, float(100.0 / np.abs(margins).max()))
    raw = model.predict(xgb.DMatrix(Data.X) if booster == "xgboost" else Data.X, **MARGINS[booster])
    assert np.abs(raw).max() > 60
    logit = loss.posterior_logit(raw)
    label, found = run(to_onnx(model), Data.X)
    values = np.exp(logit) if task == "multiclass" else expit(logit)
    decided = values.argmax(axis=1) if task == "multiclass" else logit > 0.0
    np.testing.assert_array_equal(label, decided)
    if task == "binary":
        values = np.stack([expit(-logit), values], axis=1)
    inside = values > 1e-12
    assert values[inside].min() < 1e-9
    np.testing.assert_allclose(found[inside], values[inside], rtol=1e-5)
    assert (found[~inside] < 1.1e-12).all()
    assert np.isfinite(found).all()


def test_metadata_have_the_loss_and_the_names():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(Data.X, columns=["amount", "age", "hour", "balance"])
    for make in MAKERS.values():
        model = make().fit(frame, Data.named)
        found = {entry.key: entry.value for entry in to_onnx(model).metadata_props}
        assert found["focalboost.loss"] == to_json(model.loss_)
        assert json.loads(found["focalboost.feature_names"]) == list(frame)
        assert found["focalboost.focal_probability"] == "posterior"


def test_input_name_and_shape():
    exported = to_onnx(MAKERS["xgboost"]().fit(Data.X, Data.binary), input_name="features")
    (entry,) = exported.graph.input
    assert entry.name == "features"
    assert entry.type.tensor_type.shape.dim[1].dim_value == Data.X.shape[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dtype": "float16"}, r"dtype == 'float16', must be one of"),
        ({"target_opset": 12}, r"target_opset == 12, must be a whole number from 15 to 21"),
        ({"target_opset": 99}, r"target_opset == 99, must be"),
        ({"target_opset": 17.0}, r"target_opset == 17.0, must be"),
        ({"target_opset": True}, r"target_opset == True, must be"),
        ({"input_name": "label"}, r"input_name == 'label', must be"),
        ({"input_name": ""}, r"input_name == '', must be"),
        ({"input_name": 3}, r"input_name == 3, must be"),
        ({"input_name": "focalboost_cast_1"}, r"input_name == 'focalboost_cast_1', must be .*nor begin with"),
    ],
)
def test_refused_options(options, message):
    model = MAKERS["xgboost"](n_estimators=2).fit(Data.X, Data.binary)
    with pytest.raises(ValueError, match=message):
        to_onnx(model, **options)


@pytest.mark.parametrize("task", TASKS)
def test_a_closed_form_that_is_not_the_losss_is_not_exported(task, monkeypatch):
    """As of a loss that has a new term, which the nodes leave out."""
    model = MAKERS["xgboost"](n_estimators=2).fit(Data.X, getattr(Data, task))
    monkeypatch.setattr(type(model.loss_), "posterior", _other)
    with pytest.raises(RuntimeError, match="as ONNX nodes is not its posterior"):
        to_onnx(model)


def _other(loss, raw):
    """Wrong by 1e-6 of a probability."""
    values = loss._posterior(raw)
    return values * (1.0 - 1e-6)
