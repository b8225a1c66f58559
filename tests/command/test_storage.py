"""Where trials are kept: opened before training, and a failure on the way is a sentence."""

import errno
import re

import pytest
from sqlalchemy.exc import OperationalError

import focalboost.tuning
from focalboost.command._storage import check_storage, failures_told, shown
from focalboost.comparison import _compare

FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("storage", "raised", "error"),
    [
        (
            "trials.log",
            FileNotFoundError(errno.ENOENT, "No such file or directory", "trials.log"),
            "--storage == 'trials.log', must be a file that can be written (No such file or directory): name",
        ),
        (
            "trials.log",
            FULL,
            "--storage == 'trials.log', must be a file that can be written (No space left on",
        ),
        (
            "mysql://me:secret@host/name",
            ImportError("Failed to import DB access module"),
            "--storage == 'mysql://me:***@host/name', needs the driver of that database, which is not",
        ),
        (
            "mysql://me:secret@host/name",
            ModuleNotFoundError("No module named 'MySQLdb'", name="MySQLdb"),
            "needs the Python module MySQLdb, which is not installed: install it, or name a file.",
        ),
        (
            "mysql://me:secret@host/name",
            OperationalError("SELECT 1", {}, ConnectionError("refused.")),
            "must be a database that can be opened; it says: (builtins.ConnectionError) refused. Correct the",
        ),
    ],
)
def test_what_cannot_be_opened_is_named_with_its_cure(monkeypatch, storage, raised, error):
    def fail(storage):
        raise raised

    monkeypatch.setattr(focalboost.tuning, "open_storage", fail)
    with pytest.raises((ImportError, OSError, ValueError), match=re.escape(error)) as found:
        check_storage(storage)
    assert "secret" not in str(found.value)


def test_what_open_storage_says_itself_stays():
    with pytest.raises(FileNotFoundError, match=r"^storage == 'no/t.log', must be in a folder that exists"):
        check_storage("no/t.log")
    with pytest.raises(ValueError, match=r"^--storage is a URL of redis, must be the URL of a database"):
        check_storage("redis://host")


def test_passwords_are_not_shown():
    assert shown("trials.log") == "trials.log"
    assert shown("postgresql://me:secret@host/name") == "postgresql://me:***@host/name"
    assert shown("no url://me:secret@host") == "no url://..."


@pytest.mark.parametrize("kind", [AssertionError, ValueError, RuntimeError])
def test_the_first_reason_is_told_whatever_it_led_to(kind):
    error = (
        r"^trials can no longer be kept in --storage == 't\.log': \[Errno 28\] No space left on device\. "
        r"Those that are finished are kept\. Make room, .* give the same command again"
    )
    with pytest.raises(OSError, match=error), failures_told("t.log"):  # noqa: PT012
        try:
            raise FULL
        except OSError:
            raise kind("should not reach") from None


def test_other_defects_stay_what_they_are():
    with pytest.raises(AssertionError, match="a defect"), failures_told("t.log"):
        raise AssertionError("a defect")
    with pytest.raises(OSError, match=r"^\[Errno 28\] No space"), failures_told(None):
        raise FULL


def test_a_disk_that_is_full_on_the_way_is_one_line(call, monkeypatch):
    def compare_task(task, settings, progress):
        raise AssertionError("Should not reach.") from FULL

    monkeypatch.setattr(_compare, "compare_task", compare_task)
    found = call("--no-report", "--quiet", "--storage", "t.log", code=2)
    assert found.err.startswith("error: trials can no longer be kept in --storage == 't.log': [Errno 28] No")
    assert found.err.count("\n") == 1
