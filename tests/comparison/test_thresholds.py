"""Thresholds for costs and budgets, as probability and as what the booster predicts."""

from __future__ import annotations

import re

import numpy as np
import pytest
from scipy.special import expit

from focalboost.comparison._thresholds import margin_of, thresholds
from tests.comparison.judged import DAY, binormal, settings, split, task, trained

pytest.importorskip("xgboost")
pytest.importorskip("lightgbm")
import lightgbm  # after the checks
import xgboost

from focalboost.lightgbm import FocalLGBMClassifier
from focalboost.xgboost import FocalXGBClassifier

N = 2_000


class Plain:
    """A model without a focal loss."""


def found(y, odds, *, model=None, table=None, **asked):
    table = task(y) if table is None else table
    return thresholds(
        table, split(table), settings(**asked), trained("log_loss", odds, model=model or Plain())
    )


def rows(seed=0):
    y, scores = binormal(N, seed=seed)
    return y, scores["log_loss"]


def test_costs():
    y, odds = rows()
    cost, _ = found(y, odds, cost_alarm=10, cost_missed=990)
    above = expit(odds) > 0.01
    assert (cost.purpose, cost.probability, cost.margin) == ("cost", 0.01, pytest.approx(np.log(1 / 99)))
    assert cost.says == (
        "Look at a row where its probability is above 10 / (10 + 990) = 0.01: there the expected loss of "
        "letting it pass is larger than that of a false alarm. "
        f"Of the 2,000 held-out rows {above.sum()} are above it ({100 * above.mean():.3g} %), "
        f"{y[above].sum()} of them positive."
    )
    assert [each.purpose for each in found(y, odds)] == ["budget"]


def test_costs_by_row():
    y, odds = rows()
    cost, budget = found(y, odds, table=task(y, amount=np.ones(N)), cost_alarm=10, cost_missed="amount")
    assert (cost.probability, cost.margin) == (None, None)
    assert "above 10 / (10 + euros)" in cost.says
    assert budget.probability is not None


def test_alerts_for_costs_by_row_are_counted_a_day():
    y = np.array([0, 1, 0, 1, 1, 0])
    odds = np.log([1.0, 1.0, 1.0, 9.0, 9.0, 0.01])  # probabilities of 0.5, 0.9 and 0.01
    amount = np.array([5.0, 15.0, 15.0, 0.0, 5.0, 100.0])  # thresholds 2/3, 0.4, 0.4, 1, 2/3, 1/11
    when = np.array([0, 0, 1, 1, 2, 3]) * DAY
    table = task(y, when=when, amount=amount)
    cost, _ = found(y, odds, table=table, cost_alarm=10, cost_missed="amount", alert_rate=0.5)
    assert cost.says.endswith(
        "Each row has its own threshold. Of the 6 held-out rows 3 are above it (50 %, 0.75 a day), 2 of them "
        "positive."
    )
    # Rows that are held out, not all of them.
    half = split(table, test=[3, 4, 5])
    asked = settings(cost_alarm=10, cost_missed="amount", alert_rate=0.5)
    cost, _ = thresholds(table, half, asked, trained("log_loss", odds[3:], model=Plain()))
    assert cost.says.endswith(
        "Of the 3 held-out rows 1 is above it (33.3 %, 0.333 a day), 1 of them positive."
    )


def test_budget_as_a_share():
    y, odds = rows()
    (budget,) = found(y, odds, alert_rate=0.02)
    assert budget.purpose == "budget"
    assert np.count_nonzero(expit(odds) > budget.probability) == 40
    assert budget.margin == pytest.approx(np.sort(odds)[-41])
    # Beta(41, 1960).
    assert (budget.low, budget.high) == pytest.approx((0.0148, 0.0272), abs=0.0002)
    assert "For 2 % alerts: look at a row where its probability is above" in budget.says
    assert (
        f"{100 * budget.low:.3g} % to {100 * budget.high:.3g} % will be above it (95 % interval, 2.05 %"
        in budget.says
    )


def test_interval_of_the_budget_holds_on_later_rows():
    inside = []
    for seed in range(100):
        y, odds = rows(seed)
        (budget,) = found(y, odds, alert_rate=0.02)
        _, later = rows(10_000 + seed)
        # Of all later rows: 40 times as many as these make their own error small.
        more = np.concatenate([later, *(rows(20_000 + 40 * seed + k)[1] for k in range(20))])
        inside.append(budget.low <= np.mean(expit(more) > budget.probability) <= budget.high)
    assert 0.88 <= np.mean(inside) <= 1.0


def test_budget_a_day():
    y, odds = rows()
    when = np.repeat(np.arange(20) * DAY, 100)
    (budget,) = found(y, odds, table=task(y, when=when), alert_rate=None, alerts_per_day=3)
    assert np.count_nonzero(expit(odds) > budget.probability) == 60
    assert "For 3 alerts a day:" in budget.says
    (one,) = found(y, odds, table=task(y, when=when), alert_rate=None, alerts_per_day=1)
    assert one.says.startswith("For 1 alert a day: look at a row")
    low, high = map(float, re.search(r"(\S+) to (\S+) a day on average", budget.says).groups())
    assert low < 3 < high
    # Of cards, each with its highest score of a day.
    cards = np.tile(np.arange(50), 40)
    (budget,) = found(y, odds, table=task(y, when=when, groups=cards), alert_rate=None, alerts_per_day=3)
    best = np.full((20, 50), -np.inf)
    np.maximum.at(best, ((when / DAY).astype(int), cards), odds)
    assert np.count_nonzero(expit(best) > budget.probability) == 60
    assert "Of later values of card, each with its highest score of a day, of the same kind" in budget.says


def test_no_threshold():
    y, odds = rows()
    (all_rows,) = found(y, odds, alert_rate=1.0)
    assert (all_rows.probability, all_rows.margin) == (0.0, None)
    assert all_rows.says == "100 % alerts reach every row: no threshold is needed."
    # All scores are the same: nothing of the comparison is lost.
    (tied,) = found(y, np.full(N, -3.0), alert_rate=0.01)
    assert (tied.probability, tied.margin) == (None, None)
    assert tied.says == (
        "There is no threshold for 1 % alerts: 2,000 of the 2,000 held-out scores are the highest, more than "
        "the budget has room for, and nothing says which of them come first. Train more rounds, which tell "
        "them apart, or allow a larger budget."
    )
    # Probabilities that round to 1: log-odds do not tie, and no margin is made of a 1.
    (certain,) = found(y, odds + 50.0, alert_rate=0.01)
    assert certain.probability == 1.0
    assert certain.margin is None


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, 4)).astype(np.float32)
    return X, (rng.random(N) < expit(2 * X[:, 0] + X[:, 1] - 3)).astype(int)


MODELS = {
    "xgboost": lambda: xgboost.XGBClassifier(n_estimators=15, max_depth=3),
    "lightgbm": lambda: lightgbm.LGBMClassifier(n_estimators=15, verbosity=-1),
    "focal xgboost": lambda: FocalXGBClassifier(
        n_estimators=15, max_depth=3, focal_gamma=2.0, focal_alpha=(1.0, 5.0)
    ),
    "focal lightgbm": lambda: FocalLGBMClassifier(n_estimators=15, focal_gamma=1.0, verbosity=-1),
    "class weights": lambda: FocalXGBClassifier(
        n_estimators=15, max_depth=3, focal_gamma=0.0, focal_alpha=(1.0, 20.0)
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_margin_is_what_the_booster_predicts(data, name):
    X, y = data
    model = MODELS[name]().fit(X, y)
    p = model.predict_proba(X)[:, 1].astype(float)
    if "xgboost" in name or "weights" in name:
        margins = model.get_booster().predict(xgboost.DMatrix(X), output_margin=True)
    else:
        margins = model.booster_.predict(X, raw_score=True)
    np.testing.assert_allclose(
        [margin_of(model, each) for each in p[:50]], margins[:50], rtol=1e-4, atol=2e-4
    )
    # Alerts by margin are those by probability.
    cut = float(np.quantile(p, 0.95))
    assert np.mean((margins > margin_of(model, cut)) == (p > cut)) > 0.998
    if hasattr(model, "loss_"):
        assert model.loss_.logit_shift != 0.0  # and the shift of the training is in it


def test_margins_are_those_of_the_model_that_is_used(data):
    X, y = data
    first, final = (MODELS["focal xgboost"]().fit(X[:rows], y[:rows]) for rows in (1_000, N))
    table = task(y)
    judged = trained("focal", first.decision_function(X), model=first)
    asked = settings(cost_alarm=1, cost_missed=9)
    own = thresholds(table, split(table), asked, judged)
    used = thresholds(table, split(table), asked, judged, final)
    for one, other in zip(own, used, strict=True):
        assert one.probability == other.probability
        assert one.margin == pytest.approx(margin_of(first, one.probability))
        assert other.margin == pytest.approx(margin_of(final, one.probability))
        assert one.margin != other.margin
