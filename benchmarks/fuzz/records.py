"""Records of models, changed at random: what does the reader make of them?

Each text is a valid record with one change. The reader may find the same loss, another one whose every value
is what the text says, or raise a ValueError that begins "the stored loss". All else is a fault, is printed,
and the script ends with status 1.

    python benchmarks/fuzz/records.py --texts 100000

`tests/fuzz/test_records.py` does a short run of it.
"""

from __future__ import annotations

import json
import random
import re
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness import parser, print_environment, print_table, save  # benchmarks/ is no package

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss
from focalboost._classifier.estimator import DEFAULTS
from focalboost._classifier.parameters import Asked, read_classifier
from focalboost._classifier.record import write_record
from focalboost._classifier.target import Target, read_target
from focalboost.losses._base import FocalLoss

OUTCOMES = ("same", "another", "refused", "fault")


class Raw(str):
    """JSON as it is to stand in the text."""

    __slots__ = ()


class Pairs(list[tuple[str, Any]]):
    """A JSON object, of which a key may be there twice."""


# ---------------------------------------------------------------------- valid records
def of_classifier(y: Any, **parameters: Any) -> str:
    """The record that a classifier trained with these labels and focal parameters writes."""
    asked = {**DEFAULTS, **parameters}
    labels, multilabel = read_target("y", y)
    target = Target.of(labels, multilabel=multilabel)
    loss = Asked(SimpleNamespace(**asked, n_jobs=None), target).for_labels(target.encode("y", y), None)
    return write_record(loss, target, asked)


def valid() -> list[str]:
    """Records of every loss, of native trainings and of classifiers, with labels of every kind."""
    rare, three = [0] * 97 + [1] * 3, [0] * 60 + [1] * 30 + [2] * 10
    sides = [[0, 1], [1, 1], [0, 0], [1, 0]] * 5
    text = np.array(["good", "fraud", 'a "b"]\n'])[three]
    losses: list[FocalLoss] = [
        BinaryFocalLoss(2.0),
        BinaryFocalLoss((2.0, 0.5), 0.25, hessian="exact"),
        BinaryFocalLoss(2.0, "balanced", label_smoothing=0.1).for_labels(rare),
        BinaryFocalLoss(0.0, (1.0, 30.0)).for_labels(rare),
        MulticlassFocalLoss(2.0),
        MulticlassFocalLoss((1.0, 2.0, 3.0), "balanced"),
        MulticlassFocalLoss(1.5, (1.0, 2.0, 5.0)).for_labels(three),
        MultilabelFocalLoss((2.0, 1.0), (0.25, (1.0, 3.0))),
        MultilabelFocalLoss(2.0, "balanced").for_labels(sides),
    ]
    return [
        *(loss.to_json() for loss in losses),
        of_classifier(rare),
        of_classifier(np.array(rare, bool), focal_alpha="balanced", focal_probability="focal"),
        of_classifier(np.array(rare) * 2.0, focal_label_smoothing=0.05, focal_gamma=(2.0, 1.0)),
        of_classifier(text, focal_alpha={"good": 1.0, "fraud": 30.0, 'a "b"]\n': 2.0}),
        of_classifier(text.astype(object), focal_alpha_power=0.5),
        of_classifier(np.array(three, np.int8), focal_gamma=(0.0, 1.0, 2.0), focal_hessian="reweighted"),
        of_classifier(sides, focal_alpha={0: 0.25, 1: {0: 1.0, 1: 3.0}}),
        of_classifier(sides, focal_alpha_power=-0.5),
    ]


# ---------------------------------------------------------------------- changes
def dump(value: Any) -> str:
    """JSON that may hold raw text and doubled keys."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, Pairs):
        return "{" + ", ".join(f"{json.dumps(name)}: {dump(item)}" for name, item in value) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(dump, value)) + "]"
    return json.dumps(value)


def anything(rng: random.Random, depth: int = 2) -> Any:
    """Any JSON, and what some parsers take for it."""
    makers: list[Callable[[], Any]] = [
        lambda: rng.choice([None, True, False, "", "2.0", "balanced", "focal", "binary", "|O", "<U5", "a"]),
        lambda: rng.choice([0, 1, 2, 3, -1, 0.5, 1.0, -0.0, 1e-300, 1e300, 2**31, 2**63, 5e-324, 1 - 2**-53]),
        lambda: rng.uniform(-3.0, 3.0),
        lambda: rng.randrange(-3, 5),
        lambda: Raw(rng.choice(["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" * 400, "9" * 5000])),
        lambda: Raw(rng.choice(["[" * 2000 + "]" * 2000, '{"a":' * 500 + "1" + "}" * 500, "[" * 100_000])),
        lambda: rng.choice(["a" * 1000, "\ud800", "\0", "é", "__class__", "9" * 30]),
    ]
    if depth > 0:
        makers += [
            lambda: [anything(rng, depth - 1) for _ in range(rng.randrange(5))],
            lambda: Pairs((name(rng), anything(rng, depth - 1)) for _ in range(rng.randrange(4))),
        ]
    return rng.choice(makers)()


def name(rng: random.Random) -> str:
    """A key: one that records have, one that Python's objects have, or none of both."""
    own = ["gamma", "alpha", "scale", "n_classes", "estimator", "focal_gamma", "by_class", "loss", "format"]
    others = ["predict_proba", "__class__", "_Booster", "device", "n_jobs", "probability", "", "x"]
    return rng.choice([*own, *others])


def places(value: Any) -> list[tuple[Any, int]]:
    """Every object and list with the places in it."""
    found: list[tuple[Any, int]] = []
    if isinstance(value, list):
        for place, item in enumerate(value):
            found.append((value, place))
            found += places(item[1] if isinstance(value, Pairs) else item)
    return found


def put(where: Any, place: int, value: Any) -> None:
    """Another value at a place, under the same key."""
    where[place] = (where[place][0], value) if isinstance(where, Pairs) else value


def mutant(text: str, kind: str, rng: random.Random) -> str:
    """The record with one change of that kind."""
    if kind == "truncated":
        return text[: rng.randrange(len(text))]
    if kind == "character":
        place = rng.randrange(len(text))
        new = rng.choice([chr(ord(text[place]) ^ 1 << rng.randrange(7)), chr(rng.randrange(1, 0x250)), ""])
        return text[:place] + new + text[place + rng.randrange(2) :]
    if kind == "digits":
        numbers = list(re.finditer(r"\d+", text))
        found = rng.choice(numbers)
        new = str(rng.choice([0, 1, 2, 3, 9, 10, 255, 256, 99999999, 10**12, "01", "1.", "1e5", "1e-9"]))
        return text[: found.start()] + new + text[found.end() :]
    record = json.loads(text, object_pairs_hook=Pairs)
    where, place = rng.choice(places(record))
    if kind == "removed":
        del where[place]
    elif kind == "added":
        item = (name(rng), anything(rng)) if isinstance(where, Pairs) else anything(rng)
        where.insert(rng.randrange(len(where) + 1), item)
    elif kind == "doubled":
        item = where[place]
        other = rng.random() < 0.5
        where.insert(
            rng.randrange(len(where) + 1),
            (item[0], anything(rng)) if isinstance(where, Pairs) and other else item,
        )
    elif kind == "renamed" and isinstance(where, Pairs):
        where[place] = (name(rng), where[place][1])
    elif kind == "swapped":
        other_where, other_place = rng.choice(places(record))
        source = other_where[other_place]
        put(where, place, json.loads(json.dumps(source[1] if isinstance(other_where, Pairs) else source)))
    else:
        put(where, place, anything(rng))
    return dump(record)


KINDS = ("removed", "added", "doubled", "renamed", "replaced", "swapped", "truncated", "character", "digits")


# ---------------------------------------------------------------------- outcomes
def equal(one: Any, other: Any) -> bool:
    """Of JSON: 1 and 1.0 are the same number, true and 1 are not the same."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def judge(text: str, original: str) -> str:
    """One of `OUTCOMES`, with what is wrong after "fault"."""
    try:
        loss, found = FocalLoss.from_json(text), read_classifier(text)
    except ValueError as error:
        return _refusal(error)
    except Exception as error:  # noqa: BLE001  # whatever else it is, it is what is looked for
        return f"fault: {type(error).__name__}: {error}"
    says, again = json.loads(text), loss.to_json() if found is None else write_record(*found)
    if not equal(json.loads(again), says) or (found is not None and found.loss != loss):
        return f"fault: wrote {again}"
    if not _has_probabilities(loss):
        return f"fault: no probabilities of {loss!r}"
    return "same" if equal(says, json.loads(original)) else "another"


def _has_probabilities(loss: FocalLoss) -> bool:
    n_outputs = loss._n_outputs() or 3
    if loss.alpha == "balanced" or n_outputs > 1000:
        return True
    margins = np.zeros(2) if isinstance(loss, BinaryFocalLoss) else np.zeros((2, n_outputs))
    posterior = loss.posterior(margins)
    return bool(((posterior >= 0.0) & (posterior <= 1.0)).all())


def _refusal(error: ValueError) -> str:
    text = str(error)
    fine = text.startswith("the stored loss ") and " must " in text and len(text) < 1000
    return "refused" if fine else f"fault: {type(error).__name__}: {text}"


def campaign(n_texts: int, seed: int) -> tuple[Counter[tuple[str, str]], list[dict[str, str]]]:
    """Counts by kind and outcome, and the faults."""
    rng = random.Random(seed)
    originals = valid()
    counts: Counter[tuple[str, str]] = Counter()
    faults = []
    for number in range(n_texts):
        kind = KINDS[number % len(KINDS)]
        original = rng.choice(originals)
        text = mutant(original, kind, rng)
        outcome = judge(text, original)
        counts[kind, outcome.partition(":")[0]] += 1
        if outcome.startswith("fault"):
            faults.append({"kind": kind, "outcome": outcome, "text": text})
    return counts, faults


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--texts", type=int, default=100_000)
    options.add_argument("--seed", type=int, default=0)
    arguments = options.parse_args()
    environment = print_environment()
    counts, faults = campaign(arguments.texts, arguments.seed)
    for text in valid():
        if judge(text, text) != "same":
            faults.append({"kind": "none", "outcome": judge(text, text), "text": text})
    rows = [[kind, *(str(counts[kind, outcome]) for outcome in OUTCOMES)] for kind in KINDS]
    total = ["all", *(str(sum(counts[kind, outcome] for kind in KINDS)) for outcome in OUTCOMES)]
    print_table(f"{arguments.texts} records, seed {arguments.seed}", ["change", *OUTCOMES], [*rows, total])
    for fault in faults[:20]:
        print(f"\n{fault['kind']}: {fault['outcome'][:1000]}\n{fault['text'][:1000]}")
    save(
        arguments.json,
        environment,
        {"counts": [[*key, value] for key, value in sorted(counts.items())], "faults": faults},
    )
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
