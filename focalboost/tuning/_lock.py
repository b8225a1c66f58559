"""The lock of a journal file, which a dead worker does not hold up, and under which a torn line is mended."""

from __future__ import annotations

import json
import logging
import os
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from focalboost.tuning._journal import mend
from focalboost.tuning._workers import is_gone, this_worker

logger = logging.getLogger("focalboost")

Identity = tuple[int, ...]
_LONGEST_PAUSE = 0.05
_SAY_AFTER = 10.0


class JournalLock:
    """What JournalFileBackend takes for `lock_obj`: the file `<journal>.lock` exists while it is held.

    Optuna's own locks are that too, so that both keep each other out. Theirs has no note of who holds it:
    Optuna 4.0 waits for a dead worker's for ever; later versions wait 30 s, or for ever where it is a link to
    a relative path. Here the file says which process made it; where that has ended on this machine, the
    lock is taken over at once. A lock of which no more is known is taken over when it has been the same for
    `grace_period` seconds.
    """

    def __init__(self, journal: Path, grace_period: float) -> None:
        self.journal, self.path, self.grace_period = journal, Path(f"{journal}.lock"), grace_period
        self._held: Identity | None = None

    def acquire(self) -> bool:
        """Wait until it is free, and leave the journal fit to be appended to."""
        pause, seen, since, said = 0.001, None, time.monotonic(), False
        while not self._make():
            now, found = time.monotonic(), _identity(self.path)
            if found != seen:
                seen, since = found, now
            if found is not None and (now - since > self.grace_period or self._is_left_behind()):
                self._take_away(found)
                continue
            if now - since > _SAY_AFTER and not said:
                said = True
                logger.warning(
                    "%s has been there for %.0f s; it is taken over after %g s without a change",
                    self.path,
                    now - since,
                    self.grace_period,
                )
            time.sleep(pause)
            pause = min(2.0 * pause, _LONGEST_PAUSE)
        try:
            mend(self.journal)
        except BaseException:
            self.release()
            raise
        return True

    def release(self) -> None:
        """Give it back, unless another worker has taken it over."""
        held, self._held = self._held, None
        if held is not None and held == _identity(self.path):
            self.path.unlink(missing_ok=True)
            return
        logger.warning(
            "%s was taken over by another worker: this one had held it for more than grace_period == %g s. "
            "If its file system is that slow, pass a greater grace_period to open_storage.",
            self.path,
            self.grace_period,
        )

    def _make(self) -> bool:
        """Whether the file could be made; it was not there then."""
        if _identity(self.path) is not None:
            return False
        note = json.dumps(this_worker()).encode()
        try:
            if not _make_with(self.path, note):
                handle = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
                try:
                    # A worker that is killed here leaves a lock without a name, as one on a full disk does.
                    with suppress(OSError):
                        os.write(handle, note)
                finally:
                    os.close(handle)
        except FileExistsError:
            return False
        self._held = _identity(self.path)
        return True

    # ------------------------------------------------------------------ locks of the dead
    def _is_left_behind(self) -> bool:
        """Whether the process that the file names has ended, as far as can be seen from here."""
        if sys.platform == "win32":
            return False  # a file that is being read cannot be deleted there
        try:
            handle = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            return False  # gone meanwhile, or one of Optuna's, which are links
        with os.fdopen(handle, "rb") as file:
            text = file.read(4096)
        try:
            worker = json.loads(text)
            # Of another boot it may be another machine of the same name, alive: that can wait.
            return worker["boot"] == this_worker()["boot"] and is_gone(worker) is True
        except (ValueError, KeyError, TypeError):
            return False

    def _take_away(self, seen: Identity) -> None:
        """Remove the lock if it is still the one that was seen: another worker may have been faster."""
        with _one_at_a_time(self.journal):
            if _identity(self.path) == seen:
                self.path.unlink(missing_ok=True)
                logger.warning("%s was left by a worker that is gone, and was removed", self.path)


def _make_with(path: Path, note: bytes) -> bool:
    """A new file with its content in one step; False where the system or the file system cannot do that.

    Of 40 workers that were killed on a busy machine one had made its lock and not written its name yet.
    """
    if sys.platform != "linux":
        return False
    try:
        handle = os.open(path.parent, os.O_TMPFILE | os.O_WRONLY, 0o666)
    except OSError:
        return False  # NFS has no files without a name
    try:
        os.write(handle, note)
        # With a folder given Python calls linkat, which follows links; without one link, which does not.
        os.link(f"/proc/self/fd/{handle}", path, src_dir_fd=handle, follow_symlinks=True)
    except FileExistsError:
        raise
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def _identity(path: Path) -> Identity | None:
    """What tells a lock from the next one at its path; of a link, not of what it points to."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(f"{path} is a folder, must be free for the lock of the journal: remove it.")
    return found.st_dev, found.st_ino, found.st_ctime_ns, found.st_mtime_ns


@contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    """A lock of the kernel's, which ends with its process, where the system and the file system have it."""
    try:
        import fcntl  # noqa: PLC0415  # not on Windows
    except ImportError:
        yield
        return
    flock: Any = fcntl.flock
    with path.open("rb") as file:
        with suppress(OSError):
            flock(file, fcntl.LOCK_EX)
        yield
