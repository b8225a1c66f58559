"""Tune gamma, class weights and the booster with Optuna
=====================================================

Tuning gamma, class weights and the booster on an Optuna study of your own.

Whether focal loss is worth it on your data is another question: `focalboost compare` tunes log loss as well.

::

    python examples/tune_with_optuna.py                                about half a minute
    python examples/tune_with_optuna.py --storage study.log            kept: call it again to go on

Workers, on one machine, share a storage, which loses no finished trial of one that is killed::

    tune="python examples/tune_with_optuna.py --storage study.log --trials 60"
    for i in 1 2 3; do OMP_NUM_THREADS=1 $tune & done; wait
"""

import argparse

import numpy as np
import optuna
from optuna.study import MaxTrialsCallback
from optuna.trial import TrialState
from sklearn.metrics import average_precision_score
from sklearn.model_selection import TimeSeriesSplit

from focalboost.datasets import make_transactions
from focalboost.tuning import CrossValidatedObjective, baseline_trial, open_storage, retry_stale_trials

FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)


def main(argv: list[str] | None = None) -> None:
    """Tune on the first three quarters of a simulated month, look at the last."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--booster", choices=("xgboost", "lightgbm"), default="xgboost")
    parser.add_argument("--rows", type=int, default=40_000, help="simulated transactions (default 40,000)")
    parser.add_argument("--trials", type=int, default=20, help="finished ones, of all calls (default 20)")
    parser.add_argument("--storage", help="journal file or URL of a database (default: in memory)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    optuna.logging.set_verbosity(optuna.logging.WARNING)

    data = make_transactions(options.rows, imbalance_ratio=99, random_state=options.seed)
    tuned = np.arange(len(data.target)) < 0.75 * len(data.target)  # the rows are in order of time
    X, y = data.data[tuned], data.target[tuned]
    objective = CrossValidatedObjective(
        X, y, booster=options.booster, cv=TimeSeriesSplit(3), num_boost_round=200, early_stopping_rounds=20
    )
    study = optuna.create_study(
        study_name=f"{options.booster} {objective.fingerprint}",  # other data begin another study
        storage=None if options.storage is None else open_storage(options.storage),
        direction=objective.direction,
        load_if_exists=True,
    )
    retry_stale_trials(study)  # those of workers that were killed
    objective.enqueue_baseline(study)  # log loss with the booster's defaults comes first
    missing = options.trials - len(study.get_trials(deepcopy=False, states=FINISHED))
    if missing > 0:
        stop = MaxTrialsCallback(options.trials, states=FINISHED)
        study.optimize(objective, n_trials=missing, callbacks=[stop])

    baseline, best = baseline_trial(study), study.best_trial
    print(f"{len(study.get_trials(deepcopy=False, states=FINISHED))} trials; the best has", best.params)
    print("\naverage precision         folds   last quarter   mean probability   rate of fraud")
    for name, trial in (("log loss, untuned", baseline), ("best trial", best)):
        p = objective.refit(trial).predict_proba(data.data[~tuned])[:, 1]
        score = average_precision_score(data.target[~tuned], p)
        rate = data.target[~tuned].mean()
        print(f"{name:24} {trial.value:6.3f} {score:14.3f} {p.mean():18.5f} {rate:15.5f}")
    print(
        "\nThe folds chose the best trial, so their score of it is optimistic; the last quarter took no part."
        "\nLog loss was not tuned here: a difference is what tuning gave, not what focal loss gave."
    )


if __name__ == "__main__":
    main()
