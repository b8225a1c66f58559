"""What was asked for on the command line, and everything about it that can be checked before training."""

from __future__ import annotations

import csv
import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from focalboost._boosters.extras import require

REPORT = Path("focalboost-report.html")
BOOSTERS = ("xgboost", "lightgbm")
# What the extra `compare` brings, by the name to import.
LIBRARIES = ("jinja2", "matplotlib", "optuna", "pandas", "pyarrow")
MOST_SEED = 2**31 - 1  # both boosters keep a seed in 32 bits with a sign


@dataclass(frozen=True)
class Options:
    """The command line, read but not checked."""

    file: Path | None = None
    target: str | None = None
    time: str | None = None
    no_time: bool = False
    group: str | None = None
    amount: str | None = None
    positive: str | None = None
    drop: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    na: tuple[str, ...] = ()
    sep: str | None = None
    decimal: str | None = None
    thousands: str | None = None
    encoding: str | None = None
    cost_alarm: float | None = None
    cost_missed: str | None = None
    alert_rate: float | None = None
    alerts_per_day: float | None = None
    booster: str | None = None
    trials: int = 30
    folds: int = 3
    gap: str | None = None
    test_size: float = 0.25
    measure: str = "average_precision"
    rounds: int = 500
    patience: int = 30
    storage: str | None = None
    n_jobs: int | None = None
    seed: int = 0
    report: Path | None = None
    no_report: bool = False
    model: tuple[Path, ...] = ()
    json: Path | None = None
    force: bool = False
    quiet: bool = False
    traceback: bool = False


_LISTS = ("drop", "categories", "dates", "na", "model")
_OF_TABLE = (
    *("target", "time", "no_time", "group", "amount", "positive", "drop", "categories", "dates", "na"),
    *("sep", "decimal", "thousands", "encoding"),
)
# How this run behaves, not what comes out of it.
_OF_THIS_RUN = ("force", "quiet", "traceback")
# They decide the result, and their defaults may change.
_ALWAYS_SAID = ("booster", "trials", "folds", "seed")


def flag(name: str) -> str:
    """An option as it is typed."""
    return "FILE" if name == "file" else f"--{name.replace('_', '-')}"


def command_line(options: Options) -> str:
    """The command that repeats this run."""
    words = ["focalboost", "compare"]
    if options.file is not None:
        words.append(str(options.file))
    for field in fields(options):
        name, value = field.name, getattr(options, field.name)
        if name in ("file", *_OF_THIS_RUN) or (value == field.default and name not in _ALWAYS_SAID):
            continue
        if value is True:
            words.append(flag(name))
        elif isinstance(value, tuple):
            for item in value:
                words += [
                    flag(name),
                    quoted(str(item)) if name in ("drop", "categories", "na") else str(item),
                ]
        elif value is not None:
            words += [flag(name), str(value).removesuffix(".0")]
    return shlex.join(words)


# ---------------------------------------------------------------------- lists
def split_list(texts: Iterable[str]) -> tuple[str, ...]:
    """Names from options that may be given several times, each with several names: a,b,"with, comma"."""
    rows = csv.reader(list(texts), skipinitialspace=True, strict=True)
    return tuple(name for row in rows for name in row if name)


def quoted(name: str) -> str:
    """A name that `split_list` reads as one."""
    return '"{}"'.format(name.replace('"', '""')) if re.search(r'[,"]|^\s', name) else name


def date_formats(texts: Iterable[str]) -> dict[str, str]:
    """NAME=FORMAT, a name may hold the sign = too."""
    formats = {}
    for text in texts:
        name, _, form = text.rpartition("=")
        if not name or "%" not in form:
            raise ValueError(
                f"--dates == {text!r}, must be a column and its format, such as 'booked=%d.%m.%Y'."
            )
        formats[name] = form
    return formats


# ---------------------------------------------------------------------- checks
def check(options: Options) -> None:
    """Raise for what needs no look into the table."""
    check_libraries()
    _check_file(options)
    _check_seed(options.seed)
    cost_of_a_missed_one(options)
    date_formats(options.dates)


def check_libraries() -> None:
    """Raise where something of the extra is not installed."""
    missing = [name for name in LIBRARIES if not _installed(name)]
    if missing:
        raise ImportError(
            f"focalboost compare needs {', '.join(missing)}, not installed here; run: "
            "pip install 'focalboost[compare]'"
        )


def _installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ValueError:  # sys.modules has None in its place
        return False


def choose_booster(asked: str | None) -> Any:
    """The booster that was asked for, or the first that is installed."""
    if asked is not None:
        require(asked)  # type: ignore[arg-type]  # Typer lets the two names through only
        return asked
    found = [name for name in BOOSTERS if _installed(name)]
    if not found:
        raise ImportError(
            "focalboost compare needs a booster, and neither XGBoost nor LightGBM is installed; run: "
            "pip install 'focalboost[xgboost-cpu]' (6 MB; 'focalboost[xgboost]' with a GPU) or "
            "pip install 'focalboost[lightgbm]'"
        )
    return found[0]


def _check_file(options: Options) -> None:
    if options.file is None:
        defaults = Options()
        given = [name for name in _OF_TABLE if getattr(options, name) != getattr(defaults, name)]
        if given:
            raise ValueError(
                f"{flag(given[0])} is about a table, and no FILE is named; write: "
                "focalboost compare FILE --target COLUMN"
            )
    if options.no_time and options.time is not None:
        raise ValueError("--time and --no-time contradict each other: leave one out.")
    if options.no_report and options.report is not None:
        raise ValueError("--report and --no-report contradict each other: leave one out.")


def _check_seed(seed: int) -> None:
    if not 0 <= seed <= MOST_SEED:
        raise ValueError(f"--seed == {seed}, must be from 0 to {MOST_SEED}.")


def as_number(text: str) -> float | None:
    """None where it is no number, so a name."""
    try:
        return float(text)
    except ValueError:
        return None


def cost_of_a_missed_one(options: Options) -> tuple[Any, str | None]:
    """`Settings.cost_missed`, and the column of amounts."""
    text = options.cost_missed
    if text is None:
        return None, options.amount
    number = as_number(text)
    if number is not None:
        return number, options.amount
    if options.file is None and text != "amount":
        raise ValueError(
            f"--cost-missed == {text!r}, must be a number or 'amount': the simulated transactions have no "
            "other column of money."
        )
    if options.amount is not None and text not in ("amount", options.amount):
        raise ValueError(
            f"--cost-missed == {text!r} and --amount == {options.amount!r}, must be the same column: what a "
            "missed case costs is its amount. Leave --amount out."
        )
    # Of a table without --amount it names that column.
    return "amount", options.amount if options.amount is not None or options.file is None else text


# ---------------------------------------------------------------------- words of Python in errors
_PYTHON = {field.name: flag(field.name) for field in fields(Options)} | {
    "path": "FILE",
    "na_values": "--na",
    "num_boost_round": "--rounds",
    "early_stopping_rounds": "--patience",
    "scoring": "--measure",
    "groups": "--group",
}
_NAMES = "|".join(sorted(_PYTHON, key=len, reverse=True))
_SUBSTITUTES: Sequence[tuple[re.Pattern[str], Any]] = (
    (re.compile(r"(?<![\w.-])dates=\{'([^']*)': ?(\w+)\}"), lambda m: f"--dates '{m[1]}={m[2].upper()}'"),
    (re.compile(r"(?<![\w.-])time=False"), "--no-time"),
    (re.compile(rf"(?<![\w.'\"-])({_NAMES})(?= ==)"), lambda m: _PYTHON[m[1]]),
    (re.compile(rf"(?<![\w.'\"-])({_NAMES})=(?=['\"\w])"), lambda m: f"{_PYTHON[m[1]]} "),
    (re.compile(rf"(?<![\w.'\"-])({_NAMES})=(?!=)"), lambda m: _PYTHON[m[1]]),
    # No usual words, wherever they stand; only at the head of a warning they are a column of that name.
    (
        re.compile(r"(?!^\w+: )(?<![\w.'\"-])(cost_alarm|cost_missed|alert_rate|test_size)(?![\w'\"])"),
        lambda m: flag(m[1]),
    ),
)


def in_options(text: str) -> str:
    """A text of the library with the names of arguments as options: time == 'x' becomes --time == 'x'."""
    for pattern, substitute in _SUBSTITUTES:
        text = pattern.sub(substitute, text)
    return text
