"""Training with XGBoost's own functions, with all around focal loss done."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import xgboost
from xgboost.callback import TrainingCallback

from focalboost._boosters.call import shaped_like
from focalboost._boosters.configuration import ATTRIBUTE
from focalboost._boosters.continuing import go_on, no_record
from focalboost._boosters.names import metrics_of_user, refuse_unknown
from focalboost._typing import Array
from focalboost._validation import show
from focalboost.losses._base import FocalLoss
from focalboost.xgboost._model import as_booster, find_record, from_best_round

Metric = Callable[[Any, xgboost.DMatrix], Any]


def start(loss: FocalLoss) -> TrainingCallback:
    """The callback for those who call XGBoost themselves: `callbacks=[start(loss)]` beside `obj=loss`.

    In `xgboost.train`, `xgboost.cv`, `XGBClassifier(objective=loss, callbacks=[start(loss)])` and on Dask.
    Before the first round of a new model it sets `objective` and `base_score`, so that training starts at the
    best constant, and stores the loss in the booster's attributes, which survive save and load. A continued
    model is checked: it goes on with its stored loss, or an error names the cure. After the last round the
    stored loss is `calibrated` on the training rows, those of all workers.

    Parameters
    ----------
    loss : BinaryFocalLoss, MulticlassFocalLoss or MultilabelFocalLoss
        Resolved by `for_labels`; the same object as `obj`.

    Returns
    -------
    xgboost.callback.TrainingCallback

    Raises
    ------
    ValueError
        If the loss is not resolved; in training, if the model to continue was trained with another loss, if
        params have a base_score or objective of their own, or if a parameter is ignored by XGBoost.

    Examples
    --------
    >>> import numpy as np, xgboost as xgb
    >>> from focalboost import BinaryFocalLoss
    >>> from focalboost.xgboost import start
    >>> X, y = np.arange(100.0)[:, None], np.arange(100) >= 95
    >>> loss = BinaryFocalLoss(gamma=2.0).for_labels(y)
    >>> booster = xgb.train({}, xgb.DMatrix(X, y), 3, obj=loss, callbacks=[start(loss)])
    >>> booster.num_boosted_rounds()
    3
    """
    return loss.start()


def train(
    loss: FocalLoss,
    params: Mapping[str, Any],
    dtrain: xgboost.DMatrix,
    num_boost_round: int = 10,
    *,
    evals: Sequence[tuple[xgboost.DMatrix, str]] | None = None,
    maximize: bool | None = None,
    early_stopping_rounds: int | None = None,
    evals_result: dict[str, Any] | None = None,
    verbose_eval: bool | int | None = True,
    xgb_model: Any = None,
    callbacks: Sequence[TrainingCallback] | None = None,
    custom_metric: Metric | None = None,
) -> xgboost.Booster:
    """`xgboost.train` with focal loss: the start, the metric, the stored loss and continued models done
    right.

    A loss that is not resolved is resolved for the labels and weights of `dtrain`. Training starts at the
    best constant. The focal loss relative to its start, "focal_loss", is a metric of every eval set, the last
    one, which early stopping follows. At the end the posterior's mean over the rows of `dtrain` is put at
    their rate (`loss.calibrated`). The model keeps its loss (`stored_loss`); plain XGBoost predicts with it.

    Parameters
    ----------
    loss : BinaryFocalLoss, MulticlassFocalLoss or MultilabelFocalLoss
        Resolved or not.
    params : dict
        Parameters of XGBoost; without `objective` and `base_score`, which are the loss's. Names that XGBoost
        does not know are refused.
    dtrain : xgboost.DMatrix
        With labels, and row weights if there are any.
    num_boost_round : int, default=10
        Rounds.
    evals, early_stopping_rounds, evals_result, verbose_eval, callbacks
        As for `xgboost.train`. Early stopping follows the focal loss.
    maximize : None or False
        The focal loss is minimized.
    xgb_model : Booster, XGBClassifier or path, optional
        Model to continue: one trained with a loss of the same gamma, class weights and smoothing, whose
        stored numbers then stand. One that was stopped early is continued from its best round, a linear model
        from its last. Give dtrain as a DMatrix: of a QuantileDMatrix XGBoost reads the old trees inexactly.
    custom_metric : callable, optional
        As for `xgboost.train`: it is given margins.

    Returns
    -------
    xgboost.Booster

    Raises
    ------
    ValueError
        If a parameter is unknown, ignored by XGBoost or moves the start, a label is not valid, or the model
        to continue means something else.

    Examples
    --------
    >>> import numpy as np, xgboost as xgb
    >>> from focalboost import BinaryFocalLoss
    >>> from focalboost.xgboost import stored_loss, train
    >>> X, y = np.arange(1000.0)[:, None], np.arange(1000) >= 950
    >>> booster = train(BinaryFocalLoss(gamma=2.0), {"max_depth": 2}, xgb.DMatrix(X, y), 20)
    >>> margins = booster.predict(xgb.DMatrix([[10.0], [990.0]]), output_margin=True)
    >>> stored_loss(booster).posterior(margins).round(2)
    array([0.  , 0.98])
    """
    _refuse_maximize(maximize)
    params = _own_params(loss, params)
    if xgb_model is not None:
        _warn_of_bins(dtrain)
        xgb_model = continued(xgb_model, loss)
        loss = go_on(loss, loss.from_json(xgb_model.attr(ATTRIBUTE)), "xgb_model")
    loss = resolved(loss, dtrain)
    return xgboost.train(
        params,
        dtrain,
        num_boost_round,
        evals=evals,
        obj=loss,
        maximize=maximize,
        early_stopping_rounds=early_stopping_rounds,
        evals_result=evals_result,
        verbose_eval=verbose_eval,
        xgb_model=xgb_model,
        callbacks=[loss.start(), *(callbacks or [])],
        custom_metric=with_focal(loss, custom_metric),
    )


def cv(
    loss: FocalLoss,
    params: Mapping[str, Any],
    dtrain: xgboost.DMatrix,
    num_boost_round: int = 10,
    *,
    callbacks: Sequence[TrainingCallback] | None = None,
    custom_metric: Metric | None = None,
    metrics: Any = (),
    **options: Any,
) -> Any:
    """`xgboost.cv` with focal loss, as `train` does it.

    Parameters
    ----------
    loss, params, dtrain, num_boost_round, callbacks, custom_metric
        As for `train`; a loss that is not resolved is resolved for all rows of `dtrain`.
    metrics : str or list of str, optional
        Names of XGBoost's own metrics, which see the focal confidence.
    **options
        Of `xgboost.cv`: nfold, stratified, folds, early_stopping_rounds, seed and the like.

    Returns
    -------
    DataFrame or dict
        As `xgboost.cv` returns it, with "test-focal_loss-mean" and its kind.

    Raises
    ------
    ValueError
        As for `train`.

    Examples
    --------
    >>> import numpy as np, xgboost as xgb
    >>> from focalboost import BinaryFocalLoss
    >>> from focalboost.xgboost import cv
    >>> X, y = np.arange(1000.0)[:, None], np.arange(1000) >= 950
    >>> options = {"nfold": 3, "stratified": True, "as_pandas": False}
    >>> history = cv(BinaryFocalLoss(gamma=2.0), {"max_depth": 2}, xgb.DMatrix(X, y), 5, **options)
    >>> bool(history["test-focal_loss-mean"][-1] < 0.5)
    True
    """
    _refuse_maximize(options.get("maximize"))
    params = _own_params(loss, params)
    if "obj" in options:
        raise ValueError("obj is given, must be left out: the loss is the objective.")
    loss = resolved(loss, dtrain)
    if metrics:
        params.pop("disable_default_eval_metric", None)
    return xgboost.cv(
        params,
        dtrain,
        num_boost_round,
        obj=loss,
        metrics=metrics,
        callbacks=[loss.start(), *(callbacks or [])],
        custom_metric=with_focal(loss, custom_metric),
        **options,
    )


# ---------------------------------------------------------------------- what both are given
def _own_params(loss: FocalLoss, params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters with what focal loss needs, without what it sets."""
    params = _as_dict(params)
    refuse_unknown("xgboost", "XGBoost", params, own=("eval_metric",))
    if params.get("num_class") not in (None, 0, 1) and not hasattr(loss, "n_classes"):
        raise ValueError(
            f"num_class == {show(params['num_class'])} in params, must be left out: {type(loss).__name__} "
            "has one margin for each row or label. For several classes use MulticlassFocalLoss."
        )
    objective = params.pop("objective", None)
    if objective not in (None, loss.objective):
        raise ValueError(
            f"objective == {show(objective)} in params, must be left out: the loss is the objective."
        )
    if params.get("base_score") is not None:
        raise ValueError(
            f"base_score == {show(params['base_score'])} in params, must be left out: training starts at the "
            "best constant. For a start of your own give dtrain a base_margin."
        )
    if not params.get("eval_metric"):
        # XGBoost's default would be log loss of the focal confidence.
        params["disable_default_eval_metric"] = True
    return params


def _as_dict(params: Any) -> dict[str, Any]:
    """A list of pairs may name several metrics one by one, as for XGBoost."""
    if isinstance(params, Mapping):
        return dict(params)
    pairs = list(params)
    metrics = [value for name, value in pairs if name == "eval_metric"]
    return {**dict(pairs), "eval_metric": metrics} if len(metrics) > 1 else dict(pairs)


def _refuse_maximize(maximize: Any) -> None:
    if maximize:
        raise ValueError(
            "maximize == True, must be left out: early stopping follows the focal loss, the last metric, "
            "which is minimized. To stop by another pass callbacks=[xgboost.callback.EarlyStopping(rounds, "
            "metric_name=..., maximize=True)]."
        )


def resolved(loss: FocalLoss, dtrain: xgboost.DMatrix) -> FocalLoss:
    """The loss, resolved for the labels and weights of a data set unless it is already."""
    if loss.intercept is not None:
        return loss
    labels: Array = dtrain.get_label()
    if not labels.size:
        raise ValueError("dtrain has no labels, must have them: pass label to DMatrix.")
    n_labels = getattr(loss, "n_labels", None)
    if n_labels is None and labels.ndim == 1 and hasattr(loss, "n_labels"):
        # XGBoost 3.1 gives the labels of all columns in one.
        n_labels = labels.size // dtrain.num_row()
    if n_labels is not None:
        labels = shaped_like(labels, np.empty((dtrain.num_row(), n_labels)))
    weight = dtrain.get_weight()
    return loss.for_labels(labels, weight if weight.size else None)


def continued(model: Any, loss: FocalLoss) -> xgboost.Booster:
    """The model to continue, from its best round; an error where it means something else."""
    booster = as_booster(model)
    stored = find_record(booster, "xgb_model")
    if stored is None:
        raise no_record("xgb_model")
    go_on(loss, loss.from_json(stored), "xgb_model")
    return from_best_round(booster)


def _warn_of_bins(dtrain: xgboost.DMatrix) -> None:
    if isinstance(dtrain, xgboost.QuantileDMatrix):
        warnings.warn(
            f"dtrain is a {type(dtrain).__name__}, should be a DMatrix where a model is continued: XGBoost "
            "reads the old trees from its bins, which puts rows near old splits on the wrong side. With "
            "ref= the matrix that the model was trained on it is exact.",
            UserWarning,
            stacklevel=3,
        )


def with_focal(loss: FocalLoss, custom_metric: Metric | None) -> Metric:
    """One metric for XGBoost with the values of the user's and, last, the focal loss."""
    if custom_metric is None:
        return loss.metric

    def metrics(margins: Array, data: xgboost.DMatrix) -> list[tuple[str, float]]:
        return [*metrics_of_user(custom_metric(margins, data)), loss.metric(margins, data)]

    return metrics
