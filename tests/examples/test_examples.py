"""The two examples of the whole job, on little data: what they print is what they found."""

import re

import pytest

from tests.examples.test_estimator_examples import load

for needed in ("optuna", "xgboost", "matplotlib", "pandas", "pyarrow", "jinja2"):
    pytest.importorskip(needed)
import optuna  # noqa: E402  # an extra

SMALL = ["--rows", "8000", "--trials", "3"]


@pytest.fixture(autouse=True)
def verbosity():
    before = optuna.logging.get_verbosity()
    yield
    optuna.logging.set_verbosity(before)


@pytest.mark.parametrize("booster", ["xgboost", "lightgbm"])
def test_from_transactions_to_decisions(booster, tmp_path, capsys):
    pytest.importorskip(booster)
    page = tmp_path / "page.html"
    load("fraud_detection").main([*SMALL, "--booster", booster, "--report", str(page)])
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
    example.main([*call, "--trials", "2"])
    first = capsys.readouterr().out
    assert first.startswith("2 trials; the best has {'focal_gamma'")
    assert "log loss, untuned" in first
    example.main([*call, "--trials", "3"])
    assert capsys.readouterr().out.startswith("3 trials;")
    example.main([*call, "--trials", "2"])
    assert capsys.readouterr().out.startswith("3 trials;")


@pytest.mark.parametrize("name", ["fraud_detection", "tune_with_optuna"])
def test_help(name, capsys):
    with pytest.raises(SystemExit, match="0"):
        load(name).main(["--help"])
    text = capsys.readouterr().out
    assert "--rows" in text
    assert "focalboost compare" in text
