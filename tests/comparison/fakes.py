"""A comparison without training: random predictions, judged and decided on by the real code."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import optuna
from scipy.special import expit, logit

from focalboost.comparison._bootstrap import SECONDS_PER_DAY
from focalboost.comparison._judgement import judge
from focalboost.comparison._types import (
    CONTENDERS,
    Settings,
    Split,
    Task,
    Threshold,
    Trained,
)
from focalboost.comparison._verdict import decide
from focalboost.datasets import Column, TableReport

N_ROWS, N_TEST = 6000, 2000
# How noisy a contender ranks, and how the booster's own output differs from the probability.
NOISE = {"untuned": 1.1, "log_loss": 0.7, "class_weights": 0.8, "focal": 0.65}
DISTORTED = {"untuned": (1.0, 0.0), "log_loss": (1.0, 0.0), "class_weights": (1.0, 3.5), "focal": (0.4, 0.0)}
PARAMS = {
    "untuned": {},
    "log_loss": {"base_score": 0.5, "max_delta_step": 1.0, "learning_rate": 0.081234, "max_depth": 5},
    "class_weights": {"focal_gamma": 0.0, "focal_alpha_power": 0.25, "learning_rate": 0.05, "max_depth": 4},
    "focal": {"focal_gamma": 1.73, "focal_alpha_power": 0.11, "learning_rate": 0.043, "max_depth": 6},
}


def fake_comparison(*, rich=True, seed=0, names=None, source="cards.csv", **settings):
    """What `focalboost.comparison.Comparison` has; `rich` with amounts, costs, days and groups.

    `names` are those of the columns.
    """
    rng = np.random.default_rng(seed)
    log_odds = rng.normal(-5.0, 1.9, N_ROWS)
    y = (rng.random(N_ROWS) < expit(log_odds)).astype(np.int8)
    asked = Settings(seed=seed, trials=12, **({"cost_alarm": 10.0, "cost_missed": 400.0} if rich else {}))
    asked = Settings(**{**vars(asked), **settings})
    task = _task(rng, y, rich, names or ["amount", "hour", "merchant", "card_id"], source)
    split = Split(
        kind="time and groups" if rich else "stratified",
        train=np.arange(N_ROWS - N_TEST),
        test=np.arange(N_ROWS - N_TEST, N_ROWS),
        left_out=np.empty(0, np.int64),
        folds=[(np.arange(2000), np.arange(2000, 3000)), (np.arange(3000), np.arange(3000, 4000))],
        sentences=["Tuned and trained on 4,000 rows; judged on the 2,000 that came later."],
        warnings=["12 duplicate rows stand on both sides of the split."] if rich else [],
    )
    trained = [_trained(rng, contender, log_odds[split.test], asked) for contender in CONTENDERS]
    judgement = judge(task, split, asked, trained)
    thresholds = [
        Threshold("budget", 0.1834, -1.4938, "Puts about 1 % of later rows before a person, 0.7 % to 1.4 %.")
    ]
    if rich:
        by_row = asked.cost_missed == "amount"
        cut = None if by_row else 10.0 / 410.0
        margin = None if by_row else float(logit(10.0 / 410.0))
        thresholds.insert(
            0,
            Threshold(
                "cost",
                cut,
                margin,
                "Where a false alarm is expected to cost as much as letting the row pass.",
            ),
        )
    return SimpleNamespace(
        task=task,
        split=split,
        settings=asked,
        trained=trained,
        judgement=judgement,
        verdict=decide(judgement, asked),
        thresholds=thresholds,
        models={each.contender.key: None for each in trained},
        versions={"python": "3.12.1", "focalboost": "0.1.0", "xgboost": "3.2.0", "numpy": "2.4.1"},
        seconds=83.2,
        command=f"focalboost compare {source} --target is_fraud --seed {seed}" if rich else None,
    )


def _task(rng, y, rich, names, source):
    columns = [
        Column(names[0], "double", "number", "its kind", 0, 4211, 0.71),
        Column(names[1], "int64", "number", "its kind", 12, 24, 0.55, notes=("blanks read as missing",)),
        Column(
            names[2],
            "text",
            "category",
            "its kind",
            0,
            87,
            0.993,
            warnings=("alone ranks the target: a leak?",),
        ),
        Column(names[3], "int64", "dropped", "drop=", 0, None),
        Column("is_fraud", "int64", "target", "target=", 0, 2),
    ]
    return Task(
        X=np.zeros((N_ROWS, 3), np.float32),
        y=y,
        feature_names=list(names[:3]),
        categories={names[2]: ["a", "b"]},
        target_name="is_fraud",
        target_names=(0, 1),
        source=source,
        when=1.7e9 + np.arange(N_ROWS) * (90 * SECONDS_PER_DAY / N_ROWS) if rich else None,
        when_is_date=rich,
        time_name="date" if rich else None,
        groups=rng.integers(0, 700, N_ROWS) if rich else None,
        group_name="customer" if rich else None,
        amount=np.round(rng.lognormal(3.0, 1.0, N_ROWS), 2) if rich else None,
        amount_name=names[0] if rich else None,
        report=TableReport(source, N_ROWS, int(y.sum()), (0, 1), tuple(columns)),
        warnings=["Half of the rows are doubled."] if rich else [],
    )


def _trained(rng, contender, log_odds, settings):
    key = contender.key
    ranked = log_odds + NOISE[key] * rng.normal(size=log_odds.size)
    slope, shift = DISTORTED[key]
    return Trained(
        contender=contender,
        model=None,
        params=PARAMS[key],
        rounds=100 if key == "untuned" else 214,
        fold_scores=None if key == "untuned" else [0.41, 0.44],
        study=None if key == "untuned" else _study(rng, key, settings.trials),
        log_odds=ranked,
        probability=expit(ranked),
        confidence=expit(slope * ranked + shift),
        seconds=2.0,
    )


def _study(rng, key, n_trials):
    """Trials as they end: most complete, one pruned."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize")
    uniform = optuna.distributions.FloatDistribution(0.0, 5.0)
    for number in range(n_trials):
        params, distributions = {"learning_rate": rng.uniform(0.02, 0.3)}, {"learning_rate": uniform}
        if key == "log_loss":
            params["start"] = ("log-odds", "0.5")[number % 2]
            distributions["start"] = optuna.distributions.CategoricalDistribution(("log-odds", "0.5"))
        if key in ("class_weights", "focal"):
            params["focal_alpha_power"], distributions["focal_alpha_power"] = rng.uniform(0.0, 1.0), uniform
            params["focal_gamma"] = 0.0 if key == "class_weights" else rng.uniform(0.0, 5.0)
            distributions["focal_gamma"] = uniform
        pruned = number == 5
        score = 0.2 if number == 3 else 0.40 + 0.02 * rng.normal()
        study.add_trial(
            optuna.trial.create_trial(
                params=params,
                distributions=distributions,
                value=score,
                state=optuna.trial.TrialState.PRUNED if pruned else optuna.trial.TrialState.COMPLETE,
            )
        )
    return study
