"""Labels of every kind, and which task they are."""

import datetime as dt
import enum
import json
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from focalboost._classifier.target import Target, read_target
from tests.classifier.models import Data, N


@pytest.mark.parametrize(
    "labels",
    [(1, 2), (-1, 1), (False, True), ("no", "yes"), (0.0, 1.0), (np.int8(3), np.int8(7))],
    ids=str,
)
def test_labels_of_every_kind(make, labels):
    y = np.array(labels)[Data.binary]
    reference = make().fit(Data.X, Data.binary)
    model = make().fit(Data.X, y)
    np.testing.assert_array_equal(model.classes_, np.unique(y))
    assert model.predict(Data.X).dtype == y.dtype
    np.testing.assert_array_equal(model.predict_proba(Data.X), reference.predict_proba(Data.X))
    again = make().fit(Data.X, pd.Series(y).astype("category"))
    np.testing.assert_array_equal(again.predict(Data.X), model.predict(Data.X))


def test_two_labels_are_not_two_classes(make):
    y = Data.multilabel[:, :2]
    model = make().fit(Data.X, y)
    assert model.predict_proba(Data.X).shape == (N, 2)
    for label in range(2):
        alone = make().fit(Data.X, y[:, label])
        expected = alone.predict_proba(Data.X)[:, 1]
        np.testing.assert_allclose(model.predict_proba(Data.X)[:, label], expected, rtol=1e-5)
    matrix = make().fit(Data.X, sparse.csr_matrix(y))
    np.testing.assert_array_equal(matrix.predict(Data.X), model.predict(Data.X))


def objects(*values):
    """An array of objects: two of the first, then the others."""
    array = np.empty(len(values) + 1, object)
    for place, value in enumerate([values[0], *values]):
        array[place] = value
    return array


class Kind(enum.Enum):
    GOOD = 1
    FRAUD = 2


# What people have as labels, and the classes of it; JSON gives each of these back exactly.
STORABLE = {
    "bool": (np.array([True, False]), [False, True]),
    "int8": (np.array([-3, 7], np.int8), [-3, 7]),
    "big-endian": (np.array([3, 7], ">i4"), [3, 7]),
    "uint64": (np.array([2**64 - 1, 1], np.uint64), [1, 2**64 - 1]),
    "float16": (np.array([1.0, 2.0], np.float16), [1.0, 2.0]),
    "float64": (np.array([-1.0, 2.0**60]), [-1.0, 2.0**60]),
    "text": (np.array(["good", "fraud"]), ["fraud", "good"]),
    "text of variable length": (np.array(["good", "fraud"], np.dtypes.StringDType()), ["fraud", "good"])
    if hasattr(np.dtypes, "StringDType")
    else (np.array(["good", "fraud"]), ["fraud", "good"]),
    "objects": (objects("good", "fraud"), ["fraud", "good"]),
    "NumPy's text as objects": (objects(np.str_("good"), np.str_("fraud")), ["fraud", "good"]),
    "list": (["good", "fraud"], ["fraud", "good"]),
    "tuple": ((1, 0), [0, 1]),
    "Series": (pd.Series(["good", "fraud"]), ["fraud", "good"]),
    "string": (pd.Series(["good", "fraud"], dtype="string"), ["fraud", "good"]),
    "category": (pd.Series(["good", "fraud"]).astype("category"), ["fraud", "good"]),
    "category of numbers": (pd.Series([5, 3]).astype("category"), [3, 5]),
    "Int64": (pd.Series([5, 3], dtype="Int64"), [3, 5]),
    "boolean": (pd.Series([True, False], dtype="boolean"), [False, True]),
    "one column": (pd.DataFrame({"y": [5, 3]}), [3, 5]),
}


@pytest.mark.parametrize("kind", STORABLE)
@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
def test_labels_that_a_model_file_gives_back(kind):
    y, classes = STORABLE[kind]
    labels, multilabel = read_target("y", y)
    target = Target.of(labels, multilabel=multilabel)
    found = target.classes.tolist()
    assert found == classes
    assert json.loads(json.dumps(found)) == classes
    assert target.encode("y", y).tolist() == [
        classes.index(label) for label in np.asarray(y).ravel().tolist()
    ]


AS_TEXT = r"Use astype\(str\), or number the classes\.$"
REFUSED = {
    "datetime64": (
        np.array(["2026-01-01", "2026-02-01"], "M8[D]"),
        r"y has dtype datetime64\[D\], must.*" + AS_TEXT,
    ),
    "timedelta64": (np.array([1, 2], "m8[s]"), r"y has dtype timedelta64\[s\], must be text.*" + AS_TEXT),
    "dates of pandas": (pd.Series(pd.to_datetime(["2026", "2027"])), r"y has dtype datetime64\[.*" + AS_TEXT),
    "dates with zone": (
        pd.Series(pd.to_datetime(["2026", "2027"], utc=True)),
        r"y has Timestamp, must be text.*" + AS_TEXT,
    ),
    "dates of Python": (
        objects(dt.date(2026, 1, 1), dt.date(2027, 1, 1)),
        r"y has date.*" + AS_TEXT,
    ),
    "periods": (pd.Series(pd.period_range("2026", periods=2, freq="D")), r"y has Period, must.*" + AS_TEXT),
    "bytes": (
        np.array([b"good", b"fraud"]),
        r"y has dtype \|S5, must be text.*Use numpy.char.decode\.$",
    ),
    "bytes as objects": (objects(b"good", b"fraud"), r"y has bytes, must be text"),
    "complex": (np.array([1j, 2j]), r"y has dtype complex128, must be text.*Complex data not supported\.$"),
    "long double": (
        np.array([1, 2], np.longdouble),
        r"y has dtype float128, must be .*Use astype\(float\)\.",
    ),
    "records": (np.array([(1,), (2,)], [("a", int)]), r"y has dtype \[\('a', '<i8'\)\], must be text"),
    "whole numbers as objects": (objects(1, 2), r"y has int, must be .*Use astype\(int\)"),
    "booleans as objects": (objects(True, False), r"y has bool, must be .*Use astype\(bool\)"),
    "floats as objects": (objects(1.0, 2.0), r"y has float, must be .*Use astype\(float\)"),
    "Decimal": (objects(Decimal(1), Decimal(2)), r"y has Decimal, must be text.*" + AS_TEXT),
    "Enum": (objects(Kind.GOOD, Kind.FRAUD), r"y has Kind, must be text.*" + AS_TEXT),
    "tuples": (objects(("a", 1), ("b", 2)), r"y has tuple, must be text.*" + AS_TEXT),
    "mixed": (objects("good", 1), r"y has int and str, must be text.*" + AS_TEXT),
    "a list that NumPy makes text": (
        ["good", 1, 1.5],
        r"y has float and int and str, must be text.*" + AS_TEXT,
    ),
    "a list with NaN": (
        ["good", np.nan, "fraud"],
        r"y\[1\] is nan, must be a label: Input contains NaN\. Leave",
    ),
    "None": (objects("good", None), r"y\[2\] is None, must be a label"),
    "NaN": (objects("good", np.nan), r"y\[2\] is nan, must be a label"),
    "NA": (pd.Series(["good", None], dtype="string"), r"y\[1\] is <NA>, must be a label"),
    "NaT": (objects(pd.Timestamp(0), pd.NaT), r"y\[2\] is NaT, must be a label"),
    "NaN in a category": (pd.Series(["a", None, "b"]).astype("category"), r"y\[1\] is nan, must be a label"),
    "NaN as a number": (np.array([0.0, np.nan]), r"Input y contains NaN"),
    "NA as a number": (pd.Series([0, None, 1], dtype="Int64"), r"contains NaN|must be a label"),
    "infinity": (np.array([0.0, np.inf]), r"Input y contains infinity"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_labels_that_no_model_file_gives_back_are_refused_before_training(make, kind):
    y, text = REFUSED[kind]
    if kind == "long double" and np.dtype(np.longdouble).itemsize == 8:
        pytest.skip("long double is float64 here")
    rounds = []

    def count(env):
        rounds.append(env)

    X = np.zeros((len(y), 1))
    with pytest.raises((TypeError, ValueError), match=text):
        make(n_estimators=1).fit(X, y, **({} if make.__name__ == "xgb_model" else {"callbacks": [count]}))
    assert not rounds


@pytest.mark.parametrize("kind", ["datetime64", "mixed", "NA"])
def test_labels_of_eval_sets_too(make, kind):
    y, _ = REFUSED[kind]
    X = np.zeros((len(y), 1))
    with pytest.raises((TypeError, ValueError), match=r"y of eval.* (has|is) .*, must be"):
        make(n_estimators=1).fit(X, np.arange(len(y)) % 2, eval_set=[(X, y)])


def test_text_is_no_number(make):
    """NumPy takes the text "2" for the number 2, and "10" sorts before it."""
    y = np.where(Data.binary, 10, 2)
    model = make(n_estimators=2).fit(Data.X, y)
    name = "xgb_model" if make.__name__ == "xgb_model" else "init_model"
    source = model.get_booster() if name == "xgb_model" else model.booster_
    with pytest.raises(ValueError, match=r"has class '2', must be one of y: \[2, 10\]"):
        make(n_estimators=2).fit(Data.X, y, eval_set=[(Data.X, y.astype(str))])
    with pytest.raises(
        ValueError, match=r"has the classes \[2, 10\] \(binary\), y has \['10', '2'\], must have no"
    ):
        make(n_estimators=1).fit(Data.X, y.astype(str), **{name: source})
    # Of one kind they are the same.
    for same in (y.astype(float), y.astype(np.int8)):
        make(n_estimators=1).fit(Data.X, same, eval_set=[(Data.X, same)], **{name: source})
