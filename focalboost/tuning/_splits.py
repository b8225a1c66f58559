"""Rows of any table, fixed splits that are fit to be tuned on, and what a data set is known again by."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold, check_cv

from focalboost import _validation
from focalboost._classifier.target import Target
from focalboost._typing import Array

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
def fixed_splits(
    cv: Any, X: Any, labels: Array, weight: Array | None, groups: Any, target: Target
) -> list[Split]:
    """Row numbers (training, validation) of every fold, sorted, the same for all trials."""
    splits = []
    for k, parts in enumerate(_splitter(cv, labels, groups, target).split(X, labels, groups)):
        train, valid = (_row_numbers(k, part, len(labels)) for part in parts)
        _check_apart(k, "row", train, valid)
        if groups is not None:
            _check_apart(k, "group", *(np.asarray(groups)[rows] for rows in (train, valid)))
        for name, rows in (("training", train), ("validation", valid)):
            _check_classes(f"fold {k} of cv", name, rows, labels, weight, target)
        splits.append((train, valid))
    if not splits:
        raise ValueError("cv gave no split, must give at least one.")
    return splits


def _splitter(cv: Any, labels: Array, groups: Any, target: Target) -> Any:
    """A number as scikit-learn reads it, but groups are heeded: it would ignore them with a warning."""
    if cv is not None and not isinstance(cv, Integral):
        return check_cv(cv, labels, classifier=True)
    n_folds = 5 if cv is None else int(cv)
    if isinstance(cv, bool) or n_folds < 2:
        raise ValueError(f"cv == {cv!r}, must be a whole number >= 2, a splitter or a list of splits.")
    if groups is None:
        return check_cv(n_folds, labels, classifier=True)
    return GroupKFold(n_folds) if target.task == "multilabel" else StratifiedGroupKFold(n_folds)


def _row_numbers(fold: int, part: Any, n_samples: int) -> Array:
    rows = np.asarray(part)
    if rows.dtype == bool and rows.shape == (n_samples,):
        rows = np.flatnonzero(rows)
    outside = rows.dtype.kind not in "iu" or rows.ndim != 1 or rows.size == 0
    if outside or rows.min() < 0 or rows.max() >= n_samples:
        raise ValueError(
            f"fold {fold} of cv has a part of dtype {rows.dtype} and shape {rows.shape}, must have row "
            f"numbers from 0 to {n_samples - 1}, or a mask of {n_samples} rows."
        )
    # LightGBM sorts the rows of a subset.
    return np.sort(rows)


def _check_apart(fold: int, what: str, train: Array, valid: Array) -> None:
    both = np.intersect1d(train, valid)
    if both.size:
        raise ValueError(
            f"cv has {what} {_validation.show(both[0])} in both parts of fold {fold}, must have it in one: a "
            "model would be judged by what it has seen. Use a splitter that keeps them apart."
        )


def _check_classes(
    fold: str, name: str, rows: Array, labels: Array, weight: Array | None, target: Target
) -> None:
    counted, what = rows, "rows"
    if weight is not None:
        counted, what = rows[weight[rows] > 0], "rows of weight > 0"
    missing = _missing(labels[counted], target)
    if missing is not None:
        raise ValueError(
            f"{fold} has {missing} among its {counted.size} {name} {what}, must have some: neither "
            "training nor most metrics make sense without. Use fewer folds, a stratified splitter, or splits "
            "of your own."
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
        # Bytes of an object array are pointers, which differ between processes.
        yield repr(array.tolist()).encode() if array.dtype.hasobject else array.view(np.uint8).data
