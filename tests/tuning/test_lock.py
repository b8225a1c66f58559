"""The lock of a journal: left by the dead, held by the living, and workers that are killed with it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import optuna
import pytest
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock, JournalFileSymlinkLock

from focalboost.tuning import open_storage
from focalboost.tuning._lock import JournalLock
from focalboost.tuning._workers import this_worker

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="forks, links and /proc")
AT_ONCE = 5.0  # seconds, for what takes milliseconds on an idle machine
GRACE = 0.3


@pytest.fixture
def journal(tmp_path):
    path = tmp_path / "study.log"
    optuna.create_study(storage=open_storage(path), study_name="s")
    return path


def lock_of(journal):
    return Path(f"{journal}.lock")


def seconds_to_open(journal, **options):
    began = time.monotonic()
    study = optuna.load_study(storage=open_storage(journal, **options), study_name="s")
    study.set_user_attr("opened", True)
    assert not os.path.lexists(lock_of(journal))
    return time.monotonic() - began


def ended_process():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return {**this_worker(), "pid": process.pid}


# ---------------------------------------------------------------------- locks that are left
def test_the_lock_of_a_process_that_has_ended_is_taken_over_at_once(journal, caplog):
    lock_of(journal).write_text(json.dumps(ended_process()))
    assert seconds_to_open(journal) < AT_ONCE
    assert f"{lock_of(journal)} was left by a worker that is gone, and was removed" in caplog.messages


def test_the_lock_of_a_number_that_was_given_again(journal):
    worker = this_worker()
    lock_of(journal).write_text(json.dumps({**worker, "started": worker["started"] - 100.0}))
    assert seconds_to_open(journal) < AT_ONCE


@pytest.mark.parametrize(
    "kind",
    ["dangling link", "link", "empty", "another machine", "another boot", "alive", "no JSON", "a number"],
)
def test_a_lock_of_which_no_more_is_known_is_taken_over_after_the_grace_period(kind, journal, monkeypatch):
    lock = lock_of(journal)
    monkeypatch.chdir(journal.parent.parent)
    if kind == "dangling link":
        # As Optuna makes it for a relative path: it points to runs/runs/study.log.
        lock.symlink_to(f"{journal.parent.name}/study.log")
        assert not lock.exists()
    elif kind == "link":
        lock.symlink_to(journal)
    else:
        others = {"another machine": {**this_worker(), "host": "another"}, "alive": this_worker()}
        # After a restart, or another machine of the same name.
        others["another boot"] = {**ended_process(), "boot": "another"}
        text = {"empty": "", "no JSON": "{", "a number": "3"}.get(kind)
        lock.write_text(json.dumps(others[kind]) if text is None else text)
    assert GRACE <= seconds_to_open(journal, grace_period=GRACE) < GRACE + AT_ONCE


def test_a_folder_in_its_place(journal):
    lock_of(journal).mkdir()
    with pytest.raises(IsADirectoryError, match=r"study.log.lock is a folder, must be free for the lock"):
        open_storage(journal)


# ---------------------------------------------------------------------- locks that are held
@pytest.mark.parametrize("kind", ["ours", "link", "open"])
def test_a_lock_that_changes_hands_is_never_taken_over(kind, journal, caplog):
    """Others hold it one after the other for longer than the grace period, each for less."""
    holders = {
        "ours": lambda: JournalLock(journal, 30.0),
        "link": lambda: JournalFileSymlinkLock(str(journal)),
        "open": lambda: JournalFileOpenLock(str(journal)),
    }
    ours, holder = JournalLock(journal, 1.0), holders[kind]()
    tries = []

    def held(_):
        if len(tries) < 20:
            holder.release()
            holder.acquire()
        elif len(tries) == 20:
            holder.release()
        tries.append(time.monotonic())
        real(0.1)

    real = time.sleep
    holder.acquire()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("focalboost.tuning._lock.time.sleep", held)
        ours.acquire()
    assert len(tries) >= 20
    assert tries[-1] - tries[0] > 1.5
    ours.release()
    assert caplog.messages == []


def test_both_kinds_keep_each_other_out(journal):
    ours = JournalLock(journal, 30.0)
    ours.acquire()
    with pytest.raises(FileExistsError, match=r"study.log"):
        lock_of(journal).symlink_to(journal)
    ours.release()
    theirs = JournalFileBackend(str(journal))._lock
    theirs.acquire()
    assert not ours._make()
    theirs.release()
    ours.acquire()
    ours.release()


def test_a_lock_that_was_taken_over_is_left_to_its_new_holder(journal, caplog):
    first, second = (JournalLock(journal, GRACE) for _ in range(2))
    first.acquire()
    second.acquire()
    first.release()
    assert lock_of(journal).exists()
    assert any("was taken over by another worker" in message for message in caplog.messages)
    second.release()
    assert not lock_of(journal).exists()


def test_it_is_removed_only_while_it_is_the_one_that_was_seen(journal):
    lock = JournalLock(journal, 30.0)
    lock.acquire()
    lock._take_away((0, 0, 0, 0))
    assert lock_of(journal).exists()
    lock.release()


# ---------------------------------------------------------------------- real workers
def run(case, folder, number, seed=0):
    command = [
        sys.executable,
        "-m",
        "tests.tuning.journal_workers",
        case,
        str(folder),
        str(number),
        str(seed),
    ]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def longest_wait(folder):
    """Where a file gets its name before its content a worker may be killed in between: 30 s more."""
    try:
        os.close(os.open(folder, os.O_TMPFILE | os.O_WRONLY))
    except (AttributeError, OSError):
        return 30.0 + 4 * AT_ONCE
    return 4 * AT_ONCE


def test_workers_that_are_killed_at_any_moment(tmp_path):
    found, _ = run("kills", tmp_path, 8)
    assert found["lost"] == []
    assert found["told"] > 8
    assert max(found["waits"]) < longest_wait(tmp_path)


def test_workers_that_are_killed_in_the_middle_of_a_line(tmp_path):
    found, said = run("killed_in_a_line", tmp_path, 3)
    assert found["lost"] == []
    assert found["told"] == 6
    assert found["copies"] == said.count("was cut off") == 3
    assert max(found["waits"]) < AT_ONCE + found["kills"]


def test_a_full_disk(tmp_path):
    found, said = run("full", tmp_path, 2)
    assert found["lost"] == []
    assert found["told"] >= 4
    assert found["copies"] == said.count("was cut off") > 0


def test_many_workers_open_a_torn_file(tmp_path):
    found, said = run("torn", tmp_path, 4)
    assert found["lost"] == []
    assert found["told"] == 3 + 4 * 3
    assert found["copies"] == said.count("was cut off") == 1


def test_a_line_that_a_slow_worker_is_writing_is_never_cut(tmp_path):
    found, _ = run("slow", tmp_path, 1)
    assert found == {"told": 8, "written": 4, "lost": [], "copies": 0}
