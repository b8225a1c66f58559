"""Tune log loss and focal loss with Optuna
========================================

Log loss and focal loss, each tuned on an Optuna study of your own: same folds, as many trials.
`focalboost compare` does it for a file of yours, and puts intervals beside the differences.

::

    python examples/tune_with_optuna.py                                some 20 seconds
    python examples/tune_with_optuna.py --storage study.log            kept: call it again to go on
    python examples/tune_with_optuna.py --figure tuning.png            draws the trials

Workers, on one machine, share a storage, which loses no finished trial of one that is killed::

    tune="python examples/tune_with_optuna.py --storage study.log --trials 60"
    for i in 1 2 3; do OMP_NUM_THREADS=1 $tune & done; wait
"""

import argparse
from typing import Any

import numpy as np
import optuna
from optuna.study import MaxTrialsCallback
from optuna.trial import TrialState
from sklearn.metrics import average_precision_score
from sklearn.model_selection import TimeSeriesSplit

from focalboost.datasets import make_transactions
from focalboost.tuning import CrossValidatedObjective, baseline_trial, open_storage, retry_stale_trials

FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
LOSSES: dict[str, Any] = {"log loss": "log_loss", "focal loss": "focal"}


def search(objective: CrossValidatedObjective, name: str, options: argparse.Namespace) -> optuna.Study:
    """Trials until there are as many finished ones as were asked for, of this call and of others."""
    study = optuna.create_study(
        study_name=f"{options.booster} {name} {objective.fingerprint}",  # other data begin another study
        storage=None if options.storage is None else open_storage(options.storage),
        sampler=optuna.samplers.TPESampler(seed=options.seed),
        direction=objective.direction,
        load_if_exists=True,
    )
    retry_stale_trials(study)  # those of workers that were killed
    objective.enqueue_baseline(study)  # log loss with the booster's defaults comes first
    missing = options.trials - len(study.get_trials(deepcopy=False, states=FINISHED))
    if missing > 0:
        stop = MaxTrialsCallback(options.trials, states=FINISHED)
        study.optimize(objective, n_trials=missing, callbacks=[stop])
    return study


def main(argv: list[str] | None = None) -> None:
    """Tune on the first three quarters of a simulated month, look at the last."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--booster", choices=("xgboost", "lightgbm"), default="xgboost")
    parser.add_argument("--rows", type=int, default=20_000, help="simulated transactions (default 20,000)")
    parser.add_argument("--trials", type=int, default=10, help="finished ones of each loss (default 10)")
    parser.add_argument("--storage", help="journal file or URL of a database (default: in memory)")
    parser.add_argument("--figure", metavar="FILE", help="draw the trials, .png or .svg (needs matplotlib)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    data = make_transactions(options.rows, imbalance_ratio=99, random_state=options.seed)
    tuned = np.arange(len(data.target)) < 0.75 * len(data.target)  # the rows are in order of time
    X, y, X_later, y_later = data.data[tuned], data.target[tuned], data.data[~tuned], data.target[~tuned]
    common: dict[str, Any] = {"booster": options.booster, "cv": TimeSeriesSplit(3), "num_boost_round": 200}
    objectives, studies = {}, {}
    for name, loss in LOSSES.items():
        objectives[name] = CrossValidatedObjective(X, y, loss=loss, early_stopping_rounds=20, **common)
        studies[name] = search(objectives[name], name, options)
        n_trials = len(studies[name].get_trials(deepcopy=False, states=FINISHED))
        values = studies[name].best_params.items()
        best = {key: round(value, 4) if isinstance(value, float) else value for key, value in values}
        print(f"{name}: {n_trials} trials; the best has {best}")

    rows = {"log loss, untuned": ("log loss", baseline_trial(studies["log loss"]))}
    rows |= {f"{name}, best trial": (name, study.best_trial) for name, study in studies.items()}
    print("\naverage precision         folds   last quarter   mean probability   rate of fraud")
    for label, (name, trial) in rows.items():
        p = objectives[name].refit(trial).predict_proba(X_later)[:, 1]
        score = average_precision_score(y_later, p)
        print(f"{label:24} {trial.value:6.3f} {score:14.3f} {p.mean():18.5f} {y_later.mean():15.5f}")
    print(
        "\nThe folds chose the best trials, so those scores are optimistic; the last quarter took no part."
        f"\nIt has {y_later.sum()} frauds: too few to tell scores apart that differ by a few hundredths."
    )
    if options.figure is not None:
        draw(studies, options.figure)


def draw(studies: dict[str, optuna.Study], file: str) -> None:
    """The trials in their order, and over two parameters."""
    from matplotlib import pyplot as plt  # noqa: PLC0415  # only the figure needs it

    from focalboost.plotting import plot_trials  # noqa: PLC0415

    done = {name: study.get_trials(deepcopy=False, states=FINISHED[:1]) for name, study in studies.items()}
    scores: dict[str, Any] = {name: [trial.value for trial in trials] for name, trials in done.items()}
    fig, axes = plt.subplots(1, 3, figsize=(10.2, 4.0), layout="constrained")
    plot_trials(scores, score_name="average precision, mean of the folds", ax=axes[0])
    axes[0].set_title("Best so far", loc="left")
    axes[0].set_xlabel("trial that was not pruned; triangles: far below")
    for ax, name, parameter in zip(axes[1:], done, ("learning_rate", "focal_gamma"), strict=True):
        over = {name: [trial.params[parameter] for trial in done[name]]}
        shown = {name: scores[name]}
        plot_trials(shown, over=over, score_name="", parameter=parameter, order=list(done), ax=ax)
        ax.set_title(f"{name.capitalize()}, by {parameter}", loc="left")
    best = " and ".join(f"{study.best_value:.3f} with {name}" for name, study in studies.items())
    untuned = baseline_trial(studies["log loss"]).value
    fig.suptitle(f"From {untuned:.3f} with log loss as it comes (trial 1), tuning gets to {best}")
    fig.savefig(file, dpi=120)


if __name__ == "__main__":
    main()
