"""LightGBM's model text: checked before LightGBM reads it."""

import pytest

pytest.importorskip("lightgbm")
from focalboost.lightgbm import load_model  # needs lightgbm
from tests.lightgbm.training import LOSSES, dataset, train


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (lambda s: s[: len(s) // 2], "has no 'end of trees'"),
        (lambda s: s[: s.index("end of parameters")], "has no 'end of parameters'"),
        (lambda s: "xgboost" + s, "begins with 'xgboosttree"),
        (lambda s: "", "begins with ''"),
        (lambda s: s.replace("Tree=1\n", "Tree=7\n"), "has Tree=7 where Tree=1 is due"),
        (
            lambda s: s.replace("num_leaves=15", "num_leaves=16", 1),
            "has leaf_value with 15 numbers in tree 0, 16",
        ),
        (
            lambda s: s.replace("leaf_value=", "leaf_value=oops ", 1),
            "has leaf_value with 0 numbers in tree 0",
        ),
        (lambda s: s.replace("feature_names=", "names=", 1), "has no feature_names"),
        (
            lambda s: s.replace("num_tree_per_iteration=1", "num_tree_per_iteration=x"),
            "has num_tree_per_iter",
        ),
        (
            lambda s: s.replace("num_tree_per_iteration=1", "num_tree_per_iteration=3"),
            r"has 2 trees, 3 an it",
        ),
    ],
)
def test_a_damaged_file_is_an_error_and_not_an_abort(damage, text, tmp_path):
    path = tmp_path / "model.txt"
    path.write_text(damage(train(LOSSES["binary"], dataset(), 2).model_to_string()))
    with pytest.raises(ValueError, match=f"model text {text}"):
        load_model(path)


def test_a_stale_tree_sizes_line_does_no_harm(tmp_path):
    text = train(LOSSES["binary"], dataset(), 5).model_to_string()
    edited = text.replace("leaf_value=", "leaf_value= ")  # every tree is one byte longer than the header says
    path = tmp_path / "model.txt"
    path.write_text(edited)
    assert load_model(path).num_trees() == 5
