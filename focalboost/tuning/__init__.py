"""Tuning gamma and the class weights, with the booster's parameters, on a study of the user's own.

    objective = CrossValidatedObjective(X, y, booster="xgboost")
    study = optuna.create_study(direction=objective.direction)
    objective.enqueue_baseline(study)
    study.optimize(objective, n_trials=100)
    model = objective.refit(study.best_trial)

Start with `CrossValidatedObjective`. Study, storage, sampler and pruner are Optuna's and the user's;
`open_storage` opens a storage in which killed workers and full disks cost nothing that was finished.
`suggest_focal`, `suggest_log_loss`, `suggest_booster` and `class_weights` are for an objective of one's own,
`baseline_trial` and `retry_stale_trials` for its study. Needs the extra: `pip install 'focalboost[optuna]'`.
"""

from focalboost.tuning._objective import CrossValidatedObjective
from focalboost.tuning._space import class_weights, suggest_booster, suggest_focal, suggest_log_loss
from focalboost.tuning._stale import retry_stale_trials
from focalboost.tuning._storage import open_storage
from focalboost.tuning._study import baseline_trial

__all__ = [
    "CrossValidatedObjective",
    "baseline_trial",
    "class_weights",
    "open_storage",
    "retry_stale_trials",
    "suggest_booster",
    "suggest_focal",
    "suggest_log_loss",
]

for _name in __all__:
    globals()[_name].__module__ = __name__  # pickles name the public path, whatever file a thing moves to
