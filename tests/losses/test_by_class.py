"""gamma and class weights as a dict by class or label: the loss of the sequence, and every error text."""

import numpy as np
import pytest

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss


@pytest.mark.parametrize(
    ("by_dict", "by_order"),
    [
        (MulticlassFocalLoss(alpha={0: 1, 1: 2, 2: 5}), MulticlassFocalLoss(alpha=(1, 2, 5))),
        (MulticlassFocalLoss({2: 0, 0: 2, 1: 0.5}), MulticlassFocalLoss((2, 0.5, 0))),
        (BinaryFocalLoss(alpha={0: 1, 1: 50}), BinaryFocalLoss(alpha=(1, 50))),
        (BinaryFocalLoss({1: 0, 0: 2}, {1: 3, 0: 1}), BinaryFocalLoss((2, 0), (1, 3))),
        (BinaryFocalLoss(alpha={False: 1, True: 50}), BinaryFocalLoss(alpha=(1, 50))),
        (BinaryFocalLoss(alpha={0.0: 1, 1.0: 50}), BinaryFocalLoss(alpha=(1, 50))),
        (BinaryFocalLoss(alpha={np.int64(1): 50, np.int8(0): 1}), BinaryFocalLoss(alpha=(1, 50))),
        (BinaryFocalLoss(alpha={np.False_: 1, np.True_: 50}), BinaryFocalLoss(alpha=(1, 50))),
        (MultilabelFocalLoss(alpha={0: 0.25, 1: (1, 3)}), MultilabelFocalLoss(alpha=(0.25, (1, 3)))),
        (MultilabelFocalLoss({1: 0, 0: 2}), MultilabelFocalLoss((2, 0))),
        (MultilabelFocalLoss(alpha=[{0: 1, 1: 3}, 0.5]), MultilabelFocalLoss(alpha=((1, 3), 0.5))),
        (MultilabelFocalLoss(alpha={0: {1: 3, 0: 1}}), MultilabelFocalLoss(alpha=((1, 3),))),
    ],
)
def test_a_dict_is_the_tuple_in_the_order_of_its_keys(by_dict, by_order):
    assert by_dict == by_order
    assert hash(by_dict) == hash(by_order)
    assert repr(by_dict) == repr(by_order)
    assert type(by_dict).from_json(by_dict.to_json()) == by_order


def test_the_dict_may_change_afterwards():
    alpha = {0: 1.0, 1: 2.0}
    loss = MulticlassFocalLoss(alpha=alpha)
    alpha[1] = 9.0
    assert loss.alpha == (1.0, 2.0)
    assert loss.n_classes == 2


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (
            lambda: BinaryFocalLoss(alpha={0: 1, 2: 50}),
            ValueError,
            r"^alpha has the key 2, must have the keys 0 to 1, one for each class\. Take it out\.$",
        ),
        (
            lambda: BinaryFocalLoss(alpha={1: 50}),
            ValueError,
            r"^alpha has no key 0, must have the keys 0 to 1, one for each class\. Give class 0 a value, t",
        ),
        (lambda: BinaryFocalLoss({0: 2}), ValueError, r"^gamma has no key 1, must have the keys 0 to 1"),
        (lambda: BinaryFocalLoss({}), ValueError, r"^gamma has no key 0, must have the keys 0 to 1"),
        (lambda: BinaryFocalLoss(alpha={0: 1, 1: -2}), ValueError, r"^alpha\[1\] == -2, must be > 0 and fin"),
        (lambda: BinaryFocalLoss(alpha={"a": 1, "b": 2}), ValueError, r"^alpha has the key 'a', must have"),
        (lambda: BinaryFocalLoss(alpha={0: 1, 0.5: 2}), ValueError, r"^alpha has the key 0\.5, must have"),
        (lambda: BinaryFocalLoss(alpha={0: 1, float("nan"): 2}), ValueError, r"^alpha has the key nan, must"),
        (lambda: BinaryFocalLoss(alpha={np.int64(-1): 1}), ValueError, r"^alpha has the key -1, must have"),
        (
            lambda: MulticlassFocalLoss(alpha={0: 1, 2: 5}),
            ValueError,
            r"^alpha has no key 1, must have the ke",
        ),
        (
            lambda: MulticlassFocalLoss(alpha={0: 1}),
            ValueError,
            r"^alpha has no key 1, must have the keys 0 t",
        ),
        (
            lambda: MulticlassFocalLoss(alpha={0: 1, 1: 2, 2: 5, 3: 1}, n_classes=3),
            ValueError,
            r"^alpha has the key 3, must have the keys 0 to 2, one for each class",
        ),
        (lambda: MulticlassFocalLoss({0: 1, 10**12: 2}), ValueError, r"^gamma has no key 1, must have the k"),
        (
            lambda: MultilabelFocalLoss(alpha={0: 0.25, 1: 0.5}, n_labels=3),
            ValueError,
            r"^alpha has no key 2, must have the keys 0 to 2, one for each label\. Give label 2 a value, t",
        ),
        (
            lambda: MultilabelFocalLoss(alpha=({0: 1, 2: 3}, 0.5)),
            ValueError,
            r"^alpha\[0\] has the key 2, must have the keys 0 to 1, one for each side",
        ),
        (lambda: MulticlassFocalLoss((1, 2, 3), {0: 1, 1: 2}), ValueError, r"has 2 entries, must have 3"),
        (
            lambda: MulticlassFocalLoss(2, 4.0),
            ValueError,
            r"^alpha == 4\.0, must be one weight per class, in the order of the classes or as a dict \{0: ",
        ),
    ],
)
def test_a_dict_that_is_not_complete_names_the_key(make, error, text):
    with pytest.raises(error, match=text):
        make()


def test_a_series_is_the_dict_of_its_index():
    pd = pytest.importorskip("pandas")
    assert BinaryFocalLoss(alpha=pd.Series({1: 9.0, 0: 1.0})) == BinaryFocalLoss(alpha=(1.0, 9.0))
    rates = pd.Series({2: 1.0, 0: 0.1, 1: 0.5})
    assert MulticlassFocalLoss(sampling_rate=rates) == MulticlassFocalLoss(sampling_rate=(0.1, 0.5, 1.0))
    assert MultilabelFocalLoss(pd.Series({1: 0.0, 0: 2.0})) == MultilabelFocalLoss((2.0, 0.0))
    with pytest.raises(ValueError, match=r"alpha has the key 'fraud', must have the keys 0 to 1"):
        BinaryFocalLoss(alpha=pd.Series({"fraud": 9.0, "good": 1.0}))


def test_names_of_classes_are_told_who_knows_them():
    text = r"^alpha has the key 'fraud', must have the keys 0 to 2, .*Use those numbers, or FocalXGB"
    with pytest.raises(ValueError, match=text):
        MulticlassFocalLoss(2.0, alpha={"fraud": 5, "good": 1, "suspicious": 2})
