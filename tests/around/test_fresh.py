"""A new model starts at the best constant and says true probabilities, whichever way it is trained."""

import numpy as np
import pytest

from focalboost import BinaryFocalLoss, MulticlassFocalLoss
from tests.around.ways import (
    L_FORGOTTEN,
    L_PARAMS,
    L_SKLEARN,
    L_WAYS,
    TASKS,
    X1,
    X2,
    X_PARAMS,
    X_WAYS,
    Y1,
    Y2,
    classes,
    dataset,
    dmatrix,
    flgb,
    fxgb,
    l_margins,
    l_sklearn,
    l_train,
    lgb,
    log_loss,
    x_alone,
    x_margins,
    x_sklearn_alone,
    x_train,
    xgb,
)

GAMMA = BinaryFocalLoss(2.0)


@pytest.mark.parametrize("way", X_WAYS)
@pytest.mark.parametrize("task", TASKS)
def test_xgboost_starts_at_the_best_constant(way, task):
    cls, data = TASKS[task]
    X, y = data(1)
    loss = cls(2.0).for_labels(y)
    booster = way(cls(2.0), X, y, 1, params={"learning_rate": 1e-9})
    margins = x_margins(booster, X)
    assert np.abs(margins - np.asarray(loss.intercept)).max() < 1e-5
    assert fxgb.stored_loss(booster).same_meaning(loss)


@pytest.mark.parametrize("way", L_WAYS)
@pytest.mark.parametrize("task", TASKS)
def test_lightgbm_starts_at_the_best_constant(way, task):
    if task == "multilabel" and way is l_sklearn:
        pytest.skip("LGBMClassifier takes one label a row")
    cls, data = TASKS[task]
    X, y = data(1)
    loss = cls(2.0).for_labels(y)
    booster = way(cls(2.0), X, y, 1, params={"learning_rate": 1e-9})
    margins = l_margins(booster, X)
    assert np.abs(margins - loss.start_margins()).max() < 1e-6
    assert flgb.stored_loss(booster).same_meaning(loss)


@pytest.mark.parametrize("way", X_WAYS[1:])
def test_xgboost_ways_agree(way):
    X, y = X1, Y1
    first = x_margins(x_train(GAMMA, X, y, 10), X)
    assert np.abs(x_margins(way(GAMMA, X, y, 10), X) - first).max() < 1e-5


@pytest.mark.parametrize("way", L_WAYS[1:])
def test_lightgbm_ways_agree(way):
    first = l_margins(l_train(GAMMA, X1, Y1, 10), X1)
    assert np.abs(l_margins(way(GAMMA, X1, Y1, 10), X1) - first).max() < 1e-9


@pytest.mark.parametrize(
    ("way", "margins", "stored"),
    [
        *[(way, x_margins, fxgb.stored_loss) for way in X_WAYS],
        *[(way, l_margins, flgb.stored_loss) for way in L_WAYS],
    ],
)
@pytest.mark.parametrize("alpha", [None, "balanced", 0.25])
def test_probabilities_have_the_rate(way, margins, stored, alpha):
    booster = way(BinaryFocalLoss(2.0, alpha), X1, Y1, 20)
    assert stored(booster).posterior(margins(booster, X1)).mean() == pytest.approx(Y1.mean(), abs=0.02)


# ---------------------------------------------------------------------- start forgotten
def test_xgboost_without_start_and_without_objective_is_refused():
    for loss in (GAMMA, GAMMA.for_labels(Y1)):
        with pytest.raises(
            ValueError, match=r"starts at margin .*Use\s+focalboost.xgboost.train\(loss, params"
        ):
            x_alone(loss, X1, Y1, 2)


def test_xgboost_without_start_begins_at_margin_0():
    booster = x_alone(
        GAMMA, X1, Y1, 1, params={"objective": "binary:logistic", "base_score": 0.5, "eta": 1e-9}
    )
    assert np.abs(x_margins(booster, X1)).max() < 1e-6
    booster = x_sklearn_alone(GAMMA, X1, Y1, 1, params={"learning_rate": 1e-9})
    assert np.abs(x_margins(booster, X1)).max() < 1e-6


def test_xgboost_without_start_takes_the_losses_own_base_score():
    loss = GAMMA.for_labels(Y1)
    params = {"objective": loss.objective, "base_score": loss.base_score}
    booster = x_alone(loss, X1, Y1, 10, params=params)
    assert np.abs(x_margins(booster, X1) - x_margins(x_train(loss, X1, Y1, 10), X1)).max() < 1e-5


def test_the_classifier_of_xgboost_refuses_a_resolved_loss_without_start():
    with pytest.raises(ValueError, match=r"training starts at margin -?0.0, must start at -"):
        x_sklearn_alone(GAMMA.for_labels(Y1), X1, Y1, 2)


@pytest.mark.parametrize("way", L_FORGOTTEN)
def test_lightgbm_without_start(way):
    with pytest.raises(ValueError, match=r"starts at score 0, must start at -.*focalboost.lightgbm.train"):
        way(GAMMA.for_labels(Y1), X1, Y1, 2)
    booster = way(GAMMA, X1, Y1, 20)
    assert GAMMA.posterior(l_margins(booster, X1)).mean() == pytest.approx(Y1.mean(), abs=0.03)


@pytest.mark.parametrize("obj", [None, "other"])
def test_xgboost_start_without_its_objective(obj):
    loss = GAMMA.for_labels(Y1)
    options = {} if obj is None else {"obj": lambda m, d: (m - d.get_label(), np.ones_like(m))}
    with pytest.raises(RuntimeError, match=r"a round was trained without it. Pass obj=loss"):
        xgb.train(X_PARAMS, dmatrix(X1, Y1), 2, callbacks=[fxgb.start(loss)], **options)


def test_lightgbm_start_without_its_objective():
    loss = GAMMA.for_labels(Y1)
    for objective in ("binary", "regression", "none"):
        with pytest.raises(RuntimeError, match=r"objective must be BinaryFocalLoss"):
            lgb.train({**L_PARAMS, "objective": objective}, dataset(X1, Y1), 2, callbacks=[flgb.start(loss)])

    def log_loss_of_the_user(scores, data):
        p = 1 / (1 + np.exp(-scores))
        return p - data.get_label(), p * (1 - p)

    with pytest.raises(RuntimeError, match=r"a round was trained without it"):
        lgb.train(
            {**L_PARAMS, "objective": log_loss_of_the_user},
            dataset(X1, Y1),
            2,
            callbacks=[flgb.start(loss)],
        )


def test_start_of_another_loss_than_the_objective():
    loss, other = GAMMA.for_labels(Y1), BinaryFocalLoss(0.0).for_labels(Y1)
    with pytest.raises(ValueError, match=r"must (be the loss of start|have the same gamma)"):
        xgb.train(X_PARAMS, dmatrix(X1, Y1), 2, obj=other, callbacks=[fxgb.start(loss)])
    with pytest.raises(ValueError, match=r"must"):
        lgb.train({**L_PARAMS, "objective": other}, dataset(X1, Y1), 2, callbacks=[flgb.start(loss)])
    with pytest.raises(ValueError, match=r"must (be the loss of start|have the same gamma)"):
        x_train(loss, X1, Y1, 2, callbacks=[fxgb.start(other)])
    with pytest.raises(ValueError, match=r"must"):
        l_train(loss, X1, Y1, 2, callbacks=[flgb.start(other)])


def test_start_needs_a_resolved_loss():
    for start in (fxgb.start, flgb.start):
        with pytest.raises(ValueError, match=r"needs the labels: use loss.for_labels\(y\)"):
            start(GAMMA)


# ---------------------------------------------------------------------- metrics at the start
def test_the_metric_is_1_at_the_start_on_every_set():
    loss = GAMMA.for_labels(Y1)
    half = dmatrix(X1[:700], Y1[:700])
    found = {}
    x_train(
        loss,
        X1,
        Y1,
        1,
        params={"eta": 1e-9},
        evals=[(dmatrix(X1, Y1), "all"), (half, "half")],
        evals_result=found,
    )
    assert [found[name]["focal_loss"][0] for name in ("all", "half")] == pytest.approx([1, 1], abs=1e-5)
    found = {}
    train_set = dataset(X1, Y1)
    flgb.train(
        loss,
        {**L_PARAMS, "learning_rate": 1e-9},
        train_set,
        1,
        valid_sets=[train_set, train_set.create_valid(X1[:700], Y1[:700])],
        valid_names=["all", "half"],
        callbacks=[lgb.record_evaluation(found)],
    )
    assert [found[name]["focal_loss"][0] for name in ("all", "half")] == pytest.approx([1, 1], abs=1e-6)


def test_cv_starts_every_fold():
    for loss in (GAMMA, GAMMA.for_labels(Y1)):
        history = fxgb.cv(
            loss, {**X_PARAMS, "eta": 1e-9}, dmatrix(X1, Y1), 1, nfold=3, stratified=True, as_pandas=False
        )
        assert history["test-focal_loss-mean"][0] == pytest.approx(1, abs=1e-5)
        history = flgb.cv(loss, {**L_PARAMS, "learning_rate": 1e-9}, dataset(X1, Y1), 1, nfold=3)
        assert history["valid focal_loss-mean"][0] == pytest.approx(1, abs=1e-5)


def test_cv_of_the_boosters_with_start():
    loss = GAMMA.for_labels(Y1)
    ours = fxgb.cv(loss, X_PARAMS, dmatrix(X1, Y1), 5, nfold=3, as_pandas=False, seed=3)
    params = {**X_PARAMS, "disable_default_eval_metric": True}
    theirs = xgb.cv(
        params,
        dmatrix(X1, Y1),
        5,
        nfold=3,
        as_pandas=False,
        seed=3,
        obj=loss,
        custom_metric=loss.metric,
        callbacks=[fxgb.start(loss)],
    )
    assert ours == theirs
    ours = flgb.cv(loss, L_PARAMS, dataset(X1, Y1), 5, nfold=3, seed=3)
    params = {**L_PARAMS, "objective": loss, "metric": "None"}
    theirs = lgb.cv(
        params, dataset(X1, Y1), 5, nfold=3, seed=3, feval=loss.metric, callbacks=[flgb.start(loss)]
    )
    assert ours == theirs


def test_cv_without_start():
    loss = GAMMA.for_labels(Y1)
    with pytest.raises(ValueError, match=r"must start at"):
        xgb.cv(X_PARAMS, dmatrix(X1, Y1), 2, nfold=3, obj=loss)
    with pytest.raises(ValueError, match=r"must start at"):
        lgb.cv({**L_PARAMS, "objective": loss}, dataset(X1, Y1), 2, nfold=3)


# ---------------------------------------------------------------------- gamma 0 beside the built-in
def test_gamma_0_is_log_loss():
    loss = BinaryFocalLoss(0.0)
    plain = xgb.train(
        {**X_PARAMS, "objective": "binary:logistic", "base_score": float(Y1.mean())}, dmatrix(X1, Y1), 10
    )
    assert np.abs(x_margins(x_train(loss, X1, Y1, 10), X1) - x_margins(plain, X1)).max() < 1e-5
    plain = lgb.train({**L_PARAMS, "objective": "binary"}, dataset(X1, Y1), 10)
    assert np.abs(l_margins(l_train(loss, X1, Y1, 10), X1) - l_margins(plain, X1)).max() < 1e-5


def test_gamma_0_is_softmax():
    X, y = classes(1)
    plain = lgb.train({**L_PARAMS, "objective": "multiclass", "num_class": 3}, dataset(X, y), 10)
    found = l_train(MulticlassFocalLoss(0.0), X, y, 10)
    assert np.abs(found.predict(X) - plain.predict(X)).max() < 1e-5


# ---------------------------------------------------------------------- what the user names survives
@pytest.mark.parametrize(
    "params",
    [
        {"tree_method": "exact"},
        {"updater": "grow_colmaker", "tree_method": "exact"},
        {"updater": "grow_colmaker,prune", "gamma": 0.5},
        {"updater": "grow_histmaker"},
        {"booster": "dart", "updater": "grow_colmaker", "rate_drop": 0.0},
        {"booster": "gblinear"},
        {"booster": "gblinear", "updater": "coord_descent", "feature_selector": "greedy", "top_k": 2},
        {"booster": "gblinear", "lambda": 0.5, "alpha": 0.01, "eta": 0.2},
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:.*gblinear:UserWarning", "ignore:.*gblinear:FutureWarning")
def test_updaters_and_linear_parameters_survive(params):
    full = {"max_depth": 3, "nthread": 1, **params}
    base = {"objective": "binary:logistic", "base_score": float(Y1.mean())}
    plain = xgb.train({**full, **base}, dmatrix(X1, Y1), 8)
    focal = fxgb.train(BinaryFocalLoss(0.0), full, dmatrix(X1, Y1), 8)
    shotgun = params.get("booster") == "gblinear" and "updater" not in params
    assert np.abs(x_margins(focal, X1) - x_margins(plain, X1)).max() < (1e-3 if shotgun else 1e-5)


# ---------------------------------------------------------------------- the user's own start
def test_an_own_base_margin_takes_the_place_of_the_start():
    loss, margin = GAMMA.for_labels(Y1), np.linspace(-2, 0, len(Y1))
    data = dmatrix(X1, Y1, base_margin=margin)
    for booster in (
        fxgb.train(loss, {**X_PARAMS, "eta": 1e-9}, data, 1),
        xgb.train({**X_PARAMS, "eta": 1e-9}, data, 1, obj=loss, callbacks=[fxgb.start(loss)]),
        xgb.train({**X_PARAMS, "eta": 1e-9}, data, 1, obj=loss),
    ):
        assert np.abs(booster.predict(data, output_margin=True) - margin).max() < 1e-5


@pytest.mark.parametrize("start", [True, False])
def test_an_own_init_score_takes_the_place_of_the_start(start):
    loss, score = GAMMA.for_labels(Y1), np.linspace(-2, 0, len(Y1))
    seen = []

    def objective(scores, data):
        seen.append(np.array(scores))
        return loss(scores, data)

    params = {**L_PARAMS, "objective": objective}
    callbacks = [flgb.start(loss)] if start else []
    lgb.train(params, dataset(X1, Y1, init_score=score), 2, callbacks=callbacks)
    assert np.abs(seen[0] - score).max() < 1e-12


def test_an_init_score_on_a_valid_set_alone_is_refused():
    train_set = dataset(X1, Y1)
    valid = train_set.create_valid(X2, Y2, init_score=np.full(len(Y2), -1.0))
    with pytest.raises(ValueError, match=r"a valid set has an init_score, must have none"):
        flgb.train(GAMMA, L_PARAMS, train_set, 2, valid_sets=[valid])


def test_monthly_conversion_from_old_probabilities():
    """A model of another loss goes on exactly, through the margins that its probabilities have."""
    old = xgb.train({**X_PARAMS, "objective": "binary:logistic"}, dmatrix(X1, Y1), 20)
    p = old.predict(dmatrix(X2, Y2))
    loss = GAMMA.for_labels(Y2)
    data = dmatrix(X2, Y2, base_margin=loss.margin(p))
    new = fxgb.train(loss, {**X_PARAMS, "eta": 1e-9}, data, 1)
    assert np.abs(loss.posterior(new.predict(data, output_margin=True)) - p).max() < 1e-6
    more = fxgb.train(loss, X_PARAMS, data, 20)
    assert log_loss(Y2, loss.posterior(more.predict(data, output_margin=True))) < log_loss(Y2, p)

    seen = []

    def objective(scores, train_set):
        seen.append(loss.posterior(scores))
        return loss(scores, train_set)

    lgb.train({**L_PARAMS, "objective": objective}, dataset(X2, Y2, init_score=loss.margin(p)), 1)
    assert np.abs(seen[0] - p).max() < 1e-9
    focal = flgb.FocalLGBMClassifier(n_estimators=5, **L_SKLEARN)
    focal.fit(X2, Y2, init_score=loss.margin(p))
    on_top = focal.loss_.posterior(loss.margin(p) + focal.predict(X2, raw_score=True))
    assert log_loss(Y2, on_top) < log_loss(Y2, p)


def test_conversion_of_several_classes():
    X, y = classes(1)
    old = xgb.train({**X_PARAMS, "objective": "multi:softprob", "num_class": 3}, dmatrix(X, y), 5)
    p = old.predict(dmatrix(X, y))
    p = p.astype(float) / p.sum(axis=1, keepdims=True, dtype=float)
    loss = MulticlassFocalLoss(2.0).for_labels(y)
    data = dmatrix(X, y, base_margin=loss.margin(p))
    new = fxgb.train(loss, {**X_PARAMS, "eta": 1e-9}, data, 1)
    assert np.abs(loss.posterior(new.predict(data, output_margin=True)) - p).max() < 1e-5
    seen = []

    def objective(scores, train_set):
        seen.append(loss.posterior(scores))
        return loss(scores, train_set)

    score = loss.margin(p)
    lgb.train(
        {**L_PARAMS, "num_class": 3, "objective": objective}, dataset(X, y, init_score=score.ravel("F")), 1
    )
    assert np.abs(seen[0] - p).max() < 1e-9
