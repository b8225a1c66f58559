"""Folds that are fit to be tuned on, rows of tables, and what a data set is known again by."""

import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
from sklearn.model_selection import GroupKFold, StratifiedKFold, TimeSeriesSplit

from focalboost.tuning._splits import as_table, fingerprint, n_values, take_rows
from tests.tuning.helpers import BINARY, MULTILABEL, N, X, make


# ---------------------------------------------------------------------- rows
@pytest.mark.parametrize("kind", ["array", "list", "pandas", "polars", "arrow", "coo", "csr"])
def test_rows_of_any_table(kind):
    import pyarrow as pa

    values = np.arange(12.0).reshape(4, 3)
    table = {
        "array": lambda: values,
        "list": values.tolist,
        "pandas": lambda: pd.DataFrame(values, index=list("abcd")),
        "polars": lambda: pl.DataFrame(values),
        "arrow": lambda: pa.table({str(k): column for k, column in enumerate(values.T)}),
        "coo": lambda: scipy.sparse.coo_matrix(values),
        "csr": lambda: scipy.sparse.csr_matrix(values),
    }[kind]()
    rows = take_rows(as_table(table), np.array([0, 2]))
    found = rows.toarray() if hasattr(rows, "toarray") else rows.to_pandas() if kind == "arrow" else rows
    np.testing.assert_array_equal(np.asarray(found), values[[0, 2]])
    # A sparse matrix does not hold the one 0.
    assert n_values(as_table(table)) == (11 if kind in ("coo", "csr") else 12)


# ---------------------------------------------------------------------- splits
@pytest.mark.parametrize(
    ("cv", "text"),
    [
        ([], r"cv gave no split, must give at least one"),
        (1, r"cv == 1, must be a whole number >= 2, a splitter or a list"),
        (True, r"cv == True, must be a whole number >= 2"),
        ([(np.arange(900), [])], r"fold 0 of cv has a part of dtype float64 and shape \(0,\), must have"),
        (
            [(np.arange(900), [900.5])],
            r"fold 0 of cv has a part of dtype float64 .* must have row numbers",
        ),
        ([(np.arange(900), [N])], r"must have row numbers from 0 to 1199, or a mask of 1200 rows"),
        ([(np.ones(5, bool), [900])], r"fold 0 of cv has a part of dtype bool and shape \(5,\)"),
        (
            [(np.arange(900), np.arange(800, N))],
            r"cv has row 800 in both parts of fold 0, must have it",
        ),
    ],
)
def test_bad_construction(cv, text):
    with pytest.raises(ValueError, match=text):
        make(cv=cv)


def test_a_fold_without_a_class_is_an_error():
    order = np.argsort(BINARY, kind="stable")
    with pytest.raises(ValueError, match=r"fold 0 of cv has no row of class 1 among its \d+ training rows"):
        make(y=BINARY[order], data=X[order], cv=TimeSeriesSplit(3))
    y = np.where(np.arange(N) == 5, "rare", np.where(BINARY, "b", "a"))
    # scikit-learn warns of a class with fewer rows than folds, and goes on.
    with pytest.warns(UserWarning, match="least populated class"):  # noqa: SIM117  # pytest.raises goes inside
        with pytest.raises(
            ValueError, match=r"no row of class 'rare' among its \d+ (training|validation) rows"
        ):
            make(y=y)
    labels = MULTILABEL.copy()
    labels[: N // 2, 0] = 0
    with pytest.raises(
        ValueError, match=r"fold 0 of cv has no row with label 0 among its \d+ validation rows"
    ):
        make(y=labels, scoring="roc_auc")


@pytest.mark.parametrize("cv", [3, np.int64(3), None, GroupKFold(3)])
@pytest.mark.parametrize("y", [BINARY, MULTILABEL])
def test_groups_stay_together(cv, y):
    groups = np.arange(N) % 60
    splits = make(y=y, groups=groups, cv=cv, scoring="roc_auc").splits
    assert len(splits) == (5 if cv is None else 3)
    for train, valid in splits:
        assert not set(groups[train]) & set(groups[valid])
    np.testing.assert_array_equal(np.sort(np.concatenate([valid for _, valid in splits])), np.arange(N))


def test_a_splitter_that_ignores_groups_is_refused():
    splits = list(StratifiedKFold(3).split(X, BINARY))
    with pytest.raises(ValueError, match=r"cv has group \d+ in both parts of fold 0, must have it in one"):
        make(groups=np.arange(N) % 60, cv=splits)


def test_masks_generators_and_splitters_that_read_the_index():
    valid = np.arange(N) >= 800
    one = make(cv=[(~valid, valid)])
    np.testing.assert_array_equal(one.splits[0][0], np.arange(800))
    np.testing.assert_array_equal(one.splits[0][1], np.arange(800, N))
    made = make(cv=((train, test) for train, test in StratifiedKFold(3).split(X, BINARY)))
    for found, expected in zip(made.splits, StratifiedKFold(3).split(X, BINARY), strict=True):
        for part, rows in zip(found, expected, strict=True):
            np.testing.assert_array_equal(part, rows)
    # LightGBM sorts the rows of a subset: their labels must be in the same order.
    shuffled = np.random.default_rng(0).permutation(N)
    (train, test) = make(cv=[(shuffled[:800], shuffled[800:])]).splits[0]
    np.testing.assert_array_equal(train, np.sort(shuffled[:800]))
    np.testing.assert_array_equal(test, np.sort(shuffled[800:]))

    class ByIndex:
        def split(self, X, y=None, groups=None):
            late = X.index >= pd.Timestamp("2026-01-10")
            yield np.flatnonzero(~late), np.flatnonzero(late)

        def get_n_splits(self, X=None, y=None, groups=None):
            return 1

    frame = pd.DataFrame(X, index=pd.date_range("2026-01-01", periods=N, freq="h"))
    assert make(data=frame, cv=ByIndex()).splits[0][1][0] == 9 * 24


def test_rows_of_weight_zero_are_no_rows():
    weight = np.ones(N)
    valid = StratifiedKFold(3).split(X, BINARY)
    rows = next(valid)[1]
    weight[rows[BINARY[rows] == 1]] = 0.0
    with pytest.raises(ValueError, match=r"no row of class 1 among its \d+ validation rows of weight > 0"):
        make(sample_weight=weight)


# ---------------------------------------------------------------------- fingerprints
CODE = """
import numpy as np, pandas as pd
from focalboost.tuning._splits import fingerprint
X = np.arange(12.0).reshape(6, 2)
frame = pd.DataFrame(X).assign(city=pd.Categorical(list("abcabc")), name=list("uvwxyz"))
import polars as pl
texts = np.array(["a", "b"], object)
print(fingerprint(X, None), fingerprint(frame), fingerprint(texts), fingerprint(pl.DataFrame(X)))
"""


def test_fingerprints_are_the_same_in_every_process():
    lines = {
        subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    }
    assert len(lines) == 1
    assert len(set(lines.pop().split())) == 4


def test_fingerprints_see_every_kind_of_change():
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]})
    sparse = scipy.sparse.csr_matrix([[1.0, 0.0], [0.0, 2.0]])
    variants = [
        frame,
        frame.rename(columns={"a": "c"}),
        frame.astype({"a": np.float32}),
        frame.assign(b=["x", "z"]),
        frame.iloc[::-1],
        sparse,
        sparse * 2,
        sparse.T.tocsr()[:, ::-1].tocsr(),
        sparse.toarray(),
        sparse.toarray().astype(np.float32),
        sparse.toarray().ravel(),
        np.asfortranarray([[1.0, 2.0], [0.0, 2.0]]),
        None,
    ]
    assert len({fingerprint(variant) for variant in variants}) == len(variants)
    assert fingerprint(np.asfortranarray(X)) == fingerprint(X)
