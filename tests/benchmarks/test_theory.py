"""Numbers of theory.md and probabilities.md from benchmarks/README.md, whose own tests recompute them."""

from __future__ import annotations

import re

import pytest

from tests.benchmarks.pages import BENCHMARKS, DOCS, flat, rows_of, section, text

THEORY, PROBABILITIES = (flat(text(DOCS / f"{name}.md")) for name in ("theory", "probabilities"))


def ablation(name):
    """Loss of average precision with its interval, at default booster parameters."""
    part = section(BENCHMARKS, "Study").partition("Ablation, booster parameters: defaults, both")[2]
    row = next(row for row in rows_of(part) if row[0] == f"{name} - base")
    middle, low, high = (float(number) for number in re.findall(r"[-+]\d\.\d+", row[1]))
    return -middle, -high, -low


def test_what_the_kinds_of_hessian_are_worth():
    said = re.search(r"average precision (\S+) \[(\S+), (\S+)\] lower with the reweighted one", THEORY)
    # The table has four digits, the page three.
    assert [float(number) for number in said.groups()] == pytest.approx(ablation("reweighted"), abs=5.1e-4)
    _, low, high = ablation("exact")
    assert low <= 0.0 <= high  # "no difference"


def test_what_the_log_odds_cost():
    guarded, exact = ablation("log-odds")[0], ablation("exact log-odds")[0]
    assert f"{guarded:.2f} lower with the guarded Hessian and {exact:.2f} lower with the exact one" in THEORY


def test_the_first_tree():
    words = "37 % (XGBoost) and 44 % (LightGBM) of the positive training rows beyond the best step of"
    assert words in THEORY
    assert words in flat(section(BENCHMARKS, "Why focal loss seems to help"))


def test_accuracy():
    largest = {}
    for where, head in (("near", "near: |margin| <= 10"), ("rest", "everywhere")):
        part = section(BENCHMARKS, "Accuracy").partition(head)[2]
        rows = [row for row in rows_of(part) if re.match(r"(binary|multi)", row[0]) and len(row) == 7]
        assert rows, head
        largest[where] = [float(cell) for row in rows[:10] for cell in row[2:5]]
    assert max(largest["near"]) < 2e-6
    assert max(largest["rest"]) < 2e-5
    assert "is below 2e-6 for margins within 10 and gamma up to 10, and below 2e-5 wherever" in THEORY


@pytest.mark.parametrize("row", ["gamma 2, posterior", "log loss"])
def test_slopes_after_all_rounds(row):
    part = section(BENCHMARKS, "Posterior").partition("All rounds, 7 sets")[2]
    slope = next(cells[5] for cells in rows_of(part) if cells[0] == row)
    said = f"is {slope} at gamma 2" if row != "log loss" else f"log loss's {slope.partition(' ')[0]}"
    assert said in PROBABILITIES
