"""One contender's search: trials over the folds, then the best parameters on all training rows."""

from __future__ import annotations

import time
from typing import Any

import contenders
import numpy as np
import optuna
from contenders import STAGES
from numpy.typing import NDArray
from sets import Table
from sklearn.metrics import average_precision_score

Array = NDArray[Any]
Answer = dict[str, Any]


def score(y: Array, p: Array) -> float:
    """Average precision, the mean over classes (one against the rest) or labels that have positive rows."""
    if p.ndim == 1:
        return float(average_precision_score(y, p))
    truth = y if y.ndim == 2 else y[:, None] == np.arange(p.shape[1])
    there = truth.any(axis=0)
    return float(average_precision_score(truth[:, there], p[:, there], average="macro"))


def search(
    table: Table, booster: str, contender: str, rows: Array, test: Array, *, trials: int, repeat: int
) -> tuple[Array, Array, Array, Answer]:
    """Probabilities of the test rows; labels and probabilities of the folds' rows; what was chosen.

    A trial trains one model a fold and is judged at every number of rounds of `STAGES`; its score is the
    best mean over the folds, and that number of rounds is part of the answer. The median pruner ends a trial
    between folds. Sampler and booster have the number of the repeat as their seed, the folds too.
    """
    began = time.perf_counter()
    folds = table.folds(rows, repeat)
    best: dict[str, Any] = {"score": -np.inf}

    def objective(trial: optuna.Trial) -> float:
        params = contenders.suggest(trial, booster, contender)
        scores = np.zeros((len(folds), len(STAGES)))
        predicted = []
        for i, (inner, outer) in enumerate(folds):
            model = contenders.fit(
                booster, contender, params, table.X[inner], table.y[inner], rounds=STAGES[-1], seed=repeat
            )
            predicted.append(list(contenders.staged(booster, model, table.X[outer], STAGES)))
            scores[i] = [score(table.y[outer], p) for p in predicted[-1]]
            trial.report(float(scores[: i + 1].mean(axis=0).max()), i)
            if i + 1 < len(folds) and trial.should_prune():
                raise optuna.TrialPruned
        means = scores.mean(axis=0)
        stage = int(means.argmax())
        if means[stage] > best["score"]:
            p = np.concatenate([fold[stage] for fold in predicted])
            best.update(score=float(means[stage]), params=params, rounds=STAGES[stage], p=p)
        return float(means[stage])

    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=repeat),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4),
    )
    study.enqueue_trial(contenders.first_trial(booster, contender))
    study.optimize(objective, n_trials=trials)
    model = contenders.fit(
        booster, contender, best["params"], table.X[rows], table.y[rows], rounds=best["rounds"], seed=repeat
    )
    (p,) = contenders.staged(booster, model, table.X[test], (best["rounds"],))
    said = {
        "params": best["params"],
        "rounds": best["rounds"],
        "score": best["score"],
        "first": study.trials[0].value,
        "pruned": sum(trial.state == optuna.trial.TrialState.PRUNED for trial in study.trials),
        "seconds": time.perf_counter() - began,
    }
    return p, table.y[np.concatenate([outer for _, outer in folds])], best["p"], said
