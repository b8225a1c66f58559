"""The start at the best constant, and models that predict without focalboost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import ArrayLike

from focalboost._boosters.call import check_version
from focalboost._dask import is_collection, map_rows
from focalboost._typing import Array
from focalboost.lightgbm import _model_text
from focalboost.losses._base import FocalLoss
from focalboost.losses._record import from_json

check_version("lightgbm", lightgbm.__version__)


def start_scores(n_samples: int, margins: Array) -> Array:
    return np.full((n_samples,) if margins.size == 1 else (n_samples, margins.size), margins)


def init_score(loss: FocalLoss, y: ArrayLike) -> Any:
    """The intercept for every row of y, as LightGBM's estimators take it: `fit(..., init_score=...)`.

    For `lgb.train` there is `start`. Estimators on Dask take a collection, and get no intercept otherwise.

    Parameters
    ----------
    loss : BinaryFocalLoss, MulticlassFocalLoss or MultilabelFocalLoss
        Resolved by `for_labels`.
    y : array-like or Dask collection of shape (n_samples,)
        Only its rows are counted.

    Returns
    -------
    ndarray of shape (n_samples,) or (n_samples, n_outputs), float64
        For a Dask collection, lazily, one with its partitions.

    Raises
    ------
    ValueError
        If the loss is not resolved.

    Examples
    --------
    >>> from focalboost import BinaryFocalLoss
    >>> from focalboost.lightgbm import init_score
    >>> y = [0, 0, 1]
    >>> init_score(BinaryFocalLoss(gamma=2.0).for_labels(y), y).round(3)
    array([-0.259, -0.259, -0.259])
    """
    margins = loss.start_margins()
    if is_collection(y):
        return map_rows("y", lambda block: start_scores(len(block), margins), y, margins.size)
    return start_scores(len(np.asarray(y)), margins)


@contextmanager
def start(loss: FocalLoss, *datasets: lightgbm.Dataset) -> Iterator[None]:
    """Start training at the best constant: `with start(loss, train_set, valid_set): ...`.

    LightGBM estimates no intercept for a custom objective. Inside the block the data sets have the loss's
    intercept as `init_score`; after it they are as they were. The trained booster knows nothing of it:
    `finalize` puts the intercept into its trees.

    Parameters
    ----------
    loss : BinaryFocalLoss, MulticlassFocalLoss or MultilabelFocalLoss
        Resolved by `for_labels`.
    *datasets : lightgbm.Dataset
        The training set and every validation set.

    Raises
    ------
    ValueError
        If the loss is not resolved, or a data set has an `init_score` of its own.
    RuntimeError
        At the end of the block, if LightGBM dropped the intercept.
    """
    margins = loss.start_margins()
    changed: list[lightgbm.Dataset] = []
    try:
        for dataset in datasets:
            dataset.set_init_score(start_scores(_label_count(dataset), margins))
            changed.append(dataset)
        yield
        for dataset in changed:
            scores = dataset.get_init_score() if _is_constructed(dataset) else margins
            if margins.any() and not np.asarray(scores).any():
                raise RuntimeError(
                    "LightGBM set dataset.init_score to 0 and training did not start at the intercept: the "
                    "Dataset was trained on with init_model before. Make a new Dataset and train again."
                )
    finally:
        for dataset in changed:
            # set_init_score(None) leaves the scores of a constructed Dataset in place.
            if _is_constructed(dataset):
                dataset.set_field("init_score", None)
            dataset.init_score = None


def _label_count(dataset: lightgbm.Dataset) -> int:
    """Rows of a data set that has no init_score yet.

    It is not constructed for that, because its bins are to follow the parameters of the training to come.
    """
    if dataset.used_indices is not None:
        dataset.construct()  # a subset has the bins of its parent already
    constructed = _is_constructed(dataset)
    scores = dataset.get_init_score() if constructed else dataset.init_score
    if scores is not None:
        raise ValueError(
            "dataset.init_score is set, must be None: its margins take the place of the intercept. "
            "Train without start(), or on a Dataset without init_score."
        )
    label = dataset.get_label() if constructed else dataset.label
    if label is None:
        raise ValueError(
            "dataset.label == None, must be given: call dataset.construct() first where the labels are in "
            "a file."
        )
    return len(label)


def _is_constructed(dataset: lightgbm.Dataset) -> bool:
    try:
        dataset.num_data()
    except lightgbm.basic.LightGBMError:
        return False
    return True


def finalize(booster: lightgbm.Booster, loss: FocalLoss, *, baked: bool | None = None) -> lightgbm.Booster:
    """A booster that plain LightGBM loads and predicts with, as if the objective were its own.

    The intercept goes into the first trees, the objective that gives probabilities and the loss itself into
    the text. `predict` then gives the focal confidence, `raw_score=True` the margin; `loss.posterior` of the
    margin is the class probability.

    Parameters
    ----------
    booster : lightgbm.Booster
        Trained with `loss` inside `start`; it is not changed.
    loss : BinaryFocalLoss, MulticlassFocalLoss or MultilabelFocalLoss
        As in training. One that is not resolved by `for_labels` has no intercept, and none is added.
    baked : bool, optional
        Whether the trees have the intercept already, because training continued from a finalized model.
        Needed only where the first tree has shrinkage 1: such a model's has, and one with learning_rate=1.

    Returns
    -------
    lightgbm.Booster
        New, with the `best_iteration` and `best_score` of `booster`.

    Raises
    ------
    ValueError
        If the booster is finalized already, has no trees, or does not fit the loss.

    Examples
    --------
    >>> import numpy as np, lightgbm as lgb
    >>> from focalboost import BinaryFocalLoss
    >>> from focalboost.lightgbm import finalize, start
    >>> X, y = np.arange(1000.0)[:, None], np.arange(1000) >= 950
    >>> train_set = lgb.Dataset(X, y)
    >>> loss = BinaryFocalLoss(gamma=2.0).for_labels(y)
    >>> with start(loss, train_set):
    ...     booster = lgb.train({"objective": loss, "verbosity": -1}, train_set, 20)
    >>> booster = finalize(booster, loss)
    >>> booster.predict([[10.0], [990.0]]).round(2)
    array([0.13, 0.66])
    """
    return finalize_with_record(booster, loss, loss.to_json(), baked=baked)


def finalize_with_record(
    booster: lightgbm.Booster, loss: FocalLoss, record: str, *, baked: bool | None
) -> lightgbm.Booster:
    """`finalize`, with what else the model is to keep."""
    text = booster.model_to_string(num_iteration=-1)
    header, trees, rest = _model_text.split_trees(text)
    if _model_text.find_record(rest) is not None:
        raise ValueError("booster is finalized already: its trees have the intercept. Use it as it is.")
    n_outputs = booster.num_model_per_iteration()
    if not trees:
        raise ValueError("booster has no trees, must have at least one to hold the intercept.")
    margins = np.zeros(n_outputs) if loss.intercept is None else loss.start_margins()
    if margins.size != n_outputs:
        raise ValueError(
            f"loss has {margins.size} outputs, booster has {n_outputs}, must be equal: pass the loss that "
            "the booster was trained with."
        )
    if baked is None:
        if loss.intercept is not None and 1.0 in _model_text.first_shrinkages(trees, n_outputs):
            raise ValueError(
                "the first tree has shrinkage 1, baked must be given: True if training continued from a "
                "finalized model, False if learning_rate is 1."
            )
        baked = False
    if not baked:
        trees[:n_outputs] = [
            _model_text.add_to_tree(tree, bias)
            for tree, bias in zip(trees[:n_outputs], margins.tolist(), strict=True)
        ]
    header, rest = _model_text.with_objective(header, rest, loss.lightgbm_objective(n_outputs), record)
    final = _booster(_model_text.without_tree_sizes(header) + "".join(trees) + rest)
    final.best_iteration, final.best_score = booster.best_iteration, booster.best_score
    return final


def _booster(text: str) -> lightgbm.Booster:
    return lightgbm.Booster(model_str=text)


def load_model(fname: str | PathLike[str]) -> lightgbm.Booster:
    """Load a LightGBM text model, checked first: a damaged file can abort the process inside LightGBM.

    Parameters
    ----------
    fname : path
        Of a file that `Booster.save_model` wrote.

    Returns
    -------
    lightgbm.Booster

    Raises
    ------
    ValueError
        If the file is not a whole LightGBM text model.
    """
    text = Path(fname).read_text(encoding="utf-8", errors="replace")
    header, trees, rest = _model_text.split_trees(text)
    return _booster(_model_text.without_tree_sizes(header) + "".join(trees) + rest)


def stored_loss(booster: lightgbm.Booster) -> FocalLoss:
    """The loss that a finalized booster keeps, in this process or loaded from a file.

    Parameters
    ----------
    booster : lightgbm.Booster
        What `finalize` returned, or its file.

    Returns
    -------
    the loss, with gamma, alpha, intercept and scale as numbers

    Raises
    ------
    ValueError
        If the booster was not finalized, or its record is damaged.
    """
    record = find_record(booster)
    if record is None:
        raise ValueError(
            "booster has no stored loss, must be one that finalize(booster, loss) returned, or its file."
        )
    return from_json(record)


def find_record(booster: lightgbm.Booster) -> str | None:
    """What a finalized booster keeps, as text."""
    return _model_text.find_record(booster.model_to_string(num_iteration=1))
