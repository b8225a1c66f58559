"""What the study judges contenders by.

binary       average precision, ROC AUC, recall at 1 % alerts, log loss, Brier, calibration slope, costs
multiclass   average precision and ROC AUC of each class against the others, log loss, Brier, and balanced
             accuracy
multilabel   average precision, ROC AUC, log loss and Brier of each label

Means over classes or labels leave out those that the test rows have none of, or nothing else.

calibration slope     coefficient of logit p in an unpenalized logistic regression of y on it, with intercept
                      (Cox, Biometrika 1958): 1 is right, below 1 too sure, above 1 not sure enough
abs. log slope        what contenders are ranked by: 2 is as far from right as 1/2
log loss, Platt       log loss after a logistic regression of y on logit p, fitted to out-of-fold rows of the
                      training part: contenders choose their rounds by average precision, and this takes
                      back what that did to the probabilities
cost 10:1, 100:1      mean cost of a row, an alert that is none costs 1 and a missed positive row 10 or 100,
                      at the threshold that is cheapest on out-of-fold rows
cost 100:1 at 1/101   the same at the best threshold for probabilities that are right (Elkan, IJCAI 2001)
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    log_loss,
    recall_score,
    roc_auc_score,
    roc_curve,
)

from focalboost.metrics import expected_cost, recall_at_alert_rate

Array = NDArray[Any]


class Measure(NamedTuple):
    """How values are compared, and how differences are shown."""

    larger: bool
    # Differences as ratios to the baseline's value, which differs by orders of magnitude between sets.
    relative: bool = False


AP, AUC, RECALL, LOG_LOSS, BRIER = "average precision", "ROC AUC", "recall at 1 % alerts", "log loss", "Brier"
SLOPE, SLOPE_ERROR, ACCURACY = "calibration slope", "abs. log slope", "balanced accuracy"
PLATT = "log loss, Platt"
COSTS = {"cost 10:1": 10.0, "cost 100:1": 100.0}
BAYES_COST = "cost 100:1 at 1/101"
MEASURES = {
    AP: Measure(larger=True),
    AUC: Measure(larger=True),
    RECALL: Measure(larger=True),
    ACCURACY: Measure(larger=True),
    LOG_LOSS: Measure(larger=False, relative=True),
    PLATT: Measure(larger=False, relative=True),
    BRIER: Measure(larger=False, relative=True),
    SLOPE_ERROR: Measure(larger=False),
    **{name: Measure(larger=False, relative=True) for name in (*COSTS, BAYES_COST)},
}
EPS = float(np.finfo(np.float64).eps)  # where scikit-learn's log_loss clips
# A slope further off than this says no more than that it is; it keeps means of its logarithm finite.
STEEPEST = 100.0
ALERT_RATE = 0.01


class Learnt(NamedTuple):
    """What out-of-fold rows of the training part say: thresholds of costs, and Platt's regression."""

    cuts: dict[str, float]
    platt: Any


def log_odds(p: Array) -> Array:
    return np.asarray(logit(np.clip(p, EPS, 1 - EPS)))


def separated(y: Array, p: Array) -> bool:
    """One probability tells the classes apart, or all are one: a regression has no likeliest slope."""
    no, yes = log_odds(p[y == 0]), log_odds(p[y == 1])
    return bool(yes.min() >= no.max() or yes.max() <= no.min())


def regression(y: Array, p: Array) -> Any:
    model = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10, max_iter=1000)
    return model.fit(log_odds(p)[:, None], y)


def calibration_slope(y: Array, p: Array) -> float:
    """NaN where there is none."""
    return float("nan") if separated(y, p) else float(regression(y, p).coef_[0, 0])


def cheapest_threshold(y: Array, p: Array, cost_missed: float) -> float:
    """The threshold that costs least on these rows, half way to the next lower probability."""
    false_alarms, recall, scores = roc_curve(y, p, drop_intermediate=False)
    positive = np.count_nonzero(y)
    # Whole numbers of rows, so that equal costs are equal: of them the first, fewest alerts.
    alarms, missed = np.rint(false_alarms * (len(y) - positive)), np.rint((1 - recall) * positive)
    place = int(np.argmin(alarms + cost_missed * missed))
    scores = np.append(np.minimum(scores, 1.0), 0.0)
    return float(scores[place] + scores[place + 1]) / 2


def learn(oof: tuple[Array, Array] | None) -> Learnt:
    """From labels and probabilities; of a contender without them only the threshold that needs none."""
    if oof is None:
        return Learnt({BAYES_COST: 1 / 101}, None)
    cuts = {name: cheapest_threshold(*oof, cost) for name, cost in COSTS.items()}
    return Learnt({**cuts, BAYES_COST: 1 / 101}, None if separated(*oof) else regression(*oof))


def judged(y: Array) -> Array:
    """Columns of 0/1 labels with rows of both kinds."""
    return np.flatnonzero(y.any(axis=0) & ~y.all(axis=0))


def one_hot(y: Array, n_classes: int) -> Array:
    return np.asarray(y[:, None] == np.arange(n_classes))


def macro(metric: Any, y: Array, p: Array) -> float:
    return float(np.mean([metric(y[:, k], p[:, k]) for k in judged(y)]))


def scores(task: str, y: Array, p: Array, learnt: Learnt) -> dict[str, float]:
    """All measures of one contender."""
    if task == "binary":
        slope = calibration_slope(y, p)
        found = {
            AP: average_precision_score(y, p),
            AUC: roc_auc_score(y, p),
            RECALL: recall_at_alert_rate(y, p, alert_rate=ALERT_RATE),
            LOG_LOSS: log_loss(y, p),
            BRIER: brier_score_loss(y, p),
            SLOPE: slope,
            SLOPE_ERROR: abs(float(np.log(np.clip(slope, 1 / STEEPEST, STEEPEST)))),
        }
        if learnt.platt is not None:
            found[PLATT] = log_loss(y, learnt.platt.predict_proba(log_odds(p)[:, None])[:, 1])
        for name, cut in learnt.cuts.items():
            found[name] = expected_cost(y, p, cost_missed=COSTS.get(name, 100.0), threshold=cut)
        return {name: float(value) for name, value in found.items()}
    if task == "multiclass":
        hot = one_hot(y, p.shape[1])
        return {
            AP: macro(average_precision_score, hot, p),
            AUC: macro(roc_auc_score, hot, p),
            LOG_LOSS: float(log_loss(y, p, labels=np.arange(p.shape[1]))),
            BRIER: float(np.mean(((p - hot) ** 2).sum(axis=1))),
            ACCURACY: float(recall_score(y, p.argmax(axis=1), labels=np.unique(y), average="macro")),
        }
    metrics = {AP: average_precision_score, AUC: roc_auc_score, LOG_LOSS: log_loss, BRIER: brier_score_loss}
    return {name: macro(metric, y, p) for name, metric in metrics.items()}
