"""Where finished trials are kept: whether it can be opened, and what to do when it fails on the way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


def check_storage(storage: str) -> None:
    """Open it once, before the table is read; the errors of databases have many kinds."""
    from optuna.exceptions import OptunaError  # noqa: PLC0415  # an extra
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415  # comes with Optuna

    from focalboost.tuning import open_storage  # noqa: PLC0415

    given = f"--storage == {shown(storage)!r}"
    try:
        open_storage(storage)
    except ImportError as error:
        missing = next((e.name for e in _chain(error) if isinstance(e, ModuleNotFoundError) and e.name), None)
        driver = "the driver of that database" if missing is None else f"the Python module {missing}"
        raise ImportError(
            f"{given}, needs {driver}, which is not installed: install it, or name a file."
        ) from error
    except (OptunaError, SQLAlchemyError) as error:
        raise ValueError(
            f"{given}, must be a database that can be opened; it says: {_first_line(error)} Correct the URL, "
            "or name a file."
        ) from error
    except OSError as error:
        if str(error).startswith("storage =="):  # with its own rule and cure
            raise
        raise OSError(
            f"{given}, must be a file that can be written ({error.strerror or error}): name another one."
        ) from error
    except ValueError as error:
        rule = str(error)
        if rule.startswith("storage is "):
            raise ValueError(f"--{rule}") from error
        raise


@contextmanager
def failures_told(storage: str | None) -> Iterator[None]:
    """A disk that is full or gone, or a database that went away, as a sentence: finished trials are kept.

    Optuna buries such an error: it tries to note in the same place that the trial has failed.
    """
    from optuna.exceptions import StorageInternalError  # noqa: PLC0415  # an extra
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415  # comes with Optuna

    kinds = (OSError, SQLAlchemyError, StorageInternalError)
    try:
        yield
    except Exception as error:
        reasons = [each for each in _chain(error) if isinstance(each, kinds)]
        if storage is None or not reasons:
            raise
        reason = reasons[-1]  # where it began
        raise OSError(
            f"trials can no longer be kept in --storage == {shown(storage)!r}: {_first_line(reason)} Those "
            "that are finished are kept. Make room, or mend what it says, and give the same command again: "
            "it goes on with the others."
        ) from error


def shown(storage: str) -> str:
    """A path, or a URL without its password."""
    from sqlalchemy.engine import make_url  # noqa: PLC0415  # comes with Optuna
    from sqlalchemy.exc import ArgumentError  # noqa: PLC0415

    if "://" not in storage:
        return storage
    try:
        return make_url(storage).render_as_string(hide_password=True)
    except (ArgumentError, ValueError):
        return f"{storage.partition('://')[0]}://..."


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error, and those that led to it."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        each = waiting.pop(0)
        if id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting += [led for led in (each.__cause__, each.__context__) if led is not None]


def _first_line(error: BaseException) -> str:
    """As a sentence, without the statement of a database."""
    return str(error).partition("\n")[0].strip().rstrip(".") + "."
