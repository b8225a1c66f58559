"""A tree is what its root reaches, each node once; an error names file, rule and cure."""

import numpy as np
import pytest

from focalboost._boosters.model_file import ModelFileError, named, not_a_tree, refused, tree_of

SIZES = np.array([5, 1, 3])
TREES = [(0, 1), (0, 2), (2, 3), (2, 4), (6, 7), (6, 8)]


def first_bad(arrows, deleted=None):
    parents, children = np.array(arrows).T
    return not_a_tree(SIZES, parents, children, deleted)


def test_trees_are_trees():
    assert first_bad(TREES) is None
    assert first_bad(TREES[::-1]) is None
    assert not_a_tree(np.zeros(0, int), np.zeros(0, int), np.zeros(0, int)) is None
    # A chain of 1000: the way to the root is long.
    chain = np.arange(1000)
    assert not_a_tree(np.array([1000]), chain[:-1], chain[1:]) is None


@pytest.mark.parametrize(
    ("old", "new", "node"),
    [
        ((2, 4), (2, 3), 3),  # reached twice
        ((2, 4), (2, 0), 0),  # back to the root
        ((0, 1), (0, 0), 0),  # to itself
        ((6, 8), (6, 6), 6),  # in a later tree
        ((6, 8), (6, 7), 7),
    ],
)
def test_a_node_that_is_not_reached_once_is_found(old, new, node):
    assert first_bad([new if arrow == old else arrow for arrow in TREES]) == node


def test_a_circle_apart_from_the_root_is_found():
    """Each node has one parent, and the root none."""
    assert first_bad([(0, 1), (0, 4), (2, 3), (3, 2), (6, 7), (6, 8)]) == 2
    n = 1000
    parents, children = np.arange(n), np.roll(np.arange(n), -1)  # 0 -> 1 -> ... -> 0
    assert not_a_tree(np.array([1, n]), parents[1:] + 1, children[1:] + 1) == 1


def test_a_deleted_node_is_not_reached():
    deleted = np.zeros(9, bool)
    deleted[4] = True
    assert first_bad([arrow for arrow in TREES if arrow != (2, 4)], deleted) is None
    assert first_bad(TREES, deleted) == 4
    assert first_bad([arrow for arrow in TREES if arrow != (2, 4)]) == 4


def test_a_node_is_found_in_its_tree():
    assert [tree_of(node, SIZES) for node in range(9)] == [
        *((0, node) for node in range(5)),
        (1, 0),
        *((2, node) for node in range(3)),
    ]


def test_an_error_names_file_rule_and_cure(tmp_path):
    path = tmp_path / "model.txt"
    with (
        pytest.raises(
            ModelFileError, match=r"model\.txt: x == 3 in tree 7, must be 2\. .* save the model again"
        ),
        named(path),
    ):
        raise refused("x == 3", "2", 7)
    with (
        pytest.raises(ModelFileError, match=r"^the model: y is missing, must be there\."),
        named("the model"),
    ):
        raise refused("y is missing", "there")
    with pytest.raises(ZeroDivisionError, match="division"), named(path):
        raise ZeroDivisionError("division")
