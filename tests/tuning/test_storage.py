"""Where a study is kept: paths, URLs, storages, and what is refused."""

import os
import pickle
import sys
import tempfile
from pathlib import Path

import optuna
import pytest
from optuna.storages import InMemoryStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend

from focalboost.tuning import open_storage

ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


def fill(storage, n_trials=2):
    study = optuna.create_study(storage=storage, study_name="s", load_if_exists=True)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=n_trials)
    return study


def trials(storage):
    return optuna.load_study(storage=storage, study_name="s").trials


# ---------------------------------------------------------------------- journals
@pytest.mark.parametrize("kind", [str, Path])
def test_a_path_is_a_journal_and_is_resumed(kind, tmp_path):
    path = tmp_path / "study.log"
    fill(open_storage(kind(path)))
    assert isinstance(open_storage(kind(path)), JournalStorage)
    fill(open_storage(kind(path)), 1)
    assert len(trials(open_storage(path))) == 3
    # Optuna by itself reads the same, and nothing is left beside it.
    assert trials(JournalStorage(JournalFileBackend(str(path)))) == trials(open_storage(path))
    assert [file.name for file in tmp_path.iterdir()] == ["study.log"]


def test_a_relative_path_stays_the_file_that_it_was(tmp_path, monkeypatch):
    (tmp_path / "runs").mkdir()
    monkeypatch.chdir(tmp_path)
    storage = open_storage("runs/study.log")
    study = fill(storage)
    monkeypatch.chdir(tmp_path / "runs")
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    assert len(trials(open_storage("study.log"))) == 3
    assert [file.name for file in (tmp_path / "runs").iterdir()] == ["study.log"]


def test_the_home_folder_and_links(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    fill(open_storage("~/study.log"))
    assert (tmp_path / "study.log").exists()
    fill(open_storage("sqlite:///~/study.db"))
    assert (tmp_path / "study.db").exists()
    (tmp_path / "link.log").symlink_to("study.log")
    # One file, one lock.
    locks = {open_storage(tmp_path / name)._backend._lock.path for name in ("study.log", "link.log")}
    assert locks == {tmp_path.resolve() / "study.log.lock"}


def test_an_empty_file_is_a_new_journal(tmp_path):
    path = tmp_path / "study.log"
    path.touch()
    fill(open_storage(path))
    assert len(trials(open_storage(path))) == 2


def test_a_storage_that_is_pickled_goes_on(tmp_path):
    storage = open_storage(tmp_path / "study.log", grace_period=7)
    fill(storage)
    again = pickle.loads(pickle.dumps(storage))
    fill(again)
    assert len(trials(storage)) == 4
    assert again._backend._lock.grace_period == 7.0


# ---------------------------------------------------------------------- databases, storages
def test_a_url_is_a_database_whose_path_is_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    storage = open_storage("sqlite:///a study.db")
    assert isinstance(storage, RDBStorage)
    assert storage.url == f"sqlite:///{tmp_path.resolve() / 'a study.db'}"
    fill(storage)
    monkeypatch.chdir("/")
    assert len(trials(open_storage(f"sqlite+pysqlite:///{tmp_path / 'a study.db'}?timeout=20"))) == 2
    for url in ("sqlite://", "sqlite:///:memory:"):
        assert len(trials(fill(open_storage(url))._storage)) == 2
    assert [file.name for file in tmp_path.iterdir()] == ["a study.db"]


def test_other_urls_are_as_optuna_has_them(monkeypatch):
    seen = []
    monkeypatch.setattr(optuna.storages, "RDBStorage", seen.append)
    url = "postgresql+psycopg2://user:pass%40word@host:5432/name?sslmode=require"
    # The driver need not be installed for its dialect, but is here for get_dialect.
    try:
        open_storage(url)
    except ImportError:
        pytest.skip("psycopg2 is not installed")
    assert seen == [url]


def test_a_storage_is_returned_as_it_is(tmp_path):
    for storage in (InMemoryStorage(), JournalStorage(JournalFileBackend(str(tmp_path / "a.log")))):
        assert open_storage(storage) is storage


# ---------------------------------------------------------------------- what is refused
def test_a_folder_that_is_missing(tmp_path):
    for given in (str(tmp_path / "runs" / "study.log"), f"sqlite:///{tmp_path}/runs/study.db"):
        with pytest.raises(
            FileNotFoundError, match=r"storage == .*, must be in a folder .* there is no .*runs. Create it"
        ):
            open_storage(given)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_for_a_file(tmp_path):
    for given in (tmp_path, f"sqlite:///{tmp_path}"):
        with pytest.raises(
            IsADirectoryError, match=r"storage == .*, must be a file: .* Add a name, such as .*study.log'"
        ):
            open_storage(given)


@pytest.mark.skipif(not Path("/dev/null").is_char_device(), reason="there is no /dev/null")
def test_a_device():
    with pytest.raises(ValueError, match=r"storage == '/dev/null', must be a regular file"):
        open_storage("/dev/null")


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        (3, TypeError, r"storage == 3, must be the path of a journal file, the URL of a database or"),
        (None, TypeError, r"storage == None, must be .* For a study in memory leave the storage out"),
        (b"a.log", TypeError, r"storage == b'a.log', must be the path"),
        ("", ValueError, r"storage == '', must be the path of a file, such as 'study.log'"),
        ("a\0b", ValueError, r"storage == 'a\\x00b', must be the path of a file"),
        ("redis://host", ValueError, r"storage is a URL of redis, must .*JournalRedisBackend\(url\)"),
        ("file:///a.log", ValueError, r"storage is a URL of file, must .* Pass the path itself"),
        ("nosuch://user:secret@host/a", ValueError, r"a URL of nosuch, must be one that SQLAlchemy can read"),
        ("postgresql://host:port/a", ValueError, r"a URL of postgresql, must be one that SQLAlchemy can"),
    ],
)
def test_what_is_no_storage(given, error, text):
    with pytest.raises(error, match=text) as caught:
        open_storage(given)
    assert "secret" not in str(caught.value)


def test_grace_period_is_for_journals(tmp_path):
    for given in ("sqlite://", InMemoryStorage()):
        with pytest.raises(ValueError, match=r"grace_period == 5, must be None: it is for the lock of a"):
            open_storage(given, grace_period=5)
    for seconds in (0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=r"grace_period == .*, must be > 0 and finite"):
            open_storage(tmp_path / "a.log", grace_period=seconds)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"amount,fraud\n1,0\n2,1\n", r"begins with b'amount,fraud\\n', .* Pass the path of another file"),
        (b"amount,fraud\n1,0", r"must be a journal of Optuna's or a new file: it begins with b'amount"),
        (b"hello", r"must be a journal of Optuna's or a new file: it begins with b'hello'"),
        (b"\x80\x04\x95\n\x00\xff", r"must be a journal of Optuna's or a new file"),
        (b"\0" * 4096, r"must be a journal of Optuna's or a new file"),
        (b'{"a": 1}\n', r"must be a journal of Optuna's or a new file"),
        (b"[" * 100_000 + b"\n", r"must be a journal of Optuna's or a new file"),
        (b"SQLite format 3\0" + b"\n\0" * 100, r"It is an SQLite database: pass 'sqlite:///.*other'"),
    ],
)
def test_another_kind_of_file_is_refused_and_left_as_it_is(content, text, tmp_path):
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=text):
        open_storage(path)
    assert path.read_bytes() == content
    assert [file.name for file in tmp_path.iterdir()] == ["other"]


def test_a_journal_is_no_database(tmp_path):
    path = tmp_path / "study.log"
    fill(open_storage(path))
    before = path.read_bytes()
    with pytest.raises(
        ValueError, match=r"must be an SQLite database or a new file: it begins with .*without 'sqlite:///'"
    ):
        open_storage(f"sqlite:///{path}")
    assert path.read_bytes() == before


def test_records_that_optuna_cannot_replay(tmp_path):
    path = tmp_path / "study.log"
    fill(open_storage(path))
    before = path.read_bytes()
    path.write_bytes(before.replace(b'"op_code":0', b'"op_code":99', 1))
    with pytest.raises(
        ValueError, match=r"must be a journal that Optuna .* can read: all its lines are whole"
    ):
        open_storage(path)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX's permissions")
@pytest.mark.parametrize("locked", ["file", "folder"])
def test_what_cannot_be_written(locked):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "study.log")
        fill(open_storage(path))
        before = path.read_bytes()
        Path(folder).chmod(0o555 if locked == "folder" else 0o777)
        path.chmod(0o444 if locked == "file" else 0o666)
        if ROOT:
            os.seteuid(65534)  # nobody: root may do all
        try:
            with pytest.raises(
                PermissionError, match=r"must be a file that can be read and written, .*copy the file"
            ):
                open_storage(path)
        finally:
            if ROOT:
                os.seteuid(0)
            Path(folder).chmod(0o755)
        assert path.read_bytes() == before


@pytest.mark.parametrize(
    "storage", ["sqlite:study.db", "sqlite:/study.db", "postgresql+psycopg2:host/database"]
)
def test_a_url_without_its_slashes_is_no_journal(storage, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"must be a path or a URL with '://'.*'sqlite:///study\.db'"):
        open_storage(storage)
    assert not list(tmp_path.iterdir())
