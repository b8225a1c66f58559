"""Any loss comes back from its record; a record with one change is the loss that it says, or an error."""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from focalboost.losses._base import FocalLoss
from tests.strategies import losses

FOLDER = Path(__file__).parents[2] / "benchmarks" / "fuzz"


@pytest.fixture(scope="module")
def fuzz():
    before = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(FOLDER), *sys.path])
        module = importlib.import_module("records")
    for added in {"records", "harness"} - before:
        sys.modules.pop(added, None)
    return module


def test_a_valid_record_is_read_as_it_is(fuzz):
    for text in fuzz.valid():
        assert fuzz.judge(text, text) == "same"


def test_a_short_run_of_the_benchmark(fuzz):
    counts, faults = fuzz.campaign(1800, seed=1)
    assert faults == []
    assert counts.total() == 1800
    for kind in fuzz.KINDS:
        assert sum(counts[kind, outcome] for outcome in fuzz.OUTCOMES) == 200
        assert counts[kind, "refused"] > 0
    assert sum(counts[kind, "another"] for kind in fuzz.KINDS) > 50
    # A text that is cut off, or has a key twice, is never a record.
    for kind in ("truncated", "added", "doubled"):
        assert counts[kind, "refused"] == 200


def test_the_judge_sees_what_it_looks_for(fuzz, monkeypatch):
    """A reader that takes defaults, one that sets what it finds, one that dies."""
    text = fuzz.valid()[0]
    loss = FocalLoss.from_json(text)
    for reader, edited, what in [
        (lambda _: loss, text.replace("2.0", "3.0"), "wrote"),
        (lambda _: loss, text.replace('"gamma": 2.0', '"gamma": true'), "wrote"),
        (lambda edited: json.loads(edited)["alpa"], text, "KeyError"),
        (lambda edited: int("x"), text, "ValueError: invalid literal"),
        (lambda edited: json.loads("[" * 100_000), text, "RecursionError"),
    ]:
        monkeypatch.setattr(FocalLoss, "from_json", staticmethod(reader))
        monkeypatch.setattr(fuzz, "read_classifier", lambda _: None)
        assert fuzz.judge(edited, text).startswith(f"fault: {what}")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(loss=losses(), data=st.data())
def test_one_change_of_any_loss(fuzz, loss, data):
    text = loss.to_json()
    assert fuzz.judge(text, text) == "same"
    pairs = list(json.loads(text).items())
    place = data.draw(st.integers(0, len(pairs) - 1))
    name, value = pairs[place]
    change = data.draw(st.sampled_from(["removed", "added", "doubled", "replaced", "entry", "text"]))
    expected = {"refused"}
    if change == "removed":
        del pairs[place]
    elif change == "added":
        new = data.draw(
            st.text(max_size=10).filter(lambda new: new not in dict(pairs) and new != "estimator")
        )
        pairs.insert(place, (new, data.draw(json_values)))
    elif change == "doubled":
        pairs.append((name, data.draw(st.just(value) | json_values)))
    elif change == "replaced":
        pairs[place] = (name, data.draw(json_values))
        expected |= {"same", "another"}
    elif change == "entry" and isinstance(value, list):
        value[data.draw(st.integers(0, len(value) - 1))] = data.draw(json_values)
        expected |= {"same", "another"}
    changed = fuzz.dump(fuzz.Pairs(pairs))
    if change == "text":
        at = data.draw(st.integers(0, len(text) - 1))
        changed = text[:at] + data.draw(st.text(max_size=3)) + text[at + data.draw(st.integers(0, 3)) :]
    if changed == text or change in {"text", "entry"}:
        expected |= {"same", "another"}
    assert fuzz.judge(changed, text) in expected


@settings(max_examples=300, deadline=None)
@given(text=st.text() | st.builds(json.dumps, json_values))
def test_any_other_text(fuzz, text):
    assert fuzz.judge(text, text) == "refused"


def several(values):
    return st.lists(values, min_size=2, max_size=5, unique=True)


def of_dtype(kind):
    limits = np.iinfo(kind)
    return several(st.integers(int(limits.min), int(limits.max))).map(lambda found: np.array(found, kind))


labels = st.one_of(
    several(st.text(max_size=8)).map(lambda words: np.array(words, object)),
    several(st.text('ab\n"\\]é0', max_size=5)).map(np.array),
    *map(of_dtype, ("i1", "u1", "<i4", ">i2", "i8", "u8")),
    several(st.integers(-(2**24), 2**24)).map(lambda numbers: np.array(numbers, "f4")),
    st.just(np.array([False, True])),
)


@settings(max_examples=200, deadline=None)
@given(classes=labels, data=st.data())
def test_a_classifiers_record_comes_back(fuzz, classes, data):
    classes = np.unique(classes)
    if len(classes) < 2:
        return
    numbers = st.floats(0.1, 5.0)
    by_class = st.fixed_dictionaries(dict.fromkeys(classes.tolist(), numbers))
    parameters = {
        "focal_gamma": data.draw(numbers | by_class),
        "focal_alpha": data.draw(st.none() | st.just("balanced") | by_class),
        "focal_probability": data.draw(st.sampled_from(["posterior", "focal"])),
    }
    text = fuzz.of_classifier(np.repeat(classes, 3), **parameters)
    assert fuzz.judge(text, text) == "same"
    found = fuzz.read_classifier(text)
    np.testing.assert_array_equal(found.target.classes, classes)
    assert found.target.classes.dtype == classes.dtype
    assert found.parameters == {**fuzz.DEFAULTS, **parameters}
