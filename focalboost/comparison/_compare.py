"""Compare log loss, class weights and focal loss on one table, under the same budget."""

from __future__ import annotations

import time as clock
from collections.abc import Iterable
from typing import Any, Literal

from focalboost.comparison._contenders import check_measure, quiet_optuna, refit_on, train_all
from focalboost.comparison._judgement import check, judge
from focalboost.comparison._result import Comparison, versions
from focalboost.comparison._settings import check_settings
from focalboost.comparison._split import split_rows
from focalboost.comparison._task import task_from_arrays
from focalboost.comparison._thresholds import thresholds
from focalboost.comparison._types import Progress, Settings, Task
from focalboost.comparison._verdict import decide


def compare(
    X: Any,
    y: Any,
    *,
    time: Any = None,
    groups: Any = None,
    amount: Any = None,
    positive: Any = None,
    drop: str | Iterable[str] = (),
    cost_alarm: float | None = None,
    cost_missed: float | Literal["amount"] | None = None,
    alert_rate: float | None = None,
    alerts_per_day: float | None = None,
    booster: Literal["xgboost", "lightgbm"] = "xgboost",
    trials: int = 30,
    folds: int = 3,
    gap: str | float | None = None,
    test_size: float = 0.25,
    measure: str = "average_precision",
    num_boost_round: int = 500,
    early_stopping_rounds: int = 30,
    storage: Any = None,
    n_jobs: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Comparison:
    """Is focal loss worth it on these data? Log loss, class weights and focal loss under the same budget.

    Each is tuned on the same folds with the same number of trials, the same space of the booster's
    parameters, patience and stopping rule (its own loss), log loss with its start and max_delta_step, which
    matter most for rare classes. Beside them stands log loss as most people run it, untuned. Later rows, or
    rows of other groups, that took no part judge them, with paired bootstrap intervals. The verdict corrects
    for the number of things that it looks at, and may well be "stay with log loss".

    Parameters
    ----------
    X : DataFrame or array-like of shape (n_samples, n_features)
        Features. Of a DataFrame text and categories become codes, dates seconds.
    y : array-like of shape (n_samples,)
        Labels of two classes.
    time : name of a column of X, or array-like of shape (n_samples,), optional
        When a row was: numbers or dates. The last `test_size` of the rows in time are held out, and folds are
        in time. It is no feature.
    groups : name of a column of X, or array-like of shape (n_samples,), optional
        Whose a row is: a customer, a card. No group is on both sides of a split. It is no feature.
    amount : name of a column of X, or array-like of shape (n_samples,), optional
        Money at stake, >= 0, for the share of value that is found and for costs. It stays a feature where it
        is a column.
    positive : label, optional
        The class to look for. Default as for `focalboost.datasets.load_table`.
    drop : names of columns of X, default=()
        Columns that are no features.
    cost_alarm : float > 0, optional
        Cost of a false alarm: what is lost when a good row is stopped, or looked at for nothing. With
        `cost_missed` the threshold and the expected cost are stated.
    cost_missed : float > 0 or "amount", optional
        Cost of a missed positive row, or its amount. A true alarm costs nothing: where each look costs c and
        a miss loses L, pass cost_alarm=c and cost_missed=L - c, so that rows with a probability above c / L
        are alerts.
    alert_rate : float in (0, 1], default=0.01
        Budget: the share of rows that can be looked at.
    alerts_per_day : float > 0, optional
        Budget in rows (of a group, where there are groups) a day, in the place of alert_rate; needs `time`.
    booster : {"xgboost", "lightgbm"}, default="xgboost"
        Library to train with.
    trials : int, default=30
        Trials of each contender. The first is log loss with the booster's defaults.
    folds : int, default=3
        Folds of each trial, in time, by groups or stratified as the held-out rows.
    gap : number or str such as "7d", "12h", "30min", optional
        Time between training and validation, and between training and held-out rows, for labels that come
        late; in the unit of `time`, or a duration for dates.
    test_size : float in (0, 0.9], default=0.25
        Share of the rows that are held out.
    measure : {"average_precision", "roc_auc", "neg_log_loss", "neg_brier_score"}
        What is tuned; the verdict looks at all measures. Default "average_precision".
    num_boost_round, early_stopping_rounds : int, defaults 500 and 30
        Most rounds of a fold, and the rounds without a better own loss after which it stops.
    storage : str, path or Optuna storage, optional
        As for `focalboost.tuning.open_storage`: finished trials are kept there, and found again by the next
        call with the same data and settings.
    n_jobs : int, optional
        Threads; None for all.
    seed : int, default=0
        Of the split, the sampler, the boosters and the bootstrap.
    progress : Progress, optional
        Told of trials as they finish.

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        If data or settings are not valid; before any training.
    ImportError
        If the booster, or the extra `compare`, is not installed.

    Notes
    -----
    Rows and groups that are held out are not seen by any fold. The model of the verdict is refitted on all
    rows by `Comparison.final_model`.

    Examples
    --------
    >>> from focalboost.comparison import compare
    >>> from focalboost.datasets import make_transactions
    >>> data = make_transactions(4000, imbalance_ratio=19, random_state=0)
    >>> found = compare(data.data, data.target, time=data.step, trials=2, num_boost_round=20, n_jobs=1)
    >>> list(found.models)
    ['untuned', 'log_loss', 'class_weights', 'focal']
    >>> found.verdict.use in found.models
    True
    """
    task = task_from_arrays(X, y, time=time, groups=groups, amount=amount, positive=positive, drop=drop)
    settings = check_settings(
        task,
        booster=booster,
        trials=trials,
        folds=folds,
        test_size=test_size,
        gap=gap,
        measure=measure,
        alert_rate=alert_rate,
        alerts_per_day=alerts_per_day,
        cost_alarm=cost_alarm,
        cost_missed=cost_missed,
        num_boost_round=num_boost_round,
        early_stopping_rounds=early_stopping_rounds,
        storage=storage,
        n_jobs=n_jobs,
        seed=seed,
    )
    return compare_task(task, settings, progress)


def compare_task(task: Task, settings: Settings, progress: Progress | None = None) -> Comparison:
    """The same for a table that was read and settings that were checked."""
    began = clock.perf_counter()
    split = split_rows(
        task, folds=settings.folds, test_size=settings.test_size, gap=settings.gap, seed=settings.seed
    )
    check(task, split, settings)
    check_measure(task, split, settings)
    if progress is not None:
        progress.split(split)
    with quiet_optuna():
        trained = train_all(task, split, settings, progress)
    judgement = judge(task, split, settings, trained)
    verdict = decide(judgement, settings)
    chosen = next(item for item in trained if item.contender.key == verdict.use)
    final = refit_on(chosen.model, task)
    return Comparison(
        task=task,
        split=split,
        settings=settings,
        trained=trained,
        judgement=judgement,
        verdict=verdict,
        thresholds=thresholds(task, split, settings, chosen, final),
        final=final,
        versions=versions(settings.booster),
        seconds=clock.perf_counter() - began,
    )
