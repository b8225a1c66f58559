"""`train` and `cv`: XGBoost's own functions with all around focal loss done."""

import numpy as np
import pytest

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss

xgb = pytest.importorskip("xgboost")
from focalboost.xgboost import FocalXGBClassifier, cv, start, stored_loss, train  # noqa: E402  # needs XGBoost
from tests.xgboost.training import BOOSTER, SOFTMAX, Data, N, margins  # noqa: E402
from tests.xgboost.training import train as by_callback  # noqa: E402

LOSSES = {
    "binary": BinaryFocalLoss(2.0, "balanced"),
    "soft": BinaryFocalLoss(1.0),
    "multiclass": MulticlassFocalLoss(2.0, "balanced"),
    "multilabel": MultilabelFocalLoss((2.0, 1.0, 0.0), "balanced"),
}


def matrix(labels="binary", weight=None):
    return xgb.DMatrix(Data.X, getattr(Data, labels), weight=weight)


# ---------------------------------------------------------------------- the loss
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", [xgb.DMatrix, xgb.QuantileDMatrix])
@pytest.mark.parametrize("labels", list(LOSSES))
def test_a_loss_is_resolved_for_the_rows_of_the_matrix(labels, kind, weighted):
    y, weight = getattr(Data, labels), Data.weight if weighted else None
    data = kind(Data.X, y, weight=weight)
    booster = train(LOSSES[labels], BOOSTER, data, 10)
    loss = LOSSES[labels].for_labels(y, weight)
    assert stored_loss(booster).with_shift(None) == loss
    np.testing.assert_array_equal(margins(booster, data), margins(by_callback({}, data, 10, loss), data))


@pytest.mark.parametrize("labels", list(LOSSES))
def test_start_is_the_callback_of_the_loss(labels):
    data, loss = matrix(labels), LOSSES[labels].for_labels(getattr(Data, labels))
    booster = xgb.train(BOOSTER, data, 5, obj=loss, callbacks=[start(loss)])
    np.testing.assert_array_equal(margins(booster, data), margins(train(loss, BOOSTER, data, 5), data))
    with pytest.raises(ValueError, match=r"^start\(\) needs the labels: use loss\.for_labels\(y\)"):
        start(LOSSES[labels])


def test_a_matrix_without_labels_is_refused():
    with pytest.raises(ValueError, match=r"^dtrain has no labels, must have them: pass label to DMatrix"):
        train(BinaryFocalLoss(), BOOSTER, xgb.DMatrix(Data.X), 2)


def test_margins_of_the_user_take_the_place_of_the_start():
    offset = np.full(N, 0.3, np.float32)
    data = xgb.DMatrix(Data.X, Data.binary, base_margin=offset)
    booster = train(BinaryFocalLoss(2.0), {**BOOSTER, "learning_rate": 1e-9}, data, 1)
    np.testing.assert_allclose(margins(booster, data), 0.3, rtol=1e-6)


# ---------------------------------------------------------------------- metrics
@pytest.mark.parametrize("labels", list(LOSSES))
def test_the_focal_loss_of_every_set_is_the_last_metric(labels):
    history, data, other = {}, matrix(labels, Data.weight), matrix(labels)
    booster = train(
        LOSSES[labels],
        BOOSTER,
        data,
        5,
        evals=[(data, "own"), (other, "other")],
        evals_result=history,
        verbose_eval=False,
        custom_metric=lambda raw, dmatrix: ("mean_margin", float(np.mean(raw))),
    )
    loss = stored_loss(booster)
    for name, seen in (("own", data), ("other", other)):
        assert list(history[name]) == ["mean_margin", "focal_loss"]
        expected = loss.metric(margins(booster, seen), seen)[1]
        assert history[name]["focal_loss"][-1] == pytest.approx(expected, abs=2e-6)
        assert history[name]["mean_margin"][-1] == pytest.approx(margins(booster, seen).mean(), abs=2e-5)


def test_metrics_of_xgboost_are_those_that_are_asked_for():
    history, data = {}, matrix()
    options = {"evals": [(data, "own")], "evals_result": history, "verbose_eval": False}
    train(BinaryFocalLoss(2.0), {**BOOSTER, "eval_metric": ["aucpr", "logloss"]}, data, 2, **options)
    assert list(history["own"]) == ["aucpr", "logloss", "focal_loss"]


def test_early_stopping_follows_the_focal_loss():
    data = xgb.DMatrix(Data.X[:3000], Data.binary[:3000])
    other, history = xgb.DMatrix(Data.X[3000:], Data.binary[3000:]), {}
    booster = train(
        BinaryFocalLoss(2.0),
        {**BOOSTER, "learning_rate": 0.5, "eval_metric": "aucpr"},
        data,
        300,
        evals=[(other, "other")],
        evals_result=history,
        early_stopping_rounds=4,
        verbose_eval=False,
    )
    values = history["other"]["focal_loss"]
    assert booster.best_iteration == int(np.argmin(values)) == len(values) - 5
    assert len(values) < 300


# ---------------------------------------------------------------------- what is refused
@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"objective": "reg:squarederror"}, r"^objective == 'reg:squarederror' in params, must be left out"),
        ({"objective": SOFTMAX}, r"^objective == 'multi:softprob' in params, must be left out"),
        (
            {"base_score": 0.5},
            r"^base_score == 0\.5 in params, must be left out: training starts at the best",
        ),
        (
            {"max_dept": 3},
            r"^max_dept == 3 is no parameter of XGBoost, must be one.*Did you mean 'max_depth'",
        ),
        ({"focal_gamma": 2.0}, r"^focal_gamma == 2\.0 is no parameter of XGBoost.*Pass gamma to the loss"),
        ({"scale_pos_weight": 3}, r"^scale_pos_weight == 3, must be 1: XGBoost ignores it"),
    ],
)
def test_parameters_that_would_be_ignored_are_refused(params, text):
    for run in (train, cv):
        with pytest.raises(ValueError, match=text):
            run(BinaryFocalLoss(2.0), {**BOOSTER, **params}, matrix(), 2)


def test_names_of_both_spellings_are_known():
    short = {"eta": 0.2, "lambda": 2.0, "alpha": 0.1, "gamma": 0.5, "nthread": 1}
    long = {"learning_rate": 0.2, "reg_lambda": 2.0, "reg_alpha": 0.1, "min_split_loss": 0.5, "n_jobs": 1}
    data = matrix()
    found, expected = (
        margins(train(BinaryFocalLoss(2.0), params, data, 2), data) for params in (short, long)
    )
    np.testing.assert_array_equal(found, expected)


def test_the_parameters_of_the_user_stay_his_own():
    params = {**BOOSTER, "objective": "binary:logistic"}
    before = dict(params)
    train(BinaryFocalLoss(2.0), params, matrix(), 2)
    assert params == before


# ---------------------------------------------------------------------- continued models
@pytest.mark.parametrize("form", ["booster", "path", "classifier"])
def test_a_model_is_continued_with_its_stored_numbers(form, tmp_path):
    data, loss = matrix(), BinaryFocalLoss(2.0, "balanced")
    if form == "classifier":
        options = {"max_depth": 4, "learning_rate": 0.1, "n_jobs": 1}
        model = FocalXGBClassifier(focal_alpha="balanced", n_estimators=10, **options)
        model.fit(Data.X, Data.binary)
    else:
        model = train(loss, BOOSTER, data, 10)
    if form == "path":
        model.save_model(tmp_path / "model.ubj")
        model = tmp_path / "model.ubj"
    whole = train(loss, BOOSTER, data, 20)
    both = train(loss, BOOSTER, data, 10, xgb_model=model)
    np.testing.assert_allclose(margins(both, data), margins(whole, data), rtol=0, atol=1e-5)
    # The rows of the second training have other class weights and another intercept.
    some = np.r_[np.flatnonzero(Data.binary == 1), np.flatnonzero(Data.binary == 0)[:300]]
    fewer = train(loss, BOOSTER, xgb.DMatrix(Data.X[some], Data.binary[some]), 1, xgb_model=model)
    assert stored_loss(fewer).with_shift(None) == stored_loss(whole).with_shift(None)


def test_a_model_that_was_stopped_early_goes_on_from_its_best_round():
    data, other = (xgb.DMatrix(Data.X[part], Data.binary[part]) for part in (slice(0, 3000), slice(3000, N)))
    params = {**BOOSTER, "learning_rate": 0.5}
    options = {"evals": [(other, "other")], "early_stopping_rounds": 4, "verbose_eval": False}
    before = train(BinaryFocalLoss(2.0), params, data, 300, **options)
    rounds = before.best_iteration + 1
    after = train(BinaryFocalLoss(2.0), params, data, 3, xgb_model=before)
    assert after.num_boosted_rounds() == rounds + 3
    assert after.attr("best_iteration") is None
    straight = train(BinaryFocalLoss(2.0), params, data, rounds + 3)
    np.testing.assert_allclose(margins(after, other), margins(straight, other), rtol=0, atol=1e-5)


def callback(loss, data, before):
    return xgb.train(BOOSTER, data, 3, obj=loss, callbacks=[loss.start()], xgb_model=before)


THROUGH = {
    "train": lambda loss, data, before: train(loss, BOOSTER, data, 3, xgb_model=before),
    "callback": callback,
    "neither": lambda loss, data, before: xgb.train(BOOSTER, data, 3, obj=loss, xgb_model=before),
}


@pytest.mark.parametrize("through", THROUGH)
@pytest.mark.parametrize(
    "other", [BinaryFocalLoss(1.0), BinaryFocalLoss(2.0, 0.4), BinaryFocalLoss(2.0, label_smoothing=0.1)]
)
def test_a_model_of_another_meaning_is_not_continued(other, through):
    data = matrix()
    before, other = train(BinaryFocalLoss(2.0), BOOSTER, data, 3), other.for_labels(Data.binary)
    text = r"^xgb_model was trained with BinaryFocalLoss\(.*\), must have the same gamma, class weights, la"
    with pytest.raises(ValueError, match=text):
        THROUGH[through](other, data, before)


@pytest.mark.parametrize("through", THROUGH)
def test_a_model_without_a_record_is_not_continued(through):
    data, loss = matrix(), BinaryFocalLoss(2.0).for_labels(Data.binary)
    before = xgb.train({**BOOSTER, "objective": "binary:logistic"}, data, 3)
    with pytest.raises(
        ValueError, match=r"^xgb_model has no stored loss, must be a model trained with focalb"
    ):
        THROUGH[through](loss, data, before)


# ---------------------------------------------------------------------- cv
@pytest.mark.parametrize("labels", list(LOSSES))
def test_cv_reports_the_focal_loss_of_every_fold(labels):
    history = cv(LOSSES[labels], BOOSTER, matrix(labels), 10, nfold=3, as_pandas=False)
    assert list(history) == [
        f"{part}-focal_loss-{what}" for part in ("train", "test") for what in ("mean", "std")
    ]
    values = history["test-focal_loss-mean"]
    assert values[-1] < values[0] < 1.0


def test_cv_is_one_training_for_each_fold():
    folds = [(np.arange(0, N, 2), np.arange(1, N, 2)), (np.arange(1, N, 2), np.arange(0, N, 2))]
    loss, data = BinaryFocalLoss(2.0).for_labels(Data.binary), matrix()
    history = cv(loss, BOOSTER, data, 6, folds=folds, as_pandas=False, metrics="aucpr")
    values = []
    for rows, other in folds:
        part, rest = (xgb.DMatrix(Data.X[which], Data.binary[which]) for which in (rows, other))
        booster = train(loss, BOOSTER, part, 6)
        values.append(loss.metric(margins(booster, rest), rest)[1])
    assert history["test-focal_loss-mean"][-1] == pytest.approx(np.mean(values), abs=2e-6)
    assert "test-aucpr-mean" in history
