"""Bars and lines while trials run."""

import io

import pytest
from rich.console import Console

from focalboost.command import _progress
from focalboost.command._progress import Bars, Lines, Silent, duration
from focalboost.comparison import Settings
from focalboost.comparison._types import CONTENDERS

SETTINGS = Settings(trials=4)


def watch(kind, console, *, found=0, best=0.5):
    """A comparison whose first contender has some trials in the storage."""
    seen = []
    with kind(console, SETTINGS, seen.append) as progress:
        progress.split("the split")
        for contender in CONTENDERS:
            total = SETTINGS.trials if contender.tuned else 0
            done = found if contender.key == "log_loss" else 0
            progress.begin(contender, done, total)
            for k in range(done, total):
                progress.trial(contender, k + 1, best)
            progress.end(contender)
    assert seen == ([] if kind is Silent else ["the split"])
    return console.file.getvalue()


def file(**options):
    return Console(file=io.StringIO(), highlight=False, **options)


def test_lines_say_when_a_contender_begins_and_ends():
    assert watch(Lines, file(width=60), found=1).splitlines() == [
        "log loss: 4 trials, 1 of them in the storage already",
        "log loss: trial 4 of 4, best average_precision 0.5000",
        "class weights: 4 trials",
        "class weights: trial 4 of 4, best average_precision 0.5000",
        "focal loss: 4 trials",
        "focal loss: trial 4 of 4, best average_precision 0.5000",
    ]


def test_lines_say_how_long_it_takes(monkeypatch):
    now = iter(range(0, 10_000, 30))
    monkeypatch.setattr(_progress.time, "monotonic", lambda: next(now))
    lines = watch(Lines, file(width=60)).splitlines()
    assert lines[1] == "log loss: trial 1 of 4, best average_precision 0.5000, the last in about 2 min"
    assert len(lines) == 15


def test_a_trial_that_was_found_is_not_in_the_speed(monkeypatch):
    now = iter(range(0, 10_000, 30))
    monkeypatch.setattr(_progress.time, "monotonic", lambda: next(now))
    lines = watch(Lines, file(width=60), found=2).splitlines()
    assert lines[1] == "log loss: trial 3 of 4, best average_precision 0.5000, the last in about 30 s"


def test_no_trial_is_complete_yet():
    assert "best" not in watch(Lines, file(width=60), best=None)


@pytest.mark.parametrize("width", [60, 80, 200])
def test_bars_for_each_contender_that_is_tuned(width):
    text = watch(Bars, file(width=width, force_terminal=True, color_system=None), found=2)
    for name in ("log loss", "class weights", "focal loss", "held-out rows"):
        assert name in text
    assert "untuned" not in text
    assert "4/4" in text
    assert ("best 0.5000" in text) == (width >= 70)


def test_nothing_at_all():
    assert watch(Silent, file(width=80)) == ""


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3599, "60 min"), (5400, "1.5 h")]
)
def test_durations_as_people_say_them(seconds, text):
    assert duration(seconds) == text
