"""Training with LightGBM's own functions, with all around focal loss done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any

import lightgbm
import numpy as np

from focalboost._boosters.lightgbm import LAMBDA_OF_SEVERAL, Start, refuse_both_starts
from focalboost._boosters.names import lightgbm_aliases, metrics_of_user
from focalboost._boosters.packed import PackedLabels
from focalboost._boosters.parameters import check_metrics
from focalboost._typing import Array
from focalboost._validation import check_weight_shape, show
from focalboost.lightgbm._model import as_booster, check_continues
from focalboost.losses import MultilabelFocalLoss
from focalboost.losses._base import FocalLoss


def start(loss: FocalLoss) -> Callable[[Any], None]:
    """The callback for those who call LightGBM themselves: `callbacks=[start(loss)]` beside the objective.

    In `lightgbm.train`, `lightgbm.cv`, `LGBMClassifier.fit` and on Dask, with `params={"objective": loss}` or
    `objective=loss`. Training starts at the best constant, without an `init_score` on any data set; what
    comes out, checkpoints too, is a model that plain LightGBM loads and predicts with, and keeps its loss
    (`stored_loss`). A continued model is checked: it goes on with its stored loss, or an error names the
    cure.

    Parameters
    ----------
    loss : BinaryFocalLoss, MulticlassFocalLoss or MultilabelFocalLoss
        Resolved by `for_labels`; the same object as the objective.

    Returns
    -------
    callable

    Raises
    ------
    ValueError
        If the loss is not resolved; in training, if the model to continue was trained with another loss, a
        data set lacks the init_score that another has, a parameter is unknown or ignored, or a metric of
        LightGBM's needs more than the order of the scores.

    Examples
    --------
    >>> import numpy as np, lightgbm as lgb
    >>> from focalboost import BinaryFocalLoss
    >>> from focalboost.lightgbm import start
    >>> X, y = np.arange(1000.0)[:, None], np.arange(1000) >= 950
    >>> loss = BinaryFocalLoss(gamma=2.0).for_labels(y)
    >>> params = {"objective": loss, "verbosity": -1}
    >>> booster = lgb.train(params, lgb.Dataset(X, y), 20, callbacks=[start(loss)])
    >>> booster.predict([[10.0], [990.0]]).round(2)
    array([0.13, 0.66])
    """
    loss.start_margins()  # raises where the loss is not resolved
    return Start(loss)


def train(
    loss: FocalLoss,
    params: Mapping[str, Any],
    train_set: lightgbm.Dataset,
    num_boost_round: int = 100,
    valid_sets: list[lightgbm.Dataset] | None = None,
    valid_names: list[str] | None = None,
    feval: Any = None,
    init_model: Any = None,
    keep_training_booster: bool = False,
    callbacks: Sequence[Callable[..., Any]] | None = None,
) -> lightgbm.Booster:
    """`lightgbm.train` with focal loss: the start, the metric, the stored loss and continued models done
    right.

    A loss that is not resolved is resolved for the labels and weights of `train_set`. Training starts at the
    best constant, on every data set. The focal loss relative to its start, "focal_loss", is a metric of
    every valid set, after LightGBM's own. At the end the posterior's mean over the rows of `train_set` is put
    at their rate (`loss.calibrated`); not on several machines, nor with keep_training_booster after early
    stopping or of DART. The model keeps its loss (`stored_loss`); plain LightGBM predicts with it.

    Parameters
    ----------
    loss : BinaryFocalLoss, MulticlassFocalLoss or MultilabelFocalLoss
        Resolved or not.
    params : dict
        Parameters of LightGBM, without `objective`. Names that LightGBM does not know are refused.
        `num_class` is set where it is missing, and with several classes `lambda_l2` to 1: at LightGBM's own
        default of 0 it may diverge.
    train_set : lightgbm.Dataset
        With labels (several a row: `pack_labels`), and row weights if there are any. An `init_score` of its
        own, not all of it 0, takes the place of the start: every valid set needs one, and predictions do not
        have it. All zeros are what LightGBM itself leaves after a continued training, and count as none.
    num_boost_round : int, default=100
        Rounds.
    valid_sets, valid_names, callbacks, keep_training_booster
        As for `lightgbm.train`.
    feval : callable or list of callables, optional
        As for `lightgbm.train`: they are given margins, the start in them.
    init_model : Booster, LGBMClassifier or path, optional
        Model to continue: one trained with a loss of the same gamma, class weights and smoothing, whose
        stored numbers then stand.

    Returns
    -------
    lightgbm.Booster

    Raises
    ------
    ValueError
        If a parameter is unknown or ignored, one data set has an init_score and another has not, a label is
        not valid, or the model to continue means something else.

    Examples
    --------
    >>> import numpy as np, lightgbm as lgb
    >>> from focalboost import BinaryFocalLoss
    >>> from focalboost.lightgbm import stored_loss, train
    >>> X, y = np.arange(1000.0)[:, None], np.arange(1000) >= 950
    >>> booster = train(BinaryFocalLoss(gamma=2.0), {"verbosity": -1}, lgb.Dataset(X, y), 20)
    >>> stored_loss(booster).posterior(booster.predict([[10.0], [990.0]], raw_score=True)).round(2)
    array([0.01, 0.88])
    """
    if init_model is not None:
        init_model = as_booster(init_model)
        loss = check_continues(init_model, loss)
        refuse_both_starts(train_set)
    asked, loss = loss, resolved(loss, train_set)
    return lightgbm.train(
        own_params(loss, params, asked),
        train_set,
        num_boost_round,
        valid_sets=valid_sets,
        valid_names=valid_names,
        feval=[loss.metric, *_listed(feval)],
        init_model=init_model,
        keep_training_booster=keep_training_booster,
        callbacks=[Start(loss), *(callbacks or [])],
    )


def cv(
    loss: FocalLoss,
    params: Mapping[str, Any],
    train_set: lightgbm.Dataset,
    num_boost_round: int = 100,
    *,
    feval: Any = None,
    init_model: Any = None,
    callbacks: Sequence[Callable[..., Any]] | None = None,
    **options: Any,
) -> dict[str, Any]:
    """`lightgbm.cv` with focal loss, as `train` does it.

    Parameters
    ----------
    loss, params, train_set, num_boost_round, feval, init_model, callbacks
        As for `train`; a loss that is not resolved is resolved for all rows of `train_set`.
    **options
        Of `lightgbm.cv`: nfold, folds, stratified, return_cvbooster, seed and the like.

    Returns
    -------
    dict
        As `lightgbm.cv` returns it, with "valid focal_loss-mean" and its kind.

    Raises
    ------
    ValueError
        As for `train`.

    Examples
    --------
    >>> import numpy as np, lightgbm as lgb
    >>> from focalboost import BinaryFocalLoss
    >>> from focalboost.lightgbm import cv
    >>> X, y = np.arange(1000.0)[:, None], np.arange(1000) >= 950
    >>> history = cv(BinaryFocalLoss(gamma=2.0), {"verbosity": -1}, lgb.Dataset(X, y), 20, nfold=3)
    >>> history["valid focal_loss-mean"][-1] < 0.6
    True
    """
    if init_model is not None:
        init_model = as_booster(init_model)
        loss = check_continues(init_model, loss)
        refuse_both_starts(train_set)
    asked, loss = loss, resolved(loss, train_set)
    if isinstance(loss, MultilabelFocalLoss):
        options.setdefault("stratified", False)  # the packed labels are no classes
    found: dict[str, Any] = lightgbm.cv(
        own_params(loss, params, asked),
        train_set,
        num_boost_round,
        feval=[loss.metric, *_listed(feval)],
        init_model=init_model,
        callbacks=[Start(loss), *(callbacks or [])],
        **options,
    )
    return found


# ---------------------------------------------------------------------- what both are given
def own_params(loss: FocalLoss, params: Mapping[str, Any], asked: FocalLoss) -> dict[str, Any]:
    """The parameters with what focal loss needs; None is as good as left out."""
    params = {name: value for name, value in params.items() if value is not None}
    check_metrics(params)
    for name in lightgbm_aliases("objective"):
        value = params.pop(name, None)
        if value is not None and value is not loss and value is not asked:
            raise ValueError(
                f"{name} == {show(value)} in params, must be left out: the loss is the objective."
            )
    n_outputs = loss.start_margins().size
    if n_outputs > 1 and not any(name in params for name in lightgbm_aliases("num_class")):
        params["num_class"] = n_outputs
    if hasattr(loss, "n_classes") and not set(params) & lightgbm_aliases("lambda_l2"):
        params["lambda_l2"] = LAMBDA_OF_SEVERAL
    if not set(params) & lightgbm_aliases("metric"):
        params["metric"] = "None"
    return {**params, "objective": loss}


def _listed(feval: Any) -> list[Any]:
    """The user's metrics, which may not have the name of ours."""
    if feval is None:
        return []
    return [_named_apart(one) for one in (feval if isinstance(feval, list | tuple) else [feval])]


def _named_apart(metric: Any) -> Any:
    @wraps(metric)
    def checked(scores: Array, data: Any) -> Any:
        found = metric(scores, data)
        metrics_of_user(found)
        return found

    return checked


def resolved(loss: FocalLoss, train_set: lightgbm.Dataset) -> FocalLoss:
    """The loss, resolved for the labels and weights of a data set unless it is already."""
    label, weight = train_set.label, train_set.weight
    if loss.intercept is not None:
        # As given, before LightGBM rounds it to float32.
        if weight is not None:
            check_weight_shape(weight, len(weight))
        return loss
    # Of a subset, of a file and of raw data that was freed only the constructed data set has the labels. A
    # data set that is not constructed stays so: its bins are to follow the parameters of the training.
    if label is None or train_set.used_indices is not None:
        train_set.construct()
        label, weight = train_set.get_label(), train_set.get_weight()
    labels: Array = np.asarray(label).reshape(-1)
    if isinstance(loss, MultilabelFocalLoss):
        if loss.n_labels is None:
            raise ValueError(
                "n_labels == None, must be the number of labels a row: packed labels do not tell it. Use "
                "MultilabelFocalLoss(..., n_labels=L), or loss.for_labels(y)."
            )
        labels = PackedLabels(labels, loss.n_labels).unpack()
    return loss.for_labels(labels, None if weight is None else np.asarray(weight))
