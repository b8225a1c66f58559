"""The source experiments, on rows few enough for a test."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from focalboost.datasets import make_transactions

if TYPE_CHECKING:
    from types import ModuleType

for needed in ("xgboost", "lightgbm", "matplotlib"):
    pytest.importorskip(needed)

FOLDER = Path(__file__).parents[2] / "benchmarks" / "source"
RULES = ("raw at 0.5", "posterior at 0.5", "best threshold")


def load(name: str) -> ModuleType:
    """A script of the folder, which finds its neighbours as `python FOLDER/NAME.py` does."""
    before = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:  # its own changes of the path end here too
        patch.setattr(sys, "path", [str(FOLDER), *sys.path])
        module = importlib.import_module(name)
    # Other folders have scripts of these names.
    for added in {name, "models", "harness"} - before:
        sys.modules.pop(added, None)
    return module


@pytest.fixture(scope="module")
def paysim() -> ModuleType:
    return load("paysim")


@pytest.fixture(scope="module")
def log_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("pandas")
    path = tmp_path_factory.mktemp("paysim") / "log.csv"
    frame = make_transactions(12_000, imbalance_ratio=49, random_state=0, as_frame=True).frame
    frame.drop(columns=["nameOrig", "nameDest", "isFlaggedFraud"]).to_csv(path, index=False)
    return path


def check_paysim(results: dict[str, list[dict[str, Any]]], worth: float) -> None:
    for splits in results.values():
        for found in splits:
            n_fraud = found["test frauds"]
            total = n_fraud + worth * (found["test rows"] - n_fraud)
            for of_contender in found["contenders"].values():
                assert tuple(of_contender["cells"]) == RULES
                for cells in of_contender["cells"].values():
                    assert np.sum(cells) == pytest.approx(total)
                    assert np.sum(cells[1]) == n_fraud
            for value, low, high in found["differences"].values():
                assert low <= value <= high
            whole, threshold, loss = (found["differences"][name][0] for name in ("all", "threshold", "loss"))
            focal = found["contenders"]["focal, alpha 4 on all rows"]["cells"]
            raw, best = (np.sum(focal[rule]) - np.trace(focal[rule]) for rule in (RULES[0], RULES[2]))
            assert whole == pytest.approx(threshold + loss - (raw - best))
            # Where both classes weigh the same, margin 0 is probability 1/2 for focal loss and its posterior.
            assert focal["raw at 0.5"] == focal["posterior at 0.5"]


def test_paysim_simulated(paysim: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    json_file, figure = tmp_path / "paysim.json", tmp_path / "paysim.png"
    results = paysim.main(
        [
            "--rows",
            "40000",
            "--seeds",
            "2",
            "--rounds",
            "15",
            "--json",
            str(json_file),
            "--figure",
            str(figure),
        ]
    )
    check_paysim(results, 1.0)
    assert list(results) == ["XGBoost", "LightGBM"]
    assert len(results["XGBoost"]) == 2
    text = capsys.readouterr().out
    assert "| class weights 1 : 20 " in text
    assert " 1,620 |" in text
    assert json.loads(json_file.read_text())["results"] == results
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_paysim_file_restores_the_ratio(paysim: ModuleType, log_file: Path) -> None:
    arguments = [str(log_file), "--seeds", "1", "--rounds", "10", "--boosters", "XGBoost"]
    # 240 frauds and 11,760 others, which stand for 773.7 for each fraud.
    check_paysim(paysim.main(arguments), 6_354_407 / 8_213 / 49)


def test_a_constant_factor_changes_nothing(paysim: ModuleType) -> None:
    parts, _ = paysim.simulated(40_000, 0)
    train, validation, test = parts
    for booster in paysim.BOOSTERS.values():
        host = booster(train, validation, paysim.Settings(20, 20, max_depth=4))
        margins = []
        for alpha in ((4.0, 4.0), None, (1.0, 4.0)):
            predict, _ = host.fit(paysim.focal("focal", train, 2.0, alpha, 1))
            margins.append(predict(test.X))
        np.testing.assert_allclose(margins[0], margins[1], rtol=1e-4, atol=1e-4)
        assert np.abs(margins[0] - margins[2]).mean() > 0.1


def test_best_threshold_is_the_best_of_all(paysim: ModuleType) -> None:
    rng = np.random.default_rng(0)
    y = (rng.random(500) < 0.1).astype(int)
    margin = (rng.normal(size=500) + 2 * y).round(1)  # with ties
    weight = np.where(y == 1, 1.0, 3.0)
    threshold = paysim.best_threshold(paysim.Rows(margin[:, None], y, weight), margin)

    def wrong(cut: float) -> float:
        cells = confusion_matrix(y, margin >= cut, sample_weight=weight)
        return float(cells[0, 1] + cells[1, 0])

    assert wrong(threshold) == min(wrong(cut) for cut in [*margin, np.inf])


def test_paired_interval_agrees_with_drawn_rows(paysim: ModuleType) -> None:
    rng = np.random.default_rng(0)
    y = (rng.random(2_000) < 0.1).astype(int)
    first, second = (np.where(rng.random(2_000) < share, 1 - y, y) for share in (0.1, 0.05))
    value, low, high = paysim.paired(y, first, second, 3.0, rng)
    worth = np.where(y == 1, 1.0, 3.0)
    change = worth * ((first != y).astype(int) - (second != y))
    assert value == change.sum()
    classes = [np.flatnonzero(y == label) for label in (0, 1)]
    drawn = [sum(change[rng.choice(rows, rows.size)].sum() for rows in classes) for _ in range(4_000)]
    np.testing.assert_allclose((low, high), np.quantile(drawn, (0.025, 0.975)), atol=0.05 * (high - low))


def test_decision_regions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    regions = load("decision_regions")
    figure = tmp_path / "regions.png"
    results = regions.main(["--draws", "2", "--figure", str(figure)])
    assert list(results) == ["XGBoost", "LightGBM"]
    for found in results.values():
        assert set(found) == {
            "log loss", "log loss, alerts of focal", "log loss, alerts of focal, alpha 0.75",
            "focal", "focal, alpha 0.75", "focal, alpha 0.75, posterior",
        }  # fmt: skip
        for of_way in found.values():
            assert all(
                len(values) == 2 and 0 <= min(values) <= max(values) <= 1 for values in of_way.values()
            )
        assert found["log loss"]["as log loss"] == [1.0, 1.0]
        # A threshold moves no rank.
        moved = found["log loss, alerts of focal, alpha 0.75"]
        assert moved["average precision"] == found["log loss"]["average precision"]
        assert min(moved["recall"]) >= min(found["log loss"]["recall"])
    assert "| focal - log loss" in capsys.readouterr().out
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_breast_cancer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = load("breast_cancer")
    figure = tmp_path / "cancer.png"
    results = script.main(["--splits", "2", "--figure", str(figure)])
    for contenders in results["scores"].values():
        assert list(contenders) == ["log loss", "focal", "log loss, other noise"]
        for measures in contenders.values():
            assert list(measures) == ["F1 benign", "F1 malignant", "average precision"]
            assert all(
                len(values) == 2 and 0 <= min(values) <= max(values) <= 1 for values in measures.values()
            )
    _, test = script.split(0, 0)
    n_benign = int((test.y == 0).sum())
    assert results["every row benign"][0] == pytest.approx(2 * n_benign / (n_benign + 120))
    text = capsys.readouterr().out
    assert "| reported " in text
    assert "2 splits" in text
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_interval_of_splits_that_share_rows_is_wider() -> None:
    models = load("models")
    values = np.random.default_rng(0).normal(1.0, 2.0, 100)
    mean, half = models.mean_interval(values)
    assert mean == values.mean()
    assert half == pytest.approx(1.984 * values.std(ddof=1) / 10, rel=1e-3)  # t of 99 degrees of freedom
    assert models.mean_interval(values, 0.25)[1] == pytest.approx(half * np.sqrt(26))
