"""A journal file of Optuna's, one record a line: which lines are whole, and how a torn last one is mended.

Optuna appends to whatever the file ends with. After a write that was cut short (a full disk, a power failure)
the next record would run into the torn one, and the whole file could not be read again.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import warnings
from pathlib import Path

SETTLED = 1.0  # seconds in which a file that nobody writes to does not change
_BEGIN = b'{"op_code":'
SQLITE_HEAD = b"SQLite format 3\x00"


def is_record(line: bytes) -> bool:
    """Whether Optuna wrote it, whole."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(record, dict) and isinstance(record.get("op_code"), int) and "worker_id" in record


# ---------------------------------------------------------------------- what can be opened
def check(path: Path) -> None:
    """Refuse a file that is no journal, or whose lines before the last are not all whole."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                if number == 1:
                    _check_begun(path, line)
                return  # the last: torn, or being written
            if not is_record(line):
                if number == 1 and not any(map(is_record, file)):
                    raise _no_journal(path, line)
                raise ValueError(_damaged(path, number, line))


def _check_begun(path: Path, line: bytes) -> None:
    """The only line of a file, without an end: a record that was begun?"""
    if not (line.startswith(_BEGIN) or _BEGIN.startswith(line)):
        raise _no_journal(path, line)


def _no_journal(path: Path, line: bytes) -> ValueError:
    cure = "Pass the path of another file, which is made if it is not there."
    if line.startswith(SQLITE_HEAD):
        cure = f"It is an SQLite database: pass 'sqlite:///{path}'."
    return ValueError(
        f"storage == {str(path)!r}, must be a journal of Optuna's or a new file: it begins with "
        f"{line[:20]!r}, and is left as it is. {cure}"
    )


def _damaged(path: Path, number: int, line: bytes) -> str:
    text = (
        f"storage == {str(path)!r} is damaged: line {number} is {_shown(line)}, must be one record of "
        "Optuna's journal. The file is left as it is. Stop all workers and keep a copy. "
    )
    place = line.find(_BEGIN, 1)
    while place > 0:
        if is_record(line[place:]):
            if is_record(line[:place]):
                return text + f"Two whole records share the line: break it after {place} characters."
            return text + (
                "A record that was never finished, and so counts nowhere, runs into the next one: delete the "
                f"first {place} characters of the line."
            )
        place = line.find(_BEGIN, place + 1)
    whole = f"The {number - 1} lines before it are whole: " if number > 1 else ""
    keep = f"`head -n {number - 1}` into a new file keeps them. " if number > 1 else ""
    return text + (
        f"Restore it from a backup. {whole}{keep}Do not take out the line alone: records after it name "
        "trials by their place, and would be read for other trials."
    )


def _shown(line: bytes) -> str:
    return repr(line) if len(line) <= 80 else f"{line[:50]!r} ... {line[-20:]!r}"


# ---------------------------------------------------------------------- the last line
def mend(path: Path) -> None:
    """Make a journal end with a whole line. To be called by who holds its lock."""
    while _is_torn(path):
        before = _state(path)
        # Who holds the lock is alone, but a slow worker's lock may have been taken over from it.
        time.sleep(SETTLED)
        if _state(path) == before:
            _end_or_cut(path)


def _is_torn(path: Path) -> bool:
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return False
        file.seek(-1, os.SEEK_END)
        return file.read() != b"\n"


def _state(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def _end_or_cut(path: Path) -> None:
    number, start, line = _last_line(path)
    if start == 0:
        _check_begun(path, line)
    if is_record(line):
        # Only the line break is missing: what it says was found, so it counts.
        with path.open("ab") as file:
            file.write(b"\n")
            os.fsync(file.fileno())
        warnings.warn(
            f"the last record of {path}, line {number}, had no line break, as after a full disk: it was "
            "added, and nothing was cut.",
            UserWarning,
            stacklevel=2,
        )
        return
    copy = _copy(path)
    with path.open("r+b") as file:
        file.truncate(start)
        os.fsync(file.fileno())
    warnings.warn(
        f"{path} ended in the middle of a record, as after a full disk or a power failure: line {number}, "
        f"{len(line)} bytes, {_shown(line)}, was cut off. The {number - 1} whole records before it stay. The "
        f"file as it was is {copy}; delete it when you have looked.",
        UserWarning,
        stacklevel=2,
    )


def _last_line(path: Path) -> tuple[int, int, bytes]:
    """Its number, where it begins, and itself."""
    number, end, line = 0, 0, b""
    with path.open("rb") as file:
        for line in file:
            number, end = number + 1, end + len(line)
    return number, end - len(line), line


def _copy(path: Path) -> Path:
    """The file as it is, beside it; nothing is cut where that fails."""
    places = (Path(f"{path}.torn-{k}") for k in range(1, 1_000_000))
    copy = next(place for place in places if not os.path.lexists(place))
    try:
        with path.open("rb") as file, copy.open("xb") as target:
            shutil.copyfileobj(file, target)
            target.flush()
            os.fsync(target.fileno())
    except OSError as error:
        copy.unlink(missing_ok=True)
        raise OSError(
            f"{path} ends in the middle of a record and cannot be copied before that is cut off ({error}). "
            f"Nothing was changed. Free {path.stat().st_size / 1e6:.2g} MB there, and open it again."
        ) from error
    return copy
