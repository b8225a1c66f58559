"""Records of models read with NumPy alone: the numbers of the loss, or an error."""

import importlib
import json
import pickle
import random
import re
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss
from focalboost._classifier.estimator import DEFAULTS
from focalboost._classifier.record import write_record
from focalboost._classifier.target import Target
from focalboost.calibration import served_loss
from focalboost.losses import _record
from focalboost.losses._base import FocalLoss

TRAINED = [
    BinaryFocalLoss(2.0).for_labels([0, 0, 0, 1]),
    BinaryFocalLoss((1.0, 3.0), 0.25).for_labels([0, 0, 0, 1]).with_shift(0.3),
    BinaryFocalLoss(2.0, "balanced").for_labels([0, 0, 0, 1]),
    MulticlassFocalLoss(1.0).for_labels([0, 1, 2, 2]),
    MulticlassFocalLoss((0.0, 1.0, 2.0), (1.0, 2.0, 3.0)).for_labels([0, 1, 2]).with_shift((0.1, 0.2, -0.3)),
    MulticlassFocalLoss(2.0, n_classes=2).for_labels([0, 1, 1]),
    MultilabelFocalLoss(2.0).for_labels([[0, 1], [1, 0]]),
    MultilabelFocalLoss((0.5, 2.0), (0.25, (1.0, 9.0))).for_labels([[0, 1], [1, 0]]).with_shift((0.2, -1.0)),
    MultilabelFocalLoss(1.0, 0.7, n_labels=1).for_labels([[0], [1]]),
    BinaryFocalLoss(2.0, sampling_rate=0.05).for_labels([0, 0, 0, 1]).with_shift(0.3),
    BinaryFocalLoss(2.0, sampling_rate=(0.05, 0.5)).for_labels([0, 0, 0, 1]),
    MulticlassFocalLoss(1.0, sampling_rate=(0.1, 1.0, 0.5)).for_labels([0, 1, 2, 2]),
    MultilabelFocalLoss(2.0, 0.25, sampling_rate=0.2).for_labels([[0, 1], [1, 0]]),
    MultilabelFocalLoss(2.0, sampling_rate=(0.2, (0.1, 0.7))).for_labels([[0, 1], [1, 0]]),
]


@pytest.mark.parametrize("loss", TRAINED, ids=repr)
def test_a_record_read_with_numpy_is_the_stored_loss(loss, rng):
    served = served_loss(_record.to_json(loss))
    shape = (50,) if served.task == "binary" else (50, len(served.alpha))
    margins = rng.normal(0.0, 4.0, shape)
    np.testing.assert_array_equal(served.posterior(margins), loss.posterior(margins))
    assert served.classes is None
    with pytest.raises(ValueError, match=r"raw_prediction has shape .*, must be \(n_samples"):
        served.posterior(np.zeros((50, 7)))
    if served.task == "multiclass":
        with pytest.raises(ValueError, match="the loss is multiclass, must be binary or multilabel"):
            served.margin_threshold(0.5)
    else:
        threshold = served.margin_threshold(0.2)
        np.testing.assert_array_equal(
            margins.astype(np.float32) > threshold, loss.posterior(margins.astype(np.float32)) > 0.2
        )


RECORD = json.loads(_record.to_json(TRAINED[1]))
UNTRAINED = json.loads(BinaryFocalLoss(2.0).to_json())
MULTILABEL = json.loads(_record.to_json(TRAINED[7]))


SOFTMAX = json.loads(MulticlassFocalLoss(2.0, n_classes=3).to_json())
OF_MODEL = json.loads(write_record(TRAINED[0], Target("binary", np.array(["good", "fraud"][::-1])), DEFAULTS))


def of_estimator(**values):
    return {**OF_MODEL, "estimator": {**OF_MODEL["estimator"], **values}}


@pytest.mark.parametrize(
    ("record", "error"),
    [
        (
            "{",
            "the stored loss is '{', must be a record written by focalboost. The record was edited",
        ),
        ("model.txt", "is 'model.txt', must be a record written by focalboost. A record is booster.attr"),
        ("tree\n" + "0 " * 3_000_000, r"is 'tree\\n.*, must be a record .* A record is booster.attr"),
        (json.dumps(RECORD).encode(), "must be a record written by focalboost. A record is booster.attr"),
        (None, "record == None, must be the text that a model keeps: the booster has none. Train it"),
        (7, "the stored loss is 7, must be a record"),
        ("[1]", r"the stored loss is '\[1\]', must be a record"),
        ({**RECORD, "format": 2}, "format 2, must be at most 1: a newer focalboost"),
        ({**RECORD, "format": True}, "format == True, must be 1"),
        ({**RECORD, "loss": "Mine"}, "loss == 'Mine', must be one of 'BinaryFocalLoss'"),
        ({"format": 1, "loss": "BinaryFocalLoss", "gamma": 2.0}, "no key 'alpha', must have it"),
        ({**UNTRAINED, "alpha": "balanced"}, "alpha == 'balanced', must be numbers, as after training"),
        ({**RECORD, "alpha": [1.0, 2.0, 3.0]}, r"alpha == \(1.0, 2.0, 3.0\), must be"),
        ({**RECORD, "alpha": 1e-40}, "alpha == 1e-40, must be from 1e-30"),
        ({**RECORD, "gamma": None}, "gamma == None, must be a number"),
        ({**RECORD, "gamma": "2.0"}, "gamma == '2.0', must be a number"),
        ({**RECORD, "gamma": True}, "gamma == True, must be a number"),
        ({**RECORD, "gamma": -1}, "gamma == -1, must be >= 0 and finite"),
        ({**RECORD, "gamma": 1e308}, "must be at most 100"),
        ({**RECORD, "gamma": float("nan")}, "the number NaN, must have finite numbers"),
        (json.dumps(RECORD).replace("0.3", "1e999"), "the number 1e999, must have finite numbers"),
        (json.dumps(RECORD).replace('"gamma":', '"gamma": 1, "gamma":'), "the key 'gamma' twice"),
        ("[" * 100_000, "more than 8 levels of brackets"),
        ({**RECORD, "sampling_rate": 0}, r"sampling_rate == 0, must be null, a number in \(0, 1\]"),
        ({**RECORD, "logit_shift": [0.1, 0.2]}, "logit_shift == .*must be null or a number from -1000"),
        ({**RECORD, "scale": 1e-300}, "scale times alpha == .*, must be from"),
        ({**MULTILABEL, "n_labels": None}, "n_labels == None with an intercept"),
        ({**MULTILABEL, "n_labels": 3}, r"must be .* \(3\)"),
        ({**MULTILABEL, "alpha": [[1.0], [2.0]]}, r"alpha == \(\(1.0,\), \(2.0,\)\)"),
        ({k: v for k, v in MULTILABEL.items() if k != "sampling_rate"}, "no key 'sampling_rate'"),
        ({**SOFTMAX, "n_classes": 10**9}, "intercept == None, must have one number for each of its classes"),
        ({**RECORD, "estimator": []}, r"estimator == \(\), must be an object"),
        ({**RECORD, "estimator": None}, "estimator == None, must be an object"),
        (of_estimator(classes=5), "classes == 5 of its estimator, must be a list"),
        (of_estimator(classes=["a", "b", "c"]), "3 classes of its estimator, must have 2"),
        (of_estimator(task="multiclass"), "task == 'multiclass' of its estimator, must be 'binary'"),
        (of_estimator(missing="none"), "missing == 'none' of its estimator, must be null, a number"),
        (of_estimator(parameters={}), "no key 'focal_gamma' among the parameters"),
        (
            of_estimator(parameters={**OF_MODEL["estimator"]["parameters"], "focal_probability": "odds"}),
            "focal_probability == 'odds', must be one of 'posterior', 'closed_form', 'focal'",
        ),
    ],
)
def test_damaged_records_are_refused(record, error):
    with pytest.raises(ValueError, match=error):
        served_loss(json.dumps(record) if isinstance(record, dict) else record)


@pytest.fixture(scope="module")
def fuzz():
    folder, before = Path(__file__).parents[2] / "benchmarks" / "fuzz", set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(folder), *sys.path])
        module = importlib.import_module("records")
    for added in {"records", "harness"} - before:
        sys.modules.pop(added, None)
    return module


def test_it_is_as_strict_as_where_a_model_is_loaded(fuzz):
    """Records with a change at random: what the losses refuse is refused, else the numbers are theirs."""
    rng = random.Random(5)
    originals = fuzz.valid()
    outcomes = Counter()
    for number in range(1500):
        text = fuzz.mutant(rng.choice(originals), fuzz.KINDS[number % len(fuzz.KINDS)], rng)
        try:
            loss = FocalLoss.from_json(text)
        except ValueError:
            with pytest.raises(ValueError, match=r"^the stored loss .* must "):
                served_loss(text)
            outcomes["refused"] += 1
            continue
        found, served = attempt(fuzz.read_classifier, text), attempt(served_loss, text)
        if isinstance(found, ValueError) or isinstance(served, ValueError):
            # A classifier's part, a loss without numbers, or no posterior.
            assert "the stored loss has" in f"{found} {served}"
            outcomes["other"] += 1
            continue
        asked = "posterior" if found is None else found.parameters["focal_probability"]
        margins = rng_margins(served)
        expected = loss if asked == "posterior" else loss.with_shift(None)
        np.testing.assert_array_equal(served.posterior(margins), expected.posterior(margins))
        outcomes["same"] += 1
    assert outcomes["refused"] > 500
    assert outcomes["same"] > 100
    assert outcomes["other"] > 20


def attempt(function, text):
    try:
        return function(text)
    except ValueError as error:
        return error


def rng_margins(served):
    shape = (20,) if served.task == "binary" else (20, len(served.alpha))
    return np.random.default_rng(0).normal(0, 3, shape)


def test_a_closed_form_is_served_as_predict_proba_and_a_confidence_is_refused():
    loss, target = TRAINED[1], Target("binary", np.array([0, 1]))
    asked = {**DEFAULTS, "focal_gamma": (1.0, 3.0), "focal_alpha": 0.25}
    x = np.linspace(-3, 3, 9)
    for probability, expected in (("posterior", loss), ("closed_form", loss.with_shift(None))):
        served = served_loss(write_record(loss, target, {**asked, "focal_probability": probability}))
        np.testing.assert_array_equal(served.posterior(x), expected.posterior(x))
    assert np.abs(loss.posterior(x) - loss.with_shift(None).posterior(x)).max() > 0.01
    record = write_record(loss, target, {**asked, "focal_probability": "focal"})
    with pytest.raises(ValueError, match="focal_probability == 'focal', must be 'posterior' or"):
        served_loss(record)


def test_losses_of_the_same_numbers_are_equal():
    one, same, other = (served_loss(_record.to_json(TRAINED[k])) for k in (0, 0, 1))
    assert one == same
    assert hash(one) == hash(same)
    assert one != other
    assert one != "loss"
    assert len({one, same, other}) == 2
    assert pickle.loads(pickle.dumps(one)) == one
    with_names = replace(one, classes=[0, 1])
    assert with_names not in {one, replace(one, classes=["0", "1"]), replace(one, classes=[False, True])}
    with pytest.raises(ValueError, match="read-only"):
        one.alpha[0] = 2.0


@pytest.mark.parametrize("task", ["binary", "multilabel"])
@pytest.mark.parametrize("booster", ["xgboost", "lightgbm"])
def test_a_models_decisions_are_those_of_its_margins(booster, task):
    pytest.importorskip("xgboost")
    pytest.importorskip("lightgbm")
    from tests.classifier.models import MAKERS, Data, margins_of, quiet

    model = MAKERS[booster](focal_gamma=2.0, focal_alpha="balanced", n_estimators=5)
    model.fit(Data.X, getattr(Data, task), **quiet(model))
    if booster == "xgboost":
        record, dtype = model.get_booster().attr("focalboost"), np.float32
    else:
        text = model.booster_.model_to_string()
        record, dtype = re.search(r"^\[focalboost: (.*)\]$", text, re.MULTILINE).group(1), np.float64
    served = served_loss(record)
    assert served.classes == model.classes_.tolist()
    margins = margins_of(model, Data.X)
    probability = model.predict_proba(Data.X)
    if task == "binary":
        probability = probability[:, 1]
    np.testing.assert_array_equal(served.posterior(margins), probability)
    # Scores of rows are thresholds too: those lie exactly on them, with all rows of the same leaves.
    for row in range(0, len(Data.X), 30):
        for threshold in (0.3, probability[row]):
            above = served.margin_threshold(threshold, dtype=dtype)
            # Sums of other leaves in float64 that are equal but for rounding are taken for equal.
            tied = (np.abs(margins - above) < 1e-13) & (probability != threshold)
            assert dtype is np.float64 or not tied.any()
            np.testing.assert_array_equal((margins > above)[~tied], (probability > threshold)[~tied])
            or_equal = served.margin_threshold(threshold, or_equal=True, dtype=dtype)
            np.testing.assert_array_equal((margins > or_equal)[~tied], (probability >= threshold)[~tied])
