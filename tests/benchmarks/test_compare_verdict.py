"""benchmarks/compare_verdict.py: the committed verdicts, recomputed in part, and what they say."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from tests.benchmarks.scripts import FOLDER, load

for needed in ("xgboost", "lightgbm", "optuna", "pandas", "pyarrow", "jinja2", "matplotlib"):
    pytest.importorskip(needed)

script = load("compare_verdict")


@pytest.fixture(scope="module")
def rows():
    return script.read(script.SCORES)


def counts(rows, name):
    return Counter(row["use"] for row in rows if row["scenario"] == name)


def test_each_scenario_was_run(rows):
    found = Counter(row["scenario"] for row in rows)
    assert found == {each.name: each.repeats for each in script.SCENARIOS}
    assert [row["seed"] for row in rows if row["scenario"] == "equal"] == [str(k) for k in range(300)]


@pytest.mark.parametrize(
    "name",
    [
        "equal",
        "equal, customers of five rows",
        "equal, 40 days",
        "focal much better",
        script.SCENARIOS[-1].name,
    ],
)
def test_verdicts_come_out_again(rows, name):
    """Seeds of both kinds of verdict where there are, as they were committed."""
    of_name = {row["use"]: row for row in rows if row["scenario"] == name}
    seeds = [int(row["seed"]) for row in of_name.values()][:2]
    for found in script.decide_on_scores((name, seeds)):
        expected = next(row for row in rows if row["scenario"] == name and row["seed"] == str(found["seed"]))
        assert {key: str(value) for key, value in found.items()} == expected


def test_error_rate_is_kept(rows):
    """At most 5 % of comparisons whose contenders are equal recommend another, where all is told."""
    equal = [name for name in script.BY_NAME if name.startswith("equal") and not name.endswith("not told")]
    wrong = sum(counts(rows, name).total() - counts(rows, name)["log_loss"] for name in equal)
    total = sum(counts(rows, name).total() for name in equal)
    assert total >= 400
    assert wrong / total <= 0.05
    for name in equal:
        found = counts(rows, name)
        low = script.binomtest(found.total() - found["log_loss"], found.total()).proportion_ci().low
        assert low <= 0.05


def test_truth_is_found(rows):
    for name, right in (("focal much better", 0.8), ("both better", 0.5), ("both worse", 0.98)):
        scenario, found = script.BY_NAME[name], counts(rows, name)
        assert sum(found[key] for key in scenario.right) / found.total() >= right


def test_equal_contenders_are_equal():
    """The scores are what the docstring says: right log-odds, of one quality."""
    scenario = script.BY_NAME["equal, 200 positive rows"]
    precisions, ratios = [], []
    for seed in range(12):
        table, trained = script.draw(scenario, seed)
        precisions.append([script.average_precision_score(table.y, each.log_odds) for each in trained])
        ratios.append([each.probability.mean() / table.y.mean() for each in trained])
    spread = np.std(precisions, axis=0, ddof=1) / np.sqrt(12)
    assert np.ptp(np.mean(precisions, axis=0)) < 3 * spread.max()
    np.testing.assert_allclose(np.mean(ratios, axis=0), 1.0, atol=0.08)
    bold = script.draw(script.BY_NAME["focal ranks better, too bold"], 0)[1]
    assert abs(bold[2].log_odds).mean() > 1.3 * abs(bold[0].log_odds).mean()


def test_run_resume_and_tables(tmp_path, capsys):
    """As users call it."""
    results = tmp_path / "scores.csv"
    argv = [sys.executable, str(FOLDER / "compare_verdict.py"), "--results", str(results), "--repeats", "2"]
    argv += ["--only", "equal, 20 positive rows"]

    def run():
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout

    row = "| equal, 20 positive rows |           2 |"
    assert row in run()
    written = results.read_text()
    assert written.splitlines()[0] == "scenario,seed,positive,use"
    assert len(written.splitlines()) == 3
    # Interrupted after the first comparison.
    (tmp_path / "scores.partial.csv").write_text("\n".join(written.splitlines()[:2]) + "\n")
    results.unlink()
    assert row in run()
    assert results.read_text() == written
    script.main(["--tables", "--results", str(results)])
    assert row in capsys.readouterr().out


def made(use, gains):
    measures = dict.fromkeys(script.MEASURES, "-0.1")
    return {"design": "smooth", "seed": "0", "judged": "as compared", "use": use} | measures | gains


def test_what_counts_as_wrong():
    better, worse = {"recall": "0.01"}, {}
    for use, expected in (("log_loss", True), ("focal", True), ("class_weights", False)):
        pair = {key: made(use, gains) for key, gains in (("focal", better), ("class_weights", worse))}
        assert script.recommended_rightly(pair) is expected


def test_one_training(monkeypatch):
    monkeypatch.setattr(script, "N_ROWS", 1_200)
    monkeypatch.setattr(script, "N_FRESH", 3_000)
    monkeypatch.setattr(script, "BUDGET", {"test_size": 0.5, "trials": 1, "num_boost_round": 5, "n_jobs": 1})
    found = script.compare_trained(("shell", [0]))
    assert [(row["judged"], row["challenger"]) for row in found] == [
        (judged, key) for judged in script.JUDGED for key in ("class_weights", "focal")
    ]
    table = script.training_table([{key: str(value) for key, value in row.items()} for row in found])
    assert [row[:3] for row in table] == [
        [design, way, "1"] for design in ("shell", "all") for way in script.JUDGED
    ]
    # The first trial of each contender is log loss as it comes: all are one model.
    same = [row for row in found if row["judged"] == "as compared"]
    assert {row["use"] for row in same} == {"log_loss"}
    assert all(row[measure] == pytest.approx(0, abs=0.02) for row in same for measure in script.MEASURES[:1])


def test_what_the_text_says_of_the_committed_results():
    text = " ".join((FOLDER / "README.md").read_text(encoding="utf-8").split())
    text = text[text.index("## The verdict of `focalboost compare`") :]
    rows = script.read(script.SCORES)

    def others(name):
        uses = [row["use"] for row in rows if row["scenario"] == name]
        return len(uses), sum(use != "log_loss" for use in uses)

    n, wrong = others("equal")
    assert f"Of {n} comparisons of contenders that are equal by construction" in text
    assert f"(60 positive held-out rows) {wrong} recommend another loss" in text
    hidden = others("equal, customers of five rows, not told")
    told = others("equal, customers of five rows")
    assert f"{hidden[1]} of {hidden[0]} comparisons of equal contenders go wrong" in text
    assert f"{told[1]} of {told[0]} if they are" in text
    assert others("both worse")[1] == 0
    table = {row[1]: row for row in script.training_table(script.read(script.TRAININGS)) if row[0] == "all"}
    compared, poor = table["as compared"], table["poor log loss"]
    assert (
        f"{compared[3]} stay with log loss, {int(compared[4]) + int(compared[5])} recommend another" in text
    )
    assert f"made poor {int(poor[4]) + int(poor[5])} recommend another" in text
    assert table["poor challengers"][3] == "50"
    assert {row[6] for row in table.values()} == {"0"}
    gains = [each.replace("0.", ".") for each in compared[8:10]]
    assert f"{gains[0]} for class weights and {gains[1]} for focal loss" in text
