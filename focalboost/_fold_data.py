"""Rows of any table, fixed splits that are fit to be tuned on, and what a data set is known again by."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold, check_cv

from focalboost._target import Target

Array = NDArray[Any]
Split = tuple[Array, Array]


def as_table(X: Any) -> Any:
    """X, as an array where it is a list; sparse matrices by rows."""
    if hasattr(X, "tocsr"):
        return X.tocsr()
    return X if hasattr(X, "shape") else np.asarray(X)


def take_rows(X: Any, rows: Array) -> Any:
    """Some rows of an array, a sparse matrix, or a table of pandas, polars or pyarrow."""
    if hasattr(X, "iloc"):
        return X.iloc[rows]
    return X.take(rows) if hasattr(X, "column_names") else X[rows]


def n_values(X: Any) -> int:
    """Numbers that a booster bins: all, or those that a sparse matrix holds."""
    return int(X.nnz) if hasattr(X, "nnz") else int(X.shape[0]) * int(X.shape[1])


# ---------------------------------------------------------------------- splits
def fixed_splits(cv: Any, labels: Array, groups: Any, target: Target) -> list[Split]:
    """Row numbers (training, validation) of every fold, sorted, the same for all trials.

    A whole number makes stratified folds in the order of the rows, as scikit-learn does, with groups
    StratifiedGroupKFold.
    """
    if isinstance(cv, int) and groups is not None and target.task != "multilabel":
        splitter: Any = StratifiedGroupKFold(cv)
    else:
        splitter = check_cv(cv, labels, classifier=True)
    # Splitters look at the number of rows only, and X may be of a kind that they cannot index.
    rows = np.arange(len(labels))
    splits = []
    for k, (train, valid) in enumerate(splitter.split(rows, labels, groups)):
        split = _row_numbers(train, rows), _row_numbers(valid, rows)
        _check_split(k, split, labels, target)
        splits.append(split)
    if not splits:
        raise ValueError("cv gave no split, must give at least one.")
    return splits


def _row_numbers(part: Any, rows: Array) -> Array:
    numbers = np.asarray(part)
    # LightGBM sorts the rows of a subset.
    return np.sort(rows[numbers])


def _check_split(k: int, split: Split, labels: Array, target: Target) -> None:
    train, valid = split
    both = np.intersect1d(train, valid)
    if both.size:
        raise ValueError(
            f"cv has row {both[0]} in both parts of fold {k}, must have it in one: a model would be judged "
            "on rows it has seen."
        )
    for name, part in (("training", train), ("validation", valid)):
        missing = _missing(labels[part], target)
        if missing is not None:
            raise ValueError(
                f"fold {k} of cv has {missing} among its {part.size} {name} rows, must have some: neither "
                "training nor most metrics make sense without. Use fewer folds, a stratified splitter, or "
                "splits of your own."
            )


def _missing(labels: Array, target: Target) -> str | None:
    """What does not occur among the labels of a part, in words."""
    if target.task == "multilabel":
        share = labels.mean(axis=0) if len(labels) else np.zeros(labels.shape[1])
        for label, value in enumerate(share.tolist()):
            if value in (0.0, 1.0):
                return f"no row {'with' if value == 0.0 else 'without'} label {label}"
        return None
    counts = np.bincount(labels, minlength=len(target.classes))
    if counts.all():
        return None
    return f"no row of class {target.classes[counts.argmin()].item()!r}"


# ---------------------------------------------------------------------- fingerprints
def fingerprint(*parts: Any) -> str:
    """16 hexadecimal digits that change with any value; equal in every process."""
    digest = hashlib.sha256()
    for part in parts:
        for piece in _pieces(part):
            digest.update(piece)
    return digest.hexdigest()[:16]


def _pieces(part: Any) -> Iterator[Any]:
    if part is None or isinstance(part, str):
        yield repr(part).encode()
    elif hasattr(part, "tocsr"):
        for array in (part.data, part.indices, part.indptr):
            yield from _pieces(array)
        yield repr(part.shape).encode()
    elif hasattr(part, "iloc") or hasattr(part, "to_pandas"):
        from pandas.util import hash_pandas_object  # noqa: PLC0415  # the table is one of pandas, or becomes one

        frame = part if hasattr(part, "iloc") else part.to_pandas()
        yield repr([(str(name), str(kind)) for name, kind in frame.dtypes.items()]).encode()
        yield from _pieces(hash_pandas_object(frame, index=False).to_numpy())
    else:
        array = np.ascontiguousarray(part)
        yield f"{array.dtype.str}{array.shape}".encode()
        # Objects have addresses for bytes.
        yield repr(array.tolist()).encode() if array.dtype.hasobject else array.view(np.uint8).data
