"""XGBoost's models: what XGBoost writes is accepted, all else is refused by file and rule."""

import json

import numpy as np
import pytest

from focalboost import BinaryFocalLoss

xgb = pytest.importorskip("xgboost")
from focalboost._boosters.model_json import check_model  # noqa: E402  # needs xgboost for the models
from focalboost.xgboost import FocalXGBClassifier, load_model, stored_loss, train  # noqa: E402
from tests.boosters.xgboost_files import (  # noqa: E402
    CLASSES,
    LOGISTIC,
    NAMES,
    WRITTEN,
    N,
    X,
    Y,
    as_ubj,
    check_refused,
    document_of,
    model_of,
    path_text,
    plain,
    put,
    rng,
    trees_of,
)


# ---------------------------------------------------------------------- what XGBoost writes
@pytest.mark.filterwarnings("ignore:.*deprecated")  # since XGBoost 3.4
@pytest.mark.parametrize("kind", list(WRITTEN))
def test_what_xgboost_writes_is_accepted(kind, tmp_path):
    booster, matrix = plain(kind)
    for name in NAMES:
        path = tmp_path / f"model.{name}"
        booster.save_model(path)
        for file in (path, str(path), path.read_bytes(), booster.save_raw(name)):
            np.testing.assert_array_equal(load_model(file).predict(matrix), booster.predict(matrix))
    deleted = [tree["tree_param"]["num_deleted"] != "0" for tree in trees_of(json.loads(path_text(booster)))]
    assert any(deleted) == (kind == "pruned")


@pytest.mark.filterwarnings("ignore:.*manually specified the `updater`")
@pytest.mark.filterwarnings("ignore:.*deprecated")
def test_what_is_made_of_a_model_is_accepted():
    matrix = xgb.DMatrix(X, Y)
    params = {**LOGISTIC, "max_depth": 3, "nthread": 1}
    first = xgb.train(params, matrix, 4)
    update = {**params, "process_type": "update"}
    early = xgb.train(
        params, matrix, 9, evals=[(xgb.DMatrix(X, 1 - Y), "v")], early_stopping_rounds=2, verbose_eval=False
    )
    assert early.attr("best_iteration") is not None
    models = [
        xgb.train({**params, "num_parallel_tree": 2}, matrix, 3, xgb_model=first),
        first[1:3],
        xgb.train({**update, "updater": "refresh"}, matrix, 4, xgb_model=first),
        xgb.train({**update, "updater": "prune", "gamma": 5.0}, matrix, 4, xgb_model=first),
        xgb.train(params, matrix, 0),
        early,
        xgb.XGBClassifier(n_estimators=2, n_jobs=1).fit(X, CLASSES).get_booster(),
        xgb.XGBRFClassifier(n_estimators=2, n_jobs=1).fit(X, CLASSES).get_booster(),
    ]
    for model in models:
        for name in NAMES:
            check_model(bytes(model.save_raw(name)))


def test_the_columns_of_a_data_frame_are_accepted(tmp_path):
    pd = pytest.importorskip("pandas")
    if int(xgb.__version__.split(".")[1]) < 2 and int(pd.__version__.split(".")[0]) > 2:
        pytest.skip("XGBoost 3.1 does not read categories of pandas 3")
    frame = pd.DataFrame(X[:, :3], columns=["a", "b c", "größe"])
    frame["text"] = pd.Categorical([f"k{value}" for value in X[:, 3]])
    frame["code"] = pd.Categorical.from_codes(rng.integers(-1, 4, N), [10, 20, 30, 40])
    matrix = xgb.DMatrix(frame, Y, enable_categorical=True)
    booster = xgb.train({**LOGISTIC, "nthread": 1}, matrix, 3)
    for name in NAMES:
        path = tmp_path / f"model.{name}"
        booster.save_model(path)
        np.testing.assert_array_equal(load_model(path).predict(matrix), booster.predict(matrix))


def test_the_name_of_a_file_says_nothing(tmp_path):
    booster, matrix = plain("binary")
    for name in NAMES:
        path = tmp_path / f"{name}.model"
        path.write_bytes(booster.save_raw(name))
        np.testing.assert_array_equal(load_model(path).predict(matrix), booster.predict(matrix))
    path.write_text(json.dumps(json.loads(path_text(booster)), indent=2))
    np.testing.assert_array_equal(load_model(path).predict(matrix), booster.predict(matrix))


# ---------------------------------------------------------------------- what is refused
DAMAGES = [
    # Rounds.
    ("binary", put("M.trees", {}), "trees == {}, must be a list"),
    ("binary", put("M.gbtree_model_param.num_trees", "5"), "4 trees, must be 5, as num_trees says"),
    ("binary", put("M.tree_info.0", 1), "tree_info of 4 trees, must be 4 numbers in 0 to 0"),
    ("classes", put("M.tree_info.0", 1), "tree_info == 1 in tree 0, must be the outputs in their order"),
    (
        "classes",
        put("M.iteration_indptr.1", 2),
        "tree_info == 2 in tree 2, must be the outputs in their order",
    ),
    ("binary", put("M.iteration_indptr.0", 1), r"iteration_indptr == \[1, .*, must be rising from 0 to 4"),
    ("binary", put("M.iteration_indptr", []), r"iteration_indptr == \[\], must be rising from 0 to 4"),
    ("dart", put("gradient_booster.name", "darts"), "booster 'darts', must be gbtree, dart or gblinear"),
    ("linear", put("M.weights", [1.0]), "1 weights, must be 5 numbers"),
    ("linear", put("M.weights.0", 3e38), "weights, must be numbers in -1e.30 to 1e.30"),
    ("linear", put("M.boosted_rounds", -1), "boosted_rounds == -1, must be >= 0"),
    # The learner.
    ("binary", put("learner_model_param.num_feature", "5"), "num_feature == 4 in tree 0, must be 5"),
    ("binary", put("learner_model_param.num_class", "2"), "tree_info == 0 in tree|base_score|tree_info"),
    (
        "classes",
        put("learner_model_param.num_class", "4"),
        "base_score ==|num_class == '3' of the objective, must be 4",
    ),
    (
        "binary",
        put("learner_model_param.base_score", "nan"),
        "base_score == 'nan', must be 1 or 1 finite numbers",
    ),
    (
        "binary",
        put("learner_model_param.base_score", "[1,2]"),
        r"base_score == '\[1,2\]', must be 1 or 1 finite",
    ),
    (
        "binary",
        put("learner_model_param.base_score", "[[.5]]"),
        "base_score == .*, must be 1 or 1 finite numbers",
    ),
    ("binary", put("feature_names", ["a"]), "feature_names with 1 entries, must be 4 texts, or none"),
    (
        "binary",
        put("feature_names", ["a", "a", "b", "c"]),
        "a name twice in feature_names, must be there once",
    ),
    (
        "binary",
        put("feature_types", ["x"] * 4),
        r"feature_types == \['x', .*, must be of c, float, i, int, q",
    ),
    (
        "binary",
        put("attributes.best_iteration", "9"),
        "best_iteration == '9', must be a whole number < 4, the rounds",
    ),
    ("binary", put("attributes.best_iteration", "x"), "best_iteration == 'x', must be a whole number"),
    ("binary", put("attributes.a", 1), "attribute 'a' == 1, must be text"),
    ("binary", put("objective.name", KeyError), "name is missing, must be there"),
    ("binary", put("objective.name", "binary:logistik"), "XGBoost refuses the model: .*Unknown objective"),
    # With a stored loss.
    (
        "focal binary",
        put("learner_model_param.base_score", "[5E-1]"),
        "base_score == 0.5, must be .* as the stored loss",
    ),
    (
        "focal labels",
        put("learner_model_param.base_score", "[5E-1,5E-1]"),
        r"base_score == \[0.5, 0.5\], must be \[",
    ),
    ("focal binary", put("attributes.focalboost", "{}"), "the stored loss"),
    (
        "focal classes",
        put("objective.name", "binary:logistic"),
        "XGBoost refuses the model: .*base_score must be in .0,1.",
    ),
]


@pytest.mark.filterwarnings("ignore:.*deprecated")  # since XGBoost 3.4
@pytest.mark.parametrize("form", NAMES)
@pytest.mark.parametrize(("kind", "damage", "found"), DAMAGES, ids=[found[:40] for *_, found in DAMAGES])
def test_damage_is_refused_by_file_and_rule(kind, damage, found, form, tmp_path):
    check_refused(kind, damage, found, form, tmp_path)


def test_categories_of_a_data_frame_are_checked():
    cats = {
        "enc": [
            {"offsets": [], "values": []},
            {"offsets": [], "values": []},
            {"type": 15, "values": [10, 20]},
            {"offsets": [0, 1, 3], "values": [97, 98, 99]},
        ],
        "feature_segments": [0, 0, 0, 2, 4],
        "sorted_idx": [0, 1, 1, 0],
    }
    document = document_of("binary")
    model_of(document)["cats"] = cats
    check_model(json.dumps(document).encode())
    for way, value, found in [
        ("M.cats.enc", [], "categories of 0 features, must be of 4"),
        ("M.cats.enc.3.offsets.1", 9, "offsets of the categories of feature 3, must be rising from 0 to 3"),
        ("M.cats.enc.3.offsets.2", 9, "offsets of the categories of feature 3, must be rising from 0 to 3"),
        ("M.cats.enc.3.offsets", [], "offsets of the categories of feature 3, must be there"),
        ("M.cats.enc.2.type", "x", "type == 'x', must be a whole number"),
        (
            "M.cats.feature_segments.3",
            3,
            r"feature_segments == \[0, 0, 0, 3, 4\], must be of the 2 categories",
        ),
        ("M.cats.sorted_idx.0", 7, "sorted_idx of feature 2, must be 0 to 1, each once"),
        ("M.cats.sorted_idx", [0, 1, 1, 0, 1], "5 numbers in sorted_idx, must be 4"),
    ]:
        with pytest.raises(ValueError, match=found):
            check_model(json.dumps(put(way, value)(json.loads(json.dumps(document)))).encode())


# ---------------------------------------------------------------------- the ways to load
@pytest.mark.parametrize("form", NAMES)
def test_every_way_to_a_file_goes_through_the_check(form, tmp_path):
    loss = BinaryFocalLoss((2.0, 0.5), 0.25)
    document = put("T0.left_children.0", 99)(document_of("focal binary"))
    path = tmp_path / f"model.{form}"
    path.write_bytes(json.dumps(document).encode() if form == "json" else as_ubj(document))
    found = rf"model\.{form}: left_children\[0\] == 99 in tree 0"
    classifier = FocalXGBClassifier(focal_gamma=(2.0, 0.5), focal_alpha=0.25, n_jobs=1)
    for load in (
        stored_loss,
        classifier.load_model,
        lambda file: classifier.fit(X, Y, xgb_model=file),
        lambda file: train(loss, {}, xgb.DMatrix(X, Y), 1, xgb_model=file),
    ):
        with pytest.raises(ValueError, match=found):
            load(path)
    with pytest.raises(ValueError, match=r"^the model: left_children\[0\] == 99 in tree 0"):
        load_model(path.read_bytes())
    with pytest.raises(FileNotFoundError, match="absent"):
        load_model(tmp_path / "absent.json")
