"""The options of the command, and their help."""

from __future__ import annotations

import re
import sys
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer

from focalboost.command._options import REPORT, Options, split_list

TABLE, WORTH, TRAINING, RESULTS = "The table", "What counts", "Training", "What comes out"

app = typer.Typer(
    name="focalboost",
    help="Focal loss for XGBoost and LightGBM.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a defect shows Python's own traceback, without the rows of the table
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

HELP = f"""Is focal loss worth it on your data?

Trains your booster with log loss, with class weights and with focal loss, each tuned with the same number
of trials, and judges them on later rows that none of them has seen. Says in one sentence what to use, which
is often log loss, and how sure that is.

[bold]Examples[/bold]

Simulated transactions, to see what comes out, in about a minute:

    focalboost compare

Your own table. People can review 1 % of the payments; a false alarm costs 10, a missed fraud its amount:

    focalboost compare payments.csv --target is_fraud --time date \\
      --group customer_id --drop payment_id --amount amount \\
      --cost-alarm 10 --cost-missed amount --alert-rate 0.01 \\
      --storage trials.log --report report.html --model best.ubj

The report is a page for the browser, {REPORT} in this folder unless you say otherwise: the verdict first,
then figures and tables. Reports and results of an earlier run are replaced; other files, and models, only
with --force.

Ends with 0 when done, whatever the verdict, with 2 for bad input, and with 130 when interrupted: with
--storage the same command then goes on.
"""


def _joined(text: str) -> str:
    """Typer breaks lines where the text does: each paragraph becomes one line, but for commands."""
    return re.sub(r"(?<=\S)\n(?=\S)", " ", text)


class Booster(StrEnum):
    """What Typer lets through."""

    xgboost = "xgboost"
    lightgbm = "lightgbm"


def whole_number(text: str) -> int:
    """Typer calls it for defaults too."""
    try:
        return int(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r}, must be a whole number.") from error


def number(text: str) -> float:
    """With a point."""
    try:
        return float(text)
    except ValueError as error:
        try:
            cure = f"without a percent sign: {float(text.removesuffix('%')) / 100:.12g}."
        except ValueError:
            cure = "such as 0.5 or 1000."
        raise typer.BadParameter(f"{text!r}, must be a number {cure}") from error


def _versions(asked: bool) -> None:
    if not asked:
        return
    # The package is above this wing, and loaded before it.
    typer.echo(f"focalboost {sys.modules['focalboost'].__version__}")
    for name in ("xgboost", "xgboost-cpu", "lightgbm", "optuna", "scikit-learn", "numpy"):
        try:
            typer.echo(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    raise typer.Exit


@app.callback()
def _focalboost(
    version: Annotated[
        bool, typer.Option("--version", callback=_versions, is_eager=True, help="Print versions and end.")
    ] = False,
) -> None:
    pass


@app.command(help=_joined(HELP))
def compare(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE",
            help="Table to learn from: .csv (also .gz, .bz2, .xz, .zip) or .parquet. Without one: simulated "
            "transactions, to see what comes out.",
            show_default=False,
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Column with the two classes. [dim]Default: the last.[/dim]",
            rich_help_panel=TABLE,
        ),
    ] = None,
    positive: Annotated[
        str | None,
        typer.Option(
            metavar="VALUE",
            help="Value of the target to look for. [dim]Default: 1, true, yes, or the rarer.[/dim]",
            rich_help_panel=TABLE,
        ),
    ] = None,
    time: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Column that says when a row was, dates or numbers: later rows are held out to judge by. "
            "[dim]Default: a column named step, time, timestamp or date.[/dim]",
            rich_help_panel=TABLE,
        ),
    ] = None,
    no_time: Annotated[
        bool,
        typer.Option("--no-time", help="Rows are in no order, whatever names say.", rich_help_panel=TABLE),
    ] = False,
    group: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Column that says whose a row is, such as a customer or a card: none is trained on and "
            "judged by at once.",
            rich_help_panel=TABLE,
        ),
    ] = None,
    amount: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Column of the money at stake.", rich_help_panel=TABLE),
    ] = None,
    drop: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN,...",
            help="Columns that the model must not see: ids, and what is known only later.",
            rich_help_panel=TABLE,
        ),
    ] = None,
    categories: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN,...",
            help="Columns of numbers that are codes, such as a merchant's kind.",
            rich_help_panel=TABLE,
        ),
    ] = None,
    dates: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=FORMAT",
            help="Format of dates that are not like 2024-01-31: booked=%d.%m.%Y",
            rich_help_panel=TABLE,
        ),
    ] = None,
    na: Annotated[
        list[str] | None,
        typer.Option(
            metavar="VALUE,...",
            help="Words and numbers that stand for a missing value.",
            rich_help_panel=TABLE,
        ),
    ] = None,
    sep: Annotated[
        str | None,
        typer.Option(
            metavar="CHARACTER",
            help=r"What stands between the cells of a .csv, such as ; or \t. [dim]Default: a comma.[/dim]",
            rich_help_panel=TABLE,
        ),
    ] = None,
    decimal: Annotated[
        str | None,
        typer.Option(metavar="MARK", help="Decimal mark, . or ,", rich_help_panel=TABLE),
    ] = None,
    thousands: Annotated[
        str | None,
        typer.Option(metavar="MARK", help="Mark between groups of three digits.", rich_help_panel=TABLE),
    ] = None,
    encoding: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="How letters are written in a .csv, such as cp1252. [dim]Default: UTF-8.[/dim]",
            rich_help_panel=TABLE,
        ),
    ] = None,
    alert_rate: Annotated[
        float | None,
        typer.Option(
            parser=number,
            metavar="SHARE",
            help="Budget: the share of rows that people can review. [dim]Default: 0.01.[/dim]",
            rich_help_panel=WORTH,
        ),
    ] = None,
    alerts_per_day: Annotated[
        float | None,
        typer.Option(
            parser=number,
            metavar="NUMBER",
            help="The budget as alerts a day, for dates.",
            rich_help_panel=WORTH,
        ),
    ] = None,
    cost_alarm: Annotated[
        float | None,
        typer.Option(
            parser=number,
            metavar="COST",
            help="What a false alarm costs: a good row stopped, or looked at for nothing.",
            rich_help_panel=WORTH,
        ),
    ] = None,
    cost_missed: Annotated[
        str | None,
        typer.Option(
            metavar="COST|COLUMN",
            help="What a missed case costs: a number, or the column that says so for each row, such as "
            "amount.",
            rich_help_panel=WORTH,
        ),
    ] = None,
    booster: Annotated[
        Booster | None,
        typer.Option(
            help="[dim]Default: the one that is installed, XGBoost of both.[/dim]", rich_help_panel=TRAINING
        ),
    ] = None,
    trials: Annotated[
        int,
        typer.Option(
            parser=whole_number,
            metavar="NUMBER",
            help="Settings that each contender tries.",
            rich_help_panel=TRAINING,
        ),
    ] = 30,
    folds: Annotated[
        int,
        typer.Option(
            parser=whole_number,
            metavar="NUMBER",
            help="Parts of the rows that judge a trial.",
            rich_help_panel=TRAINING,
        ),
    ] = 3,
    gap: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="How late labels come: rows so shortly before those that judge are not trained on. Such as "
            "7d, 12h or 30min, or a number in the unit of the time column.",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    test_size: Annotated[
        float,
        typer.Option(
            parser=number,
            metavar="SHARE",
            help="Share of the rows that is held out.",
            rich_help_panel=TRAINING,
        ),
    ] = 0.25,
    measure: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="What trials are judged by: average_precision, roc_auc, neg_log_loss or neg_brier_score.",
            rich_help_panel=TRAINING,
        ),
    ] = "average_precision",
    rounds: Annotated[
        int,
        typer.Option(
            parser=whole_number, metavar="NUMBER", help="Most trees of a model.", rich_help_panel=TRAINING
        ),
    ] = 500,
    patience: Annotated[
        int,
        typer.Option(
            parser=whole_number,
            metavar="NUMBER",
            help="Trees without progress after which it stops.",
            rich_help_panel=TRAINING,
        ),
    ] = 30,
    storage: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|URL",
            help="Where finished trials are kept: interrupted, the same command goes on. A file, or the URL "
            "of a database. [dim]Default: nowhere.[/dim]",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    n_jobs: Annotated[
        int | None,
        typer.Option(
            parser=whole_number,
            metavar="NUMBER",
            help="Threads. [dim]Default: one for each core.[/dim]",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(
            parser=whole_number, metavar="NUMBER", help="Same seed, same result.", rich_help_panel=TRAINING
        ),
    ] = 0,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help=f"The page, one .html file that works offline. [dim]Default: {REPORT}.[/dim]",
            rich_help_panel=RESULTS,
        ),
    ] = None,
    no_report: Annotated[
        bool, typer.Option("--no-report", help="Write no page.", rich_help_panel=RESULTS)
    ] = False,
    model: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="The winner, trained on all rows: .ubj or .json for XGBoost, .txt for LightGBM, .onnx. Can "
            "be given several times.",
            rich_help_panel=RESULTS,
        ),
    ] = None,
    json: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="All results for other programs.", rich_help_panel=RESULTS),
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Replace files that are there already.", rich_help_panel=RESULTS),
    ] = False,
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="Print the verdict and nothing else.", rich_help_panel=RESULTS),
    ] = False,
    traceback: Annotated[
        bool,
        typer.Option(
            "--traceback", help="Show where in the program an error was raised.", rich_help_panel=RESULTS
        ),
    ] = False,
) -> None:
    # Not above: --help need not wait for it.
    from focalboost.command._run import run  # noqa: PLC0415

    code = run(
        Options(
            file=file,
            target=target,
            time=time,
            no_time=no_time,
            group=group,
            amount=amount,
            positive=positive,
            drop=split_list(drop or ()),
            categories=split_list(categories or ()),
            dates=tuple(dates or ()),
            na=split_list(na or ()),
            sep="\t" if sep == r"\t" else sep,
            decimal=decimal,
            thousands=thousands,
            encoding=encoding,
            cost_alarm=cost_alarm,
            cost_missed=cost_missed,
            alert_rate=alert_rate,
            alerts_per_day=alerts_per_day,
            booster=None if booster is None else booster.value,
            trials=trials,
            folds=folds,
            gap=gap,
            test_size=test_size,
            measure=measure,
            rounds=rounds,
            patience=patience,
            storage=storage,
            n_jobs=n_jobs,
            seed=seed,
            report=report,
            no_report=no_report,
            model=tuple(model or ()),
            json=json,
            force=force,
            quiet=quiet,
            traceback=traceback,
        )
    )
    raise typer.Exit(code)
