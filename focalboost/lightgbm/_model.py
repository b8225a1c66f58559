"""Models of LightGBM: read safely, with the loss that they were trained with."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import lightgbm
from lightgbm import LGBMModel

from focalboost._boosters import model_text
from focalboost._boosters.continuing import go_on, no_record
from focalboost._boosters.lightgbm import TrainingBooster, no_refit
from focalboost.losses._base import FocalLoss
from focalboost.losses._record import from_json


def load_model(fname: str | PathLike[str]) -> lightgbm.Booster:
    """Load a LightGBM text model, checked first: a damaged file can abort the process inside LightGBM.

    Parameters
    ----------
    fname : path
        Of a file that `Booster.save_model` wrote.

    Returns
    -------
    lightgbm.Booster
        `refit` of a model with a stored loss is an error: LightGBM would refit it with log loss.

    Raises
    ------
    ValueError
        If the file is not a whole LightGBM text model.
    """
    text = Path(fname).read_text(encoding="utf-8", errors="replace")
    header, trees, rest = model_text.split_trees(text)
    booster = lightgbm.Booster(model_str=model_text.without_tree_sizes(header) + "".join(trees) + rest)
    return booster if model_text.find_record(rest) is None else no_refit(booster)


def stored_loss(booster: Any) -> FocalLoss:
    """The loss that a booster was trained with, which its text and its file keep.

    Parameters
    ----------
    booster : lightgbm.Booster, scikit-learn model or path
        Trained with `focalboost.lightgbm.train` or `start`, in this process or loaded from a file.

    Returns
    -------
    the loss, with gamma, alpha, intercept and scale as numbers

    Raises
    ------
    ValueError
        If the booster has no stored loss, or a damaged one.

    Examples
    --------
    >>> import numpy as np, lightgbm as lgb
    >>> from focalboost import BinaryFocalLoss
    >>> from focalboost.lightgbm import stored_loss, train
    >>> X, y = np.arange(100.0)[:, None], np.arange(100) >= 95
    >>> booster = train(BinaryFocalLoss(gamma=2.0), {"verbosity": -1}, lgb.Dataset(X, y), 3)
    >>> stored_loss(booster)
    BinaryFocalLoss(gamma=2.0, alpha=None, intercept=-1.09749)
    """
    record = find_record(as_booster(booster))
    if record is None:
        raise ValueError(
            "booster has no stored loss, must be one that was trained with focalboost.lightgbm.train or with "
            "callbacks=[start(loss)], or its file."
        )
    return from_json(record)  # type: ignore[no-any-return]


def find_record(booster: lightgbm.Booster) -> str | None:
    """What a booster keeps of its loss, as text."""
    return model_text.find_record(str(booster.model_to_string(num_iteration=1)))


def as_booster(model: Any) -> lightgbm.Booster:
    """A Booster of a Booster, a scikit-learn model or a file; one in training as it would be saved."""
    if isinstance(model, LGBMModel):
        return model.booster_
    if isinstance(model, TrainingBooster):
        return model.finished()
    return model if isinstance(model, lightgbm.Booster) else load_model(model)


def check_continues(model: lightgbm.Booster, loss: FocalLoss) -> FocalLoss:
    """The loss that a continued model goes on with; an error where it means something else."""
    record = find_record(model)
    if record is None:
        raise no_record("init_model")
    return go_on(loss, from_json(record), "init_model")  # type: ignore[no-any-return]
