"""Model files damaged at random: refused in words, or a model with finite predictions; nothing dies.

A short run of `benchmarks/fuzz/files.py`, and what hypothesis makes of names and values.
"""

import importlib
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

for module in ("xgboost", "lightgbm"):
    pytest.importorskip(module)
from focalboost._boosters.model_check import check_text  # noqa: E402  # after the checks
from focalboost._boosters.model_file import ModelFileError  # noqa: E402
from focalboost._boosters.model_json import check_model  # noqa: E402
from focalboost._boosters.model_text import split_trees  # noqa: E402

FOLDER = Path(__file__).parents[2] / "benchmarks" / "fuzz"
NAMES = {"files", "mutations", "harness"}
pytestmark = pytest.mark.filterwarnings("ignore:.*deprecated")  # since XGBoost 3.4


@pytest.fixture(scope="module")
def fuzz():
    before = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        # Child processes are told where to find the scripts by the same list.
        patch.setattr(sys, "path", [str(FOLDER), *sys.path])
        yield importlib.import_module("files")
    for added in NAMES - before:
        sys.modules.pop(added, None)


@pytest.fixture(scope="module")
def originals(fuzz):
    return {form: fuzz.models(form) for form in fuzz.FORMATS}


def checked(form, data):
    """Whether our check lets a file through; any error but its own comes out."""
    answer = ""
    try:
        if form == "LightGBM text":
            check_text(*split_trees(data.decode()))
        else:
            check_model(data)
    except UnicodeDecodeError:
        return form != "LightGBM text"  # which load_model answers
    except ModelFileError as error:
        answer = str(error)
    assert not answer or re.search(
        r", must be .*\. The file was cut off, edited or damaged: ", answer, re.DOTALL
    )
    assert len(answer) < 600
    return not answer


def test_whole_files_pass_and_the_damage_is_seeded(fuzz, originals):
    for form, models in originals.items():
        assert all(checked(form, model.data) for model in models)
    jobs = [list(fuzz.jobs_of(originals, 20, seed)) for seed in (1, 1, 2)]
    assert jobs[0] == jobs[1] != jobs[2]
    assert {job.kind for job in jobs[0]} == set(fuzz.KINDS)


def test_the_checks_answer_any_damage_in_words(fuzz, originals):
    """400 files of each format; those cut off are all refused, and so are most of the others."""
    for form in originals:
        jobs = list(fuzz.jobs_of({form: originals[form]}, 400, 7))
        passed = [job.kind for job in jobs if checked(form, job.data)]
        assert len(passed) < 0.5 * len(jobs)
        # But for the end of a text, which holds nothing.
        assert passed.count("cut") <= 2


def test_a_short_run_in_child_processes(fuzz, originals):
    jobs = list(fuzz.jobs_of(originals, 40, 3))
    found = list(fuzz.outcomes("focalboost", originals, jobs))
    assert len(found) == len(jobs) == 120
    names = {outcome.partition(":")[0] for outcome in found}
    assert names <= {"refused", "by the booster", "same", "different"}
    assert {"refused", "same"} <= names


def test_a_child_that_dies_or_hangs_is_seen_and_the_rest_goes_on(fuzz, originals, monkeypatch):
    """By LightGBM's own loader: a child out of range, a circle, and the file as it was."""
    monkeypatch.setattr(fuzz, "TIMEOUT", 5.0)
    text = originals["LightGBM text"][0].data.decode()
    lines = re.search(r"^left_child=(.*)$", text, re.MULTILINE)
    jobs = []
    for first in ("99999999", "0", None):
        values = lines.group(1).split(" ")
        values[0] = first or values[0]
        data = text[: lines.start(1)] + " ".join(values) + text[lines.end(1) :]
        # As focalboost drops the line, so that the parser reads the trees.
        data = re.sub(r"^tree_sizes=.*\n", "", data, flags=re.MULTILINE)
        jobs.append(fuzz.Job(len(jobs), "LightGBM text", "value", 0, data.encode()))
    found = [outcome.partition(":")[0] for outcome in fuzz.outcomes("booster", originals, jobs)]
    assert found == ["abort", "hang", "same"]
    ours = [outcome.partition(":")[0] for outcome in fuzz.outcomes("focalboost", originals, jobs)]
    assert ours == ["refused", "refused", "same"]


# ---------------------------------------------------------------------- hypothesis
numbers = st.one_of(
    st.integers(-(2**70), 2**70).map(str),
    st.floats().map(repr),
    st.sampled_from(["", "-", "1_0", "0x1", "1e999", "+1", "٣", "1 2"]),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_value_in_a_model_text_is_a_model_or_refused(originals, data):
    """Accepted trees are trees: the way of each row ends in a leaf, with a finite value."""
    text = data.draw(st.sampled_from(originals["LightGBM text"])).data.decode()
    lines = text.split("\n")
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from([i for i, line in enumerate(lines) if "=" in line]))
        name, _, values = lines[place].partition("=")
        listed = values.split(" ")
        at = data.draw(st.integers(0, len(listed) - 1))
        near = st.sampled_from(listed)
        change = data.draw(st.sampled_from(["value", "value", "value", "less", "more", "name"]))
        if change == "name":
            name = data.draw(st.one_of(st.text(max_size=8), st.sampled_from([line[:12] for line in lines])))
        elif change == "less":
            del listed[at]
        else:
            listed[at : at + (change == "value")] = [data.draw(st.one_of(near, numbers))]
        lines[place] = f"{name}={' '.join(listed)}"
    text = "\n".join(lines)
    if checked("LightGBM text", text.encode("utf-8", "surrogatepass")):
        for tree in split_trees(text)[1]:
            keys = dict(line.split("=", 1) for line in tree.split("\n") if "=" in line)
            assert ends_in_leaves(keys)


def ends_in_leaves(keys):
    """Followed by hand, without what the check is made of."""
    n_leaves = int(keys["num_leaves"])
    values = [float(value) for value in keys["leaf_value"].split()]
    todo, seen = [0 if n_leaves > 1 else -1], set()
    children = [[int(child) for child in keys[name].split()] for name in ("left_child", "right_child")]
    while todo:
        node = todo.pop()
        assert node not in seen
        seen.add(node)
        if node >= 0:
            todo += [side[node] for side in children]
        else:
            assert np.isfinite(values[-node - 1])
    return len(seen) == 2 * n_leaves - 1


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-3, 40), st.floats(), numbers, st.integers()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_value_in_a_document_is_a_model_or_refused(originals, data):
    document = json.loads(data.draw(st.sampled_from(originals["XGBoost JSON"])).data)
    for _ in range(data.draw(st.integers(1, 3))):
        where = document
        while True:
            keys = sorted(where) if isinstance(where, dict) else range(len(where))
            key = data.draw(st.sampled_from(keys))
            inner = where[key]
            if not isinstance(inner, dict | list) or not inner or data.draw(st.integers(0, 9)) == 0:
                break
            where = inner
        if isinstance(where, dict) and data.draw(st.integers(0, 4)) == 0:
            del where[key]
        else:
            where[key] = data.draw(json_values)
        if not document:
            break
    if checked("XGBoost JSON", json.dumps(document).encode()):
        for tree in trees_of(document):
            sides = tree["left_children"], tree["right_children"]
            todo, seen = [0], set()
            while todo:
                node = todo.pop()
                assert node not in seen
                seen.add(node)
                todo += [side[node] for side in sides] if sides[0][node] != -1 else []
            deleted = sum(index == 2**31 - 1 for index in tree["split_indices"])
            assert len(seen) + deleted == len(sides[0]) == int(tree["tree_param"]["num_nodes"])


def trees_of(document):
    booster = document["learner"]["gradient_booster"]
    return booster.get("gbtree", booster)["model"].get("trees", [])
