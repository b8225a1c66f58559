"""Trainings that were cut off: checkpoints, interrupts, and the state that they leave."""

import copy
import pickle
import sys
import threading

import numpy as np
import pytest

from focalboost import BinaryFocalLoss, MulticlassFocalLoss
from focalboost._boosters import caller
from tests.around.ways import (
    L_PARAMS,
    L_SKLEARN,
    X1,
    X2,
    X_PARAMS,
    X_SKLEARN,
    Y1,
    Y2,
    classes,
    dataset,
    dmatrix,
    flgb,
    fxgb,
    l_classifier,
    l_margins,
    l_native,
    l_sklearn,
    l_train,
    lgb,
    month,
    x_classifier,
    x_margins,
    x_native,
    x_sklearn,
    x_train,
    xgb,
)

LOSS = BinaryFocalLoss(2.0, "balanced").for_labels(Y1)
Callback = xgb.callback.TrainingCallback


class At(Callback):
    """Does something in one round, before or after it."""

    def __init__(self, epoch, action, *, before=False):
        super().__init__()
        self.epoch, self.action, self.before = epoch, action, before

    def before_iteration(self, model, epoch, evals_log):
        if self.before and epoch == self.epoch:
            self.action(model)
        return False

    def after_iteration(self, model, epoch, evals_log):
        if not self.before and epoch == self.epoch:
            self.action(model)
        return False


def at(iteration, action, *, before=False):
    def callback(env):
        if env.iteration == iteration:
            action(env.model)

    callback.before_iteration = before
    return callback


# ---------------------------------------------------------------------- checkpoints
@pytest.mark.parametrize("suffix", ["json", "ubj"])
@pytest.mark.parametrize("way", [x_train, x_native, x_sklearn, x_classifier])
def test_a_checkpoint_of_xgboost_is_resumed(way, suffix, tmp_path):
    whole = x_margins(x_train(LOSS, X1, Y1, 9), X1)
    save = At(3, lambda model: model.save_model(tmp_path / f"at.{suffix}"))
    x_train(LOSS, X1, Y1, 9, callbacks=[save])
    found = way(LOSS, X1, Y1, 5, tmp_path / f"at.{suffix}")
    assert np.abs(x_margins(found, X1) - whole).max() < 2e-6


def test_xgboosts_own_checkpoints(tmp_path):
    whole = x_margins(x_train(LOSS, X1, Y1, 9), X1)
    keep = xgb.callback.TrainingCheckPoint(tmp_path, interval=2)
    x_train(LOSS, X1, Y1, 9, callbacks=[keep])
    for path in tmp_path.iterdir():
        rounds = xgb.Booster(model_file=path).num_boosted_rounds()
        if rounds < 9:
            found = x_train(LOSS, X1, Y1, 9 - rounds, path)
            assert np.abs(x_margins(found, X1) - whole).max() < 2e-6


@pytest.mark.parametrize("iteration", [0, 3])
@pytest.mark.parametrize("form", ["save", "string", "pickle", "deepcopy", "booster"])
@pytest.mark.parametrize("way", [l_train, l_native, l_sklearn, l_classifier])
def test_a_checkpoint_of_lightgbm_is_resumed(way, form, iteration, tmp_path):
    kept = []

    def keep(model):
        if form == "save":
            model.save_model(tmp_path / "at.txt")
            kept.append(tmp_path / "at.txt")
        elif form == "string":
            kept.append(lgb.Booster(model_str=model.model_to_string()))
        elif form == "pickle":
            kept.append(pickle.loads(pickle.dumps(model)))
        elif form == "deepcopy":
            kept.append(copy.deepcopy(model))
        else:
            kept.append(model.finished())

    whole = l_margins(l_train(LOSS, X1, Y1, 9), X1)
    l_train(LOSS, X1, Y1, 9, callbacks=[at(iteration, keep)])
    found = way(LOSS, X1, Y1, 8 - iteration, kept[0])
    assert np.abs(l_margins(found, X1) - whole).max() < 1e-9
    at_once = l_margins(l_train(LOSS, X1, Y1, iteration + 1), X1)
    checkpoint = flgb.load_model(kept[0]) if form == "save" else kept[0]
    assert np.abs(l_margins(checkpoint, X1) - at_once).max() < 1e-12
    assert flgb.stored_loss(checkpoint).with_shift(None) == LOSS


def test_a_checkpoint_of_several_classes_and_of_a_continued_model(tmp_path):
    X, y = classes(1)
    loss = MulticlassFocalLoss(2.0, "balanced").for_labels(y)
    whole, half = l_margins(l_train(loss, X, y, 9), X), l_train(loss, X, y, 3)
    l_train(loss, X, y, 4, half, callbacks=[at(4, lambda model: model.save_model(tmp_path / "at.txt"))])
    found = l_train(loss, X, y, 4, tmp_path / "at.txt")
    assert np.abs(l_margins(found, X) - whole).max() < 1e-9


def test_predictions_inside_callbacks_have_the_start():
    seen = []
    look = lambda model: seen.append(l_margins(model, X2))  # noqa: E731
    l_train(LOSS, X1, Y1, 5, callbacks=[at(2, look)])
    assert np.abs(seen[0] - l_margins(l_train(LOSS, X1, Y1, 3), X2)).max() < 1e-12
    seen = []
    look = lambda model: seen.append(x_margins(model, X2))  # noqa: E731
    x_train(LOSS, X1, Y1, 5, callbacks=[At(2, look)])
    assert np.abs(seen[0] - x_margins(x_train(LOSS, X1, Y1, 3), X2)).max() < 1e-6


def test_pickles_inside_callbacks():
    kept = []
    x_train(LOSS, X1, Y1, 5, callbacks=[At(2, lambda model: kept.append(pickle.dumps(model)))])
    assert fxgb.stored_loss(pickle.loads(kept[0])).with_shift(None) == LOSS
    start = fxgb.start(LOSS)
    pickle.loads(pickle.dumps(start))
    booster = xgb.train(X_PARAMS, dmatrix(X1, Y1), 3, obj=LOSS, callbacks=[start])
    pickle.loads(pickle.dumps(start))
    assert np.array_equal(x_margins(booster, X1), x_margins(x_train(LOSS, X1, Y1, 3), X1))


# ---------------------------------------------------------------------- interrupts and errors
def interrupt(_):
    raise KeyboardInterrupt("stop")


ATTEMPTS = {
    "xgboost before": lambda: x_train(LOSS, X1, Y1, 5, callbacks=[At(1, interrupt, before=True)]),
    "xgboost after": lambda: x_train(LOSS, X1, Y1, 5, callbacks=[At(1, interrupt)]),
    "lightgbm before": lambda: l_train(LOSS, X1, Y1, 5, callbacks=[at(1, interrupt, before=True)]),
    "lightgbm after": lambda: l_train(LOSS, X1, Y1, 5, callbacks=[at(1, interrupt)]),
}


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_an_interrupt_leaves_nothing_behind(attempt):
    """The exception holds the frames of the training, and so its booster."""
    try:
        ATTEMPTS[attempt]()
    except KeyboardInterrupt as error:
        held = error
    check_a_users_own_call()
    assert held.__traceback__ is not None
    assert np.array_equal(x_margins(x_train(LOSS, X1, Y1, 3), X1), x_margins(x_native(LOSS, X1, Y1, 3), X1))


def check_a_users_own_call():
    """The diagonal itself, not the booster's multiple of it."""
    _X, y = classes(1)
    loss = MulticlassFocalLoss(2.0).for_labels(y)
    raw = np.random.default_rng(0).normal(size=(len(y), 3))
    for found, wanted in zip(loss(y, raw), loss.gradient_hessian(y, raw), strict=True):
        assert np.array_equal(found, wanted)
    assert isinstance(loss.metric(y, raw), float)


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_the_same_loss_called_by_the_user_after_an_error(library):
    X, y = classes(1)
    loss = MulticlassFocalLoss(2.0).for_labels(y)
    raw = np.random.default_rng(0).normal(size=(len(y), 3))

    def fails(*_):
        raise KeyboardInterrupt("stop")

    before = library == "xgboost"
    try:
        if before:
            fxgb.train(loss, X_PARAMS, dmatrix(X, y), 3, callbacks=[At(1, fails, before=True)])
        else:
            flgb.train(loss, L_PARAMS, dataset(X, y), 3, callbacks=[at(1, fails)])
    except KeyboardInterrupt:
        held = sys.exc_info()
        for found, wanted in zip(loss(y, raw), loss.gradient_hessian(y, raw), strict=True):
            assert np.array_equal(found, wanted)
        assert isinstance(loss.metric(y, raw), float)
        assert caller.calling_update(loss) is None
        assert held


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("last", [True, False])
def test_a_users_own_call_inside_a_callback(before, last):
    X, y = classes(1)
    loss = MulticlassFocalLoss(2.0).for_labels(y)
    raw = np.random.default_rng(0).normal(size=(len(y), 3))
    wanted, seen = loss.gradient_hessian(y, raw), []
    look = At(1, lambda _: seen.append(loss(y, raw)), before=before)
    params = {**X_PARAMS, "num_class": 3}
    callbacks = [fxgb.start(loss), look] if last else [look, fxgb.start(loss)]
    xgb.train(params, dmatrix(X, y), 3, obj=loss, callbacks=callbacks)
    look = at(1, lambda _: seen.append(loss(y, raw)), before=before)
    lgb.train(
        {**L_PARAMS, "num_class": 3, "objective": loss},
        dataset(X, y),
        3,
        callbacks=[flgb.start(loss), look],
    )
    assert len(seen) == 2
    for found in seen:
        assert np.array_equal(found[0], wanted[0])
        assert np.array_equal(found[1], wanted[1])


REASONS = {
    "interrupt": "stop",
    "labels": "NaN",
    "weight": "must be >= 0 and finite",
    "parameter": "must be one of y",
    "continued": "was trained with",
}


@pytest.mark.parametrize("focal", [fxgb.FocalXGBClassifier, flgb.FocalLGBMClassifier])
@pytest.mark.parametrize("how", REASONS)
def test_a_classifier_is_after_a_failed_fit_as_before(focal, how):
    options = X_SKLEARN if focal is fxgb.FocalXGBClassifier else L_SKLEARN
    model_of = "xgb_model" if focal is fxgb.FocalXGBClassifier else "init_model"
    for fitted in (False, True):
        model = focal(n_estimators=4, focal_gamma=1.0, **options)
        if fitted:
            model.fit(X1, Y1)
        before = {name: value for name, value in vars(model).items() if name != "callbacks"}
        p = model.predict_proba(X2) if fitted else None
        given = {}
        y = Y2
        with pytest.raises((KeyboardInterrupt, ValueError), match=REASONS[how]):  # noqa: PT012  # what is given is made there
            if how == "interrupt":
                if focal is fxgb.FocalXGBClassifier:
                    before["callbacks"] = [At(1, interrupt)]
                    model.set_params(callbacks=before["callbacks"])
                else:
                    given["callbacks"] = [at(1, interrupt)]
            elif how == "labels":
                y = np.where(Y2 == 1, np.nan, 0.0)
            elif how == "weight":
                given["sample_weight"] = -np.ones(len(Y2))
            elif how == "parameter":
                given["eval_set"] = [(X1, Y1 + 5)]
            else:
                given[model_of] = focal(n_estimators=2, focal_gamma=3.0, **options).fit(X1, Y1)
            model.fit(X2, y, **given)
        after = {name: value for name, value in vars(model).items() if name != "callbacks"}
        assert set(after) - {"callbacks"} == set(before) - {"callbacks"}
        assert all(after[name] is before[name] for name in after)
        if fitted:
            assert np.array_equal(model.predict_proba(X2), p)
        if focal is fxgb.FocalXGBClassifier:
            model.set_params(callbacks=None)
        once = focal(n_estimators=4, focal_gamma=1.0, **options).fit(X1, Y1)
        assert np.array_equal(model.fit(X1, Y1).predict_proba(X2), once.predict_proba(X2))


# ---------------------------------------------------------------------- nested, together, again
@pytest.mark.parametrize("before", [True, False])
def test_trainings_inside_callbacks(before):
    """Of the same loss, of the same loss without start, and of another."""
    LOSS = BinaryFocalLoss(2.0).for_labels(Y1)  # "balanced" starts at 0, as LightGBM does
    other = BinaryFocalLoss(0.0).for_labels(Y2)
    base = {**X_PARAMS, "objective": "binary:logistic", "base_score": LOSS.base_score}
    expected = [
        x_margins(x_train(LOSS, X2, Y2, 2), X2),
        x_margins(x_train(other, X2, Y2, 2), X2),
        x_margins(xgb.train(base, dmatrix(X2, Y2), 2, obj=LOSS), X2),
        l_margins(l_train(LOSS, X2, Y2, 2), X2),
    ]
    inner = []

    def nested(_):
        inner.append(x_margins(x_train(LOSS, X2, Y2, 2), X2))
        inner.append(x_margins(x_train(other, X2, Y2, 2), X2))
        inner.append(x_margins(xgb.train(base, dmatrix(X2, Y2), 2, obj=LOSS), X2))
        inner.append(l_margins(l_train(LOSS, X2, Y2, 2), X2))
        # Without start, and from the wrong place: refused as it is outside.
        with pytest.raises(ValueError, match=r"must start at"):
            xgb.train(X_PARAMS, dmatrix(X2, Y2), 2, obj=LOSS)
        with pytest.raises(ValueError, match=r"must start at"):
            lgb.train({**L_PARAMS, "objective": LOSS}, dataset(X2, Y2), 2)

    outer = x_train(LOSS, X1, Y1, 4, callbacks=[At(1, nested, before=before)])
    assert np.array_equal(x_margins(outer, X1), x_margins(x_train(LOSS, X1, Y1, 4), X1))
    outer = l_train(LOSS, X1, Y1, 4, callbacks=[at(1, nested, before=before)])
    assert np.array_equal(l_margins(outer, X1), l_margins(l_train(LOSS, X1, Y1, 4), X1))
    assert len(inner) == 8
    for found, wanted in zip(inner, expected * 2, strict=True):
        assert np.abs(found - wanted).max() < 1e-6


def test_one_callback_in_a_training_inside_its_own():
    """A continued model goes on with its stored numbers, whatever the callback does in between."""
    balanced = BinaryFocalLoss(2.0, "balanced")
    old, asked = x_native(balanced, X1, Y1, 3), balanced.for_labels(Y2)
    start = fxgb.start(asked)

    def nested(_):
        xgb.train(X_PARAMS, dmatrix(X2, Y2), 2, obj=asked, callbacks=[start])

    found = xgb.train(
        X_PARAMS, dmatrix(X2, Y2), 4, obj=asked, xgb_model=old, callbacks=[start, At(1, nested, before=False)]
    )
    assert np.abs(x_margins(found, X2) - x_margins(x_native(asked, X2, Y2, 4, old), X2)).max() < 1e-6


def test_a_loss_and_a_callback_serve_again():
    start, l_start = fxgb.start(LOSS), flgb.start(LOSS)
    x = [
        x_margins(xgb.train(X_PARAMS, dmatrix(X1, Y1), 4, obj=LOSS, callbacks=[start]), X1) for _ in range(3)
    ]
    params = {**L_PARAMS, "objective": LOSS}
    l = [l_margins(lgb.train(params, dataset(X1, Y1), 4, callbacks=[l_start]), X1) for _ in range(3)]
    for first, *others in (x, l):
        assert all(np.array_equal(first, other) for other in others)
    with pytest.raises(RuntimeError, match=r"a round was trained without it"):
        xgb.train(X_PARAMS, dmatrix(X1, Y1), 2, callbacks=[start])
    again = xgb.train(X_PARAMS, dmatrix(X1, Y1), 4, obj=LOSS, callbacks=[start])
    assert np.array_equal(x_margins(again, X1), x[0])


def test_threads():
    """One loss, several trainings; each continued model goes on with its own stored loss."""
    balanced = BinaryFocalLoss(2.0, "balanced")
    months = [month(seed, 800, shift=0.3 * seed) for seed in range(4)]
    old = [(x_native(balanced, X, y, 3), l_native(balanced, X, y, 3)) for X, y in months]
    asked = balanced.for_labels(Y2)

    def one(i):
        return (
            x_margins(x_native(asked, X2, Y2, 4, old[i][0]), X2),
            l_margins(l_native(asked, X2, Y2, 4, old[i][1]), X2),
        )

    wanted, found = [one(i) for i in range(4)], [None] * 4

    def run(i):
        found[i] = one(i)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for (xf, lf), (xw, lw) in zip(found, wanted, strict=True):
        assert np.array_equal(xf, xw)
        assert np.array_equal(lf, lw)


# ---------------------------------------------------------------------- wrappers around the loss
def deep(loss, depth):
    """A wrapper in a wrapper in a wrapper."""
    if depth == 0:
        return loss
    inner = deep(loss, depth - 1)
    return lambda first, second: inner(first, second)


@pytest.mark.parametrize("depth", [1, 40])
def test_wrappers_around_the_loss(depth):
    wrapped = deep(LOSS, depth)
    x = xgb.train(X_PARAMS, dmatrix(X1, Y1), 4, obj=wrapped, callbacks=[fxgb.start(LOSS)])
    assert np.array_equal(x_margins(x, X1), x_margins(x_native(LOSS, X1, Y1, 4), X1))
    params = {**L_PARAMS, "objective": wrapped}
    found = lgb.train(params, dataset(X1, Y1), 4, callbacks=[flgb.start(LOSS)])
    assert np.array_equal(l_margins(found, X1), l_margins(l_native(LOSS, X1, Y1, 4), X1))
    plain = xgb.XGBClassifier(objective=wrapped, callbacks=[fxgb.start(LOSS)], n_estimators=4, **X_SKLEARN)
    plain.fit(X1, Y1)
    assert np.array_equal(x_margins(plain.get_booster(), X1), x_margins(x, X1))


@pytest.mark.parametrize("depth", [0, 1, 40])
def test_wrappers_around_the_loss_of_a_continued_model(depth):
    """A wrapper cannot hide that the stored numbers are to be gone on with."""
    balanced = BinaryFocalLoss(2.0, "balanced")
    asked = balanced.for_labels(Y2)
    wrapped = deep(asked, depth)
    old = x_native(balanced, X1, Y1, 4)
    found = xgb.train(X_PARAMS, dmatrix(X2, Y2), 4, obj=wrapped, xgb_model=old, callbacks=[fxgb.start(asked)])
    wanted = x_native(fxgb.stored_loss(old), X2, Y2, 4, old)
    assert np.abs(x_margins(found, X2) - x_margins(wanted, X2)).max() < 1e-6
    old = l_native(balanced, X1, Y1, 4)
    params = {**L_PARAMS, "objective": wrapped}
    found = lgb.train(params, dataset(X2, Y2), 4, init_model=old, callbacks=[flgb.start(asked)])
    wanted = l_native(flgb.stored_loss(old), X2, Y2, 4, old)
    assert np.abs(l_margins(found, X2) - l_margins(wanted, X2)).max() < 1e-9
