"""Files that are whole or not there."""

import hashlib
import json
import os
import stat
from copy import copy
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from focalboost import BinaryFocalLoss
from focalboost.comparison._files import (
    _plain,
    check_ending,
    digest,
    minus_log_loss,
    replaced,
    result_dict,
    write_json,
    write_model,
    write_text,
)

optuna = pytest.importorskip("optuna")

from tests.comparison.fakes import fake_comparison  # noqa: E402  # needs Optuna


def test_a_file_takes_its_place_when_it_is_done(tmp_path):
    path = tmp_path / "report.html"
    path.write_text("old")
    with replaced(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
        assert temporary.suffix == ".html"
        assert temporary.parent == tmp_path
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_fails_leaves_the_old_one(tmp_path):
    path = tmp_path / "report.html"
    path.write_text("old")
    with pytest.raises(OSError, match="disk full"), replaced(path) as temporary:  # noqa: PT012
        temporary.write_text("ha")
        raise OSError("disk full")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["no/x.ubj", "no/x.html"])
def test_a_folder_that_is_not_there_is_named_with_the_path_that_was_given(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    comparison = SimpleNamespace(settings=SimpleNamespace(booster="xgboost"))  # asked for no model
    error = rf"^path == '{name}', must be in a folder that exists: there is no {tmp_path / 'no'}\. Create it"
    with pytest.raises(FileNotFoundError, match=error):
        write_model(comparison, name) if name.endswith("ubj") else write_text(name, "page")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(IsADirectoryError, match=r"^path == .*, must be a file: it is a folder\. Add a name"):
        write_text(tmp_path, "page")


def test_an_interrupted_file_is_not_there(tmp_path):
    with pytest.raises(KeyboardInterrupt), replaced(tmp_path / "new.json") as temporary:  # noqa: PT012
        temporary.write_text("ha")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
def test_permissions_are_those_of_any_new_file_or_of_the_old_one(tmp_path):
    other = tmp_path / "other"
    other.touch()
    path = tmp_path / "new.txt"
    write_text(path, "text")
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(other.stat().st_mode)
    path.chmod(0o640)
    write_text(path, "again")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.skipif(os.name == "nt", reason="links need a right of their own")
def test_a_link_stays_a_link(tmp_path):
    real = tmp_path / "real.txt"
    real.write_text("old")
    link = tmp_path / "link.txt"
    link.symlink_to(real)
    write_text(link, "new")
    assert link.is_symlink()
    assert real.read_text() == "new"


def test_text_is_the_same_bytes_everywhere(tmp_path):
    write_text(tmp_path / "a.txt", "é\nb\n")
    content = "é\nb\n".encode()
    assert (tmp_path / "a.txt").read_bytes() == content
    found = {"path": str(tmp_path / "a.txt"), "bytes": 5, "sha256": hashlib.sha256(content).hexdigest()}
    assert digest(tmp_path / "a.txt") == found


@pytest.mark.parametrize(
    ("name", "booster", "error"),
    [
        (
            "m.txt",
            "xgboost",
            r"path == 'm.txt', must end in .ubj or .json for a model of xgboost, or in .onnx.",
        ),
        ("m", "xgboost", r"path == 'm', must end in .ubj or .json"),
        ("m.ubj", "lightgbm", r"path == 'm.ubj', must end in .txt for a model of lightgbm, or in .onnx."),
    ],
)
def test_an_ending_that_the_booster_does_not_write(name, booster, error):
    with pytest.raises(ValueError, match=error):
        check_ending(name, booster)


@pytest.mark.parametrize(
    ("name", "booster"),
    [("m.ubj", "xgboost"), ("m.JSON", "xgboost"), ("m.txt", "lightgbm"), ("m.onnx", "lightgbm")],
)
def test_an_ending_that_it_writes(name, booster):
    check_ending(name, booster)


def test_what_json_has_no_word_for():
    value = {
        1: np.float32("nan"),
        "array": np.array([[1, 2]]),
        "infinite": float("-inf"),
        "flag": np.True_,
        "tuple": (None, "x"),
        "function": np.datetime64("2024-01-31"),
    }
    text = json.dumps(_plain(value), allow_nan=False)
    assert json.loads(text) == {
        "1": None,
        "array": [[1, 2]],
        "infinite": None,
        "flag": True,
        "tuple": [None, "x"],
        "function": "2024-01-31",
    }


# ---------------------------------------------------------------------- the model
def trained(booster, gamma):
    """A comparison of which only the winner is known."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 3)).astype(np.float32)
    y = (X[:, 0] + rng.normal(size=400) > 1.5).astype(np.int8)
    module = pytest.importorskip(booster)
    if gamma is None:
        own = {"xgboost": "XGBClassifier", "lightgbm": "LGBMClassifier"}[booster]
        cls, options = getattr(module, own), {}
    else:
        ours = pytest.importorskip(f"focalboost.{booster}")
        cls = {"xgboost": "FocalXGBClassifier", "lightgbm": "FocalLGBMClassifier"}[booster]
        cls, options = getattr(ours, cls), {"focal_gamma": gamma, "focal_alpha_power": 0.5}
    if booster == "lightgbm":
        options["verbosity"] = -1
    model = cls(n_estimators=5, n_jobs=1, **options).fit(X, y)
    return SimpleNamespace(settings=SimpleNamespace(booster=booster), final_model=lambda: model), model, X


@pytest.mark.parametrize("gamma", [None, 0.0, 1.5])
@pytest.mark.parametrize(
    ("booster", "ending"), [("xgboost", "ubj"), ("xgboost", "json"), ("lightgbm", "txt")]
)
def test_a_model_in_the_format_of_its_booster(tmp_path, booster, ending, gamma):
    comparison, model, X = trained(booster, gamma)
    path = tmp_path / f"m.{ending}"
    write_model(comparison, path)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    ours = pytest.importorskip(f"focalboost.{booster}")
    loaded = ours.load_model(path)
    if booster == "xgboost":
        margins = loaded.inplace_predict(X, predict_type="margin")
    else:
        margins = loaded.predict(X, raw_score=True)
    expected = model.predict_proba(X)[:, 1]
    if gamma is None:
        # The booster's own: no loss is stored, and its own margin is the log-odds.
        with pytest.raises(ValueError, match="stored loss"):
            ours.stored_loss(path)
        assert 1 / (1 + np.exp(-margins)) == pytest.approx(expected, rel=1e-5)
    else:
        loss = ours.stored_loss(path)
        assert isinstance(loss, BinaryFocalLoss)
        assert loss.gamma == gamma
        assert loss.posterior(margins) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("gamma", [None, 1.5])
@pytest.mark.parametrize("booster", ["xgboost", "lightgbm"])
def test_a_model_as_onnx(tmp_path, booster, gamma):
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    comparison, model, X = trained(booster, gamma)
    write_model(comparison, tmp_path / "m.onnx")
    session = runtime.InferenceSession(tmp_path / "m.onnx")
    (rows,) = session.get_inputs()
    dtype = np.float64 if rows.type == "tensor(double)" else np.float32
    found = session.run(None, {rows.name: X.astype(dtype)})
    assert (found[0] == model.predict(X)).all()
    assert found[1][:, 1] == pytest.approx(model.predict_proba(X)[:, 1], abs=1e-6)


def test_a_model_of_another_booster_is_refused_and_not_written(tmp_path):
    comparison, _, _ = trained("xgboost", None)
    with pytest.raises(ValueError, match=r"must end in .ubj or .json for a model of xgboost"):
        write_model(comparison, tmp_path / "m.txt")
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------------- the result
@pytest.fixture(scope="module")
def fake():
    return fake_comparison(cost_missed="amount")


def test_the_result_is_strict_json_and_says_all(fake, tmp_path):
    path = tmp_path / "r.json"
    write_json(fake, path, {"model": {"path": "m.ubj"}})

    def refuse(word):
        raise AssertionError(word)

    found = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    assert found.pop("files") == {"model": {"path": "m.ubj"}}
    again = result_dict(fake)
    again["written"] = found["written"]
    assert found == again
    assert list(found)[:2] == ["format", "focalboost"]  # by which the command knows its own files
    assert found["verdict"]["sentence"] == fake.verdict.sentence
    assert found["verdict"]["name"] in found["verdict"]["sentence"]
    assert found["thresholds"][0] == {
        "purpose": "cost",
        "probability": None,
        "margin": None,
        "says": fake.thresholds[0].says,
        "low": None,
        "high": None,
    }
    assert (found["thresholds"][1]["probability"], found["thresholds"][1]["margin"]) == (0.1834, -1.4938)
    assert found["contenders"]["focal"]["params"]["focal_gamma"] == 1.73
    assert found["contenders"]["focal"]["rounds"] == 214
    assert found["contenders"]["focal"]["n_trials"] == 12
    assert found["contenders"]["untuned"]["fold_scores"] is None
    assert found["data"]["categories"] == {"merchant": ["a", "b"]}
    assert [column["name"] for column in found["data"]["columns"]] == [
        column.name for column in fake.task.report.columns
    ]
    assert (found["split"]["n_train"], found["split"]["n_test"]) == (4000, 2000)
    assert found["settings"]["cost_missed"] == "amount"
    assert found["settings"]["seed"] == 0
    assert found["versions"] == fake.versions
    assert found["command"] == fake.command


def test_trials_are_those_that_counted(fake):
    asked = copy(fake)
    asked.settings = replace(fake.settings, trials=9)  # of 12 in the storage
    found = result_dict(asked)["contenders"]
    assert [each["n_trials"] for each in found.values()] == [0, 9, 9, 9]
    study = fake.trained[-1].study
    study.add_trial(optuna.trial.create_trial(state=optuna.trial.TrialState.FAIL))  # was killed
    assert result_dict(fake)["contenders"]["focal"]["n_trials"] == 12


def test_every_measure_has_values_differences_and_intervals(fake):
    judgement = fake.judgement
    found = result_dict(fake)["measures"]
    assert [line["key"] for line in found] == [measure.key for measure in judgement.measures]
    base = judgement.keys.index("log_loss")
    for m, line in enumerate(found):
        assert list(line["values"]) == judgement.keys
        for k, key in enumerate(judgement.keys):
            assert line["values"][key]["value"] == judgement.values[k, m]
            if k == base:
                assert key not in line["minus_log_loss"]
                continue
            told = line["minus_log_loss"][key]
            assert told["value"] == judgement.values[k, m] - judgement.values[base, m]
            assert told["low"] < told["value"] < told["high"]
            assert told["shown"] in ("better", "worse", "not shown to differ")


def test_differences_are_of_each_replicate(fake):
    found = minus_log_loss(fake.judgement)
    k = fake.judgement.keys.index("focal")
    base = fake.judgement.keys.index("log_loss")
    expected = fake.judgement.replicates[:, k] - fake.judgement.replicates[:, base]
    assert np.array_equal(found.replicates[:, k], expected, equal_nan=True)
    assert (found.values[base] == 0).all()


def test_the_digest_of_the_rows_knows_them_again(fake):
    digest_of = result_dict(fake)["data"]["sha256_of_rows"]
    assert result_dict(fake)["data"]["sha256_of_rows"] == digest_of
    other = fake_comparison(cost_missed="amount", seed=1)
    assert result_dict(other)["data"]["sha256_of_rows"] != digest_of
