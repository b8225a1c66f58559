"""Options: as they are typed again, read, and refused before anything is trained."""

import importlib.machinery
import re
import shlex
import sys
from dataclasses import fields, replace
from pathlib import Path

import pytest

from focalboost.command import _options
from focalboost.command._options import (
    Options,
    check,
    choose_booster,
    command_line,
    cost_of_a_missed_one,
    date_formats,
    in_options,
    quoted,
    split_list,
)

FILE = Path("cards.csv")


# ---------------------------------------------------------------------- lists
@pytest.mark.parametrize(
    ("texts", "names"),
    [
        (["a,b", "c"], ("a", "b", "c")),
        (["a, b"], ("a", "b")),
        (['"a,b",c'], ("a,b", "c")),
        (['"a ""b"""'], ('a "b"',)),
        (["a b"], ("a b",)),
        ([""], ()),
        ([], ()),
    ],
)
def test_names_with_commas_between_them(texts, names):
    assert split_list(texts) == names


@pytest.mark.parametrize("name", ["a", "a b", "a,b", 'a"b', " a", "é"])
def test_a_name_that_is_quoted_is_read_as_one(name):
    assert split_list([quoted(name)]) == (name,)


def test_formats_of_dates():
    assert date_formats(["booked=%d.%m.%Y", "a=b=%Y"]) == {"booked": "%d.%m.%Y", "a=b": "%Y"}


@pytest.mark.parametrize("text", ["booked", "booked=", "=%Y", "booked=2024"])
def test_a_format_without_a_name_or_a_date_is_refused(text):
    with pytest.raises(ValueError, match=rf"--dates == '{text}', must be a column and its format, such as"):
        date_formats([text])


# ---------------------------------------------------------------------- the command again
def test_the_command_that_repeats_it_says_what_decides_the_result():
    assert command_line(Options(booster="lightgbm")) == (
        "focalboost compare --booster lightgbm --trials 30 --folds 3 --seed 0"
    )


def test_every_option_is_in_the_command_but_those_of_this_run():
    values = {str: "x", int: 7, float: 0.5, bool: True, Path: Path("p.html"), tuple: ("a", "b,c")}
    kinds = {"file": Path, "report": Path, "json": Path, "cost_alarm": float, "alert_rate": float}
    kinds |= {"alerts_per_day": float, "n_jobs": int}
    given = {}
    for field in fields(Options):
        kind = kinds.get(field.name, str if field.default is None else type(field.default))
        given[field.name] = values[kind]
    words = shlex.split(command_line(Options(**given)))
    assert words[:3] == ["focalboost", "compare", "p.html"]
    for name in given:
        told = name not in ("file", "quiet", "traceback")  # --force: there is a model
        assert (_options.flag(name) in words) == told, name
    assert words[words.index("--drop") :][:4] == ["--drop", "a", "--drop", '"b,c"']


@pytest.mark.parametrize(
    ("given", "forced"),
    [
        ({"model": (Path("m.ubj"),)}, True),  # is there when the command is repeated
        ({"json": Path("r.json"), "report": Path("r.html"), "force": True}, False),  # its own are replaced
    ],
)
def test_the_command_that_repeats_it_replaces_its_model(given, forced):
    assert command_line(Options(**given)).endswith(" --force") == forced


# ---------------------------------------------------------------------- refused
@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"target": "y"}, "--target is about a table, and no FILE is named; write: focalboost compare FILE"),
        ({"no_time": True}, "--no-time is about a table, and no FILE is named"),
        ({"amount": "a"}, "--amount is about a table, and no FILE is named"),
        ({"sep": ";"}, "--sep is about a table, and no FILE is named"),
        (
            {"file": FILE, "time": "t", "no_time": True},
            "--time and --no-time contradict each other: leave one out",
        ),
        (
            {"report": Path("r.html"), "no_report": True},
            "--report and --no-report contradict each other: leave",
        ),
        ({"seed": -1}, "--seed == -1, must be from 0 to 2147483647."),
        ({"seed": 2**31}, "--seed == 2147483648, must be from 0 to 2147483647."),
        ({"file": FILE, "dates": ("x",)}, "--dates == 'x', must be a column and its format"),
        (
            {"cost_missed": "fee"},
            "--cost-missed == 'fee', must be a number or 'amount': the simulated transactions",
        ),
        (
            {"file": FILE, "cost_missed": "fee", "amount": "sum"},
            "--cost-missed == 'fee' and --amount == 'sum', must be the same column",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(given, error):
    with pytest.raises(ValueError, match=re.escape(error)):
        check(Options(**given))


@pytest.mark.parametrize(
    ("given", "cost", "amount"),
    [
        ({}, None, None),
        ({"file": FILE, "amount": "sum"}, None, "sum"),
        ({"file": FILE, "cost_missed": "1e3", "amount": "sum"}, 1000.0, "sum"),
        ({"file": FILE, "cost_missed": "sum"}, "amount", "sum"),
        ({"file": FILE, "cost_missed": "amount"}, "amount", "amount"),
        ({"file": FILE, "cost_missed": "sum", "amount": "sum"}, "amount", "sum"),
        ({"file": FILE, "cost_missed": "amount", "amount": "sum"}, "amount", "sum"),
        ({"cost_missed": "amount"}, "amount", None),
    ],
)
def test_what_a_missed_one_costs_is_a_number_or_a_column(given, cost, amount):
    assert cost_of_a_missed_one(Options(**given)) == (cost, amount)


# ---------------------------------------------------------------------- what is not installed
def test_a_missing_library_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    error = r"focalboost compare needs jinja2, not installed here; run: pip install 'focalboost\[compare\]'"
    with pytest.raises(ImportError, match=error):
        check(Options())


@pytest.mark.parametrize(
    ("installed", "chosen"), [(("xgboost", "lightgbm"), "xgboost"), (("lightgbm",), "lightgbm")]
)
def test_the_booster_is_the_one_that_is_installed(monkeypatch, installed, chosen):
    spec = importlib.machinery.ModuleSpec("any", None)
    monkeypatch.setattr(_options, "find_spec", lambda name: spec if name in installed else None)
    assert choose_booster(None) == chosen


def test_without_a_booster_both_extras_are_named(monkeypatch):
    monkeypatch.setattr(_options, "find_spec", lambda name: None)
    error = (
        r"neither XGBoost nor LightGBM is installed; .*'focalboost\[xgboost-cpu\]'.*'focalboost\[lightgbm\]'"
    )
    with pytest.raises(ImportError, match=error):
        choose_booster(None)


def test_a_booster_that_was_asked_for_and_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(ImportError, match=r"needs LightGBM: pip install 'focalboost\[lightgbm\]'"):
        choose_booster("lightgbm")


# ---------------------------------------------------------------------- errors of the library
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("time == 'x', must be a column.", "--time == 'x', must be a column."),
        ("na_values == 'x', must", "--na == 'x', must"),
        ("path == 'a.csv', must be", "FILE == 'a.csv', must be"),
        ("pass dates={'x': format}.", "pass --dates 'x=FORMAT'."),
        (
            "pass dates={'date': '%d.%m.%Y'} (or dates={'date': '%m.%d.%Y'}).",
            "pass --dates date=%d.%m.%Y (or --dates date=%m.%d.%Y).",
        ),
        ("dates={'a day': '%d %b'} reads", "--dates 'a day=%d %b' reads"),
        ("dates={'time': '%H', 'b': '%Y'} reads", "--dates time=%H --dates b=%Y reads"),
        ("na_values=['?'] if", "--na '?' if"),
        ("na_values=['-999'] if", "--na -999 if"),
        ("na_values=['n,a'] if", "--na '\"n,a\"' if"),
        ("categories=['a'] keeps", "--categories a keeps"),
        ("categories=['a', 'b c'] keeps", "--categories 'a,b c' keeps"),
        ('categories=["it\'s"] keeps', '--categories "it\'s" keeps'),
        ("categories=['$x]'] keeps", "--categories '$x]' keeps"),
        ("or pass drop=['a'].", "or pass --drop 'a'."),
        ("pass thousands='.', decimal=','.", "pass --thousands '.' --decimal ','."),
        ('pass thousands="\'".', 'pass --thousands "\'".'),
        ("pass sep='\\t'.", "pass --sep '\\t'."),
        ("positive=1 would, positive=True would", "--positive 1 would, --positive True would"),
        ("pass time=False to make it a feature", "pass --no-time to make it a feature"),
        ("pass gap=7d", "pass --gap 7d"),
        ("drop=[a b] is none", "drop=[a b] is none"),
        ("name none with time=False.", "name none with --no-time."),
        ("pass encoding='cp1252' (Windows)", "pass --encoding cp1252 (Windows)"),
        ("or pass sep=.", "or pass --sep."),
        ("name its column with amount=.", "name its column with --amount."),
        ("positive='no' would", "--positive no would"),
        ("cost_alarm == -1.0, must be > 0.", "--cost-alarm == -1.0, must be > 0."),
        ("num_boost_round == 0, must", "--rounds == 0, must"),
        ("drop=", "--drop"),
        ("the column's group == 7 stays", "the column's --group == 7 stays"),
        ("'time == 3'", "'time == 3'"),
        ("uptime == 3, runtime=4", "uptime == 3, runtime=4"),
        ("its kind", "its kind"),
        (
            "cost_alarm is given, must be with cost_missed: one",
            "--cost-alarm is given, must be with --cost-missed: one",
        ),
        ("a larger test_size.", "a larger --test-size."),
        ("alert_rate: the same as 'cost_alarm'", "alert_rate: the same as 'cost_alarm'"),
    ],
)
def test_names_of_arguments_become_options(text, expected):
    assert in_options(text) == expected


@pytest.mark.parametrize(
    "value", ["a", "a b", "it's", 'say "x"', "a,b", "$HOME", "?", "*", "-", ";", "'", "é", "a]"]
)
def test_what_is_told_can_be_typed(value):
    """By way of a shell, and of how the command reads it."""
    _, option, word = shlex.split(in_options(f"pass drop=[{value!r}] or"))[:3]
    assert (option, split_list([word])) == ("--drop", (value,))
    form = f"{value}: %d.%m.%Y"
    _, option, word = shlex.split(in_options(f"pass dates={{{value!r}: {form!r}}} or"))[:3]
    assert (option, date_formats([word])) == ("--dates", {value: form})


def test_an_empty_command_is_fine():
    check(Options())
    check(replace(Options(), file=FILE, target="y"))
