"""The measures of `measures.py` of many bootstrap samples at once: rows are counted, not copied.

scikit-learn's weighted metrics would sort the rows for each sample; here they are sorted once.
"""

from __future__ import annotations

import numpy as np
from measures import (
    ACCURACY,
    ALERT_RATE,
    AP,
    AUC,
    BRIER,
    COSTS,
    EPS,
    LOG_LOSS,
    PLATT,
    RECALL,
    Array,
    Learnt,
    judged,
    log_odds,
    one_hot,
)


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


def log_losses(y: Array, p: Array) -> Array:
    return np.asarray(-np.log(np.clip(np.where(y == 1, p, 1 - p), EPS, 1.0)))


def row_values(task: str, y: Array, p: Array, learnt: Learnt) -> dict[str, Array]:
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
    found = {LOG_LOSS: log_losses(y, p), BRIER: (y - p) ** 2}
    if task == "multilabel":
        return {name: value[:, judged(y)].mean(axis=1) for name, value in found.items()}
    if learnt.platt is not None:
        found[PLATT] = log_losses(y, learnt.platt.predict_proba(log_odds(p)[:, None])[:, 1])
    for name, cut in learnt.cuts.items():
        missed = COSTS.get(name, 100.0)
        found[name] = np.where(y == 1, np.where(p > cut, 0.0, missed), np.where(p > cut, 1.0, 0.0))
    return found


def resampled(task: str, y: Array, p: Array, counts: Array, learnt: Learnt) -> dict[str, Array]:
    """`scores` of each resampling but for the calibration slope, each (samples,)."""
    found = {name: counts @ value / len(y) for name, value in row_values(task, y, p, learnt).items()}
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
