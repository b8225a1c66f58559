"""The record of a loss: what it keeps comes back, and what is no record is refused."""

import json
import re
from dataclasses import dataclass

import pytest
from hypothesis import given, settings

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss
from focalboost.calibration._record import FORMAT
from focalboost.calibration._schema import KEYS, LARGEST
from focalboost.losses._record import as_record, from_json, read_record
from tests.strategies import losses

LOSS = BinaryFocalLoss(2.0, "balanced").for_labels([0, 0, 0, 1])


OUT = object()  # takes an entry out
CURE = r"\. The record was edited or damaged: save the model again [^.]*, or pass the loss yourself\.$"


def edited(loss=LOSS, /, **values):
    """The record of a loss with other entries."""
    record = {**json.loads(loss.to_json()), **values}
    return json.dumps({name: value for name, value in record.items() if value is not OUT})


@settings(max_examples=200, deadline=None)
@given(losses())
def test_the_loss_comes_back(loss):
    found = from_json(loss.to_json())
    assert type(found) is type(loss)
    assert found == loss
    # Equal losses are of equal numbers, but 1 == 1.0 and True == 1.
    assert found.to_json() == loss.to_json()
    assert repr(found) == repr(loss)


def test_the_record_has_a_format_and_the_class():
    record = json.loads(LOSS.to_json())
    assert record == {
        "format": 1,
        "loss": "BinaryFocalLoss",
        "gamma": 2.0,
        "alpha": [2 / 3, 2.0],
        "hessian": "guarded",
        "sampling_rate": None,
        "label_smoothing": 0.0,
        "scale": LOSS.scale,
        "intercept": LOSS.intercept,
        "balanced": True,
        "logit_shift": None,
    }
    assert record["format"] == FORMAT


def test_what_belongs_to_the_machine_is_not_kept():
    here = MulticlassFocalLoss(2.0, n_classes=3, device="cpu", n_jobs=3)
    assert here.to_json() == MulticlassFocalLoss(2.0, n_classes=3).to_json()
    assert from_json(here.to_json()) == MulticlassFocalLoss(2.0, n_classes=3)


def test_what_a_classifier_keeps_is_handed_over():
    loss, estimator = read_record(edited(estimator={"classes": ["good", "fraud"]}))
    assert loss == LOSS
    assert estimator == {"classes": ("good", "fraud")}
    assert read_record(LOSS.to_json()) == (LOSS, None)


def test_a_newer_format_names_the_cure():
    text = (
        r"^the stored loss has format 2, must be at most 1: a newer focalboost wrote it\. "
        r"pip install --upgrade focalboost\.$"
    )
    with pytest.raises(ValueError, match=text):
        from_json(edited(format=2))
    # Also where the rest says nothing to this version.
    with pytest.raises(ValueError, match=text):
        from_json('{"format": 2, "kind": "other"}')


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"loss": 1}',
        LOSS.to_json()[:-1],
        LOSS.to_json() + "}",
    ],
)
def test_what_is_no_record_is_refused(text):
    with pytest.raises(
        ValueError, match=r"^the stored loss is .*, must be a record written by focalboost" + CURE
    ):
        from_json(text)


@pytest.mark.parametrize("text", ["no JSON", "null", "1", "model.txt", None, b"{}"])
def test_what_is_something_else_is_told_where_a_record_is(text):
    rule = r"^the stored loss is .*, must be a record written by focalboost\. "
    cure = r"A record is booster\.attr.*, .* save the model again where it was trained\.$"
    with pytest.raises(ValueError, match=rule + cure):
        from_json(text)


SOFTMAX = MulticlassFocalLoss(2.0, (1.0, 2.0, 4.0)).for_labels([0] * 6 + [1] * 3 + [2])
LABELS = MultilabelFocalLoss((2.0, 1.0), "balanced").for_labels([[0, 1], [1, 1], [0, 0]])
UNRESOLVED = MulticlassFocalLoss((2.0, 1.0, 0.0))
TEXT = LOSS.to_json()
DAMAGED = [
    # Of one key.
    (edited(format="one"), "format == 'one', must be 1"),
    (edited(format=True), "format == True, must be 1"),
    (edited(format=0), "format == 0, must be 1"),
    (edited(format=1.0), "format == 1.0, must be 1"),
    (edited(loss="HingeLoss"), "loss == 'HingeLoss', must be one of 'BinaryFocalLoss', 'Mult"),
    (edited(loss="SigmoidLoss"), "loss == 'SigmoidLoss', must be one of 'BinaryFocalLoss', 'Mult"),
    (edited(loss=OUT), "loss == None, must be one of"),
    (edited(loss=["BinaryFocalLoss"]), "loss == ('BinaryFocalLoss',), must be one of"),
    (edited(gamma=-1.0), "gamma == -1.0, must be >= 0 and finite"),
    (edited(gamma="2.0"), "gamma == '2.0', must be a number or a list of one per class (2)"),
    (edited(gamma=True), "gamma == True, must be a number or a list of one per class (2)"),
    (
        edited(gamma=[1.0, 2.0, 3.0]),
        "gamma == (1.0, 2.0, 3.0), must be a number or a list of one per class (2)",
    ),
    (edited(gamma={"0": 1.0, "1": 2.0}), "gamma == {'0': 1.0, '1': 2.0}, must be a number or a list"),
    (edited(gamma=1e300), "gamma == 1e+300, must be at most"),
    (edited(gamma="9" * 1000), f"gamma == '{'9' * 76}..., must be a number"),
    (edited(alpha="heavy"), "alpha == 'heavy', must be null, 'balanced', a number or a list of two"),
    (edited(alpha=1.5, balanced=False), "alpha == 1.5, must be in (0, 1)"),
    (edited(alpha=[0.0, 1.0]), "alpha[0] == 0.0, must be > 0 and finite"),
    (edited(alpha=[2**60 + 1, 1]), "alpha == (1152921504606846977, 1), must be (1.1529"),
    (edited(hessian="bold"), "hessian == 'bold', must be one of 'guarded', 'exact', 'reweighted'"),
    (edited(scale=0.0), "scale == 0.0, must be a number > 0"),
    (edited(scale=None), "scale == None, must be a number > 0"),
    (edited(intercept=1e39), "intercept == 1e+39, must be null or a number in the range of float32"),
    (edited(intercept=[0.0]), "intercept == (0.0,), must be null or a number in the range of float32"),
    (edited(balanced=1), "balanced == 1, must be true or false"),
    (edited(label_smoothing=1.0), "label_smoothing == 1.0, must be a number in [0, 1)"),
    (edited(SOFTMAX, n_classes=3.0), "n_classes == 3.0, must be null or a whole number >= 2"),
    (edited(SOFTMAX, n_classes=1), "n_classes == 1, must be null or a whole number >= 2"),
    (edited(LABELS, n_labels=2**40), "n_labels == 1099511627776, must be null or a whole number >= 1"),
    (
        edited(SOFTMAX, alpha=0.5),
        "alpha == 0.5, must be null, 'balanced' or a list of one number per class (3)",
    ),
    (
        edited(LABELS, alpha=[0.25, [1.0]]),
        "alpha == (0.25, (1.0,)), must be null, 'balanced', a number, or a",
    ),
    (edited(scale=1e-300), "scale times alpha == [[6.6666"),
    (edited(SOFTMAX, scale=1e200), "scale times alpha == [1e+200, 2e+200, 4e+200], must be from"),
    # Keys.
    *((edited(**{name: OUT}), f"no key {name!r}, must have it") for name in KEYS["BinaryFocalLoss"]),
    (edited(n_classes=2), "the unknown key 'n_classes', must have only gamma, alpha, hessian, "),
    (edited(device="cuda"), "the unknown key 'device', must have only gamma, alpha, hessian, "),
    (edited(**{"x" * 1000: 1}), f"the unknown key '{'x' * 76}..., must have only"),
    (edited(estimator=None), "estimator == None, must be an object"),
    (TEXT.replace('"gamma": 2.0', '"gamma": 2.0, "gamma": 3.0'), "the key 'gamma' twice, must have it once"),
    (edited(estimator={"a": 1}).replace('"a": 1', '"a": 1, "a": 1'), "the key 'a' twice, must have it once"),
    # Keys beside one another.
    (
        edited(SOFTMAX, n_classes=4),
        "alpha == (1.0, 2.0, 4.0), must be null, 'balanced' or a list of one number per ",
    ),
    (edited(SOFTMAX, n_classes=None), "n_classes == None with an intercept, must be its number of entries"),
    (edited(UNRESOLVED, n_classes=None), "n_classes == None, must be 3 beside the rest"),
    (
        edited(SOFTMAX, intercept=[0.0, 0.0]),
        "intercept == (0.0, 0.0), must be null or a list of one number per cl",
    ),
    (edited(LABELS, scale=1.0), "scale == 1.0 with intercepts, must be a list of one per label"),
    (edited(LABELS, scale=[1.0]), "scale == (1.0,), must be 1 or a list of one number > 0 per label (2)"),
    (edited(intercept=None), "intercept == None with scale == 0.4697"),
    (edited(alpha="balanced"), "alpha == 'balanced' with an intercept, must be numbers"),
    (edited(alpha=None), "balanced == True with alpha == None, must have the class weights"),
    # JSON that other parsers take otherwise, or die of.
    (TEXT.replace("2.0", "NaN"), "the number NaN, must have finite numbers"),
    (TEXT.replace("2.0", "-Infinity"), "the number -Infinity, must have finite numbers"),
    (TEXT.replace("2.0", "1e999"), "the number 1e999, must have finite numbers"),
    (TEXT.replace("2.0", "9" * 5000), f"the number {'9' * 77}..., must have numbers of at most 40 digits"),
    (
        TEXT.replace("2.0", "2." + "0" * 5000),
        f"the number 2.{'0' * 75}..., must have finite numbers as float64",
    ),
    ("[" * 1_000_000, "more than 8 levels of brackets, must have at most 8"),
    ('{"a":' * 200_000, "more than 8 levels of brackets, must have at most 8"),
    (edited(estimator={"a": [[[[[[[[1]]]]]]]]}), "more than 8 levels of brackets, must have at most 8"),
    (" " * (LARGEST + 1), f"{LARGEST + 1} characters, must have at most {LARGEST}"),
]


@pytest.mark.parametrize(("text", "what"), DAMAGED, ids=[what[:40] for _, what in DAMAGED])
def test_a_damaged_record_names_key_value_rule_and_cure(text, what):
    with pytest.raises(ValueError, match=rf"^the stored loss has {re.escape(what)}[^\n]*{CURE}") as caught:
        from_json(text)
    assert len(str(caught.value)) < 500


def test_brackets_in_texts_are_no_levels():
    for text in ("[" * 50, '\\"' + "{" * 50, '"' * 9 + "[[[[[[[[[", "\\"):
        _, estimator = read_record(edited(estimator={"a": text, "b": text}))
        assert estimator == {"a": text, "b": text}


def test_whole_numbers_are_numbers():
    assert from_json(edited(gamma=2, scale=1, intercept=0)).to_json() == edited(
        gamma=2.0, scale=1.0, intercept=0.0
    )


@pytest.mark.parametrize("loss", [LOSS, SOFTMAX, LABELS, UNRESOLVED], ids=repr)
def test_the_table_has_every_key_that_is_written(loss):
    assert set(KEYS[type(loss).__name__]) == set(as_record(loss)) - {"format", "loss"}


def test_a_loss_of_your_own_has_the_keys_of_the_one_it_is_derived_from():
    @dataclass(frozen=True, repr=False)
    class Own(BinaryFocalLoss):
        pass

    loss = Own(2.0).for_labels([0, 0, 1])
    found = from_json(loss.to_json())
    assert type(found) is Own
    assert found == loss
    with pytest.raises(ValueError, match=r"the stored loss has gamma == 'x', must be a number"):
        from_json(edited(loss, gamma="x"))


def test_a_record_that_could_not_be_read_is_not_written():
    loss = MulticlassFocalLoss(2.0, [1 / 3] * 200_000)
    with pytest.raises(
        ValueError, match=rf"the record of the loss has \d+ characters, must have at most {LARGEST}"
    ):
        loss.to_json()


@pytest.mark.parametrize(
    ("loss", "shift", "kept"),
    [
        (LOSS, 0.5, 0.5),
        (SOFTMAX, 0.5, (0.5, 0.5, 0.5)),
        (LABELS, [0.5, 1], (0.5, 1.0)),
        (LOSS, None, None),
    ],
)
def test_every_shift_that_is_taken_can_be_read_again(loss, shift, kept):
    shifted = loss.with_shift(shift)
    assert shifted.logit_shift == kept
    assert from_json(shifted.to_json()) == shifted


@pytest.mark.parametrize(
    ("loss", "shift", "error", "text"),
    [
        (LOSS, 1001, ValueError, r"logit_shift == 1001, must be from -1000 to 1000"),
        (
            LOSS,
            (0.1, 0.2),
            ValueError,
            r"logit_shift == \(0.1, 0.2\), must be one number: the loss is binary",
        ),
        (LOSS, "0.1", TypeError, r"logit_shift == '0.1', must be finite"),
        (SOFTMAX, (0.1, 0.2), ValueError, "has 2 entries, must have 3, one per class"),
        (LABELS, (0.1, 0.2, 0.3), ValueError, "has 3 entries, must have 2, one per label"),
    ],
)
def test_another_shift_is_refused(loss, shift, error, text):
    with pytest.raises(error, match=text):
        loss.with_shift(shift)
