"""The run stage of benchmarks/study/: small tables through the real search, end to end."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

for module in ("optuna", "pandas", "pyarrow", "xgboost", "lightgbm"):
    pytest.importorskip(module)
import pandas as pd  # noqa: E402  # after the checks

STUDY = Path(__file__).parents[2] / "benchmarks" / "study"


@pytest.fixture(scope="module")
def modules():
    """The study's modules: scripts beside each other, which import by plain names."""
    names = ("sets", "contenders", "search", "ablation")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(STUDY)
        yield {name: importlib.import_module(name) for name in names}
    for name in names:
        del sys.modules[name]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Four files of the study, made up: binary, multi-class, multi-label, and one in time."""
    path, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)

    def frame(n):
        return pd.DataFrame(rng.normal(size=(n, 4)).astype(np.float32), columns=list("abcd"))

    table = frame(400)
    table["kind"] = pd.Categorical.from_codes(rng.integers(-1, 3, 400), ["u", "v", "w"])
    table["target"] = (table.a + rng.normal(size=400) > 1.9).astype(np.int8)
    table.to_parquet(path / "imb_yeast_me2.parquet")
    table = frame(300)
    table["target"] = np.digitize(table.a + 0.3 * rng.normal(size=300), [-0.5, 0.8, 2.4]).astype(np.int8)
    table.to_parquet(path / "glass.parquet")
    table = frame(300)
    for label in range(3):
        table[f"target_{label}"] = (table[list("abc")[label]] > 1.0).astype(np.int8)
    table["target_rare"] = (np.arange(300) < 10).astype(np.int8)
    table.to_parquet(path / "ml_emotions.parquet")
    table = frame(20_000)
    table["Time"] = np.arange(20_000)
    table["target"] = (table.a + rng.normal(size=20_000) > 3.0).astype(np.int8)
    table.to_parquet(path / "fraud_ulb_sample.parquet")
    return path


# ---------------------------------------------------------------------- sets
def test_categories_are_their_numbers_and_missing_is_missing(modules, folder):
    table = modules["sets"].load(folder, "yeast_me2")
    codes = pd.read_parquet(folder / "imb_yeast_me2.parquet")["kind"].cat.codes
    np.testing.assert_array_equal(table.X[:, 4], np.where(codes < 0, np.nan, codes).astype(np.float32))
    assert table.X.dtype == np.float32


def test_rare_classes_and_labels_are_left_out(modules, folder):
    sets = modules["sets"]
    found, counts = np.unique(pd.read_parquet(folder / "glass.parquet")["target"], return_counts=True)
    kept = found[counts >= sets.FEWEST]
    assert len(kept) < len(found)
    np.testing.assert_array_equal(np.unique(sets.load(folder, "glass").y), np.arange(len(kept)))
    assert sets.load(folder, "emotions").y.shape == (300, 3)


def test_rows_are_thinned_out_in_proportion_and_in_order(modules, folder):
    sets = modules["sets"]
    table, whole = sets.load(folder, "ulb_card_fraud"), pd.read_parquet(folder / "fraud_ulb_sample.parquet")
    n = min(sets.MOST, max(sets.LIMIT["binary"], int(np.ceil(sets.RARE / whole.target.mean()))))
    assert len(table.y) == pytest.approx(n, abs=1)
    assert table.y.mean() == pytest.approx(whole.target.mean(), rel=0.02)
    assert table.X.shape[1] == 4  # Time numbers the rows
    place = {tuple(row): i for i, row in enumerate(whole[list("abcd")].to_numpy())}
    assert np.all(np.diff([place[tuple(row)] for row in table.X]) > 0)


@pytest.mark.parametrize("name", ["yeast_me2", "ulb_card_fraud", "glass", "emotions", "breast_cancer"])
def test_no_row_is_in_two_parts(modules, folder, name):
    sets = modules["sets"]
    table = sets.load(folder, name)
    for repeat in range(3):
        train, test = table.split(repeat)
        assert not set(train) & set(test)
        for inner, outer in table.folds(train, repeat):
            assert not set(inner) & set(outer)
            assert set(inner) | set(outer) <= set(train)
            if table.source.ordered:
                assert inner.max() < outer.min() <= train.max() < test.min()
    if not table.source.ordered:
        # Of another repeat, and drawn anew: a quarter of the rows each, of which chance repeats a quarter.
        first, second = (set(table.split(repeat)[1]) for repeat in (0, 1))
        assert len(first & second) < 0.6 * len(first)


# ---------------------------------------------------------------------- contenders
@pytest.mark.parametrize("booster", ["xgboost", "lightgbm"])
def test_searches_begin_with_the_same_model(modules, folder, booster):
    """Log loss with the booster's defaults: ours at gamma 0 without weights is the built-in one."""
    contenders = modules["contenders"]
    table = modules["sets"].load(folder, "yeast_me2")
    predictions = []
    for name in contenders.contenders(booster, "binary"):
        params = contenders.first_trial(booster, name)
        model = contenders.fit(booster, name, params, table.X, table.y, rounds=20, seed=0)
        predictions.append(list(contenders.staged(booster, model, table.X, (5, 20))))
    for found in predictions[1:]:
        np.testing.assert_allclose(found, predictions[0], rtol=2e-3, atol=1e-5)
    assert not np.allclose(predictions[0][0], predictions[0][1])


@pytest.mark.parametrize("booster", ["xgboost", "lightgbm"])
@pytest.mark.parametrize("name", ["glass", "emotions"])
def test_class_weights_and_gamma_act(modules, folder, booster, name):
    contenders = modules["contenders"]
    table = modules["sets"].load(folder, name)
    found = {}
    for contender in contenders.contenders(booster, table.source.task):
        params = contenders.first_trial(booster, contender)
        params |= {key: 0.7 for key in params if key.startswith("focal_")}
        model = contenders.fit(booster, contender, params, table.X, table.y, rounds=10, seed=0)
        (found[contender],) = contenders.staged(booster, model, table.X, (10,))
        assert found[contender].shape == (len(table.y), table.y.max() + 1 if table.y.ndim == 1 else 3)
    values = list(found.values())
    for i, first in enumerate(values):
        for second in values[i + 1 :]:
            assert np.abs(first - second).max() > 1e-3


def test_the_score_is_the_best_mean_over_the_folds(modules, folder, monkeypatch):
    search, contenders = modules["search"], modules["contenders"]
    monkeypatch.setattr(search, "STAGES", (5, 10, 20))
    table = modules["sets"].load(folder, "yeast_me2")
    train, test = table.split(0)
    p, y_folds, p_folds, said = search.search(table, "xgboost", "focal", train, test, trials=2, repeat=0)
    assert len(p) == len(test)
    assert len(y_folds) == len(p_folds) == len(train)
    curves = []
    for inner, outer in table.folds(train, 0):
        model = contenders.fit(
            "xgboost", "focal", said["params"], table.X[inner], table.y[inner], rounds=20, seed=0
        )
        curves.append(
            [
                search.score(table.y[outer], found)
                for found in contenders.staged("xgboost", model, table.X[outer], (5, 10, 20))
            ]
        )
    means = np.mean(curves, axis=0)
    assert said["score"] == pytest.approx(means.max())
    assert said["rounds"] == (5, 10, 20)[means.argmax()]


# ---------------------------------------------------------------------- ablation
@pytest.mark.parametrize("booster", ["xgboost", "lightgbm"])
def test_variants_differ_where_they_should(modules, folder, booster, monkeypatch):
    ablation = modules["ablation"]
    monkeypatch.setattr(ablation, "ROUNDS", 15)
    table = modules["sets"].load(folder, "breast_cancer")
    train, test = table.split(0)
    arrays, said = ablation.variants(
        table, booster, {"defaults": {"learning_rate": 0.3, "reg_lambda": 1.0}}, train, test, seed=0
    )
    assert set(arrays) == {f"p:{name}" for name in said}
    base = arrays["p:defaults: base"]
    for name in ("reweighted", "zero", "no scale", "raw", "gamma 0"):
        assert np.abs(arrays[f"p:defaults: {name}"] - base).max() > 1e-3, name
    # Far from the best constant, where the guard binds: there the exact Hessian trains another model.
    log_odds, exact = (arrays[f"p:defaults: {name}"] for name in ("log-odds", "exact log-odds"))
    assert np.abs(log_odds - exact).max() > 1e-3
    # The posterior is increasing: it moves no row past another.
    order = np.argsort(base, kind="stable")
    assert np.all(np.diff(arrays["p:defaults: raw"][order]) >= 0)


# ---------------------------------------------------------------------- the command
def test_a_killed_study_goes_on(folder, tmp_path):
    def study(*options):
        command = [sys.executable, str(STUDY / "run_study.py"), str(folder), str(tmp_path), "--repeats", "1"]
        # yeast_exc has no file in the folder.
        command += ["--sets", "breast_cancer", "yeast_exc", "--trials", "1", "--processes", "1", *options]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout

    assert "breast_cancer-xgboost-0: left out, its search has not run" in study("--ablation")
    first = study()
    assert "yeast_exc: left out, keel_yeast6.parquet is not in" in first
    assert "breast_cancer-xgboost-0" in first
    record = json.loads((tmp_path / "main" / "breast_cancer-xgboost-0.json").read_text())
    assert record["positives"] == [29, 13]
    assert set(record["contenders"]) == {"log loss", "weighted", "focal 0", "focal", "defaults"}
    with np.load(tmp_path / "main" / "breast_cancer-xgboost-0.npz") as stored:
        assert {f"p:{name}" for name in record["contenders"]} <= set(stored)
        assert stored["y"].sum() == 13
    (tmp_path / "main" / "breast_cancer-lightgbm-0.json").unlink()
    again = study()
    assert "breast_cancer-lightgbm-0" in again
    assert "breast_cancer-xgboost-0" not in again
    # The other stages, with the command that runs them all.
    out = tmp_path / "out"
    command = [sys.executable, str(STUDY / "rerun.py"), str(folder), str(tmp_path), "--out", str(out)]
    command += ["--repeats", "1", "--sets", "breast_cancer", "--trials", "1", "--processes", "1"]
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
    tables = (out / "TABLES.md").read_text()
    assert "Mean ranks: binary, 1 sets, both" in tables
    assert "| exact log-odds - base" in tables
    assert (out / "study.png").exists()  # one set has no ranks to draw
    assert len(list((out / "results").glob("*.parquet"))) == 4
