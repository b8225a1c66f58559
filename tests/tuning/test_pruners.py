"""Which pruner is told what: running means, or the folds' own scores where it tests them."""

import warnings

import numpy as np
import optuna
import pytest
from optuna.trial import FixedTrial, TrialState

from tests.tuning.helpers import BINARY, Pruner, X, focal_only, make, study_of

FOLDS = 10


@pytest.fixture(autouse=True)
def _experimental():
    """WilcoxonPruner and PatientPruner are."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        yield


def wilcoxon(p_threshold=0.01, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.pruners.WilcoxonPruner(p_threshold=p_threshold, **options)


def patient(pruner, patience=0):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.pruners.PatientPruner(pruner, patience=patience)


def seeds_only(trial):
    return {"random_state": trial.suggest_int("random_state", 0, 10**6)}


def of_seeds(**options):
    """An objective whose trials differ in the rows that each tree is given."""
    fixed = {"max_depth": 3, "subsample": 0.5, "focal_gamma": 1.0}
    options = {"cv": FOLDS, "num_boost_round": 8, "early_stopping_rounds": None, **options}
    return make(space=seeds_only, fixed=fixed, **options)


def n_pruned(study):
    return sum(trial.state == TrialState.PRUNED for trial in study.trials)


def is_running_mean(trial):
    scores = np.array(trial.user_attrs["fold_scores"])
    means = np.cumsum(scores) / np.arange(1, len(scores) + 1)
    return list(trial.intermediate_values.values()) == pytest.approx(means.tolist(), abs=1e-12)


def is_folds(trial):
    return list(trial.intermediate_values.values()) == trial.user_attrs["fold_scores"]


# ---------------------------------------------------------------------- what a test of fold scores decides
def test_trials_that_differ_in_the_seed_alone_are_kept():
    pruned = {}
    for report in ("auto", "mean"):
        study = study_of(of_seeds(), pruner=wilcoxon())
        study.optimize(of_seeds(report=report), n_trials=25)
        pruned[report] = n_pruned(study)
    assert pruned["auto"] <= 3  # over 12 studies 1.8 on average: each is compared with the luckiest
    # Running means repeat the first folds' differences: the test takes them for as many findings.
    assert pruned["mean"] >= 8


@pytest.mark.parametrize("pruner", [wilcoxon, lambda: patient(wilcoxon())], ids=["alone", "patient"])
def test_a_worse_trial_is_pruned_by_its_folds(pruner):
    def space(trial):
        # Half a step is no model to speak of.
        return {"max_depth": trial.suggest_int("max_depth", 1, 6)}

    options = {
        "cv": FOLDS,
        "num_boost_round": 20,
        "early_stopping_rounds": None,
        "fixed": {"focal_gamma": 1.0},
    }
    objective = make(space=space, **options)
    study = study_of(objective, pruner=pruner())
    for depth in (6, 1):
        study.enqueue_trial({"max_depth": depth})
    study.optimize(objective, n_trials=2)
    good, bad = study.trials
    assert [good.state.name, bad.state.name] == ["COMPLETE", "PRUNED"]
    assert is_folds(good)
    assert is_folds(bad)
    # 2^-7 is the first below .01.
    assert 7 <= len(bad.user_attrs["fold_scores"]) < FOLDS
    # The value stays the mean.
    assert good.value == pytest.approx(np.mean(good.user_attrs["fold_scores"]))
    assert good.value == objective(FixedTrial(good.params))


def test_startup_steps_are_folds_and_the_last_is_not_asked_about():
    for n_startup_steps, state in ((FOLDS - 1, "PRUNED"), (FOLDS, "COMPLETE")):
        objective = make(
            cv=FOLDS, space=lambda trial: {"max_depth": trial.suggest_int("max_depth", 1, 6)}, fixed={}
        )
        study = study_of(objective, pruner=wilcoxon(0.3, n_startup_steps=n_startup_steps))
        for depth in (6, 1):
            study.enqueue_trial({"max_depth": depth})
        study.optimize(objective, n_trials=2)
        assert study.trials[1].state.name == state
        assert len(study.trials[1].user_attrs["fold_scores"]) == n_startup_steps


# ---------------------------------------------------------------------- all other pruners
@pytest.mark.parametrize(
    "pruner",
    [
        lambda: optuna.pruners.MedianPruner(n_startup_trials=1),
        lambda: optuna.pruners.PercentilePruner(50.0, n_startup_trials=1),
        lambda: optuna.pruners.SuccessiveHalvingPruner(),
        lambda: optuna.pruners.HyperbandPruner(max_resource=3),
        lambda: patient(optuna.pruners.MedianPruner()),
        lambda: patient(None),
        optuna.pruners.NopPruner,
        lambda: Pruner(5),
    ],
    ids=["median", "percentile", "halving", "hyperband", "patient median", "patient", "none", "own"],
)
def test_other_pruners_are_told_running_means(pruner):
    study = study_of(make(), pruner=pruner())
    study.optimize(make(), n_trials=4)
    assert all(is_running_mean(trial) for trial in study.trials)
    assert study.user_attrs["focalboost_reports"] == "mean"


def test_the_median_still_prunes_a_bad_trial():
    objective = make(space=lambda trial: {"max_depth": trial.suggest_int("max_depth", 1, 6)}, fixed={})
    study = study_of(objective, pruner=optuna.pruners.MedianPruner(n_startup_trials=3))
    for depth in (6, 5, 4, 1):
        study.enqueue_trial({"max_depth": depth})
    study.optimize(objective, n_trials=4)
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * 3 + ["PRUNED"]


@pytest.mark.parametrize(("report", "found"), [("fold", is_folds), ("mean", is_running_mean)])
def test_report_overrules_what_the_pruner_is_known_for(report, found):
    for pruner in (Pruner(1), wilcoxon()):
        study = study_of(make(), pruner=pruner)
        study.optimize(make(report=report), n_trials=2)
        assert all(found(trial) for trial in study.trials)


def test_several_scores_report_nothing():
    objective = make(scoring=["average_precision", "roc_auc"], report="fold")
    study = study_of(objective, pruner=wilcoxon())
    study.optimize(objective, n_trials=1)
    assert study.trials[0].intermediate_values == {}
    assert "focalboost_reports" not in study.user_attrs


# ---------------------------------------------------------------------- one study, one of the two
def test_folds_and_means_are_not_mixed_in_a_study():
    study = study_of(make(), pruner=wilcoxon())
    study.optimize(make(), n_trials=2)
    study.pruner = optuna.pruners.MedianPruner()  # what Optuna gives a study that is loaded without one
    text = r"the study's trials have report == 'fold', must have 'mean' for MedianPruner and report='auto'"
    with pytest.raises(ValueError, match=text):
        study.optimize(make(), n_trials=1)
    study.optimize(make(report="fold"), n_trials=1)
    assert is_folds(study.trials[-1])
    # Without pruning either will do: it goes on as it was.
    study.pruner = optuna.pruners.NopPruner()
    study.optimize(make(), n_trials=1)
    assert is_folds(study.trials[-1])
    # Reading, refitting and the baseline need no pruner.
    study.pruner = optuna.pruners.MedianPruner()
    make().enqueue_baseline(study)
    make(num_boost_round=12).refit(study.best_trial)


def test_means_are_not_given_to_a_test_of_folds():
    study = study_of(make())
    study.optimize(make(), n_trials=1)
    study.pruner = patient(wilcoxon())
    text = r"have report == 'mean', must have 'fold' for PatientPruner .*, or begin a new study"
    with pytest.raises(ValueError, match=text):
        study.optimize(make(), n_trials=1)


def test_report_is_one_of_three():
    with pytest.raises(ValueError, match=r"report == 'folds', must be one of 'auto', 'mean', 'fold'"):
        make(data=X, y=BINARY, space=focal_only, report="folds")
