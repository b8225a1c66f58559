"""The trees of XGBoost's models: damage is refused by file, tree and rule."""

import json

import pytest

pytest.importorskip("xgboost")
from focalboost._boosters.model_json import check_model  # needs xgboost for the models
from tests.boosters.xgboost_files import NAMES, check_refused, document_of, put, trees_of

NAN, INF = float("nan"), float("inf")
DAMAGES = [
    ("one tree", put("T0.split_type", KeyError), "split_type is missing in tree 0, must be there"),
    # Node 0 is the root, 1 and 2 its children.
    (
        "binary",
        put("T1.left_children.0", 0),
        r"left_children\[0\] == 0 in tree 1, must be a node of the tree",
    ),
    (
        "binary",
        put("T1.left_children.0", 99),
        r"left_children\[0\] == 99 in tree 1, must be a node of the tree",
    ),
    (
        "binary",
        put("T1.right_children.0", 1),
        "node 1 of left_children and right_children in tree 1, must be reached",
    ),
    (
        "binary",
        put("T0.left_children.1", 1),
        "node 1 of left_children and right_children in tree 0, must be reached",
    ),
    (
        "binary",
        put("T0.left_children.1", -1),
        r"right_children\[1\] == \d in tree 0, must be -1, as left_children",
    ),
    ("binary", put("T0.parents.1", 2), r"parents\[1\] == 2 in tree 0, must be the node that leads there"),
    ("binary", put("T0.parents.0", 1), r"parents\[0\] == 1 in tree 0, must be the node that leads there"),
    ("binary", put("T2.split_indices.0", 4), r"split_indices\[0\] == 4 in tree 2, must be in 0 to 3"),
    ("binary", put("T2.split_indices.0", -1), r"split_indices\[0\] == -1 in tree 2, must be in 0 to 3"),
    (
        "binary",
        put("T0.split_indices.0", 2**31 - 1),
        r"left_children\[0\] == 1 in tree 0, must be -1 in a deleted",
    ),
    (
        "binary",
        put("T0.split_conditions.0", NAN),
        r"split_conditions\[0\] == nan in tree 0, must be a number",
    ),
    (
        "binary",
        put("T0.split_conditions.-1", NAN),
        r"split_conditions\[\d+\] == nan in tree 0, must be finite in a leaf",
    ),
    (
        "binary",
        put("T0.split_conditions.-1", 1e39),
        r"split_conditions\[\d+\] == inf in tree 0, must be finite in a leaf",
    ),
    ("binary", put("T0.base_weights.0", INF), r"base_weights\[0\] == inf in tree 0, must be finite"),
    ("binary", put("T0.sum_hessian.0", NAN), r"sum_hessian\[0\] == nan in tree 0, must be a number"),
    ("binary", put("T0.default_left.0", 2), r"default_left\[0\] == 2 in tree 0, must be 0 or 1"),
    ("binary", put("T0.split_type.0", 1), r"categories_nodes in tree 0, must be \[0\], as split_type says"),
    ("binary", put("T0.split_type.0", 7), r"split_type\[0\] == 7 in tree 0, must be 0 or 1"),
    ("binary", put("T0.left_children", []), "left_children with 0 numbers in tree 0, must be "),
    (
        "binary",
        put("T0.left_children.0", 1.0),
        r"left_children == \[1.0, .* in tree 0, must be whole numbers",
    ),
    (
        "binary",
        put("T0.left_children.0", None),
        r"left_children == \[None, .* in tree 0, must be whole numbers|byte \d+ == b'Z', must",
    ),
    (
        "binary",
        put("T0.split_conditions.0", "1"),
        r"split_conditions == \['1', .* in tree 0, must be numbers",
    ),
    ("binary", put("T0.parents", KeyError), "parents is missing in tree 0, must be there"),
    ("binary", put("T0.id", 1), "id == 1 in tree 0, must be 0, as the trees are numbered"),
    (
        "binary",
        put("T0.tree_param.num_nodes", "2147483647"),
        "left_children with .* numbers in tree 0, must be 2147483647 of them",
    ),
    (
        "binary",
        put("T0.tree_param.num_nodes", "99"),
        "left_children with .* numbers in tree 0, must be 99 of them",
    ),
    (
        "binary",
        put("T0.tree_param.num_nodes", "-1"),
        "num_nodes == '-1' in tree 0, must be a whole number >= 1, as text",
    ),
    (
        "binary",
        put("T0.tree_param.num_deleted", "1"),
        "num_deleted == 1 in tree 0, must be 0, as split_indices says",
    ),
    (
        "binary",
        put("T0.tree_param.num_feature", "9"),
        "num_feature == 9 in tree 0, must be 4, as the model has",
    ),
    ("binary", put("T0.tree_param.size_leaf_vector", "2"), r"size_leaf_vector == \[1, 2\], must be 1"),
    ("pruned", put("T0.tree_param.num_deleted", "0"), "num_deleted == 0 in tree 0, must be"),
    (
        "sets of categories",
        put("T0.categories.0", -1),
        "categories in tree 0, must be .* numbers in 0 to 16777215",
    ),
    (
        "sets of categories",
        put("T0.categories.0", 2**30),
        "categories in tree 0, must be .* numbers in 0 to 16777215",
    ),
    ("sets of categories", put("T0.categories_sizes.0", 99), "categories_s.* in tree 0, must be"),
    (
        "sets of categories",
        put("T0.categories_segments.0", 1),
        "categories_segments in tree 0, must be the sums",
    ),
    ("sets of categories", put("T0.categories_nodes", []), "categories_nodes in tree 0, must be"),
    (
        "vectors",
        put("T0.right_children.-1", 99),
        r"right_children\[\d+\] == 99 in tree 0, must be (the number of the leaf|-1, as)",
    ),
    ("vectors", put("T0.leaf_weights", [1.0]), "leaf_weights with 1 numbers in tree 0, must be"),
    ("vectors", put("T0.leaf_weights.0", INF), "leaf_weights, must be finite"),
    (
        "vectors",
        put("T0.base_weights", [1.0]),
        "(1 base_weights|base_weights with 1 numbers) in tree 0, must be",
    ),
]


@pytest.mark.parametrize("form", NAMES)
@pytest.mark.parametrize(("kind", "damage", "found"), DAMAGES, ids=[found[:40] for *_, found in DAMAGES])
def test_damage_is_refused_by_file_tree_and_rule(kind, damage, found, form, tmp_path):
    if "leaf_weights" in found and "leaf_weights" not in trees_of(document_of(kind))[0]:
        pytest.skip("XGBoost 3.1 keeps the values of leaves elsewhere")
    check_refused(kind, damage, found, form, tmp_path)


def test_values_that_add_up_to_infinity_are_refused():
    document = put("T0.split_conditions.-1", 2e38)(document_of("binary"))
    check_model(json.dumps(document).encode())
    document = put("T1.split_conditions.-1", -2e38)(document)
    with pytest.raises(ValueError, match="the sum of the largest leaf values of the trees, must be finite"):
        check_model(json.dumps(document).encode())
