"""What the study judges contenders by, of the test rows and of many resamplings of them at once.

binary       average precision, ROC AUC, recall at 1 % alerts, log loss, Brier, calibration slope, costs
multiclass   average precision and ROC AUC of each class against the others, log loss, Brier, and balanced
             accuracy
multilabel   average precision, ROC AUC, log loss and Brier of each label

Means over classes or labels leave out those that the test rows have none of, or nothing else.

calibration slope     coefficient of logit p in an unpenalized logistic regression of y on it, with intercept
                      (Cox, Biometrika 1958): 1 is right, below 1 too sure, above 1 not sure enough
abs. log slope        what contenders are ranked by: 2 is as far from right as 1/2
cost 10:1, 100:1      mean cost of a row, an alert that is none costs 1 and a missed positive row 10 or 100,
                      at the threshold that is cheapest on out-of-fold rows of the training part
cost 100:1 at 1/101   the same at the best threshold for probabilities that are right (Elkan, IJCAI 2001)
"""

from __future__ import annotations

from collections.abc import Mapping
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
    # Differences in % of the baseline's value, which differs by orders of magnitude between sets.
    relative: bool = False


AP, AUC, RECALL, LOG_LOSS, BRIER = "average precision", "ROC AUC", "recall at 1 % alerts", "log loss", "Brier"
SLOPE, SLOPE_ERROR, ACCURACY = "calibration slope", "abs. log slope", "balanced accuracy"
COSTS = {"cost 10:1": 10.0, "cost 100:1": 100.0}
BAYES_COST = "cost 100:1 at 1/101"
MEASURES = {
    AP: Measure(larger=True),
    AUC: Measure(larger=True),
    RECALL: Measure(larger=True),
    ACCURACY: Measure(larger=True),
    LOG_LOSS: Measure(larger=False, relative=True),
    BRIER: Measure(larger=False, relative=True),
    SLOPE_ERROR: Measure(larger=False),
    **{name: Measure(larger=False, relative=True) for name in (*COSTS, BAYES_COST)},
}
EPS = float(np.finfo(np.float64).eps)  # where scikit-learn's log_loss clips
# A slope further off than this says no more than that it is; it keeps means of its logarithm finite.
STEEPEST = 100.0
ALERT_RATE = 0.01


# ---------------------------------------------------------------------- of the test rows
def calibration_slope(y: Array, p: Array) -> float:
    """The slope; NaN where there is none: one probability for all rows, or rows that it tells apart."""
    odds = logit(np.clip(p, EPS, 1 - EPS))
    no, yes = odds[y == 0], odds[y == 1]
    # Ranges that touch at most in a point are (quasi-)separated: the likelihood has no maximum.
    if yes.min() >= no.max() or yes.max() <= no.min():
        return float("nan")
    line = LogisticRegression(C=np.inf, solver="newton-cholesky", max_iter=1000).fit(odds[:, None], y)
    return float(line.coef_[0, 0])


def cheapest_threshold(y: Array, p: Array, cost_fn: float) -> float:
    """The threshold that costs least on these rows, half way to the next lower probability."""
    false_alarms, recall, scores = roc_curve(y, p, drop_intermediate=False)
    positive = float(np.mean(y))
    # Of equally cheap ones the first: fewest alerts.
    place = int(np.argmin((1 - positive) * false_alarms + positive * cost_fn * (1 - recall)))
    scores = np.append(np.minimum(scores, 1.0), 0.0)
    return float(scores[place] + scores[place + 1]) / 2


def thresholds(oof: tuple[Array, Array] | None) -> dict[str, float]:
    """By measure of cost; of a contender without out-of-fold rows only the one that needs none."""
    found = {} if oof is None else {name: cheapest_threshold(*oof, cost) for name, cost in COSTS.items()}
    return {**found, BAYES_COST: 1 / 101}


def judged(y: Array) -> Array:
    """Columns of 0/1 labels with rows of both kinds."""
    return np.flatnonzero(y.any(axis=0) & ~y.all(axis=0))


def one_hot(y: Array, n_classes: int) -> Array:
    return np.asarray(y[:, None] == np.arange(n_classes))


def macro(metric: Any, y: Array, p: Array) -> float:
    return float(np.mean([metric(y[:, k], p[:, k]) for k in judged(y)]))


def scores(task: str, y: Array, p: Array, oof: tuple[Array, Array] | None = None) -> dict[str, float]:
    """All measures of one contender; `oof` are labels and probabilities of out-of-fold rows."""
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
        for name, cut in thresholds(oof).items():
            found[name] = expected_cost(y, p, cost_fn=COSTS.get(name, 100.0), threshold=cut)
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


# ---------------------------------------------------------------------- of resampled rows
def strata(task: str, y: Array) -> Array:
    """What is resampled apart: a class; with several labels the rarest one that a row has."""
    if task != "multilabel":
        return y
    by_rarity = y[:, np.argsort(y.sum(axis=0), kind="stable")]
    return np.asarray(np.where(y.any(axis=1), by_rarity.argmax(axis=1), y.shape[1]))


def resample(labels: Array, samples: int, rng: np.random.Generator) -> Array:
    """How often each row is drawn, (samples, n_rows), as many rows of each stratum as there are."""
    counts = np.zeros((samples, labels.size))
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        drawn = rng.integers(rows.size, size=(samples, rows.size)) + rows.size * np.arange(samples)[:, None]
        counts[:, rows] = np.bincount(drawn.ravel(), minlength=samples * rows.size).reshape(samples, -1)
    return counts


def curves(positive: Array, score: Array, counts: Array) -> tuple[Array, Array]:
    """Positive rows and rows found down to each distinct score, from the highest: two (samples, n_scores)."""
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])), score.size - 1)
    weights = counts[:, order]
    alerts = np.cumsum(weights, axis=1)[:, ends]
    weights[:, ~positive[order].astype(bool)] = 0.0
    return np.cumsum(weights, axis=1)[:, ends], alerts


def average_precisions(found: Array, alerts: Array) -> Array:
    precision = np.divide(found, alerts, out=np.zeros_like(found), where=alerts > 0)
    return np.asarray((np.diff(found, prepend=0.0, axis=1) * precision).sum(axis=1) / found[:, -1])


def roc_aucs(found: Array, alerts: Array) -> Array:
    false = alerts - found
    # Trapezoids: rows with one score count half.
    height = found - np.diff(found, prepend=0.0, axis=1) / 2
    area = (np.diff(false, prepend=0.0, axis=1) * height).sum(axis=1)
    return np.asarray(area / (found[:, -1] * false[:, -1]))


def recalls(found: Array, alerts: Array, rate: float = ALERT_RATE) -> Array:
    wanted = rate * alerts[:, -1]
    place = (alerts >= wanted[:, None]).argmax(axis=1)[:, None]

    def at(values: Array, step: int) -> Array:
        padded = np.concatenate([np.zeros((len(values), 1)), values], axis=1)
        return np.take_along_axis(padded, place + step, axis=1)[:, 0]

    share = (wanted - at(alerts, 0)) / (at(alerts, 1) - at(alerts, 0))
    return np.asarray((at(found, 0) + share * (at(found, 1) - at(found, 0))) / found[:, -1])


def row_values(task: str, y: Array, p: Array, cuts: Mapping[str, float]) -> dict[str, Array]:
    """The measures that are means over rows, of each row."""
    if task == "multiclass":
        hot = one_hot(y, p.shape[1])
        n_of_class = hot.sum(axis=0)
        # Resamplings keep the rows of each class, so that the mean recall is a mean over rows too.
        weight = y.size / (np.count_nonzero(n_of_class) * n_of_class[y])
        return {
            LOG_LOSS: -np.log(np.clip(p[hot], EPS, 1.0)),
            BRIER: ((p - hot) ** 2).sum(axis=1),
            ACCURACY: weight * (p.argmax(axis=1) == y),
        }
    loss = -np.log(np.clip(np.where(y == 1, p, 1 - p), EPS, 1.0))
    found = {LOG_LOSS: loss, BRIER: (y - p) ** 2}
    if task == "multilabel":
        return {name: value[:, judged(y)].mean(axis=1) for name, value in found.items()}
    for name, cut in cuts.items():
        missed = COSTS.get(name, 100.0)
        found[name] = np.where(y == 1, np.where(p > cut, 0.0, missed), np.where(p > cut, 1.0, 0.0))
    return found


def resampled(
    task: str, y: Array, p: Array, counts: Array, oof: tuple[Array, Array] | None = None
) -> dict[str, Array]:
    """`scores` of each resampling but for the calibration slope, each (samples,)."""
    cuts = thresholds(oof) if task == "binary" else {}
    found = {name: counts @ value / len(y) for name, value in row_values(task, y, p, cuts).items()}
    if task == "binary":
        curve = curves(y, p, counts)
        return {**found, AP: average_precisions(*curve), AUC: roc_aucs(*curve), RECALL: recalls(*curve)}
    hot = one_hot(y, p.shape[1]) if task == "multiclass" else y
    parts = [curves(hot[:, k], p[:, k], counts) for k in judged(hot)]
    # A label that comes only with rarer ones may be missing in a sample: then the mean is over the others.
    with np.errstate(invalid="ignore"):
        for name, metric in ((AP, average_precisions), (AUC, roc_aucs)):
            found[name] = np.nanmean([metric(*part) for part in parts], axis=0)
    return found
