"""The examples, run as a user runs them, on data small enough for a test."""

from __future__ import annotations

import importlib.util
import re
import sys
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from focalboost import BinaryFocalLoss
from focalboost.datasets import make_transactions

if TYPE_CHECKING:
    from types import ModuleType

for needed in ("xgboost", "matplotlib", "rich", "pandas", "pyarrow"):
    pytest.importorskip(needed)
import pandas as pd  # noqa: E402  # after the check

EXAMPLES = Path(__file__).parents[2] / "examples"
SMALL = ["--rounds", "20", "--learning-rate", "0.3"]
SIMULATED = ["--rows", "30000", *SMALL]


@pytest.fixture(scope="module")
def fraud_detection() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fraud_detection", EXAMPLES / "fraud_detection.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def figure(tmp_path: Path) -> Path:
    return tmp_path / "figures" / "fraud.png"


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("tables")
    frame = make_transactions(20_000, imbalance_ratio=49, random_state=0, as_frame=True).frame
    frame = frame[["step", "type", "amount", "oldbalanceOrg", "oldbalanceDest", "isFraud"]]
    frame.to_csv(folder / "log.csv", index=False)
    frame.drop(columns="step").to_parquet(folder / "log.parquet")
    return {"csv": folder / "log.csv", "parquet": folder / "log.parquet"}


def numbers(text: str, row: str) -> list[list[float]]:
    """The numbers of each cell in the row of the printed table that begins so."""
    (line,) = [line for line in text.splitlines() if line.startswith(f"│ {row} ")]
    return [
        [float(number.replace(",", "")) for number in re.findall(r"-?\d[\d,.]*", cell)]
        for cell in line.split("│")[2:-1]
    ]


def check_table(text: str, n_test: int, n_fraud: int) -> None:
    for row in ("average precision", "recall at the alert rate"):
        for value, low, high in numbers(text, row):
            assert 0 <= low <= value <= high <= 1
    raw, true = (numbers(text, f"log loss, {kind}") for kind in ("raw confidence", "posterior"))
    assert raw[0] == true[0]  # log loss needs no closed form
    assert true[2][2] < raw[2][1]  # the intervals of focal loss do not even touch
    names = ("others let through", "false alarms", "frauds missed", "frauds caught")
    passed, alarms, missed, caught = (np.ravel(numbers(text, name)) for name in names)
    np.testing.assert_array_equal(passed + alarms, n_test - n_fraud)
    np.testing.assert_array_equal(missed + caught, n_fraud)
    cost = [cell[0] for cell in numbers(text, "cost by posterior")]
    np.testing.assert_array_equal(cost, 100 * missed + alarms)
    assert (
        len(re.findall(r"^(class weights|focal loss) - log loss, .*\[.*\]: .*\.$", text, re.MULTILINE)) == 6
    )


def sizes(text: str, part: str) -> tuple[int, int]:
    rows, frauds = re.search(rf"^{part} +([\d,]+) rows, +([\d,]+) frauds$", text, re.MULTILINE).groups()
    return int(rows.replace(",", "")), int(frauds.replace(",", ""))


@pytest.mark.parametrize("booster", ["xgboost", "lightgbm"])
def test_simulated_transactions(
    fraud_detection: ModuleType, booster: str, figure: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip(booster)
    fraud_detection.main([*SIMULATED, "--booster", booster, "--figure", str(figure)])
    text = capsys.readouterr().out
    assert sum(sizes(text, part)[0] for part in fraud_detection.PARTS) == 30_000
    check_table(text, *sizes(text, "test"))
    assert len(re.findall(r"^(log loss|class weights|focal loss) +\d+ trees, ", text, re.MULTILINE)) == 3
    assert figure.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_table_of_your_own(
    fraud_detection: ModuleType,
    tables: dict[str, Path],
    kind: str,
    figure: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    target = [] if kind == "csv" else ["--target", "isFraud", "--positive", "1", "--drop", "oldbalanceDest"]
    fraud_detection.main(["--data", str(tables[kind]), *target, *SMALL, "--figure", str(figure)])
    text = capsys.readouterr().out
    assert text.startswith(f"log.{kind}: 20,000 rows, 400 of them with isFraud == 1; time column: ")
    assert re.search(r"^type +\S+ +category +its kind ", text, re.MULTILINE)
    assert bool(re.search(r"^oldbalanceDest +\S+ +dropped +drop= ", text, re.MULTILINE)) == (
        kind == "parquet"
    )
    assert "\nwarnings: " in text
    n_test, n_fraud = sizes(text, "test")
    check_table(text, n_test, n_fraud)
    assert figure.exists()
    if kind == "parquet":  # without a step: at random, in the proportion of frauds
        assert (n_test, n_fraud) == (5000, 100)
    else:  # in time: the last quarter, and no step in two parts
        log = pd.read_csv(tables[kind])
        held_out = log["step"] >= log["step"].iloc[15_000]
        assert (n_test, n_fraud) == (held_out.sum(), log["isFraud"][held_out].sum())
        assert n_fraud != 100


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "nowhere.csv"], r"path == 'nowhere\.csv', must be a file"),
        (["--data", "{csv}", "--target", "fraud"], r"target == 'fraud', must be a column of log\.csv"),
        (["--data", "{csv}", "--time", "when"], r"time == 'when', must be a column of log\.csv"),
        (["--target", "fraud"], r"--target, --time, --positive and --drop are about --data FILE"),
        (["--rows", "300"], r"n_samples == 300, must leave at least one positive row"),
        (["--rows", "400"], r"rows must hold both classes; give a larger table"),
        ([*SIMULATED, "--gamma", "-1"], r"gamma == -1\.0, must be >= 0"),
        ([*SIMULATED, "--alpha", "2"], r"alpha == 2\.0, must be in \(0, 1\)"),
        (["--alert-rate", "0"], r"--alert-rate must lie in \(0, 1\]"),
    ],
)
def test_errors_are_a_line_and_no_traceback(
    fraud_detection: ModuleType,
    tables: dict[str, Path],
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit, match="2"):
        fraud_detection.main([argument.format_map(tables) for argument in arguments])
    assert re.search(rf"error: .*{message}", capsys.readouterr().err)


@pytest.mark.parametrize("booster", ["xgboost", "lightgbm"])
def test_a_missing_booster_is_named_with_its_extra(
    fraud_detection: ModuleType,
    booster: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for module in [name for name in sys.modules if name.startswith("focalboost.")]:
        if booster in module:
            monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, booster, None)
    with pytest.raises(SystemExit, match="2"):
        fraud_detection.main(["--booster", booster])
    assert re.search(rf"error: .*pip install 'focalboost\[{booster}.*\]'", capsys.readouterr().err)


def test_rows_of_one_step_stay_together(fraud_detection: ModuleType) -> None:
    log = make_transactions(30_000, imbalance_ratio=99, random_state=0)
    parts = fraud_detection.split(log, 0)
    np.testing.assert_array_equal(np.concatenate(parts), np.arange(30_000))
    for earlier, later in pairwise(parts):
        assert log.step[earlier].max() < log.step[later].min()
    assert parts[0].size == pytest.approx(18_000, abs=300)
    assert parts[2].size == pytest.approx(7_500, abs=300)


@pytest.mark.parametrize("ties", [False, True])
def test_ranking_agrees_with_scikit_learn(fraud_detection: ModuleType, ties: bool) -> None:
    rng = np.random.default_rng(0)
    y = (rng.random(2_000) < 0.05).astype(int)
    margin = rng.normal(size=2_000) + y
    margin = margin.round(1) if ties else margin
    counts = rng.poisson(1.0, 2_000).astype(float)
    precision, recall = fraud_detection.ranking(y, margin, 0.1)(np.ones(2_000))
    assert precision == pytest.approx(average_precision_score(y, margin), rel=1e-12)
    weighted, _ = fraud_detection.ranking(y, margin, 0.1)(counts)
    assert weighted == pytest.approx(average_precision_score(y, margin, sample_weight=counts), rel=1e-12)
    if ties:
        draws = [y[np.lexsort((rng.random(2_000), -margin))[:200]].sum() for _ in range(400)]
        assert recall == pytest.approx(np.mean(draws) / y.sum(), abs=0.01)
    else:
        # Between two frauds the curve is a line: it is off by less than one fraud.
        assert recall == pytest.approx(y[np.argsort(-margin)[:200]].sum() / y.sum(), abs=1 / y.sum())


def test_measures_of_a_known_model(fraud_detection: ModuleType) -> None:
    model: Any = fraud_detection.Model("known", BinaryFocalLoss())
    model.margin, model.confidence = np.array([-1.0, 0.0, 1.0]), np.array([0.2, 0.5, 0.8])
    model.posterior = np.array([0.05, 0.5, 0.9])
    _, options = fraud_detection.parse(["--cost-missed", "10", "--cost-alarm", "1"])
    values, replicates = fraud_detection.evaluate(np.array([1, 0, 1]), [model], options)
    logs = [-np.log([0.2, 0.5, 0.8]).mean(), -np.log([0.05, 0.5, 0.9]).mean()]
    squares = [(0.64 + 0.25 + 0.04) / 3, (0.9025 + 0.25 + 0.01) / 3]
    # Above 1/11 the first fraud is reviewed by its raw confidence, and missed by its posterior.
    np.testing.assert_allclose(values[0, 2:], [*logs, *squares, 1, 11])
    assert values[0, 0] == pytest.approx((1 + 2 / 3) / 2)
    assert replicates.shape == (fraud_detection.N_REPLICATES, 1, 8)
