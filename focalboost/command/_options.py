"""What was asked for on the command line, and everything about it that can be checked before training."""

from __future__ import annotations

import ast
import csv
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
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
    """The command that repeats this run, once its files are there: a model is replaced with --force only."""
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
    if options.model:
        words.append("--force")
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
_BEFORE = r"(?<![\w.'\"-])"  # no part of a longer name, and no quoted one
_VALUE = re.compile(rf"{_BEFORE}({_NAMES})=(?=[\w'\"\[{{])")
_CLOSED_BY = {"[": "]", "{": "}", "'": "'", '"': '"'}
_ALONE: Sequence[tuple[re.Pattern[str], Callable[[str], str]]] = (
    (re.compile(rf"{_BEFORE}({_NAMES})(?= ==)"), _PYTHON.__getitem__),
    (re.compile(rf"{_BEFORE}({_NAMES})=(?=[\w'\"])"), lambda name: f"{_PYTHON[name]} "),
    (re.compile(rf"{_BEFORE}({_NAMES})=(?![=\w'\"\[{{])"), _PYTHON.__getitem__),
    # No usual words, wherever they stand; only at the head of a warning they are a column of that name.
    (
        re.compile(rf"(?!^\w+: ){_BEFORE}(cost_alarm|cost_missed|alert_rate|test_size)(?![\w'\"])"),
        flag,
    ),
)


def in_options(text: str) -> str:
    """A text of the library with the names of arguments as options: time == 'x' becomes --time == 'x'.

    An argument with its value, as in dates={'day': '%d.%m.%Y'}, becomes what is typed in a shell.
    """
    found: list[tuple[int, int, str]] = []
    for match in _VALUE.finditer(text):
        end, words = _as_typed(match[1], text, match.end())
        start = match.start()
        if words and (not found or start >= found[-1][1]):
            if found and text[found[-1][1] : start] == ", ":  # two arguments of Python are two options
                start, words = start - 2, f" {words}"
            found.append((start, end, words))
    for pattern, name in _ALONE:
        for match in pattern.finditer(text):
            if all(match.end() <= start or end <= match.start() for start, end, _ in found):
                found.append((*match.span(), name(match[1])))
    parts, place = [], 0
    for start, end, words in sorted(found):
        parts += [text[place:start], words]
        place = end
    return "".join([*parts, text[place:]])


def _as_typed(name: str, text: str, start: int) -> tuple[int, str | None]:
    """Where the value that begins at `start` ends, and the options that say the same; None if none do."""
    for end in _ends(text, start):
        try:
            value = ast.parse(text[start:end], mode="eval").body
            words = _words(value)
        except (SyntaxError, ValueError):
            continue
        if name == "time" and words == ["False"]:
            return end, "--no-time"
        if name in ("drop", "categories", "na_values"):
            words = [",".join(map(quoted, words))]
        # A mark of the sentence must not be taken for a part of the value.
        marked = text[end : end + 1] in (".", ",", ";", ":")
        return end, " ".join(f"{_PYTHON[name]} {_in_shell(word, always=marked)}" for word in words)
    return start, None


def _ends(text: str, start: int) -> Iterator[int]:
    """Where a value may end: of a plain word at its end, else behind each mark that may close it."""
    close = _CLOSED_BY.get(text[start])
    if close is None:
        yield start + len(re.match(r"\w+(?:\.\w+)*", text[start:])[0])  # type: ignore[index]  # one follows
        return
    end = text.find(close, start + 1)
    while end >= 0:
        yield end + 1
        end = text.find(close, end + 1)


def _words(value: ast.expr) -> list[str]:
    """What is typed for a value; a name stands for what the reader has to put there."""
    if isinstance(value, ast.Dict):
        pairs = zip(value.keys, value.values, strict=True)
        return [f"{_words(key)[0]}={_words(item)[0]}" for key, item in pairs if key is not None]
    if isinstance(value, ast.List):
        return [word for item in value.elts for word in _words(item)]
    if isinstance(value, ast.Name):
        return [value.id.upper()]
    return [str(ast.literal_eval(value))]


def _in_shell(word: str, *, always: bool) -> str:
    """In quotes where the shell, or a reader, needs them."""
    word = word.replace("\t", r"\t")
    if "'" in word and not re.search(r'["$`\\!]', word):
        return f'"{word}"'
    safe = shlex.quote(word)
    return f"'{word}'" if safe == word and (always or not re.search(r"\w", word)) else safe
