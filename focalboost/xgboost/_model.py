"""Models of XGBoost: read safely, with the loss that they were trained with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import xgboost

from focalboost._boosters.configuration import ATTRIBUTE, base_scores, check_stored, learner_config, shown
from focalboost._boosters.model_file import ModelFileError, named, refused
from focalboost._boosters.model_json import check_model
from focalboost.losses._base import FocalLoss
from focalboost.losses._record import from_json


def load_model(fname: str | PathLike[str] | bytes | bytearray) -> xgboost.Booster:
    """Load an XGBoost model, JSON or UBJ, checked first: a damaged file can end the process inside XGBoost.

    Read before XGBoost reads it: that the document is whole; of each tree that every node is reached once,
    that features, thresholds, categories and values are there and are numbers; that rounds, outputs and sizes
    fit each other; and, with a stored loss, that objective and base_score are the loss's. What the file is,
    its content says, not its name.

    Parameters
    ----------
    fname : path, bytes or bytearray
        What `Booster.save_model` wrote, or `Booster.save_raw` gave.

    Returns
    -------
    xgboost.Booster

    Raises
    ------
    ValueError
        If it is not a whole model, with the file, the tree and the rule.

    Examples
    --------
    >>> import numpy as np, xgboost as xgb, tempfile
    >>> from focalboost import BinaryFocalLoss
    >>> from focalboost.xgboost import load_model, stored_loss, train
    >>> X, y = np.arange(100.0)[:, None], np.arange(100) >= 95
    >>> booster = train(BinaryFocalLoss(gamma=2.0), {}, xgb.DMatrix(X, y), 3)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     booster.save_model(f"{folder}/model.ubj")
    ...     loaded = load_model(f"{folder}/model.ubj")
    >>> stored_loss(loaded)
    BinaryFocalLoss(gamma=2.0, alpha=None, intercept=-1.09749)
    """
    with checked(fname) as data:
        booster = xgboost.Booster(model_file=data)
        find_record(booster, "the model")
    return booster


@contextmanager
def checked(fname: str | PathLike[str] | bytes | bytearray) -> Iterator[bytearray]:
    """The bytes of a model after the checks; errors of the block, XGBoost's too, name the file."""
    data = bytes(fname) if isinstance(fname, bytes | bytearray) else Path(fname).expanduser().read_bytes()
    with named("the model" if isinstance(fname, bytes | bytearray) else fname):
        learner = check_model(data)
        record = learner["attributes"].get(ATTRIBUTE)
        if record is not None:
            _check_start(learner, from_json(record))
        try:
            yield bytearray(data)
        except xgboost.core.XGBoostError as error:
            reason = str(error).partition("\nStack trace:")[0].strip()
            raise ModelFileError(f"XGBoost refuses the model: {reason}") from error


def _check_start(learner: Any, loss: FocalLoss) -> None:
    """The start is the stored loss's: in all predictions, and easily damaged."""
    if loss.intercept is None or learner["objective"]["name"] != loss.objective:
        return
    scores, wanted = base_scores(learner), np.atleast_1d(loss.base_score)
    if scores.size != wanted.size or not np.allclose(scores, wanted, rtol=1e-6):
        raise refused(f"base_score == {shown(scores)}", f"{shown(wanted)}, as the stored loss has it")


def stored_loss(booster: Any) -> FocalLoss:
    """The loss that a booster was trained with, from the attributes that its file keeps.

    Parameters
    ----------
    booster : xgboost.Booster, scikit-learn model or path
        Trained with `callbacks=[loss.start()]`, in this process or loaded from a file.

    Returns
    -------
    the loss, with gamma, alpha, intercept and scale as numbers

    Raises
    ------
    ValueError
        If the booster has no stored loss, a damaged one, or that of another model.

    Examples
    --------
    >>> import numpy as np, xgboost as xgb
    >>> from focalboost import BinaryFocalLoss
    >>> from focalboost.xgboost import stored_loss
    >>> X, y = np.arange(100.0)[:, None], np.arange(100) >= 95
    >>> loss = BinaryFocalLoss(gamma=2.0).for_labels(y)
    >>> booster = xgb.train({}, xgb.DMatrix(X, y), 3, obj=loss, callbacks=[loss.start()])
    >>> stored_loss(booster)
    BinaryFocalLoss(gamma=2.0, alpha=None, intercept=-1.09749)
    """
    text = find_record(as_booster(booster), "booster")
    if text is None:
        raise ValueError(
            f"booster.attr({ATTRIBUTE!r}) == None, must be a stored loss: train with "
            "callbacks=[loss.start()], or pass the loss yourself."
        )
    return from_json(text)  # type: ignore[no-any-return]


def find_record(booster: xgboost.Booster, name: str) -> str | None:
    """What a booster keeps of its loss, as text; an error where it contradicts the booster."""
    text: str | None = booster.attr(ATTRIBUTE)
    if text is not None:
        check_stored(from_json(text), booster, name)
    return text


def from_best_round(booster: xgboost.Booster) -> xgboost.Booster:
    """A model that new trees can be added to: without best_iteration, and without the trees after it.

    Those were found to make it worse, and as long as the attribute stands predict leaves out all trees after
    it, the new ones too. A linear model has no rounds to cut.
    """
    best = booster.attr("best_iteration")
    if best is None:
        return booster
    n_rounds = int(best) + 1
    linear = learner_config(booster)["gradient_booster"]["name"] == "gblinear"
    cut = booster.copy() if linear or n_rounds >= booster.num_boosted_rounds() else booster[:n_rounds]
    cut.set_attr(best_iteration=None, best_score=None)
    return cut


def as_booster(model: Any) -> xgboost.Booster:
    """A Booster of a Booster, a scikit-learn model or a file."""
    if isinstance(model, xgboost.XGBModel):
        return model.get_booster()
    return model if isinstance(model, xgboost.Booster) else load_model(model)
