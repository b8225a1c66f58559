"""Where the command prints: on a terminal of any width, or into a file."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from focalboost.command._options import in_options

WIDTH_OF_FILES = 120  # where there is no terminal: rich would take 80


def make_console(*, stderr: bool = False) -> Console:
    """Colours only where there is a terminal; a character that an old one does not have becomes a ?."""
    stream = sys.stderr if stderr else sys.stdout
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")
    console = Console(highlight=False, stderr=stderr)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = WIDTH_OF_FILES
    return console


def heading(console: Console, text: str) -> None:
    console.print()
    console.print(Text(text, style="bold"))


def sentences(console: Console, texts: Iterable[str]) -> None:
    for text in texts:
        console.print(Text(text))


def warnings(console: Console, texts: Iterable[str]) -> None:
    for text in texts:
        hanging(console, Text("warning:", style="yellow"), Text(in_options(text)))


def hanging(console: Console, first: Text, text: Text) -> None:
    """The next lines of a long text stand under its beginning, not under its mark."""
    grid = Table.grid(padding=(0, 1))
    grid.add_row(first, text)
    console.print(grid)
