"""Scorers: by hand, by rows through metadata routing, in scikit-learn's searches and in tuning."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    PredefinedSplit,
    StratifiedKFold,
    cross_val_score,
    cross_validate,
)

from focalboost.metrics import (
    expected_cost,
    expected_cost_scorer,
    precision_at_alerts_per_day,
    precision_at_alerts_per_day_scorer,
    recall_at_alert_rate,
    recall_at_alert_rate_scorer,
    recall_at_alerts_per_day,
    recall_at_alerts_per_day_scorer,
    recall_at_precision,
    recall_at_precision_scorer,
    value_recall_at_alert_rate,
    value_recall_at_alert_rate_scorer,
)

N = 600
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 3))
FRAUD = X[:, 0] + RNG.normal(size=N) > 1.5
Y = np.where(FRAUD, "fraud", "good")  # the positive class is the first by the alphabet
AMOUNT = RNG.gamma(2.0, 50.0, N) * (RNG.random(N) > 0.05)
DAY = np.repeat(np.arange(12), N // 12)
CARD = RNG.integers(0, 150, N)
WEIGHT = RNG.uniform(0.5, 2.0, N)
FOLDS = list(StratifiedKFold(3).split(X, Y))
MODEL = LogisticRegression()


def by_hand(metric, folds=FOLDS, sign=1, fit=None, **of_rows):
    """The metric of each fold, with the fold's part of whatever is known of the rows."""
    found = []
    for train, test in folds:
        model = LogisticRegression().fit(
            X[train], Y[train], sample_weight=None if fit is None else fit[train]
        )
        p = model.predict_proba(X[test])[:, 0]
        part = {
            name: value[test] if isinstance(value, np.ndarray) else value for name, value in of_rows.items()
        }
        found.append(sign * metric(Y[test], p, pos_label="fraud", **part))
    return found


def routed(scoring, params, folds=FOLDS, model=MODEL, y=Y, data=X):
    with config_context(enable_metadata_routing=True):
        found = cross_validate(model, data, y, cv=folds, scoring=scoring, params=params, error_score="raise")
    return {name.removeprefix("test_"): values for name, values in found.items() if name.startswith("test_")}


BY_ROW = {
    "value": (
        value_recall_at_alert_rate_scorer(0.1, pos_label="fraud"),
        {"value": AMOUNT},
        by_hand(value_recall_at_alert_rate, value=AMOUNT, alert_rate=0.1),
    ),
    "precision": (
        precision_at_alerts_per_day_scorer(3, pos_label="fraud"),
        {"day": DAY},
        by_hand(precision_at_alerts_per_day, day=DAY, alerts_per_day=3),
    ),
    "recall": (
        recall_at_alerts_per_day_scorer(3, pos_label="fraud"),
        {"day": DAY},
        by_hand(recall_at_alerts_per_day, day=DAY, alerts_per_day=3),
    ),
    "missed": (
        expected_cost_scorer(10, None, pos_label="fraud"),
        {"cost_missed": AMOUNT},
        by_hand(expected_cost, sign=-1, cost_alarm=10, cost_missed=AMOUNT),
    ),
    "alarm": (
        expected_cost_scorer(None, 100, pos_label="fraud"),
        {"cost_alarm": AMOUNT / 10},
        by_hand(expected_cost, sign=-1, cost_alarm=AMOUNT / 10, cost_missed=100),
    ),
    "both": (
        expected_cost_scorer(None, None, pos_label="fraud"),
        {"cost_missed": AMOUNT, "cost_alarm": AMOUNT / 10},
        by_hand(expected_cost, sign=-1, cost_alarm=AMOUNT / 10, cost_missed=AMOUNT),
    ),
}


@pytest.mark.parametrize("name", BY_ROW)
def test_each_fold_gets_its_rows(name):
    scorer, params, expected = BY_ROW[name]
    np.testing.assert_allclose(routed(scorer, params)["score"], expected, rtol=1e-12)
    as_series = {key: pd.Series(value, index=np.arange(N)[::-1]) for key, value in params.items()}
    np.testing.assert_allclose(routed(scorer, as_series)["score"], expected, rtol=1e-12)
    assert np.ptp(expected) > 0


def test_several_scorers_and_one_amount():
    """Each asks for the amount by a name of its own, or all by one."""
    names = ("value", "missed", "recall", "precision")
    params = {"value": AMOUNT, "cost_missed": AMOUNT, "day": DAY}
    found = routed({name: BY_ROW[name][0] for name in names}, params)
    for name in names:
        np.testing.assert_allclose(found[name], BY_ROW[name][2], rtol=1e-12)
    with config_context(enable_metadata_routing=True):
        scoring = {
            "value": value_recall_at_alert_rate_scorer(0.1, pos_label="fraud").set_score_request(
                value="amount"
            ),
            "missed": expected_cost_scorer(10, None, pos_label="fraud").set_score_request(
                cost_missed="amount"
            ),
        }
    found = routed(scoring, {"amount": AMOUNT})
    for name in scoring:
        np.testing.assert_allclose(found[name], BY_ROW[name][2], rtol=1e-12)


def test_groups_are_passed_where_asked_for():
    scorer = precision_at_alerts_per_day_scorer(3, pos_label="fraud")
    folds = list(GroupKFold(3).split(X, Y, CARD))
    # GroupKFold takes them too: what the scorer does with them must be said.
    with pytest.raises(UnsetMetadataPassedError, match=r"\['?groups'?\] are passed .*not explicitly set"):
        routed(scorer, {"day": DAY, "groups": CARD}, folds=GroupKFold(3))
    for wanted, groups in ((True, CARD), (False, None)):
        with config_context(enable_metadata_routing=True):
            asking = scorer.set_score_request(day=True, groups=wanted)
        expected = by_hand(precision_at_alerts_per_day, folds, day=DAY, groups=groups, alerts_per_day=3)
        found = routed(asking, {"day": DAY, "groups": CARD}, folds=GroupKFold(3))["score"]
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    again = precision_at_alerts_per_day_scorer(3, drop_found=False, pos_label="fraud")
    with config_context(enable_metadata_routing=True):
        again.set_score_request(day=True, groups=True)
    found = routed(again, {"day": DAY, "groups": CARD})["score"]
    options = {"day": DAY, "groups": CARD, "alerts_per_day": 3, "drop_found": False}
    np.testing.assert_allclose(found, by_hand(precision_at_alerts_per_day, **options), rtol=1e-12)


@pytest.mark.parametrize(
    ("make", "metric", "sign", "options"),
    [
        (
            lambda: recall_at_alert_rate_scorer(0.1, pos_label="fraud"),
            recall_at_alert_rate,
            1,
            {"alert_rate": 0.1},
        ),
        (
            lambda: recall_at_precision_scorer(0.5, pos_label="fraud"),
            recall_at_precision,
            1,
            {"precision": 0.5},
        ),
        (lambda: expected_cost_scorer(1, 10, pos_label="fraud"), expected_cost, -1, {"cost_missed": 10.0}),
    ],
    ids=["recall at alert rate", "recall at precision", "cost"],
)
def test_weights_go_to_the_fit_and_to_the_scorer(make, metric, sign, options):
    scorer = make()
    with config_context(enable_metadata_routing=True):
        model = LogisticRegression().set_fit_request(sample_weight=True)
        with pytest.raises(UnsetMetadataPassedError, match=r"\['?sample_weight'?\] are passed .*not expl"):
            routed(scorer, {"sample_weight": WEIGHT}, model=model)
        scorer.set_score_request(sample_weight=True)
    found = routed(scorer, {"sample_weight": WEIGHT}, model=model)["score"]
    expected = by_hand(metric, sign=sign, fit=WEIGHT, sample_weight=WEIGHT, **options)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert not np.allclose(found, by_hand(metric, sign=sign, fit=WEIGHT, **options))


def test_weights_of_a_cost_by_row_are_asked_for_too():
    scorer = expected_cost_scorer(10, None, pos_label="fraud")
    params = {"cost_missed": AMOUNT, "sample_weight": WEIGHT}
    with config_context(enable_metadata_routing=True):
        model = LogisticRegression().set_fit_request(sample_weight=True)
        with pytest.raises(UnsetMetadataPassedError, match=r"\['?sample_weight'?\] are passed .*not expl"):
            routed(scorer, params, model=model)
        scorer.set_score_request(cost_missed=True, sample_weight=True)
    options = {"cost_alarm": 10, "cost_missed": AMOUNT, "sample_weight": WEIGHT}
    expected = by_hand(expected_cost, sign=-1, fit=WEIGHT, **options)
    np.testing.assert_allclose(routed(scorer, params, model=model)["score"], expected, rtol=1e-12)


# ---------------------------------------------------------------------- what is missing
def test_a_cost_that_was_not_passed_is_no_100():
    scorer = expected_cost_scorer(10, None, pos_label="fraud")
    text = r"^cost_missed of the rows was not passed, must be: with sklearn.config_context"
    with pytest.raises(TypeError, match=text):
        routed(scorer, {})
    with pytest.raises(TypeError, match=text):
        cross_validate(MODEL, X, Y, cv=3, scoring=scorer, error_score="raise")
    with pytest.raises(TypeError, match=r"^cost_alarm of the rows was not passed"):
        routed(expected_cost_scorer(None, None, pos_label="fraud"), {"cost_missed": AMOUNT})
    for name, needed in (("value", "value"), ("precision", "day"), ("recall", "day")):
        with pytest.raises(TypeError, match=rf"missing 1 required keyword-only argument: '{needed}'"):
            routed(BY_ROW[name][0], {})


def test_without_routing_scikit_learn_says_how_to_turn_it_on():
    model = LogisticRegression().fit(X, Y)
    scorer, params, _ = BY_ROW["value"]
    with pytest.raises(ValueError, match=r"enable_metadata_routing=True"):
        scorer(model, X, Y, **params)


def test_the_row_of_the_fold_is_named():
    amount = AMOUNT.copy()
    amount[FOLDS[0][1][5]] = -1.0
    for name, key in (("value", "value"), ("missed", "cost_missed")):
        with pytest.raises(ValueError, match=rf"^{key}\[5\] == -1.0, must be >= 0 and finite"):
            routed(BY_ROW[name][0], {key: amount})


# ---------------------------------------------------------------------- searches
def test_a_grid_search_chooses_by_the_cost_of_the_rows():
    grid = {"C": [1e-4, 1.0]}
    scorer, _, _ = BY_ROW["missed"]
    with config_context(enable_metadata_routing=True):
        search = GridSearchCV(LogisticRegression(), grid, scoring=scorer, cv=FOLDS, error_score="raise")
        search.fit(X, Y, cost_missed=AMOUNT)
    means = []
    for c in grid["C"]:
        costs = []
        for train, test in FOLDS:
            p = LogisticRegression(C=c).fit(X[train], Y[train]).predict_proba(X[test])[:, 0]
            costs.append(
                -expected_cost(Y[test], p, cost_alarm=10, cost_missed=AMOUNT[test], pos_label="fraud")
            )
        means.append(np.mean(costs))
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], means, rtol=1e-12)
    assert search.best_params_ == {"C": grid["C"][int(np.argmax(means))]}


def test_classifiers_of_focal_loss():
    pytest.importorskip("xgboost")
    from focalboost.xgboost import FocalXGBClassifier

    model = FocalXGBClassifier(n_estimators=5, max_depth=2, n_jobs=1)
    params = {"value": AMOUNT, "cost_missed": AMOUNT, "day": DAY}
    in_time = PredefinedSplit(np.where(DAY < 8, -1, 0))
    names = ("value", "missed", "recall", "precision")
    found = routed({name: BY_ROW[name][0] for name in names}, params, folds=in_time, model=model)
    train, test = DAY < 8, DAY >= 8
    p = model.fit(X[train], Y[train]).predict_proba(X[test])[:, 0]
    rows = {"y_true": Y[test], "pos_label": "fraud"}
    amount, days = AMOUNT[test], {"day": DAY[test], "alerts_per_day": 3}
    expected = (
        value_recall_at_alert_rate(y_score=p, value=amount, alert_rate=0.1, **rows),
        -expected_cost(y_proba=p, cost_alarm=10, cost_missed=amount, **rows),
        recall_at_alerts_per_day(y_score=p, **days, **rows),
        precision_at_alerts_per_day(y_score=p, **days, **rows),
    )
    assert [found[name][0] for name in names] == pytest.approx(expected, rel=1e-9)
    with config_context(enable_metadata_routing=True):
        search = GridSearchCV(model, {"focal_gamma": [0.5, 2.0]}, scoring=BY_ROW["value"][0], cv=in_time)
        search.fit(X, Y, value=AMOUNT)
    assert search.best_score_ >= 0.1  # by chance


def test_scorers_cross_validate_any_labels():
    values = []
    for scorer, sign, metric, options in (
        (recall_at_alert_rate_scorer(0.1, pos_label="fraud"), 1, recall_at_alert_rate, {"alert_rate": 0.1}),
        (recall_at_precision_scorer(0.5, pos_label="fraud"), 1, recall_at_precision, {"precision": 0.5}),
        (expected_cost_scorer(1.0, 10.0, pos_label="fraud"), -1, expected_cost, {"cost_missed": 10.0}),
    ):
        found = cross_val_score(MODEL, X, Y, cv=3, scoring=scorer)
        np.testing.assert_allclose(found, by_hand(metric, sign=sign, **options), rtol=1e-12)
        values.append(found)
    recall, at_precision, cost = values
    assert (recall > 0.2).all()  # 0.1 by chance
    assert at_precision.mean() > 0.2
    # No alert at all would cost 10 times the rate of fraud.
    assert (cost < 0).all()
    assert (cost > -10 * FRAUD.mean()).all()


# ---------------------------------------------------------------------- in tuning
def test_scorers_in_tuning():
    pytest.importorskip("xgboost")
    optuna = pytest.importorskip("optuna")
    from focalboost.tuning import CrossValidatedObjective
    from focalboost.xgboost import FocalXGBClassifier

    point = {"focal_gamma": 1.0}

    def space(trial):
        return {"focal_gamma": trial.suggest_float("focal_gamma", 0, 5)}

    def objective(scoring):
        return CrossValidatedObjective(
            X, Y, booster="xgboost", scoring=scoring, cv=FOLDS, space=space, fixed={"max_depth": 2},
            num_boost_round=5, early_stopping_rounds=None, n_jobs=1,
        )  # fmt: skip

    def by_amount(estimator, rows, y):
        amount = 100.0 * np.exp(rows[:, 1])
        p = estimator.predict_proba(rows)[:, 0]
        return -expected_cost(y, p, cost_alarm=10, cost_missed=amount, pos_label="fraud")

    found = objective([expected_cost_scorer(1, 10, pos_label="fraud"), by_amount])(
        optuna.trial.FixedTrial(point)
    )
    expected = []
    for train, test in FOLDS:
        model = FocalXGBClassifier(n_estimators=5, focal_gamma=1.0, max_depth=2, n_jobs=1).fit(
            X[train], Y[train]
        )
        p = model.predict_proba(X[test])[:, 0]
        expected.append(
            (
                -expected_cost(Y[test], p, cost_missed=10, pos_label="fraud"),
                by_amount(model, X[test], Y[test]),
            )
        )
    assert found == pytest.approx(np.mean(expected, axis=0), rel=1e-6)
    # Nothing routes costs there: refused before anything is trained.
    with pytest.raises(TypeError, match=r"^cost_missed of the rows was not passed, must be"):
        objective(expected_cost_scorer(1, None, pos_label="fraud"))
    with pytest.raises(TypeError, match=r"missing 1 required keyword-only argument: 'value'"):
        objective(value_recall_at_alert_rate_scorer(0.1, pos_label="fraud"))


# ---------------------------------------------------------------------- the scorers themselves
MAKERS = [
    recall_at_alert_rate_scorer,
    value_recall_at_alert_rate_scorer,
    precision_at_alerts_per_day_scorer,
    recall_at_alerts_per_day_scorer,
    recall_at_precision_scorer,
    expected_cost_scorer,
    lambda: expected_cost_scorer(1.0, None),
]


@pytest.mark.parametrize("make", MAKERS)
def test_scorers_can_be_pickled_by_public_paths(make):
    scorer = make()
    data = pickle.dumps(scorer)
    assert b"focalboost.metrics._" not in data
    assert repr(pickle.loads(data)) == repr(scorer)
    assert " at 0x" not in repr(scorer)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: recall_at_alert_rate_scorer(0), ValueError, r"^alert_rate == 0, must be in \(0, 1\]"),
        (lambda: value_recall_at_alert_rate_scorer(2), ValueError, r"^alert_rate == 2, must be in \(0, 1\]"),
        (lambda: precision_at_alerts_per_day_scorer(0), ValueError, r"^alerts_per_day == 0, must be >= 1"),
        (lambda: recall_at_alerts_per_day_scorer(-1), ValueError, r"^alerts_per_day == -1, must be >= 1"),
        (lambda: recall_at_precision_scorer(2), ValueError, r"^precision == 2, must be in \(0, 1\]"),
        (
            lambda: expected_cost_scorer(0.0),
            ValueError,
            r"^cost_alarm == 0.0, must be > 0 and finite, one number",
        ),
        (
            lambda: expected_cost_scorer(1.0, [1.0, 2.0]),
            TypeError,
            r"^cost_missed == \[1.0, 2.0\], must be > 0 and finite, one number for all rows, or None",
        ),
    ],
)
def test_scorers_check_when_made(make, error, text):
    with pytest.raises(error, match=text):
        make()
