"""Where a study is kept: a journal file that survives killed workers and full disks, or a database."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from focalboost import _validation
from focalboost.tuning import _journal
from focalboost.tuning._lock import JournalLock
from focalboost.tuning._optuna import load_optuna

GRACE_PERIOD = 30.0  # seconds, as Optuna's locks have it
_SLASHES_FORGOTTEN = re.compile(
    r"(sqlite|postgresql|mysql|mariadb|oracle|mssql)(\+\w+)?:(?!//)", re.IGNORECASE
)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")  # two letters at least: C:// is a drive
_SQLITE_DRIVERS = ("sqlite", "sqlite+pysqlite")


def open_storage(storage: Any, *, grace_period: float | None = None) -> Any:
    """A storage for `optuna.create_study` and `load_study` that loses no finished trial.

    A path is a journal file (`optuna.storages.JournalStorage`), made if it is not there. Any number of
    workers on one machine, or on several with a common folder, may have it open. It may also be open in
    Optuna's own JournalFileBackend, in a dashboard, say. Beyond what Optuna does:

    - The path becomes absolute, with links followed. A lock that Optuna's default makes for a relative path
      cannot be removed by others after a kill: they wait for ever.
    - The lock of a killed worker is taken over: at once by workers on its machine (Linux, local disk), by
      others, or elsewhere, after `grace_period` seconds at the latest.
    - A last record that was torn, by a full disk or a power failure, is cut off before the next one is
      appended, here and in every worker that has the file open. The file as it was is kept beside it, as
      `<path>.torn-1`, and a UserWarning says what was cut. A record that lacks its line break only is kept.
    - A file that is no journal, or is damaged before its last line, is refused and left as it is.

    Parameters
    ----------
    storage : str, path or optuna storage
        Path of a journal file, such as "study.log" (`~` is your home folder); URL of a database, such as
        "sqlite:///study.db" or "postgresql+psycopg2://user@host/name", which is given to
        `optuna.storages.RDBStorage`, a relative path of SQLite made absolute; or a storage of Optuna's, which
        is returned as it is. SQLite is for one worker.
    grace_period : float, default=30
        Seconds after which an unchanged lock of a journal is taken over, though it cannot be seen that its
        worker is gone. It must be longer than one record takes to be written, 2 ms on a disk.

    Returns
    -------
    optuna.storages.BaseStorage

    Raises
    ------
    FileNotFoundError
        If the folder of the file does not exist.
    IsADirectoryError, PermissionError
        If the path is a folder, or the file or its folder cannot be written.
    ValueError
        If the file is damaged or of another kind, the URL cannot be read, or grace_period is not > 0.
    TypeError
        If `storage` is none of the three.
    OSError
        If a torn file cannot be copied; it is left as it is.
    ImportError
        If Optuna, or the driver of a database, is not installed.

    Examples
    --------
    >>> import optuna, tempfile
    >>> from focalboost.tuning import open_storage
    >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for n_trials in (2, 1):
    ...         study = optuna.create_study(
    ...             storage=open_storage(f"{folder}/study.log"), study_name="fraud", load_if_exists=True
    ...         )
    ...         study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=n_trials)
    ...     len(study.trials)
    3
    """
    optuna = load_optuna()
    seconds = GRACE_PERIOD
    if grace_period is not None:
        seconds = _validation.number("grace_period", grace_period, "> 0 and finite", low=0.0, strict=True)
    if isinstance(storage, str) and _SLASHES_FORGOTTEN.match(storage):
        raise ValueError(
            f"storage == {storage!r}, must be a path or a URL with '://': a file of SQLite is "
            "'sqlite:///study.db', and a journal of that name './' and the name."
        )
    is_path = isinstance(storage, os.PathLike) or (isinstance(storage, str) and not _URL.match(storage))
    if grace_period is not None and not is_path:
        raise ValueError(
            f"grace_period == {grace_period!r}, must be None: it is for the lock of a journal file. Leave it "
            "out."
        )
    if is_path:
        return _open_journal(os.fspath(storage), seconds)
    if isinstance(storage, str):
        return _open_database(storage)
    if isinstance(storage, optuna.storages.BaseStorage):
        return storage
    raise TypeError(
        f"storage == {storage!r:.80}, must be the path of a journal file, the URL of a database or a storage "
        "of Optuna's. For a study in memory leave the storage out."
    )


# ---------------------------------------------------------------------- files
def _absolute(given: Any) -> Path:
    """A file's own path: two names of one journal would have two locks."""
    if not isinstance(given, str) or not given or "\0" in given:
        raise ValueError(f"storage == {given!r}, must be the path of a file, such as 'study.log'.")
    path = Path(given).expanduser().resolve()
    if path.is_dir():
        raise IsADirectoryError(
            f"storage == {given!r}, must be a file: {path} is a folder. Add a name, such as "
            f"{str(path / 'study.log')!r}."
        )
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"storage == {given!r}, must be in a folder that exists: there is no {path.parent}. Create it, "
            "or correct the path."
        )
    if path.exists() and not path.is_file():
        raise ValueError(f"storage == {given!r}, must be a regular file: {path} is a device or a pipe.")
    return path


def _open_journal(given: str, grace_period: float) -> Any:
    path = _absolute(given)
    lock: Any = JournalLock(path, grace_period)
    try:
        with path.open("ab"):
            pass
        _journal.check(path)
        lock.acquire()
        lock.release()
    except PermissionError as error:
        raise PermissionError(
            f"storage == {given!r}, must be a file that can be read and written, in a folder where files "
            f"can be made ({error}). To look at a study that is not yours copy the file."
        ) from error
    from optuna.storages.journal import JournalFileBackend, JournalStorage  # noqa: PLC0415  # an extra

    try:
        return JournalStorage(JournalFileBackend(str(path), lock_obj=lock))
    except (AssertionError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise ValueError(
            f"storage == {str(path)!r}, must be a journal that Optuna {load_optuna().__version__} can read: "
            f"all its lines are whole, but Optuna failed with {error!r}. Use the version that wrote it, or "
            "restore it from a backup."
        ) from error


# ---------------------------------------------------------------------- databases
def _open_database(given: str) -> Any:
    # SQLAlchemy comes with Optuna.
    from sqlalchemy.engine import make_url  # noqa: PLC0415
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError  # noqa: PLC0415

    scheme = given.partition("://")[0].lower()
    if scheme in ("file", "redis", "rediss"):
        cure = "Pass the path itself."
        if scheme != "file":
            cure = (
                "For Redis pass optuna.storages.JournalStorage("
                "optuna.storages.journal.JournalRedisBackend(url))."
            )
        raise ValueError(f"storage is a URL of {scheme}, must be the URL of a database. {cure}")
    try:
        url = make_url(given)
        url.get_dialect()
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise ValueError(
            f"storage is a URL of {scheme}, must be one that SQLAlchemy can read, such as "
            f"'sqlite:///study.db' or 'postgresql+psycopg2://user@host/name' ({type(error).__name__})."
        ) from error
    database = url.database
    is_file = (
        url.drivername in _SQLITE_DRIVERS and database and not database.startswith((":memory:", "file:"))
    )
    if is_file:
        path = _absolute(database)
        _check_sqlite(path)
        # The password stays in: this is the URL that is used.
        given = url.set(database=str(path)).render_as_string(hide_password=False)
    return load_optuna().storages.RDBStorage(given)


def _check_sqlite(path: Path) -> None:
    if not path.exists():
        return
    with path.open("rb") as file:
        head = file.read(len(_journal.SQLITE_HEAD))
    if head not in (b"", _journal.SQLITE_HEAD):
        raise ValueError(
            f"storage == {str(path)!r}, must be an SQLite database or a new file: it begins with {head!r}, "
            "and is left as it is. For a journal pass the path without 'sqlite:///'."
        )
