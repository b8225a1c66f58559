"""What docs/security.md says: the package runs no code of files, starts no process, opens no connection."""

import ast
import socket

import pytest

from tests.structure import PACKAGE

CALLS = {"eval", "exec", "compile", "__import__", "read_pickle"}
MODULES = {
    *("pickle", "dill", "cloudpickle", "marshal", "shelve"),
    *("subprocess", "multiprocessing", "pty", "socket", "ftplib", "smtplib", "requests", "httpx", "urllib3"),
}
# What only names an error or is part of a module that is used for other things.
ALLOWED = {("datasets/_creditcard.py", "http.client")}
SOURCES = sorted(PACKAGE.rglob("*.py"))


def faults(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", None)
            if name in CALLS or getattr(node.func, "attr", None) in {"read_pickle", "system", "popen"}:
                yield ast.unparse(node.func)
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        yield from (name for name in names if name.partition(".")[0] in {*MODULES, "http", "urllib"})


def test_the_sources_run_no_code_of_files_and_start_no_process():
    found = {
        (path.relative_to(PACKAGE).as_posix(), name)
        for path in SOURCES
        for name in faults(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert found == ALLOWED


CODE = ["eval('1')", "import pickle", "from subprocess import run", "pd.read_pickle(x)", "os.system(x)"]


@pytest.mark.parametrize("code", CODE)
def test_what_the_search_finds(code):
    assert list(faults(ast.parse(code)))


def test_training_and_scoring_open_no_connection(monkeypatch, tmp_path):
    pytest.importorskip("xgboost")
    from focalboost.datasets import make_transactions
    from focalboost.xgboost import FocalXGBClassifier

    def refuse(*arguments, **named):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    data = make_transactions(2_000, imbalance_ratio=19, random_state=0)
    model = FocalXGBClassifier(n_estimators=3).fit(data.data, data.target)
    model.save_model(tmp_path / "model.ubj")
    loaded = FocalXGBClassifier()
    loaded.load_model(tmp_path / "model.ubj")
    assert (loaded.predict_proba(data.data) == model.predict_proba(data.data)).all()
