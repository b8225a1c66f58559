"""benchmarks/study/: measures, scores, tables and figures of made-up predictions whose order is known."""

import importlib
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, recall_score, roc_auc_score

from focalboost.metrics import expected_cost, recall_at_alert_rate

FOLDER = Path(__file__).parents[2] / "benchmarks" / "study"
NAMES = ("measures", "resampling", "ranks", "comparisons", "score", "study_tables", "plot")
# Noise of the log-odds: "focal" ranks best, "defaults" worst, "weighted" is log loss over again.
NOISE = {"defaults": 3.0, "log loss": 1.0, "focal 0": 1.0, "focal": 0.1}
ABLATION = (
    "defaults: base",
    "defaults: raw",
    "defaults: exact",
    "defaults: gamma 0",
    "defaults: gamma 0 zero",
)


@pytest.fixture(scope="module")
def study():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FOLDER)
        modules = {name: importlib.import_module(name) for name in NAMES}
        # Half a minute with as many bootstrap samples as the study has.
        patch.setattr(modules["score"], "SAMPLES", 50)
        patch.setattr(modules["ranks"], "SAMPLES", 300)
        yield SimpleNamespace(**modules)
        for name in (*NAMES, "harness"):
            sys.modules.pop(name, None)


def rows(rng, n=600, shift=-2.0):
    """Labels, and the log-odds that they were drawn with."""
    odds = 2 * rng.standard_normal(n) + shift
    return (rng.random(n) < expit(odds)).astype(int), odds


def write_job(folder, task, name, booster, repeat, y, probabilities, oof=None, **more):
    folder.mkdir(parents=True, exist_ok=True)
    stem = folder / f"{name}-{booster}-{repeat}"
    arrays = {f"p:{contender}": p for contender, p in probabilities.items()}
    np.savez(stem.with_suffix(".npz"), y=y, **arrays, **(oof or {}))
    chosen = {"params": {"focal_gamma": 1.5}, "rounds": 10, "seconds": 2.0, "score": None}
    job = {
        "set": name, "task": task, "booster": booster, "repeat": repeat, "split": "random",
        "rows": [1400, len(y)], "positives": [200, 90], "imbalance_ratio": 6.0, "features": 5,
        "simulated": True, "settings": {"trials": 3}, "environment": {"cpu": "any"},
        "contenders": dict.fromkeys(probabilities, chosen), **more,
    }  # fmt: skip
    stem.with_suffix(".json").write_text(json.dumps(job))


def binary_job(folder, name, booster, repeat, rng, **more):
    (y, odds), (oof_y, oof_odds) = rows(rng), rows(rng)
    noise = NOISE if booster != "catboost" else {"log loss": 1.0, "focal": 0.1}
    p = {key: expit(odds + size * rng.standard_normal(y.size)) for key, size in noise.items()}
    oof = {
        f"oof:{key}": expit(oof_odds + noise[key] * rng.standard_normal(y.size))
        for key in p
        if key != "defaults"
    }
    if booster != "catboost":
        p["weighted"], oof["oof:weighted"] = p["log loss"], oof["oof:log loss"]
    write_job(folder, "binary", name, booster, repeat, y, p, {"oof_y": oof_y, **oof}, **more)


@pytest.fixture(scope="module")
def scored(study, tmp_path_factory):
    """Eight binary sets, two of several classes, one of several labels, four of the ablation."""
    folder, rng = tmp_path_factory.mktemp("study"), np.random.default_rng(0)
    for k in range(8):
        for booster in ("xgboost", "lightgbm", "catboost"):
            for repeat in range(2):
                # The last set has not come to its second repeat, nor to LightGBM.
                if k < 7 or (repeat == 0 and booster == "xgboost"):
                    split = "time" if k == 1 else "random"
                    more = {"imbalance_ratio": 3.0 * 2**k, "split": split, "positives": [50 * 2**k, 90]}
                    binary_job(folder / "main", f"set {k}", booster, repeat, rng, **more)
    for booster in ("xgboost", "lightgbm"):
        for repeat in range(2):
            for k in range(2):
                z = rng.standard_normal((600, 4)) + np.array([2.0, 1.0, 0.0, -1.0])
                y = (z + rng.gumbel(size=z.shape)).argmax(axis=1)
                p = {key: np.exp(z + size * rng.standard_normal(z.shape)) for key, size in NOISE.items()}
                p = {key: (each / each.sum(axis=1, keepdims=True)).astype("f") for key, each in p.items()}
                write_job(folder / "main", "multiclass", f"classes {k}", booster, repeat, y, p)
            odds = rng.standard_normal((600, 5)) - np.array([0.0, 1.0, 2.0, 3.0, 30.0])  # the last: never
            y = (rng.random(odds.shape) < expit(odds)).astype(int)
            p = {key: expit(odds + size * rng.standard_normal(odds.shape)) for key, size in NOISE.items()}
            write_job(folder / "main", "multilabel", "labels", booster, repeat, y, p)
            for k in range(4):
                y, odds = rows(rng)
                p = {key: expit(odds + 0.3 * rng.standard_normal(y.size)) for key in ABLATION}
                p["defaults: exact"] = p["defaults: base"]
                p["defaults: raw"] = expit(0.4 * logit(p["defaults: base"]))
                write_job(folder / "ablation", "binary", f"set {k}", booster, repeat, y, p)
    out = folder / "results"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["score.py", str(folder), "--out", str(out), "--processes", "1"])
        study.score.main()
    return out


@pytest.fixture(scope="module")
def results(study, scored):
    return study.ranks.load(scored)


# ---------------------------------------------------------------------- measures
@pytest.mark.parametrize("decimals", [1, 12])  # with ties and without
def test_resampled_measures_are_those_of_scikit_learn(study, decimals):
    rng = np.random.default_rng(1)
    y, odds = rows(rng, 400)
    p = np.round(expit(odds), decimals)
    counts = study.resampling.resample(y, 20, rng)
    learnt = study.measures.learn((y, p))
    found = study.resampling.resampled("binary", y, p, counts, learnt)
    cuts = learnt.cuts
    recalibrated = learnt.platt.predict_proba(study.measures.log_odds(p)[:, None])[:, 1]
    for sample, weight in enumerate(counts):
        w = {"sample_weight": weight}
        drawn = np.repeat(np.arange(y.size), weight.astype(int))
        expected = {
            "average precision": average_precision_score(y, p, **w),
            "ROC AUC": roc_auc_score(y, p, **w),
            "recall at 1 % alerts": recall_at_alert_rate(y[drawn], p[drawn], alert_rate=0.01),
            "log loss": log_loss(y, p, **w),
            "log loss, Platt": log_loss(y, recalibrated, **w),
            "Brier": brier_score_loss(y, p, **w),
            "cost 10:1": expected_cost(y, p, cost_missed=10, threshold=cuts["cost 10:1"], **w),
            "cost 100:1": expected_cost(y, p, cost_missed=100, threshold=cuts["cost 100:1"], **w),
            "cost 100:1 at 1/101": expected_cost(y, p, cost_missed=100, **w),
        }
        assert {name: values[sample] for name, values in found.items()} == pytest.approx(expected, rel=1e-9)
        assert weight.sum() == y.size
        assert weight[y == 1].sum() == y.sum()


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_resampled_means_over_classes_are_those_of_scikit_learn(study, task):
    rng = np.random.default_rng(2)
    z = rng.standard_normal((300, 5)) - np.array([0.0, 1.0, 2.0, 2.0, 50.0])  # the last: in no row
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True) if task == "multiclass" else expit(z)
    y = (z + rng.gumbel(size=z.shape)).argmax(axis=1)
    if task == "multilabel":
        y = (rng.random(z.shape) < p).astype(int)
    counts = study.resampling.resample(study.resampling.strata(task, y), 10, rng)
    learnt = study.measures.learn(None)
    found = study.resampling.resampled(task, y, p, counts, learnt)
    hot = np.equal.outer(y, np.arange(5)) if task == "multiclass" else y
    for sample, weight in enumerate(counts):

        def mean(metric, weight=weight):
            return np.mean([metric(hot[:, k], p[:, k], sample_weight=weight) for k in range(4)])

        expected = {"average precision": mean(average_precision_score), "ROC AUC": mean(roc_auc_score)}
        if task == "multilabel":
            expected |= {"log loss": mean(log_loss), "Brier": mean(brier_score_loss)}
        else:
            square = ((p - hot) ** 2).sum(axis=1)
            recall = recall_score(y, p.argmax(axis=1), labels=range(4), average="macro", sample_weight=weight)
            expected |= {
                "log loss": log_loss(y, p, labels=range(5), sample_weight=weight),
                "Brier": np.average(square, weights=weight),
                "balanced accuracy": recall,
            }
        assert {name: values[sample] for name, values in found.items()} == pytest.approx(expected, rel=1e-9)
    once = study.resampling.resampled(task, y, p, np.ones((1, len(y))), learnt)
    assert study.measures.scores(task, y, p, learnt) == pytest.approx(
        {k: v[0] for k, v in once.items()}, rel=1e-9
    )


def test_calibration_slope_tells_too_sure_from_not_sure_enough(study):
    y, odds = rows(np.random.default_rng(3), 40_000)
    slopes = [study.measures.calibration_slope(y, expit(factor * odds)) for factor in (1.0, 0.5, 2.0)]
    assert slopes == pytest.approx([1.0, 2.0, 0.5], rel=0.05)
    learnt = study.measures.learn(None)
    sure, unsure = (
        study.measures.scores("binary", y, expit(factor * odds), learnt)["abs. log slope"]
        for factor in (0.5, 2.0)
    )
    assert sure == pytest.approx(unsure, rel=0.1)


def test_there_is_no_slope_of_rows_that_are_told_apart(study):
    y = np.array([0, 0, 1, 1])
    for p in ([0.1, 0.2, 0.2, 0.9], [0.9, 0.8, 0.2, 0.0], [0.3, 0.3, 0.3, 0.3]):
        assert np.isnan(study.measures.calibration_slope(y, np.array(p)))


def test_costs_by_hand(study):
    oof = np.array([0, 0, 1, 0, 1]), np.array([0.05, 0.1, 0.2, 0.4, 0.8])
    # Missed at 10: finding the row at 0.2 costs one false alarm, half way to the next: 0.15.
    assert study.measures.cheapest_threshold(*oof, 10.0) == pytest.approx(0.15)
    # Missed at 0.5: not worth a false alarm; half way from 0.8 to 0.4.
    assert study.measures.cheapest_threshold(*oof, 0.5) == pytest.approx(0.6)
    y, p = np.repeat([0, 1, 1, 0], 25), np.repeat([0.16, 0.14, 0.3, 0.001], 25)  # 1 % of them is a row
    found = study.measures.scores("binary", y, p, study.measures.learn(oof))
    assert found["cost 10:1"] == (1 + 10) / 4
    assert found["cost 100:1"] == (1 + 100) / 4
    assert found["cost 100:1 at 1/101"] == 1 / 4
    assert "cost 10:1" not in study.measures.scores("binary", y, p, study.measures.learn(None))


def test_of_thresholds_that_cost_the_same_the_highest_is_taken(study):
    """Costs are whole numbers of rows: 49 negative rows, of which no share is exact in binary."""
    y, p = np.zeros(50, int), np.linspace(0.01, 0.5, 50)
    y[[49, 38]] = 1
    # From 0.5 on one row is missed, 10; from 0.39 on ten rows are false alarms, 10.
    assert study.measures.cheapest_threshold(y, p, 10.0) == pytest.approx(0.495)


@pytest.mark.parametrize("repeats", [1, 2, 3])
def test_repeats_are_drawn_equally_often(study, repeats):
    drawn = study.score.drawn_repeats(repeats, 27 * 4)
    assert drawn.shape == (repeats, 108)
    _, counts = np.unique(drawn, axis=1, return_counts=True)
    assert counts.tolist() == [108 // repeats**repeats] * repeats**repeats


# ---------------------------------------------------------------------- scores and statistics
def test_the_better_contender_is_ranked_first_and_found(study, results):
    frame = study.ranks.of_task(results.main, "binary")
    for measure in ("average precision", "ROC AUC", "log loss", "Brier", "cost 10:1"):
        table = study.ranks.by_set(frame, study.comparisons.CONTENDERS, measure, "both")
        assert len(table) == 7
        found = study.ranks.mean_ranks(table, measure)
        assert found["focal"] == 1.0
        assert found.drop("focal").min() - found["focal"] > 0.5
        assert study.ranks.friedman(table) < 0.01
        apart = study.ranks.of_booster(study.ranks.paired(frame, "focal", "log loss", measure), "both")
        mean, low, high = study.ranks.mean_interval(apart)
        assert low < mean < high
        assert (low > 0) if study.measures.MEASURES[measure].larger else (high < 0)
        assert study.ranks.signed_rank(study.ranks.set_means(apart)) == pytest.approx(2 / 2**7)
    part = study.comparisons.compared(results, study.ranks.set_names(frame), "focal", "log loss", "catboost")
    wins, _, losses = study.ranks.wins_ties_losses(part, "log loss").split(" / ")
    assert int(wins) >= 5
    assert losses == "0"


def test_identical_contenders_tie_everywhere(study, results):
    frame = study.ranks.of_task(results.main, "binary")
    for measure in study.comparisons.measures_of(frame):
        table = study.ranks.by_set(frame, ("log loss", "weighted"), measure, "both")
        assert study.ranks.mean_ranks(table, measure).tolist() == [1.5, 1.5]
        apart = study.ranks.of_booster(study.ranks.paired(frame, "weighted", "log loss", measure), "both")
        assert study.ranks.mean_interval(apart) == (0.0, 0.0, 0.0)
        assert study.ranks.signed_rank(study.ranks.set_means(apart)) == 1.0
    part = study.comparisons.compared(
        results, study.ranks.set_names(frame), "weighted", "log loss", "xgboost"
    )
    for measure in part["measure"].unique():
        assert study.ranks.wins_ties_losses(part, measure) == "0 / 8 / 0"


def test_intervals_hold_the_difference_and_pair_the_rows(results):
    frame = results.differences
    assert (frame["low"] <= frame["high"]).all()
    main = frame[(frame["study"] == "main") & (frame["measure"] == "log loss")]
    inside = (main["low"] <= main["difference"]) & (main["difference"] <= main["high"])
    assert inside.mean() > 0.9
    assert set(main[main["contender"] == "focal"]["baseline"]) == {"log loss", "focal 0"}
    ablation = frame[frame["study"] == "ablation"]
    of = ablation.groupby("contender")["baseline"].unique().map(list).to_dict()
    assert of == {
        "defaults: exact": ["defaults: base"],
        "defaults: raw": ["defaults: base"],
        "defaults: gamma 0": ["defaults: base"],
        "defaults: gamma 0 zero": ["defaults: gamma 0"],
    }


def test_critical_difference_is_demsars(study):
    # Demsar (2006), section 3.2.2: four classifiers, 14 sets, "the critical difference is 1.25" from his
    # q = 2.569.
    assert study.ranks.critical_difference(4, 14) == pytest.approx(1.25, abs=0.005)


def test_holm_by_hand(study):
    found = study.ranks.holm([0.01, 0.04, float("nan"), 0.03])
    assert found == pytest.approx([0.03, 0.06, float("nan"), 0.06], nan_ok=True)


def test_cluster_interval_of_sets_that_differ_is_wider_than_that_of_repeats(study):
    index = pd.MultiIndex.from_product([[f"{k}" for k in range(10)], range(4)], names=["set", "repeat"])
    rng = np.random.default_rng(4)
    noise = pd.Series(0.1 * rng.standard_normal(40), index)
    apart = noise + np.repeat(rng.standard_normal(10), 4)
    (_, low, high), (_, low_noise, high_noise) = map(study.ranks.mean_interval, (apart, noise))
    assert high_noise - low_noise < 0.15
    # 3.92 standard errors of a mean of ten with standard deviation one.
    assert high - low == pytest.approx(3.92 * apart.groupby("set").mean().std() / np.sqrt(10), rel=0.2)
    middle, low, high = study.ranks.rank_correlation(
        apart, pd.Series(np.arange(10.0), [f"{k}" for k in range(10)])
    )
    assert -1 <= low <= middle <= high <= 1


def test_sets_that_share_their_rows_count_as_one(study):
    sets = ["churn", "yeast_me2", "yeast_me3", "yeast_exc"]
    index = pd.MultiIndex.from_product([sets, [0, 1]], names=["set", "repeat"])
    apart = study.ranks.families(pd.Series([1.0, 2.0, 0.0, 0.0, 3.0, 6.0, 6.0, 9.0], index))
    assert apart.to_dict() == {("churn", 0): 1.0, ("churn", 1): 2.0, ("yeast", 0): 3.0, ("yeast", 1): 5.0}


def test_interval_of_few_sets_is_students(study):
    index = pd.MultiIndex.from_product([list("abc"), [0]], names=["set", "repeat"])
    found = study.ranks.mean_interval(pd.Series([1.0, 2.0, 4.0], index))
    # t(0.975, 2) = 4.3027, the standard error of the mean is 0.8819.
    assert found == pytest.approx((7 / 3, 7 / 3 - 3.7947, 7 / 3 + 3.7947), abs=1e-3)


# ---------------------------------------------------------------------- tables and figures
def tables(study, monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["study_tables.py", *map(str, arguments)])
    study.study_tables.main()
    return capsys.readouterr().out


def test_tables_of_an_incomplete_study(study, scored, monkeypatch, capsys):
    text = tables(study, monkeypatch, capsys, scored)
    for title in (
        "Mean ranks: binary, 8 sets, both", "Differences focal - focal 0: multilabel, 1 sets",
        "Wins / ties / losses: multiclass, 2 sets", "Focal loss - log loss by imbalance ratio",
        "Ablation, booster parameters: defaults, both", "log loss / focal: binary, 8 sets", "Gamma chosen",
        "Seconds of a study, quartiles",
    ):  # fmt: skip
        assert f"\n{title}\n" in text
    assert "nan" not in text
    assert "| exact - base " in text
    short = tables(study, monkeypatch, capsys, scored, "--readme")
    assert short.count("\n") < text.count("\n") / 2
    assert "nan" not in short


def test_ablation_finds_what_spoils_probabilities_only(study, results):
    found = {row[0]: row[1:] for row in study.study_tables.ablation_rows(results, "defaults", "xgboost")}
    assert found["exact - base"][0] == "+0.0000 (+0.0000 to +0.0000)"
    assert found["raw - base"][1] == "0 / 4 / 0"
    assert found["raw - base"][4] == "0 / 0 / 4"


def test_figures(study, scored, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["plot.py", str(scored), "--images", str(tmp_path)])
    study.plot.main()
    assert all(
        10_000 < (tmp_path / name).stat().st_size < 200_000 for name in ("study.png", "study_ranks.png")
    )


def test_figure_of_the_committed_results_shows_ratios_and_the_means_of_the_tables(study):
    committed = study.ranks.load(FOLDER / "results")
    rows = study.plot.ordered_rows(committed)
    means = rows.index[rows["set"] == ""]
    assert rows.loc[means, "label"].tolist() == [
        "mean of 19 binary sets", "mean of 6 multi-class sets", "mean of 3 multi-label sets"
    ]  # fmt: skip
    measure = study.measures.LOG_LOSS
    both = study.plot.estimates(committed, rows, measure, "both")
    # The tables: -9.1 %, -4.7 % and +8.7 %.
    np.testing.assert_allclose(both.loc[means, "middle"], (0.909, 0.953, 1.087), atol=6e-4)
    assert both.drop(means)["middle"].isna().all()
    one = study.plot.estimates(committed, rows, measure, "xgboost")
    assert (one["low"] > 0).all()
    # A tenth of the loss; 100 % of the baseline's mean was not enough for the interval of the difference.
    shuttle = one.loc[rows.index[rows["set"] == "shuttle_2"][0]]
    logs = np.log(committed.main.loc[("binary", "shuttle_2", "xgboost")].xs(measure, axis=1, level="measure"))
    ratios = np.exp(logs["focal"] - logs["log loss"])
    expected = (np.sqrt(ratios.prod()), ratios.min(), ratios.max())
    np.testing.assert_allclose(shuttle[["middle", "low", "high"]].astype(float), expected)
    assert shuttle["apart"]


# ---------------------------------------------------------------------- what is missing or wrong
def run_score(study, monkeypatch, folder, out):
    monkeypatch.setattr(sys, "argv", ["score.py", str(folder), "--out", str(out), "--processes", "1"])
    study.score.main()


def test_one_job_gives_tables_and_half_a_job_a_note(study, tmp_path, monkeypatch, capsys):
    rng = np.random.default_rng(5)
    binary_job(tmp_path / "main", "one", "xgboost", 0, rng)
    binary_job(tmp_path / "main", "two", "xgboost", 0, rng)
    (tmp_path / "main" / "two-xgboost-0.npz").unlink()
    write_job(
        tmp_path / "main", "binary", "three", "xgboost", 0, np.zeros(9, int), {"log loss": np.full(9, 0.1)}
    )
    run_score(study, monkeypatch, tmp_path, tmp_path / "out")
    said = capsys.readouterr().out
    assert "left out: two-xgboost-0.json" in said
    assert "left out: three-xgboost-0.npz, whose test rows are all of one class" in said
    text = tables(study, monkeypatch, capsys, tmp_path / "out")
    assert "Mean ranks: binary, 1 sets, xgboost" in text
    assert "nan" not in text
    assert "nan" not in tables(study, monkeypatch, capsys, tmp_path / "out", "--readme")


def test_wrong_input_is_told(study, tmp_path, monkeypatch, capsys):
    with pytest.raises(SystemExit, match="2"):
        run_score(study, monkeypatch, tmp_path, tmp_path / "out")
    assert "must hold main/SET-BOOSTER-REPEAT.json and .npz" in capsys.readouterr().err
    with pytest.raises(SystemExit, match=r"must hold main\.parquet; it does not\. Run score\.py first"):
        study.ranks.load(tmp_path)
    rng = np.random.default_rng(6)
    binary_job(tmp_path / "main", "one", "xgboost", 0, rng)
    binary_job(tmp_path / "main", "two", "xgboost", 0, rng, settings={"trials": 4})
    with pytest.raises(SystemExit, match=r"must be those of one-xgboost-0\.npz"):
        run_score(study, monkeypatch, tmp_path, tmp_path / "out")
    (tmp_path / "main" / "two-xgboost-0.json").unlink()
    y, _ = rows(rng)
    write_job(tmp_path / "main", "binary", "three", "xgboost", 0, y, {"log loss": np.full(y.size, 1.5)})
    with pytest.raises(
        ValueError, match=r"p:log loss == 600 numbers from 1\.5 to 1\.5 in three-xgboost-0\.npz"
    ):
        run_score(study, monkeypatch, tmp_path, tmp_path / "out")
