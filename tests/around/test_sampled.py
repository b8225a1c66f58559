"""Models of rows of which some were left out: `sampling_rate` in both boosters, however they are trained."""

import copy
import json
import pickle

import numpy as np
import pytest

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss
from tests.classifier.models import MAKERS, Data, lgb, margins_of, quiet, xgb

from focalboost import lightgbm as flgb  # isort: skip  # after the checks for the boosters
from focalboost import xgboost as fxgb  # isort: skip

RATES = {
    "binary": 0.1,
    "named": {"fraud": 1.0, "good": 0.1},
    "multiclass": (0.2, 1.0, 0.5),
    "multilabel": (0.5, (1.0, 0.7), 1.0),
}
LOSSES = {"binary": BinaryFocalLoss, "multiclass": MulticlassFocalLoss, "multilabel": MultilabelFocalLoss}


def of_all_rows(kept, rate):
    """The correction of the odds, from probabilities of the rows that were kept."""
    if rate == RATES["multiclass"]:
        p = kept / rate
        return p / p.sum(axis=1, keepdims=True)
    if rate == RATES["multilabel"]:
        pairs = np.array([(0.5, 1.0), (1.0, 0.7), (1.0, 1.0)])
        return kept * pairs[:, 0] / (kept * pairs[:, 0] + (1 - kept) * pairs[:, 1])
    column = 1 if rate == RATES["binary"] else 0  # "fraud" is the first in sorted order
    rare = kept[:, column] if kept.ndim == 2 else kept
    rare = 0.1 * rare / (0.1 * rare + 1 - rare)
    if kept.ndim == 1:
        return rare
    return np.stack([1 - rare, rare] if column else [rare, 1 - rare], axis=1)


@pytest.mark.parametrize("booster", MAKERS)
@pytest.mark.parametrize("task", RATES)
def test_the_classifiers_probabilities_are_of_all_rows(booster, task, tmp_path):
    y, rate = getattr(Data, task), RATES[task]
    plain = MAKERS[booster]().fit(Data.X, y)
    model = MAKERS[booster](focal_sampling_rate=rate).fit(Data.X, y)
    # Trees and shift are those of the rows that were kept.
    np.testing.assert_array_equal(margins_of(model, Data.X), margins_of(plain, Data.X))
    assert model.loss_.logit_shift == plain.loss_.logit_shift
    p = model.predict_proba(Data.X)
    np.testing.assert_allclose(p, of_all_rows(plain.predict_proba(Data.X), rate), rtol=1e-11)
    score = model.decision_function(Data.X)
    if task in {"binary", "named"}:
        np.testing.assert_allclose(1 / (1 + np.exp(-score)), p[:, 1], rtol=1e-9)
        np.testing.assert_array_equal(model.predict(Data.X) == model.classes_[1], score > 0)
    elif task == "multiclass":
        np.testing.assert_allclose(np.exp(score), p, rtol=1e-9)
        np.testing.assert_array_equal(model.predict(Data.X), model.classes_[p.argmax(axis=1)])
    else:
        np.testing.assert_array_equal(model.predict(Data.X), p > 0.5)
    assert (model.predict(Data.X) != plain.predict(Data.X)).any()
    # The closed form leaves out the shift only, the focal confidence is that of the margin.
    closed = copy.copy(model).set_params(focal_probability="closed_form").predict_proba(Data.X)
    unshifted = copy.copy(plain).set_params(focal_probability="closed_form").predict_proba(Data.X)
    np.testing.assert_allclose(closed, of_all_rows(unshifted, rate), rtol=1e-11)
    focal = copy.copy(model).set_params(focal_probability="focal").predict_proba(Data.X)
    other = copy.copy(plain).set_params(focal_probability="focal").predict_proba(Data.X)
    np.testing.assert_array_equal(focal, other)
    # Saved, pickled and read.
    path = tmp_path / "model.json"
    model.save_model(path)
    loaded = MAKERS[booster]()
    loaded.load_model(path)
    for again in (loaded, pickle.loads(pickle.dumps(model))):
        np.testing.assert_allclose(again.predict_proba(Data.X), p, rtol=1e-12)
        assert again.get_params()["focal_sampling_rate"] == rate
        assert again.loss_.sampling_rate == model.loss_.sampling_rate


@pytest.mark.parametrize("booster", MAKERS)
@pytest.mark.parametrize("task", LOSSES)
def test_native_training_keeps_it(booster, task, tmp_path):
    y = np.unique(Data.multiclass, return_inverse=True)[1] if task == "multiclass" else getattr(Data, task)
    loss = LOSSES[task](2.0, sampling_rate=RATES[task])
    if booster == "xgboost":
        model = fxgb.train(loss, {"max_depth": 3, "nthread": 1}, xgb.DMatrix(Data.X, y, nthread=1), 10)
        model.save_model(tmp_path / "model.json")
        read = xgb.Booster(model_file=tmp_path / "model.json")
        margins = read.predict(xgb.DMatrix(Data.X), output_margin=True)
        stored = fxgb.stored_loss(read)
    else:
        labels = flgb.pack_labels(y) if task == "multilabel" else y
        params = {"num_leaves": 7, "num_threads": 1, "verbosity": -1}
        model = flgb.train(loss, params, lgb.Dataset(Data.X, labels), 10)
        model.save_model(tmp_path / "model.txt")
        read = flgb.load_model(tmp_path / "model.txt")
        margins = read.predict(Data.X, raw_score=True)
        stored = flgb.stored_loss(read)
    assert stored.sampling_rate == loss.sampling_rate
    assert stored.logit_shift is not None
    kept = stored.of_kept_rows().posterior(margins)
    rates = np.bincount(y) / len(y) if task == "multiclass" else y.mean(axis=0)
    np.testing.assert_allclose(kept.mean(axis=0), rates, rtol=1e-5)
    np.testing.assert_allclose(stored.posterior(margins), of_all_rows(kept, RATES[task]), rtol=1e-11)


@pytest.mark.parametrize("booster", MAKERS)
def test_a_model_is_continued_with_the_same_rate_only(booster):
    make = MAKERS[booster]
    first = make(focal_sampling_rate=0.1).fit(Data.X, Data.binary)
    fit = {"xgb_model": first} if booster == "xgboost" else {"init_model": first}
    more = make(focal_sampling_rate=(0.1, 1)).fit(Data.X, Data.binary, **fit)
    assert more.loss_.sampling_rate == 0.1
    for other in (None, 0.2):
        with pytest.raises(
            ValueError, match=r"was trained with .*must have the same .* and sampling_rate as"
        ):
            make(focal_sampling_rate=other).fit(Data.X, Data.binary, **fit)


@pytest.mark.parametrize("booster", ["xgboost", "lightgbm"])
def test_native_training_is_continued_with_the_same_rate_only(booster):
    loss, other = (BinaryFocalLoss(2.0, sampling_rate=rate) for rate in (0.1, 0.2))

    def train(loss, model=None):
        if booster == "xgboost":
            return fxgb.train(loss, {"nthread": 1}, xgb.DMatrix(Data.X, Data.binary), 2, xgb_model=model)
        params = {"num_threads": 1, "verbosity": -1}
        return flgb.train(loss, params, lgb.Dataset(Data.X, Data.binary), 2, init_model=model)

    stored = fxgb.stored_loss if booster == "xgboost" else flgb.stored_loss
    model = train(loss)
    assert stored(train(loss, model)).sampling_rate == 0.1
    with pytest.raises(ValueError, match=r"was trained with .*must have the same .* and sampling_rate as"):
        train(other, model)


@pytest.mark.parametrize("booster", MAKERS)
def test_metrics_in_training_see_the_rows_that_were_kept(booster):
    seen = []

    def mean(y_true, probability):
        seen.append(float(probability.mean()))
        value = abs(seen[-1] - y_true.mean())
        return value if booster == "xgboost" else ("mean", value, False)

    fit = {"eval_set": [(Data.X, Data.binary)], **quiet(None if booster == "lightgbm" else MAKERS[booster]())}
    if booster == "xgboost":
        MAKERS[booster](focal_sampling_rate=0.01, eval_metric=mean).fit(Data.X, Data.binary, **fit)
    else:
        MAKERS[booster](focal_sampling_rate=0.01).fit(
            Data.X, Data.binary, eval_X=Data.X, eval_y=Data.binary, eval_metric=mean
        )
    assert seen[-1] == pytest.approx(Data.binary.mean(), rel=0.2)


@pytest.mark.parametrize("booster", MAKERS)
@pytest.mark.parametrize(
    ("task", "rate", "text"),
    [
        ("binary", 0.0, r"^focal_sampling_rate == 0\.0, must be in \(0, 1\]: the share of the rows"),
        ("binary", (0.1, 1, 1), r"^focal_sampling_rate == .* has 3 entries, must have 2"),
        (
            "binary",
            {0: 0.1},
            r"^focal_sampling_rate has no value for class 1, must have one for each: \[0, 1\]",
        ),
        (
            "named",
            0.1,
            r"^focal_sampling_rate == 0\.1, must name the class .* share of 'fraud' or of 'good' is not said",
        ),
        (
            "named",
            {"good": 0.1, "bad": 1},
            r"^focal_sampling_rate has 'bad', must have a value for each class",
        ),
        ("multiclass", 0.1, r"^focal_sampling_rate == 0\.1, must be one share in \(0, 1\] per class"),
        ("multilabel", (0.1, 1), r"^focal_sampling_rate == .* has 2 entries, must have 3, one per label"),
    ],
)
def test_what_is_no_rate_is_refused_before_training(booster, task, rate, text):
    with pytest.raises(ValueError, match=text):
        MAKERS[booster](focal_sampling_rate=rate).fit(Data.X, getattr(Data, task))


@pytest.mark.parametrize("booster", MAKERS)
def test_the_record_is_checked_against_the_parameters(booster):
    model = MAKERS[booster](focal_sampling_rate=0.1).fit(Data.X, Data.binary)
    record = json.loads(model._model_record())
    assert record["sampling_rate"] == 0.1
    assert record["estimator"]["parameters"]["focal_sampling_rate"] == 0.1
    record["sampling_rate"] = 0.2
    with pytest.raises(ValueError, match=r"has focal parameters that ask for .*, must be those of"):
        MAKERS[booster]()._restore(json.dumps(record))


@pytest.mark.parametrize("booster", MAKERS)
def test_the_mean_over_all_rows_is_their_rate(booster):
    """1 in 10 rows of class 0 was kept for training, new rows come as they are."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(30_000, 4))
    y = (rng.random(30_000) < 1 / (1 + np.exp(4.5 - 1.5 * X[:, 0] - X[:, 1]))).astype(int)
    train, test = np.arange(15_000), np.arange(15_000, 30_000)
    kept = train[(y[train] == 1) | (rng.random(15_000) < 0.1)]
    rounds = 15 if booster == "xgboost" else 50
    model = MAKERS[booster](focal_sampling_rate=0.1, n_estimators=rounds).fit(X[kept], y[kept])
    mean = model.predict_proba(X[test])[:, 1].mean()
    plain = (
        model.set_params(focal_sampling_rate=None).fit(X[kept], y[kept]).predict_proba(X[test])[:, 1].mean()
    )
    assert mean == pytest.approx(y[test].mean(), rel=0.12)
    assert plain > 3 * y[test].mean()


@pytest.mark.parametrize("booster", MAKERS)
@pytest.mark.parametrize("sampler", ["under", "over", "smote"])
def test_pipelines_of_imbalanced_learn(booster, sampler):
    """The rate that the docstring of BinaryFocalLoss gives for each."""
    pytest.importorskip("imblearn")
    from imblearn.over_sampling import SMOTE, RandomOverSampler
    from imblearn.pipeline import make_pipeline
    from imblearn.under_sampling import RandomUnderSampler

    n_0, n_1 = np.bincount(Data.binary)
    ratio = 0.8  # of class 1 to class 0, after resampling
    cls = {"under": RandomUnderSampler, "over": RandomOverSampler, "smote": SMOTE}[sampler]
    rate = n_1 / n_0 / ratio

    def fitted(rate):
        model = MAKERS[booster](focal_sampling_rate=rate)
        sampler = cls(sampling_strategy=ratio, random_state=0)
        pipeline = make_pipeline(sampler, model).fit(Data.X, Data.binary)
        return pipeline.predict_proba(Data.X)[:, 1]

    plain, found = fitted(None), fitted({0: rate, 1: 1.0})
    np.testing.assert_allclose(found, rate * plain / (rate * plain + 1 - plain), rtol=1e-11)
    off = abs(np.log(np.array([plain.mean(), found.mean()]) / Data.binary.mean()))
    assert off[1] < 0.3
    assert off[1] < 0.5 * off[0]
