"""The record of a loss: what it keeps comes back, and what is no record is refused."""

import json

import pytest
from hypothesis import given, settings

from focalboost import BinaryFocalLoss, MulticlassFocalLoss
from focalboost.losses._record import FORMAT, from_json, read_record
from tests.strategies import losses

LOSS = BinaryFocalLoss(2.0, "balanced").for_labels([0, 0, 0, 1])


def edited(**values):
    """The record of a loss with other entries; None takes one out."""
    record = {**json.loads(LOSS.to_json()), **values}
    return json.dumps({name: value for name, value in record.items() if value is not None})


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
        "label_smoothing": 0.0,
        "scale": LOSS.scale,
        "intercept": LOSS.intercept,
        "balanced": True,
    }
    assert record["format"] == FORMAT


def test_what_belongs_to_the_machine_is_not_kept():
    here = MulticlassFocalLoss(2.0, n_classes=3, device="cpu", n_jobs=3)
    assert here.to_json() == MulticlassFocalLoss(2.0, n_classes=3).to_json()
    assert from_json(here.to_json()) == MulticlassFocalLoss(2.0, n_classes=3)


def test_what_else_stands_in_the_record_is_handed_over():
    loss, others = read_record(edited(estimator={"classes": ["good", "fraud"]}))
    assert loss == LOSS
    assert others == {"estimator": {"classes": ("good", "fraud")}}


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
        "no JSON",
        "[]",
        "null",
        "{}",
        '{"format": 1}',
        LOSS.to_json()[:-1],
        edited(format="one"),
        edited(format=None),
        edited(loss="HingeLoss"),
        edited(loss=None),
        edited(gamma=-1.0),
        edited(alpha="heavy"),
        edited(intercept=None),
        edited(scale=None),
    ],
)
def test_what_is_no_record_is_refused(text):
    with pytest.raises(ValueError, match=r"^the stored loss is .*, must be a record written by focalboost: "):
        from_json(text)
