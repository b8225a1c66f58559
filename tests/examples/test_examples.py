"""The two examples of the whole job, on little data: what they print is what they found."""

import re

import pytest

from tests.examples.test_estimator_examples import load

for needed in ("optuna", "xgboost", "matplotlib", "pandas", "pyarrow", "jinja2"):
    pytest.importorskip(needed)
import matplotlib.pyplot as plt  # noqa: E402  # extras
import optuna  # noqa: E402

SMALL = ["--rows", "8000", "--trials", "3"]


@pytest.fixture(autouse=True)
def verbosity():
    before = optuna.logging.get_verbosity()
    yield
    optuna.logging.set_verbosity(before)
    plt.close("all")


@pytest.mark.parametrize("booster", ["xgboost", "lightgbm"])
def test_from_transactions_to_decisions(booster, tmp_path, capsys):
    pytest.importorskip(booster)
    page = tmp_path / "page.html"
    files = ["--report", str(page), "--figure", str(tmp_path / "figure.png")]
    load("fraud_detection").main([*SMALL, "--booster", booster, *files])
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
    text = capsys.readouterr().out
    verdict = text.splitlines()[0]
    assert "log loss" in verdict
    assert verdict.split(";")[0] in page.read_text(encoding="utf-8")
    found = re.search(r"Alerts: ([\d,]+) rows, of which ([\d,]+) are fraud", text)
    alerts, fraud = (int(number.replace(",", "")) for number in found.groups())
    assert 0 < fraud <= alerts < 800
    with_alerts, without = map(
        float, re.search(r"row: ([\d.]+), with no alert at all ([\d.]+)\.", text).groups()
    )
    assert with_alerts < without


@pytest.mark.parametrize("booster", ["xgboost", "lightgbm"])
def test_a_study_goes_on_where_it_was(booster, tmp_path, capsys):
    pytest.importorskip(booster)
    call = ["--rows", "6000", "--booster", booster, "--storage", str(tmp_path / "study.log")]
    example = load("tune_with_optuna")
    example.main([*call, "--trials", "2", "--figure", str(tmp_path / "figure.png")])
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
    first = capsys.readouterr().out
    assert first.startswith("log loss: 2 trials; the best has {'start'")
    assert "\nfocal loss: 2 trials; the best has {'focal_gamma'" in first
    # Both begin with the same trial, so neither ends below it on the folds.
    untuned, *tuned = map(float, re.findall(r"^(?:log|focal) loss, \S.*? +(0\.\d{3}) ", first, re.MULTILINE))
    assert len(tuned) == 2
    assert min(tuned) >= untuned
    for trials in ("3", "2"):  # fewer than there are: none is run
        example.main([*call, "--trials", trials])
        assert capsys.readouterr().out.count(": 3 trials;") == 2
