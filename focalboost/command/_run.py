"""From a command line to a verdict, one step after the other; nothing is trained before all is checked."""

from __future__ import annotations

import os
import signal
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from threading import current_thread, main_thread
from types import SimpleNamespace
from typing import Any

import numpy as np
from rich.console import Console
from rich.text import Text

from focalboost.command._console import make_console
from focalboost.command._options import (
    Options,
    check,
    choose_booster,
    command_line,
    cost_of_a_missed_one,
    date_formats,
    in_options,
)
from focalboost.command._storage import check_storage, failures_told

DONE, BAD_INPUT, INTERRUPTED = 0, 2, 130
SIMULATED = (
    "No FILE was named: these are simulated transactions. For a table of your own: "
    "focalboost compare FILE --target COLUMN"
)
# What can be said of settings without the table is checked with one that has everything.
ANY_TABLE: Any = SimpleNamespace(when=np.zeros(1), when_is_date=True, amount=np.zeros(1))


def run(options: Options) -> int:
    """The exit code: 0 done, whatever the verdict, 2 bad input, 130 interrupted."""
    out, err = make_console(), make_console(stderr=True)
    try:
        with _plain_warnings(err):
            _run(options, out, err)
    except KeyboardInterrupt:
        err.print(Text(_interrupted(options)), soft_wrap=True)
        return INTERRUPTED
    except (ValueError, OSError, ImportError) as error:
        if options.traceback:
            traceback.print_exc()
        text = Text("error: ", style="bold red")
        err.print(text.append(in_options(str(error)), style="default not bold"), soft_wrap=True)
        return BAD_INPUT
    return DONE


def _run(options: Options, out: Console, err: Console) -> None:
    check(options)
    options = replace(options, booster=choose_booster(options.booster))
    # Not above: they take a second to load, and boosters are extras.
    import optuna  # noqa: PLC0415

    from focalboost.command import _outputs, _progress, _show  # noqa: PLC0415
    from focalboost.comparison import _compare  # noqa: PLC0415
    from focalboost.comparison._settings import check_settings  # noqa: PLC0415

    # Optuna shows the traceback of a trial that failed.
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    outputs = _outputs.check_outputs(options, str(options.booster))
    asked = _settings(options)
    check_settings(ANY_TABLE, **(asked | {"gap": None}))
    if options.storage is not None:
        check_storage(options.storage)
    if options.file is None and not options.quiet:
        out.print(Text(SIMULATED))
    task = read_task(options)
    settings = check_settings(task, **asked)
    if options.quiet:
        _show.show_leaks(err, task)
    else:
        _show.show_task(out, task)

    how: Any = _progress.Silent
    if not options.quiet:
        how = _progress.Bars if err.is_terminal else _progress.Lines
    with (
        how(err, settings, lambda split: _show.show_split(out, split)) as progress,
        _stopped_at_once(progress, _interrupted(options)),
        failures_told(options.storage),
    ):
        comparison = _compare.compare_task(task, settings, progress)
    comparison.command = command_line(options)
    # Written first: who prints into a pipe that is closed, or into a full disk, has the files.
    problem: OSError | None = None
    try:
        written = _outputs.write(comparison, outputs, options.file)
    except _outputs.NotWrittenError as error:
        written, problem = error.instead, error
    if options.quiet:
        out.print(Text(comparison.verdict.sentence), soft_wrap=True)
    else:
        _show.show_result(out, comparison)
        out.print()
        _show.show_files(out, written)
    if problem is not None:
        raise problem


def read_task(options: Options) -> Any:
    """The table, with every column said what it is used as."""
    from focalboost.comparison._task import simulated_task  # noqa: PLC0415  # pandas is an extra

    if options.file is None:
        return simulated_task(options.seed)
    try:
        return _from_file(options.file, options)
    except ValueError as error:
        if options.amount is not None or not str(error).startswith("amount == "):
            raise
        # What was typed is --cost-missed, which takes a number too.
        text = str(error).replace("amount == ", "cost_missed == ", 1)
        number = "must be a number such as 1000, or a column"
        text = text.replace("must be a column", number, 1).replace("must hold", f"{number} that holds", 1)
        raise ValueError(text.replace("leave amount out", "give a number")) from error


def _from_file(file: Path, options: Options) -> Any:
    from focalboost.comparison._task import task_from_file  # noqa: PLC0415  # pandas is an extra

    formats: dict[str, Any] = {
        "sep": options.sep,
        "encoding": options.encoding,
        "thousands": options.thousands,
        "decimal": options.decimal,
    }
    return task_from_file(
        file,
        target=options.target,
        time=False if options.no_time else options.time,
        group=options.group,
        amount=cost_of_a_missed_one(options)[1],
        positive=options.positive,
        drop=options.drop,
        categories=options.categories,
        dates=date_formats(options.dates),
        na_values=options.na,
        **{name: value for name, value in formats.items() if value is not None},
    )


def _settings(options: Options) -> dict[str, Any]:
    """Arguments of `check_settings`."""
    return {
        "booster": options.booster,
        "trials": options.trials,
        "folds": options.folds,
        "test_size": options.test_size,
        "gap": options.gap,
        "measure": options.measure,
        "alert_rate": options.alert_rate,
        "alerts_per_day": options.alerts_per_day,
        "cost_alarm": options.cost_alarm,
        "cost_missed": cost_of_a_missed_one(options)[0],
        "num_boost_round": options.rounds,
        "early_stopping_rounds": options.patience,
        "storage": options.storage,
        "n_jobs": options.n_jobs,
        "seed": options.seed,
    }


def _interrupted(options: Options) -> str:
    if options.storage is None:
        return (
            "interrupted: nothing was written. With --storage trials.log finished trials are kept, and the "
            "same command goes on where it was interrupted."
        )
    return (
        f"interrupted: finished trials are kept in {options.storage}, and the same command goes on with the "
        "others."
    )


@contextmanager
def _stopped_at_once(progress: Any, said: str) -> Iterator[None]:
    """Ctrl-C ends the process where it is: what is finished is in the storage, which bears a kill -9 as well.

    A KeyboardInterrupt does not always come through, 39 of 42 did: XGBoost prints one that reaches a callback
    and goes on, or aborts, and Optuna 5.0 raises an UnboundLocalError where it notes the end of a trial.
    """
    usual = signal.default_int_handler
    if current_thread() is not main_thread() or signal.getsignal(signal.SIGINT) is not usual:
        yield  # ignored, as of what runs in the background, or somebody else's
        return

    def stop(*_: Any) -> None:
        with suppress(Exception):  # a bar may be in the middle of a line
            progress.__exit__()
            sys.stdout.flush()
        # Not by way of sys.stderr, which may be at work.
        os.write(2, f"{said}\n".encode())
        os._exit(INTERRUPTED)

    signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)


@contextmanager
def _plain_warnings(err: Console) -> Iterator[None]:
    """A warning as a sentence, without the line of the program that gave it."""

    def show(message: Any, *_: Any, **__: Any) -> None:
        text = Text("warning: ", style="yellow")
        err.print(text.append(in_options(str(message)), style="default"), soft_wrap=True)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield
