"""Every way into a training, so that one test can ask all of them the same question."""

import numpy as np
import pytest

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss

xgb = pytest.importorskip("xgboost")
lgb = pytest.importorskip("lightgbm")

from focalboost import lightgbm as flgb  # noqa: E402  # after the checks
from focalboost import xgboost as fxgb  # noqa: E402

X_PARAMS = {"verbosity": 0, "max_depth": 3, "eta": 0.3, "nthread": 1, "seed": 1}
X_SKLEARN = {"max_depth": 3, "learning_rate": 0.3, "n_jobs": 1, "random_state": 1}
L_BOTH = {"num_leaves": 7, "learning_rate": 0.2, "verbosity": -1, "deterministic": True}
# lambda_l2 is named because focalboost's default for several classes is another than LightGBM's.
L_PARAMS = {**L_BOTH, "num_threads": 1, "lambda_l2": 1.0}
L_SKLEARN = {**L_BOTH, "n_jobs": 1, "reg_lambda": 1.0}


def month(seed, n=1500, shift=0.0):
    """Rows of one month, of which about one in eight is positive."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 5)).astype(np.float32)
    logit = -2.8 + shift + 1.2 * X[:, 0] - 0.8 * X[:, 1] * X[:, 2]
    return X, (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(np.int64)


def classes(seed, n=1500):
    """Rows of three classes, the last of them rare."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 5)).astype(np.float32)
    score = X[:, 0] + 0.5 * rng.normal(size=n)
    return X, np.digitize(score, [0.3, 1.4])


def labels(seed, n=1500):
    """Rows of two labels."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 5)).astype(np.float32)
    noise = 0.5 * rng.normal(size=(n, 2))
    return X, (X[:, :2] + noise > [1.0, 1.5]).astype(np.int64)


X1, Y1 = month(1)
X2, Y2 = month(2, shift=0.4)
TASKS = {
    "binary": (BinaryFocalLoss, month),
    "multiclass": (MulticlassFocalLoss, classes),
    "multilabel": (MultilabelFocalLoss, labels),
}


# ---------------------------------------------------------------------- XGBoost
def dmatrix(X, y, **fields):
    return xgb.DMatrix(X, y, nthread=1, **fields)


def x_train(loss, X, y, rounds, model=None, params=None, **options):
    """focalboost.xgboost.train."""
    params = {**X_PARAMS, **(params or {})}
    data = dmatrix(X, y)
    return fxgb.train(loss, params, data, rounds, xgb_model=model, verbose_eval=False, **options)


def x_native(loss, X, y, rounds, model=None, params=None, **options):
    """xgboost.train with obj and start."""
    loss = resolved(loss, y)
    return xgb.train(
        {**X_PARAMS, **(params or {})},
        dmatrix(X, y),
        rounds,
        obj=loss,
        xgb_model=None if model is None else fxgb._model.as_booster(model),
        callbacks=[fxgb.start(loss)],
        **options,
    )


def x_alone(loss, X, y, rounds, model=None, params=None, **options):
    """xgboost.train with obj, start forgotten."""
    model = None if model is None else fxgb._model.as_booster(model)
    return xgb.train(
        {**X_PARAMS, **(params or {})}, dmatrix(X, y), rounds, obj=loss, xgb_model=model, **options
    )


def x_sklearn(loss, X, y, rounds, model=None, params=None):
    """XGBClassifier with the loss as objective and start."""
    loss = resolved(loss, y)
    options = {**X_SKLEARN, **(params or {})}
    plain = xgb.XGBClassifier(objective=loss, n_estimators=rounds, callbacks=[fxgb.start(loss)], **options)
    return plain.fit(X, y, xgb_model=native(model)).get_booster()


def x_sklearn_alone(loss, X, y, rounds, model=None, params=None):
    """XGBClassifier with the loss as objective, start forgotten."""
    plain = xgb.XGBClassifier(objective=loss, n_estimators=rounds, **{**X_SKLEARN, **(params or {})})
    return plain.fit(X, y, xgb_model=native(model)).get_booster()


def x_classifier(loss, X, y, rounds, model=None, params=None):
    """FocalXGBClassifier."""
    focal = fxgb.FocalXGBClassifier(n_estimators=rounds, **focal_of(loss), **{**X_SKLEARN, **(params or {})})
    return focal.fit(X, y, xgb_model=model).get_booster()


X_WAYS = [x_train, x_native, x_sklearn, x_classifier]
X_FORGOTTEN = [x_alone, x_sklearn_alone]


def x_margins(booster, X):
    return booster.predict(xgb.DMatrix(X, nthread=1), output_margin=True)


# ---------------------------------------------------------------------- LightGBM
def dataset(X, y, **fields):
    stored = flgb.pack_labels(y) if np.ndim(y) == 2 else y
    return lgb.Dataset(X, stored, params={"verbosity": -1, "num_threads": 1}, **fields)


def l_train(loss, X, y, rounds, model=None, params=None, **options):
    """focalboost.lightgbm.train."""
    if np.ndim(y) == 2 and loss.n_labels is None:
        loss = MultilabelFocalLoss(loss.gamma, loss.alpha, n_labels=y.shape[1])
    return flgb.train(
        loss, {**L_PARAMS, **(params or {})}, dataset(X, y), rounds, init_model=model, **options
    )


def l_native(loss, X, y, rounds, model=None, params=None, callbacks=(), **options):
    """lightgbm.train with the objective and start."""
    loss = resolved(loss, y)
    return lgb.train(
        {**L_PARAMS, **outputs(loss), **(params or {}), "objective": loss},
        dataset(X, y),
        rounds,
        init_model=l_native_model(model),
        callbacks=[flgb.start(loss), *callbacks],
        **options,
    )


def l_alone(loss, X, y, rounds, model=None, params=None):
    """lightgbm.train with the objective, start forgotten."""
    params = {**L_PARAMS, **(params or {}), "objective": loss}
    return lgb.train(params, dataset(X, y), rounds, init_model=l_native_model(model))


def l_sklearn(loss, X, y, rounds, model=None, params=None):
    """LGBMClassifier with the loss as objective and start."""
    loss = resolved(loss, y)
    plain = lgb.LGBMClassifier(objective=loss, n_estimators=rounds, **{**L_SKLEARN, **(params or {})})
    return plain.fit(X, y, init_model=l_native_model(model), callbacks=[flgb.start(loss)]).booster_


def l_sklearn_alone(loss, X, y, rounds, model=None, params=None):
    """LGBMClassifier with the loss as objective, start forgotten."""
    plain = lgb.LGBMClassifier(objective=loss, n_estimators=rounds, **{**L_SKLEARN, **(params or {})})
    return plain.fit(X, y, init_model=l_native_model(model)).booster_


def l_classifier(loss, X, y, rounds, model=None, params=None):
    """FocalLGBMClassifier."""
    focal = flgb.FocalLGBMClassifier(n_estimators=rounds, **focal_of(loss), **{**L_SKLEARN, **(params or {})})
    return focal.fit(X, y, init_model=model).booster_


L_WAYS = [l_train, l_native, l_sklearn, l_classifier]
L_FORGOTTEN = [l_alone, l_sklearn_alone]


def l_margins(booster, X):
    return booster.predict(X, raw_score=True)


def l_native_model(model):
    """lightgbm.train takes no notice of a classifier, and trains a new model without a word."""
    if isinstance(model, lgb.LGBMModel):
        return model.booster_
    return model if model is None or isinstance(model, lgb.Booster) else str(model)


# ---------------------------------------------------------------------- both
def resolved(loss, y):
    return loss if loss.intercept is not None else loss.for_labels(y)


def native(model):
    """XGBoost's classifier takes a Booster, a classifier or the text of a path."""
    return model if model is None or isinstance(model, xgb.Booster | xgb.XGBModel) else str(model)


def outputs(loss):
    n = len(np.atleast_1d(loss.intercept))
    return {"num_class": n} if n > 1 else {}


def focal_of(loss):
    """The classifiers' parameters that ask for this loss."""
    found = {"focal_gamma": loss.gamma, "focal_alpha": "balanced" if loss.balanced else loss.alpha}
    if getattr(loss, "label_smoothing", 0):
        found["focal_label_smoothing"] = loss.label_smoothing
    return found


def names(functions):
    return [function.__name__ for function in functions]


def log_loss(y, p):
    p = np.clip(p, 1e-9, 1 - 1e-9)
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
