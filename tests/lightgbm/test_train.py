"""`train` and `cv`: LightGBM's own functions with all around focal loss done."""

import numpy as np
import pytest

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss

lgb = pytest.importorskip("lightgbm")
from focalboost.lightgbm import FocalLGBMClassifier, cv, load_model, stored_loss, train  # noqa: E402
from tests.lightgbm import training  # noqa: E402
from tests.lightgbm.training import LOSSES, PARAMS, Data, N, dataset  # noqa: E402

UNRESOLVED = {
    "binary": BinaryFocalLoss(2.0, "balanced"),
    "multiclass": MulticlassFocalLoss(2.0, "balanced"),
    "multilabel": MultilabelFocalLoss((2.0, 1.0, 0.0), "balanced", n_labels=3),
}
OWN = {name: value for name, value in PARAMS.items() if name != "metric"}


def raw(booster):
    return booster.predict(Data.X, raw_score=True)


# ---------------------------------------------------------------------- the loss
@pytest.mark.parametrize("reg_lambda", [0.0, 1.0])
@pytest.mark.parametrize(
    ("labels", "cls"), [("binary", BinaryFocalLoss), ("multiclass", MulticlassFocalLoss)]
)
def test_gamma_zero_with_float64_weights_is_the_builtin_model(labels, cls, reg_lambda):
    """LightGBM starts from the mean of float32 weights; of those as given the margins were off by 2e-9."""
    params = {**OWN, "lambda_l2": reg_lambda}
    n_outputs = {"num_class": 4} if labels == "multiclass" else {}
    builtin = lgb.train({**params, "objective": labels, **n_outputs}, dataset(labels, Data.weight), 40)
    native = train(cls(0.0), params, dataset(labels, Data.weight), 40)
    classifier = FocalLGBMClassifier(
        focal_gamma=0.0, n_estimators=40, num_leaves=15, reg_lambda=reg_lambda, verbosity=-1, n_jobs=1
    ).fit(Data.X, getattr(Data, labels), sample_weight=Data.weight)
    assert (Data.weight != Data.weight.astype(np.float32)).any()
    for booster in (native, classifier.booster_):
        np.testing.assert_allclose(raw(booster), raw(builtin), rtol=0, atol=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("labels", list(UNRESOLVED))
def test_a_loss_is_resolved_for_the_rows_of_the_data_set(labels, weighted):
    weight = Data.weight if weighted else None
    loss = UNRESOLVED[labels]
    booster = train(loss, OWN, dataset(labels, weight), 10)
    assert type(booster) is lgb.Booster
    resolved = loss.for_labels(getattr(Data, labels), weight)
    # A Dataset keeps float32 weights, and the loss is resolved for those.
    assert stored_loss(booster).intercept == resolved.intercept
    # By hand there is no default of ours.
    own = {"lambda_l2": 1.0} if labels == "multiclass" else {}
    by_callback = training.train(resolved, dataset(labels, weight), 10, **own)
    np.testing.assert_allclose(raw(booster), raw(by_callback), rtol=0, atol=1e-6)


@pytest.mark.parametrize("labels", list(LOSSES))
def test_a_resolved_loss_stays_as_it_is(labels):
    half = lgb.Dataset(*(part[: N // 2] for part in (Data.X, dataset(labels).label)))
    assert stored_loss(train(LOSSES[labels], OWN, half, 2)).with_shift(None) == LOSSES[labels]


def test_labels_of_subsets_files_and_freed_data_are_found(tmp_path):
    loss = UNRESOLVED["binary"]
    whole = dataset().construct()
    part = whole.subset(range(0, N, 2))
    assert stored_loss(train(loss, OWN, part, 2)).with_shift(None) == loss.for_labels(Data.binary[::2])
    whole.save_binary(tmp_path / "data.bin")
    from_file = lgb.Dataset(tmp_path / "data.bin")
    assert stored_loss(train(loss, OWN, from_file, 2)).with_shift(None) == loss.for_labels(Data.binary)
    freed = lgb.Dataset(Data.X, Data.binary, free_raw_data=True).construct()
    assert stored_loss(train(loss, OWN, freed, 2)).with_shift(None) == loss.for_labels(Data.binary)


def test_packed_labels_do_not_tell_how_many_they_are():
    with pytest.raises(
        ValueError, match=r"^n_labels == None, must be the number of labels a row.*n_labels=L"
    ):
        train(MultilabelFocalLoss(2.0), OWN, dataset("multilabel"), 2)


# ---------------------------------------------------------------------- valid sets
@pytest.mark.parametrize("labels", list(LOSSES))
def test_the_focal_loss_of_every_set_is_the_first_metric(labels):
    history = {}
    train_set, valid = dataset(labels, Data.weight), dataset(labels)
    loss = UNRESOLVED[labels]
    booster = train(
        loss,
        OWN,
        train_set,
        8,
        valid_sets=[train_set, valid],
        valid_names=["own", "other"],
        feval=lambda margins, data: ("mean_margin", float(np.mean(margins)), True),
        callbacks=[lgb.record_evaluation(history)],
    )
    loss = stored_loss(booster)
    y = getattr(Data, labels)
    for name, weight in (("own", Data.weight.astype(np.float32)), ("other", None)):
        assert list(history[name]) == ["focal_loss", "mean_margin"]
        assert history[name]["focal_loss"][-1] == pytest.approx(
            loss.metric(y, raw(booster), weight), rel=1e-6
        )
        # The start is in the margins that a metric is given.
        assert history[name]["mean_margin"][-1] == pytest.approx(raw(booster).mean(), rel=1e-9)
    assert valid.init_score is None


def test_early_stopping_follows_the_focal_loss():
    train_set = lgb.Dataset(Data.X[:3000], Data.binary[:3000])
    valid = lgb.Dataset(Data.X[3000:], Data.binary[3000:], reference=train_set)
    history = {}
    callbacks = [lgb.early_stopping(5, verbose=False), lgb.record_evaluation(history)]
    params = {**OWN, "learning_rate": 0.3}
    booster = train(BinaryFocalLoss(2.0), params, train_set, 200, [valid], callbacks=callbacks)
    values = history["valid_0"]["focal_loss"]
    assert booster.best_iteration == int(np.argmin(values)) + 1 == len(values) - 5


@pytest.mark.parametrize("metric", ["auc", ["auc", "average_precision"], "auc,average_precision"])
def test_metrics_of_the_order_stand_beside_it(metric):
    valid, history = dataset(), {}
    params = {**OWN, "metric": metric}
    callbacks = [lgb.record_evaluation(history)]
    train(BinaryFocalLoss(2.0), params, dataset(), 3, [valid], callbacks=callbacks)
    builtin = {}
    lgb.train(
        {**OWN, "objective": "binary", "metric": metric},
        dataset(),
        3,
        [dataset()],
        callbacks=[lgb.record_evaluation(builtin)],
    )
    assert set(history["valid_0"]) == {"focal_loss", *builtin["valid_0"]}


@pytest.mark.parametrize("name", ["metric", "metrics", "metric_types"])
@pytest.mark.parametrize("metric", ["binary_logloss", ["auc", "l2"], "auc, binary_error"])
def test_metrics_that_would_be_wrong_are_refused(name, metric):
    text = rf"^{name} == '.*' in params, must be one of 'auc', 'average_precision', 'auc_mu': .*metric='None'"
    for run in (train, cv):
        with pytest.raises(ValueError, match=text):
            run(BinaryFocalLoss(2.0), {**OWN, name: metric}, dataset(), 2)


# ---------------------------------------------------------------------- what is refused
@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"objective": "binary"}, r"^objective == 'binary' in params, must be left out: the loss is the obj"),
        ({"application": "binary"}, r"^application == 'binary' in params, must be left out"),
        (
            {"num_leave": 7},
            r"^num_leave == 7 is no parameter of LightGBM, must be one.*Did you mean 'num_lea",
        ),
        ({"gamma": 2.0}, r"^gamma == 2\.0 is no parameter of LightGBM.*Pass gamma to the loss"),
        ({"focal_gamma": 2.0}, r"^focal_gamma == 2\.0 is no parameter of LightGBM.*Pass gamma to the loss"),
        ({"is_unbalance": True}, r"^is_unbalance == True, must be False: LightGBM ignores it"),
        ({"scale_pos_weight": 3}, r"^scale_pos_weight == 3, must be 1"),
    ],
)
def test_parameters_that_would_be_ignored_are_refused(params, text):
    for run in (train, cv):
        with pytest.raises(ValueError, match=text):
            run(BinaryFocalLoss(2.0), {**OWN, **params}, dataset(), 2)


def test_the_parameters_of_the_user_stay_his_own():
    params = {**OWN, "num_threads": 1}
    before = dict(params)
    train(UNRESOLVED["multiclass"], params, dataset("multiclass"), 2)
    assert params == before


# ---------------------------------------------------------------------- continued models
@pytest.mark.parametrize("form", ["booster", "path", "classifier", "in training"])
def test_a_model_is_continued_with_its_stored_numbers(form, tmp_path):
    y, loss = Data.binary, BinaryFocalLoss(2.0, "balanced")
    train_set = lgb.Dataset(Data.X, y, free_raw_data=False)
    if form == "classifier":
        options = {"num_leaves": 15, "random_state": 3, "n_jobs": 1, "verbosity": -1}
        model = FocalLGBMClassifier(focal_alpha="balanced", n_estimators=10, **options).fit(Data.X, y)
    else:
        model = train(loss, OWN, train_set, 10, keep_training_booster=form == "in training")
    if form == "path":
        model.save_model(tmp_path / "model.txt")
        model = tmp_path / "model.txt"
    whole = train(loss, OWN, lgb.Dataset(Data.X, y), 20)
    # The rows of the second training have other class weights and another intercept.
    both = train(loss, OWN, lgb.Dataset(Data.X, y, free_raw_data=False), 10, init_model=model)
    np.testing.assert_allclose(raw(both), raw(whole), rtol=0, atol=1e-10)
    some = np.r_[np.flatnonzero(y == 1), np.flatnonzero(y == 0)[:300]]
    fewer = train(loss, OWN, lgb.Dataset(Data.X[some], y[some]), 1, init_model=model)
    assert stored_loss(fewer).with_shift(None) == stored_loss(whole).with_shift(None)


@pytest.mark.parametrize(
    "other", [BinaryFocalLoss(1.0), BinaryFocalLoss(2.0, 0.4), BinaryFocalLoss(2.0, label_smoothing=0.1)]
)
def test_a_model_of_another_meaning_is_not_continued(other):
    before = train(BinaryFocalLoss(2.0), OWN, dataset(), 3)
    text = r"^init_model was trained with BinaryFocalLoss\(.*\), must have the same gamma, class weights, l"
    for run in (train, cv):
        with pytest.raises(ValueError, match=text):
            run(other, OWN, dataset(), 3, init_model=before)
    with pytest.raises(ValueError, match=text):
        training.train(other.for_labels(Data.binary), dataset(), 3, init_model=before)


def test_a_model_without_a_record_is_not_continued():
    before = lgb.train({**OWN, "objective": "binary"}, dataset(), 3)
    text = r"^init_model has no stored loss, must be a model trained with focalboost"
    for run in (train, cv):
        with pytest.raises(ValueError, match=text):
            run(BinaryFocalLoss(2.0), OWN, dataset(), 3, init_model=before)
    with pytest.raises(ValueError, match=text):
        training.train(LOSSES["binary"], dataset(), 3, init_model=before)


# ---------------------------------------------------------------------- while it trains
@pytest.mark.parametrize("labels", list(LOSSES))
def test_a_callback_sees_whole_models(labels, tmp_path):
    """Checkpoints, pickles and predictions in the middle are those of a training of so many rounds."""
    import copy
    import pickle

    seen = {}

    def look(env):
        rounds, booster = env.iteration + 1, env.model
        if rounds not in (1, 4):
            return
        booster.save_model(tmp_path / f"{rounds}.txt")
        seen[rounds] = [
            booster.predict(Data.X, raw_score=True),
            raw(pickle.loads(pickle.dumps(booster))),
            raw(copy.deepcopy(booster)),
            raw(lgb.Booster(model_str=booster.model_to_string())),
            raw(load_model(tmp_path / f"{rounds}.txt")),
        ]
        assert stored_loss(booster).with_shift(None) == LOSSES[labels]
        assert booster.dump_model()["objective"] == LOSSES[labels].lightgbm_objective(
            np.size(LOSSES[labels].intercept)
        )

    final = train(LOSSES[labels], OWN, dataset(labels), 6, callbacks=[look])
    assert set(seen) == {1, 4}
    for rounds, found in seen.items():
        expected = final.predict(Data.X, raw_score=True, num_iteration=rounds)
        for margins in found:
            np.testing.assert_allclose(margins, expected, rtol=0, atol=1e-12)


def test_a_training_booster_that_is_kept(tmp_path):
    train_set = dataset()
    kept = train(LOSSES["binary"], OWN, train_set, 5, keep_training_booster=True)
    whole = train(LOSSES["binary"], OWN, dataset(), 8)
    np.testing.assert_allclose(raw(kept), whole.predict(Data.X, raw_score=True, num_iteration=5), atol=1e-12)
    for _ in range(3):
        kept.update(fobj=LOSSES["binary"])
    np.testing.assert_allclose(raw(kept), raw(whole), atol=1e-12)
    with pytest.raises(
        RuntimeError, match=r"^objective must be BinaryFocalLoss.*: a round was to be trained wit"
    ):
        kept.update()
    with pytest.raises(ValueError, match=r"^refit trains with LightGBM's own objective"):
        kept.refit(Data.X, Data.binary)
    name, metric, value, _ = kept.eval_train(LOSSES["binary"].metric)[0]
    assert (name, metric) == ("training", "focal_loss")
    assert value == pytest.approx(LOSSES["binary"].metric(Data.binary, raw(whole)), rel=1e-9)


# ---------------------------------------------------------------------- cv
@pytest.mark.parametrize("labels", list(UNRESOLVED))
def test_cv_starts_every_fold(labels):
    result = cv(UNRESOLVED[labels], OWN, dataset(labels), 10, nfold=3, return_cvbooster=True)
    assert list(result) == ["valid focal_loss-mean", "valid focal_loss-stdv", "cvbooster"]
    values = result["valid focal_loss-mean"]
    assert values[-1] < values[0] < 1.0
    loss, y = UNRESOLVED[labels].for_labels(getattr(Data, labels)), getattr(Data, labels)
    still = cv(loss, {**OWN, "learning_rate": 1e-9}, dataset(labels), 1, nfold=3, return_cvbooster=True)
    rates = np.bincount(y) / N if labels == "multiclass" else y.mean(axis=0)
    for booster, at_start in zip(result["cvbooster"].boosters, still["cvbooster"].boosters, strict=True):
        assert stored_loss(booster).with_shift(None) == stored_loss(at_start).with_shift(None) == loss
        np.testing.assert_allclose(loss.posterior(raw(at_start))[7], rates, rtol=1e-6)


def test_cv_is_one_training_for_each_fold():
    y = Data.binary
    folds = [(np.arange(0, N, 2), np.arange(1, N, 2)), (np.arange(1, N, 2), np.arange(0, N, 2))]
    loss = LOSSES["binary"]
    result = cv(loss, OWN, dataset(), 6, folds=folds, return_cvbooster=True, eval_train_metric=True)
    values = []
    for (rows, other), booster in zip(folds, result["cvbooster"].boosters, strict=True):
        data = lgb.Dataset(Data.X, y, free_raw_data=False).construct().subset(rows)
        alone = train(loss, OWN, data, 6)
        np.testing.assert_allclose(raw(booster), raw(alone), rtol=0, atol=1e-10)
        values.append(loss.metric(y[other], raw(alone)[other]))
    assert result["valid focal_loss-mean"][-1] == pytest.approx(np.mean(values), rel=1e-6)
    assert "train focal_loss-mean" in result


def test_cv_continues_a_model():
    loss = UNRESOLVED["binary"]
    before = train(loss, OWN, dataset(), 5)
    first = cv(loss, OWN, dataset(), 5, nfold=3, init_model=before)["valid focal_loss-mean"]
    assert first[0] < loss.for_labels(Data.binary).metric(Data.binary, raw(before))


def test_none_is_as_good_as_left_out():
    params = {**PARAMS, "is_unbalance": None, "num_class": None, "objective": None}
    loss = MulticlassFocalLoss(2.0)
    booster = train(loss, params, dataset("multiclass"), 2)
    assert booster.num_model_per_iteration() == 4


def test_the_loss_may_be_named_as_objective():
    loss = BinaryFocalLoss(2.0)
    named = train(loss, {**PARAMS, "objective": loss}, dataset(), 3)
    left_out = train(loss, PARAMS, dataset(), 3)
    np.testing.assert_array_equal(named.predict(Data.X), left_out.predict(Data.X))


@pytest.mark.parametrize("kind", ["dates", "intervals"])
def test_categories_that_no_model_file_can_hold_are_refused_before_training(kind):
    pd = pytest.importorskip("pandas")
    values = pd.Series(np.arange(N) % 3.0)
    column = pd.to_datetime(values, unit="D") if kind == "dates" else pd.cut(values, 3)
    X = pd.DataFrame({"a": Data.X[:, 0], "column": column.astype("category")})
    text = r"a category == (Timestamp|Interval)\(.*\), must be a string, a number or a boolean: LightGBM"
    with pytest.raises(TypeError, match=text):
        train(BinaryFocalLoss(2.0), PARAMS, lgb.Dataset(X, Data.binary), 3)
    with pytest.raises(TypeError, match=text):
        cv(BinaryFocalLoss(2.0), PARAMS, lgb.Dataset(X, Data.binary), 3, nfold=2)
    with pytest.raises(TypeError, match=text):
        FocalLGBMClassifier(n_estimators=3, verbosity=-1).fit(X, Data.binary)
    X["column"] = X["column"].astype(str).astype("category")  # the cure
    assert train(BinaryFocalLoss(2.0), PARAMS, lgb.Dataset(X, Data.binary), 3).model_to_string()
