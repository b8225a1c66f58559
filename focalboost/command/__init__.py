"""The command `focalboost`: a comparison from a file to a report, without a line of Python.

`main` is the script; `_app.py` has the options and their help, `_options.py` checks them, `_outputs.py` the
files that are written, `_run.py` goes from one step to the next, `_show.py` prints, `_progress.py` shows how
far the trials are. Needs the extra: `pip install 'focalboost[compare]'`.
"""

from __future__ import annotations

import sys
from importlib import import_module

__all__ = ["main"]

BAD_INPUT, INTERRUPTED = 2, 130


def main(program: str = "focalboost") -> None:
    """Run the command with the arguments of this process, and end it: 0 done, 2 bad input, 130 interrupted.

    Parameters
    ----------
    program : str
        What the command is called in its help.
    """
    try:
        import_module("rich")
        import_module("typer")
    except ImportError as error:
        sys.stderr.write(
            f"focalboost: the command needs {error.name}, which is not installed; run: "
            "pip install 'focalboost[compare]'\n"
        )
        sys.exit(BAD_INPUT)
    try:
        # Not above: it imports both.
        from focalboost.command._app import app  # noqa: PLC0415

        app(prog_name=program)
    except KeyboardInterrupt:  # before there is anything to say
        sys.exit(INTERRUPTED)
