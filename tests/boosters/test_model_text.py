"""LightGBM's model text taken apart, put together, and edited."""

import pytest

pytest.importorskip("lightgbm")
from focalboost._boosters import model_text  # needs lightgbm for the models
from focalboost.lightgbm import load_model
from tests.lightgbm.training import LOSSES, dataset, train


@pytest.fixture(scope="module")
def text():
    return train(LOSSES["binary"], dataset(), 3).model_to_string()


def test_the_parts_are_the_text(text):
    header, trees, rest = model_text.split_trees(text)
    assert header + "".join(trees) + rest == text
    assert [tree.partition("\n")[0] for tree in trees] == ["Tree=0", "Tree=1", "Tree=2"]
    assert rest.startswith("\nend of trees\n")
    assert model_text.find_objective(header) == "binary sigmoid:1"
    assert model_text.find_record(rest).startswith('{"format": 1, "loss": "BinaryFocalLoss", "gamma": 2.0, ')
    assert {"num_leaves", "learning_rate"} <= model_text.parameter_names(text)


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (lambda s: s[: len(s) // 2], "'end of trees' is missing, must be a whole text model"),
        (lambda s: "xgboost" + s, "the text begins with 'xgboosttree"),
        (lambda s: "", "the text begins with ''"),
        (lambda s: s.replace("[objective: binary]", "[aim: binary]"), r"\[objective: ...\] is missing"),
    ],
)
def test_what_is_no_whole_text_is_refused(damage, found, text):
    def edit(given):
        header, _, rest = model_text.split_trees(given)
        return model_text.with_objective(header, rest, "binary sigmoid:1", "{}")

    assert edit(text)
    with pytest.raises(ValueError, match=found):
        edit(damage(text))


def test_a_stale_tree_sizes_line_does_no_harm(tmp_path, text):
    edited = text.replace("leaf_value=", "leaf_value= ")  # every tree is one byte longer than the header says
    path = tmp_path / "model.txt"
    path.write_text(edited)
    assert load_model(path).num_trees() == 3
