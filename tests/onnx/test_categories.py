"""Splits on sets of categories, in ONNX Runtime and in the specification's own reference."""

import threading
import warnings

import numpy as np
import pytest

for needed in ("onnx", "onnxruntime", "xgboost", "lightgbm"):
    pytest.importorskip(needed)
from onnx import helper, numpy_helper  # noqa: E402  # after the check
from onnx.reference import ReferenceEvaluator  # noqa: E402

from focalboost.onnx._categories import CategorySplit  # noqa: E402
from focalboost.onnx._export import _finished  # noqa: E402
from focalboost.onnx._forest import CATEGORY, LEAF, LESS, Forest, Tree, constant_tree  # noqa: E402
from focalboost.onnx._graph import Graph, element_type  # noqa: E402
from tests.classifier.models import lgbm_model, xgb_model  # noqa: E402
from tests.onnx.models import Data, check, label_agrees, onnxruntime, to_onnx  # noqa: E402

N = 800
RNG = np.random.default_rng(7)
AMOUNT, BIG, SMALL = RNG.normal(size=N), RNG.integers(0, 30, N), RNG.integers(0, 12, N)
HIT = (AMOUNT + BIG % 3 + SMALL % 2 - 2.0 + RNG.normal(size=N) > 0.0).astype(int)
TASKS = {
    "binary": HIT,
    "multiclass": HIT + BIG % 2,
    "multilabel": np.stack([HIT, BIG % 2, SMALL % 3 == 0], axis=1).astype(int),
}
COLUMNS = {
    "beside numbers": (np.column_stack([AMOUNT, BIG]), [1]),
    "alone": (np.column_stack([SMALL, BIG]).astype(float), [0, 1]),
}
ODD = [-1.0, -0.5, 0.5, 5.999, 30.0, 31.0, 1e6, 2.0**24, 2.0**31, -3e9, np.inf, -np.inf, np.nan]


def fitted(booster, task, columns, onehot=1):
    X, kinds = COLUMNS[columns]
    options = {"n_estimators": 12, "max_depth": 4, "max_cat_to_onehot": onehot}
    if booster == "xgboost":
        types = ["c" if column in kinds else "q" for column in range(X.shape[1])]
        return xgb_model(enable_categorical=True, feature_types=types, **options).fit(X, TASKS[task])
    model = lgbm_model(min_data_per_group=1, cat_smooth=1.0, **options)
    return model.fit(X, TASKS[task], categorical_feature=kinds)


def odd_rows(columns):
    X, kinds = COLUMNS[columns]
    rows = np.repeat(X[:8], len(ODD), axis=0)
    for number, column in enumerate(kinds):
        rows[:, column] = np.roll(np.tile(ODD, 8), number)
    # XGBoost refuses infinite numbers.
    return rows[np.isfinite(rows).all(axis=1) | np.isnan(rows).any(axis=1) & ~np.isinf(rows).any(axis=1)]


@pytest.mark.parametrize("onehot", [1, 64], ids=["sets", "one-hot"])
@pytest.mark.parametrize("columns", COLUMNS)
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("booster", ["xgboost", "lightgbm"])
def test_known_unknown_and_no_categories(booster, task, columns, onehot):
    model = fitted(booster, task, columns, onehot)
    check(model, COLUMNS[columns][0])
    exported = check(model, odd_rows(columns))
    modes = {mode for node in _trees(exported) for mode in _attribute(node, "nodes_modes")}
    # ONNX Runtime 1.21 and later add chains of BRANCH_EQ wrongly in some forests.
    assert modes == {b"LEAF", {"xgboost": b"BRANCH_LT", "lightgbm": b"BRANCH_LEQ"}[booster]}


def test_the_reference_of_the_specification_says_the_same():
    """Of float32 thresholds: it does not read float64 ones."""
    model, rows = fitted("xgboost", "multiclass", "beside numbers"), odd_rows("beside numbers")
    label, found = referenced(to_onnx(model), rows)
    np.testing.assert_allclose(found, model.predict_proba(rows), rtol=1e-6)
    label_agrees(label, model.predict(rows))


def referenced(exported, X):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's, of comparisons with NaN
        return ReferenceEvaluator(exported).run(None, {"X": np.asarray(X, np.float32)})


def _trees(exported):
    return [node for node in exported.graph.node if node.op_type == "TreeEnsembleRegressor"]


def _attribute(node, name):
    return next(helper.get_attribute_value(one) for one in node.attribute if one.name == name)


# ---------------------------------------------------------------------- forests by hand
def stump(feature, members, members_go_right=True, missing_goes_right=False):
    """1 to the right, else 0."""
    zero = np.zeros(3, np.int64)
    return Tree(
        mode=np.array([LESS, LEAF, LEAF]),
        column=np.array([CATEGORY, 0, 0]),
        feature=np.array([feature, 0, 0]),
        value=np.array([0.5, 0.0, 0.0]),
        true=np.array([1, 0, 0]),
        false=np.array([2, 0, 0]),
        missing_true=zero,
        leaf=np.array([1, 2]),
        output=np.zeros(2, np.int64),
        weight=np.array([0.0, 1.0]),
        categories={0: CategorySplit(feature, tuple(members), members_go_right, missing_goes_right)},
    )


def made(trees, n_features, cut="floor"):
    graph = Graph()
    forest = Forest([*trees, constant_tree(np.zeros(1))], n_features, 1, np.float32, cut)
    margins = forest.margins(graph, "X")
    outputs = [helper.make_tensor_value_info(margins, element_type(np.float64), [None, 1])]
    inputs = [helper.make_tensor_value_info("X", element_type(np.float32), [None, n_features])]
    return _finished(graph, inputs, outputs, 15, {})


def margins(exported, X):
    session = onnxruntime.InferenceSession(exported.SerializeToString())
    return session.run(None, {"X": np.asarray(X, np.float32)})[0][:, 0]


def tables(exported):
    constants = [numpy_helper.to_array(one) for one in exported.graph.initializer]
    return [one for one in constants if one.dtype == bool]


@pytest.mark.parametrize("members_go_right", [True, False])
@pytest.mark.parametrize("missing_goes_right", [True, False])
@pytest.mark.parametrize("cut", ["floor", "truncated"])
def test_which_side(members_go_right, missing_goes_right, cut):
    X = np.array([0.0, 2.0, 2.9, 1.0, 3.0, -0.5, -2.0, np.inf, -np.inf, np.nan])[:, None]
    inside = np.array([True, True, True, False, False, cut == "truncated", False, False, False, False])
    wanted = np.where(np.isnan(X[:, 0]), missing_goes_right, inside == members_go_right)
    exported = made([stump(0, [0, 2], members_go_right, missing_goes_right)], 1, cut)
    np.testing.assert_array_equal(margins(exported, X), wanted)
    np.testing.assert_array_equal(referenced(exported, X)[0][:, 0], wanted)


def test_a_set_without_members():
    np.testing.assert_array_equal(
        margins(made([stump(0, [])], 1), [[0.0], [np.nan], [-1.0], [7.0]]), np.zeros(4)
    )


def test_equal_sets_are_one_column_and_each_feature_has_its_own():
    trees = [stump(0, [1, 3]), stump(1, [1, 3]), stump(0, [1, 3]), stump(0, [2]), stump(0, [2], False)]
    exported = made(trees, 3)
    assert [table.shape for table in tables(exported)] == [(5, 3), (4, 1)]
    X = np.array([[1, 1, 9], [2, 3, 9], [0, 2, 9], [3, 0, 9]])
    np.testing.assert_array_equal(margins(exported, X), [4, 2, 1, 3])


def test_few_categories_with_large_numbers():
    """The table has a row for each that is in a set, not for each number below the largest."""
    exported = made([stump(0, [5, 1_000_000]), stump(0, [70_000])], 1)
    assert [table.shape for table in tables(exported)] == [(5, 2)]
    rows = np.array([5, 6, 70_000, 999_999, 1_000_000, 1_000_001])[:, None]
    np.testing.assert_array_equal(margins(exported, rows), [1, 0, 1, 0, 1, 0])
    assert exported.ByteSize() < 4_100_000


@pytest.mark.parametrize("n_categories", [5_000, 20_000])
def test_thousands_of_categories_on_a_small_stack(n_categories):
    """Threads of servers have 512 kB; chains of nodes ended the process."""
    rng = np.random.default_rng(0)
    members = [np.flatnonzero(rng.random(n_categories) < 0.5) for _ in range(100)]
    exported = made([stump(0, one.tolist()) for one in members], 1)
    assert exported.ByteSize() < 110 * n_categories
    rows, found = rng.integers(0, n_categories, 300), []
    former = threading.stack_size(512 * 1024)
    try:
        thread = threading.Thread(target=lambda: found.append(margins(exported, rows[:, None])))
        thread.start()
    finally:
        threading.stack_size(former)
    thread.join()
    wanted = sum(np.isin(rows, one).astype(int) for one in members)
    np.testing.assert_array_equal(found[0], wanted)


def test_categories_of_the_plain_data_are_not_asked_for():
    """No table where no tree splits on a set."""
    assert tables(to_onnx(xgb_model(n_estimators=2).fit(Data.X, Data.binary))) == []
