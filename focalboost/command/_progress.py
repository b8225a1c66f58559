"""How far the trials are: bars where there is a terminal, now and then a line where there is none."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from focalboost.comparison._types import CONTENDERS, Contender, Settings, Split

EVERY = 20.0  # seconds between two lines


class Bars:
    """A bar for each contender, those that wait too, and the time that its trials will take yet."""

    def __init__(self, console: Console, settings: Settings, on_split: Callable[[Split], None]) -> None:
        columns = [TextColumn("{task.description}"), BarColumn(bar_width=None), MofNCompleteColumn()]
        if console.width >= 70:
            columns.append(TextColumn("{task.fields[best]}"))
        columns.append(TimeRemainingColumn(elapsed_when_finished=True))
        # Few trials, each of a length of its own: the speed is that of all so far.
        self.bar = Progress(*columns, console=console, expand=True, speed_estimate_period=1e9)
        self.trials, self.on_split = settings.trials, on_split
        self.tasks: dict[str, Any] = {}
        self.running = {contender.key for contender in CONTENDERS}
        self.last: Any = None  # what follows the trials

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.last is not None:
            self.bar.remove_task(self.last)
        self.bar.stop()

    def split(self, split: Split) -> None:
        self.on_split(split)
        for contender in CONTENDERS:
            if contender.tuned:
                self.tasks[contender.key] = self.bar.add_task(
                    contender.name, start=False, total=self.trials, best=""
                )
        self.bar.start()

    def begin(self, contender: Contender, done: int, total: int) -> None:
        if contender.key in self.tasks:
            self.bar.start_task(self.tasks[contender.key])
            self.bar.update(self.tasks[contender.key], completed=done, total=total)

    def trial(self, contender: Contender, done: int, best: float | None) -> None:
        text = "" if best is None else f"best {best:.4f}"
        self.bar.update(self.tasks[contender.key], completed=done, best=text)

    def end(self, contender: Contender) -> None:
        if contender.key in self.tasks:
            self.bar.stop_task(self.tasks[contender.key])
        self.running.discard(contender.key)
        if not self.running:
            self.last = self.bar.add_task("held-out rows", total=None, best="")


class Lines:
    """A line when a contender begins and ends, and at most every 20 seconds in between.

    Contenders may run side by side.
    """

    def __init__(self, console: Console, settings: Settings, on_split: Callable[[Split], None]) -> None:
        self.console, self.measure, self.on_split = console, settings.measure, on_split
        self.total = 0
        self.first: dict[str, int] = {}  # trials that were found, by contender
        self.began: dict[str, float] = {}
        self.said: dict[str, float] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def split(self, split: Split) -> None:
        self.on_split(split)

    def begin(self, contender: Contender, done: int, total: int) -> None:
        key = contender.key
        self.first[key], self.total = done, max(total, self.total)
        self.began[key] = self.said[key] = time.monotonic()
        if total:
            found = f", {done} of them in the storage already" if done else ""
            self.say(f"{contender.name}: {total} trials{found}")

    def trial(self, contender: Contender, done: int, best: float | None) -> None:
        key, now = contender.key, time.monotonic()
        if done < self.total and now - self.said[key] < EVERY:
            return
        self.said[key] = now
        text = f"{contender.name}: trial {done} of {self.total}"
        if best is not None:
            text += f", best {self.measure} {best:.4f}"
        if done < self.total:
            left = (now - self.began[key]) / max(1, done - self.first[key]) * (self.total - done)
            text += f", the last in about {duration(left)}"
        self.say(text)

    def end(self, contender: Contender) -> None:
        pass

    def say(self, text: str) -> None:
        self.console.print(text, soft_wrap=True, markup=False, highlight=False)


class Silent:
    """Nothing, for --quiet."""

    def __init__(self, console: Console, settings: Settings, on_split: Callable[[Split], None]) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def split(self, split: Split) -> None:
        pass

    def begin(self, contender: Contender, done: int, total: int) -> None:
        pass

    def trial(self, contender: Contender, done: int, best: float | None) -> None:
        pass

    def end(self, contender: Contender) -> None:
        pass


def duration(seconds: float) -> str:
    """In the unit that a person would use."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
