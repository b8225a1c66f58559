"""LightGBM's model text: what LightGBM writes is accepted, all else is refused by tree and rule."""

import re

import numpy as np
import pytest

lgb = pytest.importorskip("lightgbm")
from focalboost._boosters import model_check, model_text  # noqa: E402  # needs lightgbm for the models
from focalboost.lightgbm import FocalLGBMClassifier, cv, load_model, stored_loss  # noqa: E402
from focalboost.lightgbm import train as focal_train  # noqa: E402
from tests.lightgbm.training import LOSSES, PARAMS, Data, dataset, train  # noqa: E402

QUIET = {"verbosity": -1, "num_threads": 1, "num_leaves": 8}


def check(text):
    model_check.check_text(*model_text.split_trees(text))


# ---------------------------------------------------------------------- what LightGBM writes
rng = np.random.default_rng(0)
N = 800
X = rng.normal(size=(N, 4))
X[:, 3] = rng.integers(0, 40, N)  # of two words of bits
X[rng.random((N, 4)) < 0.1] = np.nan
Y = (np.nan_to_num(X[:, 0]) + np.nan_to_num(X[:, 3]) % 3 + rng.normal(size=N) > 1.5).astype(int)
CATEGORIES = {"categorical_feature": [3]}
SETS = {"max_cat_to_onehot": 2, "min_data_per_group": 5, "cat_smooth": 1.0}
INFINITE = np.where(rng.random((N, 4)) < 0.2, np.inf, X)
WRITTEN = {
    "binary": ({"objective": "binary"}, X, Y, {}),
    "sets of categories": ({"objective": "binary", **SETS}, X, Y, CATEGORIES),
    "one category": ({"objective": "binary", "max_cat_to_onehot": 99}, X, Y, CATEGORIES),
    "classes": ({"objective": "multiclass", "num_class": 3}, X, Y + (X[:, 1] > 0), {}),
    "linear": ({"objective": "binary", "linear_tree": True}, X, Y, {}),
    "linear, categories": ({"objective": "binary", "linear_tree": True}, X, Y, CATEGORIES),
    "random forest": (
        {"objective": "binary", "boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}, X, Y, {},
    ),
    "dart": ({"objective": "binary", "boosting": "dart"}, X, Y, {}),
    "constant": ({"objective": "binary"}, X, Y * 0, {}),
    "constants of classes": ({"objective": "multiclass", "num_class": 3}, X, Y * 0, {}),
    "monotone": ({"objective": "binary", "monotone_constraints": [1, -1, 0, 0]}, X, Y, {}),
    "infinite rows": ({"objective": "binary"}, INFINITE, Y, {}),
    "infinite thresholds": ({"objective": "binary"}, X, np.isnan(X[:, 0]).astype(int), {}),
    "infinite gains": ({"objective": "regression"}, X, rng.normal(size=N) * 1e30, {}),
    "quantized": ({"objective": "binary", "use_quantized_grad": True}, X, Y, {}),
    "ranking": ({"objective": "lambdarank"}, X, Y, {"group": [100] * 8}),
    "zeros missing": ({"objective": "binary", "zero_as_missing": True}, X, Y, {}),
    "square root": ({"objective": "regression", "reg_sqrt": True}, X, X[:, 3] * 0 + Y, {}),
}  # fmt: skip


@pytest.mark.parametrize("kind", list(WRITTEN))
def test_what_lightgbm_writes_is_accepted(kind, tmp_path):
    params, rows, y, options = WRITTEN[kind]
    data = lgb.Dataset(rows, np.nan_to_num(y), **options)
    with np.errstate(all="ignore"):
        booster = lgb.train({**QUIET, **params}, data, 3)
    path = tmp_path / "model.txt"
    booster.save_model(path)
    np.testing.assert_array_equal(load_model(path).predict(rows), booster.predict(rows))
    text = path.read_text()
    assert (re.search(r"\binf\b", text) is not None) == kind.startswith("infinite")
    assert ("\ncat_threshold=" in text) == ("categories" in kind)


def test_what_is_made_of_a_model_is_accepted(tmp_path):
    params = {**QUIET, "objective": "binary"}
    first = lgb.train(params, lgb.Dataset(X, Y), 4)
    forced = tmp_path / "forced.json"
    forced.write_text('{"feature": 1, "threshold": 0.1, "left": {"feature": 0, "threshold": 0.3}}')
    shuffled = lgb.train(params, lgb.Dataset(X, Y), 4).shuffle_models()
    models = {
        "continued": lgb.train(params, lgb.Dataset(X, Y), 2, init_model=first),
        "refitted": first.refit(X, 1 - Y),
        "shuffled": shuffled,
        "forced splits": lgb.train({**params, "forcedsplits_filename": str(forced)}, lgb.Dataset(X, Y), 2),
        "read again": lgb.Booster(model_str=first.model_to_string()),
    }
    for model in models.values():
        check(model.model_to_string())
    check(first.model_to_string(num_iteration=2, start_iteration=1))
    check(first.model_to_string(num_iteration=1, start_iteration=9))  # no tree


@pytest.mark.parametrize("labels", list(LOSSES))
def test_our_own_models_are_accepted_with_the_line_ends_of_windows_too(labels, tmp_path):
    booster = train(LOSSES[labels], dataset(labels), 2)
    path = tmp_path / "model.txt"
    path.write_bytes(booster.model_to_string().replace("\n", "\r\n").encode())
    np.testing.assert_array_equal(load_model(path).predict(Data.X), booster.predict(Data.X))


def test_names_of_columns_and_categories_of_pandas_are_accepted(tmp_path):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X[:, :3], columns=["a", "b=1", "größe"])
    frame["kind"] = pd.Categorical([f"k{value}" for value in X[:, 3]])
    booster = lgb.train({**QUIET, "objective": "binary"}, lgb.Dataset(frame, Y), 2)
    path = tmp_path / "model.txt"
    booster.save_model(path)
    np.testing.assert_array_equal(load_model(path).predict(frame), booster.predict(frame))


# ---------------------------------------------------------------------- what is refused
@pytest.fixture(scope="module")
def texts():
    params = {**QUIET, **SETS, "objective": "binary"}
    return {
        "focal": train(LOSSES["binary"], dataset(), 2).model_to_string(),
        "classes": train(LOSSES["multiclass"], dataset("multiclass"), 2).model_to_string(),
        "sets": lgb.train(params, lgb.Dataset(X, Y, **CATEGORIES), 2).model_to_string(),
        "linear": lgb.train({**params, "linear_tree": True}, lgb.Dataset(X, Y), 2).model_to_string(),
    }


def put(name, place, value, tree=0):
    """Another value among those of a name, in one of the trees."""

    def damage(text):
        lines = list(re.finditer(rf"^{name}=(.*)$", text, re.MULTILINE))
        match = lines[tree]
        values = match.group(1).split(" ")
        values[place] = str(value)
        return text[: match.start(1)] + " ".join(values) + text[match.end(1) :]

    return damage


def to(old, new):
    def damage(text):
        assert old in text
        return text.replace(old, new, 1)

    return damage


DAMAGES = [
    # The tree: the children of split 0 of 14, the root.
    (put("left_child", 3, 0), "split 0 of left_child and right_child in tree 0, must be reached once"),
    (put("left_child", 3, 3), "split . of left_child and right_child in tree 0, must be reached once"),
    (put("left_child", 0, 99), r"left_child\[0\] == 99 in tree 0, must be in -15 to 13"),
    (put("right_child", 2, -16, 1), r"right_child\[2\] == -16 in tree 1, must be in -15 to 13"),
    (put("right_child", 13, -1), "leaf . of left_child and right_child in tree 0, must be reached once"),
    (put("split_feature", 4, 6), r"split_feature\[4\] == 6 in tree 0, must be in 0 to 5"),
    (put("split_feature", 4, -1), r"split_feature\[4\] == -1 in tree 0, must be in 0 to 5"),
    (put("decision_type", 1, 12), r"decision_type\[1\] == 12 in tree 0, must be in 0 to 11"),
    (put("decision_type", 1, 3), "num_cat == 0 in tree 0, must be 1, as decision_type says"),
    (put("threshold", 0, "nan"), r"threshold\[0\] == 'nan' in tree 0, must be a number"),
    (put("leaf_value", 14, "nan", 1), r"leaf_value\[14\] == 'nan' in tree 1, must be a finite number"),
    (put("leaf_value", 0, "inf"), r"leaf_value\[0\] == 'inf' in tree 0, must be a finite number"),
    (put("leaf_value", 0, "1e999"), r"leaf_value\[0\] == '1e999' in tree 0, must be a finite number"),
    (put("leaf_value", 0, "1_0"), r"leaf_value\[0\] == '1_0' in tree 0, must be a finite number"),
    (put("leaf_value", 0, "oops"), r"leaf_value\[0\] == 'oops' in tree 0, must be a finite number"),
    (put("leaf_weight", 2, "-inf"), r"leaf_weight\[2\] == '-inf' in tree 0, must be a finite number"),
    (put("leaf_count", 2, "-3"), r"leaf_count\[2\] == -3 in tree 0, must be in 0 to 2147483647"),
    (put("leaf_count", 2, "9e9"), r"leaf_count\[2\] == '9e9' in tree 0, must be a whole number"),
    (put("internal_count", 0, "0"), r"internal_count\[0\] == 0 in tree 0, must be in 1 to 2147483647"),
    (put("left_child", 0, "9" * 30), r"left_child\[0\] == '9{30}' in tree 0, must be a whole number"),
    (put("leaf_value", 0, "1 2"), "leaf_value with 16 numbers in tree 0, must be 15 of them"),
    (put("num_leaves", 0, 16), "split_feature with 14 numbers in tree 0, must be 15 of them"),
    (put("num_leaves", 0, "1e1"), "num_leaves == '1e1' in tree 0, must be a whole number >= 1"),
    (put("is_linear", 0, 7), "is_linear > 1 in tree 0, must be 0 or 1"),
    (put("is_linear", 0, 1), "leaf_const with 0 numbers in tree 0, must be 15 of them"),
    (to("\nshrinkage=", "\nshrinking="), "shrinkage with 0 numbers in tree 0, must be 1 of them"),
    (to("\nsplit_gain=", "\nthreshold="), "threshold twice in tree 0, must be there once"),
    (to("Tree=1\n", "Tree=7\n"), "Tree=7 in tree 1, must be Tree=1, as the trees are numbered"),
    (to("\ndecision_type=", "\ndecisions "), "line 'decisions .* in tree 0, must be name=values"),
    (to("\nsplit_feature=", "\n\nsplit_feature="), "line '' in tree 0, must be name=values"),
    (
        to("\nis_linear=0\n", "\n" + "".join(f"x{i}=\n" for i in range(9))),
        "24 lines in tree 0, must be at most 22",
    ),
    # The header.
    (to("num_class=1\n", "num_class=0\n"), "num_class == '0' in the header, must be a whole number >= 1"),
    (
        to("num_class=1\n", "num_class=2\n"),
        "num_class == 2 in the header, must be num_tree_per_iteration, which is 1",
    ),
    (to("num_class=1\n", "num_class=1\nnum_class=1\n"), "num_class twice in the header"),
    (to("\nlabel_index=", "\nlabel index="), "line 'label index=0' in the header, must be name=value"),
    (to("\nlabel_index=0", ""), "label_index is missing in the header"),
    (
        to("max_feature_idx=5", "max_feature_idx=6"),
        "6 feature_names in the header, must be 7, as max_feature_idx",
    ),
    (to("Column_1 ", "Column_0 "), "feature name 'Column_0' twice in the header"),
    (to("version=v4", "version=4"), "version == '4' in the header, must be v4 or the like"),
    (
        to("objective=binary sigmoid:1", "objective=binary sigmoid 1"),
        "objective == 'binary sigmoid 1' in the header",
    ),
    (
        to("objective=binary sigmoid:1\n", ""),
        r"objective is missing in the header, must be there, as \[objective: binary\] s",
    ),
    (
        to("\nfeature_infos=[", "\nfeature_infos=("),
        r"'\(.*' among feature_infos in the header, must be as LightGBM",
    ),
    # The rest.
    (lambda s: s[: s.index("end of parameters")], "'end of parameters' is missing"),
    (
        to("[num_leaves: 15]", "[num_leaves 15]"),
        r"line '\[num_leaves 15\]' among the parameters, must be \[name: value\]",
    ),
    (
        to("[seed: 3]", "[seed: 3]\n[seed: 4]"),
        r"line '\[seed: 4\]' among the parameters, must be .* each name once",
    ),
    (to("\nparameters:", "\nparamters:"), "line 'paramters:' after the trees, must be of importances or"),
    (
        to("pandas_categorical:null", "pandas_categorical:[1]"),
        "line 'pandas_categorical:.1.', must be null or a list",
    ),
    (
        to("pandas_categorical:null", "pandas_categorical:" + "[" * 9**5),
        "line 'pandas_categorical:.*', must be null or",
    ),
    (
        lambda s: s + "pandas_categorical:null\n",
        "line 'pandas_categorical:null', must be null or a list of lists, once",
    ),
    (lambda s: s + "tail\n", "line 'tail' after the trees"),
    (
        to("[boosting: gbdt]", "[boosting: rf]"),
        r"average_output is missing in the header, .* \[boosting: rf\] says",
    ),
    (
        to("[bagging_fraction: 1]", "[bagging_fraction: nan]"),
        "values of the .parameters. .*, must be as LightGBM writes them",
    ),
    # Bytes.
    (to("leaf_value=", "leaf_value=\0"), r"a character '\\x00', must be text without control characters"),
    (to("[num_leaves: 15]", "[num_leaves: 1\r5]"), r"a character '\\r', must be text without"),
    (
        to("leaf_value=", "leaf_value=\u0661"),
        "a letter beyond ASCII in tree 0, must be as LightGBM writes it",
    ),
]


@pytest.mark.parametrize(("damage", "found"), DAMAGES, ids=[found[:40] for _, found in DAMAGES])
def test_damage_is_refused_by_file_tree_and_rule(damage, found, texts, tmp_path):
    if found.startswith("values of the") and tuple(map(int, lgb.__version__.split(".")[:2])) < (4, 7):
        pytest.skip("LightGBM reads the parameters back from 4.7 on")
    path = tmp_path / "model.txt"
    path.write_bytes(damage(texts["focal"]).encode())
    with pytest.raises(ValueError, match=rf"model\.txt: {found}.*save the model again or take another copy"):
        load_model(path)


@pytest.mark.parametrize(
    ("of", "damage", "found"),
    [
        ("sets", put("cat_boundaries", 0, 1), "cat_boundaries in tree ., must be rising from 0"),
        ("sets", put("cat_threshold", 0, -1), "cat_threshold in tree ., must be in 0 to 4294967295"),
        ("sets", put("cat_threshold", 0, "1 2"), r"cat_threshold with \d+ numbers in tree ., must be \d+ of"),
        (
            "sets",
            lambda s: re.sub("num_cat=[1-9]", "num_cat=0", s, count=1),
            r"num_cat == 0 in tree ., must be \d, as decision_type says",
        ),
        ("linear", put("leaf_features", 0, 9), "leaf_features in tree 1, must be in 0 to 3"),
        ("linear", put("num_features", 0, -1), "num_features in tree ., must be >= 0"),
        (
            "linear",
            put("num_features", 0, 40),
            r"leaf_features with \d+ numbers in tree ., must be \d+ of them",
        ),
        (
            "linear",
            put("leaf_const", 0, "nan"),
            r"leaf_const\[0\] == 'nan' in tree 0, must be a finite number",
        ),
        (
            "classes",
            to("num_tree_per_iteration=4", "num_tree_per_iteration=5"),
            "num_class == 4 in the header, must",
        ),
        (
            "classes",
            to("multiclass num_class:4", "multiclass num_class:3"),
            "objective == .* must be of num_class 4",
        ),
        (
            "classes",
            to("=multiclass num_class:4", "=binary sigmoid:1"),
            "the model has the objective 'binary', its",
        ),
        (
            "focal",
            to("=binary sigmoid:1", "=binary sigmoid:2"),
            "objective == .* must be 'binary sigmoid:1', as the",
        ),
        ("focal", to('"gamma": 2.0', '"gamma": "2"'), "the stored loss"),
        (
            "classes",
            lambda s: s[: s.index("\nTree=7")] + s[s.index("\nend of trees") :],
            "7 trees, must be a multiple of",
        ),
    ],
)
def test_damage_to_other_models_is_refused(of, damage, found, texts, tmp_path):
    text = texts[of]
    # The leaves of the first tree of a linear model are constants.
    head, mark, tail = text.partition("Tree=1\n" if "leaf_features in tree 1" in found else "tree\n")
    damaged = head + mark + damage(tail)
    path = tmp_path / "model.txt"
    path.write_bytes(damaged.encode())
    with pytest.raises(ValueError, match=rf"model\.txt: {found}"):
        load_model(path)


def test_values_that_add_up_to_infinity_are_refused(texts):
    text = put("leaf_value", 0, "1.5e308")(texts["focal"])
    check(text)
    with pytest.raises(ValueError, match="the sum of the largest leaf_value of the trees, must be finite"):
        check(put("leaf_value", 3, "-1.5e308", 1)(text))


def test_what_is_not_utf_8_is_refused(texts, tmp_path):
    path = tmp_path / "model.txt"
    path.write_bytes(texts["focal"].encode().replace(b"Column_1", b"Col\xe9mn_1"))
    with pytest.raises(ValueError, match=r"byte \d+ == 0xe9, must be text in UTF-8"):
        load_model(path)


def test_what_lightgbm_refuses_is_named_too(texts, tmp_path):
    path = tmp_path / "model.txt"
    path.write_text(texts["sets"].replace("objective=binary sigmoid:1", "objective=binary sigmoid:0"))
    with pytest.raises(ValueError, match=r"model\.txt: LightGBM refuses the model: .*greater than zero"):
        load_model(path)


def test_every_way_to_a_file_goes_through_the_check(texts, tmp_path):
    path = tmp_path / "model.txt"
    path.write_text(put("left_child", 0, 99)(texts["focal"]))
    loss, classifier = LOSSES["binary"], FocalLGBMClassifier(n_jobs=1, verbosity=-1)
    for load in (
        load_model,
        stored_loss,
        classifier.load_model,
        lambda file: classifier.fit(Data.X, Data.binary, init_model=file),
        lambda file: focal_train(loss, PARAMS, dataset(), 1, init_model=file),
        lambda file: cv(loss, PARAMS, dataset(), 1, init_model=file),
    ):
        with pytest.raises(ValueError, match=r"model\.txt: left_child\[0\] == 99 in tree 0"):
            load(path)
