"""Models of LightGBM: read safely, with the loss that they were trained with."""

from __future__ import annotations

import json
import re
from os import PathLike
from pathlib import Path
from typing import Any

import lightgbm
from lightgbm import LGBMModel

from focalboost._boosters import model_check, model_text
from focalboost._boosters.continuing import go_on, no_record
from focalboost._boosters.lightgbm import TrainingBooster, check_stored, no_refit
from focalboost._boosters.model_file import ModelFileError, named, refused
from focalboost.losses._base import FocalLoss
from focalboost.losses._record import from_json


def load_model(fname: str | PathLike[str]) -> lightgbm.Booster:
    """Load a LightGBM text model, checked first: a damaged file can end the process inside LightGBM.

    Read before LightGBM reads it: the header; of each tree that every split and leaf is reached once, that
    features, thresholds and values are there and are numbers; the parameters; and, with a stored loss, that
    header and loss agree.

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
        If the file is not a whole LightGBM text model, with the file, the tree and the rule.

    Examples
    --------
    >>> import numpy as np, lightgbm as lgb, tempfile
    >>> from focalboost import BinaryFocalLoss
    >>> from focalboost.lightgbm import load_model, stored_loss, train
    >>> X, y = np.arange(100.0)[:, None], np.arange(100) >= 95
    >>> booster = train(BinaryFocalLoss(gamma=2.0), {"verbosity": -1}, lgb.Dataset(X, y), 3)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = booster.save_model(f"{folder}/model.txt")
    ...     loaded = load_model(f"{folder}/model.txt")
    >>> stored_loss(loaded)
    BinaryFocalLoss(gamma=2.0, alpha=None, intercept=-1.09749)
    """
    with named(fname):
        header, trees, rest = model_text.split_trees(_read(Path(fname).read_bytes()))
        model_check.check_text(header, trees, rest)
        record = model_text.find_record(rest)
        if record is not None:
            _check_agrees(header, from_json(record))
        try:
            booster = lightgbm.Booster(
                model_str=model_text.without_tree_sizes(header) + "".join(trees) + rest
            )
        except lightgbm.basic.LightGBMError as error:
            raise ModelFileError(f"LightGBM refuses the model: {error}") from error
        except json.JSONDecodeError as error:  # into which LightGBM turns the parameters
            raise refused(f"values of the [parameters] ({error})", "as LightGBM writes them") from error
    return booster if record is None else no_refit(booster)


def _read(data: bytes) -> str:
    try:
        # Written on Windows, or turned into its line ends by a tool.
        return data.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise refused(f"byte {error.start} == {data[error.start]:#04x}", "text in UTF-8") from error


def _check_agrees(header: str, loss: FocalLoss) -> None:
    """Header and stored loss are of one model; the objective is the loss's with its numbers too."""
    check_stored(loss, header, "the model")
    objective = model_text.find_objective(header) or ""
    n_outputs = re.search(r"^num_class=(\d+)$", header, re.MULTILINE)
    wanted = loss.lightgbm_objective(int(n_outputs.group(1))) if n_outputs else ""
    if objective != wanted and objective.partition(" ")[0] == wanted.partition(" ")[0]:
        raise refused(f"objective == {objective!r} in the header", f"{wanted!r}, as the stored loss is")


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
        If the booster has no stored loss, a damaged one, or that of another model.

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
    """What a booster keeps of its loss, as text; an error where it contradicts the booster."""
    text = str(booster.model_to_string(num_iteration=1))
    record = model_text.find_record(text)
    if record is not None:
        check_stored(from_json(record), text, "the model")
    return record


def save_with_record(
    booster: lightgbm.Booster, fname: str | PathLike[str], record: str | None, new: str | None
) -> None:
    """Write a model with a new record in the place of the one that it has."""
    if new == record:
        booster.save_model(str(fname))
        return
    name = model_text.RECORD
    text = booster.model_to_string().replace(f"\n[{name}: {record}]\n", f"\n[{name}: {new}]\n")
    Path(fname).write_text(text, encoding="utf-8", newline="\n")


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
