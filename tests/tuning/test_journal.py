"""Torn and damaged journals: what is cut, what is kept, what is refused."""

import errno
import os
import re
import shutil
import warnings

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from focalboost.tuning import _journal, open_storage

TORN = b'{"op_code":5,"worker_id":"3f7'
CUT = r"ended in the middle of a record, .* was cut off. The \d+ whole records before it stay"


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(_journal, "SETTLED", 0.01)


@pytest.fixture
def journal(tmp_path):
    """A study of three finished trials."""
    path = tmp_path / "study.log"
    study = optuna.create_study(storage=open_storage(path), study_name="s")
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3)
    return path


def load(path):
    return optuna.load_study(storage=open_storage(path), study_name="s")


def work(study):
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)


def append(path, text):
    with path.open("ab") as file:
        file.write(text)


# ---------------------------------------------------------------------- the last line
def test_every_way_to_tear_the_last_record(journal):
    whole = journal.read_bytes()
    trials = load(journal).trials
    last = whole.splitlines(keepends=True)[-1]  # says that trial 2 has finished
    for length in range(1, len(last)):
        journal.write_bytes(whole[: len(whole) - len(last) + length])
        rule = CUT if length < len(last) - 1 else "had no line break, .* nothing was cut"
        with pytest.warns(UserWarning, match=rule) as caught:
            study = load(journal)
        assert len(caught) == 1
        assert study.trials[:2] == trials[:2]
        if length < len(last) - 1:
            assert study.trials[2].state == TrialState.RUNNING
            (copy,) = journal.parent.glob("*.torn-*")
            assert copy.read_bytes() == whole[: len(whole) - len(last) + length]
            assert str(copy) in str(caught[0].message)
            copy.unlink()
            assert journal.read_bytes() == whole[: -len(last)]
        else:
            # All of it is there: the trial has finished.
            assert study.trials == trials
            assert journal.read_bytes() == whole


def test_the_first_record_of_all(tmp_path):
    path = tmp_path / "study.log"
    for text in (b"{", b'{"op_c', b'{"op_code":0,"worker_id":"a'):
        path.write_bytes(text)
        with pytest.warns(UserWarning, match=r"line 1, .* The 0 whole records"):
            open_storage(path)
        assert path.read_bytes() == b""
    assert len(list(tmp_path.glob("*.torn-*"))) == 3


def test_zeros_after_a_power_failure(journal):
    whole = journal.read_bytes()
    append(journal, b"\0" * 500)
    with pytest.warns(UserWarning, match=CUT):
        load(journal)
    assert journal.read_bytes() == whole


def test_a_worker_that_has_it_open_mends_it_before_it_appends(journal):
    study = load(journal)
    append(journal, TORN)
    with pytest.warns(UserWarning, match=CUT):
        work(study)
    work(study)
    assert len(study.trials) == 5
    plain = optuna.load_study(storage=JournalStorage(JournalFileBackend(str(journal))), study_name="s")
    assert plain.trials == study.trials


def test_plain_optuna_is_unreadable_after_that(journal):
    # What the mending is for. When this fails Optuna has learnt it.
    study = optuna.load_study(storage=JournalStorage(JournalFileBackend(str(journal))), study_name="s")
    append(journal, TORN)
    for _ in range(2):
        study._storage._backend.append_logs(
            [{"op_code": 2, "worker_id": "a", "study_id": 0, "user_attr": {"a": 1}}]
        )
    with pytest.raises(ValueError, match="delimiter"):
        JournalStorage(JournalFileBackend(str(journal)))
    # The error here has the cure, and the cure is right.
    lines = journal.read_bytes().splitlines(keepends=True)
    rule = rf"line {len(lines) - 1} is .*delete the first {len(TORN)} characters of the line"
    with pytest.raises(ValueError, match=rule):
        load(journal)
    lines[-2] = lines[-2][len(TORN) :]
    journal.write_bytes(b"".join(lines))
    assert len(load(journal).trials) == 3


def test_a_line_that_grows_is_left_to_its_writer(journal, monkeypatch):
    whole = journal.read_bytes()
    line = b'{"op_code":2,"worker_id":"a","study_id":0,"user_attr":{"slow":1}}\n'
    parts = [line[:20], line[20:40], line[40:]]
    append(journal, parts.pop(0))
    monkeypatch.setattr(_journal.time, "sleep", lambda _: append(journal, parts.pop(0)))
    assert load(journal).user_attrs == {"slow": 1}
    assert parts == []
    assert journal.read_bytes() == whole + line


def test_nothing_is_cut_without_a_copy(journal, monkeypatch):
    append(journal, TORN)
    before = journal.read_bytes()

    def full(source, target):
        target.write(source.read(5))
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", full)
    with pytest.raises(OSError, match=r"cannot be copied .*No space left.* Nothing was changed. Free .* MB"):
        load(journal)
    assert journal.read_bytes() == before
    assert [file.name for file in journal.parent.iterdir()] == ["study.log"]
    monkeypatch.undo()
    with pytest.warns(UserWarning, match=CUT):
        load(journal)


def test_a_warning_that_is_an_error_leaves_no_lock(journal):
    append(journal, TORN)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match=CUT):
            load(journal)
    assert not os.path.lexists(f"{journal}.lock")
    assert len(load(journal).trials) == 3


def test_a_journal_that_is_gone(journal):
    study = load(journal)
    journal.unlink()
    with pytest.raises(FileNotFoundError, match=r"study\.log"):
        work(study)
    assert list(journal.parent.iterdir()) == []


# ---------------------------------------------------------------------- lines before the last
@pytest.mark.parametrize("number", [1, 2, 7, 9, 10])
@pytest.mark.parametrize(
    "damage", [b"", b"\0\0\0\0", b'{"op_code":4,"worker', b"[1, 2]", b'{"worker_id":"a"}']
)
def test_damage_before_the_last_line_is_refused(journal, number, damage):
    lines = journal.read_bytes().splitlines()
    assert len(lines) == 1 + 3 * 3  # the study; that a trial began, its parameter, its value
    lines[number - 1] = damage
    text = b"\n".join(lines) + b"\n"
    journal.write_bytes(text)
    with pytest.raises(
        ValueError, match=rf"study.log' is damaged: line {number} is .*, must be one record .*Restore it from"
    ) as caught:
        load(journal)
    assert journal.read_bytes() == text
    assert [file.name for file in journal.parent.iterdir()] == ["study.log"]
    # The cure that it names.
    keep = re.search(r"`head -n (\d+)`", str(caught.value))
    if number > 1:
        journal.write_bytes(b"\n".join(lines[: int(keep[1])]) + b"\n")
        finished = [t for t in load(journal).trials if t.state == TrialState.COMPLETE]
        assert len(finished) == (number - 2) // 3


def test_two_records_on_a_line(journal):
    trials = load(journal).trials
    lines = journal.read_bytes().splitlines(keepends=True)
    lines[4] = lines[4].rstrip()
    journal.write_bytes(b"".join(lines))
    place = len(lines[4])
    with pytest.raises(
        ValueError, match=rf"line 5 is .*Two whole records .* break it after {place} characters"
    ):
        load(journal)
    lines[4] += b"\n"
    journal.write_bytes(b"".join(lines))
    assert load(journal).trials == trials


def test_line_ends_of_windows(journal):
    trials = load(journal).trials
    journal.write_bytes(journal.read_bytes().replace(b"\n", b"\r\n"))
    assert load(journal).trials == trials
